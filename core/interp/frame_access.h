/* frame_access.h: what bytecodes reach into: the stack, temporaries, literals, slots. Always
 * inline, with the kind of memory as a constant; each says whether what it was asked for is there.
 *
 * In the careful loop every bytecode is asked about everything. In the other one the code was
 * admitted (admit.c): the stack, temporaries and literals are as they should be, and only objects
 * are asked. IMAGO_UNCHECKED leaves that out, too: for the benchmark, to tell what it costs.
 */
#ifndef IMAGO_INTERP_FRAME_ACCESS_H
#define IMAGO_INTERP_FRAME_ACCESS_H

#include "vm_private.h"

#ifdef IMAGO_UNCHECKED
enum { CHECKS_OBJECTS = 0 };
#else
enum { CHECKS_OBJECTS = 1 };
#endif

/* A loop's constants. */
typedef struct loop_mode {
	imago_memory_kind kind;
	bool careful;
} loop_mode;

/* The registers of the loop; the rest of the frame stays in the machine. */
typedef struct registers {
	const uint8_t *ip;
	uint8_t *sp;
	uint8_t *temps;
	const uint8_t *literals;
	imago_oop receiver;
	uint32_t set;  /* SISTA or 0 */
	uint64_t left; /* bytecodes */
	/* Where the arena is, which stays: a copy that no store of bytes can change, so that compilers
	 * need not load it again behind each. Nothing else of it is set. */
	imago_object_memory arena;
} registers;

/* The machine gets its frame back. */
IMAGO_ALWAYS_INLINE void
leave(imago_vm *vm, const registers *r)
{
	vm->frame.ip = r->ip;
	vm->frame.sp = r->sp;
	vm->left = r->left;
}

IMAGO_ALWAYS_INLINE void
fetch(const imago_vm *vm, registers *r)
{
	const vm_frame *frame = &vm->frame;
	r->ip = frame->ip;
	r->sp = frame->sp;
	r->temps = frame->temps;
	r->literals = frame->literals;
	r->receiver = frame->receiver;
	r->set = frame->sista ? SISTA : 0;
	r->arena.bytes = vm->memory->bytes;
	r->arena.base = vm->memory->base;
	r->arena.table = vm->memory->table;
}

IMAGO_ALWAYS_INLINE bool
push(const imago_vm *vm, registers *r, imago_oop value, loop_mode m)
{
	uint8_t *sp = r->sp + imago_word_bytes(m.kind);
	if (m.careful && IMAGO_UNLIKELY(sp >= vm->frame.stack_end)) {
		return false;
	}
	r->sp = sp;
	imago_word_put(sp, value, m.kind);
	return true;
}

IMAGO_ALWAYS_INLINE imago_oop
top(const registers *r, loop_mode m)
{
	return imago_word_get(r->sp, m.kind);
}

IMAGO_ALWAYS_INLINE void
drop(registers *r, loop_mode m)
{
	r->sp -= imago_word_bytes(m.kind);
}

IMAGO_ALWAYS_INLINE bool
holds(const imago_vm *vm, const registers *r, uint32_t count, loop_mode m)
{
	return !m.careful ||
	       r->sp - vm->frame.stack >= (int64_t)(count - 1) * (int64_t)imago_word_bytes(m.kind);
}

IMAGO_ALWAYS_INLINE bool
get_temp(const imago_vm *vm, const registers *r, uint32_t index, imago_oop *out, loop_mode m)
{
	if (m.careful && IMAGO_UNLIKELY(index >= vm->frame.num_temps)) {
		return false;
	}
	*out = imago_word_get(r->temps + (size_t)index * imago_word_bytes(m.kind), m.kind);
	return true;
}

IMAGO_ALWAYS_INLINE bool
set_temp(const imago_vm *vm, const registers *r, uint32_t index, imago_oop value, loop_mode m)
{
	if (m.careful && IMAGO_UNLIKELY(index >= vm->frame.num_temps)) {
		return false;
	}
	imago_word_put(r->temps + (size_t)index * imago_word_bytes(m.kind), value, m.kind);
	return true;
}

IMAGO_ALWAYS_INLINE bool
get_literal(const imago_vm *vm, const registers *r, uint32_t index, imago_oop *out, loop_mode m)
{
	if (m.careful && IMAGO_UNLIKELY(index >= vm->frame.num_literals)) {
		return false;
	}
	*out = imago_word_get(r->literals + (size_t)index * imago_word_bytes(m.kind), m.kind);
	return true;
}

