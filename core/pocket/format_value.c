/* format_value.c: values and functions as text; whether values are the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokens.h"

enum { MOST_DEPTH = 64, NUMBER_SIZE = 40, SHOWN_DIGITS = 10, EXACT_DIGITS = 17 };

typedef struct printer {
	const imago_pockets *pockets;
	imago_writer *writer;
	uint64_t end; /* of the writer's bytes: no more behind it */
} printer;

static void
put_code(imago_writer *writer, uint32_t code)
{
	char text[4];
	imago_write_bytes(writer, text,
	                  imago_utf8_put(text, code < ' ' || code == 0x7F ? 0xFFFD : code));
}

static void
put_text(imago_writer *writer, const char *text)
{
	imago_write_bytes(writer, text, strlen(text));
}

/* The number as APL writes it: ¯1.5E¯7. */
static void
put_number(imago_writer *writer, double value, int digits)
{
	char line[NUMBER_SIZE];
	snprintf(line, sizeof line, "%.*g", digits, value);
	for (int more = digits;
	     more < EXACT_DIGITS && digits > SHOWN_DIGITS && strtod(line, NULL) != value;) {
		snprintf(line, sizeof line, "%.*g", ++more, value);
	}
	for (const char *c = line; *c != '\0'; c++) {
		if (*c == '-') {
			put_text(writer, "¯");
		} else if (*c == 'e') {
			put_text(writer, "E");
		} else if (*c != '+') {
			imago_write_bytes(writer, c, 1);
		}
	}
}

static bool
is_full(const printer *p)
{
	return p->writer->status != IMAGO_OK || p->writer->size >= p->end;
}

static void put_item(const printer *p, imago_addr value, unsigned depth);

static void
put_quoted(const printer *p, const imago_array *array)
{
	put_text(p->writer, "'");
	for (uint64_t i = 0; i < array->num && !is_full(p); i++) {
		const uint32_t code = imago_array_char(array, i);
		if (code == '\'') {
			put_text(p->writer, "'");
		}
		put_code(p->writer, code);
	}
	put_text(p->writer, "'");
}

/* Elements begin … end of an array, with spaces between. */
static void
put_elements(const printer *p, const imago_array *array, uint64_t begin, uint64_t end,
             unsigned depth)
{
	for (uint64_t i = begin; i < end && !is_full(p); i++) {
		if (i > begin && array->type != IMAGO_ARRAY_CHAR) {
			put_text(p->writer, " ");
		}
		switch (array->type) {
		case IMAGO_ARRAY_NUMBER:
			put_number(p->writer, imago_array_number(array, i), SHOWN_DIGITS);
			break;
		case IMAGO_ARRAY_CHAR:
			put_code(p->writer, imago_array_char(array, i));
			break;
		default:
			put_item(p, imago_array_item(array, i), depth + 1);
			break;
		}
	}
}

/* An item of a nested array: as one would write it down. */
static void
put_array_item(const printer *p, const imago_array *array, unsigned depth)
{
	const bool is_simple_scalar = array->rank == 0 && array->type == IMAGO_ARRAY_NUMBER;
	if (array->type == IMAGO_ARRAY_CHAR && array->rank <= 1) {
		put_quoted(p, array);
		return;
	}
	if (is_simple_scalar) {
		put_elements(p, array, 0, 1, depth);
		return;
	}
	put_text(p->writer, "(");
	if (array->rank != 1) {
		for (unsigned i = 0; i < array->rank; i++) {
			put_number(p->writer, (double)array->shape[i], SHOWN_DIGITS);
			put_text(p->writer, i + 1 < array->rank ? " " : "");
		}
		put_text(p->writer, "⍴");
	}
	put_elements(p, array, 0, array->num, depth);
	put_text(p->writer, ")");
}

static void
put_item(const printer *p, imago_addr value, unsigned depth)
{
	imago_pocket pocket;
	imago_array array;
	if (depth > MOST_DEPTH) {
		put_text(p->writer, "…");
	} else if (imago_array_at(p->pockets, value, &array)) {
		put_array_item(p, &array, depth);
	} else if (imago_pocket_of_kind(p->pockets, value, IMAGO_POCKET_NAMESPACE, &pocket)) {
		put_text(p->writer, "[namespace]");
	} else {
		put_text(p->writer, "[broken]");
	}
}

void
imago_value_format(const imago_pockets *pockets, imago_addr value, uint64_t most,
                   imago_writer *writer)
{
	const printer p = {pockets, writer, writer->size + most};
	imago_array array;
	if (!imago_array_at(pockets, value, &array)) {
		put_item(&p, value, 0);
		put_text(writer, "\n");
		return;
	}
	const uint64_t row = array.rank > 0 ? array.shape[array.rank - 1] : 1;
	uint64_t at = 0;
	do {
		const uint64_t end = at + row < array.num ? at + row : array.num;
		put_elements(&p, &array, at, end, 0);
		put_text(writer, is_full(&p) ? "…\n" : "\n");
		at = end;
	} while (at < array.num && !is_full(&p));
}

