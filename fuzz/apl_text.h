/* apl_text.h: lines of APL, drawn by decisions: what workspace targets define and run.
 *
 * Names: variables A to D, functions F (of one argument), G (of two), H (of none), a namespace S
 * with X, Y and a function K. Functions assign local names only; a line assigns last. */
#ifndef FUZZ_APL_TEXT_H
#define FUZZ_APL_TEXT_H

#include <stdbool.h>

#include "fuzz_decisions.h"

enum { APL_TEXT_SIZE = 2048, APL_NUM_NAMES = 11 };

typedef struct apl_text {
	char bytes[APL_TEXT_SIZE];
	size_t size;
} apl_text;

/* "A" … "H", "S", "S.X" …; a name in a namespace comes behind it. */
extern const char *const apl_names[APL_NUM_NAMES];

/* The definition of a name, as a text for imago_workspace_take_text; of S, with some of its own. */
void apl_definition(apl_text *text, unsigned name, fuzz_decisions *decisions);

/* A line to run. *assigned is the number of the name that it assigns, or APL_NUM_NAMES. */
void apl_line(apl_text *text, unsigned *assigned, fuzz_decisions *decisions);

#endif
