/* swizzle_simd.c: which instruction sets there are, and the hot loop's function for each. */
#include <stddef.h>

#include "imago/swizzle.h"
#include "swizzle_shift.h"

bool
imago_simd_available(imago_simd simd)
{
	switch (simd) {
	case IMAGO_SIMD_BEST:
	case IMAGO_SIMD_SCALAR:
		return true;
#if defined(__x86_64__)
	case IMAGO_SIMD_AVX2:
		return __builtin_cpu_supports("avx2");
	case IMAGO_SIMD_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#endif
	default:
		return false;
	}
}

static imago_simd
resolve(imago_simd simd)
{
	if (simd != IMAGO_SIMD_BEST) {
		return simd;
	}
	if (imago_simd_available(IMAGO_SIMD_AVX512)) {
		return IMAGO_SIMD_AVX512;
	}
	return imago_simd_available(IMAGO_SIMD_AVX2) ? IMAGO_SIMD_AVX2 : IMAGO_SIMD_SCALAR;
}

const char *
imago_simd_name(imago_simd simd)
{
	switch (resolve(simd)) {
	case IMAGO_SIMD_AVX2:
		return "avx2";
	case IMAGO_SIMD_AVX512:
		return "avx512";
	default:
		return "scalar";
	}
}

imago_shift_fn *
imago_shift_function(const imago_heap *heap, imago_simd simd)
{
	imago_shift_fn *function = NULL;
	switch (resolve(simd)) {
	case IMAGO_SIMD_AVX2:
		function = imago_shift_avx2(heap);
		break;
	case IMAGO_SIMD_AVX512:
		function = imago_shift_avx512(heap);
		break;
	default:
		function = imago_shift_vectors(heap);
		break;
	}
	return function != NULL ? function : imago_shift_scalar(heap);
}
