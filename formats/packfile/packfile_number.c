/* packfile_number.c: numbers of all forms, exactly (packfile.md §5).
 *
 * A number is taken apart into sign, significand and power of two, and put together in another form
 * only where that has the very same value. The host's own long double is never used.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "packfile_private.h"

enum {
	DOUBLE_BITS = 53,
	X87_BITS = 64,
	QUAD_BITS = 113,
	SIGNIFICAND_BITS = 128,
};

/* Where a binary format has its exponents: value = significand * 2 ^ (exponent field - bias), with
 * the significand as an integer of so many bits; field 0 means 1 without the leading bit. */
typedef struct binary_format {
	int bits;
	int32_t bias; /* of bit 0 */
	int32_t most; /* the field of infinities and NaNs */
} binary_format;

static const binary_format double_format = {DOUBLE_BITS, 1023 + 52, 0x7ff};
static const binary_format x87_format = {X87_BITS, 16383 + 63, 0x7fff};
static const binary_format quad_format = {QUAD_BITS, 16383 + 112, 0x7fff};

const char *
imago_number_form_name(imago_number_form form)
{
	static const char *const names[IMAGO_NUM_NUMBER_FORMS] = {
	    [IMAGO_NUMBER_AUTO] = "auto",
	    [IMAGO_NUMBER_DOUBLE] = "double",
	    [IMAGO_NUMBER_X87] = "x87",
	    [IMAGO_NUMBER_QUAD] = "quad",
	    [IMAGO_NUMBER_DOUBLE_DOUBLE] = "double-double",
	};
	return (size_t)form < IMAGO_NUM_NUMBER_FORMS ? names[form] : "?";
}

/* Significands of 128 bits. */
static void
shift_left(packfile_number *number, unsigned bits)
{
	if (bits >= 64) {
		number->high = number->low << (bits - 64);
		number->low = 0;
	} else if (bits > 0) {
		number->high = number->high << bits | number->low >> (64 - bits);
		number->low <<= bits;
	}
	number->exponent -= (int32_t)bits;
}

static void
shift_right(packfile_number *number, unsigned bits)
{
	if (bits >= 64) {
		number->low = number->high >> (bits - 64);
		number->high = 0;
	} else if (bits > 0) {
		number->low = number->low >> bits | number->high << (64 - bits);
		number->high >>= bits;
	}
	number->exponent += (int32_t)bits;
}

/* Bits up to the highest one that is set; 0: none is. */
static unsigned
num_bits(const packfile_number *number)
{
	if (number->high != 0) {
		return SIGNIFICAND_BITS - (unsigned)__builtin_clzll(number->high);
	}
	return number->low != 0 ? 64 - (unsigned)__builtin_clzll(number->low) : 0;
}

static unsigned
num_trailing_zeros(const packfile_number *number)
{
	return number->low != 0 ? (unsigned)__builtin_ctzll(number->low)
	                        : 64 + (unsigned)__builtin_ctzll(number->high);
}

/* From the fields of a binary format; the significand has its leading bit. */
static void
take(packfile_number *number, const binary_format *format, bool negative, int32_t field,
     uint64_t high, uint64_t low)
{
	*number = (packfile_number){
	    .kind = PACKFILE_NUMBER_FINITE,
	    .negative = negative,
	    .exponent = (field > 0 ? field : 1) - format->bias,
	    .high = high,
	    .low = low,
	};
	if (field == format->most) {
		/* The fraction alone, from the top down: a payload keeps its place in any form. */
		shift_left(number, (unsigned)(SIGNIFICAND_BITS - format->bits + 1));
		number->exponent = 0;
		number->kind = num_bits(number) == 0 ? PACKFILE_NUMBER_INFINITE : PACKFILE_NUMBER_NAN;
	} else if ((high | low) == 0) {
		number->kind = PACKFILE_NUMBER_ZERO;
		number->exponent = 0;
	}
}

static void
decode_double(packfile_number *number, const uint8_t *bytes, imago_byte_order order)
{
	const uint64_t bits = imago_load_u64(bytes, order);
	const int32_t field = (int32_t)(bits >> 52 & 0x7ff);
	const uint64_t leading = field > 0 ? (uint64_t)1 << 52 : 0;
	take(number, &double_format, bits >> 63 != 0, field, 0,
	     (bits & (((uint64_t)1 << 52) - 1)) | leading);
}

/* Ten bytes, little-endian in any file. */
static void
decode_x87(packfile_number *number, const uint8_t *bytes)
{
	const uint16_t head = imago_load_u16(bytes + 8, IMAGO_LITTLE_ENDIAN);
	take(number, &x87_format, head >> 15 != 0, head & 0x7fff, 0,
	     imago_load_u64(bytes, IMAGO_LITTLE_ENDIAN));
}

