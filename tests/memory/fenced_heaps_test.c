/* fenced_heaps_test.c: nothing is read or written outside the bytes of a segment, not even bytes
 * that are written back as they were. Each segment lies flush against pages that nobody may touch,
 * behind its last byte or before its first; loops that take whole groups of words must stop in
 * time. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "swizzles.h"

#include <string.h>
#include <sys/mman.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/walk.h"

enum { PAGE = 65536, MOST_FENCED = 8 }; /* a multiple of every host's page */

typedef struct fence {
	uint8_t *pages;
	size_t size;
} fence;

/* Moves a segment's bytes between two fences, flush with the one behind or the one before. */
static fence
put_up(imago_segment *segment, bool behind)
{
	const size_t size = (size_t)(segment->size + segment->bridge_size);
	const size_t inside = (size + PAGE - 1) / PAGE * PAGE;
	fence it = {.size = inside + 2 * (size_t)PAGE};
	it.pages = mmap(NULL, it.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(it.pages != MAP_FAILED);
	assert_int_equal(mprotect(it.pages + PAGE, inside, PROT_READ | PROT_WRITE), 0);
	uint8_t *bytes = it.pages + PAGE + (behind ? inside - size : 0);
	memcpy(bytes, segment->bytes, size);
	segment->bytes = bytes;
	segment->writable = bytes;
	return it;
}

static void
relocate_there_and_back(imago_heap *heap, imago_simd simd, bool lenient)
{
	imago_error error;
	const imago_addr base = base_of(heap);
	assert_ok(swizzle(heap, base + FAR, simd, lenient, &error), &error);
	assert_ok(swizzle(heap, base, simd, lenient, &error), &error);
}

static bool
ignore(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

static void
use(imago_heap *heap, imago_allocator *allocator)
{
	imago_census census;
	imago_digest digest;
	imago_error error;
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_ok(imago_digest_compute(&digest, heap, allocator, &error), &error);
	for (int careful = 0; careful < 2; careful++) {
		const imago_check_options options = {.num_threads = 1, .careful = careful == 1};
		imago_check_sink sink;
		imago_check_sink_init(&sink, &options, ignore, NULL);
		assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	}
	for (int i = 0; i < 2 * NUM_SETS; i++) {
		if (imago_simd_available(sets[i / 2])) {
			relocate_there_and_back(heap, sets[i / 2], i % 2 == 1);
		}
	}
}

static void
expect_nothing_outside_is_touched(imago_heap *heap, imago_allocator *allocator)
{
	for (int behind = 0; behind < 2; behind++) {
		imago_heap *fenced = copy_of(heap, allocator);
		fence fences[MOST_FENCED] = {{.size = 0}};
		assert_true(fenced->num_segments <= MOST_FENCED);
		for (size_t i = 0; i < fenced->num_segments; i++) {
			fences[i] = put_up(&fenced->segments[i], behind == 1);
		}
		use(fenced, allocator);
		assert_same_bytes(heap, fenced);
		for (size_t i = 0; i < fenced->num_segments; i++) {
			munmap(fences[i].pages, fences[i].size);
		}
		imago_heap_destroy(fenced);
	}
}

static void
nothing_outside_a_segment_is_touched(void **state)
{
	(void)state;
	on_every_heap(expect_nothing_outside_is_touched);
}

/* One array that reaches to the end of the heap, of every length that ends elsewhere in a group. */
static imago_heap *
heap_ending_in_an_array(const test_layout *layout, uint64_t num_slots, imago_allocator *allocator)
{
	imago_builder *builder = test_builder(layout, allocator);
	const imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	const imago_oop oop = imago_builder_new_pointers(builder, array, num_slots);
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_builder_store(builder, oop, i, oop);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

static void
nothing_behind_a_long_array_is_touched(void **state)
{
	enum { SHORTEST = 24, LONGEST = 72 };
	static const char *const names[] = {"spur64", "spur32", "v3", "v3be"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		for (uint64_t num_slots = SHORTEST; num_slots <= LONGEST; num_slots++) {
			imago_allocator allocator;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_heap *heap =
			    heap_ending_in_an_array(test_layout_find(names[i]), num_slots, &allocator);
			expect_nothing_outside_is_touched(heap, &allocator);
			imago_heap_destroy(heap);
			assert_no_leak(&allocator);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_outside_a_segment_is_touched),
	    cmocka_unit_test(nothing_behind_a_long_array_is_touched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
