/* mutate_sound.c: edits after which an image without errors still has none: slots that may hold
 * anything, bits, hashes, and what methods and contexts may be at will. */
#include "imago/byte_order.h"
#include "imago/method.h"
#include "mutations.h"
#include "ruled.h"

enum { CALL_PRIMITIVE_SIZE = 3, MOST_BYTES = 8 };

bool
mutate_sound_pointer(subject *s)
{
	imago_object object;
	imago_oop target;
	uint64_t slot;
	return ruled_pick_slot(s, &object, &slot) && ruled_pick_target(s, &target) &&
	       subject_store(s, &object, slot, target);
}

/* An integer beside the edges of either word size's immediates, of 32 bits, or of any power of two:
 * what fits here may not fit there (spur.md, immediates). */
static int64_t
edge_integer(subject *s)
{
	static const uint8_t edges[] = {29, 30, 31, 32, 53, 60};
	const uint64_t exponent = dice_one_in(&s->dice, 4)
	                              ? dice_below(&s->dice, subject_word(s) == 8 ? 61 : 31)
	                              : edges[dice_below(&s->dice, subject_word(s) == 8 ? 6 : 2)];
	const int64_t edge = INT64_C(1) << exponent;
	return (dice_one_in(&s->dice, 2) ? edge : -edge) + (int64_t)dice_below(&s->dice, 3) - 1;
}

/* The bits of a Float, half of them with an exponent at an edge of immediate Floats'. */
static uint64_t
edge_float(subject *s)
{
	static const uint16_t exponents[] = {0, 895, 896, 897, 1023, 1150, 1151, 1152, 2047};
	enum { NUM_EXPONENTS = sizeof exponents / sizeof exponents[0] };
	uint64_t bits = dice_roll(&s->dice);
	if (dice_one_in(&s->dice, 2)) {
		bits &= ~(UINT64_C(0x7FF) << 52);
		bits |= (uint64_t)exponents[dice_below(&s->dice, NUM_EXPONENTS)] << 52;
	}
	return dice_one_in(&s->dice, 3) ? bits & (UINT64_MAX << 52) : bits;
}

/* A number that the layout has an immediate for, mostly at the edge of something. */
static imago_oop
any_number(subject *s)
{
	imago_oop oop = subject_integer(s, (int64_t)dice_below(&s->dice, 256));
	const imago_tagging tagging = s->heap->tagging;
	switch (dice_below(&s->dice, 5)) {
	case 0:
	case 1:
		(void)imago_oop_from_integer(tagging, edge_integer(s), &oop);
		break;
	case 2:
		(void)imago_oop_from_character(tagging, (uint32_t)dice_nasty(&s->dice, 'a', 30), &oop);
		break;
	case 3:
		(void)imago_oop_from_float_bits(tagging, edge_float(s), &oop);
		break;
	default:
		break;
	}
	return oop;
}

bool
mutate_sound_number(subject *s)
{
	imago_object object;
	uint64_t slot;
	return ruled_pick_slot(s, &object, &slot) && subject_store(s, &object, slot, any_number(s));
}

bool
mutate_sound_nil(subject *s)
{
	imago_object object;
	uint64_t slot;
	return ruled_pick_slot(s, &object, &slot) &&
	       subject_store(s, &object, slot, imago_heap_nil(s->heap));
}

bool
mutate_sound_exchange(subject *s)
{
	imago_object a;
	imago_object b;
	uint64_t slot_a;
	uint64_t slot_b;
	if (!ruled_pick_slot(s, &a, &slot_a) || !ruled_pick_slot(s, &b, &slot_b)) {
		return false;
	}
	const imago_oop old_a = subject_fetch(s, &a, slot_a);
	const imago_oop old_b = subject_fetch(s, &b, slot_b);
	return subject_store(s, &a, slot_a, old_b) && subject_store(s, &b, slot_b, old_a);
}

bool
mutate_sound_copy(subject *s)
{
	imago_object a;
	imago_object b;
	uint64_t slot_a;
	uint64_t slot_b;
	return ruled_pick_slot(s, &a, &slot_a) && ruled_pick_slot(s, &b, &slot_b) &&
	       subject_store(s, &a, slot_a, subject_fetch(s, &b, slot_b));
}

/* Two objects that point to each other, or one to itself. */
bool
mutate_sound_cycle(subject *s)
{
	imago_object a;
	imago_object b;
	uint64_t slot_a;
	uint64_t slot_b;
	if (!ruled_pick_slot(s, &a, &slot_a) || !ruled_pick_slot(s, &b, &slot_b)) {
		return false;
	}
	const bool changed = subject_store(s, &a, slot_a, b.oop);
	return subject_store(s, &b, slot_b, a.oop) || changed;
}

