/* check_heap: whatever image can be read can be checked, in heap / 32 + 16 MiB of memory. Every
 * finding lies inside the file; the careful path, a second run, two threads or a cap change
 * nothing. What has no error can be walked, digested and turned to the other byte order with the
 * same digest, and the result has no error either. */
#include <string.h>

#include "fuzz_input.h"
#include "fuzz_target.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

/* A list of findings, as far as it can be compared. */
typedef struct finding_list {
	imago_check_summary summary;
	uint64_t num_reported;
	uint64_t hash;
	uint64_t file_size;
} finding_list;

static void
mix(finding_list *list, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i < size; i++) {
		list->hash = (list->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	finding_list *list = payload;
	FUZZ_ASSERT(finding->rule != NULL && finding->part != NULL);
	FUZZ_ASSERT(finding->offset <= list->file_size || finding->offset == IMAGO_NO_OFFSET);
	const uint64_t numbers[] = {finding->offset, finding->oop, finding->slot, finding->found,
	                            finding->expected};
	mix(list, finding->rule->name, strlen(finding->rule->name));
	mix(list, finding->part, strlen(finding->part));
	mix(list, numbers, sizeof numbers);
	list->num_reported++;
	return true;
}

static finding_list
check(const imago_image *image, uint64_t file_size, const imago_check_options *options)
{
	finding_list list = {.file_size = file_size};
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	imago_check_sink sink;
	imago_allocator_init(&allocator, file_size / 32 + (UINT64_C(16) << 20));
	imago_check_sink_init(&sink, options, note_finding, &list);
	FUZZ_ASSERT(imago_image_check(image, &sink, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(allocator.used == 0);
	list.summary = sink.summary;
	return list;
}

static void
expect_same_findings(const finding_list *list, const finding_list *other, uint64_t cap)
{
	FUZZ_ASSERT(list->summary.num_errors == other->summary.num_errors);
	FUZZ_ASSERT(list->summary.num_warnings == other->summary.num_warnings);
	FUZZ_ASSERT(list->summary.num_infos == other->summary.num_infos);
	FUZZ_ASSERT(list->summary.num_objects == other->summary.num_objects);
	if (cap == 0) {
		FUZZ_ASSERT(list->num_reported == other->num_reported);
		FUZZ_ASSERT(list->hash == other->hash);
	} else {
		FUZZ_ASSERT(other->num_reported <= cap);
	}
}

/* An image without errors keeps what the checker promises. */
static void
expect_usable(const imago_image *image)
{
	imago_allocator allocator;
	imago_error error = {.status = IMAGO_OK};
	imago_census census;
	imago_digest digest;
	imago_digest turned_digest;
	imago_heap *turned = NULL;
	imago_rebuild_options options = {.layout = image->heap->layout};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	options.layout.byte_order =
	    options.layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	FUZZ_ASSERT(imago_census_take(image->heap, &census, &error) == IMAGO_OK);
	FUZZ_ASSERT(imago_digest_compute(&digest, image->heap, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(imago_rebuild(&turned, image->heap, &options, &allocator, NULL, &error) ==
	            IMAGO_OK);
	FUZZ_ASSERT(imago_digest_compute(&turned_digest, turned, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(memcmp(&digest, &turned_digest, sizeof digest) == 0);

	const imago_check_options plain = {.num_threads = 1};
	imago_check_sink sink;
	finding_list ignored = {.file_size = UINT64_MAX};
	imago_check_sink_init(&sink, &plain, note_finding, &ignored);
	FUZZ_ASSERT(imago_check(turned, &sink, &allocator, &error) == IMAGO_OK);
	FUZZ_ASSERT(sink.summary.num_errors == 0);
	imago_heap_destroy(turned);
	FUZZ_ASSERT(allocator.used == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&image, data, size, &allocator, &error) == IMAGO_OK) {
		fuzz_input input = fuzz_input_of(data, size);
		const imago_check_options plain = {.num_threads = 1};
		const imago_check_options careful = {.careful = true};
		const imago_check_options others[] = {plain, {.num_threads = 2}, {.max_findings = 1}};
		const imago_check_options *other = &others[fuzz_choose(&input, 3)];
		const finding_list list = check(&image, size, &plain);
		const finding_list carefully = check(&image, size, &careful);
		const finding_list otherwise = check(&image, size, other);
		expect_same_findings(&list, &carefully, 0);
		expect_same_findings(&list, &otherwise, other->max_findings);
		if (list.summary.num_errors == 0) {
			expect_usable(&image);
		}
	}
	imago_image_close(&image);
	FUZZ_ASSERT(allocator.used == 0);
	return 0;
}
