/* packfile_read.c: header, directory, segments (packfile.md §2 to §4). */
#include <string.h>

#include "imago/checked.h"
#include "packfile_private.h"

const uint8_t imago_packfile_magic[IMAGO_PACKFILE_MAGIC_SIZE] = {0xfe, 'P',  'B',  'C',
                                                                 '\r', '\n', 0x1a, '\n'};

bool
imago_packfile_probe(const uint8_t *bytes, uint64_t size)
{
	return size >= IMAGO_PACKFILE_MAGIC_SIZE &&
	       memcmp(bytes, imago_packfile_magic, IMAGO_PACKFILE_MAGIC_SIZE) == 0;
}

uint8_t
imago_packfile_number_size(uint8_t float_type)
{
	static const uint8_t sizes[] = {8, 12, 16};
	return sizes[float_type];
}

static imago_status
refuse(imago_error *error, const char *what, uint64_t offset, uint64_t found, uint64_t limit)
{
	return imago_fail(error, IMAGO_EVERSION, what, offset, found, limit);
}

static imago_status
read_header(imago_packfile *packfile, imago_error *error)
{
	const uint8_t *bytes = packfile->bytes;
	imago_packfile_header *header = &packfile->header;
	if (!imago_packfile_probe(bytes, packfile->size)) {
		return imago_fail(error, IMAGO_EMAGIC, "packfile", 0, 0, 0);
	}
	if (packfile->size < IMAGO_PACKFILE_FIXED_HEADER) {
		return imago_fail(error, IMAGO_ETRUNCATED, "packfile header", packfile->size,
		                  IMAGO_PACKFILE_FIXED_HEADER, packfile->size);
	}
	const uint8_t word_bytes = bytes[PACKFILE_WORD_SIZE_AT];
	if (word_bytes != 4 && word_bytes != 8) {
		return refuse(error, "word size", PACKFILE_WORD_SIZE_AT, word_bytes, 8);
	}
	if (bytes[PACKFILE_BYTE_ORDER_AT] > 1) {
		return refuse(error, "byte order", PACKFILE_BYTE_ORDER_AT, bytes[PACKFILE_BYTE_ORDER_AT],
		              1);
	}
	if (bytes[PACKFILE_FLOAT_TYPE_AT] > 2) {
		return refuse(error, "floattype", PACKFILE_FLOAT_TYPE_AT, bytes[PACKFILE_FLOAT_TYPE_AT], 2);
	}
	if (bytes[PACKFILE_UUID_TYPE_AT] > 1) {
		return refuse(error, "uuid type", PACKFILE_UUID_TYPE_AT, bytes[PACKFILE_UUID_TYPE_AT], 1);
	}
	packfile->layout = (imago_layout){
	    .word_bytes = word_bytes,
	    .byte_order = bytes[PACKFILE_BYTE_ORDER_AT] == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN,
	};
	*header = (imago_packfile_header){
	    .float_type = bytes[PACKFILE_FLOAT_TYPE_AT],
	    .bytecode_major = bytes[PACKFILE_BYTECODE_AT],
	    .bytecode_minor = bytes[PACKFILE_BYTECODE_AT + 1],
	    .uuid_type = bytes[PACKFILE_UUID_TYPE_AT],
	    .uuid_size = bytes[PACKFILE_UUID_SIZE_AT],
	};
	memcpy(header->parrot_version, bytes + PACKFILE_PARROT_AT, sizeof header->parrot_version);
	header->size = IMAGO_PACKFILE_FIXED_HEADER + (uint64_t)header->uuid_size;
	header->size += imago_packfile_padding(header->size, IMAGO_PACKFILE_ALIGNMENT);
	return IMAGO_OK;
}

