/* answers.h: primitives that need not leave the loop: elements, sizes, identity, the receiver's
 * slots. Each does what the function in primitives.def does, or nothing: what is out of the
 * ordinary is left to that.
 */
#ifndef IMAGO_INTERP_ANSWERS_H
#define IMAGO_INTERP_ANSWERS_H

#include "frame_access.h"

enum { QUICK_SLOT = 264 };

/* Elements that an at: finds without asking the class: of an object with nothing but indexable
 * slots, or of one that has bytes. */
typedef struct plain_elements {
	uint8_t *body;
	uint64_t count;
	bool bytes, immutable;
} plain_elements;

IMAGO_ALWAYS_INLINE bool
plain_elements_of(const registers *r, imago_oop oop, plain_elements *out, imago_memory_kind kind)
{
	if (!imago_memory_is_pointer(kind, oop)) {
		return false;
	}
	const uint64_t header = imago_memory_header(&r->arena, oop, kind);
	const uint32_t format = (uint32_t)(header >> (kind.v3 ? 8 : 24)) & (kind.v3 ? 15 : 31);
	const uint32_t tail = format - (kind.v3 ? 8 : 16);
	out->body = imago_memory_body(&r->arena, oop, kind);
	out->count = imago_memory_num_slots(&r->arena, oop, kind);
	out->immutable = (header >> (kind.v3 ? 29 : 23) & 1) != 0;
	out->bytes = tail < imago_word_bytes(kind);
	if (out->bytes) {
		out->count = out->count * imago_word_bytes(kind) - tail;
		return out->count <= INT32_MAX; /* also: a tail of nothing */
	}
	return format == IMAGO_FORMAT_INDEXABLE;
}

/* The element that an index, 1-based in the image, means. */
IMAGO_ALWAYS_INLINE bool
plain_index(imago_oop oop, const plain_elements *all, uint64_t *out, imago_memory_kind kind)
{
	*out = (uint64_t)imago_memory_integer(kind, oop) - 1;
	return imago_memory_is_integer(kind, oop) && *out < all->count;
}

/* at:, and at: of strings (with characters). */
IMAGO_ALWAYS_INLINE bool
answer_at(registers *r, bool characters, imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	plain_elements all;
	uint64_t index;
	if (!plain_elements_of(r, imago_word_get(r->sp - word, kind), &all, kind) ||
	    !plain_index(imago_word_get(r->sp, kind), &all, &index, kind) ||
	    characters != (all.bytes && characters)) {
		return false;
	}
	imago_oop value = all.bytes ? imago_memory_integer_oop(kind, all.body[index])
	                            : imago_word_get(all.body + index * word, kind);
	if (characters) {
		value = (imago_oop)all.body[index] << (kind.wide ? 3 : 2) | 2;
	}
	r->sp -= word;
	imago_word_put(r->sp, value, kind);
	return true;
}

/* What a byte is set to: a small integer, or a character. */
IMAGO_ALWAYS_INLINE bool
byte_of(imago_oop value, bool character, uint64_t *out, imago_memory_kind kind)
{
	*out = character ? value >> (kind.wide ? 3 : 2) : (uint64_t)imago_memory_integer(kind, value);
	return *out <= UINT8_MAX &&
	       (character ? (value & (kind.wide ? 7 : 3)) == 2 : imago_memory_is_integer(kind, value));
}

IMAGO_ALWAYS_INLINE bool
answer_at_put(imago_vm *vm, registers *r, bool characters, imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	const imago_oop oop = imago_word_get(r->sp - (size_t)2 * word, kind);
	const imago_oop value = imago_word_get(r->sp, kind);
	plain_elements all;
	uint64_t index;
	uint64_t byte = 0;
	if (!plain_elements_of(r, oop, &all, kind) ||
	    !plain_index(imago_word_get(r->sp - word, kind), &all, &index, kind) || all.immutable ||
	    characters != (all.bytes && characters)) {
		return false;
	}
	if (all.bytes) {
		if (!byte_of(value, characters, &byte, kind)) {
			return false;
		}
		imago_memory_open_body(&r->arena, oop, kind)[index] = (uint8_t)byte;
	} else {
		store_slot(vm, r, oop, index, value, kind);
	}
	r->sp -= (size_t)2 * word;
	imago_word_put(r->sp, value, kind);
	return true;
}

/* What a method that is such a primitive answers. False: nothing is done yet. */
IMAGO_ALWAYS_INLINE bool
answer_here(imago_vm *vm, registers *r, const vm_method *method, imago_memory_kind kind)
{
	const uint32_t word = imago_word_bytes(kind);
	const imago_oop top_of_stack = imago_word_get(r->sp, kind);
	imago_oop value;
	plain_elements all;
	bool done = true;
	switch (method->short_cut) {
	case VM_SHORT_SELF:
		break;
	case VM_SHORT_SLOT:
		done = get_slot(r, top_of_stack, method->primitive - QUICK_SLOT, &value, kind);
		if (done) {
			imago_word_put(r->sp, value, kind);
		}
		break;
	case VM_SHORT_AT:
		done = answer_at(r, false, kind);
		break;
	case VM_SHORT_AT_PUT:
		done = answer_at_put(vm, r, false, kind);
		break;
	case VM_SHORT_STRING_AT:
		done = answer_at(r, true, kind);
		break;
	case VM_SHORT_STRING_AT_PUT:
		done = answer_at_put(vm, r, true, kind);
		break;
	case VM_SHORT_SIZE:
		done = plain_elements_of(r, top_of_stack, &all, kind) && all.count <= INT32_MAX / 4;
		if (done) {
			imago_word_put(r->sp, imago_memory_integer_oop(kind, (int64_t)all.count), kind);
		}
		break;
	case VM_SHORT_IDENTICAL:
		r->sp -= word;
		imago_word_put(r->sp, vm_boolean(vm, imago_word_get(r->sp, kind) == top_of_stack), kind);
		break;
	case VM_SHORT_CLASS:
		value = imago_memory_class_of(vm->memory, top_of_stack);
		done = value != 0;
		if (done) {
			imago_word_put(r->sp, value, kind);
		}
		break;
	case VM_SHORT_CODE: /* of a character */
		done = (top_of_stack & (kind.wide ? 7 : 3)) == 2;
		if (done) {
			value = imago_memory_integer_oop(kind, (int64_t)(top_of_stack >> (kind.wide ? 3 : 2)));
			imago_word_put(r->sp, value, kind);
		}
		break;
	default:
		return false;
	}
	if (done) {
		vm->primitive_error = 0;
		vm->statistics.num_primitives++;
		vm->statistics.num_sends++;
	}
	return done;
}

#endif
