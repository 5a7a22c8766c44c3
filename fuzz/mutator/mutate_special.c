/* mutate_special.c: the objects that a VM finds by place. */
#include "mutations.h"

static bool
pick_special(subject *s, imago_object *array, uint64_t *index)
{
	if (imago_special_objects_find(s->heap, array, NULL) != IMAGO_OK || array->num_slots == 0 ||
	    !subject_decode(s, array->oop, array)) {
		return false;
	}
	*index = dice_below(&s->dice, array->num_slots);
	return true;
}

bool
mutate_special_entry(subject *s)
{
	imago_object array;
	imago_object target;
	uint64_t index;
	if (!pick_special(s, &array, &index)) {
		return false;
	}
	switch (dice_below(&s->dice, 3)) {
	case 0:
		return subject_store(s, &array, index, imago_heap_nil(s->heap));
	case 1:
		return subject_store(s, &array, index, subject_integer(s, 7));
	default:
		return subject_pick(s, CHUNK_ANY, &target) && subject_store(s, &array, index, target.oop);
	}
}

bool
mutate_special_swap(subject *s)
{
	imago_object array;
	uint64_t one;
	uint64_t two;
	if (!pick_special(s, &array, &one) || !pick_special(s, &array, &two)) {
		return false;
	}
	const imago_oop value = subject_fetch(s, &array, one);
	return subject_store(s, &array, one, subject_fetch(s, &array, two)) &&
	       subject_store(s, &array, two, value);
}

bool
mutate_special_first(subject *s)
{
	imago_known_objects known;
	imago_known_objects_find(s->heap, &known);
	const imago_object *const places[] = {&known.nil, &known.false_object, &known.true_object,
	                                      &known.free_lists, &known.hidden_roots};
	const imago_object *object = places[dice_below(&s->dice, 5)];
	imago_object found;
	if (object->oop == 0 || !subject_decode(s, object->oop, &found)) {
		return false;
	}
	return dice_one_in(&s->dice, 2)
	           ? subject_set_bits(s, object, 0, 22, dice_nasty(&s->dice, object->class_index, 22))
	           : subject_set_bits(s, object, 24, 5, dice_below(&s->dice, 32));
}

bool
mutate_special_root(subject *s)
{
	imago_object roots;
	imago_object target;
	if (!subject_hidden_roots(s, &roots)) {
		return false;
	}
	const uint64_t index = IMAGO_FIRST_PRIVATE_ROOT + dice_below(&s->dice, 8);
	const chunk_kind kind = dice_one_in(&s->dice, 2) ? CHUNK_HIDDEN : CHUNK_ANY;
	return subject_pick(s, kind, &target) && subject_store(s, &roots, index, target.oop);
}
