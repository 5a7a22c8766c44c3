/* synthetic_test.c: synthetic images are valid, of the size asked for, the same every time, and all
 * of them hangs on the special objects. */
#include "assertions.h"
#include "layouts.h"
#include "pointer_audit.h"
#include "small_image.h"

#include <string.h>

#include "imago/synthetic.h"
#include "imago/walk.h"

static imago_synthetic_options
options_for(const test_layout *layout)
{
	return (imago_synthetic_options){.image_format = layout->image_format,
	                                 .byte_order = layout->layout.byte_order,
	                                 .num_objects = 6000,
	                                 .seed = 42};
}

static imago_heap *
make(const imago_synthetic_options *options, imago_allocator *allocator)
{
	imago_error error;
	imago_heap *heap = NULL;
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	assert_ok(imago_synthetic_make(&heap, options, allocator, &error), &error);
	return heap;
}

static void
release(imago_heap *heap, const imago_allocator *allocator)
{
	imago_heap_destroy(heap);
	assert_no_leak(allocator);
}

static void
everything_is_reached_and_nothing_dangles(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_synthetic_options options = options_for(&test_layouts[i]);
		imago_heap *heap = make(&options, &allocator);
		pointer_audit audit = pointer_audit_of(heap);
		assert_true(audit.walked);
		assert_int_equal(audit.num_dangling, 0);
		assert_int_equal(audit.num_classless, 0);
		assert_int_equal(audit.first_unreached, 0);
		assert_in_range(audit.num_ordinary, 5900, 6200);
		release(heap, &allocator);
	}
}

static void
the_kernel_alone_is_all_reached(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_int_equal(pointer_audit_of(heap).first_unreached, 0);
		release(heap, &allocator);
	}
}

static void
every_kind_of_object_occurs(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_synthetic_options options = options_for(&test_layouts[i]);
		options.num_objects = 20000;
		imago_heap *heap = make(&options, &allocator);
		uint64_t bodies[IMAGO_BODY_INVALID + 1] = {0};
		uint64_t formats[32] = {0};
		uint64_t oversized = 0;
		imago_walker walker;
		imago_object object;
		imago_walk_init(&walker, heap, NULL);
		while (imago_walk_next(&walker, &object)) {
			bodies[object.body_kind]++;
			formats[object.format]++;
			oversized += object.kind == IMAGO_OBJECT_ORDINARY && object.num_slots >= 255;
		}
		bool spur = test_layouts[i].model == IMAGO_SPUR;
		imago_census census;
		imago_error error;
		assert_ok(imago_census_take(heap, &census, &error), &error);
		assert_true(bodies[IMAGO_BODY_POINTERS] > 5000 && bodies[IMAGO_BODY_METHOD] > 4000);
		assert_true(bodies[IMAGO_BODY_BITS8] > 5000 && bodies[IMAGO_BODY_BITS32] > 200);
		assert_true(oversized >= 3);
		assert_true(formats[IMAGO_FORMAT_WEAK] > 10 && formats[IMAGO_FORMAT_MIXED] > 200);
		assert_true(!spur || (bodies[IMAGO_BODY_BITS16] > 10 && bodies[IMAGO_BODY_BITS64] > 10));
		assert_true(!spur || formats[IMAGO_FORMAT_EPHEMERON] > 10);
		assert_true(!spur || (census.num_free > 10 && census.num_forwarders > 3));
		assert_int_equal(bodies[IMAGO_BODY_INVALID], 0);
		release(heap, &allocator);
	}
}

static void
forwarders_are_pointed_at_by_nobody(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_synthetic_options options = options_for(&test_layouts[0]);
	imago_heap *heap = make(&options, &allocator);
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		uint64_t count = imago_heap_num_pointer_slots(heap, &object);
		for (uint64_t i = 0; i < count; i++) {
			imago_object hit;
			imago_oop oop = imago_heap_fetch_slot(heap, &object, i);
			if (imago_oop_is_pointer(heap->tagging, oop)) {
				assert_int_equal(imago_heap_decode_object(heap, oop, &hit, NULL), IMAGO_OK);
				assert_int_not_equal(hit.kind, IMAGO_OBJECT_FORWARDER);
			}
		}
	}
	release(heap, &allocator);
}

static void
the_bytes_asked_for_are_filled(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_synthetic_options options = options_for(&test_layouts[i]);
		options.num_objects = 0;
		options.num_bytes = 2000000;
		imago_heap *heap = make(&options, &allocator);
		assert_in_range(imago_heap_object_bytes(heap), 2000000, 2100000);
		release(heap, &allocator);
	}
}

