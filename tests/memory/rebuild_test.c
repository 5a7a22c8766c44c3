/* rebuild_test.c: a rebuild of the same word size keeps what the image means, and the way back
 * gives the same bytes. */
#include "rebuilds.h"

static void
there_and_back_in_order(imago_heap *heap, const test_layout *layout)
{
	imago_layout there = layout->layout;
	there.byte_order = other_order(there.byte_order);
	imago_heap *swapped = rebuild(heap, (imago_rebuild_options){.layout = there}, NULL);
	imago_heap *back = rebuild(swapped, (imago_rebuild_options){.layout = layout->layout}, NULL);
	assert_clean(swapped);
	assert_same_digest(heap, swapped);
	assert_same_heap(heap, back);
	imago_heap_destroy(back);
	imago_heap_destroy(swapped);
}

static void
the_other_byte_order_and_back_gives_the_same_bytes(void **state)
{
	(void)state;
	on_every_heap(there_and_back_in_order);
}

static void
there_and_back_in_base(imago_heap *heap, const test_layout *layout)
{
	(void)layout;
	imago_rebuild_options options = {.set_base = true, .base = FAR_BASE};
	imago_heap *moved = rebuild(heap, options, NULL);
	assert_true(moved->header.old_base_address == FAR_BASE);
	assert_clean(moved);
	assert_same_digest(heap, moved);
	options.base = heap->segments[0].start;
	imago_heap *back = rebuild(moved, options, NULL);
	assert_same_heap(heap, back);
	imago_heap_destroy(back);
	imago_heap_destroy(moved);
}

static void
another_base_and_back_gives_the_same_bytes(void **state)
{
	(void)state;
	on_every_heap(there_and_back_in_base);
}

static void
there_and_back_in_segments(imago_heap *heap, const test_layout *layout)
{
	if (layout->model == IMAGO_V3) {
		return;
	}
	imago_heap *one = rebuild(heap, (imago_rebuild_options){.num_segments = 1}, NULL);
	imago_heap *three = rebuild(one, (imago_rebuild_options){.num_segments = 3, .gap = GAP}, NULL);
	imago_heap *back = rebuild(three, (imago_rebuild_options){.num_segments = 1}, NULL);
	size_t num_perm = heap->segments[heap->num_segments - 1].space == IMAGO_SPACE_PERM;
	assert_int_equal(one->num_segments, 1 + num_perm);
	assert_int_equal(three->num_segments, 3 + num_perm);
	uint64_t third = one->segments[0].size / 3;
	assert_in_range(three->segments[0].size, third, third + third / 2);
	assert_true(three->segments[1].start ==
	            three->segments[0].start + three->segments[0].size + IMAGO_BRIDGE_SIZE + GAP);
	assert_clean(one);
	assert_clean(three);
	assert_same_digest(heap, one);
	assert_same_digest(heap, three);
	assert_same_heap(one, back);
	imago_heap_destroy(back);
	imago_heap_destroy(three);
	imago_heap_destroy(one);
}

static void
three_segments_and_back_to_one_gives_the_same_bytes(void **state)
{
	(void)state;
	on_every_heap(there_and_back_in_segments);
}

/* Reversing bytes alone takes another way through the code than reversing them while addresses
 * move; both must agree. */
static void
in_one_step_or_in_two(imago_heap *heap, const test_layout *layout)
{
	imago_layout there = layout->layout;
	there.byte_order = other_order(there.byte_order);
	imago_rebuild_options base = {.set_base = true, .base = FAR_BASE};
	imago_heap *swapped = rebuild(heap, (imago_rebuild_options){.layout = there}, NULL);
	imago_heap *swapped_moved = rebuild(swapped, base, NULL);
	base.layout = there;
	imago_heap *both = rebuild(heap, base, NULL);
	assert_same_heap(swapped_moved, both);
	imago_heap_destroy(both);
	imago_heap_destroy(swapped_moved);
	imago_heap_destroy(swapped);
}

static void
swapping_and_moving_give_the_same_in_one_step_or_in_two(void **state)
{
	(void)state;
	on_every_heap(in_one_step_or_in_two);
}

static void
copy_is_the_same(imago_heap *heap, const test_layout *layout)
{
	(void)layout;
	imago_heap *copy = rebuild(heap, (imago_rebuild_options){0}, NULL);
	assert_same_heap(heap, copy);
	imago_heap_destroy(copy);
}

static void
without_options_the_rebuild_is_a_copy(void **state)
{
	(void)state;
	on_every_heap(copy_is_the_same);
}

static void
float_flag_follows(imago_heap *heap, const test_layout *layout)
{
	bool platform = imago_format_number_find(layout->image_format)->platform_floats;
	imago_layout there = layout->layout;
	there.byte_order = other_order(there.byte_order);
	imago_rebuild_report report;
	imago_heap *swapped = rebuild(heap, (imago_rebuild_options){.layout = there}, &report);
	assert_false(report.float_order_normalised);
	bool little = there.byte_order == IMAGO_LITTLE_ENDIAN;
	assert_int_equal(imago_heap_floats_low_word_first(swapped), platform && little);
	imago_heap_destroy(swapped);
}

static void
floats_are_in_platform_order_where_the_format_number_says_so(void **state)
{
	(void)state;
	on_every_heap(float_flag_follows);
}

static void
float_flag_that_does_not_fit_is_reported(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	/* The flag that says high word first, and Floats that are so: legal, but odd. */
	imago_layout big = {8, IMAGO_BIG_ENDIAN};
	imago_heap *odd = rebuild(heap, (imago_rebuild_options){.layout = big}, NULL);
	odd->header.flags |= IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
	imago_rebuild_report report;
	imago_heap *little =
	    rebuild(odd, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}}, &report);
	assert_true(report.float_order_normalised);
	assert_same_digest(odd, little);
	imago_heap_destroy(little);
	imago_heap_destroy(odd);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
permanent_space_stays_where_it_is(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = perm_heap(test_layout_find("spur32"), &allocator);
	assert_refused(heap, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}},
	               IMAGO_EUNSUPPORTED, "permanent space in another word size", &error);
	assert_refused(heap,
	               (imago_rebuild_options){.set_base = true, .base = IMAGO_PERM_START_32 - 16},
	               IMAGO_ERANGE, "base", &error);
	imago_heap *three = rebuild(heap, (imago_rebuild_options){.num_segments = 3}, NULL);
	assert_int_equal(three->num_segments, 4);
	assert_true(three->segments[3].start == IMAGO_PERM_START_32);
	imago_heap_destroy(three);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_other_byte_order_and_back_gives_the_same_bytes),
	    cmocka_unit_test(another_base_and_back_gives_the_same_bytes),
	    cmocka_unit_test(three_segments_and_back_to_one_gives_the_same_bytes),
	    cmocka_unit_test(swapping_and_moving_give_the_same_in_one_step_or_in_two),
	    cmocka_unit_test(without_options_the_rebuild_is_a_copy),
	    cmocka_unit_test(floats_are_in_platform_order_where_the_format_number_says_so),
	    cmocka_unit_test(float_flag_that_does_not_fit_is_reported),
	    cmocka_unit_test(permanent_space_stays_where_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
