/* packfile_write.c: header, directory, segments: the mirror of packfile_read.c and
 * packfile_tails.c. */
#include <string.h>

#include "imago/packfile_convert.h"
#include "packfile_output.h"
#include "packfile_private.h"

/* A word whose value is known later, at a place in the file. */
static void
patch(packfile_output *out, uint64_t position, uint64_t value, uint64_t offset)
{
	if (out->layout.word_bytes == 4 && value > INT32_MAX) {
		imago_packfile_output_fail(out, IMAGO_EUNSUPPORTED, "word that 4 bytes cannot hold", offset,
		                           value, INT32_MAX);
	} else if (out->writer->status == IMAGO_OK) {
		imago_store_word(out->writer->bytes + out->start + position, value, out->layout);
	}
}

static void
put_header(packfile_output *out)
{
	const imago_packfile *in = out->in;
	imago_write_bytes(out->writer, in->bytes, in->header.size);
	if (out->writer->status == IMAGO_OK) {
		uint8_t *header = out->writer->bytes + out->start;
		header[PACKFILE_WORD_SIZE_AT] = out->layout.word_bytes;
		header[PACKFILE_BYTE_ORDER_AT] = out->layout.byte_order == IMAGO_BIG_ENDIAN;
		header[PACKFILE_FLOAT_TYPE_AT] = out->number_size == 8 ? 0 : out->number_size == 12 ? 1 : 2;
	}
	imago_packfile_put_words(out, in->header.size, PACKFILE_FORMAT_WORDS);
}

/* op_count, which is known later, itype and id. */
static void
put_segment_header(packfile_output *out, uint64_t offset)
{
	imago_packfile_put_word(out, 0, offset);
	imago_packfile_put_words(out, offset + out->in->layout.word_bytes, PACKFILE_SEGMENT_WORDS - 2);
}

static void
put_constants(packfile_output *out, const imago_packfile_constants *row, uint64_t counts)
{
	imago_packfile_put_words(out, counts, 3);
	for (uint64_t i = 0; i < row->num_numbers && out->status == IMAGO_OK; i++) {
		imago_packfile_put_number(out, row->numbers + i * out->in->number_stride);
	}
	for (uint64_t i = 0; i < row->num_strings && out->status == IMAGO_OK; i++) {
		imago_packfile_put_string(out, row->strings[i]);
	}
	for (uint64_t i = 0; i < row->num_pmcs && out->status == IMAGO_OK; i++) {
		imago_packfile_put_pmc(out, row, i);
	}
	imago_packfile_put_words(out, row->tags - out->in->layout.word_bytes, 1 + 2 * row->num_tags);
}

static void
put_code(packfile_output *out, const imago_packfile_code *row, uint64_t tail)
{
	const uint64_t word_bytes = out->in->layout.word_bytes;
	uint64_t dependency = row->dependencies;
	imago_packfile_put_words(out, tail, 4);
	for (uint64_t i = 0; i < row->num_dependencies && out->status == IMAGO_OK; i++) {
		imago_packfile_string name;
		imago_packfile_put_string(out, dependency);
		if (imago_packfile_string_at(out->in, dependency, &name) && name.bytes != NULL) {
			dependency +=
			    word_bytes + name.length + imago_packfile_padding(name.length, word_bytes);
		}
		dependency += word_bytes;
	}
	for (uint64_t i = 0; i < row->num_libraries && out->status == IMAGO_OK; i++) {
		const imago_packfile_library *library = &row->libraries[i];
		imago_packfile_put_name(out, library);
		imago_packfile_put_words(out, library->ops - 3 * word_bytes, 3 + 2 * library->num_ops);
	}
}

static void
put_tail(packfile_output *out, const imago_packfile_segment *segment)
{
	const imago_packfile *in = out->in;
	const uint64_t tail = segment->data + segment->num_data * in->layout.word_bytes;
	switch (segment->type) {
	case IMAGO_PACKFILE_CONSTANTS:
		put_constants(out, &in->constants[segment->row], tail);
		break;
	case IMAGO_PACKFILE_CODE:
		put_code(out, &in->codes[segment->row], tail);
		break;
	case IMAGO_PACKFILE_DEBUG:
		imago_packfile_put_words(out, tail, 1 + 2 * in->debugs[segment->row].num_files);
		break;
	case IMAGO_PACKFILE_ANNOTATIONS:
		imago_packfile_put_words(out, tail, 1 + 4 * in->annotations[segment->row].num_keys);
		break;
	default:
		break;
	}
}

/* Returns how many words the segment has become. */
static uint64_t
put_segment(packfile_output *out, const imago_packfile_segment *segment)
{
	const uint64_t start = imago_packfile_output_position(out);
	const uint64_t word_bytes = out->in->layout.word_bytes;
	put_segment_header(out, segment->offset);
	imago_packfile_put_words(out, segment->data - word_bytes, 1 + segment->num_data);
	put_tail(out, segment);
	imago_packfile_put_padding(out, IMAGO_PACKFILE_ALIGNMENT);
	const uint64_t num_words =
	    (imago_packfile_output_position(out) - start) / out->layout.word_bytes;
	patch(out, start, num_words, segment->offset);
	return num_words;
}

/* The directory with the places and sizes of segments left open, then the segments, which fill them
 * in. The places of the two words follow from the names that stand before them. */
