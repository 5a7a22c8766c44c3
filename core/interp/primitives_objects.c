/* primitives_objects.c: slots by number, new objects, copies. */
#include "primitives.h"

bool
primitive_is_immutable(const imago_vm *vm, imago_oop oop)
{
	return (imago_memory_header(vm->memory, oop, vm->kind) >> (vm->kind.v3 ? 29 : 23) & 1) != 0;
}

/* An index argument, 1-based in the image, as 0-based. */
bool
primitive_index(const imago_vm *vm, imago_oop oop, uint64_t limit, uint64_t *out)
{
	if (!vm_is_integer(vm, oop) || vm_integer(vm, oop) < 1 ||
	    (uint64_t)vm_integer(vm, oop) > limit) {
		return false;
	}
	*out = (uint64_t)vm_integer(vm, oop) - 1;
	return true;
}

/* ---- Slots by number, whatever they are called. */

static bool
slot_place(const imago_vm *vm, uint32_t depth, imago_oop *oop, uint64_t *index)
{
	*oop = vm_peek(vm, depth);
	return vm_is_object(vm, *oop) && imago_memory_has_pointers(vm->memory, *oop, vm->kind) &&
	       primitive_index(vm, vm_peek(vm, depth - 1),
	                       imago_memory_num_slots(vm->memory, *oop, vm->kind), index);
}

/* The slots of the active context are in the machine. */
void
primitive_publish(imago_vm *vm, imago_oop oop)
{
	if (oop == vm->context) {
		vm_store_frame(vm);
	}
}

/* What a context's slots are set to is believed only when it is entered; the machine itself goes
 * on from the active one, whose pc and stack pointer nobody may set. */
bool
primitive_may_set(const imago_vm *vm, imago_oop oop)
{
	return oop != vm->context && oop != vm->home && !primitive_is_immutable(vm, oop);
}

bool
primitive_inst_var_at(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop;
	uint64_t index;
	if (num_args != 1) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	if (slot_place(vm, 1, &oop, &index)) {
		primitive_publish(vm, oop);
		return vm_answer(vm, 1, vm_slot(vm, oop, index));
	}
	return primitive_at(vm, num_args);
}

bool
primitive_inst_var_at_put(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop;
	uint64_t index;
	if (num_args != 2) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	if (slot_place(vm, 2, &oop, &index)) {
		if (!primitive_may_set(vm, oop)) {
			return vm_fail(vm, NO_MODIFICATION);
		}
		vm_set_slot(vm, oop, index, vm_peek(vm, 0));
		return vm_answer(vm, 2, vm_peek(vm, 0));
	}
	return primitive_at_put(vm, num_args);
}

bool
primitive_slot_at(imago_vm *vm, uint32_t num_args)
{
	return primitive_inst_var_at(vm, num_args);
}

bool
primitive_slot_at_put(imago_vm *vm, uint32_t num_args)
{
	return primitive_inst_var_at_put(vm, num_args);
}

/* Header and literals of a method, from 1 on. */
bool
primitive_object_at(imago_vm *vm, uint32_t num_args)
{
	vm_method method;
	uint64_t index;
	imago_oop oop = vm_peek(vm, num_args);
	if (num_args != 1 || !vm_decode_method(vm, oop, &method) ||
	    !primitive_index(vm, vm_peek(vm, 0), method.num_literals + 1, &index)) {
		return vm_fail(vm, BAD_INDEX);
	}
	return vm_answer(vm, 1, vm_slot(vm, oop, index));
}

bool
primitive_object_at_put(imago_vm *vm, uint32_t num_args)
{
	vm_method method;
	uint64_t index;
	imago_oop oop = vm_peek(vm, num_args);
	imago_oop value = vm_peek(vm, 0);
	/* The header says which slots are oops: it may not change. */
	if (num_args != 2 || !vm_decode_method(vm, oop, &method) ||
	    !primitive_index(vm, vm_peek(vm, 1), method.num_literals + 1, &index) || index == 0 ||
	    primitive_is_immutable(vm, oop)) {
		return vm_fail(vm, BAD_INDEX);
	}
	vm_set_slot(vm, oop, index, value);
	vm_flush_cache(vm);
	return vm_answer(vm, 2, value);
}

/* ---- New objects. */

