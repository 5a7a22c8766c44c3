/* session_build.h: an image that a session builds, with a list of what it asked for. */
#ifndef FUZZ_SESSION_BUILD_H
#define FUZZ_SESSION_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz_decisions.h"
#include "imago/allocator.h"
#include "imago/heap.h"

enum { SESSION_MAX_BUILT = 24, SESSION_MAX_BUILT_SLOTS = 12 };

/* What must be there at an address: words of slots, or bytes. */
typedef struct built_object {
	imago_oop oop;
	uint64_t num_slots;
	bool is_bytes;
	uint64_t slots[SESSION_MAX_BUILT_SLOTS];
} built_object;

/* Builds an image of a layout and with objects that are decided; returns how many are listed. */
size_t session_build(imago_heap **out, built_object objects[SESSION_MAX_BUILT],
                     fuzz_decisions *choices, imago_allocator *allocator);

#endif
