/* save_test.c: what was there stays whole until the new image is, wherever a save fails. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image_folder.h"
#include "imago/save.h"
#include "temp_folder.h"

static const char old_bytes[] = "the old image";
static const char new_bytes[] = "the new image, which is longer";
enum { OLD_SIZE = sizeof old_bytes - 1, NEW_SIZE = sizeof new_bytes - 1 };

static imago_status
save(const char *path, imago_error *error)
{
	return imago_save_file(path, (const uint8_t *)new_bytes, NEW_SIZE, error);
}

static void
a_new_file_is_written_and_nothing_else_is_left(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_error error = {0};
	assert_ok(save(temp_path(&disk, "x.image"), &error), &error);
	assert_file_holds(&disk, "x.image", new_bytes, NEW_SIZE);
	assert_int_equal(temp_count(disk.path), 1);
	temp_folder_remove(&disk);
}

static void
an_old_file_is_replaced_and_its_permissions_are_kept(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_error error = {0};
	struct stat facts;
	temp_write(&disk, "x.image", old_bytes, OLD_SIZE);
	assert_int_equal(chmod(temp_path(&disk, "x.image"), 0640), 0);
	assert_ok(save(temp_path(&disk, "x.image"), &error), &error);
	assert_file_holds(&disk, "x.image", new_bytes, NEW_SIZE);
	assert_int_equal(stat(temp_path(&disk, "x.image"), &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0640);
	assert_int_equal(temp_count(disk.path), 1);
	temp_folder_remove(&disk);
}

static void
who_has_the_old_file_open_keeps_the_old_bytes(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_error error = {0};
	temp_write(&disk, "x.image", old_bytes, OLD_SIZE);
	FILE *open_file = fopen(temp_path(&disk, "x.image"), "rb");
	assert_non_null(open_file);
	assert_ok(save(temp_path(&disk, "x.image"), &error), &error);
	char found[64];
	assert_int_equal(fread(found, 1, sizeof found, open_file), OLD_SIZE);
	assert_memory_equal(found, old_bytes, OLD_SIZE);
	fclose(open_file);
	temp_folder_remove(&disk);
}

static void
only_a_regular_file_is_replaced_by_one(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_error error = {0};
	temp_make_folder(&disk, "folder");
	assert_int_equal(mkfifo(temp_path(&disk, "fifo"), 0600), 0);
	temp_write(&disk, "file", old_bytes, OLD_SIZE);
	assert_int_equal(symlink("file", temp_path(&disk, "link")), 0);
	static const char *const names[] = {"folder", "fifo", "link"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(save(temp_path(&disk, names[i]), &error), IMAGO_EUSAGE);
		assert_error(&error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET);
	}
	assert_file_holds(&disk, "file", old_bytes, OLD_SIZE);
	assert_int_equal(temp_count(disk.path), 4);
	temp_folder_remove(&disk);
}

static void
a_path_that_leads_nowhere_is_an_input_output_error(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_error error = {0};
	assert_int_equal(save(temp_path(&disk, "no/x.image"), &error), IMAGO_EIO);
	assert_error(&error, IMAGO_EIO, "opening the parent folder", IMAGO_NO_OFFSET);
	assert_int_equal(error.os_error, ENOENT);
	temp_write(&disk, "file", old_bytes, OLD_SIZE);
	assert_int_equal(save(temp_path(&disk, "file/x.image"), &error), IMAGO_EIO);
	assert_int_equal(error.os_error, ENOTDIR);
	assert_int_equal(save("", &error), IMAGO_EUSAGE);
	assert_int_equal(save("///", &error), IMAGO_EUSAGE);
	char long_name[300];
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	assert_int_equal(save(temp_path(&disk, long_name), &error), IMAGO_EIO);
	assert_int_equal(error.os_error, ENAMETOOLONG);
	temp_folder_remove(&disk);
}

enum { NO_RIGHTS_TO_DROP = 91 };

/* Failing steps. Each runs in a child process, whose limits and rights are its own. */
typedef struct failing_step {
	const char *name;
	void (*arrange)(void);
	const char *what;
	int os_error;
} failing_step;

/* A short write, then none: what a full disk does. */
static void
limit_file_size(void)
{
	const struct rlimit limit = {16, 16};
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
		_exit(90);
	}
}

static void
limit_open_files(void)
{
	const struct rlimit limit = {4, 4}; /* three standard ones and the parent folder */
	for (int descriptor = 3; descriptor < 64; descriptor++) {
		close(descriptor);
	}
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		_exit(90);
	}
}

/* A folder that may be looked at but not written to; assert_save_fails_in_child makes it so. */
static void
drop_rights(void)
{
	if (geteuid() == 0 && setuid(65534) != 0) {
		_exit(NO_RIGHTS_TO_DROP);
	}
}

