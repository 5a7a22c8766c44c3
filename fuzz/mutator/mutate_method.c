/* mutate_method.c: compiled code. */
#include "imago/method.h"
#include "mutations.h"

/* A method with an integer header; *value is the untagged header as plain bits. */
static bool
pick_method(subject *s, imago_object *method, uint64_t *value)
{
	if (!subject_pick(s, CHUNK_METHOD, method) || method->num_slots == 0) {
		return false;
	}
	const imago_oop header = subject_fetch(s, method, 0);
	if (imago_oop_kind_of(s->heap->tagging, header) != IMAGO_OOP_INTEGER) {
		return false;
	}
	*value = (uint64_t)imago_oop_integer(s->heap->tagging, header);
	return true;
}

/* Tags a header again; what passes the word is cut, as a VM would. */
static bool
store_value(subject *s, const imago_object *method, uint64_t value)
{
	const unsigned tag_bits = s->heap->tagging == IMAGO_TAGGING_SPUR64 ? 3 : 1;
	return subject_store(s, method, 0, value << tag_bits | 1);
}

static bool
set_value_bits(subject *s, const imago_object *method, uint64_t value, unsigned shift,
               unsigned width, uint64_t bits)
{
	const uint64_t mask = ((UINT64_C(1) << width) - 1) << shift;
	return store_value(s, method, (value & ~mask) | (bits << shift & mask));
}

/* A V3 header with its own shape, which a negative one has not (v3.md §4). */
static bool
is_v3_shape(const subject *s, uint64_t value)
{
	return !subject_is_spur(s) && value >> 63 == 0;
}

bool
mutate_method_literals(subject *s)
{
	imago_object method;
	uint64_t value;
	if (!pick_method(s, &method, &value)) {
		return false;
	}
	const unsigned shift = is_v3_shape(s, value) ? 9 : 0;
	const unsigned width = is_v3_shape(s, value) ? 8 : 15;
	const uint64_t old = value >> shift & ((UINT64_C(1) << width) - 1);
	/* Often just the edge: all slots are literals, or one more. */
	const uint64_t count = dice_one_in(&s->dice, 3) ? method.num_slots - 1 + dice_below(&s->dice, 2)
	                                                : dice_nasty(&s->dice, old, width);
	return set_value_bits(s, &method, value, shift, width, count);
}

bool
mutate_method_frame(subject *s)
{
	imago_object method;
	uint64_t value;
	if (!pick_method(s, &method, &value)) {
		return false;
	}
	switch (dice_below(&s->dice, 3)) {
	case 0:
		return set_value_bits(s, &method, value, 24, 4, dice_below(&s->dice, 16));
	case 1:
		return set_value_bits(s, &method, value, 18, 6, dice_below(&s->dice, 64));
	default:
		return store_value(s, &method, value ^ UINT64_C(1) << 17);
	}
}

bool
mutate_method_primitive(subject *s)
{
	imago_object method;
	uint64_t value;
	if (!pick_method(s, &method, &value)) {
		return false;
	}
	if (is_v3_shape(s, value)) {
		return set_value_bits(s, &method, value, 0, 9, dice_below(&s->dice, 512));
	}
	return store_value(s, &method, value ^ UINT64_C(1) << 16);
}

bool
mutate_method_set(subject *s)
{
	imago_object method;
	uint64_t value;
	if (!pick_method(s, &method, &value)) {
		return false;
	}
	return store_value(s, &method, value ^ UINT64_C(1) << (subject_word(s) == 8 ? 60 : 30));
}

bool
mutate_method_header(subject *s)
{
	imago_object method;
	if (!subject_pick(s, CHUNK_METHOD, &method)) {
		return false;
	}
	const imago_oop old = subject_fetch(s, &method, 0);
	return subject_store(s, &method, 0,
	                     dice_one_in(&s->dice, 2)
	                         ? imago_heap_nil(s->heap)
	                         : dice_nasty(&s->dice, old, 8u * subject_word(s)));
}

bool
mutate_method_literal(subject *s)
{
	imago_object method;
	imago_object target;
	if (!subject_pick(s, CHUNK_METHOD, &method)) {
		return false;
	}
	const uint64_t num_slots = imago_heap_num_pointer_slots(s->heap, &method);
	if (num_slots < 2 || !subject_pick(s, CHUNK_ANY, &target)) {
		return false;
	}
	/* The last one, the method's class, as often as all others. */
	const uint64_t index =
	    dice_one_in(&s->dice, 2) ? num_slots - 1 : 1 + dice_below(&s->dice, num_slots - 1);
	return subject_store(s, &method, index,
	                     dice_one_in(&s->dice, 3)
	                         ? subject_integer(s, (int64_t)dice_below(&s->dice, 256))
	                         : target.oop);
}

bool
mutate_method_code(subject *s)
{
	imago_object object;
	if (!subject_pick(s, CHUNK_METHOD, &object)) {
		return false;
	}
	const imago_method method = imago_method_decode(s->heap, &object);
	if (!method.header_is_integer || method.first_bytecode >= method.end) {
		return false;
	}
	const uint64_t length = method.end - method.first_bytecode;
	const uint64_t off = dice_below(&s->dice, dice_one_in(&s->dice, 2) && length > 3 ? 3 : length);
	uint8_t *code =
	    imago_heap_writable_bytes(s->heap, object.body + method.first_bytecode + off, 1);
	if (code == NULL) {
		return false;
	}
	const uint8_t old = *code;
	*code = (uint8_t)dice_nasty(&s->dice, old, 8);
	return *code != old;
}
