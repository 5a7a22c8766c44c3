/* reasons.c: a histogram of why. */
#include "reasons.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_oracle.h"
#include "fuzz_target.h"

typedef struct reason {
	const char *word;
	uint64_t count;
} reason;

enum { MAX_REASONS = 512 };

static reason reasons[MAX_REASONS];
static size_t num_reasons;

static void
tell_reasons(void)
{
	const char *path = getenv("IMAGO_FUZZ_COUNTS");
	FILE *file = path != NULL && path[0] != '\0' ? fopen(path, "a") : NULL;
	for (size_t i = 0; file != NULL && i < num_reasons; i++) {
		fprintf(file, "%s reason.%s %" PRIu64 "\n", fuzz_oracles.target, reasons[i].word,
		        reasons[i].count);
	}
	if (file != NULL) {
		(void)fclose(file);
	}
}

void
reason_count(const char *word)
{
	size_t i = 0;
	while (i < num_reasons && strcmp(reasons[i].word, word) != 0) {
		i++;
	}
	if (i == num_reasons) {
		FUZZ_ASSERT(num_reasons < MAX_REASONS);
		if (num_reasons == 0) {
			FUZZ_ASSERT(atexit(tell_reasons) == 0);
		}
		reasons[num_reasons++].word = word;
	}
	reasons[i].count++;
}
