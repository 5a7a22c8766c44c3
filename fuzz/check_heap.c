/* check_heap: whatever image can be read can be checked, in heap / 32 + 16 MiB of memory. Every
 * finding lies inside the file; the careful path, a second run, two threads or a cap change
 * nothing. What has no error can be walked, digested and turned to the other byte order with the
 * same digest, and the result has no error either. */
#include <string.h>

#include "fuzz_image.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

enum {
	FINDING_IN_FILE,
	CHECK_SUCCEEDS,
	NO_LEAK,
	CAREFULLY,
	SECOND_RUN,
	TWO_THREADS,
	CAP,
	WALKED,
	DIGESTED,
	TURNED,
};
static const char *const oracles[] = {
    [FINDING_IN_FILE] = "finding_in_file",
    [CHECK_SUCCEEDS] = "check_succeeds_in_memory",
    [NO_LEAK] = "no_leak",
    [CAREFULLY] = "careful_path_agrees",
    [SECOND_RUN] = "second_run_agrees",
    [TWO_THREADS] = "two_threads_agree",
    [CAP] = "cap_changes_no_count",
    [WALKED] = "sound_is_walked",
    [DIGESTED] = "sound_is_digested",
    [TURNED] = "sound_is_turned",
};
FUZZ_DECLARE_ORACLES("check_heap", oracles);

/* A list of findings, as far as it can be compared. */
typedef struct finding_list {
	imago_check_summary summary;
	uint64_t num_reported;
	uint64_t hash;
	uint64_t file_size;
} finding_list;

/* A number at a time: byte by byte was a seventh of the run. */
static void
mix(finding_list *list, uint64_t number)
{
	list->hash = (list->hash ^ number) * UINT64_C(0x9E3779B97F4A7C15);
	list->hash ^= list->hash >> 32;
}

static bool
note_finding(const imago_finding *finding, void *payload)
{
	finding_list *list = payload;
	FUZZ_ORACLE(FINDING_IN_FILE, finding->rule != NULL && finding->part != NULL);
	FUZZ_ORACLE(FINDING_IN_FILE,
	            finding->offset <= list->file_size || finding->offset == IMAGO_NO_OFFSET);
	const uint64_t numbers[] = {finding->offset, finding->oop, finding->slot, finding->found,
	                            finding->expected};
	mix(list, (uintptr_t)finding->rule); /* a row of a constant table */
	for (const char *c = finding->part; *c != '\0'; c++) {
		mix(list, (unsigned char)*c);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		mix(list, numbers[i]);
	}
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
	FUZZ_ORACLE(CHECK_SUCCEEDS, imago_image_check(image, &sink, &allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	list.summary = sink.summary;
	return list;
}

static void
expect_same_counts(const finding_list *list, const finding_list *other, size_t oracle)
{
	FUZZ_ORACLE(oracle, list->summary.num_errors == other->summary.num_errors);
	FUZZ_ORACLE(oracle, list->summary.num_warnings == other->summary.num_warnings);
	FUZZ_ORACLE(oracle, list->summary.num_infos == other->summary.num_infos);
	FUZZ_ORACLE(oracle, list->summary.num_objects == other->summary.num_objects);
}

static void
expect_same_findings(const finding_list *list, const finding_list *other, size_t oracle)
{
	expect_same_counts(list, other, oracle);
	FUZZ_ORACLE(oracle, list->num_reported == other->num_reported);
	FUZZ_ORACLE(oracle, list->hash == other->hash);
}

/* The same findings another way, which the input chooses. */
static void
check_otherwise(const imago_image *image, uint64_t file_size, const finding_list *list,
                fuzz_input *input)
{
	const imago_check_options ways[] = {
	    {.num_threads = 1}, {.num_threads = 2}, {.max_findings = 1}};
	const size_t oracle_of_way[] = {SECOND_RUN, TWO_THREADS, CAP};
	const uint32_t way = fuzz_choose(input, 3);
	const finding_list other = check(image, file_size, &ways[way]);
	if (ways[way].max_findings > 0) {
		expect_same_counts(list, &other, CAP);
		FUZZ_ORACLE(CAP, other.num_reported <= ways[way].max_findings);
	} else {
		expect_same_findings(list, &other, oracle_of_way[way]);
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
	options.layout.byte_order = fuzz_other_order(options.layout.byte_order);
	FUZZ_ORACLE(WALKED, imago_census_take(image->heap, &census, &error) == IMAGO_OK);
	FUZZ_ORACLE(DIGESTED,
	            imago_digest_compute(&digest, image->heap, &allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(TURNED, imago_rebuild(&turned, image->heap, &options, &allocator, NULL, &error) ==
	                        IMAGO_OK);
	FUZZ_ORACLE(TURNED,
	            imago_digest_compute(&turned_digest, turned, &allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(TURNED, fuzz_digest_equal(&digest, &turned_digest));

	const imago_check_options plain = {.num_threads = 1};
	imago_check_sink sink;
	finding_list ignored = {.file_size = UINT64_MAX};
	imago_check_sink_init(&sink, &plain, note_finding, &ignored);
	FUZZ_ORACLE(TURNED, imago_check(turned, &sink, &allocator, &error) == IMAGO_OK);
	FUZZ_ORACLE(TURNED, sink.summary.num_errors == 0);
	imago_heap_destroy(turned);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
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
		const finding_list list = check(&image, size, &plain);
		const finding_list carefully = check(&image, size, &careful);
		expect_same_findings(&list, &carefully, CAREFULLY);
		check_otherwise(&image, size, &list, &input);
		if (list.summary.num_errors == 0) {
			expect_usable(&image);
		}
	}
	imago_image_close(&image);
	FUZZ_ORACLE(NO_LEAK, allocator.used == 0);
	return 0;
}
