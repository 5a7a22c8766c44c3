/* evaluate.c: lines from right to left, calls, local names.
 *
 * Every value on its way is on the stack of the pockets, counted, so whatever fails need only cut
 * the stack back. What runs may lie in a shared code file that nobody checked: each token, symbol
 * and constant is looked up with its bounds.
 */
#include <string.h>

#include "tokens.h"

enum { DEFAULT_DEPTH = 250, SHADOW_WORDS = 3 };
static const uint64_t default_fuel = UINT64_C(1) << 30;

typedef struct machine {
	imago_pockets *pockets;
	const imago_run_options *options;
	imago_run_result *result;
	imago_error *error;
	uint64_t fuel;
	unsigned depth;
} machine;

/* A function that is being executed. It is held on the stack below all that it makes. */
typedef struct frame {
	imago_addr table, body, space;
	bool is_quiet;   /* the last value was assigned */
	bool has_branch; /* the line's value says where to go on */
} frame;

static imago_run_end evaluate(machine *m, frame *f, uint32_t begin, uint32_t end);
static imago_run_end call(machine *m, imago_addr symbol, unsigned num_arguments);

static imago_run_end
push(machine *m, imago_addr value)
{
	return imago_pockets_push(m->pockets, value, m->error) == IMAGO_OK ? IMAGO_RUN_DONE
	                                                                   : IMAGO_RUN_MEMORY;
}

static imago_run_end
push_held(machine *m, imago_addr value)
{
	imago_pocket_hold(m->pockets, value);
	return push(m, value);
}

static imago_addr
top(const machine *m, size_t below)
{
	return m->pockets->stack[m->pockets->stack_size - 1 - below];
}

/* Takes so many values off the stack, and puts this one there. */
static imago_run_end
replace(machine *m, size_t num, imago_addr value)
{
	imago_pockets_cut(m->pockets, m->pockets->stack_size - num);
	return push(m, value);
}

static bool
spend(machine *m, uint64_t amount)
{
	const bool enough = m->fuel >= amount;
	m->fuel = enough ? m->fuel - amount : 0;
	return enough;
}

static token
token_at(const machine *m, const frame *f, uint32_t i)
{
	imago_pocket body;
	return imago_pocket_of_kind(m->pockets, f->body, IMAGO_POCKET_BODY, &body)
	           ? imago_body_token(&body, i)
	           : (token){NUM_TOKEN_KINDS, 0};
}

/* Symbol or constant of the local symbol table, or 0. */
static imago_addr
entry(const machine *m, const frame *f, token t)
{
	imago_pocket table;
	if (!imago_pocket_of_kind(m->pockets, f->table, IMAGO_POCKET_LST, &table) ||
	    table.size < LST_POINTERS) {
		return 0;
	}
	const uint64_t symbols = pocket_half(table.contents + LST_NUM_SYMBOLS);
	if (t.kind == TOKEN_NAME) {
		return t.operand < symbols ? imago_pocket_pointer(&table, LST_FIRST + t.operand) : 0;
	}
	return imago_pocket_pointer(&table, LST_FIRST + symbols + t.operand);
}

static imago_addr
value_of(const machine *m, imago_addr symbol)
{
	imago_pocket pocket;
	return imago_pocket_of_kind(m->pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket)
	           ? imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE)
	           : 0;
}

/* ---- Names: a, a.b, #.b, ##.b */

typedef struct path {
	uint32_t begin;    /* its first token */
	imago_addr space;  /* what it leads into, when it ends in a member */
	imago_addr symbol; /* what it names; 0: nothing yet, or a namespace itself */
	char name[IMAGO_SYMBOL_MAX_NAME];
	size_t length; /* of a member's name */
	imago_addr value;
} path;

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
	if (!imago_array_at(m->pockets, entry(m, f, t), &text) ||
	    !imago_array_name(&text, p->name, &p->length)) {
		return IMAGO_RUN_BROKEN;
	}
	p->symbol = imago_symbol_find(m->pockets, p->space, p->name, p->length);
	p->value = value_of(m, p->symbol);
	return IMAGO_RUN_DONE;
}

