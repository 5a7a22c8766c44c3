/* mutate_splice.c: a part of one image's object graph, copied into another with its references
 * mapped: copies point to copies, special objects stay special, all else becomes something alike.
 */
#include <string.h>

#include "imago/byte_order.h"
#include "move.h"
#include "mutations.h"
#include "ruled.h"

enum { MOST_SPLICED = 8, MOST_LOOKS = 64, MAX_COPY = 4096 };

/* Objects of another image, or of this one, that are to be copied with what they lead to. */
typedef struct splice {
	subject *to;
	subject *from;
	imago_object objects[MOST_SPLICED];
	imago_object likes[MOST_SPLICED]; /* objects of the recipient whose classes fit */
	imago_oop placed[MOST_SPLICED];
	size_t count;
} splice;

static bool
is_taken(const splice *copy, imago_oop oop)
{
	for (size_t i = 0; i < copy->count; i++) {
		if (copy->objects[i].oop == oop) {
			return true;
		}
	}
	return false;
}

/* The class's instance specification: format and number of named slots. */
static bool
specification(const subject *s, const imago_object *object, imago_oop *word)
{
	imago_object cls;
	if (!subject_class_of(s, object, &cls)) {
		return false;
	}
	*word = subject_fetch(s, &cls, 2);
	if (cls.oop == imago_special_object_at(s->heap, IMAGO_SPECIAL_CLASS_FLOAT)) {
		*word ^= UINT64_C(1) << 30; /* a Float has a size of its own, and no like but Floats */
	}
	if (!subject_is_spur(s)) {
		*word &= ~(UINT64_C(31) << 12); /* the compact index, behind the tag */
	}
	return true;
}

/* An object of the recipient that is like one of the donor: its header will do. */
static bool
find_like(const splice *copy, const imago_object *object, imago_object *like)
{
	imago_oop wanted;
	imago_oop found;
	if (!specification(copy->from, object, &wanted)) {
		return false;
	}
	for (int i = 0; i < MOST_LOOKS; i++) {
		if (subject_pick(copy->to, CHUNK_ANY, like) && like->kind == IMAGO_OBJECT_ORDINARY &&
		    like->v3_type == object->v3_type && like->body_kind == object->body_kind &&
		    ruled_role_of(copy->to, like) == ROLE_PLAIN && specification(copy->to, like, &found) &&
		    found == wanted) {
			return true;
		}
	}
	return false;
}

static void
take(splice *copy, const imago_object *object)
{
	if (object->kind == IMAGO_OBJECT_ORDINARY && object->total_bytes <= MAX_COPY &&
	    !ruled_is(copy->from, object) && ruled_role_of(copy->from, object) == ROLE_PLAIN &&
	    find_like(copy, object, &copy->likes[copy->count])) {
		copy->objects[copy->count++] = *object;
	}
}

/* A few objects: one, then what is reached from it, nearest first. */
static void
collect(splice *copy, size_t most)
{
	subject *from = copy->from;
	imago_object object;
	if (ruled_pick_plain(from, CHUNK_ANY, &object)) {
		take(copy, &object);
	}
	for (size_t i = 0; i < copy->count && copy->count < most; i++) {
		uint64_t at;
		uint64_t end;
		if (!ruled_free_slots(from, &copy->objects[i], &at, &end)) {
			continue;
		}
		for (; at < end && copy->count < most; at++) {
			const imago_oop oop = subject_fetch(from, &copy->objects[i], at);
			if (imago_oop_is_pointer(from->heap->tagging, oop) && !is_taken(copy, oop) &&
			    imago_heap_decode_object(from->heap, oop, &object, NULL) == IMAGO_OK) {
				take(copy, &object);
			}
		}
	}
}

/* Gives a placed object the class of its like; V3's class words lie before or behind the block. */
static void
set_class(subject *s, const imago_object *object, const imago_object *like, imago_addr block,
          uint64_t size)
{
	if (subject_is_spur(s)) {
		(void)subject_set_bits(s, object, 0, 22, like->class_index);
		return;
	}
	(void)subject_set_bits(s, object, 12, 5, like->class_index);
	uint8_t *word = imago_heap_writable_bytes(s->heap, object->oop - 4, 4);
	if (object->v3_type != 3 && word != NULL) {
		const imago_oop cls = like->class_oop >= block ? like->class_oop + size : like->class_oop;
		imago_store_u32(word, (uint32_t)cls | object->v3_type, s->heap->layout.byte_order);
	}
}

