/* rebuild_width_fill.c: a Spur heap in the other word size, second half: the objects' contents. */
#include <string.h>

#include "../base/planted.h"
#include "imago/method.h"
#include "imago/walk.h"
#include "rebuild_width.h"

enum { HEADER = 8, OVERFLOW_SLOTS = 255 };

/* The target's address of a position in the row of objects. */
static imago_addr
address_of(const imago_width_run *width, uint64_t position)
{
	uint32_t low = 0;
	uint32_t high = width->plan.num_segments;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (width->first_positions[middle] <= position) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return width->plan.starts[low] + (position - width->first_positions[low]);
}

/* The oop in the target of an object that has a position. */
static imago_oop
oop_of(const imago_width_run *width, uint64_t ordinal)
{
	uint64_t position = width->positions[ordinal];
	bool overflow = (position & 1) != 0;
	return address_of(width, position & ~UINT64_C(1)) + (overflow ? HEADER : 0);
}

/* Where an object's words are written. */
typedef struct open_body {
	uint8_t *bytes;
	imago_layout layout;
} open_body;

static void
store(const open_body *body, uint64_t slot, uint64_t word)
{
	imago_store_word(body->bytes + slot * body->layout.word_bytes, word, body->layout);
}

/* The target's immediate for a value; false when it has none. */
static bool
encode_immediate(const imago_width_run *width, const imago_graph_value *value, imago_oop *out)
{
	switch (value->kind) {
	case IMAGO_MEANS_INTEGER:
		return imago_oop_from_integer(width->tagging, (int64_t)value->bits, out);
	case IMAGO_MEANS_CHARACTER:
		/* Of 30 bits: collect_boxes refused others. */
		return imago_oop_from_character(width->tagging, (uint32_t)value->bits, out);
	case IMAGO_MEANS_FLOAT:
		return imago_oop_from_float_bits(width->tagging, value->bits, out);
	default:
		return false;
	}
}

/* What a value of the source is in the target. */
static bool
encode(const imago_width_run *width, const imago_graph_value *value, imago_oop *out)
{
	if (value->kind == IMAGO_MEANS_OBJECT || value->boxed) {
		if (width->positions[value->ordinal] != IMAGO_DROPPED) {
			*out = oop_of(width, value->ordinal);
			return true;
		}
	}
	if (encode_immediate(width, value, out)) {
		return true;
	}
	uint64_t box = imago_boxes_find(&width->boxes, value->word);
	if (box == UINT64_MAX) {
		return false;
	}
	*out = address_of(width, width->boxes_position + box * IMAGO_BOX_SIZE);
	return true;
}

static imago_status
translate(const imago_width_run *width, const imago_object *object, uint64_t slot, imago_oop *out)
{
	const imago_heap *source = width->graph.heap;
	imago_graph_value value;
	imago_oop word = imago_heap_fetch_slot(source, object, slot);
	imago_addr place = object->body + slot * source->layout.word_bytes;
	imago_status status =
	    imago_graph_resolve(&width->graph, word, place, &value, width->run->error);
	if (status == IMAGO_OK && !encode(width, &value, out)) {
		/* An object of the VM's own, where none belongs. */
		return imago_graph_fail(&width->graph, IMAGO_ESTRUCTURE, "pointer to a hidden object",
		                        place, word, 0, width->run->error);
	}
	return status;
}

