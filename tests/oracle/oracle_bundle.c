/* oracle_bundle.c: image folders packed into one file (composed.md §2 to §6, folder.h), as long as
 * their texts are written the way VMs write them; anything else is declined. */
#include <stdlib.h>
#include <string.h>

#include "oracle_bytes.h"

enum { MAX_PARTS = 64, MAX_NAME = 24, MAX_FIELDS = 17 };

typedef struct part {
	char name[MAX_NAME];
	size_t at, size;
} part;

typedef struct bundle {
	const uint8_t *file;
	part parts[MAX_PARTS];
	size_t num_parts;
} bundle;

/* A number and, for the two's complement of an address, its sign. */
typedef struct value {
	uint64_t magnitude;
	bool negative;
} value;

static const part *
find_part(const bundle *b, const char *name)
{
	for (size_t i = 0; i < b->num_parts; i++) {
		if (strcmp(b->parts[i].name, name) == 0) {
			return &b->parts[i];
		}
	}
	return NULL;
}

/* "segN.data" or "segN.ston". */
static void
name_segment(char name[MAX_NAME], unsigned number, const char *extension)
{
	char digits[4] = {0};
	unsigned at = number >= 10 ? 1 : 0;
	digits[0] = (char)('0' + number / 10);
	digits[at] = (char)('0' + number % 10);
	memcpy(name, "seg", 4);
	strcat(name, digits);
	strcat(name, extension);
}

static bool
is_known_name(const char *name)
{
	static const char *const fixed[] = {"header.ston", "permSpace.ston", "permSpace.data"};
	char segment[MAX_NAME];
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(name, fixed[i]) == 0) {
			return true;
		}
	}
	for (unsigned i = 0; i < 99; i++) {
		name_segment(segment, i, ".data");
		bool data = strcmp(name, segment) == 0;
		name_segment(segment, i, ".ston");
		if (data || strcmp(name, segment) == 0) {
			return true;
		}
	}
	return false;
}

/* A decimal number without leading zeros; false when there is none, or it has over 19 digits. */
static bool
take_number(const uint8_t *text, size_t size, size_t *at, uint64_t *number)
{
	size_t start = *at;
	*number = 0;
	while (*at < size && text[*at] >= '0' && text[*at] <= '9' && *at - start < 19) {
		*number = *number * 10 + (uint64_t)(text[*at] - '0');
		(*at)++;
	}
	return *at > start && (text[start] != '0' || *at == start + 1);
}

static bool
take_text(const uint8_t *text, size_t size, size_t *at, const char *expected)
{
	size_t length = strlen(expected);
	if (length > size - *at || memcmp(text + *at, expected, length) != 0) {
		return false;
	}
	*at += length;
	return true;
}

static bool
list_parts(bundle *b, size_t size, size_t at)
{
	while (at < size) {
		part p = {.at = 0};
		uint64_t length;
		size_t n = 0;
		while (at < size && b->file[at] != ' ' && n < MAX_NAME - 1) {
			p.name[n++] = (char)b->file[at++];
		}
		if (!take_text(b->file, size, &at, " ") || !take_number(b->file, size, &at, &length) ||
		    !take_text(b->file, size, &at, "\n") || length > size - at || !is_known_name(p.name) ||
		    find_part(b, p.name) != NULL || b->num_parts == MAX_PARTS) {
			return false;
		}
		p.at = at;
		p.size = (size_t)length;
		b->parts[b->num_parts++] = p;
		at += p.size;
	}
	return true;
}

/* A record with these fields, in this order, as a VM writes it. */
static bool
take_record(const bundle *b, const part *p, const char *name, const char *const *fields,
            size_t num_fields, value *values)
{
	const uint8_t *text = b->file + p->at;
	size_t at = 0;
	if (!take_text(text, p->size, &at, name) || !take_text(text, p->size, &at, " {\n")) {
		return false;
	}
	for (size_t i = 0; i < num_fields; i++) {
		if (!take_text(text, p->size, &at, "\t#") || !take_text(text, p->size, &at, fields[i]) ||
		    !take_text(text, p->size, &at, " : ")) {
			return false;
		}
		values[i].negative = take_text(text, p->size, &at, "-");
		if (!take_number(text, p->size, &at, &values[i].magnitude) ||
		    (values[i].negative && values[i].magnitude == 0) ||
		    !take_text(text, p->size, &at, i + 1 < num_fields ? ",\n" : "\n")) {
			return false;
		}
	}
	return take_text(text, p->size, &at, "}") && at == p->size;
}

/* Addresses and bits are words: negative ones stand for their two's complement. False for what is
 * not a signed word. */
static bool
to_word(const oracle_image *image, value v, uint64_t *word)
{
	uint64_t top = UINT64_C(1) << (8 * image->word - 1);
	if (v.magnitude > (v.negative ? top : top - 1)) {
		return false;
	}
	*word = v.negative ? 2 * (top - 1) + 2 - v.magnitude : v.magnitude;
	return true;
}

/* A size or a setting. */
static bool
is_count(const oracle_image *image, value v)
{
	return !v.negative && v.magnitude < UINT64_C(1) << (8 * image->word - 1);
}

static const struct {
	const char *name;
	bool word, any;
} header_rows[MAX_FIELDS] = {
    {"dataSize", false, false},         {"hdrOldSpaceSize", false, false},
    {"oldBaseAddr", true, false},       {"initialSpecialObjectsOop", true, false},
    {"headerFlags", true, false},       {"extraVMMemory", false, false},
    {"hdrNumStackPages", false, false}, {"hdrCogCodeSize", false, false},
    {"hdrEdenBytes", false, false},     {"hdrMaxExtSemTabSize", false, false},
    {"firstSegSize", false, false},     {"freeOldSpaceInImage", false, false},
    {"swapBytes", false, true},         {"hdrLastHash", true, false},
    {"imageFormat", false, false},      {"imageHeaderSize", false, false},
    {"imageVersion", false, false},
};

