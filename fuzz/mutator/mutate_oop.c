/* mutate_oop.c: the words in slots. */
#include "mutations.h"

/* A slot that holds oops; of a method never its header. */
static bool
pick_slot(subject *s, imago_object *object, uint64_t *index)
{
	if (!subject_pick_pointers(s, object)) {
		return false;
	}
	const uint64_t num_slots = imago_heap_num_pointer_slots(s->heap, object);
	const uint64_t first = object->body_kind == IMAGO_BODY_METHOD ? 1 : 0;
	if (num_slots <= first) {
		return false;
	}
	*index = first + dice_below(&s->dice, num_slots - first);
	return true;
}

static bool
store_anywhere(subject *s, imago_oop value)
{
	imago_object object;
	uint64_t index;
	return pick_slot(s, &object, &index) && subject_store(s, &object, index, value);
}

bool
mutate_oop_retarget(subject *s)
{
	imago_object target;
	return subject_pick(s, CHUNK_ANY, &target) && store_anywhere(s, target.oop);
}

bool
mutate_oop_misalign(subject *s)
{
	imago_object target;
	/* Still tagged as a pointer where the tags leave room for that. */
	const uint64_t off = subject_is_spur(s) ? (subject_word(s) == 4 ? 4 : 6) : 2;
	return subject_pick(s, CHUNK_ANY, &target) && store_anywhere(s, target.oop + off);
}

bool
mutate_oop_middle(subject *s)
{
	imago_object target;
	if (!subject_pick(s, CHUNK_ANY, &target)) {
		return false;
	}
	const uint64_t step = subject_is_spur(s) ? 8 : 4;
	const uint64_t off = step * (1 + dice_below(&s->dice, (target.total_bytes + step - 1) / step));
	return store_anywhere(s, dice_one_in(&s->dice, 4) ? target.chunk : target.oop + off);
}

bool
mutate_oop_end(subject *s)
{
	const imago_segment *last = &s->heap->segments[s->heap->num_segments - 1];
	const imago_addr end = last->start + last->size + last->bridge_size;
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return store_anywhere(s, s->heap->segments[0].start - 8);
	case 1:
		return store_anywhere(s, (subject_word(s) == 8 ? UINT64_MAX : UINT32_MAX) - 7);
	default:
		return store_anywhere(s, end + 8 * dice_below(&s->dice, 64));
	}
}

bool
mutate_oop_free(subject *s)
{
	imago_object target;
	return subject_pick(s, CHUNK_FREE, &target) && store_anywhere(s, target.oop);
}

bool
mutate_oop_segment(subject *s)
{
	const imago_segment *segment = &s->heap->segments[dice_below(&s->dice, s->heap->num_segments)];
	const imago_addr end = segment->start + segment->size;
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return store_anywhere(s, segment->start);
	case 1:
		return store_anywhere(s, end + 8);
	case 2:
		return store_anywhere(s, end + segment->bridge_size);
	default:
		return store_anywhere(s, end);
	}
}

bool
mutate_oop_hidden(subject *s)
{
	imago_object target;
	return subject_pick(s, CHUNK_HIDDEN, &target) && store_anywhere(s, target.oop);
}

bool
mutate_oop_tag(subject *s)
{
	imago_object object;
	uint64_t index;
	if (!pick_slot(s, &object, &index)) {
		return false;
	}
	const uint64_t tags = s->heap->tagging == IMAGO_TAGGING_SPUR64 ? 7 : 3;
	return subject_store(s, &object, index,
	                     subject_fetch(s, &object, index) ^ (1 + dice_below(&s->dice, tags)));
}

bool
mutate_oop_nil(subject *s)
{
	return store_anywhere(s, imago_heap_nil(s->heap));
}

bool
mutate_oop_integer(subject *s)
{
	const unsigned bits = s->heap->tagging == IMAGO_TAGGING_SPUR64 ? 60 : 30;
	const int64_t edge = INT64_C(1) << bits;
	const int64_t small = (int64_t)dice_below(&s->dice, 9) - 4;
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return store_anywhere(s, subject_integer(s, edge - 1));
	case 1:
		return store_anywhere(s, subject_integer(s, -edge));
	default:
		return store_anywhere(s, subject_integer(s, small));
	}
}

bool
mutate_oop_exchange(subject *s)
{
	imago_object object;
	uint64_t one;
	if (!pick_slot(s, &object, &one)) {
		return false;
	}
	const uint64_t num_slots = imago_heap_num_pointer_slots(s->heap, &object);
	const uint64_t first = object.body_kind == IMAGO_BODY_METHOD ? 1 : 0;
	const uint64_t two = first + dice_below(&s->dice, num_slots - first);
	const imago_oop value = subject_fetch(s, &object, one);
	return subject_store(s, &object, one, subject_fetch(s, &object, two)) &&
	       subject_store(s, &object, two, value);
}

bool
mutate_oop_copy(subject *s)
{
	imago_object object;
	uint64_t index;
	return pick_slot(s, &object, &index) && store_anywhere(s, subject_fetch(s, &object, index));
}

bool
mutate_oop_self(subject *s)
{
	imago_object object;
	uint64_t index;
	return pick_slot(s, &object, &index) && subject_store(s, &object, index, object.oop);
}

bool
mutate_oop_permanent(subject *s)
{
	const imago_addr perm = subject_word(s) == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
	return store_anywhere(s, perm + 8 * dice_below(&s->dice, 512));
}
