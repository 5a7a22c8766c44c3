/* rebuild_width_test.c: a rebuild in the other word size means the same, or names what cannot be
 * said there.
 */
#include "rebuilds.h"

#include "imago/known_objects.h"

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

/* A heap whose external objects begin with a forwarder to a forwarder to a word. */
static imago_heap *
heap_with_forwarded(const char *layout, imago_allocator *allocator, fill_fn *fill, imago_oop word)
{
	imago_heap *heap = filled_heap(layout, allocator, fill);
	imago_object second = decode(heap, external(heap, 0));
	imago_object first = decode(heap, imago_heap_fetch_slot(heap, &second, 0));
	imago_heap_store_slot(heap, &first, 0, word);
	return heap;
}

static void
numbers_behind_forwarders_change_like_others(void **state)
{
	(void)state;
	static const struct {
		int64_t integer; /* 0: a Float */
		uint64_t num_integers, num_floats;
	} rows[] = {{INT64_C(1) << 40, 1, 0}, {7, 0, 0}, {0, 0, 1}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		imago_allocator allocator;
		imago_rebuild_report report;
		imago_oop word;
		assert_true(rows[i].integer != 0
		                ? imago_oop_from_integer(IMAGO_TAGGING_SPUR64, rows[i].integer, &word)
		                : imago_oop_from_float_bits(IMAGO_TAGGING_SPUR64,
		                                            UINT64_C(0x3FF8000000000000), &word));
		imago_heap *wide = heap_with_forwarded("spur64", &allocator, fill_forwarders, word);
		imago_object array = external_array(wide);
		imago_heap_store_slot(wide, &array, 1, word);
		const imago_rebuild_options options = {.layout = {4, IMAGO_LITTLE_ENDIAN}};
		imago_heap *narrow = rebuild(wide, options, &report);
		assert_true(report.num_integers_boxed == rows[i].num_integers);
		assert_true(report.num_floats_boxed == rows[i].num_floats);
		assert_true(external(narrow, 0) == external(narrow, 1));
		assert_same_digest(wide, narrow);
		imago_heap_destroy(narrow);
		imago_heap_destroy(wide);
		assert_no_leak(&allocator);
	}
}

static void
character_behind_forwarders_is_refused_where_it_has_no_room(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	const imago_oop character = UINT64_C(1) << 33 | 2; /* of 31 bits */
	imago_heap *heap = heap_with_forwarded("spur64", &allocator, fill_forwarders, character);
	const imago_rebuild_options narrow = {.layout = {4, IMAGO_LITTLE_ENDIAN}};
	assert_refused(heap, narrow, IMAGO_EUNSUPPORTED, "Character", &error);
	assert_true(error.found == external_array(heap).oop);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A context that is blank but for its stack pointer. */
static void
fill_blank_context(imago_builder *builder, imago_oop array)
{
	fill_forwarders(builder, array);
	imago_oop context =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), 22);
	imago_builder_store(builder, context, 2, imago_builder_fetch(builder, array, 0));
	imago_builder_store(builder, context, 7, array); /* beyond the stack pointer */
	imago_builder_store(builder, array, 2, context);
}

static void
stack_pointer_counts_behind_forwarders(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_oop one;
	assert_true(imago_oop_from_integer(IMAGO_TAGGING_SPUR32, 1, &one));
	imago_heap *narrow = heap_with_forwarded("spur32", &allocator, fill_blank_context, one);
	imago_heap *wide =
	    rebuild(narrow, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}}, NULL);
	imago_object context = decode(wide, external(wide, 2));
	assert_true(imago_heap_fetch_slot(wide, &context, 7) == imago_heap_nil(wide));
	assert_same_digest(narrow, wide);
	imago_heap_destroy(wide);
	imago_heap_destroy(narrow);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_other_word_size_and_back_means_the_same),
	    cmocka_unit_test(numbers_are_boxed_and_unboxed_as_they_fit),
	    cmocka_unit_test(pcs_move_with_the_width_of_the_literals),
	    cmocka_unit_test(words_that_have_no_meaning_in_the_target_are_refused_by_name),
	    cmocka_unit_test(method_header_that_does_not_fit_is_refused),
	    cmocka_unit_test(sign_of_a_method_header_stays_its_bytecode_set),
	    cmocka_unit_test(forwarders_are_followed_and_dropped_and_cycles_refused),
	    cmocka_unit_test(numbers_behind_forwarders_change_like_others),
	    cmocka_unit_test(character_behind_forwarders_is_refused_where_it_has_no_room),
	    cmocka_unit_test(stack_pointer_counts_behind_forwarders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
