/* save_scenario.h: what is saved over what, on a model disk or on a real one. */
#ifndef IMAGO_TESTS_SAVE_SCENARIO_H
#define IMAGO_TESTS_SAVE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../fuzz/faults/fault_plan.h"
#include "../../fuzz/faults/model_disk.h"
#include "imago/error.h"
#include "imago/folder.h"

/* Contents of a file (name NULL), or one file of a folder. */
typedef struct saved_file {
	const char *name;
	const char *bytes;
} saved_file;

enum { MAX_SAVED_FILES = 8 };

typedef struct save_scenario {
	const char *name;
	bool is_folder;
	saved_file old[MAX_SAVED_FILES]; /* none: nothing is there */
	saved_file new[MAX_SAVED_FILES];
} save_scenario;

enum { NUM_SAVE_SCENARIOS = 6 };
extern const save_scenario save_scenarios[NUM_SAVE_SCENARIOS];

/* Where it is saved: a folder that holds a stranger too. */
#define SAVE_PARENT "work"
#define SAVE_PATH   "work/x.image"

/* What is found at SAVE_PATH. */
typedef enum save_outcome { SAVE_TORN, SAVE_OLD, SAVE_NEW } save_outcome;

/* A disk on which the old contents are. */
model_disk *scenario_disk(const save_scenario *scenario);

/* Saves the new contents through a file system. */
imago_status scenario_save(const save_scenario *scenario, const imago_file_system *files,
                           imago_error *error);

/* The stranger is not looked at here. */
save_outcome scenario_outcome(const save_scenario *scenario, const model_disk *disk);

/* True when beside SAVE_PATH there is the stranger, as it was, and nothing else. */
bool scenario_is_tidy(const save_scenario *scenario, const model_disk *disk);

#endif
