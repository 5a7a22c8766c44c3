/* write: whatever image can be read is written, whole or not at all.
 *
 * A classic file is written byte for byte as it was read; a folder once written is written the same
 * again. The size of the file is the sum of its parts. The file is appended to what the writer
 * holds already, which stays as it was. Reading it back gives the same header and segments. A
 * budget of 4 * size + 1 MiB is enough; one below the size of the file, or the failing of any one
 * allocation, is reported as IMAGO_ENOMEM and leaves nothing behind. A format that cannot hold the
 * image, and a heap whose header contradicts its segments, are refused with a documented status and
 * a noun before a byte is appended. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/composed_image.h"

enum {
	ACCEPTED,
	AS_READ,
	SIZE,
	APPENDED,
	READ_BACK,
	IDEMPOTENT,
	ENOUGH,
	SHORT_BUDGET,
	FAILING_ALLOCATION,
	OTHER_FORMAT,
	CONTRADICTION,
	NO_LEAK,
};
static const char *const oracles[] = {
    [ACCEPTED] = "accepted_is_written",
    [AS_READ] = "written_as_read",
    [SIZE] = "predicted_size",
    [APPENDED] = "appended",
    [READ_BACK] = "read_back",
    [IDEMPOTENT] = "idempotent_after_one",
    [ENOUGH] = "budget_is_enough",
    [SHORT_BUDGET] = "short_budget_is_refused",
    [FAILING_ALLOCATION] = "failing_allocation",
    [OTHER_FORMAT] = "other_format_is_refused_whole",
    [CONTRADICTION] = "contradiction_is_refused_whole",
    [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("write", oracles);

enum { MEBIBYTE = 1 << 20, JUNK_SIZE = 13 };

/* The writers' headers. */
static const fuzz_statuses documented = 1u << IMAGO_EUNSUPPORTED | 1u << IMAGO_ESTRUCTURE |
                                        1u << IMAGO_EVERSION | 1u << IMAGO_ERANGE |
                                        1u << IMAGO_EALIGN | 1u << IMAGO_EUSAGE;

/* What the bytes of a classic file add up to. */
static uint64_t
size_of_file(const imago_heap *heap)
{
	uint64_t size = heap->wrapping.prefix_size + heap->header.header_size;
	for (size_t i = 0; i < heap->num_segments; i++) {
		size += heap->segments[i].size + heap->segments[i].bridge_size;
	}
	return size + heap->wrapping.trailing_size;
}

/* What those of a bundle add up to: its first line, and a line and the bytes per file. */
static uint64_t
size_of_bundle(fuzz_subject *subject)
{
	imago_folder folder;
	uint64_t size = sizeof "imago folder 1\n" - 1;
	imago_folder_init(&folder, &subject->allocator);
	FUZZ_ORACLE(ACCEPTED,
	            imago_composed_write(subject->heap, &folder, &subject->error) == IMAGO_OK);
	for (size_t i = 0; i < folder.num_files; i++) {
		const imago_folder_file *file = &folder.files[i];
		char line[64];
		size += (uint64_t)snprintf(line, sizeof line, "%s %" PRIu64 "\n", file->name, file->size);
		size += file->size;
	}
	imago_folder_release(&folder);
	return size;
}

static void
expect_appended(const fuzz_subject *subject, const fuzz_output *file)
{
	static const uint8_t junk[JUNK_SIZE] = "before image";
	fuzz_output output = {.error = {.status = IMAGO_OK}};
	imago_allocator_init(&output.allocator, IMAGO_UNLIMITED);
	imago_writer_init(&output.writer, &output.allocator, subject->heap->layout, &output.error);
	imago_write_bytes(&output.writer, junk, sizeof junk);
	FUZZ_ORACLE(APPENDED, imago_image_write(subject->heap, subject->image.format, &output.writer,
	                                        &output.error) == IMAGO_OK);
	FUZZ_ORACLE(APPENDED, output.writer.size == sizeof junk + file->writer.size);
	FUZZ_ORACLE(APPENDED, memcmp(output.writer.bytes, junk, sizeof junk) == 0);
	FUZZ_ORACLE(APPENDED, memcmp(output.writer.bytes + sizeof junk, file->writer.bytes,
	                             (size_t)file->writer.size) == 0);
	fuzz_output_release(&output);
}

