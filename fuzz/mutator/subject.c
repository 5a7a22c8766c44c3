/* subject.c: the image under the knife. */
#include "subject.h"

#include <string.h>

#include "bundle.h"
#include "imago/byte_order.h"
#include "imago/checked.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

enum { MEBIBYTE = 1 << 20, MAX_CHUNKS = 1 << 20, MAX_SCAN = 2048 };

uint64_t
dice_nasty(dice *d, uint64_t old, unsigned bits)
{
	const uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	uint64_t value = 0;
	switch (dice_below(d, 8)) {
	case 0:
		value = dice_below(d, 17);
		break;
	case 1:
		value = UINT64_C(1) << dice_below(d, bits > 64 ? 64 : bits);
		break;
	case 2:
		value = (UINT64_C(1) << dice_below(d, bits > 64 ? 64 : bits)) - 1;
		break;
	case 3:
		value = mask - (dice_one_in(d, 2) ? 0 : dice_below(d, 17));
		break;
	case 4:
		value = old + 1 + dice_below(d, 16);
		break;
	case 5:
		value = old - 1 - dice_below(d, 16);
		break;
	case 6:
		value = old ^ UINT64_C(1) << dice_below(d, bits > 64 ? 64 : bits);
		break;
	default:
		value = dice_roll(d);
		break;
	}
	return value & mask;
}

/* A heap of our own over the segments of another, with writable bytes. */
static bool
adopt_heap(subject *s, const imago_heap *read)
{
	imago_heap *heap = NULL;
	if (read->num_segments == 0 || read->num_segments > MAX_SUBJECT_SEGMENTS ||
	    imago_heap_create(&heap, read->model, read->layout, &s->allocator, NULL) != IMAGO_OK) {
		return false;
	}
	bool ok = true;
	for (size_t i = 0; ok && i < read->num_segments; i++) {
		imago_segment segment = read->segments[i];
		segment.writable = s->bytes + (segment.bytes - s->bytes);
		ok = imago_heap_add_segment(heap, &segment, NULL) == IMAGO_OK;
	}
	heap->header = read->header;
	heap->bridges = read->bridges;
	if (!ok) {
		imago_heap_destroy(heap);
		return false;
	}
	s->heap = heap;
	return true;
}

static void
read_structure(subject *s)
{
	imago_image image;
	if (imago_image_read(&image, s->bytes, s->size, &s->allocator, NULL) == IMAGO_OK) {
		s->format = image.format;
		s->header = (size_t)image.heap->wrapping.prefix_size;
		s->header_size = image.heap->header.header_size;
		/* No edit of objects keeps up with a table, fixups and an origin: that is a file of bytes.
		 */
		s->readable = image.format != IMAGO_FORMAT_LAYERED && adopt_heap(s, image.heap);
	}
	imago_image_close(&image);
	if (s->readable && s->format == IMAGO_FORMAT_COMPOSED) {
		s->readable = bundle_list(s);
	}
	if (s->readable) {
		s->readable = subject_map(s);
	}
}

/* Not const: the subject's operators write to the bytes. */
void
subject_open(subject *s, uint8_t *bytes, /* NOLINT(readability-non-const-parameter) */
             size_t size, size_t capacity, uint64_t seed)
{
	*s = (subject){.bytes = bytes, .size = size, .capacity = capacity};
	s->dice.state = seed;
	imago_allocator_init(&s->allocator, 8 * (uint64_t)capacity + MEBIBYTE);
	read_structure(s);
}

void
subject_open_donor(subject *donor, const uint8_t *bytes, size_t size, const imago_heap *like,
                   uint64_t seed)
{
	imago_image image;
	const imago_rebuild_options options = {.layout = like->layout};
	*donor = (subject){.size = size};
	donor->dice.state = seed;
	imago_allocator_init(&donor->allocator, 16 * (uint64_t)size + 2 * (uint64_t)MEBIBYTE);
	if (imago_image_read(&image, bytes, size, &donor->allocator, NULL) == IMAGO_OK &&
	    image.heap->model == like->model && image.heap->num_segments > 0 &&
	    (imago_layout_equal(image.heap->layout, like->layout)
	         ? imago_heap_copy(&donor->heap, image.heap, &donor->allocator, NULL)
	         : imago_rebuild(&donor->heap, image.heap, &options, &donor->allocator, NULL, NULL)) ==
	        IMAGO_OK) {
		donor->format = image.format;
		donor->readable = subject_map(donor);
	}
	imago_image_close(&image);
}

