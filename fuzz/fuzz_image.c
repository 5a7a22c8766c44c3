/* fuzz_image.c: what several targets ask of readers and writers. */
#include "fuzz_image.h"

#include <string.h>

#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/class_table.h"
#include "imago/walk.h"

enum { MEBIBYTE = 1 << 20 };

void
fuzz_expect_refusal(const imago_error *error, imago_status status, uint64_t size,
                    fuzz_statuses documented, size_t oracle)
{
	char line[256];
	FUZZ_ORACLE(oracle, status == error->status && (documented >> status & 1) != 0);
	FUZZ_ORACLE(oracle, error->offset <= size || error->offset == IMAGO_NO_OFFSET);
	FUZZ_ORACLE(oracle, error->what != NULL && error->what[0] != '\0');
	FUZZ_ORACLE(oracle, memchr(error->part, '\0', sizeof error->part) != NULL);
	FUZZ_ORACLE(oracle, imago_error_format(error, line, sizeof line) < sizeof line);
}

void
fuzz_expect_sound_reader(fuzz_read_fn *read, const uint8_t *bytes, uint64_t size,
                         fuzz_statuses documented, uint32_t fail_at, fuzz_reader_oracles oracles,
                         fuzz_accepted_fn *accepted)
{
	imago_error error = {.status = IMAGO_OK};
	imago_allocator allocator;
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, 4 * size + MEBIBYTE);
	const imago_status status = read(&heap, bytes, size, &allocator, &error);
	FUZZ_ORACLE(oracles.refusal, (status == IMAGO_OK) == (heap != NULL));
	if (status != IMAGO_OK) {
		fuzz_expect_refusal(&error, status, size, documented, oracles.refusal);
	} else {
		accepted(heap, bytes, size);
	}
	imago_heap_destroy(heap);
	FUZZ_ORACLE(oracles.memory, status != IMAGO_ENOMEM);
	FUZZ_ORACLE(oracles.memory, allocator.used == 0);

	if (allocator.num_calls > 0) {
		const uint64_t failing = 1 + fail_at % allocator.num_calls;
		imago_allocator_init(&allocator, 4 * size + MEBIBYTE);
		allocator.fail_at = failing;
		heap = NULL;
		FUZZ_ORACLE(oracles.failing_allocation,
		            read(&heap, bytes, size, &allocator, &error) == IMAGO_ENOMEM);
		FUZZ_ORACLE(oracles.failing_allocation, error.status == IMAGO_ENOMEM && heap == NULL);
		FUZZ_ORACLE(oracles.failing_allocation, allocator.used == 0);
	}
}

void
fuzz_expect_written_back(const imago_heap *heap, imago_format_id format, const uint8_t *bytes,
                         uint64_t size, size_t oracle)
{
	fuzz_output output;
	FUZZ_ORACLE(oracle, fuzz_output_try(&output, heap, format) == IMAGO_OK);
	FUZZ_ORACLE(oracle, output.writer.size == size);
	FUZZ_ORACLE(oracle, memcmp(output.writer.bytes, bytes, (size_t)size) == 0);
	fuzz_output_release(&output);
}

imago_status
fuzz_output_try(fuzz_output *output, const imago_heap *heap, imago_format_id format)
{
	memset(output, 0, sizeof *output);
	imago_allocator_init(&output->allocator, IMAGO_UNLIMITED);
	imago_writer_init(&output->writer, &output->allocator, heap->layout, &output->error);
	const imago_status status = imago_image_write(heap, format, &output->writer, &output->error);
	FUZZ_ASSERT(output->writer.status == status);
	return status;
}

void
fuzz_output_write(fuzz_output *output, const imago_heap *heap, imago_format_id format)
{
	FUZZ_ASSERT(fuzz_output_try(output, heap, format) == IMAGO_OK);
}

void
fuzz_output_release(fuzz_output *output)
{
	imago_writer_release(&output->writer);
	FUZZ_ASSERT(output->allocator.used == 0);
}

bool
fuzz_output_equal(const fuzz_output *a, const fuzz_output *b)
{
	return a->writer.size == b->writer.size &&
	       memcmp(a->writer.bytes, b->writer.bytes, (size_t)a->writer.size) == 0;
}

bool
fuzz_same_file(const imago_heap *a, const imago_heap *b, imago_format_id format)
{
	fuzz_output of_a;
	fuzz_output of_b;
	fuzz_output_write(&of_a, a, format);
	fuzz_output_write(&of_b, b, format);
	const bool same = fuzz_output_equal(&of_a, &of_b);
	fuzz_output_release(&of_b);
	fuzz_output_release(&of_a);
	return same;
}

