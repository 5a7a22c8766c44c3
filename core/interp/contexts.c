/* contexts.c: entering and leaving contexts: calls, blocks, returns. */
#include "calls.h"

/* Bytes of a large frame, whichever model. */
static uint64_t
frame_bytes(const imago_vm *vm)
{
	return imago_memory_object_bytes(vm->kind, CONTEXT_FIXED + LARGE_FRAME);
}

bool
vm_is_context(const imago_vm *vm, imago_oop oop)
{
	if (!vm_has_slots(vm, oop, CONTEXT_FIXED)) {
		return false;
	}
	imago_oop cls = imago_memory_class_of(vm->memory, oop);
	return cls == vm_special(vm, IMAGO_SPECIAL_CLASS_CONTEXT) ||
	       (vm->kind.v3 && cls == vm_special(vm, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT));
}

bool
vm_is_block_context(const imago_vm *vm, imago_oop oop)
{
	return vm->kind.v3 && vm_is_context(vm, oop) &&
	       vm_is_integer(vm, vm_slot(vm, oop, BLOCK_NUM_ARGS));
}

/* Writes pc and stack pointer into the active context. */
void
vm_store_frame(imago_vm *vm)
{
	const vm_frame *frame = &vm->frame;
	imago_memory_set_slot_raw(vm->memory, vm->context, CONTEXT_PC,
	                          vm_integer_oop(vm, frame->ip - frame->body + 1), vm->kind);
	imago_memory_set_slot_raw(vm->memory, vm->context, CONTEXT_STACKP,
	                          vm_integer_oop(vm, (int64_t)vm_stack_depth(vm)), vm->kind);
}

/* Points the frame at the method and the home that are set. */
static void
point_at_code(imago_vm *vm, const vm_method *method)
{
	const imago_object_memory *memory = vm->memory;
	const imago_memory_kind kind = vm->kind;
	vm_frame *frame = &vm->frame;
	frame->body = imago_memory_body(memory, method->oop, kind);
	frame->code_end = frame->body + method->num_bytes;
	frame->literals = frame->body + imago_word_bytes(kind);
	frame->num_literals = method->num_literals;
	frame->sista = method->sista;
	frame->temps = imago_memory_open_body(memory, vm->home, kind) +
	               (size_t)CONTEXT_FIXED * imago_word_bytes(kind);
	frame->num_temps = (uint32_t)(imago_memory_num_slots(memory, vm->home, kind) - CONTEXT_FIXED);
	frame->receiver = vm_slot(vm, vm->home, CONTEXT_RECEIVER);
	frame->stack = imago_memory_open_body(memory, vm->context, kind) +
	               (size_t)CONTEXT_FIXED * imago_word_bytes(kind);
	frame->stack_end =
	    frame->stack + (imago_memory_num_slots(memory, vm->context, kind) - CONTEXT_FIXED) *
	                       imago_word_bytes(kind);
	/* What is pushed and stored into temporaries is not asked for its age. */
	if (!imago_memory_is_young(memory, vm->context)) {
		imago_memory_remember(vm->memory, vm->context);
	}
	if (!imago_memory_is_young(memory, vm->home)) {
		imago_memory_remember(vm->memory, vm->home);
	}
}

void
vm_follow_code(imago_vm *vm)
{
	vm_frame *frame = &vm->frame;
	const uint8_t *body = imago_memory_body(vm->memory, vm->method, vm->kind);
	if (body != frame->body) {
		frame->ip = body + (frame->ip - frame->body);
		frame->code_end = body + (frame->code_end - frame->body);
		frame->literals = body + imago_word_bytes(vm->kind);
		frame->body = body;
	}
}

