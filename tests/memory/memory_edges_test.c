/* memory_edges_test.c: the machine's memory where it ends: sizes beyond the address space, sets
 * that cannot grow, allocations that fail; and what its audit sees. */
#include "memory_fixture.h"

#include "imago/byte_order.h"

enum { PERM_ARRAYS = 600 };

static const imago_memory_options usual = {.growth = 4 << 20, .eden_bytes = 1 << 16};

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
	const imago_memory_options options = {.growth = 1 << 20, .eden_bytes = 1 << 16};
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
	memory_fixture f;
	imago_heap *saved;
	imago_error error;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	open_memory(&f, heap_of_ephemerons(&f, &test_layouts[0], 10), usual);
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
open_perm(memory_fixture *f, const test_layout *layout)
{
	imago_oop external;
	imago_builder *builder = begin_image(f, layout, &external);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop all = imago_builder_new_pointers(builder, array, PERM_ARRAYS);
	imago_builder_store(builder, external, 0, all);
	imago_builder_begin_perm(builder);
	for (uint64_t k = 0; k < PERM_ARRAYS; k++) {
		imago_builder_store(builder, all, k, imago_builder_new_pointers(builder, array, 3));
	}
	open_memory(f, test_finish(builder), usual);
}

/* The list of permanent objects that lead out of their space cannot grow: their bits tell all the
 * same, and what they hold stays. */
static void
permanent_objects_are_remembered_without_memory_for_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
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
		memory_fixture f;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		imago_oop all = imago_builder_new_pointers(builder, array, 2000);
		imago_builder_store(builder, external, 0, all);
		for (uint64_t k = 0; k < 2000; k++) {
			imago_builder_store(builder, all, k, imago_builder_new_pointers(builder, array, 2));
		}
		open_memory(&f, test_finish(builder), usual);
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
		memory_fixture f;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		open_memory(&f, test_finish(builder), usual);
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

static void
the_audit_sees_what_was_stored_the_raw_way(void **state)
{
	(void)state;
	memory_fixture f;
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
	    cmocka_unit_test(sizes_beyond_the_address_space_are_refused),
	    cmocka_unit_test(every_failing_allocation_is_told_or_done_without),
	    cmocka_unit_test(permanent_objects_are_remembered_without_memory_for_a_list),
	    cmocka_unit_test(old_objects_are_remembered_without_memory_for_a_list),
	    cmocka_unit_test(a_collection_without_memory_is_given_up),
	    cmocka_unit_test(the_audit_sees_what_was_stored_the_raw_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
