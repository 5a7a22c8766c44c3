/* find_mutants.c: looks for places in the bodies of functions where an edit makes a mutant.
 *
 *   relation   a < b: a <= b, a >= b; a == b: a != b; and so on
 *   logic      a && b: a || b, and the other way round
 *   constant   a number: one more, one less (not below 0)
 *   negated    if (c), while (c): if (!(c))
 *   dropped    if (c): if (0 && (c))
 *   call       a call whose result nobody takes: removed
 *
 * Left alone: assertions, planted bugs (IMAGO_BUG), operands of sizeof, enumerations, constant
 * tables, sizes of arrays, designators and case labels.
 */
#include "find_mutants.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element at the end of an array that grows by doubling. */
static void *
room_for_one(void *array, size_t count, size_t element_size)
{
	if ((count & (count - 1)) != 0) {
		return array;
	}
	array = realloc(array, (count == 0 ? 1 : count * 2) * element_size);
	if (array == NULL) {
		fputs("make_mutants: out of memory\n", stderr);
		exit(1);
	}
	return array;
}

/* before, size bytes of middle and after, in memory of its own. */
static char *
join(const char *before, const char *middle, size_t size, const char *after)
{
	size_t head = strlen(before);
	char *text = malloc(head + size + strlen(after) + 1);
	if (text == NULL) {
		fputs("make_mutants: out of memory\n", stderr);
		exit(1);
	}
	memcpy(text, before, head);
	memcpy(text + head, middle, size);
	memcpy(text + head + size, after, strlen(after) + 1);
	return text;
}

/* Takes the text. */
static void
add_mutant(mutant_list *list, size_t start, size_t end, const char *operator, char * text)
{
	list->mutants = room_for_one(list->mutants, list->num_mutants, sizeof *list->mutants);
	list->mutants[list->num_mutants++] = (mutant){.function = list->num_functions,
	                                              .start = start,
	                                              .end = end,
	                                              .operator= operator,
	                                              .text = text };
}

/* The token becomes the words. */
static void
replace(mutant_list *list, const source *file, size_t index, const char *operator,
        const char * words)
{
	add_mutant(list, file->tokens[index].start, file->tokens[index].end, operator,
	           join(words, "", 0, ""));
}

static void
mutate_sign(mutant_list *list, const source *file, size_t index)
{
	static const struct {
		const char *sign, *operator, * mutants[2];
	} rows[] = {
	    {"<", "relation", {"<=", ">="}},  {"<=", "relation", {"<", ">"}},
	    {">", "relation", {">=", "<="}},  {">=", "relation", {">", "<"}},
	    {"==", "relation", {"!=", NULL}}, {"!=", "relation", {"==", NULL}},
	    {"&&", "logic", {"||", NULL}},    {"||", "logic", {"&&", NULL}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t j = 0; j < 2 && token_is(file, index, rows[i].sign); j++) {
			if (rows[i].mutants[j] != NULL) {
				replace(list, file, index, rows[i].operator, rows[i].mutants[j]);
			}
		}
	}
}

/* One more and one less, written in the base and with the suffix of the original. */
static void
mutate_number(mutant_list *list, const source *file, size_t index)
{
	const char *text = file->text + file->tokens[index].start;
	size_t size = file->tokens[index].end - file->tokens[index].start;
	char *suffix;
	errno = 0;
	unsigned long long value = strtoull(text, &suffix, 0);
	bool is_hexadecimal = size > 1 && tolower((unsigned char)text[1]) == 'x';
	bool is_octal = size > 1 && text[0] == '0' && !is_hexadecimal;
	int suffix_size = (int)(text + size - suffix);
	for (int i = 0; i < suffix_size; i++) {
		if (strchr("uUlL", suffix[i]) == NULL) {
			return; /* a fraction */
		}
	}
	char words[64];
	for (int less = 0; less < 2 && errno == 0; less++) {
		if (less ? value == 0 : value == UINT64_MAX) {
			continue;
		}
		snprintf(words, sizeof words,
		         is_hexadecimal ? "0x%llX%.*s"
		         : is_octal     ? "0%llo%.*s"
		                        : "%llu%.*s",
		         less ? value - 1 : value + 1, suffix_size, suffix);
		replace(list, file, index, "constant", words);
	}
}

