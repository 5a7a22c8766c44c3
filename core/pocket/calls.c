/* calls.c: defined functions: local names, arguments, results. */
#include <string.h>

#include "../base/planted.h"
#include "machine.h"

enum { SHADOW_WORDS = 3 };

static imago_addr
local_symbol(const machine *m, const frame *f, uint32_t i)
{
	return imago_apl_entry(m, f, (token){TOKEN_NAME, i});
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
		if (imago_apl_push_held(m, symbol) != IMAGO_RUN_DONE ||
		    imago_apl_push_held(m, value) != IMAGO_RUN_DONE ||
		    imago_apl_push(m, flag) != IMAGO_RUN_DONE) {
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
		if (!IMAGO_BUG(import_forgotten, region != 0)) {
			imago_symbol_note_import(m->pockets, symbol, (unsigned)region);
		}
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
	const imago_run_end result = imago_apl_run_lines(m, f, base, line);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	*value = 0;
	if ((bits & IMAGO_FUNCTION_RESULT) != 0) {
		*value = imago_apl_value_of(m, local_symbol(m, f, 0));
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
imago_run_end
imago_apl_call_symbol(machine *m, imago_addr symbol, unsigned num_arguments)
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
	const imago_addr function = imago_apl_value_of(m, symbol);
	imago_run_end result = imago_apl_push_held(m, function);
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
	return imago_apl_replace(m, m->pockets->stack_size - arguments, value);
}
