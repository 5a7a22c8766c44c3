/* layered_origin.c: what restores a heap from its layered form, from and to bytes (layered.md §5).
 */
#include <string.h>

#include "imago/byte_order.h"
#include "imago/reader.h"
#include "imago/walk.h"
#include "layered_private.h"

enum { SEGMENT_SIZE = 64, UNIT = 8, LAST_SHIFT = 63, AT_FIELDS = 40, SMALLEST_CHUNK = 16 };

static const imago_layout container = {.word_bytes = 8, .byte_order = IMAGO_LITTLE_ENDIAN};

/* ---- Writing. */

/* A strand's chunks: what is written of them, all but the first, which follows another strand's
 * last. */
typedef struct strand {
	imago_writer deltas;
	imago_addr first; /* where its first chunk lay */
	imago_addr
	    expected; /* where the next one would, if it lay behind the one before; 0: none yet */
} strand;

/* A signed number in groups of seven bits, the lowest first. */
static void
write_delta(imago_writer *writer, int64_t delta)
{
	uint64_t rest = (uint64_t)delta << 1 ^ (delta < 0 ? UINT64_MAX : 0);
	uint8_t bytes[10];
	size_t size = 0;
	for (; rest >= 0x80; rest >>= 7) {
		bytes[size++] = (uint8_t)(rest | 0x80);
	}
	bytes[size++] = (uint8_t)rest;
	imago_write_bytes(writer, bytes, size);
}

/* Each chunk's address as its distance from the end of the one before it in its strand. */
static imago_status
encode_strands(strand *strands, const imago_heap *heap, const imago_layered_plan *plan,
               imago_error *error)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, error);
	while (imago_walk_next(&walker, &object)) {
		strand *at = &strands[plan->strands[ordinal++]];
		if (at->expected != 0) {
			write_delta(&at->deltas, (int64_t)(object.chunk - at->expected) / UNIT);
		} else {
			at->first = object.chunk;
		}
		at->expected = object.chunk + object.total_bytes;
	}
	return walker.status;
}

static void
join_strands(const strand *strands, imago_addr expected, imago_writer *writer)
{
	for (size_t i = 0; i < IMAGO_LAYERED_STRANDS; i++) {
		const strand *at = &strands[i];
		if (at->expected != 0) {
			write_delta(writer, (int64_t)(at->first - expected) / UNIT);
			imago_write_bytes(writer, at->deltas.bytes, at->deltas.size);
			expected = at->expected;
		}
	}
}

static imago_status
write_addresses(const imago_heap *heap, const imago_layered_plan *plan, imago_writer *writer,
                imago_error *error)
{
	imago_allocator *allocator = writer->allocator;
	strand *strands = imago_allocate_array(allocator, IMAGO_LAYERED_STRANDS, sizeof *strands,
	                                       "strands of chunks", error);
	if (strands == NULL) {
		return IMAGO_ENOMEM;
	}
	for (size_t i = 0; i < IMAGO_LAYERED_STRANDS; i++) {
		strands[i] = (strand){.first = 0};
		imago_writer_init(&strands[i].deltas, allocator, container, error);
	}
	imago_status status = encode_strands(strands, heap, plan, error);
	for (size_t i = 0; i < IMAGO_LAYERED_STRANDS && status == IMAGO_OK; i++) {
		status = strands[i].deltas.status;
	}
	if (status == IMAGO_OK) {
		join_strands(strands, heap->segments[0].start, writer);
		status = writer->status;
	}
	for (size_t i = 0; i < IMAGO_LAYERED_STRANDS; i++) {
		imago_writer_release(&strands[i].deltas);
	}
	imago_release(allocator, strands, IMAGO_LAYERED_STRANDS * sizeof *strands);
	return status;
}

static void
write_segment(const imago_segment *segment, imago_writer *writer)
{
	uint8_t part[IMAGO_PART_SIZE] = {0};
	memcpy(part, segment->part, strlen(segment->part));
	imago_write_u64(writer, segment->start);
	imago_write_u64(writer, segment->size);
	imago_write_u32(writer, segment->space == IMAGO_SPACE_PERM);
	imago_write_u32(writer, (uint32_t)segment->bridge_size | (uint32_t)segment->tier << 8);
	imago_write_bytes(writer, part, sizeof part);
	imago_write_bytes(writer, segment->bytes + segment->size, segment->bridge_size);
	imago_write_zeros(writer, IMAGO_BRIDGE_SIZE - segment->bridge_size);
}

