/* scan.c: from characters to tokens, names and constants. */
#include <stdlib.h>
#include <string.h>

#include "compile.h"

enum { MOST_SYMBOLS = 4096, MOST_CONSTANTS = 65535, MOST_TOKENS = 1 << 16, NUMBER_SIZE = 64 };

imago_status
imago_compile_wrong(const compiler *c, const char *what)
{
	return imago_fail(c->error, IMAGO_ESTRUCTURE, what, c->at,
	                  c->at < c->length ? (uint8_t)c->text[c->at] : 0, 0);
}

imago_status
imago_compile_add(compiler *c, words *row, uint64_t value, size_t most, const char *what)
{
	if (row->num == most) {
		return imago_fail(c->error, IMAGO_ELIMIT, what, c->at, row->num, most);
	}
	if (row->num == row->capacity) {
		const size_t capacity = row->capacity == 0 ? 32 : row->capacity * 2;
		uint64_t *grown =
		    imago_pockets_scratch(c->pockets, row->items, row->capacity * sizeof *grown,
		                          capacity * sizeof *grown, what, c->error);
		if (grown == NULL) {
			return IMAGO_ENOMEM;
		}
		row->items = grown;
		row->capacity = capacity;
	}
	row->items[row->num++] = value;
	return IMAGO_OK;
}

static imago_status
add_token(compiler *c, token_kind kind, uint64_t operand)
{
	return imago_compile_add(c, &c->tokens, kind | operand << 8, MOST_TOKENS, "tokens");
}

/* ---- Characters */

uint32_t
imago_scan_peek(const compiler *c, size_t *size)
{
	uint32_t code = 0;
	*size = c->at < c->length ? imago_utf8_next(c->text + c->at, c->length - c->at, &code) : 0;
	return *size != 0 ? code : 0;
}

/* The code is not 0. */
bool
imago_scan_skip(compiler *c, uint32_t code)
{
	size_t size;
	if (imago_scan_peek(c, &size) != code) {
		return false;
	}
	c->at += size;
	return true;
}

void
imago_scan_skip_spaces(compiler *c)
{
	while (c->at < c->length && (c->text[c->at] == ' ' || c->text[c->at] == '\t')) {
		c->at++;
	}
}

size_t
imago_scan_name_length(const compiler *c)
{
	size_t length = 0;
	while (c->at + length < c->length && imago_symbol_is_name(c->text + c->at, length + 1)) {
		length++;
	}
	return length;
}

/* A name that is longer than names may be is none. */
imago_status
imago_scan_take_name(compiler *c, const char **name, size_t *length)
{
	*name = c->text + c->at;
	*length = imago_scan_name_length(c);
	char next = ' ';
	if (c->at + *length < c->length) {
		next = c->text[c->at + *length];
	}
	const bool goes_on = imago_symbol_is_name(&next, 1) || (next >= '0' && next <= '9');
	if (*length == 0 || (*length == IMAGO_SYMBOL_MAX_NAME && goes_on)) {
		return imago_compile_wrong(c, "name");
	}
	c->at += *length;
	return IMAGO_OK;
}

/* ---- Constants, which wait on the stack */

static imago_status
add_constant(compiler *c, token_kind kind, imago_addr value)
{
	const size_t num = c->pockets->stack_size - c->first_constant;
	if (num == MOST_CONSTANTS) {
		imago_pocket_drop(c->pockets, value);
		return imago_fail(c->error, IMAGO_ELIMIT, "constants", c->at, num, MOST_CONSTANTS);
	}
	const imago_status status = imago_pockets_push(c->pockets, value, c->error);
	return status == IMAGO_OK ? add_token(c, kind, num) : status;
}

static imago_status
add_text(compiler *c, token_kind kind, const char *text, size_t length)
{
	imago_addr value;
	const size_t at = c->at;
	imago_status status = imago_array_text(c->pockets, text, length, &value, c->error);
	if (status == IMAGO_ESTRUCTURE) {
		c->at = at;
		return imago_compile_wrong(c, "UTF-8");
	}
	return status == IMAGO_OK ? add_constant(c, kind, value) : status;
}

