/* mutate_tail.c: the end of the file. */
#include <string.h>

#include "bundle.h"
#include "mutations.h"

bool
mutate_tail_truncate(subject *s)
{
	if (s->size == 0) {
		return false;
	}
	/* Mostly just behind the fields, or just before the end. */
	switch (dice_below(&s->dice, 3)) {
	case 0:
		s->size = (size_t)dice_below(&s->dice, s->size);
		break;
	case 1:
		s->size -= 1 + (size_t)dice_below(&s->dice, s->size < 64 ? s->size : 64);
		break;
	default:
		s->size = (size_t)dice_below(&s->dice, s->size < 256 ? s->size : 256);
		break;
	}
	return true;
}

/* The last file of a bundle is a segment's bytes, behind which there may be more. */
static bool
ends_in_data(const subject *s)
{
	const char *name = s->num_files > 0 ? s->files[s->num_files - 1].name : "";
	const size_t length = strlen(name);
	return length > 5 && strcmp(name + length - 5, ".data") == 0;
}

bool
mutate_tail_extend(subject *s)
{
	enum { MOST = 256, DIGITS = 20 };
	const size_t room = s->capacity - s->size;
	const bool bundle = s->format == IMAGO_FORMAT_COMPOSED;
	if (room < (bundle ? MOST + DIGITS : 1) || (bundle && !ends_in_data(s))) {
		return false;
	}
	const size_t more = 1 + (size_t)dice_below(&s->dice, room < MOST ? room : MOST);
	for (size_t i = 0; i < more; i++) {
		s->bytes[s->size++] = (uint8_t)dice_roll(&s->dice);
	}
	if (bundle) {
		s->files[s->num_files - 1].size += more;
		return bundle_frame(s);
	}
	return true;
}

bool
mutate_tail_drop(subject *s)
{
	const imago_segment *last = &s->heap->segments[s->heap->num_segments - 1];
	const uint64_t end = (size_t)(last->bytes - s->bytes) + last->size + last->bridge_size;
	/* Bytes behind the last bridge that dataSize counts must be there. */
	const uint64_t counted = s->header + s->header_size + s->heap->header.data_size;
	const uint64_t least = end > counted ? end : counted;
	if (least >= s->size) {
		return false;
	}
	s->size = (size_t)least;
	return true;
}
