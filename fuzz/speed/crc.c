/* crc: one pass over the input with a table-driven CRC-32, a byte at a time: the yardstick of
 * ci/fuzzspeed. The result is used, so that the pass is made. */
#include "../fuzz_target.h"

enum { TABLE_SIZE = 256 };

static uint32_t table[TABLE_SIZE];
static volatile uint32_t result;

static void
fill_table(void)
{
	for (uint32_t i = 0; i < TABLE_SIZE; i++) {
		uint32_t value = i;
		for (int bit = 0; bit < 8; bit++) {
			value = (value & 1) != 0 ? value >> 1 ^ UINT32_C(0xEDB88320) : value >> 1;
		}
		table[i] = value;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;
	if (table[1] == 0) {
		fill_table();
	}
	for (size_t i = 0; i < size; i++) {
		crc = table[(crc ^ data[i]) & 0xFF] ^ crc >> 8;
	}
	result = ~crc;
	return 0;
}
