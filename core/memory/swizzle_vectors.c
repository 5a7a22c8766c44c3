/* swizzle_vectors.c: the hot loop of swizzling in vectors of 16 bytes, which every 64-bit processor
 * has. Little-endian Spur on a little-endian host; other heaps use the portable loop. */
#include <stddef.h>
#include <string.h>

#include "swizzle_shift.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && (defined(__SSE2__) || defined(__ARM_NEON))

typedef uint32_t four_words __attribute__((vector_size(16)));
typedef int32_t four_signed __attribute__((vector_size(16)));
typedef uint64_t two_words __attribute__((vector_size(16)));

/* By the marks of two or four words: all bits of each marked word. */
#define ALL64(marked) ((marked) != 0 ? UINT64_MAX : 0)
#define ALL32(marked) ((marked) != 0 ? UINT32_MAX : 0)
#define FOUR(marks)                                                            \
	{                                                                          \
		ALL32((marks)&1), ALL32((marks)&2), ALL32((marks)&4), ALL32((marks)&8) \
	}
static const two_words two_marked[4] = {
    {0, 0},
    {ALL64(1), 0},
    {0, ALL64(1)},
    {ALL64(1), ALL64(1)},
};
static const four_words four_marked[16] = {
    FOUR(0), FOUR(1), FOUR(2),  FOUR(3),  FOUR(4),  FOUR(5),  FOUR(6),  FOUR(7),
    FOUR(8), FOUR(9), FOUR(10), FOUR(11), FOUR(12), FOUR(13), FOUR(14), FOUR(15),
};

/* The words of a group that are pointers and lie outside, a bit for each; others: their vectors. */
static uint32_t
left_over64(const two_words *others)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < IMAGO_MARK_GROUP; i++) {
		bits |= (uint32_t)(others[i / 2][i % 2] != 0) << i;
	}
	return bits;
}

static uint32_t
left_over32(const four_words *others)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < IMAGO_MARK_GROUP; i++) {
		bits |= (uint32_t)(others[i / 4][i % 4] != 0) << i;
	}
	return bits;
}

/* Comparisons of 64 bits are made of those of 32: SSE2 has no others. */
static uint32_t
shift64(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
        uint32_t first_word, uint32_t *left_over)
{
	enum { NUM_VECTORS = IMAGO_MARK_GROUP / 2 };
	const two_words start = {shift->start, shift->start};
	const two_words size = {shift->size, shift->size};
	const two_words distance = {shift->distance, shift->distance};
	const four_words tag = {7, 0, 7, 0};
	for (uint32_t group = first_word; group < marks->num_words; group += IMAGO_MARK_GROUP) {
		uint32_t bits = marks->slots[group >> 6] >> (group & 63) & 0xFFFF;
		uint8_t *place = words + (uint64_t)group * 8;
		two_words others[NUM_VECTORS];
		two_words any = {0, 0};
		for (unsigned i = 0; i < NUM_VECTORS; i++) {
			two_words word;
			memcpy(&word, place + sizeof word * i, sizeof word);
			four_words untagged = (four_words)(((four_words)word & tag) == 0);
			two_words pointer = (two_words)__builtin_shufflevector(untagged, untagged, 0, 0, 2, 2);
			pointer &= two_marked[bits >> 2 * i & 3];
			two_words away = word - start;
			/* Inside: away - size borrows, and away has no top bit. */
			four_words borrowed = (four_words)((four_signed)((away - size) & ~away) >> 31);
			two_words inside = (two_words)__builtin_shufflevector(borrowed, borrowed, 1, 1, 3, 3);
			inside &= pointer;
			others[i] = pointer ^ inside;
			any |= others[i];
			word += distance & inside;
			memcpy(place + sizeof word * i, &word, sizeof word);
		}
		if (IMAGO_UNLIKELY((any[0] | any[1]) != 0)) {
			*left_over = left_over64(others);
			return group;
		}
	}
	return marks->num_words;
}

/* Unsigned comparisons are made signed by flipping the top bit of both sides. */
static uint32_t
shift32(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
        uint32_t first_word, uint32_t *left_over)
{
	enum { NUM_VECTORS = IMAGO_MARK_GROUP / 4 };
	const uint32_t top = UINT32_C(1) << 31;
	const uint32_t flipped = top - (uint32_t)shift->start;
	const int32_t end = (int32_t)((uint32_t)shift->size ^ top);
	const uint32_t by = (uint32_t)shift->distance;
	const four_words bias = {flipped, flipped, flipped, flipped};
	const four_signed limit = {end, end, end, end};
	const four_words distance = {by, by, by, by};
	const four_words tag = {3, 3, 3, 3};
	for (uint32_t group = first_word; group < marks->num_words; group += IMAGO_MARK_GROUP) {
		uint32_t bits = marks->slots[group >> 6] >> (group & 63) & 0xFFFF;
		uint8_t *place = words + (uint64_t)group * 4;
		four_words others[NUM_VECTORS];
		two_words any = {0, 0};
		for (unsigned i = 0; i < NUM_VECTORS; i++) {
			four_words word;
			memcpy(&word, place + sizeof word * i, sizeof word);
			four_words pointer = (four_words)((word & tag) == 0);
			pointer &= four_marked[bits >> 4 * i & 15];
			four_words inside = (four_words)((four_signed)(word + bias) < limit) & pointer;
			others[i] = pointer ^ inside;
			any |= (two_words)others[i];
			word += distance & inside;
			memcpy(place + sizeof word * i, &word, sizeof word);
		}
		if (IMAGO_UNLIKELY((any[0] | any[1]) != 0)) {
			*left_over = left_over32(others);
			return group;
		}
	}
	return marks->num_words;
}

imago_shift_fn *
imago_shift_vectors(const imago_heap *heap)
{
	if (heap->model == IMAGO_V3 || heap->layout.byte_order != IMAGO_LITTLE_ENDIAN) {
		return NULL;
	}
	return heap->layout.word_bytes == 8 ? shift64 : shift32;
}

#else

imago_shift_fn *
imago_shift_vectors(const imago_heap *heap)
{
	(void)heap;
	return NULL;
}

#endif
