/* ready.h: what a machine changes in an image before it runs it.
 *
 * Slots that lead to forwarders lead to what these mean; remembered bits of old space, slots above
 * the stack pointers of contexts and the VM's own stacks are cleared. To know that there is nothing
 * to change spares the walk over the image that finds it. Spur only.
 */
#ifndef IMAGO_READY_H
#define IMAGO_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"
#include "imago/oop.h"

typedef enum imago_unready_kind {
	IMAGO_UNREADY_FORWARDER,  /* a slot leads to a forwarder */
	IMAGO_UNREADY_REMEMBERED, /* an object of old space has the remembered bit */
	IMAGO_UNREADY_STALE,      /* a slot above a context's stack pointer is not nil */
	IMAGO_UNREADY_STACK,      /* a stack of the VM's is not empty */
} imago_unready_kind;

/* One thing that would be changed. */
typedef struct imago_unready {
	imago_unready_kind kind;
	imago_object object;
	uint64_t slot;           /* IMAGO_UNREADY_REMEMBERED: 0 */
	imago_oop found, wanted; /* of the slot; the same where no change makes it ready: mourners that
	                          * wait, forwarders in a circle */
} imago_unready;

/* False: no more are wanted. */
typedef bool imago_unready_fn(const imago_unready *unready, void *payload);

/* Looks for all of these; objects below old_start may be remembered. IMAGO_EUNSUPPORTED (not Spur),
 * the statuses of a walk, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_ready_look(const imago_heap *heap, imago_addr old_start,
                                        imago_unready_fn *see, void *payload,
                                        imago_allocator *allocator,
                                        imago_error *error) IMAGO_NODISCARD;

/* Changes what can be changed, in a heap that is writable (IMAGO_EUSAGE). *is_ready: nothing is
 * left. Statuses as above. */
IMAGO_API imago_status imago_ready_make(bool *is_ready, imago_heap *heap, imago_addr old_start,
                                        imago_allocator *allocator,
                                        imago_error *error) IMAGO_NODISCARD;

#endif
