/* bench_tier.c: how many pages a program dirties in an image, before it is laid out in tiers and
 * after; and what its twin takes.
 *
 * The program is a pattern of stores: each object of the image has its number for an identity hash,
 * which no layout changes. One in a hundred belongs to what the program works on; a run writes nine
 * tenths of these, others in each run. Three runs are the trace. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imago/blame.h"
#include "imago/layered_attach.h"
#include "imago/object_table.h"
#include "imago/pages.h"
#include "imago/synthetic.h"
#include "imago/tier.h"
#include "imago/twin.h"
#include "imago/walk.h"

enum {
	PAGE = 4096,
	TEXT_SIZE = 64,
	TRACED_RUNS = 3,
	WORKED_ON = 100, /* one object of so many */
	HASH_BITS = 22,
	FEW_ROUNDS = 3,
};

/* A layered file, on disk and in memory. */
typedef struct tier_file {
	imago_allocator *allocator;
	imago_writer writer;
	imago_heap *heap; /* as in the file */
	FILE *file;
} tier_file;

/* What one run left behind. */
typedef struct tier_run {
	uint64_t num_bytes;   /* of the objects that were written */
	uint64_t num_private; /* bytes of pages */
	uint64_t false_dirty; /* of these: of objects that were not */
} tier_run;

static void
require(imago_status status, const char *what)
{
	if (status != IMAGO_OK) {
		bench_fail(what);
	}
}

static imago_heap *
make_numbered_image(uint64_t num_bytes, imago_allocator *allocator)
{
	const imago_synthetic_options options = {
	    .image_format = 68021, .num_bytes = num_bytes, .seed = 1};
	imago_heap *heap;
	imago_walker walker;
	imago_object object;
	uint64_t number = 0;
	require(imago_synthetic_make(&heap, &options, allocator, NULL), "no synthetic image");
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		bool plain = object.kind == IMAGO_OBJECT_ORDINARY && object.identity_hash == 0;
		if (plain && ++number < UINT64_C(1) << HASH_BITS) {
			uint8_t *header = imago_heap_writable_bytes(heap, object.oop, 8);
			uint64_t word = imago_load_u64(header, IMAGO_LITTLE_ENDIAN);
			imago_store_u64(header, word | number << 32, IMAGO_LITTLE_ENDIAN);
		}
	}
	return heap;
}

static uint64_t
mixed(uint64_t number)
{
	number = (number ^ number >> 31) * UINT64_C(0x9E3779B97F4A7C15);
	number = (number ^ number >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
	return number ^ number >> 32;
}

/* True for an object that a run writes. */
static bool
is_written(const imago_object *object, uint64_t seed, unsigned worked_on)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->num_slots > 0 &&
	       object->body_kind != IMAGO_BODY_METHOD && object->identity_hash != 0 &&
	       mixed(object->identity_hash) % worked_on == 0 &&
	       mixed(object->identity_hash + seed * 0x10001) % 10 != 0;
}

static void
close_file(tier_file *file)
{
	imago_heap_destroy(file->heap);
	imago_writer_release(&file->writer);
	(void)fclose(file->file);
}

/* Puts on disk what a writer holds. */
static void
open_file(tier_file *file)
{
	file->file = tmpfile();
	if (file->file == NULL ||
	    fwrite(file->writer.bytes, 1, (size_t)file->writer.size, file->file) != file->writer.size ||
	    fflush(file->file) != 0) {
		bench_fail("no room for a temporary file");
	}
	require(imago_layered_read(&file->heap, file->writer.bytes, file->writer.size, file->allocator,
	                           NULL),
	        "the layered file cannot be read");
}

static void
attach(imago_layered_attachment *out, const tier_file *file)
{
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE};
	require(imago_layered_attach(out, fileno(file->file), &options, file->allocator, NULL),
	        "the layered file cannot be attached");
}

/* Turns a bit in each object that the run writes. */
static uint64_t
write_objects(const imago_layered_attachment *attached, const tier_file *file, uint64_t seed,
              unsigned worked_on)
{
	imago_walker walker;
	imago_object object;
	uint64_t num_bytes = 0;
	imago_walk_init(&walker, file->heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (is_written(&object, seed, worked_on)) {
			/* Of an integer or a character, or of bits: what it is stays. */
			attached->mapping.bytes[object.body - attached->head.start + 4] ^= 0x10;
			num_bytes += object.total_bytes;
		}
	}
	return num_bytes;
}

