/* workspace_hostile_test.c: each lie of workspace.md §6 is refused, or breaks the rule named there.
 */
#include "workspace_file.h"

#include <stdio.h>
#include <string.h>

/* ---- Findings of a file */

typedef struct found_rules {
	char names[512]; /* each once, with a space behind it */
} found_rules;

static bool
note_rule(const imago_finding *finding, void *payload)
{
	found_rules *found = payload;
	const char *name = strchr(finding->rule->name, '.') + 1;
	char word[64];
	snprintf(word, sizeof word, "%s ", name);
	if (strstr(found->names, word) == NULL) {
		strcat(found->names, word);
	}
	assert_true(finding->offset != IMAGO_NO_OFFSET);
	return true;
}

static imago_status
rules_of(const uint8_t *bytes, uint64_t size, found_rules *found)
{
	imago_check_sink sink;
	imago_allocator allocator;
	imago_error error = {0};
	found->names[0] = '\0';
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, note_rule, found);
	const imago_status status = imago_workspace_check(bytes, size, &sink, &allocator, &error);
	if (status != IMAGO_OK) {
		assert_non_null(error.what);
		assert_true(error.offset <= size);
	}
	assert_no_leak(&allocator);
	return status;
}

/* ---- Rules: each edit breaks the rules named, and no other */

static imago_addr
symbol_of(const workspace_file *file, const char *name)
{
	const imago_addr symbol = imago_symbol_find(&file->view, file->head.root, name, strlen(name));
	assert_int_not_equal(symbol, 0);
	return symbol;
}

static imago_addr
pointer_of(const workspace_file *file, imago_addr pocket, uint64_t i)
{
	imago_pocket decoded;
	assert_true(imago_pocket_at(&file->view, pocket, &decoded));
	return imago_pocket_pointer(&decoded, i);
}

static imago_addr
value_of(const workspace_file *file, const char *name)
{
	return pointer_of(file, symbol_of(file, name), IMAGO_SYMBOL_VALUE);
}

static uint8_t *
at(const workspace_file *file, imago_addr address)
{
	uint8_t *bytes = imago_pocket_bytes(&file->view, address, 8);
	assert_non_null(bytes);
	return bytes;
}

static void
change_count(const workspace_file *file, imago_addr pocket, int by)
{
	imago_pocket decoded;
	if (imago_pocket_at(&file->view, pocket, &decoded)) {
		imago_store_u32(decoded.contents - 8, decoded.count + (uint32_t)by, IMAGO_LITTLE_ENDIAN);
	}
}

/* Lets pointer i lead elsewhere, with the counts that follow. */
static void
retarget(const workspace_file *file, imago_addr pocket, uint64_t i, imago_addr to)
{
	imago_pocket decoded;
	uint64_t first;
	assert_true(imago_pocket_at(&file->view, pocket, &decoded));
	assert_true(i < imago_pocket_pointers(&decoded, &first));
	const int weight =
	    decoded.zones.kind == IMAGO_POCKET_SYMBOL && i == IMAGO_SYMBOL_VALUE && file->head.slot != 0
	        ? 2
	        : 1;
	change_count(file, pointer_of(file, pocket, i), -weight);
	change_count(file, to, weight);
	imago_store_u64(decoded.contents + first + i * 8, to, IMAGO_LITTLE_ENDIAN);
}

static void
break_header_hash(workspace_file *file)
{
	file->writer.bytes[4070] ^= 1;
}

static void
break_pockets_hash(workspace_file *file)
{
	file->writer.bytes[260] ^= 1;
	imago_workspace_hash(file->writer.bytes + 4064, file->writer.bytes, 4064);
}

static void
break_length(workspace_file *file)
{
	imago_store_u64(at(file, value_of(file, "A")), 8, IMAGO_LITTLE_ENDIAN);
}

static void
break_zones(workspace_file *file)
{
	at(file, pointer_of(file, value_of(file, "ADD"), 1) + 8)[5] = 1;
}

static void
break_array(workspace_file *file)
{
	imago_store_u64(at(file, value_of(file, "V") + 16), 99, IMAGO_LITTLE_ENDIAN);
}

static void
break_table(workspace_file *file)
{
	const imago_addr table = pointer_of(file, value_of(file, "ADD"), 0);
	const imago_addr space = value_of(file, "S");
	retarget(file, table, 1, imago_symbol_find(&file->view, space, "DEEP", 4));
}

static void
break_pointer(workspace_file *file)
{
	retarget(file, value_of(file, "N"), 0, value_of(file, "V") + 16);
	change_count(file, value_of(file, "V") + 16, -1); /* of no pocket: its bytes stay */
}

