/* bench.c: the benchmark table (README.md).
 *
 * bench [--rounds N] [--spur64-mib N] [--spur32-mib N] [--perm-mib N]
 * [--share-mib N] [--crowd-mib N] [--tiered IMAGE] [--tier-mib N] [--layered-mib N]
 * [--align-mib N] [--twin-image IMAGE] [--workspace-mib N]
 * [share|tiers|twins|layered|alignment|workspace]: exit status 0 when all was measured, whatever
 * the figures; 2 otherwise. */
#define _GNU_SOURCE /* sched_setaffinity, mallopt's neighbours */
#include "bench.h"

#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imago/swizzle.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { PAGE_BYTES = 4096, MAX_ROUNDS = 101, DEFAULT_ROUNDS = 7, TEXT_SIZE = 32 };

void
bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(2);
}

double
bench_seconds(bench_clock clock)
{
	struct timespec now;
	if (clock_gettime(clock == BENCH_CPU ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now) != 0) {
		bench_fail("no clock");
	}
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void
bench_copy(bench_image *image, const void *argument)
{
	(void)argument;
	memcpy(image->copy, image->heap->segments[0].bytes, image->size);
	__asm__ volatile("" : : "r"(image->copy) : "memory"); /* the copy is wanted */
}

enum { MAX_PROBES = 4096, PROBE_LOOPS = 20000 };

/* The speeds that the probes found, in loops per second. */
typedef struct probe_list {
	double speeds[MAX_PROBES];
	unsigned count;
} probe_list;

static probe_list probes;

void
bench_probe(void)
{
	double start = bench_seconds(BENCH_CPU);
	uint64_t a = 1;
	uint64_t b = 2;
	uint64_t c = 3;
	uint64_t d = 4;
	for (unsigned i = 0; i < PROBE_LOOPS; i++) {
		/* Four additions that do not wait for one another: a second program on the same core is
		 * felt at once. */
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
		a += i;
		b += i;
		c += i;
		d += i;
	}
	__asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d));
	double seconds = bench_seconds(BENCH_CPU) - start;
	if (probes.count < MAX_PROBES && seconds > 0) {
		probes.speeds[probes.count++] = PROBE_LOOPS / seconds;
	}
}

static double
time_job(bench_image *image, bench_job *job, const void *argument, bench_clock clock)
{
	bench_probe();
	double start = bench_seconds(clock);
	job(image, argument);
	return bench_seconds(clock) - start;
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

bool
bench_print(const bench_image *image, const char *name, double gib_per_second, const char *ratio,
            const char *asked, int met)
{
	char speed[TEXT_SIZE] = "";
	if (gib_per_second > 0) {
		snprintf(speed, sizeof speed, "%.1f", gib_per_second);
	}
	printf("| %s | %s | %.2f | %s | %s | %s | %s |\n", image->name, name,
	       (double)image->size / (1 << 30), speed, ratio, asked,
	       met < 0   ? ""
	       : met > 0 ? "yes"
	                 : "**no**");
	fflush(stdout);
	return met != 0;
}

bool
bench_run_row(bench_image *image, const bench_row *row, unsigned num_rounds)
{
	double ratios[MAX_ROUNDS];
	double times[MAX_ROUNDS];
	char ratio_text[TEXT_SIZE];
	char asked_text[TEXT_SIZE] = "";
	bench_job *other = row->other != NULL ? row->other : bench_copy;
	time_job(image, row->job, row->argument, row->clock); /* to warm up */
	for (unsigned i = 0; i < num_rounds; i++) {
		double before = time_job(image, other, row->other_argument, row->clock);
		times[i] = time_job(image, row->job, row->argument, row->clock);
		ratios[i] = row->unit == BENCH_TIME ? times[i] / before : before / times[i];
	}
	double ratio = median(ratios, num_rounds);
	bool met = row->unit == BENCH_TIME ? ratio <= row->asked : ratio >= row->asked;
	const char *unit = row->unit == BENCH_TIME ? "the time" : "the speed";
	snprintf(ratio_text, sizeof ratio_text, "%.2f x %s", ratio, unit);
	if (row->asked > 0) {
		snprintf(asked_text, sizeof asked_text, "%s %.2f",
		         row->unit == BENCH_TIME ? "at most" : "at least", row->asked);
	}
	double speed = (double)image->size / (1 << 30) / median(times, num_rounds);
	return bench_print(image, row->name, speed, ratio_text, asked_text, row->asked > 0 ? met : -1);
}

static void
print_probes(void)
{
	double middle = median(probes.speeds, probes.count);
	double best = probes.speeds[probes.count - 1];
	printf(
	    "While this ran, the processor gave this program %.0f %% of its best speed (median of %u "
	    "probes).\n",
	    100 * middle / best, probes.count);
}

/* The line of /proc/cpuinfo that names the processor. */
static void
print_machine(void)
{
	char line[256];
	char model[256] = "unknown processor";
	FILE *file = fopen("/proc/cpuinfo", "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		char *colon = strchr(line, ':');
		if (strncmp(line, "model name", strlen("model name")) == 0 && colon != NULL) {
			snprintf(model, sizeof model, "%s", colon + 2);
			model[strcspn(model, "\n")] = '\0';
			break;
		}
	}
	if (file != NULL) {
		fclose(file);
	}
	printf("%s; compiled by %s; swizzle uses %s\n\n", model,
#if defined(__clang__)
	       "clang " __clang_version__,
#else
	       "gcc " __VERSION__,
#endif
	       imago_simd_name(IMAGO_SIMD_BEST));
}

/* How far from the start of a block memcpy copies best: where the addresses of source and
 * destination differ by half a page. Where their low bits are nearly the same, it can be three
 * times slower, and every ratio would look three times better. */
static uint64_t
distance_to_good_place(const uint8_t *source, const uint8_t *block)
{
	return ((uintptr_t)source + PAGE_BYTES / 2 - (uintptr_t)block) % PAGE_BYTES;
}

static unsigned
bench_one(const char *name, uint32_t format, uint64_t mib, unsigned num_rounds)
{
	imago_allocator allocator;
	imago_error error;
	imago_synthetic_options options = {.image_format = format, .num_bytes = mib << 20, .seed = 1};
	bench_image image = {.name = name, .allocator = &allocator};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_synthetic_make(&image.heap, &options, &allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	image.size = image.heap->segments[0].size;
	uint8_t *block = imago_allocate(&allocator, image.size + PAGE_BYTES, "copy", &error);
	if (block == NULL) {
		bench_fail(error.what);
	}
	image.copy = block + distance_to_good_place(image.heap->segments[0].bytes, block);
	memset(image.copy, 1, image.size); /* mapped and warm */
	unsigned num_missed = bench_memory_rows(&image, num_rounds);
	num_missed += bench_check_rows(&image, num_rounds);
	imago_release(&allocator, block, image.size + PAGE_BYTES);
	imago_heap_destroy(image.heap);
	return num_missed;
}

static const char *
text_after(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], name) == 0) {
			return argv[i + 1];
		}
	}
	return NULL;
}

