/* standalone_driver.c: a plain main for a fuzz target: runs it once on every file named, and on
 * every file below every folder named. Names that do not exist are passed over, so that a target
 * without regressions needs no empty folder. Prints each file before its run: the last one is the
 * culprit.
 *
 * A folder is taken for a corpus: afterwards, every oracle that the target declares must have been
 * exercised (fuzz_oracle.h). Single files are runs of a finding, which need not.
 *
 * Exit status: 0 all held; 76 an oracle was never exercised; 77 there was no file; 2 a file could
 * not be read. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum { NO_INPUTS = 77, UNREADABLE = 2, MAX_PATH = 4096 };

typedef struct run_counts {
	unsigned long num_runs;
	unsigned long num_unreadable;
	unsigned long num_folders;
} run_counts;

static void
run_file(const char *path, size_t size, run_counts *counts)
{
	/* Exactly size bytes, so that a sanitizer sees a read past the end. */
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	FILE *file = fopen(path, "rb");
	if (bytes != NULL && file != NULL && fread(bytes, 1, size, file) == size) {
		printf("%s\n", path);
		fflush(stdout);
		(void)LLVMFuzzerTestOneInput(bytes, size);
		counts->num_runs++;
	} else {
		fprintf(stderr, "%s: cannot be read\n", path);
		counts->num_unreadable++;
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	free(bytes);
}

static void run_path(const char *path, run_counts *counts);

static void
run_folder(const char *path, run_counts *counts)
{
	struct dirent **entries = NULL;
	const int num_entries = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < num_entries; i++) {
		char child[MAX_PATH];
		const int length = snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && length > 0 && length < MAX_PATH) {
			run_path(child, counts);
		}
		free(entries[i]);
	}
	free(entries);
}

static void
run_path(const char *path, run_counts *counts)
{
	struct stat facts;
	if (stat(path, &facts) != 0) {
		return;
	}
	if (S_ISDIR(facts.st_mode)) {
		counts->num_folders++;
		run_folder(path, counts);
	} else if (S_ISREG(facts.st_mode)) {
		run_file(path, (size_t)facts.st_size, counts);
	}
}

int
main(int argc, char **argv)
{
	run_counts counts = {0, 0, 0};
	for (int i = 1; i < argc; i++) {
		run_path(argv[i], &counts);
	}
	if (counts.num_unreadable > 0) {
		return UNREADABLE;
	}
	if (counts.num_runs == 0) {
		printf("skipped: no inputs\n");
		return NO_INPUTS;
	}
	if (counts.num_folders > 0 && fuzz_oracles_unexercised() > 0) {
		return FUZZ_UNEXERCISED;
	}
	printf("%lu inputs held\n", counts.num_runs);
	return 0;
}
