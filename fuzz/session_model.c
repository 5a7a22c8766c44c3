/* session_model.c: reading an image one number at a time. */
#include "session_model_private.h"

#include <stdlib.h>
#include <string.h>

enum { SPUR_FLOAT = 34, V3_SPECIAL_FLOAT = 9, V3_SPECIAL_COMPACT = 28 };

/* An object while it is read: where its body is. */
typedef struct body {
	const uint8_t *at;
	unsigned unit; /* bytes of an element */
	uint64_t num_oops;
	uint64_t unused; /* bytes at the end */
} body;

uint64_t
session_number_at(const uint8_t *at, unsigned width, bool big)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < width; i++) {
		number = number * 256 + at[big ? i : width - 1 - i];
	}
	return number;
}

static void *
grow(void *block, size_t count, size_t size)
{
	/* Doubling: only when count is a power of two, or nothing yet. */
	if ((count & (count - 1)) != 0) {
		return block;
	}
	void *moved = realloc(block, (count == 0 ? 1 : 2 * count) * size);
	if (moved == NULL) {
		abort();
	}
	return moved;
}

static bool
points(const session_image *image, uint64_t word)
{
	return word % (image->v3 ? 2 : image->word) == 0;
}

static uint64_t
num_literals(const session_image *image, uint64_t header)
{
	if (image->v3 && header < UINT64_C(0x80000000)) {
		return header / 1024 % 256;
	}
	return (image->word == 8 ? header / 8 : header / 2) % 32768;
}

/* What a format says of the body; false for one that is none. */
static bool
interpret_format(const session_image *image, const session_object *object, body *found)
{
	const unsigned format = object->format;
	const unsigned first_bytes = image->v3 ? 8 : 16;
	const unsigned first_code = image->v3 ? 12 : 24;
	found->unit = 1;
	if (format <= 4 || (format == 5 && !image->v3)) {
		found->num_oops = object->num_slots;
	} else if (format == 7 && !image->v3) {
		found->num_oops = object->num_slots > 0;
		found->unused = (object->num_slots - found->num_oops) * image->word;
	} else if (format >= first_code) {
		if (object->num_slots == 0) {
			return false;
		}
		found->num_oops =
		    1 + num_literals(image, session_number_at(found->at, image->word, image->big));
		found->unused = format % (image->v3 ? 4 : 8);
	} else if (format >= first_bytes) {
		found->unused = format % (image->v3 ? 4 : 8);
	} else if (image->v3 || format == 10 || format == 11) {
		found->unit = 4;
		found->unused = image->v3 ? 0 : 4 * (format % 2);
	} else if (format >= 12) {
		found->unit = 2;
		found->unused = UINT64_C(2) * (format % 4);
	} else {
		found->unit = 8;
	}
	return found->num_oops * image->word + found->unused <= object->num_slots * image->word;
}

/* Slots hold words for now; link makes objects of them when all are known. */
static void
read_body(const session_image *image, session_object *object, const body *from)
{
	object->num_values = (size_t)from->num_oops;
	object->values = calloc(object->num_values + 1, sizeof *object->values);
	object->num_bytes = (size_t)((object->num_slots - from->num_oops) * image->word - from->unused);
	object->bytes = calloc(object->num_bytes + 1, 1);
	if (object->values == NULL || object->bytes == NULL) {
		abort();
	}
	for (size_t i = 0; i < object->num_values; i++) {
		object->values[i].number =
		    session_number_at(from->at + i * image->word, image->word, image->big);
	}
	const uint8_t *rest = from->at + object->num_values * image->word;
	for (size_t i = 0; i < object->num_bytes; i++) {
		size_t mirrored = i - i % from->unit + (from->unit - 1 - i % from->unit);
		object->bytes[i] = rest[image->big ? mirrored : i];
	}
}

static bool
add_object(session_image *image, session_object *object, body *from)
{
	if (!interpret_format(image, object, from)) {
		return false;
	}
	image->objects = grow(image->objects, image->num_objects, sizeof *image->objects);
	read_body(image, object, from);
	image->objects[image->num_objects++] = *object;
	return true;
}

