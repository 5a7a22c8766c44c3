/* layout.h: word size and byte order, as data.
 *
 * A layout rides on every heap and every reader; nothing in imago depends on the host's own order.
 * It stands on the ground floor because readers and writers need it; only core/memory and the
 * format probes look at word_bytes.
 */
#ifndef IMAGO_LAYOUT_H
#define IMAGO_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum imago_byte_order {
	IMAGO_LITTLE_ENDIAN,
	IMAGO_BIG_ENDIAN,
} imago_byte_order;

typedef struct imago_layout {
	uint8_t word_bytes; /* 4 or 8 */
	imago_byte_order byte_order;
} imago_layout;

static inline bool
imago_layout_equal(imago_layout a, imago_layout b)
{
	return a.word_bytes == b.word_bytes && a.byte_order == b.byte_order;
}

#endif
