/* permanent.h: an image laid out so that what is permanent is all of it, or is told by one bit.
 *
 * The loader of a perm save (formats/layered/layered.md §8) puts a whole image into permanent
 * space. Which objects are permanent a machine asks at every store: here by comparing addresses
 * (imago_memory_is_perm). In 64 bits the alignment could say it, too: permanent objects 8 bytes off
 * a multiple of 16, all others on one, so that the question is a test of tag bits.
 */
#ifndef IMAGO_PERMANENT_H
#define IMAGO_PERMANENT_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object_memory.h"
#include "imago/oop.h"

/* A copy of a Spur heap in which check finds no error, with its objects in permanent space: one
 * segment of old space, with the first five objects and what permanent space may not hold
 * (composed.md §6: hidden objects, free chunks, forwarders, weak objects, ephemerons, pinned
 * objects), and one of permanent space. All else keeps its order. *out owns its bytes; the wrapping
 * is left behind. Statuses as imago_arrange, imago_heap_add_segment; IMAGO_ENOMEM. */
IMAGO_API imago_status imago_permanent_make(imago_heap **out, const imago_heap *heap,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;

/* What alignment costs. */
typedef struct imago_alignment_cost {
	uint64_t num_objects;  /* that are aligned */
	uint64_t object_bytes; /* of all chunks, fillers not counted */
	uint64_t num_fillers;  /* of IMAGO_ALIGNMENT_FILLER bytes each */
} imago_alignment_cost;

/* The least chunk whose size is no multiple of 16: what moves the next header by 8 bytes. Smaller
 * ones there are none: a chunk is a header and a slot at least, and an overflow word may not count
 * fewer than 255 slots (spur.md §5). */
enum { IMAGO_ALIGNMENT_FILLER = 24 };

/* A copy of a 64-bit Spur heap in which check finds no error, laid out so that
 * imago_is_permanent_by_alignment tells the oops of its permanent space from all others. Its old
 * space is one segment. Between objects, where it takes one, lies a filler: a ByteArray of 16 bytes
 * that nothing refers to, and that the next global collection takes away, like the alignment. cost
 * may be NULL. IMAGO_EUNSUPPORTED (32 bits; not Spur; no class ByteArray for fillers; first five
 * objects of other sizes than all images have), the statuses of imago_permanent_make. */
IMAGO_API imago_status imago_permanent_align(imago_heap **out, const imago_heap *heap,
                                             imago_alignment_cost *cost, imago_allocator *allocator,
                                             imago_error *error) IMAGO_NODISCARD;

/* True for the oop of a permanent object of a heap so laid out; false for immediates, too: their
 * tags are in the three bits below. */
IMAGO_ALWAYS_INLINE bool
imago_is_permanent_by_alignment(imago_oop oop)
{
	return (oop & 15) == 8;
}

/* imago_memory_leads_up of a memory made of such a heap, as long as nothing moves and nothing is
 * made: permanent objects are told by alignment, young ones by address. */
IMAGO_ALWAYS_INLINE bool
imago_memory_leads_up_by_alignment(const imago_object_memory *memory, imago_oop oop,
                                   imago_oop value)
{
	return oop < memory->eden_start && (value & 7) == 0 &&
	       (value >= memory->eden_start || ((oop & ~value & 8) != 0 && value >= memory->watched));
}

#endif
