/* bench_memory.c: walk, census, swizzle and conversion. */
#include "bench.h"

#include <string.h>

#include "imago/boundary.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

static void
walk(bench_image *image, const void *argument)
{
	(void)argument;
	imago_walker walker;
	imago_object object;
	uint64_t bytes = 0;
	uint64_t num_slots = 0;
	imago_walk_init(&walker, image->heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		bytes += object.total_bytes;
		num_slots += object.num_slots;
	}
	if (bytes != image->size || num_slots > bytes / image->heap->layout.word_bytes) {
		bench_fail("the walk did not reach the end");
	}
}

/* Nothing but going from header to header, as any walk must: what a walk could be at best that
 * follows one object after the other. Spur's sizes, without the rest of a header. */
static void
follow_sizes(bench_image *image, const void *argument)
{
	(void)argument;
	const imago_heap *heap = image->heap;
	const imago_segment *segment = &heap->segments[0];
	const uint64_t size_shift = heap->layout.word_bytes == 8 ? 3 : 2;
	uintptr_t asked = (uintptr_t)segment->bytes;
	uint64_t position = 0;
	while (position < segment->size) {
		uint64_t num_slots = segment->bytes[position + 7]; /* the top byte: little-endian */
		uint64_t body = (num_slots << size_shift) + 7;
		imago_prefetch_ahead(&asked, segment->bytes + position);
		if (IMAGO_UNLIKELY(num_slots == 0)) {
			IMAGO_STAY_A_BRANCH();
			body = 8;
		}
		uint64_t total = 8 + (body & ~UINT64_C(7));
		if (IMAGO_UNLIKELY(num_slots == IMAGO_WALK_OVERFLOW)) {
			imago_object object;
			if (imago_heap_decode_chunk(heap, segment->start + position, &object, NULL) !=
			    IMAGO_OK) {
				bench_fail("no chunk");
			}
			total = object.total_bytes;
			asked = (uintptr_t)segment->bytes + (uintptr_t)(position + total);
		}
		position += total;
	}
	if (position != image->size) {
		bench_fail("the chain of sizes did not reach the end");
	}
}

static void
take_census(bench_image *image, const void *argument)
{
	(void)argument;
	imago_census census;
	if (imago_census_take(image->heap, &census, NULL) != IMAGO_OK) {
		bench_fail("no census");
	}
}

/* To and fro. */
static void
swizzle(bench_image *image, const void *argument)
{
	imago_error error;
	imago_addr base = image->heap->segments[0].start ^ 0x100000;
	if (imago_swizzle(image->heap, base, argument, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
}

/* What the memory itself allows: every word loaded, added to and stored, a line at a time. */
static void
add_in_place(bench_image *image, const void *argument)
{
	typedef uint64_t line __attribute__((vector_size(64)));
	(void)argument;
	for (uint64_t i = 0; i + sizeof(line) <= image->size; i += sizeof(line)) {
		line words;
		memcpy(&words, image->copy + i, sizeof words);
		words += 0x100000;
		memcpy(image->copy + i, &words, sizeof words);
	}
	__asm__ volatile("" : : "r"(image->copy) : "memory");
}

/* The proof that nothing of the first part of the image leads to the last part, argument of 16, but
 * for objects that are remembered: none is, so that all that lead there are told. */
static void
prove_boundary(bench_image *image, const void *argument)
{
	const uint64_t *sixteenths = argument;
	const imago_segment *segment = &image->heap->segments[0];
	const uint64_t below = segment->size - segment->size / 16 * *sixteenths;
	const imago_boundary boundary = {.address = segment->start + (below & ~UINT64_C(7))};
	imago_boundary_result result;
	if (imago_boundary_prove(&result, image->heap, &boundary, NULL, NULL, NULL) != IMAGO_OK ||
	    (result.num_words > 0) != (*sixteenths > 0)) {
		bench_fail("no proof");
	}
}

static void
convert(bench_image *image, const void *argument)
{
	(void)argument;
	imago_error error;
	imago_heap *converted;
	imago_rebuild_options options = {
	    .layout = {image->heap->layout.word_bytes, IMAGO_BIG_ENDIAN},
	};
	if (imago_rebuild(&converted, image->heap, &options, image->allocator, NULL, &error) !=
	    IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_heap_destroy(converted);
}

unsigned
bench_memory_rows(bench_image *image, unsigned num_rounds)
{
	static const imago_swizzle_options best = {.simd = IMAGO_SIMD_BEST};
	static const imago_swizzle_options scalar = {.simd = IMAGO_SIMD_SCALAR};
	static const uint64_t nothing = 0;
	static const uint64_t part = 1;
	static const bench_row rows[] = {
	    {.name = "walk: imago_walk_next", .job = walk, .asked = 1.5},
	    {.name = "(the bare chain of sizes)", .job = follow_sizes},
	    {.name = "(census: looks at every slot and counts the pointers)", .job = take_census},
	    {.name = "boundary proof: nothing leads across",
	     .job = prove_boundary,
	     .argument = &nothing,
	     .asked = 3.0},
	    {.name = "(boundary proof: of all but a sixteenth, which is told of each word)",
	     .job = prove_boundary,
	     .argument = &part},
	    {.name = "swizzle, best instruction set",
	     .job = swizzle,
	     .argument = &best,
	     .unit = BENCH_SPEED,
	     .asked = 1.5},
	    {.name = "swizzle, scalar",
	     .job = swizzle,
	     .argument = &scalar,
	     .unit = BENCH_SPEED,
	     .asked = 0.95},
	    {.name = "(add to every word in place: what the memory allows)",
	     .job = add_in_place,
	     .unit = BENCH_SPEED},
	    {.name = "convert to big-endian", .job = convert, .unit = BENCH_SPEED, .asked = 0.3},
	};
	unsigned num_missed = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		num_missed += !bench_run_row(image, &rows[i], num_rounds);
	}
	return num_missed;
}
