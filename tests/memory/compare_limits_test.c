/* compare_limits_test.c: roots that differ in kind, objects without hashes, long and short bodies,
 * and heaps that break off on either side. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <stdio.h>
#include <string.h>

#include "imago/compare.h"
#include "imago/known_objects.h"

enum { TEXT_SIZE = 256, NUM_BYTES = 200, CONTEXT_SLOTS = 22, STACK_POINTER = 2 };

typedef struct reported {
	uint64_t count;
	imago_difference last;
	char path[TEXT_SIZE];
} reported;

static bool
remember(const imago_difference *difference, void *payload)
{
	reported *all = payload;
	all->count++;
	all->last = *difference;
	snprintf(all->path, sizeof all->path, "%s", difference->path);
	return true;
}

typedef struct pair_of_heaps {
	imago_allocator allocator;
	imago_heap *a, *b;
	imago_oop special; /* external objects: what the test is about */
} pair_of_heaps;

/* Two equal heaps with an object that make makes. */
static void
begin(pair_of_heaps *pair, const test_layout *layout, imago_oop (*make)(imago_builder *builder))
{
	imago_error error;
	imago_allocator_init(&pair->allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &pair->allocator);
	pair->special = make(builder);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, pair->special);
	pair->a = test_finish(builder);
	assert_non_null(pair->a);
	assert_ok(imago_heap_copy(&pair->b, pair->a, &pair->allocator, &error), &error);
}

static void
end(pair_of_heaps *pair)
{
	imago_heap_destroy(pair->b);
	imago_heap_destroy(pair->a);
	assert_no_leak(&pair->allocator);
}

static imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	imago_error error;
	assert_ok(imago_heap_decode_object(heap, oop, &object, &error), &error);
	return object;
}

static reported
compare(const imago_heap *a, const imago_heap *b)
{
	reported all = {0};
	uint64_t num_differences;
	imago_error error = {0};
	assert_ok(imago_compare(a, b, a->allocator, remember, &all, &num_differences, &error), &error);
	assert_int_equal(num_differences, all.count);
	return all;
}

/* Changes bits of the header word at an oop. */
static void
change_header(imago_heap *heap, imago_oop oop, uint64_t clear, uint64_t set)
{
	imago_byte_order order = heap->layout.byte_order;
	if (heap->model == IMAGO_SPUR) {
		uint8_t *header = imago_heap_writable_bytes(heap, oop, 8);
		imago_store_u64(header, (imago_load_u64(header, order) & ~clear) | set, order);
	} else {
		uint8_t *header = imago_heap_writable_bytes(heap, oop, 4);
		uint32_t word = imago_load_u32(header, order);
		imago_store_u32(header, (word & ~(uint32_t)clear) | (uint32_t)set, order);
	}
}

static unsigned
format_shift(const imago_heap *heap)
{
	return heap->model == IMAGO_SPUR ? 24 : 8;
}

static unsigned
hash_shift(const imago_heap *heap)
{
	return heap->model == IMAGO_SPUR ? 32 : 17;
}

static imago_oop
make_bytes(imago_builder *builder)
{
	imago_oop bytes = imago_builder_new_bits(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_ARRAY), NUM_BYTES);
	imago_builder_set_hash(builder, bytes, 5);
	return bytes;
}

static imago_oop
make_pair(imago_builder *builder)
{
	imago_oop cls = imago_builder_new_class(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_OBJECT), "Pair", 2, IMAGO_FORMAT_FIXED);
	return imago_builder_new_pointers(builder, cls, 2);
}

static imago_oop
make_context(imago_builder *builder)
{
	static const uint8_t code[] = {0x78};
	const imago_builder_method method = {.bytecodes = code, .num_bytecodes = sizeof code};
	imago_oop context = imago_builder_new_pointers(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), CONTEXT_SLOTS);
	imago_builder_store(builder, context, STACK_POINTER, imago_builder_integer(builder, 4));
	imago_builder_store(
	    builder, context, 3,
	    imago_builder_new_method(
	        builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method));
	return context;
}

static void
special_objects_of_another_format_differ_in_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		pair_of_heaps pair;
		begin(&pair, &test_layouts[i], make_bytes);
		imago_oop specials = pair.b->header.special_objects_oop;
		unsigned shift = format_shift(pair.b);
		change_header(pair.b, specials, UINT64_C(15) << shift,
		              (uint64_t)IMAGO_FORMAT_MIXED << shift);
		reported all = compare(pair.a, pair.b);
		assert_int_equal(all.count, 1);
		assert_string_equal(all.last.what, "format");
		assert_string_equal(all.path, "specialObjects");
		assert_int_equal(all.last.value_a, IMAGO_FORMAT_INDEXABLE);
		assert_int_equal(all.last.value_b, IMAGO_FORMAT_MIXED);
		end(&pair);
	}
}

