/* generate_test.c: every byte string is an image without errors, in every layout, and all that the
 * format has is reached by some string. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assertions.h"
#include "layouts.h"
#include "small_image.h"

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/generate.h"
#include "imago/image.h"
#include "imago/method.h"
#include "imago/walk.h"

/* FNV-1a over the files of 64 strings, in a layout of each model: the same on every host. Who
 * changes what bytes mean writes down the sum that the test prints. */
#define EXPECTED_SUM UINT64_C(0x4dae8d251c5379da)

enum { MAX_STRING = 640, STRINGS_PER_LAYOUT = 300, COMPOSED_STRINGS = 80, ASK_ODDITIES = 1 };

typedef struct byte_string {
	uint8_t bytes[MAX_STRING];
	uint64_t size;
} byte_string;

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* Random strings; in every other one most bytes are small, as engines like them. */
static byte_string
random_string(uint64_t number)
{
	byte_string string = {.size = 0};
	uint64_t state = number * 0x1F1F1F1F;
	string.size = next_random(&state) % (number % 7 == 0 ? MAX_STRING : 200);
	for (uint64_t i = 0; i < string.size; i++) {
		uint64_t random = next_random(&state);
		string.bytes[i] =
		    (uint8_t)(number % 2 == 0 && random % 3 != 0 ? random >> 8 & 15 : random >> 8);
	}
	if (string.size > 1 && number % 3 != 0) {
		string.bytes[1] &= (uint8_t)~ASK_ODDITIES;
	}
	return string;
}

static bool
asks_for_oddities(const byte_string *string)
{
	return string->size > 1 && (string->bytes[1] & ASK_ODDITIES) != 0;
}

static imago_heap *
generate(const byte_string *string, const test_layout *layout, bool composed,
         imago_allocator *allocator)
{
	imago_error error = {0};
	imago_heap *heap = NULL;
	const imago_generate_options options = {.image_format = layout->image_format,
	                                        .byte_order = layout->layout.byte_order,
	                                        .composed = composed};
	assert_ok(imago_generate(&heap, string->bytes, string->size, &options, allocator, &error),
	          &error);
	return heap;
}

typedef struct complaint {
	uint64_t number;
	const char *layout;
	bool may_warn;
} complaint;

static bool
print_finding(const imago_finding *finding, void *payload)
{
	const complaint *about = payload;
	if (finding->rule->severity != IMAGO_ERROR && about->may_warn) {
		return true;
	}
	print_message("string %" PRIu64 " in %s: %s\n", about->number, about->layout,
	              finding->rule->name);
	return true;
}

static imago_check_summary
check_file(const test_image *file, const complaint *about, imago_digest *digest)
{
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	imago_check_sink sink;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_ok(imago_image_read(&image, file->bytes, file->size, &allocator, &error), &error);
	imago_check_sink_init(&sink, NULL, print_finding, (void *)(uintptr_t)about);
	assert_ok(imago_image_check(&image, &sink, &allocator, &error), &error);
	assert_ok(imago_digest_compute(digest, image.heap, &allocator, &error), &error);
	imago_image_close(&image);
	assert_no_leak(&allocator);
	return sink.summary;
}

static void
expect_valid(uint64_t number, const test_layout *layout, bool composed, uint64_t *num_clean)
{
	imago_allocator allocator;
	imago_error error;
	imago_digest before;
	imago_digest after;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const byte_string string = random_string(number);
	const complaint about = {number, layout->name, composed || asks_for_oddities(&string)};
	imago_heap *heap = generate(&string, layout, composed, &allocator);
	assert_ok(imago_digest_compute(&before, heap, &allocator, &error), &error);
	test_image file =
	    test_image_of(heap, composed ? IMAGO_FORMAT_COMPOSED : test_format_of(layout), &allocator);
	assert_non_null(file.bytes);
	const imago_check_summary summary = check_file(&file, &about, &after);
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(summary.num_errors, 0);
	if (!asks_for_oddities(&string)) {
		/* No VM has written a big-endian image folder: a finding of its own. */
		const bool big_folder = composed && layout->layout.byte_order == IMAGO_BIG_ENDIAN;
		assert_int_equal(summary.num_warnings, 0);
		assert_int_equal(summary.num_infos, big_folder ? 1 : 0);
	}
	*num_clean += summary.num_warnings == 0;
	test_image_release(&file);
	assert_no_leak(&allocator);
}

