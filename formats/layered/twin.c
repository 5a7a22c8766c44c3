/* twin.c: the file of a twin, from and to bytes (twin.md). */
#include "imago/twin.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "imago/byte_order.h"
#include "imago/checked.h"
#include "imago/pages.h"
#include "layered_private.h"

static const char magic[16] = "imago twin 1\n\0\0";

enum {
	AT_SOURCE = 16,
	AT_WORD_BYTES = 48,
	AT_BYTE_ORDER = 49,
	AT_ZEROS = 50,
	AT_SOURCE_USED = 56,
	AT_USED = 64,
	AT_NUM_RUNS = 72,
	AT_TABLE_SIZE = 80,
	AT_CHANGED_SIZE = 88,
	AT_FIELDS = 96,
	AT_HASH = 224,
	UNIT = 8,
	LONGEST_NUMBER = 9, /* bytes: seven bits each, below 2^61 */
};

static const imago_byte_order little = IMAGO_LITTLE_ENDIAN;

static void
hash_file(uint8_t hash[IMAGO_LAYERED_HASH], const uint8_t *bytes, uint64_t size)
{
	crypto_generichash_state state;
	(void)crypto_generichash_init(&state, NULL, 0, IMAGO_LAYERED_HASH);
	(void)crypto_generichash_update(&state, bytes, AT_HASH);
	(void)crypto_generichash_update(&state, bytes + IMAGO_TWIN_HEADER, size - IMAGO_TWIN_HEADER);
	(void)crypto_generichash_final(&state, hash, IMAGO_LAYERED_HASH);
}

void
imago_twin_seal(uint8_t *bytes, uint64_t size)
{
	if (size >= IMAGO_TWIN_HEADER) {
		hash_file(bytes + AT_HASH, bytes, size);
	}
}

void
imago_twin_encode(const imago_twin_head *head, uint8_t *bytes, uint64_t size)
{
	memset(bytes, 0, IMAGO_TWIN_HEADER);
	memcpy(bytes, magic, sizeof magic);
	memcpy(bytes + AT_SOURCE, head->source, sizeof head->source);
	bytes[AT_WORD_BYTES] = head->layout.word_bytes;
	bytes[AT_BYTE_ORDER] = head->layout.byte_order == IMAGO_BIG_ENDIAN;
	imago_store_u64(bytes + AT_SOURCE_USED, head->source_used, little);
	imago_store_u64(bytes + AT_USED, head->used, little);
	imago_store_u64(bytes + AT_NUM_RUNS, head->num_runs, little);
	imago_store_u64(bytes + AT_TABLE_SIZE, head->table_size, little);
	imago_store_u64(bytes + AT_CHANGED_SIZE, head->changed_size, little);
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		uint64_t field = imago_header_get(&head->fields, i);
		imago_store_u64(bytes + AT_FIELDS + UNIT * i, field, little);
	}
	imago_twin_seal(bytes, size);
}

/* ---- Reading. */

static imago_status
decode_header(imago_twin_head *out, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0) {
		return imago_fail(error, IMAGO_EMAGIC, "magic of a twin", 0, 0, 0);
	}
	if (size < IMAGO_TWIN_HEADER) {
		return imago_fail(error, IMAGO_ETRUNCATED, "header of a twin", 0, IMAGO_TWIN_HEADER, size);
	}
	uint8_t word_bytes = bytes[AT_WORD_BYTES];
	if ((word_bytes != 4 && word_bytes != 8) || bytes[AT_BYTE_ORDER] > 1) {
		return imago_fail(error, IMAGO_EVERSION, "word size or byte order", AT_WORD_BYTES,
		                  word_bytes, 8);
	}
	for (unsigned i = AT_ZEROS; i < AT_SOURCE_USED; i++) {
		if (bytes[i] != 0) {
			return imago_fail(error, IMAGO_EVERSION, "byte that means nothing", i, bytes[i], 0);
		}
	}
	out->layout = (imago_layout){
	    .word_bytes = word_bytes,
	    .byte_order = bytes[AT_BYTE_ORDER] == 1 ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN,
	};
	memcpy(out->source, bytes + AT_SOURCE, sizeof out->source);
	out->source_used = imago_load_u64(bytes + AT_SOURCE_USED, little);
	out->used = imago_load_u64(bytes + AT_USED, little);
	out->num_runs = imago_load_u64(bytes + AT_NUM_RUNS, little);
	out->table_size = imago_load_u64(bytes + AT_TABLE_SIZE, little);
	out->changed_size = imago_load_u64(bytes + AT_CHANGED_SIZE, little);
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_set(&out->fields, i, imago_load_u64(bytes + AT_FIELDS + UNIT * i, little));
	}
	return IMAGO_OK;
}

