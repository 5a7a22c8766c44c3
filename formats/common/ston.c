/* ston.c: reading and writing the STON subset. One function per line of the grammar (ston.h). */
#include "ston.h"

#include <string.h>

typedef struct parser {
	const uint8_t *text;
	uint64_t size;
	uint64_t position;
	imago_error *error;
} parser;

/* Fails at the current character, or at the end of the text. */
static imago_status
fail_here(const parser *at, const char *expected)
{
	if (at->position == at->size) {
		return imago_fail(at->error, IMAGO_ETRUNCATED, expected, at->position, 0, 0);
	}
	return imago_fail(at->error, IMAGO_ESTRUCTURE, expected, at->position, at->text[at->position],
	                  0);
}

/* What a character may be part of. One look at a table is a fraction of the comparisons, and texts
 * are looked at character by character. */
enum { SPACE = 1, DIGIT = 2, NAME = 4 };

static const uint8_t character_kinds[256] = {
    [' '] = SPACE,        ['\t'] = SPACE,       ['\n'] = SPACE,       ['\r'] = SPACE,
    ['0'] = DIGIT | NAME, ['1'] = DIGIT | NAME, ['2'] = DIGIT | NAME, ['3'] = DIGIT | NAME,
    ['4'] = DIGIT | NAME, ['5'] = DIGIT | NAME, ['6'] = DIGIT | NAME, ['7'] = DIGIT | NAME,
    ['8'] = DIGIT | NAME, ['9'] = DIGIT | NAME, ['_'] = NAME,         ['a'] = NAME,
    ['b'] = NAME,         ['c'] = NAME,         ['d'] = NAME,         ['e'] = NAME,
    ['f'] = NAME,         ['g'] = NAME,         ['h'] = NAME,         ['i'] = NAME,
    ['j'] = NAME,         ['k'] = NAME,         ['l'] = NAME,         ['m'] = NAME,
    ['n'] = NAME,         ['o'] = NAME,         ['p'] = NAME,         ['q'] = NAME,
    ['r'] = NAME,         ['s'] = NAME,         ['t'] = NAME,         ['u'] = NAME,
    ['v'] = NAME,         ['w'] = NAME,         ['x'] = NAME,         ['y'] = NAME,
    ['z'] = NAME,         ['A'] = NAME,         ['B'] = NAME,         ['C'] = NAME,
    ['D'] = NAME,         ['E'] = NAME,         ['F'] = NAME,         ['G'] = NAME,
    ['H'] = NAME,         ['I'] = NAME,         ['J'] = NAME,         ['K'] = NAME,
    ['L'] = NAME,         ['M'] = NAME,         ['N'] = NAME,         ['O'] = NAME,
    ['P'] = NAME,         ['Q'] = NAME,         ['R'] = NAME,         ['S'] = NAME,
    ['T'] = NAME,         ['U'] = NAME,         ['V'] = NAME,         ['W'] = NAME,
    ['X'] = NAME,         ['Y'] = NAME,         ['Z'] = NAME,
};

/* The position of the first character from the current one on that is of another kind. */
static uint64_t
end_of(const parser *at, uint8_t kind)
{
	uint64_t position = at->position;
	while (position < at->size && (character_kinds[at->text[position]] & kind) != 0) {
		position++;
	}
	return position;
}

static bool
next_is(const parser *at, char character)
{
	return at->position < at->size && at->text[at->position] == (uint8_t)character;
}

static void
skip_space(parser *at)
{
	at->position = end_of(at, SPACE);
}

static imago_status
take_character(parser *at, char character, const char *expected)
{
	skip_space(at);
	if (!next_is(at, character)) {
		return fail_here(at, expected);
	}
	at->position++;
	return IMAGO_OK;
}

static imago_status
take_name(parser *at, const uint8_t **name, size_t *length, const char *what)
{
	uint64_t start = at->position;
	uint64_t end = end_of(at, NAME);
	if (end - start > IMAGO_STON_MAX_NAME) {
		return imago_fail(at->error, IMAGO_ERANGE, what, start, IMAGO_STON_MAX_NAME + 1,
		                  IMAGO_STON_MAX_NAME);
	}
	at->position = end;
	if (end == start) {
		return fail_here(at, what);
	}
	*name = at->text + start;
	*length = (size_t)(at->position - start);
	return IMAGO_OK;
}

static imago_status
take_number(parser *at, imago_ston_field *field)
{
	skip_space(at);
	field->offset = at->position;
	field->negative = next_is(at, '-');
	if (field->negative) {
		at->position++;
	}
	const uint64_t end = end_of(at, DIGIT);
	if (at->position == end) {
		return fail_here(at, "number");
	}
	uint64_t limit = field->negative ? UINT64_C(1) << 63 : UINT64_MAX;
	uint64_t magnitude = 0;
	while (at->position < end) {
		uint64_t digit = at->text[at->position] - (uint64_t)'0';
		if (magnitude > (limit - digit) / 10) {
			return imago_fail(at->error, IMAGO_ERANGE, "number of more than 64 bits", field->offset,
			                  0, 0);
		}
		magnitude = magnitude * 10 + digit;
		at->position++;
	}
	field->magnitude = magnitude;
	return IMAGO_OK;
}

