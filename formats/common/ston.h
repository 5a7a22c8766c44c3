/* ston.h: the bounded subset of STON that image folders are described in.
 *
 *   text  = ws* NAME ws* '{' ws* [ field (ws* ',' ws* field)* ] ws* '}' ws*
 *   field = '#' NAME ws* ':' ws* ['-'] DIGITS
 *
 * NAME is 1 … 64 of [A-Za-z0-9_], ws is blank, tab, CR or LF. Source: formats/composed/composed.md
 * §3.
 */
#ifndef FORMATS_COMMON_STON_H
#define FORMATS_COMMON_STON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/writer.h"

enum {
	IMAGO_STON_MAX_NAME = 64,
	IMAGO_STON_MAX_FIELDS = 64, /* known and unknown; a header has 17 */
	IMAGO_STON_MAX_TEXT = 1 << 16,
};

typedef struct imago_ston_field {
	const uint8_t *name; /* in the text, not terminated */
	size_t name_length;
	bool negative;
	uint64_t magnitude;   /* at most 2^63 when negative */
	uint64_t name_offset; /* of the '#' */
	uint64_t offset;      /* of the number */
} imago_ston_field;

/* A record; its names borrow the text. */
typedef struct imago_ston {
	const uint8_t *name;
	size_t name_length;
	size_t num_fields;
	imago_ston_field fields[IMAGO_STON_MAX_FIELDS];
} imago_ston;

/* Parses a text. Fields keep their order; which of them are known is the caller's to say.
 * IMAGO_ETRUNCATED (the text ends before the record), IMAGO_ESTRUCTURE (another character than the
 * grammar allows: what names what was expected; a field that is there twice), IMAGO_ERANGE (a name
 * over 64 characters, a number under -2^63 or over 2^64 - 1), IMAGO_ELIMIT (too many fields, or
 * a text over 64 KiB). */
imago_status imago_ston_parse(imago_ston *out, const uint8_t *text, uint64_t size,
                              imago_error *error) IMAGO_NODISCARD;

/* The field of that name, or NULL. */
const imago_ston_field *imago_ston_find(const imago_ston *record, const char *name);

/* True when the record, or the field, has that name. */
bool imago_ston_is_named(const imago_ston *record, const char *name);
bool imago_ston_field_is_named(const imago_ston_field *field, const char *name);

typedef struct imago_ston_number {
	const char *name;
	int64_t value;
} imago_ston_number;

/* Appends a record byte for byte as the VM writes it: one tab-indented line per field, no newline
 * after the brace. */
void imago_ston_write(imago_writer *writer, const char *name, const imago_ston_number *fields,
                      size_t num_fields);

#endif
