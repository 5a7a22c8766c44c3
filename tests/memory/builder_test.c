/* builder_test.c: built images have what formats/spur/spur.md §8-§12 and formats/v3/v3.md §3-§5 ask
 * for, in every layout. */
#include "assertions.h"
#include "layouts.h"
#include "pointer_audit.h"
#include "small_image.h"

#include <string.h>

#include "imago/class_table.h"
#include "imago/known_objects.h"
#include "imago/method.h"
#include "imago/object_index.h"
#include "imago/walk.h"

enum { SLOT_METHODS = 1, SLOT_NAME = 6 };

/* Makes one heap per layout, and releases it. */
typedef imago_heap *make_fn(const test_layout *layout, imago_allocator *allocator);
typedef void look_fn(const test_layout *layout, const imago_heap *heap);

static void
in_every_layout(size_t num_layouts, make_fn *make, look_fn *look)
{
	for (size_t i = 0; i < num_layouts; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = make(&test_layouts[i], &allocator);
		assert_non_null(heap);
		look(&test_layouts[i], heap);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
look_at_pointers(const test_layout *layout, const imago_heap *heap)
{
	pointer_audit audit = pointer_audit_of(heap);
	print_message("%-15s %llu objects, %llu pointers\n", layout->name,
	              (unsigned long long)audit.num_objects, (unsigned long long)audit.num_pointers);
	assert_true(audit.walked);
	assert_true(audit.num_objects > 300);
	assert_int_equal(audit.num_dangling, 0);
	assert_int_equal(audit.num_classless, 0);
}

static void
every_pointer_hits_an_object(void **state)
{
	(void)state;
	in_every_layout(NUM_TEST_LAYOUTS, small_heap, look_at_pointers);
	in_every_layout(NUM_TEST_LAYOUTS, varied_heap, look_at_pointers);
	in_every_layout(NUM_SPUR_TEST_LAYOUTS, perm_heap, look_at_pointers);
}

static void
look_at_header(const test_layout *layout, const imago_heap *heap)
{
	const imago_image_header *header = &heap->header;
	bool wide = layout->layout.word_bytes == 8;
	assert_int_equal(header->image_format, layout->image_format);
	assert_int_equal(header->header_size, wide ? 128 : 64);
	assert_int_equal(header->data_size, imago_heap_data_size(heap));
	assert_int_equal(header->old_base_address, heap->segments[0].start);
	assert_true(imago_layout_equal(heap->layout, layout->layout));
	assert_int_equal(
	    header->first_segment_size,
	    layout->model == IMAGO_V3 ? 0 : heap->segments[0].size + heap->segments[0].bridge_size);
	imago_census census;
	imago_error error;
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_int_equal(header->free_old_space, census.free_bytes);
	assert_int_equal(census.num_puns, 0);
}

static void
the_header_describes_the_heap(void **state)
{
	(void)state;
	in_every_layout(NUM_TEST_LAYOUTS, small_heap, look_at_header);
	in_every_layout(NUM_TEST_LAYOUTS, varied_heap, look_at_header);
}

static void
look_at_first_objects(const test_layout *layout, const imago_heap *heap)
{
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	bool wide = layout->layout.word_bytes == 8;
	assert_int_equal(known.nil.oop, heap->segments[0].start);
	assert_int_equal(known.nil.oop, imago_special_object_at(heap, IMAGO_SPECIAL_NIL));
	assert_int_equal(known.false_object.oop, imago_special_object_at(heap, IMAGO_SPECIAL_FALSE));
	assert_int_equal(known.true_object.oop, imago_special_object_at(heap, IMAGO_SPECIAL_TRUE));
	assert_int_equal(known.free_lists.num_slots, wide ? 64 : 32);
	assert_int_equal(known.free_lists.class_index, wide ? 19 : 18);
	assert_int_equal(known.hidden_roots.num_slots, IMAGO_HIDDEN_ROOTS_SLOTS);
	assert_int_equal(known.hidden_roots.class_index, 16);
}

static void
a_spur_heap_begins_with_the_five_known_objects(void **state)
{
	(void)state;
	in_every_layout(NUM_SPUR_TEST_LAYOUTS, small_heap, look_at_first_objects);
}

static void
look_at_class_table(const test_layout *layout, const imago_heap *heap)
{
	static const struct {
		uint32_t index;
		imago_special special;
	} fixed[] = {{1, IMAGO_SPECIAL_CLASS_SMALL_INTEGER},
	             {2, IMAGO_SPECIAL_CLASS_CHARACTER},
	             {32, IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER},
	             {33, IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER},
	             {34, IMAGO_SPECIAL_CLASS_FLOAT},
	             {36, IMAGO_SPECIAL_CLASS_CONTEXT},
	             {51, IMAGO_SPECIAL_CLASS_ARRAY}};
	imago_allocator allocator;
	imago_class_table table;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		assert_int_equal(imago_class_table_at(&table, fixed[i].index),
		                 imago_special_object_at(heap, fixed[i].special));
	}
	uint32_t num_classes = 0;
	for (uint32_t i = 0; i < table.num_entries; i++) {
		imago_addr cls = imago_class_table_at(&table, i);
		imago_object object;
		if (cls == 0) {
			continue;
		}
		num_classes++;
		assert_ok(imago_heap_decode_object(heap, cls, &object, &error), &error);
		assert_int_equal(imago_class_table_at(&table, object.identity_hash), cls);
		assert_true(imago_class_shape_of(heap, &object).is_class);
	}
	assert_true(num_classes > 60);
	assert_true((imago_class_table_at(&table, 4) != 0) == (layout->layout.word_bytes == 8));
	imago_class_table_release(&table);
}

static void
every_class_stands_in_the_table_at_its_hash(void **state)
{
	(void)state;
	in_every_layout(NUM_SPUR_TEST_LAYOUTS, varied_heap, look_at_class_table);
}

/* The class of an object, decoded. */
static imago_object
class_of(const imago_heap *heap, const imago_class_table *table, const imago_object *object)
{
	imago_object cls;
	imago_error error;
	assert_ok(imago_heap_decode_object(heap, imago_class_of_object(table, object), &cls, &error),
	          &error);
	return cls;
}

/* A class's metaclass inherits from its superclass's, and at the root from Class; each is an
 * instance of Metaclass. */
static void
look_at_metaclasses(const test_layout *layout, const imago_heap *heap)
{
	(void)layout;
	imago_allocator allocator;
	imago_class_table table;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
	imago_oop nil = imago_heap_nil(heap);
	imago_object cls;
	assert_ok(imago_heap_decode_object(
	              heap, imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_SEMAPHORE), &cls, &error),
	          &error);
	char name[64];
	imago_class_name(heap, cls.oop, name, sizeof(name));
	assert_string_equal(name, "Semaphore");
	int depth = 0;
	imago_object metaclass = class_of(heap, &table, &cls);
	imago_class_name(heap, metaclass.oop, name, sizeof(name));
	assert_string_equal(name, "Semaphore class");
	for (;; depth++) {
		metaclass = class_of(heap, &table, &cls);
		imago_object meta = class_of(heap, &table, &metaclass);
		imago_class_name(heap, meta.oop, name, sizeof(name));
		assert_string_equal(name, "Metaclass");
		imago_oop superclass = imago_heap_fetch_slot(heap, &cls, 0);
		imago_oop above = imago_heap_fetch_slot(heap, &metaclass, 0);
		if (superclass == nil) {
			imago_class_name(heap, above, name, sizeof(name));
			assert_string_equal(name, "Class");
			break;
		}
		assert_ok(imago_heap_decode_object(heap, superclass, &cls, &error), &error);
		assert_int_equal(class_of(heap, &table, &cls).oop, above);
	}
	assert_int_equal(depth, 2);
	imago_class_table_release(&table);
}

