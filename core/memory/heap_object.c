/* heap_object.c: decoding object headers (formats/spur/spur.md §5, §6; formats/v3/v3.md §3).
 *
 * Headers are decoded by value; a decoded object lies whole inside one segment, so its slots can be
 * fetched without further tests.
 */
#include "imago/heap.h"

#include "../base/planted.h"
#include "format_facts.h"
#include "imago/checked.h"
#include "imago/method.h"

enum {
	SPUR_HEADER_BYTES = 8,
	SPUR_OVERFLOW = 255,
	V3_HEADER_BYTES = 4,
	V3_TYPE_SIZED = 0, /* size word, class word, base header */
	V3_TYPE_CLASS = 1, /* class word, base header */
	V3_TYPE_FREE = 2,
	V3_TYPE_SHORT = 3, /* base header */
};

#define POINTERS                    \
	{                               \
		.body = IMAGO_BODY_POINTERS \
	}
#define INVALID                    \
	{                              \
		.body = IMAGO_BODY_INVALID \
	}
#define BITS64                    \
	{                             \
		.body = IMAGO_BODY_BITS64 \
	}
#define BITS32(tail)                                     \
	{                                                    \
		.body = IMAGO_BODY_BITS32, .unused_tail = (tail) \
	}
#define BITS16(tail)                                     \
	{                                                    \
		.body = IMAGO_BODY_BITS16, .unused_tail = (tail) \
	}
#define BITS8(tail)                                     \
	{                                                   \
		.body = IMAGO_BODY_BITS8, .unused_tail = (tail) \
	}
#define METHOD(tail)                                     \
	{                                                    \
		.body = IMAGO_BODY_METHOD, .unused_tail = (tail) \
	}

const imago_format_facts imago_spur32_formats[IMAGO_NUM_SPUR_FORMATS] = {
    POINTERS,  POINTERS,  POINTERS,  POINTERS,  POINTERS,  POINTERS,  INVALID, INVALID,
    INVALID,   BITS64,    BITS32(0), INVALID,   BITS16(0), BITS16(2), INVALID, INVALID,
    BITS8(0),  BITS8(1),  BITS8(2),  BITS8(3),  INVALID,   INVALID,   INVALID, INVALID,
    METHOD(0), METHOD(1), METHOD(2), METHOD(3), INVALID,   INVALID,   INVALID, INVALID,
};

const imago_format_facts imago_spur64_formats[IMAGO_NUM_SPUR_FORMATS] = {
    POINTERS,  POINTERS,  POINTERS,  POINTERS,  POINTERS,  POINTERS,  INVALID,   INVALID,
    INVALID,   BITS64,    BITS32(0), BITS32(4), BITS16(0), BITS16(2), BITS16(4), BITS16(6),
    BITS8(0),  BITS8(1),  BITS8(2),  BITS8(3),  BITS8(4),  BITS8(5),  BITS8(6),  BITS8(7),
    METHOD(0), METHOD(1), METHOD(2), METHOD(3), METHOD(4), METHOD(5), METHOD(6), METHOD(7),
};

const imago_format_facts imago_v3_formats[IMAGO_NUM_V3_FORMATS] = {
    POINTERS, POINTERS, POINTERS, POINTERS, POINTERS,  INVALID,   BITS32(0), INVALID,
    BITS8(0), BITS8(1), BITS8(2), BITS8(3), METHOD(0), METHOD(1), METHOD(2), METHOD(3),
};

imago_format_facts
imago_format_facts_of(imago_object_model model, uint8_t word_bytes, uint8_t format)
{
	if (model == IMAGO_V3) {
		return format < IMAGO_NUM_V3_FORMATS ? imago_v3_formats[format]
		                                     : (imago_format_facts)INVALID;
	}
	if (format >= IMAGO_NUM_SPUR_FORMATS) {
		return (imago_format_facts)INVALID;
	}
	return word_bytes == 8 ? imago_spur64_formats[format] : imago_spur32_formats[format];
}

