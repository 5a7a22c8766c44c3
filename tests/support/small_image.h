/* small_image.h: small valid images for tests, made by the builder.
 *
 * Each function prints why and returns NULL when it cannot; nothing here depends on cmocka.
 */
#ifndef IMAGO_TESTS_SMALL_IMAGE_H
#define IMAGO_TESTS_SMALL_IMAGE_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/builder.h"
#include "imago/heap.h"
#include "imago/image.h"

#include "layouts.h"

/* A builder with the kernel, for a test that adds its own objects. */
imago_builder *test_builder(const test_layout *layout, imago_allocator *allocator);

/* Finishes and destroys a builder. */
imago_heap *test_finish(imago_builder *builder);

/* The kernel alone: the smallest valid image. */
imago_heap *small_heap(const test_layout *layout, imago_allocator *allocator);

/* Every object format of the layout, all header shapes, methods of every bytecode set that the
 * number allows, contexts and closures; in Spur also free chunks, a forwarder and three segments
 * with and without a gap. All hang on the external objects array. */
imago_heap *varied_heap(const test_layout *layout, imago_allocator *allocator);

/* The same with permanent space instead of several segments (Spur only). */
imago_heap *perm_heap(const test_layout *layout, imago_allocator *allocator);

/* A file of size bytes; release with test_image_release. */
typedef struct test_image {
	uint8_t *bytes;
	uint64_t size;
	uint64_t capacity;
	imago_allocator *allocator;
} test_image;

/* The file of a heap, which is destroyed: a classic one, or a bundle for IMAGO_FORMAT_COMPOSED.
 * bytes is NULL after a failure, or when heap is. */
test_image test_image_of(imago_heap *heap, imago_format_id format, imago_allocator *allocator);
void test_image_release(test_image *image);

/* The files of small_heap and varied_heap in the classic format of the layout. */
test_image small_image(const test_layout *layout, imago_allocator *allocator);
test_image varied_image(const test_layout *layout, imago_allocator *allocator);

/* The classic format of a layout. */
imago_format_id test_format_of(const test_layout *layout);

#endif
