/* calls.h: sends and returns that need not leave the loop: from one admitted method to another.
 *
 * Contexts are objects here as everywhere (contexts.c does the same with fewer assumptions). But
 * one that is the last object in eden, and that nobody but its callees can know, goes when it is
 * returned from, and the next send takes its place: what a stack would do. Others could know it
 * from what was pushed or stored anywhere (vm_capture), or from an object made since, which lies
 * behind it.
 */
#ifndef IMAGO_INTERP_CALLS_H
#define IMAGO_INTERP_CALLS_H

#include "answers.h"

/* What the machine must know of code to run it. */
typedef struct code_facts {
	imago_oop method;
	uint32_t num_bytes, num_literals, frame_size;
	bool sista;
} code_facts;

/* The context becomes the active one; its method was admitted at the place it goes on with. */
IMAGO_ALWAYS_INLINE void
enter_admitted(imago_vm *vm, registers *r, imago_oop context, const code_facts *code,
               uint32_t num_slots, imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	const uint8_t *body = imago_memory_body(&r->arena, code->method, kind);
	uint8_t *slots = imago_memory_open_body(&r->arena, context, kind);
	vm_frame *frame = &vm->frame;
	vm->context = vm->home = context;
	vm->method = code->method;
	frame->body = body;
	frame->code_end = body + code->num_bytes;
	frame->literals = body + word;
	frame->num_literals = code->num_literals;
	frame->sista = code->sista;
	frame->stack = frame->temps = slots + (size_t)CONTEXT_FIXED * word;
	frame->stack_end = slots + (size_t)num_slots * word;
	frame->num_temps = num_slots - CONTEXT_FIXED;
	frame->receiver = imago_word_get(slots + (size_t)CONTEXT_RECEIVER * word, kind);
	r->literals = frame->literals;
	r->temps = frame->temps;
	r->receiver = frame->receiver;
	r->set = code->sista ? SISTA : 0;
}

/* Writes pc and stack pointer into the active context. */
IMAGO_ALWAYS_INLINE void
store_frame(const imago_vm *vm, const registers *r, imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	uint8_t *slots = imago_memory_body(&r->arena, vm->context, kind);
	int64_t pc = r->ip - vm->frame.body + 1;
	int64_t depth = (r->sp - vm->frame.stack) / (int64_t)word + 1;
	imago_word_put(slots + (size_t)CONTEXT_PC * word, imago_memory_integer_oop(kind, pc), kind);
	imago_word_put(slots + (size_t)CONTEXT_STACKP * word, imago_memory_integer_oop(kind, depth),
	               kind);
}

/* Room that vm_reserve would find without a collection, and contexts whose header is known. */
IMAGO_ALWAYS_INLINE bool
can_make_context(const imago_vm *vm, bool large, imago_memory_kind kind)
{
	const imago_object_memory *memory = vm->memory;
	return memory->eden_limit - memory->eden_top >=
	           imago_memory_object_bytes(kind, CONTEXT_FIXED + LARGE_FRAME) &&
	       vm->context_headers[large] != 0;
}

IMAGO_ALWAYS_INLINE void
fill_with_nil(const imago_object_memory *memory, uint8_t *slots, uint32_t count,
              imago_memory_kind kind)
{
	const imago_oop nil = memory->nil;
	if (kind.wide) {
		for (uint32_t i = 0; i < count; i++) {
			memcpy(slots + (size_t)i * sizeof nil, &nil, sizeof nil);
		}
		return;
	}
	/* Two at a time: contexts have an even number of slots. */
	const uint64_t two = nil | nil << 32;
	for (uint32_t i = 0; i < count; i += 2) {
		memcpy(slots + (size_t)i * sizeof(uint32_t), &two, sizeof two);
	}
}