/* The three parts behind the header, against the file. */
static imago_status
require_sizes(const imago_twin_head *head, uint64_t size, imago_error *error)
{
	uint64_t left = size - IMAGO_TWIN_HEADER;
	if (head->source_used % UNIT != 0 || head->used % UNIT != 0 || head->changed_size % UNIT != 0) {
		return imago_fail(error, IMAGO_EALIGN, "size of a part of a twin", AT_SOURCE_USED,
		                  head->used, UNIT);
	}
	if (head->used < head->source_used) {
		return imago_fail(error, IMAGO_ERANGE, "end of the new objects", AT_USED, head->used,
		                  head->source_used);
	}
	const struct {
		uint64_t size, place;
	} parts[] = {{head->table_size, AT_TABLE_SIZE},
	             {head->changed_size, AT_CHANGED_SIZE},
	             {head->used - head->source_used, AT_USED}};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i].size > left) {
			return imago_fail(error, IMAGO_ETRUNCATED, "part of a twin", parts[i].place,
			                  parts[i].size, left);
		}
		left -= parts[i].size;
	}
	return left == 0 ? IMAGO_OK
	                 : imago_fail(error, IMAGO_ESTRUCTURE, "end of a twin", size - left, left, 0);
}

/* A number below 2^61 in the table; false when it is none. */
static bool
read_number(const uint8_t *bytes, uint64_t *place, uint64_t end, uint64_t *number)
{
	*number = 0;
	for (unsigned i = 0; i < LONGEST_NUMBER && *place < end; i++) {
		uint8_t byte = bytes[(*place)++];
		*number |= (uint64_t)(byte & 0x7F) << 7 * i;
		if (byte < 0x80) {
			return *number < UINT64_C(1) << 61;
		}
	}
	return false;
}

void
imago_twin_reader_init(imago_twin_reader *reader, const imago_twin_head *head, const uint8_t *bytes,
                       imago_addr start)
{
	*reader = (imago_twin_reader){
	    .bytes = bytes,
	    .start = start,
	    .table = IMAGO_TWIN_HEADER,
	    .table_end = IMAGO_TWIN_HEADER + head->table_size,
	    .data = IMAGO_TWIN_HEADER + head->table_size,
	};
}

bool
imago_twin_next(imago_twin_reader *reader, imago_twin_run *run)
{
	uint64_t distance;
	uint64_t size;
	if (reader->table >= reader->table_end ||
	    !read_number(reader->bytes, &reader->table, reader->table_end, &distance) ||
	    !read_number(reader->bytes, &reader->table, reader->table_end, &size)) {
		return false;
	}
	*run = (imago_twin_run){
	    .address = reader->start + reader->position + distance * UNIT,
	    .size = size * UNIT,
	    .bytes = reader->bytes + reader->data,
	};
	reader->position += (distance + size) * UNIT;
	reader->data += size * UNIT;
	return true;
}

/* The table, against the sizes that the header names: afterwards imago_twin_next may be trusted. */
static imago_status
require_table(const imago_twin_head *head, const uint8_t *bytes, imago_error *error)
{
	uint64_t place = IMAGO_TWIN_HEADER;
	uint64_t end = place + head->table_size;
	uint64_t position = 0;
	uint64_t changed = 0;
	uint64_t num_runs = 0;
	while (place < end) {
		uint64_t distance;
		uint64_t size;
		uint64_t row = place;
		if (!read_number(bytes, &place, end, &distance) ||
		    !read_number(bytes, &place, end, &size) || size == 0 ||
		    (distance == 0 && num_runs > 0)) {
			return imago_fail(error, IMAGO_ESTRUCTURE, "row of the table", row, 0, 0);
		}
		uint64_t left = head->source_used - position;
		if (distance > left / UNIT || size > left / UNIT - distance ||
		    size * UNIT > head->changed_size - changed) {
			return imago_fail(error, IMAGO_ERANGE, "run past the source", row, size * UNIT, left);
		}
		position += (distance + size) * UNIT;
		changed += size * UNIT;
		num_runs++;
	}
	if (num_runs != head->num_runs || changed != head->changed_size) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "number of runs", AT_NUM_RUNS, num_runs,
		                  head->num_runs);
	}
	return IMAGO_OK;
}

