/* compile.c: from text to functions: tokens, local symbol table, constants. */
#include <stdlib.h>
#include <string.h>

#include "tokens.h"

enum { MOST_SYMBOLS = 4096, MOST_CONSTANTS = 65535, MOST_TOKENS = 1 << 16, NUMBER_SIZE = 64 };

/* A growing row of words. */
typedef struct words {
	uint64_t *items;
	size_t num, capacity;
} words;

typedef struct compiler {
	imago_pockets *pockets;
	imago_addr space;
	const char *text;
	size_t length, at;
	words symbols, tokens, lines;
	size_t first_constant; /* on the stack */
	uint32_t num_locals;
	uint8_t bits;
	imago_error *error;
} compiler;

static imago_status
wrong(const compiler *c, const char *what)
{
	return imago_fail(c->error, IMAGO_ESTRUCTURE, what, c->at,
	                  c->at < c->length ? (uint8_t)c->text[c->at] : 0, 0);
}

static imago_status
add_word(compiler *c, words *row, uint64_t value, size_t most, const char *what)
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
	return add_word(c, &c->tokens, kind | operand << 8, MOST_TOKENS, "tokens");
}

/* ---- Characters */

static uint32_t
peek(const compiler *c, size_t *size)
{
	uint32_t code = 0;
	*size = c->at < c->length ? imago_utf8_next(c->text + c->at, c->length - c->at, &code) : 0;
	return *size != 0 ? code : 0;
}

static bool
skip(compiler *c, uint32_t code)
{
	size_t size;
	if (peek(c, &size) != code || size == 0) {
		return false;
	}
	c->at += size;
	return true;
}

static void
skip_spaces(compiler *c)
{
	while (c->at < c->length && (c->text[c->at] == ' ' || c->text[c->at] == '\t')) {
		c->at++;
	}
}

static size_t
name_length(const compiler *c)
{
	size_t length = 0;
	while (c->at + length < c->length && length <= IMAGO_SYMBOL_MAX_NAME &&
	       imago_symbol_is_name(c->text + c->at, length + 1)) {
		length++;
	}
	return length;
}

/* A name that is longer than names may be is none. */
static imago_status
take_name(compiler *c, const char **name, size_t *length)
{
	*name = c->text + c->at;
	*length = name_length(c);
	const char next = c->at + *length < c->length ? c->text[c->at + *length] : ' ';
	if (*length == 0 || (*length == IMAGO_SYMBOL_MAX_NAME && imago_symbol_is_name(&next, 1))) {
		return wrong(c, "name");
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
		return wrong(c, "UTF-8");
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
		status = wrong(c, "string without an end");
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
	if (peek(c, &size) == 0xAF) {
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
	if (skip(c, 0xAF)) {
		line[(*size)++] = '-';
	}
}

/* ¯12.5E¯3 */
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
	return *end == '\0' && end != line && is_finite && !begins_number(c) &&
	               !imago_symbol_is_name(c->text + c->at, c->at < c->length ? 1 : 0)
	           ? IMAGO_OK
	           : wrong(c, "number");
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
		skip_spaces(c);
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
		skip_spaces(c);
	}
	c->at = end;
	return add_constant(c, TOKEN_CONSTANT, address);
}

/* ---- Names */

static imago_status
number_of_symbol(compiler *c, const char *name, size_t length, uint64_t *number)
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
	return status == IMAGO_OK ? add_word(c, &c->symbols, symbol, MOST_SYMBOLS, "symbols") : status;
}

