/* class_totals.h: how many objects each class has, and how many bytes they take. */
#ifndef IMAGO_CLI_CLASS_TOTALS_H
#define IMAGO_CLI_CLASS_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/heap.h"

typedef struct class_total {
	imago_addr cls; /* 0: objects without a class */
	uint64_t num_objects;
	uint64_t num_bytes; /* headers included */
} class_total;

typedef struct class_totals {
	class_total *rows; /* most bytes first */
	size_t num_rows;
	size_t capacity;
	imago_allocator *allocator;
} class_totals;

/* Counts the ordinary objects of a heap. Fails as the walk fails, and with IMAGO_ENOMEM. Release in
 * every case. */
imago_status class_totals_create(class_totals *totals, const imago_heap *heap,
                                 imago_allocator *allocator, imago_error *error);
void class_totals_release(class_totals *totals);

#endif
