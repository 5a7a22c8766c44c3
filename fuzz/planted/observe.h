/* observe.h: whether the contracts see a planted bug. For observing builds (core/base/planted.h).
 */
#ifndef FUZZ_OBSERVE_H
#define FUZZ_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OBSERVE_BY_SIZE = 64 };

/* What a run met of one bug. */
typedef struct observed {
	bool reached;
	bool triggered;
} observed;

size_t observe_num_bugs(void);
const char *observe_bug_name(size_t bug);

/* "WITHIN", "FAR" or "NEVER" (core/base/planted_bugs.def). */
const char *observe_bug_reach(size_t bug);

/* True when AddressSanitizer watches. */
bool observe_has_sanitizers(void);

/* One run of a contract with no bug having its effect; fills one element per bug. */
void observe_run(int contract, const uint8_t *bytes, size_t size, observed *out);

/* The same run in a child process with that bug's effect: true when it dies, and by what: an
 * oracle's name, a sanitizer's word for it, "hang" after two seconds of processor time, or the
 * signal. */
bool observe_effect(size_t bug, int contract, const uint8_t *bytes, size_t size,
                    char by[OBSERVE_BY_SIZE]);

#endif
