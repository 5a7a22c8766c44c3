/* packfile_recipes.c: one thing wrong with a packfile. */
#include "packfile_recipes.h"

#include <string.h>

#include "imago/byte_order.h"

static void
other_version(draft *d)
{
	d->version[1] = 0;
	d->library_version[1] = 0;
	d->num_pmcs = 0; /* its type would be another's */
	d->main_sub = -1;
	d->num_tags = 0;
	d->keys[2][1] = 1;
}

static void
uuid_without_type(draft *d)
{
	d->uuid_size = 5;
}

static void
header_padding(const draft *d, imago_writer *file)
{
	(void)d;
	file->bytes[31] = 1;
}

static void
directory_format(const draft *d, imago_writer *file)
{
	draft_patch(d, file, d->places[DRAFT_FORMAT], 2);
}

static void
directory_unused(const draft *d, imago_writer *file)
{
	draft_patch(d, file, d->places[DRAFT_FORMAT] + 2 * (uint64_t)d->layout.word_bytes, 7);
}

/* Sixteen bytes behind the last segment that only the directory's size has. */
static void
directory_end(const draft *d, imago_writer *file)
{
	static const uint8_t zeros[16];
	imago_write_bytes(file, zeros, sizeof zeros);
	draft_patch(d, file, d->places[DRAFT_DIRECTORY],
	            (int64_t)(file->size - d->places[DRAFT_DIRECTORY]) / d->layout.word_bytes);
}

static void
rest(draft *d)
{
	d->rest = "behind";
	d->rest_size = 6;
}

static void
padding(const draft *d, imago_writer *file)
{
	/* Behind "a.pir", the first string: its last byte but one of padding. */
	file->bytes[d->places[DRAFT_STRINGS] + 2 * (uint64_t)d->layout.word_bytes + 7] = 1;
}

static void
segment_header(const draft *d, imago_writer *file)
{
	draft_patch(d, file,
	            d->places[DRAFT_SEGMENTS + DRAFT_DEBUG] + 2 * (uint64_t)d->layout.word_bytes, 9);
}

/* A word of data before the number of segments; the padding makes room for it. */
static void
directory_data(const draft *d, imago_writer *file)
{
	const uint64_t word = d->layout.word_bytes;
	const uint64_t from = d->places[DRAFT_SEGMENT_COUNT];
	const uint64_t end = d->places[DRAFT_SEGMENTS + DRAFT_CODES];
	memmove(file->bytes + from + word, file->bytes + from, (size_t)(end - from - word));
	draft_patch(d, file, d->places[DRAFT_DIRECTORY] + 3 * word, 1);
	draft_patch(d, file, from, 0);
}

/* So that the directory ends with a whole word of padding. */
static void
room_in_the_directory(draft *d)
{
	d->names[DRAFT_EXTRA] = d->layout.word_bytes == 4 ? "SOURCE_aaaa" : "SOURCE_a";
}

static void
without_extra(draft *d)
{
	d->has[DRAFT_EXTRA] = false;
}

/* Sixteen bytes more in the last segment. */
static void
longer_segment(const draft *d, imago_writer *file)
{
	static const uint8_t zeros[16];
	const uint64_t word = d->layout.word_bytes;
	const uint64_t segment = d->places[DRAFT_SEGMENTS + DRAFT_ANNOTATIONS];
	imago_write_bytes(file, zeros, sizeof zeros);
	const int64_t size = (int64_t)((file->size - segment) / word);
	draft_patch(d, file, segment, size);
	draft_patch(d, file, d->places[DRAFT_OFFSETS + DRAFT_ANNOTATIONS] + word, size);
	draft_patch(d, file, d->places[DRAFT_DIRECTORY],
	            (int64_t)((file->size - d->places[DRAFT_DIRECTORY]) / word));
}

static void
unknown_type(draft *d)
{
	d->types[DRAFT_EXTRA] = 77;
}

static void
no_name(draft *d)
{
	d->names[DRAFT_EXTRA] = NULL;
}

static void
no_code(draft *d)
{
	d->has[DRAFT_CODES] = d->has[DRAFT_DEBUG] = d->has[DRAFT_ANNOTATIONS] = false;
}

