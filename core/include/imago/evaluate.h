/* evaluate.h: text to functions, and what they do: a small APL.
 *
 * Lines are evaluated from right to left; a function takes all to its right. There are assignment,
 * strands, primitives (core/pocket/README.md lists them), branches, functions with a header and
 * local names, and names in namespaces (a.b, ##.b, #.b). Runs are bounded by fuel, depth and the
 * allocator's budget, and end with a reason, whatever the pockets hold.
 */
#ifndef IMAGO_EVALUATE_H
#define IMAGO_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/pocket.h"
#include "imago/writer.h"

/* The next code point of UTF-8, and its bytes, 1 to 4; 0 where there is none. */
IMAGO_API size_t imago_utf8_next(const char *text, size_t left, uint32_t *code);

/* Writes a code point, U+FFFD for what is none; returns its bytes. */
IMAGO_API size_t imago_utf8_put(char text[4], uint32_t code);

/* Defines a function in a namespace of region 0. The first line of the text is the header,
 *
 *     [RESULT←][LEFT ]NAME[ RIGHT][;LOCAL]…
 *
 * the others are its lines 1, 2, …. IMAGO_ESTRUCTURE (text that is no such thing; the offset is in
 * the text), IMAGO_ENOMEM, IMAGO_ELIMIT. */
IMAGO_API imago_status imago_function_define(imago_pockets *pockets, imago_addr space,
                                             const char *text, size_t length,
                                             imago_error *error) IMAGO_NODISCARD;

/* Makes a function without a header of one line; the count is the caller's. Statuses likewise. */
IMAGO_API imago_status imago_expression_compile(imago_pockets *pockets, imago_addr space,
                                                const char *text, size_t length, imago_addr *out,
                                                imago_error *error) IMAGO_NODISCARD;

/* Copies a function, which may be of a shared code file, into region 0, with a local symbol table
 * whose symbols are those of a namespace. Constants and body stay where they are. The count is the
 * caller's. */
IMAGO_API imago_status imago_function_rebind(imago_pockets *pockets, imago_addr function,
                                             imago_addr space, imago_addr *out,
                                             imago_error *error) IMAGO_NODISCARD;

/* Why a run ended. */
typedef enum imago_run_end {
	IMAGO_RUN_DONE,
	IMAGO_RUN_SYNTAX,
	IMAGO_RUN_VALUE,  /* a name without a value, a function without a result */
	IMAGO_RUN_DOMAIN, /* an argument of a kind that a primitive does not take */
	IMAGO_RUN_LENGTH, /* shapes that do not fit each other */
	IMAGO_RUN_RANK,
	IMAGO_RUN_FUEL,
	IMAGO_RUN_DEPTH,
	IMAGO_RUN_MEMORY, /* over the budget, or no room in the workspace */
	IMAGO_RUN_BROKEN, /* pockets that lie; only in files that were not checked */
	IMAGO_NUM_RUN_ENDS,
} imago_run_end;

/* Zero-initialisable. */
typedef struct imago_run_options {
	uint64_t fuel;  /* tokens, and sixteenths of an element; 0: 2^30 */
	unsigned depth; /* of calls and parentheses; 0: 250, which is also the most */
	/* Called when a line has been evaluated, and all counts are right. */
	void (*step)(void *payload);
	void *payload;
} imago_run_options;

typedef struct imago_run_result {
	imago_run_end end;
	imago_addr value; /* of a run that is done, counted: the caller's to drop; else 0 */
	bool is_quiet;    /* it was assigned, or is none: not to be shown */
	uint64_t fuel;    /* used */
	uint32_t line;    /* of the innermost function that stopped, 0: not in one … */
	char name[IMAGO_SYMBOL_MAX_NAME + 1]; /* … and its name */
} imago_run_result;

/* Evaluates a line in a namespace of region 0. *error says more where the end is SYNTAX (found when
 * it was read: the offset) or MEMORY. All that was made and is not led to is freed. */
IMAGO_API void imago_run(imago_pockets *pockets, imago_addr space, const char *text, size_t length,
                         const imago_run_options *options, imago_run_result *result,
                         imago_error *error);

/* "SYNTAX ERROR". */
IMAGO_API const char *imago_run_end_name(imago_run_end end);

/* Appends a value as text, with a line feed behind each row: numbers with ten digits, characters as
 * UTF-8 (control characters as U+FFFD), nested items in parentheses. No more than most bytes,
 * about: then "…" ends it. */
IMAGO_API void imago_value_format(const imago_pockets *pockets, imago_addr value, uint64_t most,
                                  imago_writer *writer);

/* Appends the text of a function, header and lines, without a name's namespace; IMAGO_ESTRUCTURE.
 */
IMAGO_API imago_status imago_function_format(const imago_pockets *pockets, imago_addr function,
                                             const char *name, size_t length,
                                             imago_writer *writer) IMAGO_NODISCARD;

/* True when both values are the same, whatever regions they are in. Functions are the same when
 * their texts would be. Of namespaces only themselves. Bounded: false where arrays are nested more
 * than 64 deep. */
IMAGO_API bool imago_value_equal(const imago_pockets *a_pockets, imago_addr a,
                                 const imago_pockets *b_pockets, imago_addr b);

#endif
