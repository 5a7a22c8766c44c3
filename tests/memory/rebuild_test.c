/* rebuild_test.c: a rebuild keeps what the image means, and the way back gives the same bytes. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/known_objects.h"
#include "imago/rebuild.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { GAP = 0x20000, FAR_BASE = 0x20000008, LINE_SIZE = 256 };

typedef imago_heap *make_heap_fn(const test_layout *layout, imago_allocator *allocator);

static imago_heap *
synthetic_heap(const test_layout *layout, imago_allocator *allocator)
{
	imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_objects = 3000,
	    .num_segments = layout->model == IMAGO_SPUR ? 2 : 1,
	    .gap = layout->model == IMAGO_SPUR ? 4096 : 0,
	    .seed = 11,
	};
	imago_error error;
	imago_heap *heap = NULL;
	assert_ok(imago_synthetic_make(&heap, &options, allocator, &error), &error);
	return heap;
}

static imago_byte_order
other_order(imago_byte_order order)
{
	return order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
}

static imago_heap *
rebuild(const imago_heap *source, imago_rebuild_options options, imago_rebuild_report *report)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	assert_ok(imago_rebuild(&heap, source, &options, source->allocator, report, &error), &error);
	return heap;
}

static void
assert_refused(const imago_heap *source, imago_rebuild_options options, imago_status expected,
               const char *what, imago_error *error)
{
	imago_heap *heap = NULL;
	memset(error, 0, sizeof *error);
	uint64_t used = source->allocator->used;
	assert_status(imago_rebuild(&heap, source, &options, source->allocator, NULL, error), error,
	              expected);
	assert_string_equal(error->what, what);
	assert_null(heap);
	assert_int_equal(source->allocator->used, used);
}

static void
digest_of(const imago_heap *heap, char *text)
{
	imago_digest digest;
	imago_error error = {0};
	assert_ok(imago_digest_compute(&digest, heap, heap->allocator, &error), &error);
	imago_digest_format(&digest, text);
}

static void
assert_same_digest(const imago_heap *a, const imago_heap *b)
{
	char text_a[2 * IMAGO_DIGEST_SIZE + 1], text_b[2 * IMAGO_DIGEST_SIZE + 1];
	digest_of(a, text_a);
	digest_of(b, text_b);
	assert_string_equal(text_a, text_b);
}

/* The same header, segments and bytes. */
static void
assert_same_heap(const imago_heap *a, const imago_heap *b)
{
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		if (imago_header_get(&a->header, i) != imago_header_get(&b->header, i)) {
			print_message("%s: %" PRIx64 " %" PRIx64 "\n", imago_header_field_at(i, 4).name,
			              imago_header_get(&a->header, i), imago_header_get(&b->header, i));
		}
		assert_true(imago_header_get(&a->header, i) == imago_header_get(&b->header, i));
	}
	assert_int_equal(a->bridges, b->bridges);
	assert_true(imago_layout_equal(a->layout, b->layout));
	assert_int_equal(a->num_segments, b->num_segments);
	for (size_t i = 0; i < a->num_segments; i++) {
		const imago_segment *left = &a->segments[i];
		const imago_segment *right = &b->segments[i];
		assert_true(left->start == right->start && left->size == right->size);
		assert_true(left->bridge_size == right->bridge_size && left->space == right->space);
		assert_memory_equal(left->bytes, right->bytes, (size_t)(left->size + left->bridge_size));
	}
}

static bool
print_finding(const imago_finding *finding, void *payload)
{
	char line[LINE_SIZE];
	(void)payload;
	imago_finding_format(finding, "rebuilt", line, sizeof line);
	print_message("%s\n", line);
	return true;
}

/* The checker has nothing to say. */
static void
assert_clean(const imago_heap *heap)
{
	imago_check_sink sink;
	imago_error error = {0};
	imago_check_sink_init(&sink, NULL, print_finding, NULL);
	assert_ok(imago_check(heap, &sink, heap->allocator, &error), &error);
	assert_int_equal(sink.summary.num_errors, 0);
	assert_int_equal(sink.summary.num_warnings, 0);
}

typedef void heap_test_fn(imago_heap *heap, const test_layout *layout);

