/* mutate_bytes.c: edits that know nothing of images. */
#include <string.h>

#include "imago/byte_order.h"
#include "mutations.h"

enum { MAX_BLOCK = 128 };

bool
mutate_bytes_flip(subject *s)
{
	if (s->size == 0) {
		return false;
	}
	s->bytes[dice_below(&s->dice, s->size)] ^= (uint8_t)(1u << dice_below(&s->dice, 8));
	return true;
}

bool
mutate_bytes_set(subject *s)
{
	if (s->size == 0) {
		return false;
	}
	uint8_t *byte = s->bytes + dice_below(&s->dice, s->size);
	const uint8_t old = *byte;
	*byte = (uint8_t)dice_nasty(&s->dice, old, 8);
	return *byte != old;
}

bool
mutate_bytes_word(subject *s)
{
	uint8_t old[8];
	const unsigned width = 2u << dice_below(&s->dice, 3);
	if (s->size < width) {
		return false;
	}
	uint8_t *bytes = s->bytes + dice_below(&s->dice, s->size - width + 1);
	const imago_byte_order order =
	    dice_one_in(&s->dice, 2) ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
	memcpy(old, bytes, width);
	if (width == 2) {
		imago_store_u16(bytes, (uint16_t)dice_nasty(&s->dice, imago_load_u16(bytes, order), 16),
		                order);
	} else if (width == 4) {
		imago_store_u32(bytes, (uint32_t)dice_nasty(&s->dice, imago_load_u32(bytes, order), 32),
		                order);
	} else {
		imago_store_u64(bytes, dice_nasty(&s->dice, imago_load_u64(bytes, order), 64), order);
	}
	return memcmp(old, bytes, width) != 0;
}

/* A block of the buffer. */
static bool
pick_block(subject *s, size_t *at, size_t *length)
{
	if (s->size < 2) {
		return false;
	}
	const size_t longest = s->size / 2 < MAX_BLOCK ? s->size / 2 : MAX_BLOCK;
	*length = 1 + (size_t)dice_below(&s->dice, longest);
	*at = (size_t)dice_below(&s->dice, s->size - *length + 1);
	return true;
}

bool
mutate_bytes_copy(subject *s)
{
	size_t from;
	size_t length;
	if (!pick_block(s, &from, &length)) {
		return false;
	}
	const size_t to = (size_t)dice_below(&s->dice, s->size - length + 1);
	const bool differ = memcmp(s->bytes + from, s->bytes + to, length) != 0;
	memmove(s->bytes + to, s->bytes + from, length);
	return differ;
}

bool
mutate_bytes_erase(subject *s)
{
	size_t at;
	size_t length;
	if (!pick_block(s, &at, &length)) {
		return false;
	}
	memmove(s->bytes + at, s->bytes + at + length, s->size - at - length);
	s->size -= length;
	return true;
}

bool
mutate_bytes_insert(subject *s)
{
	uint8_t block[MAX_BLOCK];
	size_t from = 0;
	size_t length = 1;
	const bool fresh = !pick_block(s, &from, &length) || dice_one_in(&s->dice, 2);
	if (length > s->capacity - s->size) {
		return false;
	}
	if (fresh) {
		memset(block, (int)dice_below(&s->dice, 256), length);
	} else {
		memcpy(block, s->bytes + from, length);
	}
	const size_t at = (size_t)dice_below(&s->dice, s->size + 1);
	memmove(s->bytes + at + length, s->bytes + at, s->size - at);
	memcpy(s->bytes + at, block, length);
	s->size += length;
	return true;
}
