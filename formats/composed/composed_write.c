/* composed_write.c: from a heap to an image folder, the mirror of composed_read.c (composed.md §2
 * to §6). */
#include "imago/composed_image.h"

#include <string.h>

#include "../common/folder_names.h"
#include "metadata.h"

/* What describes the folder itself. */
typedef struct folder_sums {
	imago_addr base;
	uint64_t first_size; /* of segment 0; bridges included, here and below */
	uint64_t old_space_size;
	uint64_t perm_size;
} folder_sums;

/* What a folder cannot express. */
static imago_status
refuse(const char *what, uint64_t found, uint64_t limit, imago_error *error)
{
	return imago_fail(error, IMAGO_EUNSUPPORTED, what, IMAGO_NO_OFFSET, found, limit);
}

static imago_status
require_segment(const imago_heap *heap, size_t index, imago_error *error)
{
	const imago_segment *segment = &heap->segments[index];
	imago_addr perm_start = imago_composed_perm_start(heap->layout);
	if (segment->space == IMAGO_SPACE_PERM) {
		uint64_t size_limit = imago_composed_signed_limit(heap->layout);
		if (segment->size > size_limit) {
			return refuse("size of permanent space", segment->size, size_limit, error);
		}
		/* Only the last can start there: segments ascend. */
		return segment->start == perm_start && index + 1 == heap->num_segments
		           ? IMAGO_OK
		           : refuse("start of permanent space", segment->start, perm_start, error);
	}
	if (segment->bridge_size != IMAGO_BRIDGE_SIZE) {
		return refuse("segment without a bridge", segment->bridge_size, IMAGO_BRIDGE_SIZE, error);
	}
	uint64_t size = segment->size + segment->bridge_size;
	if (segment->start >= perm_start || size > perm_start - segment->start) {
		return refuse("old space that reaches into permanent space", segment->start, perm_start,
		              error);
	}
	return IMAGO_OK;
}

/* The number of one field of header.ston. */
static uint64_t
header_value(const imago_heap *heap, const folder_sums *sums, const imago_composed_field *field)
{
	switch (field->classic) {
	case IMAGO_CLASSIC_data_size:
		return sums->old_space_size + sums->perm_size;
	case IMAGO_CLASSIC_old_base_address:
		return sums->base;
	case IMAGO_CLASSIC_first_segment_size:
		return sums->first_size;
	case IMAGO_NOT_CLASSIC: /* the VM computes swapBytes anew */
		return field->kind == IMAGO_COMPOSED_ANY ? 0 : sums->old_space_size;
	default:
		break;
	}
	uint64_t value = imago_header_get(&heap->header, (size_t)field->classic);
	bool swapped =
	    heap->layout.byte_order == IMAGO_BIG_ENDIAN && field->classic == IMAGO_CLASSIC_image_format;
	return swapped ? imago_composed_swapped_format((uint32_t)value) : value;
}

/* A number that imago_composed_signed can express and the reader takes back. */
static imago_status
require_header(const imago_heap *heap, const folder_sums *sums, imago_error *error)
{
	uint64_t signed_limit = imago_composed_signed_limit(heap->layout);
	const imago_format_number *number = imago_format_number_find(heap->header.image_format);
	if (number == NULL || !number->supported || number->model != IMAGO_SPUR ||
	    number->word_bytes != heap->layout.word_bytes) {
		return imago_fail(error, IMAGO_EVERSION, "imageFormat", IMAGO_NO_OFFSET,
		                  heap->header.image_format, 0);
	}
	for (size_t i = 0; i < IMAGO_COMPOSED_NUM_FIELDS; i++) {
		const imago_composed_field *field = &imago_composed_fields[i];
		uint64_t value = header_value(heap, sums, field);
		uint64_t limit = field->kind == IMAGO_COMPOSED_COUNT ? signed_limit : 2 * signed_limit + 1;
		if (value > limit) {
			return refuse(field->name, value, limit, error);
		}
	}
	return IMAGO_OK;
}

static imago_status
require_heap(const imago_heap *heap, folder_sums *out, imago_error *error)
{
	*out = (folder_sums){0};
	if (heap->model != IMAGO_SPUR) {
		return refuse("V3 image", 0, 0, error);
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		imago_status status = require_segment(heap, i, error);
		if (status != IMAGO_OK) {
			return status;
		}
		if (segment->space == IMAGO_SPACE_PERM) {
			out->perm_size += segment->size;
		} else if (segment->size > 0) { /* an empty one is not written (§5) */
			uint64_t size = segment->size + segment->bridge_size;
			if (out->old_space_size == 0) {
				out->base = segment->start;
				out->first_size = size;
			}
			out->old_space_size += size;
		}
	}
	if (out->old_space_size == 0) {
		return refuse("heap without objects", 0, 0, error);
	}
	return require_header(heap, out, error);
}

