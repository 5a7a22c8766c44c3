/* heap_test.c: segments, the door from addresses to bytes, bridges and copies (spur.md §12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imago/heap.h"

enum { SIZE = 32, BRIDGE = IMAGO_BRIDGE_SIZE, NUM_SEGMENTS = 3 };

typedef struct fixture {
	imago_allocator allocator;
	imago_heap *heap;
	uint8_t bytes[NUM_SEGMENTS][SIZE + BRIDGE];
} fixture;

static const imago_layout layouts[] = {
    {4, IMAGO_LITTLE_ENDIAN},
    {4, IMAGO_BIG_ENDIAN},
    {8, IMAGO_LITTLE_ENDIAN},
    {8, IMAGO_BIG_ENDIAN},
};
enum { NUM_LAYOUTS = sizeof layouts / sizeof layouts[0] };

/* Segments at 0x1000, directly behind it, and 0x100 bytes further. */
static imago_addr
start_of(size_t index)
{
	static const imago_addr starts[NUM_SEGMENTS] = {0x1000, 0x1000 + SIZE + BRIDGE,
	                                                0x1100 + 2 * (SIZE + BRIDGE)};
	return starts[index];
}

static imago_segment
segment_at(fixture *f, size_t index)
{
	return (imago_segment){.start = start_of(index),
	                       .size = SIZE,
	                       .bridge_size = BRIDGE,
	                       .bytes = f->bytes[index],
	                       .writable = f->bytes[index],
	                       .offset = 64 + index * (SIZE + BRIDGE)};
}

static void
fixture_init(fixture *f, imago_layout layout)
{
	memset(f, 0, sizeof *f);
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_heap_create(&f->heap, IMAGO_SPUR, layout, &f->allocator, NULL),
	                 IMAGO_OK);
	for (size_t i = 0; i < NUM_SEGMENTS; i++) {
		imago_segment segment = segment_at(f, i);
		/* one byte object that fills the segment */
		imago_store_u64(f->bytes[i],
		                (uint64_t)(SIZE - 8) / layout.word_bytes << 56 | UINT64_C(16) << 24 | 50,
		                layout.byte_order);
		assert_int_equal(imago_heap_add_segment(f->heap, &segment, NULL), IMAGO_OK);
	}
}

static void
fixture_release(fixture *f)
{
	imago_heap_destroy(f->heap);
	assert_int_equal(f->allocator.used, 0);
}

static void
the_door_opens_for_object_areas_only(void **state)
{
	(void)state;
	fixture f;
	fixture_init(&f, layouts[2]);
	for (size_t i = 0; i < NUM_SEGMENTS; i++) {
		imago_addr start = start_of(i);
		assert_ptr_equal(imago_heap_bytes(f.heap, start, SIZE), f.bytes[i]);
		assert_ptr_equal(imago_heap_writable_bytes(f.heap, start + 8, 8), f.bytes[i] + 8);
		assert_null(imago_heap_bytes(f.heap, start, SIZE + 1));
		assert_null(imago_heap_bytes(f.heap, start, UINT64_MAX));
		assert_null(imago_heap_bytes(f.heap, start + SIZE, 1));
		assert_null(imago_heap_bytes(f.heap, start + SIZE + BRIDGE - 1, 1));
		assert_null(imago_heap_writable_bytes(f.heap, start + SIZE, 0));
		assert_int_equal(imago_heap_offset_of(f.heap, start + 5), 64 + i * (SIZE + BRIDGE) + 5);
		imago_addr addr;
		assert_true(imago_heap_addr_of(f.heap, "", 64 + i * (SIZE + BRIDGE) + 5, &addr));
		assert_int_equal(addr, start + 5);
		assert_false(imago_heap_addr_of(f.heap, "", 64 + i * (SIZE + BRIDGE) + SIZE, &addr));
		assert_false(imago_heap_addr_of(f.heap, "seg0.data", 64, &addr));
	}
	assert_null(imago_heap_bytes(f.heap, 0, 1));
	assert_null(imago_heap_bytes(f.heap, UINT64_MAX, 1));
	assert_true(imago_heap_offset_of(f.heap, 0) == IMAGO_NO_OFFSET);
	fixture_release(&f);
}

