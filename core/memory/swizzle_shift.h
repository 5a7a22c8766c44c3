/* swizzle_shift.h: adding the distance to the marked words of a block, per instruction set. */
#ifndef IMAGO_MEMORY_SWIZZLE_SHIFT_H
#define IMAGO_MEMORY_SWIZZLE_SHIFT_H

#include <stdint.h>

#include "imago/heap.h"
#include "imago/swizzle.h"
#include "pointer_marks.h"

/* What moves, for the hot loop: addresses of the one segment that holds most. */
typedef struct imago_shift {
	imago_addr start; /* addresses start … start + size - 1 move … */
	uint64_t size;
	uint64_t distance; /* … by this much, modulo the word size */
} imago_shift;

/* Shifts the marked pointers of a stretch that lie in the range, group by group from first_word on.
 * Stops behind the first group that has other pointers: *left_over then has a bit for each of them
 * (bit i: word i of the group), which are unchanged, and the number of that group's first word is
 * returned; else num_words or more. */
typedef uint32_t imago_shift_fn(const imago_shift *shift, uint8_t *words,
                                const imago_pointer_marks *marks, uint32_t first_word,
                                uint32_t *left_over);

/* The function for a heap; simd must be available. */
imago_shift_fn *imago_shift_function(const imago_heap *heap, imago_simd simd);

/* Portable C: for every heap on every host. */
imago_shift_fn *imago_shift_scalar(const imago_heap *heap);

/* Per instruction set; NULL where this host, this compiler or this heap has none. */
imago_shift_fn *imago_shift_vectors(const imago_heap *heap);
imago_shift_fn *imago_shift_avx2(const imago_heap *heap);
imago_shift_fn *imago_shift_avx512(const imago_heap *heap);

#endif
