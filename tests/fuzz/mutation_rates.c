/* mutation_rates.c: how many mutants are still images, for each format, by structure and by bytes.
 *
 *     mutation_rates [MUTANTS]
 *
 * Mutates every seed so many times (default 2000) with fixed seeds and prints, per format, the
 * share of mutants that the reader accepts and the walk crosses: of the mutator as it is, and of
 * its byte edits alone; and the mutants per second of one core. Fails when fewer than 60 % are
 * valid. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mutants.h"

typedef struct tally {
	unsigned long num_valid, num_mutants, num_same;
	double seconds;
	double bytes;
} tally;

static double
cpu_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
count(tally *t, const test_image *seed, const imago_mutate_options *options, unsigned long num)
{
	mutant m;
	mutant_init(&m, (size_t)seed->size + 8192);
	for (unsigned long i = 0; i < num; i++) {
		imago_mutate_options one = *options;
		one.seed = i;
		mutant_set(&m, seed->bytes, (size_t)seed->size);
		const double start = cpu_seconds();
		m.size = imago_mutate_with(m.bytes, m.size, m.capacity, &one, NULL);
		t->seconds += cpu_seconds() - start;
		t->num_mutants++;
		t->num_valid += is_walkable(m.bytes, m.size);
		t->num_same += m.size == seed->size && memcmp(m.bytes, seed->bytes, m.size) == 0;
	}
	t->bytes += (double)seed->size * (double)num;
	mutant_release(&m);
}

static double
percent(const tally *t)
{
	return 100.0 * (double)t->num_valid / (double)t->num_mutants;
}

int
main(int argc, char **argv)
{
	const unsigned long num = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	static const char *const bytes_only[] = {"bytes"};
	const imago_mutate_options as_it_is = {.seed = 0};
	const imago_mutate_options bytes = {
	    .only = bytes_only, .num_only = 1, .repair = IMAGO_REPAIR_NEVER};
	const imago_mutate_options eight = {.only = bytes_only,
	                                    .num_only = 1,
	                                    .num_edits = IMAGO_MAX_EDITS,
	                                    .repair = IMAGO_REPAIR_NEVER};
	int result = EXIT_SUCCESS;
	if (num == 0) {
		fprintf(stderr, "usage: mutation_rates [MUTANTS]\n");
		return 2;
	}
	printf("%-9s %8s %10s %12s %12s %10s %10s %10s\n", "format", "mutants", "valid", "bytes only",
	       "8 x bytes", "unchanged", "KB/mutant", "mutants/s");
	for (int format = 0; format < IMAGO_NUM_FORMATS; format++) {
		tally structured = {0};
		tally plain = {0};
		tally stacked = {0};
		for (size_t i = 0; i < NUM_SEEDS; i++) {
			imago_allocator allocator;
			if (seed_format(i) != (imago_format_id)format) {
				continue;
			}
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			test_image seed = seed_image(i, &allocator);
			if (seed.bytes == NULL) {
				return EXIT_FAILURE;
			}
			count(&structured, &seed, &as_it_is, num);
			count(&plain, &seed, &bytes, num);
			count(&stacked, &seed, &eight, num);
			test_image_release(&seed);
		}
		if (structured.num_mutants == 0) {
			continue; /* layered: no seed, and mutated as bytes */
		}
		printf("%-9s %8lu %9.1f%% %11.1f%% %11.1f%% %9.1f%% %10.1f %10.0f\n",
		       imago_format_name((imago_format_id)format), structured.num_mutants,
		       percent(&structured), percent(&plain), percent(&stacked),
		       100.0 * (double)structured.num_same / (double)structured.num_mutants,
		       structured.bytes / (double)structured.num_mutants / 1000,
		       (double)structured.num_mutants / structured.seconds);
		if (percent(&structured) < 60) {
			result = EXIT_FAILURE;
		}
	}
	return result;
}
