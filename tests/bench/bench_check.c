/* bench_check.c: the checker, on one and two threads, and its memory. */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>

#include "imago/check.h"
#include "imago/walk.h"

enum { MIB = 1 << 20, TEXT_SIZE = 48 };

static bool
fail_on_finding(const imago_finding *finding, void *payload)
{
	(void)payload;
	bench_fail(finding->rule->name);
}

/* Checks with a fresh allocator; returns the most memory in use. */
static uint64_t
check_with(const bench_image *image, const imago_check_options *options)
{
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, options, fail_on_finding, NULL);
	if (imago_check(image->heap, &sink, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	return allocator.peak;
}

static void
check(bench_image *image, const void *argument)
{
	(void)check_with(image, argument);
}

static void *
take_census(void *heap)
{
	imago_census census;
	if (imago_census_take(heap, &census, NULL) != IMAGO_OK) {
		bench_fail("no census");
	}
	return NULL;
}

static void
take_two_one_by_one(bench_image *image, const void *argument)
{
	(void)argument;
	(void)take_census(image->heap);
	(void)take_census(image->heap);
}

/* What two threads gain when they share nothing but the memory they read. */
static void
take_two_at_once(bench_image *image, const void *argument)
{
	(void)argument;
	pthread_t thread;
	if (pthread_create(&thread, NULL, take_census, image->heap) != 0) {
		bench_fail("no thread");
	}
	(void)take_census(image->heap);
	(void)pthread_join(thread, NULL);
}

static bool
print_memory(const bench_image *image, const imago_check_options *options)
{
	char used[TEXT_SIZE];
	char asked[TEXT_SIZE];
	uint64_t peak = check_with(image, options);
	uint64_t limit = image->size / 32 + (uint64_t)16 * MIB;
	snprintf(used, sizeof used, "%.1f MiB", (double)peak / MIB);
	snprintf(asked, sizeof asked, "at most %.1f MiB", (double)limit / MIB);
	return bench_print(image, "memory of the check, two threads", 0, used, asked, peak <= limit);
}

unsigned
bench_check_rows(bench_image *image, unsigned num_rounds)
{
	static const imago_check_options one = {.num_threads = 1};
	static const imago_check_options two = {.num_threads = 2};
	static const imago_check_options careful = {.num_threads = 1, .careful = true};
	static const bench_row rows[] = {
	    {.name = "check, every rule, one thread", .job = check, .argument = &one, .asked = 8},
	    {.name = "check, two threads: to one thread",
	     .job = check,
	     .argument = &two,
	     .other = check,
	     .other_argument = &one,
	     .unit = BENCH_SPEED,
	     .clock = BENCH_WALL,
	     .asked = 1.7},
	    {.name = "(two censuses at once: to one by one)",
	     .job = take_two_at_once,
	     .other = take_two_one_by_one,
	     .unit = BENCH_SPEED,
	     .clock = BENCH_WALL},
	    {.name = "(check, every object judged by the rules)", .job = check, .argument = &careful},
	};
	unsigned num_missed = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		num_missed += !bench_run_row(image, &rows[i], num_rounds);
	}
	return num_missed + !print_memory(image, &two);
}