imago_status
fuzz_output_convert(fuzz_output *output, const imago_heap *heap, imago_format_id format)
{
	imago_status status = fuzz_output_try(output, heap, format);
	if (status != IMAGO_OK && format == IMAGO_FORMAT_COMPOSED) {
		FUZZ_ASSERT(status == IMAGO_EUNSUPPORTED);
		fuzz_output_release(output);
		status = fuzz_output_try(output, heap, IMAGO_FORMAT_SPUR);
		FUZZ_ASSERT(status == IMAGO_OK || status == IMAGO_EUNSUPPORTED || status == IMAGO_ERANGE);
	} else {
		FUZZ_ASSERT(status == IMAGO_OK);
	}
	return status;
}

bool
fuzz_same_image(const imago_heap *a, const imago_heap *b, imago_format_id format)
{
	fuzz_output of_a;
	fuzz_output of_b;
	const imago_status status = fuzz_output_convert(&of_a, a, format);
	const bool same =
	    fuzz_output_convert(&of_b, b, format) == status &&
	    (status == IMAGO_OK ? fuzz_output_equal(&of_a, &of_b)
	                        : fuzz_same_header(&a->header, &b->header) && fuzz_same_segments(a, b));
	fuzz_output_release(&of_b);
	fuzz_output_release(&of_a);
	return same;
}

