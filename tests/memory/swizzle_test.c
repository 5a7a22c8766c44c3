/* swizzle_test.c: relocation moves every pointer and nothing else, whatever the instruction set,
 * and a refusal leaves no trace. */
#include "assertions.h"
#include "layouts.h"
#include "pointer_audit.h"
#include "small_image.h"

#include <stdio.h>
#include <string.h>

#include "imago/known_objects.h"
#include "imago/swizzle.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { FAR = 0x240008, STEP = 8 };

static const imago_simd sets[] = {IMAGO_SIMD_SCALAR, IMAGO_SIMD_AVX2, IMAGO_SIMD_AVX512};

static imago_heap *
synthetic_heap(const test_layout *layout, imago_allocator *allocator)
{
	imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_objects = 4000,
	    .num_segments = layout->model == IMAGO_SPUR ? 2 : 1,
	    .gap = layout->model == IMAGO_SPUR ? 4096 : 0,
	    .perm_objects = layout->model == IMAGO_SPUR ? 200 : 0,
	    .seed = 7,
	};
	imago_error error;
	imago_heap *heap = NULL;
	imago_status status = imago_synthetic_make(&heap, &options, allocator, &error);
	if (status == IMAGO_EUNSUPPORTED || status == IMAGO_EUSAGE) { /* perm, or several segments */
		options.perm_objects = 0;
		status = imago_synthetic_make(&heap, &options, allocator, &error);
	}
	assert_ok(status, &error);
	return heap;
}

typedef imago_heap *make_heap_fn(const test_layout *layout, imago_allocator *allocator);
typedef void heap_test_fn(imago_heap *heap, imago_allocator *allocator);

static void
on_heap(make_heap_fn *make, const test_layout *layout, heap_test_fn *test)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = make(layout, &allocator);
	assert_non_null(heap);
	test(heap, &allocator);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
on_every_heap(heap_test_fn *test)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		on_heap(varied_heap, &test_layouts[i], test);
		on_heap(synthetic_heap, &test_layouts[i], test);
		if (i < NUM_SPUR_TEST_LAYOUTS) {
			on_heap(perm_heap, &test_layouts[i], test);
		}
	}
}

static imago_heap *
copy_of(const imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *copy = NULL;
	imago_error error;
	assert_ok(imago_heap_copy(&copy, heap, allocator, &error), &error);
	return copy;
}

static imago_status
swizzle(imago_heap *heap, imago_addr base, imago_simd simd, bool lenient, imago_error *error)
{
	imago_swizzle_options options = {.simd = simd, .lenient = lenient};
	return imago_swizzle(heap, base, &options, error);
}

static void
move(imago_heap *heap, imago_addr base, imago_simd simd)
{
	imago_error error;
	assert_ok(swizzle(heap, base, simd, false, &error), &error);
}

static void
assert_same_bytes(const imago_heap *a, const imago_heap *b)
{
	assert_int_equal(a->num_segments, b->num_segments);
	assert_memory_equal(&a->header, &b->header, sizeof a->header);
	for (size_t i = 0; i < a->num_segments; i++) {
		const imago_segment *left = &a->segments[i];
		const imago_segment *right = &b->segments[i];
		assert_int_equal(left->start, right->start);
		assert_int_equal(left->size, right->size);
		assert_memory_equal(left->bytes, right->bytes, (size_t)(left->size + left->bridge_size));
	}
}

static imago_addr
base_of(const imago_heap *heap)
{
	return heap->segments[0].start;
}

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

/* The word that relocation by distance must leave at a slot. */
static imago_oop
expected_word(const imago_heap *before, imago_oop word, uint64_t distance)
{
	const imago_segment *segment = imago_heap_segment_of(before, word);
	bool moves = imago_oop_is_pointer(before->tagging, word) && segment != NULL &&
	             segment->space == IMAGO_SPACE_OLD;
	return moves ? word + distance : word;
}

