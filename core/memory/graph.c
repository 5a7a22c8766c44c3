/* graph.c: what objects mean, apart from where and how they are stored. */
#include "graph.h"

#include "../base/planted.h"
#include "imago/known_objects.h"
#include "imago/method.h"
#include "imago/walk.h"

enum {
	MAX_NUMBER_BYTES = 8,
	VALUE_BITS = 60, /* magnitude of the integers that count by value: Spur64's SmallIntegers */
};

/* The special object, or 0 where there is none. */
static imago_addr
special_class(const imago_heap *heap, imago_addr nil, imago_special index)
{
	imago_oop oop = imago_special_object_at(heap, index);
	return oop == nil || !imago_oop_is_pointer(heap->tagging, oop) ? 0 : oop;
}

static void
find_roles(imago_graph *graph)
{
	const imago_heap *heap = graph->heap;
	imago_addr *classes = graph->role_classes;
	if (heap->model == IMAGO_SPUR) {
		const imago_class_table *table = &graph->classes;
		classes[IMAGO_ROLE_FLOAT] = imago_class_table_at(table, IMAGO_CLASS_FLOAT);
		classes[IMAGO_ROLE_LARGE_POSITIVE] =
		    imago_class_table_at(table, IMAGO_CLASS_LARGE_POSITIVE_INTEGER);
		classes[IMAGO_ROLE_LARGE_NEGATIVE] =
		    imago_class_table_at(table, IMAGO_CLASS_LARGE_NEGATIVE_INTEGER);
		classes[IMAGO_ROLE_CONTEXT] = imago_class_table_at(table, IMAGO_CLASS_CONTEXT);
		classes[IMAGO_ROLE_CLOSURE] = imago_class_table_at(table, IMAGO_CLASS_BLOCK_CLOSURE);
		return;
	}
	imago_addr nil = graph->classes.nil;
	classes[IMAGO_ROLE_FLOAT] = special_class(heap, nil, IMAGO_SPECIAL_CLASS_FLOAT);
	classes[IMAGO_ROLE_LARGE_POSITIVE] =
	    special_class(heap, nil, IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER);
	classes[IMAGO_ROLE_LARGE_NEGATIVE] =
	    special_class(heap, nil, IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER);
	classes[IMAGO_ROLE_CONTEXT] = special_class(heap, nil, IMAGO_SPECIAL_CLASS_CONTEXT);
	classes[IMAGO_ROLE_BLOCK_CONTEXT] = special_class(heap, nil, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT);
	classes[IMAGO_ROLE_CLOSURE] = special_class(heap, nil, IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE);
}

/* Marks the objects that a pointer must not stop at. */
static imago_status
find_indirect(imago_graph *graph, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	imago_graph_value value;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, graph->heap, error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_FREE || object.kind == IMAGO_OBJECT_PUN) {
			continue;
		}
		bool forwards = object.kind == IMAGO_OBJECT_FORWARDER;
		graph->has_forwarders |= forwards;
		if (forwards || imago_graph_number(graph, &object, &value)) {
			imago_bitmap_set(&graph->indirect, ordinal);
		}
		ordinal++;
	}
	return walker.status;
}

