/* memory_edges_test.c: the machine's memory where it ends: queues of mourners longer than a page
 * and from images that lie about them, class tables that grow, sets that cannot, allocations that
 * fail. */
#include <stdio.h>
#include <string.h>

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/builder.h"
#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/object_memory.h"

enum {
	GROWTH = 4 << 20,
	EDEN = 1 << 16,
	PAGE_ENTRIES = 4088, /* of an object stack */
	MOURN_QUEUE = IMAGO_FIRST_PRIVATE_ROOT + 2,
	CLASS_PAGE = 1024,
	PERM_ARRAYS = 600,
};

typedef struct fixture {
	imago_allocator allocator;
	imago_object_memory *memory;
	imago_memory_kind kind;
	imago_oop roots[4];
} fixture;

static void
visit_roots(void *payload, imago_visit_root_fn *visit, void *visitor)
{
	fixture *f = payload;
	for (size_t i = 0; i < sizeof f->roots / sizeof f->roots[0]; i++) {
		visit(visitor, &f->roots[i]);
	}
}

static void
attach(fixture *f)
{
	f->kind = f->memory->kind;
	for (size_t i = 0; i < sizeof f->roots / sizeof f->roots[0]; i++) {
		f->roots[i] = f->memory->nil;
	}
	f->memory->visit_roots = visit_roots;
	f->memory->roots_payload = f;
}

static void
open_heap(fixture *f, imago_heap *heap, uint64_t growth, uint64_t eden_bytes)
{
	imago_error error;
	const imago_memory_options options = {.growth = growth, .eden_bytes = eden_bytes};
	assert_non_null(heap);
	assert_ok(imago_memory_create(&f->memory, heap, &options, &f->allocator, &error), &error);
	imago_heap_destroy(heap);
	attach(f);
}

static void
close_memory(fixture *f)
{
	assert_null(imago_memory_audit(f->memory));
	imago_memory_destroy(f->memory);
	assert_no_leak(&f->allocator);
}

/* A builder whose external objects are an array of 8. */
static imago_builder *
begin(fixture *f, const test_layout *layout, imago_oop *external)
{
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &f->allocator);
	*external =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 8);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, *external);
	return builder;
}

static imago_oop
built(const fixture *f, uint64_t index)
{
	imago_oop array = imago_memory_special(f->memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
	return imago_memory_slot(f->memory, array, index, f->kind);
}

static imago_oop
make(fixture *f, imago_oop cls, uint32_t format, uint64_t num_slots)
{
	imago_oop oop = imago_memory_make(f->memory, cls, format, num_slots);
	assert_int_not_equal(oop, 0);
	return oop;
}

static imago_oop
new_array(fixture *f, uint64_t num_slots)
{
	assert_true(imago_memory_reserve(f->memory, imago_memory_object_bytes(f->kind, num_slots)));
	return make(f, imago_memory_special(f->memory, IMAGO_SPECIAL_CLASS_ARRAY),
	            IMAGO_FORMAT_INDEXABLE, num_slots);
}

/* ---- Mourners. */

/* An image whose external object 0 is an Array of so many ephemerons, with numbers for values and
 * keys that nothing else holds. */
static imago_heap *
heap_of_ephemerons(fixture *f, const test_layout *layout, uint64_t count)
{
	imago_oop external;
	imago_builder *builder = begin(f, layout, &external);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop all = imago_builder_new_pointers(builder, array, count);
	imago_builder_store(builder, external, 0, all);
	for (uint64_t i = 0; i < count; i++) {
		imago_oop one = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_EPHEMERON), 3);
		imago_builder_store(builder, one, 0, imago_builder_new_pointers(builder, array, 1));
		imago_builder_store(builder, one, 1, imago_builder_integer(builder, (int64_t)i));
		imago_builder_store(builder, all, i, one);
	}
	return test_finish(builder);
}