static void
decode_quad(packfile_number *number, const uint8_t *bytes, imago_byte_order order)
{
	const bool little = order == IMAGO_LITTLE_ENDIAN;
	const uint64_t head = imago_load_u64(bytes + (little ? 8 : 0), order);
	const int32_t field = (int32_t)(head >> 48 & 0x7fff);
	const uint64_t leading = field > 0 ? (uint64_t)1 << 48 : 0;
	take(number, &quad_format, head >> 63 != 0, field, (head & (((uint64_t)1 << 48) - 1)) | leading,
	     imago_load_u64(bytes + (little ? 0 : 8), order));
}

/* Adds a smaller number; false where 128 bits cannot hold what lies between the highest and the
 * lowest one, or the smaller number is the larger. */
static bool
add(packfile_number *sum, const packfile_number *part)
{
	const int32_t distance = sum->exponent - part->exponent;
	if (distance < 0 || distance > SIGNIFICAND_BITS - DOUBLE_BITS - 1) {
		return false;
	}
	shift_left(sum, (unsigned)distance);
	if (sum->negative == part->negative) {
		const uint64_t low = sum->low + part->low;
		sum->high += low < sum->low;
		sum->low = low;
		return true;
	}
	if (sum->high == 0 && sum->low <= part->low) {
		return false;
	}
	sum->high -= sum->low < part->low;
	sum->low -= part->low;
	return true;
}

/* False for what is no number: a second half that is not finite, or not small. What else no
 * addition gives is noticed when the number is put together again, and differs. */
static bool
decode_double_double(packfile_number *number, const uint8_t *bytes, imago_byte_order order)
{
	packfile_number low;
	decode_double(number, bytes, order);
	decode_double(&low, bytes + 8, order);
	if (number->kind != PACKFILE_NUMBER_FINITE || low.kind == PACKFILE_NUMBER_ZERO) {
		return true;
	}
	if (low.kind != PACKFILE_NUMBER_FINITE) {
		return false;
	}
	shift_right(&low, num_trailing_zeros(&low));
	return add(number, &low);
}

bool
imago_packfile_decode_number(packfile_number *number, const uint8_t *bytes, imago_number_form form,
                             imago_byte_order order)
{
	switch (form) {
	case IMAGO_NUMBER_X87:
		decode_x87(number, bytes);
		return true;
	case IMAGO_NUMBER_QUAD:
		decode_quad(number, bytes, order);
		return true;
	case IMAGO_NUMBER_DOUBLE_DOUBLE:
		return decode_double_double(number, bytes, order);
	default:
		decode_double(number, bytes, order);
		return true;
	}
}

/* Brings a number into a format's fields; false where it does not fit. */
static bool
fit(packfile_number *number, const binary_format *format, int32_t *field)
{
	const unsigned spare = (unsigned)(SIGNIFICAND_BITS - format->bits + 1);
	switch (number->kind) {
	case PACKFILE_NUMBER_ZERO:
		*field = 0;
		return true;
	case PACKFILE_NUMBER_INFINITE:
		*field = format->most;
		return true;
	case PACKFILE_NUMBER_NAN:
		*field = format->most;
		if (num_trailing_zeros(number) < spare) {
			return false;
		}
		shift_right(number, spare);
		return true;
	default:
		break;
	}
	shift_right(number, num_trailing_zeros(number));
	const int32_t bits = (int32_t)num_bits(number);
	/* The lowest exponent of bit 0 that there is, and the one that fills the significand. */
	const int32_t least = 1 - format->bias;
	int32_t wanted = number->exponent + bits - format->bits;
	wanted = wanted < least ? least : wanted;
	if (bits > format->bits || number->exponent < wanted) {
		return false;
	}
	*field = wanted + format->bias;
	shift_left(number, (unsigned)(number->exponent - wanted));
	if ((int32_t)num_bits(number) < format->bits) {
		*field = 0;
	}
	return *field < format->most;
}

static bool
encode_double(packfile_number number, uint8_t *bytes, imago_byte_order order)
{
	int32_t field;
	if (!fit(&number, &double_format, &field)) {
		return false;
	}
	imago_store_u64(bytes,
	                (uint64_t)number.negative << 63 | (uint64_t)field << 52 |
	                    (number.low & (((uint64_t)1 << 52) - 1)),
	                order);
	return true;
}

static bool
encode_x87(packfile_number number, uint8_t *bytes, uint8_t size)
{
	int32_t field;
	if (!fit(&number, &x87_format, &field)) {
		return false;
	}
	if (field == x87_format.most) {
		number.low |=
		    (uint64_t)1 << 63; /* the leading bit is written, also where it says nothing */
	}
	memset(bytes, 0, size);
	imago_store_u64(bytes, number.low, IMAGO_LITTLE_ENDIAN);
	imago_store_u16(bytes + 8, (uint16_t)(number.negative << 15 | field), IMAGO_LITTLE_ENDIAN);
	return true;
}

