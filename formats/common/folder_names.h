/* folder_names.h: the names that an image folder owns (formats/composed/composed.md §2).
 *
 * Every name has a place, a small number, so that files are found without comparing names and are
 * read in one order whatever the disk's.
 */
#ifndef FORMATS_COMMON_FOLDER_NAMES_H
#define FORMATS_COMMON_FOLDER_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/error.h"
#include "imago/heap.h"

enum {
	IMAGO_PLACE_HEADER,        /* header.ston */
	IMAGO_PLACE_PERM_METADATA, /* permSpace.ston */
	IMAGO_PLACE_PERM_DATA,     /* permSpace.data */
	IMAGO_PLACE_SEGMENTS,      /* seg0.ston, seg0.data, seg1.ston … */
	IMAGO_NUM_PLACES = IMAGO_PLACE_SEGMENTS + 2 * IMAGO_MAX_SEGMENTS,
};

typedef enum imago_name_kind {
	IMAGO_NAME_FOREIGN,  /* not of an image folder */
	IMAGO_NAME_OWN,      /* has a place */
	IMAGO_NAME_TOO_HIGH, /* a segment number from IMAGO_MAX_SEGMENTS on */
} imago_name_kind;

/* What a file name is; *place is set only for IMAGO_NAME_OWN. */
imago_name_kind imago_folder_place(const char *name, uint32_t *place);

/* The name of a place below IMAGO_NUM_PLACES. */
void imago_folder_name(uint32_t place, char name[IMAGO_PART_SIZE]);

static inline uint32_t
imago_place_of_metadata(uint32_t segment)
{
	return IMAGO_PLACE_SEGMENTS + 2 * segment;
}

static inline uint32_t
imago_place_of_data(uint32_t segment)
{
	return imago_place_of_metadata(segment) + 1;
}

/* True for the places of texts, false for those of objects. */
static inline bool
imago_place_is_metadata(uint32_t place)
{
	return place == IMAGO_PLACE_HEADER || place == IMAGO_PLACE_PERM_METADATA ||
	       (place >= IMAGO_PLACE_SEGMENTS && (place - IMAGO_PLACE_SEGMENTS) % 2 == 0);
}

#endif
