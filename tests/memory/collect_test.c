/* collect_test.c: the collectors one by one: what each keeps, lets go of, and does not touch. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory_fixture.h"
#include "rebuilds.h"

enum { GROWTH = 1 << 20, EDEN = 1 << 14, PERM_ARRAYS = 64, PERM_ARRAY_SLOTS = 2000 };

static void
open_built(memory_fixture *f, imago_builder *builder, uint64_t mark_capacity)
{
	open_memory(f, test_finish(builder),
	            (imago_memory_options){
	                .growth = GROWTH, .eden_bytes = EDEN, .mark_capacity = mark_capacity});
}

static uint64_t
old_bytes(const memory_fixture *f)
{
	return f->memory->old_top - f->memory->old_base;
}

static void
what_nothing_reaches_gives_its_room_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		memory_fixture f;
		imago_oop external;
		open_built(&f, begin_image(&f, &test_layouts[i], &external), 0);
		/* A hundred times the room there is, in objects of all sizes; a few stay. */
		for (uint64_t k = 0; k < 20000; k++) {
			imago_oop made = new_array(&f, k % 1000 == 0 ? 3000 : k % 300);
			f.roots[k % 7] = made;
		}
		assert_true(f.memory->collections.num_old > 0);
		assert_true(f.memory->collections.bytes_freed > GROWTH);
		assert_true(imago_memory_collect(f.memory, false));
		assert_true(old_bytes(&f) < (1 << 18));
		close_memory(&f);
	}
}

/* A list as long as old space has room for, with a mark stack of one entry. */
static void
a_long_list_needs_no_long_stack(void **state)
{
	(void)state;
	memory_fixture f;
	imago_oop external;
	open_built(&f, begin_image(&f, &test_layouts[0], &external), 1);
	for (int64_t k = 0; k < 5000; k++) {
		imago_oop made = new_array(&f, 3);
		imago_memory_set_slot(f.memory, made, k % 2 == 0 ? 0 : 2, f.roots[0], f.kind);
		imago_memory_set_slot(f.memory, made, 1, imago_memory_integer_oop(f.kind, k), f.kind);
		f.roots[0] = made;
		(void)new_array(&f, 5);
	}
	assert_true(imago_memory_collect(f.memory, false));
	imago_oop link = f.roots[0];
	for (int64_t k = 4999; k >= 0; k--) {
		assert_int_equal(imago_memory_integer(f.kind, imago_memory_slot(f.memory, link, 1, f.kind)),
		                 k);
		link = imago_memory_slot(f.memory, link, k % 2 == 0 ? 0 : 2, f.kind);
	}
	assert_int_equal(link, f.memory->nil);
	close_memory(&f);
}

static void
weak_slots_let_go_of_what_nothing_else_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		memory_fixture f;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		imago_oop weak = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_WEAK_ARRAY), 3);
		imago_builder_store(builder, external, 0, weak);
		open_built(&f, builder, 0);
		f.roots[0] = new_array(&f, 1);
		imago_memory_set_slot(f.memory, built(&f, 0), 0, f.roots[0], f.kind);
		imago_memory_set_slot(f.memory, built(&f, 0), 1, new_array(&f, 1), f.kind);
		assert_true(imago_memory_collect(f.memory, false));
		weak = built(&f, 0);
		assert_int_equal(imago_memory_slot(f.memory, weak, 0, f.kind), f.roots[0]);
		assert_int_equal(imago_memory_slot(f.memory, weak, 1, f.kind), f.memory->nil);
		assert_int_equal(f.memory->collections.num_weak_cleared, 1);
		assert_int_equal(f.memory->num_finalizations, 1);
		close_memory(&f);
	}
}

/* Two ephemerons in a chain, whose keys only they themselves reach, and one whose key is held. */
static void
ephemerons_whose_keys_only_ephemerons_reach_are_mourned(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_EPHEMERON);
		imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		imago_oop ephemerons[3];
		imago_oop keys[3];
		for (uint64_t k = 0; k < 3; k++) {
			ephemerons[k] = imago_builder_new_pointers(builder, cls, 3);
			keys[k] = imago_builder_new_pointers(builder, array, 1);
			imago_builder_store(builder, ephemerons[k], 0, keys[k]);
			imago_builder_store(builder, ephemerons[k], 1, keys[k]); /* its value holds its key */
			imago_builder_store(builder, external, k, ephemerons[k]);
		}
		imago_builder_store(builder, ephemerons[0], 1, keys[1]);
		imago_builder_store(builder, external, 3, keys[2]);
		open_built(&f, builder, i % 2);
		assert_true(imago_memory_collect(f.memory, false));
		assert_int_equal(f.memory->collections.num_fired, 2);
		assert_int_equal(f.memory->num_mourners, 2);
		assert_int_equal(imago_memory_format(f.memory, built(&f, 2), f.kind),
		                 IMAGO_FORMAT_EPHEMERON);
		imago_oop mourners[2];
		mourners[0] = imago_memory_next_mourner(f.memory);
		mourners[1] = imago_memory_next_mourner(f.memory);
		assert_int_equal(imago_memory_next_mourner(f.memory), 0);
		for (size_t k = 0; k < 2; k++) {
			assert_true(mourners[k] == built(&f, 0) || mourners[k] == built(&f, 1));
			/* The key is still there for its mourner. */
			imago_oop key = imago_memory_slot(f.memory, mourners[k], 0, f.kind);
			assert_int_equal(imago_memory_num_slots(f.memory, key, f.kind), 1);
			assert_int_equal(imago_memory_format(f.memory, mourners[k], f.kind),
			                 IMAGO_FORMAT_FIXED);
		}
		assert_int_not_equal(mourners[0], mourners[1]);
		close_memory(&f);
	}
}

