/* compare_test.c: one change is one difference, told by path; no difference is an equal digest. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <stdio.h>
#include <string.h>

#include "imago/compare.h"
#include "imago/digest.h"
#include "imago/known_objects.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

enum { TEXT_SIZE = 256, ARRAY_SIZE = 6 };

/* What was reported last, and how much in all. */
typedef struct reported {
	uint64_t count, stop_after;
	imago_difference last;
	char path[TEXT_SIZE], class_name[TEXT_SIZE];
} reported;

static bool
remember(const imago_difference *difference, void *payload)
{
	reported *all = payload;
	all->count++;
	all->last = *difference;
	snprintf(all->path, sizeof all->path, "%s", difference->path);
	snprintf(all->class_name, sizeof all->class_name, "%s", difference->class_name);
	return all->count != all->stop_after;
}

static bool
same_digest(const imago_heap *a, const imago_heap *b)
{
	imago_digest digest_a, digest_b;
	imago_error error = {0};
	assert_ok(imago_digest_compute(&digest_a, a, a->allocator, &error), &error);
	assert_ok(imago_digest_compute(&digest_b, b, b->allocator, &error), &error);
	return memcmp(digest_a.bytes, digest_b.bytes, IMAGO_DIGEST_SIZE) == 0;
}

static reported
compare(const imago_heap *a, const imago_heap *b)
{
	reported all = {0};
	uint64_t num_differences = 0;
	imago_error error = {0};
	assert_ok(imago_compare(a, b, a->allocator, remember, &all, &num_differences, &error), &error);
	assert_int_equal(num_differences, all.count);
	assert_int_equal(same_digest(a, b), all.count == 0);
	return all;
}

static imago_heap *
copy_of(const imago_heap *heap)
{
	imago_heap *copy = NULL;
	imago_error error = {0};
	assert_ok(imago_heap_copy(&copy, heap, heap->allocator, &error), &error);
	return copy;
}

static imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	imago_error error = {0};
	assert_ok(imago_heap_decode_object(heap, oop, &object, &error), &error);
	return object;
}

/* The object in a slot. */
static imago_object
in_slot(const imago_heap *heap, const imago_object *object, uint64_t slot)
{
	return decode(heap, imago_heap_fetch_slot(heap, object, slot));
}

static imago_object
external_array(const imago_heap *heap)
{
	return decode(heap, imago_special_object_at(heap, IMAGO_SPECIAL_EXTERNAL_OBJECTS));
}

/* External objects: a string, another one, a point of integers, a bitmap, a method, a pair of the
 * first two. */
