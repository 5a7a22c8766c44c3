/* steps.c: sends, closures, arrays, contexts: what leaves the loop (formats/bytecodes.md §1, §2).
 */
#include "steps.h"

step
step_judge(const imago_vm *vm, bool going_on)
{
	return going_on && !vm->stopped ? CHANGED : ENDED;
}

step
step_send_literal(imago_vm *vm, uint32_t index, uint32_t num_args)
{
	const vm_frame *f = &vm->frame;
	if (index >= f->num_literals) {
		return step_judge(vm, vm_violation(vm, "no such literal"));
	}
	imago_oop selector =
	    imago_word_get(f->literals + (size_t)index * imago_word_bytes(vm->kind), vm->kind);
	return step_judge(vm, vm_send(vm, selector, num_args));
}

/* The class whose method this is: the value of the last literal, or the literal itself. */
step
step_send_super(imago_vm *vm, uint32_t index, uint32_t num_args)
{
	const vm_frame *f = &vm->frame;
	const size_t word = imago_word_bytes(vm->kind);
	if (index >= f->num_literals) {
		return step_judge(vm, vm_violation(vm, "no such literal"));
	}
	imago_oop selector = imago_word_get(f->literals + index * word, vm->kind);
	imago_oop last = imago_word_get(f->literals + (f->num_literals - 1) * word, vm->kind);
	imago_oop cls = last;
	if (vm_has_slots(vm, last, ASSOCIATION_VALUE + 1)) {
		imago_oop value = vm_slot(vm, last, ASSOCIATION_VALUE);
		cls = vm_has_slots(vm, value, CLASS_FORMAT + 1) ? value : last;
	}
	if (!vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		return step_judge(vm, vm_violation(vm, "a super send in a method without a class"));
	}
	return step_judge(vm,
	                  vm_send_super(vm, selector, num_args, vm_slot(vm, cls, CLASS_SUPERCLASS)));
}

step
step_send_super_directed(imago_vm *vm, uint32_t index, uint32_t num_args)
{
	const vm_frame *f = &vm->frame;
	imago_oop cls = vm_peek(vm, 0);
	if (index >= f->num_literals || vm_stack_depth(vm) < 1 ||
	    !vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		return step_judge(vm, vm_violation(vm, "a directed super send without literal or class"));
	}
	imago_oop selector =
	    imago_word_get(f->literals + (size_t)index * imago_word_bytes(vm->kind), vm->kind);
	vm_drop(vm, 1);
	return step_judge(vm,
	                  vm_send_super(vm, selector, num_args, vm_slot(vm, cls, CLASS_SUPERCLASS)));
}

/* The selector and number of arguments of special selector index. */
step
step_send_special_selector(imago_vm *vm, uint32_t index)
{
	imago_oop table = vm_special(vm, IMAGO_SPECIAL_SPECIAL_SELECTORS);
	if (!vm_has_slots(vm, table, 2 * (uint64_t)index + 2) ||
	    !vm_is_integer(vm, vm_slot(vm, table, 2 * (uint64_t)index + 1))) {
		return step_judge(vm, vm_violation(vm, "the table of special selectors is too short"));
	}
	int64_t num_args = vm_integer(vm, vm_slot(vm, table, 2 * (uint64_t)index + 1));
	if (num_args < 0 || num_args > 2) {
		return step_judge(vm, vm_violation(vm, "a special selector with so many arguments"));
	}
	/* Code is admitted for the numbers that there should be. */
	vm->frame.trusted = vm->frame.trusted && num_args == (int64_t)vm_special_args(index);
	return step_judge(vm, vm_send(vm, vm_slot(vm, table, 2 * (uint64_t)index), (uint32_t)num_args));
}

/* A new Array, filled from the stack or not. */
step
step_push_array(imago_vm *vm, uint32_t size, bool filled)
{
	if ((filled && vm_stack_depth(vm) < size) || (!filled && !vm_has_room(vm, 1)) ||
	    (size == 0 && !vm_has_room(vm, 1))) {
		return step_judge(vm, vm_violation(vm, filled && size > 0 ? STACK_EMPTY : STACK_FULL));
	}
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, size))) {
		return ENDED;
	}
	imago_oop array = imago_memory_make(vm->memory, vm_special(vm, IMAGO_SPECIAL_CLASS_ARRAY),
	                                    IMAGO_FORMAT_INDEXABLE, size);
	if (array == 0) {
		return step_judge(vm, vm_stop(vm, IMAGO_VM_MEMORY, "no room for an Array"));
	}
	if (filled) {
		for (uint32_t i = 0; i < size; i++) {
			vm_set_slot(vm, array, i, vm_peek(vm, size - 1 - i));
		}
		vm_drop(vm, size);
	}
	vm_push(vm, array);
	return CHANGED;
}

