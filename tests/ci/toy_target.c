/* toy_target: a target of its own, without imago, for the tests of ci/fuzz_stages. It takes a few
 * edges that depend on its input; 'A' and 'B' somewhere in it lead to two of them. It aborts when
 * the environment has TOY_CRASH, and once when it has TOY_CRASH_ONCE, which names a file that it
 * then makes. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned num_seen[4];

static void
tell_count(void)
{
	const char *path = getenv("IMAGO_FUZZ_COUNTS");
	FILE *file = path != NULL ? fopen(path, "a") : NULL;
	if (file != NULL) {
		fprintf(file, "toy seen %u\n", num_seen[0] + num_seen[1] + num_seen[2]);
		(void)fclose(file);
	}
}

static int
is_first_time(const char *path)
{
	FILE *file = path != NULL ? fopen(path, "wx") : NULL;
	if (file == NULL) {
		return 0;
	}
	(void)fclose(file);
	return 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int registered;
	if (!registered) {
		registered = 1;
		(void)atexit(tell_count);
	}
	if (size > 0 && (getenv("TOY_CRASH") != NULL || is_first_time(getenv("TOY_CRASH_ONCE")))) {
		abort();
	}
	for (size_t i = 0; i < size; i++) {
		if (data[i] == 'A') {
			num_seen[0]++;
		} else if (data[i] == 'B') {
			num_seen[1]++;
		} else {
			num_seen[2]++;
		}
	}
	return 0;
}
