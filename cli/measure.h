/* measure.h: what an attachment costs the process that has it: pages, memory, blame.
 *
 * Records without pointers: they go through pipes. */
#ifndef IMAGO_CLI_MEASURE_H
#define IMAGO_CLI_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "attached_image.h"
#include "describe.h"
#include "imago/blame.h"
#include "imago/pages.h"

enum { MEASURED_CLASSES = 10 };

typedef struct blamed_class {
	char name[CLASS_NAME_SIZE];
	uint64_t num_pages, num_objects, num_bytes;
} blamed_class;

typedef struct blame_totals {
	bool known;
	uint64_t num_private, num_written; /* pages */
	uint64_t num_objects, num_bytes;
	uint64_t false_dirty;
	uint32_t num_classes; /* in all; the first of them: */
	uint32_t num_shown;
	blamed_class classes[MEASURED_CLASSES];
} blame_totals;

typedef struct measurement {
	bool moved; /* not at the wanted address */
	imago_relocation relocation;
	uint64_t num_faults, num_pages_relocated;
	bool has_pages, has_memory;                          /* the system tells */
	imago_page_counts pages[IMAGO_LAYERED_MAX_SECTIONS]; /* of the sections of objects */
	imago_memory_use memory;
} measurement;

/* Never fails: what the system does not tell is missing. */
void measure_pages(const imago_layered_attachment *attached, measurement *out);

/* Looks at pages, and so changes what measure_pages would say. */
imago_status measure_blame(const attached_image *image, const imago_layered_attachment *attached,
                           blame_totals *out, imago_error *error);

/* What a row of blame is called: the class, or what has none. */
void name_blamed(const imago_heap *file, const imago_blame_row *row, char *name, size_t size);

/* "often", "rare", "read-only". */
const char *tier_name(imago_tier tier);

#endif