static imago_status
choose_number_form(imago_packfile *packfile, imago_number_form wanted, imago_error *error)
{
	const uint8_t float_type = packfile->header.float_type;
	packfile->number_size = imago_packfile_number_size(float_type);
	packfile->number_stride =
	    (uint8_t)(packfile->number_size +
	              imago_packfile_padding(packfile->number_size, packfile->layout.word_bytes));
	if (wanted == IMAGO_NUMBER_DOUBLE || (size_t)wanted >= IMAGO_NUM_NUMBER_FORMS) {
		return imago_fail(error, IMAGO_EUSAGE, "form of 16-byte numbers", IMAGO_NO_OFFSET,
		                  (uint64_t)wanted, 0);
	}
	if (float_type != 2) {
		packfile->number_form = float_type == 0 ? IMAGO_NUMBER_DOUBLE : IMAGO_NUMBER_X87;
	} else if (wanted != IMAGO_NUMBER_AUTO) {
		packfile->number_form = wanted;
	} else {
		packfile->number_form = packfile->layout.byte_order == IMAGO_LITTLE_ENDIAN
		                            ? IMAGO_NUMBER_X87
		                            : IMAGO_NUMBER_DOUBLE_DOUBLE;
	}
	return IMAGO_OK;
}

/* A segment's header: op_count, itype, id, size. Leaves the reader behind the data words. */
static void
read_segment_header(imago_reader *reader, uint64_t *data, uint64_t *num_data)
{
	const uint64_t position = reader->position;
	const uint8_t word_bytes = reader->layout.word_bytes;
	(void)imago_read_bytes(reader, (uint64_t)3 * word_bytes, "segment header");
	*num_data = imago_packfile_read_count(reader, word_bytes, "data size of a segment");
	*data = reader->origin + reader->position;
	(void)imago_read_bytes(reader, *num_data * word_bytes, "data of a segment");
	if (reader->status != IMAGO_OK) {
		reader->position = position;
	}
}

static imago_status
read_tail(imago_packfile *packfile, size_t index, imago_reader *reader)
{
	imago_packfile_segment *segment = &packfile->segments[index];
	static imago_packfile_read_tail *const readers[IMAGO_PACKFILE_NUM_TYPES] = {
	    [IMAGO_PACKFILE_CONSTANTS] = imago_packfile_read_constants,
	    [IMAGO_PACKFILE_CODE] = imago_packfile_read_code,
	    [IMAGO_PACKFILE_DEBUG] = imago_packfile_read_debug,
	    [IMAGO_PACKFILE_ANNOTATIONS] = imago_packfile_read_annotations,
	};
	imago_status status = IMAGO_OK;
	if (segment->type < IMAGO_PACKFILE_NUM_TYPES && readers[segment->type] != NULL) {
		segment->row = (size_t)packfile->num_of[segment->type]++;
		status = readers[segment->type](packfile, index, reader);
	}
	segment->end = reader->origin + reader->position;
	return status;
}

/* op_count of a segment that begins at the reader's position, as bytes; 0 after a failure. */
static uint64_t
segment_size(imago_reader *reader, uint64_t op_count, uint64_t place)
{
	const uint8_t word_bytes = reader->layout.word_bytes;
	const uint64_t most = imago_reader_remaining(reader) / word_bytes;
	if (op_count < PACKFILE_SEGMENT_WORDS || op_count > most) {
		imago_reader_fail(reader, op_count > most ? IMAGO_ETRUNCATED : IMAGO_ERANGE,
		                  "size of a segment", place, op_count,
		                  op_count > most ? most : PACKFILE_SEGMENT_WORDS);
		return 0;
	}
	if (op_count * word_bytes % IMAGO_PACKFILE_ALIGNMENT != 0) {
		imago_reader_fail(reader, IMAGO_EALIGN, "size of a segment", place, op_count * word_bytes,
		                  IMAGO_PACKFILE_ALIGNMENT);
		return 0;
	}
	return op_count * word_bytes;
}

