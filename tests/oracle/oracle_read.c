/* oracle_read.c: reading and relocating, one word at a time. */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

static uint64_t
number_at(const uint8_t *at, unsigned width, bool big)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < width; i++) {
		number = number * 256 + at[big ? i : width - 1 - i];
	}
	return number;
}

static void
put_number(uint8_t *at, unsigned width, bool big, uint64_t number)
{
	for (unsigned i = 0; i < width; i++) {
		at[big ? width - 1 - i : i] = (uint8_t)(number & 255);
		number = number / 256;
	}
}

static uint64_t
word_at(const oracle_image *image, size_t position)
{
	return number_at(image->file + position, image->word, image->big);
}

uint64_t
oracle_slot(const oracle_image *image, const oracle_object *object, uint64_t index)
{
	return word_at(image, object->body_at + (size_t)index * image->word);
}

static bool
known_number(uint64_t number, oracle_image *image)
{
	static const struct {
		unsigned number, word;
		bool v3;
	} rows[] = {
	    {6502, 4, true},  {6504, 4, true},   {6505, 4, true},   {6521, 4, false},
	    {7033, 4, false}, {68021, 8, false}, {68533, 8, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].number == number) {
			image->word = rows[i].word;
			image->v3 = rows[i].v3;
			return true;
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

/* Bits of a slot word that must be 0 in a pointer. */
static bool
is_pointer(const oracle_image *image, uint64_t word)
{
	return word % (image->v3 ? 2 : image->word == 8 ? 8 : 4) == 0;
}

static uint64_t
num_literals(const oracle_image *image, const oracle_object *method)
{
	uint64_t header = oracle_slot(image, method, 0);
	if (image->v3 && header < UINT64_C(0x80000000)) {
		return header / 2 / 512 % 256;
	}
	return (image->word == 8 ? header / 8 : header / 2) % 32768;
}

/* What a format means: the body, its unit, and bytes unused at its end. */
static bool
interpret_format(const oracle_image *image, oracle_object *object)
{
	unsigned format = object->format;
	uint64_t unused = 0;
	unsigned code = image->v3 ? 12 : 24;
	unsigned bytes = image->v3 ? 8 : 16;
	object->body = ORACLE_UNITS;
	if (object->free) {
		object->num_oops = 0;
	} else if (format < 6 || (format == 7 && !image->v3)) {
		object->body = ORACLE_OOPS;
		object->num_oops = format == 7 ? 1 : object->num_slots;
	} else if (format >= code) {
		object->body = ORACLE_CODE;
		object->unit = 1;
		unused = image->v3 ? format % 4 : format % 8;
		object->num_oops = 1 + num_literals(image, object);
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
	} else if (format == 9) {
		object->unit = 8;
	} else {
		return false;
	}
	object->num_bytes = object->num_slots * image->word - unused;
	return object->num_oops <= object->num_slots;
}

static bool
parse_spur_segment(oracle_image *image, const oracle_segment *segment)
{
	size_t at = segment->position;
	size_t end = segment->position + (size_t)segment->size;
	while (at < end) {
		oracle_object object = {0};
		uint64_t header = number_at(image->file + at, 8, image->big);
		object.num_slots = header >> 56;
		if (object.num_slots == 255) {
			object.num_slots = header & UINT64_C(0xFFFFFFFFFFFFFF);
			at += 8;
			header = number_at(image->file + at, 8, image->big);
		}
		object.position = at;
		object.address = segment->start + (at - segment->position);
		object.cls = header & 0x3FFFFF;
		object.free = object.cls == 0;
		object.format = header >> 24 & 31;
		object.hash = header >> 32 & 0x3FFFFF;
		object.immutable = (header >> 23 & 1) != 0;
		object.body_at = at + 8;
		uint64_t body = (object.num_slots * image->word + 7) / 8 * 8;
		if (!interpret_format(image, &object) || !add_object(image, object)) {
			return false;
		}
		at += 8 + (size_t)(body == 0 ? 8 : body);
	}
	return at == end;
}

static bool
parse_v3_segment(oracle_image *image, const oracle_segment *segment)
{
	size_t at = segment->position;
	size_t end = segment->position + (size_t)segment->size;
	while (at < end) {
		oracle_object object = {0};
		uint64_t first = word_at(image, at);
		unsigned type = first & 3;
		size_t extra = type == 0 ? 8 : type == 1 ? 4 : 0;
		uint64_t base = word_at(image, at + extra);
		uint64_t size = type == 0 ? first : type == 2 ? first - 2 : base & 0xFC;
		object.position = at + extra;
		object.address = segment->start + (object.position - segment->position);
		object.free = type == 2;
		object.cls = base >> 12 & 31;
		if (extra != 0) {
			object.cls = word_at(image, at + extra - 4) / 4 * 4;
			object.cls_is_address = true;
		}
		object.format = base >> 8 & 15;
		object.hash = base >> 17 & 0xFFF;
		object.immutable = (base >> 29 & 1) != 0;
		object.body_at = object.position + 4;
		object.num_slots = size / 4 - 1;
		if (!interpret_format(image, &object) || !add_object(image, object)) {
			return false;
		}
		at = object.position + (size_t)size;
	}
	return at == end;
}

static bool
add_segment(oracle_image *image, oracle_segment segment)
{
	oracle_segment *more = realloc(image->segments, (image->num_segments + 1) * sizeof segment);
	if (more == NULL) {
		return false;
	}
	image->segments = more;
	image->segments[image->num_segments++] = segment;
	return image->v3 ? parse_v3_segment(image, &segment) : parse_spur_segment(image, &segment);
}

bool
oracle_parse(oracle_image *image, const uint8_t *file, size_t size)
{
	memset(image, 0, sizeof *image);
	image->file = file;
	image->size = size;
	image->big = !known_number(number_at(file, 4, false), image);
	if (image->big && !known_number(number_at(file, 4, true), image)) {
		return false;
	}
	unsigned w = image->word;
	image->heap = (size_t)number_at(file + 4, 4, image->big);
	uint64_t data_size = word_at(image, 8);
	uint64_t start = word_at(image, 8 + w);
	image->special_oop = word_at(image, 8 + 2 * w);
	image->low_word_first = (word_at(image, 8 + 5 * w) & 2) != 0;
	if (image->v3) {
		return add_segment(image, (oracle_segment){start, image->heap, data_size});
	}
	uint64_t next = word_at(image, w == 8 ? 72 : 48);
	size_t at = image->heap;
	while (next != 0) {
		if (!add_segment(image, (oracle_segment){start, at, next - 16})) {
			return false;
		}
		const uint8_t *bridge = file + at + next - 16;
		uint64_t span = number_at(bridge, 8, image->big);
		start += next + (span >> 56 == 0 ? 0 : (span & UINT64_C(0xFFFFFFFFFFFFFF)) * w);
		at += (size_t)next;
		next = number_at(bridge + 8, 8, image->big);
	}
	return at == image->heap + data_size;
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

const oracle_object *
oracle_class(const oracle_image *image, const oracle_object *object)
{
	if (object->cls_is_address) {
		return oracle_find(image, object->cls);
	}
	if (image->v3) {
		const oracle_object *special = oracle_find(image, image->special_oop);
		const oracle_object *compact = oracle_find(image, oracle_slot(image, special, 28));
		return oracle_find(image, oracle_slot(image, compact, object->cls - 1));
	}
	const oracle_object *roots = &image->objects[4];
	const oracle_object *page = oracle_find(image, oracle_slot(image, roots, object->cls / 1024));
	return page == NULL ? NULL : oracle_find(image, oracle_slot(image, page, object->cls % 1024));
}

static void
move_word(const oracle_image *image, uint8_t *copy, size_t position, uint64_t delta)
{
	uint64_t word = word_at(image, position);
	if (is_pointer(image, word)) {
		put_number(copy + position, image->word, image->big, word + delta);
	}
}

static bool
leads_to_free_chunk(const oracle_image *image, uint64_t word)
{
	const oracle_object *object = oracle_find(image, word);
	return object != NULL && object->free;
}

/* Links of free chunks (spur.md §11): next, prev, and in large chunks parent, smaller and larger.
 * They may be out of date; what leads to a free chunk moves with it. */
static void
move_free_links(const oracle_image *image, uint8_t *copy, const oracle_object *object,
                uint64_t delta)
{
	bool large = object->num_slots * image->word + 8 >= UINT64_C(8) * (image->word == 8 ? 64 : 32);
	for (unsigned slot = 0; slot < (large ? 5 : 2) && slot < object->num_slots; slot++) {
		if (leads_to_free_chunk(image, oracle_slot(image, object, slot))) {
			put_number(copy + object->body_at + (uint64_t)slot * image->word, image->word,
			           image->big, oracle_slot(image, object, slot) + delta);
		}
	}
}

bool
oracle_relocate(const oracle_image *image, uint64_t base, uint8_t *copy)
{
	uint64_t delta = base - image->segments[0].start;
	unsigned w = image->word;
	memcpy(copy, image->file, image->size);
	put_number(copy + 8 + w, w, image->big, base);
	move_word(image, copy, 8 + 2 * w, delta);
	for (size_t i = 0; i < image->num_objects; i++) {
		const oracle_object *object = &image->objects[i];
		for (uint64_t slot = 0; slot < object->num_oops; slot++) {
			move_word(image, copy, object->body_at + (size_t)slot * w, delta);
		}
		if (object->cls_is_address) {
			uint64_t word = word_at(image, object->position - 4);
			put_number(copy + object->position - 4, 4, image->big, word + delta);
		}
		if (object->free && !image->v3) {
			move_free_links(image, copy, object, delta);
		}
		if (i == 3 && !image->v3) {
			for (uint64_t slot = 0; slot < object->num_slots; slot++) {
				size_t position = object->body_at + (size_t)slot * w;
				if (word_at(image, position) != 0) {
					move_word(image, copy, position, delta);
				}
			}
		}
	}
	return true;
}
