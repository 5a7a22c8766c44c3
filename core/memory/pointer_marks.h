/* pointer_marks.h: which words of a stretch of a heap are slots that hold oops.
 *
 * The hot loops (swizzle, census, survey) work in two steps on blocks that stay in the first-level
 * cache: this one walks the headers of plain objects and writes a bit per word, without a branch
 * that depends on the object; the next applies itself to the marked words, many at a time. What is
 * not plain (free chunks, hidden objects, forwarders, overflow headers, broken objects, the last
 * objects of a segment) ends the stretch and is left to the general code.
 */
#ifndef IMAGO_MEMORY_POINTER_MARKS_H
#define IMAGO_MEMORY_POINTER_MARKS_H

#include <stdint.h>

#include "imago/byte_order.h"
#include "imago/heap.h"

enum {
	IMAGO_MARK_WORDS = 2048, /* of a block, about; 16 KiB of a 64-bit heap */
	IMAGO_MARK_GROUP = 16,   /* words that a step looks at together */
	/* Bytes of the segment that lie behind a marked stretch at least, so that a step may load and
	 * store whole groups. */
	IMAGO_MARK_MARGIN = 4096,
	IMAGO_MARK_CAPACITY = IMAGO_MARK_WORDS + 512, /* a block with its last object, and a group */
};

typedef struct imago_pointer_marks {
	uint64_t slots[IMAGO_MARK_CAPACITY / 64];       /* bit i % 64 of [i / 64]: word i is a slot */
	uint64_t class_words[IMAGO_MARK_CAPACITY / 64]; /* V3: word i is a class word */
	uint32_t num_words;   /* of the stretch; marks up to the end of its last group are valid */
	uint32_t num_objects; /* in the stretch */
} imago_pointer_marks;

/* Marks the plain objects from position in a segment on, as many as there are and a block holds.
 * num_words 0: the object at position is not plain. */
void imago_mark_pointers(const imago_heap *heap, const imago_segment *segment, uint64_t position,
                         imago_pointer_marks *marks);

/* Bytes of a chunk that was found to be plain, of Spur (spur.md §5). */
IMAGO_ALWAYS_INLINE uint64_t
imago_plain_chunk_bytes(const uint8_t *chunk, imago_layout layout)
{
	const uint64_t num_slots = imago_load_u64(chunk, layout.byte_order) >> 56;
	const uint64_t units = layout.word_bytes == 8 ? num_slots : (num_slots + 1) / 2;
	return 8 * (1 + (units > 0 ? units : 1));
}

#endif
