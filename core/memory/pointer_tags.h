/* pointer_tags.h: how many of 64 words have the tag of a pointer. */
#ifndef IMAGO_MEMORY_POINTER_TAGS_H
#define IMAGO_MEMORY_POINTER_TAGS_H

#include <stdint.h>

#include "imago/heap.h"

/* The number of pointers among those of 64 words whose bit in marked is set. */
typedef unsigned imago_count_pointers_fn(const uint8_t *words, uint64_t marked);

/* The fastest function for a heap. */
imago_count_pointers_fn *imago_count_pointers_function(const imago_heap *heap);

#endif
