/* composed_read.c: from an image folder to a heap (composed.md §4 to §7, §9). */
#include "imago/composed_image.h"

#include <string.h>

#include "../../core/base/planted.h"
#include "../common/folder_names.h"
#include "metadata.h"

/* An object of the least size and a bridge. */
enum { LEAST_SEGMENT_SIZE = 32, LEAST_PERM_SIZE = 16 };

/* A pair of files: metadata, and the data it speaks of. */
typedef struct part_pair {
	imago_composed_metadata metadata;
	const imago_folder_file *metadata_file;
	const imago_folder_file *data_file;
} part_pair;

static imago_status
fail_field(const part_pair *pair, imago_status status, const char *field, uint64_t found,
           uint64_t limit, imago_error *error)
{
	imago_error_set_part(error, pair->metadata_file->name);
	return imago_fail(error, status, field, imago_composed_offset_of(&pair->metadata.record, field),
	                  found, limit);
}

static imago_status
fail_missing(const char *part, imago_error *error)
{
	imago_error_set_part(error, part);
	return imago_fail(error, IMAGO_ESTRUCTURE, "missing file", IMAGO_NO_OFFSET, 0, 0);
}

/* dataSize against the file; a longer file is the checker's to report (§9). */
static imago_status
require_size(const part_pair *pair, uint64_t least, imago_error *error)
{
	uint64_t size = pair->metadata.data_size;
	if (size < least) {
		return fail_field(pair, IMAGO_ERANGE, "dataSize", size, least, error);
	}
	if (size % 8 != 0) {
		return fail_field(pair, IMAGO_EALIGN, "dataSize", size, 8, error);
	}
	bool is_short = size > pair->data_file->size;
	if (!IMAGO_BUG(composed_data_short, is_short) && is_short) {
		imago_error_set_part(error, pair->data_file->name);
		return imago_fail(error, IMAGO_ETRUNCATED, "dataSize", pair->data_file->size, size,
		                  pair->data_file->size);
	}
	return IMAGO_OK;
}

/* startAddress against the segment before and the start of permanent space (§9). */
static imago_status
require_place(const imago_heap *heap, const part_pair *pair, imago_error *error)
{
	imago_addr start = pair->metadata.start_address;
	uint64_t size = pair->metadata.data_size;
	imago_addr perm_start = imago_composed_perm_start(heap->layout);
	if (start == 0) {
		return fail_field(pair, IMAGO_ERANGE, "startAddress", 0, perm_start, error);
	}
	if (start % 8 != 0) {
		return fail_field(pair, IMAGO_EALIGN, "startAddress", start, 8, error);
	}
	bool reaches_in = start < perm_start && size > perm_start - start;
	if (start >= perm_start || (!IMAGO_BUG(old_space_in_perm, reaches_in) && reaches_in)) {
		return fail_field(pair, IMAGO_ERANGE, "startAddress", start, perm_start, error);
	}
	if (heap->num_segments > 0) {
		const imago_segment *last = &heap->segments[heap->num_segments - 1];
		imago_addr last_end = last->start + last->size + last->bridge_size;
		if (start < last_end) {
			return fail_field(pair, IMAGO_ESTRUCTURE, "startAddress", start, last_end, error);
		}
	}
	return IMAGO_OK;
}

static imago_status
add_part(imago_heap *heap, const part_pair *pair, imago_space space, imago_error *error)
{
	uint64_t bridge_size = space == IMAGO_SPACE_OLD ? IMAGO_BRIDGE_SIZE : 0;
	imago_segment segment = {
	    .start = pair->metadata.start_address,
	    .size = pair->metadata.data_size - bridge_size,
	    .bridge_size = bridge_size,
	    .bytes = pair->data_file->bytes,
	    .space = space,
	};
	memcpy(segment.part, pair->data_file->name, sizeof segment.part);
	return imago_heap_add_segment(heap, &segment, error);
}

