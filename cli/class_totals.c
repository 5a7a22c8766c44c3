/* class_totals.c: one walk; a class is found through its ordinal among all objects, so that neither
 * many classes nor hostile addresses make it slow. */
#include "class_totals.h"

#include <stdlib.h>
#include <string.h>

#include "imago/class_table.h"
#include "imago/object_index.h"
#include "imago/walk.h"

struct counter {
	class_totals *totals;
	imago_class_table classes;
	imago_object_index index;
	uint32_t *row_of; /* by ordinal: 1 + the class's row, or 0; the last is for no class */
};

static class_total *
add_row(class_totals *totals, imago_addr cls, imago_error *error)
{
	if (totals->num_rows == totals->capacity) {
		size_t capacity = totals->capacity == 0 ? 256 : totals->capacity * 2;
		class_total *rows =
		    imago_resize(totals->allocator, totals->rows, totals->capacity * sizeof *rows,
		                 (uint64_t)capacity * sizeof *rows, "class totals", error);
		if (rows == NULL) {
			return NULL;
		}
		totals->rows = rows;
		totals->capacity = capacity;
	}
	class_total *row = &totals->rows[totals->num_rows++];
	*row = (class_total){.cls = cls};
	return row;
}

static imago_status
count_object(struct counter *counter, const imago_object *object, imago_error *error)
{
	imago_addr cls = imago_class_of_object(&counter->classes, object);
	uint64_t ordinal = imago_object_index_ordinal(&counter->index, cls);
	if (cls == 0 || ordinal >= counter->index.num_objects) {
		ordinal = counter->index.num_objects;
		cls = 0;
	}
	uint32_t known = counter->row_of[ordinal];
	class_total *row =
	    known != 0 ? &counter->totals->rows[known - 1] : add_row(counter->totals, cls, error);
	if (row == NULL) {
		return IMAGO_ENOMEM;
	}
	counter->row_of[ordinal] = (uint32_t)(row - counter->totals->rows) + 1;
	row->num_objects++;
	row->num_bytes += object->total_bytes;
	return IMAGO_OK;
}

static imago_status
count_objects(struct counter *counter, const imago_heap *heap, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object)) {
		imago_status status =
		    object.kind == IMAGO_OBJECT_ORDINARY ? count_object(counter, &object, error) : IMAGO_OK;
		if (status != IMAGO_OK) {
			return status;
		}
	}
	return walker.status;
}

static int
compare_rows(const void *left, const void *right)
{
	const class_total *a = left;
	const class_total *b = right;
	if (a->num_bytes != b->num_bytes) {
		return a->num_bytes > b->num_bytes ? -1 : 1;
	}
	return a->cls < b->cls ? -1 : a->cls > b->cls;
}

imago_status
class_totals_create(class_totals *totals, const imago_heap *heap, imago_allocator *allocator,
                    imago_error *error)
{
	memset(totals, 0, sizeof *totals);
	totals->allocator = allocator;
	struct counter counter = {.totals = totals};
	uint64_t num_ordinals = 0;
	imago_status status = imago_class_table_create(&counter.classes, heap, allocator, error);
	imago_status indexed = imago_object_index_create(&counter.index, heap, allocator, error);
	status = status != IMAGO_OK ? status : indexed;
	if (status == IMAGO_OK) {
		num_ordinals = counter.index.num_objects + 1;
		counter.row_of =
		    imago_allocate_array(allocator, num_ordinals, sizeof(uint32_t), "class rows", error);
		status = counter.row_of != NULL ? count_objects(&counter, heap, error) : IMAGO_ENOMEM;
	}
	if (status == IMAGO_OK && totals->num_rows > 0) {
		qsort(totals->rows, totals->num_rows, sizeof *totals->rows, compare_rows);
	}
	imago_release(allocator, counter.row_of, num_ordinals * sizeof(uint32_t));
	imago_object_index_release(&counter.index);
	imago_class_table_release(&counter.classes);
	return status;
}

void
class_totals_release(class_totals *totals)
{
	imago_release(totals->allocator, totals->rows, totals->capacity * sizeof *totals->rows);
}
