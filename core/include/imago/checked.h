/* checked.h: the one home of arithmetic that could overflow. Each returns false on overflow and
 * then leaves *result alone. */
#ifndef IMAGO_CHECKED_H
#define IMAGO_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool
imago_checked_add(uint64_t a, uint64_t b, uint64_t *result)
{
	uint64_t sum;
	if (__builtin_add_overflow(a, b, &sum)) {
		return false;
	}
	*result = sum;
	return true;
}

static inline bool
imago_checked_multiply(uint64_t a, uint64_t b, uint64_t *result)
{
	uint64_t product;
	if (__builtin_mul_overflow(a, b, &product)) {
		return false;
	}
	*result = product;
	return true;
}

/* Rounds value up to a multiple of alignment, a power of two. */
static inline bool
imago_checked_align_up(uint64_t value, uint64_t alignment, uint64_t *result)
{
	uint64_t raised;
	if (!imago_checked_add(value, alignment - 1, &raised)) {
		return false;
	}
	*result = raised & ~(alignment - 1);
	return true;
}

/* True when length bytes at position lie within size bytes. By subtraction: nothing can wrap. */
static inline bool
imago_range_fits(uint64_t position, uint64_t length, uint64_t size)
{
	return position <= size && length <= size - position;
}

#endif
