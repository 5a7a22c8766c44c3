/* survey_targets.h: where the slots of 64 words lead. */
#ifndef IMAGO_MEMORY_SURVEY_TARGETS_H
#define IMAGO_MEMORY_SURVEY_TARGETS_H

#include <stdint.h>

#include "imago/heap.h"
#include "pointer_marks.h"

/* The addresses that are noted as targets: of the segment that most pointers lead to. */
typedef struct imago_survey_home {
	imago_addr start;
	uint64_t num_units; /* of 8 bytes; at most UINT32_MAX */
} imago_survey_home;

typedef struct imago_survey_targets {
	uint32_t units[IMAGO_MARK_CAPACITY + 8]; /* from home's start; the last ones may be garbage */
	uint32_t count;
} imago_survey_targets;

/* Notes the targets of the marked words among 64. Returns those that are neither immediates nor
 * addresses at home. */
typedef uint64_t imago_survey_targets_fn(const imago_survey_home *home, const uint8_t *words,
                                         uint64_t marked, imago_survey_targets *targets);

/* The fastest function for a Spur heap. */
imago_survey_targets_fn *imago_survey_targets_function(const imago_heap *heap);

#endif