static void
borrowed_bytes_cannot_be_written(void **state)
{
	(void)state;
	fixture f;
	fixture_init(&f, layouts[2]);
	f.heap->segments[0].writable = NULL;
	assert_null(imago_heap_writable_bytes(f.heap, start_of(0), 1));
	assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_FILE, NULL), IMAGO_EUSAGE);
	fixture_release(&f);
}

static void
misplaced_segments_are_refused_with_their_offset(void **state)
{
	(void)state;
	static const struct {
		imago_layout layout;
		imago_addr start;
		uint64_t size;
		imago_status status;
		const char *what;
	} rows[] = {
	    {{8, IMAGO_LITTLE_ENDIAN}, 0x2004, 32, IMAGO_EALIGN, "segment start"},
	    {{8, IMAGO_LITTLE_ENDIAN}, 0x2000, 33, IMAGO_EALIGN, "segment size"},
	    {{8, IMAGO_LITTLE_ENDIAN}, 0, 32, IMAGO_ERANGE, "segment start"},
	    {{8, IMAGO_LITTLE_ENDIAN}, 0x1000, 32, IMAGO_ESTRUCTURE, "segment start"},
	    {{8, IMAGO_LITTLE_ENDIAN}, 0x1028, 32, IMAGO_ESTRUCTURE, "segment start"},
	    {{8, IMAGO_LITTLE_ENDIAN}, 0x800, 32, IMAGO_ESTRUCTURE, "segment start"},
	    {{8, IMAGO_LITTLE_ENDIAN}, UINT64_MAX - 39, 32, IMAGO_ERANGE, "segment end"},
	    {{8, IMAGO_LITTLE_ENDIAN}, 0x2000, UINT64_MAX - 15, IMAGO_ERANGE, "segment end"},
	    {{4, IMAGO_LITTLE_ENDIAN}, 0xFFFFFFE0, 32, IMAGO_ERANGE, "segment end"},
	    {{4, IMAGO_LITTLE_ENDIAN}, UINT64_C(0x100000000), 32, IMAGO_ERANGE, "segment end"},
	};
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		imago_allocator allocator;
		imago_heap *heap;
		imago_error error = {0};
		uint8_t bytes[SIZE + BRIDGE] = {0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_int_equal(imago_heap_create(&heap, IMAGO_SPUR, rows[row].layout, &allocator, NULL),
		                 IMAGO_OK);
		imago_segment segment = {
		    .start = 0x1000, .size = SIZE, .bridge_size = BRIDGE, .bytes = bytes, .offset = 64};
		assert_int_equal(imago_heap_add_segment(heap, &segment, &error), IMAGO_OK);
		segment.start = rows[row].start;
		segment.size = rows[row].size;
		segment.offset = 640;
		strcpy(segment.part, "seg1.data");
		assert_int_equal(imago_heap_add_segment(heap, &segment, &error), rows[row].status);
		assert_string_equal(error.what, rows[row].what);
		assert_int_equal(error.offset, 640);
		assert_string_equal(error.part, "seg1.data");
		assert_true(error.found == (rows[row].size % 8 != 0 ? rows[row].size : rows[row].start));
		const uint64_t top = rows[row].layout.word_bytes == 8 ? 0 : UINT64_C(1) << 32;
		assert_true(error.limit == (rows[row].status == IMAGO_EALIGN       ? 8
		                            : rows[row].status == IMAGO_ESTRUCTURE ? 0x1000 + SIZE + BRIDGE
		                                                                   : top));
		assert_int_equal(heap->num_segments, 1);
		imago_heap_destroy(heap);
	}
}

static void
a_segment_may_reach_the_top_of_a_32_bit_address_space(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_heap *heap;
	uint8_t bytes[SIZE] = {0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_heap_create(&heap, IMAGO_V3, layouts[0], &allocator, NULL), IMAGO_OK);
	imago_segment segment = {.start = UINT64_C(0x100000000) - SIZE, .size = SIZE, .bytes = bytes};
	assert_int_equal(imago_heap_add_segment(heap, &segment, NULL), IMAGO_OK);
	assert_non_null(imago_heap_bytes(heap, UINT32_MAX, 1));
	imago_heap_destroy(heap);
}

