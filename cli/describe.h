/* describe.h: words of a heap, in words. */
#ifndef IMAGO_CLI_DESCRIBE_H
#define IMAGO_CLI_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "imago/class_table.h"
#include "imago/heap.h"
#include "imago/layered_image.h"
#include "imago/object_index.h"

enum {
	DESCRIPTION_SIZE = 160, /* enough for any description, with its terminator */
	CLASS_NAME_SIZE = 80,
};

struct describer {
	const imago_heap *heap;
	imago_class_table classes;
	imago_object_index index;
	imago_status index_status; /* IMAGO_OK: the index tells what is an object and what is not */
	imago_error index_error;   /* why the heap could not be walked */
	imago_oop nil, false_oop, true_oop;
};

/* Out of memory is the only failure: a heap that cannot be walked is described without an index.
 * Release in every case. */
imago_status describer_create(struct describer *describer, const imago_heap *heap,
                              imago_allocator *allocator, imago_error *error);
void describer_release(struct describer *describer);

/* "42", "$a", "nil", "'a string'", "Array (3 slots)", "class Point": printable ASCII, for any word.
 */
void describe_oop(const struct describer *describer, imago_oop oop, char *text, size_t size);

/* The name of an object's class, "(no class)" where there is none. */
void describe_class_of(const struct describer *describer, const imago_object *object, char *text,
                       size_t size);

/* The IEEE 754 bits of a boxed float; false when the object is none. */
bool boxed_float_bits(const struct describer *describer, const imago_object *object,
                      uint64_t *bits);

/* "old" or "permanent". */
const char *space_name(imago_space space);

/* "objects", "fixups", "origin". */
const char *section_kind_name(imago_layered_kind kind);

#endif
