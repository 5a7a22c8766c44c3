/* compare.h: which objects of two heaps differ.
 *
 * Both graphs are followed in step from their special objects; a pair is reported at its first
 * difference, with the path that led to it. Means the same as the digest (digest.h): equal digests
 * give no difference and the other way round.
 */
#ifndef IMAGO_COMPARE_H
#define IMAGO_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

typedef struct imago_difference {
	imago_oop a, b;         /* the words that differ: objects or immediates */
	const char *path;       /* "specialObjects[3].slot 1.slot 0", borrowed for the call */
	const char *class_name; /* of a, borrowed for the call */
	const char *what; /* static: "class", "size", "identity hash", "contents", "identity" … */
	uint64_t index;   /* slot or element that differs, where what is "contents" */
} imago_difference;

/* Return false to stop. */
typedef bool imago_difference_fn(const imago_difference *difference, void *payload);

/* Streams the differences; *num_differences counts those reported. Statuses as
 * imago_digest_compute, the error's part being "a" or "b". */
IMAGO_API imago_status imago_compare(const imago_heap *a, const imago_heap *b,
                                     imago_allocator *allocator, imago_difference_fn *report,
                                     void *payload, uint64_t *num_differences,
                                     imago_error *error) IMAGO_NODISCARD;

#endif
