/* digest_test.c: the digest follows the meaning: what changes it, and what does not. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <string.h>

#include "imago/digest.h"
#include "imago/known_objects.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

typedef struct digest_text {
	char text[2 * IMAGO_DIGEST_SIZE + 1];
} digest_text;

static digest_text
digest_of(const imago_heap *heap)
{
	imago_digest digest;
	imago_error error = {0};
	digest_text text;
	assert_ok(imago_digest_compute(&digest, heap, heap->allocator, &error), &error);
	imago_digest_format(&digest, text.text);
	return text;
}

static void
assert_digest(const imago_heap *heap, const digest_text *expected)
{
	assert_string_equal(digest_of(heap).text, expected->text);
}

static void
assert_other_digest(const imago_heap *heap, const digest_text *expected)
{
	assert_string_not_equal(digest_of(heap).text, expected->text);
}

static void
layouts_bases_and_segments_do_not_change_the_digest(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		bool spur = heap->model == IMAGO_SPUR;
		digest_text digest = digest_of(heap);
		for (unsigned k = 0; k < 8; k++) {
			imago_rebuild_options options = {
			    .layout = {(k & 1) != 0 && spur ? 8 : 4,
			               (k & 2) != 0 ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN},
			    .num_segments = (k & 4) != 0 && spur ? 2 : 0,
			    .set_base = (k & 3) != 0,
			    .base = 0x30000000,
			};
			imago_heap *other = NULL;
			assert_ok(imago_rebuild(&other, heap, &options, &allocator, NULL, &error), &error);
			assert_digest(other, &digest);
			imago_heap_destroy(other);
		}
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
every_run_gives_the_same_lower_case_digits(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	digest_text digest = digest_of(heap);
	assert_digest(heap, &digest);
	assert_int_equal(strlen(digest.text), 2 * IMAGO_DIGEST_SIZE);
	assert_int_equal(strspn(digest.text, "0123456789abcdef"), 2 * IMAGO_DIGEST_SIZE);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* The bytes written out by hand from README.md, for an array of three that stands alone. */
static void
empty_image_is_hashed_as_the_specification_says(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap = NULL;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	/* One object at 0x1000: class index 51 (there is no table), format 2, hash 5, three slots: the
	 * integer -1, the character A, itself. */
	uint8_t bytes[32] = {0};
	const imago_layout layout = {8, IMAGO_BIG_ENDIAN};
	imago_store_u64(bytes, UINT64_C(3) << 56 | UINT64_C(5) << 32 | 2 << 24 | 51, layout.byte_order);
	imago_store_u64(bytes + 8, UINT64_MAX - 7 + 1, layout.byte_order);
	imago_store_u64(bytes + 16, 'A' << 3 | 2, layout.byte_order);
	imago_store_u64(bytes + 24, 0x1000, layout.byte_order);
	assert_ok(imago_heap_create(&heap, IMAGO_SPUR, layout, &allocator, &error), &error);
	imago_segment segment = {.start = 0x1000, .size = sizeof bytes, .bytes = bytes};
	assert_ok(imago_heap_add_segment(heap, &segment, &error), &error);
	heap->header.special_objects_oop = 0x1000;
	/* python3: hashlib.blake2b(b'imago digest 1\n\0' + b'\0' + b'\6' + bytes(8)
	 *   + b'\0' + bytes(8) + b'\2\0' + b'\5\0\0\0' + b'\3' + bytes(7) + bytes(8) + b'\3' + bytes(7)
	 *   + b'\1' + b'\xff' * 8 + b'\2A' + bytes(7) + b'\6' + bytes(8), digest_size=32) */
	assert_string_equal(digest_of(heap).text, "5ef6218ae231715f1825fccd65085972"
	                                          "bebbf7a77ab03292bcef4dec7b002c74");
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	imago_error error = {0};
	assert_ok(imago_heap_decode_object(heap, oop, &object, &error), &error);
	return object;
}

typedef imago_oop fill_fn(imago_builder *builder);

/* An image whose external objects slot holds what fill returns. */
static imago_heap *
filled_heap(const test_layout *layout, imago_allocator *allocator, fill_fn *fill)
{
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, allocator);
	assert_non_null(builder);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, fill(builder));
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

