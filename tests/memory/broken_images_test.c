/* broken_images_test.c: what the checker complains of, every other operation survives too: it
 * succeeds, and then the way back gives the same bytes and the same meaning, or it says why not. */
#include "assertions.h"
#include "corpus/corpus.h"
#include "wounds/wounds.h"

#include <stdio.h>
#include <string.h>

#include "imago/class_table.h"
#include "imago/compare.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/rebuild.h"
#include "imago/swizzle.h"
#include "imago/walk.h"

enum { LINE_SIZE = 256, FAR_BASE = 0x20000008, NAME_SIZE = 40 };

/* How often an operation succeeded, and how often it refused. */
typedef struct outcomes {
	size_t num_done;
	size_t num_refused;
} outcomes;

static char current[LINE_SIZE]; /* what is being tried, for the message of a failure */

static bool
count_outcome(outcomes *sums, imago_status status, const imago_error *error)
{
	if (status == IMAGO_OK) {
		sums->num_done++;
		return true;
	}
	if (error->what == NULL || error->status != status) {
		print_error("%s: refused without a reason\n", current);
		fail();
	}
	sums->num_refused++;
	return false;
}

static void
assert_same_bytes(const imago_heap *a, const imago_heap *b)
{
	bool same = a->num_segments == b->num_segments;
	for (size_t i = 0; same && i < a->num_segments; i++) {
		const imago_segment *left = &a->segments[i];
		const imago_segment *right = &b->segments[i];
		same = left->start == right->start && left->size == right->size &&
		       left->bridge_size == right->bridge_size &&
		       memcmp(left->bytes, right->bytes, (size_t)(left->size + left->bridge_size)) == 0;
	}
	if (!same) {
		print_error("%s: the way back gives other bytes\n", current);
		fail();
	}
}

static bool
digest_of(const imago_heap *heap, imago_digest *digest, outcomes *sums)
{
	imago_error error = {0};
	imago_status status = imago_digest_compute(digest, heap, heap->allocator, &error);
	return count_outcome(sums, status, &error);
}

typedef struct all_outcomes {
	outcomes digest, compare, order, base, segments, width, swizzle;
} all_outcomes;

static imago_heap *
rebuild(const imago_heap *source, imago_rebuild_options options, outcomes *sums)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	imago_status status = imago_rebuild(&heap, source, &options, source->allocator, NULL, &error);
	return count_outcome(sums, status, &error) ? heap : NULL;
}

/* There with some options, and back with others. */
static void
there_and_back(const imago_heap *heap, imago_rebuild_options there, imago_rebuild_options back,
               outcomes *sums)
{
	imago_heap *moved = rebuild(heap, there, sums);
	if (moved != NULL) {
		imago_heap *returned = rebuild(moved, back, sums);
		if (returned == NULL) {
			print_error("%s: there is no way back\n", current);
			fail();
		}
		assert_same_bytes(heap, returned);
		imago_heap_destroy(returned);
	}
	imago_heap_destroy(moved);
}

static void
try_order_and_base(const imago_heap *heap, all_outcomes *sums)
{
	imago_layout other = heap->layout;
	other.byte_order =
	    other.byte_order == IMAGO_BIG_ENDIAN ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
	there_and_back(heap, (imago_rebuild_options){.layout = other},
	               (imago_rebuild_options){.layout = heap->layout}, &sums->order);
	there_and_back(heap, (imago_rebuild_options){.set_base = true, .base = FAR_BASE},
	               (imago_rebuild_options){.set_base = true, .base = heap->segments[0].start},
	               &sums->base);
}

/* Other segments, and the other word size: the meaning stays. */
static void
try_shape(const imago_heap *heap, const imago_digest *meaning, imago_rebuild_options options,
          outcomes *sums)
{
	imago_heap *other = rebuild(heap, options, sums);
	if (other != NULL && meaning != NULL) {
		outcomes ignored = {0};
		imago_digest digest;
		if (!digest_of(other, &digest, &ignored) ||
		    memcmp(digest.bytes, meaning->bytes, sizeof digest.bytes) != 0) {
			print_error("%s: it means something else\n", current);
			fail();
		}
	}
	imago_heap_destroy(other);
}

static bool
count_difference(const imago_difference *difference, void *payload)
{
	(void)difference;
	++*(size_t *)payload;
	return true;
}

static void
try_compare(const imago_heap *heap, bool has_meaning, outcomes *sums)
{
	imago_error error = {0};
	uint64_t num_differences = 0;
	size_t count = 0;
	imago_status status = imago_compare(heap, heap, heap->allocator, count_difference, &count,
	                                    &num_differences, &error);
	bool done = count_outcome(sums, status, &error);
	assert_int_equal(count, 0);
	if (has_meaning && !done) {
		print_error("%s: it has a digest, but cannot be compared\n", current);
		fail();
	}
}

/* The same move in place. */
static void
try_swizzle(const imago_heap *heap, bool lenient, outcomes *sums)
{
	const imago_swizzle_options options = {.lenient = lenient};
	imago_heap *moved = NULL;
	imago_error error = {0};
	assert_ok(imago_heap_copy(&moved, heap, heap->allocator, &error), &error);
	imago_status status = imago_swizzle(moved, FAR_BASE, &options, &error);
	if (count_outcome(sums, status, &error)) {
		status = imago_swizzle(moved, heap->segments[0].start, &options, &error);
		assert_true(count_outcome(sums, status, &error));
		assert_same_bytes(heap, moved);
	}
	imago_heap_destroy(moved);
}

