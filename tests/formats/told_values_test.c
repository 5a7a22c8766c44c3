/* told_values_test.c: the values that refusals tell, and edges between what is taken and what is
 * not, which the tables of other tests do not pin down. */
#include "assertions.h"
#include "image_folder.h"
#include "small_image.h"
#include "temp_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/check.h"
#include "imago/composed_image.h"
#include "imago/folder.h"
#include "imago/image.h"
#include "imago/spur_image.h"

static imago_allocator allocator;
static imago_error error;

static int
start(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	error = (imago_error){.found = 77, .limit = 78};
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	assert_no_leak(&allocator);
	return 0;
}

static void
assert_told(imago_status status, imago_status expected, uint64_t found, uint64_t limit)
{
	assert_status(status, &error, expected);
	assert_int_equal(error.found, found);
	assert_int_equal(error.limit, limit);
}

static void
a_segment_number_too_high_is_told_with_the_highest(void **state)
{
	(void)state;
	imago_folder folder;
	temp_folder disk = temp_folder_make();
	imago_folder_init(&folder, &allocator);
	assert_told(imago_folder_add(&folder, "seg65536.data", NULL, 0, NULL, &error), IMAGO_ELIMIT,
	            IMAGO_MAX_SEGMENTS, IMAGO_MAX_SEGMENTS - 1);
	temp_write(&disk, "seg65536.data", "", 0);
	assert_told(imago_folder_read(&folder, disk.path, &error), IMAGO_ELIMIT, IMAGO_MAX_SEGMENTS,
	            IMAGO_MAX_SEGMENTS - 1);
	imago_folder_release(&folder);
	temp_folder_remove(&disk);
}

static void
what_has_no_value_to_tell_tells_none(void **state)
{
	(void)state;
	imago_folder folder;
	temp_folder disk = temp_folder_make();
	imago_folder_init(&folder, &allocator);
	assert_told(imago_folder_add(&folder, "other.txt", NULL, 0, NULL, &error), IMAGO_ERANGE, 0, 0);
	assert_ok(imago_folder_add(&folder, "seg0.data", NULL, 0, NULL, &error), &error);
	error = (imago_error){.found = 77, .limit = 78};
	assert_told(imago_folder_add(&folder, "seg0.data", NULL, 0, NULL, &error), IMAGO_ESTRUCTURE, 0,
	            0);
	assert_told(imago_folder_unpack(&folder, (const uint8_t *)"imago", 5, &error), IMAGO_EMAGIC, 0,
	            0);
	imago_folder_release(&folder);
	imago_folder_init(&folder, &allocator);
	temp_make_folder(&disk, "seg0.data");
	assert_told(imago_folder_read(&folder, disk.path, &error), IMAGO_EUSAGE, 0, 0);
	imago_folder_release(&folder);
	temp_folder_remove(&disk);
}

/* A header of 65 characters in a name, or of 65 fields: one more than there may be. */
static void
one_too_many_in_a_metadata_text_is_told_with_the_limit(void **state)
{
	(void)state;
	enum { MOST = 64, TEXT_SIZE = 2048 };
	char text[TEXT_SIZE] = "S {";
	imago_folder folder;
	imago_heap *heap = NULL;
	for (size_t i = 0, length = 3; i <= MOST; i++) {
		length += (size_t)snprintf(text + length, sizeof text - length, "%s#f%zu : 1",
		                           i == 0 ? "" : ", ", i);
	}
	strcat(text, "}");
	imago_folder_init(&folder, &allocator);
	folder_set_text(&folder, "header.ston", text);
	assert_told(imago_composed_read(&heap, &folder, &allocator, &error), IMAGO_ELIMIT, MOST + 1,
	            MOST);
	memset(text, 'n', MOST + 1);
	strcpy(text + MOST + 1, " {}");
	folder_set_text(&folder, "header.ston", text);
	assert_told(imago_composed_read(&heap, &folder, &allocator, &error), IMAGO_ERANGE, MOST + 1,
	            MOST);
	imago_folder_release(&folder);
}

/* imageHeaderSize of a folder: kept in a single file when such a file may have it. */
static void
a_header_size_that_a_file_may_have_is_kept(void **state)
{
	(void)state;
	static const struct {
		uint64_t before, after;
	} rows[] = {{128, 128}, {136, 136}, {192, 192}, {189, 128}, {120, 128}};
	test_image bundle = test_image_of(small_heap(test_layout_find("spur64"), &allocator),
	                                  IMAGO_FORMAT_COMPOSED, &allocator);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_image image, file;
		imago_writer writer;
		assert_ok(imago_image_read(&image, bundle.bytes, bundle.size, &allocator, &error), &error);
		image.heap->header.header_size = rows[i].before;
		imago_writer_init(&writer, &allocator, image.heap->layout, NULL);
		assert_ok(imago_image_write(image.heap, IMAGO_FORMAT_SPUR, &writer, &error), &error);
		assert_ok(imago_image_read(&file, writer.bytes, writer.size, &allocator, &error), &error);
		assert_int_equal(file.heap->header.header_size, rows[i].after);
		imago_image_close(&file);
		imago_writer_release(&writer);
		imago_image_close(&image);
	}
	test_image_release(&bundle);
}

