/* survey_test.c: what a survey passes over is plainly fine by a slow and simple judgement, and it
 * stops nowhere else. */
#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include <string.h>

#include "imago/method.h"
#include "imago/object_index.h"
#include "imago/survey.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { NUM_SHAPES = 8192, MARGIN = 4096, MAX_SEGMENTS = 8 };

typedef struct survey_fixture {
	imago_allocator allocator;
	imago_heap *heap;
	imago_bitmap objects;
	uint64_t segment_bits[MAX_SEGMENTS];
	imago_survey_shape shapes[NUM_SHAPES];
	imago_survey survey;
} survey_fixture;

static imago_heap *
synthetic_heap(const test_layout *layout, imago_allocator *allocator)
{
	imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_bytes = 200 << 10,
	    .num_segments = layout->model == IMAGO_SPUR ? 3 : 1,
	    .gap = layout->model == IMAGO_SPUR ? 0x800 : 0,
	    .seed = 5,
	};
	imago_error error;
	imago_heap *heap = NULL;
	assert_ok(imago_synthetic_make(&heap, &options, allocator, &error), &error);
	return heap;
}

/* Every real class accepts every format and any size. */
static void
set_up(survey_fixture *fixture, const test_layout *layout)
{
	*fixture = (survey_fixture){0};
	imago_allocator_init(&fixture->allocator, IMAGO_UNLIMITED);
	fixture->heap = synthetic_heap(layout, &fixture->allocator);
	const imago_heap *heap = fixture->heap;
	uint64_t num_bits = 0;
	assert_in_range(heap->num_segments, 1, MAX_SEGMENTS);
	for (size_t i = 0; i < heap->num_segments; i++) {
		fixture->segment_bits[i] = num_bits;
		num_bits += heap->segments[i].size >> 3;
	}
	imago_error error;
	assert_ok(imago_bitmap_create(&fixture->objects, num_bits, &fixture->allocator, &error),
	          &error);
	for (size_t i = IMAGO_CLASS_FIRST_REAL; i < NUM_SHAPES; i++) {
		fixture->shapes[i] = (imago_survey_shape){.formats = UINT32_MAX, .max_slots = 254};
	}
	fixture->survey = (imago_survey){
	    .heap = heap,
	    .objects = &fixture->objects,
	    .segment_bits = fixture->segment_bits,
	    .home = heap->num_segments - 1,
	    .shapes = fixture->shapes,
	    .num_shapes = NUM_SHAPES,
	    .code = {.small_frame = 16,
	             .large_frame = 56,
	             .max_primitive = 660,
	             .first_quick = 256,
	             .last_quick = 519},
	};
}

static void
tear_down(survey_fixture *fixture)
{
	imago_bitmap_release(&fixture->objects, &fixture->allocator);
	imago_heap_destroy(fixture->heap);
	assert_no_leak(&fixture->allocator);
}

static uint64_t
bit_of(const survey_fixture *fixture, const imago_object *object)
{
	uint64_t position = object->oop - fixture->heap->segments[object->segment].start;
	return fixture->segment_bits[object->segment] + (position >> 3);
}

static bool
is_plain_header(const imago_heap *heap, const imago_object *object)
{
	unsigned odd = object->bits & ~(unsigned)(IMAGO_BIT_IMMUTABLE | IMAGO_BIT_PINNED);
	return object->kind == IMAGO_OBJECT_ORDINARY && object->chunk == object->oop && odd == 0 &&
	       object->body_kind != IMAGO_BODY_INVALID &&
	       object->unused_tail <= object->num_slots * heap->layout.word_bytes;
}

