/* twin_private.h: what the files of twins share. */
#ifndef FORMATS_LAYERED_TWIN_PRIVATE_H
#define FORMATS_LAYERED_TWIN_PRIVATE_H

#include "imago/twin.h"

enum {
	UNIT = 8,           /* bytes of what runs are made of */
	LONGEST_NUMBER = 9, /* bytes of one in the table: seven bits each, below 2^61 */
	AT_SOURCE = 16,     /* in the header: the identity of the source … */
	AT_OBJECTS = 50,    /* … and whether runs are whole objects */
};

/* A file that is being made. The words of the runs are gathered apart from the table, which is
 * written before them. */
typedef struct twin_writing {
	const imago_layered_attachment *source;
	const imago_heap *file;
	imago_addr start;
	uint64_t position;               /* behind the last run that is in the table, from start on */
	uint64_t run_position, run_size; /* of the one behind; size 0: none */
	uint64_t num_runs;               /* in the table */
	imago_writer table, changed;
} twin_writing;

/* IMAGO_EUSAGE: now does not lie where the source was mapped. */
imago_status twin_require_source(const imago_layered_attachment *source,
                                 const imago_memory_mapping *now, imago_error *error);

/* table and changed become as writer is; release in every case. */
void twin_writing_init(twin_writing *writing, const imago_writer *writer, imago_error *error);
void twin_writing_release(twin_writing *writing);

/* A run behind the last one; one that goes on where that ended is part of it. */
void twin_add_run(twin_writing *writing, uint64_t position, const uint8_t *bytes, uint64_t size);

/* The words of a range that differ from then; size is a multiple of 8. */
void twin_add_differences(twin_writing *writing, uint64_t position, const uint8_t *now,
                          const uint8_t *then, uint64_t size);

/* The whole file; made: now->used less the source's bytes of new objects. */
imago_status twin_write_file(twin_writing *writing, const imago_memory_mapping *now,
                             const uint8_t *made, imago_writer *writer);

#endif
