/* spare_segments_test.c: what lies in a heap's list of segments behind the last one is nobody's.
 * The spare places are filled with a segment that holds every address and every offset, whose bytes
 * are not there: whatever is done with the heap comes out as if they were empty. */
#include "swizzles.h"

#include <string.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/known_objects.h"
#include "imago/walk.h"
#include "imago/writer.h"

static void
poison_spare_places(imago_heap *heap)
{
	const imago_segment poison = {.size = UINT64_MAX - 8, .bridge_size = IMAGO_BRIDGE_SIZE};
	assert_true(heap->segment_capacity > heap->num_segments);
	for (size_t i = heap->num_segments; i < heap->segment_capacity; i++) {
		heap->segments[i] = poison;
	}
}

/* A copy with poison. */
static imago_heap *
poisoned(const imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *copy = copy_of(heap, allocator);
	poison_spare_places(copy);
	return copy;
}

static void
expect_same_places(const imago_heap *heap, const imago_heap *other)
{
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	imago_addr addr;
	assert_int_equal(imago_heap_object_bytes(other), imago_heap_object_bytes(heap));
	assert_int_equal(imago_heap_data_size(other), imago_heap_data_size(heap));
	assert_null(imago_heap_segment_of(other, last->start + last->size));
	assert_null(imago_heap_segment_of(other, UINT64_MAX - 7));
	assert_null(imago_heap_bytes(other, last->start + last->size - 4, 8));
	assert_int_equal(imago_heap_offset_of(other, UINT64_MAX - 7), IMAGO_NO_OFFSET);
	assert_false(imago_heap_addr_of(other, last->part, last->offset + last->size, &addr));
	assert_false(imago_heap_addr_of(other, "", UINT64_MAX - 64, &addr));
	assert_int_equal(imago_heap_is_permanent(other, UINT64_MAX - 7),
	                 imago_heap_is_permanent(heap, UINT64_MAX - 7));
}

static void
expect_same_walk(const imago_heap *heap, const imago_heap *other)
{
	imago_walker walker;
	imago_walker other_walker;
	imago_object object;
	imago_object again;
	imago_census census;
	imago_census other_census;
	imago_error error = {0};
	imago_walk_init(&walker, heap, NULL);
	imago_walk_init(&other_walker, other, &error);
	while (imago_walk_next(&walker, &object)) {
		assert_true(imago_walk_next_general(&other_walker, &again));
		assert_same_object(&object, &again);
	}
	assert_false(imago_walk_next_general(&other_walker, &again));
	assert_int_equal(other_walker.status, IMAGO_OK);
	assert_false(imago_walk_skip_segment(&other_walker));
	assert_false(imago_walk_skip_segment(&other_walker));
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_ok(imago_census_take(other, &other_census, &error), &error);
	assert_memory_equal(&census, &other_census, sizeof census);
}

static bool
count_finding(const imago_finding *finding, void *payload)
{
	(void)finding;
	++*(size_t *)payload;
	return true;
}

static void
expect_same_meaning(const imago_heap *heap, const imago_heap *other, imago_allocator *allocator)
{
	imago_digest digest;
	imago_digest other_digest;
	imago_error error = {0};
	assert_ok(imago_digest_compute(&digest, heap, allocator, &error), &error);
	assert_ok(imago_digest_compute(&other_digest, other, allocator, &error), &error);
	assert_memory_equal(&digest, &other_digest, sizeof digest);
	for (uint32_t threads = 1; threads <= 2; threads++) {
		const imago_check_options options = {.num_threads = threads};
		imago_check_sink sink;
		size_t num_findings = 0;
		imago_check_sink_init(&sink, &options, count_finding, &num_findings);
		assert_ok(imago_check(other, &sink, allocator, &error), &error);
		assert_int_equal(num_findings, 0);
	}
}

static void
expect_same_file(const imago_heap *heap, const imago_heap *other, imago_format_id format,
                 imago_allocator *allocator)
{
	imago_writer writer;
	imago_writer other_writer;
	imago_error error = {0};
	imago_writer_init(&writer, allocator, heap->layout, &error);
	imago_writer_init(&other_writer, allocator, heap->layout, &error);
	const imago_status status = imago_image_write(heap, format, &writer, &error);
	assert_int_equal(imago_image_write(other, format, &other_writer, &error), status);
	assert_int_equal(other_writer.size, writer.size);
	if (writer.size > 0) {
		assert_memory_equal(other_writer.bytes, writer.bytes, (size_t)writer.size);
	}
	imago_writer_release(&other_writer);
	imago_writer_release(&writer);
}

/* Both are moved, by every instruction set, leniently too; and both get other bridges. */
static void
expect_same_changes(const imago_heap *heap, imago_allocator *allocator)
{
	imago_error error = {0};
	for (int i = 0; i < 2 * NUM_SETS; i++) {
		if (imago_simd_available(sets[i / 2])) {
			imago_heap *one = copy_of(heap, allocator);
			imago_heap *two = poisoned(heap, allocator);
			assert_ok(swizzle(one, base_of(heap) + FAR, sets[i / 2], i % 2 == 1, &error), &error);
			assert_ok(swizzle(two, base_of(heap) + FAR, sets[i / 2], i % 2 == 1, &error), &error);
			assert_same_bytes(one, two);
			imago_heap_destroy(two);
			imago_heap_destroy(one);
		}
	}
	imago_heap *one = copy_of(heap, allocator);
	imago_heap *two = poisoned(heap, allocator);
	for (int style = IMAGO_BRIDGES_NONE; style <= IMAGO_BRIDGES_MEMORY; style++) {
		const imago_status status = imago_heap_set_bridges(one, (imago_bridges)style, &error);
		assert_int_equal(imago_heap_set_bridges(two, (imago_bridges)style, &error), status);
		assert_same_bytes(one, two);
	}
	assert_ok(imago_heap_refresh_header(one, &error), &error);
	assert_ok(imago_heap_refresh_header(two, &error), &error);
	assert_same_bytes(one, two);
	imago_heap_destroy(two);
	imago_heap_destroy(one);
}

static void
expect_nobody_looks_behind(imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *other = poisoned(heap, allocator);
	imago_heap *copy = copy_of(other, allocator);
	assert_same_bytes(heap, copy);
	imago_heap_destroy(copy);
	expect_same_places(heap, other);
	expect_same_walk(heap, other);
	expect_same_meaning(heap, other, allocator);
	for (int format = 0; format < IMAGO_NUM_FORMATS; format++) {
		expect_same_file(heap, other, (imago_format_id)format, allocator);
	}
	imago_heap_destroy(other);
	expect_same_changes(heap, allocator);
}

static void
what_lies_behind_the_last_segment_changes_nothing(void **state)
{
	static const char *const names[] = {"spur64", "spur32be", "v3", "v3be"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const test_layout *layout = test_layout_find(names[i]);
		on_heap(small_heap, layout, expect_nobody_looks_behind);
		on_heap(varied_heap, layout, expect_nobody_looks_behind);
		if (layout->model == IMAGO_SPUR) {
			on_heap(perm_heap, layout, expect_nobody_looks_behind);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_lies_behind_the_last_segment_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
