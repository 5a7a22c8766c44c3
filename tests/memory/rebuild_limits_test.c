/* rebuild_limits_test.c: what a rebuild cannot make, and says so: addresses, header fields and
 * objects that the result has no room for. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <string.h>

#include "imago/class_table.h"
#include "imago/known_objects.h"
#include "imago/rebuild.h"
#include "imago/walk.h"

#define TOP_ADDRESS (UINT64_MAX - 7)
#define FOUR_GIB    (UINT64_C(1) << 32)

typedef struct fixture {
	imago_allocator allocator;
	imago_builder *builder;
	imago_heap *heap;
} fixture;

static void
begin(fixture *made, const char *layout)
{
	imago_allocator_init(&made->allocator, IMAGO_UNLIMITED);
	made->builder = test_builder(test_layout_find(layout), &made->allocator);
	assert_non_null(made->builder);
}

static void
finish(fixture *made)
{
	made->heap = test_finish(made->builder);
	assert_non_null(made->heap);
}

static void
end(fixture *made)
{
	imago_heap_destroy(made->heap);
	assert_no_leak(&made->allocator);
}

static void
assert_refused(const imago_heap *source, imago_rebuild_options options, imago_status expected,
               const char *what)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	uint64_t used = source->allocator->used;
	assert_status(imago_rebuild(&heap, source, &options, source->allocator, NULL, &error), &error,
	              expected);
	assert_string_equal(error.what, what);
	assert_null(heap);
	assert_int_equal(source->allocator->used, used);
}

static imago_heap *
rebuild(const imago_heap *source, imago_rebuild_options options)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	assert_ok(imago_rebuild(&heap, source, &options, source->allocator, NULL, &error), &error);
	return heap;
}

static const imago_layout narrow = {4, IMAGO_LITTLE_ENDIAN};

/* The addresses of a result must not wrap: not those of its objects, of its bridge, of a gap. */
static void
a_base_near_the_top_of_the_address_space_is_refused(void **state)
{
	(void)state;
	fixture made;
	begin(&made, "spur64");
	finish(&made);
	uint64_t size = made.heap->segments[0].size;
	imago_rebuild_options options = {.set_base = true, .base = TOP_ADDRESS, .num_segments = 1};
	assert_refused(made.heap, options, IMAGO_ERANGE, "base");
	options.base = TOP_ADDRESS - size; /* room for the objects, none for the bridge */
	assert_refused(made.heap, options, IMAGO_ERANGE, "base");
	options = (imago_rebuild_options){.num_segments = 2, .gap = TOP_ADDRESS};
	assert_refused(made.heap, options, IMAGO_ERANGE, "base");
	end(&made);
}

static void
a_base_too_high_for_the_segments_as_they_lie_is_refused(void **state)
{
	(void)state;
	fixture made;
	imago_allocator_init(&made.allocator, IMAGO_UNLIMITED);
	made.heap = varied_heap(test_layout_find("spur64"), &made.allocator);
	assert_non_null(made.heap);
	assert_refused(made.heap, (imago_rebuild_options){.set_base = true, .base = TOP_ADDRESS},
	               IMAGO_ERANGE, "base");
	imago_heap_destroy(made.heap);
	made.heap = perm_heap(test_layout_find("spur64"), &made.allocator);
	assert_non_null(made.heap);
	uint64_t size = made.heap->segments[0].size;
	assert_refused(made.heap, (imago_rebuild_options){.set_base = true, .base = TOP_ADDRESS - size},
	               IMAGO_ERANGE, "base");
	end(&made);
}

static void
a_heap_without_old_space_is_refused(void **state)
{
	(void)state;
	fixture made;
	imago_error error;
	imago_allocator_init(&made.allocator, IMAGO_UNLIMITED);
	assert_ok(imago_heap_create(&made.heap, IMAGO_SPUR, narrow, &made.allocator, &error), &error);
	assert_refused(made.heap, (imago_rebuild_options){0}, IMAGO_EUSAGE, "a heap without old space");
	end(&made);
}

static void
what_four_gibibytes_do_not_hold_is_refused(void **state)
{
	(void)state;
	fixture made;
	begin(&made, "spur64");
	finish(&made);
	imago_rebuild_options options = {.layout = narrow, .set_base = true, .base = FOUR_GIB - 8};
	assert_refused(made.heap, options, IMAGO_ERANGE, "base");
	options = (imago_rebuild_options){.layout = narrow, .num_segments = 2, .gap = FOUR_GIB};
	assert_refused(made.heap, options, IMAGO_EUNSUPPORTED, "size of the heap");
	end(&made);
}

