/* bitmap_test.c: single bits, searches and counts against a plain array of booleans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "imago/bitmap.h"

enum { NUM_BITS = 523 }; /* not a multiple of 64, more than one word */

static void
bits_agree_with_an_array_of_booleans(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_bitmap bitmap;
	bool model[NUM_BITS] = {false};
	uint32_t random = 1;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_bitmap_create(&bitmap, NUM_BITS, &allocator, NULL), IMAGO_OK);
	for (int step = 0; step < 2000; step++) {
		random = random * 1664525 + 1013904223;
		uint64_t bit = (random >> 8) % NUM_BITS;
		bool set = (random >> 30) == 0;
		model[bit] = set;
		(set ? imago_bitmap_set : imago_bitmap_clear)(&bitmap, bit);
	}
	uint64_t count = 0;
	uint64_t next = NUM_BITS;
	for (uint64_t bit = NUM_BITS; bit-- > 0;) {
		assert_int_equal(imago_bitmap_test(&bitmap, bit), model[bit]);
		next = model[bit] ? bit : next;
		count += model[bit];
		assert_int_equal(imago_bitmap_next(&bitmap, bit), next);
	}
	assert_int_equal(imago_bitmap_count(&bitmap), count);
	assert_int_equal(imago_bitmap_next(&bitmap, NUM_BITS), NUM_BITS);
	assert_int_equal(imago_bitmap_next(&bitmap, UINT64_MAX), NUM_BITS);
	imago_bitmap_release(&bitmap, &allocator);
	assert_int_equal(allocator.used, 0);
}

static void
a_bitmap_over_budget_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_bitmap bitmap;
	imago_error error = {0};
	imago_allocator_init(&allocator, 63);
	assert_int_equal(imago_bitmap_create(&bitmap, NUM_BITS, &allocator, &error), IMAGO_ENOMEM);
	assert_string_equal(error.what, "bitmap");
	imago_bitmap_release(&bitmap, &allocator);
	assert_int_equal(imago_bitmap_create(&bitmap, UINT64_MAX, &allocator, &error), IMAGO_ENOMEM);
}

static void
a_bitmap_without_bits_finds_none(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_bitmap bitmap;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_bitmap_create(&bitmap, 0, &allocator, NULL), IMAGO_OK);
	assert_int_equal(imago_bitmap_next(&bitmap, 0), 0);
	assert_int_equal(imago_bitmap_count(&bitmap), 0);
	imago_bitmap_release(&bitmap, &allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bits_agree_with_an_array_of_booleans),
	    cmocka_unit_test(a_bitmap_over_budget_is_refused),
	    cmocka_unit_test(a_bitmap_without_bits_finds_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
