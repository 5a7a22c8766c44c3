/* bit_row.h: a growing row of bits, appended to without a branch. Part of the hot loops. */
#ifndef IMAGO_MEMORY_BIT_ROW_H
#define IMAGO_MEMORY_BIT_ROW_H

#include <stdint.h>

#include "imago/compiler.h"

typedef struct imago_bit_row {
	uint64_t *words;
	uint64_t pending; /* the bits of the last, unfinished word */
} imago_bit_row;

/* Appends num_bits (0 … 63) bits behind the size bits that the row has; above them, bits is clear.
 */
IMAGO_ALWAYS_INLINE void
imago_bit_row_append(imago_bit_row *row, uint32_t size, uint64_t bits, uint32_t num_bits)
{
	uint64_t filled = row->pending | bits << (size & 63);
	uint64_t spilled = bits >> 1 >> (~size & 63);
	uint64_t crossed = 0 - (uint64_t)((size ^ (size + num_bits)) >> 6 & 1);
	row->words[size >> 6] = filled;
	row->pending = filled ^ ((filled ^ spilled) & crossed);
}

/* Appends skip clear bits, then count set bits, then clear bits up to num_bits, however many. */
static inline void
imago_bit_row_append_long(imago_bit_row *row, uint32_t size, uint32_t skip, uint32_t count,
                          uint32_t num_bits)
{
	uint32_t end = size + num_bits;
	imago_bit_row_append(row, size, 0, skip);
	size += skip;
	while (size < end) {
		uint32_t step = end - size < 63 ? end - size : 63;
		uint32_t set = count < step ? count : step;
		imago_bit_row_append(row, size, (UINT64_C(1) << set) - 1, step);
		count -= set;
		size += step;
	}
}

/* Ends a row of size bits; up to 64 clear bits follow it. */
IMAGO_ALWAYS_INLINE void
imago_bit_row_finish(imago_bit_row *row, uint32_t size)
{
	row->words[size >> 6] = row->pending;
	row->words[(size >> 6) + 1] = 0;
}

/* The lowest count (0 … 63) bits. */
IMAGO_ALWAYS_INLINE uint64_t
imago_ones(uint32_t count)
{
	return (UINT64_C(1) << count) - 1;
}

#endif
