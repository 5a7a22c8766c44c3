/* differential_test.c: the library against the oracle (oracle.h): walker, swizzler, converters.
 *
 * On the small, the varied and a synthetic image of every layout, and on the real images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "layouts.h"
#include "oracle.h"
#include "small_image.h"

#include "imago/file.h"
#include "imago/image.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

typedef void image_test_fn(const char *name, const uint8_t *bytes, uint64_t size);

static test_image
synthetic_image(const test_layout *layout, imago_allocator *allocator)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	imago_synthetic_options options = {.image_format = layout->image_format,
	                                   .byte_order = layout->layout.byte_order,
	                                   .num_objects = 3000,
	                                   .num_segments = layout->model == IMAGO_SPUR ? 3 : 1,
	                                   .gap = layout->model == IMAGO_SPUR ? 4096 : 0,
	                                   .seed = 11};
	assert_ok(imago_synthetic_make(&heap, &options, allocator, &error), &error);
	return test_image_of(heap, test_format_of(layout), allocator);
}

static void
on_built_images(image_test_fn *test)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		test_image images[] = {
		    small_image(&test_layouts[i], &allocator),
		    varied_image(&test_layouts[i], &allocator),
		    synthetic_image(&test_layouts[i], &allocator),
		};
		for (size_t k = 0; k < sizeof images / sizeof images[0]; k++) {
			assert_non_null(images[k].bytes);
			test(test_layouts[i].name, images[k].bytes, images[k].size);
			test_image_release(&images[k]);
		}
	}
	assert_no_leak(&allocator);
}

static const char *const real_images[] = {
    "spur64-68021-pharo-vm", "spur32-6521-headless", "spur32-6521-cp-node", "v3-6505-bootstrapped",
    "v3-6502-mini",          "v3-6502-running-exit", "v3-6502-be-squeakjs",
};

static void
on_real_images(image_test_fn *test)
{
	size_t num_found = 0;
	for (size_t i = 0; i < sizeof real_images / sizeof real_images[0]; i++) {
		char path[128];
		imago_allocator allocator;
		uint8_t *bytes;
		uint64_t size;
		snprintf(path, sizeof path, "../shared/images/%s.image", real_images[i]);
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		if (imago_file_read(path, &allocator, &bytes, &size, NULL) == IMAGO_OK) {
			test(real_images[i], bytes, size);
			imago_release(&allocator, bytes, size);
			num_found++;
		}
	}
	if (num_found == 0) {
		print_message("skipped: no real images\n");
		skip();
	}
}

static void
open_both(imago_image *image, oracle_image *oracle, const uint8_t *bytes, uint64_t size,
          imago_allocator *allocator)
{
	imago_error error = {0};
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	assert_ok(imago_image_read(image, bytes, size, allocator, &error), &error);
	assert_true(oracle_parse(oracle, bytes, (size_t)size));
}

static void
compare_walks(const char *name, const uint8_t *bytes, uint64_t size)
{
	imago_allocator allocator;
	imago_image image;
	oracle_image oracle;
	imago_walker walker;
	imago_object object;
	size_t index = 0;
	open_both(&image, &oracle, bytes, size, &allocator);
	imago_walk_init(&walker, image.heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		assert_true(index < oracle.num_objects);
		const oracle_object *expected = &oracle.objects[index++];
		const imago_segment *segment = &image.heap->segments[object.segment];
		bool same = object.oop == expected->address &&
		            segment->offset + (object.oop - segment->start) == expected->position &&
		            (object.kind == IMAGO_OBJECT_FREE) == expected->free &&
		            object.num_slots == expected->num_slots &&
		            imago_heap_num_pointer_slots(image.heap, &object) == expected->num_oops;
		/* A V3 free chunk is one word: it has no further fields. */
		if (same && !(expected->free && oracle.v3)) {
			same =
			    object.format == expected->format && object.identity_hash == expected->hash &&
			    (expected->cls_is_address ? object.class_oop : object.class_index) == expected->cls;
		}
		if (!same) {
			fail_msg("%s: object 0x%llx", name, (unsigned long long)object.oop);
		}
	}
	assert_int_equal(walker.status, IMAGO_OK);
	assert_int_equal(index, oracle.num_objects);
	oracle_release(&oracle);
	imago_image_close(&image);
}

