/* object_header_test.c: decoding single objects of each model from bytes (spur.md §5, §6; v3.md
 * §3). Walks over whole images are pinned by walk_test.c, arbitrary bytes by the fuzz target
 * check_heap. */
#include <stdbool.h>
#include <string.h>

#include "assertions.h"
#include "imago/heap.h"

enum { AREA = 64, BASE = 0x1000, OFFSET = 128 };

typedef struct area {
	imago_allocator allocator;
	imago_heap *heap;
	uint8_t bytes[AREA];
} area;

static void
area_init(area *a, imago_object_model model, imago_layout layout)
{
	memset(a, 0, sizeof *a);
	imago_allocator_init(&a->allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_heap_create(&a->heap, model, layout, &a->allocator, NULL), IMAGO_OK);
	imago_segment segment = {
	    .start = BASE, .size = AREA, .bytes = a->bytes, .writable = a->bytes, .offset = OFFSET};
	assert_int_equal(imago_heap_add_segment(a->heap, &segment, NULL), IMAGO_OK);
}

static void
area_release(area *a)
{
	imago_heap_destroy(a->heap);
	assert_int_equal(a->allocator.used, 0);
}

static const imago_layout spur_layouts[] = {
    {4, IMAGO_LITTLE_ENDIAN},
    {4, IMAGO_BIG_ENDIAN},
    {8, IMAGO_LITTLE_ENDIAN},
    {8, IMAGO_BIG_ENDIAN},
};
enum { NUM_SPUR_LAYOUTS = sizeof spur_layouts / sizeof spur_layouts[0] };

static void
put_header(area *a, size_t position, uint64_t header)
{
	imago_store_u64(a->bytes + position, header, a->heap->layout.byte_order);
}

/* slots, hash, format, class index */
static uint64_t
spur_header(uint64_t slots, uint64_t hash, uint64_t format, uint64_t class_index)
{
	return slots << 56 | hash << 32 | format << 24 | class_index;
}

static void
every_field_of_a_spur_header_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_LAYOUTS; i++) {
		area a;
		imago_object object;
		area_init(&a, IMAGO_SPUR, spur_layouts[i]);
		put_header(&a, 0,
		           spur_header(3, 0x2ABCDE, 1, 1234) | UINT64_C(1) << 23 | UINT64_C(1) << 30 |
		               UINT64_C(1) << 55);
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		assert_int_equal(object.oop, BASE);
		assert_int_equal(object.chunk, BASE);
		assert_int_equal(object.body, BASE + 8);
		assert_int_equal(object.num_slots, 3);
		assert_int_equal(object.total_bytes, spur_layouts[i].word_bytes == 8 ? 32 : 24);
		assert_int_equal(object.identity_hash, 0x2ABCDE);
		assert_int_equal(object.format, 1);
		assert_int_equal(object.class_index, 1234);
		assert_int_equal(object.kind, IMAGO_OBJECT_ORDINARY);
		assert_int_equal(object.body_kind, IMAGO_BODY_POINTERS);
		assert_int_equal(object.bits, IMAGO_BIT_IMMUTABLE | IMAGO_BIT_PINNED | IMAGO_BIT_MARKED);
		area_release(&a);
	}
}

static void
an_object_without_slots_still_takes_sixteen_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_LAYOUTS; i++) {
		area a;
		imago_object object;
		area_init(&a, IMAGO_SPUR, spur_layouts[i]);
		put_header(&a, AREA - 16, spur_header(0, 0, 0, 100));
		put_header(&a, AREA - 8, spur_header(0, 0, 0, 100));
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + AREA - 16, &object, NULL),
		                 IMAGO_OK);
		assert_int_equal(object.total_bytes, 16);
		imago_error error = {0};
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + AREA - 8, &object, &error),
		                 IMAGO_ETRUNCATED);
		assert_string_equal(error.what, "slot count");
		assert_int_equal(error.offset, OFFSET + AREA - 8);
		area_release(&a);
	}
}

