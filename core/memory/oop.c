/* oop.c: the tag schemes (formats/spur/spur.md §7, formats/v3/v3.md §3). */
#include "imago/oop.h"

#include "../base/planted.h"
enum {
	SPUR64_INTEGER_TAG = 1,
	SPUR64_CHARACTER_TAG = 2,
	SPUR64_FLOAT_TAG = 4,
	SPUR32_CHARACTER_TAG = 2,
};

/* A SmallFloat's 8-bit exponent counts from here; see spur.md §7. */
static const uint64_t float_exponent_offset = UINT64_C(896) << 53;

imago_oop_kind
imago_oop_kind_of(imago_tagging tagging, imago_oop oop)
{
	static const imago_oop_kind spur64[8] = {
	    IMAGO_OOP_POINTER, IMAGO_OOP_INTEGER, IMAGO_OOP_CHARACTER, IMAGO_OOP_INVALID,
	    IMAGO_OOP_FLOAT,   IMAGO_OOP_INVALID, IMAGO_OOP_INVALID,   IMAGO_OOP_INVALID,
	};
	static const imago_oop_kind spur32[4] = {
	    IMAGO_OOP_POINTER,
	    IMAGO_OOP_INTEGER,
	    IMAGO_OOP_CHARACTER,
	    IMAGO_OOP_INTEGER,
	};
	switch (tagging) {
	case IMAGO_TAGGING_SPUR64:
		return spur64[oop & 7];
	case IMAGO_TAGGING_SPUR32:
		return spur32[oop & 3];
	default:
		return (oop & 1) != 0 ? IMAGO_OOP_INTEGER : IMAGO_OOP_POINTER;
	}
}

/* Shifts a two's complement word of the given width right, keeping its sign. */
static int64_t
shift_signed(uint64_t word, unsigned width, unsigned shift)
{
	uint64_t value = word >> shift;
	uint64_t sign = UINT64_C(1) << (width - shift - 1);
	/* Subtracting the sign bit's weight twice, in unsigned arithmetic, is sign extension. */
	return (int64_t)((value ^ sign) - sign);
}

int64_t
imago_oop_integer(imago_tagging tagging, imago_oop oop)
{
	if (tagging == IMAGO_TAGGING_SPUR64) {
		return shift_signed(oop, 64, 3);
	}
	return shift_signed(oop & UINT32_MAX, 32, 1);
}

uint32_t
imago_oop_character(imago_tagging tagging, imago_oop oop)
{
	return (uint32_t)(oop >> (tagging == IMAGO_TAGGING_SPUR64 ? 3 : 2));
}

uint64_t
imago_oop_float_bits(imago_oop oop)
{
	uint64_t rotated = oop >> 3;
	if (rotated > 1) {
		rotated += float_exponent_offset;
	}
	return rotated >> 1 | rotated << 63;
}

bool
imago_oop_from_integer(imago_tagging tagging, int64_t value, imago_oop *oop)
{
	unsigned bits = tagging == IMAGO_TAGGING_SPUR64 ? 60 : 30;
	int64_t bound = INT64_C(1) << bits;
	if (value < -bound || value >= bound) {
		return false;
	}
	if (tagging == IMAGO_TAGGING_SPUR64) {
		*oop = (uint64_t)value << 3 | SPUR64_INTEGER_TAG;
	} else {
		*oop = ((uint64_t)value << 1 | 1) & UINT32_MAX;
	}
	return true;
}

bool
imago_oop_from_character(imago_tagging tagging, uint32_t code, imago_oop *oop)
{
	if (tagging == IMAGO_TAGGING_V3) {
		return false;
	}
	if (tagging == IMAGO_TAGGING_SPUR64) {
		*oop = (uint64_t)code << 3 | SPUR64_CHARACTER_TAG;
		return true;
	}
	if (code >> 30 != 0) {
		return false;
	}
	*oop = (uint64_t)code << 2 | SPUR32_CHARACTER_TAG;
	return true;
}

bool
imago_oop_from_float_bits(imago_tagging tagging, uint64_t bits, imago_oop *oop)
{
	if (tagging != IMAGO_TAGGING_SPUR64) {
		return false;
	}
	uint64_t rotated = bits << 1 | bits >> 63;
	if (rotated > 1) {
		/* Below the offset, or with too large an exponent, the eight exponent bits do not hold it.
		 */
		bool below = rotated < float_exponent_offset + 2;
		if ((!IMAGO_BUG(small_float_edge, below && rotated >= float_exponent_offset) && below) ||
		    rotated - float_exponent_offset >= UINT64_C(1) << 61) {
			return false;
		}
		rotated -= float_exponent_offset;
	}
	*oop = rotated << 3 | SPUR64_FLOAT_TAG;
	return true;
}