/* Surveys all headers, marking by hand what the survey leaves; every object is looked at. */
static void
survey_all_headers(survey_fixture *fixture)
{
	imago_heap *heap = fixture->heap;
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		uint64_t position = 0;
		while (position < segment->size) {
			uint64_t count = 0;
			uint64_t end =
			    imago_survey_headers(&fixture->survey, i, position, segment->size, &count);
			uint64_t num_walked = 0;
			imago_object object;
			while (position < end) {
				assert_int_equal(
				    imago_heap_decode_chunk(heap, segment->start + position, &object, NULL),
				    IMAGO_OK);
				assert_true(is_plain_header(heap, &object));
				assert_true(imago_bitmap_test(&fixture->objects, bit_of(fixture, &object)));
				position += object.total_bytes;
				num_walked++;
			}
			assert_int_equal(position, end);
			assert_int_equal(count, num_walked);
			if (position == segment->size) {
				break;
			}
			assert_int_equal(
			    imago_heap_decode_chunk(heap, segment->start + position, &object, NULL), IMAGO_OK);
			assert_true(segment->size - position <= MARGIN || !is_plain_header(heap, &object));
			if (object.kind != IMAGO_OBJECT_FREE && object.kind != IMAGO_OBJECT_PUN) {
				imago_bitmap_set(&fixture->objects, bit_of(fixture, &object));
			}
			position += object.total_bytes;
		}
	}
}

static void
headers_are_marked_as_a_walk_marks_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		imago_object_index index;
		imago_error error;
		set_up(&fixture, &test_layouts[i]);
		survey_all_headers(&fixture);
		imago_status status =
		    imago_object_index_create(&index, fixture.heap, &fixture.allocator, &error);
		assert_ok(status, &error);
		assert_memory_equal(fixture.objects.words, index.starts.words,
		                    (size_t)((index.starts.num_bits + 63) / 64 * 8));
		imago_object_index_release(&index);
		tear_down(&fixture);
	}
}

static void
an_odd_header_ends_the_survey_of_headers(void **state)
{
	(void)state;
	static const uint64_t oddities[] = {
	    UINT64_C(1) << 22, UINT64_C(1) << 29, UINT64_C(1) << 31,
	    UINT64_C(1) << 54, UINT64_C(1) << 55,
	};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		set_up(&fixture, &test_layouts[i]);
		imago_segment *segment = &fixture.heap->segments[1];
		imago_byte_order order = fixture.heap->layout.byte_order;
		uint64_t count = 0;
		uint64_t end = imago_survey_headers(&fixture.survey, 1, 0, segment->size, &count);
		assert_true(count > 2);
		uint64_t header = imago_load_u64(segment->bytes, order);
		for (size_t j = 0; j < sizeof oddities / sizeof oddities[0]; j++) {
			imago_store_u64(segment->writable, header | oddities[j], order);
			assert_int_equal(imago_survey_headers(&fixture.survey, 1, 0, end, &count), 0);
		}
		imago_store_u64(segment->writable, header & ~UINT64_C(0x3FFFFF), order);
		assert_int_equal(imago_survey_headers(&fixture.survey, 1, 0, end, &count), 0);
		imago_store_u64(segment->writable, (header & ~(UINT64_C(31) << 24)) | UINT64_C(6) << 24,
		                order);
		assert_int_equal(imago_survey_headers(&fixture.survey, 1, 0, end, &count), 0);
		tear_down(&fixture);
	}
}

static bool
is_fine_slot(const survey_fixture *fixture, imago_oop oop)
{
	const imago_heap *heap = fixture->heap;
	imago_oop_kind kind = imago_oop_kind_of(heap->tagging, oop);
	if (kind != IMAGO_OOP_POINTER) {
		return kind != IMAGO_OOP_INVALID;
	}
	const imago_segment *segment = imago_heap_segment_of(heap, oop);
	if (segment == NULL || oop % 8 != 0) {
		return false;
	}
	uint64_t first_bit = fixture->segment_bits[segment - heap->segments];
	return imago_bitmap_test(&fixture->objects, first_bit + ((oop - segment->start) >> 3));
}

static bool
is_fine_code(const imago_heap *heap, const imago_object *object)
{
	imago_method method = imago_method_decode(heap, object);
	const uint8_t *code = imago_object_bytes(heap, object) + method.first_bytecode;
	if (!method.header_is_integer || method.num_literals + 1U > object->num_slots ||
	    method.first_bytecode >= method.end || method.num_args > method.num_temps ||
	    method.num_temps > (method.large_frame ? 56 : 16)) {
		return false;
	}
	if (method.has_primitive) {
		bool quick = method.primitive >= 256 && method.primitive <= 519;
		return !method.primitive_call_missing && method.primitive <= 660 &&
		       (!quick || method.num_args == 0);
	}
	bool calls = method.sista ? code[0] == 248 && code[2] < 128 : code[0] == 139;
	return method.end - method.first_bytecode < 3 || !calls;
}