/* The kind that a Spur class index implies (spur.md §8). */
static imago_object_kind
spur_kind(uint32_t class_index)
{
	if (class_index >= IMAGO_CLASS_FIRST_REAL) {
		return IMAGO_OBJECT_ORDINARY;
	}
	if (class_index == IMAGO_CLASS_FREE) {
		return IMAGO_OBJECT_FREE;
	}
	if (class_index == IMAGO_CLASS_FORWARDER) {
		return IMAGO_OBJECT_FORWARDER;
	}
	if (class_index >= IMAGO_CLASS_HIDDEN_ARRAY && class_index <= IMAGO_CLASS_HIDDEN_BITS64) {
		return IMAGO_OBJECT_HIDDEN;
	}
	return IMAGO_OBJECT_PUN;
}

static uint8_t
spur_bits(uint64_t header)
{
	unsigned bits = 0;
	bits |= (header >> 22 & 1) != 0 ? IMAGO_BIT_UNUSED_22 : 0;
	bits |= (header >> 23 & 1) != 0 ? IMAGO_BIT_IMMUTABLE : 0;
	bits |= (header >> 29 & 1) != 0 ? IMAGO_BIT_REMEMBERED : 0;
	bits |= (header >> 30 & 1) != 0 ? IMAGO_BIT_PINNED : 0;
	bits |= (header >> 31 & 1) != 0 ? IMAGO_BIT_GREY : 0;
	bits |= (header >> 54 & 1) != 0 ? IMAGO_BIT_UNUSED_54 : 0;
	bits |= (header >> 55 & 1) != 0 ? IMAGO_BIT_MARKED : 0;
	return (uint8_t)bits;
}

static void
decode_spur_header(const imago_heap *heap, uint64_t header, imago_object *object)
{
	object->class_index = (uint32_t)(header & (IMAGO_CLASS_INDEX_LIMIT - 1));
	object->format = header >> 24 & 31;
	object->identity_hash = (uint32_t)(header >> 32 & (IMAGO_CLASS_INDEX_LIMIT - 1));
	object->bits = spur_bits(header);
	object->kind = spur_kind(object->class_index);
	imago_format_facts facts =
	    imago_format_facts_of(IMAGO_SPUR, heap->layout.word_bytes, object->format);
	object->body_kind = facts.body;
	object->unused_tail = facts.unused_tail;
	if (object->kind == IMAGO_OBJECT_FORWARDER) {
		object->body_kind = IMAGO_BODY_POINTERS;
		object->unused_tail = 0;
	}
}

/* Body bytes of a Spur object, padding included: at least 8, a multiple of 8. */
static bool
spur_body_bytes(uint64_t num_slots, uint8_t word_bytes, uint64_t *bytes)
{
	if (!imago_checked_multiply(num_slots, word_bytes, bytes) ||
	    !imago_checked_align_up(*bytes, 8, bytes)) {
		return false;
	}
	if (*bytes == 0) {
		*bytes = 8;
	}
	return true;
}

/* A place in a segment while a header is decoded. */
typedef struct chunk_place {
	const imago_heap *heap;
	const imago_segment *segment;
	uint64_t position; /* of the chunk, in the segment */
	uint64_t left;     /* bytes from there to the segment's end */
	uint64_t wanted;   /* where in the segment the object's oop must be, or ANY_OOP */
} chunk_place;

#define ANY_OOP UINT64_MAX

static imago_status
fail_at(const chunk_place *place, imago_status status, const char *what, uint64_t found,
        uint64_t limit, imago_error *error)
{
	imago_error_set_part(error, place->segment->part);
	return imago_fail(error, status, what, place->segment->offset + place->position, found, limit);
}

/* Sets what has to do with places: header bytes before the oop, at the oop, and the body. Called
 * last, so that nothing is set for a refusal; field by field, as a copied object costs more than
 * decoding one. */
