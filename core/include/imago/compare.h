/* compare.h: which objects of two heaps differ.
 *
 * Both graphs are followed in step from their special objects; a pair of objects is reported at its
 * first difference, with the path that led to it. "identity" says that a slot leads to an object
 * that was met in another place of the other graph. Means the same as the digest (digest.h): equal
 * digests give no difference and the other way round.
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
	imago_oop a, b;         /* the two objects */
	const char *path;       /* to them: "specialObjects[3].slot 1.class", borrowed for the call */
	const char *class_name; /* of a, borrowed for the call */
	const char *what;       /* static: "object model", "class", "format", "size", "identity hash",
	                         * "immutability", "method header", "contents" or "identity" */
	uint64_t index; /* with "contents" and "identity": the slot or element that differs … */
	uint64_t value_a, value_b; /* … and what is there: words of slots, or elements */
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
