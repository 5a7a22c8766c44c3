/* read_composed: any bytes, taken as a bundle of the files of an image folder, are refused with a
 * place and a documented status, or read; what is read and written is a folder that reads as the
 * same heap and is written the same again. Nothing leaks, memory stays within 4 * size + 1 MiB, and
 * a failing allocation is reported. */
#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/composed_image.h"
#include "imago/folder.h"

enum { REFUSAL, MEMORY, FAILING_ALLOCATION, WRITTEN, SAME_HEAP, SAME_FOLDER };
static const char *const oracles[] = {
    [REFUSAL] = "refusal", [MEMORY] = "memory",       [FAILING_ALLOCATION] = "failing_allocation",
    [WRITTEN] = "written", [SAME_HEAP] = "same_heap", [SAME_FOLDER] = "same_folder",
};
FUZZ_DECLARE_ORACLES("read_composed", oracles);

/* composed_image.h, folder.h */
static const fuzz_statuses documented =
    1u << IMAGO_EMAGIC | 1u << IMAGO_EVERSION | 1u << IMAGO_ETRUNCATED | 1u << IMAGO_ERANGE |
    1u << IMAGO_EALIGN | 1u << IMAGO_ESTRUCTURE | 1u << IMAGO_ELIMIT | 1u << IMAGO_ENOMEM;

static imago_status
read_bundle(imago_heap **out, const uint8_t *bytes, uint64_t size, imago_allocator *allocator,
            imago_error *error)
{
	imago_folder folder;
	imago_folder_init(&folder, allocator);
	imago_status status = imago_folder_unpack(&folder, bytes, size, error);
	if (status == IMAGO_OK) {
		status = imago_composed_read(out, &folder, allocator, error);
	}
	/* The heap borrows the bundle's bytes, not the folder's table. */
	imago_folder_release(&folder);
	return status;
}

static void
expect_same_again(const imago_heap *heap, const uint8_t *bytes, uint64_t size)
{
	(void)bytes;
	(void)size;
	imago_allocator allocator;
	imago_error error;
	imago_heap *again = NULL;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	fuzz_output first;
	fuzz_output second;
	FUZZ_ORACLE(WRITTEN, fuzz_output_try(&first, heap, IMAGO_FORMAT_COMPOSED) == IMAGO_OK);
	FUZZ_ORACLE(SAME_HEAP, read_bundle(&again, first.writer.bytes, first.writer.size, &allocator,
	                                   &error) == IMAGO_OK);
	FUZZ_ORACLE(SAME_HEAP, again->num_segments == heap->num_segments);
	FUZZ_ORACLE(SAME_HEAP, imago_heap_object_bytes(again) == imago_heap_object_bytes(heap));
	fuzz_output_write(&second, again, IMAGO_FORMAT_COMPOSED);
	FUZZ_ORACLE(SAME_FOLDER, fuzz_output_equal(&first, &second));
	imago_heap_destroy(again);
	fuzz_output_release(&second);
	fuzz_output_release(&first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input input = fuzz_input_of(data, size);
	const fuzz_reader_oracles sound = {REFUSAL, MEMORY, FAILING_ALLOCATION};
	fuzz_expect_sound_reader(read_bundle, data, size, documented, fuzz_choose(&input, 256), sound,
	                         expect_same_again);
	return 0;
}
