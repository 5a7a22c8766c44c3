/* v3_limits.h: the bounds that reader and writer of V3 files share (v3.md §2, §3). */
#ifndef FORMATS_V3_V3_LIMITS_H
#define FORMATS_V3_V3_LIMITS_H

#include <stdint.h>

enum {
	IMAGO_V3_ALIGNMENT = 4,
	IMAGO_V3_SMALLEST_OBJECT = 4, /* a base header that says so */
};

/* One past the last address of a 4-byte word. */
#define IMAGO_V3_ADDRESS_LIMIT (UINT64_C(1) << 32)

#endif
