/* ston_test.c: the metadata text (formats/composed/composed.md §3), through header.ston, the first
 * file that is read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_folder.h"
#include "imago/composed_image.h"

/* Reads a folder that holds nothing but this header. What is wrong with the text is found before
 * the segments are missed. */
static imago_status
read_header(const void *text, uint64_t size, imago_error *error)
{
	imago_allocator allocator;
	imago_folder folder;
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, 4096);
	imago_folder_init(&folder, &allocator);
	assert_ok(imago_folder_add(&folder, "header.ston", text, size, NULL, error), error);
	imago_status status = imago_composed_read(&heap, &folder, &allocator, error);
	assert_null(heap);
	imago_folder_release(&folder);
	assert_no_leak(&allocator);
	return status;
}

/* A text whose only fault is that there are no segments. */
static void
assert_parses(const char *text)
{
	imago_error error = {0};
	assert_int_equal(read_header(text, strlen(text), &error), IMAGO_ESTRUCTURE);
	assert_string_equal(error.part, "seg0.data");
	assert_string_equal(error.what, "missing file");
}

static void
layout_of_the_text_does_not_matter(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "S {\n\t#imageFormat : 68021\n}",
	    "S{#imageFormat:68021}",
	    " \t\r\nS\r\n{\r\n#imageFormat\t:\r\n68021\r\n}\r\n \t",
	    "S { #imageFormat : 68021 , #b : 0,#c : -0\n,\n#d:18446744073709551615}",
	    "S {#imageFormat : 0000068021}",
	    "_9zZ {#imageFormat : 6521, #_ : -9223372036854775808}",
	    "S {#imageFormat : 6521, #swapBytes : -9223372036854775808}",
	    "S {#imageFormat : 6521, #swapBytes : 18446744073709551615}",
	    "S {#imageFormat : 6521, #oldBaseAddr : -2147483648, #headerFlags : -1}",
	    "S {#imageFormat : 6521, #oldBaseAddr : 4294967295}",
	    "S {#imageFormat : 68021, #hdrLastHash : -9223372036854775808}",
	    "S {#imageFormat : 68021, #hdrLastHash : 18446744073709551615}",
	    "S {#imageFormat : 6521, #dataSize : 2147483647}",
	    "S {#imageFormat : 68021, #dataSize : 9223372036854775807}",
	    "S {#imageFormat : 3037266176}", /* 68021 with its bytes reversed: big-endian */
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		print_message("%s\n", texts[i]);
		assert_parses(texts[i]);
	}
}

typedef struct refusal {
	const char *text;
	imago_status status;
	const char *what;
	uint64_t offset;
} refusal;

