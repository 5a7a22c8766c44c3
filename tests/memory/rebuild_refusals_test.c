/* rebuild_refusals_test.c: options that make no sense, heaps that break, memory that is short. */
#include "rebuilds.h"

#include <string.h>

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
	    cmocka_unit_test(options_that_make_no_sense_are_refused),
	    cmocka_unit_test(broken_heaps_are_refused_where_they_break),
	    cmocka_unit_test(every_allocation_failure_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
