/* tokens.h: what lines of functions are made of. */
#ifndef CORE_POCKET_TOKENS_H
#define CORE_POCKET_TOKENS_H

#include "imago/evaluate.h"
#include "pocket_private.h"

/* A token is a word of 4 bytes: its kind in the lowest one, its operand in the others. */
typedef enum token_kind {
	TOKEN_NAME,      /* operand: the number of a symbol in the local symbol table */
	TOKEN_CONSTANT,  /* … of a constant */
	TOKEN_MEMBER,    /* … of a constant: the name behind a dot */
	TOKEN_COMMENT,   /* … of a constant: its text; the last of a line */
	TOKEN_PRIMITIVE, /* its number */
	TOKEN_ASSIGN,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_BRANCH,
	TOKEN_ROOT,   /* # */
	TOKEN_PARENT, /* ## */
	NUM_TOKEN_KINDS,
} token_kind;

typedef struct token {
	uint8_t kind;
	uint32_t operand;
} token;

enum { MOST_OPERAND = 0xFFFFFF };

static inline token
token_of(uint32_t word)
{
	return (token){(uint8_t)(word & 0xFF), word >> 8};
}

typedef enum primitive {
#define IMAGO_PRIMITIVE(id, code) PRIMITIVE_##id,
#include "apl_primitives.def"
#undef IMAGO_PRIMITIVE
	NUM_PRIMITIVES,
} primitive;

/* The number of a code point, or NUM_PRIMITIVES; and back. */
unsigned imago_primitive_of(uint32_t code);
uint32_t imago_primitive_code(unsigned number);

/* Token i of a body; a kind that is none where there is no such token. */
token imago_body_token(const imago_pocket *body, uint32_t i);

/* Tokens begin … end of line 0 …; false where there is no such line. */
bool imago_body_line(const imago_pocket *body, uint32_t line, uint32_t *begin, uint32_t *end);
uint32_t imago_body_number(const imago_pocket *body, unsigned at);

/* A primitive of one argument (left 0) or two. The result's count is the caller's. *cost is the
 * fuel: elements looked at or made, in sixteenths. */
typedef struct apl_call {
	imago_pockets *pockets;
	uint64_t fuel; /* left */
	imago_error *error;
} apl_call;
imago_run_end imago_apl_monadic(apl_call *call, unsigned number, imago_addr right, imago_addr *out);
imago_run_end imago_apl_dyadic(apl_call *call, unsigned number, imago_addr left, imago_addr right,
                               imago_addr *out);
imago_run_end imago_apl_reduce(apl_call *call, unsigned number, imago_addr right, imago_addr *out);

/* The structural ones among them (structural.c). */
imago_run_end imago_apl_structural_monadic(apl_call *call, unsigned number, imago_addr right,
                                           imago_addr *out);
imago_run_end imago_apl_structural_dyadic(apl_call *call, unsigned number, imago_addr left,
                                          imago_addr right, imago_addr *out);

/* Takes fuel for so many elements; false when there is not enough. */
bool imago_apl_spend(apl_call *call, uint64_t num_elements);

/* Items on top of the stack, the first one topmost, as one array: simple where they are simple
 * scalars of one type. They are dropped. */
imago_run_end imago_apl_strand(apl_call *call, size_t num, imago_addr *out);

#endif
