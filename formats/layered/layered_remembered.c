/* layered_remembered.c: what of fixed sections leads to old space (layered.md §7). */
#include "../../core/base/planted.h"
#include "imago/bitmap.h"
#include "imago/boundary.h"
#include "imago/reader.h"
#include "imago/walk.h"
#include "layered_private.h"

enum {
	UNIT = 8,
	LAST_SHIFT = 63,
	FIRST_CAPACITY = 256,
	COUNTS_SIZE = 16, /* numbers of objects and of class indices */
};

static const imago_layout container = {.word_bytes = 8, .byte_order = IMAGO_LITTLE_ENDIAN};

size_t
imago_layered_first_old(const imago_layered_head *head)
{
	size_t index = 1;
	while (index < head->num_sections && head->sections[index].kind == IMAGO_LAYERED_OBJECTS &&
	       head->sections[index].tier != IMAGO_TIER_OFTEN) {
		index++;
	}
	bool found = index < head->num_sections && head->sections[index].kind == IMAGO_LAYERED_OBJECTS;
	return found && index > 1 && head->sections[0].kind == IMAGO_LAYERED_OBJECTS ? index : 0;
}

void
imago_layered_remembered_release(imago_layered_remembered *remembered)
{
	imago_allocator *allocator = remembered->allocator;
	if (allocator != NULL) {
		imago_release(allocator, remembered->objects,
		              remembered->num_objects * sizeof *remembered->objects);
		imago_release(allocator, remembered->class_indices,
		              remembered->num_class_indices * sizeof *remembered->class_indices);
	}
	*remembered = (imago_layered_remembered){.allocator = NULL};
}

/* ---- Finding. */

typedef struct finding {
	imago_layered_remembered *out;
	imago_addr start;
	uint64_t capacity;
	imago_error *error;
	bool failed;
} finding;

static bool
add_object(const imago_crossing *crossing, void *payload)
{
	finding *list = payload;
	imago_layered_remembered *out = list->out;
	uint64_t at = crossing->object.oop - list->start;
	if (out->num_objects > 0 && out->objects[out->num_objects - 1] == at) {
		return true;
	}
	if (out->num_objects == list->capacity) {
		uint64_t capacity = 2 * list->capacity + FIRST_CAPACITY;
		uint64_t *grown = imago_resize(out->allocator, out->objects, list->capacity * sizeof *grown,
		                               capacity * sizeof *grown, "remembered set", list->error);
		if (grown == NULL) {
			list->failed = true;
			return false;
		}
		out->objects = grown;
		list->capacity = capacity;
	}
	out->objects[out->num_objects++] = at;
	return true;
}

static imago_status
find_objects(imago_layered_remembered *out, const imago_heap *heap, imago_addr start,
             imago_addr boundary, imago_error *error)
{
	finding list = {.out = out, .start = start, .error = error};
	imago_boundary_result result;
	const imago_boundary unknown = {.address = boundary};
	imago_status status = imago_boundary_prove(&result, heap, &unknown, add_object, &list, error);
	/* To its size. */
	uint64_t *fitting = imago_resize(out->allocator, out->objects, list.capacity * sizeof *fitting,
	                                 out->num_objects * sizeof *fitting, "remembered set", NULL);
	if (fitting == NULL) {
		imago_release(out->allocator, out->objects, list.capacity * sizeof *fitting);
		out->num_objects = 0;
		status = imago_fail(error, IMAGO_ENOMEM, "remembered set", IMAGO_NO_OFFSET, 0, 0);
	}
	out->objects = fitting;
	return list.failed ? IMAGO_ENOMEM : status;
}

static imago_status
note_classes(imago_bitmap *seen, const imago_heap *heap, imago_addr boundary, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object) && object.chunk < boundary) {
		if (object.class_index >= IMAGO_CLASS_FIRST_REAL) {
			imago_bitmap_set(seen, object.class_index);
		}
	}
	return walker.status;
}

static imago_status
find_classes(imago_layered_remembered *out, const imago_heap *heap, imago_addr boundary,
             imago_error *error)
{
	imago_bitmap seen;
	imago_status status =
	    imago_bitmap_create(&seen, IMAGO_CLASS_INDEX_LIMIT, out->allocator, error);
	if (status == IMAGO_OK) {
		status = note_classes(&seen, heap, boundary, error);
	}
	if (status == IMAGO_OK) {
		uint64_t count = imago_bitmap_count(&seen);
		out->class_indices = imago_allocate_array(out->allocator, count, sizeof *out->class_indices,
		                                          "class indices", error);
		status = out->class_indices != NULL ? IMAGO_OK : IMAGO_ENOMEM;
		out->num_class_indices = status == IMAGO_OK ? count : 0;
	}
	uint64_t bit = 0;
	for (uint64_t i = 0; i < out->num_class_indices; i++) {
		bit = imago_bitmap_next(&seen, bit);
		out->class_indices[i] = (uint32_t)bit++;
	}
	imago_bitmap_release(&seen, out->allocator);
	return status;
}

imago_status
imago_layered_find_remembered(imago_layered_remembered *out, const imago_heap *heap,
                              const imago_layered_head *head, imago_allocator *allocator,
                              imago_error *error)
{
	*out = (imago_layered_remembered){.allocator = allocator};
	const imago_addr start = head->sections[0].address;
	const imago_addr boundary = head->sections[imago_layered_first_old(head)].address;
	imago_status status = find_objects(out, heap, start, boundary, error);
	return status == IMAGO_OK ? find_classes(out, heap, boundary, error) : status;
}

/* ---- Coding. */

