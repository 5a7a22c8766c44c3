/* relocate.h: adding the same number to the words that a bitmap marks; private to the room. */
#ifndef CORE_SHARE_RELOCATE_H
#define CORE_SHARE_RELOCATE_H

#include <stdint.h>

#include "imago/layout.h"

/* num_words: a multiple of 64. Word i is marked by bit i % 8 of bitmap[i / 8]. Sums wrap. */
void imago_relocate_words(uint8_t *bytes, uint64_t num_words, const uint8_t *bitmap, uint64_t delta,
                          imago_layout layout);

#endif
