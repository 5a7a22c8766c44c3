#include "image_pair.h"

#include <string.h>

#include "assertions.h"
#include "imago/file.h"
#include "layouts.h"
#include "small_image.h"

void
image_pair_make(image_pair *made, const char *layout, imago_format_id format)
{
	const test_layout *found = test_layout_find(layout);
	imago_error error = {0};
	*made = (image_pair){.format = format};
	imago_allocator_init(&made->allocator, IMAGO_UNLIMITED);
	made->old_heap = varied_heap(found, &made->allocator);
	made->new_heap = small_heap(found, &made->allocator);
	assert_true(made->old_heap != NULL && made->new_heap != NULL);
	assert_ok(imago_digest_compute(&made->old_digest, made->old_heap, &made->allocator, &error),
	          &error);
	assert_ok(imago_digest_compute(&made->new_digest, made->new_heap, &made->allocator, &error),
	          &error);
}

void
image_pair_release(image_pair *made)
{
	imago_heap_destroy(made->old_heap);
	imago_heap_destroy(made->new_heap);
	assert_int_equal(made->allocator.used, 0);
}

found_image
image_pair_look(image_pair *images, const imago_file_system *files, const char *path)
{
	imago_image image;
	imago_digest digest;
	imago_error error = {0};
	if (imago_path_kind_in(files, path) == IMAGO_PATH_MISSING) {
		return FOUND_NONE;
	}
	assert_ok(imago_image_open_in(&image, files, path, &images->allocator, &error), &error);
	assert_int_equal(image.format, images->format);
	assert_ok(imago_digest_compute(&digest, image.heap, &images->allocator, &error), &error);
	imago_image_close(&image);
	if (memcmp(&digest, &images->old_digest, sizeof digest) == 0) {
		return FOUND_OLD;
	}
	assert_memory_equal(&digest, &images->new_digest, sizeof digest);
	return FOUND_NEW;
}
