/* mutate_forwarder.c: forwarders, which saved images should not have. */
#include "mutations.h"

static bool
may_forward(const subject *s, const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->num_slots > 0 &&
	       object->chunk != s->heap->segments[0].start;
}

/* Makes an object a forwarder to target. */
static bool
make_forwarder(subject *s, const imago_object *object, imago_oop target)
{
	imago_object forwarder;
	bool changed = subject_set_bits(s, object, 0, 22, IMAGO_CLASS_FORWARDER);
	changed = subject_set_bits(s, object, 24, 5, IMAGO_FORMAT_FORWARDED) || changed;
	return imago_heap_decode_chunk(s->heap, object->chunk, &forwarder, NULL) == IMAGO_OK &&
	       (subject_store(s, &forwarder, 0, target) || changed);
}

bool
mutate_forwarder_make(subject *s)
{
	imago_object object;
	imago_object target;
	return subject_pick_if(s, CHUNK_ANY, may_forward, &object) &&
	       subject_pick(s, CHUNK_ANY, &target) && make_forwarder(s, &object, target.oop);
}

/* A forwarder that is there, or a new one. */
static bool
pick_forwarder(subject *s, imago_object *out)
{
	return subject_pick(s, CHUNK_FORWARDER, out) || subject_pick_if(s, CHUNK_ANY, may_forward, out);
}

bool
mutate_forwarder_chain(subject *s)
{
	imago_object object;
	imago_object next;
	return pick_forwarder(s, &next) && subject_pick_if(s, CHUNK_ANY, may_forward, &object) &&
	       make_forwarder(s, &object, next.oop);
}

bool
mutate_forwarder_cycle(subject *s)
{
	imago_object one;
	imago_object two;
	if (!pick_forwarder(s, &one)) {
		return false;
	}
	if (dice_one_in(&s->dice, 3) || !subject_pick_if(s, CHUNK_ANY, may_forward, &two)) {
		return make_forwarder(s, &one, one.oop);
	}
	return make_forwarder(s, &one, two.oop) && make_forwarder(s, &two, one.oop);
}

bool
mutate_forwarder_target(subject *s)
{
	imago_object forwarder;
	imago_object target;
	if (!pick_forwarder(s, &forwarder)) {
		return false;
	}
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return make_forwarder(s, &forwarder, subject_integer(s, 1));
	case 1:
		return make_forwarder(s, &forwarder, forwarder.oop + 4);
	case 2:
		return subject_pick(s, CHUNK_FREE, &target) && make_forwarder(s, &forwarder, target.oop);
	default:
		return make_forwarder(s, &forwarder, dice_nasty(&s->dice, forwarder.oop, 32));
	}
}

bool
mutate_forwarder_reach(subject *s)
{
	imago_object forwarder;
	imago_object holder;
	imago_object target;
	if (!subject_pick(s, CHUNK_FORWARDER, &forwarder)) {
		if (!subject_pick_if(s, CHUNK_ANY, may_forward, &forwarder) ||
		    !subject_pick(s, CHUNK_ANY, &target) || !make_forwarder(s, &forwarder, target.oop)) {
			return false;
		}
	}
	return subject_pick(s, CHUNK_POINTERS, &holder) && holder.num_slots > 0 &&
	       subject_store(s, &holder, dice_below(&s->dice, holder.num_slots), forwarder.oop);
}
