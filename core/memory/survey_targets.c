/* survey_targets.c: telling immediates and addresses apart, many at a time (core/memory/README.md,
 * "Hot loops"). */
#include "survey_targets.h"

/* Tags of immediates as bit sets. */
enum { IMMEDIATES_32 = 0xE, IMMEDIATES_64 = 0x16 };

IMAGO_ALWAYS_INLINE uint64_t
note_targets(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
             imago_survey_targets *targets, imago_layout layout)
{
	const uint32_t immediates = layout.word_bytes == 8 ? IMMEDIATES_64 : IMMEDIATES_32;
	uint32_t count = targets->count;
	uint64_t others = 0;
	while (marked != 0) {
		unsigned i = (unsigned)__builtin_ctzll(marked);
		uint64_t word = imago_load_word(words + (uint64_t)i * layout.word_bytes, layout);
		uint64_t distance = word - home->start;
		uint64_t unit = distance >> 3 | distance << 61; /* tag bits, if any, come to the top */
		uint64_t inside = unit < home->num_units;
		targets->units[count] = (uint32_t)unit;
		count += (uint32_t)inside;
		uint64_t immediate = immediates >> (word & (layout.word_bytes - 1U)) & 1;
		others |= ((inside | immediate) ^ 1) << i;
		marked &= marked - 1;
	}
	targets->count = count;
	return others;
}

static uint64_t
targets_wide_little(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
                    imago_survey_targets *targets)
{
	return note_targets(home, words, marked, targets, (imago_layout){8, IMAGO_LITTLE_ENDIAN});
}

static uint64_t
targets_wide_big(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
                 imago_survey_targets *targets)
{
	return note_targets(home, words, marked, targets, (imago_layout){8, IMAGO_BIG_ENDIAN});
}

static uint64_t
targets_narrow_little(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
                      imago_survey_targets *targets)
{
	return note_targets(home, words, marked, targets, (imago_layout){4, IMAGO_LITTLE_ENDIAN});
}

static uint64_t
targets_narrow_big(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
                   imago_survey_targets *targets)
{
	return note_targets(home, words, marked, targets, (imago_layout){4, IMAGO_BIG_ENDIAN});
}

static imago_survey_targets_fn *
portable_function(const imago_heap *heap)
{
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (heap->layout.word_bytes == 8) {
		return little ? targets_wide_little : targets_wide_big;
	}
	return little ? targets_narrow_little : targets_narrow_big;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,popcnt")))

/* Byte shuffles that bring the chosen ones of four 32-bit lanes to the front. */
#define LANE(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3
#define NONE    0, 0, 0, 0
static const uint8_t chosen_first[16][16] = {
    {NONE, NONE, NONE, NONE},          {LANE(0), NONE, NONE, NONE},
    {LANE(1), NONE, NONE, NONE},       {LANE(0), LANE(1), NONE, NONE},
    {LANE(2), NONE, NONE, NONE},       {LANE(0), LANE(2), NONE, NONE},
    {LANE(1), LANE(2), NONE, NONE},    {LANE(0), LANE(1), LANE(2), NONE},
    {LANE(3), NONE, NONE, NONE},       {LANE(0), LANE(3), NONE, NONE},
    {LANE(1), LANE(3), NONE, NONE},    {LANE(0), LANE(1), LANE(3), NONE},
    {LANE(2), LANE(3), NONE, NONE},    {LANE(0), LANE(2), LANE(3), NONE},
    {LANE(1), LANE(2), LANE(3), NONE}, {LANE(0), LANE(1), LANE(2), LANE(3)},
};

/* Appends those of four units that are chosen; four places are written. */
AVX2 IMAGO_ALWAYS_INLINE uint32_t
append_chosen(imago_survey_targets *targets, uint32_t count, __m128i units, uint32_t chosen)
{
	__m128i order = _mm_loadu_si128((const __m128i *)(const void *)chosen_first[chosen]);
	_mm_storeu_si128((__m128i *)(void *)&targets->units[count], _mm_shuffle_epi8(units, order));
	return count + (uint32_t)_mm_popcnt_u32(chosen);
}

/* Unsigned comparisons are made signed by flipping the top bit of both sides. */
AVX2 static uint64_t
targets_wide_avx2(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
                  imago_survey_targets *targets)
{
	const uint64_t top = UINT64_C(1) << 63;
	const __m256i bias = _mm256_set1_epi64x((int64_t)(top - home->start));
	const __m256i limit = _mm256_set1_epi64x((int64_t)(home->num_units << 3 ^ top));
	const __m256i tag_mask = _mm256_set1_epi64x(7);
	const __m256i immediates = _mm256_set1_epi64x(IMMEDIATES_64);
	const __m256i low_halves = _mm256_set_epi32(7, 5, 3, 1, 6, 4, 2, 0);
	uint32_t count = targets->count;
	uint64_t others = 0;
	for (unsigned i = 0; i < 64; i += 4) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(const void *)(words + (size_t)8 * i));
		__m256i tag = _mm256_and_si256(word, tag_mask);
		__m256i distance = _mm256_add_epi64(word, bias);
		__m256i inside = _mm256_and_si256(_mm256_cmpeq_epi64(tag, _mm256_setzero_si256()),
		                                  _mm256_cmpgt_epi64(limit, distance));
		/* The immediates' bit comes to the top, where movemask looks. */
		__m256i immediate = _mm256_slli_epi64(_mm256_srlv_epi64(immediates, tag), 63);
		uint32_t marks = marked >> i & 15;
		uint32_t chosen = marks & (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(inside));
		__m256i good = _mm256_or_si256(inside, immediate);
		uint32_t fine = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(good));
		others |= (uint64_t)(marks & ~fine) << i;
		__m256i units = _mm256_srli_epi64(distance, 3);
		units = _mm256_permutevar8x32_epi32(units, low_halves);
		count = append_chosen(targets, count, _mm256_castsi256_si128(units), chosen);
	}
	targets->count = count;
	return others;
}

