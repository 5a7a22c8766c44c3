/* arrange_draft.c: arrangements that tests change. */
#include "arrange_draft.h"

#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/byte_order.h"
#include "imago/digest.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

draft
draft_of(const imago_heap *heap)
{
	draft plan = {.num_segments = heap->num_segments};
	imago_census census;
	imago_walker walker;
	imago_object object;
	imago_error error;
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_true(heap->num_segments <= 8);
	plan.num_chunks = census.num_chunks;
	plan.addresses = calloc(census.num_chunks + 1, sizeof *plan.addresses);
	plan.sizes = calloc(census.num_chunks + 1, sizeof *plan.sizes);
	if (plan.addresses == NULL || plan.sizes == NULL) {
		abort();
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		plan.segments[i] = heap->segments[i];
		plan.segments[i].bytes = NULL;
		plan.segments[i].writable = NULL;
	}
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, &error);
	while (ordinal < plan.num_chunks && imago_walk_next(&walker, &object)) {
		plan.addresses[ordinal] = object.chunk;
		plan.sizes[ordinal++] = object.total_bytes;
	}
	return plan;
}

void
draft_release(draft *plan)
{
	free(plan->addresses);
	free(plan->sizes);
}

imago_status
arrange_with(imago_heap **out, const imago_heap *heap, const draft *plan, imago_allocator *with,
             imago_error *why)
{
	const imago_arrangement arrangement = {
	    .segments = plan->segments,
	    .num_segments = plan->num_segments,
	    .addresses = plan->addresses,
	    .num_chunks = plan->num_chunks,
	};
	return imago_arrange(out, heap, &arrangement, with, why);
}

imago_heap *
arranged(const imago_heap *heap, const draft *plan)
{
	imago_heap *out = NULL;
	imago_error error;
	assert_ok(arrange_with(&out, heap, plan, heap->allocator, &error), &error);
	return out;
}

uint64_t
assert_refused(const imago_heap *heap, const draft *plan, imago_status status, const char *what,
               uint64_t offset)
{
	imago_heap *out = NULL;
	uint64_t used = heap->allocator->used;
	imago_error error = {.status = IMAGO_OK};
	assert_status(arrange_with(&out, heap, plan, heap->allocator, &error), &error, status);
	assert_error(&error, status, what, offset);
	assert_null(out);
	assert_int_equal(heap->allocator->used, used);
	return error.found;
}

void
draft_permute(draft *plan, imago_addr start, uint64_t step)
{
	enum { FIXED = 5 };
	imago_addr next = start;
	uint64_t rest = plan->num_chunks - FIXED;
	for (uint64_t i = 0; i < plan->num_chunks; i++) {
		uint64_t k = i < FIXED   ? i
		             : step == 0 ? plan->num_chunks - 1 - (i - FIXED)
		                         : FIXED + (i - FIXED) * step % rest;
		plan->addresses[k] = next;
		next += plan->sizes[k];
	}
	plan->num_segments = 1;
	plan->segments[0] = (imago_segment){
	    .start = start,
	    .size = next - start,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .space = IMAGO_SPACE_OLD,
	};
}

void
store_slot(imago_heap *heap, const imago_object *object, uint64_t slot, uint64_t word)
{
	uint8_t *bytes = imago_heap_writable_bytes(heap, object->body + slot * 8, 8);
	assert_non_null(bytes);
	imago_store_word(bytes, word, heap->layout);
}

imago_heap *
one_segment(draft *plan, imago_allocator *allocator)
{
	imago_heap *heap = small_heap(test_layout_find("spur64"), allocator);
	*plan = draft_of(heap);
	assert_int_equal(plan->num_segments, 1);
	return heap;
}

imago_object
object_with_slots(const imago_heap *heap)
{
	imago_object object;
	imago_error error;
	assert_ok(imago_special_objects_find(heap, &object, &error), &error);
	assert_true(object.num_slots > 3);
	return object;
}

void
assert_same_digest(const imago_heap *a, const imago_heap *b)
{
	imago_digest of_a;
	imago_digest of_b;
	imago_error error;
	assert_ok(imago_digest_compute(&of_a, a, a->allocator, &error), &error);
	assert_ok(imago_digest_compute(&of_b, b, a->allocator, &error), &error);
	assert_memory_equal(&of_a, &of_b, sizeof of_a);
}
