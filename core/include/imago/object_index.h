/* object_index.h: which addresses are object starts, and the how-manieth each is.
 *
 * One bit per 8 (Spur) or 4 (V3) bytes; a rank table on demand.
 */
#ifndef IMAGO_OBJECT_INDEX_H
#define IMAGO_OBJECT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/bitmap.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

typedef struct imago_object_index {
	const imago_heap *heap;
	imago_bitmap starts;    /* bit per unit, over all segments back to back */
	uint64_t *segment_bits; /* first bit of each segment */
	uint64_t *ranks;        /* set bits before each 512 bits */
	uint64_t num_objects;
	uint8_t unit_shift; /* log2 of the alignment */
	imago_allocator *allocator;
} imago_object_index;

/* Walks the heap and marks every object that may be pointed at: ordinary, hidden and forwarders,
 * not free chunks or puns. Fails as the walk fails; IMAGO_ENOMEM. Release in every case. */
IMAGO_API imago_status imago_object_index_create(imago_object_index *index, const imago_heap *heap,
                                                 imago_allocator *allocator,
                                                 imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_object_index_release(imago_object_index *index);

/* True when an object starts at that oop. Any value is allowed. */
IMAGO_API bool imago_object_index_has(const imago_object_index *index, imago_oop oop);

/* The ordinal (0 … num_objects - 1, in address order) of an object start, or UINT64_MAX. */
IMAGO_API uint64_t imago_object_index_ordinal(const imago_object_index *index, imago_oop oop);

#endif