static int64_t
number_of(const fixture *f, imago_oop mourner)
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
		fixture f;
		fixture g;
		imago_error error;
		imago_heap *saved;
		bool seen[3 * PAGE_ENTRIES] = {false};
		open_heap(&f, heap_of_ephemerons(&f, &test_layouts[i], count), GROWTH, EDEN);
		assert_true(imago_memory_collect(f.memory, false));
		assert_int_equal(f.memory->num_mourners, count);
		(void)imago_memory_next_mourner(f.memory);
		imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
		assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
		open_heap(&g, saved, GROWTH, EDEN);
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
	fixture f;
	fixture g;
	fixture h;
	imago_error error;
	imago_heap *saved;
	open_heap(&f, heap_of_ephemerons(&f, &test_layouts[0], PAGE_ENTRIES + 5), GROWTH, EDEN);
	assert_true(imago_memory_collect(f.memory, false));
	imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
	open_heap(&g, saved, GROWTH, EDEN);
	for (int k = 0; k < PAGE_ENTRIES + 2; k++) {
		(void)imago_memory_next_mourner(g.memory);
	}
	imago_allocator_init(&h.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_memory_snapshot(g.memory, &saved, &h.allocator, &error), &error);
	open_heap(&h, saved, GROWTH, EDEN);
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
		fixture f;
		open_heap(&f, heap_of_ephemerons(&f, &test_layouts[i], 20), GROWTH, EDEN);
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
		fixture f;
		fixture g;
		imago_error error;
		imago_heap *saved;
		imago_object page;
		open_heap(&f, heap_of_ephemerons(&f, &test_layouts[0], 10), GROWTH, EDEN);
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
		const imago_memory_options options = {.growth = GROWTH, .eden_bytes = EDEN};
		imago_status status = imago_memory_create(&g.memory, saved, &options, &g.allocator, &error);
		imago_heap_destroy(saved);
		assert_ok(status, &error);
		attach(&g);
		assert_int_equal(g.memory->num_mourners, expected);
		close_memory(&f);
		close_memory(&g);
	}
}

/* ---- Classes. */

static imago_oop
new_class(fixture *f)
{
	imago_oop pattern = imago_memory_special(f->memory, IMAGO_SPECIAL_CLASS_ARRAY);
	uint64_t num_slots = imago_memory_num_slots(f->memory, pattern, f->kind);
	assert_true(imago_memory_reserve(f->memory, imago_memory_object_bytes(f->kind, num_slots)));
	pattern = imago_memory_special(f->memory, IMAGO_SPECIAL_CLASS_ARRAY);
	imago_oop cls =
	    make(f, imago_memory_class_of(f->memory, pattern), IMAGO_FORMAT_FIXED, num_slots);
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_memory_set_slot(f->memory, cls, i, imago_memory_slot(f->memory, pattern, i, f->kind),
		                      f->kind);
	}
	return cls;
}

/* Classes that images make: each with an index of its own, on new pages when the first is full;
 * they keep them in what is saved. */
static void
new_classes_are_given_places_in_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		fixture f;
		fixture g;
		imago_error error;
		imago_heap *saved;
		imago_oop external;
		imago_builder *builder = begin(&f, &test_layouts[i], &external);
		open_heap(&f, test_finish(builder), GROWTH, EDEN);
		uint32_t pages = f.memory->num_class_pages;
		f.roots[0] = new_array(&f, CLASS_PAGE + 10);
		assert_true(imago_memory_scavenge(f.memory));
		uint32_t last = 0;
		for (uint64_t k = 0; k < CLASS_PAGE + 10; k++) {
			imago_oop cls = new_class(&f);
			imago_memory_set_slot(f.memory, f.roots[0], k, cls, f.kind);
			uint32_t index = imago_memory_class_index(f.memory, cls);
			assert_true(index >= CLASS_PAGE);
			assert_int_not_equal(index, last);
			assert_int_equal(imago_memory_class_index(f.memory, cls), index);
			assert_int_equal(imago_memory_hash(f.memory, cls), index);
			last = index;
		}
		assert_true(f.memory->num_class_pages > pages);
		assert_true(imago_memory_reserve(f.memory, 100));
		imago_oop cls = imago_memory_slot(f.memory, f.roots[0], CLASS_PAGE + 9, f.kind);
		f.roots[1] = make(&f, cls, IMAGO_FORMAT_INDEXABLE, 2);
		assert_int_equal(imago_memory_class_of(f.memory, f.roots[1]), cls);
		assert_int_equal(imago_memory_class_tag(f.memory, f.roots[1]), last);
		imago_oop array = imago_memory_special(f.memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
		imago_memory_set_slot(f.memory, array, 0, f.roots[1], f.kind);
		assert_true(imago_memory_collect(f.memory, false));
		imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
		assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
		open_heap(&g, saved, GROWTH, EDEN);
		assert_int_equal(imago_memory_class_tag(g.memory, built(&g, 0)), last);
		assert_int_equal(
		    imago_memory_class_index(g.memory, imago_memory_class_of(g.memory, built(&g, 0))),
		    last);
		close_memory(&f);
		close_memory(&g);
	}
}