/* ---- Functions */

typedef struct function_view {
	imago_pocket table, body;
	uint64_t num_symbols;
	uint8_t bits;
} function_view;

static bool
view_function(const imago_pockets *pockets, imago_addr function, function_view *out)
{
	imago_pocket pocket;
	uint64_t first;
	if (!imago_pocket_of_kind(pockets, function, IMAGO_POCKET_FUNCTION, &pocket) ||
	    !imago_pocket_of_kind(pockets, imago_pocket_pointer(&pocket, FUNCTION_LST),
	                          IMAGO_POCKET_LST, &out->table) ||
	    !imago_pocket_of_kind(pockets, imago_pocket_pointer(&pocket, FUNCTION_BODY),
	                          IMAGO_POCKET_BODY, &out->body) ||
	    imago_pocket_pointers(&out->table, &first) == 0) {
		return false;
	}
	out->bits = pocket.zones.type;
	out->num_symbols = pocket_half(out->table.contents + LST_NUM_SYMBOLS);
	return true;
}

static void
put_symbol(const imago_pockets *pockets, const function_view *f, uint64_t i, imago_writer *writer)
{
	imago_pocket symbol;
	size_t length = 0;
	const char *name = NULL;
	if (i < f->num_symbols &&
	    imago_pocket_at(pockets, imago_pocket_pointer(&f->table, LST_FIRST + i), &symbol)) {
		name = imago_symbol_name(&symbol, &length);
	}
	if (name != NULL && imago_symbol_is_name(name, length)) {
		imago_write_bytes(writer, name, length);
	} else {
		put_text(writer, "?");
	}
}

static void
put_header(const imago_pockets *pockets, const function_view *f, const char *name, size_t length,
           imago_writer *writer)
{
	const uint64_t num = imago_body_number(&f->body, BODY_NUM_LOCALS);
	uint64_t i = 0;
	if ((f->bits & IMAGO_FUNCTION_RESULT) != 0) {
		put_symbol(pockets, f, i++, writer);
		put_text(writer, "←");
	}
	if ((f->bits & IMAGO_FUNCTION_LEFT) != 0) {
		put_symbol(pockets, f, i++, writer);
		put_text(writer, " ");
	}
	imago_write_bytes(writer, name, length);
	if ((f->bits & IMAGO_FUNCTION_RIGHT) != 0) {
		put_text(writer, " ");
		put_symbol(pockets, f, i++, writer);
	}
	for (; i < num && i < f->num_symbols; i++) {
		put_text(writer, ";");
		put_symbol(pockets, f, i, writer);
	}
	put_text(writer, "\n");
}

/* A constant as it is written in a line; names and comments as they are. */
static void
put_constant(const imago_pockets *pockets, const function_view *f, token t, imago_writer *writer)
{
	const printer p = {pockets, writer, UINT64_MAX};
	imago_array array;
	if (!imago_array_at(pockets,
	                    imago_pocket_pointer(&f->table, LST_FIRST + f->num_symbols + t.operand),
	                    &array) ||
	    array.type == IMAGO_ARRAY_NESTED) {
		put_text(writer, "?");
	} else if (array.type == IMAGO_ARRAY_NUMBER) {
		for (uint64_t i = 0; i < array.num; i++) {
			put_text(writer, i > 0 ? " " : "");
			put_number(writer, imago_array_number(&array, i), EXACT_DIGITS - 2);
		}
	} else if (t.kind == TOKEN_CONSTANT) {
		put_quoted(&p, &array);
	} else {
		put_elements(&p, &array, 0, array.num, 0);
	}
}

static bool
is_word(token t)
{
	return t.kind == TOKEN_NAME || t.kind == TOKEN_CONSTANT || t.kind == TOKEN_MEMBER ||
	       t.kind == TOKEN_ROOT || t.kind == TOKEN_PARENT;
}

static void
put_token(const imago_pockets *pockets, const function_view *f, token t, token before,
          imago_writer *writer)
{
	static const char *const texts[NUM_TOKEN_KINDS] = {
	    [TOKEN_ASSIGN] = "←", [TOKEN_OPEN] = "(", [TOKEN_CLOSE] = ")",
	    [TOKEN_BRANCH] = "→", [TOKEN_ROOT] = "#", [TOKEN_PARENT] = "##"};
	if (t.kind != TOKEN_MEMBER && is_word(t) && is_word(before)) {
		put_text(writer, " ");
	}
	switch (t.kind) {
	case TOKEN_NAME:
		put_symbol(pockets, f, t.operand, writer);
		break;
	case TOKEN_MEMBER:
		put_text(writer, ".");
		put_constant(pockets, f, t, writer);
		break;
	case TOKEN_CONSTANT:
		put_constant(pockets, f, t, writer);
		break;
	case TOKEN_COMMENT:
		put_text(writer, before.kind != NUM_TOKEN_KINDS ? " " : "");
		put_constant(pockets, f, t, writer);
		break;
	case TOKEN_PRIMITIVE:
		put_code(writer, imago_primitive_code(t.operand));
		break;
	default:
		put_text(writer, t.kind < NUM_TOKEN_KINDS ? texts[t.kind] : "?");
		break;
	}
}

