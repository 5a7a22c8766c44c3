/* mourners_test.c: ephemerons that wait for their mourners: queues longer than a page, saved and
 * saved again, and from images that lie about them. */
#include "memory_fixture.h"

#include "imago/known_objects.h"

enum {
	PAGE_ENTRIES = 4088, /* of an object stack */
	MOURN_QUEUE = IMAGO_FIRST_PRIVATE_ROOT + 2,
};

static const imago_memory_options usual = {.growth = 4 << 20, .eden_bytes = 1 << 16};

static int64_t
number_of(const memory_fixture *f, imago_oop mourner)
{
	assert_int_not_equal(mourner, 0);
	return imago_memory_integer(f->kind, imago_memory_slot(f->memory, mourner, 1, f->kind));
}

/* More than two pages of them: each once, in the same order, in the image that is saved and in the
 * one that goes on. */
static void
mourners_wait_in_a_saved_image_in_their_order(void **state)
{
	(void)state;
	static int64_t order[3 * PAGE_ENTRIES];
	const uint64_t count = 2 * PAGE_ENTRIES + 100;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		memory_fixture g;
		imago_error error;
		imago_heap *saved;
		bool seen[3 * PAGE_ENTRIES] = {false};
		open_memory(&f, heap_of_ephemerons(&f, &test_layouts[i], count), usual);
		assert_true(imago_memory_collect(f.memory, false));
		assert_int_equal(f.memory->num_mourners, count);
		(void)imago_memory_next_mourner(f.memory);
		imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
		assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
		open_memory(&g, saved, usual);
		assert_int_equal(g.memory->num_mourners, count - 1);
		for (uint64_t k = 0; k < count - 1; k++) {
			order[k] = number_of(&f, imago_memory_next_mourner(f.memory));
			assert_true(order[k] >= 0 && (uint64_t)order[k] < count && !seen[order[k]]);
			seen[order[k]] = true;
			assert_int_equal(number_of(&g, imago_memory_next_mourner(g.memory)), order[k]);
		}
		assert_int_equal(imago_memory_next_mourner(f.memory), 0);
		assert_int_equal(imago_memory_next_mourner(g.memory), 0);
		close_memory(&f);
		close_memory(&g);
	}
}

/* What was saved once is saved again, from the pages that there are by then. */
static void
a_queue_is_saved_again(void **state)
{
	(void)state;
	memory_fixture f;
	memory_fixture g;
	memory_fixture h;
	imago_error error;
	imago_heap *saved;
	open_memory(&f, heap_of_ephemerons(&f, &test_layouts[0], PAGE_ENTRIES + 5), usual);
	assert_true(imago_memory_collect(f.memory, false));
	imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
	open_memory(&g, saved, usual);
	for (int k = 0; k < PAGE_ENTRIES + 2; k++) {
		(void)imago_memory_next_mourner(g.memory);
	}
	imago_allocator_init(&h.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_memory_snapshot(g.memory, &saved, &h.allocator, &error), &error);
	open_memory(&h, saved, usual);
	assert_int_equal(h.memory->num_mourners, 3);
	for (int k = 0; k < 3; k++) {
		imago_oop mourner = imago_memory_next_mourner(h.memory);
		assert_int_equal(number_of(&h, mourner),
		                 number_of(&g, imago_memory_next_mourner(g.memory)));
	}
	close_memory(&f);
	close_memory(&g);
	close_memory(&h);
}

/* Mourners are kept: a collection between does not take them. */
static void
mourners_survive_collections_of_all_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		open_memory(&f, heap_of_ephemerons(&f, &test_layouts[i], 20), usual);
		assert_true(imago_memory_collect(f.memory, false));
		imago_memory_set_slot(f.memory,
		                      imago_memory_special(f.memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS), 0,
		                      f.memory->nil, f.kind);
		(void)new_array(&f, 100);
		assert_true(imago_memory_scavenge(f.memory));
		assert_true(imago_memory_collect(f.memory, false));
		assert_true(imago_memory_collect(f.memory, true));
		assert_int_equal(f.memory->num_mourners, 20);
		int64_t sum = 0;
		for (int k = 0; k < 20; k++) {
			sum += number_of(&f, imago_memory_next_mourner(f.memory));
		}
		assert_int_equal(sum, 190);
		uint64_t before = f.memory->old_top;
		assert_true(imago_memory_collect(f.memory, false));
		assert_true(f.memory->old_top < before);
		close_memory(&f);
	}
}

/* The first page of the mourn queue of a heap in one segment. */
static void
find_queue(const imago_heap *heap, imago_object *page)
{
	imago_known_objects known;
	imago_error error;
	imago_known_objects_find(heap, &known);
	assert_ok(
	    imago_heap_decode_object(
	        heap, imago_heap_fetch_slot(heap, &known.hidden_roots, MOURN_QUEUE), page, &error),
	    &error);
}

static void
put(imago_heap *heap, const imago_object *page, uint64_t index, uint64_t value)
{
	imago_heap_store_slot(heap, page, index, value);
}

/* Entries that lead nowhere, into the middle of objects, to what images may not see; counts that no
 * page has; a page that is its own next one. What else waits is found. */
static void
a_queue_that_lies_is_read_as_far_as_it_is_true(void **state)
{
	(void)state;
	enum { TOP, ROOT, FREE, NEXT, FIRST };
	for (int which = 0; which < 7; which++) {
		memory_fixture f;
		memory_fixture g;
		imago_error error;
		imago_heap *saved;
		imago_object page;
		open_memory(&f, heap_of_ephemerons(&f, &test_layouts[0], 10), usual);
		assert_true(imago_memory_collect(f.memory, false));
		imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
		assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
		find_queue(saved, &page);
		uint64_t entry = imago_heap_fetch_slot(saved, &page, FIRST);
		const uint64_t lies[] = {8, entry + 1, entry + 8, UINT64_C(1) << 60, page.oop, 0};
		uint64_t expected = which < 6 ? 9 : 10;
		if (which < 6) {
			put(saved, &page, FIRST, lies[which]);
		} else {
			put(saved, &page, TOP, PAGE_ENTRIES + 1000);
		}
		open_memory(&g, saved, usual);
		assert_int_equal(g.memory->num_mourners, expected);
		close_memory(&f);
		close_memory(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mourners_wait_in_a_saved_image_in_their_order),
	    cmocka_unit_test(a_queue_is_saved_again),
	    cmocka_unit_test(mourners_survive_collections_of_all_kinds),
	    cmocka_unit_test(a_queue_that_lies_is_read_as_far_as_it_is_true),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
