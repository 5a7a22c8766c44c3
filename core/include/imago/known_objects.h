/* known_objects.h: the objects that a VM finds without following a pointer, and those named by the
 * special objects array.
 *
 * Source: formats/spur/spur.md §8, §10; formats/v3/v3.md §5.
 */
#ifndef IMAGO_KNOWN_OBJECTS_H
#define IMAGO_KNOWN_OBJECTS_H

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"

typedef enum imago_special {
#define IMAGO_SPECIAL(index, id, name) IMAGO_SPECIAL_##id = (index),
#include "imago/special_objects.def"
#undef IMAGO_SPECIAL
	IMAGO_NUM_SPECIALS = 60,
} imago_special;

enum {
	IMAGO_HIDDEN_ROOTS_SLOTS = 4096 + 8, /* class table pages, then the VM's private roots */
	IMAGO_FIRST_PRIVATE_ROOT = 4096,
	IMAGO_OBJ_STACK_PAGE_SLOTS = 4092,
	IMAGO_COMPACT_CLASSES = 31,
};

/* Name of a special object ("classArray"), or NULL from IMAGO_NUM_SPECIALS on. */
IMAGO_API const char *imago_special_name(uint64_t index);

/* The first five chunks of a Spur heap, as they are; whether they are what they must be (spur.md
 * §8) is for the checker to say. Members that the heap does not reach have chunk 0. */
typedef struct imago_known_objects {
	imago_object nil;
	imago_object false_object;
	imago_object true_object;
	imago_object free_lists;
	imago_object hidden_roots;
} imago_known_objects;

/* Decodes the first five chunks of segment 0, as far as they go. Never fails: what is missing is
 * left zero. For V3, where nothing is at a known place, all are zero. */
IMAGO_API void imago_known_objects_find(const imago_heap *heap, imago_known_objects *out);

/* Decodes the special objects array. Statuses as imago_heap_decode_object; IMAGO_ESTRUCTURE when it
 * is not an array of pointers. */
IMAGO_API imago_status imago_special_objects_find(const imago_heap *heap, imago_object *out,
                                                  imago_error *error) IMAGO_NODISCARD;

/* Slot index of the special objects array; an index past its end reads as nil, and 0 is returned
 * when there is no array or it has no nil. */
IMAGO_API imago_oop imago_special_object_at(const imago_heap *heap, uint64_t index);

/* The oop of nil: the first object (Spur) or special object 0 (V3); 0 when there is none. */
IMAGO_API imago_oop imago_heap_nil(const imago_heap *heap);

#endif