static const refusal refusals[] = {
    {"", IMAGO_ETRUNCATED, "structure name", 0},
    {"  ", IMAGO_ETRUNCATED, "structure name", 2},
    {"{#a:1}", IMAGO_ESTRUCTURE, "structure name", 0},
    {"'S' {", IMAGO_ESTRUCTURE, "structure name", 0},
    {"S", IMAGO_ETRUNCATED, "'{' after the structure name", 1},
    {"S-T {", IMAGO_ESTRUCTURE, "'{' after the structure name", 1},
    {"S [", IMAGO_ESTRUCTURE, "'{' after the structure name", 2},
    {"S {", IMAGO_ETRUNCATED, "'#' before a field name", 3},
    {"S { a:1 }", IMAGO_ESTRUCTURE, "'#' before a field name", 4},
    {"S {,}", IMAGO_ESTRUCTURE, "'#' before a field name", 3},
    {"S {#a:1,}", IMAGO_ESTRUCTURE, "'#' before a field name", 8},
    {"S {#a:1,", IMAGO_ETRUNCATED, "'#' before a field name", 8},
    {"S {# a:1}", IMAGO_ESTRUCTURE, "field name", 4},
    {"S {#", IMAGO_ETRUNCATED, "field name", 4},
    {"S {#a 1}", IMAGO_ESTRUCTURE, "':' after a field name", 6},
    {"S {#a", IMAGO_ETRUNCATED, "':' after a field name", 5},
    {"S {#a\xC3\xA4 : 1}", IMAGO_ESTRUCTURE, "':' after a field name", 5},
    {"S {#a:", IMAGO_ETRUNCATED, "number", 6},
    {"S {#a:-", IMAGO_ETRUNCATED, "number", 7},
    {"S {#a:- 1}", IMAGO_ESTRUCTURE, "number", 7},
    {"S {#a:+1}", IMAGO_ESTRUCTURE, "number", 6},
    {"S {#a:--1}", IMAGO_ESTRUCTURE, "number", 7},
    {"S {#a:true}", IMAGO_ESTRUCTURE, "number", 6},
    {"S {#a:'1'}", IMAGO_ESTRUCTURE, "number", 6},
    {"S {#a:T{#b:1}}", IMAGO_ESTRUCTURE, "number", 6},
    {"S {#a:0x10}", IMAGO_ESTRUCTURE, "',' or '}' after a field", 7},
    {"S {#a:1.5}", IMAGO_ESTRUCTURE, "',' or '}' after a field", 7},
    {"S {#a:1 #b:2}", IMAGO_ESTRUCTURE, "',' or '}' after a field", 8},
    {"S {#a:1", IMAGO_ETRUNCATED, "',' or '}' after a field", 7},
    {"S {#a:1]", IMAGO_ESTRUCTURE, "',' or '}' after a field", 7},
    {"S {#a:1}}", IMAGO_ESTRUCTURE, "end of the text after '}'", 8},
    {"S {#a:1} T", IMAGO_ESTRUCTURE, "end of the text after '}'", 9},
    {"S {#a:18446744073709551616}", IMAGO_ERANGE, "number of more than 64 bits", 6},
    {"S {#a:99999999999999999999999999}", IMAGO_ERANGE, "number of more than 64 bits", 6},
    {"S {#a:-9223372036854775809}", IMAGO_ERANGE, "number of more than 64 bits", 6},
    {"S {#a:1,#b:2,#a:1}", IMAGO_ESTRUCTURE, "duplicate field", 13},
    {"S {#imageFormat:68021,#imageFormat:6521}", IMAGO_ESTRUCTURE, "duplicate field", 22},
    /* Numbers against the word of the image. */
    {"S {#imageFormat:6521,#dataSize:2147483648}", IMAGO_ERANGE, "dataSize", 31},
    {"S {#imageFormat:68021,#dataSize:9223372036854775808}", IMAGO_ERANGE, "dataSize", 32},
    {"S {#imageFormat:68021,#dataSize:-1}", IMAGO_ERANGE, "dataSize below zero", 32},
    {"S {#imageFormat:68021,#firstSegSize:-8}", IMAGO_ERANGE, "firstSegSize below zero", 36},
    {"S {#imageFormat:68021,#hdrOldSpaceSize:-8}", IMAGO_ERANGE, "hdrOldSpaceSize below zero", 39},
    {"S {#imageFormat:6521,#oldBaseAddr:4294967296}", IMAGO_ERANGE, "oldBaseAddr", 34},
    {"S {#imageFormat:6521,#oldBaseAddr:-2147483649}", IMAGO_ERANGE, "oldBaseAddr below zero", 34},
    {"S {#imageFormat:-68021}", IMAGO_ERANGE, "imageFormat below zero", 16},
    /* The number of the format. */
    {"S {}", IMAGO_EVERSION, "imageFormat", IMAGO_NO_OFFSET},
    {"S {#imageFormat:0}", IMAGO_EVERSION, "imageFormat", 16},
    {"S {#imageFormat:68022}", IMAGO_EVERSION, "imageFormat", 16},
    {"S {#imageFormat:4294967296}", IMAGO_EVERSION, "imageFormat", 16},
    {"S {#imageFormat:68019}", IMAGO_EVERSION, "format number 68019 (obsolete 64-bit Spur)", 16},
    {"S {#imageFormat:68002}", IMAGO_EVERSION, "format number 68002 (64-bit V3 with closures)", 16},
    {"S {#imageFormat:6504}", IMAGO_EVERSION, "format number 6504 (32-bit V3 with closures)", 16},
};

