/* composed_lines_test.c: metadata that the grammar takes and that a VM, which scans line by line,
 * reads otherwise, or does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_folder.h"
#include "imago/check.h"
#include "imago/composed_image.h"
#include "imago/image.h"

enum { LONGEST_LINE = 1023, MOST_RULES = 8, TEXT_SIZE = 4096 };

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

/* The rules that were broken, each once, separated by blanks. */
static bool
note(const imago_finding *finding, void *payload)
{
	char *names = payload;
	if (strstr(names, finding->rule->name) == NULL) {
		size_t length = strlen(names);
		snprintf(names + length, TEXT_SIZE - length, "%s%s", length > 0 ? " " : "",
		         finding->rule->name);
	}
	return true;
}

static void
assert_breaks(const imago_folder *folder, const char *expected)
{
	char names[TEXT_SIZE] = "";
	imago_check_sink sink;
	imago_error error = {0};
	imago_image image = {.format = IMAGO_FORMAT_COMPOSED, .allocator = &allocator};
	image.folder = *folder; /* borrowed */
	assert_ok(imago_composed_read(&image.heap, folder, &allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, note, names);
	assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
	imago_heap_destroy(image.heap);
	assert_string_equal(names, expected);
}

/* A replacement in header.ston. */
typedef struct edit {
	const char *what;
	const char *layout;
	const char *old, *new;
	const char *breaks;
} edit;

static const edit edits[] = {
    {"a number on the next line", "spur64-68533", "#imageHeaderSize : 128",
     "#imageHeaderSize :\n\t128", "composed.lineReader"},
    {"minus nothing", "spur64-68533", "#swapBytes : 0", "#swapBytes : -0", ""},
    {"a number of more bits than words have", "spur32-7033", "#swapBytes : 0",
     "#swapBytes : 18446744073709551615", "composed.lineReader composed.swapBytes"},
    {"a negative number of more bits", "spur32-7033", "#swapBytes : 0",
     "#swapBytes : -9223372036854775808", "composed.lineReader composed.swapBytes"},
    {"the end on the last line", "spur64-68533", "\n}", "}", ""},
    {"the end on the last line, which ends in CR", "spur64-68533", "\n}", " }\r", ""},
};

static void
the_vm_scans_line_by_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		imago_folder folder;
		print_message("%s\n", edits[i].what);
		make_folder(&folder, perm_heap, edits[i].layout, &allocator);
		folder_substitute(&folder, "header.ston", edits[i].old, edits[i].new);
		assert_breaks(&folder, edits[i].breaks);
		imago_folder_release(&folder);
	}
}

/* Moves a field of header.ston so far to the right that only so many of its characters stand on the
 * first piece of its line, and gives it another name. */
static void
push_right(imago_folder *folder, const char *old, const char *new, size_t num_left)
{
	char padded[LONGEST_LINE + 64];
	size_t blanks = LONGEST_LINE - 1 - num_left; /* a tab stands before */
	memset(padded, ' ', blanks);
	snprintf(padded + blanks, sizeof padded - blanks, "%s", new);
	folder_substitute(folder, "header.ston", old, padded);
}

static void
the_vm_loses_a_field_whose_line_is_cut_behind_its_mark(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur64-68533", &allocator);
	push_right(&folder, "#imageHeaderSize", "#imageHeaderSize", 1);
	assert_breaks(&folder, "composed.lineReader");
	imago_folder_release(&folder);
}

/* The first piece ends in the name of a field that is not there: the VM gives it the number of the
 * field before. */
static void
the_vm_finds_a_field_in_the_beginning_of_another(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur64-68533", &allocator);
	push_right(&folder, "#imageVersion", "#imageVersionOfMine", strlen("#imageVersion"));
	assert_breaks(&folder, "composed.unknownField composed.lineReader composed.missingField");
	imago_folder_release(&folder);
}

/* A word longer than the VM's buffer: fields in a row without a blank. */
static void
the_vm_cuts_a_word_that_is_too_long(void **state)
{
	(void)state;
	imago_folder folder;
	char row[TEXT_SIZE] = ",\n\t#last:0";
	for (unsigned i = 0; i < 20; i++) {
		size_t length = strlen(row);
		snprintf(row + length, sizeof row - length, ",#fieldOfALaterFormat%02u:1", i);
	}
	size_t length = strlen(row);
	snprintf(row + length, sizeof row - length, "\n}");
	make_folder(&folder, perm_heap, "spur64-68533", &allocator);
	folder_substitute(&folder, "header.ston", "\n}", row);
	assert_breaks(&folder, "composed.unknownField");
	imago_folder_release(&folder);
}

