/* bench_share.c: what it costs to attach an image, and to touch it where it was not saved for.
 *
 * On sparse files in the temporary folder, whose pages the system has at hand. Both sides of a
 * ratio are measured in turns, by the processor time of the thread, which is mostly the system's.
 */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imago/attach.h"
#include "imago/pages.h"

enum { PAGE = 4096, WORD = 8, RUN = 16, TEXT_SIZE = 48, MAX_ROUNDS = 101, FEW_ROUNDS = 3 };

/* A file of two sections of the same size. The first holds addresses, 60 % of its words; the other
 * does too, or none. */
typedef struct bench_file {
	bench_image image; /* for the table */
	int descriptor;
	imago_attach_section sections[2];
	imago_attach_plan plan;
	uint32_t *order; /* all pages of a section, shuffled */
	uint64_t num_pages;
} bench_file;

static const imago_addr wanted = UINT64_C(0x100000000000);

static uint64_t
random_of(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static int
open_temporary(void)
{
	char path[256];
	const char *folder = getenv("TMPDIR");
	snprintf(path, sizeof path, "%s/imago-bench-XXXXXX", folder != NULL ? folder : "/tmp");
	const int descriptor = mkstemp(path);
	if (descriptor < 0) {
		bench_fail("no temporary file");
	}
	unlink(path);
	return descriptor;
}

static void
write_marks(int descriptor, uint64_t offset, uint64_t size)
{
	uint8_t marks[PAGE];
	uint64_t state = 1;
	for (uint64_t i = 0; i < size; i += sizeof marks) {
		for (size_t j = 0; j < sizeof marks; j++) {
			/* Of 3 bits of chance, 5 of 8 values mark. */
			const uint64_t a = random_of(&state);
			const uint64_t b = random_of(&state);
			const uint64_t c = random_of(&state);
			marks[j] = (uint8_t)(a | (b & c));
		}
		if (pwrite(descriptor, marks, sizeof marks, (off_t)(offset + i)) != sizeof marks) {
			bench_fail("no room for a temporary file");
		}
	}
}

static void
shuffle_pages(bench_file *file)
{
	uint64_t state = 1;
	file->order = calloc((size_t)file->num_pages, sizeof *file->order);
	if (file->order == NULL) {
		bench_fail("no memory");
	}
	for (uint64_t i = 0; i < file->num_pages; i++) {
		const uint64_t j = random_of(&state) % (i + 1);
		file->order[i] = file->order[j];
		file->order[j] = (uint32_t)i;
	}
}

static void
make_file(bench_file *file, uint64_t mib, bool all_pointers, imago_allocator *allocator)
{
	const uint64_t half = mib << 19;
	const uint64_t marks = 2 * half;
	*file = (bench_file){
	    .image = {.name = "Attached", .allocator = allocator, .size = 2 * half},
	    .descriptor = open_temporary(),
	    .sections = {{.address = wanted,
	                  .size = half,
	                  .writable = true,
	                  .has_pointers = true,
	                  .pointer_words = marks},
	                 {.address = wanted + half,
	                  .offset = half,
	                  .size = half,
	                  .writable = true,
	                  .has_pointers = all_pointers,
	                  .pointer_words = marks}},
	    .num_pages = half / PAGE,
	};
	file->plan = (imago_attach_plan){
	    .layout = {WORD, IMAGO_LITTLE_ENDIAN},
	    .num_sections = 2,
	    .start = wanted,
	    .span = 2 * half,
	};
	if (ftruncate(file->descriptor, (off_t)marks) != 0) {
		bench_fail("no room for a temporary file");
	}
	write_marks(file->descriptor, marks, half / WORD / 8);
	shuffle_pages(file);
}

static void
release_file(bench_file *file)
{
	close(file->descriptor);
	free(file->order);
}

static imago_attachment *
attach(bench_file *file, imago_attach_place place, imago_relocation relocation)
{
	imago_attachment *attachment = NULL;
	imago_error error;
	const imago_attach_options options = {place, 0, relocation};
	file->plan.sections = file->sections;
	if (imago_attach(&attachment, file->descriptor, &file->plan, &options, file->image.allocator,
	                 &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	return attachment;
}

/* How a file is attached, and which of its pages with addresses are looked at then. */
typedef struct bench_use {
	imago_attach_place place;
	imago_relocation relocation;
	unsigned percent;
	bool in_runs; /* of 16 pages, else one by one; both in no order */
} bench_use;

static void
touch(const bench_file *file, const imago_attachment *attachment, const bench_use *use)
{
	const volatile uint8_t *bytes = imago_attachment_facts_of(attachment).bytes;
	const uint64_t num = file->num_pages * use->percent / 100;
	if (!use->in_runs) {
		for (uint64_t i = 0; i < num; i++) {
			(void)bytes[(uint64_t)file->order[i] * PAGE];
		}
		return;
	}
	/* The shuffled numbers that are those of runs. */
	uint64_t left = num / RUN;
	for (uint64_t i = 0; left > 0 && i < file->num_pages; i++) {
		const uint64_t run = file->order[i];
		if (run < file->num_pages / RUN) {
			for (uint64_t j = 0; j < RUN; j++) {
				(void)bytes[(run * RUN + j) * PAGE];
			}
			left--;
		}
	}
}

/* Seconds to attach and to look; detaching counts for nothing but attaching alone. */
static double
time_use(bench_file *file, const bench_use *use, uint64_t *num_private)
{
	bench_probe();
	const double start = bench_seconds(BENCH_CPU);
	imago_attachment *attachment = attach(file, use->place, use->relocation);
	touch(file, attachment, use);
	double seconds = bench_seconds(BENCH_CPU) - start;
	if (num_private != NULL) {
		imago_page_counts counts[2];
		imago_error error;
		if (imago_attachment_pages(attachment, counts, NULL, NULL, &error) != IMAGO_OK) {
			bench_fail(error.what);
		}
		*num_private = counts[0].num_private;
	}
	const double before = bench_seconds(BENCH_CPU);
	imago_detach(attachment);
	if (use->percent == 0) {
		seconds += bench_seconds(BENCH_CPU) - before;
	}
	return seconds;
}

static int
compare_doubles(const void *left, const void *right)
{
	const double a = *(const double *)left;
	const double b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static double
median_ratio(bench_file *file, const bench_use *use, bench_file *other, const bench_use *other_use,
             unsigned num_rounds)
{
	double ratios[MAX_ROUNDS];
	time_use(file, use, NULL); /* to warm up */
	time_use(other, other_use, NULL);
	for (unsigned i = 0; i < num_rounds; i++) {
		const double before = time_use(other, other_use, NULL);
		ratios[i] = time_use(file, use, NULL) / before;
	}
	qsort(ratios, num_rounds, sizeof *ratios, compare_doubles);
	return ratios[num_rounds / 2];
}

static unsigned
print_times(const bench_file *file, const char *name, double ratio, double asked)
{
	char ratio_text[TEXT_SIZE];
	char asked_text[TEXT_SIZE] = "";
	if (ratio < 0.01) {
		snprintf(ratio_text, sizeof ratio_text, "1/%.0f of the time", 1 / ratio);
	} else {
		snprintf(ratio_text, sizeof ratio_text, "%.2f x the time", ratio);
	}
	if (asked > 0) {
		snprintf(asked_text, sizeof asked_text, asked < 0.01 ? "at most 1/%.0f" : "at most %.2f",
		         asked < 0.01 ? 1 / asked : asked);
	}
	return !bench_print(&file->image, name, 0, ratio_text, asked_text,
	                    asked > 0 ? ratio <= asked : -1);
}

static unsigned
attach_rows(bench_file *large, bench_file *small, unsigned num_rounds)
{
	const bench_use home = {.place = IMAGO_PLACE_WANTED};
	const bench_use elsewhere = {.place = IMAGO_PLACE_ANYWHERE};
	const bench_use eager = {IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_EAGER, 0, false};
	const unsigned few = num_rounds < FEW_ROUNDS ? num_rounds : FEW_ROUNDS;
	unsigned num_missed = 0;
	num_missed += print_times(large, "attach and detach: to a file of a 64th of the size",
	                          median_ratio(large, &home, small, &home, num_rounds), 2.0);
	num_missed += print_times(large, "attach and detach: to reading and relocating all",
	                          median_ratio(large, &home, large, &eager, few), 1.0 / 10000);
	num_missed += print_times(large, "attach and detach elsewhere: to the wanted address",
	                          median_ratio(large, &elsewhere, large, &home, num_rounds), 3.0);
	return num_missed;
}

static unsigned
private_row(bench_file *file, const char *name, const bench_use *use, double asked)
{
	char ratio_text[TEXT_SIZE];
	char asked_text[TEXT_SIZE] = "";
	uint64_t num_private;
	time_use(file, use, &num_private);
	const double fewer = (double)file->num_pages / (double)num_private;
	snprintf(ratio_text, sizeof ratio_text, "%.1f x fewer", fewer);
	if (asked > 0) {
		snprintf(asked_text, sizeof asked_text, "at least %.1f", asked);
	}
	return !bench_print(&file->image, name, 0, ratio_text, asked_text,
	                    asked > 0 ? fewer >= asked : -1);
}

/* Time and private pages against relocating all at once. */
static unsigned
touch_rows(bench_file *file, unsigned num_rounds)
{
	static const struct {
		const char *times, *pages;
		unsigned percent;
		bool in_runs;
		imago_relocation way;
		double time_asked, pages_asked;
	} rows[] = {
	    {"elsewhere, 1 % of pages, one by one: to all at once", "private pages then", 1, false,
	     IMAGO_RELOCATION_AUTO, 0, 0},
	    {"elsewhere, 5 % of pages, one by one: to all at once", "private pages then", 5, false,
	     IMAGO_RELOCATION_AUTO, 0.2, 15},
	    {"elsewhere, 25 % of pages, one by one: to all at once", "private pages then", 25, false,
	     IMAGO_RELOCATION_AUTO, 0, 0},
	    {"elsewhere, all pages, one by one: to all at once", "private pages then", 100, false,
	     IMAGO_RELOCATION_AUTO, 0, 0},
	    {"elsewhere, 1 % of pages, in runs of 16: to all at once", "private pages then", 1, true,
	     IMAGO_RELOCATION_AUTO, 0, 0},
	    {"elsewhere, 5 % of pages, in runs of 16: to all at once", "private pages then", 5, true,
	     IMAGO_RELOCATION_AUTO, 0.2, 15},
	    {"elsewhere, 25 % of pages, in runs of 16: to all at once", "private pages then", 25, true,
	     IMAGO_RELOCATION_AUTO, 0, 0},
	    {"elsewhere, all pages, in runs of 16: to all at once", "private pages then", 100, true,
	     IMAGO_RELOCATION_AUTO, 0, 0},
	    {"(the signal way, 5 % of pages, one by one: to all at once)", "(private pages then)", 5,
	     false, IMAGO_RELOCATION_SIGNAL, 0, 0},
	    {"(the signal way, 5 % of pages, in runs of 16: to all at once)", "(private pages then)", 5,
	     true, IMAGO_RELOCATION_SIGNAL, 0, 0},
	};
	unsigned num_missed = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const bench_use use = {IMAGO_PLACE_ANYWHERE, rows[i].way, rows[i].percent, rows[i].in_runs};
		const bench_use eager = {IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_EAGER, rows[i].percent,
		                         rows[i].in_runs};
		num_missed +=
		    print_times(file, rows[i].times, median_ratio(file, &use, file, &eager, num_rounds),
		                rows[i].time_asked);
		num_missed += private_row(file, rows[i].pages, &use, rows[i].pages_asked);
	}
	return num_missed;
}

/* All pages of the section without addresses, at a foreign base. */
static unsigned
shared_row(bench_file *file)
{
	char text[TEXT_SIZE];
	imago_page_counts counts[2];
	imago_error error;
	imago_attachment *attachment = attach(file, IMAGO_PLACE_ANYWHERE, IMAGO_RELOCATION_AUTO);
	const volatile uint8_t *bytes =
	    imago_attachment_facts_of(attachment).bytes + file->sections[0].size;
	for (uint64_t i = 0; i < file->num_pages; i++) {
		(void)bytes[i * PAGE];
	}
	if (imago_attachment_pages(attachment, counts, NULL, NULL, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	snprintf(text, sizeof text, "%" PRIu64 " private bytes", counts[1].num_private * PAGE);
	imago_detach(attachment);
	return !bench_print(&file->image, "elsewhere, all pages without addresses", 0, text, "0",
	                    counts[1].num_private == 0 && counts[1].num_shared == file->num_pages);
}

unsigned
bench_share_rows(uint64_t mib, unsigned num_rounds)
{
	imago_allocator allocator;
	bench_file large;
	bench_file medium;
	bench_file small;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	make_file(&large, mib, true, &allocator);
	make_file(&medium, (mib + 3) / 4, false, &allocator);
	make_file(&small, (mib + 63) / 64, true, &allocator);
	unsigned num_missed = attach_rows(&large, &small, num_rounds);
	num_missed += touch_rows(&medium, num_rounds);
	num_missed += shared_row(&medium);
	release_file(&large);
	release_file(&medium);
	release_file(&small);
	return num_missed;
}
