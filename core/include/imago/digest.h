/* digest.h: one canonical hash of what an image means.
 *
 * Equal for images whose object graphs mean the same, whatever the base address, byte order, word
 * size, segmenting and container. The graph is followed from the special objects array; numbers
 * count by value, pcs from the first bytecode, contexts up to their stack pointer. What the hash
 * covers, byte by byte, is written in core/memory/README.md, "The digest".
 */
#ifndef IMAGO_DIGEST_H
#define IMAGO_DIGEST_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

enum { IMAGO_DIGEST_SIZE = 32 };

typedef struct imago_digest {
	uint8_t bytes[IMAGO_DIGEST_SIZE];
} imago_digest;

/* Fails as the walk fails, with IMAGO_ESTRUCTURE for a reachable pointer that hits no object, and
 * with IMAGO_ELIMIT (2^32 objects) and IMAGO_ENOMEM. */
IMAGO_API imago_status imago_digest_compute(imago_digest *out, const imago_heap *heap,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;

/* Writes 64 hexadecimal digits and a terminator. */
IMAGO_API void imago_digest_format(const imago_digest *digest,
                                   char text[2 * IMAGO_DIGEST_SIZE + 1]);

#endif