static imago_builder *
begin_with_perm(memory_fixture *f, const test_layout *layout)
{
	imago_oop external;
	imago_builder *builder = begin_image(f, layout, &external);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop olds[2];
	for (uint64_t k = 0; k < 2; k++) {
		(void)imago_builder_new_pointers(builder, array, 9); /* garbage in front */
		olds[k] = imago_builder_new_pointers(builder, array, 4 + k);
	}
	imago_builder_begin_perm(builder);
	for (uint64_t k = 0; k < PERM_ARRAYS; k++) {
		imago_oop made = imago_builder_new_pointers(builder, array, PERM_ARRAY_SLOTS);
		imago_builder_store(builder, made, k, olds[k % 2]);
		if (k < 4) {
			imago_builder_store(builder, external, k, made);
		}
	}
	return builder;
}

/* The whole pages of permanent space. */
static void
protect(const imago_object_memory *memory, int protection)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)memory->bytes + page - 1) / page * page;
	uintptr_t size = (uintptr_t)(memory->perm_top - memory->base);
	uintptr_t to = ((uintptr_t)memory->bytes + size) / page * page;
	assert_true(to > from + page);
	assert_int_equal(mprotect((void *)from, to - from, protection), 0);
}

/* Any store to a protected page would end this program; the rest is compared. */
static void
scavenges_and_old_space_collections_do_not_write_to_permanent_space(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		open_built(&f, begin_with_perm(&f, &test_layouts[i]), 0);
		uint64_t size = f.memory->perm_top - f.memory->base;
		uint8_t *before = imago_allocate(&f.allocator, size, "copy", NULL);
		assert_non_null(before);
		memcpy(before, f.memory->bytes, (size_t)size);
		protect(f.memory, PROT_READ);
		for (int k = 0; k < 3000; k++) {
			f.roots[k % 7] = new_array(&f, (uint64_t)k % 90);
		}
		uint64_t num_old = f.memory->collections.num_old;
		assert_true(imago_memory_collect(f.memory, false));
		assert_true(imago_memory_scavenge(f.memory));
		protect(f.memory, PROT_READ | PROT_WRITE);
		assert_int_equal(f.memory->collections.num_old, num_old + 1);
		assert_memory_equal(f.memory->bytes, before, (size_t)size);
		for (uint64_t k = 0; k < 4; k++) {
			imago_oop old = imago_memory_slot(f.memory, built(&f, k), k, f.kind);
			assert_int_equal(imago_memory_num_slots(f.memory, old, f.kind), 4 + k % 2);
		}
		imago_release(&f.allocator, before, size);
		close_memory(&f);
	}
}

/* What the image itself stores there is found again, wherever it goes. */
static void
what_permanent_objects_are_given_is_remembered(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		open_built(&f, begin_with_perm(&f, &test_layouts[i]), 0);
		for (uint64_t k = 0; k < 4; k++) {
			imago_memory_set_slot(f.memory, built(&f, k), 77, new_array(&f, 10 + k), f.kind);
		}
		assert_null(imago_memory_audit(f.memory));
		assert_true(imago_memory_scavenge(f.memory));
		assert_null(imago_memory_audit(f.memory));
		for (int round = 0; round < 4; round++) {
			assert_true(imago_memory_collect(f.memory, round == 2));
			assert_null(imago_memory_audit(f.memory));
			for (uint64_t k = 0; k < 4; k++) {
				imago_oop old = imago_memory_slot(f.memory, built(&f, k), 77, f.kind);
				assert_int_equal(imago_memory_num_slots(f.memory, old, f.kind), 10 + k);
			}
		}
		/* A store that only the raw way makes is what the audit is for. */
		imago_memory_set_slot_raw(f.memory, built(&f, 3), 78, new_array(&f, 1), f.kind);
		assert_non_null(imago_memory_audit(f.memory));
		imago_memory_set_slot_raw(f.memory, built(&f, 3), 78, f.memory->nil, f.kind);
		close_memory(&f);
	}
}

