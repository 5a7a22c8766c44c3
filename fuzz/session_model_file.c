/* session_model_file.c: where a file or a folder has its header and its objects. */
#include <stdlib.h>
#include <string.h>

#include "session_model_private.h"

enum { PREFIX = 512, BRIDGE = 16 };

static bool
known_number(session_image *image, uint64_t number)
{
	static const unsigned spur32[] = {6521, 7033}, spur64[] = {68021, 68533};
	static const unsigned v3[] = {6502, 6504, 6505};
	for (unsigned i = 0; i < 3; i++) {
		image->v3 = v3[i] == number;
		image->word = i < 2 && spur64[i] == number ? 8 : 4;
		if (image->v3 || image->word == 8 || (i < 2 && spur32[i] == number)) {
			return true;
		}
	}
	return false;
}

unsigned
session_field_width(const session_image *image, size_t field)
{
	static const unsigned widths[SESSION_NUM_FIELDS] = {4, 4, 0, 0, 0, 0, 0, 0,
	                                                    4, 2, 2, 4, 2, 2, 0, 0};
	return widths[field] == 0 ? image->word : widths[field];
}

static bool
parse_classic(session_image *image, const uint8_t *file, size_t size)
{
	size_t at = 0;
	for (;; at = PREFIX) {
		if (size < at + 128) {
			return false;
		}
		image->big = !known_number(image, session_number_at(file + at, 4, false));
		if (!image->big || known_number(image, session_number_at(file + at, 4, true))) {
			break;
		}
		if (at == PREFIX) {
			return false;
		}
	}
	size_t field_at = at;
	for (size_t i = 0; i < SESSION_NUM_FIELDS; i++) {
		unsigned width = session_field_width(image, i);
		image->fields[i] = session_number_at(file + field_at, width, image->big);
		image->has_field[i] = true;
		field_at += width;
	}
	at += (size_t)image->fields[FIELD_HEADER_SIZE];
	session_part segment = {.start = image->fields[FIELD_BASE]};
	uint64_t next = image->fields[image->v3 ? FIELD_DATA_SIZE : FIELD_FIRST_SEGMENT];
	if (!image->v3 && next == 0) {
		return false;
	}
	while (next != 0) {
		if (at > size || next > size - at || (!image->v3 && next < BRIDGE)) {
			return false;
		}
		segment.bytes = file + at;
		segment.size = (size_t)next - (image->v3 ? 0 : BRIDGE);
		if (!session_parse_part(image, &segment)) {
			return false;
		}
		at += (size_t)next;
		segment.start += next;
		next = 0;
		if (!image->v3) {
			const uint8_t *bridge = file + at - BRIDGE;
			uint64_t span = session_number_at(bridge, 8, image->big);
			next = session_number_at(bridge + 8, 8, image->big);
			segment.start +=
			    span >> 56 == 0 ? 0 : (span & UINT64_C(0xFFFFFFFFFFFFFF)) * image->word;
		}
	}
	return session_link(image);
}

/* A file in a bundle: "NAME SIZE\n" and its bytes. */
static bool
find_in_bundle(const uint8_t *bundle, size_t size, const char *name, session_part *found)
{
	static const char magic[] = "imago folder 1\n";
	size_t at = sizeof magic - 1;
	while (at < size) {
		const uint8_t *blank = memchr(bundle + at, ' ', size - at);
		const uint8_t *end = memchr(bundle + at, '\n', size - at);
		if (blank == NULL || end == NULL || blank > end) {
			return false;
		}
		uint64_t length = 0;
		for (const uint8_t *digit = blank + 1; digit < end; digit++) {
			length = length * 10 + (uint64_t)(*digit - '0');
		}
		size_t name_length = (size_t)(blank - (bundle + at));
		size_t data = (size_t)(end + 1 - bundle);
		if (length > size - data) {
			return false;
		}
		if (name_length == strlen(name) && memcmp(bundle + at, name, name_length) == 0) {
			*found = (session_part){.bytes = bundle + data, .size = (size_t)length};
			return true;
		}
		at = data + (size_t)length;
	}
	return false;
}