static imago_object
filled_object(const imago_heap *heap)
{
	return decode(heap, imago_special_object_at(heap, IMAGO_SPECIAL_EXTERNAL_OBJECTS));
}

static imago_oop
fill_string(imago_builder *builder)
{
	return imago_builder_new_string(builder, imago_builder_class(builder, IMAGO_KERNEL_BYTE_STRING),
	                                "some text");
}

static void
flip_bit(imago_heap *heap, imago_addr addr, unsigned bit)
{
	uint8_t *bytes = imago_heap_writable_bytes(heap, addr, 8);
	assert_non_null(bytes);
	uint64_t word = imago_load_u64(bytes, heap->layout.byte_order);
	imago_store_u64(bytes, word ^ UINT64_C(1) << bit, heap->layout.byte_order);
}

static void
bytes_hash_and_immutability_count_and_marks_do_not(void **state)
{
	(void)state;
	enum { CLASS_LOW_BIT = 0, IMMUTABLE = 23, PINNED = 30, HASH_LOW_BIT = 32, MARKED = 55 };
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_heap *heap = filled_heap(&test_layouts[i], &allocator, fill_string);
		imago_object object = filled_object(heap);
		digest_text digest = digest_of(heap);
		static const unsigned counting[] = {CLASS_LOW_BIT, IMMUTABLE, HASH_LOW_BIT};
		for (size_t k = 0; k < 3; k++) {
			flip_bit(heap, object.oop, counting[k]);
			assert_other_digest(heap, &digest);
			flip_bit(heap, object.oop, counting[k]);
		}
		flip_bit(heap, object.oop, PINNED);
		flip_bit(heap, object.oop, MARKED);
		assert_digest(heap, &digest);
		uint8_t *text = imago_heap_writable_bytes(heap, object.body, 12);
		text[8] ^= 1;
		assert_other_digest(heap, &digest);
		text[8] ^= 1;
		text[9] ^= 1; /* behind the last byte */
		assert_digest(heap, &digest);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static imago_oop
fill_context(imago_builder *builder)
{
	static const uint8_t bytecodes[] = {32, 124};
	imago_builder_method method = {
	    .num_literals = 3, .bytecodes = bytecodes, .num_bytecodes = sizeof bytecodes};
	imago_oop code = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
	imago_oop context =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), 22);
	imago_builder_store(builder, context, 1, imago_builder_integer(builder, 33));
	imago_builder_store(builder, context, 2, imago_builder_integer(builder, 2));
	imago_builder_store(builder, context, 3, code);
	return context;
}

static void
context_counts_up_to_its_stack_pointer(void **state)
{
	(void)state;
	enum { STACK_POINTER = 2, LAST_LIVE = 7, FIRST_DEAD = 8, ONE = 3, TWO = 5 };
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_heap *heap = filled_heap(&test_layouts[i], &allocator, fill_context);
		imago_object context = filled_object(heap);
		imago_oop nil = imago_heap_nil(heap);
		digest_text digest = digest_of(heap);
		imago_heap_store_slot(heap, &context, FIRST_DEAD, 1);
		assert_digest(heap, &digest);
		imago_heap_store_slot(heap, &context, FIRST_DEAD, 8); /* even junk */
		assert_digest(heap, &digest);
		imago_heap_store_slot(heap, &context, FIRST_DEAD, nil);
		imago_heap_store_slot(heap, &context, LAST_LIVE, 1);
		assert_other_digest(heap, &digest);
		imago_heap_store_slot(heap, &context, LAST_LIVE, nil);
		/* A stack pointer that is no number: all slots count. */
		imago_heap_store_slot(heap, &context, STACK_POINTER, nil);
		digest = digest_of(heap);
		imago_heap_store_slot(heap, &context, FIRST_DEAD, 1);
		assert_other_digest(heap, &digest);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* A two-slot array of numbers; a 32-bit image boxes the first, a 64-bit one does not. */
static imago_oop
fill_numbers(imago_builder *builder)
{
	imago_oop array =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 3);
	imago_builder_store(builder, array, 0, imago_builder_integer(builder, INT64_C(1) << 40));
	imago_builder_store(builder, array, 1, imago_builder_integer(builder, -(INT64_C(1) << 40)));
	imago_builder_store(builder, array, 2, imago_builder_float(builder, 1e300));
	return array;
}

