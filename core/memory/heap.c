/* heap.c: the segments of a heap, and the one door from addresses to bytes. */
#include "imago/heap.h"

#include <string.h>

#include "../base/planted.h"
#include "imago/checked.h"
#include "imago/walk.h"

imago_status
imago_heap_create(imago_heap **out, imago_object_model model, imago_layout layout,
                  imago_allocator *allocator, imago_error *error)
{
	imago_heap *heap = imago_allocate(allocator, sizeof *heap, "heap", error);
	if (heap == NULL) {
		return IMAGO_ENOMEM;
	}
	heap->model = model;
	heap->layout = layout;
	heap->tagging = imago_tagging_of(model, layout.word_bytes);
	heap->bridges = model == IMAGO_SPUR ? IMAGO_BRIDGES_FILE : IMAGO_BRIDGES_NONE;
	heap->allocator = allocator;
	*out = heap;
	return IMAGO_OK;
}

void
imago_heap_destroy(imago_heap *heap)
{
	if (heap == NULL) {
		return;
	}
	imago_allocator *allocator = heap->allocator;
	for (size_t i = 0; i < heap->num_buffers; i++) {
		imago_release(allocator, heap->buffers[i].bytes, heap->buffers[i].size);
	}
	imago_release(allocator, heap->buffers, heap->buffer_capacity * sizeof *heap->buffers);
	imago_release(allocator, heap->segments, heap->segment_capacity * sizeof *heap->segments);
	imago_release(allocator, heap, sizeof *heap);
}

/* Makes room for one more element of an array. */
static void *
grow(imago_heap *heap, void *array, size_t *capacity, size_t element_size, const char *what,
     imago_error *error)
{
	size_t doubled = *capacity < 4 ? 4 : *capacity * 2;
	void *moved = imago_resize(heap->allocator, array, *capacity * element_size,
	                           doubled * element_size, what, error);
	if (moved != NULL) {
		*capacity = doubled;
	}
	return moved;
}

imago_status
/* NOLINTNEXTLINE(readability-non-const-parameter): the heap releases the block. */
imago_heap_own(imago_heap *heap, uint8_t *bytes, uint64_t size, imago_error *error)
{
	if (heap->num_buffers == heap->buffer_capacity) {
		imago_buffer *buffers = grow(heap, heap->buffers, &heap->buffer_capacity,
		                             sizeof *heap->buffers, "buffer list", error);
		if (buffers == NULL) {
			return IMAGO_ENOMEM;
		}
		heap->buffers = buffers;
	}
	heap->buffers[heap->num_buffers++] = (imago_buffer){.bytes = bytes, .size = size};
	return IMAGO_OK;
}

/* The address behind the last one that a word can hold, or 0 for 2^64. */
static uint64_t
address_limit(const imago_heap *heap)
{
	return heap->layout.word_bytes == 8 ? 0 : UINT64_C(1) << 32;
}

static imago_status
check_placement(const imago_heap *heap, const imago_segment *segment, imago_error *error)
{
	uint64_t alignment = imago_heap_alignment(heap);
	uint64_t total;
	uint64_t end;
	if (segment->start % alignment != 0) {
		return imago_fail(error, IMAGO_EALIGN, "segment start", segment->offset, segment->start,
		                  alignment);
	}
	if (segment->size % alignment != 0) {
		return imago_fail(error, IMAGO_EALIGN, "segment size", segment->offset, segment->size,
		                  alignment);
	}
	if (segment->start == 0 && heap->model == IMAGO_SPUR) {
		return imago_fail(error, IMAGO_ERANGE, "segment start", segment->offset, 0, 0);
	}
	uint64_t limit = address_limit(heap);
	if (!imago_checked_add(segment->size, segment->bridge_size, &total) ||
	    !imago_checked_add(segment->start, total, &end) || (limit != 0 && end > limit)) {
		return imago_fail(error, IMAGO_ERANGE, "segment end", segment->offset, segment->start,
		                  limit);
	}
	if (heap->num_segments > 0) {
		const imago_segment *last = &heap->segments[heap->num_segments - 1];
		uint64_t last_end = last->start + last->size + last->bridge_size;
		if (segment->start < last_end) {
			return imago_fail(error, IMAGO_ESTRUCTURE, "segment start", segment->offset,
			                  segment->start, last_end);
		}
	}
	return IMAGO_OK;
}

