/* object_memory_private.h: what the files of the object memory share. */
#ifndef IMAGO_MEMORY_OBJECT_MEMORY_PRIVATE_H
#define IMAGO_MEMORY_OBJECT_MEMORY_PRIVATE_H

#include "imago/bitmap.h"
#include "imago/object_memory.h"

enum {
	/* Old space begins at a multiple of this, so that no page of the host holds permanent and old
	 * objects, and no block of the collector's tables does. */
	OBJECT_MEMORY_SPACE_ALIGNMENT = 1 << 16,
	OBJECT_MEMORY_CLASS_BITS = IMAGO_CLASS_INDEX_LIMIT - 1,
	OBJECT_MEMORY_SPUR_OVERFLOW = 255,
	OBJECT_MEMORY_EDEN = 1 << 20, /* bytes, unless options say otherwise */
};

/* What is remembered of permanent space, so that nobody need walk it. A bit for each unit of 8
 * bytes, at the object's header. The list holds the objects with a bit in leads_to_old, or not all
 * of them when it could not grow: then the bits are gone through. Those with a bit in given_young
 * stand in the memory's list of remembered objects, with the same exception. */
typedef struct object_memory_perm {
	imago_bitmap leads_to_old, given_young;
	imago_oop *objects;
	uint64_t num_objects, capacity;
	bool overflow;
	uint32_t *class_indices; /* of the objects in permanent space, each once */
	uint64_t num_class_indices;
} object_memory_perm;

/* Bytes before the (base) header. */
IMAGO_ALWAYS_INLINE uint32_t
object_memory_lead(const imago_object_memory *memory, imago_oop oop)
{
	uint64_t header = imago_memory_header(memory, oop, memory->kind);
	if (memory->kind.v3) {
		return (header & 3) == 3 ? 0 : (header & 3) == 1 ? 4 : 8;
	}
	return header >> 56 == OBJECT_MEMORY_SPUR_OVERFLOW ? 8 : 0;
}

/* Bytes from the base header on. */
IMAGO_ALWAYS_INLINE uint64_t
object_memory_size(const imago_object_memory *memory, imago_oop oop)
{
	const imago_memory_kind kind = memory->kind;
	uint64_t num_slots = imago_memory_num_slots(memory, oop, kind);
	if (kind.v3) {
		return 4 + num_slots * 4;
	}
	uint64_t body = (num_slots * imago_word_bytes(kind) + 7) & ~UINT64_C(7);
	return 8 + (body > 0 ? body : 8);
}

/* Bytes from the first header word to the next chunk. */
IMAGO_ALWAYS_INLINE uint64_t
object_memory_chunk_bytes(const imago_object_memory *memory, imago_oop oop)
{
	return object_memory_lead(memory, oop) + object_memory_size(memory, oop);
}

/* The oop of the object, no free chunk of V3, whose first header word is at an address. */
IMAGO_ALWAYS_INLINE imago_oop
object_memory_oop_of_chunk(const imago_object_memory *memory, imago_addr chunk)
{
	uint64_t first = imago_memory_header(memory, chunk, memory->kind);
	if (memory->kind.v3) {
		return chunk + ((first & 3) == 0 ? 8 : (first & 3) == 1 ? 4 : 0);
	}
	return first >> 56 == OBJECT_MEMORY_SPUR_OVERFLOW ? chunk + 8 : chunk;
}

/* True for what has slots that collectors follow: not for free chunks, forwarders, hidden words. */
IMAGO_ALWAYS_INLINE bool
object_memory_is_followed(const imago_object_memory *memory, imago_oop oop)
{
	uint64_t index = imago_memory_header(memory, oop, memory->kind) & OBJECT_MEMORY_CLASS_BITS;
	return memory->kind.v3 || index >= IMAGO_CLASS_FIRST_REAL || index == IMAGO_CLASS_HIDDEN_ARRAY;
}

/* Where images have permanent space. */
static inline imago_addr
object_memory_perm_start(imago_memory_kind kind)
{
	return kind.wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
}

/* Of a memory whose objects are there and whose known objects are found: follows forwarders,
 * forgets what the saver remembered and remembers what must be. */
imago_status object_memory_settle(imago_object_memory *memory, imago_error *error);