imago_status
imago_twin_decode(imago_twin_head *out, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	uint8_t hash[IMAGO_LAYERED_HASH];
	*out = (imago_twin_head){.used = 0};
	imago_error_set_part(error, "");
	imago_status status = decode_header(out, bytes, size, error);
	if (status == IMAGO_OK) {
		status = require_sizes(out, size, error);
	}
	if (status == IMAGO_OK) {
		status = require_table(out, bytes, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	hash_file(hash, bytes, size);
	if (memcmp(hash, bytes + AT_HASH, sizeof hash) != 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "hash of a twin", AT_HASH, 0, 0);
	}
	return IMAGO_OK;
}

/* ---- Writing. */

/* What is found on the pages that were copied. The words of the runs are gathered apart from the
 * table, which is written before them. */
typedef struct twin_writing {
	const imago_layered_attachment *source;
	const imago_heap *file;
	imago_addr start;
	uint64_t position; /* behind the last run, from start on */
	uint64_t num_runs;
	imago_writer table, changed;
} twin_writing;

static void
write_number(imago_writer *writer, uint64_t number)
{
	uint8_t bytes[LONGEST_NUMBER];
	size_t size = 0;
	for (; number >= 0x80; number >>= 7) {
		bytes[size++] = (uint8_t)(number | 0x80);
	}
	bytes[size++] = (uint8_t)number;
	imago_write_bytes(writer, bytes, size);
}

static void
add_run(twin_writing *writing, uint64_t position, const uint8_t *bytes, uint64_t size)
{
	write_number(&writing->table, (position - writing->position) / UNIT);
	write_number(&writing->table, size / UNIT);
	imago_write_bytes(&writing->changed, bytes, size);
	writing->position = position + size;
	writing->num_runs++;
}

/* The words of a range that differ. Ranges are looked at in ascending order; a run that goes on
 * where the last one ended cannot be told from it, so it waits until it is whole. */
typedef struct open_run {
	uint64_t position, size; /* size 0: none */
	const uint8_t *bytes;
} open_run;

static void
close_run(twin_writing *writing, open_run *run)
{
	if (run->size > 0) {
		add_run(writing, run->position, run->bytes, run->size);
	}
	run->size = 0;
}

static void
compare_range(twin_writing *writing, open_run *run, const imago_segment *segment, uint64_t from,
              uint64_t to)
{
	uint64_t segment_position = segment->start - writing->start;
	const uint8_t *now = writing->source->mapping.bytes + segment_position;
	for (uint64_t i = from; i < to; i += UNIT) {
		if (memcmp(now + i, segment->bytes + i, UNIT) == 0) {
			continue;
		}
		if (run->size == 0 || run->position + run->size != segment_position + i) {
			close_run(writing, run);
			*run = (open_run){segment_position + i, 0, now + i};
		}
		run->size += UNIT;
	}
}

typedef struct page_walk {
	twin_writing *writing;
	open_run run;
	uint64_t page_size; /* the host's */
} page_walk;

/* A row of pages that this process has copied: of the section with that number. */
static void
see_pages(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	page_walk *walk = payload;
	const imago_segment *segment = &walk->writing->file->segments[section];
	uint64_t from = address - segment->start;
	uint64_t to = from + num_pages * walk->page_size;
	compare_range(walk->writing, &walk->run, segment, from < segment->size ? from : segment->size,
	              to < segment->size ? to : segment->size);
}

static imago_status
compare_pages(twin_writing *writing, imago_error *error)
{
	page_walk walk = {.writing = writing, .page_size = (uint64_t)sysconf(_SC_PAGESIZE)};
	imago_status status =
	    imago_attachment_pages(writing->source->attachment, NULL, see_pages, &walk, error);
	if (status == IMAGO_EUNSUPPORTED) {
		for (size_t i = 0; i < writing->file->num_segments; i++) {
			const imago_segment *segment = &writing->file->segments[i];
			compare_range(writing, &walk.run, segment, 0, segment->size);
		}
		status = IMAGO_OK;
	}
	if (status == IMAGO_OK) {
		close_run(writing, &walk.run);
	}
	return status;
}

static void
write_file(const twin_writing *writing, const imago_memory_mapping *now, imago_writer *writer)
{
	const imago_layered_attachment *source = writing->source;
	uint64_t start = writer->size;
	imago_twin_head head = {
	    .layout = now->layout,
	    .source_used = source->source_used,
	    .used = now->used,
	    .num_runs = writing->num_runs,
	    .table_size = writing->table.size,
	    .changed_size = writing->changed.size,
	    .fields = now->header,
	};
	memcpy(head.source, source->head.identity, sizeof head.source);
	head.fields.data_size = source->head.fields.data_size + (now->used - source->source_used);
	imago_write_zeros(writer, IMAGO_TWIN_HEADER);
	imago_write_bytes(writer, writing->table.bytes, writing->table.size);
	imago_write_bytes(writer, writing->changed.bytes, writing->changed.size);
	imago_write_bytes(writer, now->bytes + source->source_used, now->used - source->source_used);
	if (writer->status == IMAGO_OK) {
		imago_twin_encode(&head, writer->bytes + start, writer->size - start);
	}
}

imago_status
imago_twin_write(const imago_layered_attachment *source, const imago_memory_mapping *now,
                 const imago_heap *file, imago_writer *writer, imago_error *error)
{
	twin_writing writing = {.source = source, .file = file, .start = source->head.start};
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	if (source->distance != 0 || now->bytes != source->mapping.bytes ||
	    now->used < source->source_used) {
		return imago_fail(error, IMAGO_EUSAGE, "source of a twin", IMAGO_NO_OFFSET,
		                  source->distance, 0);
	}
	imago_writer_init(&writing.table, writer->allocator, writer->layout, error);
	imago_writer_init(&writing.changed, writer->allocator, writer->layout, error);
	imago_status status = compare_pages(&writing, error);
	if (status == IMAGO_OK && writing.table.status != IMAGO_OK) {
		status = writing.table.status;
	}
	if (status == IMAGO_OK && writing.changed.status != IMAGO_OK) {
		status = writing.changed.status;
	}
	if (status == IMAGO_OK) {
		write_file(&writing, now, writer);
		status = writer->status;
	}
	imago_writer_release(&writing.changed);
	imago_writer_release(&writing.table);
	return status;
}

/* ---- Attaching. */

/* Copies a run to its place; false when that is in no section of objects. */
static bool
put_run(const imago_layered_attachment *out, const imago_twin_run *run)
{
	const imago_layered_head *head = &out->head;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		uint64_t past = run->address - section->address;
		if (section->kind == IMAGO_LAYERED_OBJECTS && run->address >= section->address &&
		    imago_range_fits(past, run->size, section->size - IMAGO_BRIDGE_SIZE)) {
			memcpy(out->mapping.bytes + (run->address - head->start), run->bytes,
			       (size_t)run->size);
			return true;
		}
	}
	return false;
}