imago_status
imago_function_format(const imago_pockets *pockets, imago_addr function, const char *name,
                      size_t length, imago_writer *writer)
{
	function_view f;
	uint32_t begin;
	uint32_t end;
	if (!view_function(pockets, function, &f)) {
		return imago_fail(writer->error, IMAGO_ESTRUCTURE, "function", IMAGO_NO_OFFSET, function,
		                  0);
	}
	put_header(pockets, &f, name, length, writer);
	for (uint32_t line = 0; imago_body_line(&f.body, line, &begin, &end); line++) {
		token before = {NUM_TOKEN_KINDS, 0};
		for (uint32_t i = begin; i < end && writer->status == IMAGO_OK; i++) {
			const token t = imago_body_token(&f.body, i);
			put_token(pockets, &f, t, before, writer);
			before = t;
		}
		put_text(writer, "\n");
	}
	return writer->status;
}

/* ---- Equality */

typedef struct comparison {
	const imago_pockets *a, *b;
	uint64_t left; /* items that may still be compared */
} comparison;

static bool values_are_equal(comparison *c, imago_addr a, imago_addr b, unsigned depth);

static bool
arrays_are_equal(comparison *c, const imago_array *a, const imago_array *b, unsigned depth)
{
	if (a->type != b->type || a->rank != b->rank ||
	    (a->rank > 0 && memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) != 0)) {
		return false;
	}
	if (a->type != IMAGO_ARRAY_NESTED) {
		return memcmp(a->elements, b->elements,
		              (size_t)(a->num * imago_array_element_bytes((uint8_t)a->type))) == 0;
	}
	for (uint64_t i = 0; i < a->num; i++) {
		if (!values_are_equal(c, imago_array_item(a, i), imago_array_item(b, i), depth + 1)) {
			return false;
		}
	}
	return true;
}

static bool
names_are_equal(const comparison *c, const function_view *a, const function_view *b, uint64_t i)
{
	imago_pocket symbols[2];
	size_t lengths[2];
	if (!imago_pocket_at(c->a, imago_pocket_pointer(&a->table, LST_FIRST + i), &symbols[0]) ||
	    !imago_pocket_at(c->b, imago_pocket_pointer(&b->table, LST_FIRST + i), &symbols[1])) {
		return false;
	}
	const char *one = imago_symbol_name(&symbols[0], &lengths[0]);
	const char *other = imago_symbol_name(&symbols[1], &lengths[1]);
	return one != NULL && other != NULL &&
	       imago_name_compare(one, lengths[0], other, lengths[1]) == 0;
}

/* A table that lies may have functions for constants, even this one: so these are deeper, too. */
static bool
functions_are_equal(comparison *c, imago_addr a, imago_addr b, unsigned depth)
{
	function_view one;
	function_view other;
	uint64_t first;
	if (!view_function(c->a, a, &one) || !view_function(c->b, b, &other) ||
	    one.bits != other.bits || one.num_symbols != other.num_symbols) {
		return false;
	}
	const uint64_t num = imago_pocket_pointers(&one.table, &first);
	if (num != imago_pocket_pointers(&other.table, &first) || one.body.size != other.body.size ||
	    memcmp(one.body.contents, other.body.contents, (size_t)one.body.size) != 0) {
		return false;
	}
	for (uint64_t i = 0; i < one.num_symbols; i++) {
		if (!names_are_equal(c, &one, &other, i)) {
			return false;
		}
	}
	for (uint64_t i = LST_FIRST + one.num_symbols; i < num; i++) {
		if (!values_are_equal(c, imago_pocket_pointer(&one.table, i),
		                      imago_pocket_pointer(&other.table, i), depth + 1)) {
			return false;
		}
	}
	return true;
}

static bool
values_are_equal(comparison *c, imago_addr a, imago_addr b, unsigned depth)
{
	imago_array one;
	imago_array other;
	imago_pocket pocket;
	if (depth > MOST_DEPTH || c->left == 0) {
		return false;
	}
	c->left--;
	if (imago_array_at(c->a, a, &one) && imago_array_at(c->b, b, &other)) {
		return arrays_are_equal(c, &one, &other, depth);
	}
	if (imago_pocket_of_kind(c->a, a, IMAGO_POCKET_FUNCTION, &pocket)) {
		return functions_are_equal(c, a, b, depth);
	}
	return c->a == c->b && a == b;
}

bool
imago_value_equal(const imago_pockets *a_pockets, imago_addr a, const imago_pockets *b_pockets,
                  imago_addr b)
{
	enum { MOST_ITEMS = 1 << 24 };
	comparison c = {a_pockets, b_pockets, MOST_ITEMS};
	return values_are_equal(&c, a, b, 0);
}
