/* primitives_elements.c: indexable elements: of arrays, strings, words. */
#include "primitives.h"

/* Where the indexable elements of an object are, and what they are. */
typedef struct elements {
	imago_body body;
	uint64_t count;
	uint64_t first_slot; /* of pointers */
} elements;

static bool
elements_of(const imago_vm *vm, imago_oop oop, elements *out)
{
	if (!vm_is_object(vm, oop)) {
		return false;
	}
	uint64_t num_bytes = imago_memory_num_bytes(vm->memory, oop);
	*out = (elements){.body = imago_memory_body_kind(vm->memory, oop)};
	switch (out->body) {
	case IMAGO_BODY_POINTERS: {
		uint32_t format = imago_memory_format(vm->memory, oop, vm->kind);
		if (format < IMAGO_FORMAT_INDEXABLE || vm_is_context(vm, oop)) {
			return false;
		}
		out->first_slot = format == IMAGO_FORMAT_INDEXABLE ? 0 : primitive_num_named(vm, oop);
		out->count = imago_memory_num_slots(vm->memory, oop, vm->kind) - out->first_slot;
		return true;
	}
	case IMAGO_BODY_BITS8:
	case IMAGO_BODY_METHOD:
		out->count = num_bytes;
		return true;
	case IMAGO_BODY_BITS16:
		out->count = num_bytes / 2;
		return true;
	case IMAGO_BODY_BITS32:
		out->count = num_bytes / 4;
		return true;
	case IMAGO_BODY_BITS64:
		out->count = num_bytes / 8;
		return true;
	default:
		return false;
	}
}

/* The bytes of a method before its bytecodes are slots: not for at: and at:put:. */
static bool
is_in_literals(const imago_vm *vm, imago_oop oop, uint64_t index)
{
	vm_method method;
	return imago_memory_is_code(vm->memory, oop, vm->kind) &&
	       (!vm_decode_method(vm, oop, &method) || index < method.first_pc);
}

static bool
answer_element(imago_vm *vm, uint32_t num_args, imago_oop oop, const elements *all, uint64_t index)
{
	const uint8_t *body = imago_memory_body(vm->memory, oop, vm->kind);
	switch (all->body) {
	case IMAGO_BODY_POINTERS:
		return vm_answer(vm, num_args, vm_slot(vm, oop, all->first_slot + index));
	case IMAGO_BODY_BITS16: {
		uint16_t value;
		memcpy(&value, body + 2 * index, sizeof value);
		return vm_answer(vm, num_args, vm_integer_oop(vm, value));
	}
	case IMAGO_BODY_BITS32: {
		uint32_t value;
		memcpy(&value, body + 4 * index, sizeof value);
		return primitive_answer_int64(vm, num_args, value);
	}
	case IMAGO_BODY_BITS64: {
		uint64_t value;
		memcpy(&value, body + 8 * index, sizeof value);
		return value <= INT64_MAX ? primitive_answer_int64(vm, num_args, (int64_t)value)
		                          : vm_fail(vm, UNSUPPORTED);
	}
	default:
		return vm_answer(vm, num_args, vm_integer_oop(vm, body[index]));
	}
}

static bool
store_element(imago_vm *vm, imago_oop oop, const elements *all, uint64_t index, imago_oop value)
{
	int64_t number = 0;
	if (all->body == IMAGO_BODY_POINTERS) {
		vm_set_slot(vm, oop, all->first_slot + index, value);
		return true;
	}
	if (!primitive_int64(vm, value, &number) || number < 0) {
		return false;
	}
	uint8_t *body = imago_memory_open_body(vm->memory, oop, vm->kind);
	uint64_t bits = (uint64_t)number;
	switch (all->body) {
	case IMAGO_BODY_BITS16: {
		uint16_t half = (uint16_t)bits;
		if (bits <= UINT16_MAX) {
			memcpy(body + 2 * index, &half, sizeof half);
		}
		return bits <= UINT16_MAX;
	}
	case IMAGO_BODY_BITS32: {
		uint32_t word = (uint32_t)bits;
		if (bits <= UINT32_MAX) {
			memcpy(body + 4 * index, &word, sizeof word);
		}
		return bits <= UINT32_MAX;
	}
	case IMAGO_BODY_BITS64:
		memcpy(body + 8 * index, &bits, sizeof bits);
		return true;
	default:
		if (bits <= UINT8_MAX) {
			body[index] = (uint8_t)bits;
		}
		return bits <= UINT8_MAX;
	}
}

