/* bench_interp.c: how fast images are executed (README.md).
 *
 * bench_interp [--rounds N] UNCHECKED IMAGE[@FUEL]...: a table of bytecodes and sends per second,
 * and of the ratio to UNCHECKED, which is this program built without the checks that are made while
 * bytecodes run. The two take turns, each run a process of its own; medians.
 * bench_interp --one IMAGE FUEL: one run; prints seconds, bytecodes, sends. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imago/image.h"
#include "imago/vm.h"

enum { MAX_ROUNDS = 101, DEFAULT_ROUNDS = 7, LINE = 4096, GROWTH = 512 << 20 };

static const uint64_t default_fuel = 60000000;
static const double asked = 0.8;

typedef struct measure {
	double seconds;
	uint64_t num_bytecodes, num_sends;
} measure;

static void
fail(const char *what)
{
	fprintf(stderr, "bench_interp: %s\n", what);
	exit(2);
}

static double
processor_seconds(void)
{
	struct timespec now;
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) {
		fail("no clock");
	}
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Only the run is timed: not reading the image, nor making the machine. */
static measure
run_here(const char *path, uint64_t fuel)
{
	imago_allocator allocator;
	imago_error error = {.what = "?"};
	imago_image image;
	imago_vm *vm;
	imago_vm_result result;
	const imago_vm_options options = {.growth = GROWTH};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_open(&image, path, &allocator, &error) != IMAGO_OK ||
	    imago_vm_create(&vm, image.heap, &options, &allocator, &error) != IMAGO_OK) {
		fail(error.what);
	}
	double start = processor_seconds();
	imago_vm_run(vm, fuel, &result);
	double seconds = processor_seconds() - start;
	const imago_vm_statistics statistics = imago_vm_statistics_of(vm);
	imago_vm_destroy(vm);
	imago_image_close(&image);
	if (result.end == IMAGO_VM_VIOLATION || result.end == IMAGO_VM_MEMORY) {
		fail(result.reason);
	}
	return (measure){seconds, statistics.num_bytecodes, statistics.num_sends};
}

/* A run in a process of a program of ours. */
static measure
run_there(const char *program, const char *path, uint64_t fuel)
{
	char command[LINE];
	measure found;
	if (strchr(program, '\'') != NULL || strchr(path, '\'') != NULL ||
	    (size_t)snprintf(command, sizeof command, "'%s' --one '%s' %" PRIu64, program, path,
	                     fuel) >= sizeof command) {
		fail("a name that no shell takes");
	}
	/* The shell gets this program itself and quoted names. */
	FILE *output = popen(command, "r"); /* NOLINT(cert-env33-c) */
	if (output == NULL || fscanf(output, "%lf %" SCNu64 " %" SCNu64, &found.seconds,
	                             &found.num_bytecodes, &found.num_sends) != 3) {
		fail(command);
	}
	if (pclose(output) != 0) {
		fail(command);
	}
	return found;
}

static int
compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static double
median(double *values, unsigned count)
{
	qsort(values, count, sizeof *values, compare_doubles);
	return values[count / 2];
}

/* One line of the table; false when what is asked is not met. */
static bool
bench_image(const char *self, const char *unchecked, char *path, unsigned num_rounds)
{
	double times[MAX_ROUNDS];
	double ratios[MAX_ROUNDS];
	measure found = {.seconds = 0};
	char *at = strrchr(path, '@');
	uint64_t fuel = at != NULL ? strtoull(at + 1, NULL, 10) : default_fuel;
	if (at != NULL) {
		*at = '\0';
	}
	for (unsigned i = 0; i < num_rounds; i++) {
		measure without = run_there(unchecked, path, fuel);
		found = run_there(self, path, fuel);
		if (without.num_bytecodes != found.num_bytecodes || without.num_sends != found.num_sends) {
			fail("the build without checks does something else");
		}
		times[i] = found.seconds;
		ratios[i] = without.seconds / found.seconds;
	}
	double seconds = median(times, num_rounds);
	double ratio = median(ratios, num_rounds);
	const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	printf("| %s | %" PRIu64 " | %" PRIu64 " | %.3f | %.1f | %.1f | %.2f x the speed | at least "
	       "%.2f | %s |\n",
	       name, found.num_bytecodes, found.num_sends, seconds,
	       (double)found.num_bytecodes / seconds / 1e6, (double)found.num_sends / seconds / 1e6,
	       ratio, asked, ratio >= asked ? "yes" : "**no**");
	fflush(stdout);
	return ratio >= asked;
}

int
main(int argc, char **argv)
{
	int next = 1;
	uint64_t num_rounds = DEFAULT_ROUNDS;
	if (argc == 4 && strcmp(argv[1], "--one") == 0) {
		measure found = run_here(argv[2], strtoull(argv[3], NULL, 10));
		printf("%.9f %" PRIu64 " %" PRIu64 "\n", found.seconds, found.num_bytecodes,
		       found.num_sends);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
		num_rounds = strtoull(argv[2], NULL, 10);
		next = 3;
	}
	if (num_rounds == 0 || num_rounds > MAX_ROUNDS || argc < next + 2) {
		fail("usage: bench_interp [--rounds N] UNCHECKED IMAGE[@FUEL]...");
	}
	printf("| image | bytecodes | sends | s | M bytecodes/s | M sends/s | to no checks | asked | "
	       "met |\n|---|---|---|---|---|---|---|---|---|\n");
	for (int i = next + 1; i < argc; i++) {
		(void)bench_image(argv[0], argv[next], argv[i], (unsigned)num_rounds);
	}
	return 0;
}