/* A context in eden, all of its slots nil. */
IMAGO_ALWAYS_INLINE imago_oop
make_context_here(imago_vm *vm, const registers *r, uint32_t size, imago_memory_kind kind)
{
	const imago_memory_kind header_word = {.v3 = false, .wide = !kind.v3};
	imago_object_memory *memory = vm->memory;
	const uint32_t num_slots = CONTEXT_FIXED + size;
	imago_oop context = memory->eden_top;
	uint8_t *at = imago_memory_place(&r->arena, context, kind);
	uint64_t header = vm->context_headers[size == LARGE_FRAME];
	if (kind.v3) {
		header |= (uint64_t)imago_memory_draw_hash(memory) << 17;
	}
	imago_word_put(at, header, header_word);
	uint8_t *slots = at + imago_header_bytes(kind);
	fill_with_nil(memory, slots, num_slots, kind);
	memory->eden_top += imago_header_bytes(kind) + (uint64_t)num_slots * imago_word_bytes(kind);
	vm_made_private(vm, context);
	return context;
}

/* A new context for a method, with receiver and arguments from the stack; entered. */
IMAGO_ALWAYS_INLINE void
activate_here(imago_vm *vm, registers *r, const vm_method *method, uint32_t num_args, uint32_t size,
              imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	const code_facts code = {.method = method->oop,
	                         .num_bytes = method->num_bytes,
	                         .num_literals = method->num_literals,
	                         .sista = method->sista};
	imago_oop context = make_context_here(vm, r, size, kind);
	uint8_t *slots = imago_memory_body(&r->arena, context, kind);
	imago_word_put(slots + (size_t)CONTEXT_SENDER * word, vm->context, kind);
	imago_word_put(slots + (size_t)CONTEXT_PC * word,
	               imago_memory_integer_oop(kind, (int64_t)method->first_pc + 1), kind);
	imago_word_put(slots + (size_t)CONTEXT_STACKP * word,
	               imago_memory_integer_oop(kind, method->num_temps), kind);
	imago_word_put(slots + (size_t)CONTEXT_METHOD * word, method->oop, kind);
	/* Receiver and arguments follow one another here as there. */
	const uint8_t *from = r->sp - (size_t)num_args * word;
	for (uint32_t i = 0; i <= num_args; i++) {
		imago_word_put(slots + (size_t)(CONTEXT_RECEIVER + i) * word,
		               imago_word_get(from + (size_t)i * word, kind), kind);
	}
	r->sp = r->sp - (size_t)(num_args + 1) * word;
	store_frame(vm, r, kind);
	enter_admitted(vm, r, context, &code, CONTEXT_FIXED + size, kind);
	r->ip = vm->frame.body + method->first_pc;
	r->sp = vm->frame.stack + ((int64_t)method->num_temps - 1) * (int64_t)word;
}

/* Where a closure's code begins, when it was admitted there, and what it brings along. */
typedef struct closure_facts {
	const vm_code *code;
	imago_oop receiver;
	uint32_t pc; /* 0-based */
	uint32_t first_copied, num_copied;
	uint32_t depth; /* of the stack that it begins with */
} closure_facts;

/* An object of the class and format of the contexts that sends make. */
IMAGO_ALWAYS_INLINE bool
looks_like_context(const imago_vm *vm, const registers *r, imago_oop oop, imago_memory_kind kind)
{
	/* Class and format: all of the header but sizes, hash and flags. */
	const uint64_t mask = kind.v3 ? (31U << 12 | 15U << 8 | 3U)
	                              : ((uint64_t)31 << 24 | (IMAGO_CLASS_INDEX_LIMIT - 1));
	return imago_memory_is_pointer(kind, oop) &&
	       ((imago_memory_header(&r->arena, oop, kind) ^ vm->context_headers[0]) & mask) == 0;
}

