/* folder_test.c: folders in memory, bundles, and folders on the disk (composed.md §2, §9). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "image_folder.h"
#include "imago/composed_image.h"
#include "temp_folder.h"

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

static void
only_names_of_an_image_folder_can_be_added(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		imago_status status;
	} rows[] = {
	    {"header.ston", IMAGO_OK},
	    {"seg0.ston", IMAGO_OK},
	    {"seg0.data", IMAGO_OK},
	    {"seg65535.data", IMAGO_OK},
	    {"permSpace.ston", IMAGO_OK},
	    {"permSpace.data", IMAGO_OK},
	    {"seg10.ston", IMAGO_OK},
	    {"header.ston", IMAGO_ESTRUCTURE},
	    {"seg10.ston", IMAGO_ESTRUCTURE},
	    {"seg65536.data", IMAGO_ELIMIT},
	    {"seg99999999.data", IMAGO_ELIMIT},
	    {"seg4294967296.ston", IMAGO_ELIMIT},
	    {"", IMAGO_ERANGE},
	    {"seg.data", IMAGO_ERANGE},
	    {"seg00.data", IMAGO_ERANGE},
	    {"seg01.data", IMAGO_ERANGE},
	    {"seg-1.data", IMAGO_ERANGE},
	    {"seg+1.data", IMAGO_ERANGE},
	    {"seg1.dat", IMAGO_ERANGE},
	    {"seg1.data.", IMAGO_ERANGE},
	    {"seg1", IMAGO_ERANGE},
	    {"Seg1.data", IMAGO_ERANGE},
	    {"../seg1.data", IMAGO_ERANGE},
	    {"header.data", IMAGO_ERANGE},
	    {"permSpace.ston ", IMAGO_ERANGE},
	    {".", IMAGO_ERANGE},
	};
	imago_folder folder;
	imago_folder_init(&folder, &allocator);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_error error = {0};
		size_t num_files = folder.num_files;
		print_message("%s\n", rows[i].name);
		assert_int_equal(
		    imago_folder_add(&folder, rows[i].name, (const uint8_t *)"x", 1, NULL, &error),
		    rows[i].status);
		if (rows[i].status == IMAGO_OK) {
			assert_string_equal(imago_folder_find(&folder, rows[i].name)->name, rows[i].name);
		} else {
			assert_int_equal(folder.num_files, num_files);
			assert_non_null(error.what);
		}
	}
	assert_null(imago_folder_find(&folder, "seg1.data"));
	assert_null(imago_folder_find(&folder, "nonsense"));
	imago_folder_release(&folder);
}

static void
a_bundle_gives_back_the_folder_it_was_packed_from(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur64", &allocator);
	folder_set(&folder, "seg7.data", "", 0);
	imago_error error = {0};
	imago_writer writer;
	imago_writer_init(&writer, &allocator, (imago_layout){4, IMAGO_LITTLE_ENDIAN}, &error);
	imago_folder_pack(&folder, &writer);
	assert_ok(writer.status, &error);
	assert_memory_equal(writer.bytes, "imago folder 1\nheader.ston ", 27);
	assert_true(imago_folder_is_bundle(writer.bytes, writer.size));

	imago_folder unpacked;
	imago_folder_init(&unpacked, &allocator);
	assert_ok(imago_folder_unpack(&unpacked, writer.bytes, writer.size, &error), &error);
	assert_folders_equal(&folder, &unpacked);
	imago_folder_release(&unpacked);
	imago_writer_release(&writer);
	imago_folder_release(&folder);
}

typedef struct bad_bundle {
	const char *bytes;
	size_t size; /* 0: up to the terminator */
	imago_status status;
	const char *what;
	uint64_t offset;
} bad_bundle;

static const bad_bundle bad_bundles[] = {
    {"", 0, IMAGO_EMAGIC, "bundle", 0},
    {"imago folder 1", 0, IMAGO_EMAGIC, "bundle", 0},
    {"imago folder 2\n", 0, IMAGO_EMAGIC, "bundle", 0},
    {"imago folder 1\nheader.ston", 0, IMAGO_ETRUNCATED, "file name", 15},
    {"imago folder 1\nheader.ston ", 0, IMAGO_ETRUNCATED, "file size", 27},
    {"imago folder 1\nheader.ston 1", 0, IMAGO_ETRUNCATED, "file size", 27},
    {"imago folder 1\nheader.ston \n", 0, IMAGO_ERANGE, "file size", 27},
    {"imago folder 1\nheader.ston 1\n", 0, IMAGO_ETRUNCATED, "file size", 27},
    {"imago folder 1\nheader.ston -1\nx", 0, IMAGO_ERANGE, "file size", 27},
    {"imago folder 1\nheader.ston 01\nx", 0, IMAGO_ERANGE, "file size", 28},
    {"imago folder 1\nheader.ston 18446744073709551615\nx", 0, IMAGO_ETRUNCATED, "file size", 27},
    {"imago folder 1\nheader.ston 18446744073709551616\nx", 0, IMAGO_ERANGE, "file size", 46},
    {"imago folder 1\nheader.ston 99999999999999999999\nx", 0, IMAGO_ERANGE, "file size", 46},
    {"imago folder 1\nheader.ston 0\nheader.ston 0\n", 0, IMAGO_ESTRUCTURE,
     "file name that is there twice", 29},
    {"imago folder 1\n 0\n", 0, IMAGO_ERANGE, "file name", 15},
    {"imago folder 1\nstranger 0\n", 0, IMAGO_ERANGE, "file name", 15},
    {"imago folder 1\nseg65536.data 0\n", 0, IMAGO_ELIMIT, "segment number", 15},
    {"imago folder 1\naaaaaaaaaaaaaaaaaaaaaaaa 0\n", 0, IMAGO_ERANGE, "file name", 15},
    {"imago folder 1\nheader.ston\0 0\n", 30, IMAGO_ERANGE, "file name", 15},
};