static void
header_fields_that_have_no_room_in_a_narrow_header_are_refused(void **state)
{
	(void)state;
	fixture made;
	begin(&made, "spur64");
	finish(&made);
	imago_image_header *header = &made.heap->header;
	const imago_rebuild_options options = {.layout = narrow};
	header->flags |= FOUR_GIB;
	assert_refused(made.heap, options, IMAGO_EUNSUPPORTED, "headerFlags");
	header->flags &= ~FOUR_GIB;
	header->saved_window_size = FOUR_GIB;
	assert_refused(made.heap, options, IMAGO_EUNSUPPORTED, "savedWindowSize");
	header->saved_window_size = 0;
	header->extra_vm_memory = FOUR_GIB; /* as a folder's text may say */
	assert_refused(made.heap, options, IMAGO_EUNSUPPORTED, "extraVMMemory");
	header->extra_vm_memory = 0;
	header->image_format = 0;
	assert_refused(made.heap, options, IMAGO_EUNSUPPORTED, "imageFormat");
	end(&made);
}

/* Nobody says how its Floats lie, so they stay as they are. */
static void
a_heap_without_a_format_number_keeps_its_flags_in_the_other_byte_order(void **state)
{
	(void)state;
	fixture made;
	begin(&made, "spur64");
	finish(&made);
	made.heap->header.image_format = 0;
	uint64_t flags = made.heap->header.flags;
	imago_heap *swapped = rebuild(
	    made.heap, (imago_rebuild_options){.layout = {8, IMAGO_BIG_ENDIAN}, .num_segments = 0});
	assert_int_equal(swapped->header.flags, flags);
	imago_heap_destroy(swapped);
	end(&made);
}

static imago_object
special(const imago_heap *heap, uint64_t index)
{
	imago_object object;
	imago_error error;
	assert_ok(imago_heap_decode_object(heap, imago_special_object_at(heap, index), &object, &error),
	          &error);
	return object;
}

/* The page 0 of the class table. */
static imago_object
first_page(const imago_heap *heap)
{
	imago_known_objects known;
	imago_object page;
	imago_error error;
	imago_known_objects_find(heap, &known);
	assert_ok(imago_heap_decode_object(heap, imago_heap_fetch_slot(heap, &known.hidden_roots, 0),
	                                   &page, &error),
	          &error);
	return page;
}

static void
a_number_that_no_class_could_box_is_refused(void **state)
{
	(void)state;
	static const struct {
		double value;
		uint32_t cls;
	} numbers[] = {{0.0, IMAGO_CLASS_LARGE_POSITIVE_INTEGER}, {1.5, IMAGO_CLASS_FLOAT}};
	for (size_t i = 0; i < 2; i++) {
		fixture made;
		begin(&made, "spur64");
		imago_oop array = imago_builder_new_pointers(
		    made.builder, imago_builder_class(made.builder, IMAGO_KERNEL_ARRAY), 1);
		imago_oop number = i == 0 ? imago_builder_integer(made.builder, INT64_C(1) << 40)
		                          : imago_builder_float(made.builder, numbers[i].value);
		imago_builder_set_special(made.builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array);
		imago_builder_store(made.builder, array, 0, number);
		finish(&made);
		imago_heap *narrowed = rebuild(made.heap, (imago_rebuild_options){.layout = narrow});
		imago_heap_destroy(narrowed);
		imago_object page = first_page(made.heap);
		imago_heap_store_slot(made.heap, &page, numbers[i].cls, imago_heap_nil(made.heap));
		assert_refused(made.heap, (imago_rebuild_options){.layout = narrow}, IMAGO_EUNSUPPORTED,
		               "number without a class to box it");
		end(&made);
	}
}

/* A 32-bit table has SmallInteger twice; where the source has it at neither place, or at both,
 * the result has what the source has. */
static void
the_second_entry_of_small_integer_is_only_made_from_the_first(void **state)
{
	(void)state;
	enum { ONE = 1, THREE = 3 };
	for (int what = 0; what < 2; what++) {
		fixture made;
		begin(&made, "spur64");
		finish(&made);
		imago_object page = first_page(made.heap);
		imago_oop nil = imago_heap_nil(made.heap);
		imago_oop float_class = imago_heap_fetch_slot(made.heap, &page, IMAGO_CLASS_FLOAT);
		imago_heap_store_slot(made.heap, &page, what == 0 ? ONE : THREE,
		                      what == 0 ? nil : float_class);
		imago_heap *narrowed = rebuild(made.heap, (imago_rebuild_options){.layout = narrow});
		page = first_page(narrowed);
		imago_oop expected = what == 0 ? imago_heap_nil(narrowed)
		                               : imago_heap_fetch_slot(narrowed, &page, IMAGO_CLASS_FLOAT);
		assert_int_equal(imago_heap_fetch_slot(narrowed, &page, THREE), expected);
		imago_heap_destroy(narrowed);
		end(&made);
	}
}

