/* byte_order_test.c: integers from and to bytes in both orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imago/byte_order.h"

static const uint8_t bytes[8] = {0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88};

static void
loads_follow_the_order_they_are_given(void **state)
{
	(void)state;
	assert_int_equal(imago_load_u16(bytes, IMAGO_LITTLE_ENDIAN), 0x8201);
	assert_int_equal(imago_load_u16(bytes, IMAGO_BIG_ENDIAN), 0x0182);
	assert_int_equal(imago_load_u32(bytes, IMAGO_LITTLE_ENDIAN), 0x84038201u);
	assert_int_equal(imago_load_u32(bytes, IMAGO_BIG_ENDIAN), 0x01820384u);
	assert_true(imago_load_u64(bytes, IMAGO_LITTLE_ENDIAN) == UINT64_C(0x8807860584038201));
	assert_true(imago_load_u64(bytes, IMAGO_BIG_ENDIAN) == UINT64_C(0x0182038405860788));
}

static void
a_word_has_the_size_of_its_layout(void **state)
{
	(void)state;
	imago_layout narrow = {4, IMAGO_BIG_ENDIAN};
	imago_layout wide = {8, IMAGO_LITTLE_ENDIAN};
	assert_int_equal(imago_load_word(bytes, narrow), 0x01820384u);
	assert_true(imago_load_word(bytes, wide) == UINT64_C(0x8807860584038201));
}

static void
what_is_stored_is_loaded_again_at_any_alignment(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		for (int shift = 0; shift < 8; shift++) {
			uint8_t room[16] = {0};
			imago_byte_order byte_order = (imago_byte_order)order;
			imago_store_u64(room + shift, UINT64_C(0x0182038405860788), byte_order);
			assert_true(imago_load_u64(room + shift, byte_order) == UINT64_C(0x0182038405860788));
			imago_store_u32(room + shift, 0x81020304, byte_order);
			assert_int_equal(imago_load_u32(room + shift, byte_order), 0x81020304u);
			imago_store_u16(room + shift, 0x8102, byte_order);
			assert_int_equal(imago_load_u16(room + shift, byte_order), 0x8102);
		}
	}
}

static void
a_narrow_word_is_cut_and_touches_four_bytes_only(void **state)
{
	(void)state;
	uint8_t room[8];
	memset(room, 0xEE, sizeof room);
	imago_layout narrow = {4, IMAGO_LITTLE_ENDIAN};
	imago_store_word(room, UINT64_C(0x1122334455667788), narrow);
	assert_int_equal(imago_load_u32(room, IMAGO_LITTLE_ENDIAN), 0x55667788);
	assert_int_equal(room[4], 0xEE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(loads_follow_the_order_they_are_given),
	    cmocka_unit_test(a_word_has_the_size_of_its_layout),
	    cmocka_unit_test(what_is_stored_is_loaded_again_at_any_alignment),
	    cmocka_unit_test(a_narrow_word_is_cut_and_touches_four_bytes_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