static bool
parse_spur_part(session_image *image, const session_part *from)
{
	size_t at = 0;
	while (at < from->size) {
		session_object object = {.address = from->start + at};
		if (from->size - at < 16) {
			return false;
		}
		uint64_t header = session_number_at(from->bytes + at, 8, image->big);
		object.num_slots = header >> 56;
		if (object.num_slots == 255) {
			object.num_slots = header & UINT64_C(0xFFFFFFFFFFFFFF);
			at += 8;
			object.address += 8;
			header = session_number_at(from->bytes + at, 8, image->big);
		}
		uint64_t room = from->size - at - 8;
		if (object.num_slots > room / image->word) {
			return false;
		}
		uint64_t taken = (object.num_slots * image->word + 7) / 8 * 8;
		taken = taken == 0 ? 8 : taken;
		if (taken > room) {
			return false;
		}
		object.cls.number = header & 0x3FFFFF;
		object.format = header >> 24 & 31;
		object.hash = header >> 32 & 0x3FFFFF;
		object.flags =
		    (unsigned)((header >> 22 & 3) | (header >> 29 & 7) << 2 | (header >> 54 & 3) << 5);
		object.is_hidden = object.cls.number < 32;
		body found = {.at = from->bytes + at + 8};
		if (object.cls.number != 0 && !add_object(image, &object, &found)) {
			return false;
		}
		at += 8 + (size_t)taken;
	}
	return true;
}

static bool
parse_v3_part(session_image *image, const session_part *from)
{
	size_t at = 0;
	while (at < from->size) {
		session_object object = {.address = 0};
		uint64_t first =
		    from->size - at < 4 ? 0 : session_number_at(from->bytes + at, 4, image->big);
		size_t extra = first % 4 == 0 ? 8 : first % 4 == 1 ? 4 : 0;
		if (from->size - at < extra + 4) {
			return false;
		}
		uint64_t base = session_number_at(from->bytes + at + extra, 4, image->big);
		uint64_t size = first % 4 == 0 ? first : first % 4 == 2 ? first - 2 : base & 0xFC;
		at += extra;
		if (size < 4 || size % 4 != 0 || size > from->size - at) {
			return false;
		}
		object.address = from->start + at;
		object.num_slots = size / 4 - 1;
		object.format = base >> 8 & 15;
		object.hash = base >> 17 & 0xFFF;
		object.flags = (unsigned)(base >> 29 << 5 | (base >> 12 & 31));
		object.cls.number = base >> 12 & 31;
		if (extra != 0) {
			object.cls.kind = SESSION_ELSEWHERE;
			object.cls.number = session_number_at(from->bytes + at - 4, 4, image->big) / 4 * 4;
		}
		body found = {.at = from->bytes + at + 4};
		if (first % 4 != 2 && !add_object(image, &object, &found)) {
			return false;
		}
		at += (size_t)size;
	}
	return true;
}

bool
session_parse_part(session_image *image, const session_part *from)
{
	return image->v3 ? parse_v3_part(image, from) : parse_spur_part(image, from);
}

