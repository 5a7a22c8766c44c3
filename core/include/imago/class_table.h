/* class_table.h: from a class index to a class, in both object models.
 *
 * Source: formats/spur/spur.md §9; formats/v3/v3.md §3 "Compact classes".
 */
#ifndef IMAGO_CLASS_TABLE_H
#define IMAGO_CLASS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"

/* A copy of the table, taken once: entries[i] is the oop in slot i, or 0 for nil, for a slot that
 * is no pointer and past the end. */
typedef struct imago_class_table {
	imago_addr *entries;
	uint32_t num_entries; /* Spur: pages * 1024; V3: 32 (index 0 unused) */
	imago_addr nil;
	imago_tagging tagging;
	imago_allocator *allocator;
	imago_addr integer_class; /* classes of immediates, for V3 from the special objects */
} imago_class_table;

/* Reads the table of a heap, tolerating what is broken (a missing page ends the table; the checker
 * says what is wrong with it). IMAGO_ENOMEM only. */
IMAGO_API imago_status imago_class_table_create(imago_class_table *table, const imago_heap *heap,
                                                imago_allocator *allocator,
                                                imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_class_table_release(imago_class_table *table);

/* The class with that index, or 0. */
static inline imago_addr
imago_class_table_at(const imago_class_table *table, uint32_t class_index)
{
	return class_index < table->num_entries ? table->entries[class_index] : 0;
}

/* The class of an object: through its class index or its class word; 0 when there is none. */
IMAGO_API imago_addr imago_class_of_object(const imago_class_table *table,
                                           const imago_object *object);

/* What a class says of its instances (formats/spur/spur.md §6, bytecodes.md §4): decoded from
 * slot 2. */
typedef struct imago_class_shape {
	bool is_class;      /* slots 0 … 2 look like a class: at least 3 slots, slot 2 an integer */
	uint32_t num_named; /* named slots of an instance */
	uint8_t format;     /* instance specification, a format number with tail bits 0 */
	uint8_t compact_index; /* V3 only */
	imago_oop superclass;
	imago_oop method_dictionary;
} imago_class_shape;

IMAGO_API imago_class_shape imago_class_shape_of(const imago_heap *heap, const imago_object *cls);

/* Writes the name of a class ("Array", "Array class") as printable ASCII into text of size bytes;
 * "?" when it has none. Bounded, for any heap. */
IMAGO_API void imago_class_name(const imago_heap *heap, imago_oop cls, char *text, size_t size);

#endif
