/* check_escapes_test.c: damage that once came through the checker unseen. */
#include "assertions.h"

#include <string.h>

#include "imago/byte_order.h"
#include "imago/check.h"
#include "imago/class_table.h"
#include "imago/known_objects.h"

#include "layouts.h"
#include "small_image.h"

enum { V3_TYPE_BITS = 3, COMPACT_POINT = 9, STACK_POINTER = 2, CONTEXT_SLOTS = 22 };

/* How often a rule was broken; nothing else may be, but for warnings. */
typedef struct breaches {
	const char *rule;
	size_t count;
} breaches;

static bool
count_breach(const imago_finding *finding, void *payload)
{
	breaches *broken = payload;
	if (finding->rule->severity == IMAGO_ERROR) {
		assert_string_equal(finding->rule->name, broken->rule);
		broken->count++;
	}
	return true;
}

/* Checks the heap and destroys it. */
static void
assert_broken_once(imago_heap *heap, const char *rule, imago_allocator *allocator)
{
	breaches broken = {.rule = rule};
	imago_check_sink sink;
	imago_error error;
	assert_non_null(heap);
	imago_check_sink_init(&sink, NULL, count_breach, &broken);
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	assert_int_equal(broken.count, 1);
	imago_heap_destroy(heap);
	assert_no_leak(allocator);
}

/* The checker took a class word of 0 for the absence of one; relocation did not. */
static void
a_v3_class_word_of_zero_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		const test_layout *layout = &test_layouts[i];
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(layout, &allocator);
		imago_oop cls =
		    imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
		                            "Lone", 0, IMAGO_FORMAT_EMPTY);
		imago_oop lone = imago_builder_new_pointers(builder, cls, 0);
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		if (heap->model != IMAGO_V3) {
			imago_heap_destroy(heap);
			continue;
		}
		uint8_t *word = imago_heap_writable_bytes(heap, lone - 4, 4);
		assert_non_null(word);
		imago_byte_order order = layout->layout.byte_order;
		imago_store_u32(word, imago_load_u32(word, order) & V3_TYPE_BITS, order);
		assert_broken_once(heap, "v3.classWord", &allocator);
	}
}

/* Only entries were asked whether they belong there; a class whose entry is nil was not missed,
 * though its next instance would have nil for a class. */
static void
a_v3_class_that_is_missing_from_the_compact_classes_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		if (heap->model != IMAGO_V3) {
			imago_heap_destroy(heap);
			continue;
		}
		imago_object specials, table;
		imago_error error;
		assert_ok(
		    imago_heap_decode_object(heap, heap->header.special_objects_oop, &specials, &error),
		    &error);
		imago_oop nil = imago_heap_fetch_slot(heap, &specials, IMAGO_SPECIAL_NIL);
		imago_oop array = imago_heap_fetch_slot(heap, &specials, IMAGO_SPECIAL_COMPACT_CLASSES);
		assert_ok(imago_heap_decode_object(heap, array, &table, &error), &error);
		assert_int_not_equal(imago_heap_fetch_slot(heap, &table, COMPACT_POINT - 1), nil);
		imago_heap_store_slot(heap, &table, COMPACT_POINT - 1, nil);
		assert_broken_once(heap, "v3.compactClassIndex", &allocator);
	}
}

/* A context with neither pc, method nor sender runs never, but V3 collectors trace as many of its
 * slots as its stack pointer says. */
static void
a_stack_pointer_out_of_bounds_is_found_in_a_blank_context_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop blank = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), CONTEXT_SLOTS);
		imago_builder_store(builder, blank, STACK_POINTER, imago_builder_integer(builder, 1000));
		assert_broken_once(test_finish(builder), "context.stackPointer", &allocator);
	}
}

/* A class without instances hangs on its metaclass alone, which holds it in slot 5, 6 or 3 as the
 * image is old or new; it was looked for in slot 5. */
static void
a_class_without_instances_is_checked_wherever_its_metaclass_holds_it(void **state)
{
	(void)state;
	enum { SUPERCLASS = 0, MINIMAL_INSTANCE = 3, INSTANCE = 5 };
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_class_table table;
		imago_object object, metaclass;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop cls =
		    imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
		                            "Lone", 0, IMAGO_FORMAT_EMPTY);
		imago_builder_store(builder, cls, SUPERCLASS, cls);
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
		assert_ok(imago_heap_decode_object(heap, cls, &object, &error), &error);
		imago_oop oop = imago_class_of_object(&table, &object);
		imago_class_table_release(&table);
		assert_ok(imago_heap_decode_object(heap, oop, &metaclass, &error), &error);
		imago_oop nothing = imago_heap_fetch_slot(heap, &metaclass, MINIMAL_INSTANCE);
		assert_int_equal(imago_heap_fetch_slot(heap, &metaclass, INSTANCE), cls);
		imago_heap_store_slot(heap, &metaclass, INSTANCE, nothing);
		imago_heap_store_slot(heap, &metaclass, MINIMAL_INSTANCE, cls);
		assert_broken_once(heap, "class.superclassCycle", &allocator);
	}
}

/* What lies behind a forwarder was left to the rule that frowns on it, which only warns. */
static void
a_superclass_that_is_none_is_found_behind_a_forwarder(void **state)
{
	(void)state;
	enum { SUPERCLASS = 0 };
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		if (test_layouts[i].model != IMAGO_SPUR) {
			continue;
		}
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop cls =
		    imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
		                            "Lone", 0, IMAGO_FORMAT_EMPTY);
		imago_oop none = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 1);
		imago_oop forwarder = imago_builder_new_forwarder(builder, none);
		imago_builder_store(builder, cls, SUPERCLASS, forwarder);
		assert_broken_once(test_finish(builder), "class.superclass", &allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_v3_class_word_of_zero_is_found),
	    cmocka_unit_test(a_v3_class_that_is_missing_from_the_compact_classes_is_found),
	    cmocka_unit_test(a_stack_pointer_out_of_bounds_is_found_in_a_blank_context_too),
	    cmocka_unit_test(a_class_without_instances_is_checked_wherever_its_metaclass_holds_it),
	    cmocka_unit_test(a_superclass_that_is_none_is_found_behind_a_forwarder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
