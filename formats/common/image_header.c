#include "image_header.h"

#include "../../core/base/planted.h"
#include "imago/byte_order.h"
#include "imago/checked.h"
#include "imago/reader.h"

/* The longest number: the 8 bytes that a 64-bit V3 file begins with (spur.md §1). */
enum { NUMBER_SIZE = 4, WIDE_NUMBER_SIZE = 8, NUMBER_BITS = 0x11FFF };

static const char *
name_of_number(uint64_t number)
{
	switch (number) {
	case 6501:
		return "format number 6501 (V3 before its release)";
	case 6502:
		return "format number 6502 (32-bit V3)";
	case 6504:
		return "format number 6504 (32-bit V3 with closures)";
	case 6505:
		return "format number 6505 (32-bit V3 with closures and platform floats)";
	case 6521:
		return "format number 6521 (32-bit Spur)";
	case 7033:
		return "format number 7033 (32-bit Spur with several bytecode sets)";
	case 68000:
		return "format number 68000 (64-bit V3)";
	case 68002:
		return "format number 68002 (64-bit V3 with closures)";
	case 68003:
		return "format number 68003 (64-bit V3 with closures and platform floats)";
	case 68019:
		return "format number 68019 (obsolete 64-bit Spur)";
	case 68021:
		return "format number 68021 (64-bit Spur)";
	case 68533:
		return "format number 68533 (64-bit Spur with several bytecode sets)";
	default:
		return "format number";
	}
}

static bool
locate_at(imago_header_place *out, const uint8_t *bytes, uint64_t size, uint64_t start,
          imago_byte_order order)
{
	bool fits = imago_range_fits(start, NUMBER_SIZE, size);
	if (!IMAGO_BUG(prefix_of_short_file, start > 0 && !fits) && !fits) {
		return false;
	}
	uint32_t number = imago_load_u32(bytes + start, order);
	out->number = imago_format_number_find(number);
	if (IMAGO_BUG(number_masked,
	              out->number == NULL && imago_format_number_find(number & NUMBER_BITS) != NULL)) {
		out->number = imago_format_number_find(number & NUMBER_BITS);
	}
	if (out->number == NULL) {
		return false;
	}
	out->layout.word_bytes = out->number->word_bytes;
	out->layout.byte_order = order;
	out->start = start;
	return true;
}

/* A big-endian 64-bit V3 file begins with its number as one 64-bit word (spur.md §1); it is looked
 * for last, and only so that it can be refused by name. */
static bool
locate_wide(imago_header_place *out, const uint8_t *bytes, uint64_t size)
{
	if (size < WIDE_NUMBER_SIZE) {
		return false;
	}
	uint64_t number = imago_load_u64(bytes, IMAGO_BIG_ENDIAN);
	out->number = imago_format_number_find(number);
	if (out->number == NULL || out->number->model != IMAGO_V3 || out->number->word_bytes != 8) {
		return false;
	}
	out->layout = (imago_layout){.word_bytes = 8, .byte_order = IMAGO_BIG_ENDIAN};
	out->start = 0;
	return true;
}

imago_status
imago_header_locate(imago_header_place *out, const uint8_t *bytes, uint64_t size,
                    imago_error *error)
{
	if (size < NUMBER_SIZE) {
		return imago_fail(error, IMAGO_ETRUNCATED, "imageFormat", 0, NUMBER_SIZE, size);
	}
	if (locate_at(out, bytes, size, 0, IMAGO_LITTLE_ENDIAN) ||
	    locate_at(out, bytes, size, 0, IMAGO_BIG_ENDIAN) ||
	    locate_at(out, bytes, size, IMAGO_PREFIX_SIZE, IMAGO_LITTLE_ENDIAN) ||
	    locate_at(out, bytes, size, IMAGO_PREFIX_SIZE, IMAGO_BIG_ENDIAN) ||
	    locate_wide(out, bytes, size)) {
		return IMAGO_OK;
	}
	uint32_t number = imago_load_u32(bytes, IMAGO_LITTLE_ENDIAN);
	return imago_fail(error, IMAGO_EMAGIC, "imageFormat", 0, number, 0);
}

