/* oracle_relocate.c: a heap at another address, pointer by pointer (spur.md §13, v3.md §6). */
#include <string.h>

#include "oracle_bytes.h"

typedef struct relocation {
	const oracle_image *image;
	uint8_t *copy;
	uint64_t delta;
} relocation;

/* A word that must lead into a segment. */
static bool
move_address(const relocation *r, size_t position, uint64_t address)
{
	const oracle_image *image = r->image;
	if (oracle_segment_of(image, address) == NULL) {
		return false;
	}
	put_number(r->copy + position, image->word, image->big, word_at(image, position) + r->delta);
	return true;
}

static size_t
slot_position(const relocation *r, const oracle_object *object, uint64_t slot)
{
	return object->body_at + (size_t)slot * r->image->word;
}

static bool
move_slots(const relocation *r, const oracle_object *object, uint64_t begin, uint64_t end)
{
	for (uint64_t slot = begin; slot < end; slot++) {
		uint64_t word = oracle_slot(r->image, object, slot);
		if (is_pointer(r->image, word) && !move_address(r, slot_position(r, object, slot), word)) {
			return false;
		}
	}
	return true;
}

/* Links between hidden objects: oops, or 0. */
static bool
move_links(const relocation *r, const oracle_object *object, uint64_t begin, uint64_t end)
{
	for (uint64_t slot = begin; slot < end; slot++) {
		uint64_t word = oracle_slot(r->image, object, slot);
		if (word != 0 && !move_address(r, slot_position(r, object, slot), word)) {
			return false;
		}
	}
	return true;
}

/* Links of free chunks (§11): next, prev, and in large chunks parent, smaller and larger. They may
 * be out of date; what leads to an aligned place among objects moves with it. */
static bool
move_free_links(const relocation *r, const oracle_object *object)
{
	const oracle_image *image = r->image;
	uint64_t body = (object->num_slots * image->word + 7) / 8 * 8;
	uint64_t whole = 8 + (body == 0 ? 8 : body) + (object->num_slots >= 255 ? 8 : 0);
	uint64_t num_links = whole >= UINT64_C(8) * (image->word == 8 ? 64 : 32) ? 5 : 2;
	/* Without slots there is room for a link all the same (§5). */
	uint64_t num_words = body == 0 ? 8 / image->word : body / image->word;
	for (uint64_t slot = 0; slot < num_links && slot < num_words; slot++) {
		uint64_t word = oracle_slot(image, object, slot);
		if (word % 8 == 0 && oracle_segment_of(image, word) != NULL) {
			(void)move_address(r, slot_position(r, object, slot), word);
		}
	}
	return true;
}

/* Hidden objects that hold no oops by their format (§8). */
static bool
is_hidden(const oracle_image *image, const oracle_object *object)
{
	return !image->v3 && object->cls >= 16 && object->cls <= 19 && object->body != ORACLE_OOPS;
}

/* A page of a stack of the VM's (§9): 4092 words, the second one its place among the roots. */
static bool
is_stack_page(const oracle_image *image, const oracle_object *object)
{
	if (!is_hidden(image, object) || object->num_slots != 4092) {
		return false;
	}
	uint64_t root = oracle_slot(image, object, 1);
	return root >= 4096 && root <= 4098;
}

static bool
move_stack_page(const relocation *r, const oracle_object *page)
{
	uint64_t depth = oracle_slot(r->image, page, 0);
	uint64_t end = depth < 4088 ? 4 + depth : 4092;
	return move_links(r, page, 2, 4) && move_slots(r, page, 4, end);
}

static bool
move_object(const relocation *r, const oracle_object *object, bool is_free_lists)
{
	const oracle_image *image = r->image;
	if (object->free) {
		return image->v3 || move_free_links(r, object);
	}
	if (is_free_lists) {
		return move_links(r, object, 0, object->num_slots);
	}
	if (is_stack_page(image, object)) {
		return move_stack_page(r, object);
	}
	if (object->cls_is_address && !move_address(r, object->position - 4, object->cls)) {
		return false;
	}
	return move_slots(r, object, 0, object->num_oops);
}

/* The whole heap must fit behind its new start. */
static bool
fits(const oracle_image *image, uint64_t base)
{
	const oracle_segment *first = &image->segments[0];
	const oracle_segment *last = &image->segments[image->num_segments - 1];
	uint64_t extent = last->start - first->start + last->size + (image->v3 ? 0 : 16);
	uint64_t end = image->word == 8 ? UINT64_MAX - 7 : UINT64_C(1) << 32;
	return base % (image->v3 ? 4 : 8) == 0 && (image->v3 || base != 0) && extent <= end &&
	       base <= end - extent;
}

bool
oracle_relocate(const oracle_image *image, uint64_t base, uint8_t *copy)
{
	const relocation r = {image, copy, base - image->segments[0].start};
	const unsigned w = image->word;
	memcpy(copy, image->file, image->size);
	if (!fits(image, base) ||
	    !move_address(&r, image->header + 8 + (size_t)2 * w, image->special_oop)) {
		return false;
	}
	put_number(copy + image->header + 8 + w, w, image->big, base);
	for (size_t i = 0; i < image->num_objects; i++) {
		/* The fourth object of the first segment. */
		const oracle_object *object = &image->objects[i];
		bool is_free_lists =
		    i == 3 && is_hidden(image, object) &&
		    object->position < image->segments[0].position + (size_t)image->segments[0].size;
		if (!move_object(&r, object, is_free_lists)) {
			return false;
		}
	}
	return true;
}
