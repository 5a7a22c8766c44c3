/* mutate_sound_objects.c: objects that come, go, grow and shrink in an image without errors. */
#include <string.h>

#include "imago/byte_order.h"
#include "move.h"
#include "mutations.h"
#include "ruled.h"

enum { MAX_COPY = 4096, MOST_GROWTH = 24 };

/* An object that a rule may follow a slot to: code and contexts. */
static bool
may_be_needed(const subject *s, const imago_object *object)
{
	return object->body_kind == IMAGO_BODY_METHOD || ruled_role_of(s, object) != ROLE_PLAIN;
}

/* A copy of an object, and a slot that leads to it. */
bool
mutate_sound_clone(subject *s)
{
	imago_object object;
	imago_object holder;
	uint64_t slot;
	if (!ruled_pick_plain(s, CHUNK_ANY, &object)) {
		return false;
	}
	const imago_addr at = object.chunk + object.total_bytes;
	if (object.total_bytes > MAX_COPY ||
	    !move_resize(s, object.segment, at, 0, object.total_bytes)) {
		return false;
	}
	/* What it points to may have moved: it is copied only now. */
	const uint8_t *bytes = imago_heap_bytes(s->heap, object.chunk, object.total_bytes);
	uint8_t *room = imago_heap_writable_bytes(s->heap, at, object.total_bytes);
	if (bytes == NULL || room == NULL) {
		return false;
	}
	memcpy(room, bytes, (size_t)object.total_bytes);
	(void)subject_map(s);
	if (ruled_pick_slot(s, &holder, &slot)) {
		(void)subject_store(s, &holder, slot, at + (object.oop - object.chunk));
	}
	return true;
}

bool
mutate_sound_remove(subject *s)
{
	imago_object object;
	return ruled_pick_plain(s, CHUNK_ANY, &object) && !may_be_needed(s, &object) &&
	       move_resize(s, object.segment, object.chunk, object.total_bytes, 0);
}

/* Arrays, bytes and words: only as long as a short header can say, so that it keeps its shape. */
static bool
can_grow(const subject *s, const imago_object *object)
{
	const bool array = object->format == IMAGO_FORMAT_INDEXABLE;
	const bool bytes = object->body_kind == IMAGO_BODY_BITS8;
	return (array || bytes) && object->oop == object->chunk + (object->v3_type == 1 ? 4 : 0) &&
	       object->v3_type != 2 && (subject_is_spur(s) || object->v3_type != 0);
}

static uint64_t
body_bytes(const subject *s, uint64_t num_slots)
{
	const uint64_t bytes = num_slots * subject_word(s);
	if (!subject_is_spur(s)) {
		return bytes;
	}
	return bytes < 8 ? 8 : (bytes + 7) & ~UINT64_C(7);
}

/* The format of a full body. */
static bool
clear_tail(subject *s, const imago_object *object)
{
	if (object->body_kind != IMAGO_BODY_BITS8) {
		return true;
	}
	return object->unused_tail == 0 ||
	       (subject_is_spur(s) ? subject_set_bits(s, object, 24, 5, IMAGO_FORMAT_BITS8)
	                           : subject_set_bits(s, object, 8, 4, IMAGO_V3_FORMAT_BITS8));
}

static bool
set_slots(subject *s, const imago_object *object, uint64_t num_slots)
{
	return subject_is_spur(s) ? subject_set_bits(s, object, 56, 8, num_slots)
	                          : subject_set_bits(s, object, 2, 6, num_slots + 1);
}

bool
mutate_sound_grow(subject *s)
{
	imago_object object;
	if (!ruled_pick_plain(s, CHUNK_ANY, &object) || !can_grow(s, &object)) {
		return false;
	}
	const uint64_t most = subject_is_spur(s) ? 254 : 62;
	const uint64_t num_slots = object.num_slots + 1 + dice_below(&s->dice, MOST_GROWTH);
	const uint64_t growth = body_bytes(s, num_slots) - body_bytes(s, object.num_slots);
	if (num_slots > most ||
	    !move_resize(s, object.segment, object.chunk + object.total_bytes, 0, growth)) {
		return false;
	}
	/* A neighbour that moves may be its class. */
	if (imago_heap_decode_chunk(s->heap, object.chunk, &object, NULL) != IMAGO_OK) {
		return false;
	}
	const uint64_t old_slots = object.num_slots;
	(void)clear_tail(s, &object);
	(void)set_slots(s, &object, num_slots);
	(void)subject_map(s);
	if (imago_heap_decode_chunk(s->heap, object.chunk, &object, NULL) == IMAGO_OK &&
	    object.body_kind == IMAGO_BODY_POINTERS) {
		for (uint64_t i = old_slots; i < object.num_slots; i++) {
			(void)subject_store(s, &object, i, imago_heap_nil(s->heap));
		}
	}
	return true;
}

bool
mutate_sound_shrink(subject *s)
{
	imago_object object;
	if (!ruled_pick_plain(s, CHUNK_ANY, &object) || !can_grow(s, &object) ||
	    object.num_slots == 0) {
		return false;
	}
	(void)clear_tail(s, &object);
	return move_cut(s, &object, dice_below(&s->dice, object.num_slots));
}
