/* fuzz_target.c: how a broken assumption ends a run. */
#include "fuzz_target.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
fuzz_fail(const char *property, const char *file, int line)
{
	fprintf(stderr, "imago: oracle assumption broken: %s (%s:%d)\n", property, file, line);
	fflush(stderr);
	abort();
}