static void
every_byte_string_is_an_image_without_errors_in_every_layout(void **state)
{
	(void)state;
	uint64_t num_clean = 0;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (uint64_t number = 0; number < STRINGS_PER_LAYOUT; number++) {
			expect_valid(number + 1000 * i, &test_layouts[i], false, &num_clean);
		}
	}
	/* Some strings must have shown what only those that ask get. */
	assert_true(num_clean < (size_t)NUM_TEST_LAYOUTS * STRINGS_PER_LAYOUT);
}

static void
the_same_holds_for_image_folders_with_permanent_space(void **state)
{
	(void)state;
	uint64_t num_clean = 0;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (uint64_t number = 0; number < COMPOSED_STRINGS; number++) {
			expect_valid(number + 500 * i, &test_layouts[i], true, &num_clean);
		}
	}
	assert_true(num_clean > 0);
}

static bool
same_model(const test_layout *a, const test_layout *b)
{
	const imago_format_number *x = imago_format_number_find(a->image_format);
	const imago_format_number *y = imago_format_number_find(b->image_format);
	return x->model == y->model && x->multiple_bytecode_sets == y->multiple_bytecode_sets &&
	       x->closures == y->closures;
}

static void
expect_same_digests(const byte_string *string, uint64_t number)
{
	imago_digest digests[NUM_TEST_LAYOUTS];
	unsigned num_equal = 0;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = generate(string, &test_layouts[i], false, &allocator);
		assert_ok(imago_digest_compute(&digests[i], heap, &allocator, &error), &error);
		imago_heap_destroy(heap);
		for (size_t j = 0; j < i; j++) {
			if (same_model(&test_layouts[i], &test_layouts[j])) {
				if (memcmp(&digests[i], &digests[j], sizeof digests[i]) != 0) {
					print_message("string %" PRIu64 ": %s, %s\n", number, test_layouts[i].name,
					              test_layouts[j].name);
				}
				assert_memory_equal(&digests[i], &digests[j], sizeof digests[i]);
				num_equal++;
			}
		}
	}
	assert_true(num_equal > 0);
}

static void
layouts_of_one_model_have_the_same_digest(void **state)
{
	(void)state;
	for (uint64_t number = 0; number < 120; number++) {
		const byte_string string = random_string(number);
		expect_same_digests(&string, number);
	}
}

static void
block_of_a_context_without_code_is_the_same_in_all_layouts(void **state)
{
	(void)state;
	/* A context that was never entered, and a block of it with a pc. */
	static const uint8_t bytes[] = {0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 255, 0, 0, 0, 0, 0, 8};
	byte_string string = {.size = sizeof bytes};
	memcpy(string.bytes, bytes, sizeof bytes);
	expect_same_digests(&string, 0);
}

/* A Float is an object or an immediate, by the word size; nothing may depend on which. */
static void
a_forwarder_to_a_float_is_the_same_in_all_layouts(void **state)
{
	(void)state;
	/* 1.9375 and a little, a forwarder to it, an array with the last of these in it. */
	static const uint8_t bytes[] = {0,  0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0x3F, 0xFF, 0, 0xFF,
	                                23, 0, 0, 0, 0, 0, 0, 0, 0,  1, 0, 0, 0x20, 0,    0, 0};
	byte_string string = {.size = sizeof bytes};
	memcpy(string.bytes, bytes, sizeof bytes);
	expect_same_digests(&string, 0);
}

