/* fuzz_image.c: the properties that several targets ask of readers and writers. */
#include "fuzz_image.h"

#include <stddef.h>
#include <string.h>

#include "fuzz_target.h"

enum { MEBIBYTE = 1 << 20 };

void
fuzz_expect_refusal(const imago_error *error, imago_status status, uint64_t size,
                    fuzz_statuses documented)
{
	char line[256];
	FUZZ_ASSERT(status == error->status);
	FUZZ_ASSERT(documented >> status & 1);
	FUZZ_ASSERT(error->offset <= size || error->offset == IMAGO_NO_OFFSET);
	FUZZ_ASSERT(error->what != NULL && error->what[0] != '\0');
	FUZZ_ASSERT(memchr(error->part, '\0', sizeof error->part) != NULL);
	FUZZ_ASSERT(imago_error_format(error, line, sizeof line) < sizeof line);
}

void
fuzz_expect_sound_reader(fuzz_read_fn *read, const uint8_t *bytes, uint64_t size,
                         fuzz_statuses documented, uint32_t fail_at)
{
	imago_error error = {.status = IMAGO_OK};
	imago_allocator allocator;
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, 4 * size + MEBIBYTE);
	const imago_status status = read(&heap, bytes, size, &allocator, &error);
	FUZZ_ASSERT((status == IMAGO_OK) == (heap != NULL));
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&error, status, size, documented);
	}
	imago_heap_destroy(heap);
	FUZZ_ASSERT(allocator.used == 0);

	if (allocator.num_calls > 0) {
		const uint64_t failing = 1 + fail_at % allocator.num_calls;
		imago_allocator_init(&allocator, 4 * size + MEBIBYTE);
		allocator.fail_at = failing;
		heap = NULL;
		FUZZ_ASSERT(read(&heap, bytes, size, &allocator, &error) == IMAGO_ENOMEM);
		FUZZ_ASSERT(error.status == IMAGO_ENOMEM);
		FUZZ_ASSERT(heap == NULL);
		FUZZ_ASSERT(allocator.used == 0);
	}
}

void
fuzz_output_write(fuzz_output *output, const imago_heap *heap, imago_format_id format)
{
	memset(output, 0, sizeof *output);
	imago_allocator_init(&output->allocator, IMAGO_UNLIMITED);
	imago_writer_init(&output->writer, &output->allocator, heap->layout, &output->error);
	FUZZ_ASSERT(imago_image_write(heap, format, &output->writer, &output->error) == IMAGO_OK);
	FUZZ_ASSERT(output->writer.status == IMAGO_OK);
}

void
fuzz_output_release(fuzz_output *output)
{
	imago_writer_release(&output->writer);
	FUZZ_ASSERT(output->allocator.used == 0);
}
