/* compiler.h: the compiler attributes that imago uses, under one name each. */
#ifndef IMAGO_COMPILER_H
#define IMAGO_COMPILER_H

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

#endif
