/* mutate.h: structure-aware mutation of image files, and its opposite, reduction.
 *
 * Works on any bytes: a readable image is edited by named operators (fuzz/mutator/mutations.def),
 * anything else byte by byte. Deterministic on every host: the same bytes, capacity and seed give
 * the same result.
 */
#ifndef IMAGO_MUTATE_H
#define IMAGO_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/image.h"

/* What an edit leaves behind when it was the only one. */
typedef enum imago_mutation_effect {
	IMAGO_MUTATION_SOUND,  /* an image without errors still has none */
	IMAGO_MUTATION_KEEPS,  /* the image stays readable and its heap walkable */
	IMAGO_MUTATION_WOUNDS, /* the walk may break; repair mends around the edit */
	IMAGO_MUTATION_LIES,   /* header, bridges or metadata say what is not so; repair would undo it,
	                          and   is left out after such an edit */
} imago_mutation_effect;

/* One operator. */
typedef struct imago_mutation {
	const char *name; /* "oop.misalign": family.what, stable, what users type */
	const char *summary;
	unsigned formats; /* bits 1 << imago_format_id; 0: any bytes */
	imago_mutation_effect effect;
} imago_mutation;

/* Rows of the table of operators. */
IMAGO_API size_t imago_num_mutations(void);

/* Row of the table; NULL past the end. */
IMAGO_API const imago_mutation *imago_mutation_at(size_t index);

/* True when name is that of an operator, or of a family: the part before an operator's dot. */
IMAGO_API bool imago_mutation_is_known(const char *name);

typedef enum imago_mutate_repair {
	IMAGO_REPAIR_MOSTLY, /* in 7 of 8 cases; sound edits alone in 5 of 8, bytes alone in 1 of 16 */
	IMAGO_REPAIR_ALWAYS,
	IMAGO_REPAIR_NEVER,
} imago_mutate_repair;

enum { IMAGO_MAX_EDITS = 8 };

/* Zero-initialisable. */
typedef struct imago_mutate_options {
	uint64_t seed;
	const char *const *only; /* names of operators or families, or NULL: all */
	size_t num_only;
	unsigned num_edits; /* 1 … IMAGO_MAX_EDITS; 0: the seed chooses */
	imago_mutate_repair repair;
	const uint8_t *donor; /* a second image, from which objects may be taken, or NULL */
	size_t donor_size;
} imago_mutate_options;

typedef struct imago_mutate_report {
	const imago_mutation *applied[IMAGO_MAX_EDITS];
	size_t num_applied;
	bool readable; /* the input was an image, and was edited as one */
	bool repaired;
} imago_mutate_report;

/* Mutates size bytes in place and returns the new size, at most capacity. Stacks 1 to 8 edits;
 * repairs sizes and counts in 7 of 8 cases; in 5 of 8 makes only edits that leave an image without
 * errors as such; edits plain bytes in 1 of 16, and whenever the buffer is no readable image. size
 * 0 stays 0 when capacity is 0. Memory: at most 8 * capacity + 1 MiB, and for objects taken from an
 * image, this or another, 16 * its size + 2 MiB. */
IMAGO_API size_t imago_mutate(uint8_t *buffer, size_t size, size_t capacity, uint64_t seed);

/* The same with options; report may be NULL. Nothing changes, and num_applied is 0, when no
 * operator of the chosen ones finds a place. */
IMAGO_API size_t imago_mutate_with(uint8_t *buffer, size_t size, size_t capacity,
                                   const imago_mutate_options *options,
                                   imago_mutate_report *report);

/* Repairs an image in place without mutating it: objects end where their segment ends, and header,
 * bridges and metadata say what is there. Returns the new size; bytes that are no image stay as
 * they are. */
IMAGO_API size_t imago_mutant_repair(uint8_t *buffer, size_t size, size_t capacity);

/* Reduction: proposes ever smaller or plainer images; the caller says of each whether it still does
 * what is looked for. Proposals are never larger than the best so far; those of its size have more
 * zero bytes or nil slots. Always ends. */
typedef struct imago_reducer imago_reducer;

/* Starts from a copy of the bytes. IMAGO_ENOMEM. */
IMAGO_API imago_status imago_reducer_create(imago_reducer **out, const uint8_t *bytes, size_t size,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_reducer_destroy(imago_reducer *reducer);

/* The next proposal, valid until the next call; NULL when there is none left. */
IMAGO_API const uint8_t *imago_reducer_propose(imago_reducer *reducer, size_t *size);

/* Answers the proposal: when it still does what is looked for, it becomes the best. */
IMAGO_API void imago_reducer_answer(imago_reducer *reducer, bool still);

/* The best so far. */
IMAGO_API const uint8_t *imago_reducer_best(const imago_reducer *reducer, size_t *size);

#endif
