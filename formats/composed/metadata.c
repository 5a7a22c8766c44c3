/* metadata.c: from a STON record to numbers that fit (composed.md §3 to §6). */
#include "metadata.h"

#include <inttypes.h>

#include "../../core/base/planted.h"
#include "../common/image_header.h"

#define FIELD(name, kind, classic)                    \
	{                                                 \
		(name), name " below zero", (kind), (classic) \
	}
const imago_composed_field imago_composed_fields[IMAGO_COMPOSED_NUM_FIELDS] = {
    FIELD("dataSize", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_data_size),
    FIELD("hdrOldSpaceSize", IMAGO_COMPOSED_COUNT, IMAGO_NOT_CLASSIC),
    FIELD("oldBaseAddr", IMAGO_COMPOSED_WORD, IMAGO_CLASSIC_old_base_address),
    FIELD("initialSpecialObjectsOop", IMAGO_COMPOSED_WORD, IMAGO_CLASSIC_special_objects_oop),
    FIELD("headerFlags", IMAGO_COMPOSED_WORD, IMAGO_CLASSIC_flags),
    FIELD("extraVMMemory", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_extra_vm_memory),
    FIELD("hdrNumStackPages", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_num_stack_pages),
    FIELD("hdrCogCodeSize", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_cog_code_size),
    FIELD("hdrEdenBytes", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_eden_bytes),
    FIELD("hdrMaxExtSemTabSize", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_max_ext_sem_table_size),
    FIELD("firstSegSize", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_first_segment_size),
    FIELD("freeOldSpaceInImage", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_free_old_space),
    FIELD("swapBytes", IMAGO_COMPOSED_ANY, IMAGO_NOT_CLASSIC),
    FIELD("hdrLastHash", IMAGO_COMPOSED_WORD, IMAGO_CLASSIC_last_hash),
    FIELD("imageFormat", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_image_format),
    FIELD("imageHeaderSize", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_header_size),
    FIELD("imageVersion", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_image_version),
};
const char imago_composed_header_name[] = "SpurImageHeaderStruct";
const char imago_composed_metadata_name[] = "ComposedMetadataStruct";

uint64_t
imago_composed_offset_of(const imago_ston *record, const char *name)
{
	const imago_ston_field *field = imago_ston_find(record, name);
	return field != NULL ? field->offset : IMAGO_NO_OFFSET;
}

uint64_t
imago_composed_signed_limit(imago_layout layout)
{
	return layout.word_bytes == 8 ? INT64_MAX : INT32_MAX;
}

int64_t
imago_composed_signed(uint64_t value, imago_layout layout)
{
	uint64_t limit = imago_composed_signed_limit(layout);
	if (value <= limit) {
		return (int64_t)value;
	}
	uint64_t mask = 2 * limit + 1; /* all bits of a word */
	if (IMAGO_BUG(signed_all_ones, value == mask)) {
		return 0;
	}
	return -(int64_t)(mask - value) - 1;
}

uint32_t
imago_composed_swapped_format(uint32_t number)
{
	uint8_t bytes[4];
	imago_store_u32(bytes, number, IMAGO_LITTLE_ENDIAN);
	return imago_load_u32(bytes, IMAGO_BIG_ENDIAN);
}

/* The number of one field; 0 when it is missing. */
static imago_status
decode(const imago_ston *record, const imago_composed_field *field, imago_layout layout,
       uint64_t *value, imago_error *error)
{
	*value = 0;
	const imago_ston_field *found = imago_ston_find(record, field->name);
	if (found == NULL) {
		return IMAGO_OK;
	}
	uint64_t signed_limit = imago_composed_signed_limit(layout);
	uint64_t word_limit = 2 * signed_limit + 1;
	uint64_t limit = UINT64_MAX;
	if (field->kind == IMAGO_COMPOSED_COUNT) {
		limit = found->negative ? 0 : signed_limit;
	} else if (field->kind == IMAGO_COMPOSED_WORD) {
		limit = found->negative ? signed_limit + 1 : word_limit;
	}
	if (found->magnitude > limit) {
		return imago_fail(error, IMAGO_ERANGE,
		                  found->negative ? field->name_below_zero : field->name, found->offset,
		                  found->magnitude, limit);
	}
	*value = found->magnitude;
	if (found->negative && found->magnitude != 0) {
		*value = field->kind == IMAGO_COMPOSED_WORD ? word_limit - found->magnitude + 1
		                                            : UINT64_MAX - found->magnitude + 1;
	}
	return IMAGO_OK;
}

