/* pointer_tags.c: finding pointers among 64 words at once (core/memory/README.md, "Hot loops"). */
#include "pointer_tags.h"

enum { NUM_WORDS = 64, TAG_64 = 7, TAG_32 = 3, TAG_V3 = 1 };

/* The byte of a word that holds the tag is the first one or the last one. */
IMAGO_ALWAYS_INLINE uint64_t
find(const uint8_t *words, uint64_t marked, uint8_t word_bytes, uint8_t tag_mask,
     imago_byte_order order)
{
	const uint8_t *lowest = words + (order == IMAGO_LITTLE_ENDIAN ? 0 : word_bytes - 1);
	uint64_t tags = 0;
	for (unsigned i = 0; i < NUM_WORDS; i++) {
		tags |= (uint64_t)((lowest[(size_t)i * word_bytes] & tag_mask) == 0) << i;
	}
	return tags & marked;
}

static uint64_t
find_wide_little(const uint8_t *words, uint64_t marked)
{
	return find(words, marked, 8, TAG_64, IMAGO_LITTLE_ENDIAN);
}

static uint64_t
find_wide_big(const uint8_t *words, uint64_t marked)
{
	return find(words, marked, 8, TAG_64, IMAGO_BIG_ENDIAN);
}

static uint64_t
find_narrow_little(const uint8_t *words, uint64_t marked)
{
	return find(words, marked, 4, TAG_32, IMAGO_LITTLE_ENDIAN);
}

static uint64_t
find_narrow_big(const uint8_t *words, uint64_t marked)
{
	return find(words, marked, 4, TAG_32, IMAGO_BIG_ENDIAN);
}

static uint64_t
find_v3_little(const uint8_t *words, uint64_t marked)
{
	return find(words, marked, 4, TAG_V3, IMAGO_LITTLE_ENDIAN);
}

static uint64_t
find_v3_big(const uint8_t *words, uint64_t marked)
{
	return find(words, marked, 4, TAG_V3, IMAGO_BIG_ENDIAN);
}

static imago_find_pointers_fn *
portable_function(const imago_heap *heap)
{
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	switch (heap->tagging) {
	case IMAGO_TAGGING_SPUR64:
		return little ? find_wide_little : find_wide_big;
	case IMAGO_TAGGING_SPUR32:
		return little ? find_narrow_little : find_narrow_big;
	default:
		return little ? find_v3_little : find_v3_big;
	}
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* A word is a pointer when its tag bits are clear. */
AVX2 static uint64_t
find_wide_avx2(const uint8_t *words, uint64_t marked)
{
	const __m256i mask = _mm256_set1_epi64x(TAG_64);
	uint64_t tags = 0;
	for (unsigned i = 0; i < NUM_WORDS; i += 4) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(const void *)(words + (size_t)8 * i));
		__m256i equal = _mm256_cmpeq_epi64(_mm256_and_si256(word, mask), _mm256_setzero_si256());
		tags |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(equal)) << i;
	}
	return tags & marked;
}

AVX2 static uint64_t
find_narrow_avx2(const uint8_t *words, uint64_t marked)
{
	const __m256i mask = _mm256_set1_epi32(TAG_32);
	uint64_t tags = 0;
	for (unsigned i = 0; i < NUM_WORDS; i += 8) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(const void *)(words + (size_t)4 * i));
		__m256i equal = _mm256_cmpeq_epi32(_mm256_and_si256(word, mask), _mm256_setzero_si256());
		tags |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal)) << i;
	}
	return tags & marked;
}

imago_find_pointers_fn *
imago_find_pointers_function(const imago_heap *heap)
{
	if (heap->layout.byte_order == IMAGO_LITTLE_ENDIAN && __builtin_cpu_supports("avx2")) {
		if (heap->tagging == IMAGO_TAGGING_SPUR64) {
			return find_wide_avx2;
		}
		if (heap->tagging == IMAGO_TAGGING_SPUR32) {
			return find_narrow_avx2;
		}
	}
	return portable_function(heap);
}

#else

imago_find_pointers_fn *
imago_find_pointers_function(const imago_heap *heap)
{
	return portable_function(heap);
}

#endif
