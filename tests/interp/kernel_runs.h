/* kernel_runs.h: the programs of kernel images, and what each prints in one round; what tests of
 * runs share. */
#ifndef IMAGO_TESTS_KERNEL_RUNS_H
#define IMAGO_TESTS_KERNEL_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/heap.h"
#include "imago/vm.h"
#include "layouts.h"

typedef struct kernel_program {
	const char *name;
	const char *output; /* of one round */
	bool closures;      /* not for 6502 */
	bool outside;       /* it asks for the clock */
} kernel_program;

enum { NUM_KERNEL_PROGRAMS = 12 };
extern const kernel_program kernel_programs[NUM_KERNEL_PROGRAMS];

/* The image of a program in a layout; NULL where there is none (6502 has no closures). */
imago_heap *kernel_image(const test_layout *layout, const kernel_program *program,
                         imago_allocator *allocator);

/* What an image prints, with a zero behind. */
enum { MAX_PRINTED = 4096 };
typedef struct printed_text {
	char text[MAX_PRINTED];
	size_t size;
} printed_text;

/* An imago_vm_print_fn; the payload is a printed_text. What does not fit fails the test. */
void keep_printed(void *payload, const uint8_t *bytes, size_t size);

/* What became of a run; of several, one after the other. */
typedef struct kernel_run {
	printed_text printed;
	uint64_t num_bytecodes, num_sends;
	imago_vm_result result;
} kernel_run;

/* Runs so many bytecodes of a heap; *after, unless NULL, is the image that it became. */
void kernel_run_heap(const imago_heap *heap, uint64_t fuel, kernel_run *run, imago_heap **after,
                     imago_allocator *allocator);

/* Runs until so many bytecodes are executed in all, or the run ends: the work of primitives is
 * fuel, too, and tests count bytecodes. Answers what is counted. */
imago_vm_statistics run_bytecodes(imago_vm *vm, uint64_t num_bytecodes, imago_vm_result *result);

/* Fails the test when the checker has a finding in it; errors only where the image ran. */
void kernel_expect_clean(const imago_heap *heap, const char *name, bool warnings_too);

#endif
