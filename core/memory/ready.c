/* ready.c: what object_memory_settle would change in a heap. */
#include "imago/ready.h"

#include <string.h>

#include "imago/class_table.h"
#include "imago/known_objects.h"
#include "imago/walk.h"

enum {
	MAX_FORWARDERS = 1024, /* in a row */
	CONTEXT_STACKP = 2,
	CONTEXT_FIXED = 6,
	NUM_STACKS = 3, /* mark stack, weakling stack, mourn queue */
	MOURN_QUEUE = 2,
	STACK_TOP = 0,
	STACK_FREE_LINK = 2,
	STACK_NEXT_LINK = 3,
	REMEMBERED_BIT = 29,
};

typedef struct forwarder {
	imago_oop oop, target;
} forwarder;

typedef struct looking {
	const imago_heap *heap;
	imago_addr old_start;
	imago_oop nil, context_class;
	imago_class_table classes;
	forwarder *forwarders; /* ascending */
	uint64_t num_forwarders, capacity;
	bool stopped;
	imago_unready_fn *see;
	void *payload;
} looking;

static void
tell(looking *at, imago_unready_kind kind, const imago_object *object, uint64_t slot,
     imago_oop found, imago_oop wanted)
{
	const imago_unready unready = {kind, *object, slot, found, wanted};
	at->stopped = at->stopped || !at->see(&unready, at->payload);
}

static imago_status
find_forwarders(looking *at, imago_allocator *allocator, imago_error *error)
{
	imago_census census;
	imago_walker walker;
	imago_object object;
	imago_status status = imago_census_take(at->heap, &census, error);
	if (status != IMAGO_OK || census.num_forwarders == 0) {
		return status;
	}
	at->forwarders = imago_allocate_array(allocator, census.num_forwarders, sizeof *at->forwarders,
	                                      "forwarders", error);
	if (at->forwarders == NULL) {
		return IMAGO_ENOMEM;
	}
	at->capacity = census.num_forwarders;
	imago_walk_init(&walker, at->heap, error);
	while (at->num_forwarders < at->capacity && imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_FORWARDER) {
			imago_oop target =
			    object.num_slots > 0 ? imago_heap_fetch_slot(at->heap, &object, 0) : at->nil;
			at->forwarders[at->num_forwarders++] = (forwarder){object.oop, target};
		}
	}
	return walker.status;
}

static const forwarder *
forwarder_at(const looking *at, imago_oop oop)
{
	uint64_t low = 0;
	uint64_t high = at->num_forwarders;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (at->forwarders[middle].oop < oop) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < at->num_forwarders && at->forwarders[low].oop == oop ? &at->forwarders[low] : NULL;
}

static void
look_at_slots(looking *at, const imago_object *object)
{
	const imago_heap *heap = at->heap;
	uint64_t num_slots = imago_heap_num_pointer_slots(heap, object);
	for (uint64_t i = 0; i < num_slots && !at->stopped; i++) {
		imago_oop found = imago_heap_fetch_slot(heap, object, i);
		const forwarder *next = forwarder_at(at, found);
		imago_oop meant = found;
		for (int steps = 0; next != NULL && steps < MAX_FORWARDERS; steps++) {
			meant = next->target;
			next = forwarder_at(at, meant);
		}
		if (meant != found || next != NULL) {
			tell(at, IMAGO_UNREADY_FORWARDER, object, i, found, next != NULL ? found : meant);
		}
	}
}

static void
look_at_context(looking *at, const imago_object *object)
{
	const imago_heap *heap = at->heap;
	if (object->num_slots < CONTEXT_FIXED ||
	    imago_class_of_object(&at->classes, object) != at->context_class) {
		return;
	}
	imago_oop stackp = imago_heap_fetch_slot(heap, object, CONTEXT_STACKP);
	if (imago_oop_kind_of(heap->tagging, stackp) != IMAGO_OOP_INTEGER) {
		return;
	}
	int64_t used = imago_oop_integer(heap->tagging, stackp);
	if (used < 0 || (uint64_t)used > object->num_slots - CONTEXT_FIXED) {
		return;
	}
	for (uint64_t i = CONTEXT_FIXED + (uint64_t)used; i < object->num_slots && !at->stopped; i++) {
		imago_oop found = imago_heap_fetch_slot(heap, object, i);
		if (found != at->nil) {
			tell(at, IMAGO_UNREADY_STALE, object, i, found, at->nil);
		}
	}
}

/* What the object memory takes for an object. */
static void
look_at(looking *at, const imago_object *object)
{
	if (object->kind != IMAGO_OBJECT_ORDINARY && object->class_index != IMAGO_CLASS_HIDDEN_ARRAY) {
		return;
	}
	if (at->num_forwarders > 0) {
		look_at_slots(at, object);
	}
	if (object->format == IMAGO_FORMAT_MIXED) {
		look_at_context(at, object);
	}
	if ((object->bits & IMAGO_BIT_REMEMBERED) != 0 && object->oop >= at->old_start) {
		tell(at, IMAGO_UNREADY_REMEMBERED, object, 0, 0, 1);
	}
}

