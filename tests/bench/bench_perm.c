/* bench_perm.c: which objects are permanent, told by their addresses or by their alignment: what
 * the question costs at a store, and what alignment costs in bytes. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "imago/image.h"
#include "imago/permanent.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum {
	NUM_STORES = 1 << 20,
	NUM_PASSES = 8,
	EDEN = 1 << 22,
	OBJECT_BYTES = 62, /* on average: how many to make */
	TEXT = 64,
};

/* A store that an image does: of a value into an object's slot. */
typedef struct store {
	imago_oop oop, value;
	uint64_t slot;
} store;

typedef struct store_stream {
	const imago_object_memory *memory;
	store *stores;
	uint64_t num_up; /* found by the last job, in a pass */
} store_stream;

/* Both questions, for the same loops: always inlined. */
typedef bool leads_up(const imago_object_memory *memory, imago_oop oop, imago_oop value);

IMAGO_ALWAYS_INLINE bool
by_address(const imago_object_memory *memory, imago_oop oop, imago_oop value)
{
	return imago_memory_leads_up(memory, oop, value, (imago_memory_kind){.wide = true});
}

IMAGO_ALWAYS_INLINE bool
by_alignment(const imago_object_memory *memory, imago_oop oop, imago_oop value)
{
	return imago_memory_leads_up_by_alignment(memory, oop, value);
}

IMAGO_ALWAYS_INLINE void
check_stores(const void *argument, leads_up *test, bool stores)
{
	store_stream *stream = (store_stream *)(uintptr_t)argument;
	const imago_memory_kind kind = {.wide = true};
	uint64_t num_up = 0;
	for (unsigned pass = 0; pass < NUM_PASSES; pass++) {
		for (uint64_t i = 0; i < NUM_STORES; i++) {
			const store *one = &stream->stores[i];
			if (stores) {
				imago_memory_set_slot_raw(stream->memory, one->oop, one->slot, one->value, kind);
			}
			if (test(stream->memory, one->oop, one->value)) {
				IMAGO_STAY_A_BRANCH();
				num_up++;
			}
		}
	}
	stream->num_up = num_up / NUM_PASSES;
}

static void
check_by_address(bench_image *image, const void *argument)
{
	(void)image;
	check_stores(argument, by_address, false);
}

static void
check_by_alignment(bench_image *image, const void *argument)
{
	(void)image;
	check_stores(argument, by_alignment, false);
}

static void
store_by_address(bench_image *image, const void *argument)
{
	(void)image;
	check_stores(argument, by_address, true);
}

static void
store_by_alignment(bench_image *image, const void *argument)
{
	(void)image;
	check_stores(argument, by_alignment, true);
}

typedef bool is_permanent(const imago_object_memory *memory, imago_oop oop);

IMAGO_ALWAYS_INLINE bool
permanent_by_address(const imago_object_memory *memory, imago_oop oop)
{
	return imago_memory_is_pointer((imago_memory_kind){.wide = true}, oop) &&
	       imago_memory_is_perm(memory, oop);
}

IMAGO_ALWAYS_INLINE bool
permanent_by_alignment(const imago_object_memory *memory, imago_oop oop)
{
	(void)memory;
	return imago_is_permanent_by_alignment(oop);
}

/* Of the values, which may be immediates. */
IMAGO_ALWAYS_INLINE void
ask_of_values(const void *argument, is_permanent *test)
{
	store_stream *stream = (store_stream *)(uintptr_t)argument;
	uint64_t count = 0;
	for (unsigned pass = 0; pass < NUM_PASSES; pass++) {
		for (uint64_t i = 0; i < NUM_STORES; i++) {
			if (test(stream->memory, stream->stores[i].value)) {
				IMAGO_STAY_A_BRANCH();
				count++;
			}
		}
	}
	stream->num_up = count / NUM_PASSES;
}

static void
ask_by_address(bench_image *image, const void *argument)
{
	(void)image;
	ask_of_values(argument, permanent_by_address);
}

static void
ask_by_alignment(bench_image *image, const void *argument)
{
	(void)image;
	ask_of_values(argument, permanent_by_alignment);
}

/* ---- What is measured on. */

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 33;
}

/* What the slots of the image hold, each stored into its own object again, in no order; every
 * second receiver is young, as the receivers of a program are. */