static const failing_step failing_steps[] = {
    {"short write", limit_file_size, "write", EFBIG},
    {"no descriptor left", limit_open_files, NULL, EMFILE},
    {"read-only folder", drop_rights, NULL, EACCES},
};

/* Saves in a child and tells whether it failed as expected. */
static void
assert_save_fails_in_child(const failing_step *step, const temp_folder *disk,
                           const imago_folder *folder)
{
	const char *path = temp_path(disk, "x.image");
	assert_int_equal(chmod(disk->path, step->arrange == drop_rights ? 0555 : 0755), 0);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		imago_error error = {0};
		step->arrange();
		imago_status status =
		    folder != NULL ? imago_save_folder(path, folder, &error) : save(path, &error);
		bool as_expected = status == IMAGO_EIO && error.os_error == step->os_error &&
		                   (step->what == NULL || strcmp(error.what, step->what) == 0);
		_exit(as_expected ? 0 : 1);
	}
	int result;
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_int_equal(chmod(disk->path, 0755), 0);
	assert_true(WIFEXITED(result));
	if (WEXITSTATUS(result) == NO_RIGHTS_TO_DROP) {
		print_message("skipped: this root cannot become anybody else\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(result), 0);
}

static void
a_failing_step_leaves_the_old_file_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof failing_steps / sizeof failing_steps[0]; i++) {
		temp_folder disk = temp_folder_make();
		print_message("%s\n", failing_steps[i].name);
		assert_save_fails_in_child(&failing_steps[i], &disk, NULL);
		assert_int_equal(temp_count(disk.path), 0);
		temp_write(&disk, "x.image", old_bytes, OLD_SIZE);
		assert_save_fails_in_child(&failing_steps[i], &disk, NULL);
		assert_file_holds(&disk, "x.image", old_bytes, OLD_SIZE);
		assert_int_equal(temp_count(disk.path), 1);
		temp_folder_remove(&disk);
	}
}

/* Taken temporary names are stepped over up to a bound, and left alone. */
static void
occupied_temporary_names_are_left_alone(void **state)
{
	(void)state;
	temp_folder disk = temp_folder_make();
	imago_error error = {0};
	char name[64];
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof name, ".imago-save-%ld-%u", (long)getpid(), i);
		temp_write(&disk, name, old_bytes, OLD_SIZE);
	}
	assert_int_equal(save(temp_path(&disk, "x.image"), &error), IMAGO_EIO);
	assert_error(&error, IMAGO_EIO, "creating a temporary file", IMAGO_NO_OFFSET);
	assert_int_equal(error.os_error, EEXIST);
	assert_int_equal(temp_count(disk.path), 64);
	assert_int_equal(remove(temp_path(&disk, name)), 0);
	assert_ok(save(temp_path(&disk, "x.image"), &error), &error);
	assert_int_equal(temp_count(disk.path), 64);
	temp_folder_remove(&disk);
}

/* Folders. */
static imago_allocator allocator;

static void
make_two_folders(imago_folder *old_folder, imago_folder *new_folder)
{
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	make_folder(old_folder, varied_heap, "spur32", &allocator); /* three segments */
	make_folder(new_folder, small_heap, "spur64", &allocator);  /* one */
}

static void
release_two_folders(imago_folder *old_folder, imago_folder *new_folder)
{
	imago_folder_release(old_folder);
	imago_folder_release(new_folder);
	assert_no_leak(&allocator);
}

static void
assert_disk_holds(const char *path, const imago_folder *folder)
{
	imago_folder read;
	imago_error error = {0};
	imago_folder_init(&read, folder->allocator);
	assert_ok(imago_folder_read(&read, path, &error), &error);
	assert_int_equal(read.num_files, folder->num_files);
	assert_int_equal(temp_count(path), folder->num_files);
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = imago_folder_find(&read, folder->files[i].name);
		assert_non_null(file);
		assert_int_equal(file->size, folder->files[i].size);
		assert_memory_equal(file->bytes, folder->files[i].bytes, (size_t)file->size);
	}
	imago_folder_release(&read);
}

static void
a_folder_is_written_then_exchanged_and_nothing_of_the_old_is_left(void **state)
{
	(void)state;
	imago_folder old_folder, new_folder;
	imago_error error = {0};
	struct stat facts;
	make_two_folders(&old_folder, &new_folder);
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x.image");
	assert_ok(imago_save_folder(path, &old_folder, &error), &error);
	assert_disk_holds(path, &old_folder);
	assert_int_equal(chmod(path, 0750), 0);
	assert_ok(imago_save_folder(temp_path(&disk, "x.image///"), &new_folder, &error), &error);
	assert_disk_holds(path, &new_folder);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0750);
	assert_int_equal(temp_count(disk.path), 1);
	temp_folder_remove(&disk);
	release_two_folders(&old_folder, &new_folder);
}