imago_status
imago_header_require_model(const imago_header_place *place, imago_object_model model,
                           imago_error *error)
{
	const imago_format_number *number = place->number;
	if (number->supported && number->model == model) {
		return IMAGO_OK;
	}
	return imago_fail(error, IMAGO_EVERSION, name_of_number(number->number), place->start,
	                  number->number, 0);
}

uint64_t
imago_header_field_offset(size_t index, uint8_t word_bytes)
{
	uint64_t offset = 0;
	for (size_t i = 0; i < index; i++) {
		offset += imago_header_field_at(i, word_bytes).width;
	}
	return offset;
}

imago_status
imago_header_fail(imago_error *error, imago_status status, const imago_header_place *place,
                  const imago_image_header *header, size_t index, uint64_t limit)
{
	uint8_t word_bytes = place->layout.word_bytes;
	uint64_t offset = place->start + imago_header_field_offset(index, word_bytes);
	return imago_fail(error, status, imago_header_field_at(index, word_bytes).name, offset,
	                  imago_header_get(header, index), limit);
}

imago_status
imago_writer_refuse(imago_writer *writer, imago_status status, const char *what, uint64_t found,
                    uint64_t limit)
{
	writer->status = status;
	return imago_fail(writer->error, status, what, IMAGO_NO_OFFSET, found, limit);
}

/* One field of the mirror pair read_fields and write_fields. */
static uint64_t
read_field(imago_reader *reader, imago_header_field field)
{
	switch (field.width) {
	case 2:
		return imago_read_u16(reader, field.name);
	case 4:
		return imago_read_u32(reader, field.name);
	default:
		return imago_read_u64(reader, field.name);
	}
}

static void
write_field(imago_writer *writer, imago_header_field field, uint64_t value)
{
	switch (field.width) {
	case 2:
		imago_write_u16(writer, (uint16_t)value);
		break;
	case 4:
		imago_write_u32(writer, (uint32_t)value);
		break;
	default:
		imago_write_u64(writer, value);
		break;
	}
}

static void
read_fields(imago_reader *reader, imago_image_header *header)
{
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, reader->layout.word_bytes);
		imago_header_set(header, i, read_field(reader, field));
	}
}

static void
write_fields(imago_writer *writer, const imago_image_header *header)
{
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, writer->layout.word_bytes);
		write_field(writer, field, imago_header_get(header, i));
	}
}

imago_status
imago_header_read(const imago_header_place *place, const uint8_t *bytes, uint64_t size,
                  uint64_t alignment, imago_image_header *header, imago_wrapping *wrapping,
                  imago_error *error)
{
	imago_reader reader;
	imago_reader_init(&reader, bytes, size, place->layout, error);
	imago_reader_seek(&reader, place->start, "header");
	read_fields(&reader, header);
	if (reader.status != IMAGO_OK) {
		return reader.status;
	}

	size_t index = IMAGO_HEADER_INDEX_HEADER_SIZE;
	uint64_t fields_end =
	    imago_header_field_offset(IMAGO_NUM_HEADER_FIELDS, place->layout.word_bytes);
	if (!IMAGO_BUG(header_size_small, header->header_size < fields_end) &&
	    header->header_size < fields_end) {
		return imago_header_fail(error, IMAGO_ERANGE, place, header, index, fields_end);
	}
	if (header->header_size > IMAGO_HEADER_SIZE_LIMIT) {
		return imago_header_fail(error, IMAGO_ERANGE, place, header, index,
		                         IMAGO_HEADER_SIZE_LIMIT);
	}
	if (header->header_size % alignment != 0) {
		return imago_header_fail(error, IMAGO_EALIGN, place, header, index, alignment);
	}
	bool fits = imago_range_fits(place->start, header->header_size, size);
	if (!IMAGO_BUG(header_past_file, !fits) && !fits) {
		return imago_header_fail(error, IMAGO_ETRUNCATED, place, header, index,
		                         size - place->start);
	}
	wrapping->prefix = bytes;
	wrapping->prefix_size = place->start;
	wrapping->header_tail = bytes + place->start + fields_end;
	wrapping->header_tail_size = header->header_size - fields_end;
	return IMAGO_OK;
}

