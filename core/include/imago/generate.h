/* generate.h: a valid image of any layout from any bytes.
 *
 * Every byte string, of any length, is the description of an image that the checker finds no error
 * in; the empty one describes the smallest image there is. A string that asks for nothing unusual
 * (bit 0 of byte 1) gets an image without any finding. What the bytes mean: core/memory/README.md,
 * "Images from bytes". Neighbouring strings describe neighbouring images, so that an engine that
 * changes bytes changes objects.
 */
#ifndef IMAGO_GENERATE_H
#define IMAGO_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

enum {
	IMAGO_GENERATE_PREFIX = 8,         /* bytes that describe the image as a whole */
	IMAGO_GENERATE_RECORD = 8,         /* bytes of each record that follows, mostly an object */
	IMAGO_GENERATE_MAX_RECORDS = 4096, /* what comes behind so many is not looked at */
};

typedef struct imago_generate_options {
	uint32_t image_format; /* 6521, 68021, 6505 … */
	imago_byte_order byte_order;
	bool composed; /* permanent space where the bytes ask for it: only image folders have it */
} imago_generate_options;

/* Makes the image that the bytes describe. The same bytes give the same image on every host, and in
 * all layouts of one object model the same objects: equal digests. IMAGO_EVERSION (a format number
 * that is not supported), IMAGO_ENOMEM. Memory: at most 4 KiB for each 8 bytes, and 2 MiB. */
IMAGO_API imago_status imago_generate(imago_heap **out, const uint8_t *bytes, uint64_t size,
                                      const imago_generate_options *options,
                                      imago_allocator *allocator,
                                      imago_error *error) IMAGO_NODISCARD;

/* Name and summary of a kind of record (the low five bits of its first byte); NULL from 32 on. */
IMAGO_API const char *imago_generate_kind_name(unsigned kind);
IMAGO_API const char *imago_generate_kind_summary(unsigned kind);

#endif
