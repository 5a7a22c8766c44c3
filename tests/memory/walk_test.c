/* walk_test.c: walking, counting and indexing built heaps of every layout. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/class_table.h"
#include "imago/known_objects.h"
#include "imago/object_index.h"
#include "imago/walk.h"

typedef void heap_test_fn(imago_heap *heap, imago_allocator *allocator);

/* Runs a test on the varied heap of every layout, and on those with permanent space. */
static void
on_every_heap(heap_test_fn *test)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		test(heap, &allocator);
		imago_heap_destroy(heap);
		if (i < NUM_SPUR_TEST_LAYOUTS) {
			heap = perm_heap(&test_layouts[i], &allocator);
			assert_non_null(heap);
			test(heap, &allocator);
			imago_heap_destroy(heap);
		}
		assert_no_leak(&allocator);
	}
}

static void
check_walk(imago_heap *heap, imago_allocator *allocator)
{
	(void)allocator;
	imago_walker walker;
	imago_object object;
	imago_census census;
	uint64_t bytes = 0;
	uint64_t counts[5] = {0};
	imago_addr last = 0;
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		imago_object again;
		assert_true(object.chunk >= last);
		last = object.chunk + object.total_bytes;
		bytes += object.total_bytes;
		counts[object.kind]++;
		assert_int_equal(imago_heap_decode_object(heap, object.oop, &again, NULL), IMAGO_OK);
		assert_same_object(&again, &object);
	}
	assert_int_equal(walker.status, IMAGO_OK);
	assert_false(imago_walk_next(&walker, &object));
	assert_int_equal(bytes, imago_heap_object_bytes(heap));
	assert_int_equal(imago_census_take(heap, &census, NULL), IMAGO_OK);
	assert_int_equal(census.num_objects, counts[IMAGO_OBJECT_ORDINARY]);
	assert_int_equal(census.num_free, counts[IMAGO_OBJECT_FREE]);
	assert_int_equal(census.num_forwarders, counts[IMAGO_OBJECT_FORWARDER]);
	assert_int_equal(census.num_hidden, counts[IMAGO_OBJECT_HIDDEN]);
	assert_int_equal(census.num_puns, 0);
	assert_int_equal(census.free_bytes, heap->header.free_old_space);
}

static void
a_walk_covers_every_byte_and_the_census_counts_it(void **state)
{
	(void)state;
	on_every_heap(check_walk);
}

static void
check_broken_walk(imago_heap *heap, imago_allocator *allocator)
{
	(void)allocator;
	imago_walker walker;
	imago_object object;
	imago_error error = {0};
	/* A size that leads far beyond the first segment, in the first header. */
	uint8_t *first = imago_heap_writable_bytes(heap, heap->segments[0].start, 8);
	assert_non_null(first);
	if (heap->model == IMAGO_SPUR) {
		imago_store_u64(first, UINT64_MAX >> 8 | UINT64_C(0xFF) << 56, heap->layout.byte_order);
		imago_store_u64(first + 8, UINT64_C(0xFF) << 56, heap->layout.byte_order);
	} else {
		imago_store_u32(first, 0xFFFFFFFC, heap->layout.byte_order);
		imago_store_u32(first + 4, 0, heap->layout.byte_order);
		imago_store_u32(first + 8, 0, heap->layout.byte_order);
	}
	imago_walk_init(&walker, heap, &error);
	assert_false(imago_walk_next(&walker, &object));
	assert_int_equal(walker.status, IMAGO_ETRUNCATED);
	assert_int_equal(error.offset, heap->segments[0].offset);
	assert_false(imago_walk_next(&walker, &object));
	size_t segments_left = heap->num_segments - 1;
	while (imago_walk_skip_segment(&walker)) {
		assert_true(segments_left-- > 0);
		assert_true(imago_walk_next(&walker, &object));
	}
	assert_int_equal(segments_left, 0);
	imago_census census;
	assert_int_equal(imago_census_take(heap, &census, NULL), IMAGO_ETRUNCATED);
}

static void
a_walk_stops_at_what_cannot_be_decoded_and_goes_on_in_the_next_segment(void **state)
{
	(void)state;
	on_every_heap(check_broken_walk);
}

