/* allocator_test.c: the byte budget, and failing on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imago/allocator.h"

static void
memory_is_zeroed_counted_and_given_back(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, 1000);
	uint8_t *block = imago_allocate(&allocator, 100, "block", NULL);
	assert_non_null(block);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(block[i], 0);
	}
	assert_int_equal(allocator.used, 100);
	imago_release(&allocator, block, 100);
	assert_int_equal(allocator.used, 0);
	assert_int_equal(allocator.peak, 100);
}

static void
the_budget_is_refused_by_name_before_the_system_is_asked(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error = {0};
	imago_allocator_init(&allocator, 1000);
	void *block = imago_allocate(&allocator, 900, "block", &error);
	assert_null(imago_allocate(&allocator, UINT64_MAX, "huge", &error));
	assert_int_equal(error.status, IMAGO_ENOMEM);
	assert_string_equal(error.what, "huge");
	assert_int_equal(error.limit, 100);
	assert_null(imago_allocate(&allocator, 101, "one too many", &error));
	assert_int_equal(error.found, 101);
	imago_release(&allocator, block, 900);
}

static void
a_product_that_overflows_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	uint64_t half = UINT64_C(1) << 63;
	assert_null(imago_allocate_array(&allocator, half, 4, "array", &error));
	assert_int_equal(error.status, IMAGO_ENOMEM);
	assert_int_equal(allocator.used, 0);
}

static void
resizing_keeps_the_contents_and_zeroes_what_is_new(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, 1000);
	uint8_t *block = imago_allocate(&allocator, 4, "block", NULL);
	memset(block, 7, 4);
	block = imago_resize(&allocator, block, 4, 600, "block", NULL);
	assert_int_equal(block[3], 7);
	assert_int_equal(block[4], 0);
	assert_int_equal(block[599], 0);
	assert_int_equal(allocator.used, 600);
	assert_null(imago_resize(&allocator, block, 600, 1001, "block", NULL));
	assert_int_equal(block[3], 7);
	block = imago_resize(&allocator, block, 600, 2, "block", NULL);
	assert_int_equal(allocator.used, 2);
	imago_release(&allocator, block, 2);
}

static void
the_named_call_fails_and_only_that(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	allocator.fail_at = 2;
	void *first = imago_allocate(&allocator, 8, "first", NULL);
	assert_non_null(first);
	assert_null(imago_allocate(&allocator, 8, "second", NULL));
	void *third = imago_allocate(&allocator, 8, "third", NULL);
	assert_non_null(third);
	assert_int_equal(allocator.num_calls, 3);
	imago_release(&allocator, first, 8);
	imago_release(&allocator, third, 8);
	assert_int_equal(allocator.used, 0);
}

static void
an_empty_block_can_be_released(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, 0);
	void *block = imago_allocate(&allocator, 0, "nothing", NULL);
	assert_non_null(block);
	imago_release(&allocator, block, 0);
	imago_release(&allocator, NULL, 0);
}

/* More than any machine has: without a budget it is the system that refuses. */
static void
what_the_system_refuses_is_not_counted(void **state)
{
	(void)state;
	const uint64_t too_much = UINT64_C(1) << 60;
	imago_allocator allocator;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_null(imago_allocate(&allocator, too_much, "more than all", &error));
	assert_int_equal(error.status, IMAGO_ENOMEM);
	assert_int_equal(allocator.used, 0);
	uint8_t *block = imago_allocate(&allocator, 10, "block", &error);
	assert_non_null(block);
	block[9] = 7;
	assert_null(imago_resize(&allocator, block, 10, too_much, "more than all", &error));
	assert_string_equal(error.what, "more than all");
	assert_int_equal(allocator.used, 10);
	assert_int_equal(block[9], 7);
	imago_release(&allocator, block, 10);
	assert_int_equal(allocator.used, 0);
}

static void
a_block_can_shrink_to_nothing(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	uint8_t *block = imago_allocate(&allocator, 10, "block", NULL);
	block = imago_resize(&allocator, block, 10, 0, "nothing", NULL);
	assert_non_null(block);
	assert_int_equal(allocator.used, 0);
	imago_release(&allocator, block, 0);
}

/* Blocks of many megabytes are asked for differently (huge pages), and hold zeros all the same. */
static void
a_large_block_is_zeroed_too(void **state)
{
	(void)state;
	const uint64_t size = (UINT64_C(17) << 20) + 5;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	uint8_t *block = imago_allocate(&allocator, size, "large block", NULL);
	assert_non_null(block);
	uint8_t sum = 0;
	for (uint64_t i = 0; i < size; i++) {
		sum |= block[i];
	}
	assert_int_equal(sum, 0);
	imago_release(&allocator, block, size);
	assert_int_equal(allocator.used, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_is_zeroed_counted_and_given_back),
	    cmocka_unit_test(the_budget_is_refused_by_name_before_the_system_is_asked),
	    cmocka_unit_test(a_product_that_overflows_is_refused),
	    cmocka_unit_test(resizing_keeps_the_contents_and_zeroes_what_is_new),
	    cmocka_unit_test(the_named_call_fails_and_only_that),
	    cmocka_unit_test(an_empty_block_can_be_released),
	    cmocka_unit_test(what_the_system_refuses_is_not_counted),
	    cmocka_unit_test(a_block_can_shrink_to_nothing),
	    cmocka_unit_test(a_large_block_is_zeroed_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
