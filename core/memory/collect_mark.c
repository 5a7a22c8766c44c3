/* collect_mark.c: what is reachable.
 *
 * A stack of fixed size holds objects that are marked and still to be looked at. When it is full,
 * the lowest address of those left out is kept, and from there the live objects are looked at once
 * more. A pass fills the stack at least once, so there are no more passes than the heap is larger
 * than the stack: with the default size a constant.
 *
 * Ephemerons whose key is not marked wait in a list of their key's block, and are looked at again
 * when it is; a block holds 32 objects at most, so that a list is gone through a constant number of
 * times. When nothing is left to do, all that still wait are fired: queued to be mourned, and
 * ordinary objects from then on. */
#include "collect_private.h"

#include "imago/known_objects.h"

enum {
	FIRST_CAPACITY = 64,
	EPHEMERON_KEY = 0,
	CLASS_FORMAT = 2,
	CLASS_SLOTS = 3,
	SPUR_NAMED_MASK = 0xFFFF,
};

bool
collect_append(collect_run *collection, collect_list *list, imago_oop oop)
{
	if (list->count == list->capacity) {
		uint64_t capacity = 2 * list->capacity + FIRST_CAPACITY;
		imago_oop *grown =
		    imago_resize(collection->memory->allocator, list->oops, list->capacity * sizeof *grown,
		                 capacity * sizeof *grown, "collector's list", NULL);
		if (grown == NULL) {
			collection->failed = true;
			return false;
		}
		list->oops = grown;
		list->capacity = capacity;
	}
	list->oops[list->count++] = oop;
	return true;
}

static void
push(collect_run *collection, imago_oop oop)
{
	if (collection->depth < collection->capacity) {
		collection->stack[collection->depth++] = oop;
	} else if (oop < collection->overflow) {
		collection->overflow = oop;
	}
}

static void
set_live(collect_run *collection, imago_oop oop)
{
	const imago_object_memory *memory = collection->memory;
	uint32_t lead = object_memory_lead(memory, oop);
	uint64_t first = collect_unit(collection, oop - lead);
	uint64_t num_units = (lead + object_memory_size(memory, oop)) >> collection->unit_shift;
	uint64_t *words = collection->live.words;
	uint64_t last = first + num_units - 1;
	uint64_t low = UINT64_MAX << (first & 63);
	uint64_t high = UINT64_MAX >> (63 - (last & 63));
	if (first >> 6 == last >> 6) {
		words[first >> 6] |= low & high;
		return;
	}
	words[first >> 6] |= low;
	memset(&words[(first >> 6) + 1], 0xFF, (size_t)((last >> 6) - (first >> 6) - 1) * 8);
	words[last >> 6] |= high;
}

/* The ephemerons that waited for a key need wait no longer. */
static void
wake(collect_run *collection, imago_oop key)
{
	const imago_object_memory *memory = collection->memory;
	uint64_t *link = &collection->places[collect_unit(collection, key) >> 6];
	while (*link != 0) {
		collect_waiting *entry = &collection->waiting[*link - 1];
		if (imago_memory_slot(memory, entry->ephemeron, EPHEMERON_KEY, collection->kind) == key) {
			push(collection, entry->ephemeron);
			entry->ephemeron = 0;
			*link = entry->next;
		} else {
			link = &entry->next;
		}
	}
}

/* The class of an object that is not known to be marked; 0: none that is collected. */
static imago_oop
unmarked_class(collect_run *collection, imago_oop oop)
{
	const imago_object_memory *memory = collection->memory;
	const imago_memory_kind narrow = {.wide = false};
	uint64_t header = imago_memory_header(memory, oop, collection->kind);
	imago_oop cls;
	if (collection->kind.v3) {
		if ((header & 3) == 3) {
			return 0; /* a compact class, which the special objects hold */
		}
		cls = imago_word_get(imago_memory_at(memory, oop) - 4, narrow) & ~UINT64_C(3);
	} else {
		uint64_t index = header & OBJECT_MEMORY_CLASS_BITS;
		if (index >= collection->classes.num_bits ||
		    imago_bitmap_test(&collection->classes, index)) {
			return 0;
		}
		imago_bitmap_set(&collection->classes, index);
		cls = object_memory_class_at(memory, (uint32_t)index);
	}
	return collect_covers(collection, cls) && !collect_is_live(collection, cls) ? cls : 0;
}

/* True for what is looked at when it is marked. Not for hidden arrays: the class table does not
 * hold on to all that it refers to, and mark_hidden_roots knows what. */
