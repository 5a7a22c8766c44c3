/* reduce_test.c: reduction keeps what is looked for, gets smaller, and ends. */
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "imago/check.h"
#include "imago/file.h"
#include "mutants.h"

typedef struct looked_for {
	const char *rule;
	bool found;
} looked_for;

static bool
note(const imago_finding *finding, void *payload)
{
	looked_for *what = payload;
	what->found = what->found || strcmp(finding->rule->name, what->rule) == 0;
	return true;
}

static bool
breaks(const char *rule, const uint8_t *bytes, size_t size)
{
	const char *const only[] = {rule};
	const imago_check_options options = {.only = only, .num_only = 1};
	looked_for what = {.rule = rule};
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	if (imago_image_read(&image, bytes, size, &allocator, &error) == IMAGO_OK) {
		imago_check_sink_init(&sink, &options, note, &what);
		assert_int_equal(imago_image_check(&image, &sink, &allocator, &error), IMAGO_OK);
	}
	imago_image_close(&image);
	return what.found;
}

enum { MOST_ATTEMPTS = 20000 };

/* Reduces a committed broken image; returns the part of it that stays, in percent. */
static unsigned
reduce_corpus_image(const char *path, const char *rule)
{
	imago_allocator allocator;
	imago_error error;
	uint8_t *bytes;
	uint64_t file_size;
	imago_reducer *reducer;
	const uint8_t *proposal;
	size_t size;
	size_t best_size;
	unsigned num_attempts = 0;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_file_read(path, &allocator, &bytes, &file_size, &error), IMAGO_OK);
	assert_true(breaks(rule, bytes, (size_t)file_size));
	assert_int_equal(imago_reducer_create(&reducer, bytes, (size_t)file_size, &allocator, &error),
	                 IMAGO_OK);
	while (num_attempts < MOST_ATTEMPTS &&
	       (proposal = imago_reducer_propose(reducer, &size)) != NULL) {
		(void)imago_reducer_best(reducer, &best_size);
		assert_true(size <= best_size);
		imago_reducer_answer(reducer, breaks(rule, proposal, size));
		num_attempts++;
	}
	const uint8_t *best = imago_reducer_best(reducer, &best_size);
	assert_true(breaks(rule, best, best_size));
	print_message("%s: %u of %u bytes after %u attempts\n", path, (unsigned)best_size,
	              (unsigned)file_size, num_attempts);
	imago_reducer_destroy(reducer);
	imago_release(&allocator, bytes, file_size);
	assert_no_leak(&allocator);
	return (unsigned)(best_size * 100 / file_size);
}

static void
a_v3_image_shrinks_to_little_more_than_its_breach(void **state)
{
	(void)state;
	assert_true(reduce_corpus_image("corpus/invalid/v3/class.superclassCycle.v3.image",
	                                "class.superclassCycle") < 30);
}

/* Most of it is the class table, which cannot go. */
static void
a_spur_image_shrinks(void **state)
{
	(void)state;
	assert_true(reduce_corpus_image("corpus/invalid/spur/forwarder.cycle.spur32.image",
	                                "forwarder.cycle") < 90);
}

static void
a_bundle_shrinks(void **state)
{
	(void)state;
	assert_true(reduce_corpus_image("corpus/invalid/composed/perm.forwarder.spur32.bundle",
	                                "perm.forwarder") < 95);
}

/* What is looked for may be anything, also in bytes that are no image. */
static void
plain_bytes_are_reduced_to_the_one_that_matters(void **state)
{
	(void)state;
	uint8_t bytes[900];
	imago_allocator allocator;
	imago_error error;
	imago_reducer *reducer;
	const uint8_t *proposal;
	size_t size;
	memset(bytes, 'x', sizeof bytes);
	bytes[500] = '!';
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_reducer_create(&reducer, bytes, sizeof bytes, &allocator, &error),
	                 IMAGO_OK);
	while ((proposal = imago_reducer_propose(reducer, &size)) != NULL) {
		imago_reducer_answer(reducer, memchr(proposal, '!', size) != NULL);
	}
	const uint8_t *best = imago_reducer_best(reducer, &size);
	assert_int_equal(size, 1);
	assert_int_equal(best[0], '!');
	imago_reducer_destroy(reducer);
	assert_no_leak(&allocator);
}

static void
nothing_kept_leaves_the_image_as_it_was(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_reducer *reducer;
	size_t size;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	test_image image = varied_image(test_layout_find("v3"), &allocator);
	assert_non_null(image.bytes);
	assert_int_equal(
	    imago_reducer_create(&reducer, image.bytes, (size_t)image.size, &allocator, &error),
	    IMAGO_OK);
	while (imago_reducer_propose(reducer, &size) != NULL) {
		assert_true(size <= image.size);
		imago_reducer_answer(reducer, false);
	}
	const uint8_t *best = imago_reducer_best(reducer, &size);
	assert_int_equal(size, image.size);
	assert_memory_equal(best, image.bytes, size);
	imago_reducer_destroy(reducer);
	test_image_release(&image);
	assert_no_leak(&allocator);
}

/* Every proposal accepted: an image goes to nothing. */
static void
everything_kept_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SEEDS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_reducer *reducer;
		size_t size;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image image = seed_image(i, &allocator);
		assert_non_null(image.bytes);
		assert_int_equal(
		    imago_reducer_create(&reducer, image.bytes, (size_t)image.size, &allocator, &error),
		    IMAGO_OK);
		while (imago_reducer_propose(reducer, &size) != NULL) {
			imago_reducer_answer(reducer, true);
		}
		(void)imago_reducer_best(reducer, &size);
		assert_int_equal(size, 0);
		imago_reducer_destroy(reducer);
		test_image_release(&image);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_v3_image_shrinks_to_little_more_than_its_breach),
	    cmocka_unit_test(a_spur_image_shrinks),
	    cmocka_unit_test(a_bundle_shrinks),
	    cmocka_unit_test(plain_bytes_are_reduced_to_the_one_that_matters),
	    cmocka_unit_test(nothing_kept_leaves_the_image_as_it_was),
	    cmocka_unit_test(everything_kept_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
