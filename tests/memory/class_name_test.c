/* class_name_test.c: names of classes are printable, bounded text, whatever the heap says; and
 * compact classes may be fewer than 31. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <string.h>

#include "imago/class_table.h"
#include "imago/known_objects.h"

enum { NAME_SIZE = 40, CLASS_NAME = 6, SOLE_INSTANCE = 5 };

typedef void class_test_fn(imago_heap *heap, imago_oop cls, const test_layout *layout);

/* Runs a test in a heap with a class named "Lone". */
static void
with_class(class_test_fn *test)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop cls =
		    imago_builder_new_class(builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT),
		                            "Lone", 0, IMAGO_FORMAT_EMPTY);
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		test(heap, cls, &test_layouts[i]);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
assert_name(const imago_heap *heap, imago_oop cls, size_t size, const char *expected)
{
	char text[NAME_SIZE];
	memset(text, 0x7F, sizeof text);
	imago_class_name(heap, cls, text, size);
	assert_string_equal(text, expected);
	assert_int_equal(text[size], 0x7F);
}

static imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	imago_error error;
	assert_ok(imago_heap_decode_object(heap, oop, &object, &error), &error);
	return object;
}

static imago_oop
metaclass_of(const imago_heap *heap, imago_oop cls)
{
	imago_allocator allocator;
	imago_class_table table;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_object object = decode(heap, cls);
	assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
	imago_oop metaclass = imago_class_of_object(&table, &object);
	imago_class_table_release(&table);
	return metaclass;
}

static void
cut_name(imago_heap *heap, imago_oop cls, const test_layout *layout)
{
	(void)layout;
	imago_oop metaclass = metaclass_of(heap, cls);
	char untouched = 0x7F;
	imago_class_name(heap, cls, &untouched, 0);
	assert_int_equal(untouched, 0x7F);
	assert_name(heap, cls, 1, "");
	assert_name(heap, cls, 2, "L");
	assert_name(heap, cls, 4, "Lon");
	assert_name(heap, cls, 5, "Lone");
	assert_name(heap, metaclass, 11, "Lone class");
	assert_name(heap, metaclass, 10, "Lone"); /* no part of the suffix */
}

static void
a_name_is_cut_to_the_room_there_is(void **state)
{
	(void)state;
	with_class(cut_name);
}

static void
blemish_name(imago_heap *heap, imago_oop cls, const test_layout *layout)
{
	(void)layout;
	imago_object object = decode(heap, cls);
	imago_object name = decode(heap, imago_heap_fetch_slot(heap, &object, CLASS_NAME));
	uint8_t *bytes = imago_heap_writable_bytes(heap, name.body, 4);
	assert_non_null(bytes);
	static const uint8_t unprintable[4] = {0x1F, 0x7F, 0xE4, '~'};
	memcpy(bytes, unprintable, sizeof unprintable);
	assert_name(heap, cls, NAME_SIZE - 1, "???~");
	assert_name(heap, metaclass_of(heap, cls), NAME_SIZE - 1, "???~ class");
}

static void
what_is_no_printable_ascii_becomes_question_marks(void **state)
{
	(void)state;
	with_class(blemish_name);
}

static void
lose_name(imago_heap *heap, imago_oop cls, const test_layout *layout)
{
	imago_object object = decode(heap, cls);
	imago_object meta = decode(heap, metaclass_of(heap, cls));
	const imago_segment *last = &heap->segments[heap->num_segments - 1];
	imago_oop names[] = {imago_heap_nil(heap), cls, last->start + last->size + 64, 0};
	assert_true(imago_oop_from_integer(heap->tagging, 7, &names[3]));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		imago_heap_store_slot(heap, &object, CLASS_NAME, names[i]);
		assert_name(heap, cls, NAME_SIZE - 1, "?");
		assert_name(heap, meta.oop, NAME_SIZE - 1, "?");
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		imago_heap_store_slot(heap, &meta, SOLE_INSTANCE, names[i]);
		assert_name(heap, meta.oop, NAME_SIZE - 1, "?");
	}
	assert_name(heap, names[2], NAME_SIZE - 1, "?");
	assert_name(heap, names[3], NAME_SIZE - 1, "?");
	assert_name(heap, cls + layout->layout.word_bytes + 1, NAME_SIZE - 1, "?");
}

