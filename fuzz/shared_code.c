/* shared_code: a workspace to which shared code files are attached does what one does that has all
 * of it; a file that lies harms nobody.
 *
 * The input decides. Four files are made from drawn definitions, for slots that may be the same,
 * sorted or not. Then steps: attach, run a line, detach, assimilate, save and load. A model does
 * the same without sharing anything: a workspace of its own, in which attaching is evaluating the
 * definitions of the names that have no value, and which knows of each name which file brought it.
 * After each step all names have the same values in both, runs ended alike, the audit finds nothing
 * wrong, also between lines of functions, in any region, and no pointer that leads back. In the end
 * the files are as they were, and nothing leads into any that is gone.
 *
 * Then a file is changed, or is the input, and its header's hash made right: attached without a
 * check, it is refused by name, or lines over it end with a reason; once it is gone nothing leads
 * there, and all counts of the main workspace are right. All memory is given back. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): memfd_create */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apl_text.h"
#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "pockets.h"

enum {
	ATTACHED,
	SLOT_TAKEN,
	SAME_END,
	SAME_NAMES,
	SAME_VALUES,
	AUDIT,
	DETACHED,
	ASSIMILATED,
	SAVED,
	FILE_KEPT,
	HOSTILE_REFUSED,
	HOSTILE_RUNS,
	NOTHING_LEADS_THERE,
	MAIN_COUNTS,
	NO_LEAK
};
static const char *const oracles[] = {
    [ATTACHED] = "attached",
    [SLOT_TAKEN] = "slot_that_is_taken",
    [SAME_END] = "runs_end_alike",
    [SAME_NAMES] = "same_names",
    [SAME_VALUES] = "same_values",
    [AUDIT] = "audit",
    [DETACHED] = "detached",
    [ASSIMILATED] = "assimilated",
    [SAVED] = "saved_and_loaded",
    [FILE_KEPT] = "file_kept",
    [HOSTILE_REFUSED] = "lying_file_is_refused_by_name",
    [HOSTILE_RUNS] = "lying_file_runs_and_ends",
    [NOTHING_LEADS_THERE] = "nothing_leads_to_a_file_that_is_gone",
    [MAIN_COUNTS] = "counts_of_main_stay_right",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("shared_code", oracles);

enum { NUM_FILES = 4, MOST_STEPS = 12, FUEL = 600, DEPTH = 30, BUDGET = 32 << 20 };

typedef struct library {
	apl_text texts[APL_NUM_ROOT_NAMES];
	bool has[APL_NUM_ROOT_NAMES];
	unsigned slot;
	fuzz_output file;
	int descriptor;
} library;

typedef struct session {
	imago_allocator allocator;
	imago_error error;
	imago_workspace *real, *model;
	unsigned origin[APL_NUM_NAMES]; /* of the model's names: the slot, 0: its own */
	imago_addr spaces[MOST_STEPS];  /* of the model, in values; held */
	unsigned space_origins[MOST_STEPS], num_spaces;
	int attached[IMAGO_WORKSPACE_SLOTS + 1]; /* the library, or -1 */
	library libraries[NUM_FILES];
} session;

static const imago_run_options plain = {.fuel = FUEL, .depth = DEPTH};

/* ---- Files */

static int
memory_file(const uint8_t *bytes, uint64_t size)
{
	const int descriptor = memfd_create("shared_code", MFD_CLOEXEC);
	FUZZ_ASSERT(descriptor >= 0);
	FUZZ_ASSERT(write(descriptor, bytes, (size_t)size) == (ssize_t)size);
	return descriptor;
}

static void
write_file(imago_workspace *workspace, const imago_workspace_options *options, fuzz_output *out)
{
	memset(out, 0, sizeof *out);
	imago_allocator_init(&out->allocator, IMAGO_UNLIMITED);
	imago_writer_init(&out->writer, &out->allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN},
	                  &out->error);
	FUZZ_ORACLE(SAVED,
	            imago_workspace_save(workspace, options, &out->writer, &out->error) == IMAGO_OK);
}

