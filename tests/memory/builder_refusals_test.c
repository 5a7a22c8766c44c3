/* builder_refusals_test.c: what a builder refuses, and that it then does nothing more. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <string.h>

static void
a_number_that_is_not_supported_is_refused(void **state)
{
	(void)state;
	static const uint32_t numbers[] = {0, 6501, 68000, 68019, 6522, UINT32_MAX};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		imago_allocator allocator;
		imago_builder *builder;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder_options options = {.image_format = numbers[i]};
		imago_status status = imago_builder_create(&builder, &options, &allocator, &error);
		assert_status(status, &error, IMAGO_EVERSION);
		assert_null(builder);
	}
}

static void
a_base_that_is_not_aligned_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_builder *builder;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder_options options = {.image_format = 6521, .base = 0x1004};
	imago_status status = imago_builder_create(&builder, &options, &allocator, &error);
	assert_status(status, &error, IMAGO_EALIGN);
	options.image_format = 6505;
	assert_ok(imago_builder_create(&builder, &options, &allocator, &error), &error);
	imago_builder_destroy(builder);
	assert_no_leak(&allocator);
}

/* One wrong use of a builder. array is an Array of 4 slots. */
typedef void misuse_fn(imago_builder *builder, imago_oop array);

static imago_oop
cls(const imago_builder *builder, imago_kernel_class which)
{
	return imago_builder_class(builder, which);
}

static void
store_past_the_end(imago_builder *builder, imago_oop array)
{
	imago_builder_store(builder, array, 4, 0);
}

static void
fetch_past_the_end(imago_builder *builder, imago_oop array)
{
	imago_builder_fetch(builder, array, 4);
}

static void
name_an_address_outside(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_store(builder, 16, 0, 0);
}

static void
name_an_address_past_the_end(imago_builder *builder, imago_oop array)
{
	imago_builder_store(builder, array + 0x100000, 0, 0);
}

static void
name_no_aligned_address(imago_builder *builder, imago_oop array)
{
	imago_builder_fetch(builder, array + 2, 0);
}

static void
store_an_element_into_pointers(imago_builder *builder, imago_oop array)
{
	imago_builder_store_element(builder, array, 0, 1);
}

static void
store_an_element_past_the_end(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_oop bytes = imago_builder_new_bits(builder, cls(builder, IMAGO_KERNEL_BYTE_ARRAY), 5);
	imago_builder_store_element(builder, bytes, 5, 1);
}

static void
store_an_element_nowhere(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_store_element(builder, 16, 0, 1);
}

static void
take_an_object_for_a_class(imago_builder *builder, imago_oop array)
{
	imago_builder_new_pointers(builder, array, 1);
}

static void
take_a_small_object_for_a_class(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_oop point = imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_POINT), 2);
	imago_builder_new_bits(builder, point, 1);
}

static void
give_a_fixed_class_more_slots(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_POINT), 3);
}

static void
give_a_mixed_class_too_few_slots(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_CONTEXT), 5);
}

static void
ask_for_pointers_of_a_bits_class(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_BITMAP), 3);
}

static void
ask_for_bits_of_a_pointer_class(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_bits(builder, cls(builder, IMAGO_KERNEL_ARRAY), 3);
}

static void
ask_for_bits_that_overflow(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_bits(builder, cls(builder, IMAGO_KERNEL_BITMAP), UINT64_MAX / 2);
}

static void
ask_for_bytes_that_cannot_be_rounded(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_bits(builder, cls(builder, IMAGO_KERNEL_BYTE_ARRAY), UINT64_MAX);
}

static void
make_a_string_of_pointers(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_new_string(builder, cls(builder, IMAGO_KERNEL_ARRAY), "text");
}

static void
inherit_from_an_object(imago_builder *builder, imago_oop array)
{
	imago_builder_new_class(builder, array, "Bad", 0, IMAGO_FORMAT_FIXED);
}