/* No room for another page: a class without an index has no instances. */
static void
a_class_without_a_place_has_no_instances(void **state)
{
	(void)state;
	fixture f;
	imago_oop external;
	imago_builder *builder = begin(&f, &test_layouts[0], &external);
	open_heap(&f, test_finish(builder), 1 << 17, 1 << 12);
	f.roots[0] = new_array(&f, CLASS_PAGE);
	for (uint64_t k = 0, index = 0; index != 2 * CLASS_PAGE - 1; k++) {
		imago_oop cls = new_class(&f);
		imago_memory_set_slot(f.memory, f.roots[0], k, cls, f.kind);
		index = imago_memory_class_index(f.memory, cls);
	}
	f.roots[1] = new_class(&f);
	assert_true(imago_memory_scavenge(f.memory));
	for (uint64_t size = 700; size > 10; size /= 4) {
		while (imago_memory_reserve(f.memory, imago_memory_object_bytes(f.kind, size))) {
			imago_oop made = new_array(&f, size);
			imago_memory_set_slot(f.memory, made, 0, f.roots[2], f.kind);
			f.roots[2] = made;
		}
	}
	uint32_t pages = f.memory->num_class_pages;
	assert_int_equal(imago_memory_class_index(f.memory, f.roots[1]), 0);
	assert_int_equal(f.memory->num_class_pages, pages);
	assert_int_equal(imago_memory_make(f.memory, f.roots[1], IMAGO_FORMAT_INDEXABLE, 1), 0);
	close_memory(&f);
}

static void
what_is_no_class_has_no_instances(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		fixture f;
		imago_oop external;
		imago_builder *builder = begin(&f, &test_layouts[i], &external);
		imago_oop bytes = imago_builder_new_string(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING), "no class at all");
		imago_builder_store(builder, external, 0, bytes);
		open_heap(&f, test_finish(builder), GROWTH, EDEN);
		f.roots[0] = new_array(&f, 2);
		const imago_oop none[] = {0, imago_memory_integer_oop(f.kind, 5), built(&f, 0), f.roots[0]};
		assert_true(imago_memory_reserve(f.memory, 1000));
		for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
			imago_oop cls = k == 3 ? f.roots[0] : none[k];
			assert_int_equal(imago_memory_make(f.memory, cls, IMAGO_FORMAT_FIXED, 1), 0);
			if (f.kind.v3) {
				assert_int_equal(imago_memory_make_unset(f.memory, cls, IMAGO_FORMAT_FIXED, 1), 0);
			}
		}
		assert_int_equal(imago_memory_class_tag(f.memory, imago_memory_integer_oop(f.kind, 5)),
		                 IMAGO_CLASS_SMALL_INTEGER);
		if (!f.kind.v3) {
			imago_oop character;
			assert_true(imago_oop_from_character(f.memory->tagging, 'a', &character));
			assert_int_equal(imago_memory_class_tag(f.memory, character), IMAGO_CLASS_CHARACTER);
		}
		close_memory(&f);
	}
}

