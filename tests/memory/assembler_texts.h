/* assembler_texts.h: what the tests of the assembler share: texts with much of the same, texts that
 * are refused, the code that others come to.
 */
#ifndef IMAGO_TESTS_ASSEMBLER_TEXTS_H
#define IMAGO_TESTS_ASSEMBLER_TEXTS_H

#include "assertions.h"
#include "layouts.h"

#include "imago/kernel.h"
#include "imago/method.h"

enum { MAX_TEXT = 65536 };

/* A text with a part that comes so often. */
typedef struct repetition {
	const char *begin, *part;
	int count;
	const char *rest; /* of the part, behind a number; NULL: there is no number in it */
	int first;        /* number; each that follows is one more */
	const char *end;
} repetition;

void write_text(char out[MAX_TEXT], const repetition *what);

/* Assembles a text for an image that nobody wants; nothing is left behind. */
imago_status assemble(const char *layout_name, const char *text, imago_error *error);

/* The text is refused in that layout, with this complaint about that line. */
void expect_refusal(const char *layout_name, const char *text, const char *complaint,
                    uint64_t line);

/* The code of the method with the entry. */
typedef struct assembled_code {
	imago_allocator allocator;
	imago_heap *heap;
	imago_assembled assembled;
	imago_method method;
	const uint8_t *bytes;
	uint64_t size;
} assembled_code;

/* Assembles a text that means something, for release_code to release. */
void assemble_code(assembled_code *out, const char *layout_name, const char *text);
void release_code(assembled_code *code);

#endif
