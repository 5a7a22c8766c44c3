/* permanent_layout.h: what the two layouts of permanent.h share. */
#ifndef IMAGO_MEMORY_PERMANENT_LAYOUT_H
#define IMAGO_MEMORY_PERMANENT_LAYOUT_H

#include "imago/heap.h"
#include "imago/object.h"

enum { PERMANENT_FIXED_OBJECTS = 5 }; /* nil, false, true, free lists, hidden roots */

/* Where every chunk is to lie: in one segment of old space and, if it has any bytes, one of
 * permanent space. Addresses are in the order of a walk over the heap, and of the added chunks
 * behind it. */
typedef struct permanent_layout {
	const imago_heap *heap;
	uint64_t sizes[2]; /* of old space, of permanent space */
	uint64_t *addresses;
	uint64_t num_chunks;
	uint64_t added_size; /* bytes of chunks that the heap lacks */
	/* Fills the zeroed bytes of these chunks. */
	void (*fill)(uint8_t *bytes, uint64_t size, imago_layout layout, uint32_t class_index);
	uint32_t class_index; /* for fill */
} permanent_layout;

/* IMAGO_EUNSUPPORTED (not Spur), IMAGO_EUSAGE (no segments). */
imago_status permanent_require_spur(const imago_heap *heap, imago_error *error) IMAGO_NODISCARD;

/* Where such a segment starts. Old space has room below permanent space, at a multiple of 16. */
imago_addr permanent_old_start(const imago_heap *heap, uint64_t size);
imago_addr permanent_perm_start(const imago_heap *heap);

/* True for the dummy with which permanent space begins (composed.md §6). */
bool permanent_is_dummy(const imago_heap *heap, const imago_object *object);

/* Makes the heap. Statuses as imago_permanent_make. */
imago_status permanent_lay_out(imago_heap **out, const permanent_layout *layout,
                               imago_allocator *allocator, imago_error *error) IMAGO_NODISCARD;

#endif