static uint64_t
number_after(int argc, char **argv, const char *name, uint64_t otherwise)
{
	const char *text = text_after(argc, argv, name);
	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	uint64_t num_rounds = number_after(argc, argv, "--rounds", DEFAULT_ROUNDS);
	uint64_t wide_mib = number_after(argc, argv, "--spur64-mib", 1024);
	uint64_t narrow_mib = number_after(argc, argv, "--spur32-mib", 256);
	uint64_t perm_mib = number_after(argc, argv, "--perm-mib", 1024);
	uint64_t tier_mib = number_after(argc, argv, "--tier-mib", 64);
	uint64_t share_mib = number_after(argc, argv, "--share-mib", 1024);
	uint64_t layered_mib = number_after(argc, argv, "--layered-mib", 256);
	uint64_t align_mib = number_after(argc, argv, "--align-mib", 64);
	uint64_t crowd_mib = number_after(argc, argv, "--crowd-mib", 64);
	uint64_t workspace_mib = number_after(argc, argv, "--workspace-mib", 1024);
	if (num_rounds == 0 || num_rounds > MAX_ROUNDS || wide_mib == 0 || narrow_mib == 0 ||
	    perm_mib == 0 || share_mib == 0 || crowd_mib == 0 || tier_mib == 0 || layered_mib == 0 ||
	    align_mib == 0 || workspace_mib < 32) {
		bench_fail("usage: bench [--rounds N] [--spur64-mib N] [--spur32-mib N] [--perm-mib N] "
		           "[--share-mib N] [--crowd-mib N] [--tiered IMAGE] [--tier-mib N] "
		           "[--layered-mib N] [--align-mib N] [--twin-image IMAGE] [--workspace-mib N] "
		           "[share|tiers|twins|layered|alignment|workspace]");
	}
	/* Blocks that were given back stay mapped: what is measured is not the kernel's clearing. */
	if (mallopt(M_MMAP_MAX, 0) == 0 || mallopt(M_TRIM_THRESHOLD, -1) == 0) {
		bench_fail("memory cannot be kept mapped");
	}
	print_machine();
	printf("| image | job | GiB | GiB/s | to memcpy | asked | met |\n");
	printf("|---|---|---|---|---|---|---|\n");
	unsigned num_missed = 0;
	const char *only = argv[argc - 1];
	bool all = strcmp(only, "share") != 0 && strcmp(only, "tiers") != 0 &&
	           strcmp(only, "twins") != 0 && strcmp(only, "layered") != 0 &&
	           strcmp(only, "alignment") != 0 && strcmp(only, "workspace") != 0;
	if (all) {
		num_missed += bench_one("Spur64", 68021, wide_mib, (unsigned)num_rounds);
		num_missed += bench_one("Spur32", 6521, narrow_mib, (unsigned)num_rounds);
		num_missed += bench_collect_rows(perm_mib, (unsigned)num_rounds);
	}
	if (all || strcmp(only, "alignment") == 0) {
		bench_perm_rows(align_mib, (unsigned)num_rounds);
	}
	if (all || strcmp(only, "share") == 0) {
		num_missed += bench_share_rows(share_mib, (unsigned)num_rounds);
		num_missed += bench_crowd_rows(crowd_mib, text_after(argc, argv, "--tiered"));
	}
	if (all || strcmp(only, "layered") == 0) {
		num_missed += bench_layered_rows(layered_mib, (unsigned)num_rounds);
	}
	if (all || strcmp(only, "workspace") == 0) {
		num_missed += bench_workspace_rows(workspace_mib, (unsigned)num_rounds);
	}
	if (all || strcmp(only, "tiers") == 0) {
		num_missed += bench_tier_rows(tier_mib);
	}
	if (all || strcmp(only, "twins") == 0) {
		bench_twin_rows(text_after(argc, argv, "--twin-image"), (unsigned)num_rounds);
	}
	printf("\n%u asked figures not met; medians of %" PRIu64 " pairs.\n", num_missed, num_rounds);
	print_probes();
	return 0;
}
