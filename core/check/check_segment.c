/* check_segment.c: segments and their bridges (spur.md §12, composed.md §5). */
#include "check_private.h"

enum { HALF = 8, CLASS_MASK = (1 << 22) - 1, FORMAT_SHIFT = 24, FORMAT_MASK = 31 };

static void
report_bridge(check_context *context, imago_rule_id rule, const imago_segment *segment,
              uint64_t half, uint64_t found, uint64_t expected)
{
	check_place place = {
	    .part = segment->part,
	    .offset = segment->offset + segment->size + half,
	    .oop = segment->start + segment->size,
	    .slot = IMAGO_NO_SLOT,
	};
	check_report(context, rule, &place, found, expected);
}

/* A bridge is a fake object of words. Its mark and pin bits are left alone: no reader looks. */
static bool
is_bridge_header(const imago_heap *heap, uint64_t header)
{
	uint64_t format = heap->layout.word_bytes == 8 ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32;
	return (header & CLASS_MASK) == IMAGO_CLASS_BRIDGE &&
	       (header >> FORMAT_SHIFT & FORMAT_MASK) == format;
}

static void
check_bridge(check_context *context, const imago_segment *segment, const imago_segment *next)
{
	const imago_heap *heap = context->facts->heap;
	const uint8_t *bytes = segment->bytes + segment->size;
	uint64_t first = imago_load_u64(bytes, heap->layout.byte_order);
	uint64_t second = imago_load_u64(bytes + HALF, heap->layout.byte_order);
	uint64_t count = first & (UINT64_MAX >> 8);
	bool is_long = first >> 56 != 0;
	uint64_t gap =
	    next != NULL ? next->start - (segment->start + segment->size + segment->bridge_size) : 0;
	uint64_t gap_words = gap / heap->layout.word_bytes;
	if (next == NULL && first == 0) {
		report_bridge(context, IMAGO_RULE_SEGMENT_BRIDGE_ZERO, segment, 0, first,
		              IMAGO_NOTHING_EXPECTED);
		return;
	}
	if (is_long ? count != gap_words : gap != 0) {
		report_bridge(context, IMAGO_RULE_SEGMENT_BRIDGE_SPAN, segment, 0, is_long ? count : 0,
		              gap_words);
	} else if (!is_long && !is_bridge_header(heap, first)) {
		report_bridge(context, IMAGO_RULE_SEGMENT_BRIDGE_HEADER, segment, 0, first,
		              IMAGO_NOTHING_EXPECTED);
	} else if (is_long && heap->bridges == IMAGO_BRIDGES_MEMORY &&
	           !is_bridge_header(heap, second)) {
		report_bridge(context, IMAGO_RULE_SEGMENT_BRIDGE_HEADER, segment, HALF, second,
		              IMAGO_NOTHING_EXPECTED);
	}
}

static void
check_perm_range(check_context *context, const imago_segment *segment)
{
	const imago_heap *heap = context->facts->heap;
	uint64_t perm_start = heap->layout.word_bytes == 8 ? IMAGO_PERM_START_64 : IMAGO_PERM_START_32;
	imago_addr end = segment->start + segment->size;
	if (end <= perm_start) {
		return;
	}
	check_place place = {
	    .part = segment->part,
	    .offset = segment->offset,
	    .oop = segment->start,
	    .slot = IMAGO_NO_SLOT,
	};
	check_report(context, IMAGO_RULE_SEGMENT_IN_PERM_RANGE, &place, end, IMAGO_NOTHING_EXPECTED);
}

void
check_bridges(check_context *context)
{
	const imago_heap *heap = context->facts->heap;
	if (heap->model != IMAGO_SPUR) {
		return;
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		bool has_next = i + 1 < heap->num_segments && segment[1].space == IMAGO_SPACE_OLD;
		if (segment->space != IMAGO_SPACE_OLD) {
			continue;
		}
		check_perm_range(context, segment);
		if (segment->bridge_size == IMAGO_BRIDGE_SIZE) {
			check_bridge(context, segment, has_next ? &segment[1] : NULL);
		}
	}
}

void
check_segment_contents(check_context *context, size_t index, uint64_t num_objects)
{
	const imago_segment *segment = &context->facts->heap->segments[index];
	check_place place = {
	    .part = segment->part,
	    .offset = segment->offset,
	    .oop = segment->start,
	    .slot = IMAGO_NO_SLOT,
	};
	if (num_objects == 0 && segment->space == IMAGO_SPACE_OLD) {
		check_report(context, IMAGO_RULE_SEGMENT_EMPTY, &place, segment->size,
		             IMAGO_NOTHING_EXPECTED);
	}
}
