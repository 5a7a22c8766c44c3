/* move.h: edits that move objects, with every pointer taken along. */
#ifndef MUTATOR_MOVE_H
#define MUTATOR_MOVE_H

#include "subject.h"

/* Replaces remove bytes at address at by insert zero bytes. Objects behind them in the segment, and
 * later segments where the gap is too small, move; pointers follow; pointers into what is removed
 * become nil. The container is settled (fix_up.h). False, and nothing is done, where there is no
 * room. at must be a chunk's start, or the end of a segment's objects. */
bool move_resize(subject *s, size_t segment, imago_addr at, uint64_t remove, uint64_t insert);

/* Cuts an object down to num_slots slots (to 255 at least, with an overflow header); the rest
 * closes up. */
bool move_cut(subject *s, const imago_object *object, uint64_t num_slots);

/* Takes a segment out of a classic file; pointers into it become nil. Not the first one. */
bool move_drop_segment(subject *s, size_t index);

/* Makes size bytes at address at one chunk that nobody looks at: a byte array, or a free chunk. */
void move_fill(subject *s, imago_addr at, uint64_t size);

#endif