static imago_status
read_segment(imago_heap *heap, const imago_folder *folder, uint32_t number, imago_error *error)
{
	char metadata_name[IMAGO_PART_SIZE];
	part_pair pair;
	imago_folder_name(imago_place_of_metadata(number), metadata_name);
	pair.metadata_file = imago_folder_find(folder, metadata_name);
	char data_name[IMAGO_PART_SIZE];
	imago_folder_name(imago_place_of_data(number), data_name);
	pair.data_file = imago_folder_find(folder, data_name);
	if (pair.metadata_file == NULL) {
		return fail_missing(metadata_name, error);
	}
	imago_status status =
	    imago_composed_parse_metadata(&pair.metadata, pair.metadata_file, heap->layout, error);
	if (status == IMAGO_OK) {
		status = require_size(&pair, LEAST_SEGMENT_SIZE, error);
	}
	if (status == IMAGO_OK) {
		status = require_place(heap, &pair, error);
	}
	if (status == IMAGO_OK) {
		status = add_part(heap, &pair, IMAGO_SPACE_OLD, error);
	}
	return status;
}

/* Segments are read until the first whose data is missing, as the VM does (§2). */
static imago_status
read_segments(imago_heap *heap, const imago_folder *folder, imago_error *error)
{
	if (imago_folder_find(folder, "seg0.data") == NULL) {
		return fail_missing("seg0.data", error);
	}
	for (uint32_t number = 0; number < IMAGO_MAX_SEGMENTS; number++) {
		char data_name[IMAGO_PART_SIZE];
		imago_folder_name(imago_place_of_data(number), data_name);
		if (imago_folder_find(folder, data_name) == NULL) {
			break;
		}
		imago_status status = read_segment(heap, folder, number, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	return IMAGO_OK;
}

static imago_status
read_perm_space(imago_heap *heap, const imago_folder *folder, imago_error *error)
{
	part_pair pair;
	pair.metadata_file = imago_folder_find(folder, "permSpace.ston");
	pair.data_file = imago_folder_find(folder, "permSpace.data");
	if (pair.metadata_file == NULL) {
		return IMAGO_OK;
	}
	imago_status status =
	    imago_composed_parse_metadata(&pair.metadata, pair.metadata_file, heap->layout, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_addr perm_start = imago_composed_perm_start(heap->layout);
	bool elsewhere = pair.metadata.start_address != perm_start;
	if (!IMAGO_BUG(perm_start_any, elsewhere && pair.metadata.data_size > 0) &&
	    elsewhere) { /* the VM asks even of an empty one (§6) */
		return fail_field(&pair, IMAGO_ERANGE, "startAddress", pair.metadata.start_address,
		                  perm_start, error);
	}
	if (pair.metadata.data_size == 0) {
		return IMAGO_OK;
	}
	if (pair.data_file == NULL) {
		return fail_missing("permSpace.data", error);
	}
	status = require_size(&pair, LEAST_PERM_SIZE, error);
	if (status == IMAGO_OK) {
		status = add_part(heap, &pair, IMAGO_SPACE_PERM, error);
	}
	return status;
}

/* For findings about fields. */
static void
note_fields(imago_heap *heap, const imago_ston *record)
{
	for (size_t i = 0; i < IMAGO_COMPOSED_NUM_FIELDS; i++) {
		const imago_composed_field *field = &imago_composed_fields[i];
		uint64_t offset = imago_composed_offset_of(record, field->name);
		if (field->classic != IMAGO_NOT_CLASSIC && offset != IMAGO_NO_OFFSET) {
			heap->text_fields[field->classic] = offset;
		}
	}
}

imago_status
imago_composed_read(imago_heap **out, const imago_folder *folder, imago_allocator *allocator,
                    imago_error *error)
{
	imago_composed_header header;
	imago_heap *heap;
	imago_status status = imago_composed_parse_header(&header, folder, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_heap_create(&heap, IMAGO_SPUR, header.layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	heap->header = header.fields;
	note_fields(heap, &header.record);
	heap->bridges = IMAGO_BRIDGES_MEMORY;
	status = read_segments(heap, folder, error);
	if (status == IMAGO_OK) {
		status = read_perm_space(heap, folder, error);
	}
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	imago_error_set_part(error, "");
	*out = heap;
	return IMAGO_OK;
}
