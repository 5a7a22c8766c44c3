/* object_memory.c: from a heap to a memory that runs, and its objects. */
#include "imago/object_memory.h"

#include "imago/known_objects.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

#include "object_memory_private.h"

enum {
	ARENA_BASE = 1 << 16,
	MAX_FORWARDERS = 1024,
};

/* Where permanent space lies here: images have it at a fixed address, with old space below. */
static imago_oop
to_arena(const imago_object_memory *memory, imago_oop oop)
{
	imago_addr start = object_memory_perm_start(memory->kind);
	bool leads_there = memory->perm_top > memory->base && !memory->mapped && oop >= start &&
	                   imago_memory_is_pointer(memory->kind, oop);
	return leads_there ? oop - start + memory->base : oop;
}

/* The oop that a slot means: forwarders are followed, once and for all. */
static imago_oop
follow(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	oop = to_arena(memory, oop);
	for (int i = 0; i < MAX_FORWARDERS && !kind.v3 && imago_memory_is_pointer(kind, oop); i++) {
		uint64_t header = imago_memory_header(memory, oop, kind);
		if ((header & OBJECT_MEMORY_CLASS_BITS) != IMAGO_CLASS_FORWARDER) {
			break;
		}
		oop = to_arena(memory, imago_memory_slot(memory, oop, 0, kind));
	}
	return oop;
}

static void
follow_slots(imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_slots = object_memory_num_oops(memory, oop);
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_oop value = imago_memory_slot(memory, oop, i, kind);
		imago_oop meant = follow(memory, value);
		if (meant != value) { /* pages that are mapped stay clean */
			imago_memory_set_slot_raw(memory, oop, i, meant, kind);
		}
	}
}

static void
find_known_objects(imago_object_memory *memory, const imago_heap *heap)
{
	imago_known_objects known;
	memory->special_objects = to_arena(memory, heap->header.special_objects_oop);
	imago_known_objects_find(heap, &known);
	if (memory->kind.v3) {
		memory->nil = imago_memory_special(memory, IMAGO_SPECIAL_NIL);
		memory->false_object = imago_memory_special(memory, IMAGO_SPECIAL_FALSE);
		memory->true_object = imago_memory_special(memory, IMAGO_SPECIAL_TRUE);
		return;
	}
	memory->nil = known.nil.oop;
	memory->false_object = known.false_object.oop;
	memory->true_object = known.true_object.oop;
	memory->watched = known.true_object.oop + known.true_object.total_bytes;
	memory->free_lists = known.free_lists.oop;
	memory->hidden_roots = known.hidden_roots.oop;
	object_memory_count_class_pages(memory);
}

void
object_memory_count_class_pages(imago_object_memory *memory)
{
	while (memory->num_class_pages < IMAGO_CLASS_MAX_PAGES &&
	       imago_memory_slot(memory, memory->hidden_roots, memory->num_class_pages, memory->kind) !=
	           memory->nil) {
		memory->num_class_pages++;
	}
}

/* Bytes of permanent space; it is the last segment. */
static uint64_t
perm_bytes(const imago_heap *heap)
{
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	return last->space == IMAGO_SPACE_PERM ? last->size : 0;
}

static imago_addr
old_base_for(uint64_t perm_size)
{
	const uint64_t mask = OBJECT_MEMORY_SPACE_ALIGNMENT - 1;
	return perm_size == 0
	           ? ARENA_BASE
	           : ((ARENA_BASE + perm_size + mask) & ~mask) + OBJECT_MEMORY_SPACE_ALIGNMENT;
}

