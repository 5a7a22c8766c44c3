/* builder_limits_test.c: a builder refuses what no address or header can express. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

/* A builder that failed stays so. */
static void
assert_failed(imago_builder *builder, imago_status expected)
{
	imago_error error;
	imago_heap *heap;
	assert_int_equal(imago_builder_status(builder), expected);
	assert_status(imago_builder_finish(builder, &heap, &error), &error, expected);
	assert_null(heap);
}

static void
a_heap_that_passes_the_address_space_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_builder *builder;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder_options options = {.image_format = 6521, .base = 0xFFFFF000};
	imago_status status = imago_builder_create(&builder, &options, &allocator, &error);
	assert_status(status, &error, IMAGO_ERANGE);
	assert_no_leak(&allocator);
}

/* 254 slots behind an overflow word, which must count at least 255. */
static void
a_free_chunk_that_no_header_can_describe_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		uint64_t bytes = test_layouts[i].layout.word_bytes == 8 ? 2048 : 1032;
		imago_builder_add_free_chunk(builder, bytes - 8);
		imago_builder_add_free_chunk(builder, bytes + 8);
		assert_int_equal(imago_builder_status(builder), IMAGO_OK);
		imago_builder_add_free_chunk(builder, bytes);
		assert_failed(builder, IMAGO_EUSAGE);
		imago_builder_destroy(builder);
	}
}

/* More slots than an address can count. */
static void
an_object_beyond_the_address_space_is_refused(void **state)
{
	(void)state;
	static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 8, UINT64_C(1) << 32,
	                                  UINT64_C(1) << 62};
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			imago_allocator allocator;
			imago_allocator_init(&allocator, 1 << 20);
			imago_builder *builder = test_builder(&test_layouts[i], &allocator);
			assert_non_null(builder);
			imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY),
			                           counts[k]);
			bool fits = test_layouts[i].layout.word_bytes == 8 && counts[k] == UINT64_C(1) << 32;
			assert_failed(builder, fits ? IMAGO_ENOMEM : IMAGO_ERANGE);
			imago_builder_destroy(builder);
			assert_no_leak(&allocator);
		}
	}
}

static void
a_gap_beyond_the_address_space_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		bool wide = test_layouts[i].layout.word_bytes == 8;
		uint64_t gaps[] = {UINT64_MAX - 7,
		                   wide ? UINT64_MAX - (UINT64_C(1) << 41) + 1 : 0xFFFFFFF8};
		for (size_t k = 0; k < 2; k++) {
			imago_allocator allocator;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_builder *builder = test_builder(&test_layouts[i], &allocator);
			imago_builder_next_segment(builder, gaps[k]);
			if (imago_builder_status(builder) == IMAGO_OK) {
				/* The segment starts, but near the top. */
				imago_builder_new_bits(builder,
				                       imago_builder_class(builder, IMAGO_KERNEL_BYTE_ARRAY),
				                       UINT64_C(1) << 42);
			}
			assert_failed(builder, IMAGO_ERANGE);
			imago_builder_destroy(builder);
			assert_no_leak(&allocator);
		}
	}
}

static void
old_space_may_not_reach_permanent_space(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		const test_layout *layout = &test_layouts[i];
		bool wide = layout->layout.word_bytes == 8;
		imago_allocator allocator;
		imago_builder *builder;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder_options options = {.image_format = layout->image_format,
		                                 .byte_order = layout->layout.byte_order,
		                                 .base = wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32};
		assert_ok(imago_builder_create(&builder, &options, &allocator, &error), &error);
		imago_builder_begin_perm(builder);
		assert_failed(builder, IMAGO_ERANGE);
		imago_builder_destroy(builder);
		/* Below it, old space can still grow, until it meets permanent space: classes live there.
		 */
		options.base -= 0x20000;
		assert_ok(imago_builder_create(&builder, &options, &allocator, &error), &error);
		imago_builder_begin_perm(builder);
		assert_int_equal(imago_builder_status(builder), IMAGO_OK);
		while (imago_builder_status(builder) == IMAGO_OK) {
			imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
			                        "Many", 0, IMAGO_FORMAT_EMPTY);
		}
		assert_failed(builder, IMAGO_ERANGE);
		imago_builder_destroy(builder);
		assert_no_leak(&allocator);
	}
}

static void
a_character_that_no_immediate_can_be_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[0], &allocator);
	imago_builder_character(builder, UINT32_MAX);
	assert_failed(builder, IMAGO_ERANGE);
	imago_builder_destroy(builder);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_free_chunk_that_no_header_can_describe_is_refused),
	    cmocka_unit_test(an_object_beyond_the_address_space_is_refused),
	    cmocka_unit_test(a_gap_beyond_the_address_space_is_refused),
	    cmocka_unit_test(old_space_may_not_reach_permanent_space),
	    cmocka_unit_test(a_character_that_no_immediate_can_be_is_refused),
	    cmocka_unit_test(a_heap_that_passes_the_address_space_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