static void
make_library(library *l, fuzz_decisions *decisions)
{
	imago_allocator allocator;
	imago_error error;
	imago_workspace *workspace;
	imago_allocator_init(&allocator, BUDGET);
	FUZZ_ASSERT(imago_workspace_create(&workspace, &allocator, &error) == IMAGO_OK);
	l->slot = 1 + fuzz_decide(decisions, 5);
	for (unsigned name = 0; name < APL_NUM_ROOT_NAMES; name++) {
		l->has[name] = fuzz_decide(decisions, 3) != 0;
		apl_definition(&l->texts[name], name, decisions);
		if (l->has[name]) {
			imago_pocket_drop(imago_workspace_pockets(workspace),
			                  pockets_define(workspace, &l->texts[name], &plain));
		}
	}
	const imago_workspace_options options = {.slot = l->slot,
	                                         .unsorted = fuzz_decide(decisions, 2) == 1};
	write_file(workspace, &options, &l->file);
	l->descriptor = memory_file(l->file.writer.bytes, l->file.writer.size);
	imago_workspace_destroy(workspace);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

static void
release_library(library *l)
{
	const uint64_t size = l->file.writer.size;
	uint8_t *now = malloc((size_t)size);
	FUZZ_ASSERT(now != NULL && pread(l->descriptor, now, (size_t)size, 0) == (ssize_t)size);
	FUZZ_ORACLE(FILE_KEPT, memcmp(now, l->file.writer.bytes, (size_t)size) == 0);
	free(now);
	close(l->descriptor);
	fuzz_output_release(&l->file);
}

/* ---- Names */

/* The symbol that a path names, or 0. */
static imago_addr
symbol_of(imago_workspace *workspace, const char *path)
{
	const imago_pockets *pockets = imago_workspace_pockets(workspace);
	const char *dot = strchr(path, '.');
	const size_t length = dot != NULL ? (size_t)(dot - path) : strlen(path);
	imago_addr at = imago_symbol_find(pockets, pockets->regions[0].root, path, length);
	imago_pocket symbol;
	if (dot == NULL || !imago_pocket_at(pockets, at, &symbol)) {
		return at;
	}
	const imago_addr space = imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE);
	return imago_symbol_find(pockets, space, dot + 1, strlen(dot + 1));
}

static imago_addr
value_of(imago_workspace *workspace, const char *path)
{
	imago_pocket symbol;
	return imago_pocket_at(imago_workspace_pockets(workspace), symbol_of(workspace, path), &symbol)
	           ? imago_pocket_pointer(&symbol, IMAGO_SYMBOL_VALUE)
	           : 0;
}

static void
expect_same(session *s)
{
	pockets_audit(s->real, AUDIT);
	const imago_pockets *real = imago_workspace_pockets(s->real);
	const imago_pockets *model = imago_workspace_pockets(s->model);
	for (unsigned i = 0; i < APL_NUM_NAMES; i++) {
		const imago_addr one = value_of(s->real, apl_names[i]);
		const imago_addr other = value_of(s->model, apl_names[i]);
		FUZZ_ORACLE(SAME_NAMES, (one != 0) == (other != 0));
		if (one != 0) {
			FUZZ_ORACLE(SAME_VALUES, pockets_same(real, one, model, other));
		}
	}
}

/* ---- Steps */

static void
model_attach(session *s, const library *l)
{
	for (unsigned name = 0; name < APL_NUM_ROOT_NAMES; name++) {
		if (!l->has[name] || value_of(s->model, apl_names[name]) != 0) {
			continue;
		}
		const imago_addr space = pockets_define(s->model, &l->texts[name], &plain);
		if (space != 0) {
			s->spaces[s->num_spaces] = space;
			s->space_origins[s->num_spaces++] = l->slot;
		}
		s->origin[name] = l->slot;
		for (unsigned i = APL_NUM_ROOT_NAMES;
		     i < APL_NUM_NAMES && strcmp(apl_names[name], "S") == 0; i++) {
			s->origin[i] = l->slot;
		}
	}
}

