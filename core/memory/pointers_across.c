/* pointers_across.c: comparing 64 words with a boundary at once (core/memory/README.md, "Hot
 * loops"). */
#include "pointers_across.h"

enum { NUM_WORDS = 64, TAG_64 = 7, TAG_32 = 3 };

IMAGO_ALWAYS_INLINE uint64_t
across(const uint8_t *words, uint64_t marked, imago_addr boundary, imago_layout layout)
{
	const uint64_t tag = layout.word_bytes == 8 ? TAG_64 : TAG_32;
	uint64_t found = 0;
	for (unsigned i = 0; i < NUM_WORDS; i++) {
		uint64_t word = imago_load_word(words + (size_t)i * layout.word_bytes, layout);
		found |= (uint64_t)((word & tag) == 0 && word >= boundary) << i;
	}
	return found & marked;
}

static uint64_t
across_wide_little(const uint8_t *words, uint64_t marked, imago_addr boundary)
{
	return across(words, marked, boundary, (imago_layout){8, IMAGO_LITTLE_ENDIAN});
}

static uint64_t
across_wide_big(const uint8_t *words, uint64_t marked, imago_addr boundary)
{
	return across(words, marked, boundary, (imago_layout){8, IMAGO_BIG_ENDIAN});
}

static uint64_t
across_narrow_little(const uint8_t *words, uint64_t marked, imago_addr boundary)
{
	return across(words, marked, boundary, (imago_layout){4, IMAGO_LITTLE_ENDIAN});
}

static uint64_t
across_narrow_big(const uint8_t *words, uint64_t marked, imago_addr boundary)
{
	return across(words, marked, boundary, (imago_layout){4, IMAGO_BIG_ENDIAN});
}

static imago_pointers_across_fn *
portable_function(const imago_heap *heap)
{
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (heap->layout.word_bytes == 8) {
		return little ? across_wide_little : across_wide_big;
	}
	return little ? across_narrow_little : across_narrow_big;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Unsigned comparisons are made signed by flipping the top bit of both sides. */
AVX2 static uint64_t
across_wide_avx2(const uint8_t *words, uint64_t marked, imago_addr boundary)
{
	const uint64_t top = UINT64_C(1) << 63;
	const __m256i flip = _mm256_set1_epi64x((int64_t)top);
	const __m256i below = _mm256_set1_epi64x((int64_t)((boundary - 1) ^ top));
	const __m256i tag = _mm256_set1_epi64x(TAG_64);
	uint64_t found = 0;
	for (unsigned i = 0; i < NUM_WORDS; i += 4) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(const void *)(words + (size_t)8 * i));
		__m256i pointer = _mm256_cmpeq_epi64(_mm256_and_si256(word, tag), _mm256_setzero_si256());
		__m256i above = _mm256_cmpgt_epi64(_mm256_xor_si256(word, flip), below);
		__m256i both = _mm256_and_si256(pointer, above);
		found |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(both)) << i;
	}
	return found & marked;
}

AVX2 static uint64_t
across_narrow_avx2(const uint8_t *words, uint64_t marked, imago_addr boundary)
{
	if (boundary > UINT32_MAX) {
		return 0;
	}
	const uint32_t top = UINT32_C(1) << 31;
	const __m256i flip = _mm256_set1_epi32((int32_t)top);
	const __m256i below = _mm256_set1_epi32((int32_t)(((uint32_t)boundary - 1) ^ top));
	const __m256i tag = _mm256_set1_epi32(TAG_32);
	uint64_t found = 0;
	for (unsigned i = 0; i < NUM_WORDS; i += 8) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(const void *)(words + (size_t)4 * i));
		__m256i pointer = _mm256_cmpeq_epi32(_mm256_and_si256(word, tag), _mm256_setzero_si256());
		__m256i above = _mm256_cmpgt_epi32(_mm256_xor_si256(word, flip), below);
		__m256i both = _mm256_and_si256(pointer, above);
		found |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(both)) << i;
	}
	return found & marked;
}

imago_pointers_across_fn *
imago_pointers_across_function(const imago_heap *heap)
{
	if (heap->layout.byte_order == IMAGO_LITTLE_ENDIAN && __builtin_cpu_supports("avx2")) {
		return heap->layout.word_bytes == 8 ? across_wide_avx2 : across_narrow_avx2;
	}
	return portable_function(heap);
}

#else

imago_pointers_across_fn *
imago_pointers_across_function(const imago_heap *heap)
{
	return portable_function(heap);
}

#endif
