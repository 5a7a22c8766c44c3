/* move.c: edits that move objects, with every pointer taken along. */
#include "move.h"

#include <string.h>

#include "fix_up.h"
#include "imago/byte_order.h"

typedef struct journey {
	const subject *s;
	const imago_segment *segment;
	imago_addr at;
	uint64_t remove, insert;
	imago_addr segment_end; /* of its objects, before the change */
	uint64_t shift;         /* of later segments */
	imago_addr later_end;   /* behind the last segment of old space */
	imago_oop nil;
} journey;

static imago_oop
moved(const journey *j, imago_oop oop)
{
	if (oop < j->at || oop >= j->later_end) {
		return oop;
	}
	if (oop >= j->segment_end) {
		return oop + j->shift;
	}
	return oop < j->at + j->remove ? j->nil : oop - j->remove + j->insert;
}

static void
move_slots(subject *s, const journey *j, const imago_object *object, uint64_t num_slots)
{
	for (uint64_t i = 0; i < num_slots && i < object->num_slots; i++) {
		const imago_oop oop = imago_heap_fetch_slot(s->heap, object, i);
		if (oop >= j->at && imago_oop_is_pointer(s->heap->tagging, oop)) {
			imago_heap_store_slot(s->heap, object, i, moved(j, oop));
		}
	}
}

static void
move_class_word(subject *s, const journey *j, const imago_object *object)
{
	uint8_t *word = imago_heap_writable_bytes(s->heap, object->oop - 4, 4);
	if (object->class_oop != 0 && word != NULL) {
		/* What a broken image has for nil may be no address: the header's type stays. */
		imago_store_u32(word, ((uint32_t)moved(j, object->class_oop) & ~3U) | object->v3_type,
		                s->heap->layout.byte_order);
	}
}

/* Every pointer of the heap; of free chunks the five links, of the free lists their heads. */
static void
move_pointers(subject *s, const journey *j)
{
	imago_object object;
	for (size_t i = 0; i < s->num_chunks; i++) {
		if (imago_heap_decode_chunk(s->heap, s->chunks[i].chunk, &object, NULL) != IMAGO_OK) {
			continue;
		}
		if (!subject_is_spur(s)) {
			if (object.kind != IMAGO_OBJECT_FREE) {
				move_class_word(s, j, &object);
				move_slots(s, j, &object, imago_heap_num_pointer_slots(s->heap, &object));
			}
		} else if (object.kind == IMAGO_OBJECT_FREE) {
			move_slots(s, j, &object, 5);
		} else if (i == 3 && object.kind == IMAGO_OBJECT_HIDDEN) {
			move_slots(s, j, &object, object.num_slots);
		} else {
			move_slots(s, j, &object, imago_heap_num_pointer_slots(s->heap, &object));
		}
	}
}

/* How far later segments must move up. False when the address space ends. */
static bool
plan_shift(const subject *s, size_t index, uint64_t growth, journey *j)
{
	const imago_segment *segment = &s->heap->segments[index];
	const imago_segment *last = segment;
	imago_addr limit = subject_word(s) == 8 ? UINT64_MAX : UINT64_C(1) << 32;
	j->shift = 0;
	for (size_t i = index + 1; i < s->heap->num_segments; i++) {
		const imago_segment *next = &s->heap->segments[i];
		if (next->space == IMAGO_SPACE_PERM) {
			limit = next->start;
			break;
		}
		last = next;
	}
	const imago_addr end = segment->start + segment->size + segment->bridge_size;
	if (last != segment && growth > segment[1].start - end) {
		j->shift = growth - (segment[1].start - end);
	}
	j->later_end = last->start + last->size + last->bridge_size;
	const uint64_t up = last == segment ? growth : j->shift;
	return j->later_end <= limit && up <= limit - j->later_end;
}

bool
move_resize(subject *s, size_t index, imago_addr at, uint64_t remove, uint64_t insert)
{
	const imago_segment *segment = &s->heap->segments[index];
	const uint64_t offset = at - segment->start;
	journey j = {.s = s,
	             .segment = segment,
	             .at = at,
	             .remove = remove,
	             .insert = insert,
	             .segment_end = segment->start + segment->size,
	             .nil = imago_heap_nil(s->heap)};
	if (at < segment->start || offset > segment->size || remove > segment->size - offset ||
	    insert > s->capacity || s->size - remove > s->capacity - insert ||
	    !plan_shift(s, index, insert > remove ? insert - remove : 0, &j)) {
		return false;
	}
	const uint64_t size = segment->size - remove + insert;
	const size_t position = (size_t)(segment->bytes - s->bytes) + (size_t)offset;
	/* A capacity that is just too small is met by the lines of a bundle. */
	if (s->format == IMAGO_FORMAT_COMPOSED && insert > remove &&
	    s->size - remove + insert + 256 > s->capacity) {
		return false;
	}
	if (size < 16) {
		return false;
	}
	move_pointers(s, &j);
	const imago_oop special = s->heap->header.special_objects_oop;
	if (!subject_splice(s, position, (size_t)remove, (size_t)insert)) {
		return false;
	}
	s->heap->header.special_objects_oop = moved(&j, special);
	(void)subject_set_field(s, "initialSpecialObjectsOop", s->heap->header.special_objects_oop);
	(void)subject_resize_segment(s, index, size, j.shift);
	fix_up_container(s);
	return true;
}