/* Walks both heaps side by side and compares every word that may be a pointer. */
static void
assert_moved(const imago_heap *before, const imago_heap *after, uint64_t distance)
{
	imago_walker walker;
	imago_walker moved_walker;
	imago_object object;
	imago_object moved;
	uint64_t num_moved = 0;
	imago_walk_init(&walker, before, NULL);
	imago_walk_init(&moved_walker, after, NULL);
	while (imago_walk_next(&walker, &object)) {
		assert_true(imago_walk_next(&moved_walker, &moved));
		assert_int_equal(moved.num_slots, object.num_slots);
		assert_int_equal(moved.class_index, object.class_index);
		if (object.class_oop != 0) {
			assert_int_equal(moved.class_oop, expected_word(before, object.class_oop, distance));
		}
		uint64_t num_pointers = imago_heap_num_pointer_slots(before, &object);
		bool opaque = object.kind == IMAGO_OBJECT_FREE || object.kind == IMAGO_OBJECT_HIDDEN;
		for (uint64_t i = 0; i < object.num_slots; i++) {
			imago_oop word = imago_heap_fetch_slot(before, &object, i);
			imago_oop now = imago_heap_fetch_slot(after, &moved, i);
			if (i < num_pointers) {
				assert_int_equal(now, expected_word(before, word, distance));
				num_moved += now != word;
			} else if (!opaque) {
				assert_int_equal(now, word);
			}
		}
	}
	assert_false(imago_walk_next(&moved_walker, &moved));
	assert_true(num_moved > 100);
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

/* Puts a word into the num-th pointer slot of ordinary objects; false when there are fewer. */
static bool
plant(imago_heap *heap, uint64_t num, imago_oop word)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		uint64_t num_pointers = imago_heap_num_pointer_slots(heap, &object);
		uint64_t first = object.body_kind == IMAGO_BODY_METHOD ? 1 : 0;
		if (object.kind != IMAGO_OBJECT_ORDINARY || num_pointers <= first) {
			continue;
		}
		if (num < num_pointers - first) {
			imago_heap_store_slot(heap, &object, first + num, word);
			return true;
		}
		num -= num_pointers - first;
	}
	return false;
}

/* An address that no segment holds, before or after the move. */
static imago_oop
wild_address(const imago_heap *heap)
{
	const imago_segment *first = &heap->segments[0];
	return first->start + first->size + 0x4000000;
}

static void
a_wild_pointer_is_refused_in(imago_heap *heap, imago_allocator *allocator)
{
	imago_oop wild = wild_address(heap);
	for (uint64_t num = 0;; num = num * 2 + 3) {
		imago_heap *copy = copy_of(heap, allocator);
		bool planted = plant(copy, num, wild);
		for (size_t i = 0; i < sizeof sets / sizeof sets[0] && planted; i++) {
			imago_error error;
			if (!imago_simd_available(sets[i])) {
				continue;
			}
			imago_heap *victim = copy_of(copy, allocator);
			imago_status status = swizzle(victim, base_of(heap) + STEP, sets[i], false, &error);
			assert_status(status, &error, IMAGO_ESTRUCTURE);
			assert_string_equal(error.what, "pointer out of the heap");
			assert_int_equal(error.found, wild);
			assert_same_bytes(victim, copy);
			assert_ok(swizzle(victim, base_of(heap) + STEP, sets[i], true, &error), &error);
			assert_moved(copy, victim, STEP);
			imago_heap_destroy(victim);
		}
		imago_heap_destroy(copy);
		if (!planted) {
			break;
		}
	}
}

static void
a_wild_pointer_is_refused_and_nothing_is_changed_but_a_lenient_move_leaves_it(void **state)
{
	(void)state;
	on_every_heap(a_wild_pointer_is_refused_in);
}

/* Breaks the last object of the last old segment so that it passes the end. */
static void
break_last_object(imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	imago_object last = {0};
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (heap->segments[object.segment].space == IMAGO_SPACE_OLD) {
			last = object;
		}
	}
	uint8_t *chunk = imago_heap_writable_bytes(heap, last.chunk, 4);
	assert_non_null(chunk);
	if (heap->model == IMAGO_SPUR) {
		uint8_t *bytes = imago_heap_writable_bytes(heap, last.chunk, 8);
		imago_store_u64(bytes, UINT64_MAX, heap->layout.byte_order);
	} else {
		imago_store_u32(chunk, UINT32_C(0x7FFFFFF0), heap->layout.byte_order);
	}
}

static void
a_broken_walk_is_refused_in(imago_heap *heap, imago_allocator *allocator)
{
	break_last_object(heap);
	/* A stray word that looks as if it had been moved before must not be taken back either. */
	imago_oop stray = base_of(heap) + heap->segments[heap->num_segments - 1].size + FAR - 8;
	for (int lenient = 0; lenient < 3; lenient++) {
		imago_error error;
		if (lenient == 2 && !plant(heap, 5, stray)) {
			break;
		}
		imago_heap *before = copy_of(heap, allocator);
		imago_status status =
		    swizzle(heap, base_of(heap) + FAR, IMAGO_SIMD_BEST, lenient > 0, &error);
		assert_status(status, &error, IMAGO_ESTRUCTURE);
		assert_same_bytes(heap, before);
		imago_heap_destroy(before);
	}
}

