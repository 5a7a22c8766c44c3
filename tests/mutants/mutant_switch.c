/* mutant_switch.c: which mutant of a file with all mutants (make_mutants schemata) is awake.
 *
 * IMAGO_MUTANT=N wakes mutant N. IMAGO_MUTANT=-1 wakes none and adds the number of every function
 * with mutants that is called to the file IMAGO_MUTANT_REACH, a line each.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int imago_mutant;
void imago_mutant_reach(int function);

enum { MOST_FUNCTIONS = 1 << 14 };

__attribute__((constructor)) static void
choose(void)
{
	const char *number = getenv("IMAGO_MUTANT");
	imago_mutant = number != NULL ? atoi(number) : 0;
}

void
imago_mutant_reach(int function)
{
	static unsigned char reached[MOST_FUNCTIONS];
	if (imago_mutant >= 0 || function >= MOST_FUNCTIONS || reached[function]) {
		return;
	}
	reached[function] = 1;
	const char *path = getenv("IMAGO_MUTANT_REACH");
	if (path == NULL) {
		return;
	}
	char line[16];
	int size = snprintf(line, sizeof line, "%d\n", function);
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (file < 0 || write(file, line, (size_t)size) != size) {
		_exit(125);
	}
	close(file);
}
