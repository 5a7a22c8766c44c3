/* oracle_bytes.h: numbers from and to bytes, one byte at a time. */
#ifndef IMAGO_TESTS_ORACLE_BYTES_H
#define IMAGO_TESTS_ORACLE_BYTES_H

#include "oracle.h"

/* Between the files of the oracle. */
bool oracle_add_segment(oracle_image *image, oracle_segment segment);
oracle_verdict oracle_read_bundle(oracle_image *image, size_t magic_size);

static inline uint64_t
number_at(const uint8_t *at, unsigned width, bool big)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < width; i++) {
		number = number * 256 + at[big ? i : width - 1 - i];
	}
	return number;
}

static inline void
put_number(uint8_t *at, unsigned width, bool big, uint64_t number)
{
	for (unsigned i = 0; i < width; i++) {
		at[big ? width - 1 - i : i] = (uint8_t)(number & 255);
		number = number / 256;
	}
}

static inline uint64_t
word_at(const oracle_image *image, size_t position)
{
	return number_at(image->file + position, image->word, image->big);
}

/* Bits of a slot word that must be 0 in a pointer. */
static inline bool
is_pointer(const oracle_image *image, uint64_t word)
{
	return word % (image->v3 ? 2 : image->word == 8 ? 8 : 4) == 0;
}

#endif
