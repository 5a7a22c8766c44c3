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

/* How far ahead of a walk memory is asked for; measured. */
enum { IMAGO_PREFETCH_BYTES = 16384 };

/* Asks for what a walk that is at a place comes to a little later. Nothing is read, so it may lie
 * behind the end of everything; that is why the sum is one of numbers. */
IMAGO_ALWAYS_INLINE void
imago_prefetch_ahead(const uint8_t *place)
{
	__builtin_prefetch((const void *)((uintptr_t)place + IMAGO_PREFETCH_BYTES));
}

#endif
