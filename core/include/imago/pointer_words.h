/* pointer_words.h: which words of a chunk hold addresses: what whoever moves objects must rewrite.
 *
 * Slots of oops, links of free chunks and of the lists that lead to them, links and entries of obj
 * stacks. Not the class word of V3, which lies before the object. Source: formats/spur/spur.md §9,
 * §11, §13; formats/v3/v3.md §6.
 */
#ifndef IMAGO_POINTER_WORDS_H
#define IMAGO_POINTER_WORDS_H

#include <stdint.h>

#include "imago/compiler.h"
#include "imago/heap.h"
#include "imago/object.h"

typedef enum imago_word_kind {
	IMAGO_WORD_SLOT,  /* an oop: an address or an immediate */
	IMAGO_WORD_CLASS, /* V3: a class oop with the header type in its low bits */
	IMAGO_WORD_LINK,  /* an address, or 0 for none */
	IMAGO_WORD_STALE, /* a link that may be out of date: an address if it leads to a multiple of 8
	                   * in old space, else nothing */
} imago_word_kind;

/* Slots begin … end - 1 of an object; they lie in its body, which may be larger than num_slots say
 * (formats/spur/spur.md §5: there is room for a link at least). */
typedef struct imago_word_run {
	uint64_t begin, end;
	imago_word_kind kind;
} imago_word_run;

enum { IMAGO_MAX_WORD_RUNS = 2 };

typedef struct imago_word_runs {
	imago_word_run runs[IMAGO_MAX_WORD_RUNS];
	unsigned num_runs;
} imago_word_runs;

/* The runs of any chunk that was decoded from the heap. free_lists: the oop of the free lists of
 * Spur (known_objects.h), or 0. */
IMAGO_API imago_word_runs imago_pointer_words_of(const imago_heap *heap, imago_addr free_lists,
                                                 const imago_object *object);

#endif