/* V3: an image may put anything in place of the table of compact classes. */
static void
compact_classes_that_are_gone_leave_objects_without_a_class(void **state)
{
	(void)state;
	fixture f;
	imago_oop external;
	imago_builder *builder = begin(&f, test_layout_find("v3"), &external);
	open_heap(&f, test_finish(builder), GROWTH, EDEN);
	imago_oop array = f.roots[0] = new_array(&f, 1);
	imago_oop specials = f.memory->special_objects;
	imago_oop table = imago_memory_slot(f.memory, specials, IMAGO_SPECIAL_COMPACT_CLASSES, f.kind);
	assert_int_equal(imago_memory_class_of(f.memory, array),
	                 imago_memory_special(f.memory, IMAGO_SPECIAL_CLASS_ARRAY));
	const imago_oop others[] = {
	    imago_memory_integer_oop(f.kind, 3), array, f.memory->nil,
	    imago_memory_special(f.memory, IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN)};
	for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
		imago_memory_set_slot(f.memory, specials, IMAGO_SPECIAL_COMPACT_CLASSES, others[k], f.kind);
		assert_int_equal(imago_memory_class_of(f.memory, array), 0);
	}
	imago_memory_set_slot(f.memory, specials, IMAGO_SPECIAL_COMPACT_CLASSES, table, f.kind);
	close_memory(&f);
}

/* ---- Sizes, and sets that cannot grow. */

