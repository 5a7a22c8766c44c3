/* check_clean_test.c: what is right is not called wrong: images that the library builds itself. */
#include "assertions.h"

#include <stdio.h>

#include "imago/check.h"
#include "imago/image.h"
#include "imago/synthetic.h"

#include "layouts.h"
#include "small_image.h"

static bool
print_finding(const imago_finding *finding, void *payload)
{
	char line[512];
	imago_finding_format(finding, payload, line, sizeof line);
	print_message("%s\n", line);
	return true;
}

/* Checks and destroys a heap. */
static void
assert_clean(imago_heap *heap, const char *name, imago_allocator *allocator)
{
	imago_check_sink sink;
	imago_error error;
	char path[64];
	assert_non_null(heap);
	snprintf(path, sizeof path, "%s", name);
	imago_check_sink_init(&sink, NULL, print_finding, path);
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	assert_int_equal(sink.summary.num_errors, 0);
	assert_int_equal(sink.summary.num_warnings, 0);
	assert_int_equal(sink.summary.num_infos, 0);
	assert_int_equal(sink.summary.num_skipped_rules, 0);
	assert_true(sink.summary.num_objects > 0);
	imago_heap_destroy(heap);
	assert_no_leak(allocator);
}

typedef imago_heap *make_fn(const test_layout *layout, imago_allocator *allocator);

static void
assert_all_clean(make_fn *make, size_t num_layouts)
{
	for (size_t i = 0; i < num_layouts; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_clean(make(&test_layouts[i], &allocator), test_layouts[i].name, &allocator);
	}
}

static void
the_smallest_image_of_every_layout_is_clean(void **state)
{
	(void)state;
	assert_all_clean(small_heap, NUM_TEST_LAYOUTS);
}

static void
an_image_with_every_kind_of_object_is_clean_in_every_layout(void **state)
{
	(void)state;
	assert_all_clean(varied_heap, NUM_TEST_LAYOUTS);
}

static void
an_image_with_permanent_space_is_clean_in_every_spur_layout(void **state)
{
	(void)state;
	assert_all_clean(perm_heap, NUM_SPUR_TEST_LAYOUTS);
}

static imago_heap *
synthetic_heap(const test_layout *layout, imago_allocator *allocator)
{
	bool spur = layout->model == IMAGO_SPUR;
	const imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_objects = 3000,
	    .num_segments = spur ? 3 : 1,
	    .gap = spur ? 4096 : 0,
	    .seed = 1,
	};
	imago_heap *heap = NULL;
	imago_error error;
	assert_ok(imago_synthetic_make(&heap, &options, allocator, &error), &error);
	return heap;
}

static void
a_synthetic_image_is_clean_in_every_layout(void **state)
{
	(void)state;
	assert_all_clean(synthetic_heap, NUM_TEST_LAYOUTS);
}

/* Writes an image and checks it as it is read back: the file around the heap included. */
static void
assert_file_clean(imago_heap *heap, imago_format_id format, const test_layout *layout)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_check_sink sink;
	char path[64];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image file = test_image_of(heap, format, heap->allocator);
	assert_non_null(file.bytes);
	assert_ok(imago_image_read(&image, file.bytes, file.size, &allocator, &error), &error);
	snprintf(path, sizeof path, "%s", layout->name);
	imago_check_sink_init(&sink, NULL, print_finding, path);
	assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
	/* A big-endian folder is worth knowing of: no VM writes one. */
	bool told = format == IMAGO_FORMAT_COMPOSED && layout->layout.byte_order == IMAGO_BIG_ENDIAN;
	assert_int_equal(sink.summary.num_errors + sink.summary.num_warnings, 0);
	assert_int_equal(sink.summary.num_infos, told ? 1 : 0);
	imago_image_close(&image);
	assert_no_leak(&allocator);
	test_image_release(&file);
}

static void
files_of_every_format_are_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		const test_layout *layout = &test_layouts[i];
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_file_clean(varied_heap(layout, &allocator), test_format_of(layout), layout);
		if (layout->model == IMAGO_SPUR) {
			assert_file_clean(perm_heap(layout, &allocator), IMAGO_FORMAT_COMPOSED, layout);
		}
		assert_no_leak(&allocator);
	}
}

static void
memory_stays_within_a_32nd_of_the_heap_and_16_mib(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator budget;
		imago_check_sink sink;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(&test_layouts[i], &allocator);
		imago_allocator_init(&budget, imago_heap_object_bytes(heap) / 32 + (UINT64_C(16) << 20));
		imago_check_sink_init(&sink, NULL, NULL, NULL);
		assert_ok(imago_check(heap, &sink, &budget, &error), &error);
		assert_no_leak(&budget);
		imago_heap_destroy(heap);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_smallest_image_of_every_layout_is_clean),
	    cmocka_unit_test(an_image_with_every_kind_of_object_is_clean_in_every_layout),
	    cmocka_unit_test(an_image_with_permanent_space_is_clean_in_every_spur_layout),
	    cmocka_unit_test(a_synthetic_image_is_clean_in_every_layout),
	    cmocka_unit_test(files_of_every_format_are_clean),
	    cmocka_unit_test(memory_stays_within_a_32nd_of_the_heap_and_16_mib),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