static void
an_overflow_word_holds_the_count_and_the_oop_is_the_header_behind_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_LAYOUTS; i++) {
		area a;
		imago_object object;
		imago_object same;
		area_init(&a, IMAGO_SPUR, spur_layouts[i]);
		put_header(&a, 0, UINT64_C(255) << 56 | 4);
		put_header(&a, 8, spur_header(255, 7, 2, 51));
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		assert_int_equal(object.chunk, BASE);
		assert_int_equal(object.oop, BASE + 8);
		assert_int_equal(object.body, BASE + 16);
		assert_int_equal(object.num_slots, 4);
		assert_int_equal(imago_heap_decode_object(a.heap, BASE + 8, &same, NULL), IMAGO_OK);
		assert_same_object(&object, &same);
		area_release(&a);
	}
}

static void
lying_slot_counts_are_refused_with_their_offset(void **state)
{
	(void)state;
	static const struct {
		uint64_t first, second;
		imago_status status;
		const char *what;
	} rows[] = {
	    {UINT64_C(255) << 56 | 300, UINT64_C(3) << 56, IMAGO_ESTRUCTURE,
	     "slot count behind an overflow word"},
	    {UINT64_C(255) << 56 | 300, UINT64_C(255) << 56, IMAGO_ETRUNCATED, "slot count"},
	    {UINT64_MAX, UINT64_C(255) << 56, IMAGO_ETRUNCATED, "slot count"},
	    {UINT64_C(254) << 56, 0, IMAGO_ETRUNCATED, "slot count"},
	};
	for (size_t i = 0; i < NUM_SPUR_LAYOUTS; i++) {
		for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
			area a;
			imago_object object;
			imago_error error = {0};
			area_init(&a, IMAGO_SPUR, spur_layouts[i]);
			put_header(&a, 16, rows[row].first);
			put_header(&a, 24, rows[row].second);
			assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + 16, &object, &error),
			                 rows[row].status);
			assert_string_equal(error.what, rows[row].what);
			assert_int_equal(error.offset, OFFSET + 16);
			area_release(&a);
		}
	}
}

static void
an_overflow_word_at_the_end_has_no_header_behind_it(void **state)
{
	(void)state;
	area a;
	imago_object object;
	imago_error error = {0};
	area_init(&a, IMAGO_SPUR, spur_layouts[0]);
	put_header(&a, AREA - 8, UINT64_C(255) << 56 | 300);
	assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + AREA - 8, &object, &error),
	                 IMAGO_ETRUNCATED);
	assert_string_equal(error.what, "object header behind an overflow word");
	area_release(&a);
}

static void
class_indices_tell_the_kind_of_object(void **state)
{
	(void)state;
	static const struct {
		uint32_t class_index;
		imago_object_kind kind;
	} rows[] = {
	    {0, IMAGO_OBJECT_FREE},
	    {1, IMAGO_OBJECT_PUN},
	    {3, IMAGO_OBJECT_PUN},
	    {7, IMAGO_OBJECT_PUN},
	    {8, IMAGO_OBJECT_FORWARDER},
	    {9, IMAGO_OBJECT_PUN},
	    {15, IMAGO_OBJECT_PUN},
	    {16, IMAGO_OBJECT_HIDDEN},
	    {19, IMAGO_OBJECT_HIDDEN},
	    {20, IMAGO_OBJECT_PUN},
	    {31, IMAGO_OBJECT_PUN},
	    {32, IMAGO_OBJECT_ORDINARY},
	    {4194303, IMAGO_OBJECT_ORDINARY},
	};
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		area a;
		imago_object object;
		area_init(&a, IMAGO_SPUR, spur_layouts[2]);
		put_header(&a, 0, spur_header(1, 0, 2, rows[row].class_index));
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		assert_int_equal(object.kind, rows[row].kind);
		area_release(&a);
	}
}