size_t
session_find(const session_image *image, uint64_t address)
{
	size_t low = 0;
	size_t high = image->num_objects;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (image->objects[middle].address < address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	bool hit = low < image->num_objects && image->objects[low].address == address;
	return hit ? low : image->num_objects;
}

/* From a word to what it means, now that all objects are known. */
static void
link_value(const session_image *image, session_value *value)
{
	if (!points(image, value->number)) {
		value->kind = SESSION_PLAIN;
		return;
	}
	size_t found = session_find(image, value->number);
	bool hit = found < image->num_objects;
	*value = (session_value){hit ? SESSION_OBJECT : SESSION_ELSEWHERE, hit ? found : 0};
}

static const session_value *
value_of(const session_image *image, size_t object, size_t slot)
{
	static const session_value none = {SESSION_PLAIN, 0};
	return object < image->num_objects && slot < image->objects[object].num_values
	           ? &image->objects[object].values[slot]
	           : &none;
}

/* What the class table has at an index: a class may stand there more than once. */
static session_value
spur_class(const session_image *image, uint64_t class_index)
{
	const size_t hidden_roots = 4;
	const size_t page_size = 1024;
	const session_value *page = value_of(image, hidden_roots, (size_t)class_index / page_size);
	return page->kind == SESSION_OBJECT
	           ? *value_of(image, (size_t)page->number, (size_t)class_index % page_size)
	           : *page;
}

static bool
is_float(const session_image *image, const session_object *object)
{
	if (object->num_bytes != 8 || object->num_values != 0) {
		return false;
	}
	session_value cls = object->cls;
	session_value wanted;
	if (!image->v3) {
		wanted = spur_class(image, SPUR_FLOAT);
		cls = spur_class(image, cls.number);
	} else {
		wanted = *value_of(image, image->specials, V3_SPECIAL_FLOAT);
		if (cls.kind == SESSION_PLAIN) {
			const session_value *compact = value_of(image, image->specials, V3_SPECIAL_COMPACT);
			cls = *value_of(image, (size_t)compact->number, (size_t)cls.number - 1);
		}
	}
	return cls.kind == SESSION_OBJECT && wanted.kind == SESSION_OBJECT &&
	       cls.number == wanted.number;
}

/* A float's number, lowest byte first, however its words were stored. Elements of 8 bytes were
 * turned as one, elements of 4 each by itself. */
static void
settle_float(const session_image *image, session_object *object)
{
	uint8_t turned[8];
	bool as_one = !image->v3 && object->format == 9 && image->big;
	bool low_first = (image->fields[FIELD_FLAGS] & FLOATS_LOW_WORD_FIRST) != 0;
	if (low_first == as_one) {
		memcpy(turned, object->bytes + 4, 4);
		memcpy(turned + 4, object->bytes, 4);
		memcpy(object->bytes, turned, 8);
	}
}

bool
session_link(session_image *image)
{
	for (size_t i = 1; i < image->num_objects; i++) {
		if (image->objects[i].address <= image->objects[i - 1].address) {
			return false;
		}
	}
	for (size_t i = 0; i < image->num_objects; i++) {
		session_object *object = &image->objects[i];
		for (size_t slot = 0; slot < object->num_values; slot++) {
			link_value(image, &object->values[slot]);
		}
		if (object->cls.kind != SESSION_PLAIN) {
			link_value(image, &object->cls);
		}
	}
	image->specials = session_find(image, image->fields[FIELD_SPECIALS]);
	for (size_t i = 0; i < image->num_objects; i++) {
		if (is_float(image, &image->objects[i])) {
			settle_float(image, &image->objects[i]);
		}
	}
	return image->specials < image->num_objects;
}

void
session_release(session_image *image)
{
	for (size_t i = 0; i < image->num_objects; i++) {
		free(image->objects[i].values);
		free(image->objects[i].bytes);
	}
	free(image->objects);
	memset(image, 0, sizeof *image);
}

uint64_t
session_word(const session_image *image, session_value value)
{
	return value.kind == SESSION_OBJECT ? image->objects[value.number].address : value.number;
}

static bool
same_value(session_value a, session_value b)
{
	return a.kind == b.kind && a.number == b.number;
}

static bool
same_objects(const session_object *a, const session_object *b, const char **what)
{
	*what = "class, format, hash, flags or size";
	if (!same_value(a->cls, b->cls) || a->format != b->format || a->hash != b->hash ||
	    a->flags != b->flags || a->num_slots != b->num_slots || a->num_values != b->num_values ||
	    a->num_bytes != b->num_bytes) {
		return false;
	}
	*what = "slot";
	for (size_t i = 0; i < a->num_values; i++) {
		if (!same_value(a->values[i], b->values[i])) {
			return false;
		}
	}
	*what = "element";
	return memcmp(a->bytes, b->bytes, a->num_bytes) == 0;
}

/* Fields that follow from the heap and its place, or are objects. */
static bool
is_derived(size_t field)
{
	return (field >= FIELD_HEADER_SIZE && field <= FIELD_SPECIALS) ||
	       field == FIELD_FIRST_SEGMENT || field == FIELD_FREE;
}

static bool
same_fields(const session_image *a, const session_image *b, const char **what, size_t *number)
{
	*what = "header field";
	for (size_t i = 0; i < SESSION_NUM_FIELDS; i++) {
		uint64_t compared = i == FIELD_FLAGS ? ~(uint64_t)FLOATS_LOW_WORD_FIRST : UINT64_MAX;
		if (!is_derived(i) && a->has_field[i] && b->has_field[i] &&
		    ((a->fields[i] ^ b->fields[i]) & compared) != 0) {
			*number = i;
			return false;
		}
	}
	*number = FIELD_SPECIALS;
	return a->specials == b->specials;
}

bool
session_equal(const session_image *a, const session_image *b, const char **what, size_t *number)
{
	*what = "layout or number of objects";
	*number = a->num_objects;
	if (a->v3 != b->v3 || a->word != b->word || a->big != b->big ||
	    a->num_objects != b->num_objects) {
		return false;
	}
	for (size_t i = 0; i < a->num_objects; i++) {
		*number = i;
		/* The fourth object of Spur holds the heads of the free lists: addresses. */
		bool is_free_lists = !a->v3 && i == 3;
		if (!is_free_lists && !same_objects(&a->objects[i], &b->objects[i], what)) {
			return false;
		}
	}
	return same_fields(a, b, what, number);
}
