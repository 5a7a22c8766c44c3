/* look_alikes_test.c: words that only look like pointers. Immediates and bits are made that would
 * be addresses of old space but for what they are; moving the heap changes real pointers and
 * nothing else, whatever the instruction set, and whichever place in its vectors a word comes to.
 */
#include "swizzles.h"

#include <string.h>

#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

enum { LONGEST = 20, NUM_OBJECTS = 300, MOST_TOTAL = 1024 };

/* An address of old space that is no object's: what a bit pattern would be taken for. */
static imago_oop
address_near(const imago_heap *heap, uint64_t number)
{
	const imago_segment *segment = &heap->segments[0];
	return segment->start + number * 24 % segment->size / 8 * 8;
}

/* Fills the slots of an object that may hold pointers: half of them point to it, the others are
 * addresses with each tag but that of a pointer. */
static void
fill_slots(imago_heap *heap, const imago_object *object, uint64_t number)
{
	uint64_t num_tags = heap->model == IMAGO_V3 ? 2 : heap->layout.word_bytes == 8 ? 8 : 4;
	for (uint64_t i = 0; i < object->num_slots; i++) {
		uint64_t tag = heap->model == IMAGO_V3 ? 1 : 1 + (number + i) % (num_tags - 1);
		bool points = (number * 7 + i * 3) % 2 == 0;
		imago_heap_store_slot(heap, object, i,
		                      points ? object->oop : address_near(heap, number + i) + tag);
	}
}

static void
fill_bits(imago_heap *heap, const imago_object *object, uint64_t number)
{
	for (uint64_t i = 0; i < object->num_slots; i++) {
		imago_heap_store_slot(heap, object, i, address_near(heap, number + i));
	}
}

/* Arrays and byte arrays of all small lengths, next to one another in ever other orders. */
static imago_heap *
heap_of_look_alikes(const test_layout *layout, imago_allocator *allocator)
{
	imago_builder *builder = test_builder(layout, allocator);
	const imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	const imago_oop bytes = imago_builder_class(builder, IMAGO_KERNEL_BYTE_ARRAY);
	imago_oop oops[NUM_OBJECTS];
	for (uint64_t i = 0; i < NUM_OBJECTS; i++) {
		const uint64_t length = (i * i + i / 3) % LONGEST;
		oops[i] = i * 5 % 8 < 4
		              ? imago_builder_new_pointers(builder, array, length)
		              : imago_builder_new_bits(builder, bytes, length * layout->layout.word_bytes);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	for (uint64_t i = 0; i < NUM_OBJECTS; i++) {
		imago_object object;
		imago_error error;
		assert_ok(imago_heap_decode_object(heap, oops[i], &object, &error), &error);
		if (object.body_kind == IMAGO_BODY_POINTERS) {
			fill_slots(heap, &object, i);
		} else {
			fill_bits(heap, &object, i);
		}
	}
	return heap;
}

static void
expect_only_pointers_moved(imago_heap *heap, imago_allocator *allocator)
{
	for (int i = 0; i < NUM_SETS; i++) {
		if (imago_simd_available(sets[i])) {
			imago_heap *moved = copy_of(heap, allocator);
			move(moved, base_of(heap) + FAR, sets[i]);
			assert_moved(heap, moved, FAR);
			move(moved, base_of(heap), sets[i]);
			assert_same_bytes(heap, moved);
			imago_heap_destroy(moved);
		}
	}
}

/* One word after the other, against the count of many at once. */
static void
expect_only_pointers_counted(imago_heap *heap, imago_allocator *allocator)
{
	(void)allocator;
	imago_census census;
	imago_walker walker;
	imago_object object;
	imago_error error;
	uint64_t num_pointers = 0;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next_general(&walker, &object)) {
		const uint64_t num_slots = imago_heap_num_pointer_slots(heap, &object);
		for (uint64_t i = 0; i < num_slots; i++) {
			const imago_oop word = imago_heap_fetch_slot(heap, &object, i);
			num_pointers += heap->model == IMAGO_V3        ? word % 2 == 0
			                : heap->layout.word_bytes == 8 ? word % 8 == 0
			                                               : word % 4 == 0;
		}
	}
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_int_equal(census.num_pointers, num_pointers);
}

static void
immediates_and_bits_are_neither_moved_nor_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		on_heap(heap_of_look_alikes, &test_layouts[i], expect_only_pointers_moved);
		on_heap(heap_of_look_alikes, &test_layouts[i], expect_only_pointers_counted);
	}
}