/* 60 of the 64 arrays in permanent space are garbage that only a global collection takes. */
static void
only_a_global_collection_takes_permanent_garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		open_built(&f, begin_with_perm(&f, &test_layouts[i]), 0);
		uint64_t perm = f.memory->perm_top - f.memory->base;
		assert_true(imago_memory_collect(f.memory, false));
		assert_int_equal(f.memory->perm_top - f.memory->base, perm);
		assert_true(imago_memory_collect(f.memory, true));
		assert_true(f.memory->perm_top - f.memory->base < perm / 10);
		for (uint64_t k = 0; k < 4; k++) {
			imago_oop old = imago_memory_slot(f.memory, built(&f, k), k, f.kind);
			assert_int_equal(imago_memory_num_slots(f.memory, old, f.kind), 4 + k % 2);
		}
		close_memory(&f);
	}
}

static void
expect_clean_image(memory_fixture *f)
{
	imago_error error;
	imago_heap *heap;
	assert_ok(imago_memory_snapshot(f->memory, &heap, &f->allocator, &error), &error);
	assert_clean(heap);
	imago_heap_destroy(heap);
}

/* Something for each part of a collector, in all spaces: garbage in front, arrays that refer up and
 * down, weak slots; Spur: an ephemeron, permanent space. */
static imago_builder *
begin_with_everything(memory_fixture *f, const test_layout *layout)
{
	imago_oop external;
	imago_builder *builder = begin_image(f, layout, &external);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop weak = imago_builder_new_pointers(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_WEAK_ARRAY), 1);
	(void)imago_builder_new_pointers(builder, array, 100);
	imago_builder_store(builder, external, 0, weak);
	imago_builder_store(builder, weak, 0, imago_builder_new_pointers(builder, array, 1));
	imago_builder_store(builder, external, 7, imago_builder_new_pointers(builder, array, 7));
	if (layout->model == IMAGO_SPUR) {
		imago_oop ephemeron = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_EPHEMERON), 3);
		imago_builder_store(builder, external, 1, ephemeron);
		imago_builder_store(builder, ephemeron, 0, imago_builder_new_pointers(builder, array, 1));
		imago_builder_begin_perm(builder);
		imago_oop made = imago_builder_new_pointers(builder, array, PERM_ARRAY_SLOTS);
		imago_builder_store(builder, made, 5, ephemeron);
		imago_builder_store(builder, external, 2, made);
	}
	return builder;
}

/* Collects with the k-th allocation failing. False: it was not done, and nothing has changed. */
static bool
collect_failing(const test_layout *layout, bool global, uint64_t k)
{
	memory_fixture f;
	open_built(&f, begin_with_everything(&f, layout), 0);
	f.roots[0] = new_array(&f, 9);
	imago_memory_set_slot(f.memory, built(&f, 7), 3, f.roots[0], f.kind);
	assert_true(imago_memory_scavenge(f.memory));
	uint64_t size = f.memory->old_top - f.memory->base;
	uint8_t *before = imago_allocate(&f.allocator, size, "copy", NULL);
	assert_non_null(before);
	memcpy(before, f.memory->bytes, (size_t)size);
	f.allocator.fail_at = f.allocator.num_calls + k;
	bool done = imago_memory_collect(f.memory, global);
	f.allocator.fail_at = 0;
	assert_int_equal(f.memory->collections.num_abandoned, !done);
	if (!done) {
		assert_int_equal(f.memory->old_top - f.memory->base, size);
		assert_memory_equal(f.memory->bytes, before, (size_t)size);
		assert_null(imago_memory_audit(f.memory));
	}
	expect_clean_image(&f);
	/* What was not done is done now. */
	assert_true(done || imago_memory_collect(f.memory, global));
	assert_int_equal(f.memory->collections.num_fired, layout->model == IMAGO_SPUR);
	assert_int_equal(f.memory->collections.num_weak_cleared, 1);
	assert_int_equal(imago_memory_slot(f.memory, built(&f, 7), 3, f.kind), f.roots[0]);
	imago_release(&f.allocator, before, size);
	close_memory(&f);
	return done;
}

/* A collection for which there is no memory is not done; the next one is. */
static void
a_collection_without_memory_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (int global = 0; global < 2; global++) {
			uint64_t k = 1;
			while (!collect_failing(&test_layouts[i], global == 1, k)) {
				k++;
			}
			assert_true(k > 5); /* bits, places, stack, lists */
		}
	}
}

