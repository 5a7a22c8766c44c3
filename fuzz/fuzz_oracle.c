/* fuzz_oracle.c: how often the oracles of a target were asked, and how one that is broken ends a
 * run. Not for two threads at once: oracles are asked by the thread that the engine calls. */
#include "fuzz_oracle.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t counts[FUZZ_MAX_ORACLES];
static uint64_t told[FUZZ_MAX_ORACLES]; /* of them, what the file of counts has been told */

/* Appends what an oracle's count has grown by. A count that cannot be told is no reason to end a
 * run: whoever adds the lines up misses it. */
static void
tell(size_t id, bool even_nothing)
{
	const char *path = getenv("IMAGO_FUZZ_COUNTS");
	const uint64_t news = counts[id] - told[id];
	if (path == NULL || path[0] == '\0' || (news == 0 && !even_nothing)) {
		return;
	}
	FILE *file = fopen(path, "a");
	if (file == NULL) {
		return;
	}
	/* One short write to a file opened for appending: lines of several processes do not mix. */
	(void)fprintf(file, "%s %s %" PRIu64 "\n", fuzz_oracles.target, fuzz_oracles.names[id], news);
	(void)fclose(file);
	told[id] = counts[id];
}

size_t
fuzz_oracles_unexercised(void)
{
	size_t num_unexercised = 0;
	for (size_t id = 0; id < fuzz_oracles.num_names; id++) {
		if (counts[id] == 0) {
			fprintf(stderr, "imago: oracle %s of %s was never exercised\n", fuzz_oracles.names[id],
			        fuzz_oracles.target);
			num_unexercised++;
		}
	}
	return num_unexercised;
}

static void
tell_all(void)
{
	for (size_t id = 0; id < fuzz_oracles.num_names; id++) {
		tell(id, counts[id] == 0);
	}
	const char *all = getenv("IMAGO_FUZZ_ALL_ORACLES");
	if (all != NULL && all[0] == '1' && fuzz_oracles_unexercised() > 0) {
		fflush(NULL);
		_Exit(FUZZ_UNEXERCISED);
	}
}

/* Before main, so that a run without a single question is told as well. */
__attribute__((constructor)) static void
tell_at_exit(void)
{
	if (atexit(tell_all) != 0) {
		abort();
	}
}

void
fuzz_oracle_count(size_t id)
{
	if (id >= fuzz_oracles.num_names) {
		fprintf(stderr, "imago: %s has no oracle %zu\n", fuzz_oracles.target, id);
		abort();
	}
	counts[id]++;
	/* At powers of two: a program that is killed has told at least half, at hardly any cost. */
	if ((counts[id] & (counts[id] - 1)) == 0) {
		tell(id, false);
	}
}

uint64_t
fuzz_oracle_exercises(size_t id)
{
	return counts[id];
}

_Noreturn void
fuzz_oracle_fail(size_t id, const char *property, const char *file, int line)
{
	fprintf(stderr, "imago: oracle %s broken: %s (%s, %s:%d)\n", fuzz_oracles.names[id], property,
	        fuzz_oracles.target, file, line);
	fflush(stderr);
	abort();
}