/* Makes a context the active one, with what its slots say; not judged yet. */
static bool
enter(imago_vm *vm, imago_oop context)
{
	vm_method method;
	vm->context = context;
	vm->home = context;
	vm->frame.trusted = false;
	if (!vm_is_context(vm, context)) {
		return vm_violation(vm, "what is to be resumed is not a context");
	}
	if (vm_is_block_context(vm, context)) {
		vm->home = vm_slot(vm, context, BLOCK_HOME);
		if (!vm_is_context(vm, vm->home) || vm_is_block_context(vm, vm->home)) {
			vm->home = context;
			return vm_violation(vm, "the home of a block is not a method's context");
		}
	}
	vm->method = vm_slot(vm, vm->home, CONTEXT_METHOD);
	if (!vm_decode_method(vm, vm->method, &method)) {
		return vm_violation(vm, "a context's method is not code");
	}
	point_at_code(vm, &method);
	vm_frame *frame = &vm->frame;
	imago_oop pc = vm_slot(vm, context, CONTEXT_PC);
	imago_oop stackp = vm_slot(vm, context, CONTEXT_STACKP);
	int64_t size = frame->code_end - frame->body;
	frame->ip = frame->body + method.first_pc;
	if (!vm_is_integer(vm, pc) || vm_integer(vm, pc) <= method.first_pc ||
	    vm_integer(vm, pc) > size + 1) {
		return vm_violation(vm, "a context's pc is outside its method");
	}
	int64_t room = (frame->stack_end - frame->stack) / (int64_t)imago_word_bytes(vm->kind);
	if (!vm_is_integer(vm, stackp) || vm_integer(vm, stackp) < 0 || vm_integer(vm, stackp) > room) {
		return vm_violation(vm, "a context's stack pointer is outside the context");
	}
	frame->ip = frame->body + vm_integer(vm, pc) - 1;
	frame->sp = frame->stack + (vm_integer(vm, stackp) - 1) * (int64_t)imago_word_bytes(vm->kind);
	return true;
}

bool
vm_enter(imago_vm *vm, imago_oop context)
{
	if (!enter(vm, context)) {
		return false;
	}
	vm->frame.trusted = vm_judge(vm);
	return true;
}

/* In the middle of a bytecode the stack is not what its code says, but what was admitted stays so:
 * unless the context was given another method or home. */
bool
vm_enter_again(imago_vm *vm)
{
	imago_oop home = vm->home;
	imago_oop method = vm->method;
	bool trusted = vm->frame.trusted;
	if (!enter(vm, vm->context)) {
		return false;
	}
	vm->frame.trusted = trusted && vm->home == home && vm->method == method;
	return true;
}

/* A young context for a method, with receiver and arguments taken over from the stack of the
 * active one (stored already), which becomes its sender. Temporaries are nil. */
static bool
make_context(imago_vm *vm, const vm_method *method, imago_oop receiver, imago_oop closure,
             uint32_t num_args, imago_oop *out)
{
	uint32_t size = method->large ? LARGE_FRAME : SMALL_FRAME;
	if (method->num_args > method->num_temps || method->num_temps > size) {
		return vm_violation(vm, "a method's temporaries do not fit its frame");
	}
	imago_oop context = 0;
	bool is_nil = can_make_context(vm, method->large, vm->kind);
	if (is_nil) {
		registers r;
		fetch(vm, &r);
		context = make_context_here(vm, &r, size, vm->kind);
	} else {
		context = imago_memory_make_unset(vm->memory, vm->context_tag, IMAGO_FORMAT_MIXED,
		                                  CONTEXT_FIXED + size);
	}
	if (context == 0) {
		return vm_stop(vm, IMAGO_VM_MEMORY, "no room for a context");
	}
	const imago_object_memory *memory = vm->memory;
	const imago_memory_kind kind = vm->kind;
	imago_memory_set_slot_raw(memory, context, CONTEXT_SENDER, vm->context, kind);
	imago_memory_set_slot_raw(memory, context, CONTEXT_PC, vm_integer_oop(vm, method->start_pc + 1),
	                          kind);
	imago_memory_set_slot_raw(memory, context, CONTEXT_STACKP,
	                          vm_integer_oop(vm, method->num_temps), kind);
	imago_memory_set_slot_raw(memory, context, CONTEXT_METHOD, method->oop, kind);
	imago_memory_set_slot_raw(memory, context, CONTEXT_CLOSURE, closure, kind);
	imago_memory_set_slot_raw(memory, context, CONTEXT_RECEIVER, receiver, kind);
	for (uint32_t i = 0; i < num_args; i++) {
		imago_memory_set_slot_raw(memory, context, CONTEXT_FIXED + i, vm_peek(vm, num_args - 1 - i),
		                          kind);
	}
	/* Also what is above the stack: images may look there. */
	for (uint32_t i = num_args; i < size && !is_nil; i++) {
		imago_memory_set_slot_raw(memory, context, CONTEXT_FIXED + i, memory->nil, kind);
	}
	*out = context;
	return true;
}

/* Enters a context that was just made: what vm_enter would find, without looking. */
static void
enter_new(imago_vm *vm, imago_oop context, const vm_method *method, uint32_t stackp)
{
	vm->context = context;
	vm->home = context;
	vm->method = method->oop;
	point_at_code(vm, method);
	vm->frame.ip = vm->frame.body + method->start_pc;
	vm->frame.sp = vm->frame.stack + ((int64_t)stackp - 1) * (int64_t)imago_word_bytes(vm->kind);
	vm->frame.trusted = vm_admits_at(vm, method, method->start_pc, stackp);
}

