/* tokens.h: the tokens of a C file, without comments and preprocessor lines. */
#ifndef IMAGO_MUTANTS_TOKENS_H
#define IMAGO_MUTANTS_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum token_kind {
	TOKEN_NAME, /* keywords too */
	TOKEN_NUMBER,
	TOKEN_TEXT, /* a string or a character */
	TOKEN_SIGN,
} token_kind;

typedef struct token {
	token_kind kind;
	size_t start, end; /* offsets in the source */
	size_t partner;    /* of a bracket: its other half; else 0 */
} token;

typedef struct source {
	const char *path;
	char *text;
	size_t size;
	token *tokens;
	size_t num_tokens;
} source;

/* Reads and cuts up a file. Ends the program, saying why, when it cannot: not there, a bracket
 * without its partner, a comment or string without an end. */
source source_read(const char *path);
void source_release(source *file);

/* True when the token is spelt so. An index behind the last token is no token. */
bool token_is(const source *file, size_t index, const char *spelling);

/* True when the token is one of the words of a list that NULL ends. */
bool token_is_any(const source *file, size_t index, const char *const *spellings);

/* 1-based line and column of an offset. */
void source_line(const source *file, size_t offset, size_t *line, size_t *column);

#endif