static imago_status
place_object(const chunk_place *place, uint64_t before, uint64_t header_bytes, uint64_t total_bytes,
             imago_object *out, imago_error *error)
{
	if (place->wanted != ANY_OOP && place->position + before != place->wanted) {
		imago_addr found = place->segment->start + place->position + before;
		return imago_fail(error, IMAGO_ESTRUCTURE, "oop", place->segment->offset + place->wanted,
		                  place->segment->start + place->wanted, found);
	}
	out->chunk = place->segment->start + place->position;
	out->oop = out->chunk + before;
	out->body = out->oop + header_bytes;
	out->total_bytes = total_bytes;
	out->segment = (uint32_t)(place->segment - place->heap->segments);
	return IMAGO_OK;
}

static imago_status
decode_spur(const chunk_place *place, imago_object *out, imago_error *error)
{
	imago_layout layout = place->heap->layout;
	const uint8_t *bytes = place->segment->bytes + place->position;
	if (place->left < SPUR_HEADER_BYTES) {
		return fail_at(place, IMAGO_ETRUNCATED, "object header", SPUR_HEADER_BYTES, place->left,
		               error);
	}
	uint64_t header = imago_load_u64(bytes, layout.byte_order);
	uint64_t num_slots = header >> 56;
	uint64_t header_bytes = SPUR_HEADER_BYTES;
	if (num_slots == SPUR_OVERFLOW) {
		header_bytes = UINT64_C(2) * SPUR_HEADER_BYTES;
		if (place->left < header_bytes) {
			return fail_at(place, IMAGO_ETRUNCATED, "object header behind an overflow word",
			               header_bytes, place->left, error);
		}
		num_slots = header & ((UINT64_C(1) << 56) - 1);
		if (IMAGO_BUG(overflow_high_bits, num_slots > UINT32_MAX)) {
			num_slots &= UINT32_MAX;
		}
		header = imago_load_u64(bytes + SPUR_HEADER_BYTES, layout.byte_order);
		bool agrees = header >> 56 == SPUR_OVERFLOW;
		if (!IMAGO_BUG(overflow_header_lost, !agrees) && !agrees) {
			return fail_at(place, IMAGO_ESTRUCTURE, "slot count behind an overflow word",
			               header >> 56, SPUR_OVERFLOW, error);
		}
	}
	uint64_t body_bytes;
	if (!spur_body_bytes(num_slots, layout.word_bytes, &body_bytes) ||
	    body_bytes > place->left - header_bytes) {
		return fail_at(place, IMAGO_ETRUNCATED, "slot count", num_slots,
		               (place->left - header_bytes) / layout.word_bytes, error);
	}
	imago_status status = place_object(place, header_bytes - SPUR_HEADER_BYTES, SPUR_HEADER_BYTES,
	                                   header_bytes + body_bytes, out, error);
	if (status == IMAGO_OK) {
		out->num_slots = num_slots;
		out->class_oop = 0;
		out->v3_type = 0;
		decode_spur_header(place->heap, header, out);
	}
	return status;
}

static void
decode_v3_base_header(uint32_t header, imago_object *object)
{
	object->format = header >> 8 & 15;
	object->class_index = header >> 12 & 31;
	object->identity_hash = header >> 17 & 0xFFF;
	unsigned bits = 0;
	bits |= (header >> 29 & 1) != 0 ? IMAGO_BIT_IMMUTABLE : 0;
	bits |= (header >> 30 & 1) != 0 ? IMAGO_BIT_REMEMBERED : 0;
	bits |= (header >> 31 & 1) != 0 ? IMAGO_BIT_MARKED : 0;
	object->bits = (uint8_t)bits;
	imago_format_facts facts = imago_format_facts_of(IMAGO_V3, 4, object->format);
	object->body_kind = facts.body;
	object->unused_tail = facts.unused_tail;
}

