/* file_test.c: reading whole files, and refusing what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imago/file.h"

typedef struct fixture {
	char folder[64];
	char path[96];
} fixture;

static int
make_folder(void **state)
{
	fixture *f = calloc(1, sizeof *f);
	strcpy(f->folder, "/tmp/imago-file-test-XXXXXX");
	if (mkdtemp(f->folder) == NULL) {
		return -1;
	}
	snprintf(f->path, sizeof f->path, "%s/file", f->folder);
	*state = f;
	return 0;
}

static int
remove_folder(void **state)
{
	fixture *f = *state;
	remove(f->path);
	rmdir(f->folder);
	free(f);
	return 0;
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	fclose(file);
}

static void
a_file_is_read_whole(void **state)
{
	fixture *f = *state;
	imago_allocator allocator;
	uint8_t *bytes;
	uint64_t size;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	write_file(f->path, "an image");
	assert_int_equal(imago_file_read(f->path, &allocator, &bytes, &size, NULL), IMAGO_OK);
	assert_int_equal(size, 8);
	assert_memory_equal(bytes, "an image", 8);
	imago_release(&allocator, bytes, size);
	assert_int_equal(allocator.used, 0);
}

static void
a_file_over_budget_is_refused_before_it_is_read(void **state)
{
	fixture *f = *state;
	imago_allocator allocator;
	imago_error error = {0};
	uint8_t *bytes;
	uint64_t size;
	imago_allocator_init(&allocator, 7);
	write_file(f->path, "an image");
	assert_int_equal(imago_file_read(f->path, &allocator, &bytes, &size, &error), IMAGO_ENOMEM);
	assert_int_equal(error.found, 8);
	assert_int_equal(allocator.used, 0);
}

static imago_status
look_for_a_capital(const uint8_t *bytes, uint64_t size, imago_error *error)
{
	bool found = size > 0 && bytes[0] == 'A';
	return found ? IMAGO_OK : imago_fail(error, IMAGO_EMAGIC, "capital", 0, size, 0);
}

static void
a_file_is_refused_by_its_first_bytes_before_memory_is_asked_for(void **state)
{
	fixture *f = *state;
	static const struct {
		uint64_t size; /* of a file that is all holes but for its first bytes */
		const char *text;
		imago_status status;
		uint64_t seen; /* bytes that could be looked at */
	} rows[] = {
	    {3, "A b", IMAGO_OK, 3},
	    {0, "", IMAGO_EMAGIC, 0},
	    {8, "an image", IMAGO_EMAGIC, 8},
	    {IMAGO_FILE_LOOK_SIZE, "A", IMAGO_OK, IMAGO_FILE_LOOK_SIZE},
	    {IMAGO_FILE_LOOK_SIZE + 1, "A", IMAGO_OK, IMAGO_FILE_LOOK_SIZE},
	    {UINT64_C(1) << 30, "a", IMAGO_EMAGIC, IMAGO_FILE_LOOK_SIZE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		uint8_t *bytes;
		uint64_t size;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		write_file(f->path, rows[i].text);
		assert_int_equal(truncate(f->path, (off_t)rows[i].size), 0);
		assert_int_equal(imago_file_read_if(imago_os_files(), f->path, &allocator,
		                                    look_for_a_capital, &bytes, &size, &error),
		                 rows[i].status);
		if (rows[i].status == IMAGO_OK) {
			assert_int_equal(size, rows[i].size);
			assert_memory_equal(bytes, rows[i].text, strlen(rows[i].text));
			imago_release(&allocator, bytes, size);
		} else {
			assert_int_equal(error.found, rows[i].seen);
			assert_int_equal(allocator.peak, 0);
		}
		assert_int_equal(allocator.used, 0);
	}
}

static void
what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	fixture *f = *state;
	imago_allocator allocator;
	imago_error error = {0};
	uint8_t *bytes;
	uint64_t size;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(imago_file_read(f->path, &allocator, &bytes, &size, &error), IMAGO_EUSAGE);
	assert_int_equal(imago_path_kind_of(f->path), IMAGO_PATH_OTHER);
	assert_int_equal(imago_file_read(f->folder, &allocator, &bytes, &size, &error), IMAGO_EUSAGE);
	assert_int_equal(imago_path_kind_of(f->folder), IMAGO_PATH_FOLDER);
	assert_int_equal(imago_path_kind_of("/dev/null"), IMAGO_PATH_OTHER);
}

static void
a_missing_file_is_an_error_of_the_system(void **state)
{
	fixture *f = *state;
	imago_allocator allocator;
	imago_error error = {0};
	uint8_t *bytes;
	uint64_t size;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_path_kind_of(f->path), IMAGO_PATH_MISSING);
	assert_int_equal(imago_file_read(f->path, &allocator, &bytes, &size, &error), IMAGO_EIO);
	assert_int_equal(error.os_error, ENOENT);
	assert_string_equal(error.what, "open");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_file_is_read_whole, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(a_file_over_budget_is_refused_before_it_is_read,
	                                    make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(
	        a_file_is_refused_by_its_first_bytes_before_memory_is_asked_for, make_folder,
	        remove_folder),
	    cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_refused_without_waiting,
	                                    make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(a_missing_file_is_an_error_of_the_system, make_folder,
	                                    remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
