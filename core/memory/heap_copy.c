/* heap_copy.c: a deep copy of a heap. */
#include "imago/heap.h"

#include <string.h>

/* Copies a run of bytes into a block that the heap owns. Sets *out to NULL for an empty run. */
static imago_status
copy_bytes(imago_heap *heap, const uint8_t *bytes, uint64_t size, uint8_t **out, imago_error *error)
{
	*out = NULL;
	if (size == 0) {
		return IMAGO_OK;
	}
	uint8_t *block = imago_allocate(heap->allocator, size, "copy of a segment", error);
	if (block == NULL) {
		return IMAGO_ENOMEM;
	}
	memcpy(block, bytes, (size_t)size);
	imago_status status = imago_heap_own(heap, block, size, error);
	if (status != IMAGO_OK) {
		imago_release(heap->allocator, block, size);
		return status;
	}
	*out = block;
	return IMAGO_OK;
}

static imago_status
copy_run(imago_heap *heap, const uint8_t **bytes, uint64_t size, imago_error *error)
{
	uint8_t *copy;
	imago_status status = copy_bytes(heap, *bytes, size, &copy, error);
	*bytes = copy;
	return status;
}

static imago_status
copy_contents(imago_heap *heap, const imago_heap *source, imago_error *error)
{
	heap->header = source->header;
	heap->bridges = source->bridges;
	heap->wrapping = source->wrapping;
	imago_wrapping *wrapping = &heap->wrapping;
	imago_status status = copy_run(heap, &wrapping->prefix, wrapping->prefix_size, error);
	if (status == IMAGO_OK) {
		status = copy_run(heap, &wrapping->header_tail, wrapping->header_tail_size, error);
	}
	if (status == IMAGO_OK) {
		status = copy_run(heap, &wrapping->trailing, wrapping->trailing_size, error);
	}
	for (size_t i = 0; i < source->num_segments && status == IMAGO_OK; i++) {
		imago_segment segment = source->segments[i];
		status = copy_bytes(heap, segment.bytes, segment.size + segment.bridge_size,
		                    &segment.writable, error);
		segment.bytes = segment.writable;
		if (status == IMAGO_OK) {
			status = imago_heap_add_segment(heap, &segment, error);
		}
	}
	return status;
}

imago_status
imago_heap_copy(imago_heap **out, const imago_heap *source, imago_allocator *allocator,
                imago_error *error)
{
	imago_heap *heap;
	imago_status status = imago_heap_create(&heap, source->model, source->layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = copy_contents(heap, source, error);
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	*out = heap;
	return IMAGO_OK;
}