static bool
has_oops(const collect_run *collection, imago_oop oop)
{
	const imago_object_memory *memory = collection->memory;
	if (!imago_memory_has_pointers(memory, oop, collection->kind)) {
		return imago_memory_is_code(memory, oop, collection->kind);
	}
	return collection->kind.v3 || (imago_memory_header(memory, oop, collection->kind) &
	                               OBJECT_MEMORY_CLASS_BITS) != IMAGO_CLASS_HIDDEN_ARRAY;
}

/* Marks an object and the classes from it upwards. */
static void
mark(collect_run *collection, imago_oop oop)
{
	if (!collect_covers(collection, oop) || collect_is_live(collection, oop)) {
		return;
	}
	while (oop != 0) {
		set_live(collection, oop);
		if (collection->num_waiting > 0) {
			wake(collection, oop);
		}
		if (has_oops(collection, oop)) {
			push(collection, oop);
		}
		oop = unmarked_class(collection, oop);
	}
}

static void
mark_slots(collect_run *collection, imago_oop oop, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++) {
		mark(collection, imago_memory_slot(collection->memory, oop, i, collection->kind));
	}
}

uint64_t
collect_num_strong(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	imago_oop cls = imago_memory_class_of(memory, oop);
	if (cls == 0 || !imago_memory_is_pointer(kind, cls) ||
	    !imago_memory_has_pointers(memory, cls, kind) ||
	    imago_memory_num_slots(memory, cls, kind) < CLASS_SLOTS) {
		return 0;
	}
	imago_oop format = imago_memory_slot(memory, cls, CLASS_FORMAT, kind);
	if (!imago_memory_is_integer(kind, format)) {
		return 0;
	}
	uint64_t bits = (uint64_t)imago_memory_integer(kind, format);
	uint64_t words = (bits >> 1 & 63) + (bits >> 10 & 0xC0); /* V3: with the header */
	uint64_t num_named = !kind.v3 ? bits & SPUR_NAMED_MASK : words > 0 ? words - 1 : 0;
	uint64_t num_slots = imago_memory_num_slots(memory, oop, kind);
	return num_named < num_slots ? num_named : num_slots;
}

static void
wait_for_key(collect_run *collection, imago_oop ephemeron, imago_oop key)
{
	if (collection->num_waiting == collection->waiting_capacity) {
		uint64_t capacity = 2 * collection->waiting_capacity + FIRST_CAPACITY;
		collect_waiting *grown = imago_resize(collection->memory->allocator, collection->waiting,
		                                      collection->waiting_capacity * sizeof *grown,
		                                      capacity * sizeof *grown, "ephemerons", NULL);
		if (grown == NULL) {
			collection->failed = true;
			return;
		}
		collection->waiting = grown;
		collection->waiting_capacity = capacity;
	}
	uint64_t *head = &collection->places[collect_unit(collection, key) >> 6];
	collection->waiting[collection->num_waiting++] = (collect_waiting){ephemeron, *head};
	*head = collection->num_waiting;
}

/* Looks at an object that is marked. */
static void
scan(collect_run *collection, imago_oop oop)
{
	const imago_object_memory *memory = collection->memory;
	uint32_t format = imago_memory_format(memory, oop, collection->kind);
	uint64_t num_slots = object_memory_num_live_oops(memory, oop);
	if (format == IMAGO_FORMAT_WEAK) {
		mark_slots(collection, oop, 0, collect_num_strong(memory, oop));
		(void)collect_append(collection, &collection->weak, oop);
		return;
	}
	if (format == IMAGO_FORMAT_EPHEMERON && !collection->kind.v3 && num_slots > 0) {
		imago_oop key = imago_memory_slot(memory, oop, EPHEMERON_KEY, collection->kind);
		if (collect_covers(collection, key) && !collect_is_live(collection, key)) {
			wait_for_key(collection, oop, key);
			return;
		}
	}
	mark_slots(collection, oop, 0, num_slots);
}

static void
empty_stack(collect_run *collection)
{
	while (collection->depth > 0 && !collection->failed) {
		scan(collection, collection->stack[--collection->depth]);
	}
}

/* The live objects from an address on, once more. Those that wait, and the weak ones, are then met
 * again: their lists begin anew. */
static void
scan_again(collect_run *collection)
{
	imago_addr from =
	    collection->overflow - object_memory_lead(collection->memory, collection->overflow);
	collection->overflow = UINT64_MAX;
	if (collection->num_waiting > 0 || collection->weak.count > 0) {
		from = collection->start;
		memset(collection->places, 0,
		       (size_t)(collection->live.num_bits + 63) / 64 * sizeof *collection->places);
		collection->num_waiting = collection->weak.count = 0;
	}
	imago_addr end = collection->start + collection->size;
	for (imago_addr at = from; (at = collect_next_live(collection, at)) < end;) {
		imago_oop oop = object_memory_oop_of_chunk(collection->memory, at);
		if (has_oops(collection, oop)) {
			scan(collection, oop);
			empty_stack(collection);
		}
		at = oop + object_memory_size(collection->memory, oop);
	}
}