/* What the loop does, for those who are not in it. */
static void
activate_admitted(imago_vm *vm, const vm_method *method)
{
	const imago_memory_kind narrow = {.v3 = false, .wide = false};
	const imago_memory_kind wide = {.v3 = false, .wide = true};
	const imago_memory_kind v3 = {.v3 = true, .wide = false};
	const imago_memory_kind tabled = {.wide = vm->kind.wide, .tabled = true};
	const uint32_t size = method->large ? LARGE_FRAME : SMALL_FRAME;
	registers r = {.left = vm->left};
	fetch(vm, &r);
	if (vm->kind.v3) {
		activate_here(vm, &r, method, method->num_args, size, v3);
	} else if (vm->kind.tabled) {
		activate_here(vm, &r, method, method->num_args, size, tabled);
	} else if (vm->kind.wide) {
		activate_here(vm, &r, method, method->num_args, size, wide);
	} else {
		activate_here(vm, &r, method, method->num_args, size, narrow);
	}
	leave(vm, &r);
	vm->frame.trusted = true;
}

/* Calls a method: receiver and arguments are on the stack. */
bool
vm_activate(imago_vm *vm, const vm_method *called)
{
	vm_method method = *called;
	imago_oop context = 0;
	if (method.admitted && can_make_context(vm, method.large, vm->kind)) {
		activate_admitted(vm, &method);
		return true;
	}
	if (!vm_reserve(vm, frame_bytes(vm))) {
		return false;
	}
	/* Objects may have moved: the method is asked for again where it can be. */
	method.oop = vm->roots[0];
	uint32_t num_args = method.num_args;
	imago_oop receiver = vm_peek(vm, num_args);
	if (!make_context(vm, &method, receiver, vm_nil(vm), num_args, &context)) {
		return false;
	}
	vm_drop(vm, num_args + 1);
	vm_store_frame(vm);
	enter_new(vm, context, &method, method.num_temps);
	return true;
}

/* Evaluates a BlockContext of V3 (6502): its arguments go on its own stack. */
bool
vm_activate_block_context(imago_vm *vm, imago_oop block, uint32_t num_args)
{
	const imago_memory_kind kind = vm->kind;
	imago_oop wanted = vm_slot(vm, block, BLOCK_NUM_ARGS);
	uint64_t room = imago_memory_num_slots(vm->memory, block, kind) - CONTEXT_FIXED;
	if (vm_integer(vm, wanted) != num_args || num_args > room || block == vm->context ||
	    vm_slot(vm, block, CONTEXT_SENDER) != vm_nil(vm)) {
		return vm_fail(vm, 0);
	}
	for (uint32_t i = 0; i < num_args; i++) {
		vm_set_slot(vm, block, CONTEXT_FIXED + i, vm_peek(vm, num_args - 1 - i));
	}
	vm_set_slot(vm, block, CONTEXT_PC, vm_slot(vm, block, BLOCK_INITIAL_PC));
	vm_set_slot(vm, block, CONTEXT_STACKP, vm_integer_oop(vm, num_args));
	vm_drop(vm, num_args + 1);
	vm_store_frame(vm);
	vm_capture(vm);
	vm_set_slot(vm, block, CONTEXT_SENDER, vm->context);
	return vm_enter(vm, block);
}