static void
metaclasses_mirror_the_classes(void **state)
{
	(void)state;
	in_every_layout(NUM_TEST_LAYOUTS, small_heap, look_at_metaclasses);
}

/* What instances of an object's class must be like, format by format. */
static void
look_at_instances(const test_layout *layout, const imago_heap *heap)
{
	(void)layout;
	imago_allocator allocator;
	imago_class_table table;
	imago_walker walker;
	imago_object object;
	imago_error error;
	bool spur = heap->model == IMAGO_SPUR;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind != IMAGO_OBJECT_ORDINARY) {
			continue;
		}
		imago_object cls = class_of(heap, &table, &object);
		imago_class_shape shape = imago_class_shape_of(heap, &cls);
		imago_format_facts declared =
		    imago_format_facts_of(heap->model, heap->layout.word_bytes, shape.format);
		assert_int_equal(object.body_kind, declared.body);
		assert_in_range(shape.num_named, 0, object.num_slots);
		if (object.body_kind == IMAGO_BODY_POINTERS) {
			assert_int_equal(object.format, shape.format);
		}
		if (!spur) {
			assert_int_equal(object.class_index, shape.compact_index);
			assert_int_not_equal(object.identity_hash, 0);
		}
	}
	assert_ok(walker.status, &error);
	imago_class_table_release(&table);
}

