/* attach_run.h: an image attached by several processes at once: started, measured, reported. */
#ifndef IMAGO_CLI_ATTACH_RUN_H
#define IMAGO_CLI_ATTACH_RUN_H

#include "attached_image.h"
#include "crowd.h"
#include "measure.h"
#include "workload.h"

/* What one process has to say. No pointers: it goes through a pipe. */
typedef struct process_report {
	bool present; /* it lived to say it */
	workload_outcome outcome;
	measurement cost;
	blame_totals blame;   /* of the first process only */
	uint64_t num_printed; /* bytes of what the image printed … */
	uint64_t print_hash;  /* … and their FNV-1a: to tell outputs apart, not to protect them */
} process_report;

typedef struct attach_run {
	const attached_image *image;
	workload work; /* but for what prints */
	unsigned num_processes;
	bool quiet; /* what the image prints is only digested */
	process_report *reports;
} attach_run;

/* Runs them; reports has an element for each. The worst that befell any of them, told in messages:
 * EXIT_DONE when all are present. What the first prints is printed. */
exit_status attach_run_all(attach_run *run);

/* Text and JSON of what came of it. */
void attach_print(const attach_run *run, bool statistics);
void attach_print_json(const attach_run *run);

/* Least, middle, most and sum of one number of each process that is present. */
typedef struct spread {
	uint64_t least, median, most, sum;
	unsigned num;
} spread;
typedef uint64_t attach_number(const process_report *report, size_t section);
spread attach_spread(const attach_run *run, attach_number *number, size_t section);

/* Bytes that a process would have to itself, had it read the image instead. */
uint64_t attach_copy_bytes(const attach_run *run);

/* All processes did the same: bytecodes, ends and output. */
bool attach_all_alike(const attach_run *run);

/* The first process that is present, or NULL. */
const process_report *attach_first(const attach_run *run);

#endif
