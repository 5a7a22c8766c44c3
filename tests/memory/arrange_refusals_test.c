/* arrange_refusals_test.c: what no copy of a heap can be: refused by name, at its place. */
#include "arrange_draft.h"

#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

enum { HERE = 0x100000 };

static imago_allocator allocator;
static imago_error error;

static uint64_t
offset_of_chunk(const imago_heap *heap, const draft *plan, uint64_t ordinal)
{
	draft home = draft_of(heap);
	uint64_t offset = imago_heap_offset_of(heap, home.addresses[ordinal]);
	assert_true(ordinal < plan->num_chunks);
	draft_release(&home);
	return offset;
}

/* One address is another: what is wrong shows at that chunk. */
static void
assert_address_refused(uint64_t ordinal, imago_addr address)
{
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	plan.addresses[ordinal] = address;
	assert_int_equal(assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "address of a chunk",
	                                offset_of_chunk(heap, &plan, ordinal)),
	                 address);
	draft_release(&plan);
	imago_heap_destroy(heap);
}

static void
addresses_outside_the_segments_are_refused_at_their_chunk(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	const imago_segment *segment = &heap->segments[0];
	imago_addr end = segment->start + segment->size;
	assert_address_refused(7, 0);
	assert_address_refused(7, segment->start - 8);
	assert_address_refused(7, end);
	assert_address_refused(7, end + 8);
	assert_address_refused(7, UINT64_MAX - 7);
	assert_address_refused(7, plan.addresses[7] + 4);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
chunks_that_overlap_or_leave_holes_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	imago_heap *out = NULL;
	/* Any one chunk at any other place: never anything but a refusal, whatever its size. */
	for (uint64_t i = 0; i < plan.num_chunks; i += 5) {
		imago_addr own = plan.addresses[i];
		for (uint64_t k = 0; k < plan.num_chunks; k++) {
			for (uint64_t more = 0; more <= 8; more += 8) {
				plan.addresses[i] = plan.addresses[k] + more;
				if (plan.addresses[i] == own || (k == i && more == 0)) {
					continue;
				}
				assert_status(arrange_with(&out, heap, &plan, &allocator, &error), &error,
				              IMAGO_ESTRUCTURE);
				plan.addresses[i] = own;
			}
			plan.addresses[i] = own;
		}
	}
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* Two chunks change places: right when their sizes are the same, wrong when they are not. */
static void
only_chunks_of_one_size_may_change_places(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	unsigned num_right = 0;
	unsigned num_wrong = 0;
	for (uint64_t i = 5; i < plan.num_chunks; i += 3) {
		for (uint64_t k = i + 1; k < plan.num_chunks; k += 7) {
			imago_heap *out = NULL;
			imago_addr of_i = plan.addresses[i];
			plan.addresses[i] = plan.addresses[k];
			plan.addresses[k] = of_i;
			imago_status status = arrange_with(&out, heap, &plan, &allocator, &error);
			assert_status(status, &error,
			              plan.sizes[i] == plan.sizes[k] ? IMAGO_OK : IMAGO_ESTRUCTURE);
			num_right += status == IMAGO_OK;
			num_wrong += status != IMAGO_OK;
			imago_heap_destroy(out);
			plan.addresses[k] = plan.addresses[i];
			plan.addresses[i] = of_i;
		}
	}
	assert_true(num_right > 10 && num_wrong > 10);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
too_few_and_too_many_addresses_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	uint64_t num_chunks = plan.num_chunks;
	uint64_t most = heap->segments[0].size / 16;
	plan.num_chunks = num_chunks - 1;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = num_chunks + 1;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = 0;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = most + 1; /* before anything of that size is allocated or read */
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = UINT64_MAX;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
segments_of_another_size_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	imago_segment *segment = &plan.segments[0];
	uint64_t size = segment->size;
	segment->size = size - 16;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "bytes of objects", IMAGO_NO_OFFSET);
	segment->size = size + 8;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "size of a segment", IMAGO_NO_OFFSET);
	segment->size = UINT64_MAX;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "size of a segment", IMAGO_NO_OFFSET);
	segment->size = size;
	segment->bridge_size = IMAGO_BRIDGE_SIZE + 1;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "size of a segment", IMAGO_NO_OFFSET);
	segment->bridge_size = 0;
	plan.num_segments = 0;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "bytes of objects", IMAGO_NO_OFFSET);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A segment that begins inside a chunk has no chunk at its start. */