/* Body kind and unused tail of every format: the tables of spur.md §6 and v3.md §3, written out. */
static void
every_format_number_means_what_the_tables_say(void **state)
{
	(void)state;
	enum { P = IMAGO_BODY_POINTERS, X = IMAGO_BODY_INVALID, M = IMAGO_BODY_METHOD };
	enum { B8 = IMAGO_BODY_BITS8, B16 = IMAGO_BODY_BITS16, B32 = IMAGO_BODY_BITS32 };
	enum { B64 = IMAGO_BODY_BITS64 };
	static const uint8_t spur64[32] = {P,   P,   P,   P,   P,   P,  X,  X,  X,  B64, B32,
	                                   B32, B16, B16, B16, B16, B8, B8, B8, B8, B8,  B8,
	                                   B8,  B8,  M,   M,   M,   M,  M,  M,  M,  M};
	static const uint8_t spur32[32] = {P,  P,  P,  P,  P, P, X, X, X, B64, B32, X, B16, B16, X, X,
	                                   B8, B8, B8, B8, X, X, X, X, M, M,   M,   M, X,   X,   X, X};
	static const uint8_t v3[16] = {P, P, P, P, P, X, B32, B64, B8, B8, B8, B8, M, M, M, M};
	for (uint8_t format = 0; format < 32; format++) {
		assert_int_equal(imago_format_facts_of(IMAGO_SPUR, 8, format).body, spur64[format]);
		assert_int_equal(imago_format_facts_of(IMAGO_SPUR, 4, format).body, spur32[format]);
		uint8_t v3_body = format < 16 ? v3[format] : X;
		/* 64-bit elements exist in 64-bit V3 only, which is not read (v3.md §3). */
		v3_body = v3_body == B64 ? X : v3_body;
		assert_int_equal(imago_format_facts_of(IMAGO_V3, 4, format).body, v3_body);
	}
	assert_int_equal(imago_format_facts_of(IMAGO_SPUR, 8, 23).unused_tail, 7);
	assert_int_equal(imago_format_facts_of(IMAGO_SPUR, 8, 15).unused_tail, 6);
	assert_int_equal(imago_format_facts_of(IMAGO_SPUR, 8, 11).unused_tail, 4);
	assert_int_equal(imago_format_facts_of(IMAGO_SPUR, 4, 27).unused_tail, 3);
	assert_int_equal(imago_format_facts_of(IMAGO_V3, 4, 11).unused_tail, 3);
	assert_int_equal(imago_format_facts_of(IMAGO_V3, 4, 14).unused_tail, 2);
}

static void
elements_are_what_the_slots_hold_less_the_tail(void **state)
{
	(void)state;
	area a;
	imago_object object;
	area_init(&a, IMAGO_SPUR, spur_layouts[2]);
	static const struct {
		uint64_t format, slots, elements;
	} rows[] = {{16, 2, 16}, {23, 2, 9}, {23, 0, 0}, {12, 2, 8}, {15, 1, 1},
	            {10, 2, 4},  {11, 2, 3}, {9, 2, 2},  {1, 2, 0},  {24, 2, 0}};
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		put_header(&a, 0, spur_header(rows[row].slots, 0, rows[row].format, 50));
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		assert_int_equal(imago_object_num_elements(a.heap, &object), rows[row].elements);
	}
	area_release(&a);
}

static void
pointer_slots_are_those_that_hold_oops(void **state)
{
	(void)state;
	area a;
	imago_object object;
	area_init(&a, IMAGO_SPUR, spur_layouts[2]);
	static const struct {
		uint64_t format, class_index, literals, pointers;
	} rows[] = {{1, 100, 0, 4},  {24, 100, 2, 3}, {24, 100, 3, 4}, {24, 100, 30000, 4},
	            {16, 100, 0, 0}, {7, 8, 0, 1},    {0, 0, 0, 0}};
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		put_header(&a, 0, spur_header(4, 0, rows[row].format, rows[row].class_index));
		imago_store_u64(a.bytes + 8, rows[row].literals << 3 | 1, IMAGO_LITTLE_ENDIAN);
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		assert_int_equal(imago_heap_num_pointer_slots(a.heap, &object), rows[row].pointers);
	}
	area_release(&a);
}

