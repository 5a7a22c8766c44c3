/* twin.c: the file of a twin, from and to bytes (twin.md). */
#include "imago/twin.h"
#include "../../core/base/planted.h"

#include <sodium.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/checked.h"
#include "layered_private.h"
#include "twin_private.h"

static const char magic[16] = "imago twin 1\n\0\0";

enum {
	AT_WORD_BYTES = 48,
	AT_BYTE_ORDER = 49,
	AT_ZEROS = 51,
	AT_SOURCE_USED = 56,
	AT_USED = 64,
	AT_NUM_RUNS = 72,
	AT_TABLE_SIZE = 80,
	AT_CHANGED_SIZE = 88,
	AT_FIELDS = 96,
	AT_HASH = 224,
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
	bytes[AT_OBJECTS] = head->objects;
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
	if (bytes[AT_OBJECTS] > 1) {
		return imago_fail(error, IMAGO_EVERSION, "kind of runs", AT_OBJECTS, bytes[AT_OBJECTS], 1);
	}
	out->objects = bytes[AT_OBJECTS] == 1;
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
	bool same = memcmp(hash, bytes + AT_HASH, sizeof hash) == 0;
	if (!IMAGO_BUG(twin_hash_unasked, !same) && !same) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "hash of a twin", AT_HASH, 0, 0);
	}
	return IMAGO_OK;
}
