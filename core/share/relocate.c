/* relocate.c: the loop over marked words, once for each layout. */
#include "relocate.h"

#include "../base/planted.h"
#include "imago/byte_order.h"
#include "imago/compiler.h"

IMAGO_ALWAYS_INLINE void
relocate(uint8_t *bytes, uint64_t num_words, const uint8_t *bitmap, uint64_t delta,
         imago_layout layout)
{
	for (uint64_t first = 0; first < num_words; first += 64) {
		uint64_t marks = imago_load_u64(bitmap + first / 8, IMAGO_LITTLE_ENDIAN);
		uint8_t *words = bytes + first * layout.word_bytes;
		if (IMAGO_BUG(last_words_kept, first + 64 >= num_words && marks != 0 && delta != 0)) {
			marks = 0;
		}
		for (; marks != 0; marks &= marks - 1) {
			uint8_t *word = words + (size_t)__builtin_ctzll(marks) * layout.word_bytes;
			imago_store_word(word, imago_load_word(word, layout) + delta, layout);
		}
	}
}

void
imago_relocate_words(uint8_t *bytes, uint64_t num_words, const uint8_t *bitmap, uint64_t delta,
                     imago_layout layout)
{
	const bool wide = layout.word_bytes == 8;
	if (layout.byte_order == IMAGO_LITTLE_ENDIAN) {
		if (wide) {
			relocate(bytes, num_words, bitmap, delta, (imago_layout){8, IMAGO_LITTLE_ENDIAN});
		} else {
			relocate(bytes, num_words, bitmap, delta, (imago_layout){4, IMAGO_LITTLE_ENDIAN});
		}
	} else if (wide) {
		relocate(bytes, num_words, bitmap, delta, (imago_layout){8, IMAGO_BIG_ENDIAN});
	} else {
		relocate(bytes, num_words, bitmap, delta, (imago_layout){4, IMAGO_BIG_ENDIAN});
	}
}
