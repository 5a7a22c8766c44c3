/* imago_command.h: the whole command as a function. */
#ifndef IMAGO_CLI_IMAGO_COMMAND_H
#define IMAGO_CLI_IMAGO_COMMAND_H

#include <stdio.h>

/* Runs one command line; argv[0] is the program's name. Results go to out, messages to err; both
 * are flushed, neither is closed. Returns the exit status (command.h) and leaves nothing behind, so
 * that it can be called again; not by two threads at once, as getopt has one state. argv is
 * permuted, and lists in its strings are cut apart. */
int imago_command(int argc, char **argv, FILE *out, FILE *err);

#endif
