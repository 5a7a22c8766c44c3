/* composed_file_test.c: a heap from a single file into a folder and back, and what either cannot
 * hold. */
#include <inttypes.h>
#include <stdio.h>

#include "image_folder.h"
#include "imago/composed_image.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/spur_image.h"

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

static imago_heap *
read_folder(const imago_folder *folder)
{
	imago_heap *heap = NULL;
	assert_ok(imago_composed_read(&heap, folder, &allocator, &error), &error);
	return heap;
}

/* Round trips. */
static void
reading_and_writing_gives_the_same_files(void **state)
{
	(void)state;
	heap_maker *const makers[] = {small_heap, varied_heap, perm_heap};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t j = 0; j < 3; j++) {
			imago_folder folder, written;
			make_folder(&folder, makers[j], test_layouts[i].name, &allocator);
			imago_heap *heap = read_folder(&folder);
			imago_folder_init(&written, &allocator);
			assert_ok(imago_composed_write(heap, &written, &error), &error);
			assert_folders_equal(&folder, &written);
			imago_folder_release(&written);
			imago_heap_destroy(heap);
			imago_folder_release(&folder);
		}
	}
}

/* Classic to composed and back: a heap's file through a folder. */
static void
through_a_folder(const imago_heap *heap, imago_writer *writer)
{
	imago_folder folder;
	imago_folder_init(&folder, &allocator);
	assert_ok(imago_composed_write(heap, &folder, &error), &error);
	imago_heap *read = read_folder(&folder);
	assert_ok(imago_image_write(read, IMAGO_FORMAT_SPUR, writer, &error), &error);
	imago_heap_destroy(read);
	imago_folder_release(&folder);
}

static void
a_built_file_comes_back_from_a_folder_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		heap->header.saved_window_size = 0; /* the one field that a folder does not keep */
		imago_writer before, after;
		imago_writer_init(&before, &allocator, heap->layout, &error);
		imago_writer_init(&after, &allocator, heap->layout, &error);
		assert_ok(imago_spur_write(heap, &before), &error);
		through_a_folder(heap, &after);
		assert_int_equal(before.size, after.size);
		assert_memory_equal(before.bytes, after.bytes, (size_t)before.size);
		imago_writer_release(&before);
		imago_writer_release(&after);
		imago_heap_destroy(heap);
	}
}

/* The real files: what differs must be savedWindowSize and nothing else. */
static void
assert_comes_back_but_for_the_window_size(const char *path)
{
	imago_image image;
	imago_writer writer;
	assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
	imago_writer_init(&writer, &allocator, image.heap->layout, &error);
	through_a_folder(image.heap, &writer);
	assert_int_equal(writer.size, image.size);
	uint64_t differing = 0;
	uint64_t window = image.heap->layout.word_bytes == 8 ? 40 : 24;
	for (uint64_t i = 0; i < image.size; i++) {
		if (writer.bytes[i] != image.bytes[i]) {
			assert_true(i >= window && i < window + image.heap->layout.word_bytes);
			differing++;
		}
	}
	print_message("%s: %" PRIu64 " bytes differ, all in savedWindowSize\n", path, differing);
	imago_writer_release(&writer);
	imago_image_close(&image);
}

static void
a_real_file_comes_back_from_a_folder_but_for_the_window_size(void **state)
{
	(void)state;
	static const char *const paths[] = {"../shared/images/spur64-68021-pharo-vm.image",
	                                    "../shared/images/spur32-6521-headless.image",
	                                    "../shared/images/spur32-6521-cp-node.image"};
	FILE *file = fopen(paths[0], "rb");
	if (file == NULL) {
		print_message("skipped: no real images\n");
		skip();
	}
	fclose(file);
	for (size_t i = 0; i < 3; i++) {
		assert_comes_back_but_for_the_window_size(paths[i]);
	}
}

/* What a single file wraps its heap in is not kept. */
static void
wrapping_and_window_size_are_not_kept(void **state)
{
	(void)state;
	static const uint8_t prefix[512] = {'#', '!'};
	static const uint8_t tail[8] = {1, 2, 3};
	static const uint8_t trailing[3] = {4, 5, 6};
	imago_heap *heap = small_heap(test_layout_find("spur32"), &allocator);
	heap->header.saved_window_size = 0;
	imago_writer plain, wrapped;
	imago_writer_init(&plain, &allocator, heap->layout, &error);
	imago_writer_init(&wrapped, &allocator, heap->layout, &error);
	assert_ok(imago_spur_write(heap, &plain), &error);
	heap->header.saved_window_size = 0x02000180;
	heap->wrapping = (imago_wrapping){.prefix = prefix,
	                                  .prefix_size = sizeof prefix,
	                                  .header_tail = tail,
	                                  .header_tail_size = sizeof tail,
	                                  .trailing = trailing,
	                                  .trailing_size = sizeof trailing};
	through_a_folder(heap, &wrapped);
	assert_int_equal(plain.size, wrapped.size);
	assert_memory_equal(plain.bytes, wrapped.bytes, (size_t)plain.size);
	imago_writer_release(&plain);
	imago_writer_release(&wrapped);
	imago_heap_destroy(heap);
}

