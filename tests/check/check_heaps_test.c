/* check_heaps_test.c: heaps that no file holds: made by hand, or with bridges as in a running VM.
 */
#include "assertions.h"

#include <string.h>

#include "imago/byte_order.h"
#include "imago/check.h"
#include "imago/walk.h"

#include "layouts.h"
#include "small_image.h"

enum { MOST_FINDINGS = 8, HALF = 8 };

typedef struct findings {
	imago_finding all[MOST_FINDINGS];
	size_t count;
} findings;

static bool
collect(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	assert_true(list->count < MOST_FINDINGS);
	list->all[list->count++] = *finding;
	return true;
}

static findings
findings_of(const imago_heap *heap, imago_allocator *allocator)
{
	findings list = {.count = 0};
	imago_check_sink sink;
	imago_error error;
	imago_check_sink_init(&sink, NULL, collect, &list);
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	return list;
}

static void
assert_only(const findings *list, const char *rule)
{
	for (size_t i = 1; i < list->count; i++) {
		print_error("also: %s of 0x%llx slot %lld\n", list->all[i].rule->name,
		            (unsigned long long)list->all[i].oop, (long long)list->all[i].slot);
	}
	assert_int_equal(list->count, 1);
	assert_string_equal(list->all[0].rule->name, rule);
}

static uint8_t *
bridge_of(imago_heap *heap, size_t segment)
{
	return heap->segments[segment].writable + heap->segments[segment].size;
}

/* The second bridge spans no gap and stands without an overflow word. */
static void
a_bridge_without_a_count_before_a_gap_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		memcpy(bridge_of(heap, 0), bridge_of(heap, 1), HALF);
		findings list = findings_of(heap, &allocator);
		assert_only(&list, "segment.bridgeSpan");
		assert_int_equal(list.all[0].found, 0);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
a_bridge_in_memory_style_is_judged_in_both_halves(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_byte_order order = test_layouts[i].layout.byte_order;
		imago_allocator allocator;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		assert_ok(imago_heap_set_bridges(heap, IMAGO_BRIDGES_MEMORY, &error), &error);
		findings list = findings_of(heap, &allocator);
		assert_int_equal(list.count, 0);
		uint8_t *second = bridge_of(heap, 0) + HALF;
		imago_store_u64(second, imago_load_u64(second, order) + 1, order); /* another class */
		list = findings_of(heap, &allocator);
		assert_only(&list, "segment.bridgeHeader");
		assert_int_equal(list.all[0].offset,
		                 heap->segments[0].offset + heap->segments[0].size + HALF);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
a_segment_without_a_bridge_has_none_to_judge(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		heap->segments[0].bridge_size = 0;
		heap->header.data_size -= IMAGO_BRIDGE_SIZE;
		heap->header.first_segment_size -= IMAGO_BRIDGE_SIZE;
		findings list = findings_of(heap, &allocator);
		assert_int_equal(list.count, 0);
		heap->segments[0].bridge_size = IMAGO_BRIDGE_SIZE;
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* A heap made by hand need not say for which dialect it is. */
static void
a_heap_without_a_format_number_is_judged_as_the_newest(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		heap->header.image_format = 0;
		findings list = findings_of(heap, &allocator);
		assert_int_equal(list.count, 0);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* Nobody knows what lies behind a chunk that does not end in its segment, so nobody says anything
 * of pointers that lead there: not as a root, nor a class, nor a slot. */
static void
what_lies_behind_a_chunk_without_end_is_not_judged(void **state)
{
	(void)state;
	enum { EVERY = 3 };
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_walker walker;
		imago_object object;
		size_t number = 0;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		imago_walk_init(&walker, heap, NULL);
		while (imago_walk_next(&walker, &object)) {
			uint8_t saved[HALF];
			uint8_t *header = imago_heap_writable_bytes(heap, object.chunk, HALF);
			if (number++ % EVERY != 0) {
				continue;
			}
			memcpy(saved, header, HALF);
			imago_store_u64(header, UINT64_MAX, heap->layout.byte_order);
			findings list = findings_of(heap, &allocator);
			memcpy(header, saved, HALF);
			bool was_long = object.oop != object.chunk;
			assert_only(&list, was_long ? "object.pastSegmentEnd" : "object.overflowHeader");
		}
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bridge_without_a_count_before_a_gap_is_found),
	    cmocka_unit_test(a_bridge_in_memory_style_is_judged_in_both_halves),
	    cmocka_unit_test(a_segment_without_a_bridge_has_none_to_judge),
	    cmocka_unit_test(a_heap_without_a_format_number_is_judged_as_the_newest),
	    cmocka_unit_test(what_lies_behind_a_chunk_without_end_is_not_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