static void
forget(subject *s)
{
	imago_heap_destroy(s->heap);
	imago_release(&s->allocator, s->chunks, s->chunk_capacity * sizeof *s->chunks);
	imago_release(&s->allocator, s->files, MAX_SUBJECT_FILES * sizeof *s->files);
	imago_release(&s->allocator, s->ruled, s->ruled_capacity * sizeof *s->ruled);
	s->heap = NULL;
	s->chunks = NULL;
	s->files = NULL;
	s->ruled = NULL;
	s->num_ruled = 0;
	s->ruled_capacity = 0;
	s->ruled_known = false;
	s->num_chunks = 0;
	s->chunk_capacity = 0;
	s->num_files = 0;
	s->readable = false;
}

void
subject_close(subject *s)
{
	forget(s);
}

void
subject_reopen(subject *s)
{
	forget(s);
	read_structure(s);
}

static bool
looks_like_context(const imago_heap *heap, const imago_object *object)
{
	if (object->format != IMAGO_FORMAT_MIXED || object->num_slots < 6) {
		return false;
	}
	if (heap->model == IMAGO_SPUR) {
		return object->class_index == IMAGO_CLASS_CONTEXT;
	}
	/* V3: only contexts are mixed and have integers in slots 1 and 2. */
	return (imago_heap_fetch_slot(heap, object, 1) & imago_heap_fetch_slot(heap, object, 2) & 1) !=
	       0;
}

static chunk_kind
kind_of(const imago_heap *heap, const imago_object *object)
{
	switch (object->kind) {
	case IMAGO_OBJECT_FREE:
		return CHUNK_FREE;
	case IMAGO_OBJECT_FORWARDER:
		return CHUNK_FORWARDER;
	case IMAGO_OBJECT_HIDDEN:
		return CHUNK_HIDDEN;
	case IMAGO_OBJECT_PUN:
		return CHUNK_PUN;
	default:
		break;
	}
	if (object->body_kind == IMAGO_BODY_METHOD) {
		return CHUNK_METHOD;
	}
	if (object->body_kind != IMAGO_BODY_POINTERS) {
		return CHUNK_BITS;
	}
	return looks_like_context(heap, object) ? CHUNK_CONTEXT : CHUNK_POINTERS;
}

static bool
append_chunk(subject *s, const imago_object *object)
{
	if (s->num_chunks == s->chunk_capacity) {
		size_t capacity = s->chunk_capacity == 0 ? 512 : s->chunk_capacity * 2;
		subject_chunk *chunks =
		    imago_resize(&s->allocator, s->chunks, s->chunk_capacity * sizeof *chunks,
		                 capacity * sizeof *chunks, "chunk list", NULL);
		if (chunks == NULL) {
			return false;
		}
		s->chunks = chunks;
		s->chunk_capacity = capacity;
	}
	s->chunks[s->num_chunks++] =
	    (subject_chunk){.chunk = object->chunk, .kind = (uint8_t)kind_of(s->heap, object)};
	return true;
}

/* Of a segment that breaks off, the part before the break. */
bool
subject_map(subject *s)
{
	imago_walker walker;
	imago_object object;
	s->ruled_known = false;
	s->num_chunks = 0;
	imago_walk_init(&walker, s->heap, NULL);
	do {
		while (s->num_chunks < MAX_CHUNKS && imago_walk_next(&walker, &object)) {
			if (!append_chunk(s, &object)) {
				return false;
			}
		}
	} while (walker.status != IMAGO_OK && imago_walk_skip_segment(&walker));
	return s->num_chunks > 0;
}

static void
move_behind(size_t *position, size_t at, size_t remove, size_t insert)
{
	if (*position > at) {
		*position = *position - remove + insert;
	}
}