imago_status
imago_layered_write_origin(const imago_heap *heap, const imago_layered_plan *plan,
                           imago_writer *writer, imago_error *error)
{
	const imago_wrapping *wrapping = &heap->wrapping;
	imago_layout own = writer->layout;
	writer->layout = container;
	imago_write_u32(writer, heap->bridges);
	imago_write_u32(writer, (uint32_t)heap->num_segments);
	imago_write_u64(writer, plan->num_chunks);
	imago_write_u64(writer, wrapping->prefix_size);
	imago_write_u64(writer, wrapping->header_tail_size);
	imago_write_u64(writer, wrapping->trailing_size);
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_write_u64(writer, imago_header_get(&heap->header, i));
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		write_segment(&heap->segments[i], writer);
	}
	imago_write_bytes(writer, wrapping->prefix, wrapping->prefix_size);
	imago_write_bytes(writer, wrapping->header_tail, wrapping->header_tail_size);
	imago_write_bytes(writer, wrapping->trailing, wrapping->trailing_size);
	imago_status status = write_addresses(heap, plan, writer, error);
	writer->layout = own;
	return status;
}

/* ---- Reading. */

typedef struct origin {
	imago_reader reader;
	uint32_t bridges;
	uint32_t num_segments;
	uint64_t num_chunks;
	imago_image_header header;
	imago_segment *segments;
	const uint8_t **bridge_bytes;
	imago_wrapping wrapping;
	imago_addr *addresses;
	imago_allocator *allocator;
	imago_error *error;
} origin;

/* Before anything is allocated: what there is room for. */
static imago_status
read_counts(origin *from, const imago_heap *heap)
{
	imago_reader *reader = &from->reader;
	from->bridges =
	    imago_read_u32_in(reader, IMAGO_BRIDGES_FILE, IMAGO_BRIDGES_MEMORY, "style of bridges");
	from->num_segments = imago_read_u32_in(reader, 1, IMAGO_MAX_SEGMENTS, "number of segments");
	from->num_chunks = imago_read_u64(reader, "number of chunks");
	from->wrapping.prefix_size = imago_read_u64(reader, "size of the prefix");
	from->wrapping.header_tail_size = imago_read_u64(reader, "size of the header tail");
	from->wrapping.trailing_size = imago_read_u64(reader, "size of what follows");
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		imago_header_set(&from->header, i, imago_read_u64(reader, "header field"));
	}
	uint64_t left = imago_reader_remaining(reader);
	if (reader->status == IMAGO_OK && from->num_segments > left / SEGMENT_SIZE) {
		return imago_reader_fail(reader, IMAGO_ETRUNCATED, "number of segments", reader->position,
		                         from->num_segments, left / SEGMENT_SIZE);
	}
	if (reader->status == IMAGO_OK && from->num_chunks > left) {
		return imago_reader_fail(reader, IMAGO_ETRUNCATED, "number of chunks", reader->position,
		                         from->num_chunks, left);
	}
	uint64_t most = imago_heap_object_bytes(heap) / SMALLEST_CHUNK;
	if (reader->status == IMAGO_OK && from->num_chunks > most) {
		return imago_reader_fail(reader, IMAGO_ESTRUCTURE, "number of chunks", reader->position,
		                         from->num_chunks, most);
	}
	return reader->status;
}