static void
on_heap(make_heap_fn *make, const test_layout *layout, heap_test_fn *test)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = make(layout, &allocator);
	assert_non_null(heap);
	test(heap, layout);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
on_every_heap(heap_test_fn *test)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		on_heap(varied_heap, &test_layouts[i], test);
		on_heap(synthetic_heap, &test_layouts[i], test);
		if (i < NUM_SPUR_TEST_LAYOUTS) {
			on_heap(perm_heap, &test_layouts[i], test);
		}
	}
}

static void
there_and_back_in_order(imago_heap *heap, const test_layout *layout)
{
	imago_layout there = layout->layout;
	there.byte_order = other_order(there.byte_order);
	imago_heap *swapped = rebuild(heap, (imago_rebuild_options){.layout = there}, NULL);
	imago_heap *back = rebuild(swapped, (imago_rebuild_options){.layout = layout->layout}, NULL);
	assert_clean(swapped);
	assert_same_digest(heap, swapped);
	assert_same_heap(heap, back);
	imago_heap_destroy(back);
	imago_heap_destroy(swapped);
}

static void
the_other_byte_order_and_back_gives_the_same_bytes(void **state)
{
	(void)state;
	on_every_heap(there_and_back_in_order);
}

static void
there_and_back_in_base(imago_heap *heap, const test_layout *layout)
{
	(void)layout;
	imago_rebuild_options options = {.set_base = true, .base = FAR_BASE};
	imago_heap *moved = rebuild(heap, options, NULL);
	assert_true(moved->header.old_base_address == FAR_BASE);
	assert_clean(moved);
	assert_same_digest(heap, moved);
	options.base = heap->segments[0].start;
	imago_heap *back = rebuild(moved, options, NULL);
	assert_same_heap(heap, back);
	imago_heap_destroy(back);
	imago_heap_destroy(moved);
}

static void
another_base_and_back_gives_the_same_bytes(void **state)
{
	(void)state;
	on_every_heap(there_and_back_in_base);
}

static void
there_and_back_in_segments(imago_heap *heap, const test_layout *layout)
{
	if (layout->model == IMAGO_V3) {
		return;
	}
	imago_heap *one = rebuild(heap, (imago_rebuild_options){.num_segments = 1}, NULL);
	imago_heap *three = rebuild(one, (imago_rebuild_options){.num_segments = 3, .gap = GAP}, NULL);
	imago_heap *back = rebuild(three, (imago_rebuild_options){.num_segments = 1}, NULL);
	size_t num_perm = heap->segments[heap->num_segments - 1].space == IMAGO_SPACE_PERM;
	assert_int_equal(one->num_segments, 1 + num_perm);
	assert_int_equal(three->num_segments, 3 + num_perm);
	uint64_t third = one->segments[0].size / 3;
	assert_in_range(three->segments[0].size, third, third + third / 2);
	assert_true(three->segments[1].start ==
	            three->segments[0].start + three->segments[0].size + IMAGO_BRIDGE_SIZE + GAP);
	assert_clean(one);
	assert_clean(three);
	assert_same_digest(heap, one);
	assert_same_digest(heap, three);
	assert_same_heap(one, back);
	imago_heap_destroy(back);
	imago_heap_destroy(three);
	imago_heap_destroy(one);
}

static void
three_segments_and_back_to_one_gives_the_same_bytes(void **state)
{
	(void)state;
	on_every_heap(there_and_back_in_segments);
}

/* Reversing bytes alone takes another way through the code than reversing them while addresses
 * move; both must agree. */
static void
in_one_step_or_in_two(imago_heap *heap, const test_layout *layout)
{
	imago_layout there = layout->layout;
	there.byte_order = other_order(there.byte_order);
	imago_rebuild_options base = {.set_base = true, .base = FAR_BASE};
	imago_heap *swapped = rebuild(heap, (imago_rebuild_options){.layout = there}, NULL);
	imago_heap *swapped_moved = rebuild(swapped, base, NULL);
	base.layout = there;
	imago_heap *both = rebuild(heap, base, NULL);
	assert_same_heap(swapped_moved, both);
	imago_heap_destroy(both);
	imago_heap_destroy(swapped_moved);
	imago_heap_destroy(swapped);
}

