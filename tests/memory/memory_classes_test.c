/* memory_classes_test.c: classes in the machine's memory: tables that grow, tables that cannot or
 * are gone, and what is no class. */
#include "memory_fixture.h"

enum { CLASS_PAGE = 1024 };

static const imago_memory_options usual = {.growth = 4 << 20, .eden_bytes = 1 << 16};

static imago_oop
new_class(memory_fixture *f)
{
	imago_oop pattern = imago_memory_special(f->memory, IMAGO_SPECIAL_CLASS_ARRAY);
	uint64_t num_slots = imago_memory_num_slots(f->memory, pattern, f->kind);
	assert_true(imago_memory_reserve(f->memory, imago_memory_object_bytes(f->kind, num_slots)));
	pattern = imago_memory_special(f->memory, IMAGO_SPECIAL_CLASS_ARRAY);
	imago_oop cls =
	    make_object(f, imago_memory_class_of(f->memory, pattern), IMAGO_FORMAT_FIXED, num_slots);
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
		memory_fixture f;
		memory_fixture g;
		imago_error error;
		imago_heap *saved;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		open_memory(&f, test_finish(builder), usual);
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
		f.roots[1] = make_object(&f, cls, IMAGO_FORMAT_INDEXABLE, 2);
		assert_int_equal(imago_memory_class_of(f.memory, f.roots[1]), cls);
		assert_int_equal(imago_memory_class_tag(f.memory, f.roots[1]), last);
		imago_oop array = imago_memory_special(f.memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
		imago_memory_set_slot(f.memory, array, 0, f.roots[1], f.kind);
		assert_true(imago_memory_collect(f.memory, false));
		imago_allocator_init(&g.allocator, IMAGO_UNLIMITED);
		assert_ok(imago_memory_snapshot(f.memory, &saved, &g.allocator, &error), &error);
		open_memory(&g, saved, usual);
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
	memory_fixture f;
	imago_oop external;
	imago_builder *builder = begin_image(&f, &test_layouts[0], &external);
	open_memory(&f, test_finish(builder),
	            (imago_memory_options){.growth = 1 << 17, .eden_bytes = 1 << 12});
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
		memory_fixture f;
		imago_oop external;
		imago_builder *builder = begin_image(&f, &test_layouts[i], &external);
		imago_oop bytes = imago_builder_new_string(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING), "no class at all");
		imago_builder_store(builder, external, 0, bytes);
		open_memory(&f, test_finish(builder), usual);
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
	memory_fixture f;
	imago_oop external;
	imago_builder *builder = begin_image(&f, test_layout_find("v3"), &external);
	open_memory(&f, test_finish(builder), usual);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(new_classes_are_given_places_in_the_table),
	    cmocka_unit_test(a_class_without_a_place_has_no_instances),
	    cmocka_unit_test(what_is_no_class_has_no_instances),
	    cmocka_unit_test(compact_classes_that_are_gone_leave_objects_without_a_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
