/* check_pass.h: one pass over a segment, passing over what is plainly fine.
 *
 * With two threads, each runs over a half with a context of its own. Nothing is reported meanwhile:
 * an object that draws a finding becomes a suspect, and is judged again when both are done, in the
 * order of addresses, so that the findings are those of one thread.
 */
#ifndef IMAGO_CHECK_PASS_H
#define IMAGO_CHECK_PASS_H

#include "check_private.h"

/* Tells how far the check is, at most once per this many bytes. */
enum { CHECK_PROGRESS_BYTES = 1 << 20 };

typedef struct check_progress {
	const imago_check_options *options;
	uint64_t done, total, told;
} check_progress;

typedef enum check_pass {
	PASS_HEADERS, /* pass 1: marks objects */
	PASS_BODIES,  /* pass 2 */
} check_pass;

/* Chunks to be judged again, in units of 8 bytes from the start of their segment; with
 * CHECK_CHAIN_ONLY, contexts from which the chain of senders is still to be followed. */
enum { CHECK_MOST_UNITS = INT32_MAX };
#define CHECK_CHAIN_ONLY (UINT32_C(1) << 31)
typedef struct check_suspects {
	uint32_t *units;
	uint32_t count, capacity;
} check_suspects;

/* A pass over part of a segment. */
typedef struct check_run {
	check_context *context;
	check_pass pass;
	size_t segment;
	uint64_t position;        /* of the next chunk, in the segment */
	uint64_t end;             /* only chunks that start before it */
	uint64_t num_objects;     /* passed so far; not free */
	check_progress *progress; /* or NULL */
	check_suspects *suspects; /* or NULL: judge at once */
	bool *found;              /* with suspects: set by the context's sink */
} check_run;

/* Runs as far as it can: to the end, to a chunk that cannot be decoded, to a full list of suspects
 * or until the check is stopped. */
void check_run_over(check_run *run);

/* One pass over one segment, by as many threads as the options ask for. The run's end is the
 * segment's, and it judges at once. */
void check_run_pass(check_run *run);

/* Judges suspects and reports. */
void check_run_suspects(check_context *context, check_pass pass, size_t segment,
                        const check_suspects *suspects);

/* check_survey.c: what plainly fine objects look like: begin before pass 1, create after
 * check_shapes_create. */
void check_survey_begin(check_facts *facts);
imago_status check_survey_create(check_facts *facts, imago_error *error);
void check_survey_release(check_facts *facts);

/* check_threads.c: takes the run as far as two threads can, or not at all. */
void check_run_parts(check_run *run);

#endif
