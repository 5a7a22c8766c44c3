/* fuzz_input.h: decisions of a target, taken from the tail of its input.
 *
 * The tail is read, not cut off: the target works on the whole input, so every valid file is a seed
 * as it is, and bytes appended to it change the decisions but not the image.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_input {
	const uint8_t *bytes;
	size_t left; /* bytes that have made no decision yet */
} fuzz_input;

fuzz_input fuzz_input_of(const uint8_t *bytes, size_t size);

/* A number below limit (1 … 65536), from the next one or two bytes of the tail; 0 when there are
 * none left. */
uint32_t fuzz_choose(fuzz_input *input, uint32_t limit);

#endif