static void
a_segment_that_begins_in_a_chunk_is_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	uint64_t ordinal = 5;
	while (plan.sizes[ordinal] <= 16) {
		ordinal++;
	}
	uint64_t first = plan.addresses[ordinal] + 8 - plan.segments[0].start;
	plan.segments[1] = plan.segments[0];
	plan.segments[0].size = first;
	plan.segments[0].bridge_size = 0;
	plan.segments[1].start += first;
	plan.segments[1].size -= first;
	plan.num_segments = 2;
	assert_int_equal(
	    assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "start of a segment", IMAGO_NO_OFFSET),
	    plan.segments[1].start);
	/* With a chunk there, the one that is cut passes the end. */
	for (uint64_t i = ordinal + 1; i < plan.num_chunks; i++) {
		plan.addresses[i] -= plan.sizes[ordinal] - 8;
	}
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "address of a chunk",
	               offset_of_chunk(heap, &plan, ordinal));
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
places_that_no_heap_has_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	imago_segment *segment = &plan.segments[0];
	const imago_segment own = *segment;
	segment->start = 0;
	assert_refused(heap, &plan, IMAGO_ERANGE, "segment start", 0);
	segment->start = own.start + 4;
	assert_refused(heap, &plan, IMAGO_EALIGN, "segment start", 0);
	segment->start = UINT64_MAX - 7;
	assert_refused(heap, &plan, IMAGO_ERANGE, "segment end", 0);
	*segment = own;
	plan.segments[1] = own;
	segment->size = 64;
	plan.segments[1].size -= 64;
	plan.num_segments = 2;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "segment start", 0);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
empty_segments_hold_nothing_and_are_kept(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	plan.segments[1] = plan.segments[0];
	plan.segments[1].start += 0x100000;
	plan.segments[1].size = 0;
	plan.num_segments = 2;
	imago_heap *out = arranged(heap, &plan);
	assert_int_equal(out->num_segments, 2);
	assert_same_digest(heap, out);
	imago_heap_destroy(out);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
pointers_that_leave_the_heap_are_refused_at_their_slot(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	const imago_segment *segment = &heap->segments[0];
	imago_object array = object_with_slots(heap);
	const uint64_t words[] = {8, segment->start - 8, segment->start + segment->size,
	                          UINT64_MAX - 7};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		store_slot(heap, &array, 2, words[i]);
		assert_int_equal(assert_refused(heap, &plan, IMAGO_ESTRUCTURE,
		                                "pointer that leaves the heap",
		                                imago_heap_offset_of(heap, array.body + 16)),
		                 words[i]);
	}
	store_slot(heap, &array, 2, 9); /* an integer is no pointer */
	imago_heap_destroy(arranged(heap, &plan));
	heap->header.special_objects_oop = segment->start + segment->size;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop", IMAGO_NO_OFFSET);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
heaps_of_another_model_are_refused(void **state)
{
	(void)state;
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	const draft plan = {.num_segments = 0};
	assert_refused(heap, &plan, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_heap_without_segments_is_refused(void **state)
{
	(void)state;
	imago_heap *heap;
	const draft plan = {.num_segments = 0};
	assert_ok(imago_heap_create(&heap, IMAGO_SPUR, test_layout_find("spur64")->layout, &allocator,
	                            &error),
	          &error);
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop", IMAGO_NO_OFFSET);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_heap_that_cannot_be_walked_is_refused_as_the_walk_stops(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	imago_object array = object_with_slots(heap);
	uint8_t *bytes = imago_heap_writable_bytes(heap, array.chunk, 8);
	assert_non_null(bytes);
	bytes[7] = 254; /* slots */
	imago_heap *out = NULL;
	imago_status status = arrange_with(&out, heap, &plan, &allocator, &error);
	assert_true(status == IMAGO_ESTRUCTURE || status == IMAGO_ETRUNCATED);
	assert_null(out);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(addresses_outside_the_segments_are_refused_at_their_chunk, set_up),
	    cmocka_unit_test_setup(chunks_that_overlap_or_leave_holes_are_refused, set_up),
	    cmocka_unit_test_setup(only_chunks_of_one_size_may_change_places, set_up),
	    cmocka_unit_test_setup(too_few_and_too_many_addresses_are_refused, set_up),
	    cmocka_unit_test_setup(segments_of_another_size_are_refused, set_up),
	    cmocka_unit_test_setup(a_segment_that_begins_in_a_chunk_is_refused, set_up),
	    cmocka_unit_test_setup(places_that_no_heap_has_are_refused, set_up),
	    cmocka_unit_test_setup(empty_segments_hold_nothing_and_are_kept, set_up),
	    cmocka_unit_test_setup(pointers_that_leave_the_heap_are_refused_at_their_slot, set_up),
	    cmocka_unit_test_setup(heaps_of_another_model_are_refused, set_up),
	    cmocka_unit_test_setup(a_heap_without_segments_is_refused, set_up),
	    cmocka_unit_test_setup(a_heap_that_cannot_be_walked_is_refused_as_the_walk_stops, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
