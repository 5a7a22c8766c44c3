/* swizzle_avx2.c: the hot loop of swizzling, 32 bytes at a time. V3 uses the portable one. */
#include <stddef.h>

#include "swizzle_shift.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Reverses the bytes of every word. */
AVX2 static inline __m256i
reverse64(__m256i words)
{
	const __m256i order = _mm256_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8,
	                                      9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
	return _mm256_shuffle_epi8(words, order);
}

AVX2 static inline __m256i
reverse32(__m256i words)
{
	const __m256i order = _mm256_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12,
	                                      13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	return _mm256_shuffle_epi8(words, order);
}

/* Unsigned comparisons are made signed by flipping the top bit of both sides. */
#define TOP64 (UINT64_C(1) << 63)
#define TOP32 (UINT32_C(1) << 31)

/* A shift in registers, and the marks of one group: a bit in each lane's own place. */
typedef struct lanes {
	__m256i bias;
	__m256i limit;
	__m256i distance;
	__m256i tag;
	__m256i marks;
} lanes;

/* Shifts one vector of words whose marks are the bits in `lane`. Returns its left-over words. */
AVX2 IMAGO_ALWAYS_INLINE __m256i
shift_vector64(const lanes *shift, uint8_t *place, __m256i lane, bool reverse)
{
	__m256i word = _mm256_loadu_si256((const __m256i *)place);
	word = reverse ? reverse64(word) : word;
	__m256i marked = _mm256_cmpeq_epi64(_mm256_and_si256(shift->marks, lane), lane);
	__m256i tag = _mm256_and_si256(word, shift->tag);
	__m256i pointer = _mm256_and_si256(marked, _mm256_cmpeq_epi64(tag, _mm256_setzero_si256()));
	__m256i inside = _mm256_cmpgt_epi64(shift->limit, _mm256_add_epi64(word, shift->bias));
	__m256i moving = _mm256_and_si256(inside, pointer);
	word = _mm256_add_epi64(word, _mm256_and_si256(shift->distance, moving));
	_mm256_storeu_si256((__m256i *)place, reverse ? reverse64(word) : word);
	return _mm256_andnot_si256(inside, pointer);
}

AVX2 IMAGO_ALWAYS_INLINE __m256i
shift_vector32(const lanes *shift, uint8_t *place, __m256i lane, bool reverse)
{
	__m256i word = _mm256_loadu_si256((const __m256i *)place);
	word = reverse ? reverse32(word) : word;
	__m256i marked = _mm256_cmpeq_epi32(_mm256_and_si256(shift->marks, lane), lane);
	__m256i tag = _mm256_and_si256(word, shift->tag);
	__m256i pointer = _mm256_and_si256(marked, _mm256_cmpeq_epi32(tag, _mm256_setzero_si256()));
	__m256i inside = _mm256_cmpgt_epi32(shift->limit, _mm256_add_epi32(word, shift->bias));
	__m256i moving = _mm256_and_si256(inside, pointer);
	word = _mm256_add_epi32(word, _mm256_and_si256(shift->distance, moving));
	_mm256_storeu_si256((__m256i *)place, reverse ? reverse32(word) : word);
	return _mm256_andnot_si256(inside, pointer);
}

AVX2 IMAGO_ALWAYS_INLINE uint32_t
mask64(__m256i words)
{
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(words));
}

AVX2 IMAGO_ALWAYS_INLINE uint32_t
mask32(__m256i words)
{
	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(words));
}