static imago_status
scan_string(compiler *c)
{
	const size_t room = c->length - c->at;
	char *copy = imago_allocate(c->pockets->allocator, room, "string", c->error);
	size_t size = 0;
	bool is_open = true;
	if (copy == NULL) {
		return IMAGO_ENOMEM;
	}
	const size_t begin = c->at++;
	while (is_open && c->at < c->length) {
		const char next = c->text[c->at++];
		if (next == '\'' && c->at < c->length && c->text[c->at] == '\'') {
			c->at++;
		} else if (next == '\'') {
			is_open = false;
			continue;
		}
		copy[size++] = next;
	}
	imago_status status;
	if (is_open) {
		c->at = begin;
		status = imago_compile_wrong(c, "string without an end");
	} else {
		status = add_text(c, TOKEN_CONSTANT, copy, size);
	}
	imago_release(c->pockets->allocator, copy, room);
	return status;
}

static bool
is_digit(const compiler *c, size_t at)
{
	return at < c->length && c->text[at] >= '0' && c->text[at] <= '9';
}

static bool
begins_number(const compiler *c)
{
	size_t size;
	if (imago_scan_peek(c, &size) == 0xAF) {
		return is_digit(c, c->at + size) ||
		       (c->at + size < c->length && c->text[c->at + size] == '.');
	}
	return is_digit(c, c->at) ||
	       (c->at < c->length && c->text[c->at] == '.' && is_digit(c, c->at + 1));
}

static void
copy_digits(compiler *c, char *line, size_t *size)
{
	while (is_digit(c, c->at) && *size < NUMBER_SIZE - 4) {
		line[(*size)++] = c->text[c->at++];
	}
}

static void
copy_sign(compiler *c, char *line, size_t *size)
{
	if (imago_scan_skip(c, 0xAF)) {
		line[(*size)++] = '-';
	}
}

/* ¯12.5E¯3, where a number begins: so the line is not empty. */
static imago_status
scan_number(compiler *c, double *value)
{
	char line[NUMBER_SIZE];
	size_t size = 0;
	copy_sign(c, line, &size);
	copy_digits(c, line, &size);
	if (c->at < c->length && c->text[c->at] == '.') {
		line[size++] = c->text[c->at++];
		copy_digits(c, line, &size);
	}
	if (c->at < c->length && c->text[c->at] == 'E') {
		line[size++] = c->text[c->at++];
		copy_sign(c, line, &size);
		copy_digits(c, line, &size);
	}
	line[size] = '\0';
	char *end;
	*value = strtod(line, &end);
	const bool is_finite = *value - *value == 0;
	return *end == '\0' && is_finite && !begins_number(c) &&
	               !imago_symbol_is_name(c->text + c->at, c->at < c->length ? 1 : 0)
	           ? IMAGO_OK
	           : imago_compile_wrong(c, "number");
}