static void
images_are_the_same_on_every_host(void **state)
{
	(void)state;
	static const char *const names[] = {"spur64be-68533", "v3-6502", "v3be", "spur32"};
	uint64_t sum = UINT64_C(0xCBF29CE484222325);
	for (uint64_t number = 0; number < 64; number++) {
		const byte_string string = random_string(number + 77);
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		const test_layout *layout = test_layout_find(names[number % 4]);
		test_image file = test_image_of(generate(&string, layout, false, &allocator),
		                                test_format_of(layout), &allocator);
		assert_non_null(file.bytes);
		for (uint64_t i = 0; i < file.size; i++) {
			sum = (sum ^ file.bytes[i]) * UINT64_C(0x100000001B3);
		}
		test_image_release(&file);
	}
	print_message("sum 0x%016" PRIx64 "\n", sum);
	assert_true(sum == EXPECTED_SUM);
}

/* What was met, over all strings of one model. */
typedef struct sightings {
	uint64_t formats[32];
	uint64_t kinds[IMAGO_OBJECT_PUN + 1];
	uint64_t immutable, pinned, overflow, sista, primitive, large_frame;
	uint64_t several_segments, gaps, perm, third_page, v3_types[4];
	uint64_t to_forwarder;
} sightings;

static void
look_at(const imago_heap *heap, const imago_object *object, sightings *seen)
{
	seen->kinds[object->kind]++;
	if (object->kind != IMAGO_OBJECT_ORDINARY) {
		return;
	}
	seen->formats[object->format]++;
	seen->immutable += (object->bits & IMAGO_BIT_IMMUTABLE) != 0;
	seen->pinned += (object->bits & IMAGO_BIT_PINNED) != 0;
	seen->overflow += heap->model == IMAGO_SPUR && object->oop != object->chunk;
	seen->third_page += object->class_index >= 2 * IMAGO_CLASS_PAGE_SIZE;
	seen->v3_types[object->v3_type & 3]++;
	seen->perm += heap->segments[object->segment].space == IMAGO_SPACE_PERM;
	if (object->body_kind == IMAGO_BODY_METHOD) {
		const imago_method method = imago_method_decode(heap, object);
		seen->sista += method.sista;
		seen->primitive += method.primitive != 0;
		seen->large_frame += method.large_frame;
	}
	for (uint64_t i = 0; i < imago_heap_num_pointer_slots(heap, object); i++) {
		const imago_oop oop = imago_heap_fetch_slot(heap, object, i);
		imago_object target;
		seen->to_forwarder += imago_oop_kind_of(heap->tagging, oop) == IMAGO_OOP_POINTER &&
		                      imago_heap_decode_object(heap, oop, &target, NULL) == IMAGO_OK &&
		                      target.kind == IMAGO_OBJECT_FORWARDER;
	}
}

static sightings
look_around(const char *layout, bool composed)
{
	sightings seen = {0};
	for (uint64_t number = 0; number < 400; number++) {
		imago_allocator allocator;
		imago_walker walker;
		imago_object object;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		const byte_string string = random_string(number);
		imago_heap *heap = generate(&string, test_layout_find(layout), composed, &allocator);
		for (imago_walk_init(&walker, heap, NULL); imago_walk_next(&walker, &object);) {
			look_at(heap, &object, &seen);
		}
		assert_int_equal(walker.status, IMAGO_OK);
		seen.several_segments += heap->num_segments > 1;
		for (size_t i = 1; i < heap->num_segments; i++) {
			const imago_segment *before = &heap->segments[i - 1];
			seen.gaps += before->start + before->size + before->bridge_size < before[1].start;
		}
		imago_heap_destroy(heap);
	}
	return seen;
}