static void
step_attach(session *s, fuzz_decisions *decisions)
{
	const unsigned number = fuzz_decide(decisions, NUM_FILES);
	library *l = &s->libraries[number];
	imago_workspace_attached attached;
	const imago_status status =
	    imago_workspace_attach(s->real, l->descriptor, true, &attached, &s->error);
	if (s->attached[l->slot] >= 0) {
		FUZZ_ORACLE(SLOT_TAKEN, status == IMAGO_EUSAGE && s->error.found == l->slot);
		return;
	}
	FUZZ_ORACLE(ATTACHED, status == IMAGO_OK && attached.slot == l->slot);
	s->attached[l->slot] = (int)number;
	model_attach(s, l);
}

static void
step_run(session *s, fuzz_decisions *decisions)
{
	apl_text line;
	unsigned assigned;
	imago_run_result results[2];
	imago_workspace *workspaces[2] = {s->real, s->model};
	apl_line(&line, &assigned, decisions);
	for (int i = 0; i < 2; i++) {
		pockets_lines lines = {.pockets = imago_workspace_pockets(s->real), .oracle = AUDIT};
		imago_run_options options = plain;
		if (i == 0) {
			options.step = pockets_audit_line;
			options.payload = &lines;
		}
		FUZZ_ASSERT(imago_workspace_run_line(workspaces[i], line.bytes, line.size, &options,
		                                     &results[i], &s->error) == IMAGO_OK);
	}
	FUZZ_ORACLE(SAME_END, results[0].end == results[1].end && results[0].fuel == results[1].fuel);
	if (results[0].end == IMAGO_RUN_DONE) {
		FUZZ_ORACLE(SAME_VALUES,
		            results[0].value == 0 ||
		                pockets_same(imago_workspace_pockets(s->real), results[0].value,
		                             imago_workspace_pockets(s->model), results[1].value));
		if (assigned < APL_NUM_NAMES) {
			s->origin[assigned] = 0;
		}
	}
	for (int i = 0; i < 2; i++) {
		imago_pocket_drop(imago_workspace_pockets(workspaces[i]), results[i].value);
	}
}

/* Names go with the namespace in which they are; those in a namespace that has none go where it
 * stays as a part of a value. */
static void
model_detach(session *s, unsigned slot, bool keep)
{
	imago_pockets *pockets = imago_workspace_pockets(s->model);
	for (unsigned i = 0; i < s->num_spaces; i++) {
		if (s->space_origins[i] == slot) {
			s->space_origins[i] = 0;
			if (!keep) {
				imago_symbol_set(pockets, imago_symbol_find(pockets, s->spaces[i], "X", 1), 0);
			}
		}
	}
	for (unsigned i = APL_NUM_NAMES; i-- > 0;) {
		if (s->origin[i] == slot) {
			s->origin[i] = 0;
			if (!keep) {
				imago_symbol_set(pockets, symbol_of(s->model, apl_names[i]), 0);
			}
		}
	}
}

/* Mostly one that has a file. */
static unsigned
draw_slot(const session *s, fuzz_decisions *decisions)
{
	unsigned slots[IMAGO_WORKSPACE_SLOTS];
	unsigned num = 0;
	for (unsigned slot = 1; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
		if (s->attached[slot] >= 0) {
			slots[num++] = slot;
		}
	}
	return num == 0 || fuzz_decide(decisions, 4) == 0 ? 1 + fuzz_decide(decisions, 5)
	                                                  : slots[fuzz_decide(decisions, num)];
}