static void
mark_reachable(collect_run *collection)
{
	empty_stack(collection);
	while (collection->overflow != UINT64_MAX && !collection->failed) {
		scan_again(collection);
	}
}

/* Fires what still waits; false when nothing does. */
static bool
fire(collect_run *collection)
{
	uint64_t first = collection->fired.count;
	for (uint64_t i = 0; i < collection->num_waiting; i++) {
		imago_oop ephemeron = collection->waiting[i].ephemeron;
		if (ephemeron != 0 && !collect_append(collection, &collection->fired, ephemeron)) {
			return false;
		}
	}
	for (uint64_t i = 0; i < collection->num_waiting; i++) {
		imago_oop ephemeron = collection->waiting[i].ephemeron;
		if (ephemeron != 0) {
			imago_oop key =
			    imago_memory_slot(collection->memory, ephemeron, EPHEMERON_KEY, collection->kind);
			collection->places[collect_unit(collection, key) >> 6] = 0;
		}
	}
	collection->num_waiting = 0;
	for (uint64_t i = first; i < collection->fired.count; i++) {
		imago_oop ephemeron = collection->fired.oops[i];
		mark_slots(collection, ephemeron, 0, object_memory_num_oops(collection->memory, ephemeron));
	}
	return collection->fired.count > first;
}

static void
/* NOLINTNEXTLINE(readability-non-const-parameter): others change what they visit */
visit(void *visitor, imago_oop *oop)
{
	mark(visitor, *oop);
}

/* The class table's pages hold on to the classes of the first one only: another class is there as
 * long as something else reaches it. */
static void
mark_hidden_roots(collect_run *collection)
{
	const imago_object_memory *memory = collection->memory;
	const imago_memory_kind kind = collection->kind;
	if (collect_covers(collection, memory->hidden_roots)) {
		set_live(collection, memory->hidden_roots); /* else permanent, of a mapped image */
	}
	for (uint64_t i = 0; i < memory->num_class_pages; i++) {
		imago_oop page = imago_memory_slot(memory, memory->hidden_roots, i, kind);
		if (collect_covers(collection, page) && !collect_is_live(collection, page)) {
			set_live(collection, page);
		}
		if (i == 0) {
			mark_slots(collection, page, 0, imago_memory_num_slots(memory, page, kind));
		}
	}
	mark_slots(collection, memory->hidden_roots, IMAGO_FIRST_PRIVATE_ROOT,
	           imago_memory_num_slots(memory, memory->hidden_roots, kind));
}

/* What permanent space refers to stays where it is: nobody writes there. */
static void
mark_from_perm(collect_run *collection)
{
	const imago_object_memory *memory = collection->memory;
	const object_memory_perm *perm = memory->perm;
	uint64_t place = 0;
	for (imago_oop oop; (oop = object_memory_perm_next(memory, &place)) != 0;) {
		uint64_t num_oops = object_memory_num_oops(memory, oop);
		for (uint64_t i = 0; i < num_oops; i++) {
			imago_oop value = imago_memory_slot(memory, oop, i, collection->kind);
			if (collect_covers(collection, value) && value >= memory->watched) {
				mark(collection, value);
				imago_bitmap_set(&collection->pinned, collect_unit(collection, value) >> 6);
			}
		}
	}
	for (uint64_t i = 0; i < perm->num_class_indices; i++) {
		imago_oop cls = object_memory_class_at(memory, perm->class_indices[i]);
		mark(collection, cls);
	}
}

static void
mark_roots(collect_run *collection)
{
	const imago_object_memory *memory = collection->memory;
	mark(collection, memory->nil);
	mark(collection, memory->false_object);
	mark(collection, memory->true_object);
	if (!memory->kind.v3) {
		mark(collection, memory->free_lists);
		mark_hidden_roots(collection);
	}
	mark(collection, memory->special_objects);
	if (memory->perm != NULL && collection->global) {
		mark(collection, memory->base); /* the dummy that permanent space begins with */
	} else if (memory->perm != NULL) {
		mark_from_perm(collection);
	}
	if (memory->visit_roots != NULL) {
		memory->visit_roots(memory->roots_payload, visit, collection);
	}
	for (uint64_t i = 0; i < memory->num_mourners; i++) {
		mark(collection, memory->mourners[i]);
	}
}

bool
collect_mark_all(collect_run *collection)
{
	mark_roots(collection);
	do {
		mark_reachable(collection);
	} while (!collection->failed && fire(collection));
	return !collection->failed;
}
