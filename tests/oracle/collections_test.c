/* collections_test.c: after a collection of any generated image, in every layout, there is exactly
 * what the oracle finds reachable, as it was; the checker finds no error, the digest is the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/generate.h"
#include "imago/object_memory.h"
#include "oracle.h"

enum { MAX_STRING = 480, STRINGS_PER_LAYOUT = 10, WHERE_SIZE = 200 };

typedef struct tally {
	uint64_t bytes_freed, num_weak_cleared, num_fired, num_perm;
} tally;

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static imago_heap *
generate(uint64_t number, const test_layout *layout, bool composed, imago_allocator *allocator)
{
	uint8_t bytes[MAX_STRING];
	imago_error error;
	imago_heap *heap = NULL;
	uint64_t state = number * 0x2F2F2F2F + 1;
	uint64_t size = 100 + next_random(&state) % (MAX_STRING - 100);
	for (uint64_t i = 0; i < size; i++) {
		uint64_t random = next_random(&state);
		bytes[i] = (uint8_t)(number % 2 == 0 && random % 3 != 0 ? random >> 8 & 15 : random >> 8);
		if (i >= 8 && i % 8 == 0 && random >> 20 & 1) {
			bytes[i] = (uint8_t)(19 + (random >> 21 & 1)); /* weak objects and ephemerons */
		}
	}
	const imago_generate_options options = {.image_format = layout->image_format,
	                                        .byte_order = layout->layout.byte_order,
	                                        .composed = composed};
	assert_ok(imago_generate(&heap, bytes, size, &options, allocator, &error), &error);
	return heap;
}

static bool
tell_error(const imago_finding *finding, void *payload)
{
	char line[512];
	if (finding->rule->severity == IMAGO_ERROR) {
		imago_finding_format(finding, payload, line, sizeof line);
		print_message("%s\n", line);
	}
	return true;
}

/* The memory as an image: its file, its digest, and that the checker accepts it. */
static test_image
save(imago_object_memory *memory, imago_digest *digest, imago_allocator *allocator)
{
	const imago_check_options options = {.num_threads = 1};
	imago_error error;
	imago_heap *heap = NULL;
	imago_check_sink sink;
	assert_ok(imago_memory_snapshot(memory, &heap, allocator, &error), &error);
	imago_check_sink_init(&sink, &options, tell_error, (void *)(uintptr_t) "image");
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	assert_int_equal(sink.summary.num_errors, 0);
	assert_ok(imago_digest_compute(digest, heap, allocator, &error), &error);
	imago_format_id format = memory->perm != NULL ? IMAGO_FORMAT_COMPOSED
	                         : memory->kind.v3    ? IMAGO_FORMAT_V3
	                                              : IMAGO_FORMAT_SPUR;
	test_image file = test_image_of(heap, format, allocator);
	assert_non_null(file.bytes);
	return file;
}

static void
expect_what_the_oracle_finds(const test_image *before, const test_image *after, bool global,
                             const char *layout, uint64_t number)
{
	oracle_image left;
	oracle_image right;
	char where[WHERE_SIZE] = "";
	assert_true(oracle_parse(&left, before->bytes, (size_t)before->size));
	assert_true(oracle_parse(&right, after->bytes, (size_t)after->size));
	if (!oracle_collected(&left, &right, !global, where, sizeof where)) {
		fail_msg("string %" PRIu64 " in %s, %s: %s", number, layout, global ? "all" : "old space",
		         where);
	}
	oracle_release(&left);
	oracle_release(&right);
}

static void
collect_once(imago_object_memory *memory, bool global, const char *layout, uint64_t number,
             imago_allocator *allocator)
{
	imago_digest digest_before;
	imago_digest digest_after;
	test_image before = save(memory, &digest_before, allocator);
	const imago_collections counts = memory->collections;
	assert_true(imago_memory_collect(memory, global));
	assert_null(imago_memory_audit(memory));
	test_image after = save(memory, &digest_after, allocator);
	expect_what_the_oracle_finds(&before, &after, global, layout, number);
	if (memory->collections.num_weak_cleared == counts.num_weak_cleared &&
	    memory->collections.num_fired == counts.num_fired) {
		assert_memory_equal(&digest_before, &digest_after, sizeof digest_before);
	}
	test_image_release(&before);
	test_image_release(&after);
}

static void
expect_collections_of(uint64_t number, const test_layout *layout, bool composed, tally *sum)
{
	imago_allocator allocator;
	imago_error error;
	imago_object_memory *memory;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = generate(number, layout, composed, &allocator);
	/* A stack of one to four entries overflows all the time. */
	const imago_memory_options options = {
	    .growth = 1 << 18, .eden_bytes = 4096, .mark_capacity = number % 5};
	assert_ok(imago_memory_create(&memory, heap, &options, &allocator, &error), &error);
	imago_heap_destroy(heap);
	assert_null(imago_memory_audit(memory));
	bool global = number % 3 == 0;
	collect_once(memory, global, layout->name, number, &allocator);
	/* What is left is left: the second one finds nothing more, but what weak objects held. */
	uint64_t freed = memory->collections.bytes_freed;
	collect_once(memory, global, layout->name, number, &allocator);
	assert_int_equal(memory->collections.bytes_freed, freed);
	sum->bytes_freed += freed;
	collect_once(memory, !global, layout->name, number, &allocator);
	sum->num_weak_cleared += memory->collections.num_weak_cleared;
	sum->num_fired += memory->collections.num_fired;
	sum->num_perm += memory->perm != NULL;
	imago_memory_destroy(memory);
	assert_no_leak(&allocator);
}

static void
collections_leave_what_the_oracle_finds_reachable(void **state)
{
	(void)state;
	tally sum = {0};
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (uint64_t k = 0; k < STRINGS_PER_LAYOUT; k++) {
			expect_collections_of(i * STRINGS_PER_LAYOUT + k, &test_layouts[i], false, &sum);
		}
	}
	assert_true(sum.bytes_freed > 0 && sum.num_weak_cleared > 0 && sum.num_fired > 0);
}

static void
and_so_with_permanent_space(void **state)
{
	(void)state;
	tally sum = {0};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (uint64_t k = 0; k < UINT64_C(2) * STRINGS_PER_LAYOUT; k++) {
			expect_collections_of(1000 + i * STRINGS_PER_LAYOUT + k, &test_layouts[i], true, &sum);
		}
	}
	assert_true(sum.num_perm > STRINGS_PER_LAYOUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(collections_leave_what_the_oracle_finds_reachable),
	    cmocka_unit_test(and_so_with_permanent_space),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
