/* object_memory.h: the memory of a running image: objects that move, are made and are collected.
 *
 * A heap (heap.h) is a file's bytes as they are; an object memory is what they become when they
 * run. Words are in the host's order, all objects lie in one arena, and an oop is an address in it.
 *
 *     base … perm_top         permanent space, if the image has one
 *     old_base … old_top      old space: what the image brought, and what outlived a scavenge
 *     old_top … eden_start    room for old space to grow
 *     eden_start … eden_top   young objects, in the order they were made
 *     eden_top … eden_limit   room for more
 *
 * There are three collectors. A scavenge empties eden into old space. An old-space collection marks
 * and compacts old space; permanent space is neither written nor walked, but for the objects in it
 * that are remembered to refer to old space, and what those refer to stays where it is. A global
 * collection does the same with permanent space included, which is compacted too. The second and
 * third scavenge first.
 *
 * Made only from heaps that the checker finds no error in, so every slot leads to an object or is
 * an immediate, and it stays so: whoever stores, stores such words. Allocation never collects;
 * collections happen where the caller asks for room (imago_memory_reserve), so that oops in C
 * variables are good between two such calls.
 *
 * Source: formats/spur/spur.md §5-§9; formats/v3/v3.md §3.
 */
#ifndef IMAGO_OBJECT_MEMORY_H
#define IMAGO_OBJECT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/object.h"
#include "imago/object_table.h"
#include "imago/oop.h"

/* What decides how words and headers are read. Passed as a constant in hot loops. */
typedef struct imago_memory_kind {
	bool v3;
	bool wide;   /* 8 bytes to a word */
	bool tabled; /* objects of the source may have copies (object_table.h) */
} imago_memory_kind;

/* Calls back for every root that lies outside the arena. */
typedef void imago_visit_root_fn(void *visitor, imago_oop *oop);
typedef void imago_visit_roots_fn(void *payload, imago_visit_root_fn *visit, void *visitor);

/* What collections did so far. */
typedef struct imago_collections {
	uint64_t num_old, num_global; /* collections of old space; of that and permanent space */
	uint64_t bytes_freed;         /* by these */
	uint64_t num_weak_cleared;    /* slots of weak objects that became nil */
	uint64_t num_fired;           /* ephemerons whose keys nothing else reached */
	uint64_t num_abandoned;       /* for want of memory for the tables; nothing was done */
} imago_collections;

typedef struct imago_object_memory {
	imago_memory_kind kind;
	imago_tagging tagging;
	uint8_t *bytes; /* of the arena */
	uint64_t size;
	bool mapped; /* by somebody else (imago_memory_create_mapped) */
	imago_addr base, perm_top, old_base;
	imago_addr watched; /* behind nil, false and true, where permanent space exists: these never
	                     * move, so that nobody need remember who refers to them */
	imago_addr old_top, eden_start, eden_top, eden_limit;
	imago_addr eden_end;  /* eden_limit, unless each allocation is to collect */
	imago_addr old_limit; /* old space is collected before it grows beyond */
	imago_oop nil, false_object, true_object, special_objects;
	imago_oop hidden_roots, free_lists; /* Spur */
	imago_oop *remembered;              /* old objects that may hold young oops */
	uint64_t num_remembered, remembered_capacity;
	bool remembered_overflow; /* the list could not grow: all of old space is to be looked at */
	uint32_t num_class_pages;
	uint32_t next_hash;
	bool floats_low_first;           /* of the two halves of a boxed Float */
	imago_image_header header;       /* of the image */
	struct object_memory_perm *perm; /* what is remembered of permanent space; NULL without */
	imago_object_table *table;       /* of a source that is not to be written; NULL without */
	imago_oop *mourners;             /* fired ephemerons, weak objects: the oldest first */
	uint64_t num_mourners, mourner_capacity;
	uint64_t num_finalizations; /* objects with something to finalize that nobody was told of */
	uint64_t num_scavenges, bytes_promoted;
	imago_collections collections;
	uint32_t collect_every; /* 0: when there is no room; see imago_memory_options */
	uint64_t num_reserves;  /* that collected, where each does */
	uint64_t mark_capacity;
	imago_visit_roots_fn *visit_roots;
	void *roots_payload;
	imago_allocator *allocator;
} imago_object_memory;

typedef struct imago_memory_options {
	uint64_t growth;     /* bytes that old space may grow by */
	uint64_t eden_bytes; /* 0: a default */
	/* For tests. Not 0: every reservation scavenges, each n-th collects old space, each 4n-th all.
	 */
	uint32_t collect_every;
	uint64_t mark_capacity; /* entries of the mark stack; 0: 1/512 of the bytes to collect */
} imago_memory_options;

