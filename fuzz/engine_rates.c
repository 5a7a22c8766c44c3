/* engine_rates.c: how many mutants are still images: libFuzzer's own mutations against the
 * structure-aware ones, with the same stacking, on the same seeds. A program of libFuzzer builds:
 *
 *     engine_rates -seed=N -runs=1 -ignore_remaining_args=1 MUTANTS FILE…
 *
 * Prints one line per file and mutator. Each mutant has as many edits as its twin: 1 to 8 in turn,
 * calls of LLVMFuzzerMutate for bytes. The three rates: the reader takes it and the walk crosses
 * it; the checker finds no error besides; and its digest is not the seed's. ci/mutator sums up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/file.h"
#include "imago/image.h"
#include "imago/mutate.h"
#include "imago/walk.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { ROOM = 8192, NOTHING_TO_DO = 2 };

/* libFuzzer's interface has no other way from the arguments to the target. */
static int num_arguments;
static char **arguments;

typedef struct rates {
	unsigned long num_mutants, num_valid, num_sound, num_other;
} rates;

static bool
report_nothing(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

static void
judge(rates *counts, const uint8_t *bytes, size_t size, const imago_digest *seed)
{
	imago_allocator allocator;
	imago_image image;
	imago_census census;
	imago_check_sink sink;
	imago_digest digest;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	counts->num_mutants++;
	if (imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK &&
	    image.heap->num_segments > 0 && imago_census_take(image.heap, &census, NULL) == IMAGO_OK) {
		counts->num_valid++;
		imago_check_sink_init(&sink, NULL, report_nothing, NULL);
		if (imago_image_check(&image, &sink, &allocator, NULL) == IMAGO_OK &&
		    sink.summary.num_errors == 0) {
			counts->num_sound++;
			counts->num_other +=
			    imago_digest_compute(&digest, image.heap, &allocator, NULL) != IMAGO_OK ||
			    memcmp(&digest, seed, sizeof digest) != 0;
		}
	}
	imago_image_close(&image);
}

static bool
seed_digest(imago_digest *digest, const uint8_t *bytes, size_t size)
{
	imago_allocator allocator;
	imago_image image;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const bool done = imago_image_read(&image, bytes, size, &allocator, NULL) == IMAGO_OK &&
	                  imago_digest_compute(digest, image.heap, &allocator, NULL) == IMAGO_OK;
	imago_image_close(&image);
	return done;
}

static void
print_rates(const char *name, const rates *counts, const char *path)
{
	const double percent = 100.0 / (double)counts->num_mutants;
	printf("%s\t%.2f\t%.2f\t%.2f\t%s\n", name, (double)counts->num_valid * percent,
	       (double)counts->num_sound * percent, (double)counts->num_other * percent, path);
}

static void
measure(const char *path, unsigned long num_mutants)
{
	imago_allocator allocator;
	imago_error error;
	imago_digest digest;
	uint8_t *bytes = NULL;
	uint64_t size = 0;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_file_read(path, &allocator, &bytes, &size, &error) != IMAGO_OK ||
	    !seed_digest(&digest, bytes, (size_t)size)) {
		fprintf(stderr, "engine_rates: %s is no image\n", path);
		_Exit(1);
	}
	const size_t capacity = (size_t)size + ROOM;
	uint8_t *mutant = malloc(capacity);
	rates structured = {0};
	rates plain = {0};
	for (unsigned long i = 0; mutant != NULL && i < num_mutants; i++) {
		const unsigned num_edits = 1 + (unsigned)(i % IMAGO_MAX_EDITS);
		const imago_mutate_options options = {.seed = i, .num_edits = num_edits};
		memcpy(mutant, bytes, (size_t)size);
		judge(&structured, mutant,
		      imago_mutate_with(mutant, (size_t)size, capacity, &options, NULL), &digest);
		memcpy(mutant, bytes, (size_t)size);
		size_t mutated = (size_t)size;
		for (unsigned edit = 0; edit < num_edits; edit++) {
			mutated = LLVMFuzzerMutate(mutant, mutated, capacity);
		}
		judge(&plain, mutant, mutated, &digest);
	}
	print_rates("structured", &structured, path);
	print_rates("bytes", &plain, path);
	free(mutant);
	imago_release(&allocator, bytes, size);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	num_arguments = *argc;
	arguments = *argv;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	int at = 1;
	while (at < num_arguments && arguments[at][0] == '-') {
		at++;
	}
	const unsigned long num_mutants = at < num_arguments ? strtoul(arguments[at], NULL, 10) : 0;
	if (num_mutants == 0) {
		fprintf(stderr, "usage: engine_rates [-OPTION…] -ignore_remaining_args=1 MUTANTS FILE…\n");
		_Exit(NOTHING_TO_DO);
	}
	for (at++; at < num_arguments; at++) {
		measure(arguments[at], num_mutants);
	}
	fflush(stdout);
	_Exit(0); /* exit would count as a crash of the target */
}
