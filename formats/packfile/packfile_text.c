/* packfile_text.c: characters of strings in all encodings (packfile.md §5). */
#include "packfile_private.h"

const char *
imago_packfile_encoding_name(uint64_t encoding)
{
	static const char *const names[IMAGO_NUM_ENCODINGS] = {
	    [IMAGO_ENCODING_ASCII] = "ascii",   [IMAGO_ENCODING_LATIN1] = "latin1",
	    [IMAGO_ENCODING_BINARY] = "binary", [IMAGO_ENCODING_UTF8] = "utf8",
	    [IMAGO_ENCODING_UTF16] = "utf16",   [IMAGO_ENCODING_UCS2] = "ucs2",
	    [IMAGO_ENCODING_UCS4] = "ucs4",
	};
	return encoding < IMAGO_NUM_ENCODINGS ? names[encoding] : "?";
}

static bool
is_surrogate(uint32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdfff;
}

/* The bytes of a UTF-8 character of which lead is the first; 0: none begins so. */
static unsigned
utf8_length(uint8_t lead)
{
	if (lead < 0x80) {
		return 1;
	}
	if (lead < 0xc2 || lead > 0xf4) {
		return 0;
	}
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The length of the character, or 0. */
static unsigned
take_utf8(const uint8_t *bytes, uint64_t rest, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned length = utf8_length(bytes[0]);
	if (length == 0 || length > rest) {
		return 0;
	}
	uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
	for (unsigned i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			return 0;
		}
		value = value << 6 | (bytes[i] & 0x3fu);
	}
	*character = value;
	return value >= least[length] && value <= 0x10ffff && !is_surrogate(value) ? length : 0;
}

static unsigned
take_utf16(const uint8_t *bytes, uint64_t rest, imago_byte_order order, bool pairs,
           uint32_t *character)
{
	if (rest < 2) {
		return 0;
	}
	const uint32_t first = imago_load_u16(bytes, order);
	*character = first;
	if (!is_surrogate(first)) {
		return 2;
	}
	if (!pairs || first >= 0xdc00 || rest < 4) {
		return 0;
	}
	const uint32_t second = imago_load_u16(bytes + 2, order);
	if (second < 0xdc00 || second > 0xdfff) {
		return 0;
	}
	*character = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
	return 4;
}

static unsigned
take_ucs4(const uint8_t *bytes, uint64_t rest, imago_byte_order order, uint32_t *character)
{
	if (rest < 4) {
		return 0;
	}
	*character = imago_load_u32(bytes, order);
	return *character <= 0x10ffff && !is_surrogate(*character) ? 4 : 0;
}

bool
imago_packfile_next_character(const imago_packfile *packfile, const imago_packfile_string *string,
                              uint64_t *position, uint32_t *character)
{
	if (string->bytes == NULL || *position >= string->length) {
		return false;
	}
	const uint8_t *bytes = string->bytes + *position;
	const uint64_t rest = string->length - *position;
	const imago_byte_order order = packfile->layout.byte_order;
	unsigned length = 1;
	*character = bytes[0];
	switch (imago_packfile_encoding_of(string)) {
	case IMAGO_ENCODING_ASCII:
		length = bytes[0] < 0x80 ? 1 : 0;
		break;
	case IMAGO_ENCODING_UTF8:
		length = take_utf8(bytes, rest, character);
		break;
	case IMAGO_ENCODING_UTF16:
		length = take_utf16(bytes, rest, order, true, character);
		break;
	case IMAGO_ENCODING_UCS2:
		length = take_utf16(bytes, rest, order, false, character);
		break;
	case IMAGO_ENCODING_UCS4:
		length = take_ucs4(bytes, rest, order, character);
		break;
	default:
		break;
	}
	*position += length;
	return length > 0;
}