/* Copies a heap that check finds no error in. IMAGO_ENOMEM, IMAGO_ELIMIT, and the statuses of
 * imago_rebuild, which turns it to the host's byte order and one segment of old space. */
IMAGO_API imago_status imago_memory_create(imago_object_memory **out, const imago_heap *heap,
                                           const imago_memory_options *options,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_memory_destroy(imago_object_memory *memory);

/* An image that somebody has mapped, to be run where it lies: nothing is copied, and what is not
 * written stays as it was mapped. From base on: sections, which bridges in memory style join
 * (formats/layered/layered.md §3); the first begins with nil, false, true, the free lists and the
 * hidden roots. Those of the first fixed_end bytes are permanent space; the others are old space.
 * Behind used bytes, to size, lies zeroed memory, for old space to grow and for eden. */
typedef struct imago_memory_mapping {
	uint8_t *bytes;
	imago_addr base;           /* address of the first byte, in the words of the image */
	uint64_t fixed_end;        /* to the end of the last object that is permanent; 0: none is */
	uint64_t old_start;        /* the first object that is not; 0 when fixed_end is */
	uint64_t used;             /* to the end of the last object */
	uint64_t size;             /* in all */
	imago_layout layout;       /* the byte order is the host's */
	imago_image_header header; /* addresses as in the words of the image */
	/* What is known beforehand, so that nobody need walk the image to find it. */
	bool ready; /* there is nothing to change at start (ready.h) */
	/* If that: the permanent objects that lead to old space, in bytes from base, and the class
	 * indices from IMAGO_CLASS_FIRST_REAL on of all permanent objects; both ascending. NULL: not
	 * known. Used until imago_memory_create_mapped returns. */
	const uint64_t *remembered;
	uint64_t num_remembered;
	const uint32_t *class_indices;
	uint64_t num_class_indices;
	/* The fixed bytes, which then are all but what was made since (old_start is fixed_end, and may
	 * be used), are a source that nobody writes: an object is copied before it is first written.
	 * copies: those that were changed already, ascending; as class_indices. Of a memory that is
	 * paused (imago_memory_pause): all there are, until it is used again. */
	bool tabled;
	const imago_object_copy *copies;
	uint64_t num_copies;
} imago_memory_mapping;

/* Takes a mapped Spur image in which check finds no error; the mapping must outlive the memory.
 * options' growth is what the mapping has room for. Written are: slots that lead to forwarders,
 * stale slots of contexts, remembered bits, and the VM's own stacks, where any of these are not
 * empty: a walk over the image, unless it is known that there are none. Where what permanent space
 * remembers is known, too, nothing is walked, and the cost is that of the list. IMAGO_EUSAGE (sizes
 * that do not fit, another byte order, a list that is out of order or leaves permanent space),
 * IMAGO_ELIMIT (no room for eden), IMAGO_EUNSUPPORTED (a page of the class table in permanent
 * space), IMAGO_ENOMEM. */
IMAGO_API imago_status imago_memory_create_mapped(imago_object_memory **out,
                                                  const imago_memory_mapping *mapping,
                                                  const imago_memory_options *options,
                                                  imago_allocator *allocator,
                                                  imago_error *error) IMAGO_NODISCARD;

/* ---- Words and headers; oop is a pointer to an object of the memory. */

/* Where the word at an address lies; of the object whose header is there, if it has a copy. */
IMAGO_ALWAYS_INLINE uint8_t *
imago_memory_place(const imago_object_memory *memory, imago_addr addr, imago_memory_kind kind)
{
	uint64_t past = addr - memory->base;
	if (kind.tabled && past < memory->table->size &&
	    IMAGO_UNLIKELY(imago_bitmap_test(&memory->table->copied, past / 8))) {
		return imago_object_table_find(memory->table, addr);
	}
	return memory->bytes + past;
}

IMAGO_ALWAYS_INLINE uint8_t *
imago_memory_at(const imago_object_memory *memory, imago_addr addr)
{
	return imago_memory_place(memory, addr, memory->kind);
}

/* Where an object's header is, to be written: one of the source is copied first. */
IMAGO_ALWAYS_INLINE uint8_t *
imago_memory_open(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	uint64_t past = oop - memory->base;
	if (kind.tabled && IMAGO_UNLIKELY(past < memory->table->size)) {
		return imago_object_table_open(memory->table, oop, memory->bytes + past);
	}
	return memory->bytes + past;
}

IMAGO_ALWAYS_INLINE uint32_t
imago_word_bytes(imago_memory_kind kind)
{
	return kind.wide ? 8 : 4;
}

IMAGO_ALWAYS_INLINE uint32_t
imago_header_bytes(imago_memory_kind kind)
{
	return kind.v3 ? 4 : 8;
}

IMAGO_ALWAYS_INLINE imago_oop
imago_word_get(const uint8_t *bytes, imago_memory_kind kind)
{
	if (kind.wide) {
		uint64_t word;
		memcpy(&word, bytes, sizeof word);
		return word;
	}
	uint32_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}

IMAGO_ALWAYS_INLINE void
imago_word_put(uint8_t *bytes, imago_oop value, imago_memory_kind kind)
{
	if (kind.wide) {
		memcpy(bytes, &value, sizeof value);
		return;
	}
	uint32_t word = (uint32_t)value;
	memcpy(bytes, &word, sizeof word);
}

IMAGO_ALWAYS_INLINE uint64_t
imago_memory_header(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	imago_memory_kind header = {false, !kind.v3, false};
	return imago_word_get(imago_memory_place(memory, oop, kind), header);
}

IMAGO_ALWAYS_INLINE uint8_t *
imago_memory_body(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	return imago_memory_place(memory, oop, kind) + imago_header_bytes(kind);
}

IMAGO_ALWAYS_INLINE uint8_t *
imago_memory_open_body(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	return imago_memory_open(memory, oop, kind) + imago_header_bytes(kind);
}

IMAGO_ALWAYS_INLINE uint64_t
imago_memory_num_slots(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	uint64_t header = imago_memory_header(memory, oop, kind);
	if (kind.v3) {
		imago_memory_kind narrow = {false, false, false};
		uint64_t size = (header & 3) == 0
		                    ? imago_word_get(imago_memory_place(memory, oop, kind) - 8, narrow)
		                    : header & 0xFC;
		return (size >> 2) - 1;
	}
	uint64_t num_slots = header >> 56;
	if (IMAGO_UNLIKELY(num_slots == 255)) {
		imago_memory_kind wide = {false, true, false};
		num_slots =
		    imago_word_get(imago_memory_place(memory, oop, kind) - 8, wide) & 0xFFFFFFFFFFFFFF;
	}
	return num_slots;
}

IMAGO_ALWAYS_INLINE uint32_t
imago_memory_format(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	uint64_t header = imago_memory_header(memory, oop, kind);
	return kind.v3 ? (uint32_t)(header >> 8) & 15 : (uint32_t)(header >> 24) & 31;
}

IMAGO_ALWAYS_INLINE bool
imago_memory_is_pointer(imago_memory_kind kind, imago_oop oop)
{
	return (oop & (kind.wide ? 7 : kind.v3 ? 1 : 3)) == 0;
}

IMAGO_ALWAYS_INLINE bool
imago_memory_is_integer(imago_memory_kind kind, imago_oop oop)
{
	return (oop & (kind.wide ? 7 : 1)) == 1;
}

IMAGO_ALWAYS_INLINE int64_t
imago_memory_integer(imago_memory_kind kind, imago_oop oop)
{
	return kind.wide ? (int64_t)oop >> 3 : (int64_t)((int32_t)(uint32_t)oop >> 1);
}

IMAGO_ALWAYS_INLINE bool
imago_memory_fits_integer(imago_memory_kind kind, int64_t value)
{
	int64_t limit = kind.wide ? INT64_C(1) << 60 : INT64_C(1) << 30;
	return value >= -limit && value < limit;
}

/* The integer must fit. */
IMAGO_ALWAYS_INLINE imago_oop
imago_memory_integer_oop(imago_memory_kind kind, int64_t value)
{
	return kind.wide ? (uint64_t)value << 3 | 1 : (uint32_t)((uint64_t)value << 1 | 1);
}

IMAGO_ALWAYS_INLINE bool
imago_memory_is_young(const imago_object_memory *memory, imago_oop oop)
{
	return oop >= memory->eden_start;
}

IMAGO_ALWAYS_INLINE imago_oop
imago_memory_slot(const imago_object_memory *memory, imago_oop oop, uint64_t index,
                  imago_memory_kind kind)
{
	return imago_word_get(imago_memory_body(memory, oop, kind) + index * imago_word_bytes(kind),
	                      kind);
}

IMAGO_ALWAYS_INLINE bool
imago_memory_is_perm(const imago_object_memory *memory, imago_oop oop)
{
	return oop < memory->old_base;
}

/* Adds an old or permanent object to those that are looked at when what it may refer to, in a
 * space above its own, is collected. Whoever stores without imago_memory_set_slot calls it. */
IMAGO_API void imago_memory_remember(imago_object_memory *memory, imago_oop oop);

/* True when storing value into an object must be remembered: it leads to a space above. */
IMAGO_ALWAYS_INLINE bool
imago_memory_leads_up(const imago_object_memory *memory, imago_oop oop, imago_oop value,
                      imago_memory_kind kind)
{
	return oop < memory->eden_start && imago_memory_is_pointer(kind, value) &&
	       (value >= memory->eden_start || (oop < memory->old_base && value >= memory->watched));
}

/* Stores without asking whether that is to be remembered. */
IMAGO_ALWAYS_INLINE void
imago_memory_set_slot_raw(const imago_object_memory *memory, imago_oop oop, uint64_t index,
                          imago_oop value, imago_memory_kind kind)
{
	imago_word_put(imago_memory_open_body(memory, oop, kind) + index * imago_word_bytes(kind),
	               value, kind);
}

IMAGO_ALWAYS_INLINE void
imago_memory_set_slot(imago_object_memory *memory, imago_oop oop, uint64_t index, imago_oop value,
                      imago_memory_kind kind)
{
	imago_memory_set_slot_raw(memory, oop, index, value, kind);
	if (imago_memory_leads_up(memory, oop, value, kind)) {
		imago_memory_remember(memory, oop);
	}
}

/* ---- Objects. */

/* What a format is made of, in either model. */
IMAGO_ALWAYS_INLINE imago_body
imago_memory_body_kind(const imago_object_memory *memory, imago_oop oop)
{
	uint32_t format = imago_memory_format(memory, oop, memory->kind);
	return imago_format_facts_of(memory->kind.v3 ? IMAGO_V3 : IMAGO_SPUR,
	                             (uint8_t)imago_word_bytes(memory->kind), (uint8_t)format)
	    .body;
}

/* True when all slots hold oops. */
IMAGO_ALWAYS_INLINE bool
imago_memory_has_pointers(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	uint32_t format = imago_memory_format(memory, oop, kind);
	return format <= (kind.v3 ? 4U : 5U);
}

IMAGO_ALWAYS_INLINE bool
imago_memory_has_bytes(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	uint32_t format = imago_memory_format(memory, oop, kind);
	return kind.v3 ? format >= 8 && format < 12 : format >= 16 && format < 24;
}

IMAGO_ALWAYS_INLINE bool
imago_memory_is_code(const imago_object_memory *memory, imago_oop oop, imago_memory_kind kind)
{
	return imago_memory_format(memory, oop, kind) >= (kind.v3 ? 12U : 24U);
}

/* Bytes of the body without the unused tail. */
IMAGO_API uint64_t imago_memory_num_bytes(const imago_object_memory *memory, imago_oop oop);

/* The class of any oop, immediates included; 0 when it has none. */
IMAGO_API imago_oop imago_memory_class_of(const imago_object_memory *memory, imago_oop oop);

/* A number that two oops share when they are of one class: a class index (Spur), the class (V3). */
IMAGO_API uint64_t imago_memory_class_tag(const imago_object_memory *memory, imago_oop oop);

/* The class index of a class, which is given one if it has none yet (Spur). 0: no room for it. */
IMAGO_API uint32_t imago_memory_class_index(imago_object_memory *memory, imago_oop cls);

/* Identity hash of an object, given to it when first asked for. */
IMAGO_API uint32_t imago_memory_hash(imago_object_memory *memory, imago_oop oop);

/* Special object index; nil past the end. */
IMAGO_API imago_oop imago_memory_special(const imago_object_memory *memory, uint64_t index);

/* A new identity hash, never 0. V3 draws one for each object that it makes. */
IMAGO_ALWAYS_INLINE uint32_t
imago_memory_draw_hash(imago_object_memory *memory)
{
	uint32_t limit = memory->kind.v3 ? 0xFFF : 0x3FFFFF;
	uint32_t hash = 0;
	for (uint32_t num_zeros = 0; hash == 0; num_zeros++) {
		/* From some seeds, which an image brings, zero would follow on zero for ever. */
		memory->next_hash += num_zeros > 1;
		memory->next_hash = memory->next_hash * 16807 % 2147483647;
		memory->next_hash += memory->next_hash == 0;
		hash = memory->next_hash >> 4 & limit;
	}
	return hash;
}

/* ---- Making objects. */

/* Makes sure that objects of so many bytes together can be made without a collection, by
 * collections if need be: then objects have moved (num_scavenges counts; old ones only when
 * imago_memory_moves counts, too). False: the memory is full. */
IMAGO_API bool imago_memory_reserve(imago_object_memory *memory, uint64_t num_bytes);

/* Bytes that an object of so many slots takes at most. */
IMAGO_ALWAYS_INLINE uint64_t
imago_memory_object_bytes(imago_memory_kind kind, uint64_t num_slots)
{
	return (num_slots * imago_word_bytes(kind) + 16 + 15) & ~UINT64_C(7);
}

/* Makes an object in reserved room: a class, a format with its unused tail, a number of slots. Its
 * slots hold nil where they are pointers, 0 elsewhere (of a method's literals, too: set them).
 * Returns 0 when the room was not reserved, cls is no class, or it can have no index. */
IMAGO_API imago_oop imago_memory_make(imago_object_memory *memory, imago_oop cls, uint32_t format,
                                      uint64_t num_slots);

/* The same, for a class tag (Spur: class index, V3: class) that the caller knows, without setting
 * slots. Returns 0 in the same cases. */
IMAGO_API imago_oop imago_memory_make_unset(imago_object_memory *memory, uint64_t class_tag,
                                            uint32_t format, uint64_t num_slots);

/* ---- All objects. */

/* The first object, and the one behind; 0 at the end. Old space, then eden; free chunks, forwarders
 * and hidden objects are left out. */
IMAGO_API imago_oop imago_memory_first(const imago_object_memory *memory);
IMAGO_API imago_oop imago_memory_next(const imago_object_memory *memory, imago_oop oop);

/* Moves every young object that is still in use to old space; collects old space first when it has
 * no room for them. False: old space is full. */
IMAGO_API bool imago_memory_scavenge(imago_object_memory *memory);

/* Collects old space, or that and permanent space, after a scavenge. Objects that nothing reaches
 * go, the others move together; slots of weak objects that hold nothing else's object become nil,
 * ephemerons whose key nothing else reaches become ordinary objects and mourners. False: it could
 * not be done (no room to scavenge to, no memory for the tables); nothing but the scavenge was. */
IMAGO_API bool imago_memory_collect(imago_object_memory *memory, bool global);

/* How often old or permanent objects have moved. */
IMAGO_ALWAYS_INLINE uint64_t
imago_memory_moves(const imago_object_memory *memory)
{
	return memory->collections.num_old + memory->collections.num_global;
}

/* The object that has waited longest to be mourned, which is then no longer kept; 0: none. */
IMAGO_API imago_oop imago_memory_next_mourner(imago_object_memory *memory);

/* Looks at all objects for one that refers to a space above its own and is not remembered. NULL, or
 * what is wrong. For tests: between two bytecodes it is always NULL. */
IMAGO_API const char *imago_memory_audit(const imago_object_memory *memory);

/* The objects of permanent space that are remembered to lead to a space above, ascending, and the
 * free lists among them if they lie there, of which collectors know: a block of *count oops, which
 * the caller releases. What else of permanent space leads above, nobody knows (boundary.h). */
IMAGO_API imago_status imago_memory_remembered(const imago_object_memory *memory, imago_oop **out,
                                               uint64_t *count, imago_allocator *allocator,
                                               imago_error *error) IMAGO_NODISCARD;

/* Replaces every reference to from[i] by to[i], in all objects and roots; both ways when two_way.
 * copy_hash: to[i] gets from[i]'s identity hash. False, with nothing done: no memory. */
IMAGO_API bool imago_memory_become(imago_object_memory *memory, const imago_oop *from,
                                   const imago_oop *to, uint64_t count, bool two_way,
                                   bool copy_hash) IMAGO_NODISCARD;

/* The memory as an image: a heap of its own, in the host's byte order; of a mapped one with a
 * segment for each section. Scavenges first. */
IMAGO_API imago_status imago_memory_snapshot(imago_object_memory *memory, imago_heap **out,
                                             imago_allocator *allocator,
                                             imago_error *error) IMAGO_NODISCARD;

/* Makes of a mapped memory the image that it is, where it lies: eden is emptied, what the VM keeps
 * beside the objects is put into them, a bridge ends old space. *out says what lies where, until
 * the memory is used again, which imago_memory_resume must precede. Costs what old space is large,
 * not what permanent space is. IMAGO_EUSAGE (not mapped), IMAGO_ELIMIT (memory full). */
IMAGO_API imago_status imago_memory_pause(imago_object_memory *memory, imago_memory_mapping *out,
                                          imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_memory_resume(imago_object_memory *memory);

#endif