static void
a_failing_step_leaves_the_old_folder_whole(void **state)
{
	(void)state;
	imago_folder old_folder, new_folder;
	imago_error error = {0};
	make_two_folders(&old_folder, &new_folder);
	for (size_t i = 0; i < sizeof failing_steps / sizeof failing_steps[0]; i++) {
		temp_folder disk = temp_folder_make();
		const char *path = temp_path(&disk, "x.image");
		print_message("%s\n", failing_steps[i].name);
		assert_save_fails_in_child(&failing_steps[i], &disk, &new_folder);
		assert_int_equal(temp_count(disk.path), 0);
		assert_ok(imago_save_folder(path, &old_folder, &error), &error);
		assert_save_fails_in_child(&failing_steps[i], &disk, &new_folder);
		assert_disk_holds(path, &old_folder);
		assert_int_equal(temp_count(disk.path), 1);
		temp_folder_remove(&disk);
	}
	release_two_folders(&old_folder, &new_folder);
}

static void
a_folder_that_holds_anything_else_is_not_replaced(void **state)
{
	(void)state;
	static const char *const strangers[] = {"notes.txt", "seg00.data", "seg65536.data", ".hidden"};
	imago_folder old_folder, new_folder;
	imago_error error = {0};
	make_two_folders(&old_folder, &new_folder);
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x.image");
	for (size_t i = 0; i < 5; i++) {
		char name[64];
		assert_int_equal(mkdir(path, 0777), 0);
		snprintf(name, sizeof name, "x.image/%s", i < 4 ? strangers[i] : "header.ston");
		if (i < 4) {
			temp_write(&disk, name, old_bytes, OLD_SIZE);
		} else {
			temp_make_folder(&disk, name);
		}
		assert_int_equal(imago_save_folder(path, &new_folder, &error), IMAGO_EUSAGE);
		assert_error(&error, IMAGO_EUSAGE, "a folder that holds other files", IMAGO_NO_OFFSET);
		assert_int_equal(temp_count(disk.path), 1);
		assert_int_equal(temp_count(path), 1);
		assert_int_equal(remove(temp_path(&disk, name)), 0);
		assert_int_equal(rmdir(path), 0);
		path = temp_path(&disk, "x.image");
	}
	temp_write(&disk, "x.image", old_bytes, OLD_SIZE);
	path = temp_path(&disk, "x.image");
	assert_int_equal(imago_save_folder(path, &new_folder, &error), IMAGO_EUSAGE);
	assert_error(&error, IMAGO_EUSAGE, "not a folder", IMAGO_NO_OFFSET);
	assert_file_holds(&disk, "x.image", old_bytes, OLD_SIZE);
	temp_folder_remove(&disk);
	release_two_folders(&old_folder, &new_folder);
}

/* A link of ours in the old folder is removed, not followed. */
static void
removing_the_old_folder_follows_no_link(void **state)
{
	(void)state;
	imago_folder old_folder, new_folder;
	imago_error error = {0};
	make_two_folders(&old_folder, &new_folder);
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x.image");
	temp_write(&disk, "precious", old_bytes, OLD_SIZE);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(symlink("../precious", temp_path(&disk, "x.image/seg0.data")), 0);
	assert_ok(imago_save_folder(path, &new_folder, &error), &error);
	assert_disk_holds(path, &new_folder);
	assert_file_holds(&disk, "precious", old_bytes, OLD_SIZE);
	assert_int_equal(temp_count(disk.path), 2);
	temp_folder_remove(&disk);
	release_two_folders(&old_folder, &new_folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_file_is_written_and_nothing_else_is_left),
	    cmocka_unit_test(an_old_file_is_replaced_and_its_permissions_are_kept),
	    cmocka_unit_test(who_has_the_old_file_open_keeps_the_old_bytes),
	    cmocka_unit_test(only_a_regular_file_is_replaced_by_one),
	    cmocka_unit_test(a_path_that_leads_nowhere_is_an_input_output_error),
	    cmocka_unit_test(a_failing_step_leaves_the_old_file_whole),
	    cmocka_unit_test(occupied_temporary_names_are_left_alone),
	    cmocka_unit_test(a_folder_is_written_then_exchanged_and_nothing_of_the_old_is_left),
	    cmocka_unit_test(a_failing_step_leaves_the_old_folder_whole),
	    cmocka_unit_test(a_folder_that_holds_anything_else_is_not_replaced),
	    cmocka_unit_test(removing_the_old_folder_follows_no_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
