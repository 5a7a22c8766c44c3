/* check_ways_test.c: a check that passes over what is plainly fine, one by two threads, and one
 * that judges every object find the same, in the same order. */
#include "ways.h"

#include <stdlib.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/walk.h"

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Something a slot should not hold, or may. */
static imago_oop
odd_word(const imago_heap *heap, const object_list *list, imago_oop word, uint64_t *state)
{
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	imago_addr some = list->chunks[next_random(state) % list->count];
	switch (next_random(state) % 9) {
	case 0:
		return some;
	case 1:
		return some + 8;
	case 2:
		return some + 4;
	case 3:
		return word ^ (UINT64_C(1) << next_random(state) % (UINT64_C(8) * heap->layout.word_bytes));
	case 4:
		return last->start + last->size + 8 * (next_random(state) % 4);
	case 5:
		return heap->segments[0].start - 8;
	case 6:
		return (word & ~UINT64_C(7)) | (next_random(state) & 7);
	case 7:
		return 0;
	default:
		return word + 8;
	}
}

/* Breaks, or merely changes, something of some object. */
static change
change_something(imago_heap *heap, const object_list *list, uint64_t *state)
{
	imago_object object;
	imago_addr chunk = list->chunks[next_random(state) % list->count];
	change made;
	assert_int_equal(imago_heap_decode_chunk(heap, chunk, &object, NULL), IMAGO_OK);
	bool in_header = next_random(state) % 3 == 0 || object.num_slots == 0;
	uint8_t word_bytes = heap->layout.word_bytes;
	uint64_t bit = next_random(state);
	if (in_header) {
		uint8_t size = heap->model == IMAGO_SPUR ? 8 : 4;
		made = begin_change(heap, chunk, size);
		made.place[bit / 8 % size] ^= (uint8_t)(1 << bit % 8);
		return made;
	}
	uint64_t num_pointers = imago_heap_num_pointer_slots(heap, &object);
	uint64_t limit = num_pointers > 0 && bit % 4 != 0 ? num_pointers : object.num_slots;
	uint64_t slot = bit % 5 == 0 ? 0 : next_random(state) % limit;
	made = begin_change(heap, object.body + slot * word_bytes, word_bytes);
	if (slot == 0 && object.body_kind == IMAGO_BODY_METHOD) {
		made.place[bit / 8 % word_bytes] ^= (uint8_t)(1 << bit % 8);
	} else if (slot >= num_pointers) {
		made.place[bit / 8 % word_bytes] = (uint8_t)(bit >> 32);
	} else {
		imago_oop word = imago_heap_fetch_slot(heap, &object, slot);
		imago_heap_store_slot(heap, &object, slot, odd_word(heap, list, word, state));
	}
	return made;
}

static void
change_and_check(const test_layout *layout, bool large, unsigned num_changes)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = synthetic_heap(layout, large, &allocator);
	object_list list = list_objects(heap);
	uint64_t state = UINT64_C(88172645463325252) + layout->image_format;
	unsigned num_found = 0;
	assert_int_equal(check_all_ways(heap, 0), 0);
	for (unsigned i = 0; i < num_changes; i++) {
		change made = change_something(heap, &list, &state);
		num_found += check_all_ways(heap, 0) > 0;
		restore(&made);
	}
	assert_int_equal(check_all_ways(heap, 0), 0);
	assert_true(num_found > num_changes / 4);
	free(list.chunks);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
one_change_in_a_small_heap_is_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		change_and_check(&test_layouts[i], false, i < NUM_SPUR_TEST_LAYOUTS ? 120 : 20);
	}
}

static void
one_change_in_a_heap_for_two_threads_is_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		change_and_check(&test_layouts[i], true, 10);
	}
}

/* So many that the second thread's room does not suffice. */
static void
many_changes_are_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(&test_layouts[i], true, &allocator);
		imago_addr nowhere = heap->segments[0].start - 8;
		imago_walker walker;
		imago_object object;
		uint64_t num_broken = 0;
		imago_walk_init(&walker, heap, NULL);
		while (imago_walk_next(&walker, &object)) {
			uint64_t num_pointers = imago_heap_num_pointer_slots(heap, &object);
			if (object.kind == IMAGO_OBJECT_ORDINARY && num_pointers > 1 &&
			    object.oop > heap->segments[0].start + 0x30000) {
				imago_heap_store_slot(heap, &object, num_pointers - 1, nowhere);
				num_broken++;
			}
		}
		assert_true(num_broken > 4000);
		assert_true(check_all_ways(heap, 0) >= num_broken);
		assert_int_equal(check_all_ways(heap, 100), 100);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* The second thread begins among what looks like objects, and marks them; the first one never
 * comes there. */
static void
a_walk_that_never_meets_the_second_one_is_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(&test_layouts[i], true, &allocator);
		object_list list = list_objects(heap);
		swallow(heap, list.chunks[list.count * 40 / 100], list.chunks[list.count * 70 / 100]);
		assert_true(check_all_ways(heap, 0) > 1000);
		free(list.chunks);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
a_walk_that_breaks_off_is_judged_alike(void **state)
{
	(void)state;
	static const unsigned places[] = {10, 45, 50, 55, 90};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(&test_layouts[i], true, &allocator);
		object_list list = list_objects(heap);
		for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
			imago_addr chunk = list.chunks[list.count * places[j] / 100];
			change made = begin_change(heap, chunk, 8);
			memset(made.place, 0xFF, 8);
			assert_true(check_all_ways(heap, 0) > 0);
			restore(&made);
		}
		free(list.chunks);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
heaps_with_everything_in_them_are_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		assert_int_equal(check_all_ways(heap, 0), 0);
		imago_heap_destroy(heap);
		if (i < NUM_SPUR_TEST_LAYOUTS) {
			heap = perm_heap(&test_layouts[i], &allocator);
			assert_non_null(heap);
			assert_int_equal(check_all_ways(heap, 0), 0);
			imago_heap_destroy(heap);
		}
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heaps_with_everything_in_them_are_judged_alike),
	    cmocka_unit_test(one_change_in_a_small_heap_is_judged_alike),
	    cmocka_unit_test(one_change_in_a_heap_for_two_threads_is_judged_alike),
	    cmocka_unit_test(many_changes_are_judged_alike),
	    cmocka_unit_test(a_walk_that_never_meets_the_second_one_is_judged_alike),
	    cmocka_unit_test(a_walk_that_breaks_off_is_judged_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
