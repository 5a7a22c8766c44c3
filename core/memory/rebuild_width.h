/* rebuild_width.h: what the two halves of a rebuild across word sizes share: laying the objects out
 * (rebuild_width.c) and filling them (rebuild_width_fill.c). Private to core/memory.
 */
#ifndef IMAGO_MEMORY_REBUILD_WIDTH_H
#define IMAGO_MEMORY_REBUILD_WIDTH_H

#include "imago/known_objects.h"

#include "graph.h"
#include "rebuild_private.h"

/* Immediates of the source that are objects in the target, each distinct word once. */
typedef struct imago_boxes {
	imago_oop *words; /* in the order of their boxes */
	uint64_t num_words;
	uint64_t num_places; /* a power of two, or 0; words has room for half as many */
	uint64_t *places;    /* open addressing: 1 + index into words */
} imago_boxes;

enum { IMAGO_BOX_SIZE = 16 }; /* header and two 4-byte slots, for any number */

/* Adds a word unless it is there. IMAGO_ENOMEM. */
imago_status imago_boxes_add(imago_boxes *boxes, imago_oop word,
                             const imago_rebuild_run *run) IMAGO_NODISCARD;

/* The index of a word's box, or UINT64_MAX. */
uint64_t imago_boxes_find(const imago_boxes *boxes, imago_oop word);
void imago_boxes_release(imago_boxes *boxes, const imago_rebuild_run *run);

/* In positions: an object that the target does not have. */
#define IMAGO_DROPPED UINT64_MAX

/* Where objects go is first a position in a row of all of them, then an address. */
typedef struct imago_width_run {
	imago_rebuild_run *run;
	imago_graph graph;
	imago_tagging tagging; /* of the target */
	imago_known_objects known;
	uint64_t *positions; /* by ordinal: of the chunk, plus 1 with an overflow header */
	imago_rebuild_plan plan;
	uint64_t *first_positions; /* by segment of the plan */
	uint64_t boxes_position;
	uint64_t num_bytes; /* of all objects, boxes included */
	imago_boxes boxes;
	uint64_t first_page; /* ordinal of class table page 0 */
} imago_width_run;

/* The body of an object in the target. */
typedef struct imago_width_shape {
	uint64_t num_slots;
	uint64_t body_bytes; /* padding included */
	uint64_t used_bytes; /* less the unused tail */
	uint8_t format;
} imago_width_shape;

/* IMAGO_ESTRUCTURE: a broken method or format; IMAGO_EUNSUPPORTED: too many slots. */
imago_status imago_width_shape_of(const imago_width_run *width, const imago_object *object,
                                  imago_width_shape *out) IMAGO_NODISCARD;

/* An object of the source in the error, by file offset and oop. */
imago_status imago_width_fail(const imago_width_run *width, imago_status status, const char *what,
                              const imago_object *object, uint64_t limit);

/* Writes every object that has a position into the target's segments. */
imago_status imago_width_fill(imago_width_run *width) IMAGO_NODISCARD;

/* The target's oop for the special objects array. */
imago_status imago_width_special_objects(const imago_width_run *width,
                                         imago_oop *out) IMAGO_NODISCARD;

#endif
