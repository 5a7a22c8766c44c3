/* rebuilds.h: what the tests of rebuilding share: heaps to rebuild, and what must be true of the
 * result.
 */
#ifndef IMAGO_TESTS_REBUILDS_H
#define IMAGO_TESTS_REBUILDS_H

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/rebuild.h"

enum { GAP = 0x20000, FAR_BASE = 0x20000008 };

imago_byte_order other_order(imago_byte_order order);

/* A heap of 3000 objects, in two segments where there can be two. */
imago_heap *synthetic_heap(const test_layout *layout, imago_allocator *allocator);

/* A rebuild that must succeed, with the source's allocator; report may be NULL. */
imago_heap *rebuild(const imago_heap *source, imago_rebuild_options options,
                    imago_rebuild_report *report);

/* A rebuild that must be refused for that reason, and leave nothing behind. */
void assert_refused(const imago_heap *source, imago_rebuild_options options, imago_status expected,
                    const char *what, imago_error *error);

void assert_same_digest(const imago_heap *a, const imago_heap *b);

/* The same header, segments and bytes. */
void assert_same_heap(const imago_heap *a, const imago_heap *b);

/* The checker has nothing to say. */
void assert_clean(const imago_heap *heap);

/* Runs a test on a heap, or on small ones of every layout and with everything in them. */
typedef imago_heap *make_heap_fn(const test_layout *layout, imago_allocator *allocator);
typedef void heap_test_fn(imago_heap *heap, const test_layout *layout);
void on_heap(make_heap_fn *make, const test_layout *layout, heap_test_fn *test);
void on_every_heap(heap_test_fn *test);

imago_object decode(const imago_heap *heap, imago_oop oop);

/* The array that the external objects slot holds, and its element. */
imago_object external_array(const imago_heap *heap);
imago_oop external(const imago_heap *heap, uint64_t index);

/* An image with such an array of 8 slots, and what fill puts there. Sets the allocator up. */
typedef void fill_fn(imago_builder *builder, imago_oop array);
imago_heap *filled_heap(const char *layout, imago_allocator *allocator, fill_fn *fill);
void fill_nothing(imago_builder *builder, imago_oop array);

/* A context, a closure in it, and their method of five literals. */
void fill_activation(imago_builder *builder, imago_oop array);

#endif
