/* swizzle_avx512.c: the hot loop of swizzling, 64 bytes at a time. V3 uses the portable one. */
#include <stddef.h>

#include "swizzle_shift.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw")))

/* Reverses the bytes of every word. */
AVX512 static inline __m512i
reverse64(__m512i words)
{
	const __m512i order = _mm512_set4_epi32(0x08090A0B, 0x0C0D0E0F, 0x00010203, 0x04050607);
	return _mm512_shuffle_epi8(words, order);
}

AVX512 static inline __m512i
reverse32(__m512i words)
{
	const __m512i order = _mm512_set4_epi32(0x0C0D0E0F, 0x08090A0B, 0x04050607, 0x00010203);
	return _mm512_shuffle_epi8(words, order);
}

AVX512 IMAGO_ALWAYS_INLINE uint32_t
shift64(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
        uint32_t first_word, uint32_t *left_over, bool reverse)
{
	const __m512i start = _mm512_set1_epi64((int64_t)shift->start);
	const __m512i size = _mm512_set1_epi64((int64_t)shift->size);
	const __m512i distance = _mm512_set1_epi64((int64_t)shift->distance);
	const __m512i tag = _mm512_set1_epi64(7);
	for (uint32_t group = first_word; group < marks->num_words; group += IMAGO_MARK_GROUP) {
		uint32_t bits = marks->slots[group >> 6] >> (group & 63) & 0xFFFF;
		uint8_t *place = words + (uint64_t)group * 8;
		uint32_t others = 0;
		for (unsigned i = 0; i < 2; i++) {
			__m512i word = _mm512_loadu_si512(place + (size_t)64 * i);
			word = reverse ? reverse64(word) : word;
			__mmask8 pointer = _mm512_mask_testn_epi64_mask((__mmask8)(bits >> 8 * i), word, tag);
			__mmask8 inside =
			    _mm512_mask_cmplt_epu64_mask(pointer, _mm512_sub_epi64(word, start), size);
			word = _mm512_mask_add_epi64(word, inside, word, distance);
			_mm512_storeu_si512(place + (size_t)64 * i, reverse ? reverse64(word) : word);
			others |= (uint32_t)(pointer ^ inside) << 8 * i;
		}
		if (IMAGO_UNLIKELY(others != 0)) {
			*left_over = others;
			return group;
		}
	}
	return marks->num_words;
}

AVX512 IMAGO_ALWAYS_INLINE uint32_t
shift32(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
        uint32_t first_word, uint32_t *left_over, bool reverse)
{
	const __m512i start = _mm512_set1_epi32((int32_t)shift->start);
	const __m512i size = _mm512_set1_epi32((int32_t)shift->size);
	const __m512i distance = _mm512_set1_epi32((int32_t)shift->distance);
	const __m512i tag = _mm512_set1_epi32(3);
	for (uint32_t group = first_word; group < marks->num_words; group += IMAGO_MARK_GROUP) {
		__mmask16 bits = (__mmask16)(marks->slots[group >> 6] >> (group & 63));
		uint8_t *place = words + (uint64_t)group * 4;
		__m512i word = _mm512_loadu_si512(place);
		word = reverse ? reverse32(word) : word;
		__mmask16 pointer = _mm512_mask_testn_epi32_mask(bits, word, tag);
		__mmask16 inside =
		    _mm512_mask_cmplt_epu32_mask(pointer, _mm512_sub_epi32(word, start), size);
		word = _mm512_mask_add_epi32(word, inside, word, distance);
		_mm512_storeu_si512(place, reverse ? reverse32(word) : word);
		if (IMAGO_UNLIKELY(pointer != inside)) {
			*left_over = (uint32_t)(pointer ^ inside);
			return group;
		}
	}
	return marks->num_words;
}

AVX512 static uint32_t
shift_spur64_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                    uint32_t first_word, uint32_t *left_over)
{
	return shift64(shift, words, marks, first_word, left_over, false);
}

AVX512 static uint32_t
shift_spur64_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                 uint32_t first_word, uint32_t *left_over)
{
	return shift64(shift, words, marks, first_word, left_over, true);
}

AVX512 static uint32_t
shift_spur32_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                    uint32_t first_word, uint32_t *left_over)
{
	return shift32(shift, words, marks, first_word, left_over, false);
}

AVX512 static uint32_t
shift_spur32_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                 uint32_t first_word, uint32_t *left_over)
{
	return shift32(shift, words, marks, first_word, left_over, true);
}

imago_shift_fn *
imago_shift_avx512(const imago_heap *heap)
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
imago_shift_avx512(const imago_heap *heap)
{
	(void)heap;
	return NULL;
}

#endif