static void
walker_and_oracle_see_the_same_objects_in_built_images(void **state)
{
	(void)state;
	on_built_images(compare_walks);
}

static void
walker_and_oracle_see_the_same_objects_in_real_images(void **state)
{
	(void)state;
	on_real_images(compare_walks);
}

static void
write_and_compare(const imago_heap *heap, imago_format_id format, const uint8_t *expected,
                  uint64_t size, const char *name)
{
	imago_writer writer;
	imago_error error = {0};
	imago_writer_init(&writer, heap->allocator, heap->layout, &error);
	assert_ok(imago_image_write(heap, format, &writer, &error), &error);
	assert_int_equal(writer.size, size);
	for (uint64_t i = 0; i < size; i++) {
		if (writer.bytes[i] != expected[i]) {
			fail_msg("%s: file offset 0x%llx", name, (unsigned long long)i);
		}
	}
	imago_writer_release(&writer);
}

static void
compare_swizzles(const char *name, const uint8_t *bytes, uint64_t size)
{
	static const imago_simd sets[] = {IMAGO_SIMD_SCALAR, IMAGO_SIMD_AVX2, IMAGO_SIMD_AVX512};
	imago_allocator allocator;
	imago_image image;
	oracle_image oracle;
	open_both(&image, &oracle, bytes, size, &allocator);
	uint8_t *expected = malloc((size_t)size);
	assert_non_null(expected);
	const imago_addr bases[] = {0x40000000, image.heap->segments[0].start + 0x1238, 0x10000};
	for (size_t i = 0; i < sizeof bases / sizeof bases[0] * 3; i++) {
		imago_swizzle_options options = {.simd = sets[i % 3]};
		imago_addr base = bases[i / 3];
		imago_heap *heap;
		imago_error error = {0};
		if (!imago_simd_available(options.simd)) {
			continue;
		}
		assert_ok(imago_heap_copy(&heap, image.heap, &allocator, &error), &error);
		assert_ok(imago_swizzle(heap, base, &options, &error), &error);
		assert_true(oracle_relocate(&oracle, base, expected));
		write_and_compare(heap, image.format, expected, size, name);
		imago_heap_destroy(heap);
		/* A copy at another base is the same file. */
		imago_rebuild_options copied = {
		    .layout = image.heap->layout, .set_base = true, .base = base};
		assert_ok(imago_rebuild(&heap, image.heap, &copied, &allocator, NULL, &error), &error);
		write_and_compare(heap, image.format, expected, size, name);
		imago_heap_destroy(heap);
	}
	free(expected);
	oracle_release(&oracle);
	imago_image_close(&image);
}

static void
swizzler_and_oracle_relocate_built_images_alike(void **state)
{
	(void)state;
	on_built_images(compare_swizzles);
}

static void
swizzler_and_oracle_relocate_real_images_alike(void **state)
{
	(void)state;
	on_real_images(compare_swizzles);
}

/* Converts, writes, and asks the oracle whether the result means the same. */
static void
compare_conversion(const imago_image *image, const oracle_image *oracle,
                   const imago_rebuild_options *options, const char *name)
{
	imago_heap *heap;
	imago_error error = {0};
	imago_writer writer;
	oracle_image converted;
	char where[128];
	assert_ok(imago_rebuild(&heap, image->heap, options, image->allocator, NULL, &error), &error);
	imago_writer_init(&writer, image->allocator, heap->layout, &error);
	assert_ok(imago_image_write(heap, image->format, &writer, &error), &error);
	assert_true(oracle_parse(&converted, writer.bytes, (size_t)writer.size));
	if (!oracle_same_meaning(oracle, &converted, where, sizeof where)) {
		fail_msg("%s to word %u, order %d, segments %u: %s", name,
		         (unsigned)options->layout.word_bytes, (int)options->layout.byte_order,
		         (unsigned)options->num_segments, where);
	}
	oracle_release(&converted);
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
}