static void
every_object_is_what_its_class_declares(void **state)
{
	(void)state;
	in_every_layout(NUM_TEST_LAYOUTS, varied_heap, look_at_instances);
}

/* Looks a selector up as an interpreter would: the method, or 0. */
static imago_oop
look_up(const imago_heap *heap, imago_oop cls, imago_oop selector)
{
	imago_object object;
	imago_object key;
	imago_object values;
	assert_int_equal(imago_heap_decode_object(heap, cls, &object, NULL), IMAGO_OK);
	assert_int_equal(imago_heap_decode_object(heap, selector, &key, NULL), IMAGO_OK);
	imago_oop dictionary = imago_heap_fetch_slot(heap, &object, SLOT_METHODS);
	assert_int_equal(imago_heap_decode_object(heap, dictionary, &object, NULL), IMAGO_OK);
	imago_oop methods = imago_heap_fetch_slot(heap, &object, 1);
	assert_int_equal(imago_heap_decode_object(heap, methods, &values, NULL), IMAGO_OK);
	uint64_t size = object.num_slots - 2;
	assert_int_equal(size & (size - 1), 0);
	assert_int_equal(values.num_slots, size);
	for (uint64_t i = 0; i < size; i++) {
		uint64_t index = (key.identity_hash + i) & (size - 1);
		imago_oop found = imago_heap_fetch_slot(heap, &object, 2 + index);
		if (found == selector) {
			return imago_heap_fetch_slot(heap, &values, index);
		}
		if (found == imago_heap_nil(heap)) {
			return 0;
		}
	}
	return 0;
}

enum { NUM_METHODS = 100 };

static void
probing_finds_installed_methods_in(const test_layout *layout)
{
	static const uint8_t bytecodes[] = {120, 0};
	imago_oop selectors[NUM_METHODS];
	imago_oop methods[NUM_METHODS];
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_POINT);
	imago_builder_method method = {
	    .num_literals = 1, .bytecodes = bytecodes, .num_bytecodes = sizeof(bytecodes)};
	for (size_t i = 0; i < NUM_METHODS; i++) {
		/* Strings have no hash in Spur: installing gives them one. */
		selectors[i] = imago_builder_new_string(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING), "selector");
		methods[i] = imago_builder_new_method(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
		imago_builder_install_method(builder, cls, selectors[i], methods[i]);
	}
	imago_builder_install_method(builder, cls, selectors[7], methods[8]);
	methods[7] = methods[8];
	imago_oop absent = imago_builder_new_string(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_SYMBOL), "absent");
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	for (size_t i = 0; i < NUM_METHODS; i++) {
		assert_int_equal(look_up(heap, cls, selectors[i]), methods[i]);
	}
	assert_int_equal(look_up(heap, cls, absent), 0);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
probing_finds_installed_methods(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		probing_finds_installed_methods_in(&test_layouts[i]);
	}
}