imago_status
imago_heap_add_segment(imago_heap *heap, const imago_segment *segment, imago_error *error)
{
	if (heap->num_segments == IMAGO_MAX_SEGMENTS) {
		return imago_fail(error, IMAGO_ELIMIT, "number of segments", segment->offset,
		                  IMAGO_MAX_SEGMENTS + 1, IMAGO_MAX_SEGMENTS);
	}
	imago_status status = check_placement(heap, segment, error);
	if (status != IMAGO_OK) {
		imago_error_set_part(error, segment->part);
		return status;
	}
	if (heap->num_segments == heap->segment_capacity) {
		imago_segment *segments = grow(heap, heap->segments, &heap->segment_capacity,
		                               sizeof *heap->segments, "segment list", error);
		if (segments == NULL) {
			return IMAGO_ENOMEM;
		}
		heap->segments = segments;
	}
	heap->segments[heap->num_segments++] = *segment;
	return IMAGO_OK;
}

const imago_segment *
imago_heap_segment_of(const imago_heap *heap, imago_addr addr)
{
	size_t low = 0;
	size_t high = heap->num_segments;
	while (low < high) { /* the last segment that starts at or below addr is low - 1 */
		size_t middle = low + (high - low) / 2;
		if (heap->segments[middle].start <= addr) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == 0) {
		return NULL;
	}
	const imago_segment *segment = &heap->segments[low - 1];
	uint64_t position = addr - segment->start;
	bool inside = position < segment->size;
	if (IMAGO_BUG(address_signed, inside && heap->layout.word_bytes == 4 &&
	                                  segment->start >> 31 == 0 && addr >> 31 == 1)) {
		return NULL;
	}
	return inside ? segment : NULL;
}

const uint8_t *
imago_heap_bytes(const imago_heap *heap, imago_addr addr, uint64_t length)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	if (segment == NULL || length > segment->size - (addr - segment->start)) {
		return NULL;
	}
	return segment->bytes + (addr - segment->start);
}

uint8_t *
imago_heap_writable_bytes(imago_heap *heap, imago_addr addr, uint64_t length)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	if (segment == NULL || segment->writable == NULL ||
	    length > segment->size - (addr - segment->start)) {
		return NULL;
	}
	return segment->writable + (addr - segment->start);
}

uint64_t
imago_heap_offset_of(const imago_heap *heap, imago_addr addr)
{
	const imago_segment *segment = imago_heap_segment_of(heap, addr);
	return segment != NULL ? segment->offset + (addr - segment->start) : IMAGO_NO_OFFSET;
}

bool
imago_heap_addr_of(const imago_heap *heap, const char *part, uint64_t offset, imago_addr *addr)
{
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (strcmp(segment->part, part) == 0 && offset >= segment->offset &&
		    offset - segment->offset < segment->size) {
			*addr = segment->start + (offset - segment->offset);
			return true;
		}
	}
	return false;
}

uint64_t
imago_heap_object_bytes(const imago_heap *heap)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		bytes += heap->segments[i].size;
	}
	return bytes;
}

uint64_t
imago_heap_data_size(const imago_heap *heap)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		bytes += heap->segments[i].size + heap->segments[i].bridge_size;
	}
	return bytes;
}

bool
imago_heap_floats_low_word_first(const imago_heap *heap)
{
	return (heap->header.flags & IMAGO_FLAG_FLOATS_LOW_WORD_FIRST) != 0;
}

bool
imago_heap_is_permanent(const imago_heap *heap, imago_addr addr)
{
	if (heap->num_segments == 0 ||
	    heap->segments[heap->num_segments - 1].space != IMAGO_SPACE_PERM) {
		return false;
	}
	return addr >= (heap->layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32);
}

void
imago_heap_set_sizes(imago_heap *heap, uint64_t free_bytes)
{
	imago_image_header *header = &heap->header;
	const imago_segment *first = &heap->segments[0];
	header->data_size = imago_heap_data_size(heap);
	header->old_base_address = first->start;
	if (header->header_size == 0) {
		header->header_size =
		    heap->layout.word_bytes == 8 ? IMAGO_HEADER_SIZE_64 : IMAGO_HEADER_SIZE_32;
	}
	if (heap->model == IMAGO_SPUR) { /* else they stay 0 (v3.md §2) */
		header->first_segment_size = first->size + first->bridge_size;
		header->free_old_space = free_bytes;
	}
}

imago_status
imago_heap_refresh_header(imago_heap *heap, imago_error *error)
{
	imago_census census = {0};
	if (heap->num_segments == 0) {
		return imago_fail(error, IMAGO_EUSAGE, "a heap without segments", IMAGO_NO_OFFSET, 0, 0);
	}
	if (heap->model == IMAGO_SPUR) {
		imago_status status = imago_census_take(heap, &census, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	imago_heap_set_sizes(heap, census.free_bytes);
	return IMAGO_OK;
}
