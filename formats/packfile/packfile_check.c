/* packfile_check.c: the rules about header, directory and segments, in the order of the file. */
#include "packfile_checker.h"

#include <string.h>

#include "packfile_private.h"

static const imago_rule rules[PACKFILE_NUM_RULES] = {
#define IMAGO_RULE(id, name, severity, scope, needs, summary) \
	{name, IMAGO_##severity, IMAGO_SCOPE_##scope, needs, summary},
#include "packfile_rules.def"
#undef IMAGO_RULE
};

const imago_rule *
imago_packfile_rules(size_t *num_rules)
{
	*num_rules = PACKFILE_NUM_RULES;
	return rules;
}

void
imago_packfile_report(const packfile_checker *at, packfile_rule rule, uint64_t offset,
                      uint64_t found, uint64_t expected)
{
	const imago_finding finding = {
	    .rule = &rules[rule],
	    .part = "",
	    .offset = offset,
	    .slot = IMAGO_NO_SLOT,
	    .found = found,
	    .expected = expected,
	};
	imago_check_sink_add(at->sink, &finding);
}

void
imago_packfile_report_padding(const packfile_checker *at, packfile_rule rule, uint64_t offset,
                              uint64_t size)
{
	const uint8_t *bytes = at->packfile->bytes + offset;
	for (uint64_t i = 0; i < size; i++) {
		if (bytes[i] != 0) {
			imago_packfile_report(at, rule, offset + i, bytes[i], 0);
			return;
		}
	}
}

void
imago_packfile_check_string_padding(const packfile_checker *at, const imago_packfile_string *string)
{
	if (string->bytes != NULL) {
		imago_packfile_report_padding(
		    at, PACKFILE_RULE_PADDING,
		    (uint64_t)(string->bytes - at->packfile->bytes) + string->length,
		    imago_packfile_padding(string->length, at->packfile->layout.word_bytes));
	}
}

static void
check_header(const packfile_checker *at)
{
	const imago_packfile *packfile = at->packfile;
	const imago_packfile_header *header = &packfile->header;
	const uint64_t used = IMAGO_PACKFILE_FIXED_HEADER + (uint64_t)header->uuid_size;
	const uint8_t word_bytes = packfile->layout.word_bytes;
	if (header->bytecode_major != IMAGO_PACKFILE_BYTECODE_MAJOR ||
	    header->bytecode_minor != IMAGO_PACKFILE_BYTECODE_MINOR) {
		imago_packfile_report(at, PACKFILE_RULE_VERSION, PACKFILE_BYTECODE_AT,
		                      (uint64_t)header->bytecode_major << 8 | header->bytecode_minor,
		                      IMAGO_PACKFILE_BYTECODE_MAJOR << 8 | IMAGO_PACKFILE_BYTECODE_MINOR);
	}
	if (header->uuid_type == 0 && header->uuid_size > 0) {
		imago_packfile_report(at, PACKFILE_RULE_UUID, PACKFILE_UUID_SIZE_AT, header->uuid_size, 0);
	}
	imago_packfile_report_padding(at, PACKFILE_RULE_HEADER_PADDING, used, header->size - used);
	if (imago_packfile_word(packfile, header->size) != 1) {
		imago_packfile_report(at, PACKFILE_RULE_DIRECTORY_FORMAT, header->size,
		                      (uint64_t)imago_packfile_word(packfile, header->size), 1);
	}
	imago_packfile_report_padding(at, PACKFILE_RULE_DIRECTORY_UNUSED, header->size + word_bytes,
	                              (uint64_t)3 * word_bytes);
}

/* itype and id. */
static void
check_segment_header(const packfile_checker *at, uint64_t offset)
{
	const uint8_t word_bytes = at->packfile->layout.word_bytes;
	imago_packfile_report_padding(at, PACKFILE_RULE_SEGMENT_HEADER, offset + word_bytes,
	                              (uint64_t)2 * word_bytes);
}

static void
check_directory(const packfile_checker *at)
{
	const imago_packfile *packfile = at->packfile;
	const uint64_t end = packfile->directory + packfile->directory_size;
	check_segment_header(at, packfile->directory);
	if (packfile->directory_data > 0) {
		imago_packfile_report(at, PACKFILE_RULE_SEGMENT_DATA, packfile->directory,
		                      packfile->directory_data, 0);
	}
	imago_packfile_report_padding(
	    at, PACKFILE_RULE_PADDING, packfile->directory_end,
	    imago_packfile_padding(packfile->directory_end, IMAGO_PACKFILE_ALIGNMENT));
	if (packfile->segments_end != end) {
		imago_packfile_report(at, PACKFILE_RULE_DIRECTORY_END, packfile->directory, end,
		                      packfile->segments_end);
	}
	if (end < packfile->size) {
		imago_packfile_report(at, PACKFILE_RULE_REST, end, packfile->size - end, 0);
	}
	if (packfile->num_of[IMAGO_PACKFILE_CODE] == 0) {
		imago_packfile_report(at, PACKFILE_RULE_NO_CODE, packfile->directory,
		                      packfile->num_segments, IMAGO_NOTHING_EXPECTED);
	}
}

static bool
same_name(const imago_packfile_string *a, const imago_packfile_string *b)
{
	return a->length == b->length &&
	       (a->length == 0 || memcmp(a->bytes, b->bytes, (size_t)a->length) == 0);
}

/* A name is read whatever it is: nothing depends on it. */
static void
check_name(const packfile_checker *at, size_t index)
{
	const imago_packfile_segment *segment = &at->packfile->segments[index];
	if (segment->name.length == 0 || (index > 0 && same_name(&segment->name, &segment[-1].name))) {
		imago_packfile_report(at, PACKFILE_RULE_SEGMENT_NAME, segment->name.offset,
		                      segment->name.length, IMAGO_NOTHING_EXPECTED);
	}
	imago_packfile_check_string_padding(at, &segment->name);
}

static void
check_segment_end(const packfile_checker *at, const imago_packfile_segment *segment)
{
	const uint64_t padding = imago_packfile_padding(segment->end, IMAGO_PACKFILE_ALIGNMENT);
	const uint64_t end = segment->offset + segment->size;
	imago_packfile_report_padding(at, PACKFILE_RULE_PADDING, segment->end, padding);
	if (segment->end + padding < end) {
		imago_packfile_report(at, PACKFILE_RULE_SEGMENT_END, segment->end + padding,
		                      end - segment->end - padding, 0);
	}
}

static void
check_contents(const packfile_checker *at, const imago_packfile_segment *segment)
{
	const imago_packfile *packfile = at->packfile;
	switch (segment->type) {
	case IMAGO_PACKFILE_DEFAULT:
		break;
	case IMAGO_PACKFILE_CONSTANTS:
		imago_packfile_check_constants(at, &packfile->constants[segment->row]);
		break;
	case IMAGO_PACKFILE_CODE:
		imago_packfile_check_code(at, &packfile->codes[segment->row]);
		break;
	case IMAGO_PACKFILE_DEBUG:
		imago_packfile_check_debug(at, &packfile->debugs[segment->row]);
		break;
	case IMAGO_PACKFILE_ANNOTATIONS:
		imago_packfile_check_annotations(at, &packfile->annotations[segment->row]);
		break;
	default:
		imago_packfile_report(at, PACKFILE_RULE_SEGMENT_TYPE, segment->entry, segment->type,
		                      IMAGO_NOTHING_EXPECTED);
		break;
	}
}

void
imago_packfile_check(const imago_packfile *packfile, imago_check_sink *sink)
{
	const packfile_checker at = {.packfile = packfile, .sink = sink};
	sink->summary.num_objects = packfile->num_segments;
	check_header(&at);
	check_directory(&at);
	for (size_t i = 0; i < packfile->num_segments && !sink->stopped; i++) {
		const imago_packfile_segment *segment = &packfile->segments[i];
		check_name(&at, i);
		check_segment_header(&at, segment->offset);
		check_contents(&at, segment);
		check_segment_end(&at, segment);
	}
}