static void
method_headers_say_what_was_asked_in(const test_layout *layout, bool sista)
{
	static const uint8_t bytecodes[] = {1, 2, 3, 4, 5};
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	imago_builder_method wanted = {.num_literals = 200,
	                               .num_args = 3,
	                               .num_temps = 9,
	                               .primitive = 614,
	                               .large_frame = true,
	                               .sista = sista,
	                               .bytecodes = bytecodes,
	                               .num_bytecodes = sizeof(bytecodes)};
	imago_oop oop = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &wanted);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	imago_object object;
	assert_int_equal(imago_heap_decode_object(heap, oop, &object, NULL), IMAGO_OK);
	imago_method method = imago_method_decode(heap, &object);
	assert_true(method.header_is_integer && method.has_primitive && method.large_frame);
	assert_false(method.primitive_call_missing);
	assert_int_equal(method.sista, sista);
	assert_int_equal(method.num_literals, 200);
	assert_int_equal(method.num_args, 3);
	assert_int_equal(method.num_temps, 9);
	assert_int_equal(method.primitive, 614);
	uint64_t call = heap->model == IMAGO_SPUR ? 3 : 0;
	assert_int_equal(method.end - method.first_bytecode, call + sizeof(bytecodes));
	assert_memory_equal(imago_object_bytes(heap, &object) + method.first_bytecode + call, bytecodes,
	                    sizeof(bytecodes));
	imago_heap_destroy(heap);
}

static void
method_headers_say_what_was_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		method_headers_say_what_was_asked_in(&test_layouts[i], false);
		if (test_layouts[i].model == IMAGO_SPUR) {
			method_headers_say_what_was_asked_in(&test_layouts[i], true);
		}
	}
}

static void
the_same_calls_give_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		test_image one = varied_image(&test_layouts[i], &allocator);
		test_image other = varied_image(&test_layouts[i], &allocator);
		assert_non_null(one.bytes);
		assert_int_equal(one.size, other.size);
		assert_memory_equal(one.bytes, other.bytes, (size_t)one.size);
		test_image_release(&one);
		test_image_release(&other);
		assert_no_leak(&allocator);
	}
}

static imago_status
build_once(imago_allocator *allocator, imago_error *error, void *payload)
{
	const test_layout *layout = payload;
	imago_builder_options options = {.image_format = layout->image_format,
	                                 .byte_order = layout->layout.byte_order};
	imago_builder *builder = NULL;
	imago_heap *heap = NULL;
	imago_status status = imago_builder_create(&builder, &options, allocator, error);
	if (status == IMAGO_OK) {
		imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		imago_builder_new_pointers(builder, array, 100000);
		if (layout->model == IMAGO_SPUR) {
			imago_builder_add_free_chunk(builder, 64);
			imago_builder_next_segment(builder, 8);
		}
		imago_builder_new_pointers(builder, array, 1000);
		status = imago_builder_finish(builder, &heap, error);
	}
	imago_builder_destroy(builder);
	imago_heap_destroy(heap);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		test_layout layout = test_layouts[i];
		assert_every_allocation_failure_is_reported(build_once, &layout);
	}
}

static void
classes_past_the_second_page_get_a_third(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[0], &allocator);
	assert_non_null(builder);
	imago_oop object = imago_builder_class(builder, IMAGO_KERNEL_OBJECT);
	imago_oop cls = 0;
	for (int i = 0; i < 600; i++) {
		cls = imago_builder_new_class(builder, object, "Many", 1, IMAGO_FORMAT_FIXED);
	}
	imago_oop instance = imago_builder_new_pointers(builder, cls, 1);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	imago_object decoded;
	assert_int_equal(imago_heap_decode_object(heap, instance, &decoded, NULL), IMAGO_OK);
	assert_true(decoded.class_index >= 2048);
	pointer_audit audit = pointer_audit_of(heap);
	assert_true(audit.walked);
	assert_int_equal(audit.num_dangling + audit.num_classless, 0);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_pointer_hits_an_object),
	    cmocka_unit_test(the_header_describes_the_heap),
	    cmocka_unit_test(a_spur_heap_begins_with_the_five_known_objects),
	    cmocka_unit_test(every_class_stands_in_the_table_at_its_hash),
	    cmocka_unit_test(metaclasses_mirror_the_classes),
	    cmocka_unit_test(every_object_is_what_its_class_declares),
	    cmocka_unit_test(probing_finds_installed_methods),
	    cmocka_unit_test(method_headers_say_what_was_asked),
	    cmocka_unit_test(the_same_calls_give_the_same_bytes),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	    cmocka_unit_test(classes_past_the_second_page_get_a_third),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
