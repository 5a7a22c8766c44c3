/* object_table.c: copies of objects of a source, and where they are. */
#include "imago/object_table.h"

#include <stdlib.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/checked.h"

enum {
	FIRST_CAPACITY = 256,
	BLOCK_SIZE = 1 << 16, /* unless one object needs more */
	OVERFLOW_SLOTS = 255,
	UNIT = 8,
};

struct imago_object_table_block {
	struct imago_object_table_block *next;
	uint64_t used, size; /* of what follows */
};

imago_status
imago_object_table_create(imago_object_table **out, imago_layout layout, imago_addr base,
                          uint64_t size, imago_allocator *allocator, imago_error *error)
{
	*out = NULL;
	imago_object_table *table = imago_allocate(allocator, sizeof *table, "object table", error);
	if (table == NULL) {
		return IMAGO_ENOMEM;
	}
	*table =
	    (imago_object_table){.base = base, .layout = layout, .size = size, .allocator = allocator};
	imago_status status = imago_bitmap_create(&table->copied, size / UNIT, allocator, error);
	if (status == IMAGO_OK) {
		table->entries = imago_allocate_array(allocator, FIRST_CAPACITY, sizeof *table->entries,
		                                      "object table", error);
		table->capacity = table->entries != NULL ? FIRST_CAPACITY : 0;
		status = table->entries != NULL ? IMAGO_OK : IMAGO_ENOMEM;
	}
	if (status != IMAGO_OK) {
		imago_object_table_destroy(table);
		return status;
	}
	*out = table;
	return IMAGO_OK;
}

void
imago_object_table_destroy(imago_object_table *table)
{
	if (table == NULL) {
		return;
	}
	imago_allocator *allocator = table->allocator;
	imago_bitmap_release(&table->copied, allocator);
	imago_release(allocator, table->entries, table->capacity * sizeof *table->entries);
	imago_release(allocator, table->list, table->list_capacity * sizeof *table->list);
	while (table->blocks != NULL) {
		struct imago_object_table_block *block = table->blocks;
		table->blocks = block->next;
		imago_release(allocator, block, sizeof *block + block->size);
	}
	imago_release(allocator, table, sizeof *table);
}

