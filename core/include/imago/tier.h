/* tier.h: which objects are written how often: observed, or supposed.
 *
 * A trace says which objects of a layered image were written in which share of its runs. Tiers
 * follow from it, or where there is none from what objects are: code and what it names is hardly
 * ever written, classes and what globals hang on rarely, the rest often.
 */
#ifndef IMAGO_TIER_H
#define IMAGO_TIER_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/arrange.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/writer.h"

enum { IMAGO_TRACE_IDENTITY = 32 };

/* An object that was written. */
typedef struct imago_trace_entry {
	imago_addr address; /* of its first header word, as in the image's file */
	uint32_t num_runs;  /* in which it was */
	uint64_t runs;      /* which ones: bit i % 64 stands for run i; 0: not known */
} imago_trace_entry;

typedef struct imago_trace {
	uint8_t identity[IMAGO_TRACE_IDENTITY]; /* of the layered image (layered_image.h) */
	uint32_t num_runs;
	imago_trace_entry *entries; /* ascending */
	uint64_t num_entries, capacity;
	imago_allocator *allocator;
} imago_trace;

/* A trace of no runs. Release in every case. */
IMAGO_API void imago_trace_init(imago_trace *trace, imago_allocator *allocator);
IMAGO_API void imago_trace_release(imago_trace *trace);

/* What one run changed. */
typedef struct imago_trace_changes {
	uint64_t num_objects;
	uint64_t num_bytes; /* of these objects */
} imago_trace_changes;

/* Adds a run: objects of before whose bytes are others in after, which has the same segments at the
 * same addresses. Only before is walked: after may hold anything. IMAGO_EUSAGE (other segments),
 * the walk's statuses, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_trace_add_run(imago_trace *trace, const imago_heap *before,
                                           const imago_heap *after, imago_trace_changes *changes,
                                           imago_error *error) IMAGO_NODISCARD;

/* As text: "imago trace 1", "identity HEX", "runs N", then lines "ADDRESS RUNS SET", hexadecimal,
 * decimal and hexadecimal, ascending; a set that is not known is left out with its space. Failures
 * are the writer's. */
IMAGO_API void imago_trace_write(const imago_trace *trace, imago_writer *writer);

/* The same from bytes. IMAGO_EMAGIC, IMAGO_ESTRUCTURE (a line that says anything else, entries out
 * of order, more runs than there were, sets of more runs or of others), IMAGO_ENOMEM; the offset is
 * the line's. */
IMAGO_API imago_status imago_trace_read(imago_trace *trace, const uint8_t *bytes, uint64_t size,
                                        imago_error *error) IMAGO_NODISCARD;

/* Sets the tier of every chunk, in the order of a walk; num_tiers is their number (IMAGO_EUSAGE
 * otherwise). The walk's statuses.
 *
 * By trace: often what was written in half of the runs or more; rarely what was written else;
 * read-only all else. heap is the one that the trace's addresses are of. */
IMAGO_API imago_status imago_tiers_by_trace(const imago_heap *heap, const imago_trace *trace,
                                            uint8_t *tiers, uint64_t num_tiers,
                                            imago_error *error) IMAGO_NODISCARD;

/* Sets the rank of every chunk in its tier (arrange.h): side by side lies what the same runs
 * wrote, so that a run that writes half of a tier leaves pages of the rest alone. What more runs
 * wrote comes first; more classes than ranks share them. The walk's statuses, IMAGO_EUSAGE as
 * above, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_ranks_by_trace(const imago_heap *heap, const imago_trace *trace,
                                            uint8_t *ranks, uint64_t num_ranks,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;

/* By class: read-only are methods and their literals of bits, and arrays of such; rarely written
 * are classes, method dictionaries and what methods refer to besides (associations of globals);
 * often all else. IMAGO_ENOMEM. */
IMAGO_API imago_status imago_tiers_by_class(const imago_heap *heap, uint8_t *tiers,
                                            uint64_t num_tiers, imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;

#endif
