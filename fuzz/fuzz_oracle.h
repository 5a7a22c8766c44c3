/* fuzz_oracle.h: the properties of a target, named and counted.
 *
 * An oracle that is never exercised proves nothing and looks as if it did. So a target declares its
 * oracles, every question asked of one is counted, and a replay of the corpus in which one was
 * never asked fails:
 *
 *     enum { ROUND_TRIP, DIGEST };
 *     static const char *const oracles[] = {[ROUND_TRIP] = "round_trip", [DIGEST] = "digest"};
 *     FUZZ_DECLARE_ORACLES("name_of_the_target", oracles);
 *     …
 *     FUZZ_ORACLE(ROUND_TRIP, again.size == size);
 *
 * A broken property prints one line, "imago: oracle round_trip broken: again.size == size (…)", and
 * aborts. Ask only where the property is really at stake: what holds without looking at the library
 * is no exercise. What a target needs for itself (a copy to work on, a file to compare with) is
 * FUZZ_ASSERT's (fuzz_target.h).
 *
 * Two variables of the environment, whichever engine drives the target:
 * IMAGO_FUZZ_COUNTS=FILE  appends lines "target oracle count" when the program ends, and now and
 *                         then before, because engines may kill it; lines of one oracle add up.
 *                         An oracle that was never exercised has a line with 0 at the end.
 * IMAGO_FUZZ_ALL_ORACLES=1  at the end of the program, names the oracles that were never exercised,
 *                         and makes the exit status 76 if there is one.
 * The standalone driver does the latter by itself whenever it was given a folder.
 */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include <stddef.h>
#include <stdint.h>

enum {
	FUZZ_MAX_ORACLES = 48,
	FUZZ_UNEXERCISED = 76, /* exit status: a declared oracle was never asked */
};

typedef struct fuzz_oracle_table {
	const char *target;
	const char *const *names; /* in snake_case: they are words of a line */
	size_t num_names;
} fuzz_oracle_table;

/* Each target defines it once, by FUZZ_DECLARE_ORACLES. */
extern const fuzz_oracle_table fuzz_oracles;

#define FUZZ_DECLARE_ORACLES(target, names)                                                   \
	_Static_assert(sizeof(names) / sizeof(names)[0] <= FUZZ_MAX_ORACLES, "too many oracles"); \
	const fuzz_oracle_table fuzz_oracles = {target, names, sizeof(names) / sizeof(names)[0]}

/* Counts one exercise. For oracles whose verdict falls elsewhere; else FUZZ_ORACLE. */
void fuzz_oracle_count(size_t id);

/* Prints the oracle's name with what is broken, and aborts. */
_Noreturn void fuzz_oracle_fail(size_t id, const char *property, const char *file, int line);

/* How often an oracle was exercised in this process. */
uint64_t fuzz_oracle_exercises(size_t id);

/* Names each declared oracle that was never exercised on stderr; returns how many there are. */
size_t fuzz_oracles_unexercised(void);

#define FUZZ_ORACLE(id, property) \
	(fuzz_oracle_count(id),       \
	 (property) ? (void)0 : fuzz_oracle_fail(id, #property, __FILE__, __LINE__))

#endif
