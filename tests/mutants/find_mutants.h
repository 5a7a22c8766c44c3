/* find_mutants.h: the small mistakes that could have been made in a function. */
#ifndef IMAGO_MUTANTS_FIND_MUTANTS_H
#define IMAGO_MUTANTS_FIND_MUTANTS_H

#include "tokens.h"

/* A function with a body; the fields are indices of tokens. */
typedef struct function {
	size_t head;       /* its first token, attributes included */
	size_t name;       /* followed by the bracket of its parameters */
	size_t open;       /* the brace of its body */
	size_t close;      /* … and its partner */
	size_t first, end; /* its mutants, in the list: first … end - 1 */
} function;

/* One edit of the source: what stands from start to end becomes text. */
typedef struct mutant {
	size_t function;
	size_t start, end;
	const char *operator; /* relation, logic, constant, negated, dropped, call */
	char *text;
} mutant;

typedef struct mutant_list {
	function *functions;
	size_t num_functions;
	mutant *mutants;
	size_t num_mutants;
} mutant_list;

/* All functions of a file and all mutants, in the order of the source. Ends the program when memory
 * runs out. */
mutant_list find_mutants(const source *file);
void mutant_list_release(mutant_list *list);

#endif