static void
the_size_of_an_image_folder_is_that_of_all_its_files(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_image image;
	imago_heap *heap = perm_heap(test_layout_find("spur32"), &allocator);
	assert_non_null(heap);
	assert_ok(imago_image_save(heap, IMAGO_FORMAT_COMPOSED, temp_path(&disk, "image"), &allocator,
	                           &error),
	          &error);
	assert_ok(imago_image_open(&image, temp_path(&disk, "image"), &allocator, &error), &error);
	uint64_t sum = 0;
	for (size_t i = 0; i < image.folder.num_files; i++) {
		sum += image.folder.files[i].size;
	}
	assert_true(image.folder.num_files >= 5 && sum > 0);
	assert_int_equal(image.size, sum);
	imago_image_close(&image);
	imago_heap_destroy(heap);
	temp_folder_remove(&disk);
}

/* A name left over from an earlier call is not that of the file that is checked now. */
static void
a_check_that_fails_for_want_of_memory_blames_no_file(void **state)
{
	(void)state;
	imago_allocator none;
	imago_image image;
	imago_check_sink sink;
	test_image file = small_image(test_layout_find("v3"), &allocator);
	assert_ok(imago_image_read(&image, file.bytes, file.size, &allocator, &error), &error);
	imago_allocator_init(&none, 0);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	imago_error_set_part(&error, "seg0.data");
	assert_status(imago_image_check(&image, &sink, &none, &error), &error, IMAGO_ENOMEM);
	assert_string_equal(error.part, "");
	imago_image_close(&image);
	test_image_release(&file);
}

/* 68000, the number of 64-bit V3, as a big-endian word of 64 bits, of which fewer bytes are there.
 */
static void
a_number_that_is_not_all_there_is_not_recognised(void **state)
{
	(void)state;
	static const uint8_t bytes[8] = {0, 0, 0, 0, 0, 1, 0x09, 0xA0};
	imago_image image;
	for (uint64_t size = 0; size < sizeof bytes; size++) {
		imago_status status = imago_image_read(&image, bytes, size, &allocator, &error);
		assert_true(status != IMAGO_OK && status != IMAGO_EVERSION);
		imago_image_close(&image);
	}
	assert_status(imago_image_read(&image, bytes, sizeof bytes, &allocator, &error), &error,
	              IMAGO_EVERSION);
	imago_image_close(&image);
}