static void
a_folder_means_the_same_as_the_file_it_was_made_from(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	imago_folder folder;
	imago_digest before, after;
	imago_folder_init(&folder, &allocator);
	assert_ok(imago_composed_write(heap, &folder, &error), &error);
	imago_heap *read = read_folder(&folder);
	assert_ok(imago_digest_compute(&before, heap, &allocator, &error), &error);
	assert_ok(imago_digest_compute(&after, read, &allocator, &error), &error);
	assert_memory_equal(before.bytes, after.bytes, IMAGO_DIGEST_SIZE);
	imago_heap_destroy(read);
	imago_folder_release(&folder);
	imago_heap_destroy(heap);
}

/* What cannot be written. */
static void
assert_not_written(const imago_heap *heap, imago_status status, const char *what)
{
	imago_folder folder;
	imago_folder_init(&folder, &allocator);
	print_message("%s\n", what);
	assert_int_equal(imago_composed_write(heap, &folder, &error), status);
	assert_error(&error, status, what, IMAGO_NO_OFFSET);
	imago_folder_release(&folder);
}

static void
what_a_folder_cannot_express_is_refused(void **state)
{
	(void)state;
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "V3 image");
	imago_heap_destroy(heap);

	heap = small_heap(test_layout_find("spur32"), &allocator);
	imago_addr base = heap->segments[0].start;
	heap->segments[0].start = IMAGO_PERM_START_32 - 8;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "old space that reaches into permanent space");
	heap->segments[0].start = IMAGO_PERM_START_32;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "old space that reaches into permanent space");
	heap->segments[0].start = base;
	heap->segments[0].bridge_size = 0;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "segment without a bridge");
	heap->segments[0].bridge_size = IMAGO_BRIDGE_SIZE;
	heap->header.eden_bytes = UINT64_C(1) << 31;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "hdrEdenBytes");
	heap->header.eden_bytes = 0;
	heap->header.last_hash = UINT64_C(1) << 32;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "hdrLastHash");
	heap->header.last_hash = 0;
	heap->header.image_format = 68021;
	assert_not_written(heap, IMAGO_EVERSION, "imageFormat");
	heap->header.image_format = 6521;
	heap->segments[0].size = 0;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "heap without objects");
	imago_heap_destroy(heap);

	heap = perm_heap(test_layout_find("spur64"), &allocator);
	heap->segments[heap->num_segments - 1].start += 8;
	assert_not_written(heap, IMAGO_EUNSUPPORTED, "start of permanent space");
	imago_heap_destroy(heap);
}

static void
permanent_space_does_not_fit_a_single_file(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur64", &allocator);
	imago_heap *heap = read_folder(&folder);
	imago_writer writer;
	imago_writer_init(&writer, &allocator, heap->layout, NULL);
	assert_int_equal(imago_image_write(heap, IMAGO_FORMAT_SPUR, &writer, &error),
	                 IMAGO_EUNSUPPORTED);
	assert_error(&error, IMAGO_EUNSUPPORTED, "permanent space in a single file", IMAGO_NO_OFFSET);
	assert_int_equal(writer.size, 0);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	imago_folder_release(&folder);
}

static imago_status
round_trip(imago_allocator *limited, imago_error *failure, void *payload)
{
	const imago_folder *folder = payload;
	imago_heap *heap = NULL;
	imago_folder written;
	imago_folder_init(&written, limited);
	imago_status status = imago_composed_read(&heap, folder, limited, failure);
	if (status == IMAGO_OK) {
		status = imago_composed_write(heap, &written, failure);
		imago_heap_destroy(heap);
	}
	imago_folder_release(&written);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	imago_folder folder;
	make_folder(&folder, perm_heap, "spur64", &allocator);
	assert_every_allocation_failure_is_reported(round_trip, &folder);
	imago_folder_release(&folder);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reading_and_writing_gives_the_same_files),
	    TEST(a_built_file_comes_back_from_a_folder_byte_for_byte),
	    TEST(a_real_file_comes_back_from_a_folder_but_for_the_window_size),
	    TEST(wrapping_and_window_size_are_not_kept),
	    TEST(a_folder_means_the_same_as_the_file_it_was_made_from),
	    TEST(what_a_folder_cannot_express_is_refused),
	    TEST(permanent_space_does_not_fit_a_single_file),
	    TEST(every_allocation_failure_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
