/* tier_test.c: traces, as lists and as text; tiers by trace and by class. */
#include "imago/tier.h"

#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/corpus/corpus.h"
#include "../support/small_image.h"
#include "imago/class_table.h"
#include "imago/image.h"
#include "imago/walk.h"

static imago_allocator allocator;
static imago_error error;

enum { MAX_CHUNKS = 4096 };

static uint64_t
num_chunks(const imago_heap *heap)
{
	imago_census census;
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_true(census.num_chunks < MAX_CHUNKS);
	return census.num_chunks;
}

/* Turns a bit of the last byte of the body of each step-th object that has a body. */
static uint64_t
write_objects(imago_heap *heap, uint64_t step, imago_addr *first)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	uint64_t num_written = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		if (ordinal++ % step == 0 && object.num_slots > 0 && object.kind != IMAGO_OBJECT_FREE) {
			uint8_t *body = imago_heap_writable_bytes(heap, object.body, 1);
			body[0] ^= 0x40;
			*first = num_written == 0 ? object.chunk : *first;
			num_written++;
		}
	}
	return num_written;
}

static void
a_run_adds_exactly_the_objects_that_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_heap *before = varied_heap(&test_layouts[i], &allocator);
		imago_heap *after;
		imago_trace trace;
		imago_trace_changes changes;
		imago_addr first = 0;
		assert_ok(imago_heap_copy(&after, before, &allocator, &error), &error);
		imago_trace_init(&trace, &allocator);
		assert_ok(imago_trace_add_run(&trace, before, after, &changes, &error), &error);
		assert_int_equal(changes.num_objects, 0);
		assert_int_equal(trace.num_runs, 1);
		uint64_t num_written = write_objects(after, 7, &first);
		assert_ok(imago_trace_add_run(&trace, before, after, &changes, &error), &error);
		assert_int_equal(changes.num_objects, num_written);
		assert_true(changes.num_bytes >= 8 * num_written);
		assert_int_equal(trace.num_runs, 2);
		assert_int_equal(trace.num_entries, num_written);
		assert_int_equal(trace.entries[0].address, first);
		assert_int_equal(trace.entries[0].num_runs, 1);
		assert_ok(imago_trace_add_run(&trace, before, after, &changes, &error), &error);
		assert_int_equal(trace.num_entries, num_written);
		assert_int_equal(trace.entries[num_written - 1].num_runs, 2);
		assert_int_equal(trace.entries[0].runs, 2 | 4); /* not the first run */
		imago_trace_release(&trace);
		imago_heap_destroy(after);
		imago_heap_destroy(before);
	}
	assert_no_leak(&allocator);
}

/* Runs that wrote different objects, and some that both wrote. */
static void
runs_that_wrote_different_objects_are_merged(void **state)
{
	(void)state;
	static const uint64_t steps[] = {4, 6};
	imago_heap *before = varied_heap(&test_layouts[0], &allocator);
	uint64_t num_written[2];
	imago_trace_changes changes;
	for (unsigned order = 0; order < 2; order++) {
		imago_trace trace;
		uint64_t num_of_one = 0;
		uint64_t num_of_both = 0;
		imago_trace_init(&trace, &allocator);
		for (unsigned i = 0; i < 2; i++) {
			imago_heap *after;
			imago_addr first;
			assert_ok(imago_heap_copy(&after, before, &allocator, &error), &error);
			num_written[i] = write_objects(after, steps[(i + order) % 2], &first);
			assert_ok(imago_trace_add_run(&trace, before, after, &changes, &error), &error);
			imago_heap_destroy(after);
		}
		for (uint64_t i = 0; i < trace.num_entries; i++) {
			assert_true(i == 0 || trace.entries[i].address > trace.entries[i - 1].address);
			num_of_one += trace.entries[i].num_runs == 1;
			num_of_both += trace.entries[i].num_runs == 2;
		}
		assert_true(num_of_both > 0 && num_of_one > num_of_both);
		assert_int_equal(num_of_one + num_of_both, trace.num_entries);
		assert_int_equal(num_of_one + 2 * num_of_both, num_written[0] + num_written[1]);
		imago_trace_release(&trace);
	}
	imago_heap_destroy(before);
	assert_no_leak(&allocator);
}

