/* composed_hostile_test.c: what an image folder is refused for, row by row of
 * formats/composed/composed.md §9. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_folder.h"
#include "imago/composed_image.h"

static imago_allocator allocator;

static int
start(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	assert_no_leak(&allocator);
	return 0;
}

static imago_status
try_to_read(const imago_folder *folder, imago_error *error)
{
	imago_heap *heap = NULL;
	imago_status status = imago_composed_read(&heap, folder, &allocator, error);
	assert_true((status == IMAGO_OK) == (heap != NULL));
	imago_heap_destroy(heap);
	return status;
}

/* One change to a good folder of perm_heap and what it is refused with. field NULL: the file is
 * removed. Addresses of 64-bit images, then of 32-bit ones. */
typedef struct refused_change {
	const char *layout;
	const char *file;
	const char *field;
	const char *number;
	imago_status status;
	const char *what;
	const char *part;
} refused_change;

static const refused_change changes[] = {
    {"spur64", "header.ston", NULL, NULL, IMAGO_EMAGIC, "file that must be in an image folder",
     "header.ston"},
    {"spur64", "seg0.data", NULL, NULL, IMAGO_ESTRUCTURE, "missing file", "seg0.data"},
    {"spur64", "seg0.ston", NULL, NULL, IMAGO_ESTRUCTURE, "missing file", "seg0.ston"},
    {"spur64", "permSpace.data", NULL, NULL, IMAGO_ESTRUCTURE, "missing file", "permSpace.data"},

    {"spur64", "seg0.ston", "dataSize", "0", IMAGO_ERANGE, "dataSize", "seg0.ston"},
    {"spur64", "seg0.ston", "dataSize", "24", IMAGO_ERANGE, "dataSize", "seg0.ston"},
    {"spur64", "seg0.ston", "dataSize", "36", IMAGO_EALIGN, "dataSize", "seg0.ston"},
    {"spur64", "seg0.ston", "dataSize", "-32", IMAGO_ERANGE, "dataSize below zero", "seg0.ston"},
    {"spur64", "seg0.ston", "dataSize", "2147483648", IMAGO_ETRUNCATED, "dataSize", "seg0.data"},
    {"spur64", "seg0.ston", "dataSize", "4611686018427387904", IMAGO_ETRUNCATED, "dataSize",
     "seg0.data"},
    {"spur64", "seg0.ston", "dataSize", "9223372036854775800", IMAGO_ETRUNCATED, "dataSize",
     "seg0.data"},
    {"spur64", "seg0.ston", "dataSize", "18446744073709551615", IMAGO_ERANGE, "dataSize",
     "seg0.ston"},
    {"spur32", "seg0.ston", "dataSize", "2147483640", IMAGO_ETRUNCATED, "dataSize", "seg0.data"},
    {"spur32", "seg0.ston", "dataSize", "2147483648", IMAGO_ERANGE, "dataSize", "seg0.ston"},

    {"spur64", "seg0.ston", "startAddress", "0", IMAGO_ERANGE, "startAddress", "seg0.ston"},
    {"spur64", "seg0.ston", "startAddress", "4100", IMAGO_EALIGN, "startAddress", "seg0.ston"},
    {"spur64", "seg0.ston", "startAddress", "2199023255552", IMAGO_ERANGE, "startAddress",
     "seg0.ston"},
    {"spur64", "seg0.ston", "startAddress", "2199023255544", IMAGO_ERANGE, "startAddress",
     "seg0.ston"},
    {"spur64", "seg0.ston", "startAddress", "-8", IMAGO_ERANGE, "startAddress", "seg0.ston"},
    {"spur64", "seg0.ston", "startAddress", "18446744073709551608", IMAGO_ERANGE, "startAddress",
     "seg0.ston"},
    {"spur32", "seg0.ston", "startAddress", "-2147483648", IMAGO_ERANGE, "startAddress",
     "seg0.ston"},
    {"spur32", "seg0.ston", "startAddress", "2147483640", IMAGO_ERANGE, "startAddress",
     "seg0.ston"},

    {"spur64", "permSpace.ston", "startAddress", "2199023255560", IMAGO_ERANGE, "startAddress",
     "permSpace.ston"},
    {"spur64", "permSpace.ston", "startAddress", "0", IMAGO_ERANGE, "startAddress",
     "permSpace.ston"},
    {"spur32", "permSpace.ston", "startAddress", "2147483640", IMAGO_ERANGE, "startAddress",
     "permSpace.ston"},
    {"spur64", "permSpace.ston", "dataSize", "8", IMAGO_ERANGE, "dataSize", "permSpace.ston"},
    {"spur64", "permSpace.ston", "dataSize", "20", IMAGO_EALIGN, "dataSize", "permSpace.ston"},
    {"spur64", "permSpace.ston", "dataSize", "1048576", IMAGO_ETRUNCATED, "dataSize",
     "permSpace.data"},
    {"spur64", "permSpace.ston", "dataSize", "4611686018427387904", IMAGO_ETRUNCATED, "dataSize",
     "permSpace.data"},

    {"spur64", "header.ston", "imageFormat", "68002", IMAGO_EVERSION,
     "format number 68002 (64-bit V3 with closures)", "header.ston"},
    {"spur64", "header.ston", "imageFormat", "0", IMAGO_EVERSION, "imageFormat", "header.ston"},
    {"spur64", "header.ston", "dataSize", "-1", IMAGO_ERANGE, "dataSize below zero", "header.ston"},
    {"spur64", "header.ston", "hdrOldSpaceSize", "99999999999999999999", IMAGO_ERANGE,
     "number of more than 64 bits", "header.ston"},
    {"spur32", "header.ston", "headerFlags", "-2147483649", IMAGO_ERANGE, "headerFlags below zero",
     "header.ston"},
};

