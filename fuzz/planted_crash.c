/* planted_crash: not a target of imago's but of the tests of the engines. It aborts when an image
 * can be read that has 512 bytes in front of its header, which no seed of the tests has: an
 * engine finds it quickly with the structure-aware mutator (operator header.prefix) and hardly
 * ever without, so that a smoke test which sees this crash has seen engine, mutator and the way
 * crashes are reported work together. */
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/heap.h"
#include "imago/v3_image.h"

enum { NO_PREFIX };
static const char *const oracles[] = {[NO_PREFIX] = "no_prefix"};
FUZZ_DECLARE_ORACLES("planted_crash", oracles);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_v3_read(&heap, data, size, &allocator, &error) == IMAGO_OK) {
		FUZZ_ORACLE(NO_PREFIX, heap->wrapping.prefix_size == 0);
		imago_heap_destroy(heap);
	}
	return 0;
}
