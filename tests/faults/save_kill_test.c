/* save_kill_test.c: a process that saves on the real disk is killed, with SIGKILL, before, after
 * and in the middle of every system call it makes. Whoever looks then finds the old image or the
 * new one, and can save again. */
#include "../formats/temp_folder.h"
#include "assertions.h"
#include "image_pair.h"
#include "killed_save.h"

/* What is saved over what, and what was found. */
typedef struct killing {
	image_pair images;
	size_t num_old, num_new;
} killing;

static imago_status
save_new(const imago_file_system *files, const char *path, void *payload, imago_error *error)
{
	image_pair *images = payload;
	return imago_image_save_in(images->new_heap, images->format, files, path, &images->allocator,
	                           error);
}

/* One kill; returns false when there was no such call. */
static bool
kill_once(bool over_old, const fault *kill_at, void *payload)
{
	killing *k = payload;
	image_pair *images = &k->images;
	imago_error error = {0};
	temp_folder disk = temp_folder_make();
	const char *path = temp_path(&disk, "x.image");
	const found_image before = over_old ? FOUND_OLD : FOUND_NONE;
	if (over_old) {
		assert_ok(
		    imago_image_save(images->old_heap, images->format, path, &images->allocator, &error),
		    &error);
	}
	bool killed = killed_save(save_new, images, path, kill_at);
	found_image found = image_pair_look(images, imago_os_files(), path);
	assert_true(found == before || found == FOUND_NEW);
	assert_true(killed || found == FOUND_NEW);
	k->num_old += killed && found == before;
	k->num_new += killed && found == FOUND_NEW;
	assert_ok(imago_image_save(images->new_heap, images->format, path, &images->allocator, &error),
	          &error);
	assert_int_equal(image_pair_look(images, imago_os_files(), path), FOUND_NEW);
	temp_folder_remove(&disk);
	return killed;
}

static void
kill_everywhere(const char *layout, imago_format_id format)
{
	killing k = {.num_old = 0};
	image_pair_make(&k.images, layout, format);
	killed_everywhere(kill_once, &k);
	image_pair_release(&k.images);
	print_message("%s, %s: %zu kills: %zu left what was there, %zu the new image\n", layout,
	              imago_format_name(format), k.num_old + k.num_new, k.num_old, k.num_new);
	assert_true(k.num_old > 0 && k.num_new > 0);
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