static imago_run_end
begin_path(const machine *m, const frame *f, token t, path *p)
{
	imago_pocket space;
	switch (t.kind) {
	case TOKEN_NAME:
		p->symbol = entry(m, f, t);
		p->value = value_of(m, p->symbol);
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
static imago_run_end
resolve(machine *m, const frame *f, uint32_t begin, uint32_t end, path *p)
{
	uint32_t at = end - 1;
	memset(p, 0, sizeof *p);
	while (at > begin && token_at(m, f, at).kind == TOKEN_MEMBER) {
		at--;
	}
	p->begin = at;
	imago_run_end result = begin_path(m, f, token_at(m, f, at), p);
	for (at++; result == IMAGO_RUN_DONE && at < end; at++) {
		result = spend(m, 1) ? enter_member(m, f, token_at(m, f, at), p) : IMAGO_RUN_FUEL;
	}
	return result;
}

/* ---- Items */

typedef enum item_class { ITEM_VALUE, ITEM_FUNCTION, ITEM_OTHER } item_class;

static uint8_t
header_bits(const machine *m, imago_addr value, bool *is_function)
{
	imago_pocket pocket;
	*is_function = imago_pocket_of_kind(m->pockets, value, IMAGO_POCKET_FUNCTION, &pocket);
	return *is_function ? pocket.zones.type : 0;
}

/* What the item is that ends before end; a name's path is *p. */
static imago_run_end
classify(machine *m, const frame *f, uint32_t begin, uint32_t end, item_class *class, path *p)
{
	const token t = token_at(m, f, end - 1);
	bool is_function;
	imago_run_end result = spend(m, 1) ? IMAGO_RUN_DONE : IMAGO_RUN_FUEL;
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
			result = resolve(m, f, begin, end, p);
		}
		const uint8_t bits = header_bits(m, p->value, &is_function);
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
	(void)header_bits(m, p->value, &is_function);
	if (is_function) {
		return call(m, p->symbol, 0);
	}
	imago_pocket pocket;
	if (!imago_pocket_at(m->pockets, p->value, &pocket) ||
	    (pocket.zones.kind != IMAGO_POCKET_ARRAY && !is_namespace(m, p->value))) {
		return IMAGO_RUN_BROKEN;
	}
	return push_held(m, p->value);
}

static imago_run_end
push_parenthesised(machine *m, frame *f, uint32_t begin, uint32_t end, uint32_t *at)
{
	uint32_t open = 1;
	uint32_t i = end - 1;
	while (open > 0 && i > begin) {
		const uint8_t kind = token_at(m, f, --i).kind;
		open = open + (kind == TOKEN_CLOSE) - (kind == TOKEN_OPEN);
	}
	if (open > 0) {
		return IMAGO_RUN_SYNTAX;
	}
	*at = i;
	const imago_run_end result = evaluate(m, f, i + 1, end - 1);
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
		return push_held(m, constant);
	}
	if (!spend(m, array.num)) {
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
		result = push(m, scalar);
	}
	return result;
}

/* All values side by side that end before *end, as one. */
static imago_run_end
push_strand(machine *m, frame *f, uint32_t begin, uint32_t *end)
{
	size_t num = 0;
	path p;
	item_class class;
	imago_run_end result = classify(m, f, begin, *end, &class, &p);
	if (result == IMAGO_RUN_DONE && class != ITEM_VALUE) {
		return IMAGO_RUN_SYNTAX;
	}
	while (result == IMAGO_RUN_DONE && class == ITEM_VALUE) {
		const token t = token_at(m, f, *end - 1);
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
			result = classify(m, f, begin, at, &class, &p);
		}
		if (result == IMAGO_RUN_DONE && t.kind == TOKEN_CONSTANT) {
			result = push_constant(m, entry(m, f, t), num == 0 && class != ITEM_VALUE, &num);
		}
		*end = at;
	}
	if (result != IMAGO_RUN_DONE || num == 1) {
		return result;
	}
	apl_call c = {m->pockets, m->fuel, m->error};
	imago_addr strand;
	result = apl_strand(&c, num, &strand);
	m->fuel = c.fuel;
	return result == IMAGO_RUN_DONE ? push(m, strand) : result;
}

/* ---- Lines */

