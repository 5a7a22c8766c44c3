/* mutate_object.c: object headers. */
#include <string.h>

#include "fix_up.h"
#include "imago/byte_order.h"
#include "move.h"
#include "mutations.h"

static bool
set_class_index(subject *s, const imago_object *object, uint64_t class_index)
{
	return subject_is_spur(s) ? subject_set_bits(s, object, 0, 22, class_index)
	                          : subject_set_bits(s, object, 12, 5, class_index);
}

static bool
set_class_word(subject *s, const imago_object *object, uint64_t oop)
{
	uint8_t *word = imago_heap_writable_bytes(s->heap, object->oop - 4, 4);
	if (object->class_oop == 0 || word == NULL || object->class_oop == (oop & ~UINT64_C(3))) {
		return false;
	}
	imago_store_u32(word, (uint32_t)(oop & ~UINT64_C(3)) | object->v3_type,
	                s->heap->layout.byte_order);
	return true;
}

/* Ordinary: the known objects and the class table stay out of most edits. */
static bool
is_ordinary(const subject *s, const imago_object *object)
{
	(void)s;
	return object->kind == IMAGO_OBJECT_ORDINARY;
}

static bool
pick_ordinary(subject *s, imago_object *out)
{
	return subject_pick_if(s, CHUNK_ANY, is_ordinary, out);
}

bool
mutate_object_class(subject *s)
{
	imago_object object;
	imago_object other;
	if (!pick_ordinary(s, &object) || !pick_ordinary(s, &other)) {
		return false;
	}
	if (!subject_is_spur(s) && object.class_oop != 0) {
		return other.class_oop != 0 && set_class_word(s, &object, other.class_oop);
	}
	return other.class_index != 0 && set_class_index(s, &object, other.class_index);
}

bool
mutate_object_pun(subject *s)
{
	static const uint8_t puns[] = {1, 2, 3, 4, 5, 6, 7, 9, 12, 15, 17, 20, 24, 31};
	imago_object object;
	return pick_ordinary(s, &object) &&
	       set_class_index(s, &object, puns[dice_below(&s->dice, sizeof puns)]);
}

bool
mutate_object_wild(subject *s)
{
	imago_object object;
	if (!pick_ordinary(s, &object)) {
		return false;
	}
	if (!subject_is_spur(s) && object.class_oop != 0) {
		return set_class_word(s, &object, dice_nasty(&s->dice, object.class_oop, 32));
	}
	const unsigned bits = subject_is_spur(s) ? 22 : 5;
	const uint64_t index = dice_nasty(&s->dice, object.class_index, bits);
	return index >= (subject_is_spur(s) ? 32 : 1) && set_class_index(s, &object, index);
}

static unsigned
format_shift(const subject *s)
{
	return subject_is_spur(s) ? 24 : 8;
}

static unsigned
format_width(const subject *s)
{
	return subject_is_spur(s) ? 5 : 4;
}

bool
mutate_object_format(subject *s)
{
	imago_object object;
	return subject_pick(s, CHUNK_ANY, &object) && object.v3_type != 2 &&
	       subject_set_bits(s, &object, format_shift(s), format_width(s),
	                        dice_below(&s->dice, UINT64_C(1) << format_width(s)));
}

static bool
has_tail(const subject *s, const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY &&
	       object->format >= (subject_is_spur(s) ? IMAGO_FORMAT_BITS64 : IMAGO_V3_FORMAT_BITS8);
}

bool
mutate_object_tail(subject *s)
{
	imago_object object;
	if (!subject_pick_if(s, CHUNK_ANY, has_tail, &object)) {
		return false;
	}
	const bool wide = subject_is_spur(s) && object.format >= IMAGO_FORMAT_BITS8;
	return subject_set_bits(s, &object, format_shift(s), wide ? 3 : 2, dice_below(&s->dice, 8));
}