/* The method that a closure runs, the receiver it runs for, and how many values it brings. */
static bool
closure_code(imago_vm *vm, imago_oop closure, vm_method *method, imago_oop *receiver,
             uint32_t *first_copied, uint32_t *num_args)
{
	if (!vm_has_slots(vm, closure, CLOSURE_COPIED) ||
	    !vm_is_integer(vm, vm_slot(vm, closure, CLOSURE_NUM_ARGS))) {
		return false;
	}
	imago_oop start = vm_slot(vm, closure, CLOSURE_START);
	imago_oop outer = vm_slot(vm, closure, CLOSURE_OUTER);
	*num_args = (uint32_t)vm_integer(vm, vm_slot(vm, closure, CLOSURE_NUM_ARGS));
	if (vm_is_object(vm, start)) {
		*first_copied = FULL_COPIED;
		if (!vm_has_slots(vm, closure, FULL_COPIED) || !vm_decode_method(vm, start, method)) {
			return false;
		}
		*receiver = vm_slot(vm, closure, FULL_RECEIVER);
		return true;
	}
	*first_copied = CLOSURE_COPIED;
	if (!vm_is_context(vm, outer) || vm_is_block_context(vm, outer) ||
	    !vm_decode_method(vm, vm_slot(vm, outer, CONTEXT_METHOD), method)) {
		return false;
	}
	*receiver = vm_slot(vm, outer, CONTEXT_RECEIVER);
	int64_t pc = vm_is_integer(vm, start) ? vm_integer(vm, start) : 0;
	if (pc <= method->first_pc || (uint64_t)pc > imago_memory_num_bytes(vm->memory, method->oop)) {
		return false;
	}
	method->start_pc = (uint32_t)(pc - 1);
	method->num_args = (uint8_t)*num_args;
	/* The bytecodes of the block push the rest of its temporaries themselves. */
	method->num_temps = 0;
	return true;
}

bool
vm_activate_closure(imago_vm *vm, imago_oop closure, uint32_t num_args)
{
	vm_method method = {.oop = 0};
	imago_oop receiver = 0;
	uint32_t first_copied = 0;
	uint32_t wanted = 0;
	if (!closure_code(vm, closure, &method, &receiver, &first_copied, &wanted) ||
	    wanted != num_args) {
		return vm_fail(vm, 0);
	}
	uint64_t num_copied = imago_memory_num_slots(vm->memory, closure, vm->kind) - first_copied;
	uint32_t size = method.large ? LARGE_FRAME : SMALL_FRAME;
	if (num_copied > size || num_args > size - num_copied) {
		return vm_fail(vm, 0);
	}
	const uint64_t num_scavenges = vm->memory->num_scavenges;
	if (!vm_reserve(vm, frame_bytes(vm))) {
		return false;
	}
	/* Once more, if objects have moved. The closure lies under its arguments. */
	closure = vm_peek(vm, num_args);
	if (vm->memory->num_scavenges != num_scavenges &&
	    !closure_code(vm, closure, &method, &receiver, &first_copied, &wanted)) {
		return vm_fail(vm, 0);
	}
	uint32_t stackp = num_args + (uint32_t)num_copied;
	if (method.num_temps < stackp) {
		method.num_temps = (uint8_t)stackp;
	}
	method.num_args = (uint8_t)num_args;
	imago_oop context = 0;
	if (!make_context(vm, &method, receiver, closure, num_args, &context)) {
		return false;
	}
	for (uint32_t i = 0; i < num_copied; i++) {
		imago_memory_set_slot_raw(vm->memory, context, CONTEXT_FIXED + num_args + i,
		                          vm_slot(vm, closure, first_copied + i), vm->kind);
	}
	vm_drop(vm, num_args + 1);
	vm_store_frame(vm);
	enter_new(vm, context, &method, method.num_temps);
	return true;
}

/* A context that was returned from is dead: nobody returns to it, or through it. */
static void
kill_context(imago_vm *vm, imago_oop context)
{
	vm_set_slot(vm, context, CONTEXT_SENDER, vm_nil(vm));
	vm_set_slot(vm, context, CONTEXT_PC, vm_nil(vm));
}

/* Sends #cannotReturn: to the active context. */
static bool
cannot_return(imago_vm *vm, imago_oop value)
{
	if (!vm_has_room(vm, 2)) {
		return vm_violation(vm, "no room on the stack for #cannotReturn:");
	}
	vm_capture(vm);
	vm->frame.trusted = false; /* a return may be followed by anything */
	vm_push(vm, vm->context);
	vm_push(vm, value);
	return vm_send_special(vm, IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN, 1);
}

/* Goes on in a context, with a value on its stack. */
bool
vm_return_to(imago_vm *vm, imago_oop target, imago_oop value)
{
	if (!vm_is_context(vm, target) || !vm_is_integer(vm, vm_slot(vm, target, CONTEXT_PC))) {
		return cannot_return(vm, value);
	}
	if (!enter(vm, target)) {
		return false;
	}
	if (!vm_has_room(vm, 1)) {
		return vm_violation(vm, "no room on the stack for a returned value");
	}
	vm_push(vm, value);
	vm->frame.trusted = vm_judge(vm);
	return true;
}