AVX2 static uint64_t
targets_narrow_avx2(const imago_survey_home *home, const uint8_t *words, uint64_t marked,
                    imago_survey_targets *targets)
{
	const uint32_t top = UINT32_C(1) << 31;
	const __m256i start = _mm256_set1_epi32((int32_t)home->start);
	const __m256i flip = _mm256_set1_epi32((int32_t)top);
	const __m256i limit = _mm256_set1_epi32((int32_t)((uint32_t)(home->num_units << 3) ^ top));
	const __m256i address_mask = _mm256_set1_epi32(7);
	const __m256i tag_mask = _mm256_set1_epi32(3);
	uint32_t count = targets->count;
	uint64_t others = 0;
	for (unsigned i = 0; i < 64; i += 8) {
		__m256i word = _mm256_loadu_si256((const __m256i *)(const void *)(words + (size_t)4 * i));
		__m256i zero = _mm256_setzero_si256();
		__m256i aligned = _mm256_cmpeq_epi32(_mm256_and_si256(word, address_mask), zero);
		__m256i pointer = _mm256_cmpeq_epi32(_mm256_and_si256(word, tag_mask), zero);
		__m256i distance = _mm256_sub_epi32(word, start);
		__m256i inside = _mm256_cmpgt_epi32(limit, _mm256_xor_si256(distance, flip));
		inside = _mm256_and_si256(inside, aligned);
		uint32_t marks = marked >> i & 255;
		uint32_t chosen = marks & (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(inside));
		__m256i bad = _mm256_andnot_si256(inside, pointer);
		uint32_t wrong = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(bad));
		others |= (uint64_t)(marks & wrong) << i;
		__m256i units = _mm256_srli_epi32(distance, 3);
		count = append_chosen(targets, count, _mm256_castsi256_si128(units), chosen & 15);
		count = append_chosen(targets, count, _mm256_extracti128_si256(units, 1), chosen >> 4);
	}
	targets->count = count;
	return others;
}

imago_survey_targets_fn *
imago_survey_targets_function(const imago_heap *heap)
{
	if (heap->layout.byte_order == IMAGO_LITTLE_ENDIAN && __builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("popcnt")) {
		return heap->layout.word_bytes == 8 ? targets_wide_avx2 : targets_narrow_avx2;
	}
	return portable_function(heap);
}

#else

imago_survey_targets_fn *
imago_survey_targets_function(const imago_heap *heap)
{
	return portable_function(heap);
}

#endif
