/* oracle_read.c: reading a file and walking its objects, one word at a time. */
#include <stdlib.h>
#include <string.h>

#include "oracle_bytes.h"

uint64_t
oracle_slot(const oracle_image *image, const oracle_object *object, uint64_t index)
{
	return word_at(image, object->body_at + (size_t)index * image->word);
}

typedef struct number_row {
	unsigned number, word;
	bool v3, supported;
} number_row;

static const number_row *
known_number(uint64_t number)
{
	static const number_row rows[] = {
	    {6502, 4, true, true},   {6504, 4, true, true},   {6505, 4, true, true},
	    {6521, 4, false, true},  {7033, 4, false, true},  {68021, 8, false, true},
	    {68533, 8, false, true}, {6501, 4, true, false},  {68000, 8, true, false},
	    {68002, 8, true, false}, {68003, 8, true, false}, {68019, 8, false, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].number == number) {
			return &rows[i];
		}
	}
	return NULL;
}

/* Finds the header: at the file's start, or behind 512 bytes; the first known number decides. */
static bool
find_header(oracle_image *image)
{
	for (size_t start = 0; start <= 512; start += 512) {
		for (int big = 0; big <= 1; big++) {
			const number_row *row = NULL;
			if (image->size >= start + 4) {
				row = known_number(number_at(image->file + start, 4, big != 0));
			}
			if (row != NULL) {
				image->header = start;
				image->big = big != 0;
				image->word = row->word;
				image->v3 = row->v3;
				return row->supported;
			}
		}
	}
	return false;
}

static bool
add_object(oracle_image *image, oracle_object object)
{
	size_t bytes = (image->num_objects + 1) * sizeof object;
	if ((image->num_objects & (image->num_objects - 1)) == 0) {
		oracle_object *more = realloc(image->objects, 2 * bytes);
		if (more == NULL) {
			return false;
		}
		image->objects = more;
	}
	image->objects[image->num_objects++] = object;
	return true;
}

static bool
is_integer(const oracle_image *image, uint64_t word)
{
	return image->word == 8 ? word % 8 == 1 : word % 2 == 1;
}

/* A header that is no integer announces none. */
static uint64_t
num_literals(const oracle_image *image, const oracle_object *method)
{
	uint64_t header = oracle_slot(image, method, 0);
	if (!is_integer(image, header)) {
		return 0;
	}
	if (image->v3 && header < UINT64_C(0x80000000)) {
		return header / 2 / 512 % 256;
	}
	return (image->word == 8 ? header / 8 : header / 2) % 32768;
}

static bool
is_invalid_format(const oracle_image *image, unsigned format)
{
	if (image->v3) {
		return format == 5 || format == 7;
	}
	if (format >= 6 && format <= 8) {
		return true;
	}
	/* What 32 bits have no use for. */
	return image->word == 4 && (format == 11 || format == 14 || format == 15 ||
	                            (format >= 20 && format <= 23) || format >= 28);
}

/* What a format means: the body, its unit, and bytes unused at its end. */
static void
interpret_format(const oracle_image *image, oracle_object *object)
{
	unsigned format = object->format;
	uint64_t unused = 0;
	unsigned code = image->v3 ? 12 : 24;
	unsigned bytes = image->v3 ? 8 : 16;
	object->body = ORACLE_UNITS;
	object->unit = 8;
	/* NOLINTNEXTLINE(bugprone-branch-clone): the order of the questions is the document's */
	if (object->free) {
		object->num_oops = 0;
	} else if (!image->v3 && object->cls == 8) { /* a forwarder, whatever its format */
		object->body = ORACLE_OOPS;
		object->num_oops = 1;
	} else if (is_invalid_format(image, format)) {
		object->num_oops = 0;
	} else if (format < 6 && (format < 5 || !image->v3)) {
		object->body = ORACLE_OOPS;
		object->num_oops = object->num_slots;
	} else if (format >= code) {
		object->body = ORACLE_CODE;
		object->unit = 1;
		unused = image->v3 ? format % 4 : format % 8;
		object->num_oops = object->num_slots == 0 ? 0 : 1 + num_literals(image, object);
	} else if (format >= bytes) {
		object->unit = 1;
		unused = image->v3 ? format % 4 : format % 8;
	} else if (image->v3) {
		object->unit = 4;
	} else if (format >= 12) {
		object->unit = 2;
		unused = UINT64_C(2) * (format % 4);
	} else if (format >= 10) {
		object->unit = 4;
		unused = UINT64_C(4) * (format % 2);
	}
	object->num_bytes = object->num_slots * image->word;
	object->num_bytes -= unused < object->num_bytes ? unused : object->num_bytes;
	if (object->num_oops > object->num_slots) {
		object->num_oops = object->num_slots;
	}
}

