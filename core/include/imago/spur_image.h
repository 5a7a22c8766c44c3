/* spur_image.h: the classic single file of Spur (formats/spur/spur.md). */
#ifndef IMAGO_SPUR_IMAGE_H
#define IMAGO_SPUR_IMAGE_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/writer.h"

/* Reads an image from size bytes, which the heap borrows and which must outlive it. Refuses what
 * cannot be represented: IMAGO_EMAGIC; IMAGO_EVERSION (68019 and every number but 6521, 7033,
 * 68021, 68533); IMAGO_ETRUNCATED; IMAGO_ERANGE, IMAGO_EALIGN (header size, segment sizes, base);
 * IMAGO_ESTRUCTURE (segments beyond dataSize, bridges that wrap or overlap); IMAGO_ELIMIT;
 * IMAGO_ENOMEM. Everything else is for the checker to find. */
IMAGO_API imago_status imago_spur_read(imago_heap **out, const uint8_t *bytes, uint64_t size,
                                       imago_allocator *allocator,
                                       imago_error *error) IMAGO_NODISCARD;

/* Appends the file. The heap must be a Spur heap with bridges in file style and without permanent
 * space (IMAGO_EUNSUPPORTED: what names it). A heap just read gives its own bytes back. Refuses,
 * before anything is appended, what imago_spur_read would not read as the same heap:
 * IMAGO_ESTRUCTURE (dataSize, oldBaseAddr, firstSegSize or a bridge against the segments),
 * IMAGO_EVERSION, IMAGO_ERANGE (a header value wider than its field), IMAGO_EALIGN, IMAGO_EUSAGE
 * (prefix or header tail). IMAGO_ENOMEM. */
IMAGO_API imago_status imago_spur_write(const imago_heap *heap,
                                        imago_writer *writer) IMAGO_NODISCARD;

#endif
