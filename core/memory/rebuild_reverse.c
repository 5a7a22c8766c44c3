/* rebuild_reverse.c: the byte order of plain chunks reversed, as fast as memory goes.
 *
 * Objects are small, of a few dozen bytes, and of mixed formats, so branches on format and size are
 * what costs. Here the format only chooses a permutation of bytes, and most bodies fit the two
 * vectors that are always written. Vectors reach beyond the object's end: chunks are converted in
 * ascending order, so what is written there is written again by the next one.
 */
#include "imago/swizzle.h"
#include "rebuild_private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

enum {
	HEADER = 8,
	OVERFLOW = 255,
	VECTOR = 32,
	TWO_VECTORS = 2 * VECTOR,
	/* An object without an overflow header, and how far its vectors reach beyond. */
	MARGIN = HEADER + 8 * OVERFLOW + TWO_VECTORS,
};

/* For each unit, the byte that goes to each of 16 places; methods begin as words. */
#define KEEP    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define SWAP_16 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define SWAP_32 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12
#define SWAP_64 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8
static const uint8_t permutations[2][7][16] = {
    {{SWAP_32}, {SWAP_32}, {KEEP}, {SWAP_16}, {SWAP_32}, {SWAP_64}, {SWAP_32}},
    {{SWAP_64}, {SWAP_64}, {KEEP}, {SWAP_16}, {SWAP_32}, {SWAP_64}, {SWAP_64}},
};

AVX2 IMAGO_ALWAYS_INLINE void
permute(const uint8_t *from, uint8_t *to, __m256i order)
{
	__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)from);
	_mm256_storeu_si256((__m256i *)(void *)to, _mm256_shuffle_epi8(bytes, order));
}

AVX2 IMAGO_ALWAYS_INLINE void
copy_vector(const uint8_t *from, uint8_t *to)
{
	_mm256_storeu_si256((__m256i *)(void *)to,
	                    _mm256_loadu_si256((const __m256i *)(const void *)from));
}

AVX2 IMAGO_ALWAYS_INLINE uint64_t
reverse_avx2(const imago_rebuild_mover *mover, const imago_rebuild_span *span, uint64_t position,
             imago_layout layout)
{
	bool wide = layout.word_bytes == 8;
	imago_byte_order other =
	    layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	while (span->size - position >= MARGIN) {
		uint64_t header = imago_load_u64(span->from + position, layout.byte_order);
		uint64_t num_slots = header >> 56;
		uint32_t class_index = (uint32_t)(header & (IMAGO_CLASS_INDEX_LIMIT - 1));
		if (IMAGO_UNLIKELY(num_slots == OVERFLOW || class_index < IMAGO_CLASS_FIRST_REAL)) {
			return position;
		}
		uint64_t body_bytes = (num_slots * layout.word_bytes + 7) & ~UINT64_C(7);
		body_bytes += num_slots == 0 ? 8 : 0;
		uint8_t unit = imago_rebuild_units[wide][header >> 24 & 31];
		const uint8_t *from = span->from + position + HEADER;
		uint8_t *to = span->to + position + HEADER;
		if (unit == IMAGO_UNIT_32 && body_bytes == 8 && (header >> 24 & 1) == 0 &&
		    num_slots * layout.word_bytes == 8 && imago_rebuild_is_float(mover, class_index)) {
			unit = IMAGO_UNIT_64;
		}
		__m256i order = _mm256_broadcastsi128_si256(
		    _mm_loadu_si128((const __m128i *)(const void *)permutations[wide][unit]));
		imago_store_u64(to - HEADER, header, other);
		permute(from, to, order);
		permute(from + VECTOR, to + VECTOR, order);
		for (uint64_t i = TWO_VECTORS; i < body_bytes; i += VECTOR) {
			permute(from + i, to + i, order);
		}
		if (unit == IMAGO_UNIT_METHOD) {
			uint64_t code = imago_rebuild_method_oops(layout, from, num_slots) * layout.word_bytes;
			for (uint64_t i = code; i < body_bytes; i += VECTOR) {
				copy_vector(from + i, to + i);
			}
		}
		position += HEADER + body_bytes;
	}
	return position;
}

/* Instances with a constant layout. */
AVX2 static uint64_t
reverse_64_avx2(const imago_rebuild_mover *mover, const imago_rebuild_span *span, uint64_t position)
{
	if (mover->from_order == IMAGO_LITTLE_ENDIAN) {
		return reverse_avx2(mover, span, position, (imago_layout){8, IMAGO_LITTLE_ENDIAN});
	}
	return reverse_avx2(mover, span, position, (imago_layout){8, IMAGO_BIG_ENDIAN});
}

AVX2 static uint64_t
reverse_32_avx2(const imago_rebuild_mover *mover, const imago_rebuild_span *span, uint64_t position)
{
	if (mover->from_order == IMAGO_LITTLE_ENDIAN) {
		return reverse_avx2(mover, span, position, (imago_layout){4, IMAGO_LITTLE_ENDIAN});
	}
	return reverse_avx2(mover, span, position, (imago_layout){4, IMAGO_BIG_ENDIAN});
}

uint64_t
imago_rebuild_reverse_plain(const imago_rebuild_mover *mover, const imago_rebuild_span *span,
                            uint64_t position)
{
	if (!imago_simd_available(IMAGO_SIMD_AVX2)) {
		return position;
	}
	return mover->source->layout.word_bytes == 8 ? reverse_64_avx2(mover, span, position)
	                                             : reverse_32_avx2(mover, span, position);
}

#else

uint64_t
imago_rebuild_reverse_plain(const imago_rebuild_mover *mover, const imago_rebuild_span *span,
                            uint64_t position)
{
	(void)mover, (void)span;
	return position;
}

#endif