/* In groups of seven bits, the lowest first. */
static void
write_number(imago_writer *writer, uint64_t rest)
{
	uint8_t bytes[10];
	size_t size = 0;
	for (; rest >= 0x80; rest >>= 7) {
		bytes[size++] = (uint8_t)(rest | 0x80);
	}
	bytes[size++] = (uint8_t)rest;
	imago_write_bytes(writer, bytes, size);
}

void
imago_layered_encode_remembered(const imago_layered_remembered *remembered, imago_writer *writer)
{
	imago_layout own = writer->layout;
	writer->layout = container;
	uint64_t num_objects = remembered->num_objects;
	num_objects -= IMAGO_BUG(remembered_last_lost, num_objects > 0);
	imago_write_u64(writer, num_objects);
	imago_write_u64(writer, remembered->num_class_indices);
	uint64_t before = 0;
	for (uint64_t i = 0; i < num_objects; i++) {
		write_number(writer, (remembered->objects[i] - before) / UNIT);
		before = remembered->objects[i];
	}
	before = 0;
	for (uint64_t i = 0; i < remembered->num_class_indices; i++) {
		write_number(writer, remembered->class_indices[i] - before);
		before = remembered->class_indices[i];
	}
	writer->layout = own;
}

/* Adds the next number to *value: at least least, and the sum below limit. */
static void
read_number(imago_reader *reader, uint64_t *value, uint64_t unit, uint64_t least, uint64_t limit)
{
	uint64_t number = 0;
	uint8_t last = 0x80;
	for (unsigned shift = 0; last >= 0x80; shift += 7) {
		const uint8_t *byte = imago_read_bytes(reader, 1, "remembered set");
		if (byte == NULL) {
			return;
		}
		last = *byte;
		bool too_long = shift == LAST_SHIFT || (last == 0 && shift > 0);
		if (too_long) {
			(void)imago_reader_fail(reader, IMAGO_ERANGE, "remembered set", reader->position, last,
			                        0);
			return;
		}
		number |= (uint64_t)(last & 0x7F) << shift;
	}
	if (number < least || number > (limit - *value - 1) / unit) {
		(void)imago_reader_fail(reader, IMAGO_ERANGE, "remembered set", reader->position, number,
		                        limit);
		return;
	}
	*value += number * unit;
}

/* True for what may be an object's header: in a fixed section, and not in its bridge. */
static bool
is_in_fixed_section(const imago_layered_head *head, uint64_t at, size_t *section)
{
	while (*section < imago_layered_first_old(head)) {
		const imago_layered_section *area = &head->sections[*section];
		if (at < area->address - head->start) {
			return false;
		}
		if (at - (area->address - head->start) < area->size - IMAGO_BRIDGE_SIZE) {
			return true;
		}
		(*section)++;
	}
	return false;
}

static imago_status
read_lists(imago_layered_remembered *out, const imago_layered_head *head, imago_reader *reader)
{
	const size_t old = imago_layered_first_old(head);
	const uint64_t end = head->sections[old].address - head->start;
	uint64_t at = 0;
	size_t section = 0;
	for (uint64_t i = 0; i < out->num_objects && reader->status == IMAGO_OK; i++) {
		read_number(reader, &at, UNIT, i > 0, end);
		out->objects[i] = at;
		if (reader->status == IMAGO_OK && !is_in_fixed_section(head, at, &section)) {
			return imago_reader_fail(reader, IMAGO_ERANGE, "remembered object", reader->position,
			                         at, end);
		}
	}
	uint64_t index = 0;
	for (uint64_t i = 0; i < out->num_class_indices && reader->status == IMAGO_OK; i++) {
		uint64_t least = i > 0 ? 1 : IMAGO_CLASS_FIRST_REAL;
		read_number(reader, &index, 1, least, IMAGO_CLASS_INDEX_LIMIT);
		out->class_indices[i] = (uint32_t)index;
	}
	if (reader->status == IMAGO_OK && imago_reader_remaining(reader) > 0) {
		return imago_reader_fail(reader, IMAGO_ESTRUCTURE, "end of the remembered set",
		                         reader->position, imago_reader_remaining(reader), 0);
	}
	return reader->status;
}

imago_status
imago_layered_decode_remembered(imago_layered_remembered *out, const imago_layered_head *head,
                                const uint8_t *bytes, uint64_t size, imago_allocator *allocator,
                                imago_error *error)
{
	imago_reader reader;
	*out = (imago_layered_remembered){.allocator = allocator};
	imago_reader_init(&reader, bytes, size, container, error);
	uint64_t num_objects = imago_read_u64(&reader, "number of remembered objects");
	uint64_t num_class_indices = imago_read_u64(&reader, "number of class indices");
	uint64_t left = size > COUNTS_SIZE ? size - COUNTS_SIZE : 0;
	if (reader.status != IMAGO_OK) {
		return reader.status;
	}
	/* Each takes a byte at least. */
	if (num_objects > left || num_class_indices > left - num_objects) {
		return imago_reader_fail(&reader, IMAGO_ETRUNCATED, "remembered set", 0, num_objects, left);
	}
	if (imago_layered_first_old(head) == 0) {
		return imago_reader_fail(&reader, IMAGO_ESTRUCTURE, "remembered set of no fixed section", 0,
		                         num_objects, 0);
	}
	out->objects =
	    imago_allocate_array(allocator, num_objects, sizeof *out->objects, "remembered set", error);
	out->num_objects = out->objects != NULL ? num_objects : 0;
	out->class_indices = imago_allocate_array(allocator, num_class_indices,
	                                          sizeof *out->class_indices, "class indices", error);
	out->num_class_indices = out->class_indices != NULL ? num_class_indices : 0;
	if (out->objects == NULL || out->class_indices == NULL) {
		return IMAGO_ENOMEM;
	}
	return read_lists(out, head, &reader);
}
