/* swizzle.h: relocating the pointers of a heap (formats/spur/spur.md §13, formats/v3/v3.md §6).
 *
 * Slots are rewritten in place; bytes that are not pointers are never touched.
 */
#ifndef IMAGO_SWIZZLE_H
#define IMAGO_SWIZZLE_H

#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

/* The instruction sets of the hot loop; BEST is the widest that this CPU has, SCALAR what every
 * CPU has that the library was compiled for. */
typedef enum imago_simd {
	IMAGO_SIMD_BEST,
	IMAGO_SIMD_SCALAR,
	IMAGO_SIMD_AVX2,
	IMAGO_SIMD_AVX512,
} imago_simd;

IMAGO_API const char *imago_simd_name(imago_simd simd); /* "avx2"; BEST is resolved first */

/* True when this host can run that instruction set. */
IMAGO_API bool imago_simd_available(imago_simd simd);

/* Moves the whole old space so that its first byte has address base, relocating every pointer in
 * place, the class words of V3, free-list heads and links, and the special objects oop. Gaps
 * between segments and permanent space stay. A pointer that lies in no segment's saved addresses is
 * refused before anything is changed … unless lenient, when it is left alone.
 *
 * The heap must be writable (IMAGO_EUSAGE). base: aligned to 8, not 0 (Spur); IMAGO_EALIGN,
 * IMAGO_ERANGE (does not fit the address space, or reaches into permanent space), IMAGO_ESTRUCTURE
 * (the heap cannot be walked, or a pointer leaves it). */
typedef struct imago_swizzle_options {
	imago_simd simd;
	bool lenient;
} imago_swizzle_options;

IMAGO_API imago_status imago_swizzle(imago_heap *heap, imago_addr base,
                                     const imago_swizzle_options *options,
                                     imago_error *error) IMAGO_NODISCARD;

#endif
