/* image_header.h: the 16 fields that every classic image begins with, width-free.
 *
 * Source: formats/spur/spur.md §1, §3, §4; formats/v3/v3.md §1, §2.
 */
#ifndef IMAGO_IMAGE_HEADER_H
#define IMAGO_IMAGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/layout.h"
#include "imago/oop.h"

typedef struct imago_image_header {
#define IMAGO_HEADER_FIELD(member, name, width, meaning) uint64_t member;
#include "imago/image_header.def"
#undef IMAGO_HEADER_FIELD
} imago_image_header;

enum {
	IMAGO_NUM_HEADER_FIELDS = 16,
	IMAGO_HEADER_SIZE_32 = 64,  /* what VMs write for a 4-byte word */
	IMAGO_HEADER_SIZE_64 = 128, /* and for an 8-byte word */
};

/* Bits of headerFlags (spur.md §4). */
enum {
	IMAGO_FLAG_FULL_SCREEN = 1 << 0,
	IMAGO_FLAG_FLOATS_LOW_WORD_FIRST = 1 << 1,
	IMAGO_FLAG_THREAD_AFFINITY = 1 << 2,
	IMAGO_FLAG_INTERPRETED_METHODS = 1 << 3,
	IMAGO_FLAG_PREEMPTION_KEEPS_PLACE = 1 << 4,
	IMAGO_FLAG_PROCESS_HAS_OS_ERROR = 1 << 5,
	IMAGO_FLAG_NEW_FINALIZATION = 1 << 6,
	IMAGO_FLAG_WHEEL_EVENTS = 1 << 7,
	IMAGO_FLAG_NO_MIXED_ARITHMETIC = 1 << 8,
	IMAGO_FLAG_UTC_FILE_TIMES = 1 << 9,
	IMAGO_FLAG_NO_DISPLAY_UPSCALE = 1 << 10,
	IMAGO_FLAG_NO_MIXED_COMPARISON = 1 << 11,
	IMAGO_KNOWN_FLAGS = (1 << 12) - 1,
};

/* What a format number says (spur.md §1). */
typedef struct imago_format_number {
	uint32_t number;
	imago_object_model model;
	uint8_t word_bytes;
	bool supported;       /* false: known, and refused by name */
	bool platform_floats; /* bit 0: floats in platform word order */
	bool closures;        /* false: BlockContexts only (6502) */
	bool multiple_bytecode_sets;
	const char *name; /* "Spur 64-bit" */
} imago_format_number;

/* Looks a number up in the explicit list; NULL for a number that no VM ever wrote. Never masks. */
IMAGO_API const imago_format_number *imago_format_number_find(uint64_t number);

/* One field, for tools that list or set fields. index is 0 … 15, in file order. */
typedef struct imago_header_field {
	const char *name;
	const char *meaning;
	uint8_t width; /* in the given word size: 2, 4 or 8 bytes */
} imago_header_field;

/* The field at an index, and its value in a header. index must be below IMAGO_NUM_HEADER_FIELDS;
 * set does not ask whether the value fits the field's width in a file; the writers do. */
IMAGO_API imago_header_field imago_header_field_at(size_t index, uint8_t word_bytes);
IMAGO_API uint64_t imago_header_get(const imago_image_header *header, size_t index);
IMAGO_API void imago_header_set(imago_image_header *header, size_t index, uint64_t value);

/* The index of the field with that name, or -1. */
IMAGO_API int imago_header_field_index(const char *name);

#endif
