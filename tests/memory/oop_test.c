/* oop_test.c: the three tag schemes (spur.md §7, v3.md §3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imago/oop.h"

static uint64_t
bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static void
tags_tell_the_kind_in_each_scheme(void **state)
{
	(void)state;
	static const struct {
		imago_tagging tagging;
		imago_oop oop;
		imago_oop_kind kind;
	} rows[] = {
	    {IMAGO_TAGGING_SPUR32, 0x1000, IMAGO_OOP_POINTER},
	    {IMAGO_TAGGING_SPUR32, 0x1004, IMAGO_OOP_POINTER},
	    {IMAGO_TAGGING_SPUR32, 0x1001, IMAGO_OOP_INTEGER},
	    {IMAGO_TAGGING_SPUR32, 0x1003, IMAGO_OOP_INTEGER},
	    {IMAGO_TAGGING_SPUR32, 0x1002, IMAGO_OOP_CHARACTER},
	    {IMAGO_TAGGING_SPUR64, 0x1000, IMAGO_OOP_POINTER},
	    {IMAGO_TAGGING_SPUR64, 0x1001, IMAGO_OOP_INTEGER},
	    {IMAGO_TAGGING_SPUR64, 0x1002, IMAGO_OOP_CHARACTER},
	    {IMAGO_TAGGING_SPUR64, 0x1003, IMAGO_OOP_INVALID},
	    {IMAGO_TAGGING_SPUR64, 0x1004, IMAGO_OOP_FLOAT},
	    {IMAGO_TAGGING_SPUR64, 0x1005, IMAGO_OOP_INVALID},
	    {IMAGO_TAGGING_SPUR64, 0x1006, IMAGO_OOP_INVALID},
	    {IMAGO_TAGGING_SPUR64, 0x1007, IMAGO_OOP_INVALID},
	    {IMAGO_TAGGING_V3, 0x1002, IMAGO_OOP_POINTER},
	    {IMAGO_TAGGING_V3, 0x1001, IMAGO_OOP_INTEGER},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(imago_oop_kind_of(rows[i].tagging, rows[i].oop), rows[i].kind);
		assert_int_equal(imago_oop_is_pointer(rows[i].tagging, rows[i].oop),
		                 rows[i].kind == IMAGO_OOP_POINTER);
	}
}

static void
integers_come_back_and_the_first_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	static const struct {
		imago_tagging tagging;
		int64_t min, max;
	} rows[] = {
	    {IMAGO_TAGGING_SPUR32, -(INT64_C(1) << 30), (INT64_C(1) << 30) - 1},
	    {IMAGO_TAGGING_V3, -(INT64_C(1) << 30), (INT64_C(1) << 30) - 1},
	    {IMAGO_TAGGING_SPUR64, -(INT64_C(1) << 60), (INT64_C(1) << 60) - 1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const int64_t values[] = {rows[i].min, rows[i].min + 1, -1, 0, 1, rows[i].max};
		imago_oop oop = 0;
		for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
			assert_true(imago_oop_from_integer(rows[i].tagging, values[k], &oop));
			assert_int_equal(imago_oop_kind_of(rows[i].tagging, oop), IMAGO_OOP_INTEGER);
			assert_true(imago_oop_integer(rows[i].tagging, oop) == values[k]);
		}
		oop = 77;
		assert_false(imago_oop_from_integer(rows[i].tagging, rows[i].min - 1, &oop));
		assert_false(imago_oop_from_integer(rows[i].tagging, rows[i].max + 1, &oop));
		assert_false(imago_oop_from_integer(rows[i].tagging, INT64_MIN, &oop));
		assert_int_equal(oop, 77);
	}
}

static void
a_32_bit_integer_has_no_bits_above_its_word(void **state)
{
	(void)state;
	imago_oop oop;
	assert_true(imago_oop_from_integer(IMAGO_TAGGING_SPUR32, -1, &oop));
	assert_true(oop == UINT32_MAX);
}

static void
characters_come_back_and_31_bit_codes_do_not_fit_32_bits(void **state)
{
	(void)state;
	imago_oop oop;
	assert_true(imago_oop_from_character(IMAGO_TAGGING_SPUR32, 0x1F600, &oop));
	assert_int_equal(imago_oop_kind_of(IMAGO_TAGGING_SPUR32, oop), IMAGO_OOP_CHARACTER);
	assert_int_equal(imago_oop_character(IMAGO_TAGGING_SPUR32, oop), 0x1F600);
	assert_false(imago_oop_from_character(IMAGO_TAGGING_SPUR32, 1u << 30, &oop));
	assert_true(imago_oop_from_character(IMAGO_TAGGING_SPUR64, UINT32_MAX, &oop));
	assert_int_equal(imago_oop_character(IMAGO_TAGGING_SPUR64, oop), UINT32_MAX);
	assert_false(imago_oop_from_character(IMAGO_TAGGING_V3, 'a', &oop));
}

static void
zeros_are_the_oops_that_the_format_names(void **state)
{
	(void)state;
	imago_oop oop;
	assert_true(imago_oop_from_float_bits(IMAGO_TAGGING_SPUR64, bits_of(0.0), &oop));
	assert_int_equal(oop, 4);
	assert_true(imago_oop_from_float_bits(IMAGO_TAGGING_SPUR64, bits_of(-0.0), &oop));
	assert_int_equal(oop, 12);
}

static void
every_float_exponent_comes_back_or_is_refused_as_the_format_says(void **state)
{
	(void)state;
	static const uint64_t mantissas[] = {0, 1, UINT64_C(0x8000000000000),
	                                     UINT64_C(0xFFFFFFFFFFFFF)};
	for (uint64_t exponent = 0; exponent < 2048; exponent++) {
		for (size_t i = 0; i < 2 * sizeof mantissas / sizeof mantissas[0]; i++) {
			uint64_t bits = exponent << 52 | mantissas[i / 2] | (uint64_t)(i & 1) << 63;
			bool zero = (bits & (UINT64_MAX >> 1)) == 0;
			bool fits = zero || (exponent >= 897 && exponent <= 1151) ||
			            (exponent == 896 && mantissas[i / 2] != 0);
			imago_oop oop;
			assert_int_equal(imago_oop_from_float_bits(IMAGO_TAGGING_SPUR64, bits, &oop), fits);
			if (fits) {
				assert_int_equal(imago_oop_kind_of(IMAGO_TAGGING_SPUR64, oop), IMAGO_OOP_FLOAT);
				assert_true(imago_oop_float_bits(oop) == bits);
			}
			assert_false(imago_oop_from_float_bits(IMAGO_TAGGING_SPUR32, bits, &oop));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_tell_the_kind_in_each_scheme),
	    cmocka_unit_test(integers_come_back_and_the_first_that_does_not_fit_is_refused),
	    cmocka_unit_test(a_32_bit_integer_has_no_bits_above_its_word),
	    cmocka_unit_test(characters_come_back_and_31_bit_codes_do_not_fit_32_bits),
	    cmocka_unit_test(zeros_are_the_oops_that_the_format_names),
	    cmocka_unit_test(every_float_exponent_comes_back_or_is_refused_as_the_format_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