/* Heap and folder need not belong together: the check reads the folder itself. */
static imago_status
check_with_heap_of_another(const imago_folder *broken, imago_error *error)
{
	imago_folder good;
	imago_check_sink sink;
	imago_image image = {.format = IMAGO_FORMAT_COMPOSED, .allocator = &allocator};
	make_folder(&good, perm_heap, "spur64-68533", &allocator);
	image.folder = *broken; /* borrowed */
	assert_ok(imago_composed_read(&image.heap, &good, &allocator, error), error);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	imago_status status = imago_image_check(&image, &sink, &allocator, error);
	imago_heap_destroy(image.heap);
	imago_folder_release(&good);
	return status;
}

static void
metadata_that_cannot_be_read_stops_the_check(void **state)
{
	(void)state;
	static const char *const files[] = {"header.ston", "seg0.ston", "permSpace.ston"};
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		imago_folder folder;
		imago_error error = {0};
		make_folder(&folder, perm_heap, "spur64-68533", &allocator);
		folder_set_text(&folder, files[i], "Nothing");
		assert_int_not_equal(check_with_heap_of_another(&folder, &error), IMAGO_OK);
		assert_string_equal(error.part, files[i]);
		imago_folder_release(&folder);
	}
}

static void
a_heap_without_segments_has_no_folder_to_be_checked_against(void **state)
{
	(void)state;
	imago_folder folder;
	imago_heap *heap = NULL;
	imago_error error = {0};
	imago_check_sink sink;
	const imago_layout layout = {8, IMAGO_LITTLE_ENDIAN};
	make_folder(&folder, small_heap, "spur64", &allocator);
	assert_ok(imago_heap_create(&heap, IMAGO_SPUR, layout, &allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	assert_status(imago_composed_check(&folder, heap, &sink, &error), &error, IMAGO_EUSAGE);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

/* Format numbers without a heap of theirs, or of another model than the heap has. */
static void
a_heap_is_written_under_a_number_of_its_own_only(void **state)
{
	(void)state;
	static const uint32_t numbers[] = {0, 68019, 68002, 6505, 6521};
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	assert_non_null(heap);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		imago_folder folder;
		imago_error error = {0};
		imago_folder_init(&folder, &allocator);
		heap->header.image_format = numbers[i];
		assert_status(imago_composed_write(heap, &folder, &error), &error, IMAGO_EVERSION);
		imago_folder_release(&folder);
	}
	imago_heap_destroy(heap);
}

/* A second permanent space, behind the first; and one whose size no signed word holds. */
static void
permanent_space_is_one_and_of_a_size_that_can_be_written(void **state)
{
	(void)state;
	imago_error error = {0};
	imago_folder folder;
	imago_heap *heap = perm_heap(test_layout_find("spur32"), &allocator);
	assert_non_null(heap);
	imago_segment *perm = &heap->segments[heap->num_segments - 1];
	uint64_t size = perm->size;
	perm->size = UINT64_C(1) << 31;
	imago_folder_init(&folder, &allocator);
	assert_status(imago_composed_write(heap, &folder, &error), &error, IMAGO_EUNSUPPORTED);
	assert_string_equal(error.what, "size of permanent space");
	perm->size = size;
	imago_segment second = *perm;
	second.start += second.size + 64;
	assert_ok(imago_heap_add_segment(heap, &second, &error), &error);
	assert_status(imago_composed_write(heap, &folder, &error), &error, IMAGO_EUNSUPPORTED);
	assert_string_equal(error.what, "start of permanent space");
	imago_folder_release(&folder);
	imago_heap_destroy(heap);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_vm_scans_line_by_line),
	    TEST(the_vm_loses_a_field_whose_line_is_cut_behind_its_mark),
	    TEST(the_vm_finds_a_field_in_the_beginning_of_another),
	    TEST(the_vm_cuts_a_word_that_is_too_long),
	    TEST(metadata_that_cannot_be_read_stops_the_check),
	    TEST(a_heap_without_segments_has_no_folder_to_be_checked_against),
	    TEST(a_heap_is_written_under_a_number_of_its_own_only),
	    TEST(permanent_space_is_one_and_of_a_size_that_can_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
