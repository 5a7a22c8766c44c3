/* mutate_header.c: the fields that every classic image begins with; header.ston has most of them.
 */
#include <string.h>

#include "fix_up.h"
#include "imago/byte_order.h"
#include "mutations.h"

bool
mutate_header_field(subject *s)
{
	const imago_header_field field = imago_header_field_at(
	    (size_t)dice_below(&s->dice, IMAGO_NUM_HEADER_FIELDS), subject_word(s));
	return subject_set_field(s, field.name,
	                         dice_nasty(&s->dice, subject_field(s, field.name), 8 * field.width));
}

static const uint32_t format_numbers[] = {6502,  6504,  6505,  6521,  7033, 68000,
                                          68002, 68003, 68019, 68021, 68533};
enum { NUM_FORMAT_NUMBERS = sizeof format_numbers / sizeof format_numbers[0] };

bool
mutate_header_format(subject *s)
{
	const uint64_t old = subject_field(s, "imageFormat");
	switch (dice_below(&s->dice, 4)) {
	case 0:
		return subject_set_field(s, "imageFormat", dice_nasty(&s->dice, old, 32));
	case 1: /* readers that mask the number take it for the old one */
		return subject_set_field(s, "imageFormat", old ^ UINT64_C(1) << dice_below(&s->dice, 32));
	default:
		break;
	}
	return subject_set_field(s, "imageFormat",
	                         format_numbers[dice_below(&s->dice, NUM_FORMAT_NUMBERS)]);
}

bool
mutate_header_number(subject *s)
{
	const uint64_t old = subject_field(s, "imageFormat");
	size_t at = (size_t)dice_below(&s->dice, NUM_FORMAT_NUMBERS);
	for (size_t i = 0; i < NUM_FORMAT_NUMBERS; i++, at = (at + 1) % NUM_FORMAT_NUMBERS) {
		const imago_format_number *number = imago_format_number_find(format_numbers[at]);
		if (number != NULL && number->supported && number->model == s->heap->model &&
		    number->word_bytes == subject_word(s) && number->number != old) {
			/* Metadata say "big-endian" by a number with its bytes reversed. */
			const bool reversed = s->format == IMAGO_FORMAT_COMPOSED &&
			                      s->heap->layout.byte_order == IMAGO_BIG_ENDIAN;
			uint8_t bytes[4];
			imago_store_u32(bytes, number->number, IMAGO_LITTLE_ENDIAN);
			return subject_set_field(
			    s, "imageFormat",
			    imago_load_u32(bytes, reversed ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN));
		}
	}
	return false;
}

/* A field that places the heap: off by a little, or far off. */
static bool
lie_about(subject *s, const char *name)
{
	const uint64_t old = subject_field(s, name);
	const uint64_t step = UINT64_C(4) << dice_below(&s->dice, 5);
	switch (dice_below(&s->dice, 6)) {
	case 5: /* just past the end, and aligned */
		return subject_set_field(s, name, ((s->size | 7) + 1) + 8 * dice_below(&s->dice, 8));
	case 0:
		return subject_set_field(s, name, old + step);
	case 1:
		return subject_set_field(s, name, old - step);
	case 2:
		return subject_set_field(s, name, old + 1 + dice_below(&s->dice, 7));
	case 3:
		return subject_set_field(s, name, s->size + dice_below(&s->dice, 64));
	default:
		return subject_set_field(s, name, dice_nasty(&s->dice, old, 8 * subject_word(s)));
	}
}

bool
mutate_header_size(subject *s)
{
	return lie_about(s, "imageHeaderSize");
}

bool
mutate_header_data_size(subject *s)
{
	return lie_about(s, "dataSize");
}

bool
mutate_header_first_segment(subject *s)
{
	return lie_about(s, "firstSegSize");
}

bool
mutate_header_base(subject *s)
{
	return lie_about(s, "oldBaseAddr");
}

bool
mutate_header_special(subject *s)
{
	imago_object object;
	if (dice_one_in(&s->dice, 4) || !subject_pick(s, CHUNK_ANY, &object)) {
		const uint64_t old = subject_field(s, "initialSpecialObjectsOop");
		return subject_set_field(s, "initialSpecialObjectsOop",
		                         dice_nasty(&s->dice, old, 8u * subject_word(s) - 1));
	}
	return subject_set_field(s, "initialSpecialObjectsOop", object.oop);
}

bool
mutate_header_flags(subject *s)
{
	const uint64_t bit = dice_one_in(&s->dice, 3) ? 1 : dice_below(&s->dice, 16);
	return subject_set_field(s, "headerFlags",
	                         subject_field(s, "headerFlags") ^ UINT64_C(1) << bit);
}

bool
mutate_header_settings(subject *s)
{
	static const char *const names[] = {"hdrLastHash",    "extraVMMemory", "hdrNumStackPages",
	                                    "hdrCogCodeSize", "hdrEdenBytes",  "hdrMaxExtSemTabSize",
	                                    "imageVersion"};
	const char *name = names[dice_below(&s->dice, sizeof names / sizeof names[0])];
	const int index = imago_header_field_index(name);
	if (index < 0) {
		return false;
	}
	const unsigned word = 8u * subject_word(s);
	unsigned bits = 8u * imago_header_field_at((size_t)index, subject_word(s)).width;
	if (s->format == IMAGO_FORMAT_COMPOSED && dice_one_in(&s->dice, 2)) {
		bits = word; /* text holds what the field of a classic header does not */
	}
	if (s->format == IMAGO_FORMAT_COMPOSED && bits == word && strcmp(name, "hdrLastHash") != 0) {
		bits--; /* the others are counts there */
	}
	return subject_set_field(s, name, dice_nasty(&s->dice, subject_field(s, name), bits));
}

bool
mutate_header_free_space(subject *s)
{
	const uint64_t old = subject_field(s, "freeOldSpaceInImage");
	return subject_set_field(s, "freeOldSpaceInImage",
	                         dice_nasty(&s->dice, old, 8u * subject_word(s) - 1));
}

bool
mutate_header_reverse(subject *s)
{
	const imago_header_field field = imago_header_field_at(
	    (size_t)dice_below(&s->dice, IMAGO_NUM_HEADER_FIELDS), subject_word(s));
	uint64_t value = subject_field(s, field.name);
	uint64_t reversed = 0;
	for (unsigned i = 0; i < field.width; i++) {
		reversed = reversed << 8 | (value & 255);
		value >>= 8;
	}
	return subject_set_field(s, field.name, reversed);
}

bool
mutate_header_longer(subject *s)
{
	const uint64_t more = 8 * (1 + dice_below(&s->dice, 16));
	const size_t heap = s->header + (size_t)s->header_size;
	/* The bytes go in before the last one of the header, so that the heap's first byte moves. */
	if (s->header_size + more > 65536 || !subject_splice(s, heap - 1, 0, (size_t)more)) {
		return false;
	}
	s->header_size += more;
	s->heap->header.header_size = s->header_size;
	return subject_set_field(s, "imageHeaderSize", s->header_size);
}

bool
mutate_header_prefix(subject *s)
{
	if (s->header > 0) {
		const size_t prefix = s->header;
		memmove(s->bytes, s->bytes + prefix, s->size - prefix);
		s->size -= prefix;
	} else {
		const size_t prefix = 512;
		if (s->capacity - s->size < prefix) {
			return false;
		}
		memmove(s->bytes + prefix, s->bytes, s->size);
		memset(s->bytes, dice_one_in(&s->dice, 2) ? '#' : 0, prefix);
		s->size += prefix;
	}
	subject_reopen(s);
	return true;
}
