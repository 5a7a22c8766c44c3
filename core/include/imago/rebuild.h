/* rebuild.h: a copy of a heap in another layout: byte order, word size, base, segmenting.
 *
 * With the word size unchanged every chunk is kept, free chunks and hidden objects included, so the
 * way back gives the same bytes. Across word sizes the objects are laid out anew
 * (core/memory/README.md, "Across word sizes"): integers and floats change between immediate and
 * boxed, pcs move with the literals' width, free chunks, forwarders, obj stacks and remembered sets
 * are dropped.
 */
#ifndef IMAGO_REBUILD_H
#define IMAGO_REBUILD_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

typedef struct imago_rebuild_options {
	imago_layout layout; /* of the result; word_bytes 0: as the source */
	bool set_base;       /* base is given … */
	imago_addr base;     /* … else the source's (across word sizes too, when it fits) */
	uint32_t
	    num_segments; /* 0: as the source (segment by segment); else split evenly; of old space */
	uint64_t gap;     /* bytes between segments; a multiple of 8; only with num_segments */
} imago_rebuild_options;

/* What a rebuild changed that the way back will not restore, for messages. */
typedef struct imago_rebuild_report {
	uint64_t num_free_dropped;
	uint64_t num_forwarders_followed; /* and dropped; with those that nothing leads to */
	uint64_t num_integers_unboxed, num_integers_boxed; /* objects less, and more */
	uint64_t num_floats_unboxed, num_floats_boxed;
	bool float_order_normalised; /* headerFlags bit 1 was set or cleared to fit the byte order */
} imago_rebuild_report;

/* Makes *out, which owns its bytes. report may be NULL. Refusals name the object: error->offset is
 * its file offset in the source, error->found its oop. IMAGO_EUNSUPPORTED (does not fit the target:
 * an object over 2^30 slots, a Character over 30 bits, V3 or permanent space in another word size),
 * IMAGO_ESTRUCTURE (a pointer leads nowhere: looked at as far as pointers change; across word sizes
 * also a method or format that cannot be understood), and as the walk fails where the source must
 * be walked; IMAGO_ERANGE/IMAGO_EALIGN (base, gap, number of segments), IMAGO_EUSAGE, IMAGO_ENOMEM.
 */
IMAGO_API imago_status imago_rebuild(imago_heap **out, const imago_heap *source,
                                     const imago_rebuild_options *options,
                                     imago_allocator *allocator, imago_rebuild_report *report,
                                     imago_error *error) IMAGO_NODISCARD;

#endif