static void
every_other_text_is_refused_where_it_goes_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const refusal *row = &refusals[i];
		imago_error error = {0};
		print_message("%s\n", row->text);
		assert_int_equal(read_header(row->text, strlen(row->text), &error), row->status);
		assert_error(&error, row->status, row->what, row->offset);
		assert_string_equal(error.part, "header.ston");
	}
}

/* A structure with a name of so many letters. */
static void
repeat(char *text, char letter, size_t count)
{
	size_t length = strlen(text);
	memset(text + length, letter, count);
	text[length + count] = '\0';
}

static void
names_end_at_64_characters(void **state)
{
	(void)state;
	for (size_t length = 63; length <= 300; length = length == 65 ? 254 : length + 1) {
		char text[1024] = "S {#imageFormat : 68021, #";
		imago_error error = {0};
		repeat(text, 'x', length);
		snprintf(text + strlen(text), sizeof text - strlen(text), " : 1}");
		if (length <= 64) {
			assert_parses(text);
		} else {
			assert_int_equal(read_header(text, strlen(text), &error), IMAGO_ERANGE);
			assert_error(&error, IMAGO_ERANGE, "field name", 26);
		}
	}
	char text[1024] = "";
	imago_error error = {0};
	repeat(text, 'S', 65);
	snprintf(text + strlen(text), sizeof text - strlen(text), " {#imageFormat : 68021}");
	assert_int_equal(read_header(text, strlen(text), &error), IMAGO_ERANGE);
	assert_error(&error, IMAGO_ERANGE, "structure name", 0);
}

static void
fields_end_at_64(void **state)
{
	(void)state;
	char text[2048] = "S {#imageFormat : 68021";
	size_t length = strlen(text);
	for (unsigned i = 1; i < 64; i++) {
		length += (size_t)snprintf(text + length, sizeof text - length, ", #f%u : 1", i);
	}
	char closed[2048];
	snprintf(closed, sizeof closed, "%.2000s}", text);
	assert_parses(closed);
	imago_error error = {0};
	snprintf(closed, sizeof closed, "%.2000s, #f64 : 1}", text);
	assert_int_equal(read_header(closed, strlen(closed), &error), IMAGO_ELIMIT);
	assert_error(&error, IMAGO_ELIMIT, "number of fields", length + 2);
}

static void
texts_end_at_64_kib(void **state)
{
	(void)state;
	enum { LONGEST_TEXT = 1 << 16 };
	static char text[LONGEST_TEXT + 2] = "S {#imageFormat : 68021}";
	size_t length = strlen(text);
	memset(text + length, ' ', LONGEST_TEXT - length);
	assert_parses(text);
	imago_error error = {0};
	text[LONGEST_TEXT] = ' ';
	assert_int_equal(read_header(text, strlen(text), &error), IMAGO_ELIMIT);
	assert_error(&error, IMAGO_ELIMIT, "size of a metadata file", IMAGO_NO_OFFSET);
}

static void
bytes_that_are_no_text_are_refused(void **state)
{
	(void)state;
	static const char template[] = "S {#imageFormat : 68021}";
	for (unsigned byte = 0; byte < 256; byte++) {
		for (size_t at = 0; at < sizeof template - 1; at++) {
			char text[sizeof template];
			imago_error error = {0};
			memcpy(text, template, sizeof template);
			text[at] = (char)byte;
			imago_status status = read_header(text, sizeof text - 1, &error);
			assert_int_not_equal(status, IMAGO_OK);
			if (byte < ' ' && strchr("\t\r\n", (int)byte) == NULL) {
				assert_string_equal(error.part, "header.ston");
			}
		}
	}
}