static void
read_segment(origin *from, size_t index)
{
	imago_reader *reader = &from->reader;
	imago_segment *segment = &from->segments[index];
	segment->start = imago_read_u64(reader, "start of a segment");
	segment->size = imago_read_u64(reader, "size of a segment");
	uint32_t space = imago_read_u32_in(reader, 0, 1, "space of a segment");
	uint32_t rest = imago_read_u32(reader, "size of a bridge");
	const uint8_t *part = imago_read_bytes(reader, IMAGO_PART_SIZE, "part of a segment");
	from->bridge_bytes[index] = imago_read_bytes(reader, IMAGO_BRIDGE_SIZE, "bridge");
	segment->space = space == 1 ? IMAGO_SPACE_PERM : IMAGO_SPACE_OLD;
	segment->bridge_size = rest & 0xFF;
	segment->tier = (uint8_t)(rest >> 8);
	if (part != NULL) {
		memcpy(segment->part, part, IMAGO_PART_SIZE - 1);
	}
	if (reader->status != IMAGO_OK) {
		return;
	}
	if (segment->bridge_size > IMAGO_BRIDGE_SIZE) {
		(void)imago_reader_fail(reader, IMAGO_ESTRUCTURE, "size of a bridge", reader->position,
		                        segment->bridge_size, IMAGO_BRIDGE_SIZE);
	} else if (rest >> 8 >= IMAGO_NUM_TIERS) {
		(void)imago_reader_fail(reader, IMAGO_ESTRUCTURE, "tier of a segment", reader->position,
		                        rest >> 8, IMAGO_NUM_TIERS - 1);
	}
}

