/* arrange_draft.h: arrangements that tests change, carry out, and see refused. */
#ifndef IMAGO_TESTS_ARRANGE_DRAFT_H
#define IMAGO_TESTS_ARRANGE_DRAFT_H

#include "imago/arrange.h"

/* An arrangement that a test may change. */
typedef struct draft {
	imago_segment segments[8];
	imago_addr *addresses;
	uint64_t *sizes; /* of the chunks */
	uint64_t num_chunks;
	size_t num_segments;
} draft;

/* Everything where it is. */
draft draft_of(const imago_heap *heap);
void draft_release(draft *plan);

/* All in one segment at start, in an order: the first five where a VM wants them, then every
 * step-th of the rest, until all are placed. step 0: the last one first. */
void draft_permute(draft *plan, imago_addr start, uint64_t step);

imago_status arrange_with(imago_heap **out, const imago_heap *heap, const draft *plan,
                          imago_allocator *with, imago_error *why);
/* The same, with the heap's allocator: it must be possible. */
imago_heap *arranged(const imago_heap *heap, const draft *plan);
/* Refused by name, at an offset of the source, with nothing left behind; what was found there. */
uint64_t assert_refused(const imago_heap *heap, const draft *plan, imago_status status,
                        const char *what, uint64_t offset);

void assert_same_digest(const imago_heap *a, const imago_heap *b);

/* A small heap of one segment, and its draft. */
imago_heap *one_segment(draft *plan, imago_allocator *allocator);
/* Some object with slots of oops behind the fixed ones. */
imago_object object_with_slots(const imago_heap *heap);
void store_slot(imago_heap *heap, const imago_object *object, uint64_t slot, uint64_t word);

#endif