static void
boxed_numbers_count_by_value_alone(void **state)
{
	(void)state;
	enum { HASH_LOW_BIT = 32 };
	imago_allocator allocator;
	imago_heap *heap = filled_heap(test_layout_find("spur32"), &allocator, fill_numbers);
	imago_object array = filled_object(heap);
	digest_text digest = digest_of(heap);
	for (uint64_t i = 0; i < 3; i++) {
		imago_oop oop = imago_heap_fetch_slot(heap, &array, i);
		imago_object number = decode(heap, oop);
		flip_bit(heap, oop, HASH_LOW_BIT);
		assert_digest(heap, &digest);
		flip_bit(heap, number.body, 8);
		assert_other_digest(heap, &digest);
		flip_bit(heap, number.body, 8);
	}
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static imago_oop
fill_forwarder(imago_builder *builder)
{
	imago_oop array =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 2);
	imago_builder_store(builder, array, 1, imago_builder_new_forwarder(builder, array));
	return array;
}

static void
slot_to_a_forwarder_means_its_target(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error = {0};
	imago_heap *heap = filled_heap(test_layout_find("spur64"), &allocator, fill_forwarder);
	imago_object array = filled_object(heap);
	imago_object forwarder = decode(heap, imago_heap_fetch_slot(heap, &array, 1));
	digest_text digest = digest_of(heap);
	imago_heap_store_slot(heap, &array, 1, array.oop);
	assert_digest(heap, &digest);
	imago_heap_store_slot(heap, &array, 1, forwarder.oop);
	imago_heap_store_slot(heap, &forwarder, 0, forwarder.oop);
	imago_digest out;
	assert_status(imago_digest_compute(&out, heap, &allocator, &error), &error, IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "forwarder that leads nowhere");
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
reachable_pointer_that_hits_no_object_is_an_error_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error = {0};
		imago_digest out;
		imago_heap *heap = filled_heap(&test_layouts[i], &allocator, fill_numbers);
		imago_object array = filled_object(heap);
		imago_heap_store_slot(heap, &array, 1, array.body);
		assert_status(imago_digest_compute(&out, heap, &allocator, &error), &error,
		              IMAGO_ESTRUCTURE);
		assert_error(&error, IMAGO_ESTRUCTURE, "pointer that hits no object",
		             imago_heap_offset_of(heap, array.body + heap->layout.word_bytes));
		assert_true(error.found == array.body);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

static void
special_objects_oop_that_hits_no_object_is_an_error(void **state)
{
	(void)state;
	static const imago_oop oops[] = {8, 1, UINT64_MAX - 7};
	imago_allocator allocator;
	imago_error error = {0};
	imago_digest out;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	for (size_t i = 0; i < 3; i++) {
		heap->header.special_objects_oop = oops[i];
		assert_status(imago_digest_compute(&out, heap, &allocator, &error), &error,
		              IMAGO_ESTRUCTURE);
	}
	imago_heap_destroy(heap);
	assert_ok(imago_heap_create(&heap, IMAGO_SPUR, test_layouts[0].layout, &allocator, &error),
	          &error);
	assert_status(imago_digest_compute(&out, heap, &allocator, &error), &error, IMAGO_ESTRUCTURE);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static imago_status
attempt_digest(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_digest out;
	return imago_digest_compute(&out, payload, allocator, error);
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	static const size_t rows[] = {0, NUM_SPUR_TEST_LAYOUTS};
	for (size_t i = 0; i < 2; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[rows[i]], &allocator);
		assert_every_allocation_failure_is_reported(attempt_digest, heap);
		imago_heap_destroy(heap);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_run_gives_the_same_lower_case_digits),
	    cmocka_unit_test(empty_image_is_hashed_as_the_specification_says),
	    cmocka_unit_test(layouts_bases_and_segments_do_not_change_the_digest),
	    cmocka_unit_test(bytes_hash_and_immutability_count_and_marks_do_not),
	    cmocka_unit_test(context_counts_up_to_its_stack_pointer),
	    cmocka_unit_test(boxed_numbers_count_by_value_alone),
	    cmocka_unit_test(slot_to_a_forwarder_means_its_target),
	    cmocka_unit_test(reachable_pointer_that_hits_no_object_is_an_error_with_its_place),
	    cmocka_unit_test(special_objects_oop_that_hits_no_object_is_an_error),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