static void
every_lie_that_cannot_be_represented_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		const refused_change *row = &changes[i];
		imago_folder folder;
		imago_error error = {0};
		make_folder(&folder, perm_heap, row->layout, &allocator);
		print_message("%s %s %s: %s\n", row->layout, row->file, row->field ? row->field : "",
		              row->number ? row->number : "missing");
		if (row->field == NULL) {
			folder_remove(&folder, row->file);
		} else {
			folder_set_field(&folder, row->file, row->field, row->number);
		}
		uint64_t used = allocator.used;
		allocator.peak = used;
		assert_int_equal(try_to_read(&folder, &error), row->status);
		assert_int_equal(error.status, row->status);
		assert_string_equal(error.what, row->what);
		assert_string_equal(error.part, row->part);
		assert_true(allocator.peak - used < 4096); /* nothing of a lying size is allocated */
		imago_folder_release(&folder);
	}
}

static void
segments_must_ascend_without_overlap(void **state)
{
	(void)state;
	static const char *const layouts[] = {"spur32", "spur64", "spur64be"};
	for (size_t i = 0; i < 3; i++) {
		imago_folder folder;
		imago_error error = {0};
		make_folder(&folder, varied_heap, layouts[i], &allocator);
		imago_heap *heap = NULL;
		assert_ok(imago_composed_read(&heap, &folder, &allocator, &error), &error);
		const imago_segment *first = &heap->segments[0];
		uint64_t end = first->start + first->size + first->bridge_size;
		const uint64_t starts[] = {end - 8, first->start, first->start - 8, 8};
		for (size_t j = 0; j < 4; j++) {
			char number[24];
			snprintf(number, sizeof number, "%llu", (unsigned long long)starts[j]);
			folder_set_field(&folder, "seg1.ston", "startAddress", number);
			assert_int_equal(try_to_read(&folder, &error), IMAGO_ESTRUCTURE);
			assert_string_equal(error.what, "startAddress");
			assert_string_equal(error.part, "seg1.ston");
			assert_int_equal(error.offset, strlen("ComposedMetadataStruct {\n\t#startAddress : "));
			assert_int_equal(error.found, starts[j]);
			assert_int_equal(error.limit, end);
		}
		imago_heap_destroy(heap);
		imago_folder_release(&folder);
	}
}