static bool
is_fine_body(const survey_fixture *fixture, const imago_object *object)
{
	const imago_heap *heap = fixture->heap;
	if (object->body_kind == IMAGO_BODY_METHOD && !is_fine_code(heap, object)) {
		return false;
	}
	uint64_t num_pointers = imago_heap_num_pointer_slots(heap, object);
	for (uint64_t i = 0; i < num_pointers; i++) {
		if (!is_fine_slot(fixture, imago_heap_fetch_slot(heap, object, i))) {
			return false;
		}
	}
	return true;
}

/* Surveys all bodies and compares each answer; returns the number of objects passed over. */
static uint64_t
survey_all_bodies(const survey_fixture *fixture)
{
	const imago_heap *heap = fixture->heap;
	uint64_t num_passed = 0;
	for (size_t i = 0; i < heap->num_segments; i++) {
		const imago_segment *segment = &heap->segments[i];
		uint64_t position = 0;
		while (position < segment->size) {
			imago_survey_result result;
			imago_object object;
			bool fine = true;
			uint64_t num_methods = 0;
			imago_survey_bodies(&fixture->survey, i, position, segment->size, &result);
			bool none = result.end == position;
			do {
				assert_int_equal(
				    imago_heap_decode_chunk(heap, segment->start + position, &object, NULL),
				    IMAGO_OK);
				fine = fine && is_fine_body(fixture, &object);
				num_methods += object.body_kind == IMAGO_BODY_METHOD;
				num_passed += result.fine && !none;
				position += object.total_bytes;
			} while (position < result.end);
			if (none) {
				assert_true(object.kind != IMAGO_OBJECT_ORDINARY || object.chunk != object.oop ||
				            segment->size - position + object.total_bytes <= MARGIN);
				continue;
			}
			assert_int_equal(position, result.end);
			assert_int_equal(result.fine, fine);
			if (fine) {
				assert_int_equal(result.num_primary_methods + result.num_alternate_methods,
				                 num_methods);
			}
		}
	}
	return num_passed;
}

static void
bodies_are_judged_as_slot_by_slot(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		set_up(&fixture, &test_layouts[i]);
		survey_all_headers(&fixture);
		assert_true(survey_all_bodies(&fixture) > 1000);
		tear_down(&fixture);
	}
}

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Flips bits of slots and bytes, never of headers. */
static void
flipped_bodies_are_judged_as_slot_by_slot(void **state)
{
	(void)state;
	uint64_t random = 7;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		set_up(&fixture, &test_layouts[i]);
		survey_all_headers(&fixture);
		imago_heap *heap = fixture.heap;
		imago_walker walker;
		imago_object object;
		imago_walk_init(&walker, heap, NULL);
		while (imago_walk_next(&walker, &object)) {
			if (object.num_slots == 0 || next_random(&random) % 150 != 0) {
				continue;
			}
			uint64_t bit = next_random(&random);
			uint64_t slot = bit % object.num_slots;
			uint8_t *byte = imago_heap_writable_bytes(heap, object.body, 1);
			slot = object.body_kind == IMAGO_BODY_METHOD && bit >> 8 & 1 ? 0 : slot;
			byte += slot * heap->layout.word_bytes + (bit >> 16) % heap->layout.word_bytes;
			*byte ^= (uint8_t)(1 << (bit >> 24) % 8);
		}
		(void)survey_all_bodies(&fixture);
		tear_down(&fixture);
	}
}

/* A method as the first object of segment 1, with room for any bytecodes, and its parts. */
typedef struct code_case {
	uint32_t num_literals, num_args, num_temps;
	bool large_frame, has_primitive, sista;
	uint8_t bytecodes[4];
	bool fine;
} code_case;

