/* class_table.h: from a class index to a class, in both object models.
 *
 * Source: formats/spur/spur.md §9; formats/v3/v3.md §3 "Compact classes".
 */
#ifndef IMAGO_CLASS_TABLE_H
#define IMAGO_CLASS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/byte_order.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"

/* The pages of the table, looked up once. Entries are read from the heap, so that a table of 2^22
 * entries costs no copy; the heap must outlive it. */
typedef struct imago_class_table {
	const uint8_t **pages; /* the bytes of each page's slots */
	uint32_t num_pages;
	uint32_t num_entries; /* Spur: pages * 1024; V3: 32 (index 0 unused) */
	imago_layout layout;
	imago_tagging tagging;
	imago_addr nil;
	imago_addr integer_class; /* class of SmallIntegers, from the special objects array */
	imago_allocator *allocator;
} imago_class_table;

/* Reads the table of a heap, tolerating what is broken (a missing page ends the table; the checker
 * says what is wrong with it). IMAGO_ENOMEM only. */
IMAGO_API imago_status imago_class_table_create(imago_class_table *table, const imago_heap *heap,
                                                imago_allocator *allocator,
                                                imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_class_table_release(imago_class_table *table);

/* The class with that index; 0 for nil, for a slot that is no pointer, and past the end. */
static inline imago_addr
imago_class_table_at(const imago_class_table *table, uint32_t class_index)
{
	if (class_index >= table->num_entries) {
		return 0;
	}
	/* V3's compact class array counts from 1. */
	uint32_t entry = table->tagging == IMAGO_TAGGING_V3 ? class_index - 1 : class_index;
	if (table->tagging == IMAGO_TAGGING_V3 && class_index == 0) {
		return 0;
	}
	const uint8_t *page = table->pages[entry / IMAGO_CLASS_PAGE_SIZE];
	size_t slot = entry % IMAGO_CLASS_PAGE_SIZE;
	imago_oop oop = imago_load_word(page + slot * table->layout.word_bytes, table->layout);
	return oop == table->nil || !imago_oop_is_pointer(table->tagging, oop) ? 0 : oop;
}

/* The class of an object: through its class index or its class word; 0 when there is none. */
IMAGO_API imago_addr imago_class_of_object(const imago_class_table *table,
                                           const imago_object *object);

/* What a class says of its instances (formats/spur/spur.md §6, bytecodes.md §4): decoded from
 * slot 2. */
typedef struct imago_class_shape {
	bool is_class;      /* slots 0 … 2 look like a class: 3 slots, slot 2 an integer of 31 bits */
	uint32_t num_named; /* named slots of an instance */
	uint8_t format;     /* instance specification, a format number of the model, tail bits 0 */
	uint8_t compact_index; /* V3 only */
	imago_oop superclass;
	imago_oop method_dictionary;
} imago_class_shape;

/* Decodes any object as a class; one that cannot be a class gives is_class false and zeros. */
IMAGO_API imago_class_shape imago_class_shape_of(const imago_heap *heap, const imago_object *cls);

/* Writes the name of a class ("Array", "Array class") as printable ASCII into text of size bytes;
 * "?" when it has none. Bounded, for any heap. */
IMAGO_API void imago_class_name(const imago_heap *heap, imago_oop cls, char *text, size_t size);

#endif
