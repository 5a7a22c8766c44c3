/* mutate: the mutator on any bytes, with any options and hardly any room: the result stays within
 * the capacity; the same input gives the same mutant, whatever lay behind it; the report names only
 * operators that were asked for, no more than asked, and none where nothing changed. Of an image
 * that can be walked, an operator that is said to keep it leaves one that can be walked, and so
 * does repair. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/mutate.h"
#include "imago/walk.h"

enum { CAPACITY, DETERMINISTIC, REPORT, NOTHING_DONE, KEEPS, REPAIRS };

static const char *const oracles[] = {
    [CAPACITY] = "within_capacity",           [DETERMINISTIC] = "same_mutant_again",
    [REPORT] = "report_names_what_was_asked", [NOTHING_DONE] = "no_edit_no_change",
    [KEEPS] = "keeping_operator_keeps",       [REPAIRS] = "repair_repairs",
};
FUZZ_DECLARE_ORACLES("mutate", oracles);

enum { CANARY_SIZE = 64, CANARY = 0xA5 };

/* A mutant in a block of its own, with canaries behind it. */
typedef struct mutant {
	uint8_t *bytes;
	size_t size;
	size_t capacity;
	imago_mutate_report report;
} mutant;

static mutant
mutate(const uint8_t *data, size_t size, size_t capacity, const imago_mutate_options *options,
       uint8_t filler)
{
	mutant m = {.bytes = malloc(capacity + CANARY_SIZE), .capacity = capacity};
	FUZZ_ASSERT(m.bytes != NULL);
	memset(m.bytes + size, filler, capacity - size);
	memset(m.bytes + capacity, CANARY, CANARY_SIZE);
	if (size > 0) {
		memcpy(m.bytes, data, size);
	}
	m.size = imago_mutate_with(m.bytes, size, capacity, options, &m.report);
	FUZZ_ORACLE(CAPACITY, m.size <= capacity);
	for (size_t i = 0; i < CANARY_SIZE; i++) {
		FUZZ_ASSERT(m.bytes[capacity + i] == CANARY);
	}
	return m;
}

static bool
is_walkable(const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_image image;
	imago_census census;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const bool walkable = imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK &&
	                      imago_census_take(image.heap, &census, NULL) == IMAGO_OK;
	imago_image_close(&image);
	return walkable;
}

static void
expect_honest_report(const mutant *m, const imago_mutate_options *options, const uint8_t *data,
                     size_t size)
{
	const imago_mutate_report *report = &m->report;
	const size_t most = options->num_edits == 0 ? IMAGO_MAX_EDITS : options->num_edits;
	FUZZ_ORACLE(REPORT, report->num_applied <= most);
	for (size_t i = 0; i < report->num_applied; i++) {
		FUZZ_ORACLE(REPORT, options->only == NULL ||
		                        strcmp(report->applied[i]->name, options->only[0]) == 0);
	}
	if (report->num_applied == 0 && !report->repaired) {
		FUZZ_ORACLE(NOTHING_DONE, m->size == size && memcmp(m->bytes, data, size) == 0);
	}
}

/* What an edit, or a repair after it, promises of an image that could be walked. */
static void
expect_walkable(const mutant *m, const imago_mutate_options *options)
{
	const imago_mutate_report *report = &m->report;
	if (report->num_applied == 1 && report->applied[0]->effect <= IMAGO_MUTATION_KEEPS) {
		FUZZ_ORACLE(KEEPS, is_walkable(m->bytes, m->size));
	}
	if (options->repair == IMAGO_REPAIR_ALWAYS && options->only == NULL) {
		FUZZ_ORACLE(REPAIRS, is_walkable(m->bytes, m->size));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t rooms[] = {0, 1, 64, 8192};
	static const imago_mutate_repair repairs[] = {IMAGO_REPAIR_ALWAYS, IMAGO_REPAIR_NEVER,
	                                              IMAGO_REPAIR_MOSTLY};
	fuzz_input input = fuzz_input_of(data, size);
	/* The size too, so that images that end alike are not all treated alike. */
	const uint32_t choice = fuzz_choose(&input, 256) + (uint32_t)(size / 4);
	const char *const only[] = {
	    imago_mutation_at((choice / 2 + fuzz_choose(&input, 256)) % imago_num_mutations())->name};
	const imago_mutate_options options = {
	    .seed = fuzz_choose(&input, 65536) + choice,
	    .only = choice % 2 == 0 ? only : NULL,
	    .num_only = choice % 2 == 0 ? 1 : 0,
	    .num_edits = choice % 2 == 0 ? 1 : fuzz_choose(&input, IMAGO_MAX_EDITS + 1),
	    .repair = repairs[choice / 2 % 3],
	    .donor = data,
	    .donor_size = size,
	};
	const size_t capacity = size + rooms[choice / 8 % 4];
	mutant one = mutate(data, size, capacity, &options, 0);
	mutant two = mutate(data, size, capacity, &options, 0xFF);
	FUZZ_ORACLE(DETERMINISTIC, one.size == two.size && memcmp(one.bytes, two.bytes, one.size) == 0);
	expect_honest_report(&one, &options, data, size);
	if (is_walkable(data, size)) {
		expect_walkable(&one, &options);
	}
	free(two.bytes);
	free(one.bytes);
	return 0;
}
