/* method_test.c: the header word of compiled code (spur.md §15, v3.md §4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "imago/method.h"

enum { AREA = 96, BASE = 0x1000 };

typedef struct fixture {
	imago_allocator allocator;
	imago_heap *heap;
	imago_object object;
	uint8_t bytes[AREA];
} fixture;

/* One method object whose header word is the tagged value and whose bytecodes follow two literals.
 */
static imago_method
decode(fixture *f, imago_object_model model, imago_layout layout, int64_t value,
       const uint8_t *bytecodes, size_t num_bytecodes)
{
	memset(f, 0, sizeof *f);
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_heap_create(&f->heap, model, layout, &f->allocator, NULL), IMAGO_OK);
	imago_segment segment = {.start = BASE, .size = AREA, .bytes = f->bytes};
	uint64_t num_slots = 3 + (num_bytecodes + layout.word_bytes - 1) / layout.word_bytes;
	uint64_t tail = (layout.word_bytes - num_bytecodes % layout.word_bytes) % layout.word_bytes;
	uint8_t *body = f->bytes + (model == IMAGO_SPUR ? 8 : 4);
	if (model == IMAGO_SPUR) {
		imago_store_u64(f->bytes, num_slots << 56 | (24 + tail) << 24 | 100, layout.byte_order);
	} else {
		imago_store_u32(f->bytes, (uint32_t)(3 | (4 + 4 * num_slots) | (12 + tail) << 8 | 1u << 12),
		                layout.byte_order);
	}
	imago_oop header;
	imago_tagging tagging = imago_tagging_of(model, layout.word_bytes);
	assert_true(imago_oop_from_integer(tagging, value, &header));
	imago_store_word(body, header, layout);
	memcpy(body + (size_t)3 * layout.word_bytes, bytecodes, num_bytecodes);
	assert_int_equal(imago_heap_add_segment(f->heap, &segment, NULL), IMAGO_OK);
	assert_int_equal(imago_heap_decode_chunk(f->heap, BASE, &f->object, NULL), IMAGO_OK);
	assert_int_equal(f->object.body_kind, IMAGO_BODY_METHOD);
	imago_method method = imago_method_decode(f->heap, &f->object);
	imago_heap_destroy(f->heap);
	return method;
}

static const imago_layout layouts[] = {
    {4, IMAGO_LITTLE_ENDIAN},
    {4, IMAGO_BIG_ENDIAN},
    {8, IMAGO_LITTLE_ENDIAN},
    {8, IMAGO_BIG_ENDIAN},
};
enum { NUM_LAYOUTS = sizeof layouts / sizeof layouts[0] };

static void
every_field_of_a_spur_method_is_found(void **state)
{
	(void)state;
	static const uint8_t code[] = {139, 117, 2, 124, 0};
	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		fixture f;
		int64_t value = 2 | 1 << 16 | 1 << 17 | 5 << 18 | 3 << 24;
		imago_method method = decode(&f, IMAGO_SPUR, layouts[i], value, code, sizeof code);
		assert_true(method.header_is_integer);
		assert_false(method.sista);
		assert_true(method.has_primitive);
		assert_true(method.large_frame);
		assert_int_equal(method.num_literals, 2);
		assert_int_equal(method.num_temps, 5);
		assert_int_equal(method.num_args, 3);
		assert_int_equal(method.primitive, 117 + 2 * 256);
		assert_false(method.primitive_call_missing);
		assert_int_equal(method.first_bytecode, 3u * layouts[i].word_bytes);
		assert_int_equal(method.end - method.first_bytecode, sizeof code);
	}
}

static void
a_negative_header_means_sista_and_its_own_primitive_bytecode(void **state)
{
	(void)state;
	static const uint8_t code[] = {248, 60, 0, 92};
	static const uint8_t inlined[] = {248, 60, 0x80, 92};
	static const uint8_t other_set[] = {139, 60, 0, 124};
	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		fixture f;
		int64_t lowest = layouts[i].word_bytes == 8 ? -(INT64_C(1) << 60) : -(INT64_C(1) << 30);
		int64_t value = lowest + (2 | 1 << 16);
		imago_method method = decode(&f, IMAGO_SPUR, layouts[i], value, code, sizeof code);
		assert_true(method.sista);
		assert_int_equal(method.num_literals, 2);
		assert_int_equal(method.primitive, 60);
		method = decode(&f, IMAGO_SPUR, layouts[i], value, inlined, sizeof inlined);
		assert_true(method.primitive_call_missing);
		assert_int_equal(method.primitive, 0);
		method = decode(&f, IMAGO_SPUR, layouts[i], value, other_set, sizeof other_set);
		assert_true(method.primitive_call_missing);
	}
}

static void
a_primitive_flag_without_three_bytecodes_is_told(void **state)
{
	(void)state;
	static const uint8_t code[] = {139, 60};
	fixture f;
	imago_method method = decode(&f, IMAGO_SPUR, layouts[2], 2 | 1 << 16, code, sizeof code);
	assert_true(method.primitive_call_missing);
	method = decode(&f, IMAGO_SPUR, layouts[2], 0x7FFF | 1 << 16, code, sizeof code);
	assert_true(method.primitive_call_missing);
	assert_true(method.first_bytecode > method.end);
}

static void
a_v3_header_keeps_its_primitive_in_ten_bits(void **state)
{
	(void)state;
	static const uint8_t code[] = {0x87, 0x7C};
	for (size_t i = 0; i < 2; i++) {
		fixture f;
		int64_t value = 0x1A5 | 2 << 9 | 1 << 17 | 7 << 18 | 4 << 24 | 1 << 28;
		imago_method method = decode(&f, IMAGO_V3, layouts[i], value, code, sizeof code);
		assert_int_equal(method.primitive, 0x1A5 + 512);
		assert_true(method.has_primitive);
		assert_int_equal(method.num_literals, 2);
		assert_true(method.large_frame);
		assert_int_equal(method.num_temps, 7);
		assert_int_equal(method.num_args, 4);
		assert_int_equal(method.first_bytecode, 12);
	}
}

static void
a_body_whose_first_slot_is_no_integer_has_no_header(void **state)
{
	(void)state;
	fixture f;
	static const uint8_t code[] = {0};
	decode(&f, IMAGO_SPUR, layouts[2], 0, code, sizeof code);
	imago_allocator_init(&f.allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_heap_create(&f.heap, IMAGO_SPUR, layouts[2], &f.allocator, NULL),
	                 IMAGO_OK);
	imago_segment segment = {.start = BASE, .size = AREA, .bytes = f.bytes};
	imago_store_u64(f.bytes + 8, BASE, IMAGO_LITTLE_ENDIAN);
	assert_int_equal(imago_heap_add_segment(f.heap, &segment, NULL), IMAGO_OK);
	imago_method method = imago_method_decode(f.heap, &f.object);
	assert_false(method.header_is_integer);
	assert_int_equal(method.num_literals, 0);
	imago_heap_destroy(f.heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_of_a_spur_method_is_found),
	    cmocka_unit_test(a_negative_header_means_sista_and_its_own_primitive_bytecode),
	    cmocka_unit_test(a_primitive_flag_without_three_bytecodes_is_told),
	    cmocka_unit_test(a_v3_header_keeps_its_primitive_in_ten_bits),
	    cmocka_unit_test(a_body_whose_first_slot_is_no_integer_has_no_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
