/* object_table.h: copy-on-write by objects instead of pages.
 *
 * A source that is only read holds objects; who is about to write one makes a copy of it first,
 * once, and a table says where that is. Oops stay what they are, so nothing that refers to the
 * object need change: what the Active Book did with its ROM. Copies lie side by side, so few pages
 * hold the changes, wherever the objects lie in the source. What it costs is a look at a bit, at
 * each access to an object of the source. Spur only.
 */
#ifndef IMAGO_OBJECT_TABLE_H
#define IMAGO_OBJECT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/bitmap.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/layout.h"
#include "imago/oop.h"

/* An object of the source as it is now. */
typedef struct imago_object_copy {
	uint64_t at;   /* of its first header word, in bytes from the source's first */
	uint64_t size; /* of the chunk: header words and body, in bytes */
	const uint8_t *bytes;
} imago_object_copy;

typedef struct imago_object_table_entry {
	imago_oop oop; /* 0: unused */
	uint8_t *header;
} imago_object_table_entry;

typedef struct imago_object_table {
	imago_addr base;     /* of the source */
	imago_layout layout; /* the byte order is the host's */
	uint64_t size;       /* of the source: only oops below base + size may have copies */
	imago_bitmap copied; /* a bit for each unit of 8 bytes: of an object's header that has one */
	imago_object_table_entry *entries; /* hashed by oop */
	uint64_t capacity;                 /* a power of two, never full */
	uint64_t num_copies, copied_bytes;
	bool failed; /* there was no memory for a copy: from then on objects without one are written in
	              * the source's place */
	struct imago_object_table_block *blocks; /* hold the copies, which never move */
	imago_object_copy *list;                 /* that imago_object_table_list answered */
	uint64_t list_capacity;
	imago_allocator *allocator;
} imago_object_table;

/* Over a source of so many bytes at an address, both multiples of 8, in the host's byte order.
 * IMAGO_ENOMEM: it takes a 64th of the source, of which only what is looked at becomes memory. */
IMAGO_API imago_status imago_object_table_create(imago_object_table **out, imago_layout layout,
                                                 imago_addr base, uint64_t size,
                                                 imago_allocator *allocator,
                                                 imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_object_table_destroy(imago_object_table *table);

/* Where the header of the object to be written is: of its copy, which is made if there is none yet;
 * source is where it is in the source, with which it begins. An object for which there is no memory
 * stays in the source, failed is set, and so do all that have no copy yet. */
IMAGO_API uint8_t *imago_object_table_open(imago_object_table *table, imago_oop oop,
                                           uint8_t *source);

/* Takes over a copy made elsewhere (its bytes are copied) of an object that has none: at and size
 * lie within the source, and the header words in bytes say that size. IMAGO_ENOMEM; IMAGO_ERANGE,
 * IMAGO_ESTRUCTURE (one that has a copy; another size) name the place in the source. */
IMAGO_API imago_status imago_object_table_add(imago_object_table *table,
                                              const imago_object_copy *copy,
                                              imago_error *error) IMAGO_NODISCARD;

/* Bytes of the chunk that begins there, by its header words; 0 where there are too few for these.
 */
IMAGO_API uint64_t imago_object_table_chunk_size(const uint8_t *bytes, uint64_t size,
                                                 imago_layout layout);

/* All copies, ascending; the table's until the next call. IMAGO_ENOMEM. */
IMAGO_API imago_status imago_object_table_list(imago_object_table *table,
                                               const imago_object_copy **out,
                                               imago_error *error) IMAGO_NODISCARD;

/* Where the header of the copy is, of an object whose bit is set. Not inline: few objects have one,
 * and loops of machines look at many. */
IMAGO_API uint8_t *imago_object_table_find(const imago_object_table *table, imago_oop oop);

#endif