bool
subject_splice(subject *s, size_t at, size_t remove, size_t insert)
{
	if (at > s->size || remove > s->size - at || insert > s->capacity - (s->size - remove)) {
		return false;
	}
	memmove(s->bytes + at + insert, s->bytes + at + remove, s->size - at - remove);
	memset(s->bytes + at, 0, insert);
	s->size = s->size - remove + insert;
	s->touched = true;
	if (!s->readable) {
		return true;
	}
	for (size_t i = 0; i < s->heap->num_segments; i++) {
		imago_segment *segment = &s->heap->segments[i];
		size_t position = (size_t)(segment->bytes - s->bytes);
		move_behind(&position, at, remove, insert);
		segment->bytes = s->bytes + position;
		segment->writable = s->bytes + position;
	}
	for (size_t i = 0; i < s->num_files; i++) {
		subject_file *file = &s->files[i];
		if (file->content <= at && at <= file->content + file->size) {
			file->size = file->size - remove + insert;
		}
		move_behind(&file->line, at, remove, insert);
		move_behind(&file->size_text, at, remove, insert);
		move_behind(&file->content, at, remove, insert);
	}
	return true;
}

bool
subject_resize_segment(subject *s, size_t index, uint64_t size, uint64_t shift)
{
	s->heap->segments[index].size = size;
	for (size_t i = index + 1; i < s->heap->num_segments; i++) {
		if (s->heap->segments[i].space == IMAGO_SPACE_OLD) {
			s->heap->segments[i].start += shift;
		}
	}
	return subject_map(s);
}

size_t
subject_position(const subject *s, imago_addr addr, uint64_t length)
{
	const uint8_t *bytes = imago_heap_bytes(s->heap, addr, length);
	return bytes != NULL ? (size_t)(bytes - s->bytes) : SIZE_MAX;
}

bool
subject_decode(const subject *s, imago_oop oop, imago_object *out)
{
	size_t low = 0;
	size_t high = s->num_chunks; /* in ascending order, as segments are */
	if (imago_heap_decode_object(s->heap, oop, out, NULL) != IMAGO_OK) {
		return false;
	}
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (s->chunks[middle].chunk < out->chunk) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < s->num_chunks && s->chunks[low].chunk == out->chunk;
}

static bool
any_object(const subject *s, const imago_object *object)
{
	(void)s;
	(void)object;
	return true;
}

bool
subject_pick_if(subject *s, chunk_kind kind, subject_predicate *predicate, imago_object *out)
{
	if (s->num_chunks == 0) {
		return false;
	}
	size_t at = (size_t)dice_below(&s->dice, s->num_chunks);
	size_t num_decoded = 0;
	for (size_t i = 0; i < s->num_chunks && num_decoded < MAX_SCAN; i++) {
		const subject_chunk *chunk = &s->chunks[at];
		at = at + 1 == s->num_chunks ? 0 : at + 1;
		if (kind != CHUNK_ANY && chunk->kind != kind) {
			continue;
		}
		num_decoded++;
		if (imago_heap_decode_chunk(s->heap, chunk->chunk, out, NULL) == IMAGO_OK &&
		    predicate(s, out)) {
			return true;
		}
	}
	return false;
}

bool
subject_pick(subject *s, chunk_kind kind, imago_object *out)
{
	return subject_pick_if(s, kind, any_object, out);
}

static bool
has_pointers(const subject *s, const imago_object *object)
{
	return object->kind != IMAGO_OBJECT_FREE && imago_heap_num_pointer_slots(s->heap, object) > 0;
}

bool
subject_pick_pointers(subject *s, imago_object *out)
{
	return subject_pick_if(s, CHUNK_ANY, has_pointers, out);
}

bool
subject_hidden_roots(const subject *s, imago_object *out)
{
	imago_known_objects known;
	imago_known_objects_find(s->heap, &known);
	*out = known.hidden_roots;
	return out->num_slots > 0 && out->body_kind == IMAGO_BODY_POINTERS;
}

bool
subject_class_of(const subject *s, const imago_object *object, imago_object *cls)
{
	imago_oop oop = object->class_oop;
	uint32_t index = object->class_index;
	imago_object table;
	if (subject_is_spur(s)) {
		imago_object page;
		if (!subject_hidden_roots(s, &table) ||
		    !subject_decode(s, subject_fetch(s, &table, index / IMAGO_CLASS_PAGE_SIZE), &page)) {
			return false;
		}
		oop = subject_fetch(s, &page, index % IMAGO_CLASS_PAGE_SIZE);
	} else if (oop == 0) {
		if (index == 0 ||
		    !subject_decode(s, imago_special_object_at(s->heap, IMAGO_SPECIAL_COMPACT_CLASSES),
		                    &table)) {
			return false;
		}
		oop = subject_fetch(s, &table, index - 1);
	}
	/* In a broken image it may be a free chunk, whose words are sizes and links. */
	return subject_decode(s, oop, cls) && cls->kind != IMAGO_OBJECT_FREE && cls->num_slots >= 3 &&
	       cls->body_kind == IMAGO_BODY_POINTERS;
}