/* One entry of the directory; reader is in the entries, at is where the segment must begin. */
static imago_status
read_segment(imago_packfile *packfile, size_t index, imago_reader *reader, imago_reader *at)
{
	imago_packfile_segment *segment = &packfile->segments[index];
	const uint64_t word_bytes = packfile->layout.word_bytes;
	segment->row = IMAGO_PACKFILE_NONE;
	segment->entry = reader->position;
	segment->type = imago_read_word(reader, "type of a segment");
	imago_packfile_read_string(reader, &segment->name, "name of a segment");
	const uint64_t place = reader->position;
	const uint64_t offset = imago_read_word(reader, "offset of a segment");
	const uint64_t op_count = imago_read_word(reader, "size of a segment");
	if (reader->status != IMAGO_OK) {
		return reader->status;
	}
	if (segment->type == IMAGO_PACKFILE_DIRECTORY) {
		return imago_reader_fail(reader, IMAGO_ESTRUCTURE, "nested directory", segment->entry, 0,
		                         0);
	}
	if (offset != at->position / word_bytes || at->position % word_bytes != 0) {
		return imago_reader_fail(reader, IMAGO_ESTRUCTURE, "offset of a segment", place, offset,
		                         at->position / word_bytes);
	}
	segment->offset = at->position;
	segment->size = segment_size(at, op_count, place + word_bytes);
	imago_reader inside = imago_reader_sub(at, segment->size, "segment");
	if (at->status != IMAGO_OK) {
		return at->status;
	}
	if (imago_load_word(inside.base, packfile->layout) != op_count) {
		return imago_reader_fail(at, IMAGO_ESTRUCTURE, "size in a segment's header",
		                         segment->offset, imago_load_word(inside.base, packfile->layout),
		                         op_count);
	}
	read_segment_header(&inside, &segment->data, &segment->num_data);
	return inside.status != IMAGO_OK ? inside.status : read_tail(packfile, index, &inside);
}

/* Finds where the entries end, for the segments begin behind, and how many there are of each type.
 */
static void
count_entries(imago_packfile *packfile, imago_reader *reader, uint64_t count)
{
	for (uint64_t i = 0; i < count && reader->status == IMAGO_OK; i++) {
		imago_packfile_string name;
		const uint64_t type = imago_read_word(reader, "type of a segment");
		imago_packfile_read_string(reader, &name, "name of a segment");
		(void)imago_read_bytes(reader, (uint64_t)2 * reader->layout.word_bytes,
		                       "entry of a segment");
		if (type < IMAGO_PACKFILE_NUM_TYPES) {
			packfile->capacity_of[type]++;
		}
	}
}

/* NULL, with a capacity of 0, after a failure. */
static void *
allocate_table(imago_packfile *packfile, imago_packfile_type type, uint64_t row_size,
               imago_error *error)
{
	void *table = imago_allocate_array(packfile->allocator, packfile->capacity_of[type], row_size,
	                                   "segments of a packfile", error);
	if (table == NULL) {
		packfile->capacity_of[type] = 0;
	}
	return table;
}

static imago_status
allocate_tables(imago_packfile *packfile, uint64_t count, imago_error *error)
{
	packfile->segments = imago_allocate_array(
	    packfile->allocator, count, sizeof *packfile->segments, "segments of a packfile", error);
	if (packfile->segments == NULL) {
		return IMAGO_ENOMEM;
	}
	packfile->num_segments = count;
	packfile->constants =
	    allocate_table(packfile, IMAGO_PACKFILE_CONSTANTS, sizeof *packfile->constants, error);
	if (packfile->constants == NULL) {
		return IMAGO_ENOMEM;
	}
	packfile->codes = allocate_table(packfile, IMAGO_PACKFILE_CODE, sizeof *packfile->codes, error);
	if (packfile->codes == NULL) {
		return IMAGO_ENOMEM;
	}
	packfile->debugs =
	    allocate_table(packfile, IMAGO_PACKFILE_DEBUG, sizeof *packfile->debugs, error);
	if (packfile->debugs == NULL) {
		return IMAGO_ENOMEM;
	}
	packfile->annotations =
	    allocate_table(packfile, IMAGO_PACKFILE_ANNOTATIONS, sizeof *packfile->annotations, error);
	return packfile->annotations == NULL ? IMAGO_ENOMEM : IMAGO_OK;
}

static imago_status
read_segments(imago_packfile *packfile, imago_reader *entries, uint64_t count, imago_error *error)
{
	imago_reader ahead = *entries;
	count_entries(packfile, &ahead, count);
	packfile->directory_end = ahead.position;
	(void)imago_read_bytes(&ahead, imago_packfile_padding(ahead.position, IMAGO_PACKFILE_ALIGNMENT),
	                       "padding of the directory");
	packfile->segments_end = ahead.position;
	imago_status status = ahead.status;
	if (status == IMAGO_OK) {
		status = allocate_tables(packfile, count, error);
	}
	for (size_t i = 0; i < count && status == IMAGO_OK; i++) {
		status = read_segment(packfile, i, entries, &ahead);
		packfile->segments_end = ahead.position;
	}
	return status;
}