imago_status
imago_graph_create(imago_graph *graph, const imago_heap *heap, imago_allocator *allocator,
                   imago_error *error)
{
	*graph = (imago_graph){.heap = heap, .allocator = allocator};
	imago_status status = imago_object_index_create(&graph->index, heap, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_class_table_create(&graph->classes, heap, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	find_roles(graph);
	status = imago_bitmap_create(&graph->indirect, graph->index.num_objects, allocator, error);
	return status == IMAGO_OK ? find_indirect(graph, error) : status;
}

void
imago_graph_release(imago_graph *graph)
{
	imago_bitmap_release(&graph->indirect, graph->allocator);
	imago_class_table_release(&graph->classes);
	imago_object_index_release(&graph->index);
	*graph = (imago_graph){0};
}

imago_graph_role
imago_graph_role_of(const imago_graph *graph, const imago_object *object)
{
	if (object->kind != IMAGO_OBJECT_ORDINARY) {
		return IMAGO_ROLE_PLAIN;
	}
	imago_addr cls = imago_class_of_object(&graph->classes, object);
	if (cls == 0) {
		return IMAGO_ROLE_PLAIN;
	}
	for (unsigned role = 0; role < IMAGO_NUM_ROLES; role++) {
		if (graph->role_classes[role] == cls) {
			return (imago_graph_role)role;
		}
	}
	return IMAGO_ROLE_PLAIN;
}

/* The value of a Float; false when its body is no Float's. */
static bool
float_bits(const imago_graph *graph, const imago_object *object, uint64_t *bits)
{
	const imago_heap *heap = graph->heap;
	imago_byte_order order = heap->layout.byte_order;
	uint64_t num_elements = imago_object_num_elements(heap, object);
	const uint8_t *bytes = imago_object_bytes(heap, object);
	if (object->body_kind == IMAGO_BODY_BITS64 && num_elements == 1) {
		*bits = imago_load_u64(bytes, order);
		return true;
	}
	if (object->body_kind != IMAGO_BODY_BITS32 || num_elements != 2) {
		return false;
	}
	uint64_t first = imago_load_u32(bytes, order);
	uint64_t second = imago_load_u32(bytes + 4, order);
	*bits = imago_heap_floats_low_word_first(heap) ? second << 32 | first : first << 32 | second;
	return true;
}

static bool
large_integer(const imago_graph *graph, const imago_object *object, bool negative, uint64_t *bits)
{
	uint64_t num_bytes = imago_object_num_elements(graph->heap, object);
	if (object->body_kind != IMAGO_BODY_BITS8 || num_bytes > MAX_NUMBER_BYTES) {
		return false;
	}
	const uint8_t *bytes = imago_object_bytes(graph->heap, object);
	uint64_t magnitude = 0;
	for (uint64_t i = 0; i < num_bytes; i++) {
		magnitude |= (uint64_t)bytes[i] << 8 * i;
	}
	uint64_t bound = (UINT64_C(1) << VALUE_BITS) - (negative ? 0 : 1);
	*bits = negative ? UINT64_C(0) - magnitude : magnitude;
	return magnitude <= bound;
}

bool
imago_graph_number(const imago_graph *graph, const imago_object *object, imago_graph_value *out)
{
	uint64_t bits = 0;
	imago_graph_kind kind;
	if (object->body_kind < IMAGO_BODY_BITS8 || object->body_kind > IMAGO_BODY_BITS64) {
		return false;
	}
	switch (imago_graph_role_of(graph, object)) {
	case IMAGO_ROLE_FLOAT:
		kind = float_bits(graph, object, &bits) ? IMAGO_MEANS_FLOAT : IMAGO_MEANS_NOTHING;
		break;
	case IMAGO_ROLE_LARGE_POSITIVE:
		kind =
		    large_integer(graph, object, false, &bits) ? IMAGO_MEANS_INTEGER : IMAGO_MEANS_NOTHING;
		break;
	case IMAGO_ROLE_LARGE_NEGATIVE:
		kind =
		    large_integer(graph, object, true, &bits) ? IMAGO_MEANS_INTEGER : IMAGO_MEANS_NOTHING;
		break;
	default:
		return false;
	}
	*out = (imago_graph_value){.kind = kind, .bits = bits, .boxed = true};
	return kind != IMAGO_MEANS_NOTHING;
}

imago_status
imago_graph_fail(const imago_graph *graph, imago_status status, const char *what, imago_addr place,
                 uint64_t found, uint64_t limit, imago_error *error)
{
	const imago_segment *segment = imago_heap_segment_of(graph->heap, place);
	if (segment != NULL) {
		imago_error_set_part(error, segment->part);
	}
	return imago_fail(error, status, what, imago_heap_offset_of(graph->heap, place), found, limit);
}

static imago_graph_value
immediate_value(imago_tagging tagging, imago_oop word)
{
	imago_graph_value value = {.kind = IMAGO_MEANS_INVALID, .bits = word, .word = word};
	switch (imago_oop_kind_of(tagging, word)) {
	case IMAGO_OOP_INTEGER:
		value.kind = IMAGO_MEANS_INTEGER;
		value.bits = (uint64_t)imago_oop_integer(tagging, word);
		break;
	case IMAGO_OOP_CHARACTER:
		value.kind = IMAGO_MEANS_CHARACTER;
		value.bits = word >> (tagging == IMAGO_TAGGING_SPUR64 ? 3 : 2);
		break;
	case IMAGO_OOP_FLOAT:
		value.kind = IMAGO_MEANS_FLOAT;
		value.bits = imago_oop_float_bits(word);
		break;
	default:
		break;
	}
	return value;
}

imago_status
imago_graph_resolve(const imago_graph *graph, imago_oop word, imago_addr place,
                    imago_graph_value *out, imago_error *error)
{
	const imago_heap *heap = graph->heap;
	for (unsigned hop = 0; hop < IMAGO_MAX_FORWARDER_CHAIN; hop++) {
		if (!imago_oop_is_pointer(heap->tagging, word)) {
			*out = immediate_value(heap->tagging, word);
			return IMAGO_OK;
		}
		uint64_t ordinal = imago_object_index_ordinal(&graph->index, word);
		if (ordinal == UINT64_MAX) {
			return imago_graph_fail(graph, IMAGO_ESTRUCTURE, "pointer that hits no object", place,
			                        word, 0, error);
		}
		*out = (imago_graph_value){
		    .kind = IMAGO_MEANS_OBJECT, .bits = word, .ordinal = ordinal, .word = word};
		if (!imago_bitmap_test(&graph->indirect, ordinal)) {
			return IMAGO_OK;
		}
		imago_object object;
		imago_status status = imago_heap_decode_object(heap, word, &object, error);
		if (status != IMAGO_OK) {
			return status;
		}
		bool leads_on = object.kind == IMAGO_OBJECT_FORWARDER;
		if (IMAGO_BUG(forwarder_hop_lost, leads_on && hop >= 2)) {
			return IMAGO_OK;
		}
		if (!leads_on) {
			imago_graph_number(graph, &object, out);
			out->ordinal = ordinal;
			out->word = word;
			return IMAGO_OK;
		}
		if (object.num_slots == 0) {
			break;
		}
		place = object.body;
		word = imago_heap_fetch_slot(heap, &object, 0);
	}
	return imago_graph_fail(graph, IMAGO_ESTRUCTURE, "forwarder that leads nowhere", place, word,
	                        IMAGO_MAX_FORWARDER_CHAIN, error);
}

/* The live object that a slot leads to; false for anything else. */
static bool
object_in_slot(const imago_graph *graph, const imago_object *object, uint64_t slot,
               imago_object *out)
{
	if (slot >= object->num_slots) {
		return false;
	}
	imago_graph_value value;
	imago_oop word = imago_heap_fetch_slot(graph->heap, object, slot);
	return imago_graph_resolve(graph, word, object->body, &value, NULL) == IMAGO_OK &&
	       value.kind == IMAGO_MEANS_OBJECT &&
	       imago_heap_decode_object(graph->heap, value.bits, out, NULL) == IMAGO_OK;
}

int64_t
imago_graph_pc_base(const imago_graph *graph, const imago_object *object, imago_graph_role role,
                    uint64_t *num_literals)
{
	imago_object context = *object;
	imago_object code;
	if (object->body_kind != IMAGO_BODY_POINTERS) {
		return 0;
	}
	if (role == IMAGO_ROLE_CLOSURE) {
		if (!object_in_slot(graph, object, IMAGO_CLOSURE_OUTER_CONTEXT, &context) ||
		    context.body_kind != IMAGO_BODY_POINTERS) {
			return 0;
		}
		role = imago_graph_role_of(graph, &context);
	}
	if (role != IMAGO_ROLE_CONTEXT ||
	    !object_in_slot(graph, &context, IMAGO_CONTEXT_METHOD, &code)) {
		return 0;
	}
	imago_method method = imago_method_decode(graph->heap, &code);
	if (!method.header_is_integer) {
		return 0;
	}
	*num_literals = method.num_literals;
	return (int64_t)method.first_bytecode + 1;
}

uint64_t
imago_graph_live_slots(const imago_graph *graph, const imago_object *object, imago_graph_role role)
{
	uint64_t num_slots = imago_heap_num_pointer_slots(graph->heap, object);
	if ((role != IMAGO_ROLE_CONTEXT && role != IMAGO_ROLE_BLOCK_CONTEXT) ||
	    object->body_kind != IMAGO_BODY_POINTERS || num_slots < IMAGO_CONTEXT_FIXED_SLOTS) {
		return num_slots;
	}
	/* By its meaning: a number may be boxed, or behind a forwarder, in one word size alone. */
	imago_graph_value value;
	imago_oop word = imago_heap_fetch_slot(graph->heap, object, IMAGO_CONTEXT_STACK_POINTER);
	if (imago_graph_resolve(graph, word, object->body, &value, NULL) != IMAGO_OK ||
	    value.kind != IMAGO_MEANS_INTEGER) {
		return num_slots;
	}
	int64_t depth = (int64_t)value.bits;
	if (depth < 0 || (uint64_t)depth > num_slots - IMAGO_CONTEXT_FIXED_SLOTS) {
		return num_slots;
	}
	return IMAGO_CONTEXT_FIXED_SLOTS + (uint64_t)depth;
}

uint64_t
imago_graph_method_header(int64_t value)
{
	const uint64_t low_mask = (UINT64_C(1) << 30) - 1;
	uint64_t bits = (uint64_t)value;
	uint64_t middle = bits >> 30 & low_mask;
	bool negative = value < 0;
	if (negative && middle == low_mask) {
		middle = 0;
	}
	return (uint64_t)negative << 63 | middle << 30 | (bits & low_mask);
}

static uint8_t
format_without_tail(const imago_heap *heap, const imago_object *object)
{
	static const uint8_t spur[] = {
	    [IMAGO_BODY_BITS8] = IMAGO_FORMAT_BITS8,   [IMAGO_BODY_BITS16] = IMAGO_FORMAT_BITS16,
	    [IMAGO_BODY_BITS32] = IMAGO_FORMAT_BITS32, [IMAGO_BODY_BITS64] = IMAGO_FORMAT_BITS64,
	    [IMAGO_BODY_METHOD] = IMAGO_FORMAT_METHOD,
	};
	if (object->body_kind == IMAGO_BODY_POINTERS) {
		return object->format;
	}
	if (heap->model == IMAGO_SPUR) {
		return spur[object->body_kind];
	}
	return object->body_kind == IMAGO_BODY_BITS32 ? object->format : object->format & 12;
}

static void
describe_method(const imago_graph *graph, imago_graph_record *record)
{
	const imago_heap *heap = graph->heap;
	const imago_object *object = &record->object;
	uint64_t num_pointers = imago_heap_num_pointer_slots(heap, object);
	uint64_t body_bytes = imago_object_body_bytes(heap, object);
	uint64_t pointer_bytes = num_pointers * heap->layout.word_bytes;
	record->num_references = num_pointers;
	record->method_header = IMAGO_NO_METHOD_HEADER;
	if (imago_method_decode(heap, object).header_is_integer) {
		imago_oop header = imago_heap_fetch_slot(heap, object, 0);
		record->method_header = imago_graph_method_header(imago_oop_integer(heap->tagging, header));
		record->first_slot = 1;
		record->num_references--;
	}
	record->num_data = body_bytes > pointer_bytes ? body_bytes - pointer_bytes : 0;
	record->num_elements = record->num_data;
	record->data = imago_object_bytes(heap, object) + pointer_bytes;
}

static void
describe_pointers(const imago_graph *graph, imago_graph_record *record)
{
	const imago_object *object = &record->object;
	uint64_t num_literals;
	record->num_elements = imago_heap_num_pointer_slots(graph->heap, object);
	record->num_references = imago_graph_live_slots(graph, object, record->role);
	record->pc_base = imago_graph_pc_base(graph, object, record->role, &num_literals);
}

imago_status
imago_graph_describe(const imago_graph *graph, imago_oop oop, imago_graph_record *out,
                     imago_error *error)
{
	static const uint8_t element_bytes[] = {
	    [IMAGO_BODY_BITS8] = 1,
	    [IMAGO_BODY_BITS16] = 2,
	    [IMAGO_BODY_BITS32] = 4,
	    [IMAGO_BODY_BITS64] = 8,
	};
	*out = (imago_graph_record){.element_bytes = 1};
	imago_object *object = &out->object;
	imago_status status = imago_heap_decode_object(graph->heap, oop, object, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (object->body_kind == IMAGO_BODY_INVALID) {
		return imago_graph_fail(graph, IMAGO_ESTRUCTURE, "object format", object->oop,
		                        object->format, 0, error);
	}
	out->role = imago_graph_role_of(graph, object);
	out->format = format_without_tail(graph->heap, object);
	if (object->body_kind == IMAGO_BODY_POINTERS) {
		describe_pointers(graph, out);
	} else if (object->body_kind == IMAGO_BODY_METHOD) {
		describe_method(graph, out);
	} else {
		out->num_data = imago_object_num_elements(graph->heap, object);
		out->num_elements = out->num_data;
		out->element_bytes = element_bytes[object->body_kind];
		out->data = imago_object_bytes(graph->heap, object);
	}
	return IMAGO_OK;
}

imago_status
imago_graph_class(const imago_graph *graph, const imago_graph_record *record,
                  imago_graph_value *out, imago_error *error)
{
	imago_addr cls = imago_class_of_object(&graph->classes, &record->object);
	*out = (imago_graph_value){.kind = IMAGO_MEANS_NOTHING};
	return cls != 0 ? imago_graph_resolve(graph, cls, record->object.chunk, out, error) : IMAGO_OK;
}

imago_status
imago_graph_reference(const imago_graph *graph, const imago_graph_record *record, uint64_t i,
                      imago_graph_value *out, imago_error *error)
{
	const imago_object *object = &record->object;
	uint64_t slot = record->first_slot + i;
	imago_addr place = object->body + slot * graph->heap->layout.word_bytes;
	imago_oop word = imago_heap_fetch_slot(graph->heap, object, slot);
	imago_status status = imago_graph_resolve(graph, word, place, out, error);
	if (status == IMAGO_OK && record->pc_base != 0 && slot == IMAGO_CONTEXT_PC &&
	    out->kind == IMAGO_MEANS_INTEGER) {
		out->kind = IMAGO_MEANS_PC;
		out->bits -= (uint64_t)record->pc_base;
	}
	return status;
}

uint64_t
imago_graph_element(const imago_graph *graph, const imago_graph_record *record, uint64_t index)
{
	imago_byte_order order = graph->heap->layout.byte_order;
	const uint8_t *bytes = record->data + index * record->element_bytes;
	switch (record->element_bytes) {
	case 1:
		return bytes[0];
	case 2:
		return imago_load_u16(bytes, order);
	case 4:
		return imago_load_u32(bytes, order);
	default:
		return imago_load_u64(bytes, order);
	}
}