/* A bridge that spans nothing, behind the new objects. */
static void
put_last_bridge(const imago_layered_attachment *out)
{
	uint8_t *bridge = out->mapping.bytes + out->mapping.used;
	bool wide = out->head.layout.word_bytes == 8;
	uint64_t header = wide ? UINT64_C(0x0080000049000003) : UINT64_C(0x008000004A000003);
	imago_store_u64(bridge, header, out->head.layout.byte_order);
	imago_store_u64(bridge + UNIT, 0, out->head.layout.byte_order);
}

/* What is put in place of a source whose file may be cut meanwhile. */
typedef struct placing {
	imago_layered_attachment *out;
	const imago_twin_head *twin;
	const uint8_t *bytes;
	imago_error *error;
} placing;

static imago_status
put_in_place(void *payload)
{
	const placing *what = payload;
	imago_layered_attachment *out = what->out;
	const imago_twin_head *twin = what->twin;
	const uint8_t *bytes = what->bytes;
	imago_twin_reader reader;
	imago_twin_run run;
	imago_twin_reader_init(&reader, twin, bytes, out->head.start);
	while (imago_twin_next(&reader, &run)) {
		if (!put_run(out, &run)) {
			return imago_fail(what->error, IMAGO_ERANGE, "run outside all sections",
			                  (uint64_t)(run.bytes - bytes), run.address, 0);
		}
	}
	uint64_t new_size = twin->used - twin->source_used;
	if (new_size > 0) {
		memcpy(out->mapping.bytes + twin->source_used, bytes + reader.data, (size_t)new_size);
		out->mapping.used = twin->used;
		put_last_bridge(out);
	}
	out->mapping.header = twin->fields;
	/* What was known of the source need not hold of what was changed in it. */
	out->mapping.ready = false;
	out->mapping.remembered = NULL;
	return IMAGO_OK;
}

imago_status
imago_twin_attach(imago_layered_attachment *out, const uint8_t *bytes, uint64_t size,
                  int source_descriptor, uint64_t room, imago_allocator *allocator,
                  imago_error *error)
{
	imago_twin_head twin;
	imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE};
	*out = (imago_layered_attachment){.attachment = NULL};
	imago_status status = imago_twin_decode(&twin, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (!imago_checked_add(room, twin.used - twin.source_used, &options.room) ||
	    !imago_checked_add(options.room, IMAGO_LAYERED_PAGE, &options.room)) {
		return imago_fail(error, IMAGO_ELIMIT, "room behind an image", IMAGO_NO_OFFSET, room, 0);
	}
	status = imago_layered_attach(out, source_descriptor, &options, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	bool same = memcmp(twin.source, out->head.identity, sizeof twin.source) == 0 &&
	            twin.source_used == out->source_used &&
	            twin.layout.word_bytes == out->head.layout.word_bytes &&
	            twin.layout.byte_order == out->head.layout.byte_order;
	placing what = {out, &twin, bytes, error};
	status = same ? imago_attachment_guard(out->attachment, put_in_place, &what, error)
	              : imago_fail(error, IMAGO_ESTRUCTURE, "source of a twin", AT_SOURCE, 0, 0);
	if (status != IMAGO_OK) {
		imago_layered_detach(out);
	}
	return status;
}