static void
step_detach(session *s, fuzz_decisions *decisions)
{
	const unsigned slot = draw_slot(s, decisions);
	const bool keep = fuzz_decide(decisions, 2) == 1;
	const imago_status status = imago_workspace_detach(s->real, slot, keep, &s->error);
	if (s->attached[slot] < 0) {
		FUZZ_ORACLE(DETACHED, status == IMAGO_EUSAGE);
		return;
	}
	FUZZ_ORACLE(keep ? ASSIMILATED : DETACHED, status == IMAGO_OK);
	FUZZ_ORACLE(FILE_KEPT, imago_workspace_mapping(s->real, slot) == NULL);
	s->attached[slot] = -1;
	model_detach(s, slot, keep);
}

/* The real one goes on as what was saved of it; then nothing is attached. */
static void
step_save(session *s)
{
	fuzz_output file;
	imago_workspace *loaded;
	write_file(s->real, NULL, &file);
	expect_same(s);
	FUZZ_ORACLE(SAVED, imago_workspace_load(&loaded, file.writer.bytes, file.writer.size,
	                                        &s->allocator, &s->error) == IMAGO_OK);
	fuzz_output_release(&file);
	imago_workspace_destroy(s->real);
	s->real = loaded;
	memset(s->origin, 0, sizeof s->origin);
	memset(s->space_origins, 0, sizeof s->space_origins);
	for (unsigned slot = 0; slot <= IMAGO_WORKSPACE_SLOTS; slot++) {
		s->attached[slot] = -1;
	}
}

static void
take_session(fuzz_decisions *decisions)
{
	static session s;
	memset(&s, 0, sizeof s);
	memset(s.attached, -1, sizeof s.attached);
	imago_allocator_init(&s.allocator, BUDGET);
	FUZZ_ASSERT(imago_workspace_create(&s.real, &s.allocator, &s.error) == IMAGO_OK);
	FUZZ_ASSERT(imago_workspace_create(&s.model, &s.allocator, &s.error) == IMAGO_OK);
	for (unsigned i = 0; i < NUM_FILES; i++) {
		make_library(&s.libraries[i], decisions);
	}
	for (unsigned step = 0; step < MOST_STEPS; step++) {
		const uint32_t what = fuzz_decide(decisions, 16);
		if (what < 4) {
			step_attach(&s, decisions);
		} else if (what < 12) {
			step_run(&s, decisions);
		} else if (what < 15) {
			step_detach(&s, decisions);
		} else {
			step_save(&s);
		}
		expect_same(&s);
	}
	for (unsigned i = 0; i < s.num_spaces; i++) {
		imago_pocket_drop(imago_workspace_pockets(s.model), s.spaces[i]);
	}
	imago_workspace_destroy(s.real);
	imago_workspace_destroy(s.model);
	FUZZ_ORACLE(NO_LEAK, s.allocator.used == 0);
	for (unsigned i = 0; i < NUM_FILES; i++) {
		release_library(&s.libraries[i]);
	}
}

/* ---- Files that lie */

/* What leads where nothing is. What a lying file says of itself may have been copied; but all
 * counts of the main workspace are its own. */
static bool
note_pointer(const imago_pocket_fault *fault, void *payload)
{
	(void)payload;
	FUZZ_ORACLE(MAIN_COUNTS,
	            fault->problem != IMAGO_PROBLEM_COUNT && fault->problem != IMAGO_PROBLEM_LENGTH);
	FUZZ_ORACLE(NOTHING_LEADS_THERE, fault->problem != IMAGO_PROBLEM_POINTER ||
	                                     imago_region_of(fault->found) == IMAGO_NUM_REGIONS ||
	                                     imago_region_of(fault->found) == 0);
	return true;
}