static void
a_heap_that_cannot_be_walked_is_refused_and_nothing_is_changed(void **state)
{
	(void)state;
	on_every_heap(a_broken_walk_is_refused_in);
}

static void
a_base_is_refused_that_is_unaligned_zero_or_leaves_no_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = i < NUM_SPUR_TEST_LAYOUTS ? perm_heap(&test_layouts[i], &allocator)
		                                             : varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		bool wide = heap->layout.word_bytes == 8;
		imago_addr top = wide ? UINT64_MAX - 7 : UINT64_C(0xFFFFFFF8);
		uint64_t alignment = imago_heap_alignment(heap);
		assert_status(swizzle(heap, base_of(heap) + alignment / 2, IMAGO_SIMD_BEST, false, &error),
		              &error, IMAGO_EALIGN);
		assert_status(swizzle(heap, top, IMAGO_SIMD_BEST, false, &error), &error, IMAGO_ERANGE);
		if (heap->model == IMAGO_SPUR) {
			imago_addr perm = wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
			assert_status(swizzle(heap, 0, IMAGO_SIMD_BEST, false, &error), &error, IMAGO_ERANGE);
			assert_status(swizzle(heap, perm - 16, IMAGO_SIMD_BEST, false, &error), &error,
			              IMAGO_ERANGE);
		}
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
a_borrowed_heap_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	assert_non_null(heap);
	heap->segments[0].writable = NULL;
	assert_status(swizzle(heap, base_of(heap) + 8, IMAGO_SIMD_BEST, false, &error), &error,
	              IMAGO_EUSAGE);
	imago_heap_destroy(heap);
}

static void
special_objects_that_lie_nowhere_are_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	assert_non_null(heap);
	imago_oop wild = wild_address(heap);
	heap->header.special_objects_oop = wild;
	assert_status(swizzle(heap, base_of(heap) + 8, IMAGO_SIMD_BEST, false, &error), &error,
	              IMAGO_ESTRUCTURE);
	assert_ok(swizzle(heap, base_of(heap) + 8, IMAGO_SIMD_BEST, true, &error), &error);
	assert_int_equal(heap->header.special_objects_oop, wild);
	imago_heap_destroy(heap);
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

static void
instruction_sets_have_names_and_one_that_is_missing_is_refused(void **state)
{
	(void)state;
	assert_string_equal(imago_simd_name(IMAGO_SIMD_SCALAR), "scalar");
	assert_string_equal(imago_simd_name(IMAGO_SIMD_AVX2), "avx2");
	assert_string_equal(imago_simd_name(IMAGO_SIMD_AVX512), "avx512");
	assert_true(imago_simd_available(IMAGO_SIMD_BEST));
	assert_true(imago_simd_available(IMAGO_SIMD_SCALAR));
	assert_non_null(imago_simd_name(IMAGO_SIMD_BEST));
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	assert_non_null(heap);
	assert_status(swizzle(heap, base_of(heap), (imago_simd)77, false, &error), &error,
	              IMAGO_EUSAGE);
	imago_heap_destroy(heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(moving_there_and_back_restores_every_byte),
	    cmocka_unit_test(every_instruction_set_moves_the_pointers_and_nothing_else),
	    cmocka_unit_test(moving_by_way_of_another_base_is_moving),
	    cmocka_unit_test(
	        a_wild_pointer_is_refused_and_nothing_is_changed_but_a_lenient_move_leaves_it),
	    cmocka_unit_test(a_heap_that_cannot_be_walked_is_refused_and_nothing_is_changed),
	    cmocka_unit_test(a_base_is_refused_that_is_unaligned_zero_or_leaves_no_room),
	    cmocka_unit_test(a_borrowed_heap_is_refused),
	    cmocka_unit_test(special_objects_that_lie_nowhere_are_refused),
	    cmocka_unit_test(free_lists_and_links_move_along),
	    cmocka_unit_test(
	        links_and_entries_of_an_obj_stack_move_and_what_lies_above_its_top_does_not),
	    cmocka_unit_test(instruction_sets_have_names_and_one_that_is_missing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
