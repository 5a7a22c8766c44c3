/* pointer_tags.h: which of 64 words have the tag of a pointer. */
#ifndef IMAGO_MEMORY_POINTER_TAGS_H
#define IMAGO_MEMORY_POINTER_TAGS_H

#include <stdint.h>

#include "imago/heap.h"

/* Bit i: word i of 64 words of the heap has a pointer's tag. */
typedef uint64_t imago_pointer_tags_fn(const uint8_t *words);

/* The fastest function for a heap. */
imago_pointer_tags_fn *imago_pointer_tags_function(const imago_heap *heap);

#endif