static uint64_t
address_of(const oracle_segment *segment, size_t position)
{
	return segment->start + (position - segment->position);
}

/* The object whose first header word is at a position; *next is behind it. */
static bool
parse_spur_object(const oracle_image *image, const oracle_segment *segment, size_t at,
                  oracle_object *object, size_t *next)
{
	const size_t end = segment->position + (size_t)segment->size;
	memset(object, 0, sizeof *object);
	if (end - at < 8) {
		return false;
	}
	uint64_t header = number_at(image->file + at, 8, image->big);
	object->num_slots = header >> 56;
	if (object->num_slots == 255) {
		object->num_slots = header & UINT64_C(0xFFFFFFFFFFFFFF);
		at += 8;
		if (end - at < 8) {
			return false;
		}
		header = number_at(image->file + at, 8, image->big);
		if (header >> 56 != 255) {
			return false;
		}
	}
	uint64_t body = (object->num_slots * image->word + 7) / 8 * 8;
	body = body == 0 ? 8 : body;
	if (body > end - at - 8) {
		return false;
	}
	object->position = at;
	object->address = address_of(segment, at);
	object->cls = header & 0x3FFFFF;
	object->free = object->cls == 0;
	object->format = header >> 24 & 31;
	object->hash = header >> 32 & 0x3FFFFF;
	object->immutable = (header >> 23 & 1) != 0;
	object->body_at = at + 8;
	interpret_format(image, object);
	*next = at + 8 + (size_t)body;
	return true;
}

static bool
parse_v3_object(const oracle_image *image, const oracle_segment *segment, size_t at,
                oracle_object *object, size_t *next)
{
	const size_t end = segment->position + (size_t)segment->size;
	memset(object, 0, sizeof *object);
	if (end - at < 4) {
		return false;
	}
	uint64_t first = word_at(image, at);
	unsigned type = first & 3;
	size_t extra = type == 0 ? 8 : type == 1 ? 4 : 0;
	if (end - at < extra + 4) {
		return false;
	}
	for (size_t i = 0; i <= extra; i += 4) {
		if ((word_at(image, at + i) & 3) != type) {
			return false;
		}
	}
	uint64_t base = word_at(image, at + extra);
	uint64_t size = type == 0 ? first : type == 2 ? first - 2 : base & 0xFC;
	if (size < 4 || size > end - at - extra) {
		return false;
	}
	object->position = at + extra;
	object->address = address_of(segment, object->position);
	object->free = type == 2;
	object->cls = base >> 12 & 31;
	if (extra != 0) {
		object->cls = word_at(image, at + extra - 4) / 4 * 4;
		object->cls_is_address = true;
	}
	object->format = base >> 8 & 15;
	object->hash = base >> 17 & 0xFFF;
	object->immutable = (base >> 29 & 1) != 0;
	object->body_at = object->position + 4;
	object->num_slots = size / 4 - 1;
	interpret_format(image, object);
	*next = object->position + (size_t)size;
	return true;
}

bool
oracle_add_segment(oracle_image *image, oracle_segment segment)
{
	oracle_segment *more = realloc(image->segments, (image->num_segments + 1) * sizeof segment);
	if (more == NULL || image->num_segments == 65536) {
		image->segments = more != NULL ? more : image->segments;
		return false;
	}
	image->segments = more;
	image->segments[image->num_segments++] = segment;
	return true;
}

/* The objects of all segments, in order. */
static bool
walk(oracle_image *image)
{
	for (size_t i = 0; i < image->num_segments; i++) {
		const oracle_segment *segment = &image->segments[i];
		size_t at = segment->position;
		while (at < segment->position + (size_t)segment->size) {
			oracle_object object;
			bool good = image->v3 ? parse_v3_object(image, segment, at, &object, &at)
			                      : parse_spur_object(image, segment, at, &object, &at);
			if (!good || !add_object(image, object)) {
				return false;
			}
		}
	}
	return true;
}

/* The one segment of a V3 file. */
static bool
read_v3_segment(oracle_image *image, uint64_t start, uint64_t data_size)
{
	return data_size >= 4 && data_size % 4 == 0 && start % 4 == 0 &&
	       start <= (UINT64_C(1) << 32) - data_size &&
	       oracle_add_segment(image, (oracle_segment){start, image->heap, data_size});
}

