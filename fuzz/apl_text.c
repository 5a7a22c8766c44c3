/* apl_text.c: lines of APL, drawn by decisions. */
#include "apl_text.h"

#include <string.h>

enum { MOST_DEPTH = 3 };

const char *const apl_names[APL_NUM_NAMES] = {"A", "B", "C", "AD",  "F",   "G",
                                              "H", "N", "S", "S.X", "S.Y", "S.K"};

static void
put(apl_text *text, const char *more)
{
	const size_t length = strlen(more);
	if (length < sizeof text->bytes - text->size) {
		memcpy(text->bytes + text->size, more, length);
		text->size += length;
	}
}

static void
put_one(apl_text *text, fuzz_decisions *decisions, const char *const *choices, uint32_t num)
{
	put(text, choices[fuzz_decide(decisions, num)]);
}

static void
put_constant(apl_text *text, fuzz_decisions *decisions)
{
	static const char *const
	    constants[] = {"0",       "1",          "2",        "3 1 2", "¯1",       "10",
	                   "'abc'",   "'x'",        "''",       "0.5",   "1 0 1",    "2 3",
	                   "'it''s'", "(1 'ab' 2)", "(2 3⍴⍳6)", "(⍳0)",  "(5⍴'no')", "((1 2)(3 'c'))",
	                   "(⍳132)",  "(⍳134)"}; /* just more than lists of free pockets are for */
	put_one(text, decisions, constants, sizeof constants / sizeof constants[0]);
}

static void put_expression(apl_text *text, fuzz_decisions *decisions, const char *const *names,
                           uint32_t num_names, unsigned depth);

/* A value: a constant, a name, something in parentheses. */
static void
put_value(apl_text *text, fuzz_decisions *decisions, const char *const *names, uint32_t num_names,
          unsigned depth)
{
	const uint32_t what = fuzz_decide(decisions, 8);
	if (what < 4) {
		put_one(text, decisions, names, num_names);
	} else if (what == 4 && depth > 0) {
		put(text, "(");
		put_expression(text, decisions, names, num_names, depth - 1);
		put(text, ")");
	} else {
		put_constant(text, decisions);
	}
	put(text, " ");
}

static void
put_expression(apl_text *text, fuzz_decisions *decisions, const char *const *names,
               uint32_t num_names, unsigned depth)
{
	static const char *const dyadic[] = {"+", "-", "×", "÷", "⌈", "⌊", "=", "≠",  "<", ">", "≤",
	                                     "≥", "⍴", "⍳", ",", "↑", "↓", "/", "G ", " ", " "};
	static const char *const monadic[] = {"-",  "⍴",  ",", "↑",    "+/", "×/",
	                                      "⌈/", "F ", "⌊", "S.K ", "1↓", "3↑"};
	const uint32_t length = fuzz_decide(decisions, 3);
	for (uint32_t i = 0; i < length; i++) {
		if (fuzz_decide(decisions, 2) == 0) {
			put_one(text, decisions, monadic, sizeof monadic / sizeof monadic[0]);
		} else {
			put_value(text, decisions, names, num_names, depth);
			put_one(text, decisions, dyadic, sizeof dyadic / sizeof dyadic[0]);
		}
	}
	put_value(text, decisions, names, num_names, depth);
}

static const char *const variables[] = {"A", "B", "C", "AD", "H", "N", "S.X", "S.Y"};
enum { NUM_VARIABLES = sizeof variables / sizeof variables[0] };

/* header: what stands before and behind the function's name. */
static void
put_function(apl_text *text, const char *before, const char *name, const char *behind,
             fuzz_decisions *decisions)
{
	static const char *const names[] = {"B", "P", "L", "A", "C", "AD", "##.A", "#.B", "H"};
	const uint32_t num_lines = fuzz_decide(decisions, 3);
	put(text, "∇R←");
	put(text, before);
	put(text, name);
	put(text, behind);
	put(text, ";L\n");
	for (uint32_t i = 0; i < num_lines; i++) {
		if (fuzz_decide(decisions, 4) == 0) {
			put(text, "→(0=⍴⍴B)/0 ⍝ done\n");
		} else {
			put(text, "L←");
			put_expression(text, decisions, names, 9, MOST_DEPTH);
			put(text, "\n");
		}
	}
	put(text, "R←");
	put_expression(text, decisions, names, 9, MOST_DEPTH);
	put(text, "\n∇\n");
}

static void
put_space(apl_text *text, fuzz_decisions *decisions)
{
	put(text, ")NS S\nX←");
	put_constant(text, decisions);
	put(text, "\n");
	if (fuzz_decide(decisions, 2) == 0) {
		put(text, "Y←");
		put_constant(text, decisions);
		put(text, "\n");
	}
	if (fuzz_decide(decisions, 2) == 0) {
		put_function(text, "", "K", " B", decisions);
	}
	put(text, ")END\n");
}

/* A value with a namespace in it, which has no other name when APL_HELPER is taken away. */
static void
put_nested_space(apl_text *text, fuzz_decisions *decisions)
{
	static const char *const values[] = {"Z 1",   "1 Z",        "(2 'ab')Z", "Z Z",
	                                     "(1 Z)", "(3 Z)(4 5)", "2 1⍴Z 'x'"};
	put(text, ")NS " APL_HELPER "\nX←");
	put_constant(text, decisions);
	put(text, "\n)END\nN←");
	put_one(text, decisions, values, sizeof values / sizeof values[0]);
	put(text, "\n");
}

void
apl_definition(apl_text *text, unsigned name, fuzz_decisions *decisions)
{
	text->size = 0;
	if (strcmp(apl_names[name], "F") == 0) {
		put_function(text, "", "F", " B", decisions);
	} else if (strcmp(apl_names[name], "G") == 0) {
		put_function(text, "P ", "G", " B", decisions);
	} else if (strcmp(apl_names[name], "H") == 0) {
		put_function(text, "", "H", "", decisions);
	} else if (strcmp(apl_names[name], "N") == 0) {
		put_nested_space(text, decisions);
	} else if (strcmp(apl_names[name], "S") == 0) {
		put_space(text, decisions);
	} else {
		put(text, apl_names[name]);
		put(text, "←");
		put_constant(text, decisions);
		put(text, "\n");
	}
}

void
apl_line(apl_text *text, unsigned *assigned, fuzz_decisions *decisions)
{
	static const unsigned assignable[] = {0, 1, 2, 3, 9, 10}; /* N keeps its namespaces */
	text->size = 0;
	*assigned = APL_NUM_NAMES;
	if (fuzz_decide(decisions, 2) == 0) {
		*assigned = assignable[fuzz_decide(decisions, 6)];
		put(text, apl_names[*assigned]);
		put(text, "←");
	}
	put_expression(text, decisions, variables, NUM_VARIABLES, MOST_DEPTH);
}
