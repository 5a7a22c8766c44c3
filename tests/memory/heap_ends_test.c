/* heap_ends_test.c: heaps that end too early, have no segments, or borrow their bytes. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <string.h>

#include "imago/compare.h"
#include "imago/digest.h"
#include "imago/object_index.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

enum { FAR = 0x240008, MOST_CUT = 24 };

static imago_heap *
copy_of(const imago_heap *heap)
{
	imago_heap *copy = NULL;
	imago_error error;
	assert_ok(imago_heap_copy(&copy, heap, heap->allocator, &error), &error);
	return copy;
}

static imago_byte_order
other_order(imago_byte_order order)
{
	return order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
}

static bool
note_nothing(const imago_difference *difference, void *payload)
{
	(void)difference;
	(void)payload;
	return true;
}

/* What must walk the whole heap says where it ends. */
static void
assert_refused_by_all(imago_heap *heap)
{
	imago_allocator *allocator = heap->allocator;
	imago_error error = {0};
	imago_digest digest;
	imago_heap *rebuilt = NULL;
	imago_object_index index;
	imago_census census;
	uint64_t count;
	assert_int_not_equal(imago_digest_compute(&digest, heap, allocator, &error), IMAGO_OK);
	assert_int_not_equal(imago_compare(heap, heap, allocator, note_nothing, NULL, &count, &error),
	                     IMAGO_OK);
	assert_int_not_equal(imago_object_index_create(&index, heap, allocator, &error), IMAGO_OK);
	imago_object_index_release(&index);
	assert_int_not_equal(imago_census_take(heap, &census, &error), IMAGO_OK);
	const imago_rebuild_options ways[] = {
	    {.layout = {heap->layout.word_bytes, other_order(heap->layout.byte_order)}},
	    {.set_base = true, .base = heap->segments[0].start + FAR},
	    {.num_segments = 2, .set_base = true, .base = heap->segments[0].start + FAR},
	};
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		assert_int_not_equal(imago_rebuild(&rebuilt, heap, &ways[i], allocator, NULL, &error),
		                     IMAGO_OK);
		assert_non_null(error.what);
	}
	imago_heap *before = copy_of(heap);
	const imago_swizzle_options lenient = {.lenient = true};
	assert_int_not_equal(imago_swizzle(heap, heap->segments[0].start + FAR, &lenient, &error),
	                     IMAGO_OK);
	assert_memory_equal(before->segments[0].bytes, heap->segments[0].bytes,
	                    (size_t)heap->segments[0].size);
	imago_heap_destroy(before);
}

/* The last objects have no room. */
static void
a_heap_cut_anywhere_in_its_last_objects_is_refused_by_whatever_walks(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		/* Its last words are no objects when the walk begins among them. */
		imago_oop bits =
		    imago_builder_new_bits(builder, imago_builder_class(builder, IMAGO_KERNEL_BITMAP), 16);
		for (uint64_t word = 0; word < 16; word++) {
			imago_builder_store_element(builder, bits, word, UINT32_MAX);
		}
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		uint64_t size = heap->segments[0].size;
		uint64_t step = imago_heap_alignment(heap);
		for (uint64_t cut = step; cut <= MOST_CUT; cut += step) {
			heap->segments[0].size = size - cut;
			assert_refused_by_all(heap);
		}
		heap->segments[0].size = size;
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* The last object gets a word less: what is left is the first half of a long header, or a header
 * without a body. */
static void
a_heap_with_words_left_over_is_refused_by_whatever_walks(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (uint64_t fill = 0; fill <= 0xFF; fill += 0xFF) {
			imago_allocator allocator;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_builder *builder = test_builder(&test_layouts[i], &allocator);
			imago_oop bits = imago_builder_new_bits(
			    builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_ARRAY), 64);
			for (uint64_t byte = 0; byte < 64; byte++) {
				imago_builder_store_element(builder, bits, byte, fill);
			}
			imago_heap *heap = test_finish(builder);
			assert_non_null(heap);
			imago_byte_order order = heap->layout.byte_order;
			uint8_t *header = imago_heap_writable_bytes(heap, bits, 8);
			uint64_t fewer = UINT64_C(8) / heap->layout.word_bytes;
			imago_store_u64(header, imago_load_u64(header, order) - (fewer << 56), order);
			assert_refused_by_all(heap);
			imago_heap_destroy(heap);
			assert_no_leak(&allocator);
		}
	}
}

