/* pointers_across.h: which of 64 words lead across a boundary. Part of the hot loops. */
#ifndef IMAGO_MEMORY_POINTERS_ACROSS_H
#define IMAGO_MEMORY_POINTERS_ACROSS_H

#include <stdint.h>

#include "imago/heap.h"

/* Bit i of the result: word i is marked, is no immediate, and is boundary (not 0) or more. 64 words
 * are read, marked or not. */
typedef uint64_t imago_pointers_across_fn(const uint8_t *words, uint64_t marked,
                                          imago_addr boundary);

/* The fastest one for a Spur heap on this machine. */
imago_pointers_across_fn *imago_pointers_across_function(const imago_heap *heap);

#endif