static bool
report_nothing(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

imago_check_summary
fuzz_check(const imago_image *image)
{
	const imago_check_options options = {.num_threads = 1};
	imago_allocator allocator;
	imago_error error;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, report_nothing, NULL);
	FUZZ_ASSERT(imago_image_check(image, &sink, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(allocator.used == 0);
	return sink.summary;
}

imago_check_summary
fuzz_check_heap(const imago_heap *heap)
{
	const imago_check_options options = {.num_threads = 1};
	imago_allocator allocator;
	imago_error error;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, report_nothing, NULL);
	FUZZ_ASSERT(imago_check(heap, &sink, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(allocator.used == 0);
	return sink.summary;
}

imago_digest
fuzz_digest(const imago_heap *heap)
{
	imago_digest digest;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	FUZZ_ASSERT(imago_digest_compute(&digest, heap, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(allocator.used == 0);
	return digest;
}

bool
fuzz_digest_equal(const imago_digest *a, const imago_digest *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

bool
fuzz_same_digest(const imago_heap *a, const imago_heap *b)
{
	const imago_digest of_a = fuzz_digest(a);
	const imago_digest of_b = fuzz_digest(b);
	return fuzz_digest_equal(&of_a, &of_b);
}

bool
fuzz_same_classes(const imago_heap *heap, const imago_heap *turned)
{
	imago_allocator allocator;
	imago_class_table classes;
	imago_class_table classes_of_turned;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	FUZZ_ASSERT(imago_class_table_create(&classes, heap, &allocator, NULL) == IMAGO_OK);
	FUZZ_ASSERT(imago_class_table_create(&classes_of_turned, turned, &allocator, NULL) == IMAGO_OK);
	bool same = classes.num_entries == classes_of_turned.num_entries;
	for (uint32_t i = 0; same && i < classes.num_entries; i++) {
		same = imago_class_table_at(&classes, i) == imago_class_table_at(&classes_of_turned, i);
	}
	imago_class_table_release(&classes_of_turned);
	imago_class_table_release(&classes);
	return same;
}

imago_byte_order
fuzz_other_order(imago_byte_order order)
{
	return order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
}

bool
fuzz_is_layered(const imago_image *image)
{
	return image->heap != NULL && image->format == IMAGO_FORMAT_LAYERED;
}

bool
fuzz_subject_open(fuzz_subject *subject, const uint8_t *data, size_t size)
{
	*subject = (fuzz_subject){.input = fuzz_input_of(data, size)};
	imago_allocator_init(&subject->allocator, IMAGO_UNLIMITED);
	const imago_status status =
	    imago_image_read(&subject->image, data, size, &subject->allocator, &subject->error);
	subject->heap = subject->image.heap;
	return status == IMAGO_OK;
}

void
fuzz_subject_close(fuzz_subject *subject, size_t oracle)
{
	imago_image_close(&subject->image);
	FUZZ_ORACLE(oracle, subject->allocator.used == 0);
}

imago_heap *
fuzz_copy(const imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *copy = NULL;
	imago_error error;
	FUZZ_ASSERT(imago_heap_copy(&copy, heap, allocator, &error) == IMAGO_OK);
	return copy;
}

bool
fuzz_same_header(const imago_image_header *a, const imago_image_header *b)
{
	return memcmp(a, b, sizeof *a) == 0; /* sixteen integers of one width: no padding */
}

bool
fuzz_same_segments(const imago_heap *a, const imago_heap *b)
{
	if (a->num_segments != b->num_segments) {
		return false;
	}
	for (size_t i = 0; i < a->num_segments; i++) {
		const imago_segment *of_a = &a->segments[i];
		const imago_segment *of_b = &b->segments[i];
		const uint64_t size = of_a->size + of_a->bridge_size;
		if (of_a->start != of_b->start || of_a->size != of_b->size ||
		    of_a->bridge_size != of_b->bridge_size || of_a->space != of_b->space ||
		    memcmp(of_a->bytes, of_b->bytes, (size_t)size) != 0) {
			return false;
		}
	}
	return true;
}

imago_heap *
fuzz_rebuild(fuzz_subject *subject, const imago_heap *heap, const imago_rebuild_options *options)
{
	imago_heap *rebuilt = NULL;
	subject->error = (imago_error){.status = IMAGO_OK};
	const imago_status status =
	    imago_rebuild(&rebuilt, heap, options, &subject->allocator, NULL, &subject->error);
	FUZZ_ASSERT((status == IMAGO_OK) == (rebuilt != NULL));
	FUZZ_ASSERT(status == subject->error.status);
	return rebuilt;
}

static bool
ignore_sound_finding(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

bool
fuzz_is_sound(const imago_heap *heap)
{
	static const char *const rules[] = {"header", "segment", "object",  "oop",
	                                    "format", "perm",    "freeList"};
	const imago_check_options options = {
	    .num_threads = 1, .only = rules, .num_only = sizeof rules / sizeof rules[0]};
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, ignore_sound_finding, NULL);
	FUZZ_ASSERT(imago_check(heap, &sink, &allocator, &error) == IMAGO_OK);
	return sink.summary.num_errors == 0;
}

bool
fuzz_has_perm(const imago_heap *heap)
{
	return heap->num_segments > 0 &&
	       heap->segments[heap->num_segments - 1].space == IMAGO_SPACE_PERM;
}

imago_addr
fuzz_choose_base(fuzz_input *input, const imago_heap *heap)
{
	const imago_addr old = heap->num_segments > 0 ? heap->segments[0].start : 8;
	const imago_addr top = heap->layout.word_bytes == 8 ? UINT64_MAX : UINT32_MAX;
	const uint32_t kind = fuzz_choose(input, 8);
	const uint64_t number = fuzz_choose(input, 65536);
	switch (kind) {
	case 1:
		return old + 8 * (number + 1);
	case 2:
		return old - 8 * (number + 1);
	case 3:
		return (top - imago_heap_data_size(heap) - number) & ~UINT64_C(7);
	case 4:
		return 8 * (number % 4);
	case 5:
		return heap->layout.word_bytes == 8 ? number << 32 : number << 16;
	case 6:
		return number;
	default:
		return (number + 1) << 12;
	}
}

uint32_t
fuzz_choose_part(fuzz_subject *subject, uint32_t num_parts)
{
	const imago_heap *heap = subject->heap;
	const uint32_t layout = (uint32_t)heap->header.image_format +
	                        (heap->layout.byte_order == IMAGO_BIG_ENDIAN ? 4u : 0u) +
	                        2u * (uint32_t)subject->image.format;
	return (fuzz_choose(&subject->input, num_parts) + layout) % num_parts;
}

bool
fuzz_has_links_out(const imago_heap *heap)
{
	enum { NUM_LINKS = 5 };
	imago_walker walker;
	imago_object chunk;
	imago_walk_init(&walker, heap, NULL);
	while (heap->model == IMAGO_SPUR && imago_walk_next(&walker, &chunk)) {
		const uint64_t num_links = chunk.num_slots < NUM_LINKS ? chunk.num_slots : NUM_LINKS;
		for (uint64_t i = 0; chunk.kind == IMAGO_OBJECT_FREE && i < num_links; i++) {
			const imago_oop link = imago_heap_fetch_slot(heap, &chunk, i);
			if (link != 0 && link % 8 == 0 && imago_heap_segment_of(heap, link) == NULL) {
				return true;
			}
		}
	}
	return false;
}