/* Size is counted from the base header (from the one header word of a free chunk). */
static imago_status
place_v3(const chunk_place *place, uint32_t size, uint64_t before_base, imago_object *out,
         imago_error *error)
{
	if (size < V3_HEADER_BYTES) {
		return fail_at(place, IMAGO_ESTRUCTURE, "object size", size, V3_HEADER_BYTES, error);
	}
	if (size > place->left - before_base) {
		return fail_at(place, IMAGO_ETRUNCATED, "object size", size, place->left - before_base,
		               error);
	}
	imago_status status =
	    place_object(place, before_base, V3_HEADER_BYTES, before_base + size, out, error);
	if (status == IMAGO_OK) {
		out->num_slots = size / 4 - 1;
	}
	return status;
}

/* A free chunk has one word, and no further fields. */
static imago_status
decode_v3_free(const chunk_place *place, uint32_t word, imago_object *out, imago_error *error)
{
	imago_status status = place_v3(place, word & ~UINT32_C(3), 0, out, error);
	if (status == IMAGO_OK) {
		decode_v3_base_header(0, out);
		out->kind = IMAGO_OBJECT_FREE;
		out->v3_type = V3_TYPE_FREE;
		out->class_oop = 0;
	}
	return status;
}

static imago_status
decode_v3(const chunk_place *place, imago_object *out, imago_error *error)
{
	imago_byte_order order = place->heap->layout.byte_order;
	const uint8_t *bytes = place->segment->bytes + place->position;
	if (place->left < V3_HEADER_BYTES) {
		return fail_at(place, IMAGO_ETRUNCATED, "object header", V3_HEADER_BYTES, place->left,
		               error);
	}
	uint32_t first = imago_load_u32(bytes, order);
	uint8_t type = first & 3;
	if (type == V3_TYPE_FREE) {
		return decode_v3_free(place, first, out, error);
	}
	uint64_t before_base = type == V3_TYPE_SIZED ? 8 : type == V3_TYPE_CLASS ? 4 : 0;
	if (place->left < before_base + V3_HEADER_BYTES) {
		return fail_at(place, IMAGO_ETRUNCATED, "object header", before_base + V3_HEADER_BYTES,
		               place->left, error);
	}
	uint32_t base = imago_load_u32(bytes + before_base, order);
	uint32_t class_word = before_base > 0 ? imago_load_u32(bytes + before_base - 4, order) : base;
	if ((base & 3) != type || (class_word & 3) != type) {
		return fail_at(place, IMAGO_ESTRUCTURE, "header type",
		               (base & 3) != type ? base & 3 : class_word & 3, type, error);
	}
	uint32_t size = type == V3_TYPE_SIZED ? first & ~UINT32_C(3) : base & 0xFC;
	imago_status status = place_v3(place, size, before_base, out, error);
	if (status == IMAGO_OK) {
		decode_v3_base_header(base, out);
		out->kind = IMAGO_OBJECT_ORDINARY;
		out->v3_type = type;
		out->class_oop = before_base > 0 ? class_word & ~UINT32_C(3) : 0;
	}
	return status;
}

static imago_status
decode_at(const imago_heap *heap, const imago_segment *segment, uint64_t position, uint64_t wanted,
          imago_object *out, imago_error *error)
{
	chunk_place place = {
	    .heap = heap,
	    .segment = segment,
	    .position = position,
	    .left = segment->size - position,
	    .wanted = wanted,
	};
	return heap->model == IMAGO_SPUR ? decode_spur(&place, out, error)
	                                 : decode_v3(&place, out, error);
}

imago_status
imago_heap_decode_chunk(const imago_heap *heap, imago_addr addr, imago_object *out,
                        imago_error *error)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	if (segment == NULL) {
		return imago_fail(error, IMAGO_ERANGE, "object address", IMAGO_NO_OFFSET, addr, 0);
	}
	return decode_at(heap, segment, addr - segment->start, ANY_OOP, out, error);
}

