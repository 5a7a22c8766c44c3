/* operands.c: names, constants, parentheses and strands: what functions are applied to. */
#include <string.h>

#include "machine.h"

imago_run_end
imago_apl_push(machine *m, imago_addr value)
{
	return imago_pockets_push(m->pockets, value, m->error) == IMAGO_OK ? IMAGO_RUN_DONE
	                                                                   : IMAGO_RUN_MEMORY;
}

imago_run_end
imago_apl_push_held(machine *m, imago_addr value)
{
	imago_pocket_hold(m->pockets, value);
	return imago_apl_push(m, value);
}

imago_addr
imago_apl_top(const machine *m, size_t below)
{
	return m->pockets->stack[m->pockets->stack_size - 1 - below];
}

/* Takes so many values off the stack, and puts this one there. */
imago_run_end
imago_apl_replace(machine *m, size_t num, imago_addr value)
{
	imago_pockets_cut(m->pockets, m->pockets->stack_size - num);
	return imago_apl_push(m, value);
}

bool
imago_apl_burn(machine *m, uint64_t amount)
{
	const bool enough = m->fuel >= amount;
	m->fuel = enough ? m->fuel - amount : 0;
	return enough;
}

token
imago_apl_token_at(const machine *m, const frame *f, uint32_t i)
{
	imago_pocket body;
	return imago_pocket_of_kind(m->pockets, f->body, IMAGO_POCKET_BODY, &body)
	           ? imago_body_token(&body, i)
	           : (token){NUM_TOKEN_KINDS, 0};
}

/* Symbol or constant of the local symbol table, or 0. */
imago_addr
imago_apl_entry(const machine *m, const frame *f, token t)
{
	imago_pocket table;
	if (!imago_pocket_of_kind(m->pockets, f->table, IMAGO_POCKET_LST, &table)) {
		return 0;
	}
	const uint64_t symbols = pocket_half(table.contents + LST_NUM_SYMBOLS);
	if (t.kind == TOKEN_NAME) {
		return t.operand < symbols ? imago_pocket_pointer(&table, LST_FIRST + t.operand) : 0;
	}
	return imago_pocket_pointer(&table, LST_FIRST + symbols + t.operand);
}

imago_addr
imago_apl_value_of(const machine *m, imago_addr symbol)
{
	imago_pocket pocket;
	return imago_pocket_of_kind(m->pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket)
	           ? imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE)
	           : 0;
}

/* ---- Names: a, a.b, #.b, ##.b */

static bool
is_namespace(const machine *m, imago_addr value)
{
	imago_pocket pocket;
	return imago_pocket_of_kind(m->pockets, value, IMAGO_POCKET_NAMESPACE, &pocket) &&
	       imago_region_of(value) == 0;
}

static imago_run_end
enter_member(const machine *m, const frame *f, token t, path *p)
{
	if (p->value == 0) {
		return IMAGO_RUN_VALUE;
	}
	if (!is_namespace(m, p->value)) {
		return imago_region_of(p->value) == 0 ? IMAGO_RUN_DOMAIN : IMAGO_RUN_BROKEN;
	}
	p->space = p->value;
	imago_array text;
	if (!imago_array_at(m->pockets, imago_apl_entry(m, f, t), &text) ||
	    !imago_array_name(&text, p->name, &p->length)) {
		return IMAGO_RUN_BROKEN;
	}
	p->symbol = imago_symbol_find(m->pockets, p->space, p->name, p->length);
	p->value = imago_apl_value_of(m, p->symbol);
	return IMAGO_RUN_DONE;
}

static imago_run_end
begin_path(const machine *m, const frame *f, token t, path *p)
{
	imago_pocket space;
	switch (t.kind) {
	case TOKEN_NAME:
		p->symbol = imago_apl_entry(m, f, t);
		p->value = imago_apl_value_of(m, p->symbol);
		return imago_region_of(p->symbol) == 0 ? IMAGO_RUN_DONE : IMAGO_RUN_BROKEN;
	case TOKEN_ROOT:
		p->value = m->pockets->regions[0].root;
		return IMAGO_RUN_DONE;
	case TOKEN_PARENT:
		if (imago_pocket_of_kind(m->pockets, f->space, IMAGO_POCKET_NAMESPACE, &space)) {
			p->value = imago_pocket_pointer(&space, IMAGO_SPACE_PARENT);
		}
		return IMAGO_RUN_DONE;
	default:
		return IMAGO_RUN_SYNTAX;
	}
}

/* What is named by the tokens that end before end, none of them before begin. */
imago_run_end
imago_apl_resolve(machine *m, const frame *f, uint32_t begin, uint32_t end, path *p)
{
	uint32_t at = end - 1;
	memset(p, 0, sizeof *p);
	while (at > begin && imago_apl_token_at(m, f, at).kind == TOKEN_MEMBER) {
		at--;
	}
	p->begin = at;
	imago_run_end result = begin_path(m, f, imago_apl_token_at(m, f, at), p);
	for (at++; result == IMAGO_RUN_DONE && at < end; at++) {
		result = imago_apl_burn(m, 1) ? enter_member(m, f, imago_apl_token_at(m, f, at), p)
		                              : IMAGO_RUN_FUEL;
	}
	return result;
}

/* ---- Items */

uint8_t
imago_apl_header_bits(const machine *m, imago_addr value, bool *is_function)
{
	imago_pocket pocket;
	*is_function = imago_pocket_of_kind(m->pockets, value, IMAGO_POCKET_FUNCTION, &pocket);
	return *is_function ? pocket.zones.type : 0;
}

