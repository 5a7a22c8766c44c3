/* compiler.h: the compiler attributes that imago uses, under one name each. */
#ifndef IMAGO_COMPILER_H
#define IMAGO_COMPILER_H

#include <stdint.h>

/* The result must be looked at: every function that can fail carries it. */
#define IMAGO_NODISCARD __attribute__((warn_unused_result))

/* Part of the shared library's surface, with C linkage; everything else is hidden. */
#ifdef __cplusplus
#define IMAGO_API extern "C" __attribute__((visibility("default")))
#else
#define IMAGO_API __attribute__((visibility("default")))
#endif

/* A body that is instantiated with constant layouts (core/README.md, "Hot loops"). */
#define IMAGO_ALWAYS_INLINE static inline __attribute__((always_inline))

#define IMAGO_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define IMAGO_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Keeps a branch a branch, where waiting for what it depends on would cost more than now and then
 * a misprediction. */
#define IMAGO_STAY_A_BRANCH() __asm__ volatile("")

/* How far ahead of a walk memory is asked for, at most; measured. */
enum { IMAGO_PREFETCH_BYTES = 8192, IMAGO_LINE_BYTES = 64 };

/* Asks for what a walk that is at a place comes to a little later: the next two lines that were not
 * asked for yet. *asked is the address of the first of them; it begins as that of the first place,
 * and again behind a large object, which the walk need not look into. Nothing is read, so lines may
 * lie behind the end of everything; that is why addresses are numbers here. */
IMAGO_ALWAYS_INLINE void
imago_prefetch_ahead(uintptr_t *asked, const uint8_t *place)
{
	uintptr_t next = *asked;
	uintptr_t furthest = (uintptr_t)place + IMAGO_PREFETCH_BYTES;
	__builtin_prefetch((const void *)next);
	__builtin_prefetch((const void *)(next + IMAGO_LINE_BYTES));
	next += (uintptr_t)2 * IMAGO_LINE_BYTES;
	*asked = next < furthest ? next : furthest;
}

#endif
