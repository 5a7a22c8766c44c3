/* admit.c: methods are looked at once, before they are first executed (formats/bytecodes.md §8).
 *
 * From where a method is entered, every bytecode that can follow is visited once: jumps must lead
 * to the first bytes of bytecodes, the stack must have one depth wherever paths meet, hold what
 * each bytecode takes and fit the frame; literals and temporaries must be there; and no path may
 * run off the end. Code for which all this holds is admitted, and runs in a loop that does not ask
 * again; what depends on objects (slots of receivers, variables, vectors) is asked there, too.
 *
 * Code that is not admitted runs all the same, in the loop that asks each time: a run ends where
 * something forbidden is done, not where it could have been. The same holds for a context that an
 * image has put into a state that its code never has.
 *
 * A method is entered at its first bytecode, where blocks inside of it begin, and where contexts
 * were left. Each place adds to the map what can be reached from there.
 */
#include "admit.h"

enum {
	UNKNOWN = 0,
	INSIDE = 1, /* not the first byte of a bytecode with its prefixes */
	MAX_PENDING = 128,
	MAX_PREFIXES = 4,
	MAX_OF_PREFIXES = 1 << 15,
};

/* Places that are still to be visited. */
typedef struct pending {
	struct {
		uint32_t pc, depth;
	} places[MAX_PENDING];
	uint32_t count;
} pending;

static vm_code *
entry_of(const imago_vm *vm, imago_oop oop)
{
	return &vm->codes->entries[vm_code_index(oop)];
}

void
vm_forget_codes(imago_vm *vm, bool only_young)
{
	vm_codes *codes = vm->codes;
	for (size_t i = 0; i < NUM_CODES; i++) {
		if (!only_young || imago_memory_is_young(vm->memory, codes->entries[i].oop)) {
			codes->entries[i].oop = 0;
		}
	}
	codes->num_map_bytes = only_young ? codes->num_map_bytes : 0;
}

void
vm_code_changed(imago_vm *vm, imago_oop oop)
{
	vm_code *code = entry_of(vm, oop);
	if (code->oop == oop) {
		code->oop = 0;
	}
	for (size_t i = 0; i < CACHE_SIZE; i++) {
		if (vm->cache[i].method.oop == oop) {
			vm->cache[i].method.admitted = false;
		}
	}
	if (vm->method == oop) {
		vm->frame.trusted = false;
	}
}

/* What the header says; a block within a method is entered with temporaries of its own. */
static uint8_t
num_temps_of(const imago_vm *vm, imago_oop oop)
{
	vm_method method;
	return vm_decode_method(vm, oop, &method) ? method.num_temps : 0;
}

/* The entry of a method, made if need be; NULL when its map has no room at all. */
static vm_code *
code_of(imago_vm *vm, const vm_method *method)
{
	vm_codes *codes = vm->codes;
	vm_code *code = entry_of(vm, method->oop);
	if (code->oop == method->oop) {
		return code;
	}
	uint32_t size = method->num_bytes - method->first_pc;
	if (size > MAP_BYTES) {
		return NULL;
	}
	if (size > MAP_BYTES - codes->num_map_bytes) {
		vm_forget_codes(vm, false);
	}
	*code = (vm_code){
	    .oop = method->oop,
	    .map = codes->maps + codes->num_map_bytes,
	    .first_pc = method->first_pc,
	    .num_bytes = method->num_bytes,
	    .num_literals = method->num_literals,
	    .frame_size = method->large ? LARGE_FRAME : SMALL_FRAME,
	    .num_temps = num_temps_of(vm, method->oop),
	    .sista = method->sista,
	};
	memset(code->map, UNKNOWN, size);
	codes->num_map_bytes += size;
	return code;
}

/* A bytecode with its prefixes: what it asks for, or false when that is cut off, or prefixes go
 * where they mean nothing. */
static bool
decode(const vm_code *code, const uint8_t *body, uint32_t pc, admit_effect *effect)
{
	uint32_t at = pc;
	int32_t a = 0;
	int32_t b = 0;
	uint32_t num_b = 0;
	uint32_t num_prefixes = 0;
	while (code->sista && code->num_bytes - at >= 2 &&
	       (body[at] == ADMIT_PREFIX_A || body[at] == ADMIT_PREFIX_B)) {
		if (body[at] == ADMIT_PREFIX_A) {
			a = a * 256 + body[at + 1];
		} else {
			b = num_b++ == 0 && body[at + 1] > 127 ? body[at + 1] - 256 : b * 256 + body[at + 1];
		}
		at += 2;
		if (a >= MAX_OF_PREFIXES || b >= MAX_OF_PREFIXES || b < -MAX_OF_PREFIXES ||
		    ++num_prefixes > MAX_PREFIXES) {
			return false;
		}
	}
	if (at >= code->num_bytes) {
		return false;
	}
	uint32_t length = vm_bytecode_length((uint32_t)body[at] + (code->sista ? SISTA : 0));
	if (code->num_bytes - at < length) {
		return false;
	}
	*effect = code->sista ? admit_sista(body + at, a, b) : admit_v3(body + at);
	effect->length = at - pc + length;
	return at == pc || effect->takes_prefixes;
}

