/* swizzle_test.c: relocation moves every pointer and nothing else, whatever the instruction set. */
#include "pointer_audit.h"
#include "swizzles.h"

#include <string.h>

#include "imago/known_objects.h"
#include "imago/walk.h"

static void
there_and_back(imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *original = copy_of(heap, allocator);
	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		if (!imago_simd_available(sets[i])) {
			continue;
		}
		move(heap, base_of(original) + FAR, sets[i]);
		assert_int_equal(heap->header.old_base_address, base_of(original) + FAR);
		pointer_audit audit = pointer_audit_of(heap);
		assert_true(audit.walked);
		assert_int_equal(audit.num_dangling, 0);
		assert_int_equal(audit.num_classless, 0);
		move(heap, base_of(original), sets[i]);
		assert_same_bytes(heap, original);
	}
	imago_heap_destroy(original);
}

static void
moving_there_and_back_restores_every_byte(void **state)
{
	(void)state;
	on_every_heap(there_and_back);
}

static void
every_set_moves_alike(imago_heap *heap, imago_allocator *allocator)
{
	imago_addr base = base_of(heap) + FAR;
	imago_heap *scalar = copy_of(heap, allocator);
	move(scalar, base, IMAGO_SIMD_SCALAR);
	assert_moved(heap, scalar, FAR);
	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		if (imago_simd_available(sets[i])) {
			imago_heap *copy = copy_of(heap, allocator);
			move(copy, base, sets[i]);
			assert_same_bytes(copy, scalar);
			imago_heap_destroy(copy);
		}
	}
	imago_heap_destroy(scalar);
}

static void
every_instruction_set_moves_the_pointers_and_nothing_else(void **state)
{
	(void)state;
	on_every_heap(every_set_moves_alike);
}

static void
a_detour_leaves_no_trace_in(imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *direct = copy_of(heap, allocator);
	move(direct, base_of(heap) + FAR, IMAGO_SIMD_BEST);
	move(heap, base_of(heap) + STEP, IMAGO_SIMD_BEST);
	move(heap, base_of(heap) - STEP + FAR, IMAGO_SIMD_BEST);
	assert_same_bytes(heap, direct);
	imago_heap_destroy(direct);
}

static void
moving_by_way_of_another_base_is_moving(void **state)
{
	(void)state;
	on_every_heap(a_detour_leaves_no_trace_in);
}

/* The free lists and links of a heap as distances from its base, in the order of the lists. */
static size_t
collect_links(const imago_heap *heap, uint64_t *links, size_t capacity)
{
	imago_known_objects known;
	imago_walker walker;
	imago_object object;
	size_t count = 0;
	imago_known_objects_find(heap, &known);
	for (uint64_t i = 0; i < known.free_lists.num_slots && count < capacity; i++) {
		imago_oop head = imago_heap_fetch_slot(heap, &known.free_lists, i);
		links[count++] = head != 0 ? head - base_of(heap) : 1;
	}
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		uint64_t large = heap->layout.word_bytes == 8 ? 512 : 256;
		uint64_t num_links = object.total_bytes >= large ? 5 : 2;
		for (uint64_t i = 0; object.kind == IMAGO_OBJECT_FREE && i < num_links; i++) {
			if (i < object.num_slots && count < capacity) {
				imago_oop link = imago_heap_fetch_slot(heap, &object, i);
				links[count++] = link != 0 ? link - base_of(heap) : 1;
			}
		}
	}
	return count;
}

static void
free_lists_and_links_move_along(void **state)
{
	(void)state;
	enum { CAPACITY = 4096 };
	static uint64_t before[CAPACITY];
	static uint64_t after[CAPACITY];
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		size_t count = collect_links(heap, before, CAPACITY);
		move(heap, base_of(heap) + FAR, IMAGO_SIMD_BEST);
		assert_int_equal(collect_links(heap, after, CAPACITY), count);
		assert_memory_equal(after, before, count * sizeof before[0]);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* Makes the last object of the heap an obj stack page with two entries: the object before it, and
 * an integer. */
static imago_heap *
heap_with_stack_page(const test_layout *layout, imago_allocator *allocator, imago_object *page)
{
	imago_builder *builder = test_builder(layout, allocator);
	imago_oop cls =
	    imago_builder_class(builder, layout->layout.word_bytes == 8 ? IMAGO_KERNEL_DOUBLE_WORD_ARRAY
	                                                                : IMAGO_KERNEL_BITMAP);
	imago_oop oop = imago_builder_new_bits(builder, cls, IMAGO_OBJ_STACK_PAGE_SLOTS);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	assert_int_equal(imago_heap_decode_object(heap, oop, page, NULL), IMAGO_OK);
	uint8_t *header = imago_heap_writable_bytes(heap, oop, 8);
	uint64_t word = imago_load_u64(header, heap->layout.byte_order) & ~UINT64_C(0x3FFFFF);
	word |= layout->layout.word_bytes == 8 ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32;
	imago_store_u64(header, word, heap->layout.byte_order);
	imago_heap_store_slot(heap, page, 0, 2);
	imago_heap_store_slot(heap, page, 1, IMAGO_FIRST_PRIVATE_ROOT);
	imago_heap_store_slot(heap, page, 3, oop);
	imago_heap_store_slot(heap, page, 4, base_of(heap));
	imago_heap_store_slot(heap, page, 5, 9);
	imago_heap_store_slot(heap, page, 6, base_of(heap));
	return heap;
}

static void
links_and_entries_of_an_obj_stack_move_and_what_lies_above_its_top_does_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_object page;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = heap_with_stack_page(&test_layouts[i], &allocator, &page);
		imago_addr base = base_of(heap);
		imago_oop oop = page.oop;
		move(heap, base + FAR, IMAGO_SIMD_BEST);
		assert_int_equal(imago_heap_decode_object(heap, oop + FAR, &page, NULL), IMAGO_OK);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 0), 2);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 1), IMAGO_FIRST_PRIVATE_ROOT);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 2), 0);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 3), oop + FAR);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 4), base + FAR);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 5), 9);
		assert_int_equal(imago_heap_fetch_slot(heap, &page, 6), base);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(moving_there_and_back_restores_every_byte),
	    cmocka_unit_test(every_instruction_set_moves_the_pointers_and_nothing_else),
	    cmocka_unit_test(moving_by_way_of_another_base_is_moving),
	    cmocka_unit_test(free_lists_and_links_move_along),
	    cmocka_unit_test(
	        links_and_entries_of_an_obj_stack_move_and_what_lies_above_its_top_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
