/* packfile_tails.c: what stands behind the data words of a segment (packfile.md §6, §7, §9, §10).
 */
#include <string.h>

#include "../../core/base/planted.h"
#include "packfile_private.h"

/* Offsets of strings or of the length words of buffers: *count is set as soon as there are any. */
static uint64_t *
allocate_offsets(imago_packfile *packfile, uint64_t *count, uint64_t wanted, imago_reader *reader,
                 const char *what)
{
	uint64_t *offsets =
	    imago_allocate_array(packfile->allocator, wanted, sizeof *offsets, what, reader->error);
	if (offsets == NULL) {
		reader->status = IMAGO_ENOMEM;
		return NULL;
	}
	*count = wanted;
	return offsets;
}

static void
read_strings(imago_packfile *packfile, imago_packfile_constants *row, uint64_t count,
             imago_reader *reader)
{
	row->strings = allocate_offsets(packfile, &row->num_strings, count, reader, "string constants");
	for (uint64_t i = 0; i < row->num_strings && reader->status == IMAGO_OK; i++) {
		imago_packfile_string string;
		row->strings[i] = reader->origin + reader->position;
		imago_packfile_read_string(reader, &string, "string constant");
	}
}

static void
read_pmcs(imago_packfile *packfile, imago_packfile_constants *row, uint64_t count,
          imago_reader *reader)
{
	row->pmcs = allocate_offsets(packfile, &row->num_pmcs, count, reader, "PMC constants");
	for (uint64_t i = 0; i < row->num_pmcs && reader->status == IMAGO_OK; i++) {
		row->pmcs[i] = reader->origin + reader->position;
		const uint64_t length = imago_read_word(reader, "PMC constant");
		(void)imago_read_bytes(reader, length, "PMC constant");
		(void)imago_read_bytes(reader, imago_packfile_padding(length, reader->layout.word_bytes),
		                       "PMC constant");
	}
}

imago_status
imago_packfile_read_constants(imago_packfile *packfile, size_t segment, imago_reader *reader)
{
	const uint8_t word_bytes = packfile->layout.word_bytes;
	imago_packfile_constants *row = &packfile->constants[packfile->segments[segment].row];
	*row = (imago_packfile_constants){.segment = segment};
	const uint64_t num_numbers =
	    imago_packfile_read_count(reader, packfile->number_stride, "number of number constants");
	const uint64_t num_strings =
	    imago_packfile_read_count(reader, word_bytes, "number of string constants");
	const uint64_t num_pmcs =
	    imago_packfile_read_count(reader, word_bytes, "number of PMC constants");
	row->numbers = reader->origin + reader->position;
	(void)imago_read_bytes(reader, num_numbers * packfile->number_stride, "number constants");
	if (reader->status != IMAGO_OK) {
		return reader->status;
	}
	row->num_numbers = num_numbers;
	read_strings(packfile, row, num_strings, reader);
	if (reader->status == IMAGO_OK) {
		read_pmcs(packfile, row, num_pmcs, reader);
	}
	const uint64_t num_tags =
	    imago_packfile_read_count(reader, (uint64_t)2 * word_bytes, "number of tags");
	row->tags = reader->origin + reader->position;
	(void)imago_read_bytes(reader, num_tags * 2 * word_bytes, "tags");
	row->num_tags = reader->status == IMAGO_OK ? num_tags : 0;
	return reader->status;
}

/* Returns how many ops the libraries map. */
static uint64_t
read_libraries(imago_packfile *packfile, imago_packfile_code *row, uint64_t count,
               imago_reader *reader)
{
	const uint8_t word_bytes = packfile->layout.word_bytes;
	uint64_t num_mapped = 0;
	row->libraries = imago_allocate_array(packfile->allocator, count, sizeof *row->libraries,
	                                      "op libraries", reader->error);
	if (row->libraries == NULL) {
		reader->status = IMAGO_ENOMEM;
		return 0;
	}
	row->num_libraries = count;
	for (uint64_t i = 0; i < count && reader->status == IMAGO_OK; i++) {
		imago_packfile_library *library = &row->libraries[i];
		library->offset = reader->origin + reader->position;
		library->name_length =
		    imago_packfile_read_name(reader, &library->name, "name of an op library");
		library->bytecode_major = imago_packfile_read_signed(reader, "version of an op library");
		library->bytecode_minor = imago_packfile_read_signed(reader, "version of an op library");
		library->num_ops = imago_packfile_read_count(reader, (uint64_t)2 * word_bytes,
		                                             "number of ops of a library");
		library->ops = reader->origin + reader->position;
		(void)imago_read_bytes(reader, library->num_ops * 2 * word_bytes, "ops of a library");
		num_mapped += library->num_ops;
	}
	return num_mapped;
}

/* By opcode. Of two ops for one opcode the first one counts; the checker tells of the other. */
static void
map_ops(const imago_packfile *packfile, imago_packfile_code *row)
{
	const uint64_t pair = (uint64_t)2 * packfile->layout.word_bytes;
	for (uint32_t i = 0; i < row->num_libraries; i++) {
		const imago_packfile_library *library = &row->libraries[i];
		for (uint64_t k = 0; k < library->num_ops; k++) {
			const uint64_t offset = library->ops + k * pair;
			const uint64_t opcode = (uint64_t)imago_packfile_word(packfile, offset);
			const bool is_inside = opcode < row->num_ops;
			if ((is_inside || IMAGO_BUG(op_index_unchecked, !is_inside)) &&
			    row->ops[opcode].library == 0) {
				row->ops[opcode] = (imago_packfile_op){
				    .entry = offset,
				    .number = imago_packfile_word(packfile, offset + packfile->layout.word_bytes),
				    .library = i + 1,
				};
			}
		}
	}
}

