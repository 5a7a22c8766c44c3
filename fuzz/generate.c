/* generate: any bytes are a valid image, of any layout.
 *
 * Whatever the bytes: the image generated from them has no error, and without being asked for
 * oddities no finding at all; made again it is the same; written, read and written again it is the
 * same file, with the same digest; in every other layout of its object model it is another file
 * with the same digest; turned to the other word size by conversion it has that digest too, or is
 * refused because something does not fit. Memory stays within what generate.h says, and all of it
 * comes back. Layouts and container are drawn from the tail of the bytes. */
#include "imago/generate.h"
#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/digest.h"
#include "imago/rebuild.h"

enum { NO_ERRORS, NO_FINDINGS, SAME_AGAIN, PARSE_EMIT, SAME_DIGEST, WORD_SIZE, MEMORY, NO_LEAK };
static const char *const oracles[] = {
    [NO_ERRORS] = "no_errors",      [NO_FINDINGS] = "no_findings", [SAME_AGAIN] = "same_again",
    [PARSE_EMIT] = "parse_emit",    [SAME_DIGEST] = "same_digest", [WORD_SIZE] = "word_size",
    [MEMORY] = "memory_is_bounded", [NO_LEAK] = "no_leak",
};
FUZZ_DECLARE_ORACLES("generate", oracles);

/* Format numbers whose images have the same objects. */
static const struct {
	imago_format_id format;
	uint32_t numbers[2];
} models[] = {
    {IMAGO_FORMAT_SPUR, {6521, 68021}},     {IMAGO_FORMAT_V3, {6505, 6504}},
    {IMAGO_FORMAT_SPUR, {7033, 68533}},     {IMAGO_FORMAT_V3, {6502, 6502}},
    {IMAGO_FORMAT_COMPOSED, {7033, 68533}}, {IMAGO_FORMAT_COMPOSED, {6521, 68021}},
};

enum { NUM_MODELS = sizeof models / sizeof models[0], ASK_ODDITIES = 1 };

static imago_heap *
generate(const uint8_t *data, size_t size, const imago_generate_options *options,
         imago_allocator *allocator)
{
	imago_error error;
	imago_heap *heap = NULL;
	FUZZ_ASSERT(imago_generate(&heap, data, size, options, allocator, &error) == IMAGO_OK);
	return heap;
}

/* An image folder with big-endian data is worth knowing: no VM writes one. */
static void
expect_valid(const imago_image *image, bool odd)
{
	const bool big_folder = image->format == IMAGO_FORMAT_COMPOSED &&
	                        image->heap->layout.byte_order == IMAGO_BIG_ENDIAN;
	const imago_check_summary summary = fuzz_check(image);
	FUZZ_ORACLE(NO_ERRORS, summary.num_errors == 0);
	if (!odd) {
		FUZZ_ORACLE(NO_FINDINGS, summary.num_warnings == 0 && summary.num_infos == big_folder);
	}
}

/* The file of the heap, read, checked, and written again. */
static void
expect_file(const imago_heap *heap, imago_format_id format, const imago_digest *digest, bool odd)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	fuzz_output first;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	fuzz_output_write(&first, heap, format);
	FUZZ_ASSERT(imago_image_read(&image, first.writer.bytes, first.writer.size, &allocator,
	                             &error) == IMAGO_OK);
	expect_valid(&image, odd);
	const imago_digest again = fuzz_digest(image.heap);
	FUZZ_ORACLE(PARSE_EMIT, fuzz_same_file(heap, image.heap, format));
	FUZZ_ORACLE(PARSE_EMIT, fuzz_digest_equal(digest, &again));
	imago_image_close(&image);
	fuzz_output_release(&first);
}

static void
expect_same_again(const uint8_t *data, size_t size, const imago_generate_options *options,
                  const imago_heap *heap, imago_format_id format)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *again = generate(data, size, options, &allocator);
	FUZZ_ORACLE(SAME_AGAIN, fuzz_same_file(heap, again, format));
	imago_heap_destroy(again);
}

static void
expect_other_word_size(const imago_heap *heap, const imago_digest *digest)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *other = NULL;
	imago_rebuild_options options = {.layout = heap->layout};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	options.layout.word_bytes = heap->layout.word_bytes == 4 ? 8 : 4;
	const imago_status status = imago_rebuild(&other, heap, &options, &allocator, NULL, &error);
	if (status == IMAGO_OK) {
		const imago_digest converted = fuzz_digest(other);
		FUZZ_ORACLE(WORD_SIZE, fuzz_digest_equal(digest, &converted));
	} else {
		FUZZ_ORACLE(WORD_SIZE, status == IMAGO_ERANGE || status == IMAGO_EUNSUPPORTED);
	}
	imago_heap_destroy(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input input = fuzz_input_of(data, size);
	const uint32_t model = fuzz_choose(&input, NUM_MODELS);
	const uint32_t choice = fuzz_choose(&input, 256);
	const imago_format_id format = models[model].format;
	const bool odd = (size > 1 && (data[1] & ASK_ODDITIES) != 0);
	imago_generate_options options = {.image_format = models[model].numbers[choice & 1],
	                                  .byte_order = (imago_byte_order)(choice >> 1 & 1),
	                                  .composed = format == IMAGO_FORMAT_COMPOSED};
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = generate(data, size, &options, &allocator);
	FUZZ_ORACLE(MEMORY, allocator.peak <= (uint64_t)size / 8 * 4096 + (2 << 20));
	const imago_digest digest = fuzz_digest(heap);
	expect_file(heap, format, &digest, odd);
	expect_same_again(data, size, &options, heap, format);
	if (format != IMAGO_FORMAT_V3 && !fuzz_has_perm(heap)) {
		expect_other_word_size(heap, &digest);
	}
	/* Another layout of the same objects: the other number, the other byte order, or both. */
	const uint32_t other = (choice & 3) ^ (1 + (choice >> 2) % 3);
	options.image_format = models[model].numbers[other & 1];
	options.byte_order = (imago_byte_order)(other >> 1 & 1);
	imago_heap *same = generate(data, size, &options, &allocator);
	const imago_digest same_again = fuzz_digest(same);
	FUZZ_ORACLE(SAME_DIGEST, fuzz_digest_equal(&digest, &same_again));
	imago_heap_destroy(same);
	imago_heap_destroy(heap);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	return 0;
}
