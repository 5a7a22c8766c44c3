/* v3_write.c: a heap into a classic Squeak file before Spur; the mirror of v3_read.c.
 *
 * What is written can be read again: everything that the reader computes with is compared first,
 * before a byte is appended.
 */
#include "imago/v3_image.h"

#include "../common/image_header.h"
#include "v3_limits.h"

static imago_status
require_expressible(const imago_heap *heap, imago_writer *writer)
{
	if (heap->model != IMAGO_V3) {
		return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "a heap that is not V3", 0, 0);
	}
	if (heap->num_segments != 1) {
		return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "number of segments",
		                           heap->num_segments, 1);
	}
	if (heap->segments[0].bridge_size != 0) {
		return imago_writer_refuse(writer, IMAGO_EUNSUPPORTED, "a segment with a bridge",
		                           heap->segments[0].bridge_size, 0);
	}
	return IMAGO_OK;
}

/* The fields that the reader finds the segment by. */
static imago_status
require_heap_fields(const imago_heap *heap, imago_writer *writer)
{
	const imago_image_header *header = &heap->header;
	const imago_segment *segment = &heap->segments[0];
	if (header->data_size != segment->size) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "dataSize", header->data_size,
		                           segment->size);
	}
	if (header->data_size < IMAGO_V3_SMALLEST_OBJECT) {
		return imago_writer_refuse(writer, IMAGO_ERANGE, "dataSize", header->data_size,
		                           IMAGO_V3_SMALLEST_OBJECT);
	}
	if (header->old_base_address != segment->start) {
		return imago_writer_refuse(writer, IMAGO_ESTRUCTURE, "oldBaseAddr",
		                           header->old_base_address, segment->start);
	}
	return IMAGO_OK;
}

imago_status
imago_v3_write(const imago_heap *heap, imago_writer *writer)
{
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	imago_status status = require_expressible(heap, writer);
	if (status == IMAGO_OK) {
		status = require_heap_fields(heap, writer);
	}
	if (status == IMAGO_OK) {
		status = imago_header_write(heap, IMAGO_V3_ALIGNMENT, writer);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	imago_write_bytes(writer, heap->segments[0].bytes, heap->segments[0].size);
	imago_write_bytes(writer, heap->wrapping.trailing, heap->wrapping.trailing_size);
	return writer->status;
}