/* A closure whose code is a method or CompiledBlock of its own. */
IMAGO_ALWAYS_INLINE bool
full_closure_facts(const imago_vm *vm, const registers *r, imago_oop closure, uint64_t num_slots,
                   uint32_t num_args, closure_facts *out, imago_memory_kind kind)
{
	const imago_oop block = imago_memory_slot(&r->arena, closure, CLOSURE_START, kind);
	const vm_code *code = &vm->codes->entries[vm_code_index(block)];
	if (code->oop != block || num_slots < FULL_COPIED) {
		return false;
	}
	const uint32_t num_copied = (uint32_t)(num_slots - FULL_COPIED);
	*out = (closure_facts){
	    .code = code,
	    .receiver = imago_memory_slot(&r->arena, closure, FULL_RECEIVER, kind),
	    .pc = code->first_pc,
	    .first_copied = FULL_COPIED,
	    .num_copied = num_copied,
	    .depth = code->num_temps > num_args + num_copied ? code->num_temps : num_args + num_copied,
	};
	return true;
}

/* A closure whose code lies within its outer context's method. */
IMAGO_ALWAYS_INLINE bool
closure_facts_of(const imago_vm *vm, const registers *r, imago_oop closure, uint32_t num_args,
                 closure_facts *out, imago_memory_kind kind)
{
	const imago_object_memory *memory = &r->arena;
	if (!imago_memory_is_pointer(kind, closure) ||
	    !imago_memory_has_pointers(memory, closure, kind)) {
		return false;
	}
	const uint64_t num_slots = imago_memory_num_slots(memory, closure, kind);
	if (num_slots < CLOSURE_COPIED || num_slots > LARGE_FRAME ||
	    imago_memory_slot(memory, closure, CLOSURE_NUM_ARGS, kind) !=
	        imago_memory_integer_oop(kind, num_args)) {
		return false;
	}
	const imago_oop start = imago_memory_slot(memory, closure, CLOSURE_START, kind);
	if (imago_memory_is_pointer(kind, start)) {
		return full_closure_facts(vm, r, closure, num_slots, num_args, out, kind);
	}
	const imago_oop outer = imago_memory_slot(memory, closure, CLOSURE_OUTER, kind);
	if (!imago_memory_is_integer(kind, start) || !looks_like_context(vm, r, outer, kind) ||
	    imago_memory_num_slots(memory, outer, kind) < CONTEXT_FIXED) {
		return false;
	}
	const imago_oop method = imago_memory_slot(memory, outer, CONTEXT_METHOD, kind);
	const vm_code *code = &vm->codes->entries[vm_code_index(method)];
	*out = (closure_facts){
	    .code = code,
	    .receiver = imago_memory_slot(memory, outer, CONTEXT_RECEIVER, kind),
	    .pc = (uint32_t)imago_memory_integer(kind, start) - 1,
	    .first_copied = CLOSURE_COPIED,
	    .num_copied = (uint32_t)(num_slots - CLOSURE_COPIED),
	    .depth = num_args + (uint32_t)(num_slots - CLOSURE_COPIED),
	};
	return code->oop == method;
}

