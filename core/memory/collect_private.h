/* collect_private.h: one collection of old space, or of that and permanent space: what its passes
 * share. All of it lies beside the heap; nothing is written there before marking has ended well. */
#ifndef IMAGO_MEMORY_COLLECT_PRIVATE_H
#define IMAGO_MEMORY_COLLECT_PRIVATE_H

#include "object_memory_private.h"

enum { COLLECT_BLOCK_UNITS = 64 }; /* a block: what one word of the mark bits is about */

/* In places, for a block whose objects stay where they are. Otherwise its place is what to add to
 * the bytes of live objects that lie in the block before an object, to have its new address. */
#define COLLECT_PINNED UINT64_MAX

/* A list of oops that grows. */
typedef struct collect_list {
	imago_oop *oops;
	uint64_t count, capacity;
} collect_list;

/* An ephemeron whose key is not marked yet, in the list of its key's block; 0: marked meanwhile. */
typedef struct collect_waiting {
	imago_oop ephemeron;
	uint64_t next; /* 1-based; 0: the last one */
} collect_waiting;

typedef struct collect_run {
	imago_object_memory *memory;
	imago_memory_kind kind;
	bool global;
	imago_addr start; /* of what is collected: from here to old_top */
	uint64_t size;
	unsigned unit_shift;  /* 3: units of 8 bytes; 4 in V3 */
	imago_bitmap live;    /* a bit for each unit of a live object, header words included */
	uint64_t *places;     /* while marking: the lists of waiting ephemerons; 1-based */
	imago_bitmap pinned;  /* blocks with an object that must not move */
	imago_bitmap classes; /* class indices that were met (Spur) */
	imago_oop *stack;     /* marked, and to be looked at */
	uint64_t depth, capacity;
	imago_addr overflow; /* the lowest object that the stack had no room for; UINT64_MAX: none */
	collect_waiting *waiting;
	uint64_t num_waiting, waiting_capacity;
	collect_list weak, fired;
	bool failed; /* no memory */
} collect_run;

/* True for an oop that leads to what is collected. */
IMAGO_ALWAYS_INLINE bool
collect_covers(const collect_run *collection, imago_oop oop)
{
	return imago_memory_is_pointer(collection->kind, oop) &&
	       oop - collection->start < collection->size;
}

IMAGO_ALWAYS_INLINE uint64_t
collect_unit(const collect_run *collection, imago_addr addr)
{
	return (addr - collection->start) >> collection->unit_shift;
}

IMAGO_ALWAYS_INLINE bool
collect_is_live(const collect_run *collection, imago_oop oop)
{
	return imago_bitmap_test(&collection->live, collect_unit(collection, oop));
}

/* The chunk of the first live object from an address on; the end of what is collected. */
IMAGO_ALWAYS_INLINE imago_addr
collect_next_live(const collect_run *collection, imago_addr addr)
{
	uint64_t unit = imago_bitmap_next(&collection->live, collect_unit(collection, addr));
	return collection->start + (unit << collection->unit_shift);
}

bool collect_append(collect_run *collection, collect_list *list, imago_oop oop);

/* collect_mark.c: from all roots. False: no memory. */
bool collect_mark_all(collect_run *collection);

/* Slots of a weak object that hold on to what they refer to. */
uint64_t collect_num_strong(const imago_object_memory *memory, imago_oop oop);

/* collect_slide.c: where live objects go; moving them there, and everything that refers to them. */
void collect_plan(collect_run *collection);
void collect_slide(collect_run *collection);

#endif
