/* bench.h: what the files of the benchmark share.
 *
 * Every figure is a ratio to memcpy of the same bytes, taken in the same run: job and memcpy in
 * turn, the ratio of each pair, the median of the ratios. Jobs of one thread are timed by the
 * processor time of the thread, so that other programs disturb less.
 */
#ifndef IMAGO_BENCH_H
#define IMAGO_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/heap.h"

/* What is measured on: a heap with one segment, and room for a copy of it. */
typedef struct bench_image {
	const char *name;
	imago_heap *heap;
	imago_allocator *allocator;
	uint8_t *copy;
	uint64_t size; /* of the segment's objects */
} bench_image;

/* Does the job once. Ends the program when it fails. */
typedef void bench_job(bench_image *image, const void *argument);

typedef enum bench_clock {
	BENCH_CPU,  /* processor time of the calling thread */
	BENCH_WALL, /* for jobs that use several threads */
} bench_clock;

/* How a ratio is told and judged. */
typedef enum bench_unit {
	BENCH_TIME,  /* time of the job / time of the other: at most what is asked */
	BENCH_SPEED, /* time of the other / time of the job: at least what is asked */
} bench_unit;

typedef struct bench_row {
	const char *name;
	bench_job *job;
	const void *argument;
	bench_job *other; /* NULL: memcpy */
	const void *other_argument;
	bench_unit unit;
	bench_clock clock;
	double asked; /* 0: nothing is asked, the row is there for comparison */
} bench_row;

/* Measures a row and prints its line. Returns false when what is asked was not met. */
bool bench_run_row(bench_image *image, const bench_row *row, unsigned num_rounds);

/* Prints a line of the table; ratio and asked in the words given. */
bool bench_print(const bench_image *image, const char *name, double gib_per_second,
                 const char *ratio, const char *asked, int met);

/* Measures how fast the processor is right now, by a short loop that needs nothing but it. */
void bench_probe(void);

double bench_seconds(bench_clock clock);

/* Prints why and exits with status 2. */
void bench_fail(const char *what) __attribute__((noreturn));

void bench_copy(bench_image *image, const void *argument);

/* bench_memory.c and bench_check.c: the rows of a room. Return the number of rows not met. */
unsigned bench_memory_rows(bench_image *image, unsigned num_rounds);
unsigned bench_check_rows(bench_image *image, unsigned num_rounds);

/* bench_collect.c: on images of its own, with so much permanent space. */
unsigned bench_collect_rows(uint64_t perm_mib, unsigned num_rounds);

/* bench_perm.c: on an image of its own, of about so many MiB. Nothing is asked for. */
void bench_perm_rows(uint64_t mib, unsigned num_rounds);

/* bench_share.c: on files of its own, the largest of that size. */
unsigned bench_share_rows(uint64_t mib, unsigned num_rounds);

/* bench_layered.c: on a synthetic image of so many MiB. */
unsigned bench_layered_rows(uint64_t mib, unsigned num_rounds);

/* bench_crowd.c: on layered images of its own, of so many MiB; and on a given one, whose immutable
 * objects are written, unless tiered is NULL. */
unsigned bench_crowd_rows(uint64_t mib, const char *tiered);

/* bench_twin.c: on kernel images, and on the genuine one unless path is NULL. Nothing is asked. */
void bench_twin_rows(const char *path, unsigned num_rounds);

/* bench_tier.c: on an image of its own, of that size. */
unsigned bench_tier_rows(uint64_t mib);

/* bench_workspace.c: on a library of its own, of so many MiB. */
unsigned bench_workspace_rows(uint64_t mib, unsigned num_rounds);

#endif
