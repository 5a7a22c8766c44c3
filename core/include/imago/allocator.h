/* allocator.h: memory with a byte budget.
 *
 * Every allocation of the library goes through an allocator that the caller gives it, so that a
 * lying size field is an ordinary refusal and a test can make the k-th allocation fail. Blocks are
 * released with their size: accounting needs no header and leaks show as used != 0.
 */
#ifndef IMAGO_ALLOCATOR_H
#define IMAGO_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"

/* No budget: only the system's own limit. */
#define IMAGO_UNLIMITED UINT64_MAX

typedef struct imago_allocator {
	uint64_t budget;    /* most bytes that may be in use at once */
	uint64_t used;      /* bytes in use now */
	uint64_t peak;      /* most bytes ever in use at once */
	uint64_t num_calls; /* allocations and growths asked for so far */
	uint64_t fail_at;   /* the 1-based call that is to fail; 0: none (for tests) */
} imago_allocator;

/* Prepares an allocator with a budget in bytes. Needs no release. Not safe for use by two threads
 * at once. */
IMAGO_API void imago_allocator_init(imago_allocator *allocator, uint64_t budget);

/* Allocates size zeroed bytes, aligned for any type. size 0 gives a block that may be released.
 * what is the noun of a failure. Returns NULL and fills *error (IMAGO_ENOMEM; found: size, limit:
 * what was left of the budget, 0 where there is none) when the budget or the system refuses. */
IMAGO_API void *imago_allocate(imago_allocator *allocator, uint64_t size, const char *what,
                               imago_error *error) IMAGO_NODISCARD;

/* The same for count elements of element_size bytes; an overflowing product is refused. */
IMAGO_API void *imago_allocate_array(imago_allocator *allocator, uint64_t count,
                                     uint64_t element_size, const char *what,
                                     imago_error *error) IMAGO_NODISCARD;

/* Grows or shrinks a block (NULL with old_size 0 starts one). New bytes are zero. On failure the
 * old block stays as it was and NULL is returned. */
IMAGO_API void *imago_resize(imago_allocator *allocator, void *block, uint64_t old_size,
                             uint64_t new_size, const char *what,
                             imago_error *error) IMAGO_NODISCARD;

/* Gives a block back. size is what it was allocated with. NULL is allowed. */
IMAGO_API void imago_release(imago_allocator *allocator, void *block, uint64_t size);

#endif
