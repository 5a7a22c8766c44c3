/* object_memory_mapped.c: a memory over an image that somebody else has mapped. */
#include "imago/layout.h"
#include "object_memory_private.h"

enum { FIXED_OBJECTS = 5 };

static imago_status
require_mapping(const imago_memory_mapping *mapping, uint64_t eden, imago_error *error)
{
	uint64_t limit = mapping->layout.word_bytes == 8 ? UINT64_C(1) << 47 : UINT64_C(1) << 32;
	if (mapping->layout.byte_order != imago_host_order()) {
		return imago_fail(error, IMAGO_EUSAGE, "byte order of a mapped image", IMAGO_NO_OFFSET, 0,
		                  0);
	}
	bool sound = mapping->base % 8 == 0 && mapping->base > 0 && mapping->base < limit &&
	             mapping->size <= limit - mapping->base && mapping->size % 8 == 0 &&
	             mapping->used <= mapping->size && mapping->used % 8 == 0 &&
	             mapping->fixed_end <= mapping->old_start && mapping->old_start <= mapping->used &&
	             (mapping->fixed_end == 0) == (mapping->old_start == 0) &&
	             mapping->fixed_end % 8 == 0;
	if (mapping->tabled) {
		sound = sound && mapping->fixed_end > 0 && mapping->fixed_end == mapping->old_start;
	} else {
		sound = sound && mapping->old_start < mapping->used &&
		        mapping->old_start % OBJECT_MEMORY_SPACE_ALIGNMENT == 0;
	}
	if (!sound) {
		return imago_fail(error, IMAGO_EUSAGE, "mapped image", IMAGO_NO_OFFSET, mapping->used,
		                  mapping->size);
	}
	/* Behind what old space may grow to, there is always room for all that eden may hold. */
	if (eden > mapping->size / 2 || mapping->size - mapping->used < 2 * eden) {
		return imago_fail(error, IMAGO_ELIMIT, "room for eden", IMAGO_NO_OFFSET,
		                  mapping->size - mapping->used, 2 * eden);
	}
	return IMAGO_OK;
}

static void
place_spaces(imago_object_memory *memory, const imago_memory_mapping *mapping, uint64_t eden)
{
	memory->bytes = mapping->bytes;
	memory->size = mapping->size;
	memory->base = mapping->base;
	memory->perm_top = mapping->base + mapping->fixed_end;
	memory->old_base = mapping->base + mapping->old_start;
	memory->old_top = mapping->base + mapping->used;
	memory->eden_end = memory->base + memory->size;
	memory->eden_start = memory->eden_end - eden;
	memory->eden_top = memory->eden_start;
}

/* The first five objects: they are where all images have them. */
static void
find_known_objects(imago_object_memory *memory)
{
	imago_oop *const places[FIXED_OBJECTS] = {&memory->nil, &memory->false_object,
	                                          &memory->true_object, &memory->free_lists,
	                                          &memory->hidden_roots};
	imago_addr chunk = memory->base;
	for (size_t i = 0; i < FIXED_OBJECTS; i++) {
		*places[i] = object_memory_oop_of_chunk(memory, chunk);
		chunk = *places[i] + object_memory_size(memory, *places[i]);
		if (places[i] == &memory->true_object) {
			memory->watched = chunk;
		}
	}
	/* Where they are permanent themselves, nobody need remember who refers to them. */
	if (memory->old_base > memory->watched) {
		memory->watched = memory->old_base;
	}
	memory->special_objects = memory->header.special_objects_oop;
	object_memory_count_class_pages(memory);
}

/* What lists say is where permanent objects can be; that it is true, the checker knows
 * (layered.md §6). */
static imago_status
require_lists(const imago_memory_mapping *mapping, imago_error *error)
{
	bool sound = mapping->remembered != NULL && mapping->class_indices != NULL;
	uint64_t least = 0;
	for (uint64_t i = 0; sound && i < mapping->num_remembered; i++) {
		uint64_t at = mapping->remembered[i];
		sound = at >= least && at % 8 == 0 && at < mapping->fixed_end;
		least = at + 8;
	}
	uint64_t least_index = IMAGO_CLASS_FIRST_REAL;
	for (uint64_t i = 0; sound && i < mapping->num_class_indices; i++) {
		uint32_t index = mapping->class_indices[i];
		sound = index >= least_index && index < IMAGO_CLASS_INDEX_LIMIT;
		least_index = (uint64_t)index + 1;
	}
	return sound ? IMAGO_OK
	             : imago_fail(error, IMAGO_EUSAGE, "remembered set", IMAGO_NO_OFFSET, least,
	                          mapping->fixed_end);
}

/* Copies made by another machine, and what of them leads to objects made since. */
static imago_status
take_copies(imago_object_memory *memory, const imago_memory_mapping *mapping, imago_error *error)
{
	imago_status status = imago_object_table_create(&memory->table, mapping->layout, mapping->base,
	                                                mapping->fixed_end, memory->allocator, error);
	for (uint64_t i = 0; i < mapping->num_copies && status == IMAGO_OK; i++) {
		status = imago_object_table_add(memory->table, &mapping->copies[i], error);
	}
	return status;
}