static void
write_code(imago_heap *heap, const code_case *code)
{
	enum { NUM_SLOTS = 8 };
	imago_segment *segment = &heap->segments[1];
	uint8_t word_bytes = heap->layout.word_bytes;
	imago_byte_order order = heap->layout.byte_order;
	uint64_t header = imago_load_u64(segment->bytes, order);
	uint64_t fields = code->num_literals | (uint64_t)code->has_primitive << 16 |
	                  (uint64_t)code->large_frame << 17 | (uint64_t)code->num_temps << 18 |
	                  (uint64_t)code->num_args << 24;
	int64_t value = code->sista ? (int64_t)fields - (INT64_C(1) << 30) : (int64_t)fields;
	imago_oop word = 0;
	assert_true(imago_oop_from_integer(heap->tagging, value, &word));
	header = (header & 0x3FFFFF) | (uint64_t)NUM_SLOTS << 56 | UINT64_C(24) << 24;
	imago_store_u64(segment->writable, header, order);
	uint8_t *body = segment->writable + 8;
	for (unsigned i = 0; i < NUM_SLOTS; i++) {
		imago_store_word(body + (size_t)i * word_bytes, heap->segments[0].start, heap->layout);
	}
	imago_store_word(body, word, heap->layout);
	memcpy(body + (uint64_t)word_bytes * (code->num_literals + 1), code->bytecodes, 4);
}

static void
code_is_judged_at_every_limit(void **state)
{
	(void)state;
	static const code_case cases[] = {
	    {.num_literals = 2, .bytecodes = {1, 2, 3}, .fine = true},
	    {.num_literals = 7, .bytecodes = {0}, .fine = false},
	    {.num_args = 3, .num_temps = 3, .bytecodes = {1}, .fine = true},
	    {.num_args = 4, .num_temps = 3, .bytecodes = {1}, .fine = false},
	    {.num_temps = 16, .bytecodes = {1}, .fine = true},
	    {.num_temps = 17, .bytecodes = {1}, .fine = false},
	    {.num_temps = 17, .large_frame = true, .bytecodes = {1}, .fine = true},
	    {.num_temps = 56, .large_frame = true, .bytecodes = {1}, .fine = true},
	    {.num_temps = 57, .large_frame = true, .bytecodes = {1}, .fine = false},
	    {.has_primitive = true, .bytecodes = {139, 60, 0}, .fine = true},
	    {.has_primitive = true, .bytecodes = {248, 60, 0}, .fine = false},
	    {.has_primitive = true, .sista = true, .bytecodes = {248, 60, 0}, .fine = true},
	    {.has_primitive = true, .sista = true, .bytecodes = {248, 60, 0x80}, .fine = false},
	    {.has_primitive = true, .bytecodes = {139, 0x94, 2}, .fine = true},
	    {.has_primitive = true, .bytecodes = {139, 0x95, 2}, .fine = false},
	    {.bytecodes = {139, 60, 0}, .fine = false},
	    {.sista = true, .bytecodes = {248, 60, 0}, .fine = false},
	    {.sista = true, .bytecodes = {248, 60, 0x80}, .fine = true},
	    {.has_primitive = true,
	     .num_temps = 1,
	     .num_args = 1,
	     .bytecodes = {139, 255, 0},
	     .fine = true},
	    {.has_primitive = true,
	     .num_temps = 1,
	     .num_args = 1,
	     .bytecodes = {139, 0, 1},
	     .fine = false},
	    {.has_primitive = true, .bytecodes = {139, 0, 1}, .fine = true},
	    {.has_primitive = true,
	     .num_temps = 1,
	     .num_args = 1,
	     .bytecodes = {139, 7, 2},
	     .fine = false},
	    {.has_primitive = true,
	     .num_temps = 1,
	     .num_args = 1,
	     .bytecodes = {139, 8, 2},
	     .fine = true},
	};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		set_up(&fixture, &test_layouts[i]);
		survey_all_headers(&fixture);
		for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
			imago_survey_result result;
			imago_object object;
			write_code(fixture.heap, &cases[j]);
			imago_addr addr = fixture.heap->segments[1].start;
			assert_int_equal(imago_heap_decode_chunk(fixture.heap, addr, &object, NULL), IMAGO_OK);
			assert_int_equal(is_fine_body(&fixture, &object), cases[j].fine);
			imago_survey_bodies(&fixture.survey, 1, 0, 1, &result);
			assert_int_equal(result.end, object.total_bytes);
			assert_int_equal(result.fine, cases[j].fine);
		}
		tear_down(&fixture);
	}
}

