/* survey_private.h: what the files of a survey share. */
#ifndef CORE_POCKET_SURVEY_PRIVATE_H
#define CORE_POCKET_SURVEY_PRIVATE_H

#include "pocket_private.h"

/* What is known of a pocket. */
typedef struct survey_row {
	imago_addr address;
	uint32_t count;   /* pointers that lead here */
	uint32_t waiting; /* pointers of arrays that were not taken away */
	bool in_tree;
} survey_row;

typedef struct survey {
	imago_pockets *pockets;
	const imago_survey_options *options;
	imago_pocket_fault_fn *report;
	void *payload;
	survey_row *rows[IMAGO_NUM_REGIONS]; /* ascending */
	uint64_t num[IMAGO_NUM_REGIONS], capacity[IMAGO_NUM_REGIONS];
	bool stopped;
	imago_error *error;
} survey;

/* True for a region whose pockets are to be looked at. */
static inline bool
imago_survey_covers(const survey *s, unsigned region)
{
	return region < IMAGO_NUM_REGIONS && (s->options->regions >> region & 1) != 0;
}

void imago_survey_tell(survey *s, imago_pocket_problem problem, imago_addr pocket, uint64_t slot,
                       uint64_t found, uint64_t expected);
/* Of the pocket as a whole: its kind is what was found. */
void imago_survey_tell_of(survey *s, imago_pocket_problem problem, const imago_pocket *pocket);

/* The row of the pocket that begins at an address; NULL when none does that was surveyed. */
survey_row *imago_survey_row(const survey *s, imago_addr address);

/* survey_pocket.c: a pocket's own zones and contents, and where its pointers lead. */
void imago_survey_pocket(survey *s, const imago_pocket *pocket);

#endif