/* A folder has no window size, counts its segments in the header, and writes no swapBytes. */
static void
expect_same_kept_fields(const imago_heap *heap, const imago_heap *again)
{
	static const char *const normalised[] = {"dataSize", "oldBaseAddr", "firstSegSize"};
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		bool kept = true;
		for (size_t k = 0; k < sizeof normalised / sizeof normalised[0]; k++) {
			kept = kept && (int)i != imago_header_field_index(normalised[k]);
		}
		if (kept) {
			FUZZ_ORACLE(READ_BACK,
			            imago_header_get(&again->header, i) == imago_header_get(&heap->header, i));
		}
	}
}

static void
expect_read_back(const fuzz_subject *subject, const fuzz_output *file)
{
	const imago_heap *heap = subject->heap;
	fuzz_subject again;
	fuzz_output second;
	FUZZ_ORACLE(READ_BACK,
	            fuzz_subject_open(&again, file->writer.bytes, (size_t)file->writer.size));
	FUZZ_ORACLE(READ_BACK, again.image.format == subject->image.format);
	FUZZ_ORACLE(READ_BACK, imago_layout_equal(again.heap->layout, heap->layout));
	if (subject->image.format == IMAGO_FORMAT_COMPOSED) {
		/* Bridges are rewritten to fit the gaps. */
		expect_same_kept_fields(heap, again.heap);
		FUZZ_ORACLE(READ_BACK, again.heap->num_segments == heap->num_segments);
		for (size_t i = 0; i < heap->num_segments; i++) {
			const imago_segment *from = &heap->segments[i];
			const imago_segment *to = &again.heap->segments[i];
			FUZZ_ORACLE(READ_BACK, to->start == from->start && to->size == from->size &&
			                           to->space == from->space &&
			                           strcmp(to->part, from->part) == 0);
			FUZZ_ORACLE(READ_BACK, memcmp(to->bytes, from->bytes, (size_t)from->size) == 0);
		}
	} else {
		FUZZ_ORACLE(READ_BACK, fuzz_same_header(&again.heap->header, &heap->header));
		FUZZ_ORACLE(READ_BACK, fuzz_same_segments(again.heap, heap));
	}
	FUZZ_ORACLE(IDEMPOTENT, fuzz_output_try(&second, again.heap, again.image.format) == IMAGO_OK);
	FUZZ_ORACLE(IDEMPOTENT, fuzz_output_equal(file, &second));
	fuzz_output_release(&second);
	fuzz_subject_close(&again, NO_LEAK);
}

/* Writes with a budget and a failing allocation; the size written, 0 for a refusal. */
static imago_status
write_within(const fuzz_subject *subject, uint64_t budget, uint64_t fail_at, imago_allocator *used)
{
	imago_error error = {.status = IMAGO_OK};
	imago_writer writer;
	imago_allocator_init(used, budget);
	used->fail_at = fail_at;
	imago_writer_init(&writer, used, subject->heap->layout, &error);
	const imago_status status =
	    imago_image_write(subject->heap, subject->image.format, &writer, &error);
	FUZZ_ASSERT(status == error.status || status == IMAGO_OK);
	imago_writer_release(&writer);
	return status;
}

static void
expect_bounded_memory(fuzz_subject *subject, uint64_t file_size)
{
	imago_allocator used;
	FUZZ_ORACLE(ENOUGH, write_within(subject, 4 * file_size + MEBIBYTE, 0, &used) == IMAGO_OK);
	FUZZ_ORACLE(ENOUGH, used.used == 0);
	const uint64_t fail_at = 1 + fuzz_choose(&subject->input, 256) % used.num_calls;
	FUZZ_ORACLE(FAILING_ALLOCATION,
	            write_within(subject, IMAGO_UNLIMITED, fail_at, &used) == IMAGO_ENOMEM);
	FUZZ_ORACLE(FAILING_ALLOCATION, used.used == 0);
	const uint64_t budget = file_size * fuzz_choose(&subject->input, 256) / 256;
	FUZZ_ORACLE(SHORT_BUDGET, write_within(subject, budget, 0, &used) == IMAGO_ENOMEM);
	FUZZ_ORACLE(SHORT_BUDGET, used.used == 0 && used.peak <= budget);
}

