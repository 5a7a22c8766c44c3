/* bitmap.c: creation and searches; the single-bit operations are inline. */
#include "imago/bitmap.h"

static uint64_t
num_words(uint64_t num_bits)
{
	return num_bits / 64 + (num_bits % 64 != 0);
}

imago_status
imago_bitmap_create(imago_bitmap *bitmap, uint64_t num_bits, imago_allocator *allocator,
                    imago_error *error)
{
	*bitmap = (imago_bitmap){0};
	uint64_t *words =
	    imago_allocate_array(allocator, num_words(num_bits), sizeof *words, "bitmap", error);
	if (words == NULL) {
		return IMAGO_ENOMEM;
	}
	*bitmap = (imago_bitmap){.words = words, .num_bits = num_bits};
	return IMAGO_OK;
}

void
imago_bitmap_release(imago_bitmap *bitmap, imago_allocator *allocator)
{
	imago_release(allocator, bitmap->words, num_words(bitmap->num_bits) * sizeof *bitmap->words);
	*bitmap = (imago_bitmap){0};
}

uint64_t
imago_bitmap_next(const imago_bitmap *bitmap, uint64_t bit)
{
	if (bit >= bitmap->num_bits) {
		return bitmap->num_bits;
	}
	uint64_t index = bit >> 6;
	uint64_t word = bitmap->words[index] & (UINT64_MAX << (bit & 63));
	while (word == 0) {
		if (++index == num_words(bitmap->num_bits)) {
			return bitmap->num_bits;
		}
		word = bitmap->words[index];
	}
	return index * 64 + (unsigned)__builtin_ctzll(word);
}

uint64_t
imago_bitmap_count(const imago_bitmap *bitmap)
{
	uint64_t count = 0;
	for (uint64_t i = 0; i < num_words(bitmap->num_bits); i++) {
		count += (unsigned)__builtin_popcountll(bitmap->words[i]);
	}
	return count;
}
