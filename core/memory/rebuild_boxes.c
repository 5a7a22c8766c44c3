/* rebuild_boxes.c: the immediates that become objects in a narrower image, each value once, so that
 * what was identical stays identical. */
#include "../base/planted.h"
#include "rebuild_width.h"

enum { FIRST_PLACES = 64 };

/* The place of a word, or the free one where it belongs. */
static uint64_t
place_of(const imago_boxes *boxes, imago_oop word)
{
	/* Fibonacci hashing: the product's high bits depend on all bits of the word. */
	uint64_t hash = word * UINT64_C(0x9E3779B97F4A7C15);
	uint64_t place = hash >> 32 & (boxes->num_places - 1);
	while (boxes->places[place] != 0 && boxes->words[boxes->places[place] - 1] != word) {
		place = (place + 1) & (boxes->num_places - 1);
	}
	return place;
}

static imago_status
grow(imago_boxes *boxes, const imago_rebuild_run *run)
{
	uint64_t num_places = boxes->num_places == 0 ? FIRST_PLACES : boxes->num_places * 2;
	uint64_t *places = imago_allocate_array(run->allocator, num_places, sizeof *places,
	                                        "numbers to box", run->error);
	if (places == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_oop *words =
	    imago_resize(run->allocator, boxes->words, boxes->num_places / 2 * sizeof *words,
	                 num_places / 2 * sizeof *words, "numbers to box", run->error);
	if (words == NULL) {
		imago_release(run->allocator, places, num_places * sizeof *places);
		return IMAGO_ENOMEM;
	}
	imago_release(run->allocator, boxes->places, boxes->num_places * sizeof *places);
	boxes->places = places;
	boxes->words = words;
	boxes->num_places = num_places;
	for (uint64_t i = IMAGO_BUG(boxes_first_lost, boxes->num_words > 0); i < boxes->num_words;
	     i++) {
		places[place_of(boxes, words[i])] = i + 1;
	}
	return IMAGO_OK;
}

imago_status
imago_boxes_add(imago_boxes *boxes, imago_oop word, const imago_rebuild_run *run)
{
	if (boxes->num_words == boxes->num_places / 2) {
		imago_status status = grow(boxes, run);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	uint64_t place = place_of(boxes, word);
	if (boxes->places[place] == 0) {
		boxes->words[boxes->num_words++] = word;
		boxes->places[place] = boxes->num_words;
	}
	return IMAGO_OK;
}

uint64_t
imago_boxes_find(const imago_boxes *boxes, imago_oop word)
{
	return boxes->num_places > 0 ? boxes->places[place_of(boxes, word)] - 1 : UINT64_MAX;
}

void
imago_boxes_release(imago_boxes *boxes, const imago_rebuild_run *run)
{
	imago_release(run->allocator, boxes->places, boxes->num_places * sizeof *boxes->places);
	imago_release(run->allocator, boxes->words, boxes->num_places / 2 * sizeof *boxes->words);
}