/* if (…) and while (…), of which index is the keyword. */
static void
mutate_condition(mutant_list *list, const source *file, size_t index)
{
	if (!token_is(file, index + 1, "(")) {
		return;
	}
	size_t start = file->tokens[index + 1].end;
	size_t end = file->tokens[file->tokens[index + 1].partner].start;
	const char *condition = file->text + start;
	add_mutant(list, start, end, "negated", join("!(", condition, end - start, ")"));
	if (token_is(file, index, "if")) {
		add_mutant(list, start, end, "dropped", join("0 && (", condition, end - start, ")"));
	}
}

/* True between the parentheses of for, or any. */
static bool
is_in_parentheses(const source *file, size_t index)
{
	while (index-- > 0) {
		const token *at = &file->tokens[index];
		if (token_is(file, index, ")") || token_is(file, index, "}")) {
			index = at->partner;
		} else if (token_is(file, index, "(") || token_is(file, index, "{")) {
			return token_is(file, index, "(");
		}
	}
	return false;
}

/* True when a statement can begin at a token of a body. */
static bool
begins_statement(const source *file, size_t index)
{
	static const char *const before[] = {";", "{", "}", "else", "do", NULL};
	static const char *const heads[] = {"if", "while", "for", "switch", NULL};
	if (token_is(file, index - 1, ")")) {
		size_t open = file->tokens[index - 1].partner;
		return open > 0 && token_is_any(file, open - 1, heads);
	}
	if (token_is(file, index - 1, ":")) {
		size_t at = index - 1;
		while (at > 0 && !token_is_any(file, at, before) && !token_is(file, at, "case") &&
		       !token_is(file, at, "default")) {
			at--;
		}
		return token_is(file, at, "case") || token_is(file, at, "default");
	}
	return token_is_any(file, index - 1, before) && !is_in_parentheses(file, index);
}

/* f(…);  a->f(…);  (void)f(…); */
static void
mutate_call(mutant_list *list, const source *file, size_t index)
{
	static const char *const others[] = {"if",     "while",    "for",    "switch", "return",
	                                     "sizeof", "va_start", "va_end", NULL};
	if (!begins_statement(file, index) || token_is_any(file, index, others)) {
		return;
	}
	size_t at = index;
	if (token_is(file, at, "(") && token_is(file, at + 1, "void") && token_is(file, at + 2, ")")) {
		at += 3;
	}
	while (at < file->num_tokens && file->tokens[at].kind == TOKEN_NAME &&
	       (token_is(file, at + 1, "->") || token_is(file, at + 1, "."))) {
		at += 2;
	}
	if (at >= file->num_tokens || file->tokens[at].kind != TOKEN_NAME ||
	    !token_is(file, at + 1, "(") || !token_is(file, file->tokens[at + 1].partner + 1, ";")) {
		return;
	}
	add_mutant(list, file->tokens[index].start, file->tokens[file->tokens[at + 1].partner].end,
	           "call", join("(void)0", "", 0, ""));
}

/* The token behind the operand of the sizeof at index. */
static size_t
behind_sizeof(const source *file, size_t index)
{
	size_t at = index + 1;
	if (token_is(file, at, "(")) {
		return file->tokens[at].partner + 1;
	}
	while (token_is(file, at, "*") || token_is(file, at, "&")) {
		at++;
	}
	at++;
	for (;;) {
		if (token_is(file, at, "[")) {
			at = file->tokens[at].partner + 1;
		} else if (token_is(file, at, "->") || token_is(file, at, ".")) {
			at += 2;
		} else {
			return at;
		}
	}
}

/* The next token with this spelling that no bracket hides. */
static size_t
find_behind(const source *file, size_t at, const char *spelling)
{
	while (at < file->num_tokens && !token_is(file, at, spelling)) {
		at = file->tokens[at].partner > at ? file->tokens[at].partner + 1 : at + 1;
	}
	return at;
}