static imago_run_end
assign(machine *m, frame *f, uint32_t begin, uint32_t *end)
{
	path p;
	if (*end == begin) {
		return IMAGO_RUN_SYNTAX;
	}
	const imago_run_end result = resolve(m, f, begin, *end, &p);
	bool is_function;
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	if (p.symbol == 0 && p.space == 0) {
		return IMAGO_RUN_SYNTAX; /* # or ## alone */
	}
	(void)header_bits(m, p.value, &is_function);
	if (is_function) {
		return IMAGO_RUN_SYNTAX; /* the name of a function is no variable's */
	}
	if (p.symbol == 0 && imago_symbol_intern(m->pockets, p.space, p.name, p.length, &p.symbol,
	                                         m->error) != IMAGO_OK) {
		return IMAGO_RUN_MEMORY;
	}
	imago_pocket_hold(m->pockets, top(m, 0));
	imago_symbol_set(m->pockets, p.symbol, top(m, 0));
	*end = p.begin;
	return IMAGO_RUN_DONE;
}

/* A primitive, number of operand, whose token is at *end; its right argument is on the stack. */
static imago_run_end
apply(machine *m, frame *f, uint32_t begin, uint32_t *end, unsigned number)
{
	imago_addr value = 0;
	item_class class = ITEM_OTHER;
	size_t num = 1;
	path p;
	imago_run_end result = IMAGO_RUN_DONE;
	const token before = *end > begin ? token_at(m, f, *end - 1) : (token){NUM_TOKEN_KINDS, 0};
	const bool is_reduction = number == PRIMITIVE_SLASH && before.kind == TOKEN_PRIMITIVE;
	if (is_reduction) {
		--*end;
	} else if (*end > begin) {
		result = classify(m, f, begin, *end, &class, &p);
	}
	if (result == IMAGO_RUN_DONE && class == ITEM_VALUE) {
		result = push_strand(m, f, begin, end);
		num = 2;
	}
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	apl_call c = {m->pockets, m->fuel, m->error};
	if (is_reduction) {
		result = apl_reduce(&c, before.operand, top(m, 0), &value);
	} else if (num == 2) {
		result = apl_dyadic(&c, number, top(m, 0), top(m, 1), &value);
	} else {
		result = apl_monadic(&c, number, top(m, 0), &value);
	}
	m->fuel = c.fuel;
	return result == IMAGO_RUN_DONE ? replace(m, num, value) : result;
}

/* A defined function, whose right argument is on the stack. */
static imago_run_end
apply_defined(machine *m, frame *f, uint32_t begin, uint32_t *end, const path *function)
{
	bool is_function;
	item_class class = ITEM_OTHER;
	path p;
	const uint8_t bits = header_bits(m, function->value, &is_function);
	imago_run_end result = IMAGO_RUN_DONE;
	*end = function->begin;
	if (*end > begin) {
		result = classify(m, f, begin, *end, &class, &p);
	}
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	const bool wants_left = (bits & IMAGO_FUNCTION_LEFT) != 0;
	if (wants_left != (class == ITEM_VALUE) || (bits & IMAGO_FUNCTION_RIGHT) == 0) {
		return IMAGO_RUN_SYNTAX;
	}
	if (wants_left) {
		result = push_strand(m, f, begin, end);
	}
	return result == IMAGO_RUN_DONE ? call(m, function->symbol, wants_left ? 2 : 1) : result;
}

/* What stands before a value: an assignment, a branch, a function. */
static imago_run_end
step_left(machine *m, frame *f, uint32_t begin, uint32_t *end)
{
	path p;
	item_class class;
	const token t = token_at(m, f, *end - 1);
	if (t.kind == TOKEN_ASSIGN) {
		--*end;
		f->is_quiet = true;
		return assign(m, f, begin, end);
	}
	if (t.kind == TOKEN_BRANCH) {
		--*end;
		f->has_branch = true;
		return *end == begin ? IMAGO_RUN_DONE : IMAGO_RUN_SYNTAX;
	}
	imago_run_end result = classify(m, f, begin, *end, &class, &p);
	f->is_quiet = false;
	if (result == IMAGO_RUN_DONE && class != ITEM_FUNCTION) {
		result = IMAGO_RUN_SYNTAX;
	}
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	if (t.kind == TOKEN_PRIMITIVE) {
		--*end;
		return apply(m, f, begin, end, t.operand);
	}
	return apply_defined(m, f, begin, end, &p);
}

