/* image_pair.h: two images of one format, what is there and what is saved over it; and telling
 * which of them is found. */
#ifndef IMAGO_TESTS_IMAGE_PAIR_H
#define IMAGO_TESTS_IMAGE_PAIR_H

#include "imago/digest.h"
#include "imago/image.h"

typedef struct image_pair {
	imago_format_id format;
	imago_allocator allocator;
	imago_heap *old_heap, *new_heap;
	imago_digest old_digest, new_digest;
} image_pair;

/* Of a layout (layouts.h): varied_heap is the old one, small_heap the new one. */
void image_pair_make(image_pair *made, const char *layout, imago_format_id format);
void image_pair_release(image_pair *made);

typedef enum found_image { FOUND_NONE, FOUND_OLD, FOUND_NEW } found_image;

/* Opens what is at path with the library: anything but a whole image of the two fails the test. */
found_image image_pair_look(image_pair *images, const imago_file_system *files, const char *path);

#endif
