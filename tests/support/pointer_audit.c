#include "pointer_audit.h"

#include <stdlib.h>

#include "imago/class_table.h"
#include "imago/walk.h"

typedef struct auditor {
	const imago_heap *heap;
	imago_object *objects; /* in address order, free chunks left out */
	bool *reached;
	size_t *pending; /* reached, slots not looked at yet */
	size_t count, capacity, num_pending;
	imago_class_table table;
	pointer_audit result;
} auditor;

static bool
collect(auditor *audit)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, audit->heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_FREE) {
			continue;
		}
		if (audit->count == audit->capacity) {
			audit->capacity = audit->capacity == 0 ? 1024 : 2 * audit->capacity;
			imago_object *grown =
			    realloc(audit->objects, audit->capacity * sizeof(*audit->objects));
			if (grown == NULL) {
				return false;
			}
			audit->objects = grown;
		}
		audit->objects[audit->count++] = object;
	}
	return walker.status == IMAGO_OK;
}

/* The index of the object with that oop, or count. */
static size_t
find(const auditor *audit, imago_oop oop)
{
	size_t low = 0;
	size_t high = audit->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (audit->objects[middle].oop < oop) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < audit->count && audit->objects[low].oop == oop ? low : audit->count;
}

static void
reach(auditor *audit, imago_oop oop)
{
	size_t index = find(audit, oop);
	if (index < audit->count && !audit->reached[index]) {
		audit->reached[index] = true;
		audit->pending[audit->num_pending++] = index;
		audit->result.num_reachable++;
	}
}

static void
bad(auditor *audit, const imago_object *object, uint64_t *counter)
{
	++*counter;
	if (audit->result.first_bad == 0) {
		audit->result.first_bad = object->oop;
	}
}

static void
look_at(auditor *audit, const imago_object *object)
{
	const imago_heap *heap = audit->heap;
	uint64_t count = imago_heap_num_pointer_slots(heap, object);
	for (uint64_t i = 0; i < count; i++) {
		imago_oop oop = imago_heap_fetch_slot(heap, object, i);
		if (imago_oop_is_pointer(heap->tagging, oop)) {
			audit->result.num_pointers++;
			if (find(audit, oop) == audit->count) {
				bad(audit, object, &audit->result.num_dangling);
			}
		}
	}
	if (object->kind == IMAGO_OBJECT_ORDINARY) {
		audit->result.num_ordinary++;
		if (find(audit, imago_class_of_object(&audit->table, object)) == audit->count) {
			bad(audit, object, &audit->result.num_classless);
		}
	}
}

static void
follow(auditor *audit)
{
	const imago_heap *heap = audit->heap;
	reach(audit, heap->header.special_objects_oop);
	while (audit->num_pending > 0) {
		const imago_object *object = &audit->objects[audit->pending[--audit->num_pending]];
		uint64_t count = imago_heap_num_pointer_slots(heap, object);
		for (uint64_t i = 0; i < count; i++) {
			imago_oop oop = imago_heap_fetch_slot(heap, object, i);
			if (imago_oop_is_pointer(heap->tagging, oop)) {
				reach(audit, oop);
			}
		}
		reach(audit, imago_class_of_object(&audit->table, object));
	}
	for (size_t i = 0; i < audit->count && audit->result.first_unreached == 0; i++) {
		if (!audit->reached[i] && audit->objects[i].kind == IMAGO_OBJECT_ORDINARY) {
			audit->result.first_unreached = audit->objects[i].oop;
		}
	}
}

pointer_audit
pointer_audit_of(const imago_heap *heap)
{
	auditor audit = {.heap = heap};
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	bool walked = collect(&audit);
	audit.reached = calloc(audit.count + 1, sizeof(*audit.reached));
	audit.pending = calloc(audit.count + 1, sizeof(*audit.pending));
	if (walked && audit.reached != NULL && audit.pending != NULL &&
	    imago_class_table_create(&audit.table, heap, &allocator, NULL) == IMAGO_OK) {
		audit.result.walked = true;
		audit.result.num_objects = audit.count;
		for (size_t i = 0; i < audit.count; i++) {
			look_at(&audit, &audit.objects[i]);
		}
		follow(&audit);
		imago_class_table_release(&audit.table);
	}
	free(audit.objects);
	free(audit.reached);
	free(audit.pending);
	return audit.result;
}
