/* primitives_contexts.c: performing, blocks, contexts as objects. */
#include "primitives.h"

enum {
	PRIMITIVE_UNWIND = 198,
	PRIMITIVE_HANDLER = 199,
	MAX_ARGUMENTS = 15,
};

/* perform: selector with: …: the selector goes, the arguments move down. */
bool
primitive_perform(imago_vm *vm, uint32_t num_args)
{
	if (num_args < 1) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	imago_oop selector = vm_peek(vm, num_args - 1);
	imago_oop receiver = vm_peek(vm, num_args);
	const vm_method *method = vm_lookup(vm, selector, imago_memory_class_of(vm->memory, receiver),
	                                    vm_class_key(vm->memory, receiver, vm->kind));
	if (!vm_is_object(vm, selector) || (method != NULL && method->num_args != num_args - 1)) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	for (uint32_t i = num_args - 1; i > 0; i--) {
		vm_poke(vm, i, vm_peek(vm, i - 1));
	}
	vm_drop(vm, 1);
	(void)vm_send(vm, selector, num_args - 1);
	return true;
}

/* Receiver, selector, Array: the array's elements take the place of selector and array. */
static bool
perform_array(imago_vm *vm, uint32_t dropped, imago_oop selector, imago_oop array,
              imago_oop superclass)
{
	if (!vm_has_slots(vm, array, 0) || !vm_is_object(vm, selector)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t count = imago_memory_num_slots(vm->memory, array, vm->kind);
	imago_oop receiver = vm_peek(vm, dropped);
	imago_oop cls = superclass != 0 ? superclass : imago_memory_class_of(vm->memory, receiver);
	if (count > MAX_ARGUMENTS || !vm_has_room(vm, (uint32_t)count) || cls == 0 ||
	    !vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t key = superclass == 0 ? vm_class_key(vm->memory, receiver, vm->kind)
	               : vm->kind.v3   ? superclass
	                               : imago_memory_class_index(vm->memory, superclass);
	const vm_method *method = vm_lookup(vm, selector, cls, key);
	if (method != NULL && method->num_args != count) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	vm_drop(vm, dropped);
	for (uint64_t i = 0; i < count; i++) {
		vm_push(vm, vm_slot(vm, array, i));
	}
	if (superclass != 0) {
		(void)vm_send_super(vm, selector, (uint32_t)count, superclass);
	} else {
		(void)vm_send(vm, selector, (uint32_t)count);
	}
	return true;
}

bool
primitive_perform_with_arguments(imago_vm *vm, uint32_t num_args)
{
	return num_args == 2 ? perform_array(vm, 2, vm_peek(vm, 1), vm_peek(vm, 0), 0)
	                     : vm_fail(vm, BAD_NUM_ARGS);
}

static bool
inherits_from(imago_vm *vm, imago_oop cls, imago_oop ancestor)
{
	uint64_t num_steps = 0;
	while (cls != ancestor && num_steps < MAX_CHAIN && vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		cls = vm_slot(vm, cls, CLASS_SUPERCLASS);
		num_steps++;
	}
	vm_charge_steps(vm, num_steps);
	return cls == ancestor && vm_has_slots(vm, cls, CLASS_FORMAT + 1);
}

bool
primitive_perform_in_superclass(imago_vm *vm, uint32_t num_args)
{
	if (num_args != 3 ||
	    !inherits_from(vm, imago_memory_class_of(vm->memory, vm_peek(vm, 3)), vm_peek(vm, 0))) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return perform_array(vm, 3, vm_peek(vm, 2), vm_peek(vm, 1), vm_peek(vm, 0));
}

/* receiver withArgs: array executeMethod: method. */
bool
primitive_execute_with_arguments(imago_vm *vm, uint32_t num_args)
{
	vm_method method;
	imago_oop array = vm_peek(vm, 1);
	if (num_args != 2 || !vm_decode_method(vm, vm_peek(vm, 0), &method) ||
	    !vm_has_slots(vm, array, 0) ||
	    imago_memory_num_slots(vm->memory, array, vm->kind) != method.num_args ||
	    !vm_has_room(vm, method.num_args)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	vm_drop(vm, 2);
	for (uint32_t i = 0; i < method.num_args; i++) {
		vm_push(vm, vm_slot(vm, array, i));
	}
	(void)vm_execute(vm, &method, method.num_args);
	return true;
}

/* receiver tryPrimitive: number withArgs: array. Named ones look for their names in the method. */
bool
primitive_try_primitive(imago_vm *vm, uint32_t num_args)
{
	enum { NAMED = 117, TRY = 118, ARRAY_ROOT = 7 };
	imago_oop number = vm_peek(vm, 1);
	imago_oop array = vm_peek(vm, 0);
	if (num_args != 2 || !vm_is_integer(vm, number) || !vm_has_slots(vm, array, 0)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t count = imago_memory_num_slots(vm->memory, array, vm->kind);
	int64_t wanted = vm_integer(vm, number);
	if (count > MAX_ARGUMENTS || !vm_has_room(vm, (uint32_t)count) || wanted < 1 ||
	    wanted > UINT16_MAX || wanted == NAMED || wanted == TRY) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	vm->roots[ARRAY_ROOT] = array;
	vm_drop(vm, 2);
	for (uint64_t i = 0; i < count; i++) {
		vm_push(vm, vm_slot(vm, array, i));
	}
	if (vm_execute_primitive(vm, (uint32_t)wanted, (uint32_t)count)) {
		return true;
	}
	if (!vm->stopped) {
		vm_drop(vm, (uint32_t)count);
		vm_push(vm, number);
		vm_push(vm, vm->roots[ARRAY_ROOT]);
	}
	return false;
}

/* ---- Blocks. */

bool
primitive_closure_value(imago_vm *vm, uint32_t num_args)
{
	return vm_activate_closure(vm, vm_peek(vm, num_args), num_args);
}

bool
primitive_closure_value_with_arguments(imago_vm *vm, uint32_t num_args)
{
	imago_oop closure = vm_peek(vm, num_args);
	imago_oop array = vm_peek(vm, 0);
	if (num_args != 1 || !vm_has_slots(vm, closure, CLOSURE_COPIED) ||
	    !vm_has_slots(vm, array, 0)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t count = imago_memory_num_slots(vm->memory, array, vm->kind);
	imago_oop wanted = vm_slot(vm, closure, CLOSURE_NUM_ARGS);
	if (!vm_is_integer(vm, wanted) || vm_integer(vm, wanted) != (int64_t)count ||
	    count > MAX_ARGUMENTS || !vm_has_room(vm, (uint32_t)count)) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	vm_drop(vm, 1);
	for (uint64_t i = 0; i < count; i++) {
		vm_push(vm, vm_slot(vm, array, i));
	}
	if (vm_activate_closure(vm, closure, (uint32_t)count)) {
		return true;
	}
	if (!vm->stopped) {
		vm_drop(vm, (uint32_t)count);
		vm_push(vm, array);
	}
	return false;
}

/* 6502: a BlockContext whose bytecodes begin behind the jump that follows the send. */
bool
primitive_block_copy(imago_vm *vm, uint32_t num_args)
{
	imago_oop count = vm_peek(vm, 0);
	imago_oop context = vm_peek(vm, num_args);
	if (num_args != 1 || !vm->kind.v3 || !vm_is_integer(vm, count) || vm_integer(vm, count) < 0 ||
	    vm_integer(vm, count) > MAX_ARGUMENTS || !vm_is_context(vm, context)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t num_slots = imago_memory_num_slots(vm->memory, vm->home, vm->kind);
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, num_slots))) {
		return false;
	}
	context = vm_peek(vm, 1);
	vm_capture(vm);
	imago_oop home = vm_is_block_context(vm, context) ? vm_slot(vm, context, BLOCK_HOME) : context;
	imago_oop cls = vm_special(vm, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT);
	imago_oop block = vm_has_slots(vm, cls, CLASS_FORMAT + 1)
	                      ? imago_memory_make(vm->memory, cls, IMAGO_FORMAT_MIXED, num_slots)
	                      : 0;
	if (block == 0) {
		return vm_fail(vm, NO_MEMORY);
	}
	/* The jump over the block takes two bytes. */
	imago_oop start = vm_integer_oop(vm, vm->frame.ip - vm->frame.body + 1 + 2);
	vm_set_slot(vm, block, CONTEXT_PC, start);
	vm_set_slot(vm, block, CONTEXT_STACKP, vm_integer_oop(vm, 0));
	vm_set_slot(vm, block, BLOCK_NUM_ARGS, vm_peek(vm, 0));
	vm_set_slot(vm, block, BLOCK_INITIAL_PC, start);
	vm_set_slot(vm, block, BLOCK_HOME, home);
	return vm_answer(vm, 1, block);
}

bool
primitive_block_value(imago_vm *vm, uint32_t num_args)
{
	imago_oop block = vm_peek(vm, num_args);
	if (!vm_is_block_context(vm, block)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return vm_activate_block_context(vm, block, num_args);
}

bool
primitive_block_value_with_arguments(imago_vm *vm, uint32_t num_args)
{
	imago_oop block = vm_peek(vm, num_args);
	imago_oop array = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_block_context(vm, block) || !vm_has_slots(vm, array, 0)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	uint64_t count = imago_memory_num_slots(vm->memory, array, vm->kind);
	if (count > MAX_ARGUMENTS || !vm_has_room(vm, (uint32_t)count)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	vm_drop(vm, 1);
	for (uint64_t i = 0; i < count; i++) {
		vm_push(vm, vm_slot(vm, array, i));
	}
	if (vm_activate_block_context(vm, block, (uint32_t)count)) {
		return true;
	}
	if (!vm->stopped) {
		vm_drop(vm, (uint32_t)count);
		vm_push(vm, array);
	}
	return false;
}

/* ---- Contexts as objects. */

/* The next context on the way up that a method with that primitive marks. */
static bool
answer_marked(imago_vm *vm, uint32_t num_args, imago_oop context, imago_oop end, uint32_t primitive)
{
	uint64_t num_steps = 0;
	imago_oop found = vm_nil(vm);
	while (found == vm_nil(vm) && num_steps < MAX_CHAIN && vm_is_context(vm, context) &&
	       context != end) {
		vm_method method;
		if (!vm_is_block_context(vm, context) &&
		    vm_slot(vm, context, CONTEXT_CLOSURE) == vm_nil(vm) &&
		    vm_decode_method(vm, vm_slot(vm, context, CONTEXT_METHOD), &method) &&
		    method.primitive == primitive) {
			found = context;
		}
		context = vm_slot(vm, context, CONTEXT_SENDER);
		num_steps++;
	}
	vm_charge_steps(vm, num_steps);
	return vm_answer(vm, num_args, found);
}

bool
primitive_find_unwind(imago_vm *vm, uint32_t num_args)
{
	imago_oop context = vm_peek(vm, num_args);
	if (num_args != 1 || !vm_is_context(vm, context)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return answer_marked(vm, 1, vm_slot(vm, context, CONTEXT_SENDER), vm_peek(vm, 0),
	                     PRIMITIVE_UNWIND);
}

bool
primitive_find_handler(imago_vm *vm, uint32_t num_args)
{
	imago_oop context = vm_peek(vm, num_args);
	if (num_args != 0 || !vm_is_context(vm, context)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return answer_marked(vm, 0, context, vm_nil(vm), PRIMITIVE_HANDLER);
}

/* Kills the contexts between the receiver and an ancestor, which becomes its sender. */
bool
primitive_terminate_to(imago_vm *vm, uint32_t num_args)
{
	imago_oop context = vm_peek(vm, num_args);
	imago_oop end = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_context(vm, context)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	imago_oop link = vm_slot(vm, context, CONTEXT_SENDER);
	bool found = false;
	uint64_t num_steps = 0;
	for (; num_steps < MAX_CHAIN && vm_is_context(vm, link) && !found; num_steps++) {
		found = link == end;
		link = vm_slot(vm, link, CONTEXT_SENDER);
	}
	vm_charge_steps(vm, num_steps);
	for (link = vm_slot(vm, context, CONTEXT_SENDER); found && link != end;) {
		imago_oop next = vm_slot(vm, link, CONTEXT_SENDER);
		vm_set_slot(vm, link, CONTEXT_SENDER, vm_nil(vm));
		vm_set_slot(vm, link, CONTEXT_PC, vm_nil(vm));
		link = next;
	}
	vm_set_slot(vm, context, CONTEXT_SENDER, end);
	return vm_answer(vm, 1, context);
}

/* The stack of a context: temporaries first. */
static bool
stack_place(imago_vm *vm, uint32_t depth, imago_oop *context, uint64_t *slot)
{
	*context = vm_peek(vm, depth);
	if (!vm_is_context(vm, *context)) {
		return false;
	}
	if (*context == vm->context) {
		vm_store_frame(vm);
	}
	imago_oop stackp = vm_slot(vm, *context, CONTEXT_STACKP);
	imago_oop index = vm_peek(vm, depth - 1);
	uint64_t room = imago_memory_num_slots(vm->memory, *context, vm->kind) - CONTEXT_FIXED;
	if (!vm_is_integer(vm, stackp) || !vm_is_integer(vm, index) || vm_integer(vm, index) < 1 ||
	    vm_integer(vm, index) > vm_integer(vm, stackp) || (uint64_t)vm_integer(vm, stackp) > room) {
		return false;
	}
	*slot = CONTEXT_FIXED + (uint64_t)vm_integer(vm, index) - 1;
	return true;
}

bool
primitive_context_at(imago_vm *vm, uint32_t num_args)
{
	imago_oop context;
	uint64_t slot;
	return num_args == 1 && stack_place(vm, 1, &context, &slot)
	           ? vm_answer(vm, 1, vm_slot(vm, context, slot))
	           : vm_fail(vm, BAD_INDEX);
}

bool
primitive_context_at_put(imago_vm *vm, uint32_t num_args)
{
	imago_oop context;
	uint64_t slot;
	if (num_args != 2 || !stack_place(vm, 2, &context, &slot)) {
		return vm_fail(vm, BAD_INDEX);
	}
	imago_oop value = vm_peek(vm, 0);
	vm_set_slot(vm, context, slot, value);
	return vm_answer(vm, 2, value);
}

bool
primitive_context_size(imago_vm *vm, uint32_t num_args)
{
	imago_oop context = vm_peek(vm, 0);
	if (num_args != 0 || !vm_is_context(vm, context)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	if (context == vm->context) {
		vm_store_frame(vm);
	}
	return vm_answer(vm, 0, vm_slot(vm, context, CONTEXT_STACKP));
}

/* Slots between the old stack pointer and the new one become nil. The active context's is the
 * machine's own. */
bool
primitive_context_set_size(imago_vm *vm, uint32_t num_args)
{
	imago_oop context = vm_peek(vm, num_args);
	imago_oop wanted = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_context(vm, context) || context == vm->context ||
	    context == vm->home || !vm_is_integer(vm, wanted)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	imago_oop before = vm_slot(vm, context, CONTEXT_STACKP);
	int64_t room = (int64_t)imago_memory_num_slots(vm->memory, context, vm->kind) - CONTEXT_FIXED;
	int64_t first = vm_is_integer(vm, before) ? vm_integer(vm, before) : 0;
	int64_t last = vm_integer(vm, wanted);
	if (last < 0 || last > room || first < 0) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	for (int64_t i = first; i < last; i++) {
		vm_set_slot(vm, context, CONTEXT_FIXED + (uint64_t)i, vm_nil(vm));
	}
	vm_set_slot(vm, context, CONTEXT_STACKP, wanted);
	return vm_answer(vm, 1, context);
}

/* receiver with: … executeMethod: method. */
bool
primitive_execute(imago_vm *vm, uint32_t num_args)
{
	vm_method method;
	if (num_args < 1 || !vm_decode_method(vm, vm_peek(vm, 0), &method) ||
	    method.num_args != num_args - 1) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	vm_drop(vm, 1);
	(void)vm_execute(vm, &method, num_args - 1);
	return true;
}
