/* tokens.c: cuts a C file into tokens and pairs its brackets. */
#include "tokens.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void
give_up(const source *file, size_t offset, const char *why)
{
	size_t line, column;
	source_line(file, offset, &line, &column);
	fprintf(stderr, "make_mutants: %s:%zu:%zu: %s\n", file->path, line, column, why);
	exit(1);
}

static void
read_text(source *file)
{
	FILE *stream = fopen(file->path, "rb");
	if (stream == NULL) {
		fprintf(stderr, "make_mutants: cannot open %s\n", file->path);
		exit(1);
	}
	size_t capacity = 0;
	size_t got;
	do {
		capacity = capacity == 0 ? 1 << 16 : capacity * 2;
		file->text = realloc(file->text, capacity + 1);
		if (file->text == NULL) {
			give_up(file, 0, "out of memory");
		}
		got = fread(file->text + file->size, 1, capacity - file->size, stream);
		file->size += got;
	} while (got > 0);
	file->text[file->size] = '\0';
	fclose(stream);
}

/* Behind a line that a backslash may continue. */
static size_t
end_of_directive(const source *file, size_t at)
{
	while (at < file->size && !(file->text[at] == '\n' && file->text[at - 1] != '\\')) {
		at++;
	}
	return at;
}

static size_t
end_of_comment(const source *file, size_t at)
{
	if (file->text[at + 1] == '/') {
		return end_of_directive(file, at);
	}
	const char *end = strstr(file->text + at + 2, "*/");
	if (end == NULL) {
		give_up(file, at, "a comment without an end");
	}
	return (size_t)(end - file->text) + 2;
}

static size_t
end_of_string(const source *file, size_t at)
{
	char quote = file->text[at];
	size_t end = at + 1;
	while (end < file->size && file->text[end] != quote && file->text[end] != '\n') {
		end += file->text[end] == '\\' ? 2 : 1;
	}
	if (end >= file->size || file->text[end] != quote) {
		give_up(file, at, "a string without an end");
	}
	return end + 1;
}

static bool
is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t
end_of_name(const source *file, size_t at)
{
	while (at < file->size && is_name(file->text[at])) {
		at++;
	}
	return at;
}

/* As the standard's preprocessing numbers: 1.5e-3, 0x7Fu. */
static size_t
end_of_number(const source *file, size_t at)
{
	while (at < file->size && (is_name(file->text[at]) || file->text[at] == '.' ||
	                           ((file->text[at] == '+' || file->text[at] == '-') &&
	                            (file->text[at - 1] == 'e' || file->text[at - 1] == 'p') &&
	                            strncmp(file->text + at - 1, "0x", 2) != 0))) {
		at++;
	}
	return at;
}

static size_t
end_of_sign(const source *file, size_t at)
{
	static const char *const signs[] = {
	    "<<=", ">>=", "...", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
	    "->",  "++",  "--",  "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	};
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
		if (strncmp(file->text + at, signs[i], strlen(signs[i])) == 0) {
			return at + strlen(signs[i]);
		}
	}
	return at + 1;
}

static void
add_token(source *file, token_kind kind, size_t start, size_t end)
{
	if (file->num_tokens % 1024 == 0) {
		file->tokens = realloc(file->tokens, (file->num_tokens + 1024) * sizeof *file->tokens);
		if (file->tokens == NULL) {
			give_up(file, start, "out of memory");
		}
	}
	file->tokens[file->num_tokens++] = (token){.kind = kind, .start = start, .end = end};
}

/* Adds the token at an offset, or passes over what is none. Returns where to go on. */
static size_t
next_token(source *file, size_t at, bool starts_line)
{
	char c = file->text[at];
	if (isspace((unsigned char)c)) {
		return at + 1;
	}
	if (c == '#' && starts_line) {
		return end_of_directive(file, at);
	}
	if (c == '/' && (file->text[at + 1] == '*' || file->text[at + 1] == '/')) {
		return end_of_comment(file, at);
	}
	size_t end;
	token_kind kind;
	if (c == '"' || c == '\'') {
		kind = TOKEN_TEXT;
		end = end_of_string(file, at);
	} else if (isdigit((unsigned char)c)) {
		kind = TOKEN_NUMBER;
		end = end_of_number(file, at);
	} else if (is_name(c)) {
		kind = TOKEN_NAME;
		end = end_of_name(file, at);
	} else {
		kind = TOKEN_SIGN;
		end = end_of_sign(file, at);
	}
	add_token(file, kind, at, end);
	return end;
}

static void
pair_brackets(source *file)
{
	enum { DEEPEST = 256 };
	size_t open[DEEPEST];
	size_t depth = 0;
	for (size_t i = 0; i < file->num_tokens; i++) {
		char c = file->text[file->tokens[i].start];
		if (file->tokens[i].kind != TOKEN_SIGN) {
			continue;
		}
		if (c == '(' || c == '[' || c == '{') {
			if (depth == DEEPEST) {
				give_up(file, file->tokens[i].start, "too many open brackets");
			}
			open[depth++] = i;
		} else if (c == ')' || c == ']' || c == '}') {
			char wanted = (char)(c == ')' ? '(' : c == ']' ? '[' : '{');
			if (depth == 0 || file->text[file->tokens[open[depth - 1]].start] != wanted) {
				give_up(file, file->tokens[i].start, "a bracket without its partner");
			}
			depth--;
			file->tokens[i].partner = open[depth];
			file->tokens[open[depth]].partner = i;
		}
	}
	if (depth > 0) {
		give_up(file, file->tokens[open[depth - 1]].start, "a bracket without its partner");
	}
}

source
source_read(const char *path)
{
	source file = {.path = path};
	read_text(&file);
	size_t at = 0;
	bool starts_line = true;
	while (at < file.size) {
		size_t next = next_token(&file, at, starts_line);
		starts_line =
		    file.text[at] == '\n' || (starts_line && isspace((unsigned char)file.text[at]));
		at = next;
	}
	pair_brackets(&file);
	return file;
}

void
source_release(source *file)
{
	free(file->text);
	free(file->tokens);
}

bool
token_is(const source *file, size_t index, const char *spelling)
{
	if (index >= file->num_tokens) {
		return false;
	}
	const token *it = &file->tokens[index];
	return it->end - it->start == strlen(spelling) &&
	       memcmp(file->text + it->start, spelling, it->end - it->start) == 0;
}

bool
token_is_any(const source *file, size_t index, const char *const *spellings)
{
	for (; *spellings != NULL; spellings++) {
		if (token_is(file, index, *spellings)) {
			return true;
		}
	}
	return false;
}

void
source_line(const source *file, size_t offset, size_t *line, size_t *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < offset && i < file->size; i++) {
		*column = file->text[i] == '\n' ? 1 : *column + 1;
		*line += file->text[i] == '\n';
	}
}
