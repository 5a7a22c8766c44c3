/* bitmap.h: a fixed number of bits, with rank. One bit per 8 (Spur) or 4 (V3) bytes of a heap marks
 * where objects start. */
#ifndef IMAGO_BITMAP_H
#define IMAGO_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"

typedef struct imago_bitmap {
	uint64_t *words; /* bit i is bit i % 64 of words[i / 64] */
	uint64_t num_bits;
} imago_bitmap;

/* All bits clear. IMAGO_ENOMEM leaves an empty bitmap that may be released. */
IMAGO_API imago_status imago_bitmap_create(imago_bitmap *bitmap, uint64_t num_bits,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_bitmap_release(imago_bitmap *bitmap, imago_allocator *allocator);

/* The first set bit at or after bit, or num_bits. */
IMAGO_API uint64_t imago_bitmap_next(const imago_bitmap *bitmap, uint64_t bit);

/* The number of set bits. */
IMAGO_API uint64_t imago_bitmap_count(const imago_bitmap *bitmap);

/* bit must be below num_bits. */
IMAGO_ALWAYS_INLINE void
imago_bitmap_set(imago_bitmap *bitmap, uint64_t bit)
{
	bitmap->words[bit >> 6] |= UINT64_C(1) << (bit & 63);
}

IMAGO_ALWAYS_INLINE void
imago_bitmap_clear(imago_bitmap *bitmap, uint64_t bit)
{
	bitmap->words[bit >> 6] &= ~(UINT64_C(1) << (bit & 63));
}

IMAGO_ALWAYS_INLINE bool
imago_bitmap_test(const imago_bitmap *bitmap, uint64_t bit)
{
	return bitmap->words[bit >> 6] >> (bit & 63) & 1;
}

#endif
