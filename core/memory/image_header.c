/* image_header.c: the format numbers and the table of header fields. */
#include "imago/image_header.h"

#include <string.h>

static const imago_format_number numbers[] = {
    {6501, IMAGO_V3, 4, false, false, false, false, "Squeak V3 32-bit, pre-release"},
    {6502, IMAGO_V3, 4, true, false, false, false, "Squeak V3 32-bit"},
    {6504, IMAGO_V3, 4, true, false, true, false, "Squeak V3 32-bit, closures"},
    {6505, IMAGO_V3, 4, true, true, true, false, "Squeak V3 32-bit, closures, platform floats"},
    {6521, IMAGO_SPUR, 4, true, true, true, false, "Spur 32-bit"},
    {7033, IMAGO_SPUR, 4, true, true, true, true, "Spur 32-bit, several bytecode sets"},
    {68000, IMAGO_V3, 8, false, false, false, false, "Squeak V3 64-bit"},
    {68002, IMAGO_V3, 8, false, false, true, false, "Squeak V3 64-bit, closures"},
    {68003, IMAGO_V3, 8, false, true, true, false, "Squeak V3 64-bit, closures, platform floats"},
    {68019, IMAGO_SPUR, 8, false, true, true, false, "Spur 64-bit, obsolete float tag"},
    {68021, IMAGO_SPUR, 8, true, true, true, false, "Spur 64-bit"},
    {68533, IMAGO_SPUR, 8, true, true, true, true, "Spur 64-bit, several bytecode sets"},
};

const imago_format_number *
imago_format_number_find(uint64_t number)
{
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (numbers[i].number == number) {
			return &numbers[i];
		}
	}
	return NULL;
}

enum { W = 0 };

static const struct {
	const char *name;
	const char *meaning;
	uint8_t width; /* 0: a word */
	size_t member;
} fields[IMAGO_NUM_HEADER_FIELDS] = {
#define IMAGO_HEADER_FIELD(member, name, width, meaning) \
	{name, meaning, width, offsetof(imago_image_header, member)},
#include "imago/image_header.def"
#undef IMAGO_HEADER_FIELD
};

imago_header_field
imago_header_field_at(size_t index, uint8_t word_bytes)
{
	return (imago_header_field){
	    .name = fields[index].name,
	    .meaning = fields[index].meaning,
	    .width = fields[index].width != W ? fields[index].width : word_bytes,
	};
}

uint64_t
imago_header_get(const imago_image_header *header, size_t index)
{
	uint64_t value;
	memcpy(&value, (const char *)header + fields[index].member, sizeof value);
	return value;
}

void
imago_header_set(imago_image_header *header, size_t index, uint64_t value)
{
	memcpy((char *)header + fields[index].member, &value, sizeof value);
}

int
imago_header_field_index(const char *name)
{
	for (int i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		if (strcmp(fields[i].name, name) == 0) {
			return i;
		}
	}
	return -1;
}