/* A run, whose changes are added to a trace unless that is NULL. */
static tier_run
run(const tier_file *file, uint64_t seed, imago_trace *trace)
{
	imago_layered_attachment attached;
	imago_blame blame;
	attach(&attached, file);
	tier_run out = {.num_bytes = write_objects(&attached, file, seed, WORKED_ON)};
	if (trace != NULL) {
		imago_heap *after;
		imago_trace_changes changes;
		require(imago_layered_attached_heap(&after, &attached, file->allocator, NULL), "no heap");
		require(imago_trace_add_run(trace, file->heap, after, &changes, NULL), "no trace");
		imago_heap_destroy(after);
	}
	require(imago_blame_create(&blame, attached.attachment, file->heap, 0, NULL, NULL,
	                           file->allocator, NULL),
	        "pages are not told here");
	out.num_private = blame.num_private * PAGE;
	out.false_dirty = blame.false_dirty;
	imago_blame_release(&blame);
	imago_layered_detach(&attached);
	return out;
}

/* The same objects in tiers of the trace. */
static void
make_tiers(tier_file *out, const tier_file *file, const imago_trace *trace)
{
	imago_census census;
	require(imago_census_take(file->heap, &census, NULL), "no census");
	uint8_t *tiers = calloc((size_t)census.num_chunks, 2);
	if (tiers == NULL) {
		bench_fail("no memory");
	}
	const imago_layered_options options = {.tiers = tiers,
	                                       .num_tiers = census.num_chunks,
	                                       .ranks = tiers + census.num_chunks,
	                                       .without_origin = true};
	require(imago_tiers_by_trace(file->heap, trace, tiers, census.num_chunks, NULL), "no tiers");
	require(imago_ranks_by_trace(file->heap, trace, tiers + census.num_chunks, census.num_chunks,
	                             file->allocator, NULL),
	        "no ranks");
	out->allocator = file->allocator;
	imago_writer_init(&out->writer, file->allocator, file->heap->layout, NULL);
	require(imago_layered_rewrite(file->heap, file->writer.bytes, file->writer.size, &options,
	                              &out->writer, NULL),
	        "no layered file");
	free(tiers);
	open_file(out);
}

static unsigned
print_amplification(const bench_image *image, const char *name, const tier_run *seen, double asked)
{
	char ratio[TEXT_SIZE];
	char limit[TEXT_SIZE] = "";
	double times = (double)seen->num_private / (double)seen->num_bytes;
	snprintf(ratio, sizeof ratio, "%.2f x the bytes", times);
	if (asked > 0) {
		snprintf(limit, sizeof limit, "at most %.2f", asked);
	}
	return !bench_print(image, name, 0, ratio, limit, asked > 0 ? times <= asked : -1);
}

/* Copies of the objects that a run writes, and the table that leads to them. */
static void
print_table(const bench_image *image, const tier_file *file)
{
	char ratio[TEXT_SIZE];
	imago_layered_attachment attached;
	imago_object_table *table;
	imago_allocator counted;
	imago_walker walker;
	imago_object object;
	uint64_t num_bytes = 0;
	imago_allocator_init(&counted, IMAGO_UNLIMITED);
	attach(&attached, file);
	require(imago_object_table_create(&table, file->heap->layout, attached.mapping.base,
	                                  attached.source_used, &counted, NULL),
	        "no object table");
	imago_walk_init(&walker, file->heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (is_written(&object, 1, WORKED_ON)) {
			uint8_t *place = attached.mapping.bytes + (object.oop - attached.head.start);
			imago_object_table_open(table, object.oop, place)[12] ^= 0x10;
			num_bytes += object.total_bytes;
		}
	}
	snprintf(ratio, sizeof ratio, "%.2f x the bytes", (double)counted.used / (double)num_bytes);
	bench_print(image, "(objects copied instead, not in tiers: with all of the table)", 0, ratio,
	            "", -1);
	imago_object_table_destroy(table);
	imago_layered_detach(&attached);
}

static unsigned
print_false_dirty(const bench_image *image, const char *name, const tier_run *seen, bool asked)
{
	char ratio[TEXT_SIZE];
	double share = 100.0 * (double)seen->false_dirty / (double)seen->num_private;
	snprintf(ratio, sizeof ratio, "%.1f %% of them", share);
	return !bench_print(image, name, 0, ratio, asked ? "at most 10.0 %" : "",
	                    asked ? share <= 10 : -1);
}

