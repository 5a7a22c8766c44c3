/* built_files_test.c: classic files of every layout, made by the builder: read, written, shortened,
 * wrapped in prefix, junk and trailing bytes. */
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "classic_file.h"
#include "imago/spur_image.h"
#include "imago/v3_image.h"
#include "imago/walk.h"
#include "small_image.h"

static const classic_format spur = {imago_spur_read, imago_spur_write};
static const classic_format v3 = {imago_v3_read, imago_v3_write};

static const classic_format *
format_of(const test_layout *layout)
{
	return layout->model == IMAGO_SPUR ? &spur : &v3;
}

static void
every_layout_is_written_back_byte_for_byte(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = varied_image(&test_layouts[i], &allocator);
		assert_non_null(image.bytes);
		assert_round_trip(format_of(&test_layouts[i]), image.bytes, image.size);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

/* Places, sizes and bytes of every segment, and the census of its objects. */
static void
assert_same_heap(const imago_heap *a, const imago_heap *b)
{
	imago_census census_a, census_b;
	assert_int_equal(a->num_segments, b->num_segments);
	assert_true(imago_layout_equal(a->layout, b->layout));
	assert_memory_equal(&a->header, &b->header, sizeof a->header);
	for (size_t i = 0; i < a->num_segments; i++) {
		assert_int_equal(a->segments[i].start, b->segments[i].start);
		assert_int_equal(a->segments[i].size, b->segments[i].size);
		assert_int_equal(a->segments[i].bridge_size, b->segments[i].bridge_size);
		assert_memory_equal(a->segments[i].bytes, b->segments[i].bytes,
		                    (size_t)a->segments[i].size);
	}
	assert_int_equal(imago_census_take(a, &census_a, NULL), IMAGO_OK);
	assert_int_equal(imago_census_take(b, &census_b, NULL), IMAGO_OK);
	assert_memory_equal(&census_a, &census_b, sizeof census_a);
}

static void
a_built_heap_comes_back_from_its_file(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const classic_format *format = format_of(&test_layouts[i]);
		imago_allocator allocator;
		imago_error error = {0};
		imago_writer writer;
		imago_heap *read = NULL;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *built = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(built);
		imago_writer_init(&writer, &allocator, built->layout, &error);
		assert_ok(format->write(built, &writer), &error);
		assert_ok(format->read(&read, writer.bytes, writer.size, &allocator, &error), &error);
		assert_same_heap(built, read);
		imago_heap_destroy(read);
		imago_writer_release(&writer);
		imago_heap_destroy(built);
		assert_no_leak(&allocator);
	}
}

static void
a_heap_of_one_model_is_not_written_as_the_other(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const classic_format *other = format_of(&test_layouts[i]) == &spur ? &v3 : &spur;
		imago_allocator allocator;
		imago_error error = {0};
		imago_writer writer;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *built = small_heap(&test_layouts[i], &allocator);
		assert_non_null(built);
		imago_writer_init(&writer, &allocator, built->layout, &error);
		assert_status(other->write(built, &writer), &error, IMAGO_EUNSUPPORTED);
		assert_int_equal(writer.size, 0);
		imago_writer_release(&writer);
		imago_heap_destroy(built);
		assert_no_leak(&allocator);
	}
}

static void
permanent_space_is_not_written_into_a_single_file(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_writer writer;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *built = perm_heap(&test_layouts[i], &allocator);
		assert_non_null(built);
		imago_writer_init(&writer, &allocator, built->layout, &error);
		assert_status(imago_spur_write(built, &writer), &error, IMAGO_EUNSUPPORTED);
		imago_writer_release(&writer);
		imago_heap_destroy(built);
		assert_no_leak(&allocator);
	}
}

/* Every length of the first and last 4 KiB, every 61st between them. */
static void
every_prefix_fails_cleanly(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = varied_image(&test_layouts[i], &allocator);
		assert_non_null(image.bytes);
		uint64_t used = allocator.used;
		uint64_t length = 0;
		while (length < image.size) {
			imago_heap *heap = NULL;
			imago_error error = {0};
			imago_status status =
			    format_of(&test_layouts[i])->read(&heap, image.bytes, length, &allocator, &error);
			assert_status(status, &error, IMAGO_ETRUNCATED);
			assert_null(heap);
			assert_int_equal(allocator.used, used);
			bool near_an_end = length < 4096 || image.size - length <= 4096;
			length += near_an_end ? 1 : 61;
		}
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

/* The file of image with a prefix before it and trailing bytes behind it. */
static void
a_wrapped_file_is_the_same_heap_and_keeps_its_wrapping(void **state)
{
	(void)state;
	enum { TRAILING = 1000 };
	for (unsigned i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const classic_format *format = format_of(&test_layouts[i]);
		imago_allocator allocator;
		imago_error error = {0};
		imago_heap *plain = NULL;
		imago_heap *wrapped = NULL;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = varied_image(&test_layouts[i], &allocator);
		assert_non_null(image.bytes);
		uint64_t size = CLASSIC_PREFIX_SIZE + image.size + TRAILING;
		uint8_t *bytes = malloc((size_t)size);
		assert_non_null(bytes);
		memset(bytes, '#', (size_t)size);
		memcpy(bytes + CLASSIC_PREFIX_SIZE, image.bytes, (size_t)image.size);
		assert_round_trip(format, bytes, size);
		assert_ok(format->read(&plain, image.bytes, image.size, &allocator, &error), &error);
		assert_ok(format->read(&wrapped, bytes, size, &allocator, &error), &error);
		assert_same_heap(plain, wrapped);
		imago_heap_destroy(plain);
		imago_heap_destroy(wrapped);
		free(bytes);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_layout_is_written_back_byte_for_byte),
	    cmocka_unit_test(a_built_heap_comes_back_from_its_file),
	    cmocka_unit_test(a_heap_of_one_model_is_not_written_as_the_other),
	    cmocka_unit_test(permanent_space_is_not_written_into_a_single_file),
	    cmocka_unit_test(every_prefix_fails_cleanly),
	    cmocka_unit_test(a_wrapped_file_is_the_same_heap_and_keeps_its_wrapping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
