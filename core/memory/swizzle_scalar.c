/* swizzle_scalar.c: the hot loop of swizzling in portable C, without a branch per word. */
#include "swizzle_shift.h"

/* Shifts the marked words of one group. A pointer outside the range is left over. */
IMAGO_ALWAYS_INLINE uint32_t
shift_group(const imago_shift *shift, uint8_t *place, uint32_t marked, uint32_t class_words,
            imago_object_model model, imago_layout layout)
{
	const uint64_t tag_mask = model == IMAGO_V3 ? 1 : layout.word_bytes == 8 ? 7 : 3;
	uint32_t left_over = 0;
	while (marked != 0) {
		unsigned i = (unsigned)__builtin_ctz(marked);
		uint8_t *at = place + (uint64_t)i * layout.word_bytes;
		uint64_t word = imago_load_word(at, layout);
		uint64_t is_pointer = (word & tag_mask) == 0;
		if (model == IMAGO_V3) {
			is_pointer |= class_words >> i & 1;
		}
		uint64_t inside = word - shift->start < shift->size;
		uint64_t moves = is_pointer & inside;
		imago_store_word(at, word + (shift->distance & (0 - moves)), layout);
		left_over |= (uint32_t)(is_pointer ^ moves) << i;
		marked &= marked - 1;
	}
	return left_over;
}

IMAGO_ALWAYS_INLINE uint32_t
shift_words(const imago_shift *shift_by, uint8_t *words, const imago_pointer_marks *marks,
            uint32_t first_word, uint32_t *left_over, imago_object_model model, imago_layout layout)
{
	const imago_shift shift = *shift_by; /* a copy: stores to the heap cannot change it */
	const uint32_t num_words = marks->num_words;
	for (uint32_t group = first_word; group < num_words; group += IMAGO_MARK_GROUP) {
		uint32_t marked = marks->slots[group >> 6] >> (group & 63) & 0xFFFF;
		uint32_t class_words = 0;
		if (model == IMAGO_V3) {
			class_words = marks->class_words[group >> 6] >> (group & 63) & 0xFFFF;
		}
		uint32_t others = shift_group(&shift, words + (uint64_t)group * layout.word_bytes,
		                              marked | class_words, class_words, model, layout);
		if (IMAGO_UNLIKELY(others != 0)) {
			*left_over = others;
			return group;
		}
	}
	return num_words;
}

static uint32_t
shift_spur64_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                    uint32_t first_word, uint32_t *left_over)
{
	return shift_words(shift, words, marks, first_word, left_over, IMAGO_SPUR,
	                   (imago_layout){8, IMAGO_LITTLE_ENDIAN});
}

static uint32_t
shift_spur64_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                 uint32_t first_word, uint32_t *left_over)
{
	return shift_words(shift, words, marks, first_word, left_over, IMAGO_SPUR,
	                   (imago_layout){8, IMAGO_BIG_ENDIAN});
}

static uint32_t
shift_spur32_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                    uint32_t first_word, uint32_t *left_over)
{
	return shift_words(shift, words, marks, first_word, left_over, IMAGO_SPUR,
	                   (imago_layout){4, IMAGO_LITTLE_ENDIAN});
}

static uint32_t
shift_spur32_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                 uint32_t first_word, uint32_t *left_over)
{
	return shift_words(shift, words, marks, first_word, left_over, IMAGO_SPUR,
	                   (imago_layout){4, IMAGO_BIG_ENDIAN});
}

static uint32_t
shift_v3_little(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
                uint32_t first_word, uint32_t *left_over)
{
	return shift_words(shift, words, marks, first_word, left_over, IMAGO_V3,
	                   (imago_layout){4, IMAGO_LITTLE_ENDIAN});
}

static uint32_t
shift_v3_big(const imago_shift *shift, uint8_t *words, const imago_pointer_marks *marks,
             uint32_t first_word, uint32_t *left_over)
{
	return shift_words(shift, words, marks, first_word, left_over, IMAGO_V3,
	                   (imago_layout){4, IMAGO_BIG_ENDIAN});
}

imago_shift_fn *
imago_shift_scalar(const imago_heap *heap)
{
	bool little = heap->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (heap->model == IMAGO_V3) {
		return little ? shift_v3_little : shift_v3_big;
	}
	if (heap->layout.word_bytes == 8) {
		return little ? shift_spur64_little : shift_spur64_big;
	}
	return little ? shift_spur32_little : shift_spur32_big;
}
