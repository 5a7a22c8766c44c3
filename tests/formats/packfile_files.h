/* packfile_files.h: the genuine packfiles, and what tests do with any. */
#ifndef IMAGO_TESTS_PACKFILE_FILES_H
#define IMAGO_TESTS_PACKFILE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/packfile_convert.h"
#include "imago/packfile_run.h"
#include "packfile/packfile_draft.h"

enum { NUM_PACKFILE_LAYOUTS = 4, NUM_REAL_PACKFILES = 6, MOST_PRINTED = 4096 };
extern const imago_layout packfile_layouts[NUM_PACKFILE_LAYOUTS];

/* What the README beside them says. */
typedef struct real_packfile {
	const char *name;
	imago_layout layout;
	const char *prints;
} real_packfile;

extern const real_packfile real_packfiles[NUM_REAL_PACKFILES];

/* Reads ../shared/packfiles/NAME.pbc into a block of the allocator's; false where there is none. */
bool real_packfile_load(const real_packfile *file, imago_allocator *allocator, uint8_t **bytes,
                        uint64_t *size);

typedef struct printed {
	char text[MOST_PRINTED];
	size_t size;
	imago_packfile_result result;
} printed;

/* An imago_packfile_print that appends. */
void printed_append(const uint8_t *bytes, size_t size, void *payload);

/* Runs a packfile, without leaks. */
imago_status run_packfile(const imago_packfile *packfile, uint64_t fuel, printed *out);

#endif
