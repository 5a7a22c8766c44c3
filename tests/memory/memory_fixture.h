/* memory_fixture.h: what the tests of the machine's memory share: an image that a test builds, the
 * memory made of it, and the oops that the test holds on to while objects move.
 */
#ifndef IMAGO_TESTS_MEMORY_FIXTURE_H
#define IMAGO_TESTS_MEMORY_FIXTURE_H

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/builder.h"
#include "imago/object_memory.h"

enum { NUM_HELD_ROOTS = 8, NUM_BUILT = 8 };

typedef struct memory_fixture {
	imago_allocator allocator;
	imago_object_memory *memory;
	imago_memory_kind kind;
	imago_oop roots[NUM_HELD_ROOTS];
} memory_fixture;

/* A builder whose external objects are an array of NUM_BUILT, for what a test builds into the
 * image. Sets the allocator up. */
imago_builder *begin_image(memory_fixture *f, const test_layout *layout, imago_oop *external);

/* An image whose external object 0 is an Array of so many ephemerons, with numbers for values and
 * keys that nothing else holds. */
imago_heap *heap_of_ephemerons(memory_fixture *f, const test_layout *layout, uint64_t count);

/* The memory of a heap, which is destroyed; all roots are nil. */
void open_memory(memory_fixture *f, imago_heap *heap, imago_memory_options options);

/* Nothing is wrong in it, and nothing is left of it. */
void close_memory(memory_fixture *f);

/* An element of the array that begin_image made. */
imago_oop built(const memory_fixture *f, uint64_t index);

/* An object for which there is room. */
imago_oop make_object(memory_fixture *f, imago_oop cls, uint32_t format, uint64_t num_slots);

/* An Array in eden; there is room, or a collection makes some. */
imago_oop new_array(memory_fixture *f, uint64_t num_slots);

#endif
