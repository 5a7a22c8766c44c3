/* fuzz_input.c: decisions of a target, taken from the tail of its input. */
#include "fuzz_input.h"

fuzz_input
fuzz_input_of(const uint8_t *bytes, size_t size)
{
	return (fuzz_input){bytes, size};
}

static uint32_t
take_byte(fuzz_input *input)
{
	return input->left > 0 ? input->bytes[--input->left] : 0;
}

uint32_t
fuzz_choose(fuzz_input *input, uint32_t limit)
{
	uint32_t value = take_byte(input);
	if (limit > 256) {
		value |= take_byte(input) << 8;
	}
	return value % limit;
}
