/* v3_read.c: a classic Squeak file before Spur into a heap; the mirror of v3_write.c. */
#include "imago/v3_image.h"

#include "../../core/base/planted.h"
#include "../common/image_header.h"
#include "v3_limits.h"

/* The file as far as it is known before its heap is made. */
typedef struct v3_file {
	const uint8_t *bytes;
	uint64_t size;
	imago_header_place place;
	imago_image_header header;
	imago_wrapping wrapping;
} v3_file;

static imago_status
fail_field(const v3_file *file, imago_status status, size_t index, uint64_t limit,
           imago_error *error)
{
	return imago_header_fail(error, status, &file->place, &file->header, index, limit);
}

static uint64_t
heap_offset(const v3_file *file)
{
	return file->place.start + file->header.header_size;
}

/* The fields that place the one segment: dataSize bytes at oldBaseAddr, which may be 0. */
static imago_status
require_heap_fields(const v3_file *file, imago_error *error)
{
	const imago_image_header *header = &file->header;
	uint64_t in_file = file->size - heap_offset(file);
	if (!IMAGO_BUG(v3_data_past_file, header->data_size > in_file) && header->data_size > in_file) {
		return fail_field(file, IMAGO_ETRUNCATED, IMAGO_HEADER_INDEX_DATA_SIZE, in_file, error);
	}
	if (header->data_size < IMAGO_V3_SMALLEST_OBJECT) {
		return fail_field(file, IMAGO_ERANGE, IMAGO_HEADER_INDEX_DATA_SIZE,
		                  IMAGO_V3_SMALLEST_OBJECT, error);
	}
	if (header->data_size % IMAGO_V3_ALIGNMENT != 0) {
		return fail_field(file, IMAGO_EALIGN, IMAGO_HEADER_INDEX_DATA_SIZE, IMAGO_V3_ALIGNMENT,
		                  error);
	}
	if (header->old_base_address % IMAGO_V3_ALIGNMENT != 0) {
		return fail_field(file, IMAGO_EALIGN, IMAGO_HEADER_INDEX_OLD_BASE_ADDRESS,
		                  IMAGO_V3_ALIGNMENT, error);
	}
	uint64_t highest_base = IMAGO_V3_ADDRESS_LIMIT - header->data_size;
	if (header->old_base_address > highest_base) {
		return fail_field(file, IMAGO_ERANGE, IMAGO_HEADER_INDEX_OLD_BASE_ADDRESS, highest_base,
		                  error);
	}
	return IMAGO_OK;
}

static imago_status
read_segment(imago_heap *heap, const v3_file *file, imago_error *error)
{
	uint64_t offset = heap_offset(file);
	uint64_t end = offset + file->header.data_size; /* within the file: require_heap_fields */
	imago_segment segment = {
	    .start = file->header.old_base_address,
	    .size = file->header.data_size,
	    .bytes = file->bytes + offset,
	    .offset = offset,
	    .space = IMAGO_SPACE_OLD,
	};
	heap->wrapping.trailing = file->bytes + end;
	heap->wrapping.trailing_size = file->size - end;
	return imago_heap_add_segment(heap, &segment, error);
}

imago_status
imago_v3_read(imago_heap **out, const uint8_t *bytes, uint64_t size, imago_allocator *allocator,
              imago_error *error)
{
	v3_file file = {.bytes = bytes, .size = size};
	imago_status status = imago_header_locate(&file.place, bytes, size, error);
	if (status == IMAGO_OK) {
		status = imago_header_require_model(&file.place, IMAGO_V3, error);
	}
	if (status == IMAGO_OK) {
		status = imago_header_read(&file.place, bytes, size, IMAGO_V3_ALIGNMENT, &file.header,
		                           &file.wrapping, error);
	}
	if (status == IMAGO_OK) {
		status = require_heap_fields(&file, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}

	imago_heap *heap;
	status = imago_heap_create(&heap, IMAGO_V3, file.place.layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	heap->header = file.header;
	heap->wrapping = file.wrapping;
	heap->bridges = IMAGO_BRIDGES_NONE;
	status = read_segment(heap, &file, error);
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	*out = heap;
	return IMAGO_OK;
}