static void
segments_are_as_many_as_asked_and_about_even(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_synthetic_options options = options_for(&test_layouts[i]);
		options.num_objects = 0;
		options.num_bytes = 1000000;
		options.num_segments = 5;
		options.gap = 4096;
		imago_heap *heap = make(&options, &allocator);
		assert_int_equal(heap->num_segments, 5);
		for (size_t k = 0; k < 5; k++) {
			assert_in_range(heap->segments[k].size, 150000, 260000);
		}
		pointer_audit audit = pointer_audit_of(heap);
		assert_int_equal(audit.num_dangling, 0);
		assert_int_equal(audit.first_unreached, 0);
		release(heap, &allocator);
	}
}

static void
permanent_objects_are_reached_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_synthetic_options options = options_for(&test_layouts[i]);
		options.perm_objects = 500;
		options.num_segments = 2;
		imago_heap *heap = make(&options, &allocator);
		assert_int_equal(heap->num_segments, 3);
		assert_int_equal(heap->segments[2].space, IMAGO_SPACE_PERM);
		uint64_t count = 0;
		imago_walker walker;
		imago_object object;
		imago_walk_init(&walker, heap, NULL);
		while (imago_walk_next(&walker, &object)) {
			count += imago_heap_is_permanent(heap, object.oop);
		}
		assert_int_equal(count, 501); /* and the dummy */
		pointer_audit audit = pointer_audit_of(heap);
		assert_int_equal(audit.num_dangling, 0);
		assert_int_equal(audit.first_unreached, 0);
		release(heap, &allocator);
	}
}

static test_image
image_of_seed(const test_layout *layout, uint64_t seed, imago_allocator *allocator)
{
	imago_synthetic_options options = options_for(layout);
	options.seed = seed;
	return test_image_of(make(&options, allocator), test_format_of(layout), allocator);
}

static void
the_same_seed_gives_the_same_bytes_and_another_one_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocators[3];
		test_image one = image_of_seed(&test_layouts[i], 1, &allocators[0]);
		test_image same = image_of_seed(&test_layouts[i], 1, &allocators[1]);
		test_image other = image_of_seed(&test_layouts[i], 2, &allocators[2]);
		assert_int_equal(one.size, same.size);
		assert_memory_equal(one.bytes, same.bytes, (size_t)one.size);
		assert_true(one.size != other.size ||
		            memcmp(one.bytes, other.bytes, (size_t)one.size) != 0);
		test_image_release(&one);
		test_image_release(&same);
		test_image_release(&other);
	}
}

static imago_status
make_once(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_heap *heap = NULL;
	imago_status status = imago_synthetic_make(&heap, payload, allocator, error);
	imago_heap_destroy(heap);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	imago_synthetic_options options = options_for(&test_layouts[0]);
	options.num_segments = 3;
	options.perm_objects = 20;
	assert_every_allocation_failure_is_reported(make_once, &options);
}

static void
impossible_wishes_are_refused(void **state)
{
	(void)state;
	const struct {
		imago_synthetic_options options;
		imago_status expected;
	} wishes[] = {
	    {{.image_format = 68019, .num_objects = 1}, IMAGO_EVERSION},
	    {{.image_format = 6521}, IMAGO_EUSAGE},
	    {{.image_format = 6521, .num_objects = 1, .num_bytes = 1}, IMAGO_EUSAGE},
	    {{.image_format = 6505, .num_objects = 1, .num_segments = 2}, IMAGO_EUSAGE},
	    {{.image_format = 6505, .num_objects = 1, .perm_objects = 1}, IMAGO_EUSAGE},
	    {{.image_format = 6521, .num_bytes = UINT64_C(1) << 40}, IMAGO_ERANGE},
	    {{.image_format = 6521, .num_objects = 9, .num_segments = 2, .gap = 4}, IMAGO_EUSAGE},
	    {{.image_format = 68021, .num_bytes = UINT64_C(1) << 62}, IMAGO_ENOMEM},
	    {{.image_format = 68021, .num_objects = 9, .num_segments = 2, .gap = UINT64_MAX - 7},
	     IMAGO_ERANGE},
	};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		imago_allocator allocator;
		imago_error error;
		imago_heap *heap;
		imago_allocator_init(&allocator, 64 << 20);
		assert_status(imago_synthetic_make(&heap, &wishes[i].options, &allocator, &error), &error,
		              wishes[i].expected);
		assert_null(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_reached_and_nothing_dangles),
	    cmocka_unit_test(the_kernel_alone_is_all_reached),
	    cmocka_unit_test(every_kind_of_object_occurs),
	    cmocka_unit_test(forwarders_are_pointed_at_by_nobody),
	    cmocka_unit_test(the_bytes_asked_for_are_filled),
	    cmocka_unit_test(segments_are_as_many_as_asked_and_about_even),
	    cmocka_unit_test(permanent_objects_are_reached_too),
	    cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_one_others),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	    cmocka_unit_test(impossible_wishes_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
