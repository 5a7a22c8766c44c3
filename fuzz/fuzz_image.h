/* fuzz_image.h: the properties that several targets ask of readers and writers. */
#ifndef FUZZ_IMAGE_H
#define FUZZ_IMAGE_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/image.h"
#include "imago/writer.h"

/* A reader under test: any format's, over plain bytes. */
typedef imago_status fuzz_read_fn(imago_heap **out, const uint8_t *bytes, uint64_t size,
                                  imago_allocator *allocator, imago_error *error);

/* The statuses that a reader's header documents, as bits 1 << status. */
typedef uint32_t fuzz_statuses;

/* What every reader owes its caller, on any bytes: a refusal has a documented status, a noun and a
 * place inside the input; memory stays within 4 * size + 1 MiB, and all of it is given back, also
 * when allocation fail_at (1-based, modulo the number made) is the one that fails. */
void fuzz_expect_sound_reader(fuzz_read_fn *read, const uint8_t *bytes, uint64_t size,
                              fuzz_statuses documented, uint32_t fail_at);

/* The error of a refusal, as above. */
void fuzz_expect_refusal(const imago_error *error, imago_status status, uint64_t size,
                         fuzz_statuses documented);

/* A writer for results; its own allocator has no budget, as the input bounds the result. */
typedef struct fuzz_output {
	imago_allocator allocator;
	imago_error error;
	imago_writer writer;
} fuzz_output;

/* The file of a heap in a format; fails the run when it cannot be written. */
void fuzz_output_write(fuzz_output *output, const imago_heap *heap, imago_format_id format);
void fuzz_output_release(fuzz_output *output);

#endif
