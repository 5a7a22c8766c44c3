/* arrange_private.h: what the two files of arranging share. */
#ifndef IMAGO_MEMORY_ARRANGE_PRIVATE_H
#define IMAGO_MEMORY_ARRANGE_PRIVATE_H

#include "imago/arrange.h"
#include "imago/bitmap.h"
#include "imago/object.h"

enum { UNIT = 8, WORD_BITS = 64, NUM_GUESSES = 256, QUEUE_SIZE = 32 };

/* 64 units of the source's object areas: where chunks start, and how many do before. */
typedef struct start_block {
	uint64_t bits;
	uint64_t rank;
} start_block;

/* A pointer on its way. Where pointers lead is anywhere, so that each would wait for memory twice:
 * a queue of them waits once for all. */
typedef struct moving_word {
	uint8_t *to;
	uint64_t word;
	uint64_t bit, chunk; /* the unit that it leads to, and the ordinal of the chunk there */
} moving_word;

/* A bit for each unit of a heap's object areas: a chunk starts there. */
typedef struct chunk_starts {
	const imago_heap *heap;
	imago_bitmap bits;
	uint64_t *segment_bits; /* first bit of each segment */
	/* The segment that was looked for last in each of so many stretches of the address space. */
	uint32_t guesses[NUM_GUESSES];
	unsigned stretch; /* binary logarithm of a stretch's size */
} chunk_starts;

typedef struct arrange_run {
	const imago_heap *source;
	imago_heap *target;
	const imago_arrangement *plan;
	imago_allocator *allocator;
	chunk_starts here, there; /* in the source, in the target */
	start_block *blocks;      /* here, with ranks */
	uint64_t *distances;      /* how far each chunk moves */
	moving_word queue[QUEUE_SIZE];
	size_t num_queued;
	imago_addr free_lists;
	imago_error *error;
} arrange_run;

/* Where an address is; false when it is in no object area. */
typedef struct unit_place {
	size_t segment;
	uint64_t position; /* in the segment, in bytes */
	uint64_t bit;      /* of the chunk_starts */
} unit_place;

/* imago_find_unit where the guess is wrong. */
bool imago_find_unit_anew(chunk_starts *starts, imago_addr addr, unit_place *place);

IMAGO_ALWAYS_INLINE bool
imago_find_unit(chunk_starts *starts, imago_addr addr, unit_place *place)
{
	const size_t guess = starts->guesses[addr >> starts->stretch & (NUM_GUESSES - 1)];
	const imago_segment *segment = &starts->heap->segments[guess];
	const uint64_t position = addr - segment->start;
	if (IMAGO_UNLIKELY(position >= segment->size)) {
		return imago_find_unit_anew(starts, addr, place);
	}
	place->segment = guess;
	place->position = position;
	place->bit = starts->segment_bits[guess] + position / UNIT;
	return true;
}

/* Fails because a chunk cannot go to an address. */
imago_status imago_arrange_fail_place(const arrange_run *run, imago_addr chunk, uint64_t address);

/* Where an address of the source comes to lie; false when it is in no object area. */
bool imago_arrange_move_address(arrange_run *run, imago_addr addr, imago_addr *moved);

/* Copies all chunks to where they are to lie, with words that lead there. */
imago_status imago_arrange_move_chunks(arrange_run *run);

#endif