static void
put_directory(packfile_output *out)
{
	const imago_packfile *in = out->in;
	const uint64_t word_bytes = in->layout.word_bytes;
	const uint64_t start = imago_packfile_output_position(out);
	put_segment_header(out, in->directory);
	imago_packfile_put_words(out, in->directory + 3 * word_bytes, 2 + in->directory_data);
	uint64_t entry = imago_packfile_output_position(out);
	for (uint64_t i = 0; i < in->num_segments && out->status == IMAGO_OK; i++) {
		imago_packfile_put_words(out, in->segments[i].entry, 1);
		imago_packfile_put_string(out, in->segments[i].name.offset);
		imago_write_zeros(out->writer, (uint64_t)2 * out->layout.word_bytes);
	}
	imago_packfile_put_padding(out, IMAGO_PACKFILE_ALIGNMENT);
	for (uint64_t i = 0; i < in->num_segments && out->status == IMAGO_OK; i++) {
		const imago_packfile_string *name = &in->segments[i].name;
		const uint64_t place = imago_packfile_output_position(out) / out->layout.word_bytes;
		entry += (name->bytes == NULL ? 2 : 3) * (uint64_t)out->layout.word_bytes + name->length +
		         imago_packfile_padding(name->length, out->layout.word_bytes);
		const uint64_t num_words = put_segment(out, &in->segments[i]);
		patch(out, entry, place, in->segments[i].entry);
		patch(out, entry + out->layout.word_bytes, num_words, in->segments[i].entry);
		entry += (uint64_t)2 * out->layout.word_bytes;
	}
	patch(out, start, (imago_packfile_output_position(out) - start) / out->layout.word_bytes,
	      in->directory);
}

static imago_status
put_packfile(const imago_packfile *packfile, const imago_packfile_target *target,
             imago_writer *writer, imago_error *error)
{
	packfile_output out = {
	    .in = packfile,
	    .writer = writer,
	    .start = writer->size,
	    .layout = target->layout,
	    .number_form = target->number_form,
	    .number_size = target->number_size,
	    .error = error,
	};
	const uint64_t end = packfile->directory + packfile->directory_size;
	put_header(&out);
	put_directory(&out);
	imago_write_bytes(writer, packfile->bytes + end, packfile->size - end);
	return out.status != IMAGO_OK ? out.status : writer->status;
}

/* What the packfile was read from, which its own layout must give again. */
static imago_status
require_kept(const imago_packfile *packfile, imago_allocator *allocator, imago_error *error)
{
	const imago_packfile_target own = {.layout = packfile->layout,
	                                   .number_form = packfile->number_form,
	                                   .number_size = packfile->number_size};
	imago_writer writer;
	imago_writer_init(&writer, allocator, packfile->layout, error);
	imago_writer_reserve(&writer, packfile->size);
	imago_status status = put_packfile(packfile, &own, &writer, error);
	const uint64_t common = writer.size < packfile->size ? writer.size : packfile->size;
	uint64_t same = 0;
	while (status == IMAGO_OK && same < common && writer.bytes[same] == packfile->bytes[same]) {
		same++;
	}
	if (status == IMAGO_OK && (same < common || writer.size != packfile->size)) {
		status = imago_fail(error, IMAGO_ESTRUCTURE, "bytes that are not kept", same, 0, 0);
	}
	imago_writer_release(&writer);
	return status;
}

/* The form of the target's numbers, where it leaves that open. */
static imago_number_form
own_form(const imago_packfile *packfile, imago_layout layout)
{
	const bool little = layout.byte_order == IMAGO_LITTLE_ENDIAN;
	if (packfile->number_size != 16 || layout.byte_order == packfile->layout.byte_order) {
		return packfile->number_form;
	}
	if (packfile->number_form == IMAGO_NUMBER_X87 && !little) {
		return IMAGO_NUMBER_DOUBLE_DOUBLE;
	}
	return packfile->number_form == IMAGO_NUMBER_DOUBLE_DOUBLE && little ? IMAGO_NUMBER_X87
	                                                                     : packfile->number_form;
}

static imago_status
choose_target(imago_packfile_target *chosen, const imago_packfile *packfile,
              const imago_packfile_target *target, imago_error *error)
{
	*chosen = *target;
	if (target->layout.word_bytes != 4 && target->layout.word_bytes != 8) {
		return imago_fail(error, IMAGO_EUSAGE, "word size", IMAGO_NO_OFFSET,
		                  target->layout.word_bytes, 8);
	}
	switch (target->number_form) {
	case IMAGO_NUMBER_AUTO:
		chosen->number_form = own_form(packfile, target->layout);
		chosen->number_size = packfile->number_size;
		return IMAGO_OK;
	case IMAGO_NUMBER_DOUBLE:
		chosen->number_size = 8;
		return IMAGO_OK;
	case IMAGO_NUMBER_QUAD:
	case IMAGO_NUMBER_DOUBLE_DOUBLE:
		chosen->number_size = 16;
		return IMAGO_OK;
	case IMAGO_NUMBER_X87:
		if (target->number_size == 12 || target->number_size == 16) {
			return IMAGO_OK;
		}
		break;
	default:
		break;
	}
	return imago_fail(error, IMAGO_EUSAGE, "form of numbers", IMAGO_NO_OFFSET,
	                  (uint64_t)target->number_form, target->number_size);
}

imago_status
imago_packfile_write(const imago_packfile *packfile, const imago_packfile_target *target,
                     imago_writer *writer, imago_error *error)
{
	imago_packfile_target chosen;
	imago_error_set_part(error, "");
	imago_status status = choose_target(&chosen, packfile, target, error);
	if (status == IMAGO_OK) {
		status = require_kept(packfile, writer->allocator, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	imago_writer whole;
	imago_writer_init(&whole, writer->allocator, chosen.layout, error);
	status = put_packfile(packfile, &chosen, &whole, error);
	if (status == IMAGO_OK) {
		imago_write_bytes(writer, whole.bytes, whole.size);
		status = writer->status;
	}
	imago_writer_release(&whole);
	return status;
}