static void
swapping_and_moving_give_the_same_in_one_step_or_in_two(void **state)
{
	(void)state;
	on_every_heap(in_one_step_or_in_two);
}

static void
copy_is_the_same(imago_heap *heap, const test_layout *layout)
{
	(void)layout;
	imago_heap *copy = rebuild(heap, (imago_rebuild_options){0}, NULL);
	assert_same_heap(heap, copy);
	imago_heap_destroy(copy);
}

static void
without_options_the_rebuild_is_a_copy(void **state)
{
	(void)state;
	on_every_heap(copy_is_the_same);
}

static void
float_flag_follows(imago_heap *heap, const test_layout *layout)
{
	bool platform = imago_format_number_find(layout->image_format)->platform_floats;
	imago_layout there = layout->layout;
	there.byte_order = other_order(there.byte_order);
	imago_rebuild_report report;
	imago_heap *swapped = rebuild(heap, (imago_rebuild_options){.layout = there}, &report);
	assert_false(report.float_order_normalised);
	bool little = there.byte_order == IMAGO_LITTLE_ENDIAN;
	assert_int_equal(imago_heap_floats_low_word_first(swapped), platform && little);
	imago_heap_destroy(swapped);
}

static void
floats_are_in_platform_order_where_the_format_number_says_so(void **state)
{
	(void)state;
	on_every_heap(float_flag_follows);
}

static void
float_flag_that_does_not_fit_is_reported(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	/* The flag that says high word first, and Floats that are so: legal, but odd. */
	imago_layout big = {8, IMAGO_BIG_ENDIAN};
	imago_heap *odd = rebuild(heap, (imago_rebuild_options){.layout = big}, NULL);
	odd->header.flags |= IMAGO_FLAG_FLOATS_LOW_WORD_FIRST;
	imago_rebuild_report report;
	imago_heap *little =
	    rebuild(odd, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}}, &report);
	assert_true(report.float_order_normalised);
	assert_same_digest(odd, little);
	imago_heap_destroy(little);
	imago_heap_destroy(odd);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
there_and_back_in_width(imago_heap *heap, const test_layout *layout)
{
	imago_error error;
	if (layout->model == IMAGO_V3) {
		imago_rebuild_options wide = {.layout = {8, IMAGO_LITTLE_ENDIAN}};
		assert_refused(heap, wide, IMAGO_EUNSUPPORTED, "another word size of a V3 image", &error);
		return;
	}
	for (unsigned order = IMAGO_LITTLE_ENDIAN; order <= IMAGO_BIG_ENDIAN; order++) {
		imago_rebuild_options there = {
		    .layout = {layout->layout.word_bytes == 4 ? 8 : 4, (imago_byte_order)order},
		    .num_segments = order == IMAGO_BIG_ENDIAN ? 3 : 0,
		    .gap = order == IMAGO_BIG_ENDIAN ? GAP : 0,
		};
		imago_heap *other = rebuild(heap, there, NULL);
		imago_heap *back = rebuild(other, (imago_rebuild_options){.layout = layout->layout}, NULL);
		imago_heap *again = rebuild(back, there, NULL);
		assert_true(back->header.image_format == heap->header.image_format);
		assert_clean(other);
		assert_clean(back);
		assert_same_digest(heap, other);
		assert_same_digest(heap, back);
		assert_same_digest(heap, again);
		imago_heap_destroy(again);
		imago_heap_destroy(back);
		imago_heap_destroy(other);
	}
}

static void
the_other_word_size_and_back_means_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		on_heap(small_heap, &test_layouts[i], there_and_back_in_width);
		on_heap(varied_heap, &test_layouts[i], there_and_back_in_width);
		on_heap(synthetic_heap, &test_layouts[i], there_and_back_in_width);
	}
}

static imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	imago_error error = {0};
	assert_ok(imago_heap_decode_object(heap, oop, &object, &error), &error);
	return object;
}

/* The array that the external objects slot holds, and its element. */
static imago_object
external_array(const imago_heap *heap)
{
	return decode(heap, imago_special_object_at(heap, IMAGO_SPECIAL_EXTERNAL_OBJECTS));
}

