/* swizzle_edges_test.c: the highest base that a heap may be moved to, and what refusals tell. */
#include "assertions.h"

#include "imago/check.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

#include "layouts.h"
#include "small_image.h"

static const imago_swizzle_options strict;

/* Bytes from the first address of old space to its end. */
static uint64_t
extent_of(const imago_heap *heap)
{
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	return last->start + last->size + last->bridge_size - heap->segments[0].start;
}

static void
assert_highest_base(const char *layout, imago_heap *(*make)(const test_layout *, imago_allocator *),
                    uint64_t end)
{
	imago_allocator allocator;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = make(test_layout_find(layout), &allocator);
	assert_non_null(heap);
	print_message("%s\n", layout);
	uint64_t unit = imago_heap_alignment(heap);
	imago_addr highest = end - extent_of(heap);
	assert_status(imago_swizzle(heap, highest + unit, &strict, &error), &error, IMAGO_ERANGE);
	assert_int_equal(error.offset, heap->segments[0].offset);
	assert_true(error.found == highest + unit && error.limit == end);
	assert_ok(imago_swizzle(heap, highest, &strict, &error), &error);
	assert_int_equal(heap->segments[0].start, highest);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
old_space_may_reach_the_end_of_the_address_space(void **state)
{
	(void)state;
	assert_highest_base("spur64", small_heap, UINT64_MAX - 7);
	assert_highest_base("spur64be", varied_heap, UINT64_MAX - 7);
	assert_highest_base("spur32", small_heap, UINT64_C(1) << 32);
	assert_highest_base("v3", varied_heap, UINT64_C(1) << 32);
}

static void
a_base_between_units_is_refused_where_the_heap_begins(void **state)
{
	(void)state;
	static const char *const names[] = {"spur64", "v3be"};
	for (size_t i = 0; i < 2; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(test_layout_find(names[i]), &allocator);
		uint64_t unit = imago_heap_alignment(heap);
		heap->segments[0].offset = 128;
		assert_status(imago_swizzle(heap, 0x10000 + unit / 2, &strict, &error), &error,
		              IMAGO_EALIGN);
		assert_int_equal(error.offset, 128);
		assert_true(error.found == 0x10000 + unit / 2 && error.limit == unit);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
a_missing_instruction_set_is_refused_by_its_number(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	/* One that no machine has comes last. */
	assert_false(imago_simd_available((imago_simd)(IMAGO_SIMD_AVX512 + 1)));
	for (int number = IMAGO_SIMD_SCALAR; number <= IMAGO_SIMD_AVX512 + 1; number++) {
		const imago_simd simd = (imago_simd)number;
		imago_error error = {0};
		imago_swizzle_options options = {.simd = simd};
		if (!imago_simd_available(simd)) {
			assert_status(imago_swizzle(heap, 0x10000, &options, &error), &error, IMAGO_EUSAGE);
			assert_true(error.found == simd && error.limit == 0);
		}
	}
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
assert_no_error(const imago_heap *heap, imago_allocator *allocator)
{
	imago_check_sink sink;
	imago_error error;
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	assert_int_equal(sink.summary.num_errors, 0);
}

/* A header that counts no slots: 16 bytes, of which 8 hold links. Found by the fuzz target
 * interpret, whose snapshot had a free list that led nowhere. */
static void
links_of_free_chunks_without_slots_move(void **state)
{
	static const char *const names[] = {"spur32", "spur64be"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_walker walker;
		imago_object object;
		imago_heap *rebuilt;
		uint64_t num_links = 0;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(test_layout_find(names[i]), &allocator);
		for (int k = 0; k < 3; k++) {
			imago_builder_add_free_chunk(builder, 16);
		}
		imago_heap *heap = test_finish(builder);
		imago_walk_init(&walker, heap, &error);
		while (imago_walk_next(&walker, &object)) {
			if (object.kind == IMAGO_OBJECT_FREE) {
				uint8_t *header = imago_heap_writable_bytes(heap, object.oop, 8);
				uint64_t word = imago_load_u64(header, heap->layout.byte_order);
				imago_store_u64(header, word & (UINT64_MAX >> 8), heap->layout.byte_order);
				num_links += imago_heap_fetch_slot(heap, &object, 0) != 0;
			}
		}
		assert_int_equal(num_links, 2);
		assert_no_error(heap, &allocator);
		const imago_rebuild_options options = {
		    .layout = heap->layout, .set_base = true, .base = 0x2220000};
		assert_ok(imago_rebuild(&rebuilt, heap, &options, &allocator, NULL, &error), &error);
		assert_no_error(rebuilt, &allocator);
		assert_ok(imago_swizzle(heap, 0x2220000, &strict, &error), &error);
		assert_no_error(heap, &allocator);
		assert_memory_equal(heap->segments[0].bytes, rebuilt->segments[0].bytes,
		                    heap->segments[0].size);
		imago_heap_destroy(rebuilt);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(old_space_may_reach_the_end_of_the_address_space),
	    cmocka_unit_test(links_of_free_chunks_without_slots_move),
	    cmocka_unit_test(a_base_between_units_is_refused_where_the_heap_begins),
	    cmocka_unit_test(a_missing_instruction_set_is_refused_by_its_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
