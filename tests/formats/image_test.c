/* image_test.c: any image through one door: found, read, checked, written, saved. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "small_image.h"
#include "temp_folder.h"

static imago_allocator allocator;
static imago_error error;

static int
start(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	error = (imago_error){0};
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
formats_have_names(void **state)
{
	(void)state;
	assert_string_equal(imago_format_name(IMAGO_FORMAT_SPUR), "spur");
	assert_string_equal(imago_format_name(IMAGO_FORMAT_V3), "v3");
	assert_string_equal(imago_format_name(IMAGO_FORMAT_COMPOSED), "composed");
	assert_string_equal(imago_format_name(IMAGO_FORMAT_LAYERED), "layered");
	assert_string_equal(imago_format_name(IMAGO_NUM_FORMATS), "?");
}

static void
every_format_is_found_by_its_bytes_and_written_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (int composed = 0; composed <= (test_layouts[i].model == IMAGO_SPUR); composed++) {
			imago_format_id format =
			    composed ? IMAGO_FORMAT_COMPOSED : test_format_of(&test_layouts[i]);
			test_image file =
			    test_image_of(varied_heap(&test_layouts[i], &allocator), format, &allocator);
			imago_image image;
			imago_writer writer;
			print_message("%s as %s\n", test_layouts[i].name, imago_format_name(format));
			assert_ok(imago_image_read(&image, file.bytes, file.size, &allocator, &error), &error);
			assert_int_equal(image.format, format);
			imago_writer_init(&writer, &allocator, image.heap->layout, NULL);
			assert_ok(imago_image_write(image.heap, format, &writer, &error), &error);
			assert_int_equal(writer.size, file.size);
			assert_memory_equal(writer.bytes, file.bytes, (size_t)file.size);
			imago_writer_release(&writer);
			imago_image_close(&image);
			test_image_release(&file);
		}
	}
}

static void
bytes_of_no_format_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		uint64_t size;
		imago_status status;
		const char *what;
	} rows[] = {
	    {"", 0, IMAGO_ETRUNCATED, "imageFormat"},
	    {"abc", 3, IMAGO_ETRUNCATED, "imageFormat"},
	    {"nonsense, and more of it", 24, IMAGO_EMAGIC, "imageFormat"},
	    {"imago folder 2\n", 15, IMAGO_EMAGIC, "imageFormat"},
	    {"imago folder 1\n", 15, IMAGO_EMAGIC, "file that must be in an image folder"},
	    {"\xB3\x09\x01\x00", 4, IMAGO_EVERSION, "format number 68019 (obsolete 64-bit Spur)"},
	    {"\xA2\x09\x01\x00", 4, IMAGO_EVERSION, "format number 68002 (64-bit V3 with closures)"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_image image;
		print_message("row %zu\n", i);
		assert_int_equal(imago_image_read(&image, (const uint8_t *)rows[i].bytes, rows[i].size,
		                                  &allocator, &error),
		                 rows[i].status);
		assert_string_equal(error.what, rows[i].what);
		imago_image_close(&image);
	}
}

/* Counts what a check says. */
static imago_check_summary
check(const imago_image *image)
{
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	assert_ok(imago_image_check(image, &sink, &allocator, &error), &error);
	return sink.summary;
}

static void
what_is_saved_is_opened_again_with_the_same_meaning(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (int composed = 0; composed <= (test_layouts[i].model == IMAGO_SPUR); composed++) {
			imago_format_id format =
			    composed ? IMAGO_FORMAT_COMPOSED : test_format_of(&test_layouts[i]);
			const char *path = temp_path(&disk, composed ? "a folder.image" : "a file.image");
			imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
			imago_image image;
			imago_digest before, after;
			assert_ok(imago_digest_compute(&before, heap, &allocator, &error), &error);
			assert_ok(imago_image_save(heap, format, path, &allocator, &error), &error);
			imago_heap_destroy(heap);
			assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
			assert_int_equal(image.format, format);
			assert_ok(imago_digest_compute(&after, image.heap, &allocator, &error), &error);
			assert_memory_equal(before.bytes, after.bytes, IMAGO_DIGEST_SIZE);
			assert_int_equal(check(&image).num_errors, 0);
			imago_image_close(&image);
		}
	}
	assert_int_equal(temp_count(disk.path), 2);
	temp_folder_remove(&disk);
}

