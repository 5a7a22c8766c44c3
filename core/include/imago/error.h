/* error.h: why an operation stopped.
 *
 * One error, filled by the callee, owned by the caller, never allocated. Rules that an image breaks
 * are not errors but findings (finding.h).
 */
#ifndef IMAGO_ERROR_H
#define IMAGO_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"

typedef enum imago_status {
#define IMAGO_STATUS(name, sentence) IMAGO_##name,
#include "imago/status.def"
#undef IMAGO_STATUS
} imago_status;

/* The offset of an error that has no place in a file. */
#define IMAGO_NO_OFFSET UINT64_MAX

/* Longest file name inside an image folder, with its terminator ("seg4294967295.data"). */
#define IMAGO_PART_SIZE 24

typedef struct imago_error {
	imago_status status;
	uint64_t offset;            /* in the file the caller opened, or IMAGO_NO_OFFSET */
	const char *what;           /* static noun: "firstSegSize" */
	uint64_t found;             /* the offending value … */
	uint64_t limit;             /* … and the bound it broke (0 where there is none) */
	int os_error;               /* errno of a failed system call; only with IMAGO_EIO */
	char part[IMAGO_PART_SIZE]; /* the file inside an image folder, or "" */
} imago_error;

/* The name of a status without its prefix ("ETRUNCATED"); "?" for a value outside the enum. */
IMAGO_API const char *imago_status_name(imago_status status);

/* The sentence of a status (status.def). */
IMAGO_API const char *imago_status_sentence(imago_status status);

/* Fills *error (which may be NULL) and returns status, so that a caller can fail in one line.
 * what must be a string with static lifetime. Keeps error->part, clears os_error. */
IMAGO_API imago_status imago_fail(imago_error *error, imago_status status, const char *what,
                                  uint64_t offset, uint64_t found, uint64_t limit);

/* The same for a failed system call: status IMAGO_EIO, os_error from the argument. */
IMAGO_API imago_status imago_fail_os(imago_error *error, const char *what, int os_error);

/* Names the file inside an image folder that error speaks of; a longer name is cut. */
IMAGO_API void imago_error_set_part(imago_error *error, const char *part);

/* Writes one line, without a newline, of at most size bytes with its terminator:
 * "seg0.data:0x40: value out of range: slot count: found 9 (0x9), limit 4 (0x4)".
 * Returns the length the whole line would have. */
IMAGO_API size_t imago_error_format(const imago_error *error, char *line, size_t size);

#endif