static unsigned
measure_tiers(const bench_image *image, const tier_file *file)
{
	imago_trace trace;
	tier_file tiered = {.heap = NULL};
	tier_run before = {0};
	unsigned num_missed = 0;
	imago_trace_init(&trace, file->allocator);
	for (uint64_t seed = 1; seed <= TRACED_RUNS; seed++) {
		before = run(file, seed, &trace);
	}
	num_missed += print_amplification(image, "(pages dirtied, not in tiers)", &before, 0);
	print_table(image, file);
	make_tiers(&tiered, file, &trace);
	const tier_run known = run(&tiered, 1, NULL);
	num_missed +=
	    print_amplification(image, "pages dirtied, in tiers: a run of the trace", &known, 1.5);
	num_missed +=
	    print_false_dirty(image, "then: bytes on these pages of objects not written", &known, true);
	for (uint64_t seed = 2; seed <= TRACED_RUNS; seed++) {
		const tier_run other = run(&tiered, seed, NULL);
		num_missed +=
		    print_false_dirty(image, "(the same of another run of the trace)", &other, false);
	}
	const tier_run unknown = run(&tiered, TRACED_RUNS + 1, NULL);
	num_missed += print_amplification(image, "pages dirtied, in tiers: another run", &unknown, 3);
	num_missed += print_false_dirty(image, "(then: bytes on these pages of objects not written)",
	                                &unknown, false);
	close_file(&tiered);
	imago_trace_release(&trace);
	return num_missed;
}

/* ---- Twins. */

typedef struct twin_cost {
	uint64_t num_changed; /* bytes of objects */
	uint64_t size, table;
	double seconds; /* to make the file in memory, the best of some times */
} twin_cost;

static twin_cost
measure_twin(const tier_file *file, unsigned worked_on)
{
	imago_layered_attachment attached;
	attach(&attached, file);
	twin_cost cost = {.num_changed = write_objects(&attached, file, 1, worked_on), .seconds = 1e9};
	for (unsigned i = 0; i < FEW_ROUNDS; i++) {
		imago_writer writer;
		imago_twin_head head;
		imago_writer_init(&writer, file->allocator, file->heap->layout, NULL);
		double start = bench_seconds(BENCH_CPU);
		require(imago_twin_write(&attached, &attached.mapping, file->heap, &writer, NULL),
		        "no twin");
		double seconds = bench_seconds(BENCH_CPU) - start;
		cost.seconds = seconds < cost.seconds ? seconds : cost.seconds;
		require(imago_twin_decode(&head, writer.bytes, writer.size, NULL), "a broken twin");
		cost.size = writer.size;
		cost.table = head.table_size + IMAGO_TWIN_HEADER;
		imago_writer_release(&writer);
	}
	imago_layered_detach(&attached);
	return cost;
}

static unsigned
measure_twins(const bench_image *image, const tier_file *file)
{
	char ratio[TEXT_SIZE];
	const twin_cost few = measure_twin(file, 10 * WORKED_ON);
	const twin_cost many = measure_twin(file, WORKED_ON);
	double size = (double)(many.size - many.table) / (double)many.num_changed;
	snprintf(ratio, sizeof ratio, "%.2f x the bytes", size);
	unsigned num_missed = !bench_print(image, "twin of 1 %: without its table, to changed objects",
	                                   0, ratio, "at most 1.10", size <= 1.1);
	snprintf(ratio, sizeof ratio, "%.2f x the bytes",
	         (double)many.table / (double)many.num_changed);
	bench_print(image, "(its table)", 0, ratio, "", -1);
	snprintf(ratio, sizeof ratio, "%.2f x the time", few.seconds / many.seconds);
	bench_print(image, "(making the twin of 0.1 %: to that of 1 %)", 0, ratio, "", -1);
	double start = bench_seconds(BENCH_CPU);
	imago_writer writer;
	imago_writer_init(&writer, file->allocator, file->heap->layout, NULL);
	const imago_layered_options plain = {.without_origin = true};
	require(imago_layered_write(file->heap, &plain, &writer, NULL), "no layered file");
	double whole = bench_seconds(BENCH_CPU) - start;
	imago_writer_release(&writer);
	snprintf(ratio, sizeof ratio, "1/%.0f of the time", whole / few.seconds);
	bench_print(image, "(making the twin of 0.1 %: to a layered file)", 0, ratio, "", -1);
	return num_missed;
}

unsigned
bench_tier_rows(uint64_t mib)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = make_numbered_image(mib << 20, &allocator);
	tier_file file = {.allocator = &allocator};
	imago_writer_init(&file.writer, &allocator, heap->layout, NULL);
	const imago_layered_options plain = {.without_origin = true};
	require(imago_layered_write(heap, &plain, &file.writer, NULL), "no layered file");
	const bench_image image = {
	    .name = "Tiers", .allocator = &allocator, .size = imago_heap_object_bytes(heap)};
	imago_heap_destroy(heap);
	open_file(&file);
	unsigned num_missed = measure_tiers(&image, &file);
	num_missed += measure_twins(&image, &file);
	close_file(&file);
	return num_missed;
}