/* Evaluates tokens, some, and pushes their value. */
static imago_run_end
evaluate(machine *m, frame *f, uint32_t begin, uint32_t end)
{
	imago_run_end result = begin < end ? IMAGO_RUN_DONE : IMAGO_RUN_SYNTAX;
	f->is_quiet = false;
	f->has_branch = false;
	if (m->depth == 0) {
		return IMAGO_RUN_DEPTH;
	}
	m->depth--;
	if (result == IMAGO_RUN_DONE) {
		result = push_strand(m, f, begin, &end);
	}
	while (result == IMAGO_RUN_DONE && end > begin) {
		result = step_left(m, f, begin, &end);
	}
	m->depth++;
	return result;
}

/* Where a line's value sends: the next line, or one beyond all. */
static imago_run_end
branch_target(const machine *m, uint32_t line, uint32_t num_lines, uint32_t *next)
{
	imago_array array;
	*next = line + 1;
	if (!imago_array_at(m->pockets, top(m, 0), &array) || array.type != IMAGO_ARRAY_NUMBER) {
		return IMAGO_RUN_DOMAIN;
	}
	if (array.num > 0) {
		const double target = imago_array_number(&array, 0);
		*next = target >= 1 && target <= num_lines ? (uint32_t)target : num_lines + 1;
	}
	return IMAGO_RUN_DONE;
}

/* Executes a line; its value is on the stack, or nothing is where it has none. */
static imago_run_end
run_line(machine *m, frame *f, uint32_t line, uint32_t num_lines, uint32_t *next)
{
	imago_pocket body;
	uint32_t begin;
	uint32_t end;
	*next = line + 1;
	if (!imago_pocket_of_kind(m->pockets, f->body, IMAGO_POCKET_BODY, &body) ||
	    !imago_body_line(&body, line - 1, &begin, &end)) {
		return IMAGO_RUN_BROKEN;
	}
	if (end > begin && token_at(m, f, end - 1).kind == TOKEN_COMMENT) {
		end--;
	}
	if (!spend(m, 1)) {
		return IMAGO_RUN_FUEL;
	}
	imago_run_end result = begin < end ? evaluate(m, f, begin, end) : IMAGO_RUN_DONE;
	if (result == IMAGO_RUN_DONE && begin < end && f->has_branch) {
		result = branch_target(m, line, num_lines, next);
		f->is_quiet = true;
	}
	return result;
}

/* Executes all lines; the value of the last one that has one is on the stack. */
static imago_run_end
run_lines(machine *m, frame *f, size_t base, uint32_t *line)
{
	imago_pocket body;
	imago_run_end result = IMAGO_RUN_DONE;
	uint32_t next = 1;
	if (!imago_pocket_of_kind(m->pockets, f->body, IMAGO_POCKET_BODY, &body)) {
		return IMAGO_RUN_BROKEN;
	}
	const uint32_t num_lines = imago_body_number(&body, BODY_NUM_LINES);
	f->is_quiet = true;
	while (result == IMAGO_RUN_DONE && next <= num_lines) {
		*line = next;
		imago_pockets_cut(m->pockets, base);
		result = run_line(m, f, *line, num_lines, &next);
		if (result == IMAGO_RUN_DONE && m->options->step != NULL) {
			m->options->step(m->options->payload);
		}
	}
	return result;
}

/* ---- Calls */

static imago_addr
local_symbol(const machine *m, const frame *f, uint32_t i)
{
	return entry(m, f, (token){TOKEN_NAME, i});
}

/* Takes the values away from local names, onto the stack: symbol, value, flag. */
static imago_run_end
shadow(machine *m, const frame *f, uint32_t num, uint32_t *done)
{
	for (*done = 0; *done < num; ++*done) {
		const imago_addr symbol = local_symbol(m, f, *done);
		imago_pocket pocket;
		if (!imago_pocket_of_kind(m->pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket) ||
		    imago_region_of(symbol) != 0) {
			return IMAGO_RUN_BROKEN;
		}
		const imago_addr value = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE);
		const uint8_t flag = pocket.zones.flag;
		const size_t size = m->pockets->stack_size;
		if (push_held(m, symbol) != IMAGO_RUN_DONE || push_held(m, value) != IMAGO_RUN_DONE ||
		    push(m, flag) != IMAGO_RUN_DONE) {
			imago_pockets_cut(m->pockets, size);
			return IMAGO_RUN_MEMORY;
		}
		imago_symbol_set(m->pockets, symbol, 0);
	}
	return IMAGO_RUN_DONE;
}

