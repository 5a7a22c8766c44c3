/* allocation_operations.h: everything the library does with an image, so that its k-th allocation
 * can be made to fail. */
#ifndef FUZZ_FAULTS_ALLOCATION_OPERATIONS_H
#define FUZZ_FAULTS_ALLOCATION_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/error.h"
#include "imago/image.h"

/* What an operation works on. */
typedef struct allocation_subject {
	const uint8_t *bytes;
	uint64_t size;
	const imago_image *image; /* the bytes read by another allocator; NULL: they are no image */
} allocation_subject;

/* Does its work with the allocator alone and gives everything back. *answer tells what came of it:
 * equal for equal results; after a failure 0, or 1 when something was handed out all the same. */
typedef imago_status allocation_run_fn(const allocation_subject *subject,
                                       imago_allocator *allocator, uint64_t *answer,
                                       imago_error *error);

typedef struct allocation_operation {
	const char *name;
	bool needs_image;
	allocation_run_fn *run;
} allocation_operation;

enum { NUM_ALLOCATION_OPERATIONS = 18 };
extern const allocation_operation allocation_operations[NUM_ALLOCATION_OPERATIONS];

/* One run of an operation: with the budget, and the fail_at-th allocation failing (0: none). */
typedef struct allocation_outcome {
	imago_status status;
	imago_error error;
	uint64_t answer;
	uint64_t used; /* bytes that were not given back */
	uint64_t peak;
	uint64_t num_calls; /* allocations asked for */
} allocation_outcome;

allocation_outcome allocation_run(const allocation_operation *operation,
                                  const allocation_subject *subject, uint64_t budget,
                                  uint64_t fail_at);

/* A number for all bytes, headers and places of a heap. */
uint64_t allocation_fingerprint(const imago_heap *heap);

#endif
