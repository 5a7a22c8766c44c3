/* builder_objects.c: objects that callers ask for: pointers, bits, numbers, methods, forwarders;
 * and their slots. */
#include <string.h>

#include "builder_private.h"

#include "imago/checked.h"

enum {
	MAX_ARGS = 15,
	MAX_TEMPS = 63,
	SPUR_MAX_LITERALS = 0x7FFF,
	V3_MAX_LITERALS = 0xFF,
	V3_MAX_PRIMITIVE = 0x3FF,
	CALL_PRIMITIVE_V3_SET = 139,
	CALL_PRIMITIVE_SISTA = 248,
	CALL_PRIMITIVE_SIZE = 3,
	FLOAT_WORDS = 2,
};

void
builder_fill(imago_builder *builder, imago_oop object, imago_oop value)
{
	builder_object found;
	if (!builder_find(builder, object, &found)) {
		return;
	}
	size_t word_bytes = builder->layout.word_bytes;
	uint8_t *end = found.body + found.num_slots * word_bytes;
	for (uint8_t *slot = found.body; slot < end; slot += word_bytes) {
		imago_store_word(slot, value, builder->layout);
	}
}

static bool
in_perm(const imago_builder *builder)
{
	return builder->segments[builder->current].space == IMAGO_SPACE_PERM;
}

imago_oop
imago_builder_new_pointers(imago_builder *builder, imago_oop cls, uint64_t num_slots)
{
	builder_shape shape;
	if (!builder_shape_of(builder, cls, &shape)) {
		return 0;
	}
	bool fixed = shape.format == IMAGO_FORMAT_EMPTY || shape.format == IMAGO_FORMAT_FIXED ||
	             shape.format == IMAGO_FORMAT_EPHEMERON;
	bool special = shape.format == IMAGO_FORMAT_WEAK || shape.format == IMAGO_FORMAT_EPHEMERON;
	if (shape.format > IMAGO_FORMAT_EPHEMERON || (special && in_perm(builder))) {
		builder_fail(builder, IMAGO_EUSAGE, "format of a pointer object", shape.format,
		             IMAGO_FORMAT_EPHEMERON);
		return 0;
	}
	if (num_slots < shape.num_named || (fixed && num_slots != shape.num_named)) {
		builder_fail(builder, IMAGO_EUSAGE, "slot count", num_slots, shape.num_named);
		return 0;
	}
	imago_oop object = builder_lay_out(builder, builder->current, &shape, shape.format, num_slots);
	builder_fill(builder, object, builder->nil);
	return object;
}

/* Slots and unused tail, in elements, of num_elements elements of element_bytes each. */
static bool
measure(const imago_builder *builder, uint64_t num_elements, uint64_t element_bytes,
        uint64_t *num_slots, uint8_t *tail)
{
	uint64_t word_bytes = builder->layout.word_bytes;
	uint64_t bytes = 0;
	uint64_t rounded = 0;
	if (!imago_checked_multiply(num_elements, element_bytes, &bytes) ||
	    !imago_checked_align_up(bytes, word_bytes, &rounded)) {
		return false;
	}
	*num_slots = rounded / word_bytes;
	*tail = (uint8_t)((rounded - bytes) / element_bytes);
	return true;
}

static uint64_t
element_bytes_of(uint8_t spur_format)
{
	switch (spur_format) {
	case IMAGO_FORMAT_BITS64:
		return 8;
	case IMAGO_FORMAT_BITS32:
		return 4;
	case IMAGO_FORMAT_BITS16:
		return 2;
	case IMAGO_FORMAT_BITS8:
		return 1;
	default:
		return 0;
	}
}

imago_oop
imago_builder_new_bits(imago_builder *builder, imago_oop cls, uint64_t num_elements)
{
	builder_shape shape;
	if (!builder_shape_of(builder, cls, &shape)) {
		return 0;
	}
	uint64_t element_bytes = element_bytes_of(shape.format);
	uint64_t num_slots = 0;
	uint8_t tail = 0;
	if (element_bytes == 0 || !measure(builder, num_elements, element_bytes, &num_slots, &tail)) {
		builder_fail(builder, IMAGO_EUSAGE, "elements of a bits object", num_elements,
		             shape.format);
		return 0;
	}
	uint8_t format = (uint8_t)(builder_layout_format(builder, shape.format) + tail);
	return builder_lay_out(builder, builder->current, &shape, format, num_slots);
}

