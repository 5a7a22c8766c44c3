/* frame_access.h: what bytecodes reach into: the stack, temporaries, literals, slots. Always
 * inline, with the kind of memory as a constant; each says whether what it was asked for is there.
 */
#ifndef IMAGO_INTERP_FRAME_ACCESS_H
#define IMAGO_INTERP_FRAME_ACCESS_H

#include "vm_private.h"

/* The registers of the loop. */
typedef struct registers {
	vm_frame f;
} registers;

IMAGO_ALWAYS_INLINE bool
push(registers *r, imago_oop value, imago_memory_kind kind)
{
	uint8_t *sp = r->f.sp + imago_word_bytes(kind);
	if (IMAGO_UNLIKELY(sp >= r->f.stack_end)) {
		return false;
	}
	r->f.sp = sp;
	imago_word_put(sp, value, kind);
	return true;
}

IMAGO_ALWAYS_INLINE imago_oop
top(const registers *r, imago_memory_kind kind)
{
	return imago_word_get(r->f.sp, kind);
}

IMAGO_ALWAYS_INLINE bool
holds(const registers *r, uint32_t count, imago_memory_kind kind)
{
	return r->f.sp - r->f.stack >= (int64_t)(count - 1) * (int64_t)imago_word_bytes(kind);
}

IMAGO_ALWAYS_INLINE bool
get_temp(const registers *r, uint32_t index, imago_oop *out, imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(index >= r->f.num_temps)) {
		return false;
	}
	*out = imago_word_get(r->f.temps + (size_t)index * imago_word_bytes(kind), kind);
	return true;
}

IMAGO_ALWAYS_INLINE bool
set_temp(registers *r, uint32_t index, imago_oop value, imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(index >= r->f.num_temps)) {
		return false;
	}
	imago_word_put(r->f.temps + (size_t)index * imago_word_bytes(kind), value, kind);
	return true;
}

IMAGO_ALWAYS_INLINE bool
get_literal(const registers *r, uint32_t index, imago_oop *out, imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(index >= r->f.num_literals)) {
		return false;
	}
	*out = imago_word_get(r->f.literals + (size_t)index * imago_word_bytes(kind), kind);
	return true;
}

/* A slot of the receiver, or of an object that must have it. */
IMAGO_ALWAYS_INLINE bool
has_slot(const imago_vm *vm, imago_oop oop, uint32_t index, imago_memory_kind kind)
{
	return imago_memory_is_pointer(kind, oop) && imago_memory_has_pointers(vm->memory, oop, kind) &&
	       imago_memory_num_slots(vm->memory, oop, kind) > index;
}

IMAGO_ALWAYS_INLINE bool
get_slot(const imago_vm *vm, imago_oop oop, uint32_t index, imago_oop *out, imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(!has_slot(vm, oop, index, kind))) {
		return false;
	}
	*out = imago_memory_slot(vm->memory, oop, index, kind);
	return true;
}

/* Immutable objects are left alone: a store is then a violation, until #attemptToAssign: is sent.
 */
IMAGO_ALWAYS_INLINE bool
put_slot(imago_vm *vm, imago_oop oop, uint32_t index, imago_oop value, imago_memory_kind kind)
{
	if (IMAGO_UNLIKELY(!has_slot(vm, oop, index, kind))) {
		return false;
	}
	uint64_t header = imago_memory_header(vm->memory, oop, kind);
	if (IMAGO_UNLIKELY((header >> (kind.v3 ? 29 : 23) & 1) != 0)) {
		return false;
	}
	imago_memory_set_slot(vm->memory, oop, index, value, kind);
	return true;
}

IMAGO_ALWAYS_INLINE bool
get_association(const imago_vm *vm, const registers *r, uint32_t index, imago_oop *out,
                imago_memory_kind kind)
{
	imago_oop association;
	return get_literal(r, index, &association, kind) &&
	       get_slot(vm, association, ASSOCIATION_VALUE, out, kind);
}

IMAGO_ALWAYS_INLINE bool
put_association(imago_vm *vm, const registers *r, uint32_t index, imago_oop value,
                imago_memory_kind kind)
{
	imago_oop association;
	return get_literal(r, index, &association, kind) &&
	       put_slot(vm, association, ASSOCIATION_VALUE, value, kind);
}

/* Arithmetic special selector on two SmallIntegers: false when it is to be sent. Booleans are
 * pushed like every other result. */
IMAGO_ALWAYS_INLINE bool
integer_operation(const imago_vm *vm, uint32_t operation, int64_t a, int64_t b, imago_oop *out,
                  imago_memory_kind kind)
{
	int64_t value;
	switch (operation) {
	case 0:
		value = a + b;
		break;
	case 1:
		value = a - b;
		break;
	case 2:
		*out = vm_boolean(vm, a < b);
		return true;
	case 3:
		*out = vm_boolean(vm, a > b);
		return true;
	case 4:
		*out = vm_boolean(vm, a <= b);
		return true;
	case 5:
		*out = vm_boolean(vm, a >= b);
		return true;
	case 6:
		*out = vm_boolean(vm, a == b);
		return true;
	case 7:
		*out = vm_boolean(vm, a != b);
		return true;
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

/* One special selector without a send, where that is possible. */
IMAGO_ALWAYS_INLINE bool
short_cut(const imago_vm *vm, registers *r, uint32_t index, imago_memory_kind kind)
{
	imago_oop result;
	if (index == 22 || (index == 24 && !vm->has_block_contexts)) {
		if (!holds(r, 2, kind)) {
			return false;
		}
		imago_oop right = top(r, kind);
		r->f.sp -= imago_word_bytes(kind);
		result = vm_boolean(vm, (top(r, kind) == right) == (index == 22));
		imago_word_put(r->f.sp, result, kind);
		return true;
	}
	if (index == 23 && holds(r, 1, kind)) {
		result = imago_memory_class_of(vm->memory, top(r, kind));
		if (result != 0) {
			imago_word_put(r->f.sp, result, kind);
		}
		return result != 0;
	}
	if (index < 16 && holds(r, 2, kind)) {
		imago_oop right = top(r, kind);
		imago_oop left = imago_word_get(r->f.sp - imago_word_bytes(kind), kind);
		if (imago_memory_is_integer(kind, left) && imago_memory_is_integer(kind, right) &&
		    integer_operation(vm, index, imago_memory_integer(kind, left),
		                      imago_memory_integer(kind, right), &result, kind)) {
			r->f.sp -= imago_word_bytes(kind);
			imago_word_put(r->f.sp, result, kind);
			return true;
		}
	}
	return false;
}

/* A jump; false when it leaves the method. */
IMAGO_ALWAYS_INLINE bool
jump(registers *r, int32_t distance)
{
	int64_t place = (r->f.ip - r->f.body) + distance;
	if (IMAGO_UNLIKELY(place < r->f.literals - r->f.body || place > r->f.code_end - r->f.body)) {
		return false;
	}
	r->f.ip = r->f.body + place;
	return true;
}

#endif
