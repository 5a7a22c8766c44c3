/* collect.c: a collection of old space, or of that and permanent space.
 *
 * What it needs lies beside the heap: bits and places (a 64th of what is collected each, twice that
 * for V3), a stack. Until all is marked nothing of the heap is written, so a collection for which
 * there is no memory is simply not done. */
#include "collect_private.h"

enum {
	STACK_SHARE = 512, /* of the bytes to collect: entries of the mark stack */
	LEAST_STACK = 256,
	SPUR_FORMAT_SHIFT = 24,
	NEW_FINALIZATION = 64, /* headerFlags: weak objects that lost something are mourners, too */
};

static bool
make_tables(collect_run *collection)
{
	imago_object_memory *memory = collection->memory;
	imago_allocator *allocator = memory->allocator;
	uint64_t num_units = collection->size >> collection->unit_shift;
	uint64_t num_blocks = (num_units + COLLECT_BLOCK_UNITS - 1) / COLLECT_BLOCK_UNITS;
	uint64_t share = collection->size / STACK_SHARE;
	uint64_t capacity = memory->mark_capacity > 0 ? memory->mark_capacity : share;
	collection->capacity =
	    capacity < LEAST_STACK && memory->mark_capacity == 0 ? LEAST_STACK : capacity;
	uint64_t num_classes = (uint64_t)memory->num_class_pages * IMAGO_CLASS_PAGE_SIZE;
	if (imago_bitmap_create(&collection->live, num_units, allocator, NULL) != IMAGO_OK ||
	    imago_bitmap_create(&collection->pinned, num_blocks, allocator, NULL) != IMAGO_OK ||
	    imago_bitmap_create(&collection->classes, num_classes, allocator, NULL) != IMAGO_OK) {
		return false;
	}
	collection->places = imago_allocate_array(allocator, num_blocks, sizeof *collection->places,
	                                          "collector's table", NULL);
	collection->stack = imago_allocate_array(allocator, collection->capacity,
	                                         sizeof *collection->stack, "mark stack", NULL);
	return collection->places != NULL && collection->stack != NULL;
}

static void
release_list(collect_run *collection, collect_list *list)
{
	imago_release(collection->memory->allocator, list->oops, list->capacity * sizeof *list->oops);
}

static void
release_tables(collect_run *collection)
{
	imago_allocator *allocator = collection->memory->allocator;
	uint64_t num_blocks = collection->pinned.num_bits;
	imago_bitmap_release(&collection->live, allocator);
	imago_bitmap_release(&collection->pinned, allocator);
	imago_bitmap_release(&collection->classes, allocator);
	imago_release(allocator, collection->places, num_blocks * sizeof *collection->places);
	imago_release(allocator, collection->stack, collection->capacity * sizeof *collection->stack);
	imago_release(allocator, collection->waiting,
	              collection->waiting_capacity * sizeof *collection->waiting);
	release_list(collection, &collection->weak);
	release_list(collection, &collection->fired);
}

static void
queue_mourner(imago_object_memory *memory, imago_oop oop)
{
	memory->mourners[memory->num_mourners++] = oop; /* room was reserved */
}

/* Weak slots that lead to what is not marked become nil. */
static void
clear_weak(collect_run *collection)
{
	imago_object_memory *memory = collection->memory;
	const imago_memory_kind kind = collection->kind;
	for (uint64_t i = 0; i < collection->weak.count; i++) {
		imago_oop oop = collection->weak.oops[i];
		uint64_t num_slots = imago_memory_num_slots(memory, oop, kind);
		uint64_t num_cleared = 0;
		for (uint64_t k = collect_num_strong(memory, oop); k < num_slots; k++) {
			imago_oop value = imago_memory_slot(memory, oop, k, kind);
			if (collect_covers(collection, value) && !collect_is_live(collection, value)) {
				imago_memory_set_slot_raw(memory, oop, k, memory->nil, kind);
				num_cleared++;
			}
		}
		memory->collections.num_weak_cleared += num_cleared;
		memory->num_finalizations += num_cleared > 0;
		bool mourns = !kind.v3 && (memory->header.flags & NEW_FINALIZATION) != 0;
		if (num_cleared > 0 && mourns) {
			queue_mourner(memory, oop);
		}
	}
}

/* Fired ephemerons are ordinary objects: they hold on to their keys until they are mourned. One may
 * be in the list twice. */
static void
make_mourners(collect_run *collection)
{
	imago_object_memory *memory = collection->memory;
	const imago_memory_kind wide = {.wide = true};
	for (uint64_t i = 0; i < collection->fired.count; i++) {
		imago_oop oop = collection->fired.oops[i];
		uint8_t *at = imago_memory_at(memory, oop);
		uint64_t header = imago_word_get(at, wide);
		if (imago_memory_format(memory, oop, collection->kind) == IMAGO_FORMAT_EPHEMERON) {
			header &= ~(UINT64_C(31) << SPUR_FORMAT_SHIFT);
			header |= (uint64_t)IMAGO_FORMAT_FIXED << SPUR_FORMAT_SHIFT;
			imago_word_put(at, header, wide);
			queue_mourner(memory, oop);
			memory->collections.num_fired++;
			memory->num_finalizations++;
		}
	}
}

static void
count(imago_object_memory *memory, uint64_t bytes_before, bool global)
{
	uint64_t bytes_now = (memory->old_top - memory->old_base) + (memory->perm_top - memory->base);
	memory->collections.bytes_freed += bytes_before - bytes_now;
	memory->collections.num_global += global;
	memory->collections.num_old += !global;
}

bool
imago_memory_collect(imago_object_memory *memory, bool global)
{
	if (memory->old_top > memory->eden_start ||
	    memory->eden_start - memory->old_top < memory->eden_top - memory->eden_start ||
	    !object_memory_empty_eden(memory)) {
		return false;
	}
	global = global && !memory->kind.tabled; /* nobody writes the source, nor moves it */
	imago_addr start = global ? memory->base : memory->old_base;
	collect_run collection = {
	    .memory = memory,
	    .kind = memory->kind,
	    .global = global,
	    .start = start,
	    .size = memory->old_top - start,
	    .unit_shift = memory->kind.v3 ? 2 : 3,
	    .overflow = UINT64_MAX,
	};
	uint64_t bytes_before =
	    (memory->old_top - memory->old_base) + (memory->perm_top - memory->base);
	bool done = make_tables(&collection) && collect_mark_all(&collection) &&
	            object_memory_mourn_reserve(memory, collection.weak.count + collection.fired.count);
	if (done) {
		clear_weak(&collection);
		make_mourners(&collection);
		collect_plan(&collection);
		collect_slide(&collection);
		count(memory, bytes_before, global);
	} else {
		memory->collections.num_abandoned++;
	}
	release_tables(&collection);
	if (done && memory->perm != NULL) {
		if (global) {
			object_memory_perm_scan(memory);
		} else {
			object_memory_perm_prune(memory);
		}
	}
	if (done) {
		object_memory_set_limit(memory);
	}
	return done;
}
