/* packfile_output.c: items in another layout: the mirror of packfile_items.c. */
#include "packfile_output.h"

#include <string.h>

#include "../../core/base/planted.h"
#include "packfile_private.h"

void
imago_packfile_output_fail(packfile_output *out, imago_status status, const char *what,
                           uint64_t offset, uint64_t found, uint64_t limit)
{
	if (out->status == IMAGO_OK) {
		out->status = imago_fail(out->error, status, what, offset, found, limit);
	}
}

static bool
failed(packfile_output *out)
{
	if (out->status == IMAGO_OK) {
		out->status = out->writer->status;
	}
	return out->status != IMAGO_OK;
}

uint64_t
imago_packfile_output_position(const packfile_output *out)
{
	return out->writer->size - out->start;
}

void
imago_packfile_put_padding(packfile_output *out, uint64_t alignment)
{
	imago_write_zeros(out->writer,
	                  imago_packfile_padding(imago_packfile_output_position(out), alignment));
}

void
imago_packfile_put_word(packfile_output *out, uint64_t value, uint64_t offset)
{
	const bool is_wide = out->layout.word_bytes == 4 && (int64_t)value != (int32_t)(uint32_t)value;
	if (!IMAGO_BUG(narrow_word_cut, is_wide) && is_wide) {
		imago_packfile_output_fail(out, IMAGO_EUNSUPPORTED, "word that 4 bytes cannot hold", offset,
		                           value, 0);
	}
	imago_write_word(out->writer, value);
}

void
imago_packfile_put_words(packfile_output *out, uint64_t offset, uint64_t count)
{
	const uint8_t word_bytes = out->in->layout.word_bytes;
	for (uint64_t i = 0; i < count && !failed(out); i++) {
		const uint64_t at = offset + i * word_bytes;
		imago_packfile_put_word(out, (uint64_t)imago_packfile_word(out->in, at), at);
	}
}

/* Bytes of one unit of an encoding. */
static uint64_t
unit_of(uint64_t encoding)
{
	return encoding == IMAGO_ENCODING_UCS4                                       ? 4
	       : encoding == IMAGO_ENCODING_UTF16 || encoding == IMAGO_ENCODING_UCS2 ? 2
	                                                                             : 1;
}

/* Text in units of several bytes is in the file's byte order, as the words are. */
static void
put_text(packfile_output *out, const imago_packfile_string *string)
{
	const uint64_t unit = unit_of(imago_packfile_encoding_of(string));
	const bool same_order = out->layout.byte_order == out->in->layout.byte_order;
	if (unit == 1 || same_order || IMAGO_BUG(utf16_kept, unit == 2 && string->length > 0)) {
		imago_write_bytes(out->writer, string->bytes, string->length);
		return;
	}
	if (string->length % unit != 0) {
		imago_packfile_output_fail(out, IMAGO_EUNSUPPORTED, "string with a part of a character",
		                           string->offset, string->length, unit);
	}
	for (uint64_t i = 0; i + unit <= string->length && !failed(out); i += unit) {
		uint8_t turned[4];
		for (uint64_t k = 0; k < unit; k++) {
			turned[k] = string->bytes[i + unit - 1 - k];
		}
		imago_write_bytes(out->writer, turned, unit);
	}
}

void
imago_packfile_put_string(packfile_output *out, uint64_t offset)
{
	imago_packfile_string string;
	if (!imago_packfile_string_at(out->in, offset, &string)) {
		imago_packfile_output_fail(out, IMAGO_ETRUNCATED, "string", offset, 0, 0);
		return;
	}
	imago_packfile_put_word(out, (uint64_t)string.flags, offset);
	if (string.bytes == NULL) {
		return;
	}
	imago_packfile_put_word(out, string.length, offset);
	put_text(out, &string);
	imago_write_zeros(out->writer, imago_packfile_padding(string.length, out->layout.word_bytes));
}

void
imago_packfile_put_name(packfile_output *out, const imago_packfile_library *library)
{
	const uint64_t size = library->name_length + 1;
	imago_write_bytes(out->writer, library->name, size);
	imago_write_zeros(out->writer, imago_packfile_padding(size, out->layout.word_bytes));
}