/* A refusal, which a writer that holds something already survives. */
static void
expect_refused_whole(const imago_heap *heap, imago_format_id format, size_t oracle)
{
	fuzz_output output = {.error = {.status = IMAGO_OK}};
	imago_allocator_init(&output.allocator, IMAGO_UNLIMITED);
	imago_writer_init(&output.writer, &output.allocator, heap->layout, &output.error);
	imago_write_u32(&output.writer, 1);
	const imago_status status = imago_image_write(heap, format, &output.writer, &output.error);
	FUZZ_ORACLE(oracle, (documented >> status & 1) != 0 && status == output.error.status);
	FUZZ_ORACLE(oracle, output.error.what != NULL && output.error.what[0] != '\0');
	FUZZ_ORACLE(oracle, output.writer.size == 4);
	/* A format that does not exist is no failure of the writer. */
	FUZZ_ORACLE(oracle, output.writer.status == status || format >= IMAGO_NUM_FORMATS);
	fuzz_output_release(&output);
}

static void
expect_other_formats(const fuzz_subject *subject)
{
	const imago_heap *heap = subject->heap;
	if (heap->model == IMAGO_V3) {
		expect_refused_whole(heap, IMAGO_FORMAT_SPUR, OTHER_FORMAT);
		expect_refused_whole(heap, IMAGO_FORMAT_COMPOSED, OTHER_FORMAT);
	} else {
		expect_refused_whole(heap, IMAGO_FORMAT_V3, OTHER_FORMAT);
		if (fuzz_has_perm(heap)) {
			expect_refused_whole(heap, IMAGO_FORMAT_SPUR, OTHER_FORMAT);
		}
	}
	expect_refused_whole(heap, IMAGO_NUM_FORMATS, OTHER_FORMAT);
}

/* Headers that a reader would not find the same segments by. */
static void
expect_contradictions(fuzz_subject *subject)
{
	imago_heap *heap = subject->heap;
	const imago_image_header before = heap->header;
	if (subject->image.format == IMAGO_FORMAT_COMPOSED) {
		heap->header.image_format ^= 1;
	} else {
		const uint64_t wrong = 8 + 8 * fuzz_choose(&subject->input, 256);
		switch (fuzz_choose(&subject->input, 4)) {
		case 0:
			heap->header.data_size = imago_heap_data_size(heap) - wrong % 16 - 1;
			break;
		case 1:
			heap->header.old_base_address += wrong;
			break;
		case 2:
			heap->header.header_size += heap->model == IMAGO_SPUR ? wrong | 4 : wrong | 1;
			break;
		default:
			heap->header.image_format ^= wrong | 1; /* never from one number to another */
			break;
		}
	}
	expect_refused_whole(heap, subject->image.format, CONTRADICTION);
	heap->header = before;
}

static void
write_image(fuzz_subject *subject, const uint8_t *data, size_t size)
{
	fuzz_output file;
	FUZZ_ORACLE(ACCEPTED, fuzz_output_try(&file, subject->heap, subject->image.format) == IMAGO_OK);
	if (subject->image.format == IMAGO_FORMAT_COMPOSED) {
		FUZZ_ORACLE(SIZE, file.writer.size == size_of_bundle(subject));
	} else {
		FUZZ_ORACLE(SIZE, file.writer.size == size_of_file(subject->heap));
		FUZZ_ORACLE(AS_READ, file.writer.size == size);
		FUZZ_ORACLE(AS_READ, memcmp(file.writer.bytes, data, size) == 0);
	}
	expect_appended(subject, &file);
	expect_read_back(subject, &file);
	expect_bounded_memory(subject, file.writer.size);
	expect_other_formats(subject);
	expect_contradictions(subject);
	fuzz_output_release(&file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_subject subject;
	if (fuzz_subject_open(&subject, data, size) && !fuzz_is_layered(&subject.image)) {
		write_image(&subject, data, size);
	}
	fuzz_subject_close(&subject, NO_LEAK);
	return 0;
}
