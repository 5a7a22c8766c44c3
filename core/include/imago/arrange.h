/* arrange.h: a copy of a heap whose chunks lie in another order, or elsewhere.
 *
 * The tool behind sections, tiers and the way back: whoever knows better than the saver which
 * objects belong together says where each chunk is to lie, and every pointer follows. Spur only.
 */
#ifndef IMAGO_ARRANGE_H
#define IMAGO_ARRANGE_H

#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

/* How often an object is expected to be written. */
typedef enum imago_tier {
	IMAGO_TIER_OFTEN, /* run state; where nothing is known */
	IMAGO_TIER_RARE,  /* class variables and the like */
	IMAGO_TIER_READ_ONLY,
	IMAGO_NUM_TIERS,
} imago_tier;

/* In a tier, chunks of a lower rank lie before those of a higher one. */
enum { IMAGO_NUM_RANKS = 32 };

/* Where everything is to lie. The chunks must fill the object areas of the segments exactly. */
typedef struct imago_arrangement {
	const imago_segment *segments; /* start, size, bridge_size, space, tier, part; ascending */
	size_t num_segments;
	const imago_addr *addresses; /* of each chunk's first header word, in the order of a walk */
	uint64_t num_chunks;
	/* NULL: the result owns its bytes. Else where each segment's go, its bridge included: borrowed,
	 * and all written over. */
	uint8_t *const *bytes;
	/* NULL, or for each segment NULL or a bitmap of clear bits, one for each of its words, where
	 * the words that hold addresses are to be marked: bit i % 8 of byte i / 8, from the lowest. */
	uint8_t *const *marks;
} imago_arrangement;

/* Makes *out of a heap in any order. A pointer into a chunk keeps its place
 * in the chunk, whether an object starts there or not. Bridges are zeros (imago_heap_set_bridges);
 * the header is the source's but for initialSpecialObjectsOop; the wrapping is left behind.
 *
 * IMAGO_EUNSUPPORTED (not Spur; a stale link of a free chunk that would come to lead into the
 * result's old space), IMAGO_ESTRUCTURE (a pointer that leaves the heap; addresses that are too
 * few or many, or under which chunks lie outside the segments, twice in one place or not side by
 * side), the statuses of imago_heap_add_segment and of a walk, IMAGO_ENOMEM. Errors carry offsets
 * of the source. */
IMAGO_API imago_status imago_arrange(imago_heap **out, const imago_heap *source,
                                     const imago_arrangement *arrangement,
                                     imago_allocator *allocator,
                                     imago_error *error) IMAGO_NODISCARD;

#endif
