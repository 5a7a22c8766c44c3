/* info.h: what imago info found, and its two ways of printing it. */
#ifndef IMAGO_CLI_INFO_H
#define IMAGO_CLI_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "class_totals.h"
#include "imago/image.h"
#include "imago/walk.h"

typedef struct image_info {
	const char *path;
	const imago_image *image;
	bool counted; /* the heap could be walked; only then is what follows filled in */
	imago_census census;
	class_totals classes;
	size_t num_shown; /* classes to print */
} image_info;

void info_print(const image_info *info);
void info_print_json(const image_info *info);

/* The meaning of one bit of headerFlags. */
const char *info_flag_meaning(unsigned bit);

/* Segments and their bytes, bridges included, in one space. */
typedef struct space_total {
	size_t num_segments;
	uint64_t num_bytes;
} space_total;

space_total info_space_total(const imago_heap *heap, imago_space space);

/* Address units between the end of a segment (with its bridge) and the next one of its space. */
uint64_t info_gap_behind(const imago_heap *heap, size_t segment);

#endif
