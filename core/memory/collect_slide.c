/* collect_slide.c: live objects move together, in their order.
 *
 * All objects of a block (64 units; one belongs to the block of its header) move by the same
 * distance but for the dead ones between them: so the new address of any of them is one number of
 * the block, and the count of mark bits before it. Nothing need be written into the objects to find
 * them, and they are visited once: each has its slots changed, then moves.
 *
 * A block with an object that must not move stays where it is, whole, and what is free in front of
 * it and in it becomes free chunks. An object never moves upwards, so there is always room. */
#include "collect_private.h"

enum {
	SPUR_PINNED = 30,
	LEAST_FREE_CHUNK = 16,
};

/* The new address of a live object. */
IMAGO_ALWAYS_INLINE imago_oop
new_address(const collect_run *collection, imago_oop oop)
{
	uint64_t unit = collect_unit(collection, oop);
	uint64_t place = collection->places[unit >> 6];
	if (place == COLLECT_PINNED) {
		return oop;
	}
	uint64_t before = collection->live.words[unit >> 6] & ((UINT64_C(1) << (unit & 63)) - 1);
	return place + ((uint64_t)__builtin_popcountll(before) << collection->unit_shift);
}

/* What a slot holds when all have moved: nil in place of the dead, which only weak objects, class
 * tables and stale slots of contexts still hold. */
IMAGO_ALWAYS_INLINE imago_oop
new_value(const collect_run *collection, imago_oop value, imago_oop nil)
{
	if (!imago_memory_is_pointer(collection->kind, value) || value < collection->start) {
		return value;
	}
	if (value - collection->start >= collection->size || !collect_is_live(collection, value)) {
		return nil;
	}
	return new_address(collection, value);
}

static bool
is_pinned(const collect_run *collection, imago_oop oop)
{
	return !collection->kind.v3 &&
	       (imago_memory_header(collection->memory, oop, collection->kind) >> SPUR_PINNED & 1) != 0;
}

/* Places the live objects of a range from its start on; the end of the last one. */
static imago_addr
plan_range(collect_run *collection, imago_addr start, imago_addr end)
{
	const imago_object_memory *memory = collection->memory;
	imago_addr to = start;
	imago_addr chunk = collect_next_live(collection, start);
	while (chunk < end) {
		imago_oop oop = object_memory_oop_of_chunk(memory, chunk);
		uint64_t block = collect_unit(collection, oop) >> 6;
		imago_oop first = oop;
		uint64_t lead = first - chunk;
		uint64_t total = 0;
		bool pinned = imago_bitmap_test(&collection->pinned, block);
		do {
			uint64_t bytes = object_memory_chunk_bytes(memory, oop);
			pinned = pinned || is_pinned(collection, oop);
			total += bytes;
			chunk = oop + object_memory_size(memory, oop);
			if (pinned) {
				to = chunk;
			}
			chunk = collect_next_live(collection, chunk);
			oop = chunk < end ? object_memory_oop_of_chunk(memory, chunk) : 0;
		} while (oop != 0 && collect_unit(collection, oop) >> 6 == block);
		if (pinned) {
			collection->places[block] = COLLECT_PINNED;
			continue;
		}
		uint64_t unit = collect_unit(collection, first);
		uint64_t before = collection->live.words[block] & ((UINT64_C(1) << (unit & 63)) - 1);
		collection->places[block] =
		    to + lead - ((uint64_t)__builtin_popcountll(before) << collection->unit_shift);
		to += total;
	}
	return to;
}

void
collect_plan(collect_run *collection)
{
	const imago_object_memory *memory = collection->memory;
	memset(collection->places, 0,
	       (size_t)(collection->live.num_bits + 63) / 64 * sizeof *collection->places);
	if (collection->global) {
		(void)plan_range(collection, memory->base, memory->perm_top);
	}
	(void)plan_range(collection, memory->old_base, memory->old_top);
}

static void
change_slots(const collect_run *collection, imago_oop oop, imago_oop nil)
{
	const imago_object_memory *memory = collection->memory;
	const imago_memory_kind kind = collection->kind;
	const imago_memory_kind narrow = {.wide = false};
	uint64_t num_oops = object_memory_num_oops(memory, oop);
	for (uint64_t i = 0; i < num_oops; i++) {
		imago_oop value = imago_memory_slot(memory, oop, i, kind);
		imago_oop moved = new_value(collection, value, nil);
		if (moved != value) {
			imago_memory_set_slot_raw(memory, oop, i, moved, kind);
		}
	}
	if (kind.v3 && (imago_memory_header(memory, oop, kind) & 3) != 3) {
		uint8_t *at = imago_memory_at(memory, oop) - 4;
		uint64_t word = imago_word_get(at, narrow);
		imago_word_put(at, new_address(collection, word & ~UINT64_C(3)) | (word & 3), narrow);
	}
}

/* The free chunks of a source stay in their list, behind those of old space, which go. */
static imago_oop
first_of_source(const imago_object_memory *memory, imago_oop chunk)
{
	while (chunk >= memory->old_base) {
		chunk = imago_memory_slot(memory, chunk, 0, memory->kind);
	}
	return chunk;
}