/* Is what a bytecode asks for there, at this depth? */
static bool
fits(const vm_code *code, const admit_effect *effect, uint32_t depth)
{
	return effect->needs <= depth && (int64_t)depth + effect->change <= code->frame_size &&
	       effect->num_literals <= code->num_literals && effect->num_temps <= code->frame_size;
}

/* Notes a place that is reached; false when that contradicts what is known of it. */
static bool
reach(const vm_code *code, int64_t pc, uint32_t depth, pending *todo)
{
	if (pc < code->first_pc || pc >= code->num_bytes) {
		return false;
	}
	uint8_t *known = code->map + (pc - code->first_pc);
	if (*known != UNKNOWN) {
		return *known == depth + FIRST_DEPTH;
	}
	if (todo->count == MAX_PENDING) {
		return false;
	}
	*known = (uint8_t)(depth + FIRST_DEPTH);
	todo->places[todo->count].pc = (uint32_t)pc;
	todo->places[todo->count++].depth = depth;
	return true;
}

/* The bytes of a bytecode behind its first are nobody's target. */
static bool
claim_inside(const vm_code *code, uint32_t pc, uint32_t length)
{
	for (uint32_t i = 1; i < length; i++) {
		uint8_t *known = code->map + (pc - code->first_pc) + i;
		if (*known > INSIDE) {
			return false;
		}
		*known = INSIDE;
	}
	return true;
}

static bool
visit(const vm_code *code, const uint8_t *body, uint32_t pc, uint32_t depth, pending *todo)
{
	admit_effect effect;
	if (!decode(code, body, pc, &effect) || !fits(code, &effect, depth) ||
	    !claim_inside(code, pc, effect.length)) {
		return false;
	}
	uint32_t after = (uint32_t)((int64_t)depth + effect.change);
	int64_t next = (int64_t)pc + effect.length;
	bool goes_on = effect.flow == ADMIT_GOES_ON || effect.flow == ADMIT_BRANCHES;
	bool jumps = effect.flow == ADMIT_JUMPS || effect.flow == ADMIT_BRANCHES;
	return (!goes_on || reach(code, next, after, todo)) &&
	       (!jumps || reach(code, next + effect.distance, after, todo));
}

/* Looks at what can be reached from a place. When that is not as it should be, nothing of the
 * method is admitted any longer. */
static bool
admit_from(const imago_vm *vm, vm_code *code, uint32_t pc, uint32_t depth)
{
	const uint8_t *body = imago_memory_body(vm->memory, code->oop, vm->kind);
	pending todo = {.count = 0};
	bool fine = depth <= code->frame_size && reach(code, pc, depth, &todo);
	while (fine && todo.count > 0) {
		todo.count--;
		fine = visit(code, body, todo.places[todo.count].pc, todo.places[todo.count].depth, &todo);
	}
	if (!fine) {
		memset(code->map, INSIDE, code->num_bytes - code->first_pc);
	}
	return fine;
}

/* May a method go on at a place, with the stack so deep? */
bool
vm_admits_at(imago_vm *vm, const vm_method *method, int64_t pc, uint64_t depth)
{
	vm_code *code = code_of(vm, method);
	if (code == NULL || pc < code->first_pc || pc >= code->num_bytes || depth > code->frame_size) {
		return false;
	}
	uint8_t known = code->map[pc - code->first_pc];
	return known == UNKNOWN ? admit_from(vm, code, (uint32_t)pc, (uint32_t)depth)
	                        : known == depth + FIRST_DEPTH;
}

bool
vm_admits_method(imago_vm *vm, const vm_method *method)
{
	return method->num_args <= method->num_temps &&
	       method->num_temps <= (method->large ? LARGE_FRAME : SMALL_FRAME) &&
	       vm_admits_at(vm, method, method->first_pc, method->num_temps);
}

bool
vm_judge(imago_vm *vm)
{
	const vm_frame *frame = &vm->frame;
	const uint32_t word = imago_word_bytes(vm->kind);
	vm_method method;
	if (!vm_decode_method(vm, vm->method, &method)) {
		return false;
	}
	uint32_t size = method.large ? LARGE_FRAME : SMALL_FRAME;
	return frame->ext_a == 0 && frame->num_ext_b == 0 && frame->num_temps >= size &&
	       (uint64_t)(frame->stack_end - frame->stack) / word >= size &&
	       vm_admits_at(vm, &method, frame->ip - frame->body, vm_stack_depth(vm));
}