static imago_oop
external(const imago_heap *heap, uint64_t index)
{
	imago_object array = external_array(heap);
	return imago_heap_fetch_slot(heap, &array, index);
}

/* An image of a few slots, with what fill puts there. */
typedef void fill_fn(imago_builder *builder, imago_oop array);

static imago_heap *
filled_heap(const char *layout, imago_allocator *allocator, fill_fn *fill)
{
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(test_layout_find(layout), allocator);
	assert_non_null(builder);
	imago_oop array =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 8);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array);
	fill(builder, array);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

static void
fill_numbers(imago_builder *builder, imago_oop array)
{
	static const int64_t integers[] = {INT64_C(1) << 40, -(INT64_C(1) << 40), INT64_C(1) << 40,
	                                   (INT64_C(1) << 60) - 1, -(INT64_C(1) << 60)};
	for (uint64_t i = 0; i < 5; i++) {
		imago_builder_store(builder, array, i, imago_builder_integer(builder, integers[i]));
	}
	imago_builder_store(builder, array, 5, imago_builder_float(builder, 1.5));
	imago_builder_store(builder, array, 6, imago_builder_float(builder, 1.5));
	imago_builder_store(builder, array, 7, imago_builder_float(builder, 1e300));
}

static void
numbers_are_boxed_and_unboxed_as_they_fit(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *wide = filled_heap("spur64", &allocator, fill_numbers);
	imago_rebuild_report report;
	imago_heap *narrow =
	    rebuild(wide, (imago_rebuild_options){.layout = {4, IMAGO_BIG_ENDIAN}}, &report);
	assert_int_equal(report.num_integers_boxed, 4); /* each value once */
	assert_int_equal(report.num_floats_boxed, 1);
	assert_true(external(narrow, 0) == external(narrow, 2));
	assert_true(external(narrow, 5) == external(narrow, 6));
	imago_object large = decode(narrow, external(narrow, 1));
	assert_int_equal(large.class_index, IMAGO_CLASS_LARGE_NEGATIVE_INTEGER);
	assert_int_equal(imago_object_num_elements(narrow, &large), 6);
	assert_int_equal(imago_object_bytes(narrow, &large)[5], 1);
	imago_object number = decode(narrow, external(narrow, 5));
	assert_int_equal(number.class_index, IMAGO_CLASS_FLOAT);
	assert_true(imago_load_u64(imago_object_bytes(narrow, &number), IMAGO_BIG_ENDIAN) ==
	            UINT64_C(0x3FF8000000000000));
	assert_same_digest(wide, narrow);

	imago_heap *back = rebuild(narrow, (imago_rebuild_options){.layout = wide->layout}, &report);
	assert_int_equal(report.num_integers_unboxed, 4);
	assert_int_equal(report.num_floats_unboxed, 1); /* 1e300 has no SmallFloat */
	for (uint64_t i = 0; i < 7; i++) {
		assert_true(external(back, i) == external(wide, i));
	}
	imago_heap_destroy(back);
	imago_heap_destroy(narrow);
	imago_heap_destroy(wide);
	assert_no_leak(&allocator);
}

static void
fill_activation(imago_builder *builder, imago_oop array)
{
	static const uint8_t bytecodes[] = {32, 124, 0, 1, 2};
	imago_builder_method method = {
	    .num_literals = 5, .bytecodes = bytecodes, .num_bytecodes = sizeof bytecodes};
	imago_oop code = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
	imago_oop context =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), 22);
	imago_builder_store(builder, context, 1, imago_builder_integer(builder, 4 * 6 + 1 + 2));
	imago_builder_store(builder, context, 2, imago_builder_integer(builder, 1));
	imago_builder_store(builder, context, 3, code);
	imago_builder_store(builder, context, 6, imago_builder_integer(builder, 7));
	imago_builder_store(builder, context, 7, array); /* beyond the stack pointer */
	imago_oop closure = imago_builder_new_pointers(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_BLOCK_CLOSURE), 3);
	imago_builder_store(builder, closure, 0, context);
	imago_builder_store(builder, closure, 1, imago_builder_integer(builder, 4 * 6 + 1 + 4));
	imago_builder_store(builder, closure, 2, imago_builder_integer(builder, 0));
	imago_builder_store(builder, array, 0, context);
	imago_builder_store(builder, array, 1, closure);
	imago_builder_store(builder, array, 2, code);
}