static bool
at(imago_vm *vm, uint32_t num_args, elements *all, uint64_t *index)
{
	imago_oop receiver = vm_peek(vm, num_args);
	return elements_of(vm, receiver, all) &&
	       primitive_index(vm, vm_peek(vm, num_args - 1), all->count, index) &&
	       !is_in_literals(vm, receiver, *index);
}

bool
primitive_at(imago_vm *vm, uint32_t num_args)
{
	elements all;
	uint64_t index;
	return num_args == 1 && at(vm, num_args, &all, &index)
	           ? answer_element(vm, 1, vm_peek(vm, 1), &all, index)
	           : vm_fail(vm, BAD_INDEX);
}

bool
primitive_at_put(imago_vm *vm, uint32_t num_args)
{
	elements all;
	uint64_t index;
	if (num_args != 2 || !at(vm, num_args, &all, &index)) {
		return vm_fail(vm, BAD_INDEX);
	}
	if (primitive_is_immutable(vm, vm_peek(vm, 2))) {
		return vm_fail(vm, NO_MODIFICATION);
	}
	imago_oop value = vm_peek(vm, 0);
	if (!store_element(vm, vm_peek(vm, 2), &all, index, value)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	if (all.body == IMAGO_BODY_METHOD) {
		vm_code_changed(vm, vm_peek(vm, 2));
	}
	return vm_answer(vm, 2, value);
}

bool
primitive_size(imago_vm *vm, uint32_t num_args)
{
	elements all;
	return num_args == 0 && elements_of(vm, vm_peek(vm, 0), &all)
	           ? primitive_answer_int64(vm, 0, (int64_t)all.count)
	           : vm_fail(vm, BAD_RECEIVER);
}

/* Characters: immediates in Spur, a table of 256 objects in V3. */
static bool
character_oop(const imago_vm *vm, uint64_t code, imago_oop *out)
{
	if (!vm->kind.v3) {
		return code <= UINT32_MAX &&
		       imago_oop_from_character(vm->memory->tagging, (uint32_t)code, out);
	}
	imago_oop table = vm_special(vm, IMAGO_SPECIAL_CHARACTER_TABLE);
	if (!vm_has_slots(vm, table, code + 1)) {
		return false;
	}
	*out = vm_slot(vm, table, code);
	return true;
}

static bool
character_code(const imago_vm *vm, imago_oop oop, uint64_t *out)
{
	if (!vm->kind.v3) {
		if ((oop & (vm->kind.wide ? 7 : 3)) != 2) {
			return false;
		}
		*out = imago_oop_character(vm->memory->tagging, oop);
		return true;
	}
	imago_oop cls = vm_special(vm, IMAGO_SPECIAL_CLASS_CHARACTER);
	if (!vm_has_slots(vm, oop, 1) || imago_memory_class_of(vm->memory, oop) != cls ||
	    !vm_is_integer(vm, vm_slot(vm, oop, 0)) || vm_integer(vm, vm_slot(vm, oop, 0)) < 0) {
		return false;
	}
	*out = (uint64_t)vm_integer(vm, vm_slot(vm, oop, 0));
	return true;
}

bool
primitive_string_at(imago_vm *vm, uint32_t num_args)
{
	elements all;
	uint64_t index;
	imago_oop character;
	if (num_args != 1 || !at(vm, num_args, &all, &index)) {
		return vm_fail(vm, BAD_INDEX);
	}
	const uint8_t *body = imago_memory_body(vm->memory, vm_peek(vm, 1), vm->kind);
	uint32_t code = 0;
	if (all.body == IMAGO_BODY_BITS8) {
		code = body[index];
	} else if (all.body == IMAGO_BODY_BITS32) {
		memcpy(&code, body + 4 * index, sizeof code);
	} else {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return character_oop(vm, code, &character) ? vm_answer(vm, 1, character)
	                                           : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_string_at_put(imago_vm *vm, uint32_t num_args)
{
	elements all;
	uint64_t index;
	uint64_t code;
	if (num_args != 2 || !at(vm, num_args, &all, &index)) {
		return vm_fail(vm, BAD_INDEX);
	}
	imago_oop value = vm_peek(vm, 0);
	if (!character_code(vm, value, &code) || primitive_is_immutable(vm, vm_peek(vm, 2))) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint8_t *body = imago_memory_open_body(vm->memory, vm_peek(vm, 2), vm->kind);
	if (all.body == IMAGO_BODY_BITS8 && code <= UINT8_MAX) {
		body[index] = (uint8_t)code;
	} else if (all.body == IMAGO_BODY_BITS32 && code <= UINT32_MAX) {
		uint32_t word = (uint32_t)code;
		memcpy(body + 4 * index, &word, sizeof word);
	} else {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return vm_answer(vm, 2, value);
}

bool
primitive_as_character(imago_vm *vm, uint32_t num_args)
{
	imago_oop code = vm_peek(vm, 0);
	imago_oop character;
	if (num_args > 1 || !vm_is_integer(vm, code) || vm_integer(vm, code) < 0 ||
	    !character_oop(vm, (uint64_t)vm_integer(vm, code), &character)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return vm_answer(vm, num_args, character);
}

bool
primitive_immediate_as_integer(imago_vm *vm, uint32_t num_args)
{
	uint64_t code;
	return num_args == 0 && !vm->kind.v3 && character_code(vm, vm_peek(vm, 0), &code)
	           ? primitive_answer_int64(vm, 0, (int64_t)code)
	           : vm_fail(vm, BAD_RECEIVER);
}

/* replaceFrom: start to: stop with: source startingAt: place. */
bool
primitive_replace(imago_vm *vm, uint32_t num_args)
{
	elements to;
	elements from;
	if (num_args != 4 || !elements_of(vm, vm_peek(vm, 4), &to) ||
	    !elements_of(vm, vm_peek(vm, 1), &from) || to.body != from.body ||
	    to.body == IMAGO_BODY_METHOD || primitive_is_immutable(vm, vm_peek(vm, 4))) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	for (uint32_t i = 0; i < 4; i++) {
		if (i != 1 && !vm_is_integer(vm, vm_peek(vm, i))) {
			return vm_fail(vm, BAD_ARGUMENT);
		}
	}
	int64_t start = vm_integer(vm, vm_peek(vm, 3));
	int64_t stop = vm_integer(vm, vm_peek(vm, 2));
	int64_t place = vm_integer(vm, vm_peek(vm, 0));
	int64_t count = stop - start + 1;
	if (count <= 0) {
		return count == 0 ? vm_answer(vm, 4, vm_peek(vm, 4)) : vm_fail(vm, BAD_INDEX);
	}
	if (start < 1 || (uint64_t)stop > to.count || place < 1 || count > (int64_t)from.count ||
	    place - 1 > (int64_t)from.count - count) {
		return vm_fail(vm, BAD_INDEX);
	}
	imago_oop target = vm_peek(vm, 4);
	imago_oop source = vm_peek(vm, 1);
	uint64_t unit = to.body == IMAGO_BODY_POINTERS ? imago_word_bytes(vm->kind)
	                : to.body == IMAGO_BODY_BITS8  ? 1
	                : to.body == IMAGO_BODY_BITS16 ? 2
	                : to.body == IMAGO_BODY_BITS32 ? 4
	                                               : 8;
	memmove(imago_memory_open_body(vm->memory, target, vm->kind) +
	            (to.first_slot + (uint64_t)start - 1) * unit,
	        imago_memory_body(vm->memory, source, vm->kind) +
	            (from.first_slot + (uint64_t)place - 1) * unit,
	        (size_t)((uint64_t)count * unit));
	vm_charge(vm, (uint64_t)count * unit / VM_BYTES_A_BYTECODE);
	if (to.body == IMAGO_BODY_POINTERS && !imago_memory_is_young(vm->memory, target)) {
		imago_memory_remember(vm->memory, target);
	}
	return vm_answer(vm, 4, target);
}

bool
primitive_fill(imago_vm *vm, uint32_t num_args)
{
	elements all;
	if (num_args != 1 || !elements_of(vm, vm_peek(vm, 1), &all) || all.body == IMAGO_BODY_METHOD ||
	    primitive_is_immutable(vm, vm_peek(vm, 1))) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	for (uint64_t i = 0; i < all.count; i++) {
		if (!store_element(vm, vm_peek(vm, 1), &all, i, vm_peek(vm, 0))) {
			return vm_fail(vm, BAD_ARGUMENT);
		}
	}
	vm_charge(vm, all.count / 8);
	return vm_answer(vm, 1, vm_peek(vm, 1));
}
