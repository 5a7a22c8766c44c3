/* swizzles.h: what the tests of relocation share: heaps to relocate, and what must be true of the
 * result. */
#ifndef IMAGO_TESTS_SWIZZLES_H
#define IMAGO_TESTS_SWIZZLES_H

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/swizzle.h"

enum { FAR = 0x240008, STEP = 8, NUM_SETS = 3 };

/* The instruction sets; this host need not have all. */
extern const imago_simd sets[NUM_SETS];

/* Runs a test on a heap, or on small ones of every layout and with everything in them. */
typedef imago_heap *make_heap_fn(const test_layout *layout, imago_allocator *allocator);
typedef void heap_test_fn(imago_heap *heap, imago_allocator *allocator);
void on_heap(make_heap_fn *make, const test_layout *layout, heap_test_fn *test);
void on_every_heap(heap_test_fn *test);

imago_addr base_of(const imago_heap *heap);
imago_heap *copy_of(const imago_heap *heap, imago_allocator *allocator);
imago_status swizzle(imago_heap *heap, imago_addr base, imago_simd simd, bool lenient,
                     imago_error *error);

/* A swizzle that must succeed. */
void move(imago_heap *heap, imago_addr base, imago_simd simd);

void assert_same_bytes(const imago_heap *a, const imago_heap *b);

/* Walks both heaps side by side and compares every word that may be a pointer. */
void assert_moved(const imago_heap *before, const imago_heap *after, uint64_t distance);

#endif