static int64_t
integer_at(const imago_heap *heap, imago_oop oop, uint64_t slot)
{
	imago_object object = decode(heap, oop);
	return imago_oop_integer(heap->tagging, imago_heap_fetch_slot(heap, &object, slot));
}

static void
pcs_move_with_the_width_of_the_literals(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *narrow = filled_heap("spur32", &allocator, fill_activation);
	imago_heap *wide =
	    rebuild(narrow, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}}, NULL);
	assert_int_equal(integer_at(wide, external(wide, 0), 1), 8 * 6 + 1 + 2);
	assert_int_equal(integer_at(wide, external(wide, 1), 1), 8 * 6 + 1 + 4);
	imago_object context = decode(wide, external(wide, 0));
	assert_int_equal(integer_at(wide, external(wide, 0), 6), 7);
	assert_true(imago_heap_fetch_slot(wide, &context, 7) == imago_heap_nil(wide));
	imago_object code = decode(wide, external(wide, 2));
	assert_int_equal(imago_object_bytes(wide, &code)[8 * 6 + 1], 124);
	assert_int_equal(integer_at(wide, external(wide, 2), 0) & 0x7FFF, 5);
	imago_heap_destroy(wide);
	imago_heap_destroy(narrow);
	assert_no_leak(&allocator);
}

static void
fill_nothing(imago_builder *builder, imago_oop array)
{
	(void)builder;
	(void)array;
}

/* Refused across word sizes, naming the array. */
static void
assert_word_refused(const char *layout, imago_oop word, imago_status status, const char *what)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap = filled_heap(layout, &allocator, fill_nothing);
	imago_object array = external_array(heap);
	imago_heap_store_slot(heap, &array, 3, word);
	uint8_t other = heap->layout.word_bytes == 4 ? 8 : 4;
	imago_rebuild_options options = {.layout = {other, IMAGO_LITTLE_ENDIAN}};
	assert_refused(heap, options, status, what, &error);
	if (status == IMAGO_EUNSUPPORTED) {
		assert_true(error.found == array.oop);
		assert_true(error.offset == imago_heap_offset_of(heap, array.chunk));
	} else {
		assert_true(error.found == word);
		assert_true(error.offset ==
		            imago_heap_offset_of(heap, array.body + UINT64_C(3) * heap->layout.word_bytes));
	}
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
words_that_have_no_meaning_in_the_target_are_refused_by_name(void **state)
{
	(void)state;
	assert_word_refused("spur64", UINT64_C(1) << 33 | 2, IMAGO_EUNSUPPORTED, "Character");
	assert_word_refused("spur64be", 3, IMAGO_EUNSUPPORTED, "tag");
	assert_word_refused("spur64", 8, IMAGO_ESTRUCTURE, "pointer that hits no object");
	assert_word_refused("spur32", 8, IMAGO_ESTRUCTURE, "pointer that hits no object");
}

static void
method_header_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap = filled_heap("spur64", &allocator, fill_activation);
	imago_object code = decode(heap, external(heap, 2));
	imago_oop header = imago_heap_fetch_slot(heap, &code, 0);
	imago_heap_store_slot(heap, &code, 0, header | UINT64_C(1) << 40);
	imago_rebuild_options narrow = {.layout = {4, IMAGO_LITTLE_ENDIAN}};
	assert_refused(heap, narrow, IMAGO_EUNSUPPORTED, "method header", &error);
	assert_true(error.found == code.oop);
	imago_heap_store_slot(heap, &code, 0, header | UINT64_C(1) << 63 | UINT64_C(1) << 40);
	assert_refused(heap, narrow, IMAGO_EUNSUPPORTED, "method header", &error);
	imago_heap_store_slot(heap, &code, 0, 0x7FFF << 3 | 1);
	assert_refused(heap, narrow, IMAGO_ESTRUCTURE, "method header", &error);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