/* Evaluates a closure with the arguments on the stack. False: nothing is done yet. */
IMAGO_ALWAYS_INLINE bool
value_here(imago_vm *vm, registers *r, uint32_t num_args, imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	const uint8_t *from = r->sp - (size_t)num_args * word;
	const imago_oop closure = imago_word_get(from, kind);
	closure_facts facts;
	if (vm->context_headers[0] == 0 || !closure_facts_of(vm, r, closure, num_args, &facts, kind)) {
		return false;
	}
	const vm_code *code = facts.code;
	const bool large = code->frame_size == LARGE_FRAME;
	if (facts.pc < code->first_pc || facts.pc >= code->num_bytes ||
	    code->map[facts.pc - code->first_pc] != facts.depth + FIRST_DEPTH ||
	    !can_make_context(vm, large, kind)) {
		return false;
	}
	const code_facts known = {.method = code->oop,
	                          .num_bytes = code->num_bytes,
	                          .num_literals = code->num_literals,
	                          .sista = code->sista};
	const imago_oop context = make_context_here(vm, r, code->frame_size, kind);
	uint8_t *slots = imago_memory_body(&r->arena, context, kind);
	imago_word_put(slots + (size_t)CONTEXT_SENDER * word, vm->context, kind);
	imago_word_put(slots + (size_t)CONTEXT_PC * word,
	               imago_memory_integer_oop(kind, (int64_t)facts.pc + 1), kind);
	imago_word_put(slots + (size_t)CONTEXT_STACKP * word,
	               imago_memory_integer_oop(kind, facts.depth), kind);
	imago_word_put(slots + (size_t)CONTEXT_METHOD * word, code->oop, kind);
	imago_word_put(slots + (size_t)CONTEXT_CLOSURE * word, closure, kind);
	imago_word_put(slots + (size_t)CONTEXT_RECEIVER * word, facts.receiver, kind);
	for (uint32_t i = 0; i < num_args; i++) {
		imago_word_put(slots + (size_t)(CONTEXT_FIXED + i) * word,
		               imago_word_get(from + (size_t)(i + 1) * word, kind), kind);
	}
	for (uint32_t i = 0; i < facts.num_copied; i++) {
		imago_word_put(slots + (size_t)(CONTEXT_FIXED + num_args + i) * word,
		               imago_memory_slot(&r->arena, closure, facts.first_copied + i, kind), kind);
	}
	r->sp -= (size_t)(num_args + 1) * word;
	store_frame(vm, r, kind);
	enter_admitted(vm, r, context, &known, CONTEXT_FIXED + code->frame_size, kind);
	r->ip = vm->frame.body + facts.pc;
	r->sp = vm->frame.stack + ((int64_t)facts.depth - 1) * (int64_t)word;
	vm->primitive_error = 0;
	vm->statistics.num_primitives++;
	vm->statistics.num_sends++;
	return true;
}

/* A send whose method is known, and needs nothing but a context, or not even that. False: nothing
 * is done yet. */
IMAGO_ALWAYS_INLINE bool
send_here(imago_vm *vm, registers *r, imago_oop selector, uint32_t num_args, imago_memory_kind kind)
{
	imago_oop receiver = imago_word_get(r->sp - (size_t)num_args * imago_word_bytes(kind), kind);
	uint64_t key = vm_class_key(&r->arena, receiver, kind);
	const vm_cache_entry *entry = vm_cache_place(vm, selector, key);
	const vm_method *method = &entry->method;
	if (entry->selector != selector || entry->class_key != key || method->num_args != num_args) {
		return false;
	}
	if (method->primitive != 0) {
		return method->short_cut == VM_SHORT_VALUE ? value_here(vm, r, num_args, kind)
		                                           : answer_here(vm, r, method, kind);
	}
	if (!method->admitted || !can_make_context(vm, method->large, kind)) {
		return false;
	}
	vm->statistics.num_sends++;
	vm->roots[0] = method->oop;
	if (method->large) {
		activate_here(vm, r, method, num_args, LARGE_FRAME, kind);
	} else {
		activate_here(vm, r, method, num_args, SMALL_FRAME, kind);
	}
	return true;
}

/* The active context was returned from: it is gone, or dead. */
IMAGO_ALWAYS_INLINE void
discard_context(imago_vm *vm, const registers *r, imago_memory_kind kind)
{
	imago_object_memory *memory = vm->memory;
	imago_oop context = vm->context;
	if (context >= vm->private_start && memory->eden_top == vm->private_end &&
	    vm->frame.stack_end == imago_memory_place(&r->arena, memory->eden_top, kind)) {
		memory->eden_top = vm->private_end = context;
		return;
	}
	imago_memory_set_slot_raw(&r->arena, context, CONTEXT_SENDER, memory->nil, kind);
	imago_memory_set_slot_raw(&r->arena, context, CONTEXT_PC, memory->nil, kind);
}