static void
clear_list(imago_object_memory *memory, uint64_t index)
{
	const imago_memory_kind kind = memory->kind;
	imago_oop first = imago_memory_slot(memory, memory->free_lists, index, kind);
	imago_oop kept = kind.tabled ? first_of_source(memory, first) : 0;
	if (first == kept) {
		return;
	}
	imago_memory_set_slot_raw(memory, memory->free_lists, index, kept, kind);
	if (kept != 0 && imago_memory_num_slots(memory, kept, kind) > 1) {
		imago_memory_set_slot_raw(memory, kept, 1, 0, kind);
	}
}

/* One free chunk, at the head of the list of its size. */
static void
put_free_chunk(imago_object_memory *memory, imago_addr chunk, uint64_t bytes)
{
	const imago_memory_kind kind = memory->kind;
	const imago_memory_kind wide = {.wide = true};
	uint64_t num_slots = (bytes - 8) / imago_word_bytes(kind);
	imago_word_put(imago_memory_at(memory, chunk), num_slots << 56, wide);
	imago_oop next = imago_memory_slot(memory, memory->free_lists, bytes / 8, kind);
	imago_memory_set_slot_raw(memory, chunk, 0, next, kind);
	if (num_slots > 1) {
		imago_memory_set_slot_raw(memory, chunk, 1, 0, kind);
	}
	if (next != 0 && imago_memory_num_slots(memory, next, kind) > 1) {
		imago_memory_set_slot_raw(memory, next, 1, chunk, kind);
	}
	imago_memory_set_slot_raw(memory, memory->free_lists, bytes / 8, chunk, kind);
}

/* What stays free between objects that do not move, in chunks that the lists have a place for. */
static void
free_between(imago_object_memory *memory, imago_addr from, imago_addr to)
{
	uint64_t most = 8 * (imago_memory_num_slots(memory, memory->free_lists, memory->kind) - 1);
	while (from < to) {
		uint64_t left = to - from;
		uint64_t bytes = left <= most                      ? left
		                 : left - most >= LEAST_FREE_CHUNK ? most
		                                                   : most - LEAST_FREE_CHUNK;
		put_free_chunk(memory, from, bytes);
		from += bytes;
	}
}

/* Changes and moves the live objects of a range; the end of the last one. */
static imago_addr
slide_range(collect_run *collection, imago_addr start, imago_addr end, imago_oop nil)
{
	imago_object_memory *memory = collection->memory;
	imago_addr to = start;
	for (imago_addr chunk = start; (chunk = collect_next_live(collection, chunk)) < end;) {
		imago_oop oop = object_memory_oop_of_chunk(memory, chunk);
		uint64_t lead = oop - chunk;
		uint64_t bytes = lead + object_memory_size(memory, oop);
		imago_addr target = new_address(collection, oop) - lead;
		change_slots(collection, oop, nil);
		if (target > to) {
			free_between(memory, to, target);
		}
		if (target != chunk) {
			memmove(imago_memory_at(memory, target), imago_memory_at(memory, chunk), (size_t)bytes);
		}
		to = target + bytes;
		chunk += bytes;
	}
	return to;
}

typedef struct mover {
	const collect_run *collection;
	imago_oop nil;
} mover;

static void
move_root(void *visitor, imago_oop *oop)
{
	const mover *moving = visitor;
	*oop = new_value(moving->collection, *oop, moving->nil);
}

static void
move_roots(collect_run *collection, mover *moving)
{
	imago_object_memory *memory = collection->memory;
	imago_oop *const own[] = {&memory->nil, &memory->false_object, &memory->true_object,
	                          &memory->special_objects};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		move_root(moving, own[i]);
	}
	for (uint64_t i = 0; i < memory->num_mourners; i++) {
		move_root(moving, &memory->mourners[i]);
	}
	if (memory->visit_roots != NULL) {
		memory->visit_roots(memory->roots_payload, move_root, moving);
	}
}

/* The first objects of old space (Spur) stay first, so that free lists and hidden roots are where
 * they were while all others move. */
void
collect_slide(collect_run *collection)
{
	imago_object_memory *memory = collection->memory;
	const imago_memory_kind kind = memory->kind;
	mover moving = {.collection = collection};
	moving.nil = new_value(collection, memory->nil, memory->nil);
	if (!kind.v3) {
		uint64_t num_lists = imago_memory_num_slots(memory, memory->free_lists, kind);
		for (uint64_t i = 0; i < num_lists; i++) {
			clear_list(memory, i);
		}
	}
	imago_addr perm_top = memory->perm_top;
	if (collection->global) {
		perm_top = slide_range(collection, memory->base, memory->perm_top, moving.nil);
	}
	imago_addr old_top = slide_range(collection, memory->old_base, memory->old_top, moving.nil);
	move_roots(collection, &moving);
	memory->perm_top = perm_top;
	memory->old_top = old_top;
}