/* A free chunk of each size. */
static imago_heap *
heap_of_free_chunks(const test_layout *layout, imago_allocator *allocator)
{
	imago_builder *builder = test_builder(layout, allocator);
	for (uint64_t total = 16; total <= MOST_TOTAL; total += 8) {
		imago_builder_add_free_chunk(builder, total);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

/* A chunk's links: next; previous, where two words fit; parent, smaller, larger in the tree, where
 * chunks are that have no list of their own (spur.md §11): as many lists as a word has bits. */
static uint64_t
num_links(const imago_heap *heap, const imago_object *chunk)
{
	const uint64_t num_lists = 8 * (uint64_t)heap->layout.word_bytes;
	const uint64_t most = chunk->total_bytes / 8 >= num_lists ? 5 : 2;
	return chunk->num_slots < most ? chunk->num_slots : most;
}

static void
expect_only_links_moved(imago_heap *heap, imago_allocator *allocator)
{
	imago_walker walker;
	imago_object chunk;
	uint64_t num_free = 0;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &chunk)) {
		for (uint64_t i = 0; chunk.kind == IMAGO_OBJECT_FREE && i < chunk.num_slots; i++) {
			imago_heap_store_slot(heap, &chunk, i, address_near(heap, i));
		}
		num_free += chunk.kind == IMAGO_OBJECT_FREE;
	}
	assert_true(num_free > MOST_TOTAL / 8 - 2);
	imago_heap *moved = copy_of(heap, allocator);
	move(moved, base_of(heap) + FAR, IMAGO_SIMD_SCALAR);
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &chunk)) {
		imago_object after;
		imago_error error;
		assert_ok(imago_heap_decode_chunk(moved, chunk.chunk + FAR, &after, &error), &error);
		for (uint64_t i = 0; chunk.kind == IMAGO_OBJECT_FREE && i < chunk.num_slots; i++) {
			const imago_oop distance = i < num_links(heap, &chunk) ? FAR : 0;
			assert_int_equal(imago_heap_fetch_slot(moved, &after, i),
			                 imago_heap_fetch_slot(heap, &chunk, i) + distance);
		}
	}
	imago_heap_destroy(moved);
}

static void
of_a_free_chunk_only_the_links_of_its_size_move(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		on_heap(heap_of_free_chunks, &test_layouts[i], expect_only_links_moved);
	}
}

/* A page of an obj stack is a word object of one size that names one of three roots (spur.md §9).
 */
enum { STACK_TOP, STACK_ROOT, STACK_FIRST_LINK };

/* A hidden word object whose words are addresses; as a page it would be full. */
static imago_heap *
heap_with_page(const test_layout *layout, uint64_t num_slots, uint64_t root, imago_oop *page,
               imago_allocator *allocator)
{
	const uint64_t hidden_words = layout->layout.word_bytes == 8 ? 19 : 18;
	imago_object object;
	imago_error error;
	imago_builder *builder = test_builder(layout, allocator);
	*page = imago_builder_new_bits(builder, imago_builder_class(builder, IMAGO_KERNEL_BITMAP),
	                               num_slots * layout->layout.word_bytes / 4);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	assert_ok(imago_heap_decode_object(heap, *page, &object, &error), &error);
	fill_bits(heap, &object, 1);
	imago_heap_store_slot(heap, &object, STACK_TOP, num_slots);
	imago_heap_store_slot(heap, &object, STACK_ROOT, root);
	uint8_t *header = imago_heap_writable_bytes(heap, *page, 8);
	const uint64_t index_bits = (UINT64_C(1) << 22) - 1;
	const uint64_t word = imago_load_u64(header, layout->layout.byte_order);
	imago_store_u64(header, (word & ~index_bits) | hidden_words, layout->layout.byte_order);
	return heap;
}

static void
expect_page(const test_layout *layout, uint64_t num_slots, uint64_t root, bool is_page)
{
	imago_allocator allocator;
	imago_object before;
	imago_object after;
	imago_error error;
	imago_oop page;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = heap_with_page(layout, num_slots, root, &page, &allocator);
	imago_heap *moved = copy_of(heap, &allocator);
	move(moved, base_of(heap) + FAR, IMAGO_SIMD_BEST);
	assert_ok(imago_heap_decode_object(heap, page, &before, &error), &error);
	assert_ok(imago_heap_decode_object(moved, page + FAR, &after, &error), &error);
	for (uint64_t i = 0; i < num_slots; i++) {
		const bool moves = is_page && i >= STACK_FIRST_LINK;
		assert_int_equal(imago_heap_fetch_slot(moved, &after, i),
		                 imago_heap_fetch_slot(heap, &before, i) + (moves ? FAR : 0));
	}
	imago_heap_destroy(moved);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_stack_page_is_known_by_its_size_and_its_root(void **state)
{
	enum { FIRST_ROOT = 4096, NUM_ROOTS = 3 };
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (uint64_t n = 0; n < NUM_ROOTS + 2; n++) {
			expect_page(&test_layouts[i], IMAGO_OBJ_STACK_PAGE_SLOTS, FIRST_ROOT - 1 + n,
			            n >= 1 && n <= NUM_ROOTS);
		}
		expect_page(&test_layouts[i], IMAGO_OBJ_STACK_PAGE_SLOTS - 1, FIRST_ROOT, false);
		expect_page(&test_layouts[i], IMAGO_OBJ_STACK_PAGE_SLOTS + 1, FIRST_ROOT, false);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(immediates_and_bits_are_neither_moved_nor_counted),
	    cmocka_unit_test(of_a_free_chunk_only_the_links_of_its_size_move),
	    cmocka_unit_test(a_stack_page_is_known_by_its_size_and_its_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