static void
declare_a_class_of(imago_builder *builder, uint32_t num_named, uint8_t format)
{
	imago_builder_new_class(builder, imago_builder_nil(builder), "Bad", num_named, format);
}

static void
declare_an_unknown_format(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 0, 8);
}

static void
declare_named_slots_of_an_array(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 1, IMAGO_FORMAT_INDEXABLE);
}

static void
declare_named_slots_of_bits(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 1, IMAGO_FORMAT_BITS8);
}

static void
declare_too_many_named_slots(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 70000, IMAGO_FORMAT_FIXED);
}

static void
install_under_no_selector(imago_builder *builder, imago_oop array)
{
	imago_builder_install_method(builder, cls(builder, IMAGO_KERNEL_POINT), 17, array);
}

static void
install_into_no_class(imago_builder *builder, imago_oop array)
{
	imago_builder_install_method(builder, array, array, array);
}

static void
install_into_no_dictionary(imago_builder *builder, imago_oop array)
{
	imago_oop point = cls(builder, IMAGO_KERNEL_POINT);
	imago_oop two = imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_ARRAY), 2);
	imago_builder_store(builder, point, 1, two);
	imago_builder_install_method(builder, point, array, array);
}

static void
make_a_method(imago_builder *builder, imago_kernel_class which, imago_builder_method method)
{
	imago_builder_new_method(builder, cls(builder, which), &method);
}

static void
make_a_method_of_another_class(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_BYTE_ARRAY, (imago_builder_method){0});
}

static void
give_a_method_too_many_arguments(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_COMPILED_METHOD, (imago_builder_method){.num_args = 16});
}

static void
give_a_method_too_many_temps(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_COMPILED_METHOD, (imago_builder_method){.num_temps = 64});
}

static void
give_a_method_too_many_literals(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_COMPILED_METHOD,
	              (imago_builder_method){.num_literals = 40000});
}

static void
give_a_method_too_many_bytecodes(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_COMPILED_METHOD,
	              (imago_builder_method){.num_bytecodes = UINT64_MAX});
}

static void
make_a_method_of_no_class(imago_builder *builder, imago_oop array)
{
	imago_builder_method method = {0};
	imago_builder_new_method(builder, array, &method);
}

static void
forward_to_nothing(imago_builder *builder, imago_oop array)
{
	imago_builder_new_forwarder(builder, array + 2);
}

static void
give_an_object_too_large_a_hash(imago_builder *builder, imago_oop array)
{
	imago_builder_set_hash(builder, array, 1 << 22);
}

static void
give_nothing_a_hash(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_set_hash(builder, 16, 1);
}

static void
set_a_special_object_past_the_end(imago_builder *builder, imago_oop array)
{
	imago_builder_set_special(builder, (imago_special)60, array);
}

static void
add_half_a_word_of_free_space(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_add_free_chunk(builder, 20);
}

static void
add_too_small_a_free_chunk(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_add_free_chunk(builder, 8);
}

static void
leave_half_a_gap(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_next_segment(builder, 4);
}

static void
begin_perm_twice(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_begin_perm(builder);
	imago_builder_begin_perm(builder);
}

static void
begin_a_segment_after_perm(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_begin_perm(builder);
	imago_builder_next_segment(builder, 0);
}

static void
put_a_weak_object_into_perm(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_begin_perm(builder);
	imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_WEAK_ARRAY), 1);
}

static void
put_a_forwarder_into_perm(imago_builder *builder, imago_oop array)
{
	imago_builder_begin_perm(builder);
	imago_builder_new_forwarder(builder, array);
}

static void
put_a_free_chunk_into_perm(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_begin_perm(builder);
	imago_builder_add_free_chunk(builder, 64);
}

/* What V3 alone does not have. */
static void
declare_an_ephemeron_class(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 3, IMAGO_FORMAT_EPHEMERON);
}

