/* layered_edges_test.c: what only odd tables, odd lists and odd callers reach: numbers that are too
 * long, objects between sections, sinks that have enough, tiers in the wrong number, writers
 * without memory. */
#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "layered_bytes.h"

enum {
	AT_START = 32,
	AT_SPAN = 40,
	NUMBERS = 16, /* where those of a remembered set begin */
	UNIT = 8,
};

static imago_allocator allocator;
static imago_error error;

/* ---- Which sections are fixed. */

static void
only_a_row_of_fixed_sections_before_old_space_is_fixed(void **state)
{
	(void)state;
	enum { OFTEN = IMAGO_TIER_OFTEN, RARE = IMAGO_TIER_RARE };
	static const struct {
		imago_layered_kind kinds[4];
		uint8_t tiers[4];
		size_t num_sections, first_old;
	} cases[] = {
	    {{IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_OBJECTS}, {0, RARE, 0}, 3, 2},
	    {{IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_OBJECTS}, {0, OFTEN}, 2, 0},
	    {{IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_OBJECTS}, {0, RARE}, 2, 0},
	    {{IMAGO_LAYERED_OBJECTS}, {0}, 1, 0},
	    {{IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_FIXUPS}, {0, RARE, 0}, 3, 0},
	    {{IMAGO_LAYERED_FIXUPS, IMAGO_LAYERED_OBJECTS, IMAGO_LAYERED_OBJECTS}, {0, RARE, 0}, 3, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		imago_layered_head head = {.num_sections = cases[i].num_sections};
		for (size_t k = 0; k < cases[i].num_sections; k++) {
			head.sections[k].kind = cases[i].kinds[k];
			head.sections[k].tier = (imago_tier)cases[i].tiers[k];
		}
		assert_int_equal(imago_layered_first_old(&head), cases[i].first_old);
	}
}

/* ---- Numbers. */

/* In groups of seven bits; returns its size. */
static uint64_t
put_number(uint8_t *bytes, uint64_t number)
{
	uint64_t size = 0;
	for (; number >= 0x80; number >>= 7) {
		bytes[size++] = (uint8_t)(number | 0x80);
	}
	bytes[size++] = (uint8_t)number;
	return size;
}

static void
expect_set_refused(const imago_layered_head *head, const uint8_t *bytes, uint64_t size,
                   const char *noun)
{
	imago_layered_remembered remembered;
	assert_status(
	    imago_layered_decode_remembered(&remembered, head, bytes, size, &allocator, &error), &error,
	    IMAGO_ERANGE);
	assert_string_equal(error.what, noun);
	imago_layered_remembered_release(&remembered);
}

static void
remembered_objects_lie_in_fixed_sections(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make_tiered("spur64", &allocator);
	imago_layered_head head;
	assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
	const size_t old = imago_layered_first_old(&head);
	assert_true(old > 1);
	const imago_layered_section *last = &head.sections[old - 1];
	const uint64_t bridge = last->address - head.start + last->size - IMAGO_BRIDGE_SIZE;
	const uint64_t places[] = {
	    head.sections[0].size - IMAGO_BRIDGE_SIZE,             /* a bridge */
	    head.sections[0].size + UNIT,                          /* between two sections */
	    bridge,                                                /* the last bridge */
	    head.sections[old].address - head.start - UINT64_C(8), /* before old space */
	};
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		uint8_t bytes[NUMBERS + 10] = {1};
		const uint64_t size = NUMBERS + put_number(bytes + NUMBERS, places[i] / UNIT);
		expect_set_refused(&head, bytes, size, "remembered object");
	}
	/* Bits that no number has room for. */
	uint8_t bytes[NUMBERS + 10] = {1};
	memset(bytes + NUMBERS, 0x80, 9);
	bytes[NUMBERS + 9] = 1;
	expect_set_refused(&head, bytes, sizeof bytes, "remembered set");
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

enum { ORIGIN_SEGMENTS = 40 + 16 * 8, SEGMENT_SIZE = 64 };

static void
an_origin_with_an_endless_number_is_refused(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur64", false, &allocator);
	const imago_layered_section origin = layered_bytes_section(&file, IMAGO_LAYERED_ORIGIN);
	uint8_t *bytes = file.bytes + origin.offset;
	imago_heap *heap;
	imago_heap *restored = NULL;
	assert_ok(imago_layered_read(&heap, file.bytes, file.size, &allocator, &error), &error);
	const uint64_t addresses = ORIGIN_SEGMENTS + bytes[4] * (uint64_t)SEGMENT_SIZE;
	memset(bytes + addresses, 0x80, 11);
	assert_status(imago_layered_restore(&restored, heap, file.bytes, file.size, &allocator, &error),
	              &error, IMAGO_ERANGE);
	assert_string_equal(error.what, "address of a chunk");
	/* The file of another heap, or of none. */
	file.bytes[0] ^= 1;
	assert_status(imago_layered_restore(&restored, heap, file.bytes, file.size, &allocator, &error),
	              &error, IMAGO_EMAGIC);
	assert_null(restored);
	imago_heap_destroy(heap);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* As many as there are bytes for, but more than there is room for in the sections. */
static void
an_origin_of_more_chunks_than_fit_is_refused(void **state)
{
	(void)state;
	enum { AT_NUM_CHUNKS = 8, TRAILING = 1 << 17 };
	static uint8_t trailing[TRAILING];
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	imago_heap *read;
	imago_heap *restored = NULL;
	imago_writer file;
	heap->wrapping.trailing = trailing;
	heap->wrapping.trailing_size = TRAILING;
	imago_writer_init(&file, &allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, NULL, &file, &error), &error);
	const imago_layered_section origin = layered_bytes_section(&file, IMAGO_LAYERED_ORIGIN);
	assert_ok(imago_layered_read(&read, file.bytes, file.size, &allocator, &error), &error);
	const uint64_t most = imago_heap_object_bytes(read) / 16;
	assert_true(most < TRAILING);
	layered_bytes_store(file.bytes + origin.offset + AT_NUM_CHUNKS, most + 1, 8);
	assert_status(imago_layered_restore(&restored, read, file.bytes, file.size, &allocator, &error),
	              &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "number of chunks");
	assert_null(restored);
	imago_heap_destroy(read);
	imago_heap_destroy(heap);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* ---- Checking. */

typedef struct patience {
	uint64_t left, num_seen;
} patience;

static bool
lose_patience(const imago_finding *finding, void *payload)
{
	patience *sink = payload;
	assert_true(strncmp(finding->rule->name, "layered.", 8) == 0);
	sink->num_seen++;
	return sink->num_seen < sink->left;
}

/* Checks what the container's own rules say, as far as the sink wants to hear. */
static uint64_t
num_findings(const imago_writer *file, uint64_t most)
{
	imago_heap *heap;
	imago_check_sink sink;
	patience left = {.left = most};
	assert_ok(imago_layered_read(&heap, file->bytes, file->size, &allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, lose_patience, &left);
	assert_ok(imago_layered_check(file->bytes, file->size, heap, &sink, &allocator, NULL), &error);
	imago_heap_destroy(heap);
	return left.num_seen;
}

/* Makes a section that fits a page end earlier. */
static void
shorten(imago_writer *file, imago_layered_kind kind, uint64_t size)
{
	enum { ROW_SIZE = 128, ROW_BYTES = 24 };
	const imago_layered_section section = layered_bytes_section(file, kind);
	imago_layered_head head;
	assert_ok(imago_layered_decode(&head, file->bytes, file->size, &error), &error);
	assert_true(size < section.size && section.size <= IMAGO_LAYERED_PAGE);
	memset(file->bytes + section.offset + size, 0, (size_t)(section.size - size));
	for (size_t i = 0; i < head.num_sections; i++) {
		if (head.sections[i].offset == section.offset) {
			layered_bytes_store(file->bytes + IMAGO_LAYERED_PAGE + i * ROW_SIZE + ROW_BYTES, size,
			                    8);
		}
	}
}

/* Each bit that is cleared, and each object and class that is forgotten, is a finding. */
static void
a_sink_that_has_enough_is_told_no_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		imago_writer file = layered_bytes_make_tiered("spur32", &allocator);
		assert_int_equal(num_findings(&file, UINT64_MAX), 0);
		if (i == 0) {
			const imago_layered_section fixups = layered_bytes_section(&file, IMAGO_LAYERED_FIXUPS);
			memset(file.bytes + fixups.offset, 0, (size_t)fixups.size);
		} else {
			const imago_layered_section set =
			    layered_bytes_section(&file, IMAGO_LAYERED_REMEMBERED);
			memset(file.bytes + set.offset, 0, NUMBERS);
			shorten(&file, IMAGO_LAYERED_REMEMBERED, NUMBERS);
		}
		layered_bytes_seal(&file);
		const uint64_t all = num_findings(&file, UINT64_MAX);
		const uint64_t most = i < 2 ? 1 : all - 1;
		assert_true(all > 2);
		assert_int_equal(num_findings(&file, most), most);
		imago_writer_release(&file);
	}
	assert_no_leak(&allocator);
}

static void
a_start_below_the_first_section_is_found(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur64", true, &allocator);
	imago_layered_head head;
	assert_ok(imago_layered_decode(&head, file.bytes, file.size, &error), &error);
	layered_bytes_store(file.bytes + AT_START, head.start - IMAGO_LAYERED_ALIGNMENT, 8);
	layered_bytes_store(file.bytes + AT_SPAN, head.span + IMAGO_LAYERED_ALIGNMENT, 8);
	layered_bytes_seal(&file);
	assert_int_equal(num_findings(&file, UINT64_MAX), 1);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

static bool
fail_on_finding(const imago_finding *finding, void *payload)
{
	(void)payload;
	fail_msg("%s", finding->rule->name);
	return false;
}

static void
a_rule_that_is_skipped_costs_no_restoring(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur64", false, &allocator);
	const imago_layered_section origin = layered_bytes_section(&file, IMAGO_LAYERED_ORIGIN);
	static const char *const skip[] = {"layered.origin"};
	const imago_check_options options = {.skip = skip, .num_skip = 1};
	imago_check_sink sink;
	imago_heap *heap;
	file.bytes[origin.offset] ^= 1;
	layered_bytes_seal(&file);
	assert_ok(imago_layered_read(&heap, file.bytes, file.size, &allocator, &error), &error);
	imago_check_sink_init(&sink, &options, fail_on_finding, NULL);
	assert_ok(imago_layered_check(file.bytes, file.size, heap, &sink, &allocator, &error), &error);
	/* What is no layered file has no findings. */
	file.bytes[0] ^= 1;
	assert_status(imago_layered_check(file.bytes, file.size, heap, &sink, &allocator, &error),
	              &error, IMAGO_EMAGIC);
	imago_heap_destroy(heap);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* Whoever wants no reasons gets the status all the same. */
static void
a_check_without_memory_needs_no_error(void **state)
{
	(void)state;
	imago_writer file = layered_bytes_make("spur32", false, &allocator);
	imago_writer tiered = layered_bytes_make_tiered("spur32", &allocator);
	const imago_writer *files[] = {&file, &tiered};
	for (unsigned i = 0; i < 2; i++) {
		imago_heap *heap;
		imago_status status = IMAGO_ENOMEM;
		assert_ok(imago_layered_read(&heap, files[i]->bytes, files[i]->size, &allocator, &error),
		          &error);
		for (uint64_t k = 1; status == IMAGO_ENOMEM; k++) {
			imago_allocator failing;
			imago_check_sink sink;
			imago_allocator_init(&failing, IMAGO_UNLIMITED);
			failing.fail_at = k;
			imago_check_sink_init(&sink, NULL, fail_on_finding, NULL);
			status =
			    imago_layered_check(files[i]->bytes, files[i]->size, heap, &sink, &failing, NULL);
			assert_no_leak(&failing);
		}
		assert_int_equal(status, IMAGO_OK);
		imago_heap_destroy(heap);
	}
	imago_writer_release(&tiered);
	imago_writer_release(&file);
	assert_no_leak(&allocator);
}

/* ---- Writing, and writing again. */

static void
tiers_that_are_none_are_refused(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur32"), &allocator);
	imago_layered_options options = {.start = 0};
	imago_writer writer;
	uint8_t *tiers = layered_bytes_mixed_tiers(heap, &options.num_tiers);
	options.tiers = tiers;
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	tiers[options.num_tiers - 1] = IMAGO_NUM_TIERS;
	assert_status(imago_layered_write(heap, &options, &writer, &error), &error, IMAGO_EUSAGE);
	assert_string_equal(error.what, "tier");
	options.num_tiers--;
	assert_status(imago_layered_write(heap, &options, &writer, &error), &error, IMAGO_EUSAGE);
	assert_string_equal(error.what, "number of tiers");
	imago_writer_release(&writer);
	free(tiers);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_writer_that_has_failed_is_left_alone(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur32"), &allocator);
	imago_allocator failing;
	imago_writer writer;
	imago_allocator_init(&failing, IMAGO_UNLIMITED);
	failing.fail_at = 1;
	imago_writer_init(&writer, &failing, heap->layout, &error);
	imago_write_zeros(&writer, 8);
	assert_int_equal(imago_layered_write(heap, NULL, &writer, &error), IMAGO_ENOMEM);
	assert_int_equal(failing.num_calls, 1);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A file, the heap that reading it gives, and a tier for each chunk. */
typedef struct rewriting {
	imago_writer file;
	imago_heap *heap;
	imago_layered_options options;
	uint8_t *tiers;
} rewriting;

static rewriting
rewriting_of(imago_writer file)
{
	rewriting work = {.file = file};
	assert_ok(imago_layered_read(&work.heap, file.bytes, file.size, &allocator, &error), &error);
	work.tiers = layered_bytes_mixed_tiers(work.heap, &work.options.num_tiers);
	work.options.tiers = work.tiers;
	return work;
}

static void
end_rewriting(rewriting *work)
{
	free(work->tiers);
	imago_heap_destroy(work->heap);
	imago_writer_release(&work->file);
}

static imago_status
rewrite(imago_allocator *with, imago_error *why, void *payload)
{
	const rewriting *work = payload;
	imago_writer writer;
	imago_writer_init(&writer, with, work->heap->layout, why);
	const imago_status status = imago_layered_rewrite(work->heap, work->file.bytes, work->file.size,
	                                                  &work->options, &writer, why);
	imago_writer_release(&writer);
	return status;
}

static void
rewriting_reports_every_failing_allocation(void **state)
{
	(void)state;
	rewriting work = rewriting_of(layered_bytes_make("spur32", false, &allocator));
	assert_every_allocation_failure_is_reported(rewrite, &work);
	end_rewriting(&work);
	work = rewriting_of(layered_bytes_make("spur32", true, &allocator)); /* without an origin */
	assert_every_allocation_failure_is_reported(rewrite, &work);
	end_rewriting(&work);
	assert_no_leak(&allocator);
}

static void
rewriting_wants_a_tier_for_each_chunk_and_an_origin_that_holds(void **state)
{
	(void)state;
	rewriting work = rewriting_of(layered_bytes_make("spur32", false, &allocator));
	work.options.num_tiers++;
	assert_status(rewrite(&allocator, &error, &work), &error, IMAGO_EUSAGE);
	assert_string_equal(error.what, "number of tiers");
	work.options.num_tiers--;
	work.options.tiers = NULL;
	assert_status(rewrite(&allocator, &error, &work), &error, IMAGO_EUSAGE);
	work.options.tiers = work.tiers;
	const imago_layered_section origin = layered_bytes_section(&work.file, IMAGO_LAYERED_ORIGIN);
	const uint8_t style = work.file.bytes[origin.offset];
	work.file.bytes[origin.offset] = 9;
	assert_status(rewrite(&allocator, &error, &work), &error, IMAGO_ERANGE);
	work.file.bytes[origin.offset] = style;
	assert_ok(rewrite(&allocator, &error, &work), &error);
	end_rewriting(&work);
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
	    cmocka_unit_test(only_a_row_of_fixed_sections_before_old_space_is_fixed),
	    cmocka_unit_test_setup(remembered_objects_lie_in_fixed_sections, set_up),
	    cmocka_unit_test_setup(an_origin_with_an_endless_number_is_refused, set_up),
	    cmocka_unit_test_setup(an_origin_of_more_chunks_than_fit_is_refused, set_up),
	    cmocka_unit_test_setup(a_sink_that_has_enough_is_told_no_more, set_up),
	    cmocka_unit_test_setup(a_start_below_the_first_section_is_found, set_up),
	    cmocka_unit_test_setup(a_rule_that_is_skipped_costs_no_restoring, set_up),
	    cmocka_unit_test_setup(a_check_without_memory_needs_no_error, set_up),
	    cmocka_unit_test_setup(tiers_that_are_none_are_refused, set_up),
	    cmocka_unit_test_setup(a_writer_that_has_failed_is_left_alone, set_up),
	    cmocka_unit_test_setup(rewriting_reports_every_failing_allocation, set_up),
	    cmocka_unit_test_setup(rewriting_wants_a_tier_for_each_chunk_and_an_origin_that_holds,
	                           set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