AVX2 IMAGO_ALWAYS_INLINE uint32_t
shift64(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
        uint32_t first_word, uint32_t *left_over, bool reverse)
{
	lanes by = {
	    .bias = _mm256_set1_epi64x((int64_t)(TOP64 - shift->start)),
	    .limit = _mm256_set1_epi64x((int64_t)(shift->size ^ TOP64)),
	    .distance = _mm256_set1_epi64x((int64_t)shift->distance),
	    .tag = _mm256_set1_epi64x(7),
	};
	const __m256i lane0 = _mm256_set_epi64x(8, 4, 2, 1);
	const __m256i lane1 = _mm256_slli_epi64(lane0, 4);
	const __m256i lane2 = _mm256_slli_epi64(lane0, 8);
	const __m256i lane3 = _mm256_slli_epi64(lane0, 12);
	const uint32_t num_words = marks->num_words;
	for (uint32_t group = first_word; group < num_words; group += IMAGO_MARK_GROUP) {
		uint8_t *place = words + (uint64_t)group * 8;
		by.marks = _mm256_set1_epi64x((int64_t)(marks->slots[group >> 6] >> (group & 63)));
		__m256i left0 = shift_vector64(&by, place, lane0, reverse);
		__m256i left1 = shift_vector64(&by, place + 32, lane1, reverse);
		__m256i left2 = shift_vector64(&by, place + 64, lane2, reverse);
		__m256i left3 = shift_vector64(&by, place + 96, lane3, reverse);
		__m256i any = _mm256_or_si256(_mm256_or_si256(left0, left1), _mm256_or_si256(left2, left3));
		if (IMAGO_UNLIKELY(!_mm256_testz_si256(any, any))) {
			*left_over =
			    mask64(left0) | mask64(left1) << 4 | mask64(left2) << 8 | mask64(left3) << 12;
			return group;
		}
	}
	return num_words;
}

AVX2 IMAGO_ALWAYS_INLINE uint32_t
shift32(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
        uint32_t first_word, uint32_t *left_over, bool reverse)
{
	lanes by = {
	    .bias = _mm256_set1_epi32((int32_t)(TOP32 - (uint32_t)shift->start)),
	    .limit = _mm256_set1_epi32((int32_t)((uint32_t)shift->size ^ TOP32)),
	    .distance = _mm256_set1_epi32((int32_t)shift->distance),
	    .tag = _mm256_set1_epi32(3),
	};
	const __m256i lane0 = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
	const __m256i lane1 = _mm256_slli_epi32(lane0, 8);
	const uint32_t num_words = marks->num_words;
	for (uint32_t group = first_word; group < num_words; group += IMAGO_MARK_GROUP) {
		uint8_t *place = words + (uint64_t)group * 4;
		by.marks = _mm256_set1_epi32((int32_t)(marks->slots[group >> 6] >> (group & 63)));
		__m256i left0 = shift_vector32(&by, place, lane0, reverse);
		__m256i left1 = shift_vector32(&by, place + 32, lane1, reverse);
		__m256i any = _mm256_or_si256(left0, left1);
		if (IMAGO_UNLIKELY(!_mm256_testz_si256(any, any))) {
			*left_over = mask32(left0) | mask32(left1) << 8;
			return group;
		}
	}
	return num_words;
}

AVX2 static uint32_t
shift_spur64_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                    uint32_t first_word, uint32_t *left_over)
{
	return shift64(shift, words, marks, first_word, left_over, false);
}

AVX2 static uint32_t
shift_spur64_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                 uint32_t first_word, uint32_t *left_over)
{
	return shift64(shift, words, marks, first_word, left_over, true);
}

AVX2 static uint32_t
shift_spur32_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                    uint32_t first_word, uint32_t *left_over)
{
	return shift32(shift, words, marks, first_word, left_over, false);
}

AVX2 static uint32_t
shift_spur32_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                 uint32_t first_word, uint32_t *left_over)
{
	return shift32(shift, words, marks, first_word, left_over, true);
}

imago_shift_fn *
imago_shift_avx2(const imago_heap *heap)
{
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (heap->model == IMAGO_V3) {
		return NULL;
	}
	if (heap->layout.word_bytes == 8) {
		return little ? shift_spur64_little : shift_spur64_big;
	}
	return little ? shift_spur32_little : shift_spur32_big;
}

#else

imago_shift_fn *
imago_shift_avx2(const imago_heap *heap)
{
	(void)heap;
	return NULL;
}

#endif