/* The number behind "#NAME :", as imago writes it: a signed decimal. */
static bool
find_number(const session_part *text, const char *name, uint64_t *number)
{
	char line[64];
	size_t at = 0;
	while (at < text->size) {
		size_t length = 0;
		while (at + length < text->size && text->bytes[at + length] != '\n') {
			length++;
		}
		size_t kept = length < sizeof line - 1 ? length : sizeof line - 1;
		memcpy(line, text->bytes + at, kept);
		line[kept] = '\0';
		char *mark = strchr(line, '#');
		char *colon = strstr(line, " : ");
		if (mark != NULL && colon != NULL && strlen(name) == (size_t)(colon - mark - 1) &&
		    memcmp(mark + 1, name, strlen(name)) == 0) {
			*number =
			    colon[3] == '-' ? 0 - strtoull(colon + 4, NULL, 10) : strtoull(colon + 3, NULL, 10);
			return true;
		}
		at += length + 1;
	}
	return false;
}

static bool
parse_folder_part(session_image *image, const uint8_t *bundle, size_t size, const char *stem,
                  size_t bridge)
{
	char name[32];
	session_part metadata, data;
	uint64_t start, length;
	strcpy(name, stem);
	bool found = find_in_bundle(bundle, size, strcat(name, ".ston"), &metadata);
	strcpy(name, stem);
	if (!found || !find_in_bundle(bundle, size, strcat(name, ".data"), &data) ||
	    !find_number(&metadata, "startAddress", &start) ||
	    !find_number(&metadata, "dataSize", &length) || length > data.size || length < bridge) {
		return false;
	}
	data.size = (size_t)length - bridge;
	data.start = image->word == 4 ? start & UINT32_MAX : start;
	return data.size == 0 || session_parse_part(image, &data);
}

static bool
parse_folder(session_image *image, const uint8_t *bundle, size_t size)
{
	static const char *const names[SESSION_NUM_FIELDS] = {
	    "imageFormat",
	    "imageHeaderSize",
	    "dataSize",
	    "oldBaseAddr",
	    "initialSpecialObjectsOop",
	    "hdrLastHash",
	    "savedWindowSize",
	    "headerFlags",
	    "extraVMMemory",
	    "hdrNumStackPages",
	    "hdrCogCodeSize",
	    "hdrEdenBytes",
	    "hdrMaxExtSemTabSize",
	    "imageVersion",
	    "firstSegSize",
	    "freeOldSpaceInImage",
	};
	session_part header;
	if (!find_in_bundle(bundle, size, "header.ston", &header)) {
		return false;
	}
	for (size_t i = 0; i < SESSION_NUM_FIELDS; i++) {
		image->has_field[i] = find_number(&header, names[i], &image->fields[i]);
	}
	uint8_t number[4];
	for (unsigned i = 0; i < 4; i++) {
		number[i] = (uint8_t)(image->fields[FIELD_FORMAT] >> 8 * i);
	}
	image->big = !known_number(image, session_number_at(number, 4, false));
	image->fields[FIELD_FORMAT] = session_number_at(number, 4, image->big);
	if ((image->big && !known_number(image, image->fields[FIELD_FORMAT])) || image->v3) {
		return false;
	}
	for (size_t i = 0; i < SESSION_NUM_FIELDS && image->word == 4; i++) {
		image->fields[i] &= UINT32_MAX;
	}
	for (unsigned i = 0;; i++) {
		char stem[16] = "seg";
		char digits[8] = {0};
		session_part data;
		for (unsigned rest = i, end = i < 10 ? 1 : i < 100 ? 2 : 3; end > 0; rest /= 10) {
			digits[--end] = (char)('0' + rest % 10);
		}
		strcat(stem, digits);
		char name[32] = "";
		strcat(strcat(name, stem), ".data");
		if (i == 1000 || !find_in_bundle(bundle, size, name, &data)) {
			break;
		}
		if (!parse_folder_part(image, bundle, size, stem, BRIDGE)) {
			return false;
		}
	}
	return parse_folder_part(image, bundle, size, "permSpace", 0) && session_link(image);
}

bool
session_parse(session_image *image, const uint8_t *file, size_t size)
{
	memset(image, 0, sizeof *image);
	return size > 7 && memcmp(file, "imago f", 7) == 0 ? parse_folder(image, file, size)
	                                                   : parse_classic(image, file, size);
}
