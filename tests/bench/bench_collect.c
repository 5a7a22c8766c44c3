/* bench_collect.c: collections of old space, without permanent space and beside a large one. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "imago/builder.h"
#include "imago/layered_attach.h"
#include "imago/object_memory.h"

enum {
	OLD_OBJECTS = 600000,
	OLD_SLOTS = 6,
	PERM_SLOTS = 250,
	LEAF_EVERY = 500,
	PERM_LINKS = 1000, /* objects of permanent space that refer to old space */
	MAPPED_MIB = 256,  /* of permanent space that is mapped, at most */
	EDEN = 1 << 20,
};

/* What a job collects. */
typedef struct bench_collection {
	imago_object_memory *memory;
	bool global;
} bench_collection;

static void
collect(bench_image *image, const void *argument)
{
	(void)image;
	const bench_collection *job = argument;
	if (!imago_memory_collect(job->memory, job->global)) {
		bench_fail("no collection");
	}
}

/* A graph in old space that all hangs on one array: objects of 56 bytes that refer to earlier ones,
 * here and there. Those that permanent space will refer to have no references of their own, so that
 * marking goes the same way with it and without. */
static imago_oop
build_old_space(imago_builder *builder)
{
	imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop all = imago_builder_new_pointers(builder, cls, OLD_OBJECTS);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, all);
	uint64_t random = 1;
	for (uint64_t i = 0; i < OLD_OBJECTS; i++) {
		imago_oop made = imago_builder_new_pointers(builder, cls, OLD_SLOTS);
		imago_builder_store(builder, all, i, made);
		for (uint64_t k = 0; i % LEAF_EVERY != 0 && k < 3; k++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			uint64_t near = i < 1000 ? i : 1000;
			imago_builder_store(builder, made, k,
			                    imago_builder_fetch(builder, all, i - 1 - (random >> 33) % near));
		}
	}
	return all;
}

static void
build_perm_space(imago_builder *builder, imago_oop all, uint64_t num_bytes)
{
	imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_builder_begin_perm(builder);
	imago_oop previous = imago_builder_nil(builder);
	for (uint64_t i = 0; i < num_bytes / (UINT64_C(8) * PERM_SLOTS); i++) {
		imago_oop made = imago_builder_new_pointers(builder, cls, PERM_SLOTS);
		imago_builder_store(builder, made, 0, previous);
		if (i < PERM_LINKS) {
			imago_builder_store(builder, made, 1,
			                    imago_builder_fetch(builder, all, i * LEAF_EVERY % OLD_OBJECTS));
		}
		previous = made;
	}
	/* All of it is in use. */
	imago_builder_store(builder, all, LEAF_EVERY, previous);
}