static void
draw_stores(store_stream *stream)
{
	const imago_object_memory *memory = stream->memory;
	const imago_memory_kind kind = {.wide = true};
	uint64_t random = 1;
	uint64_t num_met = 0;
	stream->stores = calloc(NUM_STORES, sizeof *stream->stores);
	if (stream->stores == NULL) {
		bench_fail("no memory for stores");
	}
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		uint64_t num_slots = imago_memory_has_pointers(memory, oop, kind)
		                         ? imago_memory_num_slots(memory, oop, kind)
		                         : 0;
		for (uint64_t slot = 0; slot < num_slots && oop != memory->hidden_roots; slot++) {
			uint64_t place = num_met < NUM_STORES ? num_met : next_random(&random) % (num_met + 1);
			if (place < NUM_STORES) {
				stream->stores[place] =
				    (store){oop, imago_memory_slot(memory, oop, slot, kind), slot};
			}
			num_met++;
		}
	}
	if (num_met < NUM_STORES) {
		bench_fail("too few slots");
	}
	for (uint64_t i = NUM_STORES - 1; i > 0; i--) {
		uint64_t other = next_random(&random) % (i + 1);
		const store swapped = stream->stores[i];
		stream->stores[i] = stream->stores[other];
		stream->stores[other] = swapped;
	}
	for (uint64_t i = 0; i < NUM_STORES; i += 2) {
		stream->stores[i].oop = memory->eden_start + next_random(&random) % (EDEN / 2) / 16 * 16;
		stream->stores[i].slot = 0;
	}
}

static void
print_cost(const char *name, uint64_t size, const imago_alignment_cost *cost)
{
	char text[TEXT];
	const bench_image image = {.name = name, .size = size};
	const double share = 100.0 / (double)cost->object_bytes;
	snprintf(text, sizeof text, "%.1f %% of the bytes",
	         (double)cost->num_fillers * IMAGO_ALIGNMENT_FILLER * share);
	(void)bench_print(&image, "(fillers of 24 bytes that alignment takes)", 0, text, "", -1);
	snprintf(text, sizeof text, "%.1f %% of the objects",
	         100.0 * (double)cost->num_fillers / (double)cost->num_objects);
	(void)bench_print(&image, "(objects that one goes before)", 0, text, "", -1);
	snprintf(text, sizeof text, "%.1f %% of the bytes", (double)cost->num_fillers * 8 * share);
	(void)bench_print(&image, "(the same, had Spur a filler of 8 bytes)", 0, text, "", -1);
}

/* The image with everything in permanent space, unless it has one, and then aligned. */
static imago_heap *
align(const char *name, imago_heap *heap, imago_allocator *allocator)
{
	imago_error error;
	imago_heap *permanent = heap;
	imago_heap *aligned;
	imago_alignment_cost cost;
	bool has_perm = heap->segments[heap->num_segments - 1].space == IMAGO_SPACE_PERM;
	if ((!has_perm && imago_permanent_make(&permanent, heap, allocator, &error) != IMAGO_OK) ||
	    imago_permanent_align(&aligned, permanent, &cost, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_heap_destroy(permanent != heap ? permanent : NULL);
	print_cost(name, imago_heap_object_bytes(aligned), &cost);
	return aligned;
}

static void
align_genuine_image(const char *path, imago_allocator *allocator)
{
	imago_error error;
	imago_image image;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		fprintf(stderr, "bench: skipped: no %s\n", path);
		return;
	}
	(void)fclose(file);
	if (imago_image_open(&image, path, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_heap_destroy(align("pharo-vm", image.heap, allocator));
	imago_image_close(&image);
}

/* Both ways must find the same. */
static void
run_pair(bench_image *image, store_stream *stream, const bench_row *row, unsigned num_rounds)
{
	row->other(image, row->other_argument);
	uint64_t num_up = stream->num_up;
	row->job(image, row->argument);
	if (stream->num_up != num_up || num_up == 0) {
		bench_fail("the two tests differ");
	}
	(void)bench_run_row(image, row, num_rounds);
}

void
bench_perm_rows(uint64_t mib, unsigned num_rounds)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
	imago_object_memory *memory;
	const uint64_t num_objects = (mib << 20) / OBJECT_BYTES;
	const imago_synthetic_options options = {.image_format = 68021,
	                                         .num_objects = num_objects,
	                                         .perm_objects = num_objects * 3 / 4,
	                                         .seed = 1};
	const imago_memory_options memory_options = {.growth = EDEN, .eden_bytes = EDEN};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_synthetic_make(&heap, &options, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	align_genuine_image("../shared/images/spur64-68021-pharo-vm.image", &allocator);
	imago_heap *aligned = align("Spur64", heap, &allocator);
	imago_heap_destroy(heap);
	if (imago_memory_create(&memory, aligned, &memory_options, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_heap_destroy(aligned);
	store_stream stream = {.memory = memory};
	draw_stores(&stream);
	bench_image image = {
	    .name = "Spur64", .allocator = &allocator, .size = (uint64_t)NUM_STORES * sizeof(store)};
	const bench_row rows[] = {
	    {.name = "(is it permanent, by alignment: to by address)",
	     .job = ask_by_alignment,
	     .argument = &stream,
	     .other = ask_by_address,
	     .other_argument = &stream},
	    {.name = "(store check, by alignment: to by address)",
	     .job = check_by_alignment,
	     .argument = &stream,
	     .other = check_by_address,
	     .other_argument = &stream},
	    {.name = "(store and check, by alignment: to by address)",
	     .job = store_by_alignment,
	     .argument = &stream,
	     .other = store_by_address,
	     .other_argument = &stream},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		run_pair(&image, &stream, &rows[i], num_rounds);
	}
	free(stream.stores);
	imago_memory_destroy(memory);
}
