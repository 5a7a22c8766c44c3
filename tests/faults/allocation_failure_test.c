/* allocation_failure_test.c: every allocation of every operation fails once, for a small image of
 * every layout: it is reported, nothing is lost, and the image stays as it was. */
#include <inttypes.h>
#include <string.h>

#include "../../fuzz/faults/allocation_operations.h"
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

/* All k of one operation; returns how many. */
static uint64_t
fail_every_allocation(const allocation_operation *operation, const allocation_subject *subject)
{
	const uint64_t before = allocation_fingerprint(subject->image->heap);
	const allocation_outcome calm = allocation_run(operation, subject, IMAGO_UNLIMITED, 0);
	assert_int_equal(calm.used, 0);
	for (uint64_t k = 1; k <= calm.num_calls; k++) {
		const allocation_outcome outcome = allocation_run(operation, subject, IMAGO_UNLIMITED, k);
		if (outcome.status != IMAGO_ENOMEM || outcome.used != 0) {
			print_message("%s: allocation %" PRIu64 " of %" PRIu64 "\n", operation->name, k,
			              calm.num_calls);
		}
		assert_int_equal(outcome.status, IMAGO_ENOMEM);
		assert_int_equal(outcome.error.status, IMAGO_ENOMEM);
		assert_non_null(outcome.error.what);
		assert_int_equal(outcome.used, 0);
		assert_int_equal(outcome.answer, 0);
		assert_true(allocation_fingerprint(subject->image->heap) == before);
	}
	const allocation_outcome again = allocation_run(operation, subject, calm.peak, 0);
	assert_int_equal(again.status, calm.status);
	assert_true(again.answer == calm.answer);
	return calm.num_calls;
}

/* Refused where the layout does not have it: V3 in another word size, in segments, as a folder. */
static bool
may_be_refused(const char *name, imago_object_model model)
{
	static const char *const spur_only[] = {"word_size", "segments", "write_other"};
	for (size_t i = 0; model == IMAGO_V3 && i < 3; i++) {
		if (strcmp(name, spur_only[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void
fail_everything(const test_layout *layout, imago_format_id format, imago_heap *heap,
                imago_allocator *allocator)
{
	assert_non_null(heap);
	uint64_t num_failures = 0;
	imago_image image;
	imago_error error = {0};
	test_image file = test_image_of(heap, format, allocator);
	assert_non_null(file.bytes);
	assert_ok(imago_image_read(&image, file.bytes, file.size, allocator, &error), &error);
	const allocation_subject subject = {.bytes = file.bytes, .size = file.size, .image = &image};
	for (size_t i = 0; i < NUM_ALLOCATION_OPERATIONS; i++) {
		const allocation_operation *operation = &allocation_operations[i];
		const allocation_outcome calm = allocation_run(operation, &subject, IMAGO_UNLIMITED, 0);
		if (!may_be_refused(operation->name, layout->model)) {
			assert_ok(calm.status, &calm.error);
			assert_true(calm.num_calls > 0 && calm.answer != 0);
		}
		num_failures += fail_every_allocation(operation, &subject);
	}
	imago_image_close(&image);
	test_image_release(&file);
	assert_int_equal(allocator->used, 0);
	print_message("%s, %s: %" PRIu64 " failing allocations in %d operations\n", layout->name,
	              imago_format_name(format), num_failures, NUM_ALLOCATION_OPERATIONS);
}

static void
every_allocation_of_every_operation_may_fail_in_every_layout(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const test_layout *layout = &test_layouts[i];
		fail_everything(layout, test_format_of(layout), varied_heap(layout, &allocator),
		                &allocator);
	}
}

static void
every_allocation_of_every_operation_may_fail_with_a_folder(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		const test_layout *layout = &test_layouts[i];
		fail_everything(layout, IMAGO_FORMAT_COMPOSED, varied_heap(layout, &allocator), &allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_allocation_of_every_operation_may_fail_in_every_layout),
	    cmocka_unit_test(every_allocation_of_every_operation_may_fail_with_a_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