static void
sizes_beyond_the_address_space_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const uint64_t limit =
		    test_layouts[i].layout.word_bytes == 8 ? UINT64_C(1) << 46 : UINT64_C(1) << 31;
		const imago_memory_options options[] = {
		    {.growth = limit + 1},  {.growth = 1000, .eden_bytes = limit + 1}, {.growth = limit},
		    {.growth = UINT64_MAX}, {.growth = 1000, .eden_bytes = limit / 2},
		};
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) {
			imago_object_memory *memory = NULL;
			imago_error error;
			assert_status(imago_memory_create(&memory, heap, &options[k], &allocator, &error),
			              &error, IMAGO_ELIMIT);
			assert_null(memory);
		}
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static imago_status
create_and_save(imago_allocator *allocator, imago_error *error, void *payload)
{
	const imago_memory_options options = {.growth = 1 << 20, .eden_bytes = EDEN};
	imago_object_memory *memory;
	imago_heap *saved;
	imago_status status = imago_memory_create(&memory, payload, &options, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_memory_snapshot(memory, &saved, allocator, error);
	imago_memory_destroy(memory);
	if (status == IMAGO_OK) {
		imago_heap_destroy(saved);
	}
	return status;
}

/* The k-th allocation fails, for each k: that is told, or does without what it was for; nothing is
 * left behind. The number of those that are told. */
static int
fail_each_allocation(imago_heap *heap)
{
	int num_told = 0;
	for (uint64_t k = 1;; k++) {
		imago_allocator allocator;
		imago_error error = {.what = NULL};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		allocator.fail_at = k;
		imago_status status = create_and_save(&allocator, &error, heap);
		assert_no_leak(&allocator);
		if (status != IMAGO_OK) {
			assert_status(status, &error, IMAGO_ENOMEM);
			assert_non_null(error.what);
			num_told++;
		}
		if (allocator.num_calls < k) {
			assert_ok(status, &error);
			return num_told;
		}
	}
}

static void
every_failing_allocation_is_told_or_done_without(void **state)
{
	(void)state;
	fixture f;
	imago_heap *saved;
	imago_error error;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	open_heap(&f, heap_of_ephemerons(&f, &test_layouts[0], 10), GROWTH, EDEN);
	assert_true(imago_memory_collect(f.memory, false));
	assert_ok(imago_memory_snapshot(f.memory, &saved, &allocator, &error), &error);
	assert_true(fail_each_allocation(saved) > 8);
	imago_heap_destroy(saved);
	close_memory(&f);
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i += 4) {
		imago_heap *heap = perm_heap(&test_layouts[i], &allocator);
		assert_true(fail_each_allocation(heap) > 8);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* Many small permanent arrays, all of them in external object 0. */
static void
open_perm(fixture *f, const test_layout *layout)
{
	imago_oop external;
	imago_builder *builder = begin(f, layout, &external);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop all = imago_builder_new_pointers(builder, array, PERM_ARRAYS);
	imago_builder_store(builder, external, 0, all);
	imago_builder_begin_perm(builder);
	for (uint64_t k = 0; k < PERM_ARRAYS; k++) {
		imago_builder_store(builder, all, k, imago_builder_new_pointers(builder, array, 3));
	}
	open_heap(f, test_finish(builder), GROWTH, EDEN);
}

/* The list of permanent objects that lead out of their space cannot grow: their bits tell all the
 * same, and what they hold stays. */
static void
permanent_objects_are_remembered_without_memory_for_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		fixture f;
		open_perm(&f, &test_layouts[i]);
		f.allocator.budget = f.allocator.used;
		for (uint64_t k = 0; k < PERM_ARRAYS; k++) {
			imago_oop made = new_array(&f, k % 50);
			imago_oop holder = imago_memory_slot(f.memory, built(&f, 0), k, f.kind);
			imago_memory_set_slot(f.memory, holder, 1, made, f.kind);
		}
		assert_null(imago_memory_audit(f.memory));
		assert_true(imago_memory_scavenge(f.memory));
		assert_null(imago_memory_audit(f.memory));
		f.allocator.budget = IMAGO_UNLIMITED;
		for (int round = 0; round < 3; round++) {
			assert_true(imago_memory_collect(f.memory, round == 1));
			assert_null(imago_memory_audit(f.memory));
			for (uint64_t k = 0; k < PERM_ARRAYS; k++) {
				imago_oop holder = imago_memory_slot(f.memory, built(&f, 0), k, f.kind);
				imago_oop held = imago_memory_slot(f.memory, holder, 1, f.kind);
				assert_int_equal(imago_memory_num_slots(f.memory, held, f.kind), k % 50);
			}
		}
		/* Half of them let go: what they held goes, the rest stays. */
		for (uint64_t k = 0; k < PERM_ARRAYS; k += 2) {
			imago_oop holder = imago_memory_slot(f.memory, built(&f, 0), k, f.kind);
			imago_memory_set_slot(f.memory, holder, 1, f.memory->nil, f.kind);
		}
		/* What they still hold does not move while they may not be written to. */
		uint64_t before = f.memory->collections.bytes_freed;
		assert_true(imago_memory_collect(f.memory, false));
		assert_true(imago_memory_collect(f.memory, true));
		assert_true(f.memory->collections.bytes_freed > before + (uint64_t)PERM_ARRAYS / 2 * 8);
		close_memory(&f);
	}
}

/* The same of old objects that lead to eden. */
static void
old_objects_are_remembered_without_memory_for_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		fixture f;
		imago_oop external;
		imago_builder *builder = begin(&f, &test_layouts[i], &external);
		imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		imago_oop all = imago_builder_new_pointers(builder, array, 2000);
		imago_builder_store(builder, external, 0, all);
		for (uint64_t k = 0; k < 2000; k++) {
			imago_builder_store(builder, all, k, imago_builder_new_pointers(builder, array, 2));
		}
		open_heap(&f, test_finish(builder), GROWTH, EDEN);
		f.allocator.budget = f.allocator.used;
		for (uint64_t k = 0; k < 2000; k++) {
			imago_oop made = new_array(&f, k % 4);
			imago_memory_set_slot(f.memory, imago_memory_slot(f.memory, built(&f, 0), k, f.kind), 1,
			                      made, f.kind);
			assert_null(k % 500 == 0 ? imago_memory_audit(f.memory) : NULL);
		}
		assert_true(imago_memory_scavenge(f.memory));
		f.allocator.budget = IMAGO_UNLIMITED;
		for (uint64_t k = 0; k < 2000; k++) {
			imago_oop holder = imago_memory_slot(f.memory, built(&f, 0), k, f.kind);
			imago_oop held = imago_memory_slot(f.memory, holder, 1, f.kind);
			assert_int_equal(imago_memory_num_slots(f.memory, held, f.kind), k % 4);
		}
		close_memory(&f);
	}
}

