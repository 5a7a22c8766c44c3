/* empty: a target that does nothing: what the engine itself takes (ci/fuzzspeed). */
#include "../fuzz_target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
	return 0;
}