static void
oops_that_are_no_address_of_an_object_are_refused(void **state)
{
	(void)state;
	static const struct {
		imago_oop oop;
		imago_status status;
	} rows[] = {
	    {0, IMAGO_ERANGE},           {BASE - 8, IMAGO_ERANGE},
	    {BASE + AREA, IMAGO_ERANGE}, {UINT64_MAX - 7, IMAGO_ERANGE},
	    {BASE + 4, IMAGO_EALIGN},    {BASE + 1, IMAGO_EALIGN},
	};
	area a;
	imago_object object;
	area_init(&a, IMAGO_SPUR, spur_layouts[2]);
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		assert_int_equal(imago_heap_decode_object(a.heap, rows[row].oop, &object, NULL),
		                 rows[row].status);
	}
	/* A header that says "overflow" in the first word of a segment has no overflow word. */
	put_header(&a, 0, spur_header(255, 0, 2, 51));
	assert_int_equal(imago_heap_decode_object(a.heap, BASE, &object, NULL), IMAGO_ETRUNCATED);
	/* One whose word before is no overflow word is no object's header. */
	put_header(&a, 8, spur_header(255, 0, 2, 51));
	put_header(&a, 0, spur_header(1, 0, 2, 51));
	assert_int_equal(imago_heap_decode_object(a.heap, BASE + 8, &object, NULL), IMAGO_ESTRUCTURE);
	area_release(&a);
}

static void
put_u32(area *a, size_t position, uint32_t word)
{
	imago_store_u32(a->bytes + position, word, a->heap->layout.byte_order);
}

static void
the_three_v3_header_types_are_decoded_in_both_orders(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		area a;
		imago_object object;
		imago_object same;
		area_init(&a, IMAGO_V3, (imago_layout){4, (imago_byte_order)order});
		/* type 3: compact class 11, format 8, hash 0x123, 12 bytes with the header */
		put_u32(&a, 0, 3 | 12 | 8 << 8 | 11 << 12 | 0x123 << 17);
		/* type 1: class word, format 1, 8 bytes */
		put_u32(&a, 12, 0x1000 | 1);
		put_u32(&a, 16, 1 | 8 | 1 << 8 | UINT32_C(1) << 30);
		/* type 0: size word, class word, format 2 */
		put_u32(&a, 24, 16);
		put_u32(&a, 28, 0x1004);
		put_u32(&a, 32, 2 << 8);
		/* type 2: a free chunk to the end */
		put_u32(&a, 48, 16 | 2);
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		assert_int_equal(object.class_index, 11);
		assert_int_equal(object.identity_hash, 0x123);
		assert_int_equal(object.num_slots, 2);
		assert_int_equal(object.body_kind, IMAGO_BODY_BITS8);
		assert_int_equal(object.total_bytes, 12);
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + 12, &object, NULL), IMAGO_OK);
		assert_int_equal(object.oop, BASE + 16);
		assert_int_equal(object.class_oop, 0x1000);
		assert_int_equal(object.bits, IMAGO_BIT_REMEMBERED);
		assert_int_equal(object.total_bytes, 12);
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + 24, &object, NULL), IMAGO_OK);
		assert_int_equal(object.oop, BASE + 32);
		assert_int_equal(object.class_oop, 0x1004);
		assert_int_equal(object.num_slots, 3);
		assert_int_equal(object.total_bytes, 24);
		assert_int_equal(imago_heap_decode_object(a.heap, BASE + 32, &same, NULL), IMAGO_OK);
		assert_same_object(&object, &same);
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE + 48, &object, NULL), IMAGO_OK);
		assert_int_equal(object.kind, IMAGO_OBJECT_FREE);
		assert_int_equal(object.total_bytes, 16);
		area_release(&a);
	}
}

