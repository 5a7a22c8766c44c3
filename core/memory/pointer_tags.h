/* pointer_tags.h: which of 64 words have the tag of a pointer. Part of the hot loops. */
#ifndef IMAGO_MEMORY_POINTER_TAGS_H
#define IMAGO_MEMORY_POINTER_TAGS_H

#include <stdint.h>

#include "imago/heap.h"

/* Bit i of the result: word i is marked, and is a pointer. 64 words are read, marked or not. */
typedef uint64_t imago_find_pointers_fn(const uint8_t *words, uint64_t marked);

/* The fastest function for a heap. */
imago_find_pointers_fn *imago_find_pointers_function(const imago_heap *heap);

#endif