/* BlockClosure: outer context, start pc, number of arguments, copied values from the stack. */
step
step_push_closure(imago_vm *vm, uint32_t num_args, uint32_t num_copied, uint32_t size)
{
	int64_t left = vm->frame.code_end - vm->frame.ip;
	if (vm_stack_depth(vm) < num_copied || (num_copied == 0 && !vm_has_room(vm, 1))) {
		return step_judge(vm, vm_violation(vm, num_copied > 0 ? STACK_EMPTY : STACK_FULL));
	}
	if (size > left) {
		return step_judge(vm, vm_violation(vm, "a block is longer than its method"));
	}
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, CLOSURE_COPIED + num_copied))) {
		return ENDED;
	}
	imago_oop cls = vm_special(vm, IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE);
	if (!vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		return step_judge(vm, vm_violation(vm, "there is no class BlockClosure"));
	}
	imago_oop closure =
	    imago_memory_make(vm->memory, cls, IMAGO_FORMAT_MIXED, CLOSURE_COPIED + num_copied);
	if (closure == 0) {
		return step_judge(vm, vm_stop(vm, IMAGO_VM_MEMORY, "no room for a closure"));
	}
	vm_frame *f = &vm->frame;
	vm_capture(vm);
	vm_set_slot(vm, closure, CLOSURE_OUTER, vm->context);
	vm_set_slot(vm, closure, CLOSURE_START, vm_integer_oop(vm, f->ip - f->body + 1));
	vm_set_slot(vm, closure, CLOSURE_NUM_ARGS, vm_integer_oop(vm, num_args));
	for (uint32_t i = 0; i < num_copied; i++) {
		vm_set_slot(vm, closure, CLOSURE_COPIED + i, vm_peek(vm, num_copied - 1 - i));
	}
	vm_drop(vm, num_copied);
	vm_push(vm, closure);
	f->ip += size;
	return CHANGED;
}

/* The class of full blocks: special object 37, or entry 38 of the class table. */
static imago_oop
full_closure_class(const imago_vm *vm)
{
	imago_oop cls = vm_special(vm, IMAGO_SPECIAL_CLASS_FULL_BLOCK_CLOSURE);
	if (cls == vm_nil(vm) && !vm->kind.v3) {
		imago_oop page = vm_slot(vm, vm->memory->hidden_roots, 0);
		cls = vm_slot(vm, page, IMAGO_CLASS_FULL_BLOCK_CLOSURE);
	}
	return cls;
}

step
step_push_full_closure(imago_vm *vm, uint32_t literal, uint8_t flags)
{
	enum { NUM_COPIED = 63, NO_OUTER = 64, RECEIVER_ON_STACK = 128 };
	uint32_t num_copied = flags & NUM_COPIED;
	uint32_t taken = num_copied + ((flags & RECEIVER_ON_STACK) != 0);
	vm_method block;
	if (vm_stack_depth(vm) < taken || (taken == 0 && !vm_has_room(vm, 1))) {
		return step_judge(vm, vm_violation(vm, taken > 0 ? STACK_EMPTY : STACK_FULL));
	}
	if (literal >= vm->frame.num_literals) {
		return step_judge(vm, vm_violation(vm, "no such literal"));
	}
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, FULL_COPIED + num_copied))) {
		return ENDED;
	}
	const vm_frame *f = &vm->frame;
	imago_oop code =
	    imago_word_get(f->literals + (size_t)literal * imago_word_bytes(vm->kind), vm->kind);
	imago_oop cls = full_closure_class(vm);
	if (!vm_decode_method(vm, code, &block) || !vm_has_slots(vm, cls, CLASS_FORMAT + 1)) {
		return step_judge(vm, vm_violation(vm, "a full block without code or class"));
	}
	imago_oop closure =
	    imago_memory_make(vm->memory, cls, IMAGO_FORMAT_MIXED, FULL_COPIED + num_copied);
	if (closure == 0) {
		return step_judge(vm, vm_stop(vm, IMAGO_VM_MEMORY, "no room for a closure"));
	}
	imago_oop receiver = f->receiver;
	if ((flags & RECEIVER_ON_STACK) != 0) {
		receiver = vm_peek(vm, num_copied);
	}
	vm_capture(vm);
	vm_set_slot(vm, closure, CLOSURE_OUTER, (flags & NO_OUTER) != 0 ? vm_nil(vm) : vm->context);
	vm_set_slot(vm, closure, CLOSURE_START, code);
	vm_set_slot(vm, closure, CLOSURE_NUM_ARGS, vm_integer_oop(vm, block.num_args));
	vm_set_slot(vm, closure, FULL_RECEIVER, receiver);
	for (uint32_t i = 0; i < num_copied; i++) {
		vm_set_slot(vm, closure, FULL_COPIED + i, vm_peek(vm, num_copied - 1 - i));
	}
	vm_drop(vm, taken);
	vm_push(vm, closure);
	return CHANGED;
}

step
step_must_be_boolean(imago_vm *vm)
{
	vm->frame.trusted = false; /* the answer stays on the stack, where the code has nothing */
	return step_judge(vm, vm_send_special(vm, IMAGO_SPECIAL_SELECTOR_MUST_BE_BOOLEAN, 0));
}

step
step_push_context(imago_vm *vm)
{
	if (!vm_has_room(vm, 1)) {
		return step_judge(vm, vm_violation(vm, STACK_FULL));
	}
	/* The context must say where it is: somebody may look. */
	vm_capture(vm);
	vm_push(vm, vm->context);
	vm_store_frame(vm);
	return CHANGED;
}

step
step_push_process(imago_vm *vm)
{
	if (!vm_has_room(vm, 1)) {
		return step_judge(vm, vm_violation(vm, STACK_FULL));
	}
	vm_push(vm, vm_active_process(vm));
	return CHANGED;
}

/* A primitive failed, and its method stores why: the code replaces the top. */
void
step_store_error(imago_vm *vm)
{
	imago_oop table = vm_special(vm, IMAGO_SPECIAL_PRIMITIVE_ERROR_TABLE);
	uint64_t index = (uint64_t)vm->primitive_error;
	if (vm_stack_depth(vm) < 1) {
		return;
	}
	if (index > 0 && vm_has_slots(vm, table, index)) {
		vm_poke(vm, 0, vm_slot(vm, table, index - 1));
	} else {
		vm_poke(vm, 0, vm_integer_oop(vm, vm->primitive_error));
	}
	vm->primitive_error = 0;
}

step
step_look(imago_vm *vm)
{
	return step_judge(vm, vm_look_around(vm));
}