static void
lying_v3_headers_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint32_t words[3];
		size_t position;
		imago_status status;
		const char *what;
	} rows[] = {
	    {{3 | 0, 0, 0}, 0, IMAGO_ESTRUCTURE, "object size"},
	    {{2, 0, 0}, 0, IMAGO_ESTRUCTURE, "object size"},
	    {{3 | 252, 0, 0}, 0, IMAGO_ETRUNCATED, "object size"},
	    {{0xFFFFFFFC, 0, 0}, 0, IMAGO_ETRUNCATED, "object size"},
	    {{16, 0x1001, 0}, 0, IMAGO_ESTRUCTURE, "header type"},
	    {{16, 0x1000, 3}, 0, IMAGO_ESTRUCTURE, "header type"},
	    {{0x1001, 3 | 4, 0}, 0, IMAGO_ESTRUCTURE, "header type"},
	    {{0x1001, 0, 0}, AREA - 4, IMAGO_ETRUNCATED, "object header"},
	    {{16, 0x1000, 0}, AREA - 8, IMAGO_ETRUNCATED, "object header"},
	};
	for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
		area a;
		imago_object object;
		imago_error error = {0};
		area_init(&a, IMAGO_V3, (imago_layout){4, IMAGO_LITTLE_ENDIAN});
		for (size_t i = 0; i < 3 && rows[row].position + 4 * i < AREA; i++) {
			put_u32(&a, rows[row].position + 4 * i, rows[row].words[i]);
		}
		assert_int_equal(
		    imago_heap_decode_chunk(a.heap, BASE + rows[row].position, &object, &error),
		    rows[row].status);
		assert_string_equal(error.what, rows[row].what);
		assert_int_equal(error.offset, OFFSET + rows[row].position);
		area_release(&a);
	}
}

static void
a_stored_slot_is_fetched_again_and_nothing_beside_it_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_LAYOUTS; i++) {
		area a;
		imago_object object;
		area_init(&a, IMAGO_SPUR, spur_layouts[i]);
		put_header(&a, 0, spur_header(3, 0, 1, 100));
		assert_int_equal(imago_heap_decode_chunk(a.heap, BASE, &object, NULL), IMAGO_OK);
		imago_heap_store_slot(a.heap, &object, 1, 0x81020304);
		assert_int_equal(imago_heap_fetch_slot(a.heap, &object, 0), 0);
		assert_int_equal(imago_heap_fetch_slot(a.heap, &object, 1), 0x81020304u);
		assert_int_equal(imago_heap_fetch_slot(a.heap, &object, 2), 0);
		area_release(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_of_a_spur_header_is_found),
	    cmocka_unit_test(an_object_without_slots_still_takes_sixteen_bytes),
	    cmocka_unit_test(an_overflow_word_holds_the_count_and_the_oop_is_the_header_behind_it),
	    cmocka_unit_test(lying_slot_counts_are_refused_with_their_offset),
	    cmocka_unit_test(an_overflow_word_at_the_end_has_no_header_behind_it),
	    cmocka_unit_test(class_indices_tell_the_kind_of_object),
	    cmocka_unit_test(every_format_number_means_what_the_tables_say),
	    cmocka_unit_test(elements_are_what_the_slots_hold_less_the_tail),
	    cmocka_unit_test(pointer_slots_are_those_that_hold_oops),
	    cmocka_unit_test(oops_that_are_no_address_of_an_object_are_refused),
	    cmocka_unit_test(the_three_v3_header_types_are_decoded_in_both_orders),
	    cmocka_unit_test(lying_v3_headers_are_refused),
	    cmocka_unit_test(a_stored_slot_is_fetched_again_and_nothing_beside_it_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