static void
declare_a_class_of_half_words(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 0, IMAGO_FORMAT_BITS16);
}

static void
declare_a_class_of_double_words(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 0, IMAGO_FORMAT_BITS64);
}

static void
make_a_sista_method(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_COMPILED_METHOD, (imago_builder_method){.sista = true});
}

static void
make_a_method_of_a_large_primitive(imago_builder *builder, imago_oop array)
{
	(void)array;
	make_a_method(builder, IMAGO_KERNEL_COMPILED_METHOD, (imago_builder_method){.primitive = 1024});
}

static void
give_an_object_a_hash_of_spur(imago_builder *builder, imago_oop array)
{
	imago_builder_set_hash(builder, array, 1 << 12);
}

static void
declare_more_named_slots_than_v3_has(imago_builder *builder, imago_oop array)
{
	(void)array;
	declare_a_class_of(builder, 255, IMAGO_FORMAT_FIXED);
}

static void
forward(imago_builder *builder, imago_oop array)
{
	imago_builder_new_forwarder(builder, array);
}

static void
add_free_space(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_add_free_chunk(builder, 64);
}

static void
begin_a_segment(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_next_segment(builder, 0);
}

static void
begin_perm(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_begin_perm(builder);
}

static misuse_fn *const misuses[] = {
    store_past_the_end,
    fetch_past_the_end,
    name_an_address_outside,
    name_an_address_past_the_end,
    name_no_aligned_address,
    store_an_element_into_pointers,
    store_an_element_past_the_end,
    store_an_element_nowhere,
    take_an_object_for_a_class,
    take_a_small_object_for_a_class,
    give_a_fixed_class_more_slots,
    give_a_mixed_class_too_few_slots,
    ask_for_pointers_of_a_bits_class,
    ask_for_bits_of_a_pointer_class,
    ask_for_bits_that_overflow,
    ask_for_bytes_that_cannot_be_rounded,
    make_a_string_of_pointers,
    inherit_from_an_object,
    declare_an_unknown_format,
    declare_named_slots_of_an_array,
    declare_named_slots_of_bits,
    declare_too_many_named_slots,
    install_under_no_selector,
    install_into_no_class,
    install_into_no_dictionary,
    make_a_method_of_another_class,
    give_a_method_too_many_arguments,
    give_a_method_too_many_temps,
    give_a_method_too_many_literals,
    give_a_method_too_many_bytecodes,
    make_a_method_of_no_class,
    forward_to_nothing,
    give_an_object_too_large_a_hash,
    give_nothing_a_hash,
    set_a_special_object_past_the_end,
    add_half_a_word_of_free_space,
    add_too_small_a_free_chunk,
    leave_half_a_gap,
    begin_perm_twice,
    begin_a_segment_after_perm,
    put_a_weak_object_into_perm,
    put_a_forwarder_into_perm,
    put_a_free_chunk_into_perm,
};

static misuse_fn *const v3_misuses[] = {
    declare_an_ephemeron_class,
    declare_a_class_of_half_words,
    declare_a_class_of_double_words,
    make_a_sista_method,
    make_a_method_of_a_large_primitive,
    give_an_object_a_hash_of_spur,
    declare_more_named_slots_than_v3_has,
    forward,
    add_free_space,
    begin_a_segment,
    begin_perm,
};