/* A slot of the receiver, or of an object that must have it. */
IMAGO_ALWAYS_INLINE bool
has_slot(const registers *r, imago_oop oop, uint32_t index, imago_memory_kind kind)
{
	return !CHECKS_OBJECTS ||
	       (imago_memory_is_pointer(kind, oop) && imago_memory_has_pointers(&r->arena, oop, kind) &&
	        imago_memory_num_slots(&r->arena, oop, kind) > index);
}

IMAGO_ALWAYS_INLINE bool
get_slot(const registers *r, imago_oop oop, uint32_t index, imago_oop *out, imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(!has_slot(r, oop, index, kind))) {
		return false;
	}
	*out = imago_memory_slot(&r->arena, oop, index, kind);
	return true;
}

IMAGO_ALWAYS_INLINE void
store_slot(imago_vm *vm, const registers *r, imago_oop oop, uint64_t index, imago_oop value,
           imago_memory_kind kind)
{
	imago_memory_set_slot_raw(&r->arena, oop, index, value, kind);
	if (IMAGO_UNLIKELY(imago_memory_leads_up(vm->memory, oop, value, kind))) {
		imago_memory_remember(vm->memory, oop);
	}
}

/* Immutable objects are left alone: a store is then a violation, until #attemptToAssign: is sent.
 */
IMAGO_ALWAYS_INLINE bool
put_slot(imago_vm *vm, const registers *r, imago_oop oop, uint32_t index, imago_oop value,
         imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(!has_slot(r, oop, index, kind))) {
		return false;
	}
	uint64_t header = imago_memory_header(&r->arena, oop, kind);
	if (CHECKS_OBJECTS && IMAGO_UNLIKELY((header >> (kind.v3 ? 29 : 23) & 1) != 0)) {
		return false;
	}
	store_slot(vm, r, oop, index, value, kind);
	return true;
}

IMAGO_ALWAYS_INLINE bool
get_association(const imago_vm *vm, const registers *r, uint32_t index, imago_oop *out, loop_mode m)
{
	imago_oop association;
	return get_literal(vm, r, index, &association, m) &&
	       get_slot(r, association, ASSOCIATION_VALUE, out, m.kind);
}

IMAGO_ALWAYS_INLINE bool
put_association(imago_vm *vm, const registers *r, uint32_t index, imago_oop value, loop_mode m)
{
	imago_oop association;
	return get_literal(vm, r, index, &association, m) &&
	       put_slot(vm, r, association, ASSOCIATION_VALUE, value, m.kind);
}

/* Special selectors 2 to 7. */
IMAGO_ALWAYS_INLINE bool
compare(uint32_t operation, int64_t a, int64_t b)
{
	return operation == 2   ? a < b
	       : operation == 3 ? a > b
	       : operation == 4 ? a <= b
	       : operation == 5 ? a >= b
	       : operation == 6 ? a == b
	                        : a != b;
}

/* The other arithmetic special selectors on two SmallIntegers: false when it is to be sent. */
IMAGO_ALWAYS_INLINE bool
integer_operation(uint32_t operation, int64_t a, int64_t b, imago_oop *out, imago_memory_kind kind)
{
	int64_t value;
	switch (operation) {
	case 0:
		value = a + b;
		break;
	case 1:
		value = a - b;
		break;
	case 8:
		if (__builtin_mul_overflow(a, b, &value)) {
			return false;
		}
		break;
	case 9:
		if (b == 0 || a % b != 0) {
			return false;
		}
		value = a / b;
		break;
	case 10: /* \\ takes the sign of the divisor */
		if (b == 0) {
			return false;
		}
		value = a % b;
		value += value != 0 && (value < 0) != (b < 0) ? b : 0;
		break;
	case 12:
		if (b > 62 || b < -62) {
			return false;
		}
		if (b < 0) {
			value = a >> -b;
		} else {
			if (a > INT64_MAX >> b || a < INT64_MIN >> b) {
				return false;
			}
			value = (int64_t)((uint64_t)a << b);
		}
		break;
	case 13: /* // rounds down */
		if (b == 0) {
			return false;
		}
		value = a / b - (a % b != 0 && (a < 0) != (b < 0));
		break;
	case 14:
		value = a & b;
		break;
	case 15:
		value = a | b;
		break;
	default: /* @ */
		return false;
	}
	if (!imago_memory_fits_integer(kind, value)) {
		return false;
	}
	*out = imago_memory_integer_oop(kind, value);
	return true;
}

