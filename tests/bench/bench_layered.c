/* bench_layered.c: the layered container: writing, reading, restoring, checking.
 *
 * Writing is told twice: as it is, and without what hashing the same bytes takes, measured in the
 * same round. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/layered_image.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { MAX_ROUNDS = 101, TEXT_SIZE = 48 };

/* A heap, and the layered file of it. */
typedef struct layered_bench {
	bench_image image; /* for the table */
	imago_layered_options options;
	uint8_t *tiers;
	imago_writer file;
	imago_heap *layered;
} layered_bench;

static void
write_file(bench_image *image, const void *argument)
{
	const layered_bench *bench = argument;
	imago_error error;
	imago_writer writer;
	imago_writer_init(&writer, image->allocator, image->heap->layout, &error);
	if (imago_layered_write(image->heap, &bench->options, &writer, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_writer_release(&writer);
}

static void
hash_file(bench_image *image, const void *argument)
{
	const layered_bench *bench = argument;
	(void)image;
	imago_layered_seal(bench->file.bytes, bench->file.size);
}

static void
read_file(bench_image *image, const void *argument)
{
	const layered_bench *bench = argument;
	imago_error error;
	imago_heap *heap;
	if (imago_layered_read(&heap, bench->file.bytes, bench->file.size, image->allocator, &error) !=
	    IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_heap_destroy(heap);
}

static void
restore_heap(bench_image *image, const void *argument)
{
	const layered_bench *bench = argument;
	imago_error error;
	imago_heap *heap;
	if (imago_layered_restore(&heap, bench->layered, bench->file.bytes, bench->file.size,
	                          image->allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_heap_destroy(heap);
}

static bool
fail_at_finding(const imago_finding *finding, void *payload)
{
	(void)payload;
	bench_fail(finding->rule->name);
}

static void
check_file(bench_image *image, const void *argument)
{
	const layered_bench *bench = argument;
	imago_error error;
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, fail_at_finding, NULL);
	if (imago_layered_check(bench->file.bytes, bench->file.size, bench->layered, &sink,
	                        image->allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
}

static double
seconds_of(layered_bench *bench, bench_job *job)
{
	double before = bench_seconds(BENCH_CPU);
	job(&bench->image, bench);
	return bench_seconds(BENCH_CPU) - before;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of each round: memcpy's time to that of writing less that of hashing. */
static bool
write_without_hashes(layered_bench *bench, unsigned num_rounds)
{
	const double asked = 0.1;
	double ratios[MAX_ROUNDS];
	double times[MAX_ROUNDS];
	char ratio_text[TEXT_SIZE];
	num_rounds = num_rounds < MAX_ROUNDS ? num_rounds : MAX_ROUNDS;
	for (unsigned i = 0; i < num_rounds; i++) {
		double copying = seconds_of(bench, bench_copy);
		times[i] = seconds_of(bench, write_file) - seconds_of(bench, hash_file);
		ratios[i] = copying / times[i];
	}
	qsort(ratios, num_rounds, sizeof *ratios, compare);
	qsort(times, num_rounds, sizeof *times, compare);
	double ratio = ratios[num_rounds / 2];
	snprintf(ratio_text, sizeof ratio_text, "%.2f x the speed", ratio);
	return bench_print(&bench->image, "write a layered file, less the time of its hashes",
	                   (double)bench->image.size / (1 << 30) / times[num_rounds / 2], ratio_text,
	                   "at least 0.10", ratio >= asked);
}

static void
make_file(layered_bench *bench)
{
	imago_error error;
	imago_census census;
	imago_allocator *allocator = bench->image.allocator;
	if (imago_census_take(bench->image.heap, &census, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	bench->tiers = malloc((size_t)census.num_chunks);
	if (bench->tiers == NULL) {
		bench_fail("tiers");
	}
	for (uint64_t i = 0; i < census.num_chunks; i++) {
		bench->tiers[i] = (uint8_t)(i * 7 % 5 % IMAGO_NUM_TIERS);
	}
	bench->options = (imago_layered_options){.tiers = bench->tiers, .num_tiers = census.num_chunks};
	imago_writer_init(&bench->file, allocator, bench->image.heap->layout, &error);
	if (imago_layered_write(bench->image.heap, &bench->options, &bench->file, &error) != IMAGO_OK ||
	    imago_layered_read(&bench->layered, bench->file.bytes, bench->file.size, allocator,
	                       &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
}

unsigned
bench_layered_rows(uint64_t mib, unsigned num_rounds)
{
	imago_allocator allocator;
	imago_error error;
	const imago_synthetic_options options = {
	    .image_format = 68021, .num_bytes = mib << 20, .seed = 1};
	layered_bench bench = {.image = {.name = "layered", .allocator = &allocator}};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_synthetic_make(&bench.image.heap, &options, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	bench.image.size = bench.image.heap->segments[0].size;
	bench.image.copy = malloc(bench.image.size);
	if (bench.image.copy == NULL) {
		bench_fail("copy");
	}
	memset(bench.image.copy, 1, bench.image.size); /* mapped and warm */
	make_file(&bench);
	const bench_row rows[] = {
	    {.name = "(write a layered file, mixed tiers)",
	     .job = write_file,
	     .argument = &bench,
	     .unit = BENCH_SPEED},
	    {.name = "(its hashes alone: BLAKE2b)",
	     .job = hash_file,
	     .argument = &bench,
	     .unit = BENCH_SPEED},
	    {.name = "(read it: one page and a table)", .job = read_file, .argument = &bench},
	    {.name = "(restore what it was made of)",
	     .job = restore_heap,
	     .argument = &bench,
	     .unit = BENCH_SPEED},
	    {.name = "(check the container, restoring and hashes included)",
	     .job = check_file,
	     .argument = &bench,
	     .unit = BENCH_SPEED},
	};
	unsigned num_missed = !write_without_hashes(&bench, num_rounds);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		num_missed += !bench_run_row(&bench.image, &rows[i], num_rounds);
	}
	imago_heap_destroy(bench.layered);
	imago_writer_release(&bench.file);
	imago_heap_destroy(bench.image.heap);
	free(bench.tiers);
	free(bench.image.copy);
	return num_missed;
}
