/* commands.c: the table of commands, and how one is run. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "imago_command.h"
#include "options.h"
#include "output.h"

static const struct command *const commands[] = {
    &info_command,   &check_command,  &convert_command, &digest_command,
    &diff_command,   &dump_command,   &set_command,     &make_command,
    &mutate_command, &reduce_command, &run_command,     &tier_command,
    &attach_command, &map_command,    &twin_command,    &workspace_command,
};

enum { NUM_COMMANDS = sizeof commands / sizeof commands[0] };

static void
print_help(void)
{
	print("Usage: imago COMMAND [options] NAMES\n\n"
	      "Reads, checks, converts and writes Smalltalk heap images: Spur of 32 and 64 bits, the\n"
	      "older V3, and Pharo's composed images, in either byte order; and, with info, check,\n"
	      "convert, dump and run, Parrot packfiles. APL workspaces have a command of their own,\n"
	      "and 'check'.\n\nCommands:\n");
	for (size_t i = 0; i < NUM_COMMANDS; i++) {
		print("  %-9s %s\n", commands[i]->name, commands[i]->summary);
	}
	print("\n'imago COMMAND --help' tells more of each. Options may stand before or behind the\n"
	      "names; --memory BYTES limits the memory of any command.\n\n"
	      "Exit status: 0 clean or done; 1 the image has errors, differs, or cannot be read or\n"
	      "made as one; 2 usage, a file that cannot be opened or written, or out of memory.\n");
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < NUM_COMMANDS; i++) {
		if (strcmp(commands[i]->name, name) == 0) {
			return commands[i];
		}
	}
	return NULL;
}

static exit_status
run_one(const struct command *command, int argc, char **argv)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	command_line line = {.allocator = &allocator};
	exit_status status = EXIT_DONE;
	switch (command_line_parse(&line, command, argc, argv)) {
	case PARSE_HELP:
		print_command_help(command);
		break;
	case PARSE_RUN:
		status = command->run(&line);
		break;
	case PARSE_WRONG:
		status = EXIT_TROUBLE;
		break;
	}
	command_line_release(&line);
	return status;
}

/* Moves the command's name in front of --memory BYTES, if that was given first, so that the command
 * parses it like its own options. */
static void
move_command_to_front(int argc, char **argv)
{
	int at = 1;
	while (at < argc && strncmp(argv[at], "--memory", 8) == 0) {
		at += argv[at][8] == '=' ? 1 : 2;
	}
	if (at > 1 && at < argc) {
		char *name = argv[at];
		memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(char *));
		argv[1] = name;
	}
}

int
imago_command(int argc, char **argv, FILE *out, FILE *err)
{
	set_output(out, err);
	exit_status status = EXIT_DONE;
	move_command_to_front(argc, argv);
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = find_command(name);
	if (command != NULL) {
		status = run_one(command, argc - 1, argv + 1);
	} else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help();
	} else if (strcmp(name, "--version") == 0) {
		print("imago %s\n", IMAGO_VERSION);
	} else {
		complain(argc > 1 ? "no command is called '%s'" : "no command was given%s", name);
		tell("Try 'imago --help'.\n");
		status = EXIT_TROUBLE;
	}
	if (!finish_output()) {
		status = EXIT_TROUBLE;
	}
	fflush(err);
	set_output(NULL, NULL);
	return (int)status;
}
