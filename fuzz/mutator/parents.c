/* parents.c: images without errors, a few of each kind. */
#include "parents.h"

#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "imago/check.h"
#include "imago/image.h"

enum { MEBIBYTE = 1 << 20 };

void
parents_release(parents *p)
{
	for (size_t kind = 0; kind < PARENT_KINDS; kind++) {
		for (size_t i = 0; i < PARENTS_PER_KIND; i++) {
			free(p->images[kind][i].bytes);
		}
	}
	*p = (parents){0};
}

static size_t
kind_of(const imago_image *image)
{
	const imago_heap *heap = image->heap;
	const imago_format_number *number =
	    imago_format_number_find((uint32_t)heap->header.image_format);
	/* V3 has no permanent space, but Floats in one order or the platform's. */
	const bool variant = heap->model == IMAGO_V3
	                         ? number != NULL && number->platform_floats
	                         : heap->num_segments > 0 &&
	                               heap->segments[heap->num_segments - 1].space == IMAGO_SPACE_PERM;
	size_t kind = (size_t)image->format % 3;
	kind = kind * 2 + (heap->layout.word_bytes == 8);
	kind = kind * 2 + (heap->layout.byte_order == IMAGO_BIG_ENDIAN);
	return kind * 2 + variant;
}

static bool
ignore_finding(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

/* True for an image without errors; its kind. */
static bool
is_sound(const uint8_t *bytes, size_t size, size_t *kind)
{
	const imago_check_options options = {.num_threads = 1};
	imago_allocator allocator;
	imago_check_sink sink;
	imago_image image;
	imago_error error;
	bool sound = false;
	imago_allocator_init(&allocator, 16 * (uint64_t)size + (uint64_t)16 * MEBIBYTE);
	if (imago_image_read(&image, bytes, size, &allocator, &error) == IMAGO_OK) {
		imago_check_sink_init(&sink, &options, ignore_finding, NULL);
		sound = imago_image_check(&image, &sink, &allocator, &error) == IMAGO_OK &&
		        sink.summary.num_errors == 0;
		*kind = kind_of(&image);
	}
	imago_image_close(&image);
	return sound;
}

void
parents_offer(parents *p, const uint8_t *bytes, size_t size, uint64_t seed)
{
	size_t kind = 0;
	dice d = {seed};
	if (size == 0 || size > MAX_PARENT_SIZE || !is_sound(bytes, size, &kind)) {
		return;
	}
	parent_image *place = &p->images[kind][dice_below(&d, PARENTS_PER_KIND)];
	uint8_t *copy = malloc(size);
	if (copy != NULL) {
		memcpy(copy, bytes, size);
		free(place->bytes);
		*place = (parent_image){copy, size};
	}
}

static const parent_image *
pick_one(const parents *p, dice *d)
{
	size_t kinds[PARENT_KINDS];
	size_t num_kinds = 0;
	for (size_t kind = 0; kind < PARENT_KINDS; kind++) {
		bool any = false;
		for (size_t i = 0; i < PARENTS_PER_KIND; i++) {
			any = any || p->images[kind][i].bytes != NULL;
		}
		if (any) {
			kinds[num_kinds++] = kind;
		}
	}
	if (num_kinds == 0) {
		return NULL;
	}
	const parent_image *of_kind = p->images[kinds[dice_below(d, num_kinds)]];
	size_t at = (size_t)dice_below(d, PARENTS_PER_KIND);
	while (of_kind[at].bytes == NULL) {
		at = (at + 1) % PARENTS_PER_KIND;
	}
	return &of_kind[at];
}

const parent_image *
parents_pick(const parents *p, size_t capacity, uint64_t seed)
{
	dice d = {seed};
	const parent_image *one = pick_one(p, &d);
	const parent_image *other = pick_one(p, &d);
	/* The smaller of two: its runs take less time. */
	if (one != NULL && other->size < one->size) {
		one = other;
	}
	return one != NULL && one->size <= capacity ? one : NULL;
}