/* Lines that end with a CR, and nothing between it and the next field. */
static void
a_carriage_return_takes_nothing_but_another_with_it(void **state)
{
	(void)state;
	imago_folder folder;
	imago_heap *heap;
	imago_check_sink sink;
	make_folder(&folder, perm_heap, "spur64-68533", &allocator);
	char *text = folder_text(&folder, "header.ston");
	char *to = text;
	for (const char *from = text; *from != '\0'; from++) {
		if (*from != '\t') {
			*to++ = (char)(*from == '\n' ? '\r' : *from);
		}
	}
	*to = '\0';
	folder_set_text(&folder, "header.ston", text);
	free(text);
	assert_ok(imago_composed_read(&heap, &folder, &allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	assert_ok(imago_composed_check(&folder, heap, &sink, &error), &error);
	assert_int_equal(sink.summary.num_errors + sink.summary.num_warnings, 0);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

/* Old space may end where permanent space would begin, but not behind it. */
static void
old_space_may_end_at_the_start_of_permanent_space(void **state)
{
	(void)state;
	for (uint64_t behind = 0; behind <= 8; behind += 8) {
		imago_folder folder;
		imago_heap *heap = NULL;
		char number[32];
		make_folder(&folder, small_heap, "spur64", &allocator);
		uint64_t size = imago_folder_find(&folder, "seg0.data")->size;
		snprintf(number, sizeof number, "%llu",
		         (unsigned long long)(IMAGO_PERM_START_64 - size + behind));
		folder_set_field(&folder, "seg0.ston", "startAddress", number);
		imago_status status = imago_composed_read(&heap, &folder, &allocator, &error);
		assert_int_equal(status, behind == 0 ? IMAGO_OK : IMAGO_ERANGE);
		assert_true(behind == 0 || strcmp(error.part, "seg0.ston") == 0);
		imago_heap_destroy(heap);
		imago_folder_release(&folder);
	}
}

/* The VM reads these from their lines as the grammar does: ends of what a word holds. */
static void
numbers_at_the_ends_of_a_word_are_read_alike(void **state)
{
	(void)state;
	static const char *const numbers[] = {"-1", "-0", "9223372036854775807", "-9223372036854775808",
	                                      "9223372036854775806"};
	static const char *const only[] = {"composed.lineReader"};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		imago_folder folder;
		imago_heap *heap;
		imago_check_sink sink;
		imago_check_options options = {.only = only, .num_only = 1};
		make_folder(&folder, small_heap, "spur64-68533", &allocator);
		folder_set_field(&folder, "header.ston", "hdrLastHash", numbers[i]);
		print_message("%s\n", numbers[i]);
		assert_ok(imago_composed_read(&heap, &folder, &allocator, &error), &error);
		imago_check_sink_init(&sink, &options, NULL, NULL);
		assert_ok(imago_composed_check(&folder, heap, &sink, &error), &error);
		assert_int_equal(sink.summary.num_errors + sink.summary.num_warnings, 0);
		imago_heap_destroy(heap);
		imago_folder_release(&folder);
	}
}

/* What remains of an earlier error in the caller's record is not told again. */
static void
a_write_that_fails_blames_no_file(void **state)
{
	(void)state;
	imago_writer writer;
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	imago_writer_init(&writer, &allocator, heap->layout, NULL);
	imago_error_set_part(&error, "seg0.data");
	assert_true(imago_image_write(heap, IMAGO_FORMAT_COMPOSED, &writer, &error) != IMAGO_OK);
	assert_string_equal(error.part, "");
	imago_error_set_part(&error, "seg0.data");
	assert_true(imago_image_save(heap, IMAGO_FORMAT_V3, "/nowhere/at/all", &allocator, &error) !=
	            IMAGO_OK);
	assert_string_equal(error.part, "");
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
}

static void
the_largest_value_of_a_field_can_be_written(void **state)
{
	(void)state;
	imago_writer writer;
	imago_image image;
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	heap->header.image_version = UINT16_MAX;
	heap->header.last_hash = UINT64_MAX;
	imago_writer_init(&writer, &allocator, heap->layout, NULL);
	assert_ok(imago_image_write(heap, IMAGO_FORMAT_SPUR, &writer, &error), &error);
	assert_ok(imago_image_read(&image, writer.bytes, writer.size, &allocator, &error), &error);
	assert_int_equal(image.heap->header.image_version, UINT16_MAX);
	assert_true(image.heap->header.last_hash == UINT64_MAX);
	imago_image_close(&image);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
}

static bool
keep(const imago_finding *finding, void *payload)
{
	*(imago_finding *)payload = *finding;
	return true;
}

static void
a_negative_number_is_told_as_the_vm_holds_it(void **state)
{
	(void)state;
	static const char *const only[] = {"composed.swapBytes"};
	imago_folder folder;
	imago_heap *heap;
	imago_check_sink sink;
	imago_finding found = {.found = 0};
	imago_check_options options = {.only = only, .num_only = 1};
	make_folder(&folder, small_heap, "spur64-68533", &allocator);
	folder_set_field(&folder, "header.ston", "swapBytes", "-1");
	assert_ok(imago_composed_read(&heap, &folder, &allocator, &error), &error);
	imago_check_sink_init(&sink, &options, keep, &found);
	assert_ok(imago_composed_check(&folder, heap, &sink, &error), &error);
	assert_int_equal(sink.summary.num_errors + sink.summary.num_warnings + sink.summary.num_infos,
	                 1);
	assert_true(found.found == UINT64_MAX);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_write_that_fails_blames_no_file, start, finish),
	    cmocka_unit_test_setup_teardown(the_largest_value_of_a_field_can_be_written, start, finish),
	    cmocka_unit_test_setup_teardown(a_negative_number_is_told_as_the_vm_holds_it, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(numbers_at_the_ends_of_a_word_are_read_alike, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(a_segment_number_too_high_is_told_with_the_highest, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(what_has_no_value_to_tell_tells_none, start, finish),
	    cmocka_unit_test_setup_teardown(one_too_many_in_a_metadata_text_is_told_with_the_limit,
	                                    start, finish),
	    cmocka_unit_test_setup_teardown(a_header_size_that_a_file_may_have_is_kept, start, finish),
	    cmocka_unit_test_setup_teardown(the_size_of_an_image_folder_is_that_of_all_its_files, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(a_check_that_fails_for_want_of_memory_blames_no_file, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(a_number_that_is_not_all_there_is_not_recognised, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(a_carriage_return_takes_nothing_but_another_with_it, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(old_space_may_end_at_the_start_of_permanent_space, start,
	                                    finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
