/* v3_image.h: the classic Squeak image before Spur (formats/v3/v3.md). */
#ifndef IMAGO_V3_IMAGE_H
#define IMAGO_V3_IMAGE_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/writer.h"

/* Reads a 32-bit image of either byte order (6502, 6504, 6505) from size bytes, which the heap
 * borrows and which must outlive it. IMAGO_EMAGIC, IMAGO_EVERSION (6501 and the 64-bit numbers
 * 68000-68003, by name), IMAGO_ETRUNCATED, IMAGO_ERANGE, IMAGO_EALIGN, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_v3_read(imago_heap **out, const uint8_t *bytes, uint64_t size,
                                     imago_allocator *allocator,
                                     imago_error *error) IMAGO_NODISCARD;

/* Appends the file. The heap must be a V3 heap of one segment (IMAGO_EUNSUPPORTED: what names it).
 * A heap just read gives its own bytes back. Refuses, before anything is appended, what
 * imago_v3_read would not read as the same heap: IMAGO_ESTRUCTURE (dataSize or oldBaseAddr against
 * the segment), IMAGO_EVERSION, IMAGO_ERANGE, IMAGO_EALIGN, IMAGO_EUSAGE (prefix or header tail).
 * IMAGO_ENOMEM. */
IMAGO_API imago_status imago_v3_write(const imago_heap *heap, imago_writer *writer) IMAGO_NODISCARD;

#endif