/* Bytes of header words that stand before the (base) header at oop. */
static uint64_t
header_bytes_before(const imago_heap *heap, const uint8_t *header)
{
	imago_byte_order order = heap->layout.byte_order;
	if (heap->model == IMAGO_SPUR) {
		return imago_load_u64(header, order) >> 56 == SPUR_OVERFLOW ? SPUR_HEADER_BYTES : 0;
	}
	switch (imago_load_u32(header, order) & 3) {
	case V3_TYPE_SIZED:
		return 8;
	case V3_TYPE_CLASS:
		return 4;
	default:
		return 0;
	}
}

imago_status
imago_heap_decode_object(const imago_heap *heap, imago_oop oop, imago_object *out,
                         imago_error *error)
{
	const imago_segment *segment = imago_heap_segment_of(heap, oop);
	uint64_t offset = segment != NULL ? segment->offset + (oop - segment->start) : IMAGO_NO_OFFSET;
	if (oop % imago_heap_alignment(heap) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "oop", offset, oop, imago_heap_alignment(heap));
	}
	uint64_t header_size = heap->model == IMAGO_SPUR ? SPUR_HEADER_BYTES : V3_HEADER_BYTES;
	if (segment == NULL || header_size > segment->size - (oop - segment->start)) {
		return imago_fail(error, IMAGO_ERANGE, "oop", offset, oop, 0);
	}
	uint64_t position = oop - segment->start;
	uint64_t before = header_bytes_before(heap, segment->bytes + position);
	if (before > position) {
		return imago_fail(error, IMAGO_ETRUNCATED, "header words before the oop", offset, before,
		                  0);
	}
	return decode_at(heap, segment, position - before, position, out, error);
}

const uint8_t *
imago_object_bytes(const imago_heap *heap, const imago_object *object)
{
	const imago_segment *segment = &heap->segments[object->segment];
	return segment->bytes + (object->body - segment->start);
}

imago_oop
imago_heap_fetch_slot(const imago_heap *heap, const imago_object *object, uint64_t index)
{
	return imago_load_word(imago_object_bytes(heap, object) + index * heap->layout.word_bytes,
	                       heap->layout);
}

void
imago_heap_store_slot(imago_heap *heap, const imago_object *object, uint64_t index, imago_oop value)
{
	imago_segment *segment = &heap->segments[object->segment];
	uint8_t *body = segment->writable + (object->body - segment->start);
	imago_store_word(body + index * heap->layout.word_bytes, value, heap->layout);
}

uint64_t
imago_heap_num_pointer_slots(const imago_heap *heap, const imago_object *object)
{
	if (object->kind == IMAGO_OBJECT_FREE || object->num_slots == 0) {
		return 0;
	}
	if (object->kind == IMAGO_OBJECT_FORWARDER) {
		return 1;
	}
	if (object->body_kind == IMAGO_BODY_POINTERS) {
		return object->num_slots;
	}
	if (object->body_kind != IMAGO_BODY_METHOD) {
		return 0;
	}
	imago_method method = imago_method_decode(heap, object);
	uint64_t num_pointers = 1 + (uint64_t)method.num_literals;
	return num_pointers < object->num_slots ? num_pointers : object->num_slots;
}

uint64_t
imago_object_body_bytes(const imago_heap *heap, const imago_object *object)
{
	uint64_t bytes = object->num_slots * heap->layout.word_bytes;
	return bytes > object->unused_tail ? bytes - object->unused_tail : 0;
}

uint64_t
imago_object_num_elements(const imago_heap *heap, const imago_object *object)
{
	uint64_t bytes = imago_object_body_bytes(heap, object);
	if (object->kind == IMAGO_OBJECT_FREE) {
		return 0;
	}
	switch (object->body_kind) {
	case IMAGO_BODY_BITS8:
		return bytes;
	case IMAGO_BODY_BITS16:
		return bytes / 2;
	case IMAGO_BODY_BITS32:
		return bytes / 4;
	case IMAGO_BODY_BITS64:
		return bytes / 8;
	default:
		return 0;
	}
}