/* The truth in place of the top of the stack. Where a short conditional jump follows, the loop need
 * not come to that: it is executed here, and counted. */
IMAGO_ALWAYS_INLINE void
answer_truth(const imago_vm *vm, registers *r, bool truth, loop_mode m)
{
	enum {
		V3_IF_FALSE = 152,
		V3_IF_FALSE_FAR = 172,
		IF_TRUE = SISTA + 184,
		IF_FALSE = SISTA + 192
	};
	const uint32_t next = m.careful || r->left == 0 ? 0 : *r->ip + r->set;
	const bool on_true = next - IF_TRUE < 8;
	if (next - V3_IF_FALSE < 8 || next - IF_FALSE < 8 || on_true) {
		r->ip += 1 + (truth == on_true ? (next & 7) + 1 : 0);
	} else if (next - V3_IF_FALSE_FAR < 4) {
		r->ip += 2 + (truth ? 0 : (next & 3) * 256 + r->ip[1]);
	} else {
		imago_word_put(r->sp, vm_boolean(vm, truth), m.kind);
		return;
	}
	r->left--;
	drop(r, m);
}

/* One special selector without a send, where that is possible. */
IMAGO_ALWAYS_INLINE bool
short_cut(const imago_vm *vm, registers *r, uint32_t index, loop_mode m)
{
	imago_oop result;
	if (index == 22 || (index == 24 && !vm->has_block_contexts)) {
		if (!holds(vm, r, 2, m)) {
			return false;
		}
		imago_oop right = top(r, m);
		drop(r, m);
		answer_truth(vm, r, (top(r, m) == right) == (index == 22), m);
		return true;
	}
	if (index == 23 && holds(vm, r, 1, m)) {
		result = imago_memory_class_of(vm->memory, top(r, m));
		if (result != 0) {
			imago_word_put(r->sp, result, m.kind);
		}
		return result != 0;
	}
	if (index < 16 && holds(vm, r, 2, m)) {
		imago_oop right = top(r, m);
		imago_oop left = imago_word_get(r->sp - imago_word_bytes(m.kind), m.kind);
		if (index >= 2 && index <= 7 && imago_memory_is_integer(m.kind, left) &&
		    imago_memory_is_integer(m.kind, right)) {
			drop(r, m);
			answer_truth(vm, r,
			             compare(index, imago_memory_integer(m.kind, left),
			                     imago_memory_integer(m.kind, right)),
			             m);
			return true;
		}
		if (imago_memory_is_integer(m.kind, left) && imago_memory_is_integer(m.kind, right) &&
		    integer_operation(index, imago_memory_integer(m.kind, left),
		                      imago_memory_integer(m.kind, right), &result, m.kind)) {
			drop(r, m);
			imago_word_put(r->sp, result, m.kind);
			return true;
		}
	}
	return false;
}

/* A jump; false when it leaves the method. */
IMAGO_ALWAYS_INLINE bool
jump(const imago_vm *vm, registers *r, int32_t distance, loop_mode m)
{
	if (!m.careful) {
		r->ip += distance;
		return true;
	}
	const vm_frame *frame = &vm->frame;
	int64_t place = (r->ip - frame->body) + distance;
	if (IMAGO_UNLIKELY(place < r->literals - frame->body ||
	                   place > frame->code_end - frame->body)) {
		return false;
	}
	r->ip = frame->body + place;
	return true;
}

/* A conditional jump. False: what decides is no Boolean. */
IMAGO_ALWAYS_INLINE bool
branch(const imago_vm *vm, registers *r, bool on_true, int32_t distance, const char **reason,
       loop_mode m)
{
	if (!holds(vm, r, 1, m)) {
		*reason = "the stack is empty";
		return true;
	}
	imago_oop value = top(r, m);
	bool is_true = value == vm->memory->true_object;
	if (IMAGO_UNLIKELY(!is_true && value != vm->memory->false_object)) {
		return false;
	}
	drop(r, m);
	if (is_true == on_true && !jump(vm, r, distance, m)) {
		*reason = "a jump out of the method";
	}
	return true;
}

/* Prefixes have served. */
IMAGO_ALWAYS_INLINE void
clear_extensions(imago_vm *vm)
{
	vm->frame.ext_a = vm->frame.ext_b = 0;
	vm->frame.num_ext_b = 0;
}

#endif
