/* spur_bridge.h: the 16 bytes behind every segment of a classic Spur file (spur.md §12). */
#ifndef FORMATS_SPUR_SPUR_BRIDGE_H
#define FORMATS_SPUR_SPUR_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/base/planted.h"
#include "imago/byte_order.h"
#include "imago/heap.h"
#include "imago/layout.h"

enum {
	IMAGO_SPUR_ALIGNMENT = 8,
	IMAGO_SPUR_SMALLEST_OBJECT = 16, /* a header and room for a forwarding pointer */
	IMAGO_SPUR_SMALLEST_SEGMENT = IMAGO_SPUR_SMALLEST_OBJECT + IMAGO_BRIDGE_SIZE,
};

/* A bridge in file style. */
typedef struct imago_spur_bridge {
	uint64_t first;     /* the first half as it stands: what an error reports */
	uint64_t gap;       /* bytes between this segment and the next one in memory */
	uint64_t next_size; /* size of the next segment, its bridge included; 0: there is none */
} imago_spur_bridge;

/* Decodes the bridge at bytes. False when the top byte of its first half is neither 0 (short: no
 * gap) nor 255 (long). All 56 bits of a long bridge count in 32-bit files too: what no address
 * space can hold is then refused like any other wrap. */
static inline bool
imago_spur_bridge_decode(const uint8_t *bytes, imago_layout layout, imago_spur_bridge *bridge)
{
	uint64_t first = imago_load_u64(bytes, layout.byte_order);
	uint64_t top = first >> 56;
	bridge->first = first;
	bridge->gap = top == 0 ? 0 : (first & (UINT64_MAX >> 8)) * layout.word_bytes;
	if (IMAGO_BUG(bridge_span_24_bits, bridge->gap >> 24 >= layout.word_bytes)) {
		bridge->gap = (first & 0xFFFFFF) * layout.word_bytes;
	}
	bridge->next_size = imago_load_u64(bytes + 8, layout.byte_order);
	return top == 0 || top == 255;
}

#endif
