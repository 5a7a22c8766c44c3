/* layered_read.c: a layered file into a heap, and back to what it was made of (layered.md §3, §5).
 */

#include "layered_private.h"

static imago_status
add_section(imago_heap *heap, const imago_layered_section *section, const uint8_t *bytes,
            imago_error *error)
{
	const imago_segment segment = {
	    .start = section->address,
	    .size = section->size - IMAGO_BRIDGE_SIZE,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .bytes = bytes + section->offset,
	    .offset = section->offset,
	    .space = IMAGO_SPACE_OLD,
	    .tier = (uint8_t)section->tier,
	};
	return imago_heap_add_segment(heap, &segment, error);
}

imago_status
imago_layered_read(imago_heap **out, const uint8_t *bytes, uint64_t size,
                   imago_allocator *allocator, imago_error *error)
{
	imago_layered_head head;
	imago_heap *heap;
	imago_status status = imago_layered_decode(&head, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_heap_create(&heap, IMAGO_SPUR, head.layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	heap->header = head.fields;
	heap->bridges = IMAGO_BRIDGES_MEMORY;
	for (size_t i = 0; i < head.num_sections && status == IMAGO_OK; i++) {
		if (head.sections[i].kind == IMAGO_LAYERED_OBJECTS) {
			status = add_section(heap, &head.sections[i], bytes, error);
		}
	}
	if (status == IMAGO_OK && heap->num_segments == 0) {
		status =
		    imago_fail(error, IMAGO_ESTRUCTURE, "no section of objects", IMAGO_LAYERED_PAGE, 0, 1);
	}
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	*out = heap;
	return IMAGO_OK;
}