static void
heaps_of_other_segments_are_not_compared(void **state)
{
	(void)state;
	imago_heap *small = small_heap(&test_layouts[0], &allocator);
	imago_heap *varied = varied_heap(&test_layouts[0], &allocator);
	imago_trace trace;
	imago_trace_changes changes;
	imago_trace_init(&trace, &allocator);
	imago_status status = imago_trace_add_run(&trace, small, varied, &changes, &error);
	assert_status(status, &error, IMAGO_EUSAGE);
	assert_int_equal(trace.num_runs, 0);
	imago_heap *other;
	assert_ok(imago_heap_copy(&other, small, &allocator, &error), &error);
	for (unsigned i = 0; i < 2; i++) {
		other->segments[0].start += i == 0 ? 65536 : 0;
		other->segments[0].size -= i == 1 ? 8 : 0;
		status = imago_trace_add_run(&trace, small, other, &changes, &error);
		assert_status(status, &error, IMAGO_EUSAGE);
		other->segments[0].start = small->segments[0].start;
	}
	imago_heap_destroy(other);
	imago_trace_release(&trace);
	imago_heap_destroy(varied);
	imago_heap_destroy(small);
	assert_no_leak(&allocator);
}

static imago_status
read_text(imago_trace *trace, const char *text)
{
	return imago_trace_read(trace, (const uint8_t *)text, strlen(text), &error);
}

#define IDENTITY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
a_trace_is_read_as_it_is_written(void **state)
{
	static const char text[] = "imago trace 1\nidentity " IDENTITY "\nruns 3\n8 1\n10a0 3 5\n";
	(void)state;
	imago_trace trace;
	imago_writer writer;
	const imago_layout any = {.word_bytes = 8, .byte_order = IMAGO_LITTLE_ENDIAN};
	imago_trace_init(&trace, &allocator);
	assert_ok(read_text(&trace, text), &error);
	assert_int_equal(trace.identity[2], 0x22);
	assert_int_equal(trace.num_runs, 3);
	assert_int_equal(trace.num_entries, 2);
	assert_int_equal(trace.entries[1].address, 0x10a0);
	assert_int_equal(trace.entries[0].runs, 0);
	assert_int_equal(trace.entries[1].runs, 5);
	imago_writer_init(&writer, &allocator, any, &error);
	imago_trace_write(&trace, &writer);
	assert_int_equal(writer.size, sizeof text - 1);
	assert_memory_equal(writer.bytes, text, sizeof text - 1);
	imago_writer_release(&writer);
	/* What is cut off at the end of a line is a shorter trace; every other prefix is none. */
	for (uint64_t size = 0; size < sizeof text - 1; size++) {
		imago_status status = imago_trace_read(&trace, (const uint8_t *)text, size, &error);
		bool whole = size > 90 && text[size - 1] == '\n';
		assert_int_equal(status == IMAGO_OK, whole);
	}
	imago_trace_release(&trace);
	assert_no_leak(&allocator);
}

static void
what_is_no_trace_is_refused_at_its_line(void **state)
{
	static const struct {
		const char *text;
		imago_status status;
		uint64_t offset;
	} cases[] = {
	    {"", IMAGO_EMAGIC, 0},
	    {"imago trace 2\n", IMAGO_EMAGIC, 0},
	    {"imago trace 1\nidentity 00\n", IMAGO_ESTRUCTURE, 14},
	    {"imago trace 1\nidentity " IDENTITY "\nruns x\n", IMAGO_ESTRUCTURE, 88},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 4294967296\n", IMAGO_ESTRUCTURE, 88},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 2\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 0\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 1\n8 1\n", IMAGO_ESTRUCTURE, 100},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 1\n10 1\n", IMAGO_ESTRUCTURE, 100},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10000000000000000 1\n", IMAGO_ESTRUCTURE,
	     95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10  1\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 1 \n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 1 0\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 1\n10 1 2\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 5\n10 1 18\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 2\n10 1 3\n", IMAGO_ESTRUCTURE, 95},
	    {"imago trace 1\nidentity " IDENTITY "\nruns 65\n10 65 10000000000000000\n",
	     IMAGO_ESTRUCTURE, 96},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		imago_trace trace;
		imago_trace_init(&trace, &allocator);
		imago_status status = read_text(&trace, cases[i].text);
		assert_status(status, &error, cases[i].status);
		assert_int_equal(error.offset, cases[i].offset);
		assert_int_equal(trace.num_entries, 0);
		imago_trace_release(&trace);
	}
	assert_no_leak(&allocator);
}

static void
tiers_follow_the_trace(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	uint8_t tiers[MAX_CHUNKS];
	imago_addr chunks[MAX_CHUNKS];
	uint64_t count = num_chunks(heap);
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		chunks[ordinal++] = object.chunk;
	}
	imago_trace_entry entries[] = {{chunks[20], 3, 0}, {chunks[40], 1, 0}};
	const imago_trace trace = {.num_runs = 4, .entries = entries, .num_entries = 2};
	assert_ok(imago_tiers_by_trace(heap, &trace, tiers, count, &error), &error);
	for (uint64_t i = 0; i < count; i++) {
		imago_tier expected = i == 20   ? IMAGO_TIER_OFTEN
		                      : i == 40 ? IMAGO_TIER_RARE
		                                : IMAGO_TIER_READ_ONLY;
		assert_int_equal(tiers[i], expected);
	}
	imago_status status = imago_tiers_by_trace(heap, &trace, tiers, count - 1, &error);
	assert_status(status, &error, IMAGO_EUSAGE);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static uint64_t
