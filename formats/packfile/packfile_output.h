/* packfile_output.h: a packfile being written, item by item. */
#ifndef FORMATS_PACKFILE_OUTPUT_H
#define FORMATS_PACKFILE_OUTPUT_H

#include "imago/packfile.h"
#include "imago/writer.h"

typedef struct packfile_output {
	const imago_packfile *in;
	imago_writer *writer;
	uint64_t start; /* of the file among the writer's bytes */
	imago_layout layout;
	imago_number_form number_form;
	uint8_t number_size;
	imago_status status; /* the first failure, or IMAGO_OK */
	imago_error *error;
} packfile_output;

void imago_packfile_output_fail(packfile_output *out, imago_status status, const char *what,
                                uint64_t offset, uint64_t found, uint64_t limit);

/* How much of the file is written. */
uint64_t imago_packfile_output_position(const packfile_output *out);

/* A word of the file's, from an offset in the source. */
void imago_packfile_put_words(packfile_output *out, uint64_t offset, uint64_t count);

/* A word that is counted anew; offset is where the source has its own. */
void imago_packfile_put_word(packfile_output *out, uint64_t value, uint64_t offset);

void imago_packfile_put_string(packfile_output *out, uint64_t offset);
void imago_packfile_put_name(packfile_output *out, const imago_packfile_library *library);
void imago_packfile_put_number(packfile_output *out, uint64_t offset);
void imago_packfile_put_pmc(packfile_output *out, const imago_packfile_constants *constants,
                            uint64_t index);
void imago_packfile_put_padding(packfile_output *out, uint64_t alignment);

#endif