/* On either side: a root that is no object of any format. */
static void
special_objects_of_no_format_are_refused_on_the_side_where_they_are(void **state)
{
	(void)state;
	static const uint8_t no_format[] = {[IMAGO_SPUR] = 6, [IMAGO_V3] = 5};
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (int side = 0; side < 2; side++) {
			pair_of_heaps pair;
			reported all = {0};
			uint64_t num_differences;
			imago_error error = {0};
			begin(&pair, &test_layouts[i], make_bytes);
			imago_heap *broken = side == 0 ? pair.a : pair.b;
			unsigned shift = format_shift(broken);
			change_header(broken, broken->header.special_objects_oop, UINT64_C(15) << shift,
			              (uint64_t)no_format[broken->model] << shift);
			assert_int_not_equal(imago_compare(pair.a, pair.b, &pair.allocator, remember, &all,
			                                   &num_differences, &error),
			                     IMAGO_OK);
			assert_string_equal(error.part, side == 0 ? "a" : "b");
			end(&pair);
		}
	}
}

/* V3: the class of the special objects lies nowhere. */
static void
special_objects_without_a_class_are_refused_on_the_side_where_they_are(void **state)
{
	(void)state;
	for (size_t i = NUM_SPUR_TEST_LAYOUTS; i < NUM_TEST_LAYOUTS; i++) {
		for (int side = 0; side < 2; side++) {
			pair_of_heaps pair;
			reported all = {0};
			uint64_t num_differences;
			imago_error error = {0};
			begin(&pair, &test_layouts[i], make_pair);
			imago_heap *broken = side == 0 ? pair.a : pair.b;
			imago_byte_order order = broken->layout.byte_order;
			/* An object whose header has a class word. */
			broken->header.special_objects_oop = pair.special;
			uint8_t *word = imago_heap_writable_bytes(broken, pair.special - 4, 4);
			uint32_t type = imago_load_u32(word, order) & 3;
			assert_int_not_equal(decode(broken, pair.special).class_oop, 0);
			imago_store_u32(word, (uint32_t)(broken->segments[0].start - 8) | type, order);
			assert_status(imago_compare(pair.a, pair.b, &pair.allocator, remember, &all,
			                            &num_differences, &error),
			              &error, IMAGO_ESTRUCTURE);
			assert_string_equal(error.part, side == 0 ? "a" : "b");
			end(&pair);
		}
	}
}

/* A stack that is deeper on one side: the slots both have are compared, then their number. */
static void
contexts_of_different_depth_differ_in_contents(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (int deeper = 0; deeper < 2; deeper++) {
			pair_of_heaps pair;
			begin(&pair, &test_layouts[i], make_context);
			imago_heap *changed = deeper == 0 ? pair.a : pair.b;
			imago_object context = decode(changed, pair.special);
			imago_oop depth;
			assert_true(imago_oop_from_integer(changed->tagging, 7, &depth));
			imago_heap_store_slot(changed, &context, STACK_POINTER, depth);
			reported all = compare(pair.a, pair.b);
			assert_int_equal(all.count, 1);
			assert_string_equal(all.last.what, "contents");
			end(&pair);
		}
	}
}

/* Pairing looks at the first elements of objects whose hashes differ; behind them, one that differs
 * is one difference of the pair. */
static void
a_late_difference_in_an_object_of_another_hash_is_one_of_its_hash(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		pair_of_heaps pair;
		begin(&pair, &test_layouts[i], make_bytes);
		imago_object bytes = decode(pair.b, pair.special);
		imago_heap_writable_bytes(pair.b, bytes.body, NUM_BYTES)[NUM_BYTES - 1] = 1;
		reported all = compare(pair.a, pair.b);
		assert_int_equal(all.count, 1);
		assert_string_equal(all.last.what, "contents");
		assert_int_equal(all.last.index, NUM_BYTES - 1);
		unsigned shift = hash_shift(pair.b);
		change_header(pair.b, pair.special, UINT64_C(15) << shift, UINT64_C(6) << shift);
		all = compare(pair.a, pair.b);
		assert_int_equal(all.count, 1);
		assert_string_equal(all.last.what, "identity hash");
		end(&pair);
	}
}

/* An object that has no hash yet may be any. */
static void
an_object_without_a_hash_is_paired_with_one_that_has_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (int side = 0; side < 2; side++) {
			pair_of_heaps pair;
			begin(&pair, &test_layouts[i], make_bytes);
			imago_heap *changed = side == 0 ? pair.a : pair.b;
			imago_object bytes = decode(changed, pair.special);
			imago_heap_writable_bytes(changed, bytes.body, NUM_BYTES)[0] = 1;
			change_header(changed, pair.special, UINT64_C(15) << hash_shift(changed), 0);
			reported all = compare(pair.a, pair.b);
			assert_int_equal(all.count, 1);
			assert_string_equal(all.last.what, "identity hash");
			assert_int_equal(all.last.value_a, side == 0 ? 0 : 5);
			end(&pair);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(special_objects_of_another_format_differ_in_format),
	    cmocka_unit_test(special_objects_of_no_format_are_refused_on_the_side_where_they_are),
	    cmocka_unit_test(special_objects_without_a_class_are_refused_on_the_side_where_they_are),
	    cmocka_unit_test(contexts_of_different_depth_differ_in_contents),
	    cmocka_unit_test(a_late_difference_in_an_object_of_another_hash_is_one_of_its_hash),
	    cmocka_unit_test(an_object_without_a_hash_is_paired_with_one_that_has_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
