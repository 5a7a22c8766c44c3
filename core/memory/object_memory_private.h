/* object_memory_private.h: what the files of the object memory share. */
#ifndef IMAGO_MEMORY_OBJECT_MEMORY_PRIVATE_H
#define IMAGO_MEMORY_OBJECT_MEMORY_PRIVATE_H

#include "imago/object_memory.h"

/* Bytes before the (base) header, and from the first header word to the next chunk. */
uint32_t object_memory_lead(const imago_object_memory *memory, imago_oop oop);
uint64_t object_memory_chunk_bytes(const imago_object_memory *memory, imago_oop oop);

/* Slots that hold oops: all, one and the literals, or none. */
uint64_t object_memory_num_oops(const imago_object_memory *memory, imago_oop oop);

/* The same, but of a context only those up to its stack pointer. */
uint64_t object_memory_num_live_oops(const imago_object_memory *memory, imago_oop oop);

uint32_t object_memory_draw_hash(imago_object_memory *memory);
void object_memory_copy_hash(imago_object_memory *memory, imago_oop from, imago_oop to);

/* An object of old space; 0 when that is full. Slots are not set. */
imago_oop object_memory_make_old(imago_object_memory *memory, uint64_t class_tag, uint32_t format,
                                 uint64_t num_slots);

#endif