/* After a failure no call does anything. */
static void
assert_dead(imago_builder *builder, imago_status expected)
{
	uint64_t size = imago_builder_size(builder);
	imago_oop array = cls(builder, IMAGO_KERNEL_ARRAY);
	imago_oop bytes = cls(builder, IMAGO_KERNEL_BYTE_ARRAY);
	imago_builder_method method = {0};
	assert_int_equal(imago_builder_status(builder), expected);
	assert_int_equal(imago_builder_new_pointers(builder, array, 4), 0);
	assert_int_equal(imago_builder_new_bits(builder, bytes, 4), 0);
	assert_int_equal(imago_builder_new_string(builder, bytes, "text"), 0);
	assert_int_equal(imago_builder_new_class(builder, array, "Late", 0, IMAGO_FORMAT_FIXED), 0);
	assert_int_equal(imago_builder_integer(builder, 1), 0);
	assert_int_equal(imago_builder_float(builder, 1.0), 0);
	assert_int_equal(imago_builder_character(builder, 'a'), 0);
	assert_int_equal(imago_builder_new_method(builder, array, &method), 0);
	assert_int_equal(imago_builder_new_forwarder(builder, array), 0);
	assert_int_equal(imago_builder_fetch(builder, array, 0), 0);
	imago_builder_store(builder, array, 0, 0);
	imago_builder_store_element(builder, array, 0, 0);
	imago_builder_set_hash(builder, array, 1);
	imago_builder_set_special(builder, IMAGO_SPECIAL_DISPLAY, array);
	imago_builder_install_method(builder, array, array, array);
	imago_builder_add_free_chunk(builder, 64);
	imago_builder_next_segment(builder, 0);
	imago_builder_begin_perm(builder);
	assert_int_equal(imago_builder_size(builder), size);
	assert_int_equal(imago_builder_status(builder), expected);
	imago_error error;
	imago_heap *heap;
	assert_status(imago_builder_finish(builder, &heap, &error), &error, expected);
	assert_null(heap);
}

static void
assert_misuse(const test_layout *layout, misuse_fn *misuse)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &allocator);
	assert_non_null(builder);
	imago_oop array = imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_ARRAY), 4);
	misuse(builder, array);
	assert_dead(builder, IMAGO_EUSAGE);
	imago_builder_destroy(builder);
	assert_no_leak(&allocator);
}

static void
wrong_use_is_a_sticky_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < sizeof(misuses) / sizeof(misuses[0]); k++) {
			assert_misuse(&test_layouts[i], misuses[k]);
		}
	}
}

static void
v3_refuses_what_only_spur_has(void **state)
{
	(void)state;
	for (size_t i = NUM_SPUR_TEST_LAYOUTS; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < sizeof(v3_misuses) / sizeof(v3_misuses[0]); k++) {
			assert_misuse(&test_layouts[i], v3_misuses[k]);
		}
	}
}

static void
a_finished_builder_can_only_be_destroyed(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *heap;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[0], &allocator);
	assert_ok(imago_builder_finish(builder, &heap, &error), &error);
	imago_heap *again;
	assert_status(imago_builder_finish(builder, &again, &error), &error, IMAGO_EUSAGE);
	assert_status(imago_builder_finish(builder, &again, NULL), NULL, IMAGO_EUSAGE);
	imago_builder_destroy(builder);
	imago_builder_destroy(NULL);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_class_that_the_layout_lacks_is_0(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(test_layout_find("v3-6502"), &allocator);
	assert_int_equal(cls(builder, IMAGO_KERNEL_SMALL_FLOAT), 0);
	assert_int_equal(cls(builder, IMAGO_KERNEL_EPHEMERON), 0);
	assert_int_equal(cls(builder, IMAGO_KERNEL_BLOCK_CLOSURE), 0);
	assert_int_not_equal(cls(builder, IMAGO_KERNEL_BLOCK_CONTEXT), 0);
	assert_int_equal(cls(builder, IMAGO_NUM_KERNEL_CLASSES), 0);
	assert_null(test_layout_find("spur16"));
	imago_builder_destroy(builder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_number_that_is_not_supported_is_refused),
	    cmocka_unit_test(a_base_that_is_not_aligned_is_refused),
	    cmocka_unit_test(wrong_use_is_a_sticky_error),
	    cmocka_unit_test(v3_refuses_what_only_spur_has),
	    cmocka_unit_test(a_finished_builder_can_only_be_destroyed),
	    cmocka_unit_test(a_class_that_the_layout_lacks_is_0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