static void
compare_conversions(const char *name, const uint8_t *bytes, uint64_t size)
{
	imago_allocator allocator;
	imago_image image;
	oracle_image oracle;
	open_both(&image, &oracle, bytes, size, &allocator);
	bool spur = image.heap->model == IMAGO_SPUR;
	for (int order = IMAGO_LITTLE_ENDIAN; order <= IMAGO_BIG_ENDIAN; order++) {
		for (uint8_t word_bytes = spur ? 4 : image.heap->layout.word_bytes; word_bytes <= 8;
		     word_bytes = (uint8_t)(word_bytes * (spur ? 2 : 4))) {
			imago_rebuild_options options = {
			    .layout = {word_bytes, (imago_byte_order)order},
			    .set_base = true,
			    .base = 0x30000000,
			};
			compare_conversion(&image, &oracle, &options, name);
			options.num_segments = spur ? 3 : 0;
			options.gap = spur ? 0x10000 : 0;
			compare_conversion(&image, &oracle, &options, name);
		}
	}
	oracle_release(&oracle);
	imago_image_close(&image);
}

static void
converted_built_images_mean_the_same_to_the_oracle(void **state)
{
	(void)state;
	on_built_images(compare_conversions);
}

static void
converted_real_images_mean_the_same_to_the_oracle(void **state)
{
	(void)state;
	on_real_images(compare_conversions);
}

/* Large integers that are zero, with and without digits: a class alone makes no zero negative. */
static test_image
zeros_image(const test_layout *layout, imago_allocator *allocator)
{
	imago_builder *builder = test_builder(layout, allocator);
	if (builder != NULL) {
		const imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER);
		const imago_oop zeros = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 2);
		imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, zeros);
		imago_builder_store(builder, zeros, 0, imago_builder_new_bits(builder, cls, 0));
		imago_builder_store(builder, zeros, 1, imago_builder_new_bits(builder, cls, 4));
	}
	return test_image_of(test_finish(builder), test_format_of(layout), allocator);
}

static void
minus_zero_is_zero_to_the_oracle(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		test_image image = zeros_image(&test_layouts[i], &allocator);
		assert_non_null(image.bytes);
		compare_conversions(test_layouts[i].name, image.bytes, image.size);
		test_image_release(&image);
	}
	assert_no_leak(&allocator);
}

/* The oracle must be able to say no: one changed slot, byte or hash. */
static void
the_oracle_notices_every_kind_of_change(void **state)
{
	(void)state;
	imago_allocator allocator;
	oracle_image oracle;
	char where[128];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image image = varied_image(&test_layouts[0], &allocator);
	assert_non_null(image.bytes);
	assert_true(oracle_parse(&oracle, image.bytes, (size_t)image.size));
	uint8_t *changed = malloc((size_t)image.size);
	assert_non_null(changed);
	unsigned noticed[3] = {0};
	for (size_t i = 5; i < oracle.num_objects; i += 3) {
		const oracle_object *object = &oracle.objects[i];
		/* identity hash; last byte of a body of bytes; an integer or pointer in slot 0 */
		const size_t positions[3] = {
		    object->position + 4, object->body_at + (size_t)object->num_bytes - 1, object->body_at};
		for (int kind = 0; kind < 3; kind++) {
			oracle_image other;
			if (object->free || (kind == 1 && (object->unit != 1 || object->num_bytes == 0)) ||
			    (kind == 2 && (object->body != ORACLE_OOPS || object->num_slots == 0))) {
				continue;
			}
			memcpy(changed, image.bytes, (size_t)image.size);
			changed[positions[kind]] ^= 8;
			assert_true(oracle_parse(&other, changed, (size_t)image.size));
			noticed[kind] += !oracle_same_meaning(&oracle, &other, where, sizeof where);
			oracle_release(&other);
		}
	}
	assert_true(noticed[0] > 100 && noticed[1] > 20 && noticed[2] > 50);
	free(changed);
	oracle_release(&oracle);
	test_image_release(&image);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(walker_and_oracle_see_the_same_objects_in_built_images),
	    cmocka_unit_test(walker_and_oracle_see_the_same_objects_in_real_images),
	    cmocka_unit_test(swizzler_and_oracle_relocate_built_images_alike),
	    cmocka_unit_test(swizzler_and_oracle_relocate_real_images_alike),
	    cmocka_unit_test(converted_built_images_mean_the_same_to_the_oracle),
	    cmocka_unit_test(converted_real_images_mean_the_same_to_the_oracle),
	    cmocka_unit_test(minus_zero_is_zero_to_the_oracle),
	    cmocka_unit_test(the_oracle_notices_every_kind_of_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