/* Every object as if it were a class: a name is printable, and ends. */
static void
try_names(const imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		char name[NAME_SIZE];
		memset(name, 0x7F, sizeof name);
		imago_class_name(heap, object.oop, name, sizeof name);
		size_t length = strnlen(name, sizeof name);
		assert_in_range(length, 1, sizeof name - 1);
		for (size_t i = 0; i < length; i++) {
			assert_in_range(name[i], ' ', '~');
		}
	}
}

static void
try_everything(const imago_heap *heap, all_outcomes *sums)
{
	imago_digest digest;
	bool has_meaning = digest_of(heap, &digest, &sums->digest);
	const imago_digest *meaning = has_meaning ? &digest : NULL;
	imago_layout wider = heap->layout;
	wider.word_bytes = wider.word_bytes == 8 ? 4 : 8;
	try_names(heap);
	try_compare(heap, has_meaning, &sums->compare);
	try_order_and_base(heap, sums);
	try_shape(heap, meaning, (imago_rebuild_options){.num_segments = 3, .gap = 4096},
	          &sums->segments);
	/* What the VM hides is made anew for the other word size: whoever sees it sees the change. */
	bool sees_hidden = strncmp(current, "oop.toHidden ", strlen("oop.toHidden ")) == 0;
	try_shape(heap, sees_hidden ? NULL : meaning, (imago_rebuild_options){.layout = wider},
	          &sums->width);
	try_swizzle(heap, false, &sums->swizzle);
	try_swizzle(heap, true, &sums->swizzle);
}

/* Format numbers that differ in the bytecode sets only add nothing here. */
static bool
is_worth_it(const test_layout *layout)
{
	return strchr(layout->name, '-') == NULL || layout->image_format == 6502;
}

static void
try_image(test_image *file, const char *what, const test_layout *layout, all_outcomes *sums)
{
	imago_allocator allocator;
	imago_image image;
	imago_error error = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	snprintf(current, sizeof current, "%s in %s", what, layout->name);
	assert_non_null(file->bytes);
	if (imago_image_read(&image, file->bytes, file->size, &allocator, &error) == IMAGO_OK &&
	    image.heap != NULL && image.heap->num_segments > 0) {
		try_everything(image.heap, sums);
	}
	imago_image_close(&image);
	test_image_release(file);
	assert_no_leak(&allocator);
}

static void
assert_both(const outcomes *sums, const char *what)
{
	print_message("%s: done %zu, refused %zu\n", what, sums->num_done, sums->num_refused);
	assert_int_not_equal(sums->num_done, 0);
	assert_int_not_equal(sums->num_refused, 0);
}

static void
assert_all_both(const all_outcomes *sums)
{
	assert_both(&sums->digest, "digest");
	assert_both(&sums->compare, "compare");
	assert_both(&sums->order, "byte order there and back");
	assert_both(&sums->base, "base there and back");
	assert_both(&sums->segments, "three segments");
	assert_both(&sums->width, "word size");
	assert_both(&sums->swizzle, "in place there and back");
}

static void
an_image_that_breaks_a_rule_is_refused_or_keeps_its_bytes_and_meaning(void **state)
{
	(void)state;
	all_outcomes sums = {0};
	const corpus_recipe *recipe;
	for (size_t r = 0; (recipe = corpus_recipe_at(r)) != NULL; r++) {
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			if (corpus_applies(recipe, &test_layouts[i]) && is_worth_it(&test_layouts[i])) {
				imago_allocator allocator;
				imago_allocator_init(&allocator, IMAGO_UNLIMITED);
				test_image file = corpus_make(recipe, &test_layouts[i], &allocator);
				try_image(&file, recipe->rule, &test_layouts[i], &sums);
			}
		}
	}
	assert_all_both(&sums);
}

static void
a_wounded_image_is_refused_or_keeps_its_bytes_and_meaning(void **state)
{
	(void)state;
	all_outcomes sums = {0};
	const wound *row;
	for (size_t w = 0; (row = wound_at(w)) != NULL; w++) {
		for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
			if (wound_applies(row, &test_layouts[i]) && is_worth_it(&test_layouts[i])) {
				imago_allocator allocator;
				imago_allocator_init(&allocator, IMAGO_UNLIMITED);
				test_image file = wound_make(row, &test_layouts[i], &allocator);
				try_image(&file, row->what, &test_layouts[i], &sums);
			}
		}
	}
	print_message("digest: done %zu, refused %zu\n", sums.digest.num_done, sums.digest.num_refused);
	assert_true(sums.digest.num_done > sums.digest.num_refused);
	assert_int_not_equal(sums.digest.num_refused, 0);
	assert_int_not_equal(sums.width.num_done, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_image_that_breaks_a_rule_is_refused_or_keeps_its_bytes_and_meaning),
	    cmocka_unit_test(a_wounded_image_is_refused_or_keeps_its_bytes_and_meaning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
