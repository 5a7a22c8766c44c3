/* read_spur: any bytes are refused with a place and a documented status, or read as a Spur file
 * that is written back byte for byte. Nothing leaks, memory stays within 4 * size + 1 MiB, and a
 * failing allocation is reported. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "imago/spur_image.h"

/* spur_image.h */
static const fuzz_statuses documented =
    1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
    1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT | 1u << IMAGO_ENOMEM;

static void
expect_written_back(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_spur_read(&heap, data, size, &allocator, &error) != IMAGO_OK) {
		return;
	}
	fuzz_output output;
	fuzz_output_write(&output, heap, IMAGO_FORMAT_SPUR);
	FUZZ_ASSERT(output.writer.size == size);
	FUZZ_ASSERT(memcmp(output.writer.bytes, data, size) == 0);
	fuzz_output_release(&output);
	imago_heap_destroy(heap);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input input = fuzz_input_of(data, size);
	fuzz_expect_sound_reader(imago_spur_read, data, size, documented, fuzz_choose(&input, 256));
	expect_written_back(data, size);
	return 0;
}