bool
subject_pick_class(subject *s, imago_object *out)
{
	imago_object object;
	for (int attempt = 0; attempt < 8; attempt++) {
		if (subject_pick(s, CHUNK_ANY, &object) && subject_class_of(s, &object, out)) {
			return true;
		}
	}
	return false;
}

imago_oop
subject_fetch(const subject *s, const imago_object *object, uint64_t index)
{
	return index < object->num_slots ? imago_heap_fetch_slot(s->heap, object, index) : 0;
}

bool
subject_store(subject *s, const imago_object *object, uint64_t index, imago_oop value)
{
	if (index >= object->num_slots) {
		return false;
	}
	if (subject_word(s) == 4) {
		value &= UINT32_MAX;
	}
	if (imago_heap_fetch_slot(s->heap, object, index) == value) {
		return false;
	}
	imago_heap_store_slot(s->heap, object, index, value);
	s->touched = true;
	return true;
}

uint64_t
subject_load_header(const subject *s, const imago_object *object)
{
	const unsigned width = subject_is_spur(s) ? 8 : 4;
	const uint8_t *bytes = imago_heap_bytes(s->heap, object->oop, width);
	if (bytes == NULL) {
		return 0;
	}
	return width == 8 ? imago_load_u64(bytes, s->heap->layout.byte_order)
	                  : imago_load_u32(bytes, s->heap->layout.byte_order);
}

bool
subject_store_header(subject *s, const imago_object *object, uint64_t header)
{
	const unsigned width = subject_is_spur(s) ? 8 : 4;
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, object->oop, width);
	if (bytes == NULL || subject_load_header(s, object) == header) {
		return false;
	}
	if (width == 8) {
		imago_store_u64(bytes, header, s->heap->layout.byte_order);
	} else {
		imago_store_u32(bytes, (uint32_t)header, s->heap->layout.byte_order);
	}
	s->touched = true;
	return true;
}

bool
subject_set_bits(subject *s, const imago_object *object, unsigned shift, unsigned width,
                 uint64_t value)
{
	const uint64_t mask = ((UINT64_C(1) << width) - 1) << shift;
	const uint64_t header = subject_load_header(s, object);
	return subject_store_header(s, object, (header & ~mask) | (value << shift & mask));
}

/* Position and width of a field of a classic header. */
static bool
find_field(const subject *s, const char *name, size_t *position, uint8_t *width)
{
	const int index = imago_header_field_index(name);
	if (index < 0) {
		return false;
	}
	*position = s->header;
	for (size_t i = 0; i < (size_t)index; i++) {
		*position += imago_header_field_at(i, subject_word(s)).width;
	}
	*width = imago_header_field_at((size_t)index, subject_word(s)).width;
	return imago_range_fits(*position, *width, s->size);
}

uint64_t
subject_field(const subject *s, const char *name)
{
	const int index = imago_header_field_index(name);
	return index < 0 ? 0 : imago_header_get(&s->heap->header, (size_t)index);
}

bool
subject_set_field(subject *s, const char *name, uint64_t value)
{
	size_t position;
	uint8_t width;
	uint8_t old[8];
	if (s->format == IMAGO_FORMAT_COMPOSED) {
		return bundle_set(s, "header.ston", name, value);
	}
	if (!find_field(s, name, &position, &width)) {
		return false;
	}
	uint8_t *bytes = s->bytes + position;
	memcpy(old, bytes, width);
	switch (width) {
	case 2:
		imago_store_u16(bytes, (uint16_t)value, s->heap->layout.byte_order);
		break;
	case 4:
		imago_store_u32(bytes, (uint32_t)value, s->heap->layout.byte_order);
		break;
	default:
		imago_store_u64(bytes, value, s->heap->layout.byte_order);
		break;
	}
	return memcmp(old, bytes, width) != 0;
}

imago_oop
subject_integer(const subject *s, int64_t value)
{
	imago_oop oop = 1;
	(void)imago_oop_from_integer(s->heap->tagging, value, &oop);
	return oop;
}
