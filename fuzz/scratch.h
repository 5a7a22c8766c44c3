/* scratch.h: a temporary folder in memory, for targets that need a file system.
 *
 * Lies in /dev/shm, or else in $TMPDIR or /tmp, and goes when the program ends. What a run may use
 * is a folder inside it, so that a step out of that folder (by "..") is still inside, and seen.
 */
#ifndef FUZZ_SCRATCH_H
#define FUZZ_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct scratch {
	int folder; /* descriptor of the folder for runs */
	int home;   /* descriptor of the folder that the program was started in */
} scratch;

/* The one of this process, made at first use; fails the program when there can be none. */
const scratch *scratch_folder(void);

/* Removes everything from the folder. */
void scratch_empty(void);

/* Writes a file. name may lead into a folder below. */
void scratch_write(const char *name, const uint8_t *bytes, size_t size);
void scratch_make_folder(const char *name);

/* True when the file holds these bytes. */
bool scratch_holds(const char *name, const uint8_t *bytes, size_t size);

/* Bytes of all files in the folder and in folders in it. */
uint64_t scratch_size(void);

/* Calls visit with each name in the folder, until it returns false; returns what visit did. */
typedef bool scratch_visitor(const char *name, void *payload);
bool scratch_names(scratch_visitor *visit, void *payload);

/* True when nothing stands beside the folder: nothing was written outside. */
bool scratch_is_alone(void);

/* Makes the folder the current one, and the old one again. */
void scratch_enter(void);
void scratch_leave(void);

#endif
