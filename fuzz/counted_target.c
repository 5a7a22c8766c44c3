/* counted_target.c: a fuzz target with three oracles, for oracle_counts_test.sh: one is always
 * exercised, one by any byte and broken by 'x', one by four bytes. */
#include "fuzz_oracle.h"
#include "fuzz_target.h"

enum { ALWAYS, ONE_BYTE, FOUR_BYTES };
static const char *const oracles[] = {
    [ALWAYS] = "always", [ONE_BYTE] = "one_byte", [FOUR_BYTES] = "four_bytes"};
FUZZ_DECLARE_ORACLES("counted", oracles);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FUZZ_ORACLE(ALWAYS, data != NULL);
	if (size >= 1) {
		FUZZ_ORACLE(ONE_BYTE, data[0] != 'x');
	}
	if (size >= 4) {
		FUZZ_ORACLE(FOUR_BYTES, size < 1000);
	}
	return 0;
}
