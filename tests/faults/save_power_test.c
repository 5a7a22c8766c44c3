/* save_power_test.c: images are saved over others, power is lost before every call, with every
 * combination of what was not synced, and what is there is opened, read and digested by the
 * library. */
#include <inttypes.h>

#include "../../fuzz/faults/fault_plan.h"
#include "../../fuzz/faults/model_disk.h"
#include "assertions.h"
#include "image_pair.h"

#define IMAGE_PATH "work/x.image"

enum { MAX_WAYS = 1 << 12 };

typedef struct watch {
	image_pair images;
	model_disk *disk;
	bool over_old;
	uint64_t num_losses, num_old, num_new;
} watch;

static bool
look_after_power_loss(const model_disk *after, void *payload)
{
	watch *at = payload;
	/* Only looked at: opening and reading change nothing on a disk. */
	const imago_file_system files = model_disk_files((model_disk *)after);
	found_image found = image_pair_look(&at->images, &files, IMAGE_PATH);
	assert_true(found == FOUND_NEW || found == (at->over_old ? FOUND_OLD : FOUND_NONE));
	at->num_new += found == FOUND_NEW;
	at->num_old += found != FOUND_NEW;
	return true;
}

static void
lose_power(void *payload)
{
	watch *at = payload;
	assert_true(UINT64_C(1) << model_disk_num_pending(at->disk) <= MAX_WAYS);
	at->num_losses += model_disk_each_power_loss(at->disk, MAX_WAYS, 0, look_after_power_loss, at);
}

static void
save_and_lose_power(watch *at)
{
	fault_plan plan;
	imago_error error = {0};
	at->disk = model_disk_create();
	model_disk_put_folder(at->disk, "work");
	const imago_file_system below = model_disk_files(at->disk);
	if (at->over_old) {
		assert_ok(imago_image_save_in(at->images.old_heap, at->images.format, &below, IMAGE_PATH,
		                              &at->images.allocator, &error),
		          &error);
	}
	fault_plan_init(&plan, &below);
	plan.before = lose_power;
	plan.payload = at;
	const imago_file_system files = fault_plan_files(&plan);
	assert_ok(imago_image_save_in(at->images.new_heap, at->images.format, &files, IMAGE_PATH,
	                              &at->images.allocator, &error),
	          &error);
	const uint64_t num_old = at->num_old;
	lose_power(at);
	assert_true(at->num_old == num_old); /* from the end on it is the new one */
	model_disk_destroy(at->disk);
}

static void
lose_power_with(const char *layout, imago_format_id format)
{
	watch at = {.disk = NULL};
	image_pair_make(&at.images, layout, format);
	save_and_lose_power(&at);
	at.over_old = true;
	save_and_lose_power(&at);
	image_pair_release(&at.images);
	print_message("%s, %s: %" PRIu64 " power losses: %" PRIu64 " left what was there, %" PRIu64
	              " the new image\n",
	              layout, imago_format_name(format), at.num_losses, at.num_old, at.num_new);
	assert_true(at.num_old > 0 && at.num_new > 0);
}

static void
a_file_is_an_image_after_every_power_loss(void **state)
{
	(void)state;
	lose_power_with("spur64", IMAGO_FORMAT_SPUR);
	lose_power_with("spur32be", IMAGO_FORMAT_SPUR);
	lose_power_with("v3", IMAGO_FORMAT_V3);
}

static void
a_folder_is_an_image_after_every_power_loss(void **state)
{
	(void)state;
	lose_power_with("spur32", IMAGO_FORMAT_COMPOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_is_an_image_after_every_power_loss),
	    cmocka_unit_test(a_folder_is_an_image_after_every_power_loss),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
