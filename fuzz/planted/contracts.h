/* contracts.h: several fuzz targets in one program.
 *
 * A bug is detected by some target's oracle, and which one nobody tells the engine: each input goes
 * to one contract, chosen by a hash of all its bytes, so that a mutant of an input is likely to be
 * asked something else. That is what fuzzing all targets for the same time does, too. */
#ifndef FUZZ_CONTRACTS_H
#define FUZZ_CONTRACTS_H

#include <stddef.h>
#include <stdint.h>

enum { NO_CONTRACT = -1 };

int contract_of(const uint8_t *bytes, size_t size);

/* The contract of that name, or NO_CONTRACT; and back: NULL behind the last. */
int contract_named(const char *name);
const char *contract_name(int contract);

/* One run of the target; like it, returns 0 or aborts. */
int contract_run(int contract, const uint8_t *bytes, size_t size);

#endif
