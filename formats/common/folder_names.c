/* folder_names.c: names of an image folder, to and from places. */
#include "folder_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const fixed_names[IMAGO_PLACE_SEGMENTS] = {
    [IMAGO_PLACE_HEADER] = "header.ston",
    [IMAGO_PLACE_PERM_METADATA] = "permSpace.ston",
    [IMAGO_PLACE_PERM_DATA] = "permSpace.data",
};

/* The digits of a segment number: at least one, no leading zero. Counts no further than
 * IMAGO_MAX_SEGMENTS, however many follow. */
static const char *
scan_number(const char *text, uint32_t *number)
{
	const char *digit = text;
	*number = 0;
	while (*digit >= '0' && *digit <= '9') {
		uint32_t next = *number * 10 + (uint32_t)(*digit - '0');
		*number = next < IMAGO_MAX_SEGMENTS ? next : IMAGO_MAX_SEGMENTS;
		digit++;
	}
	if (digit == text || (*text == '0' && digit != text + 1)) {
		return NULL;
	}
	return digit;
}

static imago_name_kind
place_of_fixed(const char *name, uint32_t *place)
{
	for (uint32_t i = 0; i < IMAGO_PLACE_SEGMENTS; i++) {
		if (strcmp(name, fixed_names[i]) == 0) {
			*place = i;
			return IMAGO_NAME_OWN;
		}
	}
	return IMAGO_NAME_FOREIGN;
}

imago_name_kind
imago_folder_place(const char *name, uint32_t *place)
{
	if (strncmp(name, "seg", 3) != 0) {
		return place_of_fixed(name, place);
	}
	uint32_t number;
	const char *extension = scan_number(name + 3, &number);
	if (extension == NULL) {
		return IMAGO_NAME_FOREIGN;
	}
	bool is_data = strcmp(extension, ".data") == 0;
	if (!is_data && strcmp(extension, ".ston") != 0) {
		return IMAGO_NAME_FOREIGN;
	}
	if (number == IMAGO_MAX_SEGMENTS) {
		return IMAGO_NAME_TOO_HIGH;
	}
	*place = is_data ? imago_place_of_data(number) : imago_place_of_metadata(number);
	return IMAGO_NAME_OWN;
}

void
imago_folder_name(uint32_t place, char name[IMAGO_PART_SIZE])
{
	if (place < IMAGO_PLACE_SEGMENTS) {
		memcpy(name, fixed_names[place], strlen(fixed_names[place]) + 1);
		return;
	}
	uint32_t number = (place - IMAGO_PLACE_SEGMENTS) / 2;
	bool is_data = (place - IMAGO_PLACE_SEGMENTS) % 2 == 1;
	snprintf(name, IMAGO_PART_SIZE, "seg%u.%s", (unsigned)number, is_data ? "data" : "ston");
}