static void
a_class_without_a_name_is_a_question_mark(void **state)
{
	(void)state;
	with_class(lose_name);
}

/* V3: the array may be of any length; indices past its end name no class. */
static void
fewer_compact_classes_than_usual_are_read(void **state)
{
	(void)state;
	enum { FEW = 8 };
	for (size_t i = NUM_SPUR_TEST_LAYOUTS; i < NUM_TEST_LAYOUTS; i++) {
		for (uint64_t length = 0; length <= FEW; length += FEW) {
			imago_allocator allocator;
			imago_class_table table;
			imago_error error;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_builder *builder = test_builder(&test_layouts[i], &allocator);
			imago_oop array = imago_builder_new_pointers(
			    builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), length);
			imago_oop object = imago_builder_class(builder, IMAGO_KERNEL_OBJECT);
			if (length > 0) {
				imago_builder_store(builder, array, length - 1, object);
			}
			imago_heap *heap = test_finish(builder);
			assert_non_null(heap);
			imago_object specials = decode(heap, heap->header.special_objects_oop);
			imago_heap_store_slot(heap, &specials, IMAGO_SPECIAL_COMPACT_CLASSES, array);
			assert_ok(imago_class_table_create(&table, heap, &allocator, &error), &error);
			assert_int_equal(table.num_entries, length > 0 ? length + 1 : 0);
			assert_int_equal(imago_class_table_at(&table, FEW), length > 0 ? object : 0);
			assert_int_equal(imago_class_table_at(&table, FEW + 1), 0);
			imago_class_table_release(&table);
			imago_heap_destroy(heap);
			assert_no_leak(&allocator);
		}
	}
}

/* A name is an object of bytes that has some: no other bits, and no empty string. */
static void
what_is_no_string_of_bytes_is_no_name(void **state)
{
	static const struct {
		imago_kernel_class of;
		uint64_t num_elements;
		const char *expected;
	} rows[] = {
	    {IMAGO_KERNEL_BYTE_STRING, 0, "?"},
	    {IMAGO_KERNEL_BYTE_STRING, 2, "??"},
	    {IMAGO_KERNEL_BITMAP, 2, "?"},
	    {IMAGO_KERNEL_DOUBLE_BYTE_ARRAY, 4, "?"},
	};
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS * sizeof rows / sizeof rows[0]; i++) {
		const test_layout *layout = &test_layouts[i % NUM_TEST_LAYOUTS];
		const size_t row = i / NUM_TEST_LAYOUTS;
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(layout, &allocator);
		const imago_oop object = imago_builder_class(builder, IMAGO_KERNEL_OBJECT);
		const imago_oop kind = imago_builder_class(builder, rows[row].of);
		const imago_oop cls =
		    imago_builder_new_class(builder, object, "Lone", 0, IMAGO_FORMAT_EMPTY);
		const bool exists = kind != 0;
		if (exists) {
			imago_builder_store(builder, cls, CLASS_NAME,
			                    imago_builder_new_bits(builder, kind, rows[row].num_elements));
		}
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		assert_name(heap, cls, NAME_SIZE - 1, exists ? rows[row].expected : "Lone");
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_no_string_of_bytes_is_no_name),
	    cmocka_unit_test(a_name_is_cut_to_the_room_there_is),
	    cmocka_unit_test(what_is_no_printable_ascii_becomes_question_marks),
	    cmocka_unit_test(a_class_without_a_name_is_a_question_mark),
	    cmocka_unit_test(fewer_compact_classes_than_usual_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
