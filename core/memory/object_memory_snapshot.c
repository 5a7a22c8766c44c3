/* object_memory_snapshot.c: the memory as an image. */
#include "imago/arrange.h"
#include "object_memory_private.h"

void
object_memory_clear_dead_slots_of(imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_oops = object_memory_num_oops(memory, oop);
	for (uint64_t i = object_memory_num_live_oops(memory, oop); i < num_oops; i++) {
		if (imago_memory_slot(memory, oop, i, kind) != memory->nil) {
			imago_memory_set_slot_raw(memory, oop, i, memory->nil, kind);
		}
	}
}

void
object_memory_clear_dead_slots(imago_object_memory *memory)
{
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		object_memory_clear_dead_slots_of(memory, oop);
	}
}

/* The same without a walk of permanent space: what was given a young object there is remembered. */
static void
clear_dead_slots_of_old(imago_object_memory *memory)
{
	uint64_t place = 0;
	for (imago_oop oop = object_memory_from(memory, memory->old_base);
	     oop != 0 && oop < memory->old_top; oop = imago_memory_next(memory, oop)) {
		object_memory_clear_dead_slots_of(memory, oop);
	}
	for (imago_oop oop;
	     memory->perm != NULL && (oop = object_memory_perm_next(memory, &place)) != 0;) {
		object_memory_clear_dead_slots_of(memory, oop);
	}
}