static void
a_broken_bundle_is_refused_where_it_breaks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_bundles / sizeof bad_bundles[0]; i++) {
		const bad_bundle *row = &bad_bundles[i];
		imago_folder folder;
		imago_error error = {0};
		size_t size = row->size > 0 ? row->size : strlen(row->bytes);
		imago_folder_init(&folder, &allocator);
		print_message("%s\n", row->bytes);
		assert_int_equal(imago_folder_unpack(&folder, (const uint8_t *)row->bytes, size, &error),
		                 row->status);
		assert_error(&error, row->status, row->what, row->offset);
		imago_folder_release(&folder);
	}
}

static void
every_file_number_at_once_is_found_again(void **state)
{
	(void)state;
	enum { NUM_FILES = 65536 };
	imago_folder folder;
	imago_error error = {0};
	imago_folder_init(&folder, &allocator);
	for (unsigned i = NUM_FILES; i-- > 0;) { /* the worst order for growing */
		char name[IMAGO_PART_SIZE];
		snprintf(name, sizeof name, "seg%u.ston", i);
		assert_ok(imago_folder_add(&folder, name, NULL, 0, NULL, &error), &error);
	}
	assert_int_equal(folder.num_files, NUM_FILES);
	assert_string_equal(imago_folder_find(&folder, "seg12345.ston")->name, "seg12345.ston");
	assert_null(imago_folder_find(&folder, "seg12345.data"));
	imago_folder_release(&folder);
}

/* Writes every file of a folder in memory to the disk. */
static temp_folder
on_disk(const imago_folder *folder)
{
	temp_folder disk = temp_folder_make();
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		temp_write(&disk, file->name, file->bytes, (size_t)file->size);
	}
	return disk;
}

static void
a_folder_on_disk_is_read_without_what_is_not_its_own(void **state)
{
	(void)state;
	imago_folder folder, read;
	imago_error error = {0};
	make_folder(&folder, varied_heap, "spur32", &allocator);
	temp_folder disk = on_disk(&folder);
	temp_write(&disk, "notes.txt", "x", 1);
	temp_write(&disk, "seg00.data", "x", 1);
	temp_make_folder(&disk, "local");
	imago_folder_init(&read, &allocator);
	assert_ok(imago_folder_read(&read, disk.path, &error), &error);
	assert_int_equal(read.num_files, folder.num_files);
	for (size_t i = 0; i < folder.num_files; i++) {
		const imago_folder_file *file = imago_folder_find(&read, folder.files[i].name);
		assert_non_null(file);
		assert_int_equal(file->size, folder.files[i].size);
		assert_memory_equal(file->bytes, folder.files[i].bytes, (size_t)file->size);
	}
	assert_string_equal(read.files[0].name, "header.ston");
	imago_folder_release(&read);
	imago_folder_release(&folder);
	temp_folder_remove(&disk);
}

static void
make_link(const char *path)
{
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void
make_dangling_link(const char *path)
{
	assert_int_equal(symlink("nowhere", path), 0);
}

static void
make_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void
make_subfolder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	assert_true(strlen(path) < sizeof address.sun_path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(descriptor >= 0);
	assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
	close(descriptor);
}

static void
anything_but_a_regular_file_is_refused_without_waiting(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*make)(const char *path);
	} rows[] = {
	    {"header.ston", make_link},        {"seg0.data", make_link},
	    {"seg1.ston", make_dangling_link}, {"permSpace.data", make_fifo},
	    {"header.ston", make_fifo},        {"header.ston", make_subfolder},
	    {"seg65535.data", make_subfolder}, {"permSpace.ston", make_socket},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		temp_folder disk = temp_folder_make();
		imago_folder folder;
		imago_error error = {0};
		rows[i].make(temp_path(&disk, rows[i].name));
		imago_folder_init(&folder, &allocator);
		print_message("row %zu\n", i);
		assert_int_equal(imago_folder_read(&folder, disk.path, &error), IMAGO_EUSAGE);
		assert_error(&error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET);
		assert_string_equal(error.part, rows[i].name);
		imago_folder_release(&folder);
		temp_folder_remove(&disk);
	}
}