/* What the item is that ends before end; a name's path is *p. */
imago_run_end
imago_apl_classify(machine *m, const frame *f, uint32_t begin, uint32_t end, item_class *class,
                   path *p)
{
	const token t = imago_apl_token_at(m, f, end - 1);
	bool is_function;
	imago_run_end result = imago_apl_burn(m, 1) ? IMAGO_RUN_DONE : IMAGO_RUN_FUEL;
	*class = ITEM_OTHER;
	memset(p, 0, sizeof *p);
	switch (t.kind) {
	case TOKEN_CONSTANT:
	case TOKEN_CLOSE:
		*class = ITEM_VALUE;
		break;
	case TOKEN_PRIMITIVE:
		*class = ITEM_FUNCTION;
		break;
	case TOKEN_NAME:
	case TOKEN_MEMBER:
	case TOKEN_ROOT:
	case TOKEN_PARENT:
		if (result == IMAGO_RUN_DONE) {
			result = imago_apl_resolve(m, f, begin, end, p);
		}
		const uint8_t bits = imago_apl_header_bits(m, p->value, &is_function);
		*class = is_function && (bits & (IMAGO_FUNCTION_LEFT | IMAGO_FUNCTION_RIGHT)) != 0
		             ? ITEM_FUNCTION
		             : ITEM_VALUE;
		break;
	default:
		break;
	}
	return result;
}

/* The value of a name, pushed; a function without arguments is called. */
static imago_run_end
push_named(machine *m, const path *p)
{
	bool is_function;
	if (p->value == 0) {
		return IMAGO_RUN_VALUE;
	}
	(void)imago_apl_header_bits(m, p->value, &is_function);
	if (is_function) {
		return imago_apl_call_symbol(m, p->symbol, 0);
	}
	imago_pocket pocket;
	if (!imago_pocket_at(m->pockets, p->value, &pocket) ||
	    (pocket.zones.kind != IMAGO_POCKET_ARRAY && !is_namespace(m, p->value))) {
		return IMAGO_RUN_BROKEN;
	}
	return imago_apl_push_held(m, p->value);
}

static imago_run_end
push_parenthesised(machine *m, frame *f, uint32_t begin, uint32_t end, uint32_t *at)
{
	uint32_t open = 1;
	uint32_t i = end - 1;
	while (open > 0 && i > begin) {
		const uint8_t kind = imago_apl_token_at(m, f, --i).kind;
		open = open + (kind == TOKEN_CLOSE) - (kind == TOKEN_OPEN);
	}
	if (open > 0) {
		return IMAGO_RUN_SYNTAX;
	}
	*at = i;
	const imago_run_end result = imago_apl_evaluate(m, f, i + 1, end - 1);
	f->is_quiet = false;
	return result == IMAGO_RUN_DONE && f->has_branch ? IMAGO_RUN_SYNTAX : result;
}

/* A vector of numbers among other items is as many items. */
static imago_run_end
push_constant(machine *m, imago_addr constant, bool is_alone, size_t *num)
{
	imago_array array;
	if (!imago_array_at(m->pockets, constant, &array)) {
		return IMAGO_RUN_BROKEN;
	}
	if (is_alone || array.type != IMAGO_ARRAY_NUMBER || array.rank != 1) {
		*num += 1;
		return imago_apl_push_held(m, constant);
	}
	if (!imago_apl_burn(m, array.num)) {
		return IMAGO_RUN_FUEL;
	}
	imago_run_end result = IMAGO_RUN_DONE;
	for (uint64_t i = array.num; result == IMAGO_RUN_DONE && i-- > 0;) {
		imago_addr scalar;
		(void)imago_array_at(m->pockets, constant, &array);
		if (imago_array_scalar(m->pockets, IMAGO_ARRAY_NUMBER, imago_array_number(&array, i), 0,
		                       &scalar, m->error) != IMAGO_OK) {
			return IMAGO_RUN_MEMORY;
		}
		*num += 1;
		result = imago_apl_push(m, scalar);
	}
	return result;
}

/* All values side by side that end before *end, as one. */
imago_run_end
imago_apl_push_strand(machine *m, frame *f, uint32_t begin, uint32_t *end)
{
	size_t num = 0;
	path p;
	item_class class;
	imago_run_end result = imago_apl_classify(m, f, begin, *end, &class, &p);
	if (result == IMAGO_RUN_DONE && class != ITEM_VALUE) {
		return IMAGO_RUN_SYNTAX;
	}
	while (result == IMAGO_RUN_DONE && class == ITEM_VALUE) {
		const token t = imago_apl_token_at(m, f, *end - 1);
		uint32_t at = *end - 1;
		if (t.kind == TOKEN_CLOSE) {
			result = push_parenthesised(m, f, begin, *end, &at);
			num++;
		} else if (t.kind != TOKEN_CONSTANT) {
			at = p.begin;
			result = push_named(m, &p);
			num++;
		}
		class = ITEM_OTHER;
		if (result == IMAGO_RUN_DONE && at > begin) {
			result = imago_apl_classify(m, f, begin, at, &class, &p);
		}
		if (result == IMAGO_RUN_DONE && t.kind == TOKEN_CONSTANT) {
			result =
			    push_constant(m, imago_apl_entry(m, f, t), num == 0 && class != ITEM_VALUE, &num);
		}
		*end = at;
	}
	if (result != IMAGO_RUN_DONE || num == 1) {
		return result;
	}
	apl_call c = {m->pockets, m->fuel, m->error};
	imago_addr strand;
	result = imago_apl_strand(&c, num, &strand);
	m->fuel = c.fuel;
	return result == IMAGO_RUN_DONE ? imago_apl_push(m, strand) : result;
}
