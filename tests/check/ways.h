/* ways.h: a check that passes over what is plainly fine, one by two threads, and one that judges
 * every object must find the same, in the same order. */
#ifndef IMAGO_TESTS_WAYS_H
#define IMAGO_TESTS_WAYS_H

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

/* Checks a heap in all ways, which must agree; returns the number of findings. stop_after: the sink
 * stops after so many; 0: never. */
uint64_t check_all_ways(const imago_heap *heap, uint64_t stop_after);

/* A heap with one segment that is worth two threads, or a small one in several segments. */
imago_heap *synthetic_heap(const test_layout *layout, bool large, imago_allocator *allocator);

/* The objects of a heap, so that one can be picked; free chunks. */
typedef struct object_list {
	imago_addr *chunks;
	size_t count;
} object_list;
object_list list_objects(const imago_heap *heap);

/* One changed word, and what it was. */
typedef struct change {
	uint8_t *place;
	uint8_t saved[8];
	uint8_t size;
} change;
change begin_change(imago_heap *heap, imago_addr addr, uint8_t size);
void restore(const change *made);

/* Makes one Bitmap of everything between two chunks: what looks like objects inside is none. */
void swallow(imago_heap *heap, imago_addr first, imago_addr end);

#endif
