#include "layouts.h"

#include <string.h>

#define LITTLE(bytes)              \
	{                              \
		bytes, IMAGO_LITTLE_ENDIAN \
	}
#define BIG(bytes)              \
	{                           \
		bytes, IMAGO_BIG_ENDIAN \
	}

const test_layout test_layouts[NUM_TEST_LAYOUTS] = {
    {"spur32", 6521, IMAGO_SPUR, LITTLE(4)},
    {"spur32be", 6521, IMAGO_SPUR, BIG(4)},
    {"spur64", 68021, IMAGO_SPUR, LITTLE(8)},
    {"spur64be", 68021, IMAGO_SPUR, BIG(8)},
    {"spur32-7033", 7033, IMAGO_SPUR, LITTLE(4)},
    {"spur32be-7033", 7033, IMAGO_SPUR, BIG(4)},
    {"spur64-68533", 68533, IMAGO_SPUR, LITTLE(8)},
    {"spur64be-68533", 68533, IMAGO_SPUR, BIG(8)},
    {"v3", 6505, IMAGO_V3, LITTLE(4)},
    {"v3be", 6505, IMAGO_V3, BIG(4)},
    {"v3-6504", 6504, IMAGO_V3, LITTLE(4)},
    {"v3be-6504", 6504, IMAGO_V3, BIG(4)},
    {"v3-6502", 6502, IMAGO_V3, LITTLE(4)},
    {"v3be-6502", 6502, IMAGO_V3, BIG(4)},
};

const test_layout *
test_layout_find(const char *name)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		if (strcmp(test_layouts[i].name, name) == 0) {
			return &test_layouts[i];
		}
	}
	return NULL;
}