/* A become for which there is no memory is not done either. */
static void
a_become_without_memory_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		bool done = false;
		for (uint64_t k = 1; !done; k++) {
			memory_fixture f;
			open_built(&f, begin_with_everything(&f, &test_layouts[i]), 0);
			imago_oop one = new_array(&f, 9);
			imago_oop other = built(&f, 7);
			f.roots[0] = one;
			uint64_t size = f.memory->eden_top - f.memory->base;
			uint8_t *before = imago_allocate(&f.allocator, size, "copy", NULL);
			assert_non_null(before);
			memcpy(before, f.memory->bytes, (size_t)size);
			f.allocator.fail_at = f.allocator.num_calls + k;
			done = imago_memory_become(f.memory, &one, &other, 1, true, false);
			f.allocator.fail_at = 0;
			assert_int_equal(f.roots[0], done ? other : one);
			assert_int_equal(built(&f, 7), done ? one : other);
			assert_int_equal(memcmp(f.memory->bytes, before, (size_t)size) == 0, !done);
			imago_release(&f.allocator, before, size);
			expect_clean_image(&f);
			close_memory(&f);
		}
	}
}

/* Remembered sets that cannot grow are complete all the same. */
static void
remembered_sets_that_cannot_grow_lose_nothing(void **state)
{
	(void)state;
	for (uint64_t fail = 1; fail < 3; fail++) {
		memory_fixture f;
		open_built(&f, begin_with_perm(&f, &test_layouts[fail]), 0);
		imago_oop value = new_array(&f, 5);
		f.allocator.budget = f.allocator.used; /* nothing more */
		uint64_t count = 0;
		for (imago_oop oop = imago_memory_first(f.memory); oop != 0 && oop < f.memory->eden_start;
		     oop = imago_memory_next(f.memory, oop)) {
			if (imago_memory_num_slots(f.memory, oop, f.kind) == PERM_ARRAY_SLOTS ||
			    oop == imago_memory_special(f.memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS)) {
				imago_memory_set_slot(f.memory, oop, 7, value, f.kind);
				count++;
			}
		}
		assert_int_equal(count, PERM_ARRAYS + 1);
		assert_null(imago_memory_audit(f.memory));
		f.allocator.budget = IMAGO_UNLIMITED;
		assert_true(imago_memory_collect(f.memory, false));
		value = imago_memory_slot(f.memory, built(&f, 0), 7, f.kind);
		assert_int_equal(value, built(&f, 7));
		assert_int_equal(imago_memory_num_slots(f.memory, value, f.kind), 5);
		close_memory(&f);
	}
}

/* A class that nothing reaches leaves its entry in the class table to another. */
static void
the_class_table_lets_go_of_dead_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		memory_fixture f;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		imago_oop cls =
		    imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
		                            "Kept", 1, IMAGO_FORMAT_FIXED);
		imago_builder_store(builder, external, 0, imago_builder_new_pointers(builder, cls, 1));
		open_built(&f, builder, 0);
		uint64_t tag = imago_memory_class_tag(f.memory, built(&f, 0));
		assert_true(imago_memory_collect(f.memory, false));
		cls = imago_memory_class_of(f.memory, built(&f, 0));
		assert_int_equal(imago_memory_class_index(f.memory, cls), tag);
		imago_oop outer = imago_memory_special(f.memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
		imago_memory_set_slot(f.memory, outer, 0, f.memory->nil, f.kind);
		uint64_t bytes = old_bytes(&f);
		assert_true(imago_memory_collect(f.memory, false));
		assert_true(old_bytes(&f) < bytes - 64); /* object, class, metaclass, name, dictionaries */
		imago_oop page = imago_memory_slot(f.memory, f.memory->hidden_roots, tag / 1024, f.kind);
		assert_int_equal(imago_memory_slot(f.memory, page, tag % 1024, f.kind), f.memory->nil);
		close_memory(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_nothing_reaches_gives_its_room_back),
	    cmocka_unit_test(a_long_list_needs_no_long_stack),
	    cmocka_unit_test(weak_slots_let_go_of_what_nothing_else_holds),
	    cmocka_unit_test(ephemerons_whose_keys_only_ephemerons_reach_are_mourned),
	    cmocka_unit_test(scavenges_and_old_space_collections_do_not_write_to_permanent_space),
	    cmocka_unit_test(what_permanent_objects_are_given_is_remembered),
	    cmocka_unit_test(only_a_global_collection_takes_permanent_garbage),
	    cmocka_unit_test(a_collection_without_memory_changes_nothing),
	    cmocka_unit_test(a_become_without_memory_changes_nothing),
	    cmocka_unit_test(remembered_sets_that_cannot_grow_lose_nothing),
	    cmocka_unit_test(the_class_table_lets_go_of_dead_classes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
