/* compile.c: from text to functions: header, local symbol table, body. */
#include <string.h>

#include "compile.h"

/* ---- The header */

static imago_status
add_local(compiler *c, const char *name, size_t length)
{
	uint64_t number;
	const size_t num = c->symbols.num;
	imago_status status = imago_scan_symbol(c, name, length, &number);
	if (status == IMAGO_OK && number != num) {
		status = imago_compile_wrong(c, "local name that is there twice");
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
	imago_scan_skip_spaces(c);
	while (status == IMAGO_OK && *num < 3 && imago_scan_name_length(c) > 0) {
		status = imago_scan_take_name(c, &names[*num].text, &names[*num].length);
		(*num)++;
		imago_scan_skip_spaces(c);
		if (status == IMAGO_OK && *num == 1 && (c->bits & IMAGO_FUNCTION_RESULT) == 0 &&
		    imago_scan_peek(c, &size) == 0x2190) {
			c->at += size;
			c->bits |= IMAGO_FUNCTION_RESULT;
			status = add_local(c, names[0].text, names[0].length);
			*num = 0;
			imago_scan_skip_spaces(c);
		}
	}
	return status == IMAGO_OK && *num == 0 ? imago_compile_wrong(c, "header of a function")
	                                       : status;
}

static imago_status
scan_locals(compiler *c)
{
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && imago_scan_skip(c, ';')) {
		header_name local;
		imago_scan_skip_spaces(c);
		status = imago_scan_take_name(c, &local.text, &local.length);
		if (status == IMAGO_OK) {
			status = add_local(c, local.text, local.length);
		}
		imago_scan_skip_spaces(c);
	}
	return status;
}

static imago_status
scan_header(compiler *c, header_name *name)
{
	header_name names[3] = {{NULL, 0}};
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
	if (status == IMAGO_OK && c->at < c->length && !imago_scan_skip(c, '\n')) {
		status = imago_compile_wrong(c, "header of a function");
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
		status = imago_scan_line(&c);
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
			status = imago_compile_add(c, &c->symbols, found, UINT32_MAX, "symbols");
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
