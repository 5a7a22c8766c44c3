/* spur_read.c: a classic Spur file into a heap; the mirror of spur_write.c. */
#include "imago/spur_image.h"

#include "../../core/base/planted.h"
#include "../common/image_header.h"
#include "spur_bridge.h"

/* The file as far as it is known before its segments are read. */
typedef struct spur_file {
	const uint8_t *bytes;
	uint64_t size;
	imago_header_place place;
	imago_image_header header;
	imago_wrapping wrapping;
} spur_file;

/* A number of the file with its place: what an error about it needs. */
typedef struct spur_fact {
	uint64_t value;
	const char *what;
	uint64_t offset;
} spur_fact;

/* Where the chain of segments stands. */
typedef struct spur_chain {
	uint64_t offset;  /* of the segment in the file */
	uint64_t left;    /* bytes of dataSize from there on */
	spur_fact size;   /* of the segment, bridge included */
	imago_addr start; /* its saved address */
} spur_chain;

/* One past the last address; the end of a 64-bit address space is one byte short of 2^64. */
static uint64_t
address_limit(imago_layout layout)
{
	return layout.word_bytes == 8 ? UINT64_MAX : UINT64_C(1) << 32;
}

static imago_status
fail_field(const spur_file *file, imago_status status, size_t index, uint64_t limit,
           imago_error *error)
{
	return imago_header_fail(error, status, &file->place, &file->header, index, limit);
}

static uint64_t
heap_offset(const spur_file *file)
{
	return file->place.start + file->header.header_size;
}

/* The fields that place the heap. Sizes of segments are looked at one by one, by require_segment.
 */
static imago_status
require_heap_fields(const spur_file *file, imago_error *error)
{
	const imago_image_header *header = &file->header;
	uint64_t in_file = file->size - heap_offset(file);
	if (header->data_size > in_file) {
		return fail_field(file, IMAGO_ETRUNCATED, IMAGO_HEADER_INDEX_DATA_SIZE, in_file, error);
	}
	if (header->old_base_address % IMAGO_SPUR_ALIGNMENT != 0) {
		return fail_field(file, IMAGO_EALIGN, IMAGO_HEADER_INDEX_OLD_BASE_ADDRESS,
		                  IMAGO_SPUR_ALIGNMENT, error);
	}
	if (header->old_base_address == 0) { /* 0 is also "no link" in free chunks */
		return fail_field(file, IMAGO_ERANGE, IMAGO_HEADER_INDEX_OLD_BASE_ADDRESS,
		                  IMAGO_SPUR_ALIGNMENT, error);
	}
	uint64_t first_size = header->first_segment_size;
	uint64_t limit = address_limit(file->place.layout);
	if (first_size <= header->data_size && header->old_base_address > limit - first_size) {
		return fail_field(file, IMAGO_ERANGE, IMAGO_HEADER_INDEX_OLD_BASE_ADDRESS,
		                  limit - first_size, error);
	}
	return IMAGO_OK;
}

static imago_status
fail_fact(imago_error *error, imago_status status, const spur_fact *fact, uint64_t limit)
{
	return imago_fail(error, status, fact->what, fact->offset, fact->value, limit);
}

/* The size and place of the segment that the chain stands at. */
static imago_status
require_segment(const spur_chain *chain, imago_layout layout, imago_error *error)
{
	uint64_t size = chain->size.value;
	uint64_t room = address_limit(layout) - chain->start;
	if (size < IMAGO_SPUR_SMALLEST_SEGMENT) {
		return fail_fact(error, IMAGO_ERANGE, &chain->size, IMAGO_SPUR_SMALLEST_SEGMENT);
	}
	if (size % IMAGO_SPUR_ALIGNMENT != 0) {
		return fail_fact(error, IMAGO_EALIGN, &chain->size, IMAGO_SPUR_ALIGNMENT);
	}
	if (!IMAGO_BUG(segment_past_data, size > chain->left) && size > chain->left) {
		return fail_fact(error, IMAGO_ESTRUCTURE, &chain->size, chain->left);
	}
	if (size > room) {
		return fail_fact(error, IMAGO_ERANGE, &chain->size, room);
	}
	return IMAGO_OK;
}