sign_of_a_method_header_stays_its_bytecode_set(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *heap = filled_heap("spur32", &allocator, fill_activation);
	imago_object code = decode(heap, external(heap, 2));
	imago_oop header = imago_heap_fetch_slot(heap, &code, 0);
	imago_heap_store_slot(heap, &code, 0, header | UINT64_C(1) << 31);
	imago_heap *wide =
	    rebuild(heap, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}}, NULL);
	imago_object wide_code = decode(wide, external(wide, 2));
	assert_true(imago_heap_fetch_slot(wide, &wide_code, 0) ==
	            (UINT64_C(1) << 63 | (header >> 1) << 3 | 1));
	imago_heap_destroy(wide);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
fill_forwarders(imago_builder *builder, imago_oop array)
{
	imago_oop point =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_POINT), 2);
	imago_oop first = imago_builder_new_forwarder(builder, point);
	imago_oop second = imago_builder_new_forwarder(builder, first);
	imago_builder_store(builder, array, 0, second);
	imago_builder_store(builder, array, 1, point);
}

static void
forwarders_are_followed_and_dropped_and_cycles_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap = filled_heap("spur32", &allocator, fill_forwarders);
	imago_rebuild_options wide = {.layout = {8, IMAGO_LITTLE_ENDIAN}};
	imago_rebuild_report report;
	imago_heap *other = rebuild(heap, wide, &report);
	assert_int_equal(report.num_forwarders_followed, 2);
	assert_true(external(other, 0) == external(other, 1));
	assert_same_digest(heap, other);
	imago_heap_destroy(other);
	imago_object second = decode(heap, external(heap, 0));
	imago_heap_store_slot(heap, &second, 0, second.oop);
	assert_refused(heap, wide, IMAGO_ESTRUCTURE, "forwarder that leads nowhere", &error);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
options_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(test_layout_find("spur32"), &allocator);
	const struct {
		imago_rebuild_options options;
		imago_status status;
		const char *what;
	} rows[] = {
	    {{.layout = {2, IMAGO_LITTLE_ENDIAN}}, IMAGO_EUSAGE, "word size"},
	    {{.set_base = true, .base = 0x1004}, IMAGO_EALIGN, "base"},
	    {{.set_base = true, .base = 0}, IMAGO_ERANGE, "base"},
	    {{.set_base = true, .base = UINT64_C(1) << 32}, IMAGO_ERANGE, "base"},
	    {{.set_base = true, .base = 0xFFFFFFF8}, IMAGO_ERANGE, "segment end"},
	    {{.num_segments = 2, .gap = 4}, IMAGO_EALIGN, "gap"},
	    {{.gap = 8}, IMAGO_EUSAGE, "gap without a number of segments"},
	    {{.num_segments = 2, .gap = UINT64_MAX - 7}, IMAGO_ERANGE, "base"},
	    {{.num_segments = IMAGO_MAX_SEGMENTS + 1}, IMAGO_ERANGE, "number of segments"},
	    {{.num_segments = IMAGO_MAX_SEGMENTS}, IMAGO_ERANGE, "number of segments"},
	    {{.layout = {8, IMAGO_LITTLE_ENDIAN}, .num_segments = IMAGO_MAX_SEGMENTS},
	     IMAGO_ERANGE,
	     "number of segments"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_refused(heap, rows[i].options, rows[i].status, rows[i].what, &error);
	}
	imago_heap_destroy(heap);
	heap = small_heap(test_layout_find("v3"), &allocator);
	assert_refused(heap, (imago_rebuild_options){.num_segments = 2}, IMAGO_EUNSUPPORTED,
	               "segments of a V3 image", &error);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
permanent_space_stays_where_it_is(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = perm_heap(test_layout_find("spur32"), &allocator);
	assert_refused(heap, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}},
	               IMAGO_EUNSUPPORTED, "permanent space in another word size", &error);
	assert_refused(heap,
	               (imago_rebuild_options){.set_base = true, .base = IMAGO_PERM_START_32 - 16},
	               IMAGO_ERANGE, "base", &error);
	imago_heap *three = rebuild(heap, (imago_rebuild_options){.num_segments = 3}, NULL);
	assert_int_equal(three->num_segments, 4);
	assert_true(three->segments[3].start == IMAGO_PERM_START_32);
	imago_heap_destroy(three);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
