/* heap_bridges.c: writing the bridges between segments (formats/spur/spur.md §12). */
#include "imago/heap.h"

#include <string.h>

#include "../base/planted.h"
enum { HALF = 8 };

/* A bridge counts the words of its gap in 56 bits. */
static const uint64_t largest_span = (UINT64_C(1) << 56) - 1;

/* A bridge's header: class index 3, pinned and marked; format 10 in 32 bits, 9 in 64. */
static uint64_t
bridge_header(imago_layout layout, bool overflow)
{
	uint64_t header =
	    layout.word_bytes == 8 ? UINT64_C(0x0080000049000003) : UINT64_C(0x008000004A000003);
	return overflow ? header | UINT64_C(0xFF) << 56 : header;
}

void
imago_put_last_bridge(uint8_t *bridge, imago_layout layout)
{
	imago_store_u64(bridge, bridge_header(layout, false), layout.byte_order);
	imago_store_u64(bridge + HALF, 0, layout.byte_order);
}

/* The bytes between this segment and the next one, 0 for the last of old space. */
static uint64_t
gap_after(const imago_heap *heap, size_t index, const imago_segment **next)
{
	const imago_segment *segment = &heap->segments[index];
	*next = NULL;
	if (index + 1 == heap->num_segments || segment[1].space != IMAGO_SPACE_OLD) {
		return 0;
	}
	*next = &segment[1];
	return (*next)->start - (segment->start + segment->size + segment->bridge_size);
}

static void
store_bridge(const imago_heap *heap, size_t index, imago_bridges style)
{
	const imago_segment *next;
	uint64_t gap = gap_after(heap, index, &next);
	uint8_t *bridge = heap->segments[index].writable + heap->segments[index].size;
	imago_byte_order order = heap->layout.byte_order;
	uint64_t old_first = imago_load_u64(bridge, order);
	uint64_t first = gap == 0 ? bridge_header(heap->layout, false)
	                          : UINT64_C(0xFF) << 56 | gap / heap->layout.word_bytes;
	bool same_span = gap == 0 ? old_first >> 56 == 0 : old_first == first;
	if (!same_span) {
		imago_store_u64(bridge, first, order);
	}
	if (style == IMAGO_BRIDGES_FILE) {
		uint64_t next_size = next != NULL ? next->size + next->bridge_size : 0;
		if (!IMAGO_BUG(bridges_memory_to_file,
		               index > 1 && next != NULL && heap->bridges == IMAGO_BRIDGES_MEMORY)) {
			imago_store_u64(bridge + HALF, next_size, order);
		}
	} else if (gap != 0) {
		imago_store_u64(bridge + HALF, bridge_header(heap->layout, true), order);
	} else if (heap->bridges != IMAGO_BRIDGES_MEMORY) {
		memset(bridge + HALF, 0, HALF);
	}
}

imago_status
imago_heap_set_bridges(imago_heap *heap, imago_bridges bridges, imago_error *error)
{
	if (heap->model != IMAGO_SPUR || bridges == IMAGO_BRIDGES_NONE) {
		return imago_fail(error, IMAGO_EUSAGE, "bridges", IMAGO_NO_OFFSET, 0, 0);
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		const imago_segment *next;
		if (segment->space == IMAGO_SPACE_OLD &&
		    (segment->writable == NULL || segment->bridge_size != IMAGO_BRIDGE_SIZE)) {
			return imago_fail(error, IMAGO_EUSAGE, "segment without a writable bridge",
			                  segment->offset, 0, 0);
		}
		uint64_t gap = gap_after(heap, i, &next);
		if (gap % heap->layout.word_bytes != 0) {
			return imago_fail(error, IMAGO_EALIGN, "gap between segments", segment->offset, gap,
			                  heap->layout.word_bytes);
		}
		if (gap / heap->layout.word_bytes > largest_span) {
			return imago_fail(error, IMAGO_ERANGE, "gap between segments", segment->offset, gap,
			                  largest_span * heap->layout.word_bytes);
		}
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		if (heap->segments[i].space == IMAGO_SPACE_OLD) {
			store_bridge(heap, i, bridges);
		}
	}
	heap->bridges = bridges;
	return IMAGO_OK;
}