static bool
encode_quad(packfile_number number, uint8_t *bytes, imago_byte_order order)
{
	const bool little = order == IMAGO_LITTLE_ENDIAN;
	int32_t field;
	if (!fit(&number, &quad_format, &field)) {
		return false;
	}
	imago_store_u64(bytes + (little ? 8 : 0),
	                (uint64_t)number.negative << 63 | (uint64_t)field << 48 |
	                    (number.high & (((uint64_t)1 << 48) - 1)),
	                order);
	imago_store_u64(bytes + (little ? 0 : 8), number.low, order);
	return true;
}

/* The nearest double, halves to even; an infinity where the largest one is far below. */
static double
nearest_double(packfile_number number)
{
	const double sign = number.negative ? -1.0 : 1.0;
	switch (number.kind) {
	case PACKFILE_NUMBER_ZERO:
		return sign * 0.0;
	case PACKFILE_NUMBER_INFINITE:
		return sign * (double)INFINITY;
	case PACKFILE_NUMBER_NAN:
		return (double)NAN;
	default:
		break;
	}
	shift_left(&number, SIGNIFICAND_BITS - num_bits(&number));
	/* Bits of the upper half that are cut off: more where doubles have fewer. */
	int32_t cut = 64 - DOUBLE_BITS;
	const int32_t least = 1 - double_format.bias;
	if (number.exponent + 64 + cut < least) {
		cut = least - number.exponent - 64;
	}
	if (cut > 64) {
		return sign * 0.0;
	}
	const uint64_t half = (uint64_t)1 << (cut - 1);
	uint64_t kept = cut < 64 ? number.high >> cut : 0;
	const uint64_t off = number.high & (half | (half - 1));
	if (off > half || (off == half && (number.low != 0 || (kept & 1) != 0))) {
		kept++;
	}
	/* Far beyond either end ldexp need not be told how far. */
	const int32_t power = number.exponent + 64 + cut;
	return sign * ldexp((double)kept, power < 4096 ? power : 4096);
}

/* The larger half is the nearest double; what is left must be one, too. */
static bool
encode_double_double(packfile_number number, uint8_t *bytes, imago_byte_order order)
{
	const double nearest = nearest_double(number);
	uint64_t bits;
	memcpy(&bits, &nearest, sizeof bits);
	memset(bytes, 0, 16);
	if (number.kind != PACKFILE_NUMBER_FINITE) {
		return encode_double(number, bytes, order);
	}
	imago_store_u64(bytes, bits, order);
	packfile_number high;
	decode_double(&high, bytes, order);
	if (high.kind != PACKFILE_NUMBER_FINITE) {
		return false;
	}
	/* Room for a nearest double that is the next power of two. */
	shift_right(&number, num_trailing_zeros(&number));
	if (num_bits(&number) >= SIGNIFICAND_BITS) {
		return false;
	}
	shift_left(&number, SIGNIFICAND_BITS - 1 - num_bits(&number));
	shift_left(&high, (unsigned)(high.exponent - number.exponent));
	if (high.high > number.high || (high.high == number.high && high.low > number.low)) {
		const packfile_number larger = high;
		high = number;
		number = larger;
		number.negative = !number.negative;
	}
	const bool borrow = number.low < high.low;
	number.low -= high.low;
	number.high -= high.high + borrow;
	return (number.high | number.low) == 0 || encode_double(number, bytes + 8, order);
}

bool
imago_packfile_encode_number(const packfile_number *number, uint8_t *bytes, uint8_t size,
                             imago_number_form form, imago_byte_order order)
{
	switch (form) {
	case IMAGO_NUMBER_X87:
		return encode_x87(*number, bytes, size);
	case IMAGO_NUMBER_QUAD:
		return encode_quad(*number, bytes, order);
	case IMAGO_NUMBER_DOUBLE_DOUBLE:
		return encode_double_double(*number, bytes, order);
	default:
		return encode_double(*number, bytes, order);
	}
}

bool
imago_packfile_number(const imago_packfile *packfile, const imago_packfile_constants *constants,
                      uint64_t index, double *number)
{
	packfile_number exact;
	if (!imago_packfile_decode_number(
	        &exact, packfile->bytes + constants->numbers + index * packfile->number_stride,
	        packfile->number_form, packfile->layout.byte_order)) {
		return false;
	}
	*number = nearest_double(exact);
	return exact.kind != PACKFILE_NUMBER_FINITE || !isinf(*number);
}

void
imago_packfile_number_text(double number, char *text, size_t size)
{
	if (isnan(number)) {
		snprintf(text, size, "NaN");
	} else if (isinf(number)) {
		snprintf(text, size, number < 0 ? "-Inf" : "Inf");
	} else {
		snprintf(text, size, "%.15g", number);
	}
}
