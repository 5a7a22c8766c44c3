/* mutate_free.c: free chunks and the lists that hold them. */
#include "imago/byte_order.h"
#include "move.h"
#include "mutations.h"

enum { NUM_LINKS = 5 }; /* next, previous; parent, smaller, larger of a large chunk */

bool
mutate_free_carve(subject *s)
{
	imago_object object;
	if (!subject_pick(s, CHUNK_ANY, &object) || object.kind != IMAGO_OBJECT_ORDINARY) {
		return false;
	}
	if (subject_is_spur(s)) {
		const bool was_object = subject_set_bits(s, &object, 0, 22, IMAGO_CLASS_FREE);
		return subject_set_bits(s, &object, 24, 5, IMAGO_FORMAT_EMPTY) || was_object;
	}
	uint8_t *word = imago_heap_writable_bytes(s->heap, object.chunk, 4);
	if (word == NULL) {
		return false;
	}
	imago_store_u32(word, (uint32_t)object.total_bytes | 2, s->heap->layout.byte_order);
	(void)subject_map(s);
	return true;
}

bool
mutate_free_link(subject *s)
{
	imago_object chunk;
	imago_object other;
	if (!subject_pick(s, CHUNK_FREE, &chunk)) {
		return false;
	}
	const uint64_t link = dice_below(&s->dice, NUM_LINKS);
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return subject_store(s, &chunk, link, chunk.oop);
	case 1:
		return subject_pick(s, CHUNK_FREE, &other) && subject_store(s, &chunk, link, other.oop);
	case 2:
		return subject_pick(s, CHUNK_ANY, &other) && subject_store(s, &chunk, link, other.oop);
	default:
		return subject_store(s, &chunk, link, dice_nasty(&s->dice, chunk.oop, 32));
	}
}

bool
mutate_free_head(subject *s)
{
	imago_known_objects known;
	imago_object chunk;
	imago_known_objects_find(s->heap, &known);
	if (known.free_lists.num_slots == 0) {
		return false;
	}
	const uint64_t index = dice_below(&s->dice, known.free_lists.num_slots);
	const chunk_kind kind = dice_one_in(&s->dice, 3) ? CHUNK_ANY : CHUNK_FREE;
	if (!subject_pick(s, kind, &chunk) && !subject_pick(s, CHUNK_ANY, &chunk)) {
		return false;
	}
	return subject_store(s, &known.free_lists, index,
	                     dice_one_in(&s->dice, 8) ? chunk.oop + 1 : chunk.oop);
}

bool
mutate_free_size(subject *s)
{
	imago_object chunk;
	/* V3 writers leave none: there an object becomes one. */
	if (!subject_pick(s, CHUNK_FREE, &chunk) &&
	    (subject_is_spur(s) || !subject_pick(s, CHUNK_ANY, &chunk))) {
		return false;
	}
	if (subject_is_spur(s)) {
		return subject_set_bits(s, &chunk, 56, 8, dice_nasty(&s->dice, chunk.num_slots, 8));
	}
	uint8_t *word = imago_heap_writable_bytes(s->heap, chunk.chunk, 4);
	if (word == NULL) {
		return false;
	}
	const uint32_t size = (uint32_t)dice_nasty(&s->dice, chunk.total_bytes, 32) & ~UINT32_C(3);
	imago_store_u32(word, size | 2, s->heap->layout.byte_order);
	return size != chunk.total_bytes;
}

/* A list that leads in a circle: a free chunk at its head, which names itself or another that leads
 * back. */
bool
mutate_free_circle(subject *s)
{
	imago_known_objects known;
	imago_object chunk;
	imago_object other;
	imago_known_objects_find(s->heap, &known);
	if (!subject_pick(s, CHUNK_FREE, &chunk) || known.free_lists.num_slots == 0) {
		return false;
	}
	const uint64_t num_lists = UINT64_C(8) * subject_word(s);
	const bool small = chunk.total_bytes / 8 < num_lists;
	if (!subject_pick(s, CHUNK_FREE, &other) || other.total_bytes != chunk.total_bytes) {
		other = chunk;
	}
	const uint64_t link = small || dice_one_in(&s->dice, 2) ? 0 : 3 + dice_below(&s->dice, 2);
	bool changed =
	    subject_store(s, &known.free_lists, small ? chunk.total_bytes / 8 : 0, chunk.oop);
	changed = subject_store(s, &chunk, link, other.oop) || changed;
	return subject_store(s, &other, link, chunk.oop) || changed;
}
