/* builder_space_test.c: how built images are laid out: headers, free space, segments, permanent
 * space. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

/* Makes one heap per layout, and releases it. */
typedef imago_heap *make_fn(const test_layout *layout, imago_allocator *allocator);
typedef void look_fn(const test_layout *layout, const imago_heap *heap);

static void
in_every_layout(size_t num_layouts, make_fn *make, look_fn *look)
{
	for (size_t i = 0; i < num_layouts; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = make(&test_layouts[i], &allocator);
		assert_non_null(heap);
		look(&test_layouts[i], heap);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
look_at_header_types(const test_layout *layout, const imago_heap *heap)
{
	(void)layout;
	uint64_t num_of_type[4] = {0};
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		num_of_type[object.v3_type]++;
		uint64_t size = 4 + 4 * object.num_slots;
		uint8_t expected = size > 252 ? 0 : object.class_index != 0 ? 3 : 1;
		assert_int_equal(object.v3_type, expected);
	}
	assert_true(num_of_type[0] >= 5 && num_of_type[1] > 100 && num_of_type[3] > 20);
	assert_int_equal(num_of_type[2], 0);
}

static void
v3_headers_are_as_short_as_they_can_be(void **state)
{
	(void)state;
	for (size_t i = NUM_SPUR_TEST_LAYOUTS; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		look_at_header_types(&test_layouts[i], heap);
		imago_heap_destroy(heap);
	}
}

/* The chunks on one list or tree of free chunks. */
static uint64_t
count_list(const imago_heap *heap, imago_oop head, uint64_t expected_bytes)
{
	uint64_t count = 0;
	for (imago_oop chunk = head; chunk != 0; count++) {
		imago_object object;
		assert_int_equal(imago_heap_decode_object(heap, chunk, &object, NULL), IMAGO_OK);
		assert_int_equal(object.kind, IMAGO_OBJECT_FREE);
		assert_int_equal(object.total_bytes, expected_bytes);
		chunk = imago_heap_fetch_slot(heap, &object, 0);
	}
	return count;
}

static uint64_t
count_tree(const imago_heap *heap, imago_oop root, imago_oop parent, uint64_t low, uint64_t high)
{
	imago_object object;
	if (root == 0) {
		return 0;
	}
	assert_int_equal(imago_heap_decode_object(heap, root, &object, NULL), IMAGO_OK);
	assert_int_equal(imago_heap_fetch_slot(heap, &object, 2), parent);
	assert_true(low < object.total_bytes && object.total_bytes < high);
	return count_list(heap, root, object.total_bytes) +
	       count_tree(heap, imago_heap_fetch_slot(heap, &object, 3), root, low,
	                  object.total_bytes) +
	       count_tree(heap, imago_heap_fetch_slot(heap, &object, 4), root, object.total_bytes,
	                  high);
}

static void
look_at_free_lists(const test_layout *layout, const imago_heap *heap)
{
	imago_known_objects known;
	imago_census census;
	imago_error error;
	uint64_t word_bytes = layout->layout.word_bytes;
	uint64_t num_lists = word_bytes == 8 ? 64 : 32;
	imago_known_objects_find(heap, &known);
	uint64_t count = count_tree(heap, imago_heap_fetch_slot(heap, &known.free_lists, 0), 0,
	                            num_lists * 8 - 1, UINT64_MAX);
	assert_true(count >= 5);
	for (uint64_t i = 1; i < num_lists; i++) {
		count += count_list(heap, imago_heap_fetch_slot(heap, &known.free_lists, i), i * 8);
	}
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_int_equal(count, 12);
	assert_int_equal(census.num_free, 12);
	assert_int_equal(census.num_forwarders, 1);
}

static void
free_lists_lead_to_every_free_chunk(void **state)
{
	(void)state;
	in_every_layout(NUM_SPUR_TEST_LAYOUTS, varied_heap, look_at_free_lists);
}

static void
look_at_segments(const test_layout *layout, const imago_heap *heap)
{
	assert_int_equal(heap->num_segments, 3);
	imago_byte_order order = layout->layout.byte_order;
	const imago_segment *segments = heap->segments;
	uint64_t gaps[] = {0x1000, 0};
	for (size_t i = 0; i < 2; i++) {
		imago_addr end = segments[i].start + segments[i].size + segments[i].bridge_size;
		assert_int_equal(segments[i + 1].start, end + gaps[i]);
		const uint8_t *bridge = segments[i].bytes + segments[i].size;
		assert_int_equal(imago_load_u64(bridge + 8, order), segments[i + 1].size + 16);
		uint64_t first = imago_load_u64(bridge, order);
		if (gaps[i] != 0) {
			assert_int_equal(first >> 56, 255);
			assert_int_equal((first & 0xFFFFFF) * layout->layout.word_bytes, gaps[i]);
		} else {
			assert_int_equal(first >> 56, 0);
			assert_int_equal(first & 0x3FFFFF, IMAGO_CLASS_BRIDGE);
		}
	}
	assert_int_equal(imago_load_u64(segments[2].bytes + segments[2].size + 8, order), 0);
}

static void
segments_are_joined_by_bridges(void **state)
{
	(void)state;
	in_every_layout(NUM_SPUR_TEST_LAYOUTS, varied_heap, look_at_segments);
}

static void
look_at_perm(const test_layout *layout, const imago_heap *heap)
{
	const imago_segment *perm = &heap->segments[heap->num_segments - 1];
	imago_object dummy;
	imago_error error;
	bool wide = layout->layout.word_bytes == 8;
	assert_int_equal(perm->space, IMAGO_SPACE_PERM);
	assert_int_equal(perm->start, wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32);
	assert_int_equal(perm->bridge_size, 0);
	assert_string_equal(perm->part, "permSpace.data");
	assert_ok(imago_heap_decode_chunk(heap, perm->start, &dummy, &error), &error);
	assert_int_equal(dummy.class_index, IMAGO_CLASS_HIDDEN_ARRAY);
	assert_int_equal(dummy.total_bytes, 16);
	assert_int_equal(heap->bridges, IMAGO_BRIDGES_MEMORY);
}

static void
permanent_space_begins_with_its_dummy_at_the_fixed_address(void **state)
{
	(void)state;
	in_every_layout(NUM_SPUR_TEST_LAYOUTS, perm_heap, look_at_perm);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(v3_headers_are_as_short_as_they_can_be),
	    cmocka_unit_test(free_lists_lead_to_every_free_chunk),
	    cmocka_unit_test(segments_are_joined_by_bridges),
	    cmocka_unit_test(permanent_space_begins_with_its_dummy_at_the_fixed_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
