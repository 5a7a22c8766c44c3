/* mutate_segment.c: segments and the bridges between them. */
#include <string.h>

#include "fix_up.h"
#include "imago/byte_order.h"
#include "mutations.h"

/* The bridge of a random segment of old space; preferably of one that has a successor. */
static uint8_t *
pick_bridge(subject *s, size_t *index)
{
	*index = (size_t)dice_below(&s->dice, s->heap->num_segments);
	if (*index + 1 == s->heap->num_segments && dice_one_in(&s->dice, 2)) {
		*index = 0;
	}
	const imago_segment *segment = &s->heap->segments[*index];
	return segment->bridge_size == IMAGO_BRIDGE_SIZE ? segment->writable + segment->size : NULL;
}

static bool
store_half(subject *s, uint8_t *half, uint64_t value)
{
	const imago_byte_order order = s->heap->layout.byte_order;
	if (imago_load_u64(half, order) == value) {
		return false;
	}
	imago_store_u64(half, value, order);
	return true;
}

bool
mutate_segment_span(subject *s)
{
	size_t index;
	uint8_t *bridge = pick_bridge(s, &index);
	if (bridge == NULL) {
		return false;
	}
	const uint64_t old = imago_load_u64(bridge, s->heap->layout.byte_order);
	const uint64_t span = dice_nasty(&s->dice, old >> 56 == 0 ? 0 : old & (UINT64_MAX >> 8), 56);
	return store_half(s, bridge, UINT64_C(0xFF) << 56 | span);
}

bool
mutate_segment_next(subject *s)
{
	size_t index;
	uint8_t *bridge = pick_bridge(s, &index);
	if (bridge == NULL) {
		return false;
	}
	const uint64_t old = imago_load_u64(bridge + 8, s->heap->layout.byte_order);
	return store_half(s, bridge + 8, dice_nasty(&s->dice, old, dice_one_in(&s->dice, 2) ? 16 : 64));
}

bool
mutate_segment_header(subject *s)
{
	size_t index;
	uint8_t *bridge = pick_bridge(s, &index);
	if (bridge == NULL) {
		return false;
	}
	const uint64_t old = imago_load_u64(bridge, s->heap->layout.byte_order);
	return store_half(s, bridge, (old & (UINT64_MAX >> 8)) | (1 + dice_below(&s->dice, 254)) << 56);
}

/* The last segment of old space. */
static size_t
last_old_segment(const subject *s)
{
	size_t last = 0;
	for (size_t i = 0; i < s->heap->num_segments; i++) {
		last = s->heap->segments[i].space == IMAGO_SPACE_OLD ? i : last;
	}
	return last;
}

bool
mutate_segment_zero(subject *s)
{
	const imago_segment *segment = &s->heap->segments[last_old_segment(s)];
	return segment->bridge_size == IMAGO_BRIDGE_SIZE &&
	       store_half(s, segment->writable + segment->size, 0);
}

bool
mutate_segment_gap(subject *s)
{
	const size_t last = last_old_segment(s);
	if (last == 0) {
		return false;
	}
	const size_t index = (size_t)dice_below(&s->dice, last);
	const imago_segment *top = &s->heap->segments[last];
	const uint64_t up = 8 * (1 + dice_below(&s->dice, 64));
	const uint64_t room =
	    (subject_word(s) == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32) - up - top->size - 16;
	if (top->start > room) {
		return false;
	}
	(void)subject_resize_segment(s, index, s->heap->segments[index].size, up);
	fix_up_container(s);
	return true;
}

bool
mutate_segment_cut(subject *s)
{
	const size_t index = (size_t)dice_below(&s->dice, s->heap->num_segments);
	const imago_segment *segment = &s->heap->segments[index];
	const uint64_t cut = 8 * (1 + dice_below(&s->dice, 8));
	if (segment->size < cut + 64) {
		return false;
	}
	const size_t end = (size_t)(segment->bytes - s->bytes) + (size_t)segment->size;
	if (!subject_splice(s, end - (size_t)cut, (size_t)cut, 0)) {
		return false;
	}
	(void)subject_resize_segment(s, index, segment->size - cut, 0);
	fix_up_container(s);
	return true;
}

bool
mutate_segment_swap(subject *s)
{
	const size_t num_segments = s->heap->num_segments;
	if (num_segments < 2) {
		return false;
	}
	const size_t first = (size_t)dice_below(&s->dice, num_segments - 1);
	const imago_segment *a = &s->heap->segments[first];
	const imago_segment *b = &s->heap->segments[first + 1];
	const uint64_t size = a->size < b->size ? a->size : b->size;
	bool changed = false;
	for (uint64_t i = 0; i < size; i++) {
		const uint8_t byte = a->writable[i];
		changed = changed || byte != b->writable[i];
		a->writable[i] = b->writable[i];
		b->writable[i] = byte;
	}
	(void)subject_map(s);
	return changed;
}