static void
no_constants(draft *d)
{
	draft_init_least(d, d->layout);
	d->has[DRAFT_CONSTANTS] = false;
}

static void
short_debug_name(draft *d)
{
	d->names[DRAFT_DEBUG] = "DB";
}

static void
other_annotations_name(draft *d)
{
	d->names[DRAFT_ANNOTATIONS] = "BYTECODE_b_ANN";
}

/* An extended number whose leading bit is missing. */
static void
unnormal_number(draft *d)
{
	draft_number(d, 3, d->numbers[1]);
	d->numbers[1][7] &= 0x7f;
}

static void
large_number(draft *d)
{
	draft_number(d, 3, d->numbers[1]);
	d->numbers[1][9] = 0x7f; /* exponent 16129 … */
	d->numbers[1][8] = 0x00;
}

static void
unknown_encoding(draft *d)
{
	d->strings[5].flags = 0x701;
}

static void
unknown_flags(draft *d)
{
	d->strings[5].flags = 0x205;
}

static void
no_ascii(draft *d)
{
	d->strings[5] = (draft_string){1, "h\xef", 2};
}

static void
tag_name(draft *d)
{
	d->tags[0][0] = (int64_t)d->num_strings;
}

static void
tag_pmc(draft *d)
{
	d->tags[0][1] = -1;
}

static void
pmc_flag(draft *d)
{
	d->pmcs[0].words[18] = 3;
}

static void
pmc_class(draft *d)
{
	d->pmcs[1].words[0] = 4;
	d->pmcs[1].words[1] = 40;
	d->pmcs[1].words[2] = 12345;
	d->pmcs[1].num_words = 3;
	d->num_pmcs = 2;
}

static void
pmc_shape(draft *d)
{
	d->pmcs[0].words[1] = 13;
}

static void
sub_range(draft *d)
{
	d->pmcs[0].words[3] = (int64_t)d->num_code + 1;
}

static void
main_sub(draft *d)
{
	d->main_sub = 1;
}

static void
dependency(draft *d)
{
	d->dependencies[0] = "libevil.so";
	d->num_dependencies = 1;
}

/* Without ops: if one were used, it would be unknown, too. */
static void
other_library(draft *d)
{
	d->second_library = "io_ops";
}

static void
library_version(draft *d)
{
	d->library_version[0] = 12;
}

static void
op_count(draft *d)
{
	d->op_count++;
}

static void
op_index(draft *d)
{
	d->ops[4][0] = 7; /* not used once its ops are gone */
	d->code[5] = 0;
	d->code[14] = 0;
}

static void
op_twice(draft *d)
{
	d->ops[4][0] = 0;
	d->code[5] = 0;
	d->code[14] = 0;
}

static void
op_unknown(draft *d)
{
	d->ops[2][1] = 1;
}

static void
opcode(draft *d)
{
	d->code[0] = 7;
}

static void
operands_cut(draft *d)
{
	d->code[d->num_code - 1] = 0;
}

static void
operand_constant(draft *d)
{
	d->code[2] = (int64_t)d->num_numbers;
}

static void
operand_register(draft *d)
{
	d->code[4] = 2;
}

static void
operand_wide(draft *d)
{
	d->code[d->num_code - 2] = INT64_C(0x100000000);
}

static void
no_end(draft *d)
{
	d->num_code--;
	d->pmcs[0].words[3]--;
	d->num_lines++; /* as many as there are instructions in any case */
}

static void
sub_start(draft *d)
{
	d->pmcs[0].words[2] = 1;
}

static void
debug_lines(draft *d)
{
	d->num_lines = 8;
}

static void
debug_file(draft *d)
{
	d->files[1][1] = (int64_t)d->num_strings;
}

static void
debug_place(draft *d)
{
	d->files[0][0] = 6;
}

static void
annotation_key(draft *d)
{
	d->keys[0][0] = -1;
}

static void
annotation_type(draft *d)
{
	d->keys[0][1] = 4;
}

static void
annotation_range(draft *d)
{
	d->keys[2][2] = 3;
}

static void
annotation_place(draft *d)
{
	d->pairs[2][0] = (int64_t)d->num_code;
}

static void
annotation_value(draft *d)
{
	d->pairs[1][1] = (int64_t)d->num_strings;
}