static void
bridges_in_file_style_hold_the_span_and_the_next_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		fixture f;
		fixture_init(&f, layouts[i]);
		imago_byte_order order = layouts[i].byte_order;
		assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_FILE, NULL), IMAGO_OK);
		assert_int_equal(imago_load_u64(f.bytes[0] + SIZE, order) >> 56, 0);
		assert_int_equal(imago_load_u64(f.bytes[0] + SIZE + 8, order), SIZE + BRIDGE);
		assert_true(imago_load_u64(f.bytes[1] + SIZE, order) ==
		            (UINT64_C(255) << 56 | 0x100 / layouts[i].word_bytes));
		assert_int_equal(imago_load_u64(f.bytes[1] + SIZE + 8, order), SIZE + BRIDGE);
		assert_int_equal(imago_load_u64(f.bytes[2] + SIZE, order) >> 56, 0);
		assert_int_equal(imago_load_u64(f.bytes[2] + SIZE + 8, order), 0);
		fixture_release(&f);
	}
}

static void
bridges_in_memory_style_are_headers_of_the_gap(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		fixture f;
		fixture_init(&f, layouts[i]);
		imago_byte_order order = layouts[i].byte_order;
		bool wide = layouts[i].word_bytes == 8;
		uint64_t long_header = wide ? UINT64_C(0xFF80000049000003) : UINT64_C(0xFF8000004A000003);
		assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_FILE, NULL), IMAGO_OK);
		assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_MEMORY, NULL), IMAGO_OK);
		assert_int_equal(f.heap->bridges, IMAGO_BRIDGES_MEMORY);
		assert_true(imago_load_u64(f.bytes[0] + SIZE + 8, order) == 0);
		assert_true(imago_load_u64(f.bytes[1] + SIZE + 8, order) == long_header);
		assert_true(imago_load_u64(f.bytes[2] + SIZE + 8, order) == 0);
		fixture_release(&f);
	}
}

static void
a_gap_that_no_bridge_can_span_is_refused(void **state)
{
	(void)state;
	fixture f;
	imago_error error = {0};
	fixture_init(&f, layouts[2]);
	f.heap->segments[2].start = UINT64_C(1) << 60;
	assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_FILE, &error), IMAGO_ERANGE);
	assert_string_equal(error.what, "gap between segments");
	const imago_segment *before = &f.heap->segments[1];
	const imago_addr end = before->start + before->size + before->bridge_size;
	assert_int_equal(error.offset, before->offset);
	assert_true(error.found == (UINT64_C(1) << 60) - end);
	assert_true(error.limit == ((UINT64_C(1) << 56) - 1) * 8);
	f.heap->segments[2].start = start_of(2) + 4;
	assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_FILE, &error), IMAGO_EALIGN);
	assert_int_equal(error.offset, before->offset);
	assert_true(error.found == start_of(2) + 4 - end && error.limit == 8);
	fixture_release(&f);
}

static void
a_last_bridge_of_zeros_is_kept_as_it_is(void **state)
{
	(void)state;
	fixture f;
	uint8_t zeros[BRIDGE] = {0};
	fixture_init(&f, layouts[2]);
	assert_int_equal(imago_heap_set_bridges(f.heap, IMAGO_BRIDGES_FILE, NULL), IMAGO_OK);
	assert_memory_equal(f.bytes[2] + SIZE, zeros, BRIDGE);
	fixture_release(&f);
}

static void
a_header_is_refreshed_from_the_segments(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		fixture f;
		fixture_init(&f, layouts[i]);
		/* make the object of the last segment a free chunk */
		imago_store_u64(f.bytes[2], (uint64_t)(SIZE - 8) / layouts[i].word_bytes << 56,
		                layouts[i].byte_order);
		assert_int_equal(imago_heap_refresh_header(f.heap, NULL), IMAGO_OK);
		const imago_image_header *header = &f.heap->header;
		assert_int_equal(header->data_size, NUM_SEGMENTS * (SIZE + BRIDGE));
		assert_int_equal(header->first_segment_size, SIZE + BRIDGE);
		assert_int_equal(header->old_base_address, 0x1000);
		assert_int_equal(header->free_old_space, SIZE);
		assert_int_equal(header->header_size, layouts[i].word_bytes == 8 ? 128 : 64);
		fixture_release(&f);
	}
}