/* The size word of V3's type 0, in bytes from the base header on. */
static bool
set_v3_size(subject *s, const imago_object *object, uint64_t size)
{
	if (object->v3_type != 0) {
		return subject_set_bits(s, object, 2, 6, size / 4);
	}
	uint8_t *word = imago_heap_writable_bytes(s->heap, object->chunk, 4);
	if (word == NULL || object->num_slots == size / 4 - 1) {
		return false;
	}
	imago_store_u32(word, (uint32_t)size & ~UINT32_C(3), s->heap->layout.byte_order);
	return true;
}

bool
mutate_object_slots(subject *s)
{
	imago_object object;
	if (!subject_pick(s, CHUNK_ANY, &object)) {
		return false;
	}
	if (!subject_is_spur(s)) {
		return object.v3_type != 2 &&
		       set_v3_size(s, &object, 4 * dice_nasty(&s->dice, object.num_slots + 1, 8));
	}
	return subject_set_bits(s, &object, 56, 8, dice_nasty(&s->dice, object.num_slots, 8));
}

static bool
has_overflow_word(const subject *s, const imago_object *object)
{
	(void)s;
	return object->oop != object->chunk;
}

bool
mutate_object_overflow(subject *s)
{
	imago_object object;
	uint8_t *word = NULL;
	if (subject_pick_if(s, CHUNK_ANY, has_overflow_word, &object)) {
		word = imago_heap_writable_bytes(s->heap, object.chunk, 8);
	}
	if (word == NULL) {
		return false;
	}
	uint64_t count = dice_nasty(&s->dice, object.num_slots, dice_one_in(&s->dice, 2) ? 10 : 56);
	if (dice_one_in(&s->dice, 4)) { /* of 56 bits some readers take 32 (spur.md, §5) */
		count = object.num_slots | UINT64_C(1) << (32 + dice_below(&s->dice, 24));
	}
	if (count == object.num_slots) {
		return false;
	}
	imago_store_u64(word, UINT64_C(0xFF) << 56 | count, s->heap->layout.byte_order);
	return true;
}

bool
mutate_object_overflow_header(subject *s)
{
	imago_object object;
	if (dice_one_in(&s->dice, 2) && subject_pick_if(s, CHUNK_ANY, has_overflow_word, &object)) {
		return subject_set_bits(s, &object, 56, 8, dice_below(&s->dice, 255));
	}
	return subject_pick(s, CHUNK_ANY, &object) && object.oop == object.chunk &&
	       subject_set_bits(s, &object, 56, 8, 255);
}

bool
mutate_object_hash(subject *s)
{
	imago_object object;
	if (!subject_pick(s, CHUNK_ANY, &object) || object.v3_type == 2) {
		return false;
	}
	return subject_is_spur(s) ? subject_set_bits(s, &object, 32, 22,
	                                             dice_nasty(&s->dice, object.identity_hash, 22))
	                          : subject_set_bits(s, &object, 17, 12,
	                                             dice_nasty(&s->dice, object.identity_hash, 12));
}

bool
mutate_object_bits(subject *s)
{
	static const uint8_t spur_bits[] = {22, 23, 29, 30, 31, 54, 55};
	imago_object object;
	if (!subject_pick(s, CHUNK_ANY, &object) || object.v3_type == 2) {
		return false;
	}
	const uint64_t bit = subject_is_spur(s) ? spur_bits[dice_below(&s->dice, sizeof spur_bits)]
	                                        : 29 + dice_below(&s->dice, 3);
	return subject_store_header(s, &object, subject_load_header(s, &object) ^ UINT64_C(1) << bit);
}

bool
mutate_object_type(subject *s)
{
	imago_object object;
	return subject_pick(s, CHUNK_ANY, &object) && object.v3_type != 2 &&
	       subject_set_bits(s, &object, 0, 2, dice_below(&s->dice, 4));
}

bool
mutate_object_compact(subject *s)
{
	imago_object object;
	return pick_ordinary(s, &object) &&
	       subject_set_bits(s, &object, 12, 5, dice_below(&s->dice, 32));
}

/* Slots end on words, objects on 8 bytes in Spur. */
static uint64_t
body_bytes(const subject *s, uint64_t num_slots)
{
	const uint64_t bytes = num_slots * subject_word(s);
	if (!subject_is_spur(s)) {
		return bytes;
	}
	return bytes < 8 ? 8 : (bytes + 7) & ~UINT64_C(7);
}

