/* packfile_file.h: packfiles from the file system, with messages and exit statuses; what commands
 * do with them in place of an image. */
#ifndef IMAGO_CLI_PACKFILE_FILE_H
#define IMAGO_CLI_PACKFILE_FILE_H

#include <stdbool.h>

#include "command.h"
#include "imago/packfile.h"

/* The words of --long-double, and of an option_value the form that they stand for. */
#define LONG_DOUBLE_WORDS "x87|quad|double-double"
#define LONG_DOUBLE_HELP  "what 16-byte numbers of a packfile are (default: by its byte order)"
imago_number_form long_double_of(const option_value *value);

/* True when path is a file that begins as a packfile does. */
bool is_packfile(const char *path);

typedef struct packfile_file {
	imago_packfile packfile;
	const char *path;
	uint8_t *bytes;
	uint64_t size;
	imago_allocator *allocator;
} packfile_file;

/* Reads a packfile, or prints why not: *error is filled then. Close in every case. */
exit_status open_packfile(packfile_file *file, const char *path, imago_number_form long_double,
                          imago_allocator *allocator, imago_error *error);
void close_packfile(packfile_file *file);

/* What a segment of that type holds: "code". */
const char *segment_type_name(uint64_t type);

/* A string constant in quotes, escaped, at most size bytes with its terminator; "null". */
void quote_string(const imago_packfile_string *string, char *text, size_t size);

/* What info, dump, run and convert do. */
void packfile_info_print(const packfile_file *file);
void packfile_info_print_json(const packfile_file *file);
void packfile_dump(const packfile_file *file);
exit_status packfile_convert(const command_line *line, const packfile_file *file,
                             uint8_t word_bytes, const option_value *byte_order,
                             const option_value *float_form);

/* Maps, checks and executes a packfile, whatever happens to the file meanwhile. */
exit_status packfile_run(const char *path, uint64_t fuel, bool statistics,
                         imago_number_form long_double, imago_allocator *allocator);

#endif