/* The place of the error is that of the number, in the metadata's own file. */
static void
an_error_says_which_file_and_where(void **state)
{
	(void)state;
	imago_folder folder;
	imago_error error = {0};
	char line[200];
	make_folder(&folder, small_heap, "spur64", &allocator);
	folder_set_text(&folder, "seg0.ston", "M {#startAddress : 4096, #dataSize : 20}");
	assert_int_equal(try_to_read(&folder, &error), IMAGO_ERANGE);
	imago_error_format(&error, line, sizeof line);
	assert_string_equal(line, "seg0.ston:0x25: value out of range: dataSize: found 20 (0x14), "
	                          "limit 32 (0x20)");
	folder_set_text(&folder, "seg0.ston", "M {#startAddress : 4096}");
	assert_int_equal(try_to_read(&folder, &error), IMAGO_ERANGE);
	assert_error(&error, IMAGO_ERANGE, "dataSize", IMAGO_NO_OFFSET);
	imago_folder_release(&folder);
}

/* Every prefix of every file: text and data alike must be whole. */
static void
every_prefix_of_every_file_fails_cleanly(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur32", &allocator);
	for (size_t i = 0; i < folder.num_files; i++) {
		imago_folder_file *file = &folder.files[i];
		const uint8_t *whole = file->bytes;
		uint64_t size = file->size;
		for (uint64_t length = 0; length < size; length += length < 4096 ? 1 : 61) {
			imago_error error = {0};
			uint8_t *exact = malloc(length > 0 ? (size_t)length : 1);
			assert_non_null(exact);
			memcpy(exact, whole, (size_t)length);
			file->bytes = exact;
			file->size = length;
			assert_int_equal(try_to_read(&folder, &error), IMAGO_ETRUNCATED);
			assert_string_equal(error.part, file->name);
			free(exact);
		}
		file->bytes = whole;
		file->size = size;
	}
	imago_error error = {0};
	assert_ok(try_to_read(&folder, &error), &error);
	imago_folder_release(&folder);
}

/* Flips every bit of the metadata: refused or read, never worse. */
static void
every_bit_flip_of_the_metadata_is_survived(void **state)
{
	(void)state;
	imago_folder folder;
	uint64_t num_refused = 0;
	make_folder(&folder, perm_heap, "spur64", &allocator);
	for (size_t i = 0; i < folder.num_files; i++) {
		imago_folder_file *file = &folder.files[i];
		if (strstr(file->name, ".ston") == NULL) {
			continue;
		}
		for (uint64_t bit = 0; bit < 8 * file->size; bit++) {
			imago_error error = {0};
			file->owned[bit / 8] ^= (uint8_t)(1U << bit % 8);
			num_refused += try_to_read(&folder, &error) != IMAGO_OK;
			file->owned[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
	assert_true(num_refused > 0);
	imago_folder_release(&folder);
}

static void
an_empty_folder_is_no_image(void **state)
{
	(void)state;
	imago_folder folder;
	imago_error error = {0};
	imago_folder_init(&folder, &allocator);
	assert_int_equal(try_to_read(&folder, &error), IMAGO_EMAGIC);
	assert_string_equal(error.part, "header.ston");
	imago_folder_release(&folder);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_lie_that_cannot_be_represented_is_refused),
	    TEST(segments_must_ascend_without_overlap),
	    TEST(an_error_says_which_file_and_where),
	    TEST(every_prefix_of_every_file_fails_cleanly),
	    TEST(every_bit_flip_of_the_metadata_is_survived),
	    TEST(an_empty_folder_is_no_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