imago_oop
imago_builder_new_string(imago_builder *builder, imago_oop cls, const char *text)
{
	size_t length = strlen(text);
	imago_oop string = imago_builder_new_bits(builder, cls, length);
	builder_object found;
	if (!builder_find(builder, string, &found)) {
		return 0;
	}
	if (found.num_slots * builder->layout.word_bytes < length) {
		builder_fail(builder, IMAGO_EUSAGE, "class of a string", cls, 0);
		return 0;
	}
	memcpy(found.body, text, length);
	if (cls == builder->classes[IMAGO_KERNEL_BYTE_SYMBOL] && found.hash == 0) {
		imago_builder_set_hash(builder, string, builder_next_hash(builder));
	}
	return string;
}

imago_oop
imago_builder_integer(imago_builder *builder, int64_t value)
{
	imago_oop oop = 0;
	if (!builder_ok(builder)) {
		return 0;
	}
	if (imago_oop_from_integer(builder->tagging, value, &oop)) {
		return oop;
	}
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	uint64_t num_bytes = 0;
	for (uint64_t rest = magnitude; rest != 0; rest >>= 8) {
		num_bytes++;
	}
	imago_kernel_class cls =
	    value < 0 ? IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER : IMAGO_KERNEL_LARGE_POSITIVE_INTEGER;
	imago_oop integer = imago_builder_new_bits(builder, builder->classes[cls], num_bytes);
	for (uint64_t i = 0; i < num_bytes; i++) {
		imago_builder_store_element(builder, integer, i, magnitude >> 8 * i & 0xFF);
	}
	return integer;
}

imago_oop
imago_builder_float(imago_builder *builder, double value)
{
	uint64_t bits = 0;
	imago_oop oop = 0;
	if (!builder_ok(builder)) {
		return 0;
	}
	memcpy(&bits, &value, sizeof(bits));
	if (imago_oop_from_float_bits(builder->tagging, bits, &oop)) {
		return oop;
	}
	oop = imago_builder_new_bits(builder, builder->classes[IMAGO_KERNEL_FLOAT], FLOAT_WORDS);
	bool low_first =
	    builder->format->platform_floats && builder->layout.byte_order == IMAGO_LITTLE_ENDIAN;
	imago_builder_store_element(builder, oop, low_first ? 0 : 1, bits & UINT32_MAX);
	imago_builder_store_element(builder, oop, low_first ? 1 : 0, bits >> 32);
	return oop;
}

imago_oop
imago_builder_character(imago_builder *builder, uint32_t code)
{
	imago_oop oop = 0;
	if (!builder_ok(builder)) {
		return 0;
	}
	if (builder_is_spur(builder)) {
		if (!imago_oop_from_character(builder->tagging, code, &oop)) {
			builder_fail(builder, IMAGO_ERANGE, "character code", code, 1u << 30);
		}
		return oop;
	}
	if (code < 256) {
		return imago_builder_fetch(builder, builder->character_table, code);
	}
	oop = imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_CHARACTER], 1);
	imago_builder_store(builder, oop, 0, imago_builder_integer(builder, code));
	return oop;
}

static bool
method_fits(const imago_builder *builder, const imago_builder_method *method)
{
	bool spur = builder_is_spur(builder);
	return method->num_args <= MAX_ARGS && method->num_temps <= MAX_TEMPS &&
	       method->num_literals <= (spur ? SPUR_MAX_LITERALS : V3_MAX_LITERALS) &&
	       (spur || (!method->sista && method->primitive <= V3_MAX_PRIMITIVE)) &&
	       method->num_bytecodes <= UINT32_MAX;
}

/* The header word (spur.md §15, v3.md §4). */
static int64_t
method_header(const imago_builder *builder, const imago_builder_method *method)
{
	int64_t common = (int64_t)method->large_frame << 17 | (int64_t)method->num_temps << 18 |
	                 (int64_t)method->num_args << 24;
	if (!builder_is_spur(builder)) {
		return common | (method->primitive & 0x1FF) | (int64_t)method->num_literals << 9 |
		       (int64_t)(method->primitive >> 9) << 28;
	}
	common |= method->num_literals | (int64_t)(method->primitive != 0) << 16;
	if (!method->sista) {
		return common;
	}
	/* The sign bit of the immediate alone: the most negative integer. */
	return common - (INT64_C(1) << (builder->layout.word_bytes == 8 ? 60 : 30));
}