static imago_heap *
six_objects(const test_layout *layout, imago_allocator *allocator)
{
	static const uint8_t bytecodes[] = {32, 124};
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, allocator);
	imago_oop array_class = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop string_class = imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING);
	imago_oop array = imago_builder_new_pointers(builder, array_class, ARRAY_SIZE);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array);
	imago_oop first = imago_builder_new_string(builder, string_class, "first");
	imago_oop second = imago_builder_new_string(builder, string_class, "second");
	imago_oop point =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_POINT), 2);
	imago_builder_store(builder, point, 0, imago_builder_integer(builder, 3));
	imago_builder_store(builder, point, 1, imago_builder_integer(builder, 4));
	imago_oop bitmap =
	    imago_builder_new_bits(builder, imago_builder_class(builder, IMAGO_KERNEL_BITMAP), 5);
	imago_builder_method code = {
	    .num_literals = 2, .bytecodes = bytecodes, .num_bytecodes = sizeof bytecodes};
	imago_oop method = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &code);
	imago_oop pair = imago_builder_new_pointers(builder, array_class, 2);
	imago_builder_store(builder, pair, 0, first);
	imago_builder_store(builder, pair, 1, second);
	const imago_oop all[ARRAY_SIZE] = {first, second, point, bitmap, method, pair};
	for (uint64_t i = 0; i < ARRAY_SIZE; i++) {
		imago_builder_set_hash(builder, all[i], (uint32_t)(100 + i));
		imago_builder_store(builder, array, i, all[i]);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

typedef void change_fn(imago_heap *heap, const imago_object *array);

/* Changes a copy and expects one difference. */
static void
assert_one_difference(change_fn *change, const char *path, const char *class_name, const char *what,
                      uint64_t index)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_heap *heap = six_objects(&test_layouts[i], &allocator);
		imago_heap *changed = copy_of(heap);
		imago_object array = external_array(changed);
		change(changed, &array);
		reported all = compare(heap, changed);
		assert_int_equal(all.count, 1);
		assert_string_equal(all.path, path);
		assert_string_equal(all.class_name, class_name);
		assert_string_equal(all.last.what, what);
		assert_int_equal(all.last.index, index);
		imago_heap_destroy(changed);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
change_integer(imago_heap *heap, const imago_object *array)
{
	imago_oop five;
	imago_object point = in_slot(heap, array, 2);
	assert_true(imago_oop_from_integer(heap->tagging, 5, &five));
	imago_heap_store_slot(heap, &point, 1, five);
}

static void
change_pointer(imago_heap *heap, const imago_object *array)
{
	imago_heap_store_slot(heap, array, 3, imago_heap_nil(heap));
}

static void
change_identity(imago_heap *heap, const imago_object *array)
{
	imago_object pair = in_slot(heap, array, 5);
	imago_heap_store_slot(heap, &pair, 1, imago_heap_fetch_slot(heap, &pair, 0));
}

static void
change_byte(imago_heap *heap, const imago_object *array)
{
	imago_object text = in_slot(heap, array, 1);
	imago_heap_writable_bytes(heap, text.body, 6)[5] ^= 1;
}

static void
change_element(imago_heap *heap, const imago_object *array)
{
	imago_object bitmap = in_slot(heap, array, 3);
	imago_heap_writable_bytes(heap, bitmap.body, 20)[4 * 4 + 1] ^= 1;
}

static void
change_bytecode(imago_heap *heap, const imago_object *array)
{
	imago_object method = in_slot(heap, array, 4);
	uint64_t first = UINT64_C(3) * heap->layout.word_bytes;
	imago_heap_writable_bytes(heap, method.body, first + 2)[first + 1] ^= 1;
}

static void
change_method_header(imago_heap *heap, const imago_object *array)
{
	enum { LARGE_FRAME = 17 };
	imago_object method = in_slot(heap, array, 4);
	unsigned shift = heap->layout.word_bytes == 8 ? 3 : 1;
	imago_oop header = imago_heap_fetch_slot(heap, &method, 0);
	imago_heap_store_slot(heap, &method, 0, header ^ UINT64_C(1) << (LARGE_FRAME + shift));
}

/* Flips a bit of the (base) header of one of the six, Spur's or V3's. */
static void
flip_header_bit(imago_heap *heap, const imago_object *array, uint64_t slot, unsigned spur_bit,
                unsigned v3_bit)
{
	imago_object object = in_slot(heap, array, slot);
	imago_byte_order order = heap->layout.byte_order;
	if (heap->model == IMAGO_SPUR) {
		uint8_t *header = imago_heap_writable_bytes(heap, object.oop, 8);
		imago_store_u64(header, imago_load_u64(header, order) ^ UINT64_C(1) << spur_bit, order);
	} else {
		uint8_t *header = imago_heap_writable_bytes(heap, object.oop, 4);
		imago_store_u32(header, imago_load_u32(header, order) ^ UINT32_C(1) << v3_bit, order);
	}
}

static void
change_hash(imago_heap *heap, const imago_object *array)
{
	flip_header_bit(heap, array, 1, 32, 17);
}

static void
change_immutability(imago_heap *heap, const imago_object *array)
{
	flip_header_bit(heap, array, 2, 23, 29);
}

static void
change_length(imago_heap *heap, const imago_object *array)
{
	flip_header_bit(heap, array, 0, 24, 8); /* "first" has an odd number of bytes */
}

static void
one_change_is_one_difference_told_by_path(void **state)
{
	(void)state;
	assert_one_difference(change_integer, "specialObjects[38].slot 2", "Point", "contents", 1);
	assert_one_difference(change_pointer, "specialObjects[38]", "Array", "contents", 3);
	assert_one_difference(change_identity, "specialObjects[38].slot 5", "Array", "identity", 1);
	assert_one_difference(change_byte, "specialObjects[38].slot 1", "ByteString", "contents", 5);
	assert_one_difference(change_element, "specialObjects[38].slot 3", "Bitmap", "contents", 4);
	assert_one_difference(change_bytecode, "specialObjects[38].slot 4", "CompiledMethod",
	                      "contents", 1);
	assert_one_difference(change_method_header, "specialObjects[38].slot 4", "CompiledMethod",
	                      "method header", 0);
	assert_one_difference(change_hash, "specialObjects[38].slot 1", "ByteString", "identity hash",
	                      0);
	assert_one_difference(change_immutability, "specialObjects[38].slot 2", "Point", "immutability",
	                      0);
	assert_one_difference(change_length, "specialObjects[38].slot 0", "ByteString", "size", 0);
}

static void
change_class(imago_heap *heap, const imago_object *array)
{
	imago_object text = in_slot(heap, array, 0);
	uint8_t *header = imago_heap_writable_bytes(heap, text.oop, 8);
	uint64_t word = imago_load_u64(header, heap->layout.byte_order);
	word ^= IMAGO_CLASS_BYTE_STRING ^ IMAGO_CLASS_BYTE_ARRAY;
	imago_store_u64(header, word, heap->layout.byte_order);
}

static void
object_of_another_class_is_a_difference_of_the_slots_that_lead_to_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_heap *heap = six_objects(&test_layouts[i], &allocator);
		imago_heap *changed = copy_of(heap);
		imago_object array = external_array(changed);
		change_class(changed, &array);
		reported all = compare(heap, changed);
		assert_int_equal(all.count, 2); /* the array and the pair */
		assert_string_equal(all.path, "specialObjects[38].slot 5");
		assert_string_equal(all.last.what, "contents");
		assert_true(all.last.value_a == imago_heap_fetch_slot(heap, &array, 0));
		imago_heap_destroy(changed);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
other_layouts_of_the_same_image_do_not_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		bool spur = heap->model == IMAGO_SPUR;
		imago_rebuild_options options = {
		    .layout = {spur ? 12 - heap->layout.word_bytes : 4,
		               heap->layout.byte_order == IMAGO_BIG_ENDIAN ? IMAGO_LITTLE_ENDIAN
		                                                           : IMAGO_BIG_ENDIAN},
		    .set_base = true,
		    .base = 0x40000000,
		};
		imago_heap *other = NULL;
		assert_ok(imago_rebuild(&other, heap, &options, &allocator, NULL, &error), &error);
		assert_int_equal(compare(heap, other).count, 0);
		assert_int_equal(compare(other, heap).count, 0);
		imago_heap_destroy(other);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* Every bit of the small image either changes nothing of what both see, or is seen by both, or
 * makes the image one that both refuse. */
static void
compare_and_digest_agree_on_every_single_bit(void **state)
{
	(void)state;
	enum { STEP = 427 }; /* bits from one trial to the next: every place in a word is met */
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	imago_heap *changed = copy_of(heap);
	const imago_segment *segment = &changed->segments[0];
	uint64_t num_refused = 0, num_seen = 0, num_unseen = 0;
	imago_object roots = {0};
	imago_known_objects known;
	imago_known_objects_find(heap, &known);
	roots = known.hidden_roots;
	uint64_t begin = (roots.chunk + roots.total_bytes - segment->start) * 8;
	for (uint64_t bit = begin; bit < segment->size * 8; bit += STEP) {
		imago_digest a, b;
		imago_error error = {0};
		reported all = {.stop_after = 1};
		uint64_t num_differences = 0;
		segment->writable[bit / 8] ^= (uint8_t)(1 << bit % 8);
		imago_status hashed = imago_digest_compute(&b, changed, &allocator, &error);
		imago_status compared =
		    imago_compare(heap, changed, &allocator, remember, &all, &num_differences, &error);
		assert_ok(imago_digest_compute(&a, heap, &allocator, &error), &error);
		bool equal = hashed == IMAGO_OK && memcmp(a.bytes, b.bytes, IMAGO_DIGEST_SIZE) == 0;
		if (hashed != IMAGO_OK) {
			assert_true(compared != IMAGO_OK || num_differences == 1);
			num_refused++;
		} else {
			assert_int_equal(compared, IMAGO_OK);
			assert_int_equal(num_differences == 0, equal);
			num_seen += !equal;
			num_unseen += equal;
		}
		segment->writable[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(num_refused > 0 && num_seen > 0 && num_unseen > 0);
	imago_heap_destroy(changed);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
images_of_different_models_differ_once_at_the_root(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *spur = small_heap(test_layout_find("spur32"), &allocator);
	imago_heap *v3 = small_heap(test_layout_find("v3"), &allocator);
	reported all = compare(spur, v3);
	assert_int_equal(all.count, 1);
	assert_string_equal(all.path, "specialObjects");
	assert_string_equal(all.last.what, "object model");
	imago_heap_destroy(v3);
	imago_heap_destroy(spur);
	assert_no_leak(&allocator);
}

static void
report_stops_when_told(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap = six_objects(&test_layouts[0], &allocator);
	imago_heap *changed = copy_of(heap);
	imago_object array = external_array(changed);
	change_integer(changed, &array);
	change_byte(changed, &array);
	change_element(changed, &array);
	assert_int_equal(compare(heap, changed).count, 3);
	reported all = {.stop_after = 2};
	uint64_t num_differences = 0;
	assert_ok(imago_compare(heap, changed, &allocator, remember, &all, &num_differences, &error),
	          &error);
	assert_int_equal(all.count, 2);
	assert_int_equal(num_differences, 2);
	imago_heap_destroy(changed);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
deep_objects_are_told_from_the_end_of_their_path(void **state)
{
	(void)state;
	enum { DEPTH = 300 };
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[2], &allocator);
	imago_oop array_class = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop first = imago_builder_new_pointers(builder, array_class, 1);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, first);
	for (unsigned i = 0; i < DEPTH; i++) {
		imago_oop next = imago_builder_new_pointers(builder, array_class, 1);
		imago_builder_store(builder, first, 0, next);
		first = next;
	}
	imago_heap *heap = test_finish(builder);
	imago_heap *changed = copy_of(heap);
	imago_object last = external_array(changed);
	for (unsigned i = 0; i < DEPTH; i++) {
		last = in_slot(changed, &last, 0);
	}
	imago_heap_store_slot(changed, &last, 0, 1);
	reported all = compare(heap, changed);
	assert_int_equal(all.count, 1);
	assert_memory_equal(all.path, "....slot 0.slot 0", 17);
	imago_heap_destroy(changed);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
errors_name_the_side(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *heap = six_objects(&test_layouts[0], &allocator);
	imago_heap *broken = copy_of(heap);
	imago_object array = external_array(broken);
	imago_heap_store_slot(broken, &array, 0, array.body);
	for (unsigned side = 0; side < 2; side++) {
		reported all = {0};
		uint64_t num_differences = 0;
		imago_error error = {0};
		assert_status(imago_compare(side == 0 ? broken : heap, side == 0 ? heap : broken,
		                            &allocator, remember, &all, &num_differences, &error),
		              &error, IMAGO_ESTRUCTURE);
		assert_string_equal(error.part, side == 0 ? "a" : "b");
		assert_string_equal(error.what, "pointer that hits no object");
	}
	imago_heap_destroy(broken);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static imago_status
attempt_compare(imago_allocator *allocator, imago_error *error, void *payload)
{
	reported all = {0};
	uint64_t num_differences;
	return imago_compare(payload, payload, allocator, remember, &all, &num_differences, error);
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *heap = six_objects(&test_layouts[0], &allocator);
	assert_every_allocation_failure_is_reported(attempt_compare, heap);
	imago_heap_destroy(heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(other_layouts_of_the_same_image_do_not_differ),
	    cmocka_unit_test(one_change_is_one_difference_told_by_path),
	    cmocka_unit_test(object_of_another_class_is_a_difference_of_the_slots_that_lead_to_it),
	    cmocka_unit_test(compare_and_digest_agree_on_every_single_bit),
	    cmocka_unit_test(images_of_different_models_differ_once_at_the_root),
	    cmocka_unit_test(report_stops_when_told),
	    cmocka_unit_test(deep_objects_are_told_from_the_end_of_their_path),
	    cmocka_unit_test(errors_name_the_side),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