static imago_status
parse_record(imago_ston *record, const imago_folder_file *file, imago_error *error)
{
	imago_error_set_part(error, file->name);
	return imago_ston_parse(record, file->bytes, file->size, error);
}

/* The word size, which tells what the other numbers may be, follows from imageFormat; so does the
 * byte order of the data: a number whose bytes are reversed says big-endian (composed.md §4). */
static imago_status
find_layout(imago_composed_header *out, imago_error *error)
{
	const imago_layout widest = {.word_bytes = 8, .byte_order = IMAGO_LITTLE_ENDIAN};
	const imago_composed_field field =
	    FIELD("imageFormat", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_image_format);
	uint64_t written;
	imago_status status = decode(&out->record, &field, widest, &written, error);
	if (status != IMAGO_OK) {
		return status;
	}
	uint64_t number = written;
	uint64_t offset = imago_composed_offset_of(&out->record, field.name);
	imago_header_place place = {.number = imago_format_number_find(number),
	                            .layout.byte_order = IMAGO_LITTLE_ENDIAN,
	                            .start = offset};
	if (place.number == NULL && written <= UINT32_MAX) {
		number = imago_composed_swapped_format((uint32_t)written);
		place.number = imago_format_number_find(number);
		place.layout.byte_order = IMAGO_BIG_ENDIAN;
	}
	if (place.number == NULL) {
		return imago_fail(error, IMAGO_EVERSION, field.name, offset, written, 0);
	}
	status = imago_header_require_model(&place, IMAGO_SPUR, error);
	if (status == IMAGO_OK) {
		out->layout.word_bytes = place.number->word_bytes;
		out->layout.byte_order = place.layout.byte_order;
		out->fields.image_format = number;
	}
	return status;
}

/* Puts a number where it belongs: all but two fields are those of a classic header. */
static void
store_field(imago_composed_header *out, size_t index, uint64_t value)
{
	const int classic = imago_composed_fields[index].classic;
	if (classic >= 0) {
		imago_header_set(&out->fields, (size_t)classic, value);
	} else if (imago_composed_fields[index].kind == IMAGO_COMPOSED_ANY) {
		out->swap_bytes = value;
	} else {
		out->old_space_size = value;
	}
}

imago_status
imago_composed_parse_header(imago_composed_header *out, const imago_folder *folder,
                            imago_error *error)
{
	const imago_folder_file *file = imago_folder_find(folder, "header.ston");
	if (file == NULL) {
		imago_error_set_part(error, "header.ston");
		return imago_fail(error, IMAGO_EMAGIC, "file that must be in an image folder",
		                  IMAGO_NO_OFFSET, 0, 0);
	}
	*out = (imago_composed_header){0};
	imago_status status = parse_record(&out->record, file, error);
	if (status == IMAGO_OK) {
		status = find_layout(out, error);
	}
	uint64_t image_format = out->fields.image_format;
	for (size_t i = 0; i < IMAGO_COMPOSED_NUM_FIELDS && status == IMAGO_OK; i++) {
		uint64_t value;
		status = decode(&out->record, &imago_composed_fields[i], out->layout, &value, error);
		if (status == IMAGO_OK) {
			store_field(out, i, value);
		}
	}
	out->fields.image_format = image_format;
	return status;
}

imago_status
imago_composed_parse_metadata(imago_composed_metadata *out, const imago_folder_file *file,
                              imago_layout layout, imago_error *error)
{
	const imago_composed_field start_address =
	    FIELD("startAddress", IMAGO_COMPOSED_WORD, IMAGO_NOT_CLASSIC);
	const imago_composed_field data_size =
	    FIELD("dataSize", IMAGO_COMPOSED_COUNT, IMAGO_CLASSIC_data_size);
	imago_status status = parse_record(&out->record, file, error);
	if (status == IMAGO_OK) {
		status = decode(&out->record, &start_address, layout, &out->start_address, error);
	}
	if (status == IMAGO_OK) {
		status = decode(&out->record, &data_size, layout, &out->data_size, error);
	}
	return status;
}
