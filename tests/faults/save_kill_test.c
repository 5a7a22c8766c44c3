/* save_kill_test.c: a process that saves on the real disk is killed, with SIGKILL, before, after
 * and in the middle of every system call it makes. Whoever looks then finds the old image or the
 * new one, and can save again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fuzz/faults/fault_plan.h"
#include "../formats/temp_folder.h"
#include "assertions.h"
#include "image_pair.h"

enum { CHILD_FAILED = 9 };

static void
kill_for_real(void)
{
	(void)kill(getpid(), SIGKILL);
	_exit(CHILD_FAILED);
}

/* Saves in a child that is killed at a call. Returns false when the save has fewer calls. */
static bool
save_and_kill(image_pair *images, const char *path, const fault *kill_at)
{
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fault_plan plan;
		imago_error error = {0};
		fault_plan_init(&plan, imago_os_files());
		plan.faults[0] = *kill_at;
		plan.kill = kill_for_real;
		const imago_file_system files = fault_plan_files(&plan);
		imago_status status = imago_image_save_in(images->new_heap, images->format, &files, path,
		                                          &images->allocator, &error);
		_exit(status == IMAGO_OK ? 0 : CHILD_FAILED);
	}
	int result;
	assert_int_equal(waitpid(child, &result, 0), child);
	if (WIFSIGNALED(result)) {
		assert_int_equal(WTERMSIG(result), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(result), 0);
	return false;
}

/* One kill; returns false when there was no such call. */
static bool
kill_once(image_pair *images, bool over_old, const fault *kill_at, size_t *num_old, size_t *num_new)
{
	imago_error error = {0};
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x.image");
	const found_image before = over_old ? FOUND_OLD : FOUND_NONE;
	if (over_old) {
		assert_ok(
		    imago_image_save(images->old_heap, images->format, path, &images->allocator, &error),
		    &error);
	}
	bool killed = save_and_kill(images, path, kill_at);
	found_image found = image_pair_look(images, imago_os_files(), path);
	assert_true(found == before || found == FOUND_NEW);
	assert_true(killed || found == FOUND_NEW);
	*num_old += killed && found == before;
	*num_new += killed && found == FOUND_NEW;
	assert_ok(imago_image_save(images->new_heap, images->format, path, &images->allocator, &error),
	          &error);
	assert_int_equal(image_pair_look(images, imago_os_files(), path), FOUND_NEW);
	temp_folder_remove(&disk);
	return killed;
}

static void
kill_everywhere(const char *layout, imago_format_id format)
{
	static const fault kills[] = {
	    {0, FAULT_KILLS_BEFORE, 0, 0},
	    {0, FAULT_KILLS_AFTER, 0, 0},
	    {0, FAULT_KILLS_AFTER, 0, 100},
	};
	image_pair images;
	size_t num_old = 0;
	size_t num_new = 0;
	image_pair_make(&images, layout, format);
	for (unsigned over_old = 0; over_old < 2; over_old++) {
		for (size_t i = 0; i < sizeof kills / sizeof kills[0]; i++) {
			fault kill_at = kills[i];
			do {
				kill_at.call++;
			} while (kill_once(&images, over_old != 0, &kill_at, &num_old, &num_new));
		}
	}
	image_pair_release(&images);
	print_message("%s, %s: %zu kills: %zu left what was there, %zu the new image\n", layout,
	              imago_format_name(format), num_old + num_new, num_old, num_new);
	assert_true(num_old > 0 && num_new > 0);
}

static void
a_killed_save_of_a_file_leaves_an_image(void **state)
{
	(void)state;
	kill_everywhere("spur32", IMAGO_FORMAT_SPUR);
	kill_everywhere("spur64be", IMAGO_FORMAT_SPUR);
	kill_everywhere("v3", IMAGO_FORMAT_V3);
}

static void
a_killed_save_of_a_folder_leaves_an_image(void **state)
{
	(void)state;
	kill_everywhere("spur32", IMAGO_FORMAT_COMPOSED);
	kill_everywhere("spur64", IMAGO_FORMAT_COMPOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_killed_save_of_a_file_leaves_an_image),
	    cmocka_unit_test(a_killed_save_of_a_folder_leaves_an_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
