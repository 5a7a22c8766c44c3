/* layered_file.h: layered files that tests make of heaps, read and check. */
#ifndef TESTS_FORMATS_LAYERED_FILE_H
#define TESTS_FORMATS_LAYERED_FILE_H

#include "imago/image.h"
#include "imago/layered_image.h"

/* A layered file, and the heap that reading it gives. */
typedef struct layered_file {
	imago_writer writer;
	imago_layered_head head;
	imago_heap *heap;
} layered_file;

/* Made, and released, with the heap's allocator. */
layered_file layered_file_make(const imago_heap *heap, const imago_layered_options *options);
void layered_file_release(layered_file *file);

/* As an image that was opened; it borrows the file. */
imago_image layered_file_image(const layered_file *file);

typedef struct findings {
	unsigned num_errors;
	const char *first; /* name of the first rule of this container */
} findings;

findings layered_file_check(const layered_file *file);

#endif
