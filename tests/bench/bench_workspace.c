/* bench_workspace.c: what a shared code file costs: to attach, to look a name up, to call a
 * function; beside what loading it as a workspace costs, and beside a file whose pockets are not
 * sorted.
 *
 * A library of 1,000 functions, 1,000 small values and as many MiB of numbers, defined in turn.
 * Pages are those that the system read from an emptied cache, without reading ahead. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): mincore */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imago/pages.h"
#include "imago/workspace.h"

enum {
	NUM_FUNCTIONS = 1000,
	ARRAY_MIB = 16,
	PAGE = 4096,
	PATH_SIZE = 256,
	TEXT_SIZE = 64,
	MAX_ROUNDS = 101,
	PROCESSES = 16,
	CROWD_MIB = 64,
	SLOT = 1,
};

/* A library in two files. */
typedef struct bench_library {
	bench_image image; /* for the table */
	uint64_t mib;
	int sorted, unsorted;
	imago_allocator *allocator;
} bench_library;

static void
take(imago_workspace *workspace, const char *text)
{
	imago_error error;
	if (imago_workspace_take_text(workspace, text, strlen(text), NULL, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
}

static imago_workspace *
make_workspace(uint64_t mib, imago_allocator *allocator)
{
	imago_workspace *workspace;
	imago_error error;
	if (imago_workspace_create(&workspace, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	for (unsigned i = 0; i < NUM_FUNCTIONS; i++) {
		char text[512];
		if (i < mib / ARRAY_MIB) {
			snprintf(text, sizeof text, "DATA%u←%u⍴%u\n", i, ARRAY_MIB << 17, i);
			take(workspace, text);
		}
		snprintf(text, sizeof text,
		         "∇R←FUNCTION%04u B;T\nT←B+%u\n→(T<0)/4 ⍝ negative\nT←T×2 3\nR←+/T,0.5\n∇\n", i, i);
		take(workspace, text);
	}
	return workspace;
}

static int
write_file(imago_workspace *workspace, bool unsorted, imago_allocator *allocator, uint64_t *size)
{
	char path[PATH_SIZE];
	const char *folder = getenv("TMPDIR");
	imago_writer writer;
	imago_error error;
	const imago_workspace_options options = {.slot = SLOT, .unsorted = unsorted};
	snprintf(path, sizeof path, "%s/imago-bench-XXXXXX", folder != NULL ? folder : "/tmp");
	const int descriptor = mkstemp(path);
	if (descriptor < 0) {
		bench_fail("no temporary file");
	}
	unlink(path);
	imago_writer_init(&writer, allocator, (imago_layout){8, IMAGO_LITTLE_ENDIAN}, &error);
	if (imago_workspace_save(workspace, &options, &writer, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	for (uint64_t done = 0; done < writer.size;) {
		const ssize_t count = write(descriptor, writer.bytes + done, (size_t)(writer.size - done));
		if (count <= 0) {
			bench_fail("no room for a temporary file");
		}
		done += (uint64_t)count;
	}
	*size = writer.size;
	imago_writer_release(&writer);
	if (fsync(descriptor) != 0) {
		bench_fail("fsync");
	}
	return descriptor;
}

static void
make_library(bench_library *library, uint64_t mib, imago_allocator *allocator)
{
	uint64_t size;
	imago_workspace *workspace = make_workspace(mib, allocator);
	*library = (bench_library){.mib = mib, .allocator = allocator};
	library->sorted = write_file(workspace, false, allocator, &size);
	library->unsorted = write_file(workspace, true, allocator, &size);
	library->image = (bench_image){.name = "Shared code", .allocator = allocator, .size = size};
	imago_workspace_destroy(workspace);
}

/* ---- Time */

static imago_workspace *
new_workspace(imago_allocator *allocator)
{
	imago_workspace *workspace;
	imago_error error;
	if (imago_workspace_create(&workspace, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	return workspace;
}

static void
attach(imago_workspace *workspace, int descriptor)
{
	imago_workspace_attached attached;
	imago_error error;
	if (imago_workspace_attach(workspace, descriptor, true, &attached, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
}

/* Seconds to attach, to detach, or both. */
static double
time_attach(const bench_library *library, double *detach)
{
	imago_error error;
	imago_workspace *workspace = new_workspace(library->allocator);
	bench_probe();
	const double start = bench_seconds(BENCH_CPU);
	attach(workspace, library->sorted);
	const double attached = bench_seconds(BENCH_CPU);
	if (imago_workspace_detach(workspace, SLOT, false, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	*detach = bench_seconds(BENCH_CPU) - attached;
	imago_workspace_destroy(workspace);
	return attached - start;
}

/* Checks all, copies it into a workspace. The file is read through a mapping, so that nothing of
 * it stays in this process. */
static imago_workspace *
load(int descriptor, uint64_t size, imago_allocator *allocator)
{
	imago_error error;
	imago_workspace *workspace;
	uint8_t *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (bytes == MAP_FAILED ||
	    imago_workspace_load(&workspace, bytes, size, allocator, &error) != IMAGO_OK) {
		bench_fail("loading");
	}
	munmap(bytes, (size_t)size);
	return workspace;
}

static double
time_load(const bench_library *library)
{
	bench_probe();
	const double start = bench_seconds(BENCH_CPU);
	imago_workspace *workspace = load(library->sorted, library->image.size, library->allocator);
	const double seconds = bench_seconds(BENCH_CPU) - start;
	imago_workspace_destroy(workspace);
	return seconds;
}

static int
compare_doubles(const void *left, const void *right)
{
	const double a = *(const double *)left;
	const double b = *(const double *)right;
	return a < b ? -1 : a > b;
}

static unsigned
print_fraction(const bench_library *library, const char *name, double ratio, double asked)
{
	char ratio_text[TEXT_SIZE];
	char asked_text[TEXT_SIZE] = "";
	snprintf(ratio_text, sizeof ratio_text, "1/%.0f of the time", 1 / ratio);
	if (asked > 0) {
		snprintf(asked_text, sizeof asked_text, "at most 1/%.0f", 1 / asked);
	}
	return !bench_print(&library->image, name, 0, ratio_text, asked_text,
	                    asked > 0 ? ratio <= asked : -1);
}

static unsigned
time_rows(const bench_library *library, unsigned num_rounds)
{
	enum { TIMES = 5 };
	double attached[MAX_ROUNDS];
	double detached[MAX_ROUNDS];
	(void)time_attach(library, &detached[0]); /* to warm up */
	for (unsigned i = 0; i < num_rounds; i++) {
		const double loaded = time_load(library);
		double detach = 0;
		double best = time_attach(library, &detach);
		for (unsigned j = 1; j < TIMES; j++) { /* so short that one interrupt is felt */
			double again;
			const double other = time_attach(library, &again);
			best = other < best ? other : best;
			detach = again < detach ? again : detach;
		}
		attached[i] = best / loaded;
		detached[i] = (best + detach) / loaded;
	}
	qsort(attached, num_rounds, sizeof *attached, compare_doubles);
	qsort(detached, num_rounds, sizeof *detached, compare_doubles);
	unsigned num_missed =
	    print_fraction(library, "attach 1,000 functions: to loading the file as a workspace",
	                   attached[num_rounds / 2], 1.0 / 10000);
	(void)print_fraction(library, "(attach and detach: to loading)", detached[num_rounds / 2], 0);
	return num_missed;
}

/* ---- Pages */

/* A file whose pages are read one by one, and counted. */
typedef struct counted_file {
	uint8_t *bytes;
	uint64_t size;
	imago_pockets pockets;
	imago_workspace_head head;
} counted_file;

static uint64_t
count_pages(const counted_file *file)
{
	const size_t num = (size_t)(file->size / PAGE);
	uint8_t *there = malloc(num);
	uint64_t count = 0;
	if (there == NULL || mincore(file->bytes, (size_t)file->size, there) != 0) {
		bench_fail("mincore");
	}
	for (size_t i = 0; i < num; i++) {
		count += there[i] & 1;
	}
	free(there);
	return count;
}

static void
open_counted(counted_file *file, int descriptor, uint64_t size, imago_allocator *allocator)
{
	uint8_t page[PAGE];
	imago_error error;
	if (pread(descriptor, page, PAGE, 0) != PAGE ||
	    imago_workspace_decode(&file->head, page, size, &error) != IMAGO_OK) {
		bench_fail("header page");
	}
	file->size = size - PAGE;
	if (posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) != 0) {
		bench_fail("fadvise");
	}
	file->bytes =
	    mmap(NULL, (size_t)file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, PAGE);
	if (file->bytes == MAP_FAILED || madvise(file->bytes, (size_t)file->size, MADV_RANDOM) != 0) {
		bench_fail("mapping");
	}
	if (imago_pockets_init(&file->pockets, allocator, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	file->pockets.regions[SLOT] =
	    (imago_region){.bytes = file->bytes, .used = file->head.size, .root = file->head.root};
}

static void
close_counted(counted_file *file)
{
	imago_pockets_release(&file->pockets);
	munmap(file->bytes, (size_t)file->size);
}

typedef struct page_counts {
	uint64_t before, walk, import, call, again;
} page_counts;

static void
run(imago_pockets *pockets, const char *line)
{
	imago_run_result result;
	imago_error error;
	imago_run(pockets, pockets->regions[0].root, line, strlen(line), NULL, &result, &error);
	if (result.end != IMAGO_RUN_DONE) {
		bench_fail(imago_run_end_name(result.end));
	}
	imago_pocket_drop(pockets, result.value);
}

static page_counts
count_all(int descriptor, uint64_t size, imago_allocator *allocator)
{
	counted_file file;
	page_counts counts;
	imago_symbol_list list;
	imago_error error;
	uint64_t num;
	open_counted(&file, descriptor, size, allocator);
	counts.before = count_pages(&file);
	if (imago_symbol_list_create(&list, &file.pockets, file.head.root, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	imago_symbol_list_release(&list);
	counts.walk = count_pages(&file) - counts.before;
	if (imago_pockets_import(&file.pockets, SLOT, &num, &error) != IMAGO_OK) {
		bench_fail(error.what);
	}
	counts.import = count_pages(&file) - counts.before;
	/* Nothing of the file was written: its pages can all go. */
	if (madvise(file.bytes, (size_t)file.size, MADV_DONTNEED) != 0 ||
	    posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) != 0) {
		bench_fail("fadvise");
	}
	const uint64_t before = count_pages(&file);
	run(&file.pockets, "FUNCTION0500 3");
	counts.call = count_pages(&file) - before;
	run(&file.pockets, "FUNCTION0501 3");
	counts.again = count_pages(&file) - before - counts.call;
	close_counted(&file);
	return counts;
}

static unsigned
print_pages(const bench_library *library, const char *name, uint64_t sorted, uint64_t unsorted,
            double asked)
{
	char ratio_text[TEXT_SIZE];
	char asked_text[TEXT_SIZE] = "";
	const double fewer = (double)unsorted / (double)(sorted > 0 ? sorted : 1);
	snprintf(ratio_text, sizeof ratio_text, "%" PRIu64 " of %" PRIu64 ": %.1f x fewer", sorted,
	         unsorted, fewer);
	if (asked > 0) {
		snprintf(asked_text, sizeof asked_text, "at least %.1f", asked);
	}
	return !bench_print(&library->image, name, 0, ratio_text, asked_text,
	                    asked > 0 ? fewer >= asked : -1);
}

static unsigned
page_rows(const bench_library *library)
{
	const page_counts sorted = count_all(library->sorted, library->image.size, library->allocator);
	const page_counts unsorted =
	    count_all(library->unsorted, library->image.size, library->allocator);
	if (sorted.before + unsorted.before > 0) {
		fprintf(stderr, "bench: %" PRIu64 " pages stayed in the cache\n",
		        sorted.before + unsorted.before);
	}
	unsigned num_missed =
	    print_pages(library, "pages that a walk of all symbols reads: of unsorted", sorted.walk,
	                unsorted.walk, 5);
	(void)print_pages(library, "(pages that attaching reads, header and symbols)", sorted.import,
	                  unsorted.import, 0);
	(void)print_pages(library, "(pages that the first call of a function reads)", sorted.call,
	                  unsorted.call, 0);
	(void)print_pages(library, "(pages that the call of its neighbour reads then)", sorted.again,
	                  unsorted.again, 0);
	return num_missed;
}

/* ---- Processes */

/* KiB of this process, each page divided among those who map it. */
static uint64_t
proportional(void)
{
	char line[256];
	uint64_t size = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	if (file == NULL) {
		bench_fail("smaps_rollup");
	}
	while (fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "Pss: %" SCNu64, &size) == 1) {
			break;
		}
	}
	fclose(file);
	return size;
}

typedef struct one_of_many {
	uint64_t proportional, before; /* KiB */
	uint64_t num_private;          /* pages of the file */
} one_of_many;

static void
be_one_of_many(const bench_library *library, bool loads, unsigned index, int ready, const int go[2],
               int reports)
{
	one_of_many self = {.num_private = 0};
	(void)malloc_trim(0); /* what was given back is nobody's */
	self.before = proportional();
	imago_workspace *workspace =
	    loads ? load(library->sorted, library->image.size, library->allocator)
	          : new_workspace(library->allocator);
	uint8_t byte = 0;
	if (!loads) {
		attach(workspace, library->sorted);
	}
	for (unsigned i = 0; i < (index + 1) * 10; i++) {
		char line[TEXT_SIZE];
		snprintf(line, sizeof line, "FUNCTION%04u 3", i);
		run(imago_workspace_pockets(workspace), line);
	}
	run(imago_workspace_pockets(workspace), "+/DATA1");
	if (write(ready, &byte, 1) != 1 || read(go[0], &byte, 1) != 1) {
		_exit(2);
	}
	if (!loads) {
		imago_page_counts pages;
		imago_error error;
		if (imago_attachment_pages(imago_workspace_mapping(workspace, SLOT), &pages, NULL, NULL,
		                           &error) == IMAGO_OK) {
			self.num_private = pages.num_private;
		}
	}
	(void)malloc_trim(0);
	self.proportional = proportional();
	if (write(reports, &self, sizeof self) != (ssize_t)sizeof self || read(go[1], &byte, 1) != 1) {
		_exit(2);
	}
	_exit(0);
}

/* Sum of KiB that they have more than before; and their private pages. */
static uint64_t
run_crowd(const bench_library *library, bool loads, uint64_t num_private[2])
{
	int ready[2];
	int go[2]; /* two barriers: who is fast must not take another's byte */
	int leave[2];
	int reports[2];
	uint8_t bytes[PROCESSES] = {0};
	uint64_t sum = 0;
	if (pipe(ready) != 0 || pipe(go) != 0 || pipe(leave) != 0 || pipe(reports) != 0) {
		bench_fail("pipe");
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		const pid_t child = fork();
		if (child == 0) {
			const int barriers[2] = {go[0], leave[0]};
			be_one_of_many(library, loads, i, ready[1], barriers, reports[1]);
		}
		if (child < 0) {
			bench_fail("fork");
		}
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (read(ready[0], bytes, 1) != 1) {
			bench_fail("a process of many is gone");
		}
	}
	if (write(go[1], bytes, PROCESSES) != PROCESSES) {
		bench_fail("a pipe is broken");
	}
	num_private[0] = UINT64_MAX;
	num_private[1] = 0;
	for (unsigned i = 0; i < PROCESSES; i++) {
		one_of_many self;
		if (read(reports[0], &self, sizeof self) != (ssize_t)sizeof self) {
			bench_fail("a process of many is gone");
		}
		sum += self.proportional > self.before ? self.proportional - self.before : 0;
		num_private[0] = self.num_private < num_private[0] ? self.num_private : num_private[0];
		num_private[1] = self.num_private > num_private[1] ? self.num_private : num_private[1];
	}
	if (write(leave[1], bytes, PROCESSES) != PROCESSES) {
		bench_fail("a pipe is broken");
	}
	while (wait(NULL) > 0) {
	}
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
		close(leave[i]);
		close(reports[i]);
	}
	return sum;
}

static void
crowd_rows(const bench_library *library)
{
	uint64_t num_private[2];
	uint64_t none[2];
	char text[2 * TEXT_SIZE];
	const uint64_t attached = run_crowd(library, false, num_private);
	const uint64_t loaded = run_crowd(library, true, none);
	snprintf(text, sizeof text, "%.1f of %.1f MiB: 1/%.0f", (double)attached / 1024,
	         (double)loaded / 1024, (double)loaded / (double)attached);
	(void)bench_print(&library->image, "(PSS of 16 processes that attached and run: of 16 loads)",
	                  0, text, "", -1);
	snprintf(text, sizeof text, "%" PRIu64 " to %" PRIu64, num_private[0], num_private[1]);
	(void)bench_print(&library->image,
	                  "(private pages of the file in each: 10 to 160 functions called)", 0, text,
	                  "", -1);
}

unsigned
bench_workspace_rows(uint64_t mib, unsigned num_rounds)
{
	imago_allocator allocator;
	bench_library library;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	make_library(&library, mib, &allocator);
	unsigned num_missed = time_rows(&library, num_rounds);
	num_missed += page_rows(&library);
	close(library.sorted);
	close(library.unsorted);
	make_library(&library, mib < CROWD_MIB ? mib : CROWD_MIB, &allocator);
	crowd_rows(&library);
	close(library.sorted);
	close(library.unsorted);
	return num_missed;
}
