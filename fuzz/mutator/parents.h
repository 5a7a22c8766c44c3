/* parents.h: images without errors that passed by, to make mutants of.
 *
 * An engine keeps what is new, and most of that is broken: after a few thousand runs five of six
 * inputs that it offers for mutation have errors or are no images at all, and what lies behind
 * reader and checker sees few runs. So a few sound images of each kind (format, word size, byte
 * order, with permanent space or without, order of Floats) are remembered, and every second mutant
 * is made of one of these, of two the smaller. What remembers is an adapter's, never the mutator's.
 */
#ifndef MUTATOR_PARENTS_H
#define MUTATOR_PARENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PARENT_KINDS = 24, PARENTS_PER_KIND = 8, MAX_PARENT_SIZE = 1 << 18 };

typedef struct parent_image {
	uint8_t *bytes;
	size_t size;
} parent_image;

/* Zero-initialisable. */
typedef struct parents {
	parent_image images[PARENT_KINDS][PARENTS_PER_KIND];
} parents;

void parents_release(parents *p);

/* Remembers a copy if it is an image without errors, mostly in the place of another of its kind. */
void parents_offer(parents *p, const uint8_t *bytes, size_t size, uint64_t seed);

/* One of them, by chance; NULL where there is none that fits in capacity. */
const parent_image *parents_pick(const parents *p, size_t capacity, uint64_t seed);

#endif