static void
a_heap_without_segments_has_nothing_to_walk_or_move(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const test_layout *layout = &test_layouts[i];
		imago_allocator allocator;
		imago_heap *heap = NULL;
		imago_error error = {0};
		imago_walker walker;
		imago_object object;
		imago_census census;
		const imago_swizzle_options options = {.lenient = true};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_ok(imago_heap_create(&heap, layout->model, layout->layout, &allocator, &error),
		          &error);
		imago_walk_init(&walker, heap, &error);
		assert_false(imago_walk_next(&walker, &object));
		assert_int_equal(walker.status, IMAGO_OK);
		assert_false(imago_walk_skip_segment(&walker));
		assert_ok(imago_census_take(heap, &census, &error), &error);
		assert_int_equal(census.num_chunks, 0);
		assert_status(imago_swizzle(heap, 4096, &options, &error), &error, IMAGO_EUSAGE);
		assert_status(imago_heap_refresh_header(heap, &error), &error, IMAGO_EUSAGE);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
bridges_are_written_in_spur_and_in_heaps_that_own_their_bytes_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		assert_status(imago_heap_set_bridges(heap, IMAGO_BRIDGES_NONE, &error), &error,
		              IMAGO_EUSAGE);
		assert_true(error.found == 0 && error.limit == 0);
		if (heap->model == IMAGO_V3) {
			assert_status(imago_heap_set_bridges(heap, IMAGO_BRIDGES_FILE, &error), &error,
			              IMAGO_EUSAGE);
		} else {
			heap->segments[0].bridge_size = 0;
			heap->segments[0].offset = 128;
			assert_status(imago_heap_set_bridges(heap, IMAGO_BRIDGES_FILE, &error), &error,
			              IMAGO_EUSAGE);
			assert_true(error.offset == 128 && error.found == 0 && error.limit == 0);
			heap->segments[0].bridge_size = IMAGO_BRIDGE_SIZE;
			heap->segments[0].writable = NULL;
			assert_status(imago_heap_set_bridges(heap, IMAGO_BRIDGES_FILE, &error), &error,
			              IMAGO_EUSAGE);
			assert_null(imago_heap_writable_bytes(heap, heap->segments[0].start, 8));
		}
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
bytes_past_the_end_of_a_segment_are_handed_out_neither_for_reading_nor_for_writing(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		imago_addr last = heap->segments[0].start + heap->segments[0].size - 8;
		assert_non_null(imago_heap_bytes(heap, last, 8));
		assert_null(imago_heap_bytes(heap, last, 9));
		assert_non_null(imago_heap_writable_bytes(heap, last, 8));
		assert_null(imago_heap_writable_bytes(heap, last, 9));
		assert_null(imago_heap_writable_bytes(heap, last, UINT64_MAX));
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* Less than a header: nothing aligned begins there, but anybody may ask. */
static void
a_chunk_in_the_last_bytes_of_a_segment_is_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_object object;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		uint64_t half = imago_heap_alignment(heap) / 2;
		imago_addr end = heap->segments[0].start + heap->segments[0].size;
		assert_status(imago_heap_decode_chunk(heap, end - half, &object, &error), &error,
		              IMAGO_ETRUNCATED);
		assert_int_equal(error.limit, half);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* A free chunk's words are stale, whatever its format says. */
static void
a_free_chunk_has_no_elements(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_walker walker;
		imago_object object;
		size_t num_free = 0;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		imago_walk_init(&walker, heap, NULL);
		while (imago_walk_next(&walker, &object)) {
			if (object.kind == IMAGO_OBJECT_FREE) {
				assert_int_equal(imago_object_num_elements(heap, &object), 0);
				num_free++;
			}
		}
		assert_int_not_equal(num_free, 0);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_heap_cut_anywhere_in_its_last_objects_is_refused_by_whatever_walks),
	    cmocka_unit_test(a_heap_with_words_left_over_is_refused_by_whatever_walks),
	    cmocka_unit_test(a_heap_without_segments_has_nothing_to_walk_or_move),
	    cmocka_unit_test(bridges_are_written_in_spur_and_in_heaps_that_own_their_bytes_only),
	    cmocka_unit_test(
	        bytes_past_the_end_of_a_segment_are_handed_out_neither_for_reading_nor_for_writing),
	    cmocka_unit_test(a_chunk_in_the_last_bytes_of_a_segment_is_truncated),
	    cmocka_unit_test(a_free_chunk_has_no_elements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