/* A prefix that begins with a format number itself would be read as the header. */
static bool
prefix_is_sound(const imago_wrapping *wrapping)
{
	imago_header_place place;
	return wrapping->prefix_size == 0 ||
	       (wrapping->prefix_size == IMAGO_PREFIX_SIZE &&
	        !locate_at(&place, wrapping->prefix, IMAGO_PREFIX_SIZE, 0, IMAGO_LITTLE_ENDIAN) &&
	        !locate_at(&place, wrapping->prefix, IMAGO_PREFIX_SIZE, 0, IMAGO_BIG_ENDIAN));
}

static imago_status
require_values_fit(const imago_image_header *header, uint8_t word_bytes, imago_writer *writer)
{
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_field field = imago_header_field_at(i, word_bytes);
		uint64_t value = imago_header_get(header, i);
		uint64_t limit = UINT64_MAX >> (64 - 8 * field.width);
		bool too_wide = value > limit;
		if (!IMAGO_BUG(wide_field_cut, too_wide && i == IMAGO_HEADER_INDEX_IMAGE_VERSION) &&
		    too_wide) {
			return imago_writer_refuse(writer, IMAGO_ERANGE, field.name, value, limit);
		}
	}
	return IMAGO_OK;
}

static imago_status
require_header_size(const imago_heap *heap, uint64_t fields_end, uint64_t alignment,
                    imago_writer *writer)
{
	const char *what = imago_header_field_at(IMAGO_HEADER_INDEX_HEADER_SIZE, 4).name;
	uint64_t header_size = heap->header.header_size;
	if (header_size < fields_end) {
		return imago_writer_refuse(writer, IMAGO_ERANGE, what, header_size, fields_end);
	}
	if (header_size > IMAGO_HEADER_SIZE_LIMIT) {
		return imago_writer_refuse(writer, IMAGO_ERANGE, what, header_size,
		                           IMAGO_HEADER_SIZE_LIMIT);
	}
	if (header_size % alignment != 0) {
		return imago_writer_refuse(writer, IMAGO_EALIGN, what, header_size, alignment);
	}
	return IMAGO_OK;
}

/* What imago_header_write must find in a heap whose header it is to write. */
static imago_status
require_writable_header(const imago_heap *heap, uint64_t fields_end, uint64_t alignment,
                        imago_writer *writer)
{
	const imago_image_header *header = &heap->header;
	uint8_t word_bytes = heap->layout.word_bytes;
	const imago_format_number *number = imago_format_number_find(header->image_format);
	if (number == NULL || !number->supported || number->model != heap->model ||
	    number->word_bytes != word_bytes) {
		return imago_writer_refuse(writer, IMAGO_EVERSION, name_of_number(header->image_format),
		                           header->image_format, 0);
	}
	imago_status status = require_values_fit(header, word_bytes, writer);
	if (status == IMAGO_OK) {
		status = require_header_size(heap, fields_end, alignment, writer);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	const imago_wrapping *wrapping = &heap->wrapping;
	uint64_t tail_limit = header->header_size - fields_end;
	if (wrapping->header_tail_size > tail_limit) {
		return imago_writer_refuse(writer, IMAGO_EUSAGE, "header tail", wrapping->header_tail_size,
		                           tail_limit);
	}
	if (!prefix_is_sound(wrapping)) {
		return imago_writer_refuse(writer, IMAGO_EUSAGE, "prefix", wrapping->prefix_size,
		                           IMAGO_PREFIX_SIZE);
	}
	return IMAGO_OK;
}

imago_status
imago_header_write(const imago_heap *heap, uint64_t alignment, imago_writer *writer)
{
	uint64_t fields_end =
	    imago_header_field_offset(IMAGO_NUM_HEADER_FIELDS, heap->layout.word_bytes);
	imago_status status = require_writable_header(heap, fields_end, alignment, writer);
	if (status != IMAGO_OK) {
		return status;
	}

	const imago_wrapping *wrapping = &heap->wrapping;
	imago_writer_reserve(writer, wrapping->prefix_size + heap->header.header_size +
	                                 imago_heap_data_size(heap) + wrapping->trailing_size);
	imago_layout layout = writer->layout;
	writer->layout = heap->layout;
	imago_write_bytes(writer, wrapping->prefix, wrapping->prefix_size);
	write_fields(writer, &heap->header);
	writer->layout = layout;
	imago_write_bytes(writer, wrapping->header_tail, wrapping->header_tail_size);
	imago_write_zeros(writer, heap->header.header_size - fields_end - wrapping->header_tail_size);
	return writer->status;
}