/* Every tag, and addresses at and around an object, as the slot of the first object. */
static void
slots_are_judged_by_tag_and_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		set_up(&fixture, &test_layouts[i]);
		survey_all_headers(&fixture);
		imago_heap *heap = fixture.heap;
		uint8_t word_bytes = heap->layout.word_bytes;
		for (uint64_t j = 0; j < 48; j++) {
			const imago_segment *target = &heap->segments[j % 3];
			imago_oop oop = target->start + j / 3;
			imago_survey_result result;
			imago_object object;
			write_code(heap, &(code_case){.num_literals = 2, .bytecodes = {1}});
			imago_store_word(heap->segments[1].writable + 8 + word_bytes, oop, heap->layout);
			imago_addr addr = heap->segments[1].start;
			assert_int_equal(imago_heap_decode_chunk(heap, addr, &object, NULL), IMAGO_OK);
			imago_survey_bodies(&fixture.survey, 1, 0, 1, &result);
			assert_int_equal(result.end, object.total_bytes);
			assert_int_equal(result.fine, is_fine_slot(&fixture, oop));
		}
		tear_down(&fixture);
	}
}

/* The first object of a segment against shapes that it does not fit. */
static void
an_object_that_its_class_does_not_allow_is_not_passed_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		survey_fixture fixture;
		imago_object object;
		imago_survey_result result;
		set_up(&fixture, &test_layouts[i]);
		survey_all_headers(&fixture);
		const imago_segment *segment = &fixture.heap->segments[1];
		assert_int_equal(imago_heap_decode_chunk(fixture.heap, segment->start, &object, NULL),
		                 IMAGO_OK);
		imago_survey_shape *shape = &fixture.shapes[object.class_index];
		uint8_t num_slots = (uint8_t)object.num_slots;
		const imago_survey_shape misfits[] = {
		    {.formats = ~(UINT32_C(1) << object.format), .max_slots = 254},
		    {.formats = UINT32_MAX, .min_slots = (uint8_t)(num_slots + 1), .max_slots = 254},
		    {0},
		};
		*shape = (imago_survey_shape){UINT32_C(1) << object.format, num_slots, num_slots};
		imago_survey_bodies(&fixture.survey, 1, 0, segment->size, &result);
		assert_true(result.end >= object.total_bytes);
		for (size_t j = 0; j < sizeof misfits / sizeof misfits[0]; j++) {
			*shape = misfits[j];
			imago_survey_bodies(&fixture.survey, 1, 0, segment->size, &result);
			assert_int_equal(result.end, 0);
		}
		fixture.survey.num_shapes = object.class_index;
		imago_survey_bodies(&fixture.survey, 1, 0, segment->size, &result);
		assert_int_equal(result.end, 0);
		tear_down(&fixture);
	}
}

static void
nothing_of_v3_is_passed_over(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	assert_non_null(heap);
	imago_survey survey = {.heap = heap};
	imago_survey_result result;
	uint64_t count = 0;
	assert_int_equal(imago_survey_headers(&survey, 0, 0, heap->segments[0].size, &count), 0);
	assert_int_equal(count, 0);
	imago_survey_bodies(&survey, 0, 0, heap->segments[0].size, &result);
	assert_int_equal(result.end, 0);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers_are_marked_as_a_walk_marks_them),
	    cmocka_unit_test(an_odd_header_ends_the_survey_of_headers),
	    cmocka_unit_test(bodies_are_judged_as_slot_by_slot),
	    cmocka_unit_test(flipped_bodies_are_judged_as_slot_by_slot),
	    cmocka_unit_test(code_is_judged_at_every_limit),
	    cmocka_unit_test(slots_are_judged_by_tag_and_place),
	    cmocka_unit_test(an_object_that_its_class_does_not_allow_is_not_passed_over),
	    cmocka_unit_test(nothing_of_v3_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
