/* builder_misuses.c: wrong uses of a builder, one function each. */
#include "builder_misuses.h"

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

/* Bytes that look like a header of many slots, close to the end. */
static void
take_bytes_for_an_object(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_oop bytes = imago_builder_new_bits(builder, cls(builder, IMAGO_KERNEL_BYTE_ARRAY), 8);
	for (uint64_t i = 0; i < 8; i++) {
		imago_builder_store_element(builder, bytes, i, 200);
	}
	imago_builder_fetch(builder, bytes + 8, 0);
}

/* The first of two header words, where a segment begins. */
static void
take_an_overflow_word_for_an_object(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_builder_next_segment(builder, 0);
	imago_oop large = imago_builder_new_pointers(builder, cls(builder, IMAGO_KERNEL_ARRAY), 300);
	imago_builder_fetch(builder, large - 8, 0);
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

/* Zeros: a header of three words, the first of which says that there is no room for one. */
static void
take_zeros_for_an_object(imago_builder *builder, imago_oop array)
{
	(void)array;
	imago_oop bytes = imago_builder_new_bits(builder, cls(builder, IMAGO_KERNEL_BYTE_ARRAY), 32);
	imago_builder_fetch(builder, bytes + 16, 0);
}

misuse_fn *const builder_misuses[] = {
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
    NULL,
};

misuse_fn *const builder_spur_misuses[] = {
    take_bytes_for_an_object,
    take_an_overflow_word_for_an_object,
    NULL,
};

misuse_fn *const builder_v3_misuses[] = {
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
    take_zeros_for_an_object,
    NULL,
};
