/* format.c: the one table that knows all formats. A new format is a row here. */
#include "format.h"

#include <string.h>

#include "image_header.h"
#include "imago/composed_image.h"
#include "imago/folder.h"
#include "imago/layered_image.h"
#include "imago/packfile_check.h"
#include "imago/spur_image.h"
#include "imago/v3_image.h"
#include "imago/workspace.h"

static bool
has_model(const uint8_t *bytes, uint64_t size, imago_object_model model)
{
	imago_header_place place;
	return imago_header_locate(&place, bytes, size, NULL) == IMAGO_OK &&
	       place.number->model == model;
}

static bool
probe_spur(const uint8_t *bytes, uint64_t size)
{
	return has_model(bytes, size, IMAGO_SPUR);
}

static imago_status
read_spur(imago_image *image, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	return imago_spur_read(&image->heap, bytes, size, image->allocator, error);
}

/* The header that a single file needs, of a heap from a folder: its sums, and a size that a folder
 * does not care about (composed.md §4). */
static void
fit_header(imago_heap *heap)
{
	imago_image_header *header = &heap->header;
	const imago_segment *first = &heap->segments[0];
	uint64_t usual = heap->layout.word_bytes == 8 ? IMAGO_HEADER_SIZE_64 : IMAGO_HEADER_SIZE_32;
	header->data_size = imago_heap_data_size(heap);
	header->old_base_address = first->start;
	header->first_segment_size = first->size + first->bridge_size;
	if (header->header_size < usual || header->header_size > IMAGO_HEADER_SIZE_LIMIT ||
	    header->header_size % 8 != 0) {
		header->header_size = usual;
	}
}

/* The bridges of a folder are in memory style; those of a file are not. */
static imago_status
write_spur(const imago_heap *heap, imago_writer *writer, imago_error *error)
{
	if (heap->bridges != IMAGO_BRIDGES_MEMORY || heap->num_segments == 0) {
		return imago_spur_write(heap, writer);
	}
	if (heap->segments[heap->num_segments - 1].space == IMAGO_SPACE_PERM) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "permanent space in a single file",
		                  IMAGO_NO_OFFSET, 0, 0);
	}
	imago_heap *copy;
	imago_status status = imago_heap_copy(&copy, heap, writer->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_heap_set_bridges(copy, IMAGO_BRIDGES_FILE, error);
	if (status == IMAGO_OK) {
		fit_header(copy);
		status = imago_spur_write(copy, writer);
	}
	imago_heap_destroy(copy);
	return status;
}

static bool
probe_v3(const uint8_t *bytes, uint64_t size)
{
	return has_model(bytes, size, IMAGO_V3);
}

static imago_status
read_v3(imago_image *image, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	return imago_v3_read(&image->heap, bytes, size, image->allocator, error);
}

static imago_status
write_v3(const imago_heap *heap, imago_writer *writer, imago_error *error)
{
	(void)error;
	return imago_v3_write(heap, writer);
}

static imago_status
read_composed(imago_image *image, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	imago_status status = imago_folder_unpack(&image->folder, bytes, size, error);
	if (status == IMAGO_OK) {
		status = imago_composed_read(&image->heap, &image->folder, image->allocator, error);
	}
	return status;
}

static imago_status
write_composed(const imago_heap *heap, imago_writer *writer, imago_error *error)
{
	imago_folder folder;
	imago_folder_init(&folder, writer->allocator);
	imago_status status = imago_composed_write(heap, &folder, error);
	if (status == IMAGO_OK) {
		imago_folder_pack(&folder, writer);
		status = writer->status;
	}
	imago_folder_release(&folder);
	return status;
}

static imago_status
check_composed(const imago_image *image, imago_check_sink *sink, imago_allocator *allocator,
               imago_error *error)
{
	(void)allocator;
	return imago_composed_check(&image->folder, image->heap, sink, error);
}

static bool
probe_layered(const uint8_t *bytes, uint64_t size)
{
	static const char magic[] = "imago layered ";
	return size >= sizeof magic && memcmp(bytes, magic, sizeof magic - 1) == 0;
}

static imago_status
read_layered(imago_image *image, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	return imago_layered_read(&image->heap, bytes, size, image->allocator, error);
}

static imago_status
write_layered(const imago_heap *heap, imago_writer *writer, imago_error *error)
{
	return imago_layered_write(heap, NULL, writer, error);
}

static imago_status
check_layered(const imago_image *image, imago_check_sink *sink, imago_allocator *allocator,
              imago_error *error)
{
	return imago_layered_check(image->data, image->size, image->heap, sink, allocator, error);
}

static imago_status
restore_layered(imago_heap **out, const imago_image *image, imago_allocator *allocator,
                imago_error *error)
{
	return imago_layered_restore(out, image->heap, image->data, image->size, allocator, error);
}

static const imago_format formats[IMAGO_NUM_FORMATS] = {
    [IMAGO_FORMAT_SPUR] = {.name = "spur",
                           .probe = probe_spur,
                           .read = read_spur,
                           .write = write_spur},
    [IMAGO_FORMAT_V3] = {.name = "v3", .probe = probe_v3, .read = read_v3, .write = write_v3},
    [IMAGO_FORMAT_COMPOSED] = {.name = "composed",
                               .probe = imago_folder_is_bundle,
                               .read = read_composed,
                               .write = write_composed,
                               .rules = imago_composed_rules,
                               .check = check_composed},
    [IMAGO_FORMAT_LAYERED] = {.name = "layered",
                              .probe = probe_layered,
                              .read = read_layered,
                              .write = write_layered,
                              .rules = imago_layered_rules,
                              .check = check_layered,
                              .restore = restore_layered},
};

const imago_format *
imago_format_at(imago_format_id format)
{
	return (size_t)format < IMAGO_NUM_FORMATS ? &formats[format] : NULL;
}

const char *
imago_format_name(imago_format_id format)
{
	const imago_format *row = imago_format_at(format);
	return row != NULL ? row->name : "?";
}

imago_status
imago_format_probe(imago_format_id *out, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	/* From the last row: a bundle says what it is in its first bytes, a classic file possibly only
	 * behind a prefix of any 512 bytes. */
	for (size_t i = IMAGO_NUM_FORMATS; i-- > 0;) {
		if (formats[i].probe(bytes, size)) {
			*out = (imago_format_id)i;
			return IMAGO_OK;
		}
	}
	imago_header_place place;
	return imago_header_locate(&place, bytes, size, error);
}

const imago_rule *
imago_rule_at(size_t index)
{
	if (index < IMAGO_NUM_CORE_RULES) {
		return imago_core_rules() + index;
	}
	index -= IMAGO_NUM_CORE_RULES;
	for (size_t i = 0; i < IMAGO_NUM_FORMATS; i++) {
		size_t num_rules = 0;
		const imago_rule *rules = formats[i].rules != NULL ? formats[i].rules(&num_rules) : NULL;
		if (index < num_rules) {
			return rules + index;
		}
		index -= num_rules;
	}
	/* Packfiles and workspaces are no heaps and have no row above, but their rules may be named. */
	static const imago_rule *(*const others[])(size_t * num_rules) = {imago_packfile_rules,
	                                                                  imago_workspace_rules};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		size_t num_rules;
		const imago_rule *rules = others[i](&num_rules);
		if (index < num_rules) {
			return rules + index;
		}
		index -= num_rules;
	}
	return NULL;
}
