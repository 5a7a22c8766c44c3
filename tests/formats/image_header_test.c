/* image_header_test.c: the format numbers (spur.md §1) and the table of header fields (spur.md §3).
 */
#include "imago/image_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const imago_format_number expected_numbers[] = {
    {6501, IMAGO_V3, 4, false, false, false, false, NULL},
    {6502, IMAGO_V3, 4, true, false, false, false, NULL},
    {6504, IMAGO_V3, 4, true, false, true, false, NULL},
    {6505, IMAGO_V3, 4, true, true, true, false, NULL},
    {6521, IMAGO_SPUR, 4, true, true, true, false, NULL},
    {7033, IMAGO_SPUR, 4, true, true, true, true, NULL},
    {68000, IMAGO_V3, 8, false, false, false, false, NULL},
    {68002, IMAGO_V3, 8, false, false, true, false, NULL},
    {68003, IMAGO_V3, 8, false, true, true, false, NULL},
    {68019, IMAGO_SPUR, 8, false, true, true, false, NULL},
    {68021, IMAGO_SPUR, 8, true, true, true, false, NULL},
    {68533, IMAGO_SPUR, 8, true, true, true, true, NULL},
};

enum { NUM_EXPECTED = sizeof expected_numbers / sizeof expected_numbers[0] };

static void
every_number_says_what_the_sheet_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_EXPECTED; i++) {
		const imago_format_number *expected = &expected_numbers[i];
		const imago_format_number *found = imago_format_number_find(expected->number);
		assert_non_null(found);
		assert_int_equal(found->number, expected->number);
		assert_int_equal(found->model, expected->model);
		assert_int_equal(found->word_bytes, expected->word_bytes);
		assert_int_equal(found->supported, expected->supported);
		assert_int_equal(found->platform_floats, expected->platform_floats);
		assert_int_equal(found->closures, expected->closures);
		assert_int_equal(found->multiple_bytecode_sets, expected->multiple_bytecode_sets);
		assert_true(strlen(found->name) > 0);
	}
}

static void
no_other_number_is_known(void **state)
{
	(void)state;
	unsigned num_found = 0;
	for (uint64_t number = 0; number < UINT64_C(1) << 18; number++) {
		num_found += imago_format_number_find(number) != NULL;
	}
	assert_int_equal(num_found, NUM_EXPECTED);
	for (unsigned i = 0; i < NUM_EXPECTED; i++) {
		for (unsigned bit = 18; bit < 64; bit++) {
			uint64_t number = expected_numbers[i].number | UINT64_C(1) << bit;
			assert_null(imago_format_number_find(number));
		}
	}
}

/* What spur.md §2 rests on: one reading of four bytes at most is a number. */
static void
no_number_is_another_one_with_its_bytes_reversed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_EXPECTED; i++) {
		uint32_t number = expected_numbers[i].number;
		uint32_t reversed =
		    number >> 24 | (number >> 8 & 0xFF00) | (number & 0xFF00) << 8 | number << 24;
		assert_null(imago_format_number_find(reversed));
	}
}

/* spur.md §3: name, offset in 32 bits, offset in 64 bits. */
static const struct {
	const char *name;
	unsigned offset32, offset64;
} expected_fields[IMAGO_NUM_HEADER_FIELDS + 1] = {
    {"imageFormat", 0, 0},
    {"imageHeaderSize", 4, 4},
    {"dataSize", 8, 8},
    {"oldBaseAddr", 12, 16},
    {"initialSpecialObjectsOop", 16, 24},
    {"hdrLastHash", 20, 32},
    {"savedWindowSize", 24, 40},
    {"headerFlags", 28, 48},
    {"extraVMMemory", 32, 56},
    {"hdrNumStackPages", 36, 60},
    {"hdrCogCodeSize", 38, 62},
    {"hdrEdenBytes", 40, 64},
    {"hdrMaxExtSemTabSize", 44, 68},
    {"imageVersion", 46, 70},
    {"firstSegSize", 48, 72},
    {"freeOldSpaceInImage", 52, 80},
    {NULL, 56, 88},
};

static void
fields_stand_at_the_offsets_of_the_sheet(void **state)
{
	(void)state;
	unsigned offset32 = 0;
	unsigned offset64 = 0;
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, 4);
		assert_string_equal(field.name, expected_fields[i].name);
		assert_true(strlen(field.meaning) > 0);
		assert_int_equal(offset32, expected_fields[i].offset32);
		assert_int_equal(offset64, expected_fields[i].offset64);
		offset32 += field.width;
		offset64 += imago_header_field_at(i, 8).width;
	}
	assert_int_equal(offset32, expected_fields[IMAGO_NUM_HEADER_FIELDS].offset32);
	assert_int_equal(offset64, expected_fields[IMAGO_NUM_HEADER_FIELDS].offset64);
}

static void
fields_are_found_by_their_whole_name_only(void **state)
{
	(void)state;
	for (int i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		assert_int_equal(imago_header_field_index(expected_fields[i].name), i);
	}
	assert_int_equal(imago_header_field_index(""), -1);
	assert_int_equal(imago_header_field_index("dataSiz"), -1);
	assert_int_equal(imago_header_field_index("dataSizes"), -1);
	assert_int_equal(imago_header_field_index("DATASIZE"), -1);
}

static void
a_field_that_is_set_is_got_and_leaves_the_others_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_image_header header = {0};
		imago_header_set(&header, i, UINT64_C(0xFEDCBA9876543210));
		for (size_t k = 0; k < IMAGO_NUM_HEADER_FIELDS; k++) {
			uint64_t expected = k == i ? UINT64_C(0xFEDCBA9876543210) : 0;
			assert_int_equal(imago_header_get(&header, k), expected);
		}
	}
	imago_image_header header = {0};
	imago_header_set(&header, 14, 5);
	assert_int_equal(header.first_segment_size, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_number_says_what_the_sheet_says),
	    cmocka_unit_test(no_other_number_is_known),
	    cmocka_unit_test(no_number_is_another_one_with_its_bytes_reversed),
	    cmocka_unit_test(fields_stand_at_the_offsets_of_the_sheet),
	    cmocka_unit_test(fields_are_found_by_their_whole_name_only),
	    cmocka_unit_test(a_field_that_is_set_is_got_and_leaves_the_others_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