static void
a_copy_is_equal_owns_its_bytes_and_survives_its_source(void **state)
{
	(void)state;
	fixture f;
	imago_heap *copy;
	imago_allocator other;
	fixture_init(&f, layouts[2]);
	f.heap->header.last_hash = 77;
	f.heap->wrapping.trailing = (const uint8_t *)"xyz";
	f.heap->wrapping.trailing_size = 3;
	imago_allocator_init(&other, IMAGO_UNLIMITED);
	assert_int_equal(imago_heap_copy(&copy, f.heap, &other, NULL), IMAGO_OK);
	uint8_t expected[SIZE];
	memcpy(expected, f.bytes[1], SIZE);
	fixture_release(&f);
	memset(f.bytes, 0xEE, sizeof f.bytes);
	assert_int_equal(copy->header.last_hash, 77);
	assert_int_equal(copy->num_segments, NUM_SEGMENTS);
	assert_memory_equal(imago_heap_bytes(copy, start_of(1), SIZE), expected, SIZE);
	assert_non_null(imago_heap_writable_bytes(copy, start_of(2), SIZE));
	assert_memory_equal(copy->wrapping.trailing, "xyz", 3);
	imago_heap_destroy(copy);
	assert_int_equal(other.used, 0);
}

/* Bytes around the objects, of every small number: none is where there are none. */
static void
a_copy_has_as_many_bytes_around_its_objects(void **state)
{
	(void)state;
	static const uint8_t around[] = {7, 8, 9};
	for (uint64_t size = 0; size <= sizeof around; size++) {
		fixture f;
		imago_heap *copy;
		imago_allocator other;
		fixture_init(&f, layouts[0]);
		f.heap->wrapping = (imago_wrapping){.prefix = around,
		                                    .prefix_size = size,
		                                    .header_tail = around,
		                                    .header_tail_size = size,
		                                    .trailing = around,
		                                    .trailing_size = size};
		imago_allocator_init(&other, IMAGO_UNLIMITED);
		assert_int_equal(imago_heap_copy(&copy, f.heap, &other, NULL), IMAGO_OK);
		const imago_wrapping *it = &copy->wrapping;
		assert_true(it->prefix_size == size && it->header_tail_size == size);
		assert_true(it->trailing_size == size);
		const uint8_t *const copies[] = {it->prefix, it->header_tail, it->trailing};
		for (size_t i = 0; i < 3; i++) {
			assert_true((copies[i] != NULL) == (size > 0) && copies[i] != around);
			assert_true(size == 0 || memcmp(copies[i], around, (size_t)size) == 0);
		}
		imago_heap_destroy(copy);
		fixture_release(&f);
		assert_int_equal(other.used, 0);
	}
}

static void
every_failing_allocation_of_a_copy_is_reported(void **state)
{
	(void)state;
	fixture f;
	fixture_init(&f, layouts[2]);
	for (uint64_t fail_at = 1;; fail_at++) {
		imago_allocator other;
		imago_heap *copy = NULL;
		imago_error error = {0};
		imago_allocator_init(&other, IMAGO_UNLIMITED);
		other.fail_at = fail_at;
		imago_status status = imago_heap_copy(&copy, f.heap, &other, &error);
		if (status == IMAGO_OK) {
			assert_true(fail_at > NUM_SEGMENTS);
			imago_heap_destroy(copy);
			break;
		}
		assert_int_equal(status, IMAGO_ENOMEM);
		assert_int_equal(error.status, IMAGO_ENOMEM);
		assert_int_equal(other.used, 0);
	}
	fixture_release(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_door_opens_for_object_areas_only),
	    cmocka_unit_test(borrowed_bytes_cannot_be_written),
	    cmocka_unit_test(misplaced_segments_are_refused_with_their_offset),
	    cmocka_unit_test(a_segment_may_reach_the_top_of_a_32_bit_address_space),
	    cmocka_unit_test(bridges_in_file_style_hold_the_span_and_the_next_size),
	    cmocka_unit_test(bridges_in_memory_style_are_headers_of_the_gap),
	    cmocka_unit_test(a_gap_that_no_bridge_can_span_is_refused),
	    cmocka_unit_test(a_last_bridge_of_zeros_is_kept_as_it_is),
	    cmocka_unit_test(a_header_is_refreshed_from_the_segments),
	    cmocka_unit_test(a_copy_is_equal_owns_its_bytes_and_survives_its_source),
	    cmocka_unit_test(a_copy_has_as_many_bytes_around_its_objects),
	    cmocka_unit_test(every_failing_allocation_of_a_copy_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
