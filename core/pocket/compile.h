/* compile.h: what scanning a text and making pockets of it share. */
#ifndef CORE_POCKET_COMPILE_H
#define CORE_POCKET_COMPILE_H

#include "tokens.h"

/* A growing row of words. */
typedef struct words {
	uint64_t *items;
	size_t num, capacity;
} words;

typedef struct compiler {
	imago_pockets *pockets;
	imago_addr space;
	const char *text;
	size_t length, at;
	words symbols, tokens, lines;
	size_t first_constant; /* on the stack */
	uint32_t num_locals;
	uint8_t bits;
	imago_error *error;
} compiler;

/* The text is wrong at the place where it is being looked at. */
imago_status imago_compile_wrong(const compiler *c, const char *what);

/* Appends to a row of at most most words. */
imago_status imago_compile_add(compiler *c, words *row, uint64_t value, size_t most,
                               const char *what) IMAGO_NODISCARD;

/* The next code point and its bytes; 0 where there is none. */
uint32_t imago_scan_peek(const compiler *c, size_t *size);
bool imago_scan_skip(compiler *c, uint32_t code);
void imago_scan_skip_spaces(compiler *c);

/* A name; one that is longer than names may be is none. */
size_t imago_scan_name_length(const compiler *c);
imago_status imago_scan_take_name(compiler *c, const char **name, size_t *length) IMAGO_NODISCARD;

/* The number that a name has, or gets, in the table. */
imago_status imago_scan_symbol(compiler *c, const char *name, size_t length,
                               uint64_t *number) IMAGO_NODISCARD;

/* A line of tokens, up to a line feed or the end. */
imago_status imago_scan_line(compiler *c) IMAGO_NODISCARD;

#endif