/* Of a source where nothing is to be changed: what was changed in it, and made since. */
static imago_status
settle_copies(imago_object_memory *memory, imago_error *error)
{
	const imago_object_copy *copies;
	imago_status status = imago_object_table_list(memory->table, &copies, error);
	if (status != IMAGO_OK) {
		return status;
	}
	void (*const passes[])(imago_object_memory *, imago_oop) = {object_memory_settle_object,
	                                                            object_memory_clear_dead_slots_of};
	for (size_t pass = 0; pass < sizeof passes / sizeof passes[0]; pass++) {
		for (uint64_t i = 0; i < memory->table->num_copies; i++) {
			imago_oop oop = object_memory_oop_of_chunk(memory, memory->base + copies[i].at);
			if (object_memory_is_followed(memory, oop)) {
				passes[pass](memory, oop);
			}
		}
		for (imago_oop oop = object_memory_from(memory, memory->old_base); oop != 0;
		     oop = imago_memory_next(memory, oop)) {
			passes[pass](memory, oop);
		}
	}
	status = object_memory_mourn_load(memory, error);
	return status == IMAGO_OK ? object_memory_perm_create_tabled(memory, error) : status;
}

/* What there is to change, and to remember. */
static imago_status
settle(imago_object_memory *memory, const imago_memory_mapping *mapping, imago_error *error)
{
	if (!mapping->ready) {
		return object_memory_settle(memory, error);
	}
	if (memory->kind.tabled) {
		return settle_copies(memory, error);
	}
	imago_status status = object_memory_mourn_load(memory, error);
	if (status != IMAGO_OK || mapping->remembered == NULL) {
		return status == IMAGO_OK ? object_memory_perm_create(memory, error) : status;
	}
	status = require_lists(mapping, error);
	return status == IMAGO_OK ? object_memory_perm_create_known(memory, mapping, error) : status;
}

/* Entries of classes that are gone are cleared where the collector writes. */
static imago_status
require_class_pages_in_old_space(const imago_object_memory *memory, imago_error *error)
{
	for (uint32_t i = 0; i < memory->num_class_pages; i++) {
		imago_oop page = imago_memory_slot(memory, memory->hidden_roots, i, memory->kind);
		if (imago_memory_is_perm(memory, page) && !memory->kind.tabled) {
			return imago_fail(error, IMAGO_EUNSUPPORTED,
			                  "page of the class table in permanent space", IMAGO_NO_OFFSET, page,
			                  memory->old_base);
		}
	}
	return IMAGO_OK;
}

static imago_status
fill(imago_object_memory *memory, const imago_memory_mapping *mapping,
     const imago_memory_options *options, imago_error *error)
{
	uint64_t eden = options->eden_bytes > 0 ? options->eden_bytes : OBJECT_MEMORY_EDEN;
	eden = (eden + 7) & ~UINT64_C(7);
	imago_status status = require_mapping(mapping, eden, error);
	if (status != IMAGO_OK) {
		return status;
	}
	place_spaces(memory, mapping, eden);
	memory->collect_every = options->collect_every;
	memory->mark_capacity = options->mark_capacity;
	memory->eden_limit = memory->collect_every > 0 ? memory->eden_start : memory->eden_end;
	object_memory_set_limit(memory);
	memory->header = mapping->header;
	memory->next_hash = (uint32_t)mapping->header.last_hash;
	memory->floats_low_first = (mapping->header.flags & IMAGO_FLAG_FLOATS_LOW_WORD_FIRST) != 0;
	status = mapping->tabled ? take_copies(memory, mapping, error) : IMAGO_OK;
	if (status != IMAGO_OK) {
		return status;
	}
	find_known_objects(memory);
	status = require_class_pages_in_old_space(memory, error);
	return status == IMAGO_OK ? settle(memory, mapping, error) : status;
}

imago_status
imago_memory_create_mapped(imago_object_memory **out, const imago_memory_mapping *mapping,
                           const imago_memory_options *options, imago_allocator *allocator,
                           imago_error *error)
{
	*out = NULL;
	imago_object_memory *memory = imago_allocate(allocator, sizeof *memory, "object memory", error);
	if (memory == NULL) {
		return IMAGO_ENOMEM;
	}
	memory->allocator = allocator;
	memory->mapped = true;
	memory->kind =
	    (imago_memory_kind){.wide = mapping->layout.word_bytes == 8, .tabled = mapping->tabled};
	memory->tagging = imago_tagging_of(IMAGO_SPUR, mapping->layout.word_bytes);
	imago_status status = fill(memory, mapping, options, error);
	if (status != IMAGO_OK) {
		imago_memory_destroy(memory);
		return status;
	}
	*out = memory;
	return IMAGO_OK;
}