imago_status
imago_packfile_read_code(imago_packfile *packfile, size_t segment, imago_reader *reader)
{
	const uint8_t word_bytes = packfile->layout.word_bytes;
	imago_packfile_code *row = &packfile->codes[packfile->segments[segment].row];
	*row = (imago_packfile_code){
	    .segment = segment, .constants = IMAGO_PACKFILE_NONE, .debug = IMAGO_PACKFILE_NONE};
	row->main_sub = imago_packfile_read_signed(reader, "main sub");
	const uint64_t num_dependencies =
	    imago_packfile_read_count(reader, word_bytes, "number of dependencies");
	row->op_count = imago_packfile_read_signed(reader, "number of ops");
	/* A name and three words. */
	const uint64_t num_libraries =
	    imago_packfile_read_count(reader, (uint64_t)4 * word_bytes, "number of op libraries");
	row->dependencies = reader->origin + reader->position;
	for (uint64_t i = 0; i < num_dependencies && reader->status == IMAGO_OK; i++) {
		imago_packfile_string name;
		imago_packfile_read_string(reader, &name, "name of a dependency");
	}
	if (reader->status != IMAGO_OK) {
		return reader->status;
	}
	row->num_dependencies = num_dependencies;
	const uint64_t num_mapped = read_libraries(packfile, row, num_libraries, reader);
	if (reader->status != IMAGO_OK) {
		return reader->status;
	}
	uint64_t num_ops = row->op_count > 0 ? (uint64_t)row->op_count : 0;
	num_ops = num_ops < num_mapped ? num_ops : num_mapped;
	row->ops = imago_allocate_array(packfile->allocator, num_ops, sizeof *row->ops, "op table",
	                                reader->error);
	if (row->ops == NULL) {
		return IMAGO_ENOMEM;
	}
	row->num_ops = num_ops;
	map_ops(packfile, row);
	return IMAGO_OK;
}

imago_status
imago_packfile_read_debug(imago_packfile *packfile, size_t segment, imago_reader *reader)
{
	const uint64_t pair = (uint64_t)2 * packfile->layout.word_bytes;
	imago_packfile_debug *row = &packfile->debugs[packfile->segments[segment].row];
	*row = (imago_packfile_debug){.segment = segment, .code = IMAGO_PACKFILE_NONE};
	row->num_files = imago_packfile_read_count(reader, pair, "number of source files");
	row->files = reader->origin + reader->position;
	(void)imago_read_bytes(reader, row->num_files * pair, "source files");
	return reader->status;
}

imago_status
imago_packfile_read_annotations(imago_packfile *packfile, size_t segment, imago_reader *reader)
{
	const uint64_t group = (uint64_t)4 * packfile->layout.word_bytes;
	imago_packfile_annotations *row = &packfile->annotations[packfile->segments[segment].row];
	*row = (imago_packfile_annotations){.segment = segment, .code = IMAGO_PACKFILE_NONE};
	row->num_keys = imago_packfile_read_count(reader, group, "number of annotation keys");
	row->keys = reader->origin + reader->position;
	(void)imago_read_bytes(reader, row->num_keys * group, "annotation keys");
	return reader->status;
}

bool
imago_packfile_name_extends(const imago_packfile_segment *segment,
                            const imago_packfile_segment *other, const char *ending)
{
	const imago_packfile_string *longer = &segment->name;
	const imago_packfile_string *shorter = &other->name;
	const size_t size = strlen(ending);
	return longer->bytes != NULL && shorter->bytes != NULL && longer->length >= size &&
	       longer->length - size == shorter->length &&
	       memcmp(longer->bytes, shorter->bytes, (size_t)shorter->length) == 0 &&
	       memcmp(longer->bytes + shorter->length, ending, size) == 0;
}

/* A code segment's constants, debug and annotations follow it, before the next one; what comes
 * before the first belongs to that. Of two the first one counts. */
void
imago_packfile_relate(imago_packfile *packfile)
{
	size_t current = packfile->num_of[IMAGO_PACKFILE_CODE] > 0 ? 0 : IMAGO_PACKFILE_NONE;
	for (size_t i = 0; i < packfile->num_segments && current != IMAGO_PACKFILE_NONE; i++) {
		const imago_packfile_segment *segment = &packfile->segments[i];
		imago_packfile_code *code = &packfile->codes[current];
		switch (segment->type) {
		case IMAGO_PACKFILE_CODE:
			current = segment->row;
			break;
		case IMAGO_PACKFILE_CONSTANTS:
			code->constants =
			    code->constants == IMAGO_PACKFILE_NONE ? segment->row : code->constants;
			break;
		case IMAGO_PACKFILE_DEBUG:
			code->debug = code->debug == IMAGO_PACKFILE_NONE ? segment->row : code->debug;
			packfile->debugs[segment->row].code = current;
			break;
		case IMAGO_PACKFILE_ANNOTATIONS:
			packfile->annotations[segment->row].code = current;
			break;
		default:
			break;
		}
	}
}