/* Where an oop is looked for first. */
static uint64_t
first_place(const imago_object_table *table, imago_oop oop)
{
	return (oop >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32 & (table->capacity - 1);
}

uint8_t *
imago_object_table_find(const imago_object_table *table, imago_oop oop)
{
	uint64_t i = first_place(table, oop);
	while (table->entries[i].oop != oop) {
		i = (i + 1) & (table->capacity - 1);
	}
	return table->entries[i].header;
}

static void
put_entry(imago_object_table *table, imago_object_table_entry entry)
{
	uint64_t i = first_place(table, entry.oop);
	while (table->entries[i].oop != 0) {
		i = (i + 1) & (table->capacity - 1);
	}
	table->entries[i] = entry;
}

/* One more entry leaves a fourth of them unused. */
static bool
make_room(imago_object_table *table)
{
	if (table->num_copies + 1 <= table->capacity / 4 * 3) {
		return true;
	}
	imago_object_table larger = *table;
	larger.capacity = table->capacity * 2;
	larger.entries = imago_allocate_array(table->allocator, larger.capacity, sizeof *larger.entries,
	                                      "object table", NULL);
	if (larger.entries == NULL) {
		return false;
	}
	for (uint64_t i = 0; i < table->capacity; i++) {
		if (table->entries[i].oop != 0) {
			put_entry(&larger, table->entries[i]);
		}
	}
	imago_release(table->allocator, table->entries, table->capacity * sizeof *table->entries);
	table->entries = larger.entries;
	table->capacity = larger.capacity;
	return true;
}

/* Bytes for a copy; NULL: no memory. */
static uint8_t *
take_bytes(imago_object_table *table, uint64_t size)
{
	struct imago_object_table_block *block = table->blocks;
	if (block == NULL || block->size - block->used < size) {
		uint64_t block_size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		block =
		    imago_allocate(table->allocator, sizeof *block + block_size, "copies of objects", NULL);
		if (block == NULL) {
			return NULL;
		}
		*block = (struct imago_object_table_block){.next = table->blocks, .size = block_size};
		table->blocks = block;
	}
	uint8_t *bytes = (uint8_t *)(block + 1) + block->used;
	block->used += size;
	return bytes;
}

/* Copies a chunk; NULL: no memory. */
static uint8_t *
copy_chunk(imago_object_table *table, imago_oop oop, const uint8_t *chunk, uint64_t lead,
           uint64_t size)
{
	uint8_t *bytes = make_room(table) ? take_bytes(table, size) : NULL;
	if (bytes == NULL) {
		return NULL;
	}
	memcpy(bytes, chunk, (size_t)size);
	put_entry(table, (imago_object_table_entry){oop, bytes + lead});
	imago_bitmap_set(&table->copied, (oop - table->base) / UNIT);
	table->num_copies++;
	table->copied_bytes += size;
	return bytes + lead;
}

/* Bytes before the header, of a chunk whose first word is there, or whose header is. */
static uint64_t
lead_of(const uint8_t *word, imago_layout layout)
{
	bool overflow = imago_load_u64(word, layout.byte_order) >> 56 == OVERFLOW_SLOTS;
	return overflow ? (uint64_t)UNIT : 0;
}

/* Bytes from the header on, as it says. */
static uint64_t
size_from_header(const uint8_t *header, uint64_t lead, imago_layout layout)
{
	uint64_t num_slots = imago_load_u64(header, layout.byte_order) >> 56;
	if (lead > 0) {
		num_slots = imago_load_u64(header - lead, layout.byte_order) & UINT64_C(0xFFFFFFFFFFFFFF);
	}
	uint64_t body = (num_slots * layout.word_bytes + UNIT - 1) & ~(uint64_t)(UNIT - 1);
	return UNIT + (body > 0 ? body : UNIT);
}

uint64_t
imago_object_table_chunk_size(const uint8_t *bytes, uint64_t size, imago_layout layout)
{
	if (size < UNIT) {
		return 0;
	}
	uint64_t lead = lead_of(bytes, layout);
	return size - UNIT < lead ? 0 : lead + size_from_header(bytes + lead, lead, layout);
}

uint8_t *
imago_object_table_open(imago_object_table *table, imago_oop oop, uint8_t *source)
{
	if (imago_bitmap_test(&table->copied, (oop - table->base) / UNIT)) {
		return imago_object_table_find(table, oop);
	}
	/* Who was told once that an object stays may have kept its place: it stays. */
	if (table->failed) {
		return source;
	}
	uint64_t lead = lead_of(source, table->layout);
	uint64_t size = lead + size_from_header(source, lead, table->layout);
	uint8_t *copy = copy_chunk(table, oop, source - lead, lead, size);
	table->failed = table->failed || copy == NULL;
	return copy != NULL ? copy : source;
}

imago_status
imago_object_table_add(imago_object_table *table, const imago_object_copy *copy, imago_error *error)
{
	if (!imago_range_fits(copy->at, copy->size, table->size) || copy->size < (uint64_t)2 * UNIT ||
	    copy->at % UNIT != 0) {
		return imago_fail(error, IMAGO_ERANGE, "copy of an object", copy->at, copy->size,
		                  table->size);
	}
	uint64_t lead = lead_of(copy->bytes, table->layout);
	uint64_t size = imago_object_table_chunk_size(copy->bytes, copy->size, table->layout);
	if (size != copy->size) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "size of a copied object", copy->at, copy->size,
		                  size);
	}
	imago_oop oop = table->base + copy->at + lead;
	if (imago_bitmap_test(&table->copied, (oop - table->base) / UNIT)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "second copy of an object", copy->at, 0, 0);
	}
	if (copy_chunk(table, oop, copy->bytes, lead, size) == NULL) {
		return imago_fail(error, IMAGO_ENOMEM, "copies of objects", copy->at, size, 0);
	}
	return IMAGO_OK;
}

static int
compare_places(const void *left, const void *right)
{
	uint64_t a = ((const imago_object_copy *)left)->at;
	uint64_t b = ((const imago_object_copy *)right)->at;
	return a < b ? -1 : a > b;
}

imago_status
imago_object_table_list(imago_object_table *table, const imago_object_copy **out,
                        imago_error *error)
{
	imago_allocator *allocator = table->allocator;
	if (table->list_capacity < table->num_copies) {
		imago_release(allocator, table->list, table->list_capacity * sizeof *table->list);
		table->list_capacity = 0;
		table->list = imago_allocate_array(allocator, table->num_copies, sizeof *table->list,
		                                   "copies of objects", error);
		if (table->list == NULL) {
			return IMAGO_ENOMEM;
		}
		table->list_capacity = table->num_copies;
	}
	uint64_t count = 0;
	for (uint64_t i = 0; i < table->capacity; i++) {
		const imago_object_table_entry *entry = &table->entries[i];
		if (entry->oop == 0) {
			continue;
		}
		uint64_t lead = lead_of(entry->header, table->layout);
		table->list[count++] = (imago_object_copy){
		    .at = entry->oop - lead - table->base,
		    .size = lead + size_from_header(entry->header, lead, table->layout),
		    .bytes = entry->header - lead,
		};
	}
	if (count > 0) {
		qsort(table->list, (size_t)count, sizeof *table->list, compare_places);
	}
	*out = table->list;
	return IMAGO_OK;
}