/* True when an earlier field has the name of this one. */
static bool
is_duplicate(const imago_ston *record, const imago_ston_field *field)
{
	for (size_t i = 0; i < record->num_fields; i++) {
		const imago_ston_field *other = &record->fields[i];
		if (other->name_length == field->name_length &&
		    memcmp(other->name, field->name, field->name_length) == 0) {
			return true;
		}
	}
	return false;
}

static imago_status
take_field(parser *at, imago_ston *record)
{
	imago_ston_field field = {.name = at->text};
	skip_space(at);
	field.name_offset = at->position;
	imago_status status = take_character(at, '#', "'#' before a field name");
	if (status == IMAGO_OK) {
		status = take_name(at, &field.name, &field.name_length, "field name");
	}
	if (status != IMAGO_OK) {
		return status;
	}
	if (is_duplicate(record, &field)) {
		return imago_fail(at->error, IMAGO_ESTRUCTURE, "duplicate field", field.name_offset, 0, 0);
	}
	if (record->num_fields == IMAGO_STON_MAX_FIELDS) {
		return imago_fail(at->error, IMAGO_ELIMIT, "number of fields", field.name_offset,
		                  IMAGO_STON_MAX_FIELDS + 1, IMAGO_STON_MAX_FIELDS);
	}
	status = take_character(at, ':', "':' after a field name");
	if (status == IMAGO_OK) {
		status = take_number(at, &field);
	}
	if (status == IMAGO_OK) {
		record->fields[record->num_fields++] = field;
	}
	return status;
}

static imago_status
take_fields(parser *at, imago_ston *record)
{
	skip_space(at);
	if (next_is(at, '}')) {
		return IMAGO_OK;
	}
	for (;;) { /* every turn takes a field, and the text is bounded */
		imago_status status = take_field(at, record);
		if (status != IMAGO_OK) {
			return status;
		}
		skip_space(at);
		if (!next_is(at, ',')) {
			return IMAGO_OK;
		}
		at->position++;
	}
}

imago_status
imago_ston_parse(imago_ston *out, const uint8_t *text, uint64_t size, imago_error *error)
{
	parser at = {.text = text, .size = size, .error = error};
	out->num_fields = 0;
	if (size > IMAGO_STON_MAX_TEXT) {
		return imago_fail(error, IMAGO_ELIMIT, "size of a metadata file", IMAGO_NO_OFFSET, size,
		                  IMAGO_STON_MAX_TEXT);
	}
	skip_space(&at);
	imago_status status = take_name(&at, &out->name, &out->name_length, "structure name");
	if (status == IMAGO_OK) {
		status = take_character(&at, '{', "'{' after the structure name");
	}
	if (status == IMAGO_OK) {
		status = take_fields(&at, out);
	}
	if (status == IMAGO_OK) {
		status = take_character(&at, '}', "',' or '}' after a field");
	}
	if (status != IMAGO_OK) {
		return status;
	}
	skip_space(&at);
	if (at.position != size) {
		return fail_here(&at, "end of the text after '}'");
	}
	return IMAGO_OK;
}

bool
imago_ston_field_is_named(const imago_ston_field *field, const char *name)
{
	return strlen(name) == field->name_length && memcmp(name, field->name, field->name_length) == 0;
}

bool
imago_ston_is_named(const imago_ston *record, const char *name)
{
	return strlen(name) == record->name_length &&
	       memcmp(name, record->name, record->name_length) == 0;
}

const imago_ston_field *
imago_ston_find(const imago_ston *record, const char *name)
{
	const size_t length = strlen(name);
	for (size_t i = 0; i < record->num_fields; i++) {
		const imago_ston_field *field = &record->fields[i];
		if (field->name_length == length && memcmp(field->name, name, length) == 0) {
			return field;
		}
	}
	return NULL;
}

static void
write_text(imago_writer *writer, const char *text)
{
	imago_write_bytes(writer, text, strlen(text));
}

/* Printing with a format took a tenth of writing a folder. */
static void
write_number(imago_writer *writer, int64_t value)
{
	char digits[20]; /* a sign and 19 digits */
	size_t first = sizeof digits;
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	do {
		digits[--first] = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude != 0);
	if (value < 0) {
		digits[--first] = '-';
	}
	imago_write_bytes(writer, digits + first, sizeof digits - first);
}

void
imago_ston_write(imago_writer *writer, const char *name, const imago_ston_number *fields,
                 size_t num_fields)
{
	write_text(writer, name);
	write_text(writer, " {\n");
	for (size_t i = 0; i < num_fields; i++) {
		write_text(writer, "\t#");
		write_text(writer, fields[i].name);
		write_text(writer, " : ");
		write_number(writer, fields[i].value);
		write_text(writer, i + 1 < num_fields ? ",\n" : "\n");
	}
	write_text(writer, "}");
}
