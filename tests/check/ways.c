/* ways.c: checks a heap in all ways, and compares what they find. */
#include "ways.h"

#include <stdlib.h>
#include <string.h>

#include "imago/check.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { MOST_KEPT = 4096 };

/* The findings of one check: the first ones, and a digest of all. */
typedef struct outcome {
	imago_status status;
	imago_finding findings[MOST_KEPT];
	uint64_t count;
	uint64_t digest;
	uint64_t stop_after; /* 0: never */
	imago_check_summary summary;
} outcome;

static uint64_t
mix(uint64_t digest, uint64_t value)
{
	digest = (digest ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return digest ^ digest >> 29;
}

static bool
note(const imago_finding *finding, void *payload)
{
	outcome *into = payload;
	if (into->count < MOST_KEPT) {
		into->findings[into->count] = *finding;
	}
	into->count++;
	for (const char *c = finding->rule->name; *c != '\0'; c++) {
		into->digest = mix(into->digest, (uint8_t)*c);
	}
	into->digest = mix(into->digest, finding->offset);
	into->digest = mix(into->digest, finding->oop);
	into->digest = mix(into->digest, finding->slot);
	into->digest = mix(into->digest, finding->found);
	into->digest = mix(into->digest, finding->expected);
	return into->count != into->stop_after;
}

static void
check(const imago_heap *heap, bool careful, unsigned num_threads, outcome *out)
{
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error = {0};
	imago_check_options options = {.careful = careful, .num_threads = num_threads};
	uint64_t stop_after = out->stop_after;
	memset(out, 0, sizeof *out);
	out->stop_after = stop_after;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, note, out);
	out->status = imago_check(heap, &sink, &allocator, &error);
	out->summary = sink.summary;
	assert_no_leak(&allocator);
}

static void
assert_same_outcome(const outcome *one, const outcome *other, const char *what)
{
	uint64_t kept = one->count < MOST_KEPT ? one->count : MOST_KEPT;
	for (uint64_t i = 0; i < kept && i < other->count; i++) {
		const imago_finding *a = &one->findings[i];
		const imago_finding *b = &other->findings[i];
		if (a->rule != b->rule || a->oop != b->oop || a->slot != b->slot) {
			print_error("%s: finding %u: %s of 0x%llx, careful: %s of 0x%llx\n", what, (unsigned)i,
			            b->rule->name, (unsigned long long)b->oop, a->rule->name,
			            (unsigned long long)a->oop);
			fail();
		}
	}
	assert_int_equal(one->status, other->status);
	assert_int_equal(one->count, other->count);
	assert_int_equal(one->digest, other->digest);
	if (one->stop_after == 0) {
		assert_memory_equal(&one->summary, &other->summary, sizeof one->summary);
	}
}

/* Checks a heap in all ways; returns the number of findings. */
uint64_t
check_all_ways(const imago_heap *heap, uint64_t stop_after)
{
	static outcome careful;
	static outcome fast;
	careful.stop_after = stop_after;
	fast.stop_after = stop_after;
	check(heap, true, 1, &careful);
	check(heap, false, 1, &fast);
	assert_same_outcome(&careful, &fast, "passing over");
	check(heap, false, 2, &fast);
	assert_same_outcome(&careful, &fast, "two threads");
	return careful.count;
}

/* A heap with one segment that is worth two threads, or a small one in several segments. */
imago_heap *
synthetic_heap(const test_layout *layout, bool large, imago_allocator *allocator)
{
	imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_bytes = large ? 1300 << 10 : 120 << 10,
	    .num_segments = large || layout->model == IMAGO_V3 ? 1 : 3,
	    .gap = large || layout->model == IMAGO_V3 ? 0 : 0x1000,
	    .seed = 99,
	};
	imago_error error;
	imago_heap *heap = NULL;
	assert_ok(imago_synthetic_make(&heap, &options, allocator, &error), &error);
	return heap;
}

object_list
list_objects(const imago_heap *heap)
{
	object_list list = {0};
	imago_walker walker;
	imago_object object;
	list.chunks = malloc((size_t)imago_heap_object_bytes(heap) / 4 * sizeof *list.chunks);
	assert_non_null(list.chunks);
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		list.chunks[list.count++] = object.chunk;
	}
	return list;
}

change
begin_change(imago_heap *heap, imago_addr addr, uint8_t size)
{
	change made = {.place = imago_heap_writable_bytes(heap, addr, size), .size = size};
	assert_non_null(made.place);
	memcpy(made.saved, made.place, size);
	return made;
}

void
restore(const change *made)
{
	memcpy(made->place, made->saved, made->size);
}

void
swallow(imago_heap *heap, imago_addr first, imago_addr end)
{
	imago_byte_order order = heap->layout.byte_order;
	uint8_t *bytes = imago_heap_writable_bytes(heap, first, 16);
	assert_non_null(bytes);
	uint64_t format = heap->layout.word_bytes == 8 ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32;
	uint64_t num_slots = (end - first - 16) / heap->layout.word_bytes;
	uint64_t overflow = UINT64_C(255) << 56;
	imago_store_u64(bytes, overflow | num_slots, order);
	imago_store_u64(bytes + 8, overflow | format << 24 | IMAGO_CLASS_BITMAP, order);
}