static void
look_at_stack(looking *at, const imago_object *roots, uint64_t which)
{
	static const uint8_t emptied[] = {STACK_TOP, STACK_FREE_LINK, STACK_NEXT_LINK};
	const imago_heap *heap = at->heap;
	const uint64_t root = IMAGO_FIRST_PRIVATE_ROOT + which;
	imago_object page;
	if (root >= roots->num_slots) {
		return;
	}
	imago_oop oop = imago_heap_fetch_slot(heap, roots, root);
	if (oop == at->nil) {
		return;
	}
	if (imago_heap_decode_object(heap, oop, &page, NULL) != IMAGO_OK ||
	    page.num_slots <= STACK_NEXT_LINK) {
		tell(at, IMAGO_UNREADY_STACK, roots, root, oop, oop);
		return;
	}
	bool mourners = which == MOURN_QUEUE && imago_heap_fetch_slot(heap, &page, STACK_TOP) != 0;
	for (size_t i = 0; i < sizeof emptied / sizeof emptied[0]; i++) {
		imago_oop found = imago_heap_fetch_slot(heap, &page, emptied[i]);
		if (found != 0) {
			tell(at, IMAGO_UNREADY_STACK, &page, emptied[i], found, mourners ? found : 0);
		}
	}
}

static imago_status
look(looking *at, imago_allocator *allocator, imago_error *error)
{
	imago_walker walker;
	imago_object object;
	imago_known_objects known;
	imago_status status = find_forwarders(at, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_walk_init(&walker, at->heap, error);
	while (!at->stopped && imago_walk_next(&walker, &object)) {
		look_at(at, &object);
	}
	imago_known_objects_find(at->heap, &known);
	for (uint64_t i = 0; i < NUM_STACKS && known.hidden_roots.chunk != 0 && !at->stopped; i++) {
		look_at_stack(at, &known.hidden_roots, i);
	}
	return walker.status;
}

imago_status
imago_ready_look(const imago_heap *heap, imago_addr old_start, imago_unready_fn *see, void *payload,
                 imago_allocator *allocator, imago_error *error)
{
	looking at = {
	    .heap = heap,
	    .old_start = old_start,
	    .nil = imago_heap_nil(heap),
	    .context_class = imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_CONTEXT),
	    .see = see,
	    .payload = payload,
	};
	if (heap->model != IMAGO_SPUR) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	imago_status status = imago_class_table_create(&at.classes, heap, allocator, error);
	if (status == IMAGO_OK) {
		status = look(&at, allocator, error);
	}
	imago_release(allocator, at.forwarders, at.capacity * sizeof *at.forwarders);
	imago_class_table_release(&at.classes);
	return status;
}

typedef struct making {
	imago_heap *heap;
	bool is_ready;
} making;

static void
forget(imago_heap *heap, imago_oop oop)
{
	uint8_t *at = imago_heap_writable_bytes(heap, oop, 8);
	if (at != NULL) {
		uint64_t header = imago_load_u64(at, heap->layout.byte_order);
		imago_store_u64(at, header & ~(UINT64_C(1) << REMEMBERED_BIT), heap->layout.byte_order);
	}
}

static bool
change(const imago_unready *unready, void *payload)
{
	const making *made = payload;
	if (unready->kind == IMAGO_UNREADY_REMEMBERED) {
		forget(made->heap, unready->object.oop);
	} else if (unready->wanted != unready->found) {
		imago_heap_store_slot(made->heap, &unready->object, unready->slot, unready->wanted);
	}
	return true;
}

static bool
/* NOLINTNEXTLINE(readability-non-const-parameter): others change what they see */
find_fault(const imago_unready *unready, void *payload)
{
	making *made = payload;
	(void)unready;
	made->is_ready = false;
	return false;
}

imago_status
imago_ready_make(bool *is_ready, imago_heap *heap, imago_addr old_start, imago_allocator *allocator,
                 imago_error *error)
{
	making made = {heap, true};
	for (size_t i = 0; i < heap->num_segments; i++) {
		if (heap->segments[i].writable == NULL) {
			return imago_fail(error, IMAGO_EUSAGE, "heap that cannot be written", IMAGO_NO_OFFSET,
			                  i, 0);
		}
	}
	imago_status status = imago_ready_look(heap, old_start, change, &made, allocator, error);
	if (status == IMAGO_OK) {
		status = imago_ready_look(heap, old_start, find_fault, &made, allocator, error);
	}
	if (status == IMAGO_OK) {
		*is_ready = made.is_ready;
	}
	return status;
}
