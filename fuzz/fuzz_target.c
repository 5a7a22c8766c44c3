/* fuzz_target.c: how a broken property ends a run. */
#include "fuzz_target.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
fuzz_fail(const char *property, const char *file, int line)
{
	fprintf(stderr, "%s:%d: property broken: %s\n", file, line, property);
	fflush(stderr);
	abort();
}