/* Behind what old space may grow to, there is always room for all that eden may hold. */
static imago_status
make_arena(imago_object_memory *memory, const imago_heap *heap, const imago_memory_options *options,
           imago_error *error)
{
	uint64_t old = heap->segments[0].size;
	uint64_t eden = options->eden_bytes > 0 ? options->eden_bytes : OBJECT_MEMORY_EDEN;
	uint64_t limit = memory->kind.wide ? UINT64_C(1) << 46 : UINT64_C(1) << 31;
	uint64_t below = memory->old_base - memory->base;
	eden = (eden + 7) & ~UINT64_C(7);
	if (options->growth > limit || eden > limit || old > limit ||
	    below + old + options->growth + 2 * eden > limit - ARENA_BASE) {
		return imago_fail(error, IMAGO_ELIMIT, "object memory", IMAGO_NO_OFFSET, old, limit);
	}
	memory->size = ((below + old + options->growth + 7) & ~UINT64_C(7)) + 2 * eden;
	memory->bytes = imago_allocate(memory->allocator, memory->size, "object memory", error);
	if (memory->bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	memory->old_top = memory->old_base + old;
	memory->eden_end = memory->base + memory->size;
	memory->eden_start = memory->eden_end - eden;
	memory->eden_top = memory->eden_start;
	memory->collect_every = options->collect_every;
	memory->mark_capacity = options->mark_capacity;
	memory->eden_limit = memory->collect_every > 0 ? memory->eden_start : memory->eden_end;
	object_memory_set_limit(memory);
	return IMAGO_OK;
}

static void
copy_spaces(imago_object_memory *memory, const imago_heap *heap)
{
	const imago_segment *old = &heap->segments[0];
	memcpy(imago_memory_at(memory, memory->old_base), old->bytes, (size_t)old->size);
	if (memory->perm_top > memory->base) {
		const imago_segment *perm = &heap->segments[heap->num_segments - 1];
		memcpy(memory->bytes, perm->bytes, (size_t)perm->size);
	}
}

static imago_status
create_from(imago_object_memory *memory, const imago_heap *heap,
            const imago_memory_options *options, imago_error *error)
{
	imago_status status = make_arena(memory, heap, options, error);
	if (status != IMAGO_OK) {
		return status;
	}
	copy_spaces(memory, heap);
	memory->header = heap->header;
	memory->next_hash = (uint32_t)heap->header.last_hash;
	memory->floats_low_first = imago_heap_floats_low_word_first(heap);
	find_known_objects(memory, heap);
	return object_memory_settle(memory, error);
}

void
object_memory_settle_object(imago_object_memory *memory, imago_oop oop)
{
	follow_slots(memory, oop);
	if (!imago_memory_is_perm(memory, oop)) {
		object_memory_forget(memory, oop); /* what the saver remembered (rule v3.rootBit) */
	}
}

imago_status
object_memory_settle(imago_object_memory *memory, imago_error *error)
{
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		object_memory_settle_object(memory, oop);
	}
	/* What a context's stale slots hold need not be an object. */
	object_memory_clear_dead_slots(memory);
	imago_status status = object_memory_mourn_load(memory, error);
	if (status != IMAGO_OK) {
		return status;
	}
	return memory->kind.tabled ? object_memory_perm_create_tabled(memory, error)
	                           : object_memory_perm_create(memory, error);
}

imago_status
imago_memory_create(imago_object_memory **out, const imago_heap *heap,
                    const imago_memory_options *options, imago_allocator *allocator,
                    imago_error *error)
{
	*out = NULL;
	imago_object_memory *memory = imago_allocate(allocator, sizeof *memory, "object memory", error);
	if (memory == NULL) {
		return IMAGO_ENOMEM;
	}
	memory->allocator = allocator;
	memory->kind =
	    (imago_memory_kind){.v3 = heap->model == IMAGO_V3, .wide = heap->layout.word_bytes == 8};
	memory->tagging = heap->tagging;
	memory->base = ARENA_BASE;
	memory->perm_top = ARENA_BASE + perm_bytes(heap);
	memory->old_base = old_base_for(perm_bytes(heap));
	const imago_rebuild_options options_here = {
	    .layout = {heap->layout.word_bytes, imago_host_order()},
	    .set_base = true,
	    .base = memory->old_base,
	    .num_segments = heap->num_segments > (perm_bytes(heap) > 0 ? 2 : 1) ? 1 : 0,
	};
	imago_heap *here = NULL;
	imago_status status = imago_rebuild(&here, heap, &options_here, allocator, NULL, error);
	if (status == IMAGO_OK) {
		status = create_from(memory, here, options, error);
		imago_heap_destroy(here);
	}
	if (status != IMAGO_OK) {
		imago_memory_destroy(memory);
		return status;
	}
	*out = memory;
	return IMAGO_OK;
}