static void
break_outside(workspace_file *file)
{
	retarget(file, value_of(file, "N"), 0, IMAGO_REGION_START(0));
}

static void
break_kind(workspace_file *file)
{
	retarget(file, value_of(file, "N"), 0, value_of(file, "ADD"));
}

static void
break_count(workspace_file *file)
{
	change_count(file, value_of(file, "V"), 1);
}

static void
break_name(workspace_file *file)
{
	at(file, symbol_of(file, "A") + 48)[0] = '1';
}

static void
break_tree(workspace_file *file)
{
	imago_store_u64(at(file, file->head.root + 32), 77, IMAGO_LITTLE_ENDIAN);
}

static void
break_tree_order(workspace_file *file)
{
	at(file, symbol_of(file, "A") + 48)[0] = 'Z';
}

static void
break_mark(workspace_file *file)
{
	at(file, symbol_of(file, "V") + 8)[5] = IMAGO_MARK_FUNCTION;
}

static void
break_mark_of_array(workspace_file *file)
{
	at(file, value_of(file, "N") + 8)[7] = 1;
	at(file, symbol_of(file, "N") + 8)[5] = IMAGO_MARK_SPACES;
}

static void
break_body(workspace_file *file)
{
	at(file, pointer_of(file, value_of(file, "ADD"), 1) + 36)[0] = 99;
}

static void
break_circle(workspace_file *file)
{
	retarget(file, value_of(file, "N"), 0, value_of(file, "N"));
}

static void
break_free(workspace_file *file)
{
	retarget(file, symbol_of(file, "X"), IMAGO_SYMBOL_VALUE, value_of(file, "V"));
}

static void
break_root(workspace_file *file)
{
	const imago_addr space = value_of(file, "S");
	change_count(file, file->head.root, -1);
	change_count(file, space, 1);
	imago_store_u64(file->writer.bytes + 48, space, IMAGO_LITTLE_ENDIAN);
}

static void
break_runs(workspace_file *file)
{
	imago_store_u64(file->writer.bytes + 56, file->head.num_pockets + 1, IMAGO_LITTLE_ENDIAN);
}

static void
break_padding(workspace_file *file)
{
	file->writer.bytes[file->writer.size - 1] = 1;
}

static void
break_unknown(workspace_file *file)
{
	file->writer.bytes[1000] = 1;
}

static void
break_tail(workspace_file *file)
{
	imago_write_u16(&file->writer, 7);
	file->view.regions[file->head.slot].bytes = file->writer.bytes + IMAGO_WORKSPACE_PAGE;
}

enum { ANY_FILE = 0, SHARED_ONLY = 1, KEEP_HASHES = 2 };
static const struct {
	void (*edit)(workspace_file *file);
	const char *rules;
	unsigned how;
} breaks[] = {
    {break_header_hash, "headerHash ", KEEP_HASHES},
    {break_pockets_hash, "pocketsHash ", KEEP_HASHES},
    /* What lies behind is not found: pointers to it lead nowhere. */
    {break_length, "length pointer count ", ANY_FILE},
    {break_zones, "zones ", ANY_FILE},
    {break_array, "array ", ANY_FILE},
    {break_table, "table ", ANY_FILE},
    {break_pointer, "pointer ", ANY_FILE},
    {break_outside, "outside ", SHARED_ONLY},
    {break_kind, "kind ", ANY_FILE},
    {break_count, "count ", ANY_FILE},
    {break_name, "name ", ANY_FILE},
    {break_tree, "tree ", ANY_FILE},
    {break_tree_order, "tree ", ANY_FILE},
    {break_mark, "mark ", ANY_FILE},
    {break_mark_of_array, "mark ", ANY_FILE},
    {break_body, "body ", ANY_FILE},
    {break_circle, "circle ", ANY_FILE},
    {break_free, "free ", ANY_FILE},
    {break_root, "root ", ANY_FILE},
    {break_runs, "runs ", ANY_FILE},
    {break_padding, "padding ", ANY_FILE},
    {break_unknown, "unknown ", ANY_FILE},
    {break_tail, "fileTail ", ANY_FILE},
};

