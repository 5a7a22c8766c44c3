/* workload.h: what a process does with an image that it has attached. */
#ifndef IMAGO_CLI_WORKLOAD_H
#define IMAGO_CLI_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/layered_attach.h"
#include "imago/vm.h"

typedef enum workload_kind {
	WORKLOAD_RUN,   /* executes the image */
	WORKLOAD_READ,  /* touches each page */
	WORKLOAD_IDLE,  /* does nothing */
	WORKLOAD_WRITE, /* changes a part of the objects */
} workload_kind;

typedef struct workload {
	workload_kind kind;
	uint64_t fuel;          /* RUN: bytecodes */
	const char *image_name; /* what the image is told of its file */
	uint32_t share;         /* WRITE: of 100,000 objects */
	uint64_t seed;
	imago_vm_print_fn *print; /* of RUN */
	void *payload;
} workload;

enum { WORKLOAD_WHOLE = 100000, WORKLOAD_TEXT = 128 };

/* What came of it. No pointers: it goes through pipes. */
typedef struct workload_outcome {
	imago_vm_end end; /* of RUN */
	int exit_status;
	char reason[WORKLOAD_TEXT]; /* of all ends but to quit */
	char method[WORKLOAD_TEXT];
	uint64_t pc;
	imago_vm_statistics statistics;
	uint64_t num_written; /* objects */
} workload_outcome;

/* From "run", "read", "idle", "write:PERCENT"; a percentage has at most three places behind the
 * point. */
bool workload_parse(workload *work, const char *text);

/* Does it, guarded: IMAGO_EIO when pages of the file are gone or other than they were; the statuses
 * of imago_vm_create_mapped. */
imago_status workload_do(const workload *work, imago_layered_attachment *attached,
                         workload_outcome *outcome, imago_allocator *allocator, imago_error *error);

#endif
