/* survey.h: the hot loops behind the checker: fast to accept, silent about the rest.
 *
 * A survey knows what a plainly fine object looks like and nothing else. It passes over plainly
 * fine objects and stops at the first that is not, for the rules to judge; what it passes over
 * breaks no rule. Spur only: in V3 nothing is plain.
 */
#ifndef IMAGO_SURVEY_H
#define IMAGO_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/bitmap.h"
#include "imago/compiler.h"
#include "imago/heap.h"

/* What the plainly fine instances of a class look like. */
typedef struct imago_survey_shape {
	uint32_t formats; /* bit f: they may have format f; no bit: none of them is plain */
	uint8_t min_slots, max_slots;
} imago_survey_shape;

/* What plainly fine code looks like. */
typedef struct imago_survey_code {
	uint32_t small_frame, large_frame; /* most temporaries */
	uint32_t max_primitive;
	uint32_t first_quick, last_quick; /* primitives of methods without arguments */
} imago_survey_code;

typedef struct imago_survey {
	const imago_heap *heap;
	imago_bitmap *objects;            /* a bit per 8 bytes: an object starts there */
	const uint64_t *segment_bits;     /* first bit of each segment */
	size_t home;                      /* the segment that most pointers lead to */
	const imago_survey_shape *shapes; /* by class index; none is plain below the first real one */
	uint32_t num_shapes;
	imago_survey_code code;
} imago_survey;

/* Marks the starts of plainly fine headers (ordinary object, no odd bits, a format of the layout,
 * fewer than 255 slots) in survey->objects, from position in a segment on, which must be the start
 * of a chunk, as long as they start before end. Adds their number to *num_objects. Returns the
 * position of the first object that is not plainly fine, or one at or behind end. */
IMAGO_API uint64_t imago_survey_headers(const imago_survey *survey, size_t segment,
                                        uint64_t position, uint64_t end, uint64_t *num_objects);

/* What imago_survey_bodies found. */
typedef struct imago_survey_result {
	uint64_t end; /* position behind the last object looked at */
	bool fine;    /* all of them are plainly fine, slots included */
	uint64_t num_primary_methods, num_alternate_methods; /* of them */
} imago_survey_result;

/* Looks at the objects from position on, some dozens of them, as long as they start before end:
 * class, format and size against the shapes, headers of code, and every slot against
 * survey->objects. result->end is position when the first of them is not plainly fine by itself;
 * when a slot leads to no object, fine is false and all of them up to result->end are left to the
 * rules. */
IMAGO_API void imago_survey_bodies(const imago_survey *survey, size_t segment, uint64_t position,
                                   uint64_t end, imago_survey_result *result);

#endif