bool
primitive_basic_new(imago_vm *vm, uint32_t num_args)
{
	vm->roots[3] = vm_peek(vm, num_args);
	imago_oop made = num_args == 0 ? primitive_new(vm, vm_peek(vm, 0), 0) : 0;
	return made != 0 ? vm_answer(vm, num_args, made) : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_basic_new_sized(imago_vm *vm, uint32_t num_args)
{
	imago_oop size = vm_peek(vm, 0);
	vm->roots[3] = vm_peek(vm, num_args);
	if (num_args != 1 || !vm_is_integer(vm, size) || vm_integer(vm, size) < 0) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	imago_oop made = primitive_new(vm, vm_peek(vm, 1), (uint64_t)vm_integer(vm, size));
	return made != 0 ? vm_answer(vm, num_args, made) : vm_fail(vm, BAD_ARGUMENT);
}

bool
primitive_make_point(imago_vm *vm, uint32_t num_args)
{
	if (num_args != 1 || !vm_is_integer(vm, vm_peek(vm, 1))) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	vm->roots[3] = vm_special(vm, IMAGO_SPECIAL_CLASS_POINT);
	imago_oop point = primitive_new(vm, vm->roots[3], 0);
	if (point == 0 || !vm_has_slots(vm, point, 2)) {
		return vm_fail(vm, NO_MEMORY);
	}
	vm_set_slot(vm, point, 0, vm_peek(vm, 1));
	vm_set_slot(vm, point, 1, vm_peek(vm, 0));
	return vm_answer(vm, 1, point);
}

bool
primitive_shallow_copy(imago_vm *vm, uint32_t num_args)
{
	imago_oop original = vm_peek(vm, 0);
	if (num_args != 0) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	if (!vm_is_object(vm, original)) {
		return true;
	}
	uint64_t num_slots = imago_memory_num_slots(vm->memory, original, vm->kind);
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, num_slots))) {
		return false;
	}
	vm_charge(vm, num_slots / 8);
	original = vm_peek(vm, 0);
	primitive_publish(vm, original);
	imago_oop copy =
	    imago_memory_make_unset(vm->memory, imago_memory_class_tag(vm->memory, original),
	                            imago_memory_format(vm->memory, original, vm->kind), num_slots);
	if (copy == 0) {
		return vm_fail(vm, NO_MEMORY);
	}
	const uint32_t word = imago_word_bytes(vm->kind);
	const uint8_t *from = imago_memory_body(vm->memory, original, vm->kind);
	memcpy(imago_memory_body(vm->memory, copy, vm->kind), from, (size_t)num_slots * word);
	if (!imago_memory_is_young(vm->memory, copy)) {
		imago_memory_remember(vm->memory, copy);
	}
	return vm_answer(vm, 0, copy);
}

/* CompiledMethod class newMethod: bytecodes header: header. */
bool
primitive_new_method(imago_vm *vm, uint32_t num_args)
{
	imago_oop size = vm_peek(vm, 1);
	imago_oop header = vm_peek(vm, 0);
	class_shape shape;
	if (num_args != 2 || !vm_is_integer(vm, size) || !vm_is_integer(vm, header) ||
	    vm_integer(vm, size) < 0 || vm_integer(vm, size) > INT32_MAX / 2 ||
	    !primitive_class_shape(vm, vm_peek(vm, 2), &shape) ||
	    shape.format < (vm->kind.v3 ? IMAGO_V3_FORMAT_METHOD : IMAGO_FORMAT_METHOD)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t fields = (uint64_t)vm_integer(vm, header);
	uint64_t num_literals =
	    vm->kind.v3 && vm_integer(vm, header) >= 0 ? fields >> 9 & 0xFF : fields & 0x7FFF;
	uint32_t word = imago_word_bytes(vm->kind);
	uint64_t num_bytes = (uint64_t)vm_integer(vm, size);
	uint64_t num_slots = 1 + num_literals + (num_bytes + word - 1) / word;
	uint32_t tail = (uint32_t)((word - num_bytes % word) % word);
	if (imago_memory_object_bytes(vm->kind, num_slots) > vm->memory->size) {
		return vm_fail(vm, NO_MEMORY); /* as primitive_new */
	}
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, num_slots))) {
		return false;
	}
	imago_oop made = imago_memory_make(
	    vm->memory, vm_peek(vm, 2),
	    (vm->kind.v3 ? IMAGO_V3_FORMAT_METHOD : IMAGO_FORMAT_METHOD) + tail, num_slots);
	if (made == 0) {
		return vm_fail(vm, NO_MEMORY);
	}
	imago_memory_set_slot_raw(vm->memory, made, 0, vm_peek(vm, 0), vm->kind);
	for (uint64_t i = 1; i <= num_literals; i++) {
		imago_memory_set_slot_raw(vm->memory, made, i, vm_nil(vm), vm->kind);
	}
	return vm_answer(vm, 2, made);
}

/* copyFrom: another object of the same shape, all slots. */
bool
primitive_copy_from(imago_vm *vm, uint32_t num_args)
{
	imago_oop target = vm_peek(vm, 1);
	imago_oop source = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_object(vm, target) || !vm_is_object(vm, source) ||
	    imago_memory_class_of(vm->memory, target) != imago_memory_class_of(vm->memory, source) ||
	    imago_memory_format(vm->memory, target, vm->kind) !=
	        imago_memory_format(vm->memory, source, vm->kind) ||
	    imago_memory_num_slots(vm->memory, target, vm->kind) !=
	        imago_memory_num_slots(vm->memory, source, vm->kind) ||
	    imago_memory_is_code(vm->memory, target, vm->kind) || !primitive_may_set(vm, target)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	primitive_publish(vm, source);
	uint64_t size =
	    imago_memory_num_slots(vm->memory, target, vm->kind) * imago_word_bytes(vm->kind);
	memmove(imago_memory_open_body(vm->memory, target, vm->kind),
	        imago_memory_body(vm->memory, source, vm->kind), (size_t)size);
	if (!imago_memory_is_young(vm->memory, target)) {
		imago_memory_remember(vm->memory, target);
	}
	return vm_answer(vm, 1, target);
}
