/* packfile_check_constants.c: the rules about constant tables. */
#include <string.h>

#include "packfile_checker.h"
#include "packfile_private.h"

static void
check_number(const packfile_checker *at, const imago_packfile_constants *constants, uint64_t index)
{
	const imago_packfile *packfile = at->packfile;
	const imago_byte_order order = packfile->layout.byte_order;
	const uint64_t offset = constants->numbers + index * packfile->number_stride;
	const uint8_t *bytes = packfile->bytes + offset;
	packfile_number number;
	uint8_t again[16];
	double rounded;
	if (!imago_packfile_decode_number(&number, bytes, packfile->number_form, order) ||
	    !imago_packfile_encode_number(&number, again, packfile->number_size, packfile->number_form,
	                                  order) ||
	    memcmp(bytes, again, packfile->number_size) != 0) {
		imago_packfile_report(at, PACKFILE_RULE_NUMBER_FORM, offset, index, IMAGO_NOTHING_EXPECTED);
	} else if (!imago_packfile_number(packfile, constants, index, &rounded)) {
		imago_packfile_report(at, PACKFILE_RULE_NUMBER_RANGE, offset, index,
		                      IMAGO_NOTHING_EXPECTED);
	}
	imago_packfile_report_padding(at, PACKFILE_RULE_PADDING, offset + packfile->number_size,
	                              (uint64_t)packfile->number_stride - packfile->number_size);
}

static void
check_string(const packfile_checker *at, const imago_packfile_string *string)
{
	const uint64_t known_flags = 3 | 0xff << 8;
	uint64_t position = 0;
	uint32_t character;
	if (string->bytes == NULL) {
		return;
	}
	if (imago_packfile_encoding_of(string) >= IMAGO_NUM_ENCODINGS) {
		imago_packfile_report(at, PACKFILE_RULE_STRING_ENCODING, string->offset,
		                      imago_packfile_encoding_of(string), IMAGO_NOTHING_EXPECTED);
	}
	if (((uint64_t)string->flags & ~known_flags) != 0) {
		imago_packfile_report(at, PACKFILE_RULE_STRING_FLAGS, string->offset,
		                      (uint64_t)string->flags, IMAGO_NOTHING_EXPECTED);
	}
	while (imago_packfile_next_character(at->packfile, string, &position, &character)) {
	}
	if (position < string->length) {
		imago_packfile_report(at, PACKFILE_RULE_STRING_TEXT,
		                      (uint64_t)(string->bytes - at->packfile->bytes) + position,
		                      string->bytes[position], IMAGO_NOTHING_EXPECTED);
	}
	imago_packfile_check_string_padding(at, string);
}

static void
check_pmc(const packfile_checker *at, const imago_packfile_constants *constants, uint64_t index)
{
	imago_packfile_pmc pmc;
	imago_packfile_pmc_at(at->packfile, constants, index, &pmc);
	switch (pmc.kind) {
	case IMAGO_PMC_BROKEN:
		imago_packfile_report(at, PACKFILE_RULE_PMC_STREAM, pmc.place, pmc.found, pmc.limit);
		break;
	case IMAGO_PMC_OPAQUE:
		imago_packfile_report(at, PACKFILE_RULE_PMC_CLASS, pmc.offset, (uint64_t)pmc.type,
		                      IMAGO_NOTHING_EXPECTED);
		break;
	case IMAGO_PMC_SUB_SHAPE:
		imago_packfile_report(at, PACKFILE_RULE_PMC_SHAPE, pmc.offset, (uint64_t)pmc.type,
		                      IMAGO_NOTHING_EXPECTED);
		break;
	default:
		break;
	}
	imago_packfile_report_padding(
	    at, PACKFILE_RULE_PADDING, pmc.offset + pmc.size,
	    imago_packfile_padding(pmc.size, at->packfile->layout.word_bytes));
}

static void
check_tag(const packfile_checker *at, const imago_packfile_constants *constants, uint64_t index)
{
	const uint8_t word_bytes = at->packfile->layout.word_bytes;
	const uint64_t offset = constants->tags + index * 2 * word_bytes;
	const uint64_t name = (uint64_t)imago_packfile_word(at->packfile, offset);
	const uint64_t pmc = (uint64_t)imago_packfile_word(at->packfile, offset + word_bytes);
	if (name >= constants->num_strings) {
		imago_packfile_report(at, PACKFILE_RULE_TAG_NAME, offset, name, constants->num_strings);
	}
	if (pmc >= constants->num_pmcs) {
		imago_packfile_report(at, PACKFILE_RULE_TAG_PMC, offset + word_bytes, pmc,
		                      constants->num_pmcs);
	}
}

void
imago_packfile_check_constants(const packfile_checker *at,
                               const imago_packfile_constants *constants)
{
	const imago_packfile_segment *segment = &at->packfile->segments[constants->segment];
	if (segment->num_data > 0) {
		imago_packfile_report(at, PACKFILE_RULE_SEGMENT_DATA, segment->offset, segment->num_data,
		                      0);
	}
	for (uint64_t i = 0; i < constants->num_numbers && !at->sink->stopped; i++) {
		check_number(at, constants, i);
	}
	for (uint64_t i = 0; i < constants->num_strings && !at->sink->stopped; i++) {
		imago_packfile_string string;
		if (imago_packfile_string_at(at->packfile, constants->strings[i], &string)) {
			check_string(at, &string);
		}
	}
	for (uint64_t i = 0; i < constants->num_pmcs && !at->sink->stopped; i++) {
		check_pmc(at, constants, i);
	}
	for (uint64_t i = 0; i < constants->num_tags && !at->sink->stopped; i++) {
		check_tag(at, constants, i);
	}
}