static void
a_folder_is_opened_as_one_and_errors_name_its_file(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x.image");
	imago_heap *heap = perm_heap(test_layout_find("spur64-68533"), &allocator);
	imago_image image;
	assert_ok(imago_image_save(heap, IMAGO_FORMAT_COMPOSED, path, &allocator, &error), &error);
	imago_heap_destroy(heap);
	assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
	assert_int_equal(image.format, IMAGO_FORMAT_COMPOSED);
	assert_true(image.size > 0);
	imago_check_summary summary = check(&image);
	assert_int_equal(summary.num_errors + summary.num_warnings + summary.num_infos, 0);
	assert_true(summary.num_objects > 0);
	imago_image_close(&image);

	assert_int_equal(truncate(temp_path(&disk, "x.image/permSpace.data"), 40), 0);
	assert_int_equal(imago_image_open(&image, path, &allocator, &error), IMAGO_ETRUNCATED);
	assert_string_equal(error.part, "permSpace.data");
	imago_image_close(&image);

	assert_int_equal(remove(temp_path(&disk, "x.image/header.ston")), 0);
	assert_int_equal(mkfifo(temp_path(&disk, "x.image/header.ston"), 0600), 0);
	assert_int_equal(imago_image_open(&image, path, &allocator, &error), IMAGO_EUSAGE);
	assert_string_equal(error.part, "header.ston");
	imago_image_close(&image);
	temp_folder_remove(&disk);
}

static void
a_path_that_cannot_be_opened_is_an_input_output_error(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_image image;
	imago_error_set_part(&error, "left over");
	assert_int_equal(imago_image_open(&image, temp_path(&disk, "nothing"), &allocator, &error),
	                 IMAGO_EIO);
	assert_int_equal(error.os_error, ENOENT);
	assert_string_equal(error.part, "");
	imago_image_close(&image);
	assert_int_equal(mkfifo(temp_path(&disk, "fifo"), 0600), 0);
	assert_int_equal(imago_image_open(&image, temp_path(&disk, "fifo"), &allocator, &error),
	                 IMAGO_EUSAGE);
	imago_image_close(&image);
	temp_folder_remove(&disk);
}

static void
an_image_that_was_not_read_cannot_be_checked(void **state)
{
	(void)state;
	imago_image image;
	imago_check_sink sink;
	assert_int_not_equal(imago_image_read(&image, NULL, 0, &allocator, &error), IMAGO_OK);
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	assert_int_equal(imago_image_check(&image, &sink, &allocator, &error), IMAGO_EUSAGE);
	imago_image_close(&image);
}

static void
a_heap_is_not_written_as_a_format_of_another_model(void **state)
{
	(void)state;
	imago_heap *v3 = small_heap(test_layout_find("v3"), &allocator);
	imago_heap *spur = small_heap(test_layout_find("spur32"), &allocator);
	const struct {
		const imago_heap *heap;
		imago_format_id format;
		imago_status status;
	} rows[] = {
	    {v3, IMAGO_FORMAT_SPUR, IMAGO_EUNSUPPORTED},
	    {v3, IMAGO_FORMAT_COMPOSED, IMAGO_EUNSUPPORTED},
	    {spur, IMAGO_FORMAT_V3, IMAGO_EUNSUPPORTED},
	    {spur, IMAGO_NUM_FORMATS, IMAGO_EUSAGE},
	};
	temp_folder disk = temp_folder_make();
	for (size_t i = 0; i < 4; i++) {
		imago_writer writer;
		imago_writer_init(&writer, &allocator, rows[i].heap->layout, NULL);
		assert_int_equal(imago_image_write(rows[i].heap, rows[i].format, &writer, &error),
		                 rows[i].status);
		assert_int_equal(error.status, rows[i].status);
		assert_int_equal(writer.size, 0);
		imago_writer_release(&writer);
		assert_int_equal(imago_image_save(rows[i].heap, rows[i].format, temp_path(&disk, "x.image"),
		                                  &allocator, &error),
		                 rows[i].status);
	}
	assert_int_equal(temp_count(disk.path), 0);
	temp_folder_remove(&disk);
	imago_heap_destroy(v3);
	imago_heap_destroy(spur);
}

