/* dice.h: the mutator's random numbers: splitmix64, the same on every host. */
#ifndef MUTATOR_DICE_H
#define MUTATOR_DICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dice {
	uint64_t state;
} dice;

static inline uint64_t
dice_roll(dice *d)
{
	d->state += UINT64_C(0x9E3779B97F4A7C15);
	uint64_t z = d->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* A number below limit; 0 when limit is 0. */
static inline uint64_t
dice_below(dice *d, uint64_t limit)
{
	return limit > 0 ? dice_roll(d) % limit : 0;
}

static inline bool
dice_one_in(dice *d, uint64_t n)
{
	return dice_below(d, n) == 0;
}

/* A number of the given width in bits that is likely to break something: small, near a power of
 * two, at the top or near it, a neighbour of old, or anything. */
uint64_t dice_nasty(dice *d, uint64_t old, unsigned bits);

#endif
