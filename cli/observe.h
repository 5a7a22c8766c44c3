/* observe.h: running a layered image where it is mapped, to see what is written. */
#ifndef IMAGO_CLI_OBSERVE_H
#define IMAGO_CLI_OBSERVE_H

#include "command.h"
#include "imago/heap.h"
#include "imago/tier.h"
#include "imago/vm.h"

/* What one run wrote. */
typedef struct observation {
	imago_vm_end end;
	uint64_t num_bytecodes;
	imago_trace_changes changes; /* objects of the image whose bytes are others now */
	uint64_t num_private_pages;  /* of the image's pages: copied because they were written */
	uint64_t num_pages;
} observation;

/* Runs the layered file in bytes, which heap was read from and in which check finds no error, for
 * at most fuel bytecodes, and adds what it wrote to the trace. What the image prints is dropped. On
 * failure, says why about path. */
exit_status observe(observation *out, imago_trace *trace, const imago_heap *heap,
                    const uint8_t *bytes, uint64_t size, uint64_t fuel, const char *path,
                    imago_allocator *allocator);

#endif
