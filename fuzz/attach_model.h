/* attach_model.h: a plan drawn from an input, and what must be seen of it, worked out word by word
 * on nothing of imago but the types of the plan. */
#ifndef FUZZ_ATTACH_MODEL_H
#define FUZZ_ATTACH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz_decisions.h"
#include "imago/attach.h"

enum { MODEL_SECTIONS = 4, MODEL_FILE_PAGES = 48, MODEL_SECTION_PAGES = 20 };

/* A file whose pages all differ, half of all bits set; the same in every run. */
typedef struct model_file {
	int descriptor;
	const uint8_t *bytes;
	uint64_t size, page_size;
} model_file;

typedef struct attach_model {
	const model_file *file;
	imago_attach_section sections[MODEL_SECTIONS + 1]; /* one more than is used */
	imago_attach_plan plan;
	bool damaged; /* something in it was replaced: it may not be sound */
	uint64_t delta;
	uint8_t *seen[MODEL_SECTIONS];                  /* what must be seen of each section */
	bool written[MODEL_SECTIONS][MODEL_FILE_PAGES]; /* since writes are tracked */
	bool stored[MODEL_SECTIONS][MODEL_FILE_PAGES];  /* ever */
} attach_model;

/* The file of this process, and one of the run's own that may be cut; close its descriptor. */
const model_file *model_file_of_process(void);
model_file model_file_copy(void);

uint64_t model_draw_word(fuzz_decisions *decisions);

/* Draws a plan; four of five are sound. */
void model_draw(attach_model *model, const model_file *file, fuzz_decisions *decisions);

/* Whether the plan can be carried out at all. */
bool model_is_sound(const attach_model *model);

/* Works out what must be seen with all marked words moved by delta. */
void model_begin(attach_model *model, uint64_t delta);
void model_end(attach_model *model);

/* The section that holds all of these bytes, counted from start, or MODEL_SECTIONS. */
size_t model_section_of(const attach_model *model, uint64_t distance, uint64_t size);

/* Whether any section has one of these bytes, counted from start. */
bool model_is_taken(const attach_model *model, uint64_t distance, uint64_t size);

/* Addresses where nobody else maps anything, with as many free around. */
uint64_t model_free_addresses(bool narrow);

/* Whether SIGBUS names the page that is gone: an emulator of a machine of the other byte order may
 * turn the address round. */
bool model_gone_pages_are_told(void);

#endif
