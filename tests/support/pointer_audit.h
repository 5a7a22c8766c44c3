/* pointer_audit.h: a second opinion on a heap: slow, simple, and knowing only the walker. */
#ifndef IMAGO_TESTS_POINTER_AUDIT_H
#define IMAGO_TESTS_POINTER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/heap.h"

typedef struct pointer_audit {
	uint64_t num_objects;   /* that may be pointed at */
	uint64_t num_pointers;  /* words of pointer slots that are addresses */
	uint64_t num_dangling;  /* … and hit no object */
	uint64_t num_classless; /* ordinary objects whose class is no object */
	uint64_t num_reachable; /* objects that the special objects lead to, classes included */
	uint64_t num_ordinary;
	imago_oop first_bad;       /* a slot's holder or a classless object, 0: none */
	imago_oop first_unreached; /* an ordinary object that is not reachable, 0: none */
	bool walked;               /* the walk reached the end, and memory sufficed */
} pointer_audit;

/* Looks at every object and every slot. Uses malloc. */
pointer_audit pointer_audit_of(const imago_heap *heap);

#endif
