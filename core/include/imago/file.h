/* file.h: whole files into memory. */
#ifndef IMAGO_FILE_H
#define IMAGO_FILE_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/file_system.h"

/* What a path names, symbolic links being followed. */
IMAGO_API imago_path_kind imago_path_kind_of(const char *path);
IMAGO_API imago_path_kind imago_path_kind_in(const imago_file_system *files, const char *path);

/* Reads a whole regular file into a new block of *size bytes (release with imago_release). A file
 * that grows or shrinks meanwhile is IMAGO_EIO; anything but a regular file IMAGO_EUSAGE; one
 * larger than the allocator's budget IMAGO_ENOMEM before anything is read. */
IMAGO_API imago_status imago_file_read(const char *path, imago_allocator *allocator,
                                       uint8_t **bytes, uint64_t *size,
                                       imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_file_read_in(const imago_file_system *files, const char *path,
                                          imago_allocator *allocator, uint8_t **bytes,
                                          uint64_t *size, imago_error *error) IMAGO_NODISCARD;

/* The same for a file that is asked to be of a certain kind: look sees its first bytes (all of
 * them, if there are fewer) before memory for the rest is asked for. When it does not return
 * IMAGO_OK, the file is refused with what it returned. */
enum { IMAGO_FILE_LOOK_SIZE = 1024 };
typedef imago_status imago_file_look(const uint8_t *bytes, uint64_t size, imago_error *error);
IMAGO_API imago_status imago_file_read_if(const imago_file_system *files, const char *path,
                                          imago_allocator *allocator, imago_file_look *look,
                                          uint8_t **bytes, uint64_t *size,
                                          imago_error *error) IMAGO_NODISCARD;

/* Reads the size bytes of an open file, calls that a signal interrupts being repeated; IMAGO_EIO
 * when the file ends before or goes on behind. For readers of whole files. */
IMAGO_API imago_status imago_file_read_exactly(const imago_file_system *files, int descriptor,
                                               uint8_t *bytes, uint64_t size,
                                               imago_error *error) IMAGO_NODISCARD;

#endif
