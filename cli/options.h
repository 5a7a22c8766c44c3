/* options.h: from argv to a command_line. */
#ifndef IMAGO_CLI_OPTIONS_H
#define IMAGO_CLI_OPTIONS_H

#include <stdbool.h>

#include "command.h"

typedef enum parse_result {
	PARSE_RUN,   /* the command may run */
	PARSE_HELP,  /* --help was given: print it */
	PARSE_WRONG, /* a message has been printed */
} parse_result;

/* Parses the arguments behind the command's name; argv[0] is that name. line must be zeroed but for
 * its allocator; release it with command_line_release in every case. */
parse_result command_line_parse(command_line *line, const struct command *command, int argc,
                                char **argv);
void command_line_release(command_line *line);

/* What imago COMMAND --help prints. */
void print_command_help(const struct command *command);

/* A whole number in decimal, or in hexadecimal with 0x; with_suffix allows one of K, M, G, T behind
 * it. False when text is anything else, or does not fit. */
bool parse_number(const char *text, bool with_suffix, uint64_t *number);

#endif
