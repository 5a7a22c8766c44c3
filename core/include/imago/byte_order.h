/* byte_order.h: integers from and to bytes, in either order, at any alignment.
 *
 * The only byte shifts of the library. Compilers turn each into one load, with a byte reversal
 * where the order is not the host's; none of them depends on the host.
 */
#ifndef IMAGO_BYTE_ORDER_H
#define IMAGO_BYTE_ORDER_H

#include <stdint.h>
#include <string.h>

#include "imago/compiler.h"
#include "imago/layout.h"

/* The order of the machine that this runs on: that of images which run where they are mapped. */
IMAGO_ALWAYS_INLINE imago_byte_order
imago_host_order(void)
{
	const uint16_t one = 1;
	uint8_t first;
	memcpy(&first, &one, 1);
	return first == 1 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
}

IMAGO_ALWAYS_INLINE uint16_t
imago_load_u16(const uint8_t *bytes, imago_byte_order order)
{
	if (order == IMAGO_LITTLE_ENDIAN) {
		return (uint16_t)(bytes[0] | bytes[1] << 8);
	}
	return (uint16_t)(bytes[1] | bytes[0] << 8);
}

IMAGO_ALWAYS_INLINE uint32_t
imago_load_u32(const uint8_t *bytes, imago_byte_order order)
{
	if (order == IMAGO_LITTLE_ENDIAN) {
		return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		       (uint32_t)bytes[3] << 24;
	}
	return (uint32_t)bytes[3] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[0] << 24;
}

IMAGO_ALWAYS_INLINE uint64_t
imago_load_u64(const uint8_t *bytes, imago_byte_order order)
{
	uint64_t first = imago_load_u32(bytes, order);
	uint64_t second = imago_load_u32(bytes + 4, order);
	return order == IMAGO_LITTLE_ENDIAN ? first | second << 32 : second | first << 32;
}

/* One word of the layout, zero-extended. */
IMAGO_ALWAYS_INLINE uint64_t
imago_load_word(const uint8_t *bytes, imago_layout layout)
{
	return layout.word_bytes == 8 ? imago_load_u64(bytes, layout.byte_order)
	                              : imago_load_u32(bytes, layout.byte_order);
}

IMAGO_ALWAYS_INLINE void
imago_store_u16(uint8_t *bytes, uint16_t value, imago_byte_order order)
{
	int low = order == IMAGO_LITTLE_ENDIAN ? 0 : 1;
	bytes[low] = (uint8_t)value;
	bytes[1 - low] = (uint8_t)(value >> 8);
}

IMAGO_ALWAYS_INLINE void
imago_store_u32(uint8_t *bytes, uint32_t value, imago_byte_order order)
{
	if (order == IMAGO_LITTLE_ENDIAN) {
		bytes[0] = (uint8_t)value;
		bytes[1] = (uint8_t)(value >> 8);
		bytes[2] = (uint8_t)(value >> 16);
		bytes[3] = (uint8_t)(value >> 24);
	} else {
		bytes[3] = (uint8_t)value;
		bytes[2] = (uint8_t)(value >> 8);
		bytes[1] = (uint8_t)(value >> 16);
		bytes[0] = (uint8_t)(value >> 24);
	}
}

IMAGO_ALWAYS_INLINE void
imago_store_u64(uint8_t *bytes, uint64_t value, imago_byte_order order)
{
	uint32_t low = (uint32_t)value;
	uint32_t high = (uint32_t)(value >> 32);
	imago_store_u32(bytes, order == IMAGO_LITTLE_ENDIAN ? low : high, order);
	imago_store_u32(bytes + 4, order == IMAGO_LITTLE_ENDIAN ? high : low, order);
}

/* One word of the layout; what does not fit a 4-byte word is cut. */
IMAGO_ALWAYS_INLINE void
imago_store_word(uint8_t *bytes, uint64_t value, imago_layout layout)
{
	if (layout.word_bytes == 8) {
		imago_store_u64(bytes, value, layout.byte_order);
	} else {
		imago_store_u32(bytes, (uint32_t)value, layout.byte_order);
	}
}

#endif
