/* reader_test.c: the bounded cursor and its sticky error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imago/reader.h"

static const uint8_t data[16] = {1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 9};
static const imago_layout spur64 = {8, IMAGO_LITTLE_ENDIAN};

static void
a_record_is_read_line_by_line(void **state)
{
	(void)state;
	imago_reader reader;
	imago_reader_init(&reader, data, sizeof data, spur64, NULL);
	assert_int_equal(imago_read_u16(&reader, "a"), 1);
	assert_int_equal(imago_read_u32(&reader, "b"), 2);
	assert_int_equal(imago_read_word(&reader, "c"), 3);
	assert_ptr_equal(imago_read_bytes(&reader, 2, "d"), data + 14);
	assert_int_equal(imago_reader_remaining(&reader), 0);
	assert_int_equal(reader.status, IMAGO_OK);
}

static void
the_first_failure_sticks_with_its_offset_and_noun(void **state)
{
	(void)state;
	imago_reader reader;
	imago_error error = {0};
	imago_reader_init(&reader, data, sizeof data, spur64, &error);
	imago_reader_seek(&reader, 12, "start");
	assert_int_equal(imago_read_u64(&reader, "first"), 0);
	assert_int_equal(imago_read_u16(&reader, "second"), 0);
	assert_null(imago_read_bytes(&reader, 0, "third"));
	assert_int_equal(reader.position, 12);
	assert_int_equal(reader.status, IMAGO_ETRUNCATED);
	assert_string_equal(error.what, "first");
	assert_int_equal(error.offset, 12);
	assert_int_equal(error.found, 8);
	assert_int_equal(error.limit, 4);
	assert_int_equal(imago_reader_fail(&reader, IMAGO_ERANGE, "later", 0, 0, 0), IMAGO_ETRUNCATED);
}

static void
a_huge_length_does_not_wrap(void **state)
{
	(void)state;
	imago_reader reader;
	imago_reader_init(&reader, data, sizeof data, spur64, NULL);
	imago_read_u16(&reader, "a");
	assert_null(imago_read_bytes(&reader, UINT64_MAX, "rest"));
	imago_reader_init(&reader, data, sizeof data, spur64, NULL);
	imago_reader_seek(&reader, UINT64_MAX, "position");
	assert_int_equal(reader.status, IMAGO_ETRUNCATED);
	imago_reader_seek(&reader, 0, "position");
	assert_int_equal(reader.status, IMAGO_ETRUNCATED);
}

static void
a_bounded_integer_names_the_bound_it_broke(void **state)
{
	(void)state;
	imago_reader reader;
	imago_error error = {0};
	imago_reader_init(&reader, data + 2, 4, spur64, &error);
	assert_int_equal(imago_read_u32_in(&reader, 2, 2, "b"), 2);
	imago_reader_init(&reader, data + 2, 4, spur64, &error);
	assert_int_equal(imago_read_u32_in(&reader, 3, 5, "b"), 0);
	assert_int_equal(error.limit, 3);
	imago_reader_init(&reader, data + 2, 4, spur64, &error);
	assert_int_equal(imago_read_u32_in(&reader, 0, 1, "b"), 0);
	assert_int_equal(error.limit, 1);
	assert_int_equal(error.status, IMAGO_ERANGE);
	assert_int_equal(imago_read_u32_in(&reader, 0, 9, "b"), 0);
}

static void
a_reader_over_a_window_still_reports_offsets_of_the_file(void **state)
{
	(void)state;
	imago_reader reader;
	imago_error error = {0};
	imago_reader_init(&reader, data, sizeof data, spur64, &error);
	imago_read_u16(&reader, "a");
	imago_reader sub = imago_reader_sub(&reader, 6, "window");
	assert_int_equal(reader.position, 8);
	assert_int_equal(imago_read_u32(&sub, "b"), 2);
	assert_int_equal(imago_read_u32(&sub, "beyond"), 0);
	assert_int_equal(error.offset, 6);
	assert_int_equal(reader.status, IMAGO_OK);
	imago_reader none = imago_reader_sub(&reader, 9, "too long");
	assert_int_equal(none.status, IMAGO_ETRUNCATED);
	assert_int_equal(none.size, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_read_line_by_line),
	    cmocka_unit_test(the_first_failure_sticks_with_its_offset_and_noun),
	    cmocka_unit_test(a_huge_length_does_not_wrap),
	    cmocka_unit_test(a_bounded_integer_names_the_bound_it_broke),
	    cmocka_unit_test(a_reader_over_a_window_still_reports_offsets_of_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