static bool
can_shrink(const subject *s, const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->num_slots > 6 &&
	       object->chunk != s->heap->segments[0].start;
}

bool
mutate_object_shrink(subject *s)
{
	imago_object object;
	if (!subject_pick_if(s, CHUNK_ANY, can_shrink, &object)) {
		return false;
	}
	const bool overflow = subject_is_spur(s) && object.oop != object.chunk;
	const uint64_t fewest = overflow ? 255 : 0;
	if (object.num_slots < fewest + 6) {
		return false;
	}
	const uint64_t num_slots = fewest + dice_below(&s->dice, object.num_slots - 4 - fewest);
	const uint64_t kept = object.body - object.chunk + body_bytes(s, num_slots);
	if (object.total_bytes < kept + (subject_is_spur(s) ? 16 : 4)) {
		return false;
	}
	bool set = false;
	if (!subject_is_spur(s)) {
		set = set_v3_size(s, &object, 4 * (num_slots + 1));
	} else if (overflow) {
		uint8_t *word = imago_heap_writable_bytes(s->heap, object.chunk, 8);
		if (word != NULL) {
			imago_store_u64(word, UINT64_C(0xFF) << 56 | num_slots, s->heap->layout.byte_order);
			set = true;
		}
	} else {
		set = subject_set_bits(s, &object, 56, 8, num_slots);
	}
	if (set) {
		move_fill(s, object.chunk + kept, object.total_bytes - kept);
		(void)subject_map(s);
	}
	return set;
}

bool
mutate_object_swallow(subject *s)
{
	imago_object object;
	imago_object next;
	if (!pick_ordinary(s, &object) ||
	    imago_heap_decode_chunk(s->heap, object.chunk + object.total_bytes, &next, NULL) !=
	        IMAGO_OK ||
	    next.segment != object.segment) {
		return false;
	}
	const uint64_t bytes = object.chunk + object.total_bytes + next.total_bytes - object.body;
	const uint64_t num_slots = bytes / subject_word(s);
	bool set = false;
	if (!subject_is_spur(s)) {
		set = (object.v3_type == 0 || num_slots < 63) && set_v3_size(s, &object, bytes + 4);
	} else if (object.oop == object.chunk) {
		set = num_slots < 255 && subject_set_bits(s, &object, 56, 8, num_slots);
	} else {
		uint8_t *word = imago_heap_writable_bytes(s->heap, object.chunk, 8);
		if (word != NULL) {
			imago_store_u64(word, UINT64_C(0xFF) << 56 | num_slots, s->heap->layout.byte_order);
			set = true;
		}
	}
	return set && subject_map(s);
}

enum { MAX_COPY = 4096 };

/* Inserts a chunk's bytes behind a random chunk. *placed is the new chunk. */
static bool
insert_chunk(subject *s, const uint8_t *bytes, uint64_t size, imago_object *placed)
{
	imago_object place;
	if (!pick_ordinary(s, &place) || place.chunk == s->heap->segments[0].start) {
		return false;
	}
	/* Not between the first five objects, which a VM finds by counting. */
	const imago_addr at = place.chunk + place.total_bytes;
	imago_object roots;
	if (subject_is_spur(s) && subject_hidden_roots(s, &roots) && at <= roots.chunk) {
		return false;
	}
	if (!move_resize(s, place.segment, at, 0, size)) {
		return false;
	}
	uint8_t *room = imago_heap_writable_bytes(s->heap, at, size);
	if (room == NULL) {
		return false;
	}
	memcpy(room, bytes, (size_t)size);
	(void)subject_map(s);
	return imago_heap_decode_chunk(s->heap, at, placed, NULL) == IMAGO_OK;
}

bool
mutate_object_clone(subject *s)
{
	uint8_t copy[MAX_COPY];
	imago_object object;
	imago_object placed;
	if (!pick_ordinary(s, &object) || object.total_bytes > sizeof copy) {
		return false;
	}
	const uint8_t *bytes = imago_heap_bytes(s->heap, object.chunk, object.total_bytes);
	memcpy(copy, bytes, (size_t)object.total_bytes);
	return insert_chunk(s, copy, object.total_bytes, &placed);
}

