/* read_spur: any bytes are refused with a place and a documented status, or read as a Spur file
 * that is written back byte for byte. Nothing leaks, memory stays within 4 * size + 1 MiB, and a
 * failing allocation is reported. */
#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/spur_image.h"

enum { REFUSAL, MEMORY, FAILING_ALLOCATION, WRITTEN_BACK };
static const char *const oracles[] = {
    [REFUSAL] = "refusal",
    [MEMORY] = "memory",
    [FAILING_ALLOCATION] = "failing_allocation",
    [WRITTEN_BACK] = "written_back",
};
FUZZ_DECLARE_ORACLES("read_spur", oracles);

/* spur_image.h */
static const fuzz_statuses documented =
    1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
    1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT | 1u << IMAGO_ENOMEM;

static void
expect_written_back(const imago_heap *heap, const uint8_t *bytes, uint64_t size)
{
	fuzz_expect_written_back(heap, IMAGO_FORMAT_SPUR, bytes, size, WRITTEN_BACK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input input = fuzz_input_of(data, size);
	const fuzz_reader_oracles sound = {REFUSAL, MEMORY, FAILING_ALLOCATION};
	fuzz_expect_sound_reader(imago_spur_read, data, size, documented, fuzz_choose(&input, 256),
	                         sound, expect_written_back);
	return 0;
}
