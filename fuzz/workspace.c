/* workspace: whatever its bytes say, a workspace file is refused, or found out, or sound; whatever
 * a text says, what is made of it is sound.
 *
 * The input is taken four ways. As a file: refused with a documented status, a noun and a place, or
 * checked. As the pockets of a file whose header and hashes are right, of either kind: likewise. As
 * a change of a file that was made from drawn definitions. As a text, and as drawn lines: refused
 * with a place, or evaluated, with all counts right whenever they are looked at, also between
 * lines.
 *
 * What the checker finds no error in loads, passes the audit, runs without a broken pocket, and is
 * saved without a finding; read and saved again it is the same bytes; as a shared code file, sorted
 * or not, it has the same values. What the checker finds errors in does not load. The text of each
 * function defines it again. All memory is given back. */
#include "imago/workspace.h"

#include <stdlib.h>
#include <string.h>

#include "apl_text.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "pockets.h"

enum {
	REFUSAL,
	ERRORS_DO_NOT_LOAD,
	NO_ERROR_LOADS,
	AUDIT,
	NOT_BROKEN,
	SAVED_CLEAN,
	SAME_BYTES,
	SAME_VALUES,
	TEXT_REFUSAL,
	FUNCTION_TEXT,
	NO_LEAK
};
static const char *const oracles[] = {
    [REFUSAL] = "refusal",
    [ERRORS_DO_NOT_LOAD] = "errors_do_not_load",
    [NO_ERROR_LOADS] = "no_error_loads",
    [AUDIT] = "audit",
    [NOT_BROKEN] = "no_broken_pocket",
    [SAVED_CLEAN] = "saved_without_finding",
    [SAME_BYTES] = "same_bytes_again",
    [SAME_VALUES] = "same_values_when_shared",
    [TEXT_REFUSAL] = "text_is_refused_at_a_place",
    [FUNCTION_TEXT] = "text_of_a_function_defines_it",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("workspace", oracles);

enum { FUEL = 600, BUDGET = 64 << 20, MOST_TEXT = 4096 };

/* workspace.h, imago_workspace_decode */
static const fuzz_statuses documented =
    1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
    1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT;

static imago_run_end
run(imago_workspace *workspace, const char *text, size_t length)
{
	imago_run_result result;
	imago_error error;
	imago_pockets *pockets = imago_workspace_pockets(workspace);
	pockets_lines lines = {.pockets = pockets, .oracle = AUDIT};
	const imago_run_options options = {
	    .fuel = FUEL, .depth = 40, .step = pockets_audit_line, .payload = &lines};
	FUZZ_ASSERT(imago_workspace_run_line(workspace, text, length, &options, &result, &error) ==
	            IMAGO_OK);
	imago_pocket_drop(pockets, result.value);
	pockets_audit(workspace, AUDIT);
	return result.end;
}

static uint64_t
findings_of(const uint8_t *bytes, uint64_t size, imago_status *status, imago_error *error)
{
	imago_check_sink sink;
	imago_allocator allocator;
	imago_allocator_init(&allocator, BUDGET);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	*status = imago_workspace_check(bytes, size, &sink, &allocator, error);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	return sink.summary.num_errors << 32 | sink.summary.num_warnings;
}

static void
save(imago_workspace *workspace, const imago_workspace_options *options, fuzz_output *output)
{
	memset(output, 0, sizeof *output);
	imago_allocator_init(&output->allocator, IMAGO_UNLIMITED);
	imago_writer_init(&output->writer, &output->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
	                  &output->error);
	FUZZ_ORACLE(SAVED_CLEAN, imago_workspace_save(workspace, options, &output->writer,
	                                              &output->error) == IMAGO_OK);
	imago_status status;
	const uint64_t findings =
	    findings_of(output->writer.bytes, output->writer.size, &status, &output->error);
	FUZZ_ORACLE(SAVED_CLEAN, status == IMAGO_OK && findings == 0);
}

static imago_workspace *
load(const fuzz_output *file, imago_allocator *allocator)
{
	imago_workspace *workspace;
	imago_error error;
	FUZZ_ORACLE(NO_ERROR_LOADS,
	            imago_workspace_load(&workspace, file->writer.bytes, file->writer.size, allocator,
	                                 &error) == IMAGO_OK);
	pockets_audit(workspace, AUDIT);
	return workspace;
}

/* ---- What is sound */

/* The names of the root have the same values in both. */
static void
expect_same_values(imago_workspace *one, imago_workspace *other)
{
	imago_pockets *a = imago_workspace_pockets(one);
	imago_pockets *b = imago_workspace_pockets(other);
	imago_symbol_list list;
	imago_error error;
	FUZZ_ASSERT(imago_symbol_list_create(&list, a, a->regions[0].root, &error) == IMAGO_OK);
	for (uint64_t i = 0; i < list.num; i++) {
		imago_pocket symbol;
		imago_pocket again;
		size_t length;
		FUZZ_ASSERT(imago_pocket_at(a, list.symbols[i], &symbol));
		const char *name = imago_symbol_name(&symbol, &length);
		const imago_addr found = imago_symbol_find(b, b->regions[0].root, name, length);
		const uint8_t mark = symbol.zones.type;
		FUZZ_ORACLE(SAME_VALUES, imago_pocket_at(b, found, &again) && again.zones.type == mark);
		if (mark == IMAGO_MARK_DATA || mark == IMAGO_MARK_FUNCTION) {
			FUZZ_ORACLE(SAME_VALUES,
			            imago_value_equal(a, imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE), b,
			                              imago_pocket_pointer(&again, IMAGO_SYMBOL_VALUE)));
		}
	}
	imago_symbol_list_release(&list);
}