bool
mutate_object_remove(subject *s)
{
	imago_object object;
	imago_object roots;
	if (!pick_ordinary(s, &object)) {
		return false;
	}
	if (subject_is_spur(s) && subject_hidden_roots(s, &roots) && object.chunk <= roots.chunk &&
	    object.segment == 0) {
		return false;
	}
	return move_resize(s, object.segment, object.chunk, object.total_bytes, 0);
}

bool
mutate_object_exchange(subject *s)
{
	imago_object a;
	imago_object b;
	if (!pick_ordinary(s, &a)) {
		return false;
	}
	for (int attempt = 0; attempt < 16; attempt++) {
		if (!pick_ordinary(s, &b) || b.num_slots != a.num_slots || b.oop == a.oop) {
			continue;
		}
		uint8_t copy[MAX_COPY];
		const uint64_t size = a.num_slots * subject_word(s);
		/* An edit before this one may have let one grow over the other. */
		const uint64_t apart = a.body < b.body ? b.body - a.body : a.body - b.body;
		uint8_t *one = imago_heap_writable_bytes(s->heap, a.body, size);
		uint8_t *two = imago_heap_writable_bytes(s->heap, b.body, size);
		if (size == 0 || size > sizeof copy || apart < size || one == NULL || two == NULL ||
		    memcmp(one, two, (size_t)size) == 0) {
			continue;
		}
		memcpy(copy, one, (size_t)size);
		memcpy(one, two, (size_t)size);
		memcpy(two, copy, (size_t)size);
		return true;
	}
	return false;
}

/* An object of the donor, where its headers mean the same here; pointers are drawn anew. */
bool
mutate_object_donor(subject *s)
{
	uint8_t copy[MAX_COPY];
	if (s->donor == NULL) {
		return false;
	}
	subject donor;
	/* The donor is only read: subject_open writes nothing. */
	subject_open(&donor, (uint8_t *)(uintptr_t)s->donor, s->donor_size, s->donor_size,
	             dice_roll(&s->dice));
	imago_object object;
	uint64_t size = 0;
	if (donor.readable && donor.heap->model == s->heap->model &&
	    imago_layout_equal(donor.heap->layout, s->heap->layout) && pick_ordinary(&donor, &object) &&
	    object.total_bytes <= sizeof copy) {
		size = object.total_bytes;
		memcpy(copy, imago_heap_bytes(donor.heap, object.chunk, size), (size_t)size);
	}
	subject_close(&donor);
	imago_object placed;
	if (size == 0 || !insert_chunk(s, copy, size, &placed)) {
		return false;
	}
	const uint64_t num_slots = imago_heap_num_pointer_slots(s->heap, &placed);
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_object target;
		if (imago_oop_is_pointer(s->heap->tagging, subject_fetch(s, &placed, i)) &&
		    subject_pick(s, CHUNK_ANY, &target)) {
			(void)subject_store(s, &placed, i, target.oop);
		}
	}
	/* And something points to it. */
	imago_object holder;
	if (subject_pick_pointers(s, &holder)) {
		const uint64_t index = dice_below(&s->dice, imago_heap_num_pointer_slots(s->heap, &holder));
		if (index > 0 || holder.body_kind != IMAGO_BODY_METHOD) {
			(void)subject_store(s, &holder, index, placed.oop);
		}
	}
	return true;
}

bool
mutate_object_bytes(subject *s)
{
	imago_object object;
	if (!subject_pick(s, CHUNK_BITS, &object) || object.num_slots == 0) {
		return false;
	}
	uint8_t *bytes =
	    imago_heap_writable_bytes(s->heap, object.body, object.num_slots * subject_word(s));
	if (bytes == NULL) {
		return false;
	}
	bytes += dice_below(&s->dice, object.num_slots * subject_word(s));
	const uint8_t old = *bytes;
	*bytes = (uint8_t)dice_nasty(&s->dice, old, 8);
	return *bytes != old;
}
