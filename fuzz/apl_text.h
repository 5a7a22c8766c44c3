/* apl_text.h: lines of APL, drawn by decisions: what workspace targets define and run.
 *
 * Names: variables A, B, C, AD, functions F (of one argument), G (of two), H (of none), an array N
 * with namespaces in it, a namespace S with X, Y and a function K. Functions assign local names
 * only; a line assigns last. */
#ifndef FUZZ_APL_TEXT_H
#define FUZZ_APL_TEXT_H

#include <stdbool.h>

#include "fuzz_decisions.h"

#define APL_HELPER "Z" /* a name that definitions need for a moment (pockets_define) */

enum { APL_TEXT_SIZE = 2048, APL_NUM_NAMES = 12, APL_NUM_ROOT_NAMES = 9 };

typedef struct apl_text {
	char bytes[APL_TEXT_SIZE];
	size_t size;
} apl_text;

/* "A" … "N", "S", then what is in S. */
extern const char *const apl_names[APL_NUM_NAMES];

/* The definition of a name, as a text for pockets_define; of S, with some of its own. */
void apl_definition(apl_text *text, unsigned name, fuzz_decisions *decisions);

/* A line to run. *assigned is the number of the name that it assigns, or APL_NUM_NAMES. */
void apl_line(apl_text *text, unsigned *assigned, fuzz_decisions *decisions);

#endif