static void
restore(machine *m, size_t base, uint32_t num)
{
	imago_pockets_cut(m->pockets, base + (size_t)num * SHADOW_WORDS);
	while (num-- > 0) {
		const imago_addr region = imago_pockets_pop(m->pockets);
		const imago_addr value = imago_pockets_pop(m->pockets);
		const imago_addr symbol = imago_pockets_pop(m->pockets);
		imago_symbol_set(m->pockets, symbol, value);
		imago_symbol_note_import(m->pockets, symbol, (unsigned)region);
		imago_pocket_drop(m->pockets, symbol);
	}
}

/* Where a run stopped, told by the innermost function. */
static void
note_place(machine *m, imago_addr symbol, uint32_t line)
{
	imago_pocket pocket;
	size_t length = 0;
	const char *name =
	    imago_pocket_at(m->pockets, symbol, &pocket) ? imago_symbol_name(&pocket, &length) : NULL;
	if (m->result->line == 0 && name != NULL && length < sizeof m->result->name) {
		m->result->line = line;
		memcpy(m->result->name, name, length);
		m->result->name[length] = '\0';
	}
}

/* Gives arguments to the local names and runs the lines. */
static imago_run_end
run_body(machine *m, frame *f, uint8_t bits, size_t arguments, uint32_t *line, imago_addr *value)
{
	uint32_t name = (bits & IMAGO_FUNCTION_RESULT) != 0 ? 1 : 0;
	const size_t base = m->pockets->stack_size;
	size_t argument = arguments;
	const uint8_t both = IMAGO_FUNCTION_LEFT | IMAGO_FUNCTION_RIGHT;
	const size_t num = (bits & both) == both ? 2 : (bits & both) != 0 ? 1 : 0;
	for (size_t i = 0; i < num; i++) {
		/* The left one was pushed last, and its name stands first. */
		const imago_addr given = m->pockets->stack[argument + num - 1 - i];
		imago_pocket_hold(m->pockets, given);
		imago_symbol_set(m->pockets, local_symbol(m, f, name++), given);
	}
	const imago_run_end result = run_lines(m, f, base, line);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	*value = 0;
	if ((bits & IMAGO_FUNCTION_RESULT) != 0) {
		*value = value_of(m, local_symbol(m, f, 0));
		imago_pocket_hold(m->pockets, *value);
		return *value != 0 ? IMAGO_RUN_DONE : IMAGO_RUN_VALUE;
	}
	/* A function without a result leaves an empty vector, quietly. */
	const uint64_t none = 0;
	return imago_array_make(m->pockets, IMAGO_ARRAY_NUMBER, 1, &none, value, m->error) == IMAGO_OK
	           ? IMAGO_RUN_DONE
	           : IMAGO_RUN_MEMORY;
}

/* Calls what a symbol stands for; its arguments are on the stack, the left one on top, and are
 * replaced by the result. */
static imago_run_end
call(machine *m, imago_addr symbol, unsigned num_arguments)
{
	imago_pocket pocket;
	frame f = {0};
	const size_t arguments = m->pockets->stack_size - num_arguments;
	if (m->depth == 0) {
		return IMAGO_RUN_DEPTH;
	}
	if (!imago_pocket_of_kind(m->pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket)) {
		return IMAGO_RUN_BROKEN;
	}
	f.space = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_SPACE);
	const imago_status status = imago_symbol_bind(m->pockets, symbol, m->error);
	if (status != IMAGO_OK) {
		return status == IMAGO_ESTRUCTURE ? IMAGO_RUN_BROKEN : IMAGO_RUN_MEMORY;
	}
	const imago_addr function = value_of(m, symbol);
	imago_run_end result = push_held(m, function);
	if (result != IMAGO_RUN_DONE ||
	    !imago_pocket_of_kind(m->pockets, function, IMAGO_POCKET_FUNCTION, &pocket)) {
		return result != IMAGO_RUN_DONE ? result : IMAGO_RUN_BROKEN;
	}
	const uint8_t bits = pocket.zones.type;
	f.table = imago_pocket_pointer(&pocket, FUNCTION_LST);
	f.body = imago_pocket_pointer(&pocket, FUNCTION_BODY);
	imago_pocket body;
	if (!imago_pocket_of_kind(m->pockets, f.body, IMAGO_POCKET_BODY, &body)) {
		return IMAGO_RUN_BROKEN;
	}
	const size_t base = m->pockets->stack_size;
	uint32_t shadowed;
	uint32_t line = 0;
	imago_addr value = 0;
	result = shadow(m, &f, imago_body_number(&body, BODY_NUM_LOCALS), &shadowed);
	if (result == IMAGO_RUN_DONE) {
		m->depth--;
		result = run_body(m, &f, bits, arguments, &line, &value);
		m->depth++;
	}
	restore(m, base, shadowed);
	if (result != IMAGO_RUN_DONE) {
		note_place(m, symbol, line);
		imago_pocket_drop(m->pockets, value);
		return result;
	}
	return replace(m, m->pockets->stack_size - arguments, value);
}