/* What a folder allows in its header and a file does not (composed.md §4). */
static void
a_folders_header_is_fitted_to_a_single_file(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {0, 7, 100, 1 << 20};
	test_image bundle = test_image_of(small_heap(test_layout_find("spur64"), &allocator),
	                                  IMAGO_FORMAT_COMPOSED, &allocator);
	for (size_t i = 0; i < 4; i++) {
		imago_image image, file;
		imago_writer writer;
		assert_ok(imago_image_read(&image, bundle.bytes, bundle.size, &allocator, &error), &error);
		image.heap->header.header_size = sizes[i];
		image.heap->header.first_segment_size = 1;
		image.heap->header.data_size = 2;
		image.heap->header.old_base_address = 3;
		imago_writer_init(&writer, &allocator, image.heap->layout, NULL);
		assert_ok(imago_image_write(image.heap, IMAGO_FORMAT_SPUR, &writer, &error), &error);
		assert_ok(imago_image_read(&file, writer.bytes, writer.size, &allocator, &error), &error);
		assert_int_equal(file.heap->header.header_size, IMAGO_HEADER_SIZE_64);
		assert_int_equal(check(&file).num_errors, 0);
		imago_image_close(&file);
		imago_writer_release(&writer);
		imago_image_close(&image);
	}
	imago_image image;
	imago_writer writer;
	assert_ok(imago_image_read(&image, bundle.bytes, bundle.size, &allocator, &error), &error);
	image.heap->header.image_version = 65536;
	imago_writer_init(&writer, &allocator, image.heap->layout, NULL);
	assert_int_equal(imago_image_write(image.heap, IMAGO_FORMAT_SPUR, &writer, &error),
	                 IMAGO_ERANGE);
	assert_string_equal(error.what, "imageVersion");
	imago_writer_release(&writer);
	imago_image_close(&image);
	test_image_release(&bundle);
}

static void
rules_are_numbered_through_core_first(void **state)
{
	(void)state;
	size_t num_rules = 0;
	while (imago_rule_at(num_rules) != NULL) {
		const imago_rule *rule = imago_rule_at(num_rules);
		bool of_a_format =
		    strncmp(rule->name, "composed.", 9) == 0 || strncmp(rule->name, "layered.", 8) == 0 ||
		    strncmp(rule->name, "packfile.", 9) == 0 || strncmp(rule->name, "workspace.", 10) == 0;
		assert_true(of_a_format == (num_rules >= IMAGO_NUM_CORE_RULES));
		for (size_t i = 0; i < num_rules; i++) {
			assert_string_not_equal(imago_rule_at(i)->name, rule->name);
		}
		num_rules++;
	}
	assert_true(num_rules > IMAGO_NUM_CORE_RULES);
	assert_null(imago_rule_at(num_rules + 1));
	assert_null(imago_rule_at(SIZE_MAX));
}

static imago_status
read_and_check(imago_allocator *limited, imago_error *failure, void *payload)
{
	const test_image *file = payload;
	imago_image image;
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, NULL, NULL);
	imago_status status = imago_image_read(&image, file->bytes, file->size, limited, failure);
	if (status == IMAGO_OK) {
		status = imago_image_check(&image, &sink, limited, failure);
	}
	if (status == IMAGO_OK) {
		imago_writer writer;
		imago_writer_init(&writer, limited, image.heap->layout, failure);
		status = imago_image_write(image.heap, IMAGO_FORMAT_SPUR, &writer, failure);
		imago_writer_release(&writer);
	}
	imago_image_close(&image);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	test_image file = test_image_of(small_heap(test_layout_find("spur32"), &allocator),
	                                IMAGO_FORMAT_COMPOSED, &allocator);
	assert_every_allocation_failure_is_reported(read_and_check, &file);
	test_image_release(&file);
}

static void
a_bundle_with_a_format_number_behind_its_first_512_bytes_is_still_a_bundle(void **state)
{
	(void)state;
	uint8_t bytes[1024] = "imago folder 1\nheader.ston 900\n";
	imago_image image;
	imago_store_u32(bytes + 512, 6521, IMAGO_LITTLE_ENDIAN);
	assert_int_not_equal(imago_image_read(&image, bytes, sizeof bytes, &allocator, &error),
	                     IMAGO_OK);
	assert_int_equal(image.format, IMAGO_FORMAT_COMPOSED);
	imago_image_close(&image);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(formats_have_names),
	    TEST(a_bundle_with_a_format_number_behind_its_first_512_bytes_is_still_a_bundle),
	    TEST(every_format_is_found_by_its_bytes_and_written_back),
	    TEST(bytes_of_no_format_are_refused),
	    TEST(what_is_saved_is_opened_again_with_the_same_meaning),
	    TEST(a_folder_is_opened_as_one_and_errors_name_its_file),
	    TEST(a_path_that_cannot_be_opened_is_an_input_output_error),
	    TEST(an_image_that_was_not_read_cannot_be_checked),
	    TEST(a_heap_is_not_written_as_a_format_of_another_model),
	    TEST(a_folders_header_is_fitted_to_a_single_file),
	    TEST(rules_are_numbered_through_core_first),
	    TEST(every_allocation_failure_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
