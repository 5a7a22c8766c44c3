/* method.c: the header word of compiled code (formats/spur/spur.md §15, formats/v3/v3.md §4). */
#include "imago/method.h"

enum {
	CALL_PRIMITIVE_V3_SET = 139,
	CALL_PRIMITIVE_SISTA = 248,
	CALL_PRIMITIVE_BYTES = 3,
	SISTA_INLINED = 0x80, /* set in the high byte: an inlined primitive, not the method's own */
};

static void
decode_spur_fields(uint64_t value, imago_method *method)
{
	method->num_literals = value & 0x7FFF;
	method->has_primitive = (value >> 16 & 1) != 0;
	method->large_frame = (value >> 17 & 1) != 0;
	method->num_temps = value >> 18 & 63;
	method->num_args = value >> 24 & 15;
}

/* The number stands in the first bytecode, which must be a callPrimitive of the method's set. */
static void
find_called_primitive(const uint8_t *body, imago_method *method)
{
	uint8_t opcode = method->sista ? CALL_PRIMITIVE_SISTA : CALL_PRIMITIVE_V3_SET;
	method->primitive_call_missing = true;
	if (method->first_bytecode > method->end ||
	    method->end - method->first_bytecode < CALL_PRIMITIVE_BYTES) {
		return;
	}
	const uint8_t *code = body + method->first_bytecode;
	if (code[0] == opcode && !(method->sista && (code[2] & SISTA_INLINED) != 0)) {
		method->primitive_call_missing = false;
		method->primitive = (uint16_t)(code[1] | code[2] << 8);
	}
}

static void
decode_v3_fields(uint64_t value, imago_method *method)
{
	method->num_literals = value >> 9 & 0xFF;
	method->large_frame = (value >> 17 & 1) != 0;
	method->num_temps = value >> 18 & 63;
	method->num_args = value >> 24 & 15;
	method->primitive = (uint16_t)((value & 0x1FF) | (value >> 28 & 1) << 9);
	method->has_primitive = method->primitive != 0;
}

imago_method
imago_method_decode(const imago_heap *heap, const imago_object *object)
{
	imago_method method = {0};
	if (object->body_kind != IMAGO_BODY_METHOD || object->num_slots == 0) {
		return method;
	}
	method.end = imago_object_body_bytes(heap, object);
	imago_oop header = imago_heap_fetch_slot(heap, object, 0);
	if (imago_oop_kind_of(heap->tagging, header) != IMAGO_OOP_INTEGER) {
		return method;
	}
	int64_t value = imago_oop_integer(heap->tagging, header);
	method.header_is_integer = true;
	method.sista = value < 0;
	/* A negative V3 header has Spur's shape (v3.md §4). */
	bool v3_shape = heap->model == IMAGO_V3 && value >= 0;
	if (v3_shape) {
		decode_v3_fields((uint64_t)value, &method);
	} else {
		decode_spur_fields((uint64_t)value, &method);
	}
	method.first_bytecode = heap->layout.word_bytes * (1 + (uint64_t)method.num_literals);
	if (method.has_primitive && !v3_shape) {
		find_called_primitive(imago_object_bytes(heap, object), &method);
	}
	return method;
}
