/* output.h: what goes to the terminal: results, messages, text from files. */
#ifndef IMAGO_CLI_OUTPUT_H
#define IMAGO_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "command.h"
#include "imago/error.h"

/* Where results and messages go from now on: standard output and standard error unless said
 * otherwise. One pair for the program, because every part of a command prints. */
void set_output(FILE *results, FILE *messages);

/* The stream of messages. */
FILE *message_stream(void);

/* Results, as printf. */
int print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Bytes as they are: what a program prints. */
void print_bytes(const uint8_t *bytes, size_t size);

/* True when a result could not be written. */
bool output_failed(void);

/* Writes out what was printed so far, before somebody else prints. */
void flush_output(void);

/* Text beside the results that is no message: hints. As printf. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line among the messages, beginning with "imago: ". Control characters, which can come from
 * file names, are escaped. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an error of the library; path names the file it is about, or is NULL. Returns the
 * exit status that the error stands for. */
exit_status complain_of_error(const char *path, const imago_error *error);

/* Copies text of length bytes into line of size bytes: printable ASCII stays, a backslash is
 * doubled, everything else becomes \n, \t, \r or \xNN. What does not fit is cut. */
void escape_text(const uint8_t *text, size_t length, char *line, size_t size);

/* Prints a file name with its control characters escaped. */
void print_name(const char *name);

/* Prints a JSON object on a line of its own and releases it. */
void print_json_line(json_object *object);

/* Strings of JSON must be UTF-8: a name that is not gets its bytes above 0x7f escaped. */
json_object *json_name(const char *name);

/* A word or an address: a string, "0x10a2f0", because many readers of JSON cut numbers to 53 bits.
 */
json_object *json_word(uint64_t word);

/* Flushes the results; false, with a message, when anything of it was lost. */
bool finish_output(void);

/* "s" unless count is 1. */
const char *plural(uint64_t count);

#endif