/* The method's context of the active block; 0 when the chain is broken. */
static imago_oop
home_of_closure(imago_vm *vm)
{
	imago_oop context = vm->context;
	imago_oop home = 0;
	uint64_t num_steps = 0;
	for (; home == 0 && num_steps < MAX_CHAIN && vm_is_context(vm, context); num_steps++) {
		imago_oop closure = vm_slot(vm, context, CONTEXT_CLOSURE);
		if (closure == vm_nil(vm)) {
			home = context;
		} else if (vm_has_slots(vm, closure, CLOSURE_COPIED)) {
			context = vm_slot(vm, closure, CLOSURE_OUTER);
		} else {
			break;
		}
	}
	vm_charge_steps(vm, num_steps);
	return home;
}

enum { PRIMITIVE_UNWIND = 198 };

static bool
is_unwind_marked(const imago_vm *vm, imago_oop context)
{
	vm_method method;
	return !vm_is_block_context(vm, context) &&
	       vm_slot(vm, context, CONTEXT_CLOSURE) == vm_nil(vm) &&
	       vm_decode_method(vm, vm_slot(vm, context, CONTEXT_METHOD), &method) &&
	       method.primitive == PRIMITIVE_UNWIND;
}

/* From a block to the sender of its home: past contexts that want to know of it (#ensure:), and not
 * at all when the home is not down there. */
static bool
return_non_locally(imago_vm *vm, imago_oop home, imago_oop value)
{
	imago_oop target = home == 0 ? vm_nil(vm) : vm_slot(vm, home, CONTEXT_SENDER);
	imago_oop marked = 0;
	imago_oop context = vm_slot(vm, vm->context, CONTEXT_SENDER);
	if (!vm_is_context(vm, target)) {
		return cannot_return(vm, value);
	}
	uint64_t num_steps = 0;
	for (; context != target && num_steps < MAX_CHAIN && vm_is_context(vm, context); num_steps++) {
		if (marked == 0 && is_unwind_marked(vm, context)) {
			marked = context;
		}
		context = vm_slot(vm, context, CONTEXT_SENDER);
	}
	vm_charge_steps(vm, num_steps);
	if (context != target) {
		return cannot_return(vm, value);
	}
	if (marked != 0) {
		if (!vm_has_room(vm, 3)) {
			return vm_violation(vm, "no room on the stack for #aboutToReturn:through:");
		}
		vm_capture(vm);
		vm->frame.trusted = false;
		vm_push(vm, vm->context);
		vm_push(vm, value);
		vm_push(vm, marked);
		return vm_send_special(vm, IMAGO_SPECIAL_SELECTOR_ABOUT_TO_RETURN, 2);
	}
	for (context = vm->context; context != target;) {
		imago_oop next = vm_slot(vm, context, CONTEXT_SENDER);
		kill_context(vm, context);
		context = next;
	}
	return vm_return_to(vm, target, value);
}

/* ^value, in a method or in a block. */
bool
vm_return_from_method(imago_vm *vm, imago_oop value)
{
	imago_oop context = vm->context;
	if (vm->home != context) {
		imago_oop home = vm->home;
		vm_store_frame(vm);
		imago_oop target = vm_slot(vm, home, CONTEXT_SENDER);
		if (!vm_is_context(vm, target)) {
			return cannot_return(vm, value);
		}
		kill_context(vm, home);
		kill_context(vm, context);
		return vm_return_to(vm, target, value);
	}
	imago_oop closure = vm_slot(vm, context, CONTEXT_CLOSURE);
	if (vm->kind.v3 ? vm_has_slots(vm, closure, CLOSURE_COPIED) : closure != vm_nil(vm)) {
		vm_store_frame(vm);
		return vm_paid(vm, return_non_locally(vm, home_of_closure(vm), value));
	}
	imago_oop sender = vm_slot(vm, context, CONTEXT_SENDER);
	if (!vm_is_context(vm, sender)) {
		vm_store_frame(vm);
		return cannot_return(vm, value);
	}
	kill_context(vm, context);
	return vm_return_to(vm, sender, value);
}

/* The end of a block: back to who evaluated it. A BlockContext may be evaluated again. */
bool
vm_return_from_block(imago_vm *vm, imago_oop value)
{
	imago_oop context = vm->context;
	imago_oop caller = vm_slot(vm, context, CONTEXT_SENDER);
	vm_store_frame(vm);
	if (!vm_is_context(vm, caller)) {
		return cannot_return(vm, value);
	}
	if (vm->home == context) {
		kill_context(vm, context);
	} else {
		vm_set_slot(vm, context, CONTEXT_SENDER, vm_nil(vm));
	}
	return vm_return_to(vm, caller, value);
}