static imago_status
read_segments(origin *from)
{
	imago_reader *reader = &from->reader;
	from->segments = imago_allocate_array(from->allocator, from->num_segments,
	                                      sizeof *from->segments, "segments", from->error);
	from->bridge_bytes = imago_allocate_array(from->allocator, from->num_segments,
	                                          sizeof *from->bridge_bytes, "bridges", from->error);
	if (from->segments == NULL || from->bridge_bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	for (size_t i = 0; i < from->num_segments; i++) {
		read_segment(from, i);
	}
	imago_wrapping *wrapping = &from->wrapping;
	wrapping->prefix = imago_read_bytes(reader, wrapping->prefix_size, "prefix");
	wrapping->header_tail = imago_read_bytes(reader, wrapping->header_tail_size, "header tail");
	wrapping->trailing = imago_read_bytes(reader, wrapping->trailing_size, "trailing bytes");
	return reader->status;
}

static int64_t
read_delta(imago_reader *reader)
{
	uint64_t value = 0;
	for (unsigned shift = 0;; shift += 7) {
		const uint8_t *byte = imago_read_bytes(reader, 1, "address of a chunk");
		if (byte == NULL) {
			return 0;
		}
		value |= (uint64_t)(*byte & 0x7F) << shift;
		if (*byte < 0x80) {
			break;
		}
		if (shift == LAST_SHIFT) {
			(void)imago_reader_fail(reader, IMAGO_ERANGE, "address of a chunk", reader->position,
			                        value, 0);
			return 0;
		}
	}
	return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static imago_status
read_addresses(origin *from, const imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	imago_addr expected = from->segments[0].start;
	from->addresses = imago_allocate_array(from->allocator, from->num_chunks,
	                                       sizeof *from->addresses, "addresses", from->error);
	if (from->addresses == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_walk_init(&walker, heap, from->error);
	while (ordinal < from->num_chunks && from->reader.status == IMAGO_OK &&
	       imago_walk_next(&walker, &object)) {
		imago_addr address = expected + (uint64_t)read_delta(&from->reader) * UNIT;
		from->addresses[ordinal++] = address;
		expected = address + object.total_bytes;
	}
	if (walker.status != IMAGO_OK) {
		return walker.status;
	}
	return from->reader.status;
}

/* What says how the heap lies may differ from the layered header; all else is the same heap's. */
static imago_status
require_same_fields(const origin *from, const imago_heap *heap)
{
	imago_image_header expected = heap->header;
	expected.header_size = from->header.header_size;
	expected.data_size = from->header.data_size;
	expected.old_base_address = from->header.old_base_address;
	expected.first_segment_size = from->header.first_segment_size;
	expected.free_old_space = from->header.free_old_space;
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		uint64_t found = imago_header_get(&from->header, i);
		uint64_t wanted = imago_header_get(&expected, i);
		if (found != wanted) {
			return imago_fail(from->error, IMAGO_ESTRUCTURE, "header field",
			                  from->reader.origin + AT_FIELDS + 8 * i, found, wanted);
		}
	}
	return IMAGO_OK;
}

/* What lies around the chunks. */
static void
finish(const origin *from, imago_heap *heap)
{
	for (size_t i = 0; i < heap->num_segments && from->bridge_bytes != NULL; i++) {
		const imago_segment *segment = &heap->segments[i];
		memcpy(segment->writable + segment->size, from->bridge_bytes[i],
		       (size_t)segment->bridge_size);
	}
	heap->bridges = (imago_bridges)from->bridges;
	heap->header = from->header;
	heap->wrapping = from->wrapping;
}

static imago_status
read_origin(origin *from, const imago_heap *heap)
{
	imago_status status = read_counts(from, heap);
	if (status == IMAGO_OK) {
		status = read_segments(from);
	}
	if (status == IMAGO_OK) {
		status = read_addresses(from, heap);
	}
	if (status == IMAGO_OK && imago_reader_remaining(&from->reader) > 0) {
		status = imago_reader_fail(&from->reader, IMAGO_ESTRUCTURE, "end of the origin",
		                           from->reader.position, imago_reader_remaining(&from->reader), 0);
	}
	return status;
}

static imago_status
restore(origin *from, imago_heap **out, const imago_heap *heap)
{
	imago_heap *restored;
	const imago_arrangement arrangement = {
	    .segments = from->segments,
	    .num_segments = from->num_segments,
	    .addresses = from->addresses,
	    .num_chunks = from->num_chunks,
	};
	imago_status status =
	    imago_arrange(&restored, heap, &arrangement, from->allocator, from->error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = require_same_fields(from, restored);
	if (status != IMAGO_OK) {
		imago_heap_destroy(restored);
		return status;
	}
	finish(from, restored);
	*out = restored;
	return IMAGO_OK;
}

/* The origin of a file. Release in every case. */
static imago_status
open_origin(origin *from, const imago_heap *heap, const uint8_t *bytes, uint64_t size,
            imago_allocator *allocator, imago_error *error)
{
	imago_layered_head head;
	*from = (origin){.allocator = allocator, .error = error};
	imago_status status = imago_layered_decode(&head, bytes, size, error);
	const imago_layered_section *section = NULL;
	for (size_t i = 0; i < head.num_sections && status == IMAGO_OK; i++) {
		if (head.sections[i].kind == IMAGO_LAYERED_ORIGIN) {
			section = &head.sections[i];
		}
	}
	if (status != IMAGO_OK) {
		return status;
	}
	if (section == NULL) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "layered image without an origin",
		                  IMAGO_LAYERED_PAGE, 0, 0);
	}
	imago_reader_init(&from->reader, bytes + section->offset, section->size, container, error);
	from->reader.origin = section->offset;
	return read_origin(from, heap);
}

static void
release_origin(origin *from)
{
	imago_allocator *allocator = from->allocator;
	imago_release(allocator, from->addresses,
	              from->addresses != NULL ? from->num_chunks * sizeof *from->addresses : 0);
	imago_release(allocator, from->bridge_bytes,
	              from->bridge_bytes != NULL ? from->num_segments * sizeof *from->bridge_bytes : 0);
	imago_release(allocator, from->segments,
	              from->segments != NULL ? from->num_segments * sizeof *from->segments : 0);
}

imago_status
imago_layered_origins(imago_addr **out, uint64_t *num_chunks, const imago_heap *heap,
                      const uint8_t *bytes, uint64_t size, imago_allocator *allocator,
                      imago_error *error)
{
	origin from;
	imago_status status = open_origin(&from, heap, bytes, size, allocator, error);
	if (status == IMAGO_OK) {
		*out = from.addresses;
		*num_chunks = from.num_chunks;
		from.addresses = NULL;
	}
	release_origin(&from);
	return status;
}

imago_status
imago_layered_restore(imago_heap **out, const imago_heap *heap, const uint8_t *bytes, uint64_t size,
                      imago_allocator *allocator, imago_error *error)
{
	origin from;
	imago_status status = open_origin(&from, heap, bytes, size, allocator, error);
	if (status == IMAGO_OK) {
		status = restore(&from, out, heap);
	}
	release_origin(&from);
	return status;
}