/* All free slots of an object lead to the same one. */
bool
mutate_sound_fill(subject *s)
{
	imago_object object;
	imago_oop target;
	uint64_t from;
	uint64_t to;
	bool changed = false;
	if (!ruled_pick_slot(s, &object, &from) || !ruled_free_slots(s, &object, &from, &to) ||
	    !ruled_pick_target(s, &target)) {
		return false;
	}
	for (uint64_t i = from; i < to; i++) {
		changed = subject_store(s, &object, i, target) || changed;
	}
	return changed;
}

bool
mutate_sound_bits(subject *s)
{
	imago_object object;
	if (!ruled_pick_plain(s, CHUNK_BITS, &object)) {
		return false;
	}
	const uint64_t size = imago_object_body_bytes(s->heap, &object);
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, object.body, size);
	if (size == 0 || bytes == NULL) {
		return false;
	}
	const uint64_t num_bytes = 1 + dice_below(&s->dice, MOST_BYTES);
	const uint64_t at = dice_below(&s->dice, size);
	bool changed = false;
	for (uint64_t i = at; i < size && i < at + num_bytes; i++) {
		const uint8_t old = bytes[i];
		bytes[i] = (uint8_t)dice_nasty(&s->dice, old, 8);
		changed = changed || bytes[i] != old;
	}
	return changed;
}

bool
mutate_sound_hash(subject *s)
{
	imago_object object;
	if (!ruled_pick_plain(s, CHUNK_ANY, &object)) {
		return false;
	}
	const unsigned bits = subject_is_spur(s) ? 22 : 12;
	const uint64_t top = (UINT64_C(1) << bits) - 1;
	const uint64_t hash = dice_one_in(&s->dice, 3)
	                          ? top - dice_below(&s->dice, 2)
	                          : dice_nasty(&s->dice, object.identity_hash, bits);
	return subject_set_bits(s, &object, subject_is_spur(s) ? 32 : 17, bits, hash);
}

/* Immutable, pinned where that is allowed, both, or neither. */
bool
mutate_sound_flag(subject *s)
{
	enum { IMMUTABLE = 23, PINNED = 30 };
	imago_object object;
	if (!subject_is_spur(s) || !ruled_pick_plain(s, CHUNK_ANY, &object)) {
		return false;
	}
	const bool old_space = s->heap->segments[object.segment].space == IMAGO_SPACE_OLD;
	const uint64_t both = UINT64_C(1) << PINNED | UINT64_C(1) << IMMUTABLE;
	uint64_t bits = dice_one_in(&s->dice, 2) ? UINT64_C(1) << IMMUTABLE : 0;
	bits |= old_space && dice_one_in(&s->dice, 2) ? UINT64_C(1) << PINNED : 0;
	return subject_store_header(s, &object, (subject_load_header(s, &object) & ~both) | bits);
}

/* An object changes to another's class where both have the same format, and as many slots where
 * that matters. */
bool
mutate_sound_class(subject *s)
{
	imago_object a;
	imago_object b;
	imago_object float_class;
	if (!ruled_pick_plain(s, CHUNK_ANY, &a) || !ruled_pick_plain(s, CHUNK_ANY, &b) ||
	    a.body_kind != b.body_kind || a.format == IMAGO_FORMAT_MIXED ||
	    b.format == IMAGO_FORMAT_MIXED || a.body_kind == IMAGO_BODY_METHOD) {
		return false;
	}
	const bool pointers = a.body_kind == IMAGO_BODY_POINTERS;
	if (pointers && (a.format != b.format ||
	                 (a.format != IMAGO_FORMAT_INDEXABLE && a.num_slots != b.num_slots))) {
		return false;
	}
	const imago_oop floats = imago_special_object_at(s->heap, IMAGO_SPECIAL_CLASS_FLOAT);
	if (!pointers && (!subject_class_of(s, &a, &float_class) || float_class.oop == floats ||
	                  !subject_class_of(s, &b, &float_class) || float_class.oop == floats)) {
		return false; /* a Float has a size of its own */
	}
	if (subject_is_spur(s)) {
		return subject_set_bits(s, &a, 0, 22, b.class_index);
	}
	if (a.class_oop == 0 && b.class_oop == 0) {
		return subject_set_bits(s, &a, 12, 5, b.class_index);
	}
	uint8_t *word = imago_heap_writable_bytes(s->heap, a.oop - 4, 4);
	if (a.class_oop == 0 || b.class_oop == 0 || a.class_index != 0 || b.class_index != 0 ||
	    a.class_oop == b.class_oop || word == NULL) {
		return false;
	}
	imago_store_u32(word, (uint32_t)b.class_oop | a.v3_type, s->heap->layout.byte_order);
	return true;
}

/* A method that is as it should be, and its header as plain bits. */
static bool
pick_method(subject *s, imago_object *object, imago_method *method, uint64_t *value)
{
	if (!subject_pick(s, CHUNK_METHOD, object) || object->kind != IMAGO_OBJECT_ORDINARY) {
		return false;
	}
	*method = imago_method_decode(s->heap, object);
	if (!method->header_is_integer || method->primitive_call_missing ||
	    method->first_bytecode >= method->end) {
		return false;
	}
	*value = (uint64_t)imago_oop_integer(s->heap->tagging, subject_fetch(s, object, 0));
	return true;
}