static void
each_rule_is_broken_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
		for (unsigned slot = breaks[i].how == SHARED_ONLY ? 1 : 0; slot <= 2; slot += 2) {
			workspace_file file;
			found_rules found;
			workspace_file_open(&file, workspace_sample, slot, false);
			breaks[i].edit(&file);
			if (breaks[i].how != KEEP_HASHES) {
				workspace_file_seal(&file);
			}
			assert_int_equal(rules_of(file.writer.bytes, file.writer.size, &found), IMAGO_OK);
			const bool begins = breaks[i].edit == break_length;
			if (begins ? strstr(found.names, "length ") == NULL
			           : strcmp(found.names, breaks[i].rules) != 0) {
				fail_msg("row %d, slot %u: %s, not %s", (int)i, slot, found.names, breaks[i].rules);
			}
			workspace_file_close(&file);
		}
	}
}

/* Every rule of the table has a row above. */
static void
every_rule_has_a_file_that_breaks_it(void **state)
{
	(void)state;
	size_t num;
	const imago_rule *rules = imago_workspace_rules(&num);
	for (size_t i = 0; i < num; i++) {
		char word[64];
		bool found = false;
		snprintf(word, sizeof word, "%s ", strchr(rules[i].name, '.') + 1);
		for (size_t j = 0; j < sizeof breaks / sizeof breaks[0]; j++) {
			found = found || strncmp(breaks[j].rules, word, strlen(word)) == 0;
		}
		if (!found) {
			fail_msg("%s has no row", rules[i].name);
		}
	}
}

/* ---- Refusals: fields of the header page that cannot be */

static void
each_header_that_cannot_be_is_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		uint64_t offset;
		unsigned bytes;
		uint64_t value;
		imago_status status;
		const char *what;
	} rows[] = {
	    {0, 1, 'I', IMAGO_EMAGIC, "magic"},
	    {16, 4, 2, IMAGO_EVERSION, "version"},
	    {20, 4, 9, IMAGO_ERANGE, "slot"},
	    {20, 4, 3, IMAGO_ERANGE, "start"},
	    {24, 8, 0, IMAGO_ERANGE, "start"},
	    {32, 8, 16, IMAGO_ERANGE, "size of the pockets"},
	    {32, 8, UINT64_MAX, IMAGO_ERANGE, "size of the pockets"},
	    {32, 8, 1000 * 16 + 8, IMAGO_EALIGN, "size of the pockets"},
	    {40, 8, 4096, IMAGO_ESTRUCTURE, "size of the file"},
	    {40, 8, UINT64_MAX, IMAGO_ESTRUCTURE, "size of the file"},
	    {48, 8, 0, IMAGO_ERANGE, "root"},
	    {48, 8, UINT64_MAX, IMAGO_ERANGE, "root"},
	    {48, 1, 8, IMAGO_EALIGN, "root"},
	    {64, 4, 0, IMAGO_ELIMIT, "number of runs"},
	    {64, 4, 5, IMAGO_ELIMIT, "number of runs"},
	    {72, 4, 5, IMAGO_ERANGE, "class of a run"},
	    {80, 8, 0, IMAGO_ERANGE, "place of a run"},
	    {88, 8, UINT64_MAX, IMAGO_ERANGE, "place of a run"},
	    {88, 8, 16, IMAGO_ERANGE, "place of a run"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		workspace_file file;
		workspace_file_open(&file, workspace_sample, 2, true);
		for (unsigned b = 0; b < rows[i].bytes; b++) {
			file.writer.bytes[rows[i].offset + b] = (uint8_t)(rows[i].value >> (8 * b));
		}
		workspace_file_seal(&file);
		imago_status status =
		    imago_workspace_decode(&file.head, file.writer.bytes, file.writer.size, &file.error);
		if (status != rows[i].status || strcmp(file.error.what, rows[i].what) != 0) {
			fail_msg("row %d: %s, %s", (int)i, imago_status_name(status), file.error.what);
		}
		imago_workspace *workspace = NULL;
		assert_int_equal(imago_workspace_load(&workspace, file.writer.bytes, file.writer.size,
		                                      &file.allocator, &file.error),
		                 rows[i].status);
		workspace_file_close(&file);
	}
}

static void
every_prefix_is_refused(void **state)
{
	(void)state;
	workspace_file file;
	found_rules found;
	workspace_file_open(&file, workspace_sample, 2, false);
	for (uint64_t size = 0; size < file.writer.size; size++) {
		const imago_status status = rules_of(file.writer.bytes, size, &found);
		assert_int_equal(status, IMAGO_ETRUNCATED);
	}
	workspace_file_close(&file);
}

/* ---- Bits */

