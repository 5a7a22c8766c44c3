/* format.h: what every format offers, as a row of one table (format.c). */
#ifndef FORMATS_COMMON_FORMAT_H
#define FORMATS_COMMON_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/check.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/image.h"
#include "imago/writer.h"

typedef struct imago_format {
	const char *name;

	/* True when the bytes claim to be of this format, supported version or not. */
	bool (*probe)(const uint8_t *bytes, uint64_t size);

	/* Fills image->heap (and image->folder) from bytes that outlive the image. */
	imago_status (*read)(imago_image *image, const uint8_t *bytes, uint64_t size,
	                     imago_error *error);

	/* Appends the file of a heap, whose bridges are already in this format's style. */
	imago_status (*write)(const imago_heap *heap, imago_writer *writer, imago_error *error);

	/* The format's own rules, or NULL where the core rules say it all. */
	const imago_rule *(*rules)(size_t *num_rules);
	imago_status (*check)(const imago_image *image, imago_check_sink *sink,
	                      imago_allocator *allocator, imago_error *error);

	/* The heap that a file was made of, or NULL where that is the heap that was read. */
	imago_status (*restore)(imago_heap **out, const imago_image *image, imago_allocator *allocator,
	                        imago_error *error);
} imago_format;

/* The row of a format; NULL for a value outside the enum. */
const imago_format *imago_format_at(imago_format_id format);

/* Finds the row whose probe says yes. IMAGO_EMAGIC, IMAGO_ETRUNCATED. */
imago_status imago_format_probe(imago_format_id *out, const uint8_t *bytes, uint64_t size,
                                imago_error *error) IMAGO_NODISCARD;

#endif
