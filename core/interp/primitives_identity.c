/* primitives_identity.c: identity, become, all objects. */
#include "primitives.h"

/* ---- Identity. */

bool
primitive_identical(imago_vm *vm, uint32_t num_args)
{
	return num_args == 1 ? vm_answer(vm, 1, vm_boolean(vm, vm_peek(vm, 0) == vm_peek(vm, 1)))
	                     : vm_fail(vm, BAD_NUM_ARGS);
}

bool
primitive_not_identical(imago_vm *vm, uint32_t num_args)
{
	return num_args == 1 ? vm_answer(vm, 1, vm_boolean(vm, vm_peek(vm, 0) != vm_peek(vm, 1)))
	                     : vm_fail(vm, BAD_NUM_ARGS);
}

bool
primitive_class(imago_vm *vm, uint32_t num_args)
{
	imago_oop cls = imago_memory_class_of(vm->memory, vm_peek(vm, 0));
	return num_args <= 1 && cls != 0 ? vm_answer(vm, num_args, cls) : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_identity_hash(imago_vm *vm, uint32_t num_args)
{
	imago_oop receiver = vm_peek(vm, 0);
	if (num_args != 0 || !vm_is_object(vm, receiver)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return vm_answer(vm, 0, vm_integer_oop(vm, imago_memory_hash(vm->memory, receiver)));
}

bool
primitive_behavior_hash(imago_vm *vm, uint32_t num_args)
{
	imago_oop cls = vm_peek(vm, 0);
	if (num_args != 0 || vm->kind.v3 || !vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	uint32_t index = imago_memory_class_index(vm->memory, cls);
	return index != 0 ? vm_answer(vm, 0, vm_integer_oop(vm, index)) : vm_fail(vm, NO_MEMORY);
}

/* Hashes of others' choosing are not for untrusted images: class indices are hashes. */
bool
primitive_set_or_has_hash(imago_vm *vm, uint32_t num_args)
{
	(void)num_args;
	return vm_fail(vm, UNSUPPORTED);
}

bool
primitive_hash_multiply(imago_vm *vm, uint32_t num_args)
{
	int64_t value;
	if (num_args != 0 || !primitive_int64(vm, vm_peek(vm, 0), &value)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return vm_answer(vm, 0, vm_integer_oop(vm, (int64_t)((uint64_t)value * 1664525 & 0xFFFFFFF)));
}

/* Classes stay: what a class says of its instances is what checked slots rest on. */
bool
primitive_change_class(imago_vm *vm, uint32_t num_args)
{
	(void)num_args;
	return vm_fail(vm, UNSUPPORTED);
}

/* ---- Become. */

static bool
become(imago_vm *vm, uint32_t num_args, bool two_way, bool copy_hash)
{
	imago_oop left = vm_peek(vm, num_args);
	imago_oop right = vm_peek(vm, 0);
	if (num_args != 1 || !vm_has_slots(vm, left, 0) || !vm_has_slots(vm, right, 0)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t count = imago_memory_num_slots(vm->memory, left, vm->kind);
	if (imago_memory_num_slots(vm->memory, right, vm->kind) != count) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	/* Copies: the arrays are objects whose slots will be replaced. */
	imago_oop *pairs =
	    imago_allocate_array(vm->allocator, 2 * count, sizeof *pairs, "become", NULL);
	if (pairs == NULL) {
		return vm_fail(vm, NO_MEMORY);
	}
	bool possible = true;
	for (uint64_t i = 0; i < count && possible; i++) {
		pairs[i] = vm_slot(vm, left, i);
		pairs[count + i] = vm_slot(vm, right, i);
		/* What the machine finds by its place, and what it is executing, stays itself. */
		for (uint64_t k = i; k < 2 * count; k += count) {
			imago_oop oop = pairs[k];
			possible = possible && vm_is_object(vm, oop) && oop != vm->context && oop != vm->home &&
			           oop != vm_nil(vm) && oop != vm->memory->true_object &&
			           oop != vm->memory->false_object && oop != vm->memory->special_objects &&
			           !imago_memory_is_code(vm->memory, oop, vm->kind) &&
			           vm_has_slots(vm, imago_memory_class_of(vm->memory, oop), 0);
		}
	}
	if (possible) {
		vm_charge(vm, vm_memory_bytes(vm) / VM_BYTES_A_BYTECODE + count);
		vm_store_frame(vm);
		possible = imago_memory_become(vm->memory, pairs, pairs + count, count, two_way, copy_hash);
		vm_flush_cache(vm);
		(void)vm_enter_again(vm);
	}
	imago_release(vm->allocator, pairs, 2 * count * sizeof *pairs);
	return possible ? vm_answer(vm, 1, vm_peek(vm, 1)) : vm_fail(vm, BAD_ARGUMENT);
}

bool
primitive_become(imago_vm *vm, uint32_t num_args)
{
	return become(vm, num_args, true, false);
}

bool
primitive_forward_identity(imago_vm *vm, uint32_t num_args)
{
	return become(vm, num_args, false, true);
}

bool
primitive_forward_without_hash(imago_vm *vm, uint32_t num_args)
{
	return become(vm, num_args, false, false);
}

/* 249 is two primitives: a byte to the console, or become one way. */
bool
primitive_put_or_forward(imago_vm *vm, uint32_t num_args)
{
	return num_args == 1 && vm_is_integer(vm, vm_peek(vm, 0)) ? primitive_put_character(vm, 1)
	                                                          : become(vm, num_args, false, true);
}

/* ---- All objects. */

/* Class table pages and the like are the machine's own. */
static imago_oop
visible_from(const imago_vm *vm, imago_oop oop)
{
	while (oop != 0 && !vm->kind.v3 &&
	       imago_memory_class_tag(vm->memory, oop) < IMAGO_CLASS_FIRST_REAL) {
		oop = imago_memory_next(vm->memory, oop);
	}
	return oop;
}

static bool
answer_from(imago_vm *vm, imago_oop oop, imago_oop cls)
{
	uint64_t num_seen = 0;
	vm_capture(vm);
	vm->statistics.num_outside++;
	oop = visible_from(vm, oop);
	while (oop != 0 && imago_memory_class_of(vm->memory, oop) != cls) {
		oop = visible_from(vm, imago_memory_next(vm->memory, oop));
		num_seen++;
	}
	vm_charge(vm, num_seen);
	return oop != 0 ? vm_answer(vm, 0, oop) : vm_fail(vm, FAILED);
}

bool
primitive_some_instance(imago_vm *vm, uint32_t num_args)
{
	return num_args == 0 ? answer_from(vm, imago_memory_first(vm->memory), vm_peek(vm, 0))
	                     : vm_fail(vm, BAD_NUM_ARGS);
}

bool
primitive_next_instance(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop = vm_peek(vm, 0);
	if (num_args != 0 || !vm_is_object(vm, oop)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return answer_from(vm, imago_memory_next(vm->memory, oop),
	                   imago_memory_class_of(vm->memory, oop));
}

bool
primitive_some_object(imago_vm *vm, uint32_t num_args)
{
	imago_oop first = visible_from(vm, imago_memory_first(vm->memory));
	vm->statistics.num_outside++;
	vm_capture(vm);
	return first != 0 ? vm_answer(vm, num_args, first) : vm_fail(vm, FAILED);
}

bool
primitive_next_object(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop = vm_peek(vm, 0);
	if (num_args != 0 || !vm_is_object(vm, oop)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	imago_oop next = visible_from(vm, imago_memory_next(vm->memory, oop));
	vm->statistics.num_outside++;
	vm_capture(vm);
	return vm_answer(vm, 0, next != 0 ? next : vm_integer_oop(vm, 0));
}

bool
primitive_points_to(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop = vm_peek(vm, 1);
	if (num_args != 1) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	bool found = false;
	if (vm_has_slots(vm, oop, 0)) {
		primitive_publish(vm, oop);
		uint64_t count = imago_memory_num_slots(vm->memory, oop, vm->kind);
		for (uint64_t i = 0; i < count && !found; i++) {
			found = vm_slot(vm, oop, i) == vm_peek(vm, 0);
		}
		vm_charge(vm, count / 8);
	}
	return vm_answer(vm, 1, vm_boolean(vm, found));
}