static imago_status
read_directory(imago_packfile *packfile, imago_error *error)
{
	const uint64_t word_bytes = packfile->layout.word_bytes;
	imago_reader reader;
	imago_reader_init(&reader, packfile->bytes, packfile->size, packfile->layout, error);
	imago_reader_seek(&reader, packfile->header.size, "packfile header");
	(void)imago_read_bytes(&reader, PACKFILE_FORMAT_WORDS * word_bytes, "directory format");
	packfile->directory = reader.position;
	const uint64_t op_count = imago_read_word(&reader, "size of the directory");
	if (reader.status != IMAGO_OK) {
		return reader.status;
	}
	reader.position = packfile->directory;
	packfile->directory_size = segment_size(&reader, op_count, packfile->directory);
	if (reader.status != IMAGO_OK) {
		return reader.status;
	}
	/* Nothing of the directory lies behind its end, nor does a segment. */
	reader.size = packfile->directory + packfile->directory_size;
	uint64_t data;
	read_segment_header(&reader, &data, &packfile->directory_data);
	/* A type, a null name, an offset and a size. */
	const uint64_t count = imago_packfile_read_count(&reader, 4 * word_bytes, "number of segments");
	return reader.status != IMAGO_OK ? reader.status
	                                 : read_segments(packfile, &reader, count, error);
}

imago_status
imago_packfile_read(imago_packfile *packfile, const uint8_t *bytes, uint64_t size,
                    const imago_packfile_options *options, imago_allocator *allocator,
                    imago_error *error)
{
	static const imago_packfile_options defaults = {.long_double = IMAGO_NUMBER_AUTO};
	imago_error_set_part(error, "");
	*packfile = (imago_packfile){.bytes = bytes, .size = size, .allocator = allocator};
	imago_status status = read_header(packfile, error);
	if (status == IMAGO_OK) {
		status = choose_number_form(packfile, (options != NULL ? options : &defaults)->long_double,
		                            error);
	}
	if (status == IMAGO_OK) {
		status = read_directory(packfile, error);
	}
	if (status == IMAGO_OK) {
		imago_packfile_relate(packfile);
	}
	return status;
}

static void
release_code(imago_allocator *allocator, imago_packfile_code *code)
{
	imago_release(allocator, code->libraries, code->num_libraries * sizeof *code->libraries);
	imago_release(allocator, code->ops, code->num_ops * sizeof *code->ops);
}

void
imago_packfile_close(imago_packfile *packfile)
{
	imago_allocator *allocator = packfile->allocator;
	const uint64_t *capacity = packfile->capacity_of;
	for (size_t i = 0; i < packfile->num_of[IMAGO_PACKFILE_CONSTANTS]; i++) {
		const imago_packfile_constants *row = &packfile->constants[i];
		imago_release(allocator, row->strings, row->num_strings * sizeof *row->strings);
		imago_release(allocator, row->pmcs, row->num_pmcs * sizeof *row->pmcs);
	}
	for (size_t i = 0; i < packfile->num_of[IMAGO_PACKFILE_CODE]; i++) {
		release_code(allocator, &packfile->codes[i]);
	}
	imago_release(allocator, packfile->constants,
	              capacity[IMAGO_PACKFILE_CONSTANTS] * sizeof *packfile->constants);
	imago_release(allocator, packfile->codes,
	              capacity[IMAGO_PACKFILE_CODE] * sizeof *packfile->codes);
	imago_release(allocator, packfile->debugs,
	              capacity[IMAGO_PACKFILE_DEBUG] * sizeof *packfile->debugs);
	imago_release(allocator, packfile->annotations,
	              capacity[IMAGO_PACKFILE_ANNOTATIONS] * sizeof *packfile->annotations);
	imago_release(allocator, packfile->segments,
	              packfile->num_segments * sizeof *packfile->segments);
	*packfile = (imago_packfile){.allocator = allocator};
}
