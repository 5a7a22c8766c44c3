/* read_faults_test.c: every call of reading an image fails, in every way: an input/output error
 * with its noun, and everything back. What a signal interrupts, or the system cuts short, is read
 * on. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../fuzz/faults/fault_plan.h"
#include "../../fuzz/faults/model_disk.h"
#include "assertions.h"
#include "imago/image.h"
#include "layouts.h"
#include "small_image.h"

#define READ_PATH "work/x.image"

static model_disk *
disk_with(const char *layout, imago_format_id format, imago_allocator *allocator)
{
	model_disk *disk = model_disk_create();
	imago_heap *heap = small_heap(test_layout_find(layout), allocator);
	const imago_file_system files = model_disk_files(disk);
	imago_error error = {0};
	assert_non_null(heap);
	model_disk_put_folder(disk, "work");
	assert_ok(imago_image_save_in(heap, format, &files, READ_PATH, allocator, &error), &error);
	imago_heap_destroy(heap);
	return disk;
}

/* Reads once with a fault; returns whether there was a call to fail. */
static bool
read_once(model_disk *disk, const fault *planned, imago_status *status, imago_error *error)
{
	imago_allocator allocator;
	imago_image image;
	fault_plan plan;
	const imago_file_system below = model_disk_files(disk);
	fault_plan_init(&plan, &below);
	plan.faults[0] = *planned;
	const imago_file_system files = fault_plan_files(&plan);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	*status = imago_image_open_in(&image, &files, READ_PATH, &allocator, error);
	assert_true((*status == IMAGO_OK) == (image.heap != NULL));
	imago_image_close(&image);
	assert_int_equal(allocator.used, 0);
	assert_int_equal(model_disk_num_open(disk), 0);
	return plan.met[0];
}

static void
read_with_faults_everywhere(const char *layout, imago_format_id format)
{
	static const fault ways[] = {
	    {0, FAULT_FAILS, EIO, 0},   {0, FAULT_FAILS, EACCES, 0}, {0, FAULT_FAILS, EMFILE, 0},
	    {0, FAULT_FAILS, EINTR, 0}, {0, FAULT_CUTS, 0, 1},       {0, FAULT_CUTS, 0, 1000},
	};
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	model_disk *disk = disk_with(layout, format, &allocator);
	uint64_t num_reads = 0;
	uint64_t num_refused = 0;
	for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
		fault planned = ways[way];
		imago_status status;
		imago_error error = {.status = IMAGO_OK};
		for (planned.call = 1; read_once(disk, &planned, &status, &error); planned.call++) {
			num_reads++;
			if (planned.kind == FAULT_CUTS || planned.os_error == EINTR) {
				assert_ok(status, &error);
			} else if (status != IMAGO_OK) {
				assert_int_equal(status, IMAGO_EIO);
				assert_non_null(error.what);
				assert_int_equal(error.os_error, planned.os_error);
				num_refused++;
			}
		}
		assert_ok(status, &error); /* the fault came after the last call */
	}
	model_disk_destroy(disk);
	assert_int_equal(allocator.used, 0);
	print_message("%s, %s: %" PRIu64 " reads with a fault, %" PRIu64 " refused\n", layout,
	              imago_format_name(format), num_reads, num_refused);
	assert_true(num_refused > 0);
}

static void
every_call_of_reading_a_file_may_fail(void **state)
{
	(void)state;
	read_with_faults_everywhere("spur32", IMAGO_FORMAT_SPUR);
	read_with_faults_everywhere("v3be", IMAGO_FORMAT_V3);
}

static void
every_call_of_reading_a_folder_may_fail(void **state)
{
	(void)state;
	read_with_faults_everywhere("spur64", IMAGO_FORMAT_COMPOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_call_of_reading_a_file_may_fail),
	    cmocka_unit_test(every_call_of_reading_a_folder_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
