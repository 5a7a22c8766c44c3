/* rebuild_images_test.c: real images in other layouts, and back. */
#include "assertions.h"

#include <stdio.h>
#include <string.h>

#include "imago/digest.h"
#include "imago/image.h"
#include "imago/rebuild.h"

enum { SKIPPED = 77, NUM_IMAGES = 7, GAP = 0x10000, FAR_BASE = 0x20000000 };

static const char *const paths[NUM_IMAGES] = {
    "../shared/images/spur32-6521-headless.image",  "../shared/images/spur32-6521-cp-node.image",
    "../shared/images/spur64-68021-pharo-vm.image", "../shared/images/v3-6502-be-squeakjs.image",
    "../shared/images/v3-6502-mini.image",          "../shared/images/v3-6502-running-exit.image",
    "../shared/images/v3-6505-bootstrapped.image",
};

typedef void image_test_fn(const imago_image *image);

static void
on_every_image(image_test_fn *test)
{
	for (size_t i = 0; i < NUM_IMAGES; i++) {
		imago_allocator allocator;
		imago_image image;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_ok(imago_image_open(&image, paths[i], &allocator, &error), &error);
		test(&image);
		imago_image_close(&image);
		assert_no_leak(&allocator);
	}
}

static imago_heap *
rebuild(const imago_heap *source, imago_rebuild_options options)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	assert_ok(imago_rebuild(&heap, source, &options, source->allocator, NULL, &error), &error);
	return heap;
}

static imago_digest
digest_of(const imago_heap *heap)
{
	imago_digest digest;
	imago_error error = {0};
	assert_ok(imago_digest_compute(&digest, heap, heap->allocator, &error), &error);
	return digest;
}

static void
assert_same_digest(const imago_heap *a, const imago_heap *b)
{
	imago_digest digest_a = digest_of(a);
	imago_digest digest_b = digest_of(b);
	assert_memory_equal(digest_a.bytes, digest_b.bytes, IMAGO_DIGEST_SIZE);
}

/* Rebuilds there and back; the file of the result is the file. */
static void
assert_there_and_back(const imago_image *image, imago_rebuild_options there,
                      imago_rebuild_options back)
{
	imago_heap *other = rebuild(image->heap, there);
	imago_heap *again = rebuild(other, back);
	imago_writer writer;
	imago_error error = {0};
	assert_same_digest(image->heap, other);
	imago_writer_init(&writer, image->allocator, again->layout, &error);
	assert_ok(imago_image_write(again, image->format, &writer, &error), &error);
	assert_int_equal(writer.size, image->size);
	assert_memory_equal(writer.bytes, image->bytes, (size_t)image->size);
	imago_writer_release(&writer);
	imago_heap_destroy(again);
	imago_heap_destroy(other);
}

static void
there_and_back(const imago_image *image)
{
	imago_layout layout = image->heap->layout;
	imago_layout other = layout;
	other.byte_order =
	    layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	imago_rebuild_options back = {
	    .layout = layout,
	    .set_base = true,
	    .base = image->heap->segments[0].start,
	};
	assert_there_and_back(image, (imago_rebuild_options){.layout = other}, back);
	assert_there_and_back(image, (imago_rebuild_options){.set_base = true, .base = FAR_BASE}, back);
	if (image->heap->model == IMAGO_SPUR) {
		back.num_segments = 1;
		assert_there_and_back(image, (imago_rebuild_options){.num_segments = 3}, back);
		imago_rebuild_options all = {
		    .layout = other,
		    .num_segments = 3,
		    .gap = GAP,
		    .set_base = true,
		    .base = FAR_BASE,
		};
		assert_there_and_back(image, all, back);
	}
}

static void
real_images_come_back_byte_for_byte_from_any_order_base_and_segmenting(void **state)
{
	(void)state;
	on_every_image(there_and_back);
}

static void
other_width_and_back(const imago_image *image)
{
	if (image->heap->model != IMAGO_SPUR) {
		return;
	}
	imago_layout layout = image->heap->layout;
	imago_layout other = {layout.word_bytes == 4 ? 8 : 4, IMAGO_LITTLE_ENDIAN};
	imago_heap *there = rebuild(image->heap, (imago_rebuild_options){.layout = other});
	imago_heap *back = rebuild(there, (imago_rebuild_options){.layout = layout});
	assert_same_digest(image->heap, there);
	assert_same_digest(image->heap, back);
	imago_heap_destroy(back);
	imago_heap_destroy(there);
}

static void
real_images_mean_the_same_in_the_other_word_size_and_back(void **state)
{
	(void)state;
	on_every_image(other_width_and_back);
}

int
main(void)
{
	FILE *file = fopen(paths[0], "rb");
	if (file == NULL) {
		puts("skipped: no real images");
		return SKIPPED;
	}
	fclose(file);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(real_images_come_back_byte_for_byte_from_any_order_base_and_segmenting),
	    cmocka_unit_test(real_images_mean_the_same_in_the_other_word_size_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
