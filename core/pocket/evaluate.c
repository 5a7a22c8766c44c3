/* evaluate.c: lines from right to left, and runs. */
#include <string.h>

#include "machine.h"

enum { DEFAULT_DEPTH = 250 };
static const uint64_t default_fuel = UINT64_C(1) << 30;

/* ---- Lines */

static imago_run_end
assign(machine *m, frame *f, uint32_t begin, uint32_t *end)
{
	path p;
	if (*end == begin) {
		return IMAGO_RUN_SYNTAX;
	}
	const imago_run_end result = imago_apl_resolve(m, f, begin, *end, &p);
	bool is_function;
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	if (p.symbol == 0 && p.space == 0) {
		return IMAGO_RUN_SYNTAX; /* # or ## alone */
	}
	(void)imago_apl_header_bits(m, p.value, &is_function);
	if (is_function) {
		return IMAGO_RUN_SYNTAX; /* the name of a function is no variable's */
	}
	if (p.symbol == 0) {
		const imago_status status =
		    imago_symbol_intern(m->pockets, p.space, p.name, p.length, &p.symbol, m->error);
		if (status != IMAGO_OK) {
			return status == IMAGO_ESTRUCTURE ? IMAGO_RUN_BROKEN : IMAGO_RUN_MEMORY;
		}
	}
	imago_pocket_hold(m->pockets, imago_apl_top(m, 0));
	imago_symbol_set(m->pockets, p.symbol, imago_apl_top(m, 0));
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
	const token before =
	    *end > begin ? imago_apl_token_at(m, f, *end - 1) : (token){NUM_TOKEN_KINDS, 0};
	const bool is_reduction = number == PRIMITIVE_SLASH && before.kind == TOKEN_PRIMITIVE;
	if (is_reduction) {
		--*end;
	} else if (*end > begin) {
		result = imago_apl_classify(m, f, begin, *end, &class, &p);
	}
	if (result == IMAGO_RUN_DONE && class == ITEM_VALUE) {
		result = imago_apl_push_strand(m, f, begin, end);
		num = 2;
	}
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	apl_call c = {m->pockets, m->fuel, m->error};
	if (is_reduction) {
		result = imago_apl_reduce(&c, before.operand, imago_apl_top(m, 0), &value);
	} else if (num == 2) {
		result = imago_apl_dyadic(&c, number, imago_apl_top(m, 0), imago_apl_top(m, 1), &value);
	} else {
		result = imago_apl_monadic(&c, number, imago_apl_top(m, 0), &value);
	}
	m->fuel = c.fuel;
	return result == IMAGO_RUN_DONE ? imago_apl_replace(m, num, value) : result;
}

/* A defined function, whose right argument is on the stack. */
static imago_run_end
apply_defined(machine *m, frame *f, uint32_t begin, uint32_t *end, const path *function)
{
	bool is_function;
	item_class class = ITEM_OTHER;
	path p;
	const uint8_t bits = imago_apl_header_bits(m, function->value, &is_function);
	imago_run_end result = IMAGO_RUN_DONE;
	*end = function->begin;
	if (*end > begin) {
		result = imago_apl_classify(m, f, begin, *end, &class, &p);
	}
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	const bool wants_left = (bits & IMAGO_FUNCTION_LEFT) != 0;
	if (wants_left != (class == ITEM_VALUE) || (bits & IMAGO_FUNCTION_RIGHT) == 0) {
		return IMAGO_RUN_SYNTAX;
	}
	if (wants_left) {
		result = imago_apl_push_strand(m, f, begin, end);
	}
	return result == IMAGO_RUN_DONE ? imago_apl_call_symbol(m, function->symbol, wants_left ? 2 : 1)
	                                : result;
}

/* What stands before a value: an assignment, a branch, a function. */
static imago_run_end
step_left(machine *m, frame *f, uint32_t begin, uint32_t *end)
{
	path p;
	item_class class;
	const token t = imago_apl_token_at(m, f, *end - 1);
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
	imago_run_end result = imago_apl_classify(m, f, begin, *end, &class, &p);
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
imago_run_end
imago_apl_evaluate(machine *m, frame *f, uint32_t begin, uint32_t end)
{
	imago_run_end result = begin < end ? IMAGO_RUN_DONE : IMAGO_RUN_SYNTAX;
	f->is_quiet = false;
	f->has_branch = false;
	if (m->depth == 0) {
		return IMAGO_RUN_DEPTH;
	}
	m->depth--;
	if (result == IMAGO_RUN_DONE) {
		result = imago_apl_push_strand(m, f, begin, &end);
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
	if (!imago_array_at(m->pockets, imago_apl_top(m, 0), &array) ||
	    array.type != IMAGO_ARRAY_NUMBER) {
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
	if (end > begin && imago_apl_token_at(m, f, end - 1).kind == TOKEN_COMMENT) {
		end--;
	}
	if (!imago_apl_burn(m, 1)) {
		return IMAGO_RUN_FUEL;
	}
	imago_run_end result = begin < end ? imago_apl_evaluate(m, f, begin, end) : IMAGO_RUN_DONE;
	if (result == IMAGO_RUN_DONE && begin < end && f->has_branch) {
		result = branch_target(m, line, num_lines, next);
		f->is_quiet = true;
	}
	return result;
}

/* Executes all lines; the value of the last one that has one is on the stack. */
imago_run_end
imago_apl_run_lines(machine *m, frame *f, size_t base, uint32_t *line)
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
	imago_run_end result = imago_apl_run_lines(m, &f, base, &line);
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
