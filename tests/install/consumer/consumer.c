/* consumer: a program outside the tree: makes an image with the installed library and reads it. */
#include <stdio.h>
#include <string.h>

#include <imago/image.h>
#include <imago/synthetic.h>
#include <imago/walk.h>

static imago_status
make_and_count(imago_allocator *allocator, uint64_t *num_objects, imago_error *error)
{
	const imago_synthetic_options options = {
	    .image_format = 68021, .byte_order = IMAGO_LITTLE_ENDIAN, .num_objects = 1000};
	imago_heap *heap = NULL;
	imago_status status = imago_synthetic_make(&heap, &options, allocator, error);
	if (status == IMAGO_OK) {
		imago_census census;
		status = imago_census_take(heap, &census, error);
		*num_objects = census.num_objects;
	}
	imago_heap_destroy(heap);
	return status;
}

int
main(void)
{
	imago_allocator allocator;
	imago_error error;
	memset(&error, 0, sizeof error);
	imago_allocator_init(&allocator, UINT64_C(64) << 20);
	uint64_t num_objects = 0;
	if (make_and_count(&allocator, &num_objects, &error) != IMAGO_OK) {
		char line[200];
		imago_error_format(&error, line, sizeof line);
		fprintf(stderr, "%s\n", line);
		return 1;
	}
	printf("%s\n", num_objects >= 900 && allocator.used == 0 ? "works" : "does not work");
	return 0;
}
