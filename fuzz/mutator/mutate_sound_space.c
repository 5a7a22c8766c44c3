/* mutate_sound_space.c: what a saved image may hold besides plain objects and still have no error:
 * forwarders, free chunks that no list knows, classes with a second index, V3 class words. */
#include "imago/byte_order.h"
#include "move.h"
#include "mutations.h"
#include "ruled.h"

enum { SPUR_HEADER = 8, LEAST_CHUNK = 16, FIRST_OPEN_INDEX = 52, NUM_LINKS = 5 };

/* Room behind an object of old space. */
static bool
make_room(subject *s, uint64_t size, imago_addr *at)
{
	imago_object behind;
	if (!ruled_pick_plain(s, CHUNK_ANY, &behind) ||
	    s->heap->segments[behind.segment].space != IMAGO_SPACE_OLD) {
		return false;
	}
	*at = behind.chunk + behind.total_bytes;
	return move_resize(s, behind.segment, *at, 0, size);
}

/* A chunk in that room, which is zero so far. */
static bool
place_chunk(subject *s, imago_addr at, uint64_t header, imago_object *out)
{
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, at, SPUR_HEADER);
	if (bytes == NULL) {
		return false;
	}
	imago_store_u64(bytes, header, s->heap->layout.byte_order);
	(void)subject_map(s);
	return imago_heap_decode_chunk(s->heap, at, out, NULL) == IMAGO_OK;
}

/* New forwarders, each to the next, the last to an object or to a forwarder that was there; and a
 * slot that leads to the first. */
bool
mutate_sound_forward(subject *s)
{
	enum { LONGEST_CHAIN = 4 };
	imago_addr at;
	imago_object forwarder;
	imago_object other;
	imago_object holder;
	imago_oop target;
	uint64_t slot;
	const uint64_t length = 1 + dice_below(&s->dice, LONGEST_CHAIN);
	const uint64_t header = UINT64_C(1) << 56 | (uint64_t)IMAGO_FORMAT_FORWARDED << 24 |
	                        (uint64_t)IMAGO_CLASS_FORWARDER;
	const bool on = dice_one_in(&s->dice, 3) && subject_pick(s, CHUNK_FORWARDER, &other);
	const imago_oop there = on ? other.oop : 0;
	if (!make_room(s, length * LEAST_CHUNK, &at)) {
		return false;
	}
	if (on && there < at) {
		target = there;
	} else if (!ruled_pick_target(s, &target)) {
		target = imago_heap_nil(s->heap);
	}
	for (uint64_t i = length; i > 0; i--) {
		if (!place_chunk(s, at + (i - 1) * LEAST_CHUNK, header, &forwarder)) {
			return false;
		}
		(void)subject_store(s, &forwarder, 0, target);
		target = forwarder.oop;
	}
	if (ruled_pick_slot(s, &holder, &slot)) {
		(void)subject_store(s, &holder, slot, target);
	}
	return true;
}

/* A link that nobody follows: none, within the heap, just behind it, or anything. */
static imago_oop
stale_link(subject *s)
{
	const imago_segment *last = &s->heap->segments[s->heap->num_segments - 1];
	imago_object other;
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return last->start + last->size + last->bridge_size + 8 * dice_below(&s->dice, 64);
	case 1:
		return subject_pick(s, CHUNK_FREE, &other) ? other.oop : 0;
	case 2:
		return dice_nasty(&s->dice, last->start, 32) & ~UINT64_C(7);
	default:
		return 0;
	}
}

/* A free chunk that no list leads to: its links are whatever was left in it. */
bool
mutate_sound_free(subject *s)
{
	imago_addr at;
	imago_object chunk;
	const uint64_t size = LEAST_CHUNK + 8 * dice_below(&s->dice, 8);
	if (!make_room(s, size, &at) ||
	    !place_chunk(s, at, (size - SPUR_HEADER) / subject_word(s) << 56, &chunk)) {
		return false;
	}
	for (uint64_t i = 0; i < NUM_LINKS; i++) {
		(void)subject_store(s, &chunk, i, stale_link(s));
	}
	return true;
}

/* A class stands a second time in the class table, as Float does, and an object goes by that. */
bool
mutate_sound_second_index(subject *s)
{
	imago_object object;
	imago_object cls;
	imago_object roots;
	imago_object page;
	const imago_oop nil = imago_heap_nil(s->heap);
	if (!ruled_pick_plain(s, CHUNK_ANY, &object) || object.body_kind == IMAGO_BODY_METHOD ||
	    ruled_role_of(s, &object) != ROLE_PLAIN || !subject_class_of(s, &object, &cls) ||
	    !subject_hidden_roots(s, &roots) ||
	    !subject_decode(s, subject_fetch(s, &roots, 0), &page)) {
		return false;
	}
	const uint64_t index =
	    FIRST_OPEN_INDEX + dice_below(&s->dice, IMAGO_CLASS_PAGE_SIZE - FIRST_OPEN_INDEX);
	const imago_oop there = subject_fetch(s, &page, index);
	return (there == nil || there == cls.oop) &&
	       (there == cls.oop || subject_store(s, &page, index, cls.oop)) &&
	       subject_set_bits(s, &object, 0, 22, index);
}

static bool
is_special_object(const subject *s, imago_oop oop)
{
	enum { NUM_SPECIAL_OBJECTS = 60 };
	for (uint64_t i = 0; i < NUM_SPECIAL_OBJECTS; i++) {
		if (imago_special_object_at(s->heap, i) == oop) {
			return true;
		}
	}
	return false;
}

/* A V3 object says by a word what its class is, and no longer by a compact index. */
bool
mutate_sound_class_word(subject *s)
{
	enum { WORD = 4, TYPE_CLASS = 1, TYPE_SHORT = 3, COMPACT_INDEX = 31 << 12, MOST_ATTEMPTS = 8 };
	imago_object object;
	imago_object cls;
	/* How a body of bits is turned, its class alone says; best one that the VM knows. */
	const chunk_kind kind = dice_one_in(&s->dice, 2) ? CHUNK_BITS : CHUNK_ANY;
	for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		if (!ruled_pick_plain(s, kind, &object) || !subject_class_of(s, &object, &cls)) {
			return false;
		}
		if (kind == CHUNK_ANY || is_special_object(s, cls.oop)) {
			break;
		}
	}
	if (object.v3_type != TYPE_SHORT || object.class_index == 0 ||
	    !move_resize(s, object.segment, object.chunk, 0, WORD)) {
		return false;
	}
	const imago_byte_order order = s->heap->layout.byte_order;
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, object.chunk, 2 * (uint64_t)WORD);
	if (bytes == NULL) {
		return false;
	}
	const uint32_t header =
	    imago_load_u32(bytes + WORD, order) & ~(uint32_t)(COMPACT_INDEX | TYPE_SHORT);
	const imago_oop class_oop = cls.oop >= object.chunk ? cls.oop + WORD : cls.oop;
	imago_store_u32(bytes, (uint32_t)class_oop | TYPE_CLASS, order);
	imago_store_u32(bytes + WORD, header | TYPE_CLASS, order);
	return subject_map(s);
}