static imago_heap *
make_heap(imago_allocator *allocator, uint64_t perm_bytes)
{
	imago_error error;
	imago_builder *builder = NULL;
	imago_heap *heap = NULL;
	const imago_builder_options options = {.image_format = 68021};
	if (imago_builder_create(&builder, &options, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_oop all = build_old_space(builder);
	if (perm_bytes > 0) {
		build_perm_space(builder, all, perm_bytes);
	}
	imago_status status = imago_builder_finish(builder, &heap, &error);
	imago_builder_destroy(builder);
	if (status != IMAGO_OK) {
		bench_fail(error.what);
	}
	return heap;
}

static imago_object_memory *
make_memory(imago_allocator *allocator, uint64_t perm_bytes, imago_heap **kept)
{
	imago_error error;
	imago_object_memory *memory = NULL;
	const imago_memory_options memory_options = {.growth = 1 << 20};
	imago_heap *heap = make_heap(allocator, perm_bytes);
	if (imago_memory_create(&memory, heap, &memory_options, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	if (kept != NULL) {
		*kept = heap;
	} else {
		imago_heap_destroy(heap);
	}
	return memory;
}

/* ---- The same, mapped. */

/* The image as a layered file in the temporary folder, attached where it wants to be. */
static imago_layered_attachment
attach_layers(imago_allocator *allocator, uint64_t perm_bytes)
{
	imago_error error;
	imago_writer writer;
	imago_layered_attachment attached;
	const imago_layered_attach_options options = {.room = UINT64_C(4) * EDEN};
	const imago_layered_options layers = {.without_origin = true};
	imago_heap *heap = make_heap(allocator, perm_bytes);
	FILE *file = tmpfile();
	imago_writer_init(&writer, allocator, heap->layout, &error);
	if (file == NULL || imago_layered_write(heap, &layers, &writer, &error) != IMAGO_OK ||
	    fwrite(writer.bytes, 1, (size_t)writer.size, file) != writer.size || fflush(file) != 0) {
		bench_fail("no layered file");
	}
	imago_writer_release(&writer);
	imago_heap_destroy(heap);
	if (imago_layered_attach(&attached, fileno(file), &options, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	(void)fclose(file);
	if ((attached.mapping.remembered != NULL) != (perm_bytes > 0)) {
		bench_fail("no remembered set");
	}
	return attached;
}

static imago_object_memory *
create_mapped(const imago_memory_mapping *mapping, imago_allocator *allocator)
{
	imago_error error;
	imago_object_memory *memory;
	const imago_memory_options options = {.eden_bytes = EDEN};
	if (imago_memory_create_mapped(&memory, mapping, &options, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	return memory;
}

static void
start(bench_image *image, const void *argument)
{
	imago_memory_destroy(create_mapped(argument, image->allocator));
}

/* What permanent space costs where it is mapped, and says what it refers to. */
static unsigned
run_mapped_rows(bench_image *image, uint64_t perm_mib, unsigned num_rounds)
{
	imago_allocator *allocator = image->allocator;
	imago_layered_attachment empty = attach_layers(allocator, 0);
	imago_layered_attachment large = attach_layers(allocator, perm_mib << 20);
	const bench_collection without = {create_mapped(&empty.mapping, allocator), false};
	const bench_collection beside = {create_mapped(&large.mapping, allocator), false};
	imago_memory_mapping walked = large.mapping;
	walked.ready = false;
	const bench_row rows[] = {
	    {.name = "old-space collection beside mapped permanent space: to one without",
	     .job = collect,
	     .argument = &beside,
	     .other = collect,
	     .other_argument = &without,
	     .asked = 1.05},
	    {.name = "start on a mapped image that says what is remembered: to one that is walked",
	     .job = start,
	     .argument = &large.mapping,
	     .other = start,
	     .other_argument = &walked,
	     .asked = 0.01},
	};
	unsigned num_missed = 0;
	/* The starts first: collections move what the file speaks of. */
	num_missed += !bench_run_row(image, &rows[1], num_rounds);
	num_missed += !bench_run_row(image, &rows[0], num_rounds);
	imago_memory_destroy(beside.memory);
	imago_memory_destroy(without.memory);
	imago_layered_detach(&large);
	imago_layered_detach(&empty);
	return num_missed;
}

unsigned
bench_collect_rows(uint64_t perm_mib, unsigned num_rounds)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	bench_image image = {.name = "Spur64 graph", .allocator = &allocator};
	const bench_collection without = {make_memory(&allocator, 0, &image.heap), false};
	const bench_collection beside = {make_memory(&allocator, perm_mib << 20, NULL), false};
	const bench_collection global = {beside.memory, true};
	image.size = image.heap->segments[0].size;
	image.copy = imago_allocate(&allocator, image.size, "copy", NULL);
	if (image.copy == NULL) {
		bench_fail("no memory for a copy");
	}
	memset(image.copy, 1, image.size);
	const bench_row rows[] = {
	    {.name = "(old-space collection)", .job = collect, .argument = &without},
	    {.name = "old-space collection beside permanent space: to one without",
	     .job = collect,
	     .argument = &beside,
	     .other = collect,
	     .other_argument = &without,
	     .asked = 1.05},
	    {.name = "(global collection: to one of old space)",
	     .job = collect,
	     .argument = &global,
	     .other = collect,
	     .other_argument = &without},
	};
	unsigned num_missed = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		num_missed += !bench_run_row(&image, &rows[i], num_rounds);
	}
	num_missed +=
	    run_mapped_rows(&image, perm_mib < MAPPED_MIB ? perm_mib : MAPPED_MIB, num_rounds);
	imago_release(&allocator, image.copy, image.size);
	imago_heap_destroy(image.heap);
	imago_memory_destroy(without.memory);
	imago_memory_destroy(beside.memory);
	return num_missed;
}