static void
take_hostile_file(const uint8_t *bytes, uint64_t size, fuzz_decisions *decisions)
{
	/* workspace.h, imago_workspace_attach, but for the system's errors */
	static const fuzz_statuses documented =
	    1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
	    1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT | 1u << IMAGO_EUSAGE |
	    1u << IMAGO_ENOMEM;
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	imago_workspace *workspace;
	imago_workspace_attached attached;
	const int descriptor = memory_file(bytes, size);
	imago_allocator_init(&allocator, BUDGET);
	FUZZ_ASSERT(imago_workspace_create(&workspace, &allocator, &error) == IMAGO_OK);
	imago_status status = imago_workspace_attach(workspace, descriptor, true, &attached, &error);
	close(descriptor);
	if (status != IMAGO_OK) {
		FUZZ_ORACLE(HOSTILE_REFUSED, (documented >> status & 1) != 0 && error.what != NULL);
		pockets_audit(workspace, AUDIT);
	} else {
		for (int i = 0; i < 6; i++) {
			apl_text line;
			unsigned assigned;
			imago_run_result result;
			apl_line(&line, &assigned, decisions);
			FUZZ_ORACLE(HOSTILE_RUNS,
			            imago_workspace_run_line(workspace, line.bytes, line.size, &plain, &result,
			                                     &error) == IMAGO_OK &&
			                result.fuel <= FUEL);
			imago_pocket_drop(imago_workspace_pockets(workspace), result.value);
		}
		status = imago_workspace_detach(workspace, attached.slot, fuzz_decide(decisions, 2) == 1,
		                                &error);
		if (status == IMAGO_OK) {
			fuzz_oracle_count(NOTHING_LEADS_THERE);
			fuzz_oracle_count(MAIN_COUNTS);
			FUZZ_ASSERT(imago_workspace_audit(workspace, note_pointer, NULL, &error) == IMAGO_OK);
		} else {
			FUZZ_ORACLE(DETACHED, status == IMAGO_ENOMEM || status == IMAGO_ELIMIT ||
			                          status == IMAGO_ESTRUCTURE);
		}
	}
	imago_workspace_destroy(workspace);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
}

static void
take_changed_file(fuzz_decisions *decisions)
{
	library l;
	imago_workspace_head head;
	make_library(&l, decisions);
	uint8_t *bytes = l.file.writer.bytes;
	uint8_t *copy = malloc((size_t)l.file.writer.size);
	FUZZ_ASSERT(copy != NULL);
	memcpy(copy, bytes, (size_t)l.file.writer.size);
	FUZZ_ASSERT(imago_workspace_decode(&head, copy, l.file.writer.size, &l.file.error) == IMAGO_OK);
	const uint32_t num = 1 + fuzz_decide(decisions, 8);
	for (uint32_t i = 0; i < num; i++) {
		const uint64_t at = fuzz_decide(decisions, 65536) % head.size / 8 * 8;
		const uint64_t other = fuzz_decide(decisions, 65536) % head.size / 16 * 16;
		uint8_t *place = copy + IMAGO_WORKSPACE_PAGE + at;
		switch (fuzz_decide(decisions, 4)) {
		case 0:
			place[fuzz_decide(decisions, 8)] ^= (uint8_t)(1U << fuzz_decide(decisions, 8));
			break;
		case 1: /* another pocket, or the middle of one */
			imago_store_u64(place, head.start + other, IMAGO_LITTLE_ENDIAN);
			break;
		case 2: /* the main workspace, or another slot */
			imago_store_u64(place, IMAGO_REGION_START(fuzz_decide(decisions, 9)) + other,
			                IMAGO_LITTLE_ENDIAN);
			break;
		default:
			memcpy(place, copy + IMAGO_WORKSPACE_PAGE + other, 8);
			break;
		}
	}
	take_hostile_file(copy, l.file.writer.size, decisions);
	free(copy);
	release_library(&l);
}

/* The input as the pockets of a file. */
static void
take_input(const uint8_t *data, size_t size, fuzz_decisions *decisions)
{
	imago_workspace_head head;
	uint8_t *file = pockets_file(&head, 1 + fuzz_decide(decisions, 8), data, size);
	if (file == NULL) {
		return;
	}
	imago_workspace_encode(&head, file);
	take_hostile_file(file, head.file_size, decisions);
	free(file);
	take_hostile_file(data, size, decisions);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decisions decisions = fuzz_decisions_of(data, size);
	take_session(&decisions);
	take_changed_file(&decisions);
	take_input(data, size, &decisions);
	return 0;
}