imago_status
imago_memory_pause(imago_object_memory *memory, imago_memory_mapping *out, imago_error *error)
{
	if (!memory->mapped) {
		return imago_fail(error, IMAGO_EUSAGE, "a memory that is not mapped", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	if (!imago_memory_scavenge(memory) ||
	    memory->eden_start - memory->old_top < IMAGO_BRIDGE_SIZE) {
		return imago_fail(error, IMAGO_ELIMIT, "old space", IMAGO_NO_OFFSET,
		                  memory->eden_top - memory->eden_start, object_memory_room(memory));
	}
	clear_dead_slots_of_old(memory);
	imago_status status = object_memory_mourn_save(memory, error);
	if (status != IMAGO_OK) {
		return status;
	}
	*out = (imago_memory_mapping){
	    .bytes = memory->bytes,
	    .base = memory->base,
	    .fixed_end = memory->perm_top - memory->base,
	    .old_start = memory->old_base - memory->base,
	    .used = memory->old_top - memory->base,
	    .size = memory->size,
	    .layout = {(uint8_t)imago_word_bytes(memory->kind), imago_host_order()},
	    .header = memory->header,
	    .tabled = memory->kind.tabled,
	};
	if (memory->kind.tabled) {
		status = memory->table->failed
		             ? imago_fail(error, IMAGO_ENOMEM, "copies of objects", IMAGO_NO_OFFSET,
		                          memory->table->num_copies, 0)
		             : imago_object_table_list(memory->table, &out->copies, error);
		if (status != IMAGO_OK) {
			object_memory_mourn_saved(memory);
			return status;
		}
		out->num_copies = memory->table->num_copies;
	}
	out->header.special_objects_oop = memory->special_objects;
	out->header.last_hash = memory->next_hash;
	imago_put_last_bridge(imago_memory_at(memory, memory->old_top), out->layout);
	return IMAGO_OK;
}

void
imago_memory_resume(imago_object_memory *memory)
{
	object_memory_mourn_saved(memory);
}

static imago_status
add_space(const imago_object_memory *memory, imago_heap *heap, imago_space space,
          imago_error *error)
{
	bool perm = space == IMAGO_SPACE_PERM;
	imago_addr from = perm ? memory->base : memory->old_base;
	uint64_t size = (perm ? memory->perm_top : memory->old_top) - from;
	uint64_t bridge_size = memory->kind.v3 || perm ? 0 : IMAGO_BRIDGE_SIZE;
	uint8_t *bytes = imago_allocate(heap->allocator, size + bridge_size, "image", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	memcpy(bytes, imago_memory_at(memory, from), (size_t)size);
	imago_status status = imago_heap_own(heap, bytes, size + bridge_size, error);
	if (status != IMAGO_OK) {
		imago_release(heap->allocator, bytes, size + bridge_size);
		return status;
	}
	const imago_segment segment = {
	    .start = perm ? object_memory_perm_start(memory->kind) : from,
	    .size = size,
	    .bridge_size = bridge_size,
	    .bytes = bytes,
	    .writable = bytes,
	    .space = space,
	};
	return imago_heap_add_segment(heap, &segment, error);
}

/* An oop as the image has it. */
static imago_oop
to_image(const imago_object_memory *memory, imago_oop oop)
{
	return imago_memory_is_pointer(memory->kind, oop) && imago_memory_is_perm(memory, oop)
	           ? oop - memory->base + object_memory_perm_start(memory->kind)
	           : oop;
}

/* In the copy of a space: what leads to permanent space. */
static void
move_pointers(const imago_object_memory *memory, const imago_segment *segment)
{
	const imago_memory_kind kind = memory->kind;
	bool perm = segment->space == IMAGO_SPACE_PERM;
	imago_addr from = perm ? memory->base : memory->old_base;
	for (imago_oop oop = object_memory_from(memory, from); oop != 0 && oop - from < segment->size;
	     oop = imago_memory_next(memory, oop)) {
		uint64_t num_oops = object_memory_num_oops(memory, oop);
		for (uint64_t i = 0; i < num_oops; i++) {
			imago_oop value = imago_memory_slot(memory, oop, i, kind);
			imago_oop moved = to_image(memory, value);
			if (moved != value) {
				imago_word_put(segment->writable + (oop - from) + imago_header_bytes(kind) +
				                   i * imago_word_bytes(kind),
				               moved, kind);
			}
		}
	}
}

/* Copies of objects, where they belong in the bytes of a section. */
static imago_status
put_copies(const imago_object_memory *memory, uint8_t *bytes, imago_addr from, imago_addr to,
           imago_error *error)
{
	const imago_object_copy *copies;
	if (!memory->kind.tabled) {
		return IMAGO_OK;
	}
	imago_status status = imago_object_table_list(memory->table, &copies, error);
	for (uint64_t i = 0; status == IMAGO_OK && i < memory->table->num_copies; i++) {
		imago_addr at = memory->base + copies[i].at;
		if (at >= from && at < to) {
			memcpy(bytes + (at - from), copies[i].bytes, (size_t)copies[i].size);
		}
	}
	return status;
}

static imago_status
add_section(const imago_object_memory *memory, imago_heap *heap, imago_addr from, imago_addr to,
            imago_error *error)
{
	if (from == to) {
		return IMAGO_OK;
	}
	uint64_t size = to - from;
	uint8_t *bytes = imago_allocate(heap->allocator, size + IMAGO_BRIDGE_SIZE, "image", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	memcpy(bytes, memory->bytes + (from - memory->base), (size_t)size);
	imago_status status = put_copies(memory, bytes, from, to, error);
	if (status == IMAGO_OK) {
		status = imago_heap_own(heap, bytes, size + IMAGO_BRIDGE_SIZE, error);
	}
	if (status != IMAGO_OK) {
		imago_release(heap->allocator, bytes, size + IMAGO_BRIDGE_SIZE);
		return status;
	}
	const imago_segment segment = {
	    .start = from,
	    .size = size,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .bytes = bytes,
	    .writable = bytes,
	    .space = IMAGO_SPACE_OLD,
	    .tier = imago_memory_is_perm(memory, from) ? IMAGO_TIER_READ_ONLY : IMAGO_TIER_OFTEN,
	};
	return imago_heap_add_segment(heap, &segment, error);
}

/* The sections of a mapped image: what lies between bridges. */
static imago_status
fill_mapped(const imago_object_memory *memory, imago_heap *heap, imago_error *error)
{
	imago_addr start = memory->base;
	imago_addr at = start;
	imago_status status = IMAGO_OK;
	heap->header = memory->header;
	heap->header.special_objects_oop = memory->special_objects;
	heap->header.last_hash = memory->next_hash;
	while (status == IMAGO_OK) {
		bool fixed_ends = at == memory->perm_top && at < memory->old_base;
		if (fixed_ends || at == memory->old_top) {
			status = add_section(memory, heap, start, at, error);
			if (!fixed_ends) {
				break;
			}
			start = at = memory->old_base;
			continue;
		}
		imago_oop oop = object_memory_oop_of_chunk(memory, at);
		imago_addr next = oop + object_memory_size(memory, oop);
		uint64_t header = imago_memory_header(memory, oop, memory->kind);
		if ((header & OBJECT_MEMORY_CLASS_BITS) == IMAGO_CLASS_BRIDGE) {
			status = add_section(memory, heap, start, at, error);
			start = next;
		}
		at = next;
	}
	if (status == IMAGO_OK) {
		heap->bridges = IMAGO_BRIDGES_FILE;
		status = imago_heap_set_bridges(heap, IMAGO_BRIDGES_FILE, error);
	}
	return status == IMAGO_OK ? imago_heap_refresh_header(heap, error) : status;
}

static imago_status
fill(const imago_object_memory *memory, imago_heap *heap, imago_error *error)
{
	heap->header = memory->header;
	heap->header.special_objects_oop = to_image(memory, memory->special_objects);
	heap->header.last_hash = memory->next_hash;
	imago_status status = add_space(memory, heap, IMAGO_SPACE_OLD, error);
	if (status == IMAGO_OK && memory->perm != NULL) {
		status = add_space(memory, heap, IMAGO_SPACE_PERM, error);
	}
	if (status == IMAGO_OK && memory->perm != NULL) {
		move_pointers(memory, &heap->segments[0]);
		move_pointers(memory, &heap->segments[1]);
	}
	if (status == IMAGO_OK && !memory->kind.v3) {
		imago_bridges bridges = memory->perm != NULL ? IMAGO_BRIDGES_MEMORY : IMAGO_BRIDGES_FILE;
		heap->bridges = bridges;
		status = imago_heap_set_bridges(heap, bridges, error);
	}
	return status == IMAGO_OK ? imago_heap_refresh_header(heap, error) : status;
}

imago_status
imago_memory_snapshot(imago_object_memory *memory, imago_heap **out, imago_allocator *allocator,
                      imago_error *error)
{
	if (!imago_memory_scavenge(memory)) {
		return imago_fail(error, IMAGO_ELIMIT, "old space", IMAGO_NO_OFFSET,
		                  memory->eden_top - memory->eden_start, object_memory_room(memory));
	}
	object_memory_clear_dead_slots(memory);
	imago_status status = object_memory_mourn_save(memory, error);
	if (status != IMAGO_OK) {
		return status;
	}
	const imago_layout layout = {(uint8_t)imago_word_bytes(memory->kind), imago_host_order()};
	imago_heap *heap;
	status =
	    imago_heap_create(&heap, memory->kind.v3 ? IMAGO_V3 : IMAGO_SPUR, layout, allocator, error);
	if (status == IMAGO_OK) {
		status = memory->mapped ? fill_mapped(memory, heap, error) : fill(memory, heap, error);
		if (status != IMAGO_OK) {
			imago_heap_destroy(heap);
		} else {
			*out = heap;
		}
	}
	object_memory_mourn_saved(memory);
	return status;
}