/* Arguments, temporaries and frame that fit each other; now and then Spur's unused bits (§15). */
bool
mutate_sound_frame(subject *s)
{
	enum {
		LARGE = 17,
		TEMPS = 18,
		ARGS = 24,
		UNUSED = 28,
		SMALL_FRAME_TEMPS = 16,
		MOST_TEMPS = 56
	};
	imago_object object;
	imago_method method;
	uint64_t value;
	if (!pick_method(s, &object, &method, &value) || (!subject_is_spur(s) && method.sista)) {
		return false;
	}
	const uint64_t temps = dice_below(&s->dice, MOST_TEMPS + 1);
	const uint64_t args =
	    method.has_primitive ? 0 : dice_below(&s->dice, (temps < 15 ? temps : 15) + 1);
	const bool large = temps > SMALL_FRAME_TEMPS || dice_one_in(&s->dice, 2);
	value &= ~(UINT64_C(1) << LARGE | UINT64_C(63) << TEMPS | UINT64_C(15) << ARGS);
	value |= (uint64_t)large << LARGE | temps << TEMPS | args << ARGS;
	if (subject_is_spur(s) && dice_one_in(&s->dice, 3)) {
		value = (value & ~(UINT64_C(3) << UNUSED)) | dice_below(&s->dice, 4) << UNUSED;
	}
	return subject_store(s, &object, 0, subject_integer(s, (int64_t)value));
}

/* Primitive calls are bytecodes in Spur only. */
static uint64_t
call_size(const subject *s)
{
	return subject_is_spur(s) ? CALL_PRIMITIVE_SIZE : 0;
}

/* One bytecode, behind those that a primitive call could be made of. */
bool
mutate_sound_code(subject *s)
{
	imago_object object;
	imago_method method;
	uint64_t value;
	if (!pick_method(s, &object, &method, &value) ||
	    method.first_bytecode + call_size(s) >= method.end) {
		return false;
	}
	const uint64_t from = method.first_bytecode + call_size(s);
	uint8_t *byte = imago_heap_writable_bytes(
	    s->heap, object.body + from + dice_below(&s->dice, method.end - from), 1);
	if (byte == NULL) {
		return false;
	}
	const uint8_t old = *byte;
	*byte = (uint8_t)dice_roll(&s->dice);
	return *byte != old;
}

/* A context deeper or less deep, at another bytecode, or returned from. */
bool
mutate_sound_context(subject *s)
{
	enum { SENDER, PC, STACK_POINTER, METHOD, NUM_NAMED = 6 };
	imago_object context;
	imago_object code;
	if (!subject_pick(s, CHUNK_CONTEXT, &context) ||
	    ruled_role_of(s, &context) != ROLE_METHOD_CONTEXT || context.num_slots < NUM_NAMED ||
	    !subject_decode(s, subject_fetch(s, &context, METHOD), &code) ||
	    code.body_kind != IMAGO_BODY_METHOD) {
		return false;
	}
	const imago_method method = imago_method_decode(s->heap, &code);
	const imago_oop nil = imago_heap_nil(s->heap);
	switch (dice_below(&s->dice, 3)) {
	case 0:
		return subject_store(
		    s, &context, STACK_POINTER,
		    subject_integer(s, (int64_t)dice_below(&s->dice, context.num_slots - NUM_NAMED + 1)));
	case 1:
		return subject_store(s, &context, SENDER, nil);
	default:
		break;
	}
	if (!method.header_is_integer || method.first_bytecode >= method.end ||
	    dice_one_in(&s->dice, 4)) {
		return subject_store(s, &context, PC, nil);
	}
	const uint64_t pc =
	    method.first_bytecode + 1 + dice_below(&s->dice, method.end - method.first_bytecode);
	return subject_store(s, &context, PC, subject_integer(s, (int64_t)pc));
}

/* A special object that may be anything. */
bool
mutate_sound_special(subject *s)
{
	static const uint8_t anything[] = {
	    IMAGO_SPECIAL_SMALLTALK,       IMAGO_SPECIAL_DISPLAY,
	    IMAGO_SPECIAL_PROTOTYPE_FLOAT, IMAGO_SPECIAL_PROTOTYPE_LARGE_INTEGER,
	    IMAGO_SPECIAL_PROTOTYPE_POINT, IMAGO_SPECIAL_EXTERNAL_OBJECTS,
	};
	imago_object specials;
	imago_oop target;
	return imago_special_objects_find(s->heap, &specials, NULL) == IMAGO_OK &&
	       subject_decode(s, specials.oop, &specials) && ruled_pick_target(s, &target) &&
	       subject_store(s, &specials, anything[dice_below(&s->dice, sizeof anything)], target);
}
