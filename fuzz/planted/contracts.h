/* contracts.h: several fuzz targets in one program.
 *
 * A bug is detected by some target's oracle, and which one nobody tells the engine: every input is
 * put to all contracts, one after the other, so that what was read and mutated once is asked
 * everything. Only a contract that costs as much as ten others is asked now and then, decided by a
 * hash of the input's bytes. */
#ifndef FUZZ_CONTRACTS_H
#define FUZZ_CONTRACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NO_CONTRACT = -1, MAX_CONTRACTS = 16 };

/* A hash of an input, and whether it is one for a contract. */
uint64_t contract_hash(const uint8_t *bytes, size_t size);
bool contract_is_asked(int contract, uint64_t hash);

/* The contract of that name, or NO_CONTRACT; and back: NULL behind the last. */
int contract_named(const char *name);
const char *contract_name(int contract);

/* One run of the target; like it, returns 0 or aborts. */
int contract_run(int contract, const uint8_t *bytes, size_t size);

#endif
