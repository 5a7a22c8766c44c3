/* contracts_target: each input to one of the contracts of contracts.def. The target of builds with
 * one planted bug (cmake -DIMAGO_PLANTED=ID); also, without any, the one that finds nothing. */
#include "contracts.h"
#include "fuzz_target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return contract_run(contract_of(data, size), data, size);
}