/* Tables for a collection that cannot be had: nothing is done, and nothing lost. */
static void
a_collection_without_memory_is_given_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		fixture f;
		imago_oop external;
		imago_builder *builder = begin(&f, &test_layouts[i], &external);
		open_heap(&f, test_finish(builder), GROWTH, EDEN);
		f.roots[0] = new_array(&f, 7);
		f.allocator.budget = f.allocator.used;
		assert_false(imago_memory_collect(f.memory, false));
		assert_int_equal(f.memory->collections.num_abandoned, 1);
		assert_int_equal(f.memory->collections.num_old, 0);
		assert_int_equal(imago_memory_num_slots(f.memory, f.roots[0], f.kind), 7);
		f.allocator.budget = IMAGO_UNLIMITED;
		assert_true(imago_memory_collect(f.memory, false));
		assert_int_equal(imago_memory_num_slots(f.memory, f.roots[0], f.kind), 7);
		close_memory(&f);
	}
}

/* ---- The audit. */

static void
the_audit_sees_what_was_stored_the_raw_way(void **state)
{
	(void)state;
	fixture f;
	open_perm(&f, &test_layouts[0]);
	imago_oop all = built(&f, 0);
	imago_oop holder = imago_memory_slot(f.memory, all, 0, f.kind);
	imago_oop other = imago_memory_slot(f.memory, all, 1, f.kind);
	imago_memory_set_slot_raw(f.memory, holder, 0, all, f.kind);
	assert_string_equal(imago_memory_audit(f.memory),
	                    "a permanent object leads out of permanent space and is not remembered");
	imago_memory_set_slot_raw(f.memory, holder, 0, f.memory->nil, f.kind);
	imago_memory_set_slot(f.memory, holder, 0, all, f.kind);
	assert_null(imago_memory_audit(f.memory));
	imago_oop young = new_array(&f, 1);
	imago_memory_set_slot_raw(f.memory, all, 1, young, f.kind);
	assert_string_equal(imago_memory_audit(f.memory),
	                    "an old object leads to a young one and is not remembered");
	imago_memory_set_slot(f.memory, all, 1, young, f.kind);
	assert_null(imago_memory_audit(f.memory));
	uint8_t *header = imago_memory_at(f.memory, all);
	const imago_memory_kind wide = {.wide = true};
	imago_word_put(header, imago_word_get(header, wide) & ~(UINT64_C(1) << 29), wide);
	assert_string_equal(imago_memory_audit(f.memory),
	                    "a remembered object's header does not say so");
	imago_word_put(header, imago_word_get(header, wide) | UINT64_C(1) << 29, wide);
	imago_memory_set_slot(f.memory, all, 1, other, f.kind);
	close_memory(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mourners_wait_in_a_saved_image_in_their_order),
	    cmocka_unit_test(a_queue_is_saved_again),
	    cmocka_unit_test(mourners_survive_collections_of_all_kinds),
	    cmocka_unit_test(a_queue_that_lies_is_read_as_far_as_it_is_true),
	    cmocka_unit_test(new_classes_are_given_places_in_the_table),
	    cmocka_unit_test(a_class_without_a_place_has_no_instances),
	    cmocka_unit_test(what_is_no_class_has_no_instances),
	    cmocka_unit_test(compact_classes_that_are_gone_leave_objects_without_a_class),
	    cmocka_unit_test(sizes_beyond_the_address_space_are_refused),
	    cmocka_unit_test(every_failing_allocation_is_told_or_done_without),
	    cmocka_unit_test(permanent_objects_are_remembered_without_memory_for_a_list),
	    cmocka_unit_test(old_objects_are_remembered_without_memory_for_a_list),
	    cmocka_unit_test(a_collection_without_memory_is_given_up),
	    cmocka_unit_test(the_audit_sees_what_was_stored_the_raw_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
