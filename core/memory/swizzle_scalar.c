/* swizzle_scalar.c: the hot loop of swizzling in portable C, without a branch per word. */
#include "swizzle_shift.h"

/* Shifts the marked words among 64, up to the first pointer outside the range, whose index is
 * returned; or 64. */
IMAGO_ALWAYS_INLINE uint32_t
shift_row(const imago_shift *shift, uint8_t *place, uint64_t marked, uint64_t class_words,
          imago_object_model model, imago_layout layout)
{
	const uint64_t tag_mask = model == IMAGO_V3 ? 1 : layout.word_bytes == 8 ? 7 : 3;
	for (; marked != 0; marked &= marked - 1) {
		unsigned i = (unsigned)__builtin_ctzll(marked);
		uint8_t *at = place + (uint64_t)i * layout.word_bytes;
		uint64_t word = imago_load_word(at, layout);
		uint64_t is_pointer = (word & tag_mask) == 0;
		if (model == IMAGO_V3) {
			is_pointer |= class_words >> i & 1;
		}
		uint64_t inside = word - shift->start < shift->size;
		if (IMAGO_UNLIKELY((is_pointer & ~inside) != 0)) {
			return i;
		}
		imago_store_word(at, word + (shift->distance & (0 - is_pointer)), layout);
	}
	return 64;
}

/* The rest of a group in which a pointer is outside the range: shifts what is inside and returns
 * what is not. */
IMAGO_ALWAYS_INLINE uint32_t
shift_rest(const imago_shift *shift, uint8_t *place, uint32_t marked, uint64_t class_words,
           imago_object_model model, imago_layout layout)
{
	uint32_t left_over = 0;
	while (marked != 0) {
		uint32_t i = shift_row(shift, place, marked, class_words, model, layout);
		if (i == 64) {
			break;
		}
		left_over |= UINT32_C(1) << i;
		marked &= ~((UINT32_C(2) << i) - 1);
	}
	return left_over;
}

IMAGO_ALWAYS_INLINE uint32_t
shift_words(const imago_shift *shift_by, uint8_t *words, const imago_pointer_marks *marks,
            uint32_t first_word, uint32_t *left_over, imago_object_model model, imago_layout layout)
{
	const imago_shift shift = *shift_by; /* a copy: stores to the heap cannot change it */
	const uint32_t num_words = marks->num_words;
	uint32_t skipped = first_word & 63;
	for (uint32_t row = first_word / 64; row * 64 < num_words; row++) {
		uint64_t class_words = model == IMAGO_V3 ? marks->class_words[row] : 0;
		uint64_t marked = (marks->slots[row] | class_words) >> skipped << skipped;
		uint8_t *place = words + (uint64_t)row * 64 * layout.word_bytes;
		skipped = 0;
		uint32_t stop = shift_row(&shift, place, marked, class_words, model, layout);
		if (IMAGO_UNLIKELY(stop < 64)) {
			uint32_t group = stop & ~(uint32_t)(IMAGO_MARK_GROUP - 1);
			uint64_t from_stop = marked >> stop << stop;
			*left_over =
			    shift_rest(&shift, place + (uint64_t)group * layout.word_bytes,
			               from_stop >> group & 0xFFFF, class_words >> group, model, layout);
			return row * 64 + group;
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
