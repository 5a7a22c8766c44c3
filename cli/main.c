/* main.c: the program around the command. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "imago_command.h"

/* A program started with standard output closed would open an image in its place and print into
 * it. Each of the three gets something that fails to be used instead. */
static bool
fill_standard_descriptors(void)
{
	for (;;) {
		int descriptor = open("/dev/null", O_RDONLY);
		if (descriptor < 0) {
			return false;
		}
		if (descriptor > STDERR_FILENO) {
			close(descriptor);
			return true;
		}
	}
}

int
main(int argc, char **argv)
{
	return fill_standard_descriptors() ? imago_command(argc, argv, stdout, stderr) : EXIT_TROUBLE;
}
