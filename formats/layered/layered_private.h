/* layered_private.h: what the files of the layered format share. */
#ifndef FORMATS_LAYERED_LAYERED_PRIVATE_H
#define FORMATS_LAYERED_LAYERED_PRIVATE_H

#include "imago/layered_image.h"

enum { IMAGO_LAYERED_FIXED_OBJECTS = 5 }; /* nil, false, true, free lists, hidden roots */

/* BLAKE2b of some bytes. */
void imago_layered_hash(uint8_t hash[IMAGO_LAYERED_HASH], const uint8_t *bytes, uint64_t size);

/* Makes header page and table, with their hashes, which *head gets as well. */
void imago_layered_encode(imago_layered_head *head, uint8_t bytes[IMAGO_LAYERED_HEAD]);

/* Clears the hashes of an encoded head, for comparing the rest. */
void imago_layered_forget_hashes(uint8_t bytes[IMAGO_LAYERED_HEAD]);

/* Bytes of the bitmap of a section of objects; a multiple of 8. */
uint64_t imago_layered_bitmap_size(uint64_t section_size, imago_layout layout);

/* Strands: chunks that lie side by side in the file, in the order in which they are in the heap. A
 * strand for each rank of eight places; they are numbered in the order of the file. */
enum { IMAGO_LAYERED_STRANDS = 8 * IMAGO_NUM_RANKS };

/* Where the chunks of a heap go: the segments of the layered heap, and each chunk's address. */
typedef struct imago_layered_plan {
	imago_segment segments[IMAGO_LAYERED_MAX_SECTIONS];
	bool has_pointers[IMAGO_LAYERED_MAX_SECTIONS];
	size_t num_segments;
	imago_addr *addresses;
	uint8_t *strands; /* of each chunk */
	uint64_t num_chunks;
	uint64_t free_bytes; /* of free chunks */
	imago_allocator *allocator;
} imago_layered_plan;

/* Release in every case. */
imago_status imago_layered_plan_create(imago_layered_plan *plan, const imago_heap *heap,
                                       const imago_layered_options *options,
                                       imago_allocator *allocator,
                                       imago_error *error) IMAGO_NODISCARD;
void imago_layered_plan_release(imago_layered_plan *plan);

/* True for what collectors write, or must be able to: it is often written, whatever tiers say. */
bool imago_layered_is_a_collectors(const imago_object *object);

/* Sets a bit for every word of a segment that holds an address (layered.md §4). */
imago_status imago_layered_mark_pointers(const imago_heap *heap, size_t segment, uint8_t *bitmap,
                                         imago_error *error) IMAGO_NODISCARD;

/* Where each chunk of a layered heap, in the order of a walk, lay in the heap that it was made of;
 * release num_chunks addresses. IMAGO_EUNSUPPORTED without an origin. */
imago_status imago_layered_origins(imago_addr **out, uint64_t *num_chunks, const imago_heap *heap,
                                   const uint8_t *bytes, uint64_t size, imago_allocator *allocator,
                                   imago_error *error) IMAGO_NODISCARD;

/* What the fixed sections of a layered heap hold; there are some. Release in every case. */
imago_status imago_layered_find_remembered(imago_layered_remembered *out, const imago_heap *heap,
                                           const imago_layered_head *head,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;

/* Appends a section of it (layered.md §7). */
void imago_layered_encode_remembered(const imago_layered_remembered *remembered,
                                     imago_writer *writer);

/* Appends the origin of a heap: what restores it from the layered one (layered.md §5). */
imago_status imago_layered_write_origin(const imago_heap *heap, const imago_layered_plan *plan,
                                        imago_writer *writer, imago_error *error) IMAGO_NODISCARD;

#endif
