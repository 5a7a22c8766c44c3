/* command.h: what a subcommand is, and what main gives it.
 *
 * A subcommand is a constant table: its names and options, its prose, and a function. Parsing,
 * usage errors and --help all follow from the table, so help cannot differ from what is accepted.
 */
#ifndef IMAGO_CLI_COMMAND_H
#define IMAGO_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"

/* Exit statuses of the program; the greater wins where several files are named. */
typedef enum exit_status {
	EXIT_DONE = 0,    /* clean, or done */
	EXIT_IMAGE = 1,   /* the image has errors, differs, or cannot be read or made as one */
	EXIT_TROUBLE = 2, /* usage; a file that cannot be opened or written; out of memory */
} exit_status;

static inline exit_status
worse_status(exit_status a, exit_status b)
{
	return a > b ? a : b;
}

typedef enum option_kind {
	OPTION_FLAG,   /* no argument */
	OPTION_NUMBER, /* decimal, or hexadecimal with 0x: number */
	OPTION_SIZE,   /* a number with K, M, G or T behind it: number */
	OPTION_CHOICE, /* one of the words of the argument's name ("little|big"): text and number */
	OPTION_TEXT,   /* any text: text */
	OPTION_LIST,   /* names with commas between them, and may be repeated: list */
} option_kind;

typedef struct option_spec {
	const char *name;     /* without the dashes */
	const char *argument; /* what help calls it; the words of a choice; NULL for a flag */
	const char *help;     /* NULL: not listed in help */
	option_kind kind;
	uint64_t min, max; /* of numbers and sizes; max 0: no limit */
} option_spec;

enum { MAX_OPTIONS = 16 };

typedef struct option_value {
	bool given;
	uint64_t number; /* also the index of a choice's word */
	const char *text;
	const char **list;
	size_t list_length;
	size_t list_capacity;
} option_value;

struct command;

/* A parsed command line. Options are found by their index in the command's table. */
typedef struct command_line {
	const struct command *command;
	imago_allocator *allocator;
	const char **names; /* arguments that are no options, in order */
	size_t num_names;
	size_t name_capacity;
	option_value values[MAX_OPTIONS];
} command_line;

struct command {
	const char *name;
	const char *arguments;   /* "IN OUT", for usage lines */
	const char *summary;     /* one line, for imago --help */
	const char *description; /* paragraphs, for imago COMMAND --help */
	const char *examples;    /* one a line, indented by two */
	const option_spec *options;
	size_t num_options;
	size_t min_names, max_names; /* max 0: any number */
	exit_status (*run)(const command_line *line);
};

extern const struct command info_command;
extern const struct command check_command;
extern const struct command convert_command;
extern const struct command digest_command;
extern const struct command diff_command;
extern const struct command dump_command;
extern const struct command set_command;
extern const struct command make_command;
extern const struct command mutate_command;
extern const struct command reduce_command;
extern const struct command run_command;
extern const struct command tier_command;
extern const struct command attach_command;
extern const struct command map_command;
extern const struct command twin_command;
extern const struct command workspace_command;

#endif