/* What passes the checker is a workspace: it loads, runs, and can be saved. */
static void
use(const workspace_file *file)
{
	static const char *const lines[] = {"MEAN V", "2 ADD N", "S.UP",     "S.T.D",
	                                    "M",      "X←N V",   "1 2 ADD V"};
	imago_allocator allocator;
	imago_error error;
	imago_workspace *workspace;
	imago_writer writer;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(
	    imago_workspace_load(&workspace, file->writer.bytes, file->writer.size, &allocator, &error),
	    &error);
	assert_workspace_is_sound(workspace);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		assert_string_not_equal(workspace_result(workspace, lines[i]), "BROKEN POCKET");
	}
	imago_writer_init(&writer, &allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &error);
	assert_ok(imago_workspace_save(workspace, NULL, &writer, &error), &error);
	found_rules found;
	assert_int_equal(rules_of(writer.bytes, writer.size, &found), IMAGO_OK);
	assert_string_equal(found.names, "");
	imago_writer_release(&writer);
	imago_workspace_destroy(workspace);
	assert_no_leak(&allocator);
}

/* Whether the main workspace survives what an unchecked file says. */
static void
attach_and_use(workspace_file *file)
{
	static const char *const lines[] = {"MEAN V", "2 ADD N", "S.UP", "S.T.D", "M", "X←N V"};
	imago_allocator allocator;
	imago_error error;
	imago_pockets pockets;
	uint64_t num;
	const unsigned slot = file->head.slot;
	imago_allocator_init(&allocator, 1 << 24);
	assert_ok(imago_pockets_init(&pockets, &allocator, &error), &error);
	pockets.regions[slot] = file->view.regions[slot];
	if (imago_pockets_import(&pockets, slot, &num, &error) == IMAGO_OK) {
		for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
			const imago_run_options options = {.fuel = 2000};
			imago_run_result result;
			imago_run(&pockets, pockets.regions[0].root, lines[i], strlen(lines[i]), &options,
			          &result, &error);
			imago_pocket_drop(&pockets, result.value);
		}
	}
	if (imago_pockets_forget(&pockets, slot, false, &error) != IMAGO_OK) {
		assert_int_equal(error.status, IMAGO_ENOMEM);
	}
	imago_pockets_release(&pockets);
	assert_no_leak(&allocator);
}

/* With the hashes made right, so that what is behind them is seen. */
static void
every_bit_is_refused_or_found_or_does_no_harm(void **state)
{
	(void)state;
	workspace_file file;
	found_rules found;
	workspace_file_open(&file, workspace_sample, 2, false);
	uint64_t num_harmless = 0;
	const uint64_t end = IMAGO_WORKSPACE_PAGE + file.head.size;
	uint8_t *copy = imago_allocate(&file.allocator, file.writer.size, "copy", NULL);
	assert_non_null(copy);
	memcpy(copy, file.writer.bytes, (size_t)file.writer.size);
	for (uint64_t bit = 0; bit < end * 8; bit++) {
		if (bit / 8 >= 256 && bit / 8 < IMAGO_WORKSPACE_PAGE) {
			continue; /* hashes and zeros: the rows above */
		}
		file.writer.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		workspace_file_seal(&file);
		const imago_status status = rules_of(file.writer.bytes, file.writer.size, &found);
		if (status == IMAGO_OK && found.names[0] == '\0') {
			use(&file);
			num_harmless++;
		}
		attach_and_use(&file);
		memcpy(file.writer.bytes, copy, (size_t)file.writer.size);
	}
	/* Numbers, characters and names, tokens that mean something else. */
	assert_true(num_harmless > 100 && num_harmless < file.head.size * 8 / 4);
	imago_release(&file.allocator, copy, file.writer.size);
	workspace_file_close(&file);
}

/* With the hashes as they were: nothing passes. */
static void
every_bit_is_noticed_by_a_hash(void **state)
{
	(void)state;
	workspace_file file;
	found_rules found;
	workspace_file_open(&file, workspace_sample, 0, false);
	for (uint64_t byte = 0; byte < file.writer.size; byte++) {
		file.writer.bytes[byte] ^= 0x10;
		const imago_status status = rules_of(file.writer.bytes, file.writer.size, &found);
		assert_true(status != IMAGO_OK || found.names[0] != '\0');
		file.writer.bytes[byte] ^= 0x10;
	}
	workspace_file_close(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_rule_is_broken_alone),
	    cmocka_unit_test(every_rule_has_a_file_that_breaks_it),
	    cmocka_unit_test(each_header_that_cannot_be_is_refused_by_name),
	    cmocka_unit_test(every_prefix_is_refused),
	    cmocka_unit_test(every_bit_is_refused_or_found_or_does_no_harm),
	    cmocka_unit_test(every_bit_is_noticed_by_a_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
