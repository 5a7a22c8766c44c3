/* machine.h: what evaluating lines, their operands and calls share.
 *
 * Every value on its way is on the stack of the pockets, counted, so whatever fails need only cut
 * the stack back. What runs may lie in a shared code file that nobody checked: each token, symbol
 * and constant is looked up with its bounds. */
#ifndef CORE_POCKET_MACHINE_H
#define CORE_POCKET_MACHINE_H

#include "tokens.h"

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

/* A name: a, a.b, #.b, ##.b. */
typedef struct path {
	uint32_t begin;    /* its first token */
	imago_addr space;  /* what it leads into, when it ends in a member */
	imago_addr symbol; /* what it names; 0: nothing yet, or a namespace itself */
	char name[IMAGO_SYMBOL_MAX_NAME];
	size_t length; /* of a member's name */
	imago_addr value;
} path;

typedef enum item_class { ITEM_VALUE, ITEM_FUNCTION, ITEM_OTHER } item_class;

/* The stack. Held: the stack gets a count of its own. Replace takes so many values off. */
imago_run_end imago_apl_push(machine *m, imago_addr value);
imago_run_end imago_apl_push_held(machine *m, imago_addr value);
imago_addr imago_apl_top(const machine *m, size_t below);
imago_run_end imago_apl_replace(machine *m, size_t num, imago_addr value);

/* Takes fuel; false when there is not enough. */
bool imago_apl_burn(machine *m, uint64_t amount);

/* Tokens of the body; symbols and constants of the table; 0 where there is none. */
token imago_apl_token_at(const machine *m, const frame *f, uint32_t i);
imago_addr imago_apl_entry(const machine *m, const frame *f, token t);
imago_addr imago_apl_value_of(const machine *m, imago_addr symbol);

/* What the tokens before end name, none of them before begin. */
imago_run_end imago_apl_resolve(machine *m, const frame *f, uint32_t begin, uint32_t end, path *p);

/* The bits of a function's header; 0 where the value is none. */
uint8_t imago_apl_header_bits(const machine *m, imago_addr value, bool *is_function);

/* What the item is that ends before end; a name's path is *p. */
imago_run_end imago_apl_classify(machine *m, const frame *f, uint32_t begin, uint32_t end,
                                 item_class *class, path *p);

/* All values side by side that end before *end, pushed as one. */
imago_run_end imago_apl_push_strand(machine *m, frame *f, uint32_t begin, uint32_t *end);

/* Evaluates tokens, some, and pushes their value. */
imago_run_end imago_apl_evaluate(machine *m, frame *f, uint32_t begin, uint32_t end);

/* Executes all lines; the value of the last one that has one is on the stack. */
imago_run_end imago_apl_run_lines(machine *m, frame *f, size_t base, uint32_t *line);

/* Calls what a symbol stands for; its arguments are on the stack, the left one on top, and are
 * replaced by the result. */
imago_run_end imago_apl_call_symbol(machine *m, imago_addr symbol, unsigned num_arguments);

#endif
