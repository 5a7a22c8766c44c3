/* mutate_file.c: the whole image anew, meaning the same. */
#include <string.h>

#include "imago/generate.h"
#include "imago/rebuild.h"
#include "mutations.h"

enum { MEBIBYTE = 1 << 20 };

/* Puts a heap's file in the place of the buffer's, if it is another. */
static bool
replace_file(subject *s, const imago_heap *heap, imago_format_id format)
{
	imago_writer writer;
	bool replaced = false;
	imago_writer_init(&writer, &s->allocator, heap->layout, NULL);
	if (imago_image_write(heap, format, &writer, NULL) == IMAGO_OK && writer.status == IMAGO_OK &&
	    writer.size <= s->capacity &&
	    (writer.size != s->size || memcmp(s->bytes, writer.bytes, s->size) != 0)) {
		memcpy(s->bytes, writer.bytes, (size_t)writer.size);
		s->size = (size_t)writer.size;
		replaced = true;
	}
	imago_writer_release(&writer);
	if (replaced) {
		subject_reopen(s);
	}
	return replaced;
}

static bool
rebuild(subject *s, const imago_rebuild_options *options, imago_format_id format)
{
	imago_image image;
	imago_heap *heap = NULL;
	bool done = false;
	if (imago_image_read(&image, s->bytes, s->size, &s->allocator, NULL) == IMAGO_OK &&
	    imago_rebuild(&heap, image.heap, options, &s->allocator, NULL, NULL) == IMAGO_OK) {
		done = replace_file(s, heap, format);
	}
	imago_heap_destroy(heap);
	imago_image_close(&image);
	return done;
}

bool
mutate_file_swap(subject *s)
{
	imago_rebuild_options options = {.layout = s->heap->layout};
	options.layout.byte_order =
	    options.layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	return rebuild(s, &options, s->format);
}

bool
mutate_file_rebase(subject *s)
{
	const imago_rebuild_options options = {.set_base = true,
	                                       .base = (dice_below(&s->dice, 1 << 18) + 1)
	                                               << (3 + dice_below(&s->dice, 9))};
	return options.base != s->heap->segments[0].start && rebuild(s, &options, s->format);
}

bool
mutate_file_segments(subject *s)
{
	const uint32_t num_segments = 1 + (uint32_t)dice_below(&s->dice, 6);
	/* Small gaps, or up to what a bridge of 56 bits is there for. */
	const uint64_t gap = dice_one_in(&s->dice, 2) ? 8 * dice_below(&s->dice, 4096)
	                                              : UINT64_C(8) << dice_below(&s->dice, 28);
	const imago_rebuild_options options = {.num_segments = num_segments,
	                                       .gap = num_segments > 1 ? gap : 0};
	return rebuild(s, &options, s->format);
}

bool
mutate_file_width(subject *s)
{
	imago_rebuild_options options = {.layout = s->heap->layout};
	options.layout.word_bytes = options.layout.word_bytes == 8 ? 4 : 8;
	return rebuild(s, &options, s->format);
}

bool
mutate_file_container(subject *s)
{
	imago_image image;
	bool done = false;
	const imago_format_id format =
	    s->format == IMAGO_FORMAT_COMPOSED ? IMAGO_FORMAT_SPUR : IMAGO_FORMAT_COMPOSED;
	if (imago_image_read(&image, s->bytes, s->size, &s->allocator, NULL) == IMAGO_OK) {
		done = replace_file(s, image.heap, format);
	}
	imago_image_close(&image);
	return done;
}

/* Another image altogether: the one that random bytes describe, in any layout. What engines keep is
 * ever more broken; this is where whole images come from. */
bool
mutate_file_generate(subject *s)
{
	static const uint32_t numbers[] = {6502, 6504, 6505, 6521, 7033, 68021, 68533};
	enum { NUM_NUMBERS = sizeof numbers / sizeof numbers[0], MOST_RECORDS = 48 };
	uint8_t description[IMAGO_GENERATE_PREFIX + MOST_RECORDS * IMAGO_GENERATE_RECORD];
	const imago_generate_options options = {
	    .image_format = numbers[dice_below(&s->dice, NUM_NUMBERS)],
	    .byte_order = dice_one_in(&s->dice, 2) ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN,
	    .composed = dice_one_in(&s->dice, 2)};
	const size_t size = IMAGO_GENERATE_PREFIX +
	                    (size_t)dice_below(&s->dice, MOST_RECORDS + 1) * IMAGO_GENERATE_RECORD;
	imago_allocator allocator;
	imago_heap *heap = NULL;
	for (size_t i = 0; i < size; i++) {
		description[i] = (uint8_t)dice_roll(&s->dice);
		if (i % IMAGO_GENERATE_RECORD != 0 && dice_one_in(&s->dice, 2)) {
			description[i] &= 7; /* sizes and counts are mostly small; the first byte is a kind */
		}
	}
	imago_allocator_init(&allocator, 4 * (uint64_t)MEBIBYTE);
	bool done = false;
	if (imago_generate(&heap, description, size, &options, &allocator, NULL) == IMAGO_OK) {
		const imago_format_id format = heap->model == IMAGO_V3 ? IMAGO_FORMAT_V3
		                               : options.composed      ? IMAGO_FORMAT_COMPOSED
		                                                       : IMAGO_FORMAT_SPUR;
		done = replace_file(s, heap, format);
	}
	imago_heap_destroy(heap);
	return done;
}