enum { FIELD_SPECIAL = 3, FIELD_FLAGS = 4, FIELD_FORMAT = 14 };

/* Word size and byte order, from a number that may have its bytes reversed. */
static bool
find_layout(oracle_image *image, value format)
{
	static const unsigned numbers[] = {6521, 7033, 68021, 68533};
	uint8_t bytes[4];
	if (format.negative || format.magnitude > UINT32_MAX) {
		return false;
	}
	put_number(bytes, 4, false, format.magnitude);
	for (int big = 0; big <= 1; big++) {
		for (size_t i = 0; i < 4; i++) {
			if (number_at(bytes, 4, big != 0) == numbers[i]) {
				image->big = big != 0;
				image->word = i < 2 ? 4 : 8;
				return true;
			}
		}
	}
	return false;
}

static oracle_verdict
read_header(oracle_image *image, const bundle *b)
{
	const char *names[MAX_FIELDS];
	value values[MAX_FIELDS];
	uint64_t word = 0;
	const part *header = find_part(b, "header.ston");
	if (header == NULL) {
		return ORACLE_REFUSED;
	}
	for (size_t i = 0; i < MAX_FIELDS; i++) {
		names[i] = header_rows[i].name;
	}
	if (!take_record(b, header, "SpurImageHeaderStruct", names, MAX_FIELDS, values) ||
	    !find_layout(image, values[FIELD_FORMAT])) {
		return ORACLE_DECLINED;
	}
	for (size_t i = 0; i < MAX_FIELDS; i++) {
		bool fits = header_rows[i].any || (header_rows[i].word ? to_word(image, values[i], &word)
		                                                       : is_count(image, values[i]));
		if (!fits) {
			return ORACLE_DECLINED;
		}
		image->special_oop = i == FIELD_SPECIAL ? word : image->special_oop;
		image->low_word_first = i == FIELD_FLAGS ? (word & 2) != 0 : image->low_word_first;
	}
	return ORACLE_READ;
}

/* A pair of files: a record of two numbers, and the data. */
static oracle_verdict
read_pair(const oracle_image *image, const bundle *b, const char *record_name, uint64_t *start,
          uint64_t *size)
{
	static const char *const names[] = {"startAddress", "dataSize"};
	value values[2];
	const part *record = find_part(b, record_name);
	if (record == NULL) {
		return ORACLE_REFUSED;
	}
	if (!take_record(b, record, "ComposedMetadataStruct", names, 2, values) ||
	    !to_word(image, values[0], start) || !is_count(image, values[1])) {
		return ORACLE_DECLINED;
	}
	*size = values[1].magnitude;
	return ORACLE_READ;
}

static oracle_verdict
read_segment(oracle_image *image, const bundle *b, unsigned number, uint64_t perm_start)
{
	char name[MAX_NAME];
	uint64_t start;
	uint64_t size;
	name_segment(name, number, ".data");
	const part *data = find_part(b, name);
	name_segment(name, number, ".ston");
	oracle_verdict verdict = read_pair(image, b, name, &start, &size);
	if (verdict != ORACLE_READ) {
		return verdict;
	}
	const oracle_segment *last =
	    image->num_segments > 0 ? &image->segments[image->num_segments - 1] : NULL;
	if (size < 32 || size % 8 != 0 || size > data->size || start == 0 || start % 8 != 0 ||
	    start >= perm_start || size > perm_start - start ||
	    (last != NULL && start < last->start + last->size + 16)) {
		return ORACLE_REFUSED;
	}
	return oracle_add_segment(image, (oracle_segment){start, data->at, size - 16})
	           ? ORACLE_READ
	           : ORACLE_DECLINED;
}

static oracle_verdict
read_perm_space(oracle_image *image, const bundle *b, uint64_t perm_start)
{
	uint64_t start;
	uint64_t size;
	const part *data = find_part(b, "permSpace.data");
	if (find_part(b, "permSpace.ston") == NULL) {
		return ORACLE_READ;
	}
	oracle_verdict verdict = read_pair(image, b, "permSpace.ston", &start, &size);
	if (verdict != ORACLE_READ) {
		return verdict;
	}
	if (start != perm_start) {
		return ORACLE_REFUSED;
	}
	if (size == 0) {
		return ORACLE_READ;
	}
	if (data == NULL || size < 16 || size % 8 != 0 || size > data->size ||
	    (image->word == 4 && size > (UINT64_C(1) << 32) - start)) {
		return ORACLE_REFUSED;
	}
	return oracle_add_segment(image, (oracle_segment){start, data->at, size}) ? ORACLE_READ
	                                                                          : ORACLE_DECLINED;
}

oracle_verdict
oracle_read_bundle(oracle_image *image, size_t magic_size)
{
	bundle b = {.file = image->file};
	char name[MAX_NAME];
	if (!list_parts(&b, image->size, magic_size)) {
		return ORACLE_DECLINED;
	}
	oracle_verdict verdict = read_header(image, &b);
	uint64_t perm_start = image->word == 8 ? UINT64_C(1) << 41 : UINT64_C(1) << 31;
	if (verdict == ORACLE_READ && find_part(&b, "seg0.data") == NULL) {
		return ORACLE_REFUSED;
	}
	for (unsigned i = 0; i < 99 && verdict == ORACLE_READ; i++) {
		name_segment(name, i, ".data");
		if (find_part(&b, name) == NULL) {
			break;
		}
		verdict = read_segment(image, &b, i, perm_start);
	}
	return verdict == ORACLE_READ ? read_perm_space(image, &b, perm_start) : verdict;
}
