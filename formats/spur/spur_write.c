/* spur_write.c: a heap into a classic Spur file; the mirror of spur_read.c.
 *
 * What is written can be read again: everything that the reader computes with is compared first,
 * before a byte is appended.
 */
#include "imago/spur_image.h"

#include "../common/image_header.h"
#include "spur_bridge.h"

static imago_status
require_expressible(const imago_heap *heap, imago_writer *writer)
{
	if (heap->model != IMAGO_SPUR) {
		return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "a heap that is not Spur", 0, 0);
	}
	if (heap->bridges != IMAGO_BRIDGES_FILE) {
		return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "bridges in memory style", 0, 0);
	}
	if (heap->num_segments == 0) {
		return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "a heap without segments", 0, 0);
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (segment->space != IMAGO_SPACE_OLD) {
			return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "permanent space",
			                           segment->start, 0);
		}
		if (segment->bridge_size != IMAGO_BRIDGE_SIZE) {
			return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "a segment without a bridge",
			                           segment->bridge_size, IMAGO_BRIDGE_SIZE);
		}
	}
	return IMAGO_OK;
}

/* The fields that the reader finds the segments by. */
static imago_status
require_heap_fields(const imago_heap *heap, imago_writer *writer)
{
	const imago_image_header *header = &heap->header;
	const imago_segment *first = &heap->segments[0];
	uint64_t segments = imago_heap_data_size(heap);
	uint64_t first_size = first->size + first->bridge_size;
	if (header->data_size < segments ||
	    header->data_size - segments > heap->wrapping.trailing_size) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "dataSize", header->data_size,
		                           segments);
	}
	if (header->old_base_address != first->start) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "oldBaseAddr",
		                           header->old_base_address, first->start);
	}
	if (header->first_segment_size != first_size) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "firstSegSize",
		                           header->first_segment_size, first_size);
	}
	return IMAGO_OK;
}

/* Segment index against the size that the reader accepts, and its bridge against the next one. */
static imago_status
require_bridge(const imago_heap *heap, size_t index, imago_writer *writer)
{
	const imago_segment *segment = &heap->segments[index];
	uint64_t size = segment->size + segment->bridge_size;
	if (size < IMAGO_SPUR_SMALLEST_SEGMENT) {
		return imago_writer_refuse(writer, IMAGO_ERANGE, "segment size", size,
		                           IMAGO_SPUR_SMALLEST_SEGMENT);
	}
	imago_spur_bridge bridge;
	if (!imago_spur_bridge_decode(segment->bytes + segment->size, heap->layout, &bridge)) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "bridge", bridge.first, 0);
	}
	uint64_t next_size = 0;
	if (index + 1 < heap->num_segments) {
		const imago_segment *next = &heap->segments[index + 1];
		uint64_t gap = next->start - (segment->start + size);
		if (bridge.gap != gap) {
			return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "bridge span", bridge.gap, gap);
		}
		next_size = next->size + next->bridge_size;
	}
	if (bridge.next_size != next_size) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "next segment size", bridge.next_size,
		                           next_size);
	}
	return IMAGO_OK;
}

static imago_status
require_readable(const imago_heap *heap, imago_writer *writer)
{
	imago_status status = require_expressible(heap, writer);
	if (status == IMAGO_OK) {
		status = require_heap_fields(heap, writer);
	}
	for (size_t i = 0; status == IMAGO_OK && i < heap->num_segments; i++) {
		status = require_bridge(heap, i, writer);
	}
	return status;
}

imago_status
imago_spur_write(const imago_heap *heap, imago_writer *writer)
{
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	imago_status status = require_readable(heap, writer);
	if (status != IMAGO_OK) {
		return status;
	}
	const imago_wrapping *wrapping = &heap->wrapping;
	status = imago_header_write(heap, IMAGO_SPUR_ALIGNMENT, writer);
	if (status != IMAGO_OK) {
		return status;
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		imago_write_bytes(writer, segment->bytes, segment->size + segment->bridge_size);
	}
	imago_write_bytes(writer, wrapping->trailing, wrapping->trailing_size);
	return writer->status;
}