/* A special selector, when the table says what it should. */
IMAGO_ALWAYS_INLINE bool
special_selector(const imago_vm *vm, const registers *r, uint32_t index, uint32_t num_args,
                 imago_oop *out, imago_memory_kind kind)
{
	const imago_object_memory *memory = &r->arena;
	const imago_oop specials = vm->memory->special_objects;
	if (imago_memory_num_slots(memory, specials, kind) <= IMAGO_SPECIAL_SPECIAL_SELECTORS) {
		return false;
	}
	const imago_oop table =
	    imago_memory_slot(memory, specials, IMAGO_SPECIAL_SPECIAL_SELECTORS, kind);
	if (!imago_memory_is_pointer(kind, table) || !imago_memory_has_pointers(memory, table, kind) ||
	    imago_memory_num_slots(memory, table, kind) < 2 * (uint64_t)index + 2) {
		return false;
	}
	*out = imago_memory_slot(memory, table, 2 * (uint64_t)index, kind);
	return imago_memory_slot(memory, table, 2 * (uint64_t)index + 1, kind) ==
	       imago_memory_integer_oop(kind, num_args);
}

/* A return to a context whose method is admitted at the place where it was left, from one that has
 * no home elsewhere. False: nothing is done yet. */
IMAGO_ALWAYS_INLINE bool
return_here(imago_vm *vm, registers *r, imago_oop value, bool from_block, imago_memory_kind kind)
{
	const imago_object_memory *memory = &r->arena;
	const uint32_t word = imago_word_bytes(kind);
	const uint8_t *mine = imago_memory_body(memory, vm->context, kind);
	imago_oop target = imago_word_get(mine + (size_t)CONTEXT_SENDER * word, kind);
	if (vm->home != vm->context ||
	    (!from_block &&
	     imago_word_get(mine + (size_t)CONTEXT_CLOSURE * word, kind) != vm->memory->nil) ||
	    vm->context_headers[0] == 0 || !looks_like_context(vm, r, target, kind)) {
		return false;
	}
	uint64_t num_slots = imago_memory_num_slots(memory, target, kind);
	if (num_slots < CONTEXT_FIXED) {
		return false;
	}
	const uint8_t *slots = imago_memory_body(memory, target, kind);
	imago_oop method = imago_word_get(slots + (size_t)CONTEXT_METHOD * word, kind);
	imago_oop pc = imago_word_get(slots + (size_t)CONTEXT_PC * word, kind);
	imago_oop stackp = imago_word_get(slots + (size_t)CONTEXT_STACKP * word, kind);
	const vm_code *code = &vm->codes->entries[vm_code_index(method)];
	if (code->oop != method || !imago_memory_is_integer(kind, pc) ||
	    !imago_memory_is_integer(kind, stackp) || num_slots - CONTEXT_FIXED < code->frame_size) {
		return false;
	}
	uint64_t at = (uint64_t)imago_memory_integer(kind, pc) - 1;
	uint64_t depth = (uint64_t)imago_memory_integer(kind, stackp);
	if (at < code->first_pc || at >= code->num_bytes ||
	    code->map[at - code->first_pc] != depth + 1 + FIRST_DEPTH) {
		return false;
	}
	const code_facts facts = {.method = method,
	                          .num_bytes = code->num_bytes,
	                          .num_literals = code->num_literals,
	                          .sista = code->sista};
	discard_context(vm, r, kind);
	enter_admitted(vm, r, target, &facts, (uint32_t)num_slots, kind);
	if (!imago_memory_is_young(vm->memory, target)) {
		imago_memory_remember(vm->memory, target);
	}
	r->ip = vm->frame.body + at;
	r->sp = vm->frame.stack + (int64_t)depth * (int64_t)word;
	imago_word_put(r->sp, value, kind);
	return true;
}

#endif