/* Slots that lead to forwarders lead to what these mean, and what the saver remembered is
 * forgotten; then slots above the stack pointer become nil. */
void object_memory_settle_object(imago_object_memory *memory, imago_oop oop);
void object_memory_clear_dead_slots_of(imago_object_memory *memory, imago_oop oop);

/* Sets num_class_pages, for the hidden roots. */
void object_memory_count_class_pages(imago_object_memory *memory);

/* Slots that hold oops: all, one and the literals, or none. */
uint64_t object_memory_num_oops(const imago_object_memory *memory, imago_oop oop);

/* The same, but of a context only those up to its stack pointer. */
uint64_t object_memory_num_live_oops(const imago_object_memory *memory, imago_oop oop);

/* Makes the slots above all stack pointers nil. */
void object_memory_clear_dead_slots(imago_object_memory *memory);

/* The object whose chunk begins at an address, or the first one behind; 0 at the end of eden. */
imago_oop object_memory_from(const imago_object_memory *memory, imago_addr chunk);

/* Entry of the class table (Spur); 0 for none. */
imago_oop object_memory_class_at(const imago_object_memory *memory, uint32_t index);

void object_memory_copy_hash(imago_object_memory *memory, imago_oop from, imago_oop to);

/* Clears the bit that says that an old object is among the remembered ones. */
void object_memory_forget(imago_object_memory *memory, imago_oop oop);

/* An object of old space; 0 when that is full. Slots are not set. */
imago_oop object_memory_make_old(imago_object_memory *memory, uint64_t class_tag, uint32_t format,
                                 uint64_t num_slots);

/* Bytes that old space may take at most, less those that it takes. What is young may have to move
 * there at any time: that room is never given away. */
uint64_t object_memory_room(const imago_object_memory *memory);

/* Sets how far old space may grow before the next collection. */
void object_memory_set_limit(imago_object_memory *memory);

/* The remembered bit of the header, in old space. */
bool object_memory_is_remembered(const imago_object_memory *memory, imago_oop oop);

/* scavenge.c: moves what is young to old space, which must have room for all of it. */
bool object_memory_empty_eden(imago_object_memory *memory);

/* permanent.c. Makes what remembers of permanent space, if there is one: by walking it, or from
 * the lists of a mapping, which are in order. */
imago_status object_memory_perm_create(imago_object_memory *memory, imago_error *error);
imago_status object_memory_perm_create_known(imago_object_memory *memory,
                                             const imago_memory_mapping *mapping,
                                             imago_error *error);
/* Of a source with an object table: only copies can lead to old space, and any class that the class
 * table holds may have objects in the source. */
imago_status object_memory_perm_create_tabled(imago_object_memory *memory, imago_error *error);
void object_memory_perm_destroy(imago_object_memory *memory);
/* Remembers anew, after objects of permanent space have moved: walks it. Needs no memory. */
void object_memory_perm_scan(imago_object_memory *memory);
/* True when the object was given a young one before. */
bool object_memory_perm_remember(imago_object_memory *memory, imago_oop oop);
/* The objects that lead to old space one after the other: *place begins with 0; 0 at the end. */
imago_oop object_memory_perm_next(const imago_object_memory *memory, uint64_t *place);
/* Forgets the objects that refer to nothing in old space any more. */
void object_memory_perm_prune(imago_object_memory *memory);
/* Where an object's bits are, and the object of a bit. */
IMAGO_ALWAYS_INLINE uint64_t
object_memory_perm_bit(const imago_object_memory *memory, imago_oop oop)
{
	return (oop - memory->base) / 8;
}

IMAGO_ALWAYS_INLINE imago_oop
object_memory_perm_at(const imago_object_memory *memory, uint64_t bit)
{
	return memory->base + bit * 8;
}

/* mourn.c: the queue of mourners. Room for more; from an image; into one that is about to be saved;
 * and out again. */
bool object_memory_mourn_reserve(imago_object_memory *memory, uint64_t count);
imago_status object_memory_mourn_load(imago_object_memory *memory, imago_error *error);
imago_status object_memory_mourn_save(imago_object_memory *memory, imago_error *error);
void object_memory_mourn_saved(imago_object_memory *memory);

#endif