/* The pc counts bytes from the first literal, whose widths change. */
static imago_status
translate_pc(const imago_width_run *width, const imago_object *object, int64_t pc_base,
             uint64_t num_literals, imago_oop *out)
{
	const imago_heap *source = width->graph.heap;
	imago_graph_value value;
	imago_oop word = imago_heap_fetch_slot(source, object, IMAGO_CONTEXT_PC);
	imago_status status =
	    imago_graph_resolve(&width->graph, word, object->body, &value, width->run->error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (value.kind != IMAGO_MEANS_INTEGER) {
		return translate(width, object, IMAGO_CONTEXT_PC, out);
	}
	int64_t new_base = (int64_t)((1 + num_literals) * width->run->layout.word_bytes) + 1;
	if (IMAGO_BUG(pc_of_one_literal, num_literals == 1)) {
		new_base = pc_base;
	}
	int64_t pc = (int64_t)value.bits - pc_base + new_base;
	return imago_oop_from_integer(width->tagging, pc, out)
	           ? IMAGO_OK
	           : imago_width_fail(width, IMAGO_EUNSUPPORTED, "pc", object, 0);
}

/* 32-bit tables have SmallInteger under both of its tags, 1 and 3. A 64-bit one may keep it there,
 * as real images do. */
static imago_status
fill_tag_entry(const imago_width_run *width, const imago_object *page, const open_body *body)
{
	enum { ONE = 1, THREE = 3 };
	const imago_class_table *classes = &width->graph.classes;
	if (width->tagging != IMAGO_TAGGING_SPUR32 || imago_class_table_at(classes, ONE) == 0 ||
	    imago_class_table_at(classes, THREE) != 0) {
		return IMAGO_OK;
	}
	imago_oop word;
	imago_status status = translate(width, page, ONE, &word);
	if (status == IMAGO_OK) {
		store(body, THREE, word);
	}
	return status;
}

static imago_status
fill_pointers(const imago_width_run *width, const imago_object *object, const open_body *body)
{
	const imago_graph *graph = &width->graph;
	imago_graph_role role = imago_graph_role_of(graph, object);
	uint64_t num_literals = 0;
	int64_t pc_base = imago_graph_pc_base(graph, object, role, &num_literals);
	uint64_t num_live = imago_graph_live_slots(graph, object, role);
	if (object->chunk == width->known.hidden_roots.chunk && num_live > IMAGO_FIRST_PRIVATE_ROOT) {
		num_live = IMAGO_FIRST_PRIVATE_ROOT; /* obj stacks and remembered set are dropped */
	}
	const imago_layout layout = graph->heap->layout;
	const uint8_t *slots = imago_object_bytes(graph->heap, object);
	imago_oop nil = oop_of(width, 0);
	imago_oop last = 0; /* the slot translated last, and what it became: equal ones stand in rows */
	imago_oop last_word = nil;
	bool has_last = false;
	for (uint64_t i = 0; i < object->num_slots; i++) {
		imago_oop word = nil;
		imago_status status = IMAGO_OK;
		if (pc_base != 0 && i == IMAGO_CONTEXT_PC) {
			status = translate_pc(width, object, pc_base, num_literals, &word);
		} else if (i < num_live) {
			imago_oop slot = imago_load_word(slots + i * layout.word_bytes, layout);
			if (!has_last || slot != last) {
				status = translate(width, object, i, &last_word);
				last = slot;
				has_last = true;
			}
			word = last_word;
		}
		if (status != IMAGO_OK) {
			return status;
		}
		store(body, i, word);
	}
	return IMAGO_OK;
}

static imago_status
fill_method(const imago_width_run *width, const imago_object *object, const open_body *body)
{
	const imago_heap *source = width->graph.heap;
	imago_method method = imago_method_decode(source, object);
	imago_oop word = imago_heap_fetch_slot(source, object, 0);
	uint64_t header = imago_graph_method_header(imago_oop_integer(source->tagging, word));
	/* The sign chooses the bytecode set; the other bits stay where they are. */
	int64_t sign = INT64_C(1) << (width->run->layout.word_bytes == 8 ? 60 : 30);
	int64_t value = (int64_t)(header & ~(UINT64_C(1) << 63));
	if (IMAGO_BUG(method_access_bits, (value >> 28 & 3) != 0)) {
		value &= ~(INT64_C(3) << 28);
	}
	if (value >= sign) {
		return imago_width_fail(width, IMAGO_EUNSUPPORTED, "method header", object, 0);
	}
	(void)imago_oop_from_integer(width->tagging, header >> 63 != 0 ? value - sign : value, &word);
	store(body, 0, word);
	for (uint64_t i = 1; i <= method.num_literals; i++) {
		imago_status status = translate(width, object, i, &word);
		if (status != IMAGO_OK) {
			return status;
		}
		store(body, i, word);
	}
	uint64_t first = (1 + (uint64_t)method.num_literals) * body->layout.word_bytes;
	memcpy(body->bytes + first, imago_object_bytes(source, object) + method.first_bytecode,
	       (size_t)(method.end - method.first_bytecode));
	return IMAGO_OK;
}

/* A Float's two halves, in the target's order. */
static void
fill_float(const imago_width_run *width, uint64_t bits, const open_body *body)
{
	bool low_first = imago_heap_floats_low_word_first(width->run->target);
	uint32_t low = (uint32_t)bits;
	uint32_t high = (uint32_t)(bits >> 32);
	imago_store_u32(body->bytes, low_first ? low : high, body->layout.byte_order);
	imago_store_u32(body->bytes + 4, low_first ? high : low, body->layout.byte_order);
}

static void
fill_bits(const imago_width_run *width, const imago_object *object, const open_body *body)
{
	const imago_heap *source = width->graph.heap;
	const uint8_t *from = imago_object_bytes(source, object);
	imago_byte_order from_order = source->layout.byte_order;
	imago_byte_order to_order = body->layout.byte_order;
	uint64_t num_elements = imago_object_num_elements(source, object);
	imago_graph_value value;
	if (object->body_kind == IMAGO_BODY_BITS32 &&
	    imago_graph_number(&width->graph, object, &value)) {
		fill_float(width, value.bits, body);
		return;
	}
	if (object->body_kind == IMAGO_BODY_BITS8) {
		memcpy(body->bytes, from, (size_t)num_elements);
		return;
	}
	for (uint64_t i = 0; i < num_elements; i++) {
		switch (object->body_kind) {
		case IMAGO_BODY_BITS16:
			imago_store_u16(body->bytes + 2 * i, imago_load_u16(from + 2 * i, from_order),
			                to_order);
			break;
		case IMAGO_BODY_BITS32:
			imago_store_u32(body->bytes + 4 * i, imago_load_u32(from + 4 * i, from_order),
			                to_order);
			break;
		default:
			imago_store_u64(body->bytes + 8 * i, imago_load_u64(from + 8 * i, from_order),
			                to_order);
			break;
		}
	}
}

/* Writes the header words at a chunk and returns the body; NULL is a bug. */
static uint8_t *
write_header(const imago_width_run *width, uint64_t position, uint64_t header, uint64_t num_slots,
             uint64_t body_bytes)
{
	imago_byte_order order = width->run->layout.byte_order;
	bool overflow = num_slots >= OVERFLOW_SLOTS;
	uint64_t header_bytes = overflow ? 2 * HEADER : HEADER;
	uint8_t *chunk = imago_heap_writable_bytes(width->run->target, address_of(width, position),
	                                           header_bytes + body_bytes);
	if (chunk == NULL) {
		return NULL;
	}
	uint64_t count = overflow ? OVERFLOW_SLOTS : num_slots;
	if (overflow) {
		imago_store_u64(chunk, (uint64_t)OVERFLOW_SLOTS << 56 | num_slots, order);
	}
	imago_store_u64(chunk + header_bytes - HEADER, count << 56 | header, order);
	return chunk + header_bytes;
}

static uint64_t
header_word(const imago_object *object, uint32_t class_index, uint8_t format)
{
	uint64_t header = class_index | (uint64_t)format << 24 | (uint64_t)object->identity_hash << 32;
	bool immutable = (object->bits & IMAGO_BIT_IMMUTABLE) != 0;
	bool pinned = (object->bits & IMAGO_BIT_PINNED) != 0;
	if (IMAGO_BUG(hash_all_ones, object->identity_hash == IMAGO_CLASS_INDEX_LIMIT - 1)) {
		header &= ~(UINT64_C(1) << 53);
	}
	if (IMAGO_BUG(immutable_pinned, immutable && pinned)) {
		immutable = false;
	}
	header |= immutable ? UINT64_C(1) << 23 : 0;
	header |= pinned ? UINT64_C(1) << 30 : 0;
	return header;
}

static imago_status
fill_object(const imago_width_run *width, const imago_object *object, uint64_t ordinal)
{
	imago_width_shape shape;
	imago_status status = imago_width_shape_of(width, object, &shape);
	if (status != IMAGO_OK) {
		return status;
	}
	bool free_lists = object->chunk == width->known.free_lists.chunk;
	uint32_t class_index = object->class_index;
	if (free_lists) {
		class_index = width->tagging == IMAGO_TAGGING_SPUR64 ? IMAGO_CLASS_HIDDEN_BITS64
		                                                     : IMAGO_CLASS_HIDDEN_BITS32;
	}
	uint64_t position = width->positions[ordinal] & ~UINT64_C(1);
	open_body body = {
	    .layout = width->run->layout,
	    .bytes = write_header(width, position, header_word(object, class_index, shape.format),
	                          shape.num_slots, shape.body_bytes),
	};
	if (body.bytes == NULL) {
		return imago_width_fail(width, IMAGO_EINTERNAL, "object across segments", object, 0);
	}
	if (free_lists) {
		return IMAGO_OK; /* all lists are empty */
	}
	if (object->body_kind == IMAGO_BODY_METHOD) {
		return fill_method(width, object, &body);
	}
	if (object->body_kind != IMAGO_BODY_POINTERS) {
		fill_bits(width, object, &body);
		return IMAGO_OK;
	}
	status = fill_pointers(width, object, &body);
	return status == IMAGO_OK && ordinal == width->first_page ? fill_tag_entry(width, object, &body)
	                                                          : status;
}

/* A LargeInteger or Float for an immediate of the source. */
static imago_status
fill_box(const imago_width_run *width, uint64_t index)
{
	const imago_object no_bits = {0};
	imago_tagging tagging = width->graph.heap->tagging;
	imago_oop word = width->boxes.words[index];
	uint64_t position = width->boxes_position + index * IMAGO_BOX_SIZE;
	bool is_float = imago_oop_kind_of(tagging, word) == IMAGO_OOP_FLOAT;
	int64_t value = is_float ? 0 : imago_oop_integer(tagging, word);
	uint64_t magnitude = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
	uint8_t num_bytes = 8;
	while (!is_float && num_bytes > 1 && magnitude >> 8 * (num_bytes - 1) == 0) {
		num_bytes--;
	}
	uint64_t num_slots = num_bytes > 4 ? 2 : 1;
	uint32_t class_index = IMAGO_CLASS_FLOAT;
	uint8_t format = IMAGO_FORMAT_BITS32;
	if (!is_float) {
		class_index =
		    value < 0 ? IMAGO_CLASS_LARGE_NEGATIVE_INTEGER : IMAGO_CLASS_LARGE_POSITIVE_INTEGER;
		if (IMAGO_BUG(box_of_lowest, value == -(INT64_C(1) << 30) - 1)) {
			class_index = IMAGO_CLASS_LARGE_POSITIVE_INTEGER;
		}
		format = (uint8_t)(IMAGO_FORMAT_BITS8 + (-num_bytes & 3));
	}
	open_body body = {
	    .layout = width->run->layout,
	    .bytes =
	        write_header(width, position, header_word(&no_bits, class_index, format), num_slots, 8),
	};
	if (body.bytes == NULL) {
		return imago_fail(width->run->error, IMAGO_EINTERNAL, "box across segments",
		                  IMAGO_NO_OFFSET, word, 0);
	}
	if (is_float) {
		fill_float(width, imago_oop_float_bits(word), &body);
		width->run->report.num_floats_boxed++;
	} else {
		imago_store_u64(body.bytes, magnitude, IMAGO_LITTLE_ENDIAN); /* byte 0 is the lowest */
		width->run->report.num_integers_boxed++;
	}
	return IMAGO_OK;
}

imago_status
imago_width_fill(imago_width_run *width)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_status status = IMAGO_OK;
	imago_walk_init(&walker, width->graph.heap, width->run->error);
	while (status == IMAGO_OK && imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_FREE) {
			continue;
		}
		if (width->positions[ordinal] != IMAGO_DROPPED) {
			status = fill_object(width, &object, ordinal);
		}
		ordinal++;
	}
	for (uint64_t i = 0; i < width->boxes.num_words && status == IMAGO_OK; i++) {
		status = fill_box(width, i);
	}
	return status != IMAGO_OK ? status : walker.status;
}

imago_status
imago_width_special_objects(const imago_width_run *width, imago_oop *out)
{
	imago_graph_value value;
	imago_oop oop = width->graph.heap->header.special_objects_oop;
	imago_status status = imago_graph_resolve(&width->graph, oop, oop, &value, width->run->error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (value.kind != IMAGO_MEANS_OBJECT || !encode(width, &value, out)) {
		return imago_fail(width->run->error, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop",
		                  IMAGO_NO_OFFSET, oop, 0);
	}
	return IMAGO_OK;
}
