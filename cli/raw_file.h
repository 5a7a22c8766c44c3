/* raw_file.h: files as bytes, whatever they hold: what mutate and reduce work on. */
#ifndef IMAGO_CLI_RAW_FILE_H
#define IMAGO_CLI_RAW_FILE_H

#include "command.h"

typedef struct raw_file {
	uint8_t *bytes;
	size_t size;
	size_t capacity;
	imago_allocator *allocator;
} raw_file;

/* Reads a regular file, with room for more bytes behind it, or prints why not. Release in every
 * case. */
exit_status raw_file_read(raw_file *file, const char *path, size_t room,
                          imago_allocator *allocator);
void raw_file_release(raw_file *file);

/* Saves bytes atomically, or prints why not. */
exit_status raw_file_save(const char *path, const uint8_t *bytes, size_t size);

#endif