/* Adds the segment that the chain stands at and decodes its bridge. */
static imago_status
read_segment(imago_heap *heap, const spur_file *file, const spur_chain *chain,
             imago_spur_bridge *bridge, imago_error *error)
{
	imago_status status = require_segment(chain, heap->layout, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_segment segment = {
	    .start = chain->start,
	    .size = chain->size.value - IMAGO_BRIDGE_SIZE,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .bytes = file->bytes + chain->offset,
	    .offset = chain->offset,
	    .space = IMAGO_SPACE_OLD,
	};
	if (!imago_spur_bridge_decode(segment.bytes + segment.size, heap->layout, bridge)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "bridge", segment.offset + segment.size,
		                  bridge->first, 0);
	}
	return imago_heap_add_segment(heap, &segment, error);
}

/* Moves the chain over the segment just read to the one that its bridge announces. */
static imago_status
follow_bridge(spur_chain *chain, const imago_spur_bridge *bridge, imago_layout layout,
              imago_error *error)
{
	uint64_t size = chain->size.value;
	uint64_t bridge_offset = chain->offset + size - IMAGO_BRIDGE_SIZE;
	uint64_t end = chain->start + size; /* no wrap: require_segment looked */
	uint64_t room = address_limit(layout) - end;
	spur_fact span = {.value = bridge->gap, .what = "bridge span", .offset = bridge_offset};
	if (bridge->gap > room) {
		return fail_fact(error, IMAGO_ESTRUCTURE, &span, room);
	}
	if (bridge->gap % IMAGO_SPUR_ALIGNMENT != 0) {
		return fail_fact(error, IMAGO_EALIGN, &span, IMAGO_SPUR_ALIGNMENT);
	}
	chain->offset += size;
	chain->left -= size;
	chain->size = (spur_fact){.value = bridge->next_size,
	                          .what = "next segment size",
	                          .offset = bridge_offset + IMAGO_BRIDGE_SIZE / 2};
	chain->start = end + bridge->gap;
	return IMAGO_OK;
}

static spur_fact
fact_of_field(const spur_file *file, size_t index)
{
	uint8_t word_bytes = file->place.layout.word_bytes;
	return (spur_fact){
	    .value = imago_header_get(&file->header, index),
	    .what = imago_header_field_at(index, word_bytes).name,
	    .offset = file->place.start + imago_header_field_offset(index, word_bytes),
	};
}

/* Ends: every segment takes at least IMAGO_SPUR_SMALLEST_SEGMENT bytes of chain.left. */
static imago_status
read_segments(imago_heap *heap, const spur_file *file, imago_error *error)
{
	spur_chain chain = {
	    .offset = heap_offset(file),
	    .left = file->header.data_size,
	    .size = fact_of_field(file, IMAGO_HEADER_INDEX_FIRST_SEGMENT_SIZE),
	    .start = file->header.old_base_address,
	};
	imago_spur_bridge bridge;
	imago_status status = read_segment(heap, file, &chain, &bridge, error);
	while (status == IMAGO_OK && bridge.next_size != 0) {
		status = follow_bridge(&chain, &bridge, heap->layout, error);
		if (status == IMAGO_OK) {
			status = read_segment(heap, file, &chain, &bridge, error);
		}
	}
	if (status == IMAGO_OK) {
		uint64_t end = chain.offset + chain.size.value;
		heap->wrapping.trailing = file->bytes + end;
		heap->wrapping.trailing_size = file->size - end;
	}
	return status;
}

imago_status
imago_spur_read(imago_heap **out, const uint8_t *bytes, uint64_t size, imago_allocator *allocator,
                imago_error *error)
{
	spur_file file = {.bytes = bytes, .size = size};
	imago_status status = imago_header_locate(&file.place, bytes, size, error);
	if (status == IMAGO_OK) {
		status = imago_header_require_model(&file.place, IMAGO_SPUR, error);
	}
	if (status == IMAGO_OK) {
		status = imago_header_read(&file.place, bytes, size, IMAGO_SPUR_ALIGNMENT, &file.header,
		                           &file.wrapping, error);
	}
	if (status == IMAGO_OK) {
		status = require_heap_fields(&file, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}

	imago_heap *heap;
	status = imago_heap_create(&heap, IMAGO_SPUR, file.place.layout, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	heap->header = file.header;
	heap->wrapping = file.wrapping;
	heap->bridges = IMAGO_BRIDGES_FILE;
	status = read_segments(heap, &file, error);
	if (status != IMAGO_OK) {
		imago_heap_destroy(heap);
		return status;
	}
	*out = heap;
	return IMAGO_OK;
}