/* Hands what a writer holds over to the folder, under that name. */
static imago_status
add_text(imago_folder *folder, const char *name, imago_writer *writer, imago_error *error)
{
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	uint8_t *bytes = imago_resize(writer->allocator, writer->bytes, writer->capacity, writer->size,
	                              "metadata", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	writer->bytes = bytes;
	writer->capacity = writer->size;
	imago_status status = imago_folder_add(folder, name, bytes, writer->size, bytes, error);
	if (status == IMAGO_OK) {
		writer->bytes = NULL;
		writer->capacity = 0;
	}
	return status;
}

static imago_status
write_record(imago_folder *folder, const char *file_name, const char *record_name,
             const imago_ston_number *numbers, size_t num_numbers, imago_error *error)
{
	imago_writer writer;
	const imago_layout any = {.word_bytes = 4, .byte_order = IMAGO_LITTLE_ENDIAN};
	imago_writer_init(&writer, folder->allocator, any, error);
	imago_ston_write(&writer, record_name, numbers, num_numbers);
	imago_status status = add_text(folder, file_name, &writer, error);
	imago_writer_release(&writer);
	return status;
}

static imago_status
write_header(const imago_heap *heap, const folder_sums *sums, imago_folder *folder,
             imago_error *error)
{
	imago_ston_number numbers[IMAGO_COMPOSED_NUM_FIELDS];
	for (size_t i = 0; i < IMAGO_COMPOSED_NUM_FIELDS; i++) {
		const imago_composed_field *field = &imago_composed_fields[i];
		uint64_t value = header_value(heap, sums, field);
		numbers[i].name = field->name;
		numbers[i].value = field->kind == IMAGO_COMPOSED_WORD
		                       ? imago_composed_signed(value, heap->layout)
		                       : (int64_t)value;
	}
	return write_record(folder, "header.ston", imago_composed_header_name, numbers,
	                    IMAGO_COMPOSED_NUM_FIELDS, error);
}

static imago_status
write_metadata(const imago_heap *heap, imago_folder *folder, const char *file_name,
               imago_addr start_address, uint64_t data_size, imago_error *error)
{
	const imago_ston_number numbers[] = {
	    {"startAddress", imago_composed_signed(start_address, heap->layout)},
	    {"dataSize", (int64_t)data_size},
	};
	return write_record(folder, file_name, imago_composed_metadata_name, numbers, 2, error);
}

/* Copies bytes into a file of the folder. */
static imago_status
write_data(imago_folder *folder, const char *name, const uint8_t *bytes, uint64_t size,
           uint8_t **copy, imago_error *error)
{
	*copy = imago_allocate(folder->allocator, size, "copy of a segment", error);
	if (*copy == NULL) {
		return IMAGO_ENOMEM;
	}
	if (size > 0) {
		memcpy(*copy, bytes, (size_t)size);
	}
	imago_status status = imago_folder_add(folder, name, *copy, size, *copy, error);
	if (status != IMAGO_OK) {
		imago_release(folder->allocator, *copy, size);
	}
	return status;
}

/* Writes one segment, and adds its copy to a heap whose bridges are to be rewritten. */
static imago_status
write_segment(const imago_heap *heap, const imago_segment *segment, uint32_t number,
              imago_heap *copies, imago_folder *folder, imago_error *error)
{
	char name[IMAGO_PART_SIZE];
	uint64_t size = segment->size + segment->bridge_size;
	imago_segment copied = *segment;
	imago_folder_name(imago_place_of_metadata(number), name);
	imago_status status = write_metadata(heap, folder, name, segment->start, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_folder_name(imago_place_of_data(number), name);
	status = write_data(folder, name, segment->bytes, size, &copied.writable, error);
	if (status != IMAGO_OK) {
		return status;
	}
	copied.bytes = copied.writable;
	return imago_heap_add_segment(copies, &copied, error);
}

/* Segments are numbered without holes: the VM stops at the first missing number (§5). The gaps, and
 * with them the bridges, are those between the segments that were written. */
static imago_status
write_segments(const imago_heap *heap, imago_folder *folder, imago_error *error)
{
	imago_heap *copies;
	uint32_t number = 0;
	imago_status status =
	    imago_heap_create(&copies, heap->model, heap->layout, folder->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	copies->bridges = heap->bridges;
	for (size_t i = 0; i < heap->num_segments && status == IMAGO_OK; i++) {
		const imago_segment *segment = &heap->segments[i];
		if (segment->space == IMAGO_SPACE_OLD && segment->size > 0) {
			status = write_segment(heap, segment, number++, copies, folder, error);
		}
	}
	if (status == IMAGO_OK) {
		status = imago_heap_set_bridges(copies, IMAGO_BRIDGES_MEMORY, error);
	}
	imago_heap_destroy(copies);
	return status;
}

/* Permanent space is always written, empty if need be (§2). */
static imago_status
write_perm_space(const imago_heap *heap, imago_folder *folder, imago_error *error)
{
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	bool present = last->space == IMAGO_SPACE_PERM;
	uint64_t size = present ? last->size : 0;
	uint8_t *copy;
	imago_status status = write_metadata(heap, folder, "permSpace.ston",
	                                     imago_composed_perm_start(heap->layout), size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	return write_data(folder, "permSpace.data", last->bytes, size, &copy, error);
}

imago_status
imago_composed_write(const imago_heap *heap, imago_folder *folder, imago_error *error)
{
	folder_sums sums;
	imago_status status = require_heap(heap, &sums, error);
	if (status == IMAGO_OK) {
		status = write_header(heap, &sums, folder, error);
	}
	if (status == IMAGO_OK) {
		status = write_segments(heap, folder, error);
	}
	if (status == IMAGO_OK) {
		status = write_perm_space(heap, folder, error);
	}
	return status;
}
