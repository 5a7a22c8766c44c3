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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