static void
a_metadata_file_past_the_limit_is_refused_before_it_is_read(void **state)
{
	(void)state;
	static const char *const names[] = {"header.ston", "permSpace.ston", "seg0.ston", "seg7.ston"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		temp_folder disk = temp_folder_make();
		imago_folder folder;
		imago_error error = {0};
		temp_write(&disk, names[i], "", 0);
		assert_int_equal(truncate(temp_path(&disk, names[i]), (1 << 16) + 1), 0);
		imago_folder_init(&folder, &allocator);
		assert_int_equal(imago_folder_read(&folder, disk.path, &error), IMAGO_ELIMIT);
		assert_error(&error, IMAGO_ELIMIT, "size of a metadata file", IMAGO_NO_OFFSET);
		assert_string_equal(error.part, names[i]);
		imago_folder_release(&folder);
		temp_folder_remove(&disk);
	}
}

static void
a_segment_number_past_the_limit_is_refused_on_disk(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_folder folder;
	imago_error error = {0};
	temp_write(&disk, "seg65536.data", "", 0);
	imago_folder_init(&folder, &allocator);
	assert_int_equal(imago_folder_read(&folder, disk.path, &error), IMAGO_ELIMIT);
	assert_error(&error, IMAGO_ELIMIT, "segment number", IMAGO_NO_OFFSET);
	imago_folder_release(&folder);
	temp_folder_remove(&disk);
}

static void
what_is_not_a_folder_cannot_be_read_as_one(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_folder folder;
	imago_error error = {0};
	temp_write(&disk, "file", "x", 1);
	imago_folder_init(&folder, &allocator);
	assert_int_equal(imago_folder_read(&folder, temp_path(&disk, "file"), &error), IMAGO_EIO);
	assert_int_equal(error.os_error, ENOTDIR);
	assert_int_equal(imago_folder_read(&folder, temp_path(&disk, "nothing"), &error), IMAGO_EIO);
	assert_int_equal(error.os_error, ENOENT);
	imago_folder_release(&folder);
	temp_folder_remove(&disk);
}

static void
a_file_over_the_budget_is_refused_before_it_is_read(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	temp_write(&disk, "seg0.data", "", 0);
	assert_int_equal(truncate(temp_path(&disk, "seg0.data"), 1 << 30), 0); /* sparse */
	imago_allocator small;
	imago_folder folder;
	imago_error error = {0};
	imago_allocator_init(&small, 1 << 20);
	imago_folder_init(&folder, &small);
	assert_int_equal(imago_folder_read(&folder, disk.path, &error), IMAGO_ENOMEM);
	assert_string_equal(error.part, "seg0.data");
	assert_true(small.peak < 1 << 20);
	imago_folder_release(&folder);
	assert_no_leak(&small);
	temp_folder_remove(&disk);
}

static imago_status
read_disk(imago_allocator *limited, imago_error *error, void *payload)
{
	const temp_folder *disk = payload;
	imago_folder folder;
	imago_folder_init(&folder, limited);
	imago_status status = imago_folder_read(&folder, disk->path, error);
	imago_folder_release(&folder);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur64", &allocator);
	temp_folder disk = on_disk(&folder);
	assert_every_allocation_failure_is_reported(read_disk, &disk);
	temp_folder_remove(&disk);
	imago_folder_release(&folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(only_names_of_an_image_folder_can_be_added, start, finish),
	    cmocka_unit_test_setup_teardown(a_bundle_gives_back_the_folder_it_was_packed_from, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(a_broken_bundle_is_refused_where_it_breaks, start, finish),
	    cmocka_unit_test_setup_teardown(every_file_number_at_once_is_found_again, start, finish),
	    cmocka_unit_test_setup_teardown(a_folder_on_disk_is_read_without_what_is_not_its_own, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(anything_but_a_regular_file_is_refused_without_waiting,
	                                    start, finish),
	    cmocka_unit_test_setup_teardown(a_metadata_file_past_the_limit_is_refused_before_it_is_read,
	                                    start, finish),
	    cmocka_unit_test_setup_teardown(a_segment_number_past_the_limit_is_refused_on_disk, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(what_is_not_a_folder_cannot_be_read_as_one, start, finish),
	    cmocka_unit_test_setup_teardown(a_file_over_the_budget_is_refused_before_it_is_read, start,
	                                    finish),
	    cmocka_unit_test_setup_teardown(every_allocation_failure_is_reported, start, finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
