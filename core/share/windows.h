/* windows.h: pages of a section that holds addresses, up to 16 at a time: read and relocated.
 *
 * What is marked with (S) is called by the handlers of signals: only system calls, no locks, and no
 * byte of a mapping of the file is touched, which may have been cut. Private to the room.
 */
#ifndef CORE_SHARE_WINDOWS_H
#define CORE_SHARE_WINDOWS_H

#include "attachment.h"

/* Why a page cannot be had. */
typedef struct imago_lost {
	const char *what;
	uint64_t offset; /* in the file */
	int os_error;    /* 0: the file has been cut */
} imago_lost;

/* IMAGO_EIO from a loss. */
imago_status imago_fail_lost(imago_error *error, const imago_lost *lost);

/* Reads what there is from offset on, at most size bytes, and returns how many there were;
 * *os_error is 0 or why there were no more. (S) */
uint64_t imago_read_at(int descriptor, uint8_t *bytes, uint64_t size, uint64_t offset,
                       int *os_error);

/* Writes all of it. 0 or a negated errno. (S) */
int imago_write_at(int descriptor, const uint8_t *bytes, uint64_t size, uint64_t offset);

/* Reads the pages from a distance in a section into memory and relocates them; size is at most a
 * window, marks has room for its bits. Returns the number of bytes that could be had, in whole
 * pages; *lost is set when these are fewer. (S) */
uint64_t imago_window_read(const imago_attachment *attachment, const imago_attach_section *section,
                           uint64_t distance, uint64_t size, uint8_t *bytes, uint8_t *marks,
                           imago_lost *lost);

#endif