void
imago_memory_destroy(imago_object_memory *memory)
{
	if (memory == NULL) {
		return;
	}
	imago_allocator *allocator = memory->allocator;
	object_memory_perm_destroy(memory);
	imago_object_table_destroy(memory->table);
	imago_release(allocator, memory->mourners, memory->mourner_capacity * sizeof *memory->mourners);
	imago_release(allocator, memory->remembered,
	              memory->remembered_capacity * sizeof *memory->remembered);
	if (memory->bytes != NULL && !memory->mapped) {
		imago_release(allocator, memory->bytes, memory->size);
	}
	imago_release(allocator, memory, sizeof *memory);
}

uint64_t
imago_memory_num_bytes(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_bytes = imago_memory_num_slots(memory, oop, kind) * imago_word_bytes(kind);
	imago_format_facts facts =
	    imago_format_facts_of(kind.v3 ? IMAGO_V3 : IMAGO_SPUR, (uint8_t)imago_word_bytes(kind),
	                          (uint8_t)imago_memory_format(memory, oop, kind));
	return num_bytes - (facts.unused_tail < num_bytes ? facts.unused_tail : num_bytes);
}

imago_oop
imago_memory_special(const imago_object_memory *memory, uint64_t index)
{
	const imago_memory_kind kind = memory->kind;
	if (index >= imago_memory_num_slots(memory, memory->special_objects, kind)) {
		return memory->nil;
	}
	return imago_memory_slot(memory, memory->special_objects, index, kind);
}

imago_oop
object_memory_class_at(const imago_object_memory *memory, uint32_t index)
{
	const imago_memory_kind kind = memory->kind;
	if (index / IMAGO_CLASS_PAGE_SIZE >= memory->num_class_pages) {
		return 0;
	}
	imago_oop page =
	    imago_memory_slot(memory, memory->hidden_roots, index / IMAGO_CLASS_PAGE_SIZE, kind);
	imago_oop cls = imago_memory_slot(memory, page, index % IMAGO_CLASS_PAGE_SIZE, kind);
	return cls == memory->nil ? 0 : cls;
}

static imago_oop
class_of_v3(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind narrow = {.wide = false};
	uint64_t header = imago_memory_header(memory, oop, memory->kind);
	uint32_t compact = (uint32_t)(header >> 12) & 31;
	if ((header & 3) != 3) {
		return imago_word_get(imago_memory_at(memory, oop) - 4, narrow) & ~UINT64_C(3);
	}
	/* The image may have put anything in the table's place. */
	imago_oop table = imago_memory_special(memory, IMAGO_SPECIAL_COMPACT_CLASSES);
	if (compact == 0 || !imago_memory_is_pointer(memory->kind, table) ||
	    !imago_memory_has_pointers(memory, table, memory->kind) ||
	    imago_memory_num_slots(memory, table, memory->kind) < compact) {
		return 0;
	}
	return imago_memory_slot(memory, table, compact - 1, memory->kind);
}

imago_oop
imago_memory_class_of(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	if (imago_memory_is_integer(kind, oop)) {
		return imago_memory_special(memory, IMAGO_SPECIAL_CLASS_SMALL_INTEGER);
	}
	if (kind.v3) {
		return class_of_v3(memory, oop);
	}
	if (imago_memory_is_pointer(kind, oop)) {
		return object_memory_class_at(memory, (uint32_t)imago_memory_header(memory, oop, kind) &
		                                          OBJECT_MEMORY_CLASS_BITS);
	}
	return object_memory_class_at(memory, (uint32_t)oop & (kind.wide ? 7 : 3));
}

