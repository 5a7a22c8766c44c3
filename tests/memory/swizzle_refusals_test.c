/* swizzle_refusals_test.c: what relocation refuses, and that a refusal leaves no trace. */
#include "swizzles.h"

#include <string.h>

#include "imago/known_objects.h"
#include "imago/walk.h"

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

/* The first address behind the objects of the widest segment: that of its bridge, or nothing. */
static imago_oop
end_of_widest(const imago_heap *heap)
{
	const imago_segment *widest = &heap->segments[0];
	for (size_t i = 1; i < heap->num_segments; i++) {
		if (heap->segments[i].space == IMAGO_SPACE_OLD && heap->segments[i].size > widest->size) {
			widest = &heap->segments[i];
		}
	}
	return widest->start + widest->size;
}

static void
refuse_pointers_to(imago_heap *heap, imago_oop wild, imago_allocator *allocator)
{
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
a_wild_pointer_is_refused_in(imago_heap *heap, imago_allocator *allocator)
{
	refuse_pointers_to(heap, wild_address(heap), allocator);
	refuse_pointers_to(heap, end_of_widest(heap), allocator);
	refuse_pointers_to(heap, base_of(heap) - 8, allocator);
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
	heap->segments[0].offset = 128;
	assert_status(swizzle(heap, base_of(heap) + 8, IMAGO_SIMD_BEST, false, &error), &error,
	              IMAGO_EUSAGE);
	assert_true(error.offset == 128 && error.found == 0 && error.limit == 0);
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

/* Bad pointers among many slots, which the hot loop moves in blocks: the blocks before are taken
 * back.
 */
static void
a_wild_pointer_in_a_long_array_is_refused_and_nothing_is_changed(void **state)
{
	(void)state;
	enum { LENGTH = 20000 };
	static const uint64_t places[] = {0, 4095, 4096, 9001, LENGTH - 1};
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_object object;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		imago_oop array = imago_builder_new_pointers(builder, cls, LENGTH);
		/* Room behind it, so that the hot loop stays in the segment. */
		(void)imago_builder_new_pointers(builder, cls, 100);
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		imago_oop nil = imago_heap_nil(heap);
		assert_ok(imago_heap_decode_object(heap, array, &object, &error), &error);
		for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
			imago_heap_store_slot(heap, &object, places[k], wild_address(heap));
			imago_heap *victim = copy_of(heap, &allocator);
			assert_status(swizzle(victim, base_of(heap) + FAR, IMAGO_SIMD_BEST, false, &error),
			              &error, IMAGO_ESTRUCTURE);
			assert_int_equal(error.found, wild_address(heap));
			assert_same_bytes(victim, heap);
			assert_ok(swizzle(victim, base_of(heap) + FAR, IMAGO_SIMD_BEST, true, &error), &error);
			assert_moved(heap, victim, FAR);
			imago_heap_destroy(victim);
			imago_heap_store_slot(heap, &object, places[k], nil);
		}
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* V3: the class of a long array lies nowhere; and V3 may begin at address 0. */
static void
a_wild_class_word_of_a_long_array_is_refused_and_nothing_is_changed(void **state)
{
	(void)state;
	enum { LENGTH = 5000 };
	for (size_t i = NUM_SPUR_TEST_LAYOUTS; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop list =
		    imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
		                            "List", 0, IMAGO_FORMAT_INDEXABLE);
		imago_oop array = imago_builder_new_pointers(builder, list, LENGTH);
		(void)imago_builder_new_pointers(builder, list, 100);
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		imago_byte_order order = heap->layout.byte_order;
		uint8_t *word = imago_heap_writable_bytes(heap, array - 4, 4);
		uint32_t type = imago_load_u32(word, order) & 3;
		imago_heap *victim = copy_of(heap, &allocator);
		move(victim, 0, IMAGO_SIMD_BEST);
		assert_moved(heap, victim, 0 - base_of(heap));
		imago_heap_destroy(victim);
		imago_store_u32(word, (uint32_t)wild_address(heap) | type, order);
		victim = copy_of(heap, &allocator);
		assert_status(swizzle(victim, base_of(heap) + FAR, IMAGO_SIMD_BEST, false, &error), &error,
		              IMAGO_ESTRUCTURE);
		assert_same_bytes(victim, heap);
		imago_heap_destroy(victim);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* A heap made by hand: permanent space, and nothing before it. */
static void
a_heap_of_permanent_space_alone_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = perm_heap(&test_layouts[0], &allocator);
	assert_non_null(heap);
	imago_segment *segments = heap->segments;
	size_t num_segments = heap->num_segments;
	heap->segments = segments + num_segments - 1;
	heap->num_segments = 1;
	assert_status(swizzle(heap, 4096, IMAGO_SIMD_BEST, true, &error), &error, IMAGO_EUSAGE);
	assert_true(error.offset == heap->segments[0].offset);
	assert_true(error.found == 0 && error.limit == 0);
	heap->segments = segments;
	heap->num_segments = num_segments;
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* Permanent space stays where it is, and so do special objects in it. */
static void
special_objects_in_permanent_space_stay_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = perm_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		imago_oop perm = heap->segments[heap->num_segments - 1].start + 16;
		heap->header.special_objects_oop = perm;
		assert_ok(swizzle(heap, base_of(heap) + FAR, IMAGO_SIMD_BEST, false, &error), &error);
		assert_int_equal(heap->header.special_objects_oop, perm);
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
	    cmocka_unit_test(
	        a_wild_pointer_is_refused_and_nothing_is_changed_but_a_lenient_move_leaves_it),
	    cmocka_unit_test(a_heap_that_cannot_be_walked_is_refused_and_nothing_is_changed),
	    cmocka_unit_test(a_base_is_refused_that_is_unaligned_zero_or_leaves_no_room),
	    cmocka_unit_test(a_borrowed_heap_is_refused),
	    cmocka_unit_test(special_objects_that_lie_nowhere_are_refused),
	    cmocka_unit_test(a_wild_pointer_in_a_long_array_is_refused_and_nothing_is_changed),
	    cmocka_unit_test(a_wild_class_word_of_a_long_array_is_refused_and_nothing_is_changed),
	    cmocka_unit_test(a_heap_of_permanent_space_alone_is_refused),
	    cmocka_unit_test(special_objects_in_permanent_space_stay_there),
	    cmocka_unit_test(instruction_sets_have_names_and_one_that_is_missing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
