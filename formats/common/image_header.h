/* image_header.h: the header of a classic file, from and to bytes.
 *
 * Source: formats/spur/spur.md §1-§3; formats/v3/v3.md §1, §2. Which field has which width, and in
 * which order they stand, is written once: core/include/imago/image_header.def.
 */
#ifndef FORMATS_COMMON_IMAGE_HEADER_H
#define FORMATS_COMMON_IMAGE_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/image_header.h"
#include "imago/layout.h"
#include "imago/writer.h"

enum {
	IMAGO_PREFIX_SIZE = 512,             /* the one prefix that VMs skip */
	IMAGO_HEADER_SIZE_LIMIT = 64 * 1024, /* largest imageHeaderSize that is accepted */
	IMAGO_HEADER_INDEX_HEADER_SIZE = 1,  /* fields that readers speak of, by their place */
	IMAGO_HEADER_INDEX_DATA_SIZE = 2,    /* in image_header.def */
	IMAGO_HEADER_INDEX_OLD_BASE_ADDRESS = 3,
	IMAGO_HEADER_INDEX_IMAGE_VERSION = 13,
	IMAGO_HEADER_INDEX_FIRST_SEGMENT_SIZE = 14,
};

/* Where the header of a classic file stands, and what its first field says. */
typedef struct imago_header_place {
	const imago_format_number *number; /* known, but perhaps not supported */
	imago_layout layout;
	uint64_t start; /* 0 or IMAGO_PREFIX_SIZE */
} imago_header_place;

/* Finds the format number: little-endian at 0, big-endian at 0, then both at 512. Any number of the
 * explicit list is found, supported or not. IMAGO_ETRUNCATED (under 4 bytes), IMAGO_EMAGIC. */
imago_status imago_header_locate(imago_header_place *out, const uint8_t *bytes, uint64_t size,
                                 imago_error *error) IMAGO_NODISCARD;

/* Refuses, by name, a number that is not supported or belongs to the other object model:
 * IMAGO_EVERSION. */
imago_status imago_header_require_model(const imago_header_place *place, imago_object_model model,
                                        imago_error *error) IMAGO_NODISCARD;

/* Reads the 16 fields at place, and imageHeaderSize against what may follow them: at least the
 * fields, at most IMAGO_HEADER_SIZE_LIMIT, a multiple of alignment, within the file. Fills prefix
 * and header tail of *wrapping; the heap begins at place->start + header->header_size.
 * IMAGO_ETRUNCATED, IMAGO_ERANGE, IMAGO_EALIGN. */
imago_status imago_header_read(const imago_header_place *place, const uint8_t *bytes, uint64_t size,
                               uint64_t alignment, imago_image_header *header,
                               imago_wrapping *wrapping, imago_error *error) IMAGO_NODISCARD;

/* Appends the mirror of what imago_header_read took: prefix, fields and header tail, filled up with
 * zeros to imageHeaderSize, and makes room for the rest of the file. Refuses what imago_header_read
 * would not give back, before anything is appended: IMAGO_ERANGE (a value wider than its field;
 * what names the field), IMAGO_EALIGN, IMAGO_EUSAGE (a prefix of another size, a tail that does not
 * fit). */
imago_status imago_header_write(const imago_heap *heap, uint64_t alignment,
                                imago_writer *writer) IMAGO_NODISCARD;

/* Bytes from the header's start to field index; to the end of the fields for
 * IMAGO_NUM_HEADER_FIELDS. */
uint64_t imago_header_field_offset(size_t index, uint8_t word_bytes);

/* Fails with the noun, value and file offset of one header field. */
imago_status imago_header_fail(imago_error *error, imago_status status,
                               const imago_header_place *place, const imago_image_header *header,
                               size_t index, uint64_t limit);

/* The same for a writer, whose status becomes sticky. */
imago_status imago_writer_refuse(imago_writer *writer, imago_status status, const char *what,
                                 uint64_t found, uint64_t limit);

#endif
