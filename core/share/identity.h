/* identity.h: whether a file is still the one that was attached; private to the room. */
#ifndef CORE_SHARE_IDENTITY_H
#define CORE_SHARE_IDENTITY_H

#include <stdint.h>

#include "imago/error.h"

typedef struct imago_moment {
	int64_t seconds, nanoseconds;
} imago_moment;

typedef struct imago_identity {
	uint64_t device, number, size, num_links;
	imago_moment written, changed;
} imago_identity;

/* Of a regular file. IMAGO_EIO, IMAGO_EUSAGE. */
imago_status imago_identity_take(imago_identity *identity, int descriptor,
                                 imago_error *error) IMAGO_NODISCARD;

/* IMAGO_EIO when the file has been cut (the offset is its end now), grown or rewritten since. */
imago_status imago_identity_check(const imago_identity *identity, int descriptor,
                                  imago_error *error) IMAGO_NODISCARD;

#endif
