/* builder_refusals_test.c: what a builder refuses, and that it then does nothing more. */
#include "assertions.h"
#include "builder_misuses.h"
#include "layouts.h"
#include "small_image.h"

static void
a_number_that_is_not_supported_is_refused(void **state)
{
	(void)state;
	static const uint32_t numbers[] = {0, 6501, 68000, 68019, 6522, UINT32_MAX};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		imago_allocator allocator;
		imago_builder *builder;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder_options options = {.image_format = numbers[i]};
		imago_status status = imago_builder_create(&builder, &options, &allocator, &error);
		assert_status(status, &error, IMAGO_EVERSION);
		assert_null(builder);
	}
}

static void
a_base_that_is_not_aligned_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_builder *builder;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder_options options = {.image_format = 6521, .base = 0x1004};
	imago_status status = imago_builder_create(&builder, &options, &allocator, &error);
	assert_status(status, &error, IMAGO_EALIGN);
	options.image_format = 6505;
	assert_ok(imago_builder_create(&builder, &options, &allocator, &error), &error);
	imago_builder_destroy(builder);
	assert_no_leak(&allocator);
}

static imago_oop
cls(const imago_builder *builder, imago_kernel_class which)
{
	return imago_builder_class(builder, which);
}

/* After a failure no call does anything. */
static void
assert_dead(imago_builder *builder, imago_status expected)
{
	uint64_t size = imago_builder_size(builder);
	imago_oop array = cls(builder, IMAGO_KERNEL_ARRAY);
	imago_oop bytes = cls(builder, IMAGO_KERNEL_BYTE_ARRAY);
	imago_builder_method method = {0};
	assert_int_equal(imago_builder_status(builder), expected);
	assert_int_equal(imago_builder_new_pointers(builder, array, 4), 0);
	assert_int_equal(imago_builder_new_bits(builder, bytes, 4), 0);
	assert_int_equal(imago_builder_new_string(builder, bytes, "text"), 0);
	assert_int_equal(imago_builder_new_class(builder, array, "Late", 0, IMAGO_FORMAT_FIXED), 0);
	assert_int_equal(imago_builder_integer(builder, 1), 0);
	assert_int_equal(imago_builder_float(builder, 1.0), 0);
	assert_int_equal(imago_builder_character(builder, 'a'), 0);
	assert_int_equal(imago_builder_new_method(builder, array, &method), 0);
	assert_int_equal(imago_builder_new_forwarder(builder, array), 0);
	assert_int_equal(imago_builder_fetch(builder, array, 0), 0);
	imago_builder_store(builder, array, 0, 0);
	imago_builder_store_element(builder, array, 0, 0);
	imago_builder_set_hash(builder, array, 1);
	imago_builder_set_special(builder, IMAGO_SPECIAL_DISPLAY, array);
	imago_builder_install_method(builder, array, array, array);
	imago_builder_add_free_chunk(builder, 64);
	imago_builder_next_segment(builder, 0);
	imago_builder_begin_perm(builder);
	assert_int_equal(imago_builder_size(builder), size);
	assert_int_equal(imago_builder_status(builder), expected);
	imago_error error;
	imago_heap *heap;
	assert_status(imago_builder_finish(builder, &heap, &error), &error, expected);
	assert_null(heap);
}

static void
assert_misuse(const test_layout *layout, misuse_fn *misuse)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	imago_oop array = imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_ARRAY), 4);
	misuse(builder, array);
	assert_dead(builder, IMAGO_EUSAGE);
	imago_builder_destroy(builder);
	assert_no_leak(&allocator);
}

static void
wrong_use_is_a_sticky_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (misuse_fn *const *misuse = builder_misuses; *misuse != NULL; misuse++) {
			assert_misuse(&test_layouts[i], *misuse);
		}
	}
}

static void
an_address_that_only_looks_like_an_object_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (misuse_fn *const *misuse = builder_spur_misuses; *misuse != NULL; misuse++) {
			assert_misuse(&test_layouts[i], *misuse);
		}
	}
}

static void
v3_refuses_what_only_spur_has(void **state)
{
	(void)state;
	for (size_t i = NUM_SPUR_TEST_LAYOUTS; i < NUM_TEST_LAYOUTS; i++) {
		for (misuse_fn *const *misuse = builder_v3_misuses; *misuse != NULL; misuse++) {
			assert_misuse(&test_layouts[i], *misuse);
		}
	}
}

static void
a_finished_builder_can_only_be_destroyed(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *heap;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[0], &allocator);
	assert_ok(imago_builder_finish(builder, &heap, &error), &error);
	imago_heap *again;
	assert_status(imago_builder_finish(builder, &again, &error), &error, IMAGO_EUSAGE);
	assert_status(imago_builder_finish(builder, &again, NULL), NULL, IMAGO_EUSAGE);
	imago_builder_destroy(builder);
	imago_builder_destroy(NULL);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_class_that_the_layout_lacks_is_0(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(test_layout_find("v3-6502"), &allocator);
	assert_int_equal(cls(builder, IMAGO_KERNEL_SMALL_FLOAT), 0);
	assert_int_equal(cls(builder, IMAGO_KERNEL_EPHEMERON), 0);
	assert_int_equal(cls(builder, IMAGO_KERNEL_BLOCK_CLOSURE), 0);
	assert_int_not_equal(cls(builder, IMAGO_KERNEL_BLOCK_CONTEXT), 0);
	assert_int_equal(cls(builder, IMAGO_NUM_KERNEL_CLASSES), 0);
	assert_null(test_layout_find("spur16"));
	imago_builder_destroy(builder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_number_that_is_not_supported_is_refused),
	    cmocka_unit_test(a_base_that_is_not_aligned_is_refused),
	    cmocka_unit_test(wrong_use_is_a_sticky_error),
	    cmocka_unit_test(an_address_that_only_looks_like_an_object_is_refused),
	    cmocka_unit_test(v3_refuses_what_only_spur_has),
	    cmocka_unit_test(a_finished_builder_can_only_be_destroyed),
	    cmocka_unit_test(a_class_that_the_layout_lacks_is_0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
