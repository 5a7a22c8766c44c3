/* utf8.c: code points from and to UTF-8. */
#include "imago/evaluate.h"

size_t
imago_utf8_next(const char *text, size_t left, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t first = left > 0 ? (uint8_t)text[0] : 0;
	const size_t size = first < 0x80   ? 1
	                    : first < 0xC2 ? 0
	                    : first < 0xE0 ? 2
	                    : first < 0xF0 ? 3
	                    : first < 0xF5 ? 4
	                                   : 0;
	if (left == 0 || size == 0 || size > left) {
		return 0;
	}
	uint32_t value = size == 1 ? first : first & (0x7FU >> size);
	for (size_t i = 1; i < size; i++) {
		if (((uint8_t)text[i] & 0xC0) != 0x80) {
			return 0;
		}
		value = value << 6 | ((uint8_t)text[i] & 0x3F);
	}
	if (value < least[size] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
		return 0;
	}
	*code = value;
	return size;
}

size_t
imago_utf8_put(char text[4], uint32_t code)
{
	if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
		code = 0xFFFD;
	}
	if (code < 0x80) {
		text[0] = (char)code;
		return 1;
	}
	const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
	for (size_t i = size - 1; i > 0; i--) {
		text[i] = (char)(0x80 | (code & 0x3F));
		code >>= 6;
	}
	text[0] = (char)(marks[size] | code);
	return size;
}
