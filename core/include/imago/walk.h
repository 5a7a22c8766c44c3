/* walk.h: the objects of a heap in address order, free chunks and hidden objects included. */
#ifndef IMAGO_WALK_H
#define IMAGO_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"

typedef struct imago_walker {
	const imago_heap *heap;
	size_t segment;      /* index of the current segment */
	imago_status status; /* why the walk stopped early, or IMAGO_OK */
	imago_error *error;  /* may be NULL */
	/* Of the current segment, for speed: where objects may be decoded without looking for its end.
	 */
	const uint8_t *bytes;
	imago_addr start;
	uint64_t plain_size;
	imago_addr next; /* address of the next chunk; last, so that it is loaded as it was stored */
} imago_walker;

/* Starts at the first chunk of the first segment. The heap must not move while the walk lasts. */
IMAGO_API void imago_walk_init(imago_walker *walker, const imago_heap *heap, imago_error *error);

/* The next object, or false at the end of the heap or at an object that cannot be decoded
 * (walker->status tells which; *out is then unset). */
IMAGO_API bool imago_walk_next(imago_walker *walker, imago_object *out);

/* After a failure: goes on with the next segment. Returns false when there is none. */
IMAGO_API bool imago_walk_skip_segment(imago_walker *walker);

/* Totals of one walk. */
typedef struct imago_census {
	uint64_t num_chunks;  /* everything */
	uint64_t num_objects; /* ordinary objects: what other VMs count */
	uint64_t num_free;
	uint64_t num_forwarders;
	uint64_t num_hidden;
	uint64_t num_puns;
	uint64_t free_bytes;
	uint64_t num_pointers; /* pointer slots that hold an address */
} imago_census;

/* Walks the whole heap. Statuses as imago_heap_decode_chunk. */
IMAGO_API imago_status imago_census_take(const imago_heap *heap, imago_census *out,
                                         imago_error *error) IMAGO_NODISCARD;

#endif
