/* file.h: whole files in and out. All operating-system code of the ground floor. */
#ifndef IMAGO_FILE_H
#define IMAGO_FILE_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"

/* What a path names. */
typedef enum imago_path_kind {
	IMAGO_PATH_MISSING,
	IMAGO_PATH_FILE, /* a regular file, possibly through a symbolic link */
	IMAGO_PATH_FOLDER,
	IMAGO_PATH_OTHER, /* a device, FIFO, socket */
} imago_path_kind;

IMAGO_API imago_path_kind imago_path_kind_of(const char *path);

/* Reads a whole regular file into a new block of *size bytes (release with imago_release). A file
 * that grows or shrinks meanwhile is IMAGO_EIO; anything but a regular file IMAGO_EUSAGE; one
 * larger than the allocator's budget IMAGO_ENOMEM before anything is read. */
IMAGO_API imago_status imago_file_read(const char *path, imago_allocator *allocator,
                                       uint8_t **bytes, uint64_t *size,
                                       imago_error *error) IMAGO_NODISCARD;

#endif
