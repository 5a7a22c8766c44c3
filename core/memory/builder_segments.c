/* builder_segments.c: growing segments. Addresses are given out once and never move; the bytes
 * behind them may. */
#include "builder_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "imago/checked.h"

enum { FIRST_CAPACITY = 64 * 1024, FIRST_SEGMENT_CAPACITY = 4 };

void
builder_fail(imago_builder *builder, imago_status status, const char *what, uint64_t found,
             uint64_t limit)
{
	if (builder_ok(builder)) {
		imago_fail(&builder->error, status, what, IMAGO_NO_OFFSET, found, limit);
	}
}

const builder_segment *
builder_search_segment(const imago_builder *builder, imago_addr addr)
{
	size_t low = 0;
	size_t high = builder->num_segments;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (builder->segments[middle].start <= addr) {
			low = middle;
		} else {
			high = middle;
		}
	}
	const builder_segment *found = &builder->segments[low];
	return addr >= found->start && addr - found->start < found->size ? found : NULL;
}

/* The first address that a segment may not reach: room for its bridge is kept. */
static imago_addr
address_limit(const imago_builder *builder, const builder_segment *segment)
{
	bool wide = builder->layout.word_bytes == 8;
	if (segment->space == IMAGO_SPACE_OLD && builder->has_perm) {
		return (wide ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32) - IMAGO_BRIDGE_SIZE;
	}
	return (wide ? UINT64_MAX - 7 : UINT32_MAX - 7) - IMAGO_BRIDGE_SIZE;
}

/* Makes room for size bytes and a bridge behind them. */
static bool
reserve(imago_builder *builder, builder_segment *segment, uint64_t size)
{
	imago_addr limit = address_limit(builder, segment);
	if (segment->start > limit || size > limit - segment->start ||
	    segment->size > limit - segment->start - size) {
		builder_fail(builder, IMAGO_ERANGE, "address space", size, limit);
		return false;
	}
	uint64_t needed = segment->size + size + IMAGO_BRIDGE_SIZE;
	if (needed <= segment->capacity) {
		return true;
	}
	uint64_t capacity = segment->capacity + segment->capacity / 2;
	if (capacity < FIRST_CAPACITY) {
		capacity = FIRST_CAPACITY;
	}
	if (capacity < needed) {
		capacity = needed;
	}
	uint8_t *bytes = imago_resize(builder->allocator, segment->bytes, segment->capacity, capacity,
	                              "segment being built", &builder->error);
	if (bytes == NULL) {
		return false;
	}
	segment->bytes = bytes;
	segment->capacity = capacity;
	return true;
}

bool
builder_reserve(imago_builder *builder, size_t segment, uint64_t size)
{
	return builder_ok(builder) && reserve(builder, &builder->segments[segment], size);
}

imago_addr
builder_extend(imago_builder *builder, size_t segment, uint64_t size)
{
	if (!builder_ok(builder)) {
		return 0;
	}
	builder_segment *grown = &builder->segments[segment];
	if (!reserve(builder, grown, size)) {
		return 0;
	}
	imago_addr addr = grown->start + grown->size;
	grown->size += size;
	return addr;
}

void
builder_add_segment(imago_builder *builder, imago_addr start, imago_space space)
{
	if (!builder_ok(builder)) {
		return;
	}
	if (builder->num_segments == IMAGO_MAX_SEGMENTS) {
		builder_fail(builder, IMAGO_ELIMIT, "number of segments", builder->num_segments,
		             IMAGO_MAX_SEGMENTS);
		return;
	}
	if (builder->num_segments == builder->segment_capacity) {
		size_t capacity =
		    builder->segment_capacity == 0 ? FIRST_SEGMENT_CAPACITY : 2 * builder->segment_capacity;
		builder_segment *segments = imago_resize(
		    builder->allocator, builder->segments, builder->segment_capacity * sizeof(*segments),
		    capacity * sizeof(*segments), "segment table", &builder->error);
		if (segments == NULL) {
			return;
		}
		builder->segments = segments;
		builder->segment_capacity = capacity;
	}
	builder_segment *added = &builder->segments[builder->num_segments];
	*added = (builder_segment){.start = start, .space = space};
	if (!reserve(builder, added, 0)) {
		return;
	}
	builder->current = builder->num_segments++;
	if (space == IMAGO_SPACE_OLD) {
		builder->old = builder->current;
	}
}

/* Gives one segment's bytes to the heap and describes them. */
static imago_status
hand_over_one(imago_builder *builder, builder_segment *segment, imago_heap *heap, uint64_t offset,
              const char *part, imago_error *error)
{
	bool bridged = builder_is_spur(builder) && segment->space == IMAGO_SPACE_OLD;
	uint64_t bridge_size = bridged ? IMAGO_BRIDGE_SIZE : 0;
	uint64_t size = segment->size + bridge_size;
	uint8_t *bytes = imago_resize(builder->allocator, segment->bytes, segment->capacity, size,
	                              "segment being finished", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	segment->bytes = bytes;
	segment->capacity = size;
	imago_status status = imago_heap_own(heap, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	segment->bytes = NULL;
	segment->capacity = 0;
	/* No bridge begins like this, so imago_heap_set_bridges will write it anew: an all-zero one
	 * would pass for a short bridge. */
	memset(bytes + segment->size, 0xFF, (size_t)bridge_size);
	imago_segment finished = {.start = segment->start,
	                          .size = segment->size,
	                          .bridge_size = bridge_size,
	                          .bytes = bytes,
	                          .writable = bytes,
	                          .offset = offset,
	                          .space = segment->space};
	snprintf(finished.part, sizeof(finished.part), "%s", part);
	return imago_heap_add_segment(heap, &finished, error);
}

imago_status
builder_hand_over(imago_builder *builder, imago_heap *heap, imago_error *error)
{
	uint64_t offset = heap->header.header_size;
	char part[IMAGO_PART_SIZE] = "";
	size_t number = 0;
	for (size_t i = 0; i < builder->num_segments; i++) {
		builder_segment *segment = &builder->segments[i];
		if (segment->size == 0) {
			continue; /* as VMs do, segments of nothing but a bridge are left out */
		}
		if (builder->has_perm) {
			offset = 0;
			if (segment->space == IMAGO_SPACE_PERM) {
				snprintf(part, sizeof(part), "permSpace.data");
			} else {
				snprintf(part, sizeof(part), "seg%u.data", (unsigned)(number++ & 0xFFFFF));
			}
		}
		uint64_t size = segment->size;
		imago_status status = hand_over_one(builder, segment, heap, offset, part, error);
		if (status != IMAGO_OK) {
			return status;
		}
		offset += size + (builder_is_spur(builder) ? IMAGO_BRIDGE_SIZE : 0);
	}
	return IMAGO_OK;
}