/* ---- Runs */

static imago_run_end
run_expression(machine *m, imago_addr function, imago_addr space, size_t base)
{
	imago_pocket pocket;
	uint32_t line = 0;
	if (!imago_pocket_of_kind(m->pockets, function, IMAGO_POCKET_FUNCTION, &pocket)) {
		return IMAGO_RUN_BROKEN;
	}
	frame f = {.table = imago_pocket_pointer(&pocket, FUNCTION_LST),
	           .body = imago_pocket_pointer(&pocket, FUNCTION_BODY),
	           .space = space};
	imago_run_end result = run_lines(m, &f, base, &line);
	if (result == IMAGO_RUN_DONE && m->pockets->stack_size > base) {
		m->result->value = imago_pockets_pop(m->pockets);
	}
	m->result->is_quiet = f.is_quiet || m->result->value == 0;
	return result;
}

void
imago_run(imago_pockets *pockets, imago_addr space, const char *text, size_t length,
          const imago_run_options *options, imago_run_result *result, imago_error *error)
{
	static const imago_run_options none = {.fuel = 0};
	const size_t before = pockets->stack_size;
	options = options != NULL ? options : &none;
	machine m = {
	    .pockets = pockets,
	    .options = options,
	    .result = result,
	    .error = error,
	    .fuel = options->fuel != 0 ? options->fuel : default_fuel,
	    .depth =
	        options->depth != 0 && options->depth < DEFAULT_DEPTH ? options->depth : DEFAULT_DEPTH,
	};
	const uint64_t fuel = m.fuel;
	imago_addr function;
	memset(result, 0, sizeof *result);
	imago_status status = imago_expression_compile(pockets, space, text, length, &function, error);
	if (status == IMAGO_OK) {
		status = imago_pockets_push(pockets, function, error);
	}
	if (status == IMAGO_OK) {
		result->end = run_expression(&m, function, space, pockets->stack_size);
	} else {
		result->end = status == IMAGO_ENOMEM || status == IMAGO_ELIMIT ? IMAGO_RUN_MEMORY
		              : status == IMAGO_EUSAGE                         ? IMAGO_RUN_BROKEN
		                                                               : IMAGO_RUN_SYNTAX;
	}
	result->fuel = fuel - m.fuel;
	imago_pockets_cut(pockets, before);
}

const char *
imago_run_end_name(imago_run_end end)
{
	static const char *const names[IMAGO_NUM_RUN_ENDS] = {
	    [IMAGO_RUN_DONE] = "DONE",           [IMAGO_RUN_SYNTAX] = "SYNTAX ERROR",
	    [IMAGO_RUN_VALUE] = "VALUE ERROR",   [IMAGO_RUN_DOMAIN] = "DOMAIN ERROR",
	    [IMAGO_RUN_LENGTH] = "LENGTH ERROR", [IMAGO_RUN_RANK] = "RANK ERROR",
	    [IMAGO_RUN_FUEL] = "OUT OF FUEL",    [IMAGO_RUN_DEPTH] = "TOO DEEP",
	    [IMAGO_RUN_MEMORY] = "WS FULL",      [IMAGO_RUN_BROKEN] = "BROKEN POCKET"};
	return (size_t)end < IMAGO_NUM_RUN_ENDS ? names[end] : "?";
}