/* Taken apart and put together again, and back: what does not come back was no number. */
static void
turn_number(packfile_output *out, const uint8_t *bytes, uint8_t *turned, uint64_t offset)
{
	const imago_packfile *in = out->in;
	const imago_byte_order from = in->layout.byte_order;
	const imago_byte_order to = out->layout.byte_order;
	packfile_number number;
	uint8_t back[16];
	if (!imago_packfile_decode_number(&number, bytes, in->number_form, from) ||
	    !imago_packfile_encode_number(&number, turned, out->number_size, out->number_form, to) ||
	    !imago_packfile_decode_number(&number, turned, out->number_form, to) ||
	    !imago_packfile_encode_number(&number, back, in->number_size, in->number_form, from) ||
	    memcmp(back, bytes, in->number_size) != 0) {
		imago_packfile_output_fail(out, IMAGO_EUNSUPPORTED,
		                           "number that the target's form cannot hold", offset, 0, 0);
	}
}

static void
reverse(const uint8_t *bytes, uint8_t *turned, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++) {
		turned[i] = bytes[size - 1 - i];
	}
}

void
imago_packfile_put_number(packfile_output *out, uint64_t offset)
{
	const imago_packfile *in = out->in;
	const uint8_t *bytes = in->bytes + offset;
	const bool same_order = in->layout.byte_order == out->layout.byte_order;
	uint8_t turned[16] = {0};
	if (in->number_form != out->number_form || in->number_size != out->number_size) {
		turn_number(out, bytes, turned, offset);
	} else if (same_order || in->number_form == IMAGO_NUMBER_X87) {
		memcpy(turned, bytes, in->number_size);
	} else if (in->number_form == IMAGO_NUMBER_DOUBLE_DOUBLE &&
	           !IMAGO_BUG(pair_halves_swapped, in->number_form == IMAGO_NUMBER_DOUBLE_DOUBLE)) {
		reverse(bytes, turned, 8);
		reverse(bytes + 8, turned + 8, 8);
	} else {
		reverse(bytes, turned, in->number_size);
	}
	imago_write_bytes(out->writer, turned, out->number_size);
	imago_write_zeros(out->writer,
	                  imago_packfile_padding(out->number_size, out->layout.word_bytes));
}

static void
put_step(packfile_step_kind kind, uint64_t offset, uint64_t size, void *payload)
{
	packfile_output *out = payload;
	(void)size;
	if (kind == PACKFILE_STEP_WORD) {
		imago_packfile_put_words(out, offset, 1);
	} else {
		imago_packfile_put_string(out, offset);
	}
}

/* A stream's words and strings, after its length, which is known when they are written. */
void
imago_packfile_put_pmc(packfile_output *out, const imago_packfile_constants *constants,
                       uint64_t index)
{
	const uint64_t place = constants->pmcs[index];
	const uint64_t length_at = out->writer->size;
	imago_packfile_pmc pmc;
	imago_packfile_put_word(out, 0, place);
	const uint64_t start = out->writer->size;
	if (imago_layout_equal(out->in->layout, out->layout)) {
		imago_packfile_pmc_at(out->in, constants, index, &pmc);
		imago_write_bytes(out->writer, out->in->bytes + pmc.offset, pmc.size);
	} else {
		imago_packfile_walk_pmc(out->in, constants, index, &pmc, put_step, out);
		if (pmc.kind == IMAGO_PMC_OPAQUE) {
			imago_packfile_output_fail(out, IMAGO_EUNSUPPORTED, "PMC of a class that is not known",
			                           pmc.offset, (uint64_t)pmc.type, 0);
		} else if (pmc.kind == IMAGO_PMC_BROKEN) {
			imago_packfile_output_fail(out, IMAGO_EUNSUPPORTED, "PMC that is no freeze stream",
			                           pmc.place, pmc.found, pmc.limit);
		}
	}
	if (!failed(out)) {
		const uint64_t length = out->writer->size - start;
		imago_store_word(out->writer->bytes + length_at, length, out->layout);
		imago_write_zeros(out->writer, imago_packfile_padding(length, out->layout.word_bytes));
	}
}
