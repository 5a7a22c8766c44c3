/* fuzz_decisions.h: decisions of the tail (fuzz_input.h), spread by the head.
 *
 * Files of one format end alike, often in zeros, and would all decide alike. So to what the tail
 * says a number is added that follows from the size and the first 64 bytes: every seed decides
 * otherwise, and a changed tail still changes what the tail decides, whatever happens to the bytes
 * between. */
#ifndef FUZZ_DECISIONS_H
#define FUZZ_DECISIONS_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz_input.h"

typedef struct fuzz_decisions {
	fuzz_input tail;
	uint64_t state;
} fuzz_decisions;

static inline fuzz_decisions
fuzz_decisions_of(const uint8_t *bytes, size_t size)
{
	fuzz_decisions decisions = {fuzz_input_of(bytes, size), size};
	for (size_t i = 0; i < size && i < 64; i++) {
		decisions.state = (decisions.state ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
	return decisions;
}

/* A number below limit, 1 … 65536. */
static inline uint32_t
fuzz_decide(fuzz_decisions *decisions, uint32_t limit)
{
	decisions->state =
	    decisions->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (fuzz_choose(&decisions->tail, 65536) + (uint32_t)(decisions->state >> 48)) % limit;
}

#endif