static void
every_format_and_feature_of_spur_is_reached(void **state)
{
	(void)state;
	static const char *const names[] = {"spur32-7033", "spur64be-68533"};
	for (size_t i = 0; i < 2; i++) {
		const bool wide = i == 1;
		const sightings seen = look_around(names[i], false);
		for (unsigned format = 0; format < 32; format++) {
			const bool tail_too_long = !wide && ((format >= 14 && format < 16) || format == 11 ||
			                                     (format >= 20 && format < 24) || format >= 28);
			const bool none = format == 6 || format == 7 || format == 8;
			if ((seen.formats[format] == 0) != (none || tail_too_long)) {
				fail_msg("%s: format %u", names[i], format);
			}
		}
		assert_true(seen.kinds[IMAGO_OBJECT_FREE] > 0);
		assert_true(seen.kinds[IMAGO_OBJECT_FORWARDER] > 0);
		assert_true(seen.kinds[IMAGO_OBJECT_HIDDEN] >
		            UINT64_C(4) * 400); /* more than roots and pages */
		assert_int_equal(seen.kinds[IMAGO_OBJECT_PUN], 0);
		assert_true(seen.immutable > 0);
		assert_true(seen.pinned > 0);
		assert_true(seen.overflow > 0);
		assert_true(seen.sista > 0);
		assert_true(seen.primitive > 0);
		assert_true(seen.large_frame > 0);
		assert_true(seen.several_segments > 0);
		assert_true(seen.gaps > 0);
		assert_true(seen.third_page > 0);
		assert_true(seen.to_forwarder > 0);
		assert_int_equal(seen.perm, 0);
		assert_true(look_around(names[i], true).perm > 0);
	}
}

static void
every_format_and_header_type_of_v3_is_reached(void **state)
{
	(void)state;
	static const char *const names[] = {"v3", "v3be-6502"};
	for (size_t i = 0; i < 2; i++) {
		const sightings seen = look_around(names[i], false);
		for (unsigned format = 0; format < 16; format++) {
			const bool none = format == 5 || format == 7;
			if ((seen.formats[format] == 0) != none) {
				fail_msg("%s: format %u", names[i], format);
			}
		}
		assert_true(seen.v3_types[0] > 0);
		assert_true(seen.v3_types[1] > 0);
		assert_true(seen.v3_types[3] > 0);
		assert_true(seen.primitive > 0);
		assert_int_equal(seen.sista, 0);
		assert_int_equal(seen.kinds[IMAGO_OBJECT_FREE], 0);
	}
}

static uint64_t
size_of(const byte_string *string, const char *name)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = generate(string, test_layout_find(name), false, &allocator);
	const uint64_t size = imago_heap_object_bytes(heap);
	imago_heap_destroy(heap);
	return size;
}

/* Spur's first five objects and two pages of the class table are all but a few hundred bytes. */
static void
the_smallest_image_is_little_more_than_what_its_format_asks_for(void **state)
{
	(void)state;
	const byte_string empty = {.size = 0};
	const uint64_t spur32 = (4104 + UINT64_C(2) * 1024 + 32) * 4;
	const uint64_t spur64 = (4104 + UINT64_C(2) * 1024 + 64) * 8;
	print_message("v3 %u, spur32 %u, spur64 %u\n", (unsigned)size_of(&empty, "v3"),
	              (unsigned)size_of(&empty, "spur32"), (unsigned)size_of(&empty, "spur64"));
	assert_in_range(size_of(&empty, "v3"), 1, 4300);
	assert_in_range(size_of(&empty, "spur32"), spur32, spur32 + 1600);
	assert_in_range(size_of(&empty, "spur64"), spur64, spur64 + 2400);
}

static void
a_string_that_ends_early_goes_on_with_zeros(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const test_layout *layout = test_layout_find("v3");
	for (uint64_t size = 0; size < 64; size++) {
		byte_string cut = random_string(77);
		cut.size = size;
		byte_string filled = cut;
		filled.size = size <= 8 ? 8 : (size + 7) / 8 * 8;
		memset(filled.bytes + size, 0, (size_t)(filled.size - size));
		test_image one =
		    test_image_of(generate(&cut, layout, false, &allocator), IMAGO_FORMAT_V3, &allocator);
		test_image two = test_image_of(generate(&filled, layout, false, &allocator),
		                               IMAGO_FORMAT_V3, &allocator);
		assert_int_equal(one.size, two.size);
		assert_memory_equal(one.bytes, two.bytes, (size_t)one.size);
		test_image_release(&one);
		test_image_release(&two);
	}
	assert_no_leak(&allocator);
}