uint64_t
imago_memory_class_tag(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	if (imago_memory_is_integer(kind, oop)) {
		return IMAGO_CLASS_SMALL_INTEGER;
	}
	if (kind.v3) {
		return class_of_v3(memory, oop);
	}
	if (imago_memory_is_pointer(kind, oop)) {
		return imago_memory_header(memory, oop, kind) & OBJECT_MEMORY_CLASS_BITS;
	}
	return oop & (kind.wide ? 7 : 3);
}

static void
set_hash(imago_object_memory *memory, imago_oop oop, uint32_t hash)
{
	uint8_t *at = imago_memory_open(memory, oop, memory->kind);
	const imago_memory_kind word = {.wide = !memory->kind.v3};
	uint64_t header = imago_word_get(at, word);
	if (memory->kind.v3) {
		header = (header & ~(UINT64_C(0xFFF) << 17)) | (uint64_t)(hash & 0xFFF) << 17;
	} else {
		header = (header & ~(UINT64_C(0x3FFFFF) << 32)) | (uint64_t)(hash & 0x3FFFFF) << 32;
	}
	imago_word_put(at, header, word);
}

static uint32_t
hash_of(const imago_object_memory *memory, imago_oop oop)
{
	uint64_t header = imago_memory_header(memory, oop, memory->kind);
	return memory->kind.v3 ? (uint32_t)(header >> 17) & 0xFFF : (uint32_t)(header >> 32) & 0x3FFFFF;
}

uint32_t
imago_memory_hash(imago_object_memory *memory, imago_oop oop)
{
	uint32_t hash = hash_of(memory, oop);
	if (hash == 0 && !memory->kind.v3) {
		hash = imago_memory_draw_hash(memory);
		set_hash(memory, oop, hash);
	}
	return hash;
}

void
object_memory_copy_hash(imago_object_memory *memory, imago_oop from, imago_oop to)
{
	set_hash(memory, to, hash_of(memory, from));
}

/* A free entry of the class table, from page 1 on as VMs have it; 0 when there is none. */
static uint32_t
free_class_index(imago_object_memory *memory)
{
	const imago_memory_kind kind = memory->kind;
	for (uint32_t page = 1; page < memory->num_class_pages; page++) {
		for (uint32_t i = 0; i < IMAGO_CLASS_PAGE_SIZE; i++) {
			if (object_memory_class_at(memory, page * IMAGO_CLASS_PAGE_SIZE + i) == 0) {
				return page * IMAGO_CLASS_PAGE_SIZE + i;
			}
		}
	}
	uint32_t page = memory->num_class_pages;
	imago_oop made = page < IMAGO_CLASS_MAX_PAGES
	                     ? object_memory_make_old(memory, IMAGO_CLASS_HIDDEN_ARRAY,
	                                              IMAGO_FORMAT_INDEXABLE, IMAGO_CLASS_PAGE_SIZE)
	                     : 0;
	if (made == 0) {
		return 0;
	}
	for (uint32_t i = 0; i < IMAGO_CLASS_PAGE_SIZE; i++) {
		imago_memory_set_slot_raw(memory, made, i, memory->nil, kind);
	}
	imago_memory_set_slot(memory, memory->hidden_roots, page, made, kind);
	memory->num_class_pages++;
	return page * IMAGO_CLASS_PAGE_SIZE;
}

uint32_t
imago_memory_class_index(imago_object_memory *memory, imago_oop cls)
{
	uint32_t index = hash_of(memory, cls);
	if (index != 0 && object_memory_class_at(memory, index) == cls) {
		return index;
	}
	index = free_class_index(memory);
	if (index != 0) {
		imago_oop page = imago_memory_slot(memory, memory->hidden_roots,
		                                   index / IMAGO_CLASS_PAGE_SIZE, memory->kind);
		imago_memory_set_slot(memory, page, index % IMAGO_CLASS_PAGE_SIZE, cls, memory->kind);
		set_hash(memory, cls, index);
	}
	return index;
}
