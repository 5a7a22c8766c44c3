/* damaged.h: what becomes of a damaged copy of a valid image. */
#ifndef IMAGO_TESTS_DAMAGED_H
#define IMAGO_TESTS_DAMAGED_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/digest.h"
#include "imago/image.h"

/* Four fates; anything else is a failure of imago. */
typedef enum fate {
	FATE_REFUSED,  /* a reader said no, with a documented status and an offset inside the file */
	FATE_FOUND,    /* the checker has a finding */
	FATE_HARMLESS, /* no finding, and the digest is the original's */
	FATE_ANOTHER,  /* a valid image that means something else: sound, and compare tells where */
	NUM_FATES,
} fate;

const char *fate_name(fate which);

/* The undamaged image, with its digest. */
typedef struct original {
	const uint8_t *bytes;
	uint64_t size;
	imago_image image;
	imago_digest digest;
	imago_allocator allocator;
} original;

/* The bytes are borrowed. Fails the test when the image is not clean. */
void original_init(original *o, const uint8_t *bytes, uint64_t size);
void original_release(original *o);

/* Reads, checks and, if it comes to that, digests, writes, converts and compares size bytes, with a
 * memory budget of three times the original's size (it is itself the fourth) and 1 MiB. Fails the
 * test for everything that is not one of the four fates; context is printed then. */
fate fate_of(const original *o, const uint8_t *bytes, uint64_t size, const char *context);

#endif