/* The size of an array that is declared, or a designator. */
static bool
is_size_or_designator(const source *file, size_t index)
{
	if (token_is(file, index - 1, "{") || token_is(file, index - 1, ",")) {
		return true;
	}
	const token *before = &file->tokens[index - 1];
	const token *type = &file->tokens[index - 2];
	return before->kind == TOKEN_NAME &&
	       ((type->kind == TOKEN_NAME && !token_is(file, index - 2, "return")) ||
	        (token_is(file, index - 2, "*") && index >= 3 && type[-1].kind == TOKEN_NAME &&
	         begins_statement(file, index - 3)));
}

/* Where to go on when the token begins something that is left alone, or index itself. */
static size_t
behind_exempt(const source *file, size_t index)
{
	static const char *const checks[] = {"assert", "static_assert", "_Static_assert", "IMAGO_BUG",
	                                     NULL};
	if (token_is_any(file, index, checks) && token_is(file, index + 1, "(")) {
		return file->tokens[index + 1].partner + 1;
	}
	if (token_is(file, index, "sizeof")) {
		return behind_sizeof(file, index);
	}
	if (token_is(file, index, "enum") || token_is(file, index, "typedef") ||
	    token_is(file, index, "static")) {
		return find_behind(file, index, ";") + 1;
	}
	if (token_is(file, index, "case")) {
		return find_behind(file, index, ":");
	}
	if (token_is(file, index, "[") && is_size_or_designator(file, index)) {
		return file->tokens[index].partner + 1;
	}
	/* = {0} empties a whole structure. */
	if (token_is(file, index, "{") && token_is(file, index + 1, "0") &&
	    token_is(file, index + 2, "}")) {
		return index + 3;
	}
	return index;
}

static void
mutate_body(mutant_list *list, const source *file, const function *it)
{
	size_t index = it->open + 1;
	while (index < it->close) {
		size_t behind = behind_exempt(file, index);
		if (behind != index) {
			index = behind;
			continue;
		}
		switch (file->tokens[index].kind) {
		case TOKEN_NUMBER:
			mutate_number(list, file, index);
			break;
		case TOKEN_NAME:
			if (token_is(file, index, "if") || token_is(file, index, "while")) {
				mutate_condition(list, file, index);
			}
			mutate_call(list, file, index);
			break;
		case TOKEN_SIGN:
			mutate_sign(list, file, index);
			mutate_call(list, file, index);
			break;
		case TOKEN_TEXT:
			break;
		}
		index++;
	}
}

/* The function whose body the brace at index opens. */
static bool
find_function(const source *file, size_t index, size_t head, function *out)
{
	if (index == 0 || !token_is(file, index, "{") || !token_is(file, index - 1, ")")) {
		return false;
	}
	size_t parameters = file->tokens[index - 1].partner;
	if (parameters == 0 || file->tokens[parameters - 1].kind != TOKEN_NAME) {
		return false;
	}
	*out = (function){
	    .head = head, .name = parameters - 1, .open = index, .close = file->tokens[index].partner};
	return true;
}

mutant_list
find_mutants(const source *file)
{
	mutant_list list = {0};
	size_t head = 0;
	size_t index = 0;
	while (index < file->num_tokens) {
		function it;
		if (find_function(file, index, head, &it)) {
			it.first = list.num_mutants;
			mutate_body(&list, file, &it);
			it.end = list.num_mutants;
			list.functions =
			    room_for_one(list.functions, list.num_functions, sizeof *list.functions);
			list.functions[list.num_functions++] = it;
			head = it.close + 1;
			index = head;
		} else {
			size_t partner = file->tokens[index].partner;
			index = partner > index && token_is(file, index, "{") ? partner + 1 : index + 1;
			if (token_is(file, index - 1, ";")) {
				head = index;
			}
		}
	}
	return list;
}

void
mutant_list_release(mutant_list *list)
{
	for (size_t i = 0; i < list->num_mutants; i++) {
		free(list->mutants[i].text);
	}
	free(list->mutants);
	free(list->functions);
}
