/* contracts.c: the targets of contracts.def, called by name, and the oracles of whichever runs. */
#include "contracts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_oracle.h"

/* CMakeLists.txt gives each target's entry point and table of oracles these names. */
#define CONTRACT(target, one_in)                                    \
	int contract_##target##_run(const uint8_t *bytes, size_t size); \
	extern const fuzz_oracle_table contract_##target##_oracles;
#include "contracts.def"
#undef CONTRACT

typedef struct contract_row {
	const char *name;
	unsigned one_in;
	int (*run)(const uint8_t *bytes, size_t size);
	const fuzz_oracle_table *oracles;
} contract_row;

static const contract_row contracts[] = {
#define CONTRACT(target, one_in) \
	{#target, (one_in), contract_##target##_run, &contract_##target##_oracles},
#include "contracts.def"
#undef CONTRACT
};
enum { NUM_CONTRACTS = sizeof contracts / sizeof contracts[0] };
_Static_assert((int)NUM_CONTRACTS <= (int)MAX_CONTRACTS, "room for their counts");

static int running = NO_CONTRACT;

uint64_t
contract_hash(const uint8_t *bytes, size_t size)
{
	const uint64_t prime = UINT64_C(0x9E3779B97F4A7C15);
	uint64_t hash = size * prime;
	size_t i = 0;
	for (; size - i >= 8; i += 8) {
		uint64_t word;
		memcpy(&word, bytes + i, 8);
		hash = (hash ^ word) * prime;
		hash ^= hash >> 29;
	}
	for (; i < size; i++) {
		hash = (hash ^ bytes[i]) * prime;
		hash ^= hash >> 29;
	}
	return hash;
}

bool
contract_is_asked(int contract, uint64_t hash)
{
	return hash % contracts[contract].one_in == 0;
}

int
contract_named(const char *name)
{
	for (int contract = 0; contract < NUM_CONTRACTS; contract++) {
		if (strcmp(contracts[contract].name, name) == 0) {
			return contract;
		}
	}
	return NO_CONTRACT;
}

const char *
contract_name(int contract)
{
	return contract < NUM_CONTRACTS ? contracts[contract].name : NULL;
}

int
contract_run(int contract, const uint8_t *bytes, size_t size)
{
	running = contract;
	return contracts[contract].run(bytes, size);
}

/* fuzz_oracle.h, for more than one table. Counting is each target's own business. */
void
fuzz_oracle_count(size_t id)
{
	(void)id;
}

_Noreturn void
fuzz_oracle_fail(size_t id, const char *property, const char *file, int line)
{
	const fuzz_oracle_table *table = contracts[running].oracles;
	fprintf(stderr, "imago: oracle %s broken: %s (%s, %s:%d)\n", table->names[id], property,
	        table->target, file, line);
	fflush(stderr);
	abort();
}

uint64_t
fuzz_oracle_exercises(size_t id)
{
	(void)id;
	return 0;
}

size_t
fuzz_oracles_unexercised(void)
{
	return 0;
}