list_chunks(const imago_heap *heap, imago_addr chunks[MAX_CHUNKS])
{
	imago_walker walker;
	imago_object object;
	uint64_t count = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		chunks[count++] = object.chunk;
	}
	return count;
}

/* What all runs wrote comes first, then what the same two did, then what one did. */
static void
ranks_bring_together_what_the_same_runs_wrote(void **state)
{
	(void)state;
	static const struct {
		uint64_t ordinal;
		uint32_t num_runs;
		uint64_t runs;
		uint8_t rank;
	} cases[] = {
	    {20, 2, 5, 2}, {21, 3, 7, 0}, {22, 1, 2, 1}, {23, 2, 3, 1}, {24, 2, 6, 3},
	    {25, 2, 5, 2}, {26, 1, 1, 0}, {27, 1, 4, 2}, {28, 3, 7, 0}, {29, 1, 2, 1},
	};
	enum { NUM_CASES = sizeof cases / sizeof cases[0] };
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	uint8_t ranks[MAX_CHUNKS];
	imago_addr chunks[MAX_CHUNKS];
	imago_trace_entry entries[NUM_CASES];
	const uint64_t count = list_chunks(heap, chunks);
	for (size_t i = 0; i < NUM_CASES; i++) {
		entries[i] =
		    (imago_trace_entry){chunks[cases[i].ordinal], cases[i].num_runs, cases[i].runs};
	}
	const imago_trace trace = {.num_runs = 3, .entries = entries, .num_entries = NUM_CASES};
	assert_ok(imago_ranks_by_trace(heap, &trace, ranks, count, &allocator, &error), &error);
	for (uint64_t i = 0; i < count; i++) {
		const bool traced = i >= 20 && i < 20 + NUM_CASES;
		assert_int_equal(ranks[i], traced ? cases[i - 20].rank : 0);
	}
	assert_status(imago_ranks_by_trace(heap, &trace, ranks, count - 1, &allocator, &error), &error,
	              IMAGO_EUSAGE);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* Of 60 classes in one tier neighbours share a rank, and none is beyond the last one. */
static void
more_classes_than_ranks_share_them(void **state)
{
	(void)state;
	enum { NUM_ENTRIES = 60 };
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	uint8_t ranks[MAX_CHUNKS];
	imago_addr chunks[MAX_CHUNKS];
	imago_trace_entry entries[NUM_ENTRIES];
	const uint64_t count = list_chunks(heap, chunks);
	assert_true(count > NUM_ENTRIES);
	for (unsigned i = 0; i < NUM_ENTRIES; i++) {
		entries[i] = (imago_trace_entry){chunks[i], 1, UINT64_C(1) << i};
	}
	const imago_trace trace = {.num_runs = 64, .entries = entries, .num_entries = NUM_ENTRIES};
	assert_ok(imago_ranks_by_trace(heap, &trace, ranks, count, &allocator, &error), &error);
	for (unsigned i = 0; i < NUM_ENTRIES; i++) {
		assert_int_equal(ranks[i], i * IMAGO_NUM_RANKS / NUM_ENTRIES);
	}
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* The tier of an object. */
static imago_tier
tier_of(const imago_heap *heap, const uint8_t *tiers, imago_oop oop)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		if (object.oop == oop) {
			return (imago_tier)tiers[ordinal];
		}
		ordinal++;
	}
	fail();
	return IMAGO_NUM_TIERS;
}

