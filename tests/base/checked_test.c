/* checked_test.c: arithmetic at the edges of 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imago/checked.h"

static void
sums_and_products_that_overflow_leave_the_result_alone(void **state)
{
	(void)state;
	uint64_t result = 42;
	assert_false(imago_checked_add(UINT64_MAX, 1, &result));
	assert_false(imago_checked_multiply(UINT64_C(1) << 32, UINT64_C(1) << 32, &result));
	assert_int_equal(result, 42);
	assert_true(imago_checked_add(UINT64_MAX - 1, 1, &result));
	assert_true(result == UINT64_MAX);
	assert_true(imago_checked_multiply(UINT64_C(1) << 32, UINT64_C(1) << 31, &result));
	assert_true(result == UINT64_C(1) << 63);
}

static void
aligning_up_refuses_to_wrap(void **state)
{
	(void)state;
	uint64_t result = 42;
	assert_false(imago_checked_align_up(UINT64_MAX - 6, 8, &result));
	assert_int_equal(result, 42);
	assert_true(imago_checked_align_up(UINT64_MAX - 7, 8, &result));
	assert_true(result == UINT64_MAX - 7);
	assert_true(imago_checked_align_up(1, 8, &result));
	assert_int_equal(result, 8);
	assert_true(imago_checked_align_up(0, 8, &result));
	assert_int_equal(result, 0);
}

static void
a_range_fits_only_when_all_of_it_does(void **state)
{
	(void)state;
	assert_true(imago_range_fits(0, 0, 0));
	assert_true(imago_range_fits(10, 0, 10));
	assert_true(imago_range_fits(2, 8, 10));
	assert_false(imago_range_fits(2, 9, 10));
	assert_false(imago_range_fits(11, 0, 10));
	assert_false(imago_range_fits(UINT64_MAX, 2, 10));
	assert_false(imago_range_fits(2, UINT64_MAX, 10));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_and_products_that_overflow_leave_the_result_alone),
	    cmocka_unit_test(aligning_up_refuses_to_wrap),
	    cmocka_unit_test(a_range_fits_only_when_all_of_it_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