/* Functions that can be written as a text: names and constants that a text can have. */
static void
expect_text_defines(imago_workspace *workspace)
{
	imago_pockets *pockets = imago_workspace_pockets(workspace);
	static const char *const names[] = {"F", "G", "H"};
	for (size_t i = 0; i < 3; i++) {
		imago_pocket symbol;
		fuzz_output text = {.allocator = {.budget = 0}};
		const imago_addr root = pockets->regions[0].root;
		const imago_addr at = imago_symbol_find(pockets, root, names[i], 1);
		if (!imago_pocket_at(pockets, at, &symbol) || symbol.zones.type != IMAGO_MARK_FUNCTION) {
			continue;
		}
		const imago_addr function = imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE);
		imago_allocator_init(&text.allocator, IMAGO_UNLIMITED);
		imago_writer_init(&text.writer, &text.allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
		                  &text.error);
		FUZZ_ASSERT(imago_function_format(pockets, function, names[i], 1, &text.writer) ==
		            IMAGO_OK);
		imago_pocket_hold(pockets, function);
		FUZZ_ORACLE(FUNCTION_TEXT,
		            imago_function_define(pockets, root, (const char *)text.writer.bytes,
		                                  (size_t)text.writer.size, &text.error) == IMAGO_OK);
		FUZZ_ASSERT(imago_pocket_at(pockets, at, &symbol));
		FUZZ_ORACLE(FUNCTION_TEXT,
		            imago_value_equal(pockets, function, pockets,
		                              imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE)));
		imago_pocket_drop(pockets, function);
		fuzz_output_release(&text);
	}
}

static void
expect_sound(imago_workspace *workspace, imago_allocator *allocator, fuzz_decisions *decisions)
{
	fuzz_output file;
	fuzz_output again;
	fuzz_output shared;
	const imago_workspace_options options = {.slot = 1 + fuzz_decide(decisions, 8),
	                                         .unsorted = fuzz_decide(decisions, 2) == 1};
	save(workspace, NULL, &file);
	imago_workspace *loaded = load(&file, allocator);
	save(loaded, NULL, &again);
	FUZZ_ORACLE(SAME_BYTES, fuzz_output_equal(&file, &again));
	save(workspace, &options, &shared);
	imago_workspace *from_shared = load(&shared, allocator);
	expect_same_values(workspace, from_shared);
	fuzz_output_release(&again);
	save(from_shared, &options, &again);
	FUZZ_ORACLE(SAME_BYTES, fuzz_output_equal(&shared, &again));
	imago_workspace_destroy(from_shared);
	imago_workspace_destroy(loaded);
	fuzz_output_release(&file);
	fuzz_output_release(&again);
	fuzz_output_release(&shared);
}

static void
run_lines(imago_workspace *workspace, unsigned num, fuzz_decisions *decisions)
{
	for (unsigned i = 0; i < num; i++) {
		apl_text line;
		unsigned assigned;
		apl_line(&line, &assigned, decisions);
		const imago_run_end end = run(workspace, line.bytes, line.size);
		FUZZ_ORACLE(NOT_BROKEN, end != IMAGO_RUN_BROKEN);
	}
}

/* ---- The ways */

/* A file with any bytes; *is_sound when it was loaded. */
static void
take_as_file(const uint8_t *bytes, uint64_t size, fuzz_decisions *decisions)
{
	imago_status status;
	imago_error error = {.status = IMAGO_OK};
	imago_allocator allocator;
	imago_workspace *workspace = NULL;
	const uint64_t findings = findings_of(bytes, size, &status, &error);
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&error, status, size, documented, REFUSAL);
		return;
	}
	imago_allocator_init(&allocator, BUDGET);
	status = imago_workspace_load(&workspace, bytes, size, &allocator, &error);
	if (findings >> 32 != 0) {
		FUZZ_ORACLE(ERRORS_DO_NOT_LOAD, status == IMAGO_ESTRUCTURE && workspace == NULL);
	} else {
		FUZZ_ORACLE(NO_ERROR_LOADS, status == IMAGO_OK);
		pockets_audit(workspace, AUDIT);
		run_lines(workspace, 3, decisions);
		expect_sound(workspace, &allocator, decisions);
	}
	imago_workspace_destroy(workspace);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