broken_heaps_are_refused_where_they_break(void **state)
{
	(void)state;
	static const char *const layouts[] = {"spur32", "spur64be", "v3"};
	for (size_t i = 0; i < 3; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_heap *heap = filled_heap(layouts[i], &allocator, fill_nothing);
		imago_object array = external_array(heap);
		uint64_t word_bytes = heap->layout.word_bytes;
		imago_heap_store_slot(heap, &array, 3, 8);
		imago_rebuild_options base = {.set_base = true, .base = FAR_BASE};
		assert_refused(heap, base, IMAGO_ESTRUCTURE, "pointer that leaves the heap", &error);
		assert_true(error.found == 8);
		assert_true(error.offset == imago_heap_offset_of(heap, array.body + 3 * word_bytes));
		/* A size of nonsense: 2^40 slots in Spur, 0 bytes in V3. */
		uint8_t *header = imago_heap_writable_bytes(heap, array.chunk, 8);
		uint64_t nonsense = UINT64_C(255) << 56 | UINT64_C(1) << 40;
		imago_store_u64(header, heap->model == IMAGO_SPUR ? nonsense : 0, heap->layout.byte_order);
		imago_layout other = heap->layout;
		other.byte_order = other_order(other.byte_order);
		imago_heap *out = NULL;
		imago_rebuild_options swap = {.layout = other};
		assert_int_not_equal(imago_rebuild(&out, heap, &swap, &allocator, NULL, &error), IMAGO_OK);
		assert_true(error.offset == imago_heap_offset_of(heap, array.chunk));
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

typedef struct attempt_row {
	const char *layout;
	imago_rebuild_options options;
} attempt_row;

static imago_status
attempt_rebuild(imago_allocator *allocator, imago_error *error, void *payload)
{
	const attempt_row *row = payload;
	imago_allocator other;
	imago_allocator_init(&other, IMAGO_UNLIMITED);
	imago_heap *source = varied_heap(test_layout_find(row->layout), &other);
	imago_heap *heap = NULL;
	imago_status status = imago_rebuild(&heap, source, &row->options, allocator, NULL, error);
	imago_heap_destroy(heap);
	imago_heap_destroy(source);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	attempt_row rows[] = {
	    {"spur32", {.layout = {4, IMAGO_BIG_ENDIAN}}},
	    {"spur64", {.num_segments = 3, .gap = GAP}},
	    {"v3", {.layout = {4, IMAGO_BIG_ENDIAN}}},
	    {"spur32", {.layout = {8, IMAGO_LITTLE_ENDIAN}}},
	    {"spur64", {.layout = {4, IMAGO_BIG_ENDIAN}, .num_segments = 2}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_every_allocation_failure_is_reported(attempt_rebuild, &rows[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_options_the_rebuild_is_a_copy),
	    cmocka_unit_test(the_other_byte_order_and_back_gives_the_same_bytes),
	    cmocka_unit_test(another_base_and_back_gives_the_same_bytes),
	    cmocka_unit_test(three_segments_and_back_to_one_gives_the_same_bytes),
	    cmocka_unit_test(swapping_and_moving_give_the_same_in_one_step_or_in_two),
	    cmocka_unit_test(floats_are_in_platform_order_where_the_format_number_says_so),
	    cmocka_unit_test(float_flag_that_does_not_fit_is_reported),
	    cmocka_unit_test(the_other_word_size_and_back_means_the_same),
	    cmocka_unit_test(numbers_are_boxed_and_unboxed_as_they_fit),
	    cmocka_unit_test(pcs_move_with_the_width_of_the_literals),
	    cmocka_unit_test(sign_of_a_method_header_stays_its_bytecode_set),
	    cmocka_unit_test(words_that_have_no_meaning_in_the_target_are_refused_by_name),
	    cmocka_unit_test(method_header_that_does_not_fit_is_refused),
	    cmocka_unit_test(forwarders_are_followed_and_dropped_and_cycles_refused),
	    cmocka_unit_test(options_that_make_no_sense_are_refused),
	    cmocka_unit_test(permanent_space_stays_where_it_is),
	    cmocka_unit_test(broken_heaps_are_refused_where_they_break),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