/* All collected objects, one behind the other, behind some object of the recipient. */
static bool
place(splice *copy)
{
	subject *s = copy->to;
	imago_object behind;
	uint64_t size = 0;
	for (size_t i = 0; i < copy->count; i++) {
		size += copy->objects[i].total_bytes;
	}
	if (size == 0 || !ruled_pick_plain(s, CHUNK_ANY, &behind)) {
		return false;
	}
	const imago_addr block = behind.chunk + behind.total_bytes;
	if (!move_resize(s, behind.segment, block, 0, size)) {
		return false;
	}
	imago_addr at = block;
	for (size_t i = 0; i < copy->count; i++) {
		const imago_object *object = &copy->objects[i];
		uint8_t *room = imago_heap_writable_bytes(s->heap, at, object->total_bytes);
		if (room == NULL) {
			return false;
		}
		memcpy(room, imago_heap_bytes(copy->from->heap, object->chunk, object->total_bytes),
		       (size_t)object->total_bytes);
		copy->placed[i] = at + (object->oop - object->chunk);
		at += object->total_bytes;
	}
	(void)subject_map(s);
	for (size_t i = 0; i < copy->count; i++) {
		imago_object placed;
		if (imago_heap_decode_object(s->heap, copy->placed[i], &placed, NULL) == IMAGO_OK) {
			set_class(s, &placed, &copy->likes[i], block, size);
		}
	}
	return true;
}

/* What a reference of the donor means here: a copy, the same special object, or the like. */
static imago_oop
mapped(const splice *copy, imago_oop oop)
{
	subject *to = copy->to;
	imago_object object;
	imago_object like;
	if (!imago_oop_is_pointer(to->heap->tagging, oop)) {
		return oop;
	}
	for (size_t i = 0; i < copy->count; i++) {
		if (copy->objects[i].oop == oop) {
			return copy->placed[i];
		}
	}
	for (uint64_t i = 0; i < IMAGO_NUM_SPECIALS; i++) {
		if (imago_special_object_at(copy->from->heap, i) == oop) {
			return imago_special_object_at(to->heap, i);
		}
	}
	if (imago_heap_decode_object(copy->from->heap, oop, &object, NULL) == IMAGO_OK &&
	    find_like(copy, &object, &like)) {
		return like.oop;
	}
	return imago_heap_nil(to->heap);
}

static void
map_slots(splice *copy)
{
	for (size_t i = 0; i < copy->count; i++) {
		imago_object placed;
		if (imago_heap_decode_object(copy->to->heap, copy->placed[i], &placed, NULL) != IMAGO_OK) {
			continue;
		}
		const uint64_t count = imago_heap_num_pointer_slots(copy->to->heap, &placed);
		for (uint64_t k = placed.body_kind == IMAGO_BODY_METHOD ? 1 : 0; k < count; k++) {
			const imago_oop value = subject_fetch(copy->from, &copy->objects[i], k);
			(void)subject_store(copy->to, &placed, k, mapped(copy, value));
		}
	}
}

/* A part of the second image's object graph, or of this one's; some slot leads to it. */
bool
mutate_sound_splice(subject *s)
{
	const uint8_t *bytes = s->donor != NULL ? s->donor : s->bytes;
	const size_t size = s->donor != NULL ? s->donor_size : s->size;
	subject donor;
	splice copy = {.to = s, .from = &donor};
	imago_object holder;
	uint64_t slot;
	bool placed = false;
	subject_open_donor(&donor, bytes, size, s->heap, dice_roll(&s->dice));
	if (donor.readable) {
		collect(&copy, 1 + (size_t)dice_below(&s->dice, MOST_SPLICED));
		placed = copy.count > 0 && place(&copy);
	}
	if (placed) {
		map_slots(&copy);
		if (ruled_pick_slot(s, &holder, &slot)) {
			(void)subject_store(s, &holder, slot, copy.placed[0]);
		}
	}
	subject_close(&donor);
	return placed;
}