static void
seal(imago_workspace_head *head, uint8_t *file)
{
	imago_workspace_hash(head->pockets_hash, file + IMAGO_WORKSPACE_PAGE, head->size);
	imago_workspace_encode(head, file);
}

static void
take_as_pockets(const uint8_t *data, size_t size, fuzz_decisions *decisions)
{
	imago_workspace_head head;
	uint8_t *file = pockets_file(&head, fuzz_decide(decisions, 9), data, size);
	if (file == NULL) {
		return;
	}
	seal(&head, file);
	take_as_file(file, head.file_size, decisions);
	free(file);
}

/* Changes of some bytes of a file, which is sealed then. */
static void
take_changed(const fuzz_output *file, fuzz_decisions *decisions)
{
	imago_workspace_head head;
	imago_error error;
	uint8_t *copy = malloc((size_t)file->writer.size);
	FUZZ_ASSERT(copy != NULL);
	memcpy(copy, file->writer.bytes, (size_t)file->writer.size);
	FUZZ_ASSERT(imago_workspace_decode(&head, copy, file->writer.size, &error) == IMAGO_OK);
	const uint32_t num = 1 + fuzz_decide(decisions, 3);
	for (uint32_t i = 0; i < num; i++) {
		const uint64_t at = fuzz_decide(decisions, 65536) % head.size;
		const uint32_t way = fuzz_decide(decisions, 4);
		uint8_t *place = copy + IMAGO_WORKSPACE_PAGE + at;
		const uint64_t other = fuzz_decide(decisions, 65536) % head.size / 16 * 16;
		if (way == 0) {
			*place ^= (uint8_t)(1U << fuzz_decide(decisions, 8));
		} else if (way == 1) {
			*place = (uint8_t)fuzz_decide(decisions, 256);
		} else if (at / 8 * 8 + 8 <= head.size) { /* a word: another address, or any */
			imago_store_u64(copy + IMAGO_WORKSPACE_PAGE + at / 8 * 8,
			                way == 2 ? head.start + other : other, IMAGO_LITTLE_ENDIAN);
		}
	}
	seal(&head, copy);
	take_as_file(copy, file->writer.size, decisions);
	free(copy);
}

static void
take_as_text(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_workspace *workspace;
	imago_error error = {.status = IMAGO_OK};
	const imago_run_options options = {.fuel = FUEL, .depth = 40};
	size = size < MOST_TEXT ? size : MOST_TEXT;
	imago_allocator_init(&allocator, BUDGET);
	FUZZ_ASSERT(imago_workspace_create(&workspace, &allocator, &error) == IMAGO_OK);
	const imago_status status =
	    imago_workspace_take_text(workspace, (const char *)data, size, &options, &error);
	FUZZ_ORACLE(TEXT_REFUSAL,
	            status == IMAGO_OK || ((status == IMAGO_ESTRUCTURE || status == IMAGO_ELIMIT) &&
	                                   error.what != NULL && error.offset <= size));
	pockets_audit(workspace, AUDIT);
	(void)run(workspace, (const char *)data, size);
	imago_workspace_destroy(workspace);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

static void
take_as_decisions(fuzz_decisions *decisions)
{
	imago_allocator allocator;
	imago_workspace *workspace;
	imago_error error;
	const imago_run_options options = {.fuel = FUEL};
	imago_allocator_init(&allocator, BUDGET);
	FUZZ_ASSERT(imago_workspace_create(&workspace, &allocator, &error) == IMAGO_OK);
	for (unsigned name = 0; name < APL_NUM_ROOT_NAMES; name++) {
		apl_text text;
		apl_definition(&text, name, decisions);
		if (fuzz_decide(decisions, 4) != 0) {
			imago_pocket_drop(imago_workspace_pockets(workspace),
			                  pockets_define(workspace, &text, &options));
		}
	}
	run_lines(workspace, 4, decisions);
	expect_text_defines(workspace);
	expect_sound(workspace, &allocator, decisions);
	fuzz_output file;
	const imago_workspace_options shared = {.slot = fuzz_decide(decisions, 9)};
	save(workspace, &shared, &file);
	take_changed(&file, decisions);
	fuzz_output_release(&file);
	imago_workspace_destroy(workspace);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decisions decisions = fuzz_decisions_of(data, size);
	take_as_file(data, size, &decisions);
	take_as_pockets(data, size, &decisions);
	take_as_text(data, size);
	take_as_decisions(&decisions);
	return 0;
}