static void
every_prefix_of_a_text_is_refused(void **state)
{
	(void)state;
	static const char text[] = "S {\n\t#imageFormat : 68021,\n\t#dataSize : 48\n}";
	for (size_t length = 0; length < sizeof text - 1; length++) {
		imago_error error = {0};
		char *copy = malloc(length + 1); /* exact, so that a sanitizer sees a read past it */
		assert_non_null(copy);
		char *exact = realloc(copy, length > 0 ? length : 1);
		assert_non_null(exact);
		memcpy(exact, text, length);
		assert_int_equal(read_header(exact, length, &error), IMAGO_ETRUNCATED);
		assert_string_equal(error.part, "header.ston");
		free(exact);
	}
}

/* Writing: byte for byte what the VM's writer makes of the same numbers (§3, §8). */
static void
the_example_of_the_specification_is_written_byte_for_byte(void **state)
{
	(void)state;
	static const char metadata[] = "ComposedMetadataStruct {\n"
	                               "\t#startAddress : 1099511627776,\n"
	                               "\t#dataSize : 48\n"
	                               "}";
	static const char header[] = "SpurImageHeaderStruct {\n"
	                             "\t#dataSize : 48,\n"
	                             "\t#hdrOldSpaceSize : 48,\n"
	                             "\t#oldBaseAddr : 1099511627776,\n"
	                             "\t#initialSpecialObjectsOop : 1099511644160,\n"
	                             "\t#headerFlags : 2,\n"
	                             "\t#extraVMMemory : 0,\n"
	                             "\t#hdrNumStackPages : 0,\n"
	                             "\t#hdrCogCodeSize : 0,\n"
	                             "\t#hdrEdenBytes : 0,\n"
	                             "\t#hdrMaxExtSemTabSize : 0,\n"
	                             "\t#firstSegSize : 48,\n"
	                             "\t#freeOldSpaceInImage : 4096,\n"
	                             "\t#swapBytes : 0,\n"
	                             "\t#hdrLastHash : -7654321,\n"
	                             "\t#imageFormat : 68021,\n"
	                             "\t#imageHeaderSize : 128,\n"
	                             "\t#imageVersion : 120\n"
	                             "}";
	static const uint8_t data[48] = {0};
	imago_allocator allocator;
	imago_folder folder;
	imago_error error = {0};
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_folder_init(&folder, &allocator);
	folder_set_text(&folder, "header.ston", header);
	folder_set_text(&folder, "seg0.ston", metadata);
	folder_set(&folder, "seg0.data", data, sizeof data);
	assert_ok(imago_composed_read(&heap, &folder, &allocator, &error), &error);
	imago_folder written;
	imago_folder_init(&written, &allocator);
	assert_ok(imago_composed_write(heap, &written, &error), &error);

	char *text = folder_text(&written, "header.ston");
	assert_string_equal(text, header);
	free(text);
	text = folder_text(&written, "seg0.ston");
	assert_string_equal(text, metadata);
	free(text);
	text = folder_text(&written, "permSpace.ston");
	assert_string_equal(text, "ComposedMetadataStruct {\n\t#startAddress : 2199023255552,\n"
	                          "\t#dataSize : 0\n}");
	free(text);
	imago_folder_release(&written);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(layout_of_the_text_does_not_matter),
	    cmocka_unit_test(every_other_text_is_refused_where_it_goes_wrong),
	    cmocka_unit_test(names_end_at_64_characters),
	    cmocka_unit_test(fields_end_at_64),
	    cmocka_unit_test(texts_end_at_64_kib),
	    cmocka_unit_test(bytes_that_are_no_text_are_refused),
	    cmocka_unit_test(every_prefix_of_a_text_is_refused),
	    cmocka_unit_test(the_example_of_the_specification_is_written_byte_for_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