static void
without_a_trace_code_is_read_only_and_classes_are_rarely_written(void **state)
{
	static const uint8_t bytecodes[] = {0x78};
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		uint8_t tiers[MAX_CHUNKS];
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		const imago_builder_method code = {
		    .num_literals = 3, .bytecodes = bytecodes, .num_bytecodes = sizeof bytecodes};
		imago_oop array_class = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		imago_oop string_class = imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING);
		imago_oop symbol_class = imago_builder_class(builder, IMAGO_KERNEL_BYTE_SYMBOL);
		imago_oop method = imago_builder_new_method(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &code);
		imago_oop literal = imago_builder_new_string(builder, string_class, "literal");
		imago_oop nested = imago_builder_new_string(builder, string_class, "nested");
		imago_oop literals = imago_builder_new_pointers(builder, array_class, 1);
		imago_oop global = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_ASSOCIATION), 2);
		imago_oop state_array = imago_builder_new_pointers(builder, array_class, 3);
		imago_oop selector = imago_builder_new_string(builder, symbol_class, "select");
		imago_builder_store(builder, literals, 0, nested);
		imago_builder_store(builder, method, 1, literal);
		imago_builder_store(builder, method, 2, literals);
		imago_builder_store(builder, method, 3, global);
		imago_builder_install_method(builder, string_class, selector, method);
		imago_heap *heap = test_finish(builder);
		assert_ok(imago_tiers_by_class(heap, tiers, num_chunks(heap), &allocator, &error), &error);
		assert_int_equal(tier_of(heap, tiers, method), IMAGO_TIER_READ_ONLY);
		assert_int_equal(tier_of(heap, tiers, literal), IMAGO_TIER_READ_ONLY);
		assert_int_equal(tier_of(heap, tiers, literals), IMAGO_TIER_READ_ONLY);
		assert_int_equal(tier_of(heap, tiers, nested), IMAGO_TIER_READ_ONLY);
		assert_int_equal(tier_of(heap, tiers, global), IMAGO_TIER_RARE);
		assert_int_equal(tier_of(heap, tiers, state_array), IMAGO_TIER_OFTEN);
		if (test_layouts[i].model == IMAGO_SPUR) {
			assert_int_equal(tier_of(heap, tiers, selector), IMAGO_TIER_READ_ONLY);
			assert_int_equal(tier_of(heap, tiers, string_class), IMAGO_TIER_RARE);
		}
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* Whatever a rule is broken by, each chunk gets a tier. */
static bool
assign_tiers(const corpus_file *file, void *payload)
{
	imago_image image;
	uint64_t *num_images = payload;
	if (strcmp(file->format, "bytes") == 0 || strcmp(file->format, "packfile") == 0 ||
	    imago_image_read(&image, file->bytes, file->size, &allocator, &error) != IMAGO_OK) {
		return true;
	}
	imago_census census;
	if (imago_census_take(image.heap, &census, &error) == IMAGO_OK) {
		uint8_t *tiers = malloc((size_t)census.num_chunks);
		assert_non_null(tiers);
		memset(tiers, 0xFF, (size_t)census.num_chunks);
		assert_ok(imago_tiers_by_class(image.heap, tiers, census.num_chunks, &allocator, &error),
		          &error);
		for (uint64_t i = 0; i < census.num_chunks; i++) {
			assert_true(tiers[i] < IMAGO_NUM_TIERS);
		}
		assert_status(
		    imago_tiers_by_class(image.heap, tiers, census.num_chunks - 1, &allocator, &error),
		    &error, IMAGO_EUSAGE);
		free(tiers);
		(*num_images)++;
	}
	imago_image_close(&image);
	return true;
}

static void
broken_images_have_tiers(void **state)
{
	(void)state;
	uint64_t num_images = 0;
	assert_true(corpus_for_each_committed(assign_tiers, &num_images));
	assert_true(num_images > 50);
	assert_no_leak(&allocator);
}

static imago_status
do_everything(imago_allocator *with, imago_error *why, void *payload)
{
	const imago_heap *heap = payload;
	imago_trace trace;
	imago_trace_changes changes;
	imago_heap *after = NULL;
	imago_addr first;
	uint8_t tiers[MAX_CHUNKS];
	imago_trace_init(&trace, with);
	imago_status status = imago_heap_copy(&after, heap, with, why);
	if (status == IMAGO_OK) {
		(void)write_objects(after, 2, &first);
		status = imago_trace_add_run(&trace, heap, after, &changes, why);
	}
	if (status == IMAGO_OK) {
		status = imago_tiers_by_trace(heap, &trace, tiers, num_chunks(heap), why);
	}
	if (status == IMAGO_OK) {
		status = imago_tiers_by_class(heap, tiers, num_chunks(heap), with, why);
	}
	imago_heap_destroy(after);
	imago_trace_release(&trace);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(&test_layouts[0], &allocator);
	assert_every_allocation_failure_is_reported(do_everything, heap);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_run_adds_exactly_the_objects_that_differ, set_up),
	    cmocka_unit_test_setup(heaps_of_other_segments_are_not_compared, set_up),
	    cmocka_unit_test_setup(runs_that_wrote_different_objects_are_merged, set_up),
	    cmocka_unit_test_setup(broken_images_have_tiers, set_up),
	    cmocka_unit_test_setup(a_trace_is_read_as_it_is_written, set_up),
	    cmocka_unit_test_setup(what_is_no_trace_is_refused_at_its_line, set_up),
	    cmocka_unit_test_setup(tiers_follow_the_trace, set_up),
	    cmocka_unit_test_setup(ranks_bring_together_what_the_same_runs_wrote, set_up),
	    cmocka_unit_test_setup(more_classes_than_ranks_share_them, set_up),
	    cmocka_unit_test_setup(without_a_trace_code_is_read_only_and_classes_are_rarely_written,
	                           set_up),
	    cmocka_unit_test_setup(every_failing_allocation_is_reported, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
