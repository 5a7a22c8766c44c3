/* synthetic.h: deterministic images of a realistic mix, of any size. */
#ifndef IMAGO_SYNTHETIC_H
#define IMAGO_SYNTHETIC_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

typedef struct imago_synthetic_options {
	uint32_t image_format; /* 6521, 68021, 6505 … */
	imago_byte_order byte_order;
	uint64_t num_objects;  /* make about this many objects … */
	uint64_t num_bytes;    /* … or fill this many bytes; one of them is 0 */
	uint32_t num_segments; /* 0 or 1: one */
	uint64_t gap;          /* between segments */
	uint64_t perm_objects; /* this many in permanent space (Spur); for composed images */
	uint64_t seed;
} imago_synthetic_options;

/* Makes an image whose objects' sizes, formats and pointer distances follow the mix measured on the
 * real images (core/memory/README.md, "The synthetic mix"). The same options give the same bytes.
 * Statuses as the builder's; IMAGO_ERANGE when the address space is too small. */
IMAGO_API imago_status imago_synthetic_make(imago_heap **out,
                                            const imago_synthetic_options *options,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;

#endif
