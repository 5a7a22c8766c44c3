/* mutate_class.c: the class table and what classes say. */
#include "mutations.h"

enum { SUPERCLASS, METHOD_DICTIONARY, SPECIFICATION }; /* slots of every class */

/* Nil, an integer, another object, or the value of a neighbour. */
static imago_oop
some_value(subject *s, const imago_object *object, uint64_t index)
{
	imago_object other;
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return imago_heap_nil(s->heap);
	case 1:
		return subject_integer(s, (int64_t)dice_below(&s->dice, 64));
	case 2:
		return subject_fetch(s, object, index + 1);
	default:
		return subject_pick(s, CHUNK_ANY, &other) ? other.oop : 0;
	}
}

bool
mutate_class_entry(subject *s)
{
	imago_object roots;
	imago_object page;
	if (!subject_hidden_roots(s, &roots) ||
	    !subject_decode(s, subject_fetch(s, &roots, dice_below(&s->dice, 2)), &page) ||
	    page.num_slots == 0) {
		return false;
	}
	uint64_t index = dice_below(&s->dice, page.num_slots);
	if (!dice_one_in(&s->dice, 4)) { /* a used one, near a random place or from the start on */
		const imago_oop nil = imago_heap_nil(s->heap);
		index = dice_below(&s->dice, 64);
		while (index + 1 < page.num_slots && subject_fetch(s, &page, index) == nil) {
			index++;
		}
	}
	return subject_store(s, &page, index, some_value(s, &page, index));
}

bool
mutate_class_page(subject *s)
{
	imago_object roots;
	if (!subject_hidden_roots(s, &roots)) {
		return false;
	}
	const uint64_t index = dice_below(&s->dice, 4);
	const uint64_t other = dice_below(&s->dice, 4);
	return subject_store(s, &roots, index,
	                     dice_one_in(&s->dice, 2) ? subject_fetch(s, &roots, other)
	                                              : some_value(s, &roots, index));
}

bool
mutate_class_compact(subject *s)
{
	imago_object table;
	if (!subject_decode(s, imago_special_object_at(s->heap, IMAGO_SPECIAL_COMPACT_CLASSES),
	                    &table)) {
		return false;
	}
	const uint64_t index = dice_below(&s->dice, table.num_slots);
	return subject_store(s, &table, index, some_value(s, &table, index));
}

bool
mutate_class_shape(subject *s)
{
	imago_object cls;
	if (!subject_pick_class(s, &cls)) {
		return false;
	}
	const imago_oop old = subject_fetch(s, &cls, SPECIFICATION);
	if (dice_one_in(&s->dice, 4)) {
		return subject_store(s, &cls, SPECIFICATION, some_value(s, &cls, SPECIFICATION));
	}
	/* One bit above the tag. */
	return subject_store(s, &cls, SPECIFICATION, old ^ UINT64_C(8) << dice_below(&s->dice, 22));
}

bool
mutate_class_superclass(subject *s)
{
	imago_object cls;
	imago_object other;
	if (!subject_pick_class(s, &cls) || !subject_pick_class(s, &other)) {
		return false;
	}
	bool one;
	switch (dice_below(&s->dice, 5)) {
	case 0:
		return subject_store(s, &cls, SUPERCLASS, cls.oop);
	case 1:
	case 3: /* a circle of two, of which half may be there */
		one = subject_store(s, &cls, SUPERCLASS, other.oop);
		return subject_store(s, &other, SUPERCLASS, cls.oop) || one;
	case 2:
		return subject_store(s, &cls, SUPERCLASS, some_value(s, &cls, SUPERCLASS));
	default:
		return subject_store(s, &cls, SUPERCLASS, other.oop);
	}
}

bool
mutate_class_dictionary(subject *s)
{
	imago_object cls;
	imago_object dictionary;
	if (!subject_pick_class(s, &cls)) {
		return false;
	}
	if (dice_one_in(&s->dice, 4)) {
		return subject_store(s, &cls, METHOD_DICTIONARY, some_value(s, &cls, METHOD_DICTIONARY));
	}
	for (int attempt = 0; attempt < 8; attempt++) {
		if (subject_decode(s, subject_fetch(s, &cls, METHOD_DICTIONARY), &dictionary) &&
		    dictionary.num_slots >= 2) {
			const uint64_t index = dice_below(&s->dice, dictionary.num_slots);
			return subject_store(s, &dictionary, index, some_value(s, &dictionary, index));
		}
		if (!subject_pick_class(s, &cls)) {
			return false;
		}
	}
	return false;
}

bool
mutate_class_hash(subject *s)
{
	imago_object cls;
	if (!subject_pick_class(s, &cls)) {
		return false;
	}
	const unsigned bits = subject_is_spur(s) ? 22 : 12;
	return subject_set_bits(s, &cls, subject_is_spur(s) ? 32 : 17, bits,
	                        dice_nasty(&s->dice, cls.identity_hash, bits));
}