/* A fuzzer can learn: a value byte changes one slot, a record in the middle its own object. */
static void
a_local_change_is_a_local_change(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const test_layout *layout = test_layout_find("spur32be");
	byte_string string = {.size = 8 + 20 * 8};
	for (size_t i = 0; i < 20; i++) {
		string.bytes[8 + 8 * i + 1] = 4; /* arrays of four */
		memset(string.bytes + 8 + 8 * i + 4, 20, 4);
	}
	test_image one =
	    test_image_of(generate(&string, layout, false, &allocator), IMAGO_FORMAT_SPUR, &allocator);
	for (size_t i = 0; i < 20; i++) {
		byte_string changed = string;
		changed.bytes[8 + 8 * i + 4] = 0x63; /* the object of record 3 */
		test_image two = test_image_of(generate(&changed, layout, false, &allocator),
		                               IMAGO_FORMAT_SPUR, &allocator);
		uint64_t first = one.size;
		uint64_t last = 0;
		assert_int_equal(one.size, two.size);
		for (uint64_t k = 0; k < one.size; k++) {
			if (one.bytes[k] != two.bytes[k]) {
				first = k < first ? k : first;
				last = k;
			}
		}
		assert_true(first <= last && last - first < 4);
		test_image_release(&two);
	}
	test_image_release(&one);
	assert_no_leak(&allocator);
}

static imago_status
attempt(imago_allocator *allocator, imago_error *error, void *payload)
{
	const byte_string *string = payload;
	const imago_generate_options options = {.image_format = 6521};
	imago_heap *heap = NULL;
	const imago_status status =
	    imago_generate(&heap, string->bytes, string->size, &options, allocator, error);
	imago_heap_destroy(heap);
	return status;
}

static void
a_failing_allocation_is_reported(void **state)
{
	(void)state;
	byte_string string = random_string(14);
	assert_every_allocation_failure_is_reported(attempt, &string);
}

static void
an_unknown_format_number_is_refused(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap = NULL;
	const imago_generate_options options = {.image_format = 68000};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_status(imago_generate(&heap, NULL, 0, &options, &allocator, &error), &error,
	              IMAGO_EVERSION);
	assert_null(heap);
	assert_no_leak(&allocator);
}

/* More records than are looked at: time and memory stay bounded. */
static void
a_long_string_is_cut_off(void **state)
{
	(void)state;
	enum { LONG = 8 + 8 * (IMAGO_GENERATE_MAX_RECORDS + 100) };
	static uint8_t bytes[LONG];
	const imago_generate_options options = {.image_format = 6505};
	uint64_t sizes[2];
	for (unsigned i = 0; i < 2; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_heap *heap = NULL;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_ok(
		    imago_generate(&heap, bytes, i == 0 ? LONG : LONG - 800, &options, &allocator, &error),
		    &error);
		sizes[i] = imago_heap_object_bytes(heap);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
	assert_int_equal(sizes[0], sizes[1]);
}

static void
every_kind_of_record_has_a_name(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 32; kind++) {
		assert_non_null(imago_generate_kind_name(kind));
		assert_non_null(imago_generate_kind_summary(kind));
	}
	assert_null(imago_generate_kind_name(32));
	assert_null(imago_generate_kind_summary(32));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_byte_string_is_an_image_without_errors_in_every_layout),
	    cmocka_unit_test(the_same_holds_for_image_folders_with_permanent_space),
	    cmocka_unit_test(layouts_of_one_model_have_the_same_digest),
	    cmocka_unit_test(block_of_a_context_without_code_is_the_same_in_all_layouts),
	    cmocka_unit_test(a_forwarder_to_a_float_is_the_same_in_all_layouts),
	    cmocka_unit_test(images_are_the_same_on_every_host),
	    cmocka_unit_test(every_format_and_feature_of_spur_is_reached),
	    cmocka_unit_test(every_format_and_header_type_of_v3_is_reached),
	    cmocka_unit_test(the_smallest_image_is_little_more_than_what_its_format_asks_for),
	    cmocka_unit_test(a_string_that_ends_early_goes_on_with_zeros),
	    cmocka_unit_test(a_local_change_is_a_local_change),
	    cmocka_unit_test(a_failing_allocation_is_reported),
	    cmocka_unit_test(an_unknown_format_number_is_refused),
	    cmocka_unit_test(a_long_string_is_cut_off),
	    cmocka_unit_test(every_kind_of_record_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