/* Numbers side by side are one vector: they are read twice, counted and stored. */
static imago_status
scan_numbers(compiler *c)
{
	const size_t begin = c->at;
	uint64_t num = 0;
	double value = 0;
	size_t end = c->at;
	imago_status status = IMAGO_OK;
	for (; status == IMAGO_OK && begins_number(c); num++) {
		status = scan_number(c, &value);
		end = c->at;
		imago_scan_skip_spaces(c);
	}
	imago_addr address;
	if (status == IMAGO_OK) {
		status = imago_array_make(c->pockets, IMAGO_ARRAY_NUMBER, num == 1 ? 0 : 1, &num, &address,
		                          c->error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	imago_array array;
	(void)imago_array_at(c->pockets, address, &array);
	c->at = begin;
	for (uint64_t i = 0; i < num; i++) {
		(void)scan_number(c, &value);
		imago_array_set_number(&array, i, value);
		imago_scan_skip_spaces(c);
	}
	c->at = end;
	return add_constant(c, TOKEN_CONSTANT, address);
}

/* ---- Names */

imago_status
imago_scan_symbol(compiler *c, const char *name, size_t length, uint64_t *number)
{
	imago_addr symbol;
	imago_status status =
	    imago_symbol_intern(c->pockets, c->space, name, length, &symbol, c->error);
	for (size_t i = 0; status == IMAGO_OK && i < c->symbols.num; i++) {
		if (c->symbols.items[i] == symbol) {
			*number = i;
			return IMAGO_OK;
		}
	}
	*number = c->symbols.num;
	return status == IMAGO_OK ? imago_compile_add(c, &c->symbols, symbol, MOST_SYMBOLS, "symbols")
	                          : status;
}

static imago_status
scan_members(compiler *c)
{
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && c->at < c->length && c->text[c->at] == '.') {
		const char *name;
		size_t length;
		c->at++;
		status = imago_scan_take_name(c, &name, &length);
		if (status == IMAGO_OK) {
			status = add_text(c, TOKEN_MEMBER, name, length);
		}
	}
	return status;
}

static imago_status
scan_name(compiler *c)
{
	const char *name;
	size_t length;
	uint64_t number;
	imago_status status = imago_scan_take_name(c, &name, &length);
	if (status == IMAGO_OK) {
		status = imago_scan_symbol(c, name, length, &number);
	}
	if (status == IMAGO_OK) {
		status = add_token(c, TOKEN_NAME, number);
	}
	return status == IMAGO_OK ? scan_members(c) : status;
}

static imago_status
scan_space(compiler *c)
{
	c->at++;
	const bool is_parent = imago_scan_skip(c, '#');
	const imago_status status = add_token(c, is_parent ? TOKEN_PARENT : TOKEN_ROOT, 0);
	return status == IMAGO_OK ? scan_members(c) : status;
}

/* ---- Lines */

static imago_status
scan_comment(compiler *c, size_t end)
{
	const char *text = c->text + c->at;
	const size_t length = end - c->at;
	c->at = end;
	return add_text(c, TOKEN_COMMENT, text, length);
}

static imago_status
scan_glyph(compiler *c, uint32_t code, size_t size)
{
	static const struct {
		uint32_t code;
		token_kind kind;
	} glyphs[] = {
	    {0x2190, TOKEN_ASSIGN}, {'(', TOKEN_OPEN}, {')', TOKEN_CLOSE}, {0x2192, TOKEN_BRANCH}};
	for (size_t i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++) {
		if (glyphs[i].code == code) {
			c->at += size;
			return add_token(c, glyphs[i].kind, 0);
		}
	}
	const unsigned number = imago_primitive_of(code);
	if (size == 0 || number == NUM_PRIMITIVES) {
		return imago_compile_wrong(c, "character");
	}
	c->at += size;
	return add_token(c, TOKEN_PRIMITIVE, number);
}

static imago_status
scan_token(compiler *c, size_t end)
{
	size_t size;
	const uint32_t code = imago_scan_peek(c, &size);
	if (code == 0x235D) {
		return scan_comment(c, end);
	}
	if (code == '\'') {
		return scan_string(c);
	}
	if (begins_number(c)) {
		return scan_numbers(c);
	}
	if (imago_scan_name_length(c) > 0) {
		return scan_name(c);
	}
	return code == '#' ? scan_space(c) : scan_glyph(c, code, size);
}

static bool
line_is_balanced(const compiler *c, size_t first)
{
	size_t open = 0;
	for (size_t i = first; i < c->tokens.num; i++) {
		const uint8_t kind = token_of((uint32_t)c->tokens.items[i]).kind;
		if (kind == TOKEN_CLOSE && open == 0) {
			return false;
		}
		open = open + (kind == TOKEN_OPEN) - (kind == TOKEN_CLOSE);
	}
	return open == 0;
}

/* Up to a line feed, or the end; what is behind it is not seen. */
imago_status
imago_scan_line(compiler *c)
{
	const char *feed = memchr(c->text + c->at, '\n', c->length - c->at);
	const size_t whole = c->length;
	const size_t first = c->tokens.num;
	const size_t begin = c->at;
	imago_status status = IMAGO_OK;
	c->length = feed != NULL ? (size_t)(feed - c->text) : c->length;
	imago_scan_skip_spaces(c);
	while (status == IMAGO_OK && c->at < c->length) {
		status = scan_token(c, c->length);
		imago_scan_skip_spaces(c);
	}
	if (status == IMAGO_OK && !line_is_balanced(c, first)) {
		c->at = begin;
		status = imago_compile_wrong(c, "parentheses");
	}
	c->length = whole;
	if (status == IMAGO_OK) {
		c->at += feed != NULL ? 1 : 0;
		status = imago_compile_add(c, &c->lines, c->tokens.num, MOST_TOKENS, "lines");
	}
	return status;
}