static void
immutable_and_pinned_objects_stay_so_in_the_other_word_size(void **state)
{
	(void)state;
	enum { IMMUTABLE = 1 << 23, PINNED = 1 << 30 };
	static const char *const layouts[] = {"spur32", "spur64be"};
	for (size_t i = 0; i < 2; i++) {
		fixture made;
		begin(&made, layouts[i]);
		imago_oop oop = imago_builder_new_pointers(
		    made.builder, imago_builder_class(made.builder, IMAGO_KERNEL_ARRAY), 3);
		imago_builder_set_special(made.builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, oop);
		finish(&made);
		imago_byte_order order = made.heap->layout.byte_order;
		imago_layout other = {made.heap->layout.word_bytes == 8 ? 4 : 8, order};
		static const uint32_t bits[] = {IMMUTABLE, PINNED, IMMUTABLE | PINNED};
		for (size_t j = 0; j < 3; j++) {
			uint8_t *header = imago_heap_writable_bytes(made.heap, oop, 8);
			uint64_t word = imago_load_u64(header, order);
			imago_store_u64(header, word | bits[j], order);
			imago_heap *rebuilt = rebuild(made.heap, (imago_rebuild_options){.layout = other});
			imago_object object = special(rebuilt, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
			assert_int_equal((object.bits & IMAGO_BIT_IMMUTABLE) != 0, (bits[j] & IMMUTABLE) != 0);
			assert_int_equal((object.bits & IMAGO_BIT_PINNED) != 0, (bits[j] & PINNED) != 0);
			imago_heap_destroy(rebuilt);
			imago_store_u64(header, word, order);
		}
		end(&made);
	}
}

/* The last segment holds nothing that the other word size keeps: its place goes to the one before.
 */
static void
a_last_segment_of_leftovers_is_joined_to_the_one_before(void **state)
{
	(void)state;
	fixture made;
	begin(&made, "spur32");
	imago_oop array = imago_builder_new_pointers(
	    made.builder, imago_builder_class(made.builder, IMAGO_KERNEL_ARRAY), 3);
	imago_builder_next_segment(made.builder, 0x1000);
	imago_builder_new_forwarder(made.builder, array);
	imago_builder_add_free_chunk(made.builder, 64);
	finish(&made);
	assert_int_equal(made.heap->num_segments, 2);
	imago_heap *widened =
	    rebuild(made.heap, (imago_rebuild_options){.layout = {8, IMAGO_LITTLE_ENDIAN}});
	assert_int_equal(widened->num_segments, 1);
	imago_heap_destroy(widened);
	end(&made);
}

/* Segments without bridges, as a heap made by hand may have them, get none from the last one. */
static void
bridges_are_made_where_the_source_has_none(void **state)
{
	(void)state;
	fixture made;
	begin(&made, "spur32");
	finish(&made);
	made.heap->segments[0].bridge_size = 0;
	imago_heap *copy = rebuild(made.heap, (imago_rebuild_options){.num_segments = 2, .gap = 64});
	assert_int_equal(copy->num_segments, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(copy->segments[i].bridge_size, IMAGO_BRIDGE_SIZE);
	}
	imago_heap_destroy(copy);
	made.heap->segments[0].bridge_size = IMAGO_BRIDGE_SIZE;
	end(&made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_base_near_the_top_of_the_address_space_is_refused),
	    cmocka_unit_test(a_base_too_high_for_the_segments_as_they_lie_is_refused),
	    cmocka_unit_test(a_heap_without_old_space_is_refused),
	    cmocka_unit_test(what_four_gibibytes_do_not_hold_is_refused),
	    cmocka_unit_test(header_fields_that_have_no_room_in_a_narrow_header_are_refused),
	    cmocka_unit_test(a_heap_without_a_format_number_keeps_its_flags_in_the_other_byte_order),
	    cmocka_unit_test(a_number_that_no_class_could_box_is_refused),
	    cmocka_unit_test(the_second_entry_of_small_integer_is_only_made_from_the_first),
	    cmocka_unit_test(immutable_and_pinned_objects_stay_so_in_the_other_word_size),
	    cmocka_unit_test(a_last_segment_of_leftovers_is_joined_to_the_one_before),
	    cmocka_unit_test(bridges_are_made_where_the_source_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
