/* moved_wounds_test.c: what is odd but breaks no rule breaks none at another address either, and
 * what breaks rules breaks the same ones there, or is not moved. */
#include "assertions.h"
#include "wounds/wounds.h"

#include <stdio.h>
#include <string.h>

#include "imago/image.h"
#include "imago/swizzle.h"

/* How often each rule is broken. */
typedef struct sums {
	uint32_t counts[IMAGO_NUM_CORE_RULES];
	uint64_t total;
} sums;

static bool
count(const imago_finding *finding, void *payload)
{
	sums *it = payload;
	it->counts[finding->rule - imago_core_rules()]++;
	it->total++;
	return true;
}

static sums
sums_of(const imago_heap *heap)
{
	sums result = {.total = 0};
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, NULL, count, &result);
	assert_ok(imago_check(heap, &sink, &allocator, &error), &error);
	return result;
}

static const imago_addr distances[] = {0x10000, 0x7FF8};

/* Moves a copy strictly, and back. False when it is refused. */
static bool
is_same_elsewhere(const imago_heap *heap, imago_addr distance, const char *what)
{
	imago_allocator allocator;
	imago_heap *copy;
	imago_error error = {0};
	imago_swizzle_options options = {.lenient = false};
	imago_addr base = heap->segments[0].start;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_heap_copy(&copy, heap, &allocator, &error), &error);
	bool moved = imago_swizzle(copy, base + distance, &options, &error) == IMAGO_OK;
	if (moved) {
		sums before = sums_of(heap);
		sums after = sums_of(copy);
		for (size_t i = 0; i < IMAGO_NUM_CORE_RULES; i++) {
			if (before.counts[i] != after.counts[i]) {
				print_error("%s: %s was broken %u times, and elsewhere %u times\n", what,
				            imago_core_rules()[i].name, before.counts[i], after.counts[i]);
				fail();
			}
		}
		assert_ok(imago_swizzle(copy, base, &options, &error), &error);
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		assert_memory_equal(heap->segments[i].bytes, copy->segments[i].bytes,
		                    (size_t)heap->segments[i].size);
	}
	imago_heap_destroy(copy);
	assert_no_leak(&allocator);
	return moved;
}

static void
wounds_are_the_same_wherever_a_heap_lies(void **state)
{
	(void)state;
	static const char *const names[] = {"spur32be", "spur64", "v3"};
	const wound *row;
	size_t num_moved = 0;
	for (size_t w = 0; (row = wound_at(w)) != NULL; w++) {
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
			const test_layout *layout = test_layout_find(names[i]);
			if (!wound_applies(row, layout) || row->change_folder != NULL) {
				continue;
			}
			imago_allocator allocator;
			imago_image image;
			imago_error error;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			test_image file = wound_make(row, layout, &allocator);
			assert_ok(imago_image_read(&image, file.bytes, file.size, &allocator, &error), &error);
			bool moved = is_same_elsewhere(image.heap, distances[w % 2], row->what);
			assert_true(moved || *row->breaks != '\0');
			num_moved += moved;
			imago_image_close(&image);
			test_image_release(&file);
			assert_no_leak(&allocator);
		}
	}
	print_message("%zu moved\n", num_moved);
	assert_true(num_moved > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wounds_are_the_same_wherever_a_heap_lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