const packfile_recipe packfile_recipes[] = {
    {"packfile.version", 0, other_version, NULL, 0},
    {"packfile.uuid", 0, uuid_without_type, NULL, 0},
    {"packfile.headerPadding", 0, NULL, header_padding, 0},
    {"packfile.directoryFormat", 0, NULL, directory_format, 0},
    {"packfile.directoryUnused", 0, NULL, directory_unused, 0},
    {"packfile.directoryEnd", 0, NULL, directory_end, 0},
    {"packfile.rest", 0, rest, NULL, 0},
    {"packfile.padding", 0, NULL, padding, 0},
    {"packfile.segmentHeader", 0, NULL, segment_header, 0},
    {"packfile.segmentData", 0, room_in_the_directory, directory_data, 0},
    {"packfile.segmentEnd", 0, without_extra, longer_segment, 0},
    {"packfile.segmentType", 0, unknown_type, NULL, 0},
    {"packfile.segmentName", 0, no_name, NULL, 0},
    {"packfile.noCode", 0, no_code, NULL, 0},
    {"packfile.noConstants", 0, no_constants, NULL, 0},
    {"packfile.debugName", 0, short_debug_name, NULL, 0},
    {"packfile.annotationsName", 0, other_annotations_name, NULL, 0},
    {"packfile.numberForm", 1, unnormal_number, NULL, 0},
    {"packfile.numberRange", 1, large_number, NULL, 0},
    {"packfile.stringEncoding", 0, unknown_encoding, NULL, 0},
    {"packfile.stringFlags", 0, unknown_flags, NULL, 0},
    {"packfile.stringText", 0, no_ascii, NULL, 0},
    {"packfile.tagName", 0, tag_name, NULL, 0},
    {"packfile.tagPmc", 0, tag_pmc, NULL, 0},
    {"packfile.pmcStream", 0, pmc_flag, NULL, 0},
    {"packfile.pmcClass", 0, pmc_class, NULL, 0},
    {"packfile.pmcShape", 0, pmc_shape, NULL, 0},
    {"packfile.subRange", 0, sub_range, NULL, 0},
    {"packfile.mainSub", 0, main_sub, NULL, 0},
    {"packfile.dependency", 0, dependency, NULL, 0},
    {"packfile.library", 0, other_library, NULL, 0},
    {"packfile.libraryVersion", 0, library_version, NULL, 0},
    {"packfile.opCount", 0, op_count, NULL, 0},
    {"packfile.opIndex", 0, op_index, NULL, 0},
    {"packfile.opTwice", 0, op_twice, NULL, 0},
    {"packfile.opUnknown", 0, op_unknown, NULL, 0},
    {"packfile.opcode", 0, opcode, NULL, 0},
    {"packfile.operandsCut", 0, operands_cut, NULL, 0},
    {"packfile.operandConstant", 0, operand_constant, NULL, 0},
    {"packfile.operandRegister", 0, operand_register, NULL, 0},
    {"packfile.operandWide", 0, operand_wide, NULL, 8},
    {"packfile.noEnd", 0, no_end, NULL, 0},
    {"packfile.subStart", 0, sub_start, NULL, 0},
    {"packfile.debugLines", 0, debug_lines, NULL, 0},
    {"packfile.debugFile", 0, debug_file, NULL, 0},
    {"packfile.debugPlace", 0, debug_place, NULL, 0},
    {"packfile.annotationKey", 0, annotation_key, NULL, 0},
    {"packfile.annotationType", 0, annotation_type, NULL, 0},
    {"packfile.annotationRange", 0, annotation_range, NULL, 0},
    {"packfile.annotationPlace", 0, annotation_place, NULL, 0},
    {"packfile.annotationValue", 0, annotation_value, NULL, 0},
};
const size_t num_packfile_recipes = sizeof packfile_recipes / sizeof packfile_recipes[0];

void
packfile_recipe_write(const packfile_recipe *recipe, imago_layout layout, imago_writer *writer)
{
	draft d;
	draft_init(&d, layout, recipe->float_type);
	if (recipe->change != NULL) {
		recipe->change(&d);
	}
	draft_write(&d, writer);
	if (recipe->patch != NULL && writer->status == IMAGO_OK) {
		recipe->patch(&d, writer);
	}
}
