/* mutate_context.c: activations. */
#include "mutations.h"

enum { SENDER, PC, STACK_POINTER, METHOD, CLOSURE }; /* slots of a context */

static bool
store_nasty_integer(subject *s, uint64_t slot)
{
	imago_object context;
	if (!subject_pick(s, CHUNK_CONTEXT, &context)) {
		return false;
	}
	int64_t value = 0;
	switch (dice_below(&s->dice, 5)) {
	case 0:
		value = -1;
		break;
	case 1: /* the edge: slots behind the six named ones */
		value = (int64_t)context.num_slots - 6 + (int64_t)dice_below(&s->dice, 3) - 1;
		break;
	case 2:
		value = (int64_t)dice_below(&s->dice, 256);
		break;
	case 3:
		value = INT64_C(0x3FFFFFFF);
		break;
	default:
		return subject_store(s, &context, slot, imago_heap_nil(s->heap));
	}
	return subject_store(s, &context, slot, subject_integer(s, value));
}

bool
mutate_context_stack(subject *s)
{
	return store_nasty_integer(s, STACK_POINTER);
}

bool
mutate_context_pc(subject *s)
{
	return store_nasty_integer(s, PC);
}

/* Itself, one of its kind, or anything. */
static bool
store_target(subject *s, uint64_t slot, chunk_kind kind)
{
	imago_object context;
	imago_object target;
	if (!subject_pick(s, CHUNK_CONTEXT, &context)) {
		return false;
	}
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return subject_store(s, &context, slot, context.oop);
	case 1:
		return subject_pick(s, CHUNK_ANY, &target) && subject_store(s, &context, slot, target.oop);
	case 2:
		return subject_store(s, &context, slot, subject_integer(s, 3));
	default:
		return subject_pick(s, kind, &target) && subject_store(s, &context, slot, target.oop);
	}
}

bool
mutate_context_sender(subject *s)
{
	return store_target(s, SENDER, CHUNK_CONTEXT);
}

bool
mutate_context_method(subject *s)
{
	return store_target(s, METHOD, CHUNK_METHOD);
}

bool
mutate_context_closure(subject *s)
{
	return store_target(s, CLOSURE, CHUNK_POINTERS);
}
