/* error_test.c: filling, naming and printing errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "imago/error.h"

static void
every_status_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (imago_status status = IMAGO_OK; status <= IMAGO_EINTERNAL; status++) {
		assert_true(strlen(imago_status_name(status)) >= 2);
		assert_true(strlen(imago_status_sentence(status)) > 5);
		assert_string_not_equal(imago_status_sentence(status), "unknown status");
	}
	assert_string_equal(imago_status_name(IMAGO_ETRUNCATED), "ETRUNCATED");
}

static void
a_status_outside_the_enum_is_named_with_a_question_mark(void **state)
{
	(void)state;
	assert_string_equal(imago_status_name((imago_status)99), "?");
	assert_string_equal(imago_status_sentence((imago_status)99), "unknown status");
}

static void
failing_without_an_error_record_still_returns_the_status(void **state)
{
	(void)state;
	assert_int_equal(imago_fail(NULL, IMAGO_ERANGE, "x", 1, 2, 3), IMAGO_ERANGE);
	assert_int_equal(imago_fail_os(NULL, "open", ENOENT), IMAGO_EIO);
	imago_error_set_part(NULL, "seg0.data");
}

static void
a_line_names_part_offset_noun_value_and_limit(void **state)
{
	(void)state;
	char line[200];
	imago_error error = {0};
	imago_fail(&error, IMAGO_ERANGE, "slot count", 0x40, 9, 4);
	imago_error_set_part(&error, "seg0.data");
	size_t length = imago_error_format(&error, line, sizeof line);
	assert_string_equal(line, "seg0.data:0x40: value out of range: slot count: found 9 (0x9), "
	                          "limit 4 (0x4)");
	assert_int_equal(length, strlen(line));
}

static void
an_error_without_a_place_prints_neither_offset_nor_part(void **state)
{
	(void)state;
	char line[200];
	imago_error error = {0};
	imago_fail_os(&error, "open", ENOENT);
	imago_error_format(&error, line, sizeof line);
	assert_string_equal(line, "input/output error: open: No such file or directory");
}

static void
a_short_buffer_holds_the_beginning_and_the_length_tells_the_whole(void **state)
{
	(void)state;
	char whole[200];
	char line[16] = "xxxxxxxxxxxxxxx";
	imago_error error = {0};
	imago_fail(&error, IMAGO_ERANGE, "slot count", 0x40, 9, 4);
	size_t length = imago_error_format(&error, whole, sizeof whole);
	assert_int_equal(imago_error_format(&error, line, 10), length);
	assert_int_equal(strlen(line), 9);
	assert_memory_equal(line, whole, 9);
	assert_int_equal(imago_error_format(&error, line, 0), length);
}

static void
a_long_part_is_cut(void **state)
{
	(void)state;
	imago_error error = {0};
	imago_error_set_part(&error, "a-name-that-is-longer-than-any-part-of-an-image");
	assert_int_equal(strlen(error.part), IMAGO_PART_SIZE - 1);
}

/* A failure of the operating system without a number, and one without a noun. */
static void
a_line_says_only_what_is_known(void **state)
{
	(void)state;
	char line[200];
	char other[200];
	imago_error error = {.status = IMAGO_EIO, .offset = IMAGO_NO_OFFSET};
	imago_error_format(&error, line, sizeof line);
	assert_string_equal(line, imago_status_sentence(IMAGO_EIO));
	error.what = "read";
	error.os_error = ENOENT;
	imago_error_format(&error, other, sizeof other);
	assert_memory_equal(other, line, strlen(line));
	assert_non_null(strstr(other, ": read: "));
	assert_non_null(strstr(other, strerror(ENOENT)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_status_has_a_name_and_a_sentence),
	    cmocka_unit_test(a_status_outside_the_enum_is_named_with_a_question_mark),
	    cmocka_unit_test(failing_without_an_error_record_still_returns_the_status),
	    cmocka_unit_test(a_line_names_part_offset_noun_value_and_limit),
	    cmocka_unit_test(an_error_without_a_place_prints_neither_offset_nor_part),
	    cmocka_unit_test(a_short_buffer_holds_the_beginning_and_the_length_tells_the_whole),
	    cmocka_unit_test(a_long_part_is_cut),
	    cmocka_unit_test(a_line_says_only_what_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