static void
check_index(imago_heap *heap, imago_allocator *allocator)
{
	imago_object_index index;
	imago_walker walker;
	imago_object object;
	uint64_t ordinal = 0;
	assert_int_equal(imago_object_index_create(&index, heap, allocator, NULL), IMAGO_OK);
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		bool indexed = object.kind != IMAGO_OBJECT_FREE && object.kind != IMAGO_OBJECT_PUN;
		assert_int_equal(imago_object_index_has(&index, object.oop), indexed);
		assert_true(imago_object_index_ordinal(&index, object.oop) ==
		            (indexed ? ordinal : UINT64_MAX));
		ordinal += indexed;
		assert_false(imago_object_index_has(&index, object.oop + 1));
		if (object.num_slots > 2) {
			assert_false(imago_object_index_has(&index, object.body + 8));
		}
	}
	assert_int_equal(index.num_objects, ordinal);
	assert_false(imago_object_index_has(&index, 0));
	assert_false(imago_object_index_has(&index, UINT64_MAX - 7));
	assert_true(imago_object_index_ordinal(&index, heap->segments[0].start + 1) == UINT64_MAX);
	imago_object_index_release(&index);
}

static void
the_index_knows_every_object_start_and_its_ordinal(void **state)
{
	(void)state;
	on_every_heap(check_index);
}

static imago_status
attempt_index(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_object_index index;
	imago_status status = imago_object_index_create(&index, payload, allocator, error);
	imago_object_index_release(&index);
	return status;
}

static imago_status
attempt_class_table(imago_allocator *allocator, imago_error *error, void *payload)
{
	imago_class_table table;
	imago_status status = imago_class_table_create(&table, payload, allocator, error);
	imago_class_table_release(&table);
	return status;
}

static void
every_allocation_failure_is_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(&test_layouts[i], &allocator);
		assert_non_null(heap);
		assert_every_allocation_failure_is_reported(attempt_index, heap);
		assert_every_allocation_failure_is_reported(attempt_class_table, heap);
		imago_heap_destroy(heap);
	}
}

static void
check_classes(imago_heap *heap, imago_allocator *allocator)
{
	imago_class_table table;
	imago_walker walker;
	imago_object object;
	char name[64];
	assert_int_equal(imago_class_table_create(&table, heap, allocator, NULL), IMAGO_OK);
	imago_walk_init(&walker, heap, NULL);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind != IMAGO_OBJECT_ORDINARY) {
			continue;
		}
		imago_object cls;
		imago_addr oop = imago_class_of_object(&table, &object);
		assert_int_equal(imago_heap_decode_object(heap, oop, &cls, NULL), IMAGO_OK);
		assert_true(imago_class_shape_of(heap, &cls).is_class);
		imago_class_name(heap, oop, name, sizeof name);
		assert_string_not_equal(name, "?");
	}
	assert_int_equal(imago_class_table_at(&table, UINT32_MAX), 0);
	assert_int_equal(imago_class_table_at(&table, 0), 0);
	imago_class_table_release(&table);
}

static void
every_object_has_a_class_with_a_name(void **state)
{
	(void)state;
	on_every_heap(check_classes);
}

static void
class_names_are_cut_to_the_room_there_is(void **state)
{
	(void)state;
	imago_allocator allocator;
	char name[8];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(&test_layouts[0], &allocator);
	assert_non_null(heap);
	imago_oop array = imago_special_object_at(heap, IMAGO_SPECIAL_CLASS_ARRAY);
	imago_class_name(heap, array, name, sizeof name);
	assert_string_equal(name, "Array");
	imago_class_name(heap, array, name, 4);
	assert_string_equal(name, "Arr");
	imago_class_name(heap, array, name, 1);
	assert_string_equal(name, "");
	imago_class_name(heap, imago_heap_nil(heap), name, sizeof name);
	assert_string_equal(name, "?");
	imago_class_name(heap, 1, name, sizeof name);
	assert_string_equal(name, "?");
	imago_heap_destroy(heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_walk_covers_every_byte_and_the_census_counts_it),
	    cmocka_unit_test(a_walk_stops_at_what_cannot_be_decoded_and_goes_on_in_the_next_segment),
	    cmocka_unit_test(the_index_knows_every_object_start_and_its_ordinal),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	    cmocka_unit_test(every_object_has_a_class_with_a_name),
	    cmocka_unit_test(class_names_are_cut_to_the_room_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