imago_oop
imago_builder_new_method(imago_builder *builder, imago_oop cls, const imago_builder_method *method)
{
	builder_shape shape;
	if (!builder_shape_of(builder, cls, &shape)) {
		return 0;
	}
	if (shape.format != IMAGO_FORMAT_METHOD || !method_fits(builder, method)) {
		builder_fail(builder, IMAGO_EUSAGE, "method", shape.format, 0);
		return 0;
	}
	size_t word_bytes = builder->layout.word_bytes;
	bool call = builder_is_spur(builder) && method->primitive != 0;
	size_t first = word_bytes * (1 + (size_t)method->num_literals);
	size_t call_size = call ? CALL_PRIMITIVE_SIZE : 0;
	uint64_t num_slots = 0;
	uint8_t tail = 0;
	if (!measure(builder, first + call_size + method->num_bytecodes, 1, &num_slots, &tail)) {
		builder_fail(builder, IMAGO_EUSAGE, "bytecodes", method->num_bytecodes, 0);
		return 0;
	}
	uint8_t format = (uint8_t)(builder_layout_format(builder, IMAGO_FORMAT_METHOD) + tail);
	imago_oop oop = builder_lay_out(builder, builder->current, &shape, format, num_slots);
	imago_builder_store(builder, oop, 0, builder_small(builder, method_header(builder, method)));
	for (uint64_t i = 1; i <= method->num_literals; i++) {
		imago_builder_store(builder, oop, i, builder->nil);
	}
	builder_object found;
	if (!builder_find(builder, oop, &found)) {
		return 0;
	}
	uint8_t *code = found.body + first;
	if (call) {
		code[0] = method->sista ? CALL_PRIMITIVE_SISTA : CALL_PRIMITIVE_V3_SET;
		code[1] = (uint8_t)method->primitive;
		code[2] = (uint8_t)(method->primitive >> 8);
	}
	if (method->num_bytecodes != 0) {
		memcpy(code + call_size, method->bytecodes, (size_t)method->num_bytecodes);
	}
	return oop;
}

imago_oop
imago_builder_new_forwarder(imago_builder *builder, imago_oop target)
{
	builder_object found;
	if (!builder_find(builder, target, &found)) {
		return 0;
	}
	if (!builder_is_spur(builder) || in_perm(builder)) {
		builder_fail(builder, IMAGO_EUSAGE, "place of a forwarder", target, 0);
		return 0;
	}
	builder_shape shape = {.class_index = IMAGO_CLASS_FORWARDER};
	imago_oop forwarder =
	    builder_lay_out(builder, builder->current, &shape, IMAGO_FORMAT_FORWARDED, 1);
	imago_builder_store(builder, forwarder, 0, target);
	return forwarder;
}

void
imago_builder_store(imago_builder *builder, imago_oop object, uint64_t index, imago_oop value)
{
	builder_object found;
	if (!builder_find(builder, object, &found)) {
		return;
	}
	if (index >= found.num_slots) {
		builder_fail(builder, IMAGO_EUSAGE, "slot index", index, found.num_slots);
		return;
	}
	imago_store_word(found.body + index * builder->layout.word_bytes, value, builder->layout);
}

imago_oop
imago_builder_fetch(const imago_builder *builder, imago_oop object, uint64_t index)
{
	/* Looking writes nothing but the sticky error. */
	imago_builder *mutable_builder = (imago_builder *)builder;
	builder_object found;
	if (!builder_find(mutable_builder, object, &found)) {
		return 0;
	}
	if (index >= found.num_slots) {
		builder_fail(mutable_builder, IMAGO_EUSAGE, "slot index", index, found.num_slots);
		return 0;
	}
	return imago_load_word(found.body + index * builder->layout.word_bytes, builder->layout);
}

void
imago_builder_store_element(imago_builder *builder, imago_oop object, uint64_t index,
                            uint64_t value)
{
	builder_object found;
	if (!builder_find(builder, object, &found)) {
		return;
	}
	imago_format_facts facts =
	    imago_format_facts_of(builder->model, builder->layout.word_bytes, found.format);
	uint64_t bytes = found.num_slots * builder->layout.word_bytes;
	uint64_t size = facts.body == IMAGO_BODY_BITS64   ? 8
	                : facts.body == IMAGO_BODY_BITS32 ? 4
	                : facts.body == IMAGO_BODY_BITS16 ? 2
	                                                  : 1;
	bool bits = facts.body != IMAGO_BODY_POINTERS && facts.body != IMAGO_BODY_INVALID;
	if (!bits || facts.unused_tail > bytes || index >= (bytes - facts.unused_tail) / size) {
		builder_fail(builder, IMAGO_EUSAGE, "element index", index, bytes / size);
		return;
	}
	uint8_t *place = found.body + index * size;
	imago_byte_order order = builder->layout.byte_order;
	switch (size) {
	case 8:
		imago_store_u64(place, value, order);
		break;
	case 4:
		imago_store_u32(place, (uint32_t)value, order);
		break;
	case 2:
		imago_store_u16(place, (uint16_t)value, order);
		break;
	default:
		*place = (uint8_t)value;
	}
}

void
imago_builder_set_special(imago_builder *builder, imago_special index, imago_oop value)
{
	imago_builder_store(builder, builder->special_objects, (uint64_t)index, value);
}
