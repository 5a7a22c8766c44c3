/* planted_crash: not a target of imago's but of the tests of the engines. It aborts when a V3 image
 * can be read that is larger than IMAGO_PLANTED_LIMIT says, in bytes of its segment. With the
 * largest of the seeds as the limit, a mutant has to grow an image and keep it one: the
 * structure-aware mutator does so within some hundred runs. A smoke test that sees this crash has
 * seen engine, mutator and the way crashes are reported work together. */
#include <stdlib.h>

#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/heap.h"
#include "imago/v3_image.h"

enum { NOT_LARGER };
static const char *const oracles[] = {[NOT_LARGER] = "not_larger"};
FUZZ_DECLARE_ORACLES("planted_crash", oracles);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *limit = getenv("IMAGO_PLANTED_LIMIT");
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (limit != NULL && imago_v3_read(&heap, data, size, &allocator, &error) == IMAGO_OK) {
		FUZZ_ORACLE(NOT_LARGER, imago_heap_data_size(heap) <= strtoull(limit, NULL, 10));
		imago_heap_destroy(heap);
	}
	return 0;
}
