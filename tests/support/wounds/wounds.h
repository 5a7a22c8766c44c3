/* wounds.h: images of the corpus with one thing changed, and exactly the rules that this breaks.
 *
 * The corpus has one image per rule; here are the other ways to break it, and changes that look
 * wrong but break nothing. tests/check looks whether the checker says so, other rooms' tests feed
 * them to whatever else reads a heap.
 */
#ifndef IMAGO_TESTS_WOUNDS_H
#define IMAGO_TESTS_WOUNDS_H

#include "corpus/corpus.h"

typedef struct wound {
	const char *what;        /* what is changed, in a few words */
	const char *breaks;      /* names of rules, separated by blanks; "" for none */
	unsigned layouts, needs; /* CORPUS_… */
	corpus_step *build;      /* or NULL */
	corpus_step *change;
	corpus_step *change_folder; /* or NULL */
} wound;

/* Row index of all tables, or NULL past the end. */
const wound *wound_at(size_t index);

bool wound_applies(const wound *row, const test_layout *layout);
test_image wound_make(const wound *row, const test_layout *layout, imago_allocator *allocator);

/* One table per subject; each ends with a row of NULL. */
extern const wound context_wounds[];
extern const wound closure_wounds[];
extern const wound method_wounds[];
extern const wound number_wounds[];
extern const wound special_wounds[];
extern const wound v3_wounds[];
extern const wound hidden_root_wounds[];
extern const wound class_table_wounds[];
extern const wound scheduler_wounds[];
extern const wound forwarder_wounds[];
extern const wound edge_wounds[];
extern const wound free_list_wounds[];
extern const wound space_wounds[];

/* For rows: an address outside all segments, aligned. */
imago_oop wound_outside(corpus_case *here);

#endif