/* The chain of segments: each ends in a bridge that tells of the next. */
static bool
read_spur_segments(oracle_image *image, uint64_t start, uint64_t data_size)
{
	/* A heap of 64 bits ends one byte before its addresses do. */
	const uint64_t limit = image->word == 8 ? UINT64_MAX : UINT64_C(1) << 32;
	uint64_t next = word_at(image, image->header + (image->word == 8 ? 72 : 48));
	size_t at = image->heap;
	if (start == 0 || start % 8 != 0) {
		return false;
	}
	do {
		uint64_t left = data_size - (at - image->heap);
		if (next < 32 || next % 8 != 0 || next > left || next > limit - start ||
		    !oracle_add_segment(image, (oracle_segment){start, at, next - 16})) {
			return false;
		}
		const uint8_t *bridge = image->file + at + next - 16;
		uint64_t span = number_at(bridge, 8, image->big);
		uint64_t gap = span >> 56 == 0 ? 0 : (span & UINT64_C(0xFFFFFFFFFFFFFF)) * image->word;
		start += next;
		at += (size_t)next;
		next = number_at(bridge + 8, 8, image->big);
		if (span >> 56 != 0 && span >> 56 != 255) {
			return false;
		}
		if (next != 0 && (gap > limit - start || gap % 8 != 0)) {
			return false;
		}
		start += gap;
	} while (next != 0);
	return true;
}

static bool
read_header_and_segments(oracle_image *image)
{
	if (!find_header(image)) {
		return false;
	}
	const unsigned w = image->word;
	const size_t at = image->header;
	const uint64_t end_of_fields = w == 8 ? 88 : 56;
	const uint64_t left = image->size - at;
	if (left < end_of_fields) {
		return false;
	}
	uint64_t header_size = number_at(image->file + at + 4, 4, image->big);
	if (header_size < end_of_fields || header_size > 65536 || header_size > left ||
	    header_size % (image->v3 ? 4 : 8) != 0) {
		return false;
	}
	image->heap = at + (size_t)header_size;
	uint64_t data_size = word_at(image, at + 8);
	uint64_t start = word_at(image, at + 8 + w);
	image->special_oop = word_at(image, at + 8 + (size_t)2 * w);
	image->low_word_first = (word_at(image, at + 8 + (size_t)5 * w) & 2) != 0;
	if (data_size > image->size - image->heap) {
		return false;
	}
	return image->v3 ? read_v3_segment(image, start, data_size)
	                 : read_spur_segments(image, start, data_size);
}

oracle_verdict
oracle_read(oracle_image *image, const uint8_t *file, size_t size)
{
	static const char magic[] = "imago folder 1\n";
	const size_t magic_size = sizeof magic - 1;
	memset(image, 0, sizeof *image);
	image->file = file;
	image->size = size;
	oracle_verdict verdict;
	if (size >= magic_size && memcmp(file, magic, magic_size) == 0) {
		verdict = oracle_read_bundle(image, magic_size);
	} else {
		verdict = read_header_and_segments(image) ? ORACLE_READ : ORACLE_REFUSED;
	}
	if (verdict == ORACLE_READ && !walk(image)) {
		verdict = ORACLE_REFUSED;
	}
	if (verdict != ORACLE_READ) {
		oracle_release(image);
	}
	return verdict;
}

bool
oracle_parse(oracle_image *image, const uint8_t *file, size_t size)
{
	return oracle_read(image, file, size) == ORACLE_READ;
}

void
oracle_release(oracle_image *image)
{
	free(image->segments);
	free(image->objects);
	memset(image, 0, sizeof *image);
}

static int
compare_addresses(const void *key, const void *element)
{
	uint64_t address = *(const uint64_t *)key;
	const oracle_object *object = element;
	return address < object->address ? -1 : address > object->address;
}

const oracle_object *
oracle_find(const oracle_image *image, uint64_t address)
{
	/* Segments ascend, so the objects are in address order. */
	return bsearch(&address, image->objects, image->num_objects, sizeof *image->objects,
	               compare_addresses);
}

/* A slot of an array that may be missing, too short, or no array. */
static const oracle_object *
element(const oracle_image *image, const oracle_object *array, uint64_t index)
{
	if (array == NULL || array->body != ORACLE_OOPS || index >= array->num_oops) {
		return NULL;
	}
	return oracle_find(image, oracle_slot(image, array, index));
}

const oracle_object *
oracle_class(const oracle_image *image, const oracle_object *object)
{
	if (object->cls_is_address) {
		return oracle_find(image, object->cls);
	}
	if (image->v3) {
		const oracle_object *special = oracle_find(image, image->special_oop);
		const oracle_object *compact = element(image, special, 28);
		return object->cls == 0 ? NULL : element(image, compact, object->cls - 1);
	}
	const oracle_object *roots = image->num_objects > 4 ? &image->objects[4] : NULL;
	return element(image, element(image, roots, object->cls / 1024), object->cls % 1024);
}

const oracle_segment *
oracle_segment_of(const oracle_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->num_segments; i++) {
		const oracle_segment *segment = &image->segments[i];
		if (address >= segment->start && address - segment->start < segment->size) {
			return segment;
		}
	}
	return NULL;
}