static imago_status
scan_members(compiler *c)
{
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && c->at < c->length && c->text[c->at] == '.') {
		const char *name;
		size_t length;
		c->at++;
		status = take_name(c, &name, &length);
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
	imago_status status = take_name(c, &name, &length);
	if (status == IMAGO_OK) {
		status = number_of_symbol(c, name, length, &number);
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
	const bool is_parent = skip(c, '#');
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
	const unsigned number = primitive_of(code);
	if (size == 0 || number == NUM_PRIMITIVES) {
		return wrong(c, "character");
	}
	c->at += size;
	return add_token(c, TOKEN_PRIMITIVE, number);
}

static imago_status
scan_token(compiler *c, size_t end)
{
	size_t size;
	const uint32_t code = peek(c, &size);
	if (code == 0x235D) {
		return scan_comment(c, end);
	}
	if (code == '\'') {
		return scan_string(c);
	}
	if (begins_number(c)) {
		return scan_numbers(c);
	}
	if (name_length(c) > 0) {
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
static imago_status
scan_line(compiler *c)
{
	const char *feed = memchr(c->text + c->at, '\n', c->length - c->at);
	const size_t whole = c->length;
	const size_t first = c->tokens.num;
	const size_t begin = c->at;
	imago_status status = IMAGO_OK;
	c->length = feed != NULL ? (size_t)(feed - c->text) : c->length;
	skip_spaces(c);
	while (status == IMAGO_OK && c->at < c->length) {
		status = scan_token(c, c->length);
		skip_spaces(c);
	}
	if (status == IMAGO_OK && !line_is_balanced(c, first)) {
		c->at = begin;
		status = wrong(c, "parentheses");
	}
	c->length = whole;
	if (status == IMAGO_OK) {
		c->at += feed != NULL ? 1 : 0;
		status = add_word(c, &c->lines, c->tokens.num, MOST_TOKENS, "lines");
	}
	return status;
}

/* ---- The header */

static imago_status
add_local(compiler *c, const char *name, size_t length)
{
	uint64_t number;
	const size_t num = c->symbols.num;
	imago_status status = number_of_symbol(c, name, length, &number);
	if (status == IMAGO_OK && number != num) {
		status = wrong(c, "local name that is there twice");
	}
	c->num_locals++;
	return status;
}

typedef struct header_name {
	const char *text;
	size_t length;
} header_name;

/* [RESULT←][LEFT ]NAME[ RIGHT] */
static imago_status
scan_header_names(compiler *c, header_name names[3], size_t *num)
{
	imago_status status = IMAGO_OK;
	size_t size;
	*num = 0;
	skip_spaces(c);
	while (status == IMAGO_OK && *num < 3 && name_length(c) > 0) {
		status = take_name(c, &names[*num].text, &names[*num].length);
		(*num)++;
		skip_spaces(c);
		if (status == IMAGO_OK && *num == 1 && (c->bits & IMAGO_FUNCTION_RESULT) == 0 &&
		    peek(c, &size) == 0x2190) {
			c->at += size;
			c->bits |= IMAGO_FUNCTION_RESULT;
			status = add_local(c, names[0].text, names[0].length);
			*num = 0;
			skip_spaces(c);
		}
	}
	return status == IMAGO_OK && *num == 0 ? wrong(c, "header of a function") : status;
}

static imago_status
scan_locals(compiler *c)
{
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && skip(c, ';')) {
		header_name local;
		skip_spaces(c);
		status = take_name(c, &local.text, &local.length);
		if (status == IMAGO_OK) {
			status = add_local(c, local.text, local.length);
		}
		skip_spaces(c);
	}
	return status;
}

static imago_status
scan_header(compiler *c, header_name *name)
{
	header_name names[3];
	size_t num;
	imago_status status = scan_header_names(c, names, &num);
	if (status != IMAGO_OK) {
		return status;
	}
	*name = names[num == 3 ? 1 : 0];
	if (num == 3) {
		c->bits |= IMAGO_FUNCTION_LEFT;
		status = add_local(c, names[0].text, names[0].length);
	}
	if (status == IMAGO_OK && num > 1) {
		c->bits |= IMAGO_FUNCTION_RIGHT;
		status = add_local(c, names[num - 1].text, names[num - 1].length);
	}
	if (status == IMAGO_OK) {
		status = scan_locals(c);
	}
	if (status == IMAGO_OK && c->at < c->length && !skip(c, '\n')) {
		status = wrong(c, "header of a function");
	}
	return status;
}

/* ---- Pockets */

static imago_status
make_table(compiler *c, imago_addr *out)
{
	imago_pockets *pockets = c->pockets;
	const uint64_t num_constants = pockets->stack_size - c->first_constant;
	const uint64_t num = 1 + c->symbols.num + num_constants;
	const imago_zones zones = {.kind = IMAGO_POCKET_LST};
	const imago_status status =
	    imago_pocket_make(pockets, zones, LST_POINTERS + num * 8, out, c->error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_pocket table;
	(void)imago_pocket_at(pockets, *out, &table);
	pocket_set_half(table.contents + LST_NUM_SYMBOLS, (uint32_t)c->symbols.num);
	pocket_set_half(table.contents + LST_NUM_CONSTANTS, (uint32_t)num_constants);
	imago_pocket_put(pockets, *out, LST_SPACE, c->space);
	for (size_t i = 0; i < c->symbols.num; i++) {
		imago_pocket_put(pockets, *out, LST_FIRST + i, c->symbols.items[i]);
	}
	for (uint64_t i = 0; i < num_constants; i++) {
		imago_pocket_put(pockets, *out, LST_FIRST + c->symbols.num + i,
		                 pockets->stack[c->first_constant + i]);
	}
	return IMAGO_OK;
}

static imago_status
make_body(compiler *c, imago_addr *out)
{
	const imago_zones zones = {.kind = IMAGO_POCKET_BODY};
	const uint64_t size = BODY_LINES + (c->lines.num + c->tokens.num) * 4;
	const imago_status status = imago_pocket_make(c->pockets, zones, size, out, c->error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_pocket body;
	(void)imago_pocket_at(c->pockets, *out, &body);
	pocket_set_half(body.contents + BODY_NUM_LOCALS, c->num_locals);
	pocket_set_half(body.contents + BODY_NUM_LINES, (uint32_t)c->lines.num);
	pocket_set_half(body.contents + BODY_NUM_TOKENS, (uint32_t)c->tokens.num);
	uint8_t *place = body.contents + BODY_LINES;
	for (size_t i = 0; i < c->lines.num; i++, place += 4) {
		pocket_set_half(place, (uint32_t)c->lines.items[i]);
	}
	for (size_t i = 0; i < c->tokens.num; i++, place += 4) {
		pocket_set_half(place, (uint32_t)c->tokens.items[i]);
	}
	return IMAGO_OK;
}

/* Table and body wait on the stack, above the constants. */
static imago_status
make_function(compiler *c, imago_addr *out)
{
	const imago_zones zones = {.kind = IMAGO_POCKET_FUNCTION, .type = c->bits};
	imago_addr table;
	imago_addr body;
	imago_status status = make_table(c, &table);
	if (status == IMAGO_OK) {
		status = imago_pockets_push(c->pockets, table, c->error);
	}
	if (status == IMAGO_OK) {
		status = make_body(c, &body);
	}
	if (status == IMAGO_OK) {
		status = imago_pockets_push(c->pockets, body, c->error);
	}
	if (status == IMAGO_OK) {
		status = imago_pocket_make(c->pockets, zones, 16, out, c->error);
	}
	if (status == IMAGO_OK) {
		imago_pocket_put(c->pockets, *out, FUNCTION_LST, table);
		imago_pocket_put(c->pockets, *out, FUNCTION_BODY, body);
	}
	return status;
}

static void
release_words(compiler *c, words *row)
{
	imago_pockets_scratch_release(c->pockets, row->items, row->capacity * sizeof *row->items);
}

/* Makes a function of the text; name is its header's. */
static imago_status
compile(imago_pockets *pockets, imago_addr space, const char *text, size_t length,
        header_name *name, imago_addr *out, imago_error *error)
{
	compiler c = {.pockets = pockets,
	              .space = space,
	              .text = text,
	              .length = length,
	              .first_constant = pockets->stack_size,
	              .error = error};
	imago_status status = name != NULL ? scan_header(&c, name) : IMAGO_OK;
	while (status == IMAGO_OK && c.at < length) {
		status = scan_line(&c);
	}
	if (status == IMAGO_OK) {
		status = make_function(&c, out);
	}
	imago_pockets_cut(pockets, c.first_constant);
	release_words(&c, &c.symbols);
	release_words(&c, &c.tokens);
	release_words(&c, &c.lines);
	return status;
}

imago_status
imago_expression_compile(imago_pockets *pockets, imago_addr space, const char *text, size_t length,
                         imago_addr *out, imago_error *error)
{
	const char *feed = length > 0 ? memchr(text, '\n', length) : NULL;
	if (feed != NULL) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "line feed", (uint64_t)(feed - text), '\n', 0);
	}
	return compile(pockets, space, text, length, NULL, out, error);
}

imago_status
imago_function_define(imago_pockets *pockets, imago_addr space, const char *text, size_t length,
                      imago_error *error)
{
	header_name name = {NULL, 0};
	imago_addr function;
	imago_addr symbol;
	imago_status status = compile(pockets, space, text, length, &name, &function, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_symbol_intern(pockets, space, name.text, name.length, &symbol, error);
	if (status != IMAGO_OK) {
		imago_pocket_drop(pockets, function);
		return status;
	}
	imago_symbol_set(pockets, symbol, function);
	return IMAGO_OK;
}

/* The symbols of an old table's names in the compiler's namespace. */
static imago_status
find_symbols(compiler *c, imago_addr old_table, uint64_t num)
{
	imago_status status = IMAGO_OK;
	for (uint64_t i = 0; status == IMAGO_OK && i < num; i++) {
		imago_pocket table;
		imago_pocket symbol;
		imago_addr found = 0;
		size_t length = 0;
		(void)imago_pocket_at(c->pockets, old_table, &table);
		const char *name =
		    imago_pocket_at(c->pockets, imago_pocket_pointer(&table, LST_FIRST + i), &symbol)
		        ? imago_symbol_name(&symbol, &length)
		        : NULL;
		if (name == NULL || !imago_symbol_is_name(name, length)) {
			return imago_fail(c->error, IMAGO_ESTRUCTURE, "local symbol table", IMAGO_NO_OFFSET,
			                  old_table, i);
		}
		status = imago_symbol_intern(c->pockets, c->space, name, length, &found, c->error);
		if (status == IMAGO_OK) {
			status = add_word(c, &c->symbols, found, UINT32_MAX, "symbols");
		}
	}
	return status;
}

static imago_status
take_constants(compiler *c, imago_addr old_table, uint64_t begin, uint64_t end)
{
	imago_status status = IMAGO_OK;
	for (uint64_t i = begin; status == IMAGO_OK && i < end; i++) {
		imago_pocket table;
		(void)imago_pocket_at(c->pockets, old_table, &table);
		const imago_addr constant = imago_pocket_pointer(&table, i);
		imago_pocket_hold(c->pockets, constant);
		status = imago_pockets_push(c->pockets, constant, c->error);
	}
	return status;
}

/* Makes the copy; the old one's body is held through the stack by whoever holds the old one. */
static imago_status
make_copy(compiler *c, imago_addr body, imago_addr *out)
{
	const imago_zones zones = {.kind = IMAGO_POCKET_FUNCTION, .type = c->bits};
	imago_addr table;
	imago_status status = make_table(c, &table);
	if (status == IMAGO_OK) {
		status = imago_pockets_push(c->pockets, table, c->error);
	}
	if (status == IMAGO_OK) {
		status = imago_pocket_make(c->pockets, zones, 16, out, c->error);
	}
	if (status == IMAGO_OK) {
		imago_pocket_put(c->pockets, *out, FUNCTION_LST, table);
		imago_pocket_put(c->pockets, *out, FUNCTION_BODY, body);
	}
	return status;
}

imago_status
imago_function_rebind(imago_pockets *pockets, imago_addr function, imago_addr space,
                      imago_addr *out, imago_error *error)
{
	imago_pocket old;
	imago_pocket table = {.zones.kind = IMAGO_POCKET_FREE};
	uint64_t first;
	uint64_t num = 0;
	if (imago_pocket_of_kind(pockets, function, IMAGO_POCKET_FUNCTION, &old) &&
	    imago_pocket_of_kind(pockets, imago_pocket_pointer(&old, FUNCTION_LST), IMAGO_POCKET_LST,
	                         &table)) {
		num = imago_pocket_pointers(&table, &first);
	}
	if (num == 0) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "function", IMAGO_NO_OFFSET, function, 0);
	}
	const uint64_t num_symbols = pocket_half(table.contents + LST_NUM_SYMBOLS);
	const imago_addr body = imago_pocket_pointer(&old, FUNCTION_BODY);
	compiler c = {.pockets = pockets,
	              .space = space,
	              .first_constant = pockets->stack_size,
	              .bits = old.zones.type,
	              .error = error};
	imago_status status = find_symbols(&c, table.address, num_symbols);
	if (status == IMAGO_OK) {
		status = take_constants(&c, table.address, LST_FIRST + num_symbols, num);
	}
	if (status == IMAGO_OK) {
		status = make_copy(&c, body, out);
	}
	imago_pockets_cut(pockets, c.first_constant);
	release_words(&c, &c.symbols);
	return status;
}