static void
store_free(subject *s, imago_addr at, uint64_t size)
{
	const imago_byte_order order = s->heap->layout.byte_order;
	uint8_t *bytes = imago_heap_writable_bytes(s->heap, at, size);
	if (bytes == NULL || size < 4) {
		return;
	}
	if (!subject_is_spur(s)) {
		imago_store_u32(bytes, (uint32_t)size | 2, order);
		return;
	}
	const bool bytes_object = dice_one_in(&s->dice, 2);
	const uint64_t header =
	    bytes_object ? IMAGO_CLASS_BYTE_ARRAY | (uint64_t)IMAGO_FORMAT_BITS8 << 24 : 0;
	const uint64_t num_slots = (size - 8) / subject_word(s);
	if (num_slots < 255) {
		imago_store_u64(bytes, header | num_slots << 56, order);
	} else {
		imago_store_u64(bytes, UINT64_C(0xFF) << 56 | (size - 16) / subject_word(s), order);
		imago_store_u64(bytes + 8, header | UINT64_C(0xFF) << 56, order);
	}
}

void
move_fill(subject *s, imago_addr at, uint64_t size)
{
	/* A body of 255 words with an overflow header would count less than 255: two chunks. */
	if (subject_is_spur(s) && (size - 8) / subject_word(s) >= 255 &&
	    (size - 16) / subject_word(s) < 255) {
		store_free(s, at, 16);
		at += 16;
		size -= 16;
	}
	store_free(s, at, size);
}

bool
move_cut(subject *s, const imago_object *object, uint64_t num_slots)
{
	const bool overflow = subject_is_spur(s) && object->oop != object->chunk;
	if (overflow && num_slots < 255) {
		num_slots = 255;
	}
	if (num_slots >= object->num_slots || object->v3_type == 2) {
		return false;
	}
	uint64_t kept = num_slots * subject_word(s);
	if (subject_is_spur(s)) {
		kept = kept < 8 ? 8 : (kept + 7) & ~UINT64_C(7);
	}
	kept += object->body - object->chunk;
	bool set = false;
	uint8_t *first = imago_heap_writable_bytes(s->heap, object->chunk, 4);
	if (overflow) {
		uint8_t *word = imago_heap_writable_bytes(s->heap, object->chunk, 8);
		if (word != NULL) {
			imago_store_u64(word, UINT64_C(0xFF) << 56 | num_slots, s->heap->layout.byte_order);
			set = true;
		}
	} else if (subject_is_spur(s)) {
		set = subject_set_bits(s, object, 56, 8, num_slots);
	} else if (object->v3_type != 0) {
		set = subject_set_bits(s, object, 2, 6, num_slots + 1);
	} else if (first != NULL) {
		imago_store_u32(first, (uint32_t)(4 * (num_slots + 1)), s->heap->layout.byte_order);
		set = true;
	}
	if (!set || kept == object->total_bytes) {
		return set;
	}
	return move_resize(s, object->segment, object->chunk + kept, object->total_bytes - kept, 0);
}

bool
move_drop_segment(subject *s, size_t index)
{
	imago_segment *segments = s->heap->segments;
	const imago_segment dropped = segments[index];
	if (index == 0 || s->format == IMAGO_FORMAT_COMPOSED) {
		return false;
	}
	const imago_addr end = dropped.start + dropped.size + dropped.bridge_size;
	const journey j = {.s = s,
	                   .at = dropped.start,
	                   .remove = end - dropped.start,
	                   .segment_end = end,
	                   .later_end = end,
	                   .nil = imago_heap_nil(s->heap)};
	move_pointers(s, &j);
	const size_t position = (size_t)(dropped.bytes - s->bytes);
	if (!subject_splice(s, position, (size_t)(dropped.size + dropped.bridge_size), 0)) {
		return false;
	}
	const size_t num_behind = s->heap->num_segments - index - 1;
	memmove(&segments[index], &segments[index + 1], num_behind * sizeof *segments);
	s->heap->num_segments--;
	(void)subject_map(s);
	fix_up_container(s);
	return true;
}
