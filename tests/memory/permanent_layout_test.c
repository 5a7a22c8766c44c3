/* permanent_layout_test.c: images with everything in permanent space, and images whose alignment
 * tells what is permanent: the same objects, clean, and both tests of membership say the same of
 * every oop. */
#include <stdio.h>
#include <string.h>

#include "assertions.h"
#include "imago/check.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/known_objects.h"
#include "imago/permanent.h"
#include "imago/rebuild.h"
#include "imago/synthetic.h"
#include "imago/walk.h"
#include "layouts.h"
#include "small_image.h"

enum { FIXED = 5, ROOM = 1 << 20, SYNTHETIC_OBJECTS = 20000, PERM_OFFSET = 8, EDEN = 1 << 16 };

static imago_allocator allocator;
static imago_error error;

static bool
fail_on_error(const imago_finding *finding, void *payload)
{
	char line[512];
	(void)payload;
	if (finding->rule->severity == IMAGO_ERROR) {
		imago_finding_format(finding, "laid out", line, sizeof line);
		fail_msg("%s", line);
	}
	return true;
}

/* The same image as before, and no errors in it. */
static void
expect_same_image(const imago_heap *made, const imago_heap *heap)
{
	imago_digest before;
	imago_digest after;
	imago_check_sink sink;
	imago_check_sink_init(&sink, NULL, fail_on_error, NULL);
	assert_ok(imago_check(made, &sink, &allocator, &error), &error);
	assert_ok(imago_digest_compute(&before, heap, &allocator, &error), &error);
	assert_ok(imago_digest_compute(&after, made, &allocator, &error), &error);
	assert_memory_equal(&before, &after, sizeof before);
}

/* What permanent space may not hold, or must not. */
static bool
stays(const imago_object *object, uint64_t ordinal)
{
	return ordinal < FIXED || object->kind != IMAGO_OBJECT_ORDINARY ||
	       object->format == IMAGO_FORMAT_WEAK || object->format == IMAGO_FORMAT_EPHEMERON ||
	       (object->bits & IMAGO_BIT_PINNED) != 0;
}

/* Objects that can be permanent; *all: with the others, but for the dummy of permanent space. */
static uint64_t
count(const imago_heap *heap, uint64_t *all)
{
	imago_walker walker;
	imago_object object;
	uint64_t num_others = 0;
	uint64_t num = 0;
	imago_walk_init(&walker, heap, &error);
	for (uint64_t ordinal = 0; imago_walk_next(&walker, &object); ordinal++) {
		const imago_segment *segment = &heap->segments[object.segment];
		bool dummy = segment->space == IMAGO_SPACE_PERM && object.chunk == segment->start;
		bool other = stays(&object, ordinal);
		num += !other;
		num_others += other && !dummy;
	}
	assert_int_equal(walker.status, IMAGO_OK);
	*all = num + num_others;
	return num;
}

static void
expect_all_permanent(const imago_heap *made, const imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	uint64_t num_all;
	uint64_t num_all_made;
	uint64_t num_permanent = 0;
	assert_int_equal(count(made, &num_all_made), count(heap, &num_all));
	assert_int_equal(num_all_made, num_all);
	assert_int_equal(made->num_segments, 2);
	assert_int_equal(made->segments[0].space, IMAGO_SPACE_OLD);
	assert_int_equal(made->segments[1].space, IMAGO_SPACE_PERM);
	imago_walk_init(&walker, made, &error);
	for (uint64_t ordinal = 0; imago_walk_next(&walker, &object); ordinal++) {
		bool permanent = object.segment == 1;
		bool dummy = permanent && object.chunk == made->segments[1].start;
		assert_int_equal(permanent && !dummy, !stays(&object, ordinal));
		num_permanent += permanent && !dummy;
	}
	assert_int_equal(num_permanent, count(heap, &num_all));
}

static imago_heap *
heap_of(const test_layout *layout, unsigned kind)
{
	const imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_objects = SYNTHETIC_OBJECTS,
	    .perm_objects = kind == 3 ? SYNTHETIC_OBJECTS / 2 : 0,
	    .seed = 7,
	};
	imago_heap *heap;
	if (kind < 2) {
		return kind == 0 ? varied_heap(layout, &allocator) : perm_heap(layout, &allocator);
	}
	assert_ok(imago_synthetic_make(&heap, &options, &allocator, &error), &error);
	return heap;
}

enum { NUM_HEAPS = 4 };

static void
all_that_can_be_is_permanent(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (unsigned kind = 0; kind < NUM_HEAPS; kind++) {
			imago_heap *heap = heap_of(&test_layouts[i], kind);
			imago_heap *made;
			imago_heap *again;
			assert_ok(imago_permanent_make(&made, heap, &allocator, &error), &error);
			expect_same_image(made, heap);
			expect_all_permanent(made, heap);
			/* Once more, nothing is left to do. */
			assert_ok(imago_permanent_make(&again, made, &allocator, &error), &error);
			for (size_t k = 0; k < 2; k++) {
				assert_int_equal(again->segments[k].start, made->segments[k].start);
				assert_int_equal(again->segments[k].size, made->segments[k].size);
				assert_memory_equal(again->segments[k].bytes, made->segments[k].bytes,
				                    made->segments[k].size);
			}
			imago_heap_destroy(again);
			imago_heap_destroy(made);
			imago_heap_destroy(heap);
		}
	}
	assert_no_leak(&allocator);
}

/* An image that lies where permanent space does comes down. */
static void
old_space_makes_room_for_permanent_space(void **state)
{
	(void)state;
	imago_heap *heap = small_heap(test_layout_find("spur32"), &allocator);
	imago_heap *high;
	imago_heap *made;
	const imago_rebuild_options options = {
	    .layout = heap->layout, .set_base = true, .base = IMAGO_PERM_START_32 - 4096};
	assert_ok(imago_rebuild(&high, heap, &options, &allocator, NULL, &error), &error);
	assert_ok(imago_permanent_make(&made, high, &allocator, &error), &error);
	assert_true(made->segments[0].start < made->segments[1].start - made->segments[0].size);
	expect_same_image(made, heap);
	imago_heap_destroy(made);
	imago_heap_destroy(high);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* ---- Alignment. */

/* A heap that is aligned, and what that cost. */
typedef struct aligned_heap {
	imago_heap *heap;
	imago_alignment_cost cost;
} aligned_heap;

static aligned_heap
align(const test_layout *layout, unsigned kind)
{
	aligned_heap out;
	imago_heap *heap = heap_of(layout, kind);
	imago_heap *permanent = heap;
	uint64_t num_before;
	uint64_t num_after;
	uint64_t num_all;
	if (kind % 2 == 0) { /* the others have permanent space */
		assert_ok(imago_permanent_make(&permanent, heap, &allocator, &error), &error);
	}
	assert_ok(imago_permanent_align(&out.heap, permanent, &out.cost, &allocator, &error), &error);
	expect_same_image(out.heap, heap);
	num_before = count(permanent, &num_all);
	num_after = count(out.heap, &num_all);
	assert_int_equal(num_after - num_before, out.cost.num_fillers);
	assert_int_equal(imago_heap_object_bytes(out.heap),
	                 out.cost.object_bytes + out.cost.num_fillers * IMAGO_ALIGNMENT_FILLER);
	assert_int_equal(imago_heap_object_bytes(permanent), out.cost.object_bytes);
	assert_true(out.cost.num_fillers > 0);
	imago_heap_destroy(permanent != heap ? permanent : NULL);
	imago_heap_destroy(heap);
	return out;
}

static bool
is_filler(const imago_heap *heap, const imago_object *object)
{
	static const uint8_t zeros[16];
	return object->total_bytes == IMAGO_ALIGNMENT_FILLER && object->format == IMAGO_FORMAT_BITS8 &&
	       object->identity_hash == 0 && object->num_slots == 2 &&
	       memcmp(imago_object_bytes(heap, object), zeros, sizeof zeros) == 0;
}

/* Every slot, and every object that is no filler: no immediate is permanent by either test. */
static void
expect_agreement(const aligned_heap *aligned)
{
	const imago_heap *heap = aligned->heap;
	imago_walker walker;
	imago_object object;
	uint64_t num_slots[2] = {0, 0};
	uint64_t num_fillers = 0;
	bool behind_filler = false; /* … which both tests agree on */
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		const imago_segment *segment = &heap->segments[object.segment];
		bool permanent = segment->space == IMAGO_SPACE_PERM;
		if (object.kind == IMAGO_OBJECT_FREE || (permanent && object.chunk == segment->start)) {
			continue;
		}
		/* A filler is off itself, unless it goes before an overflow word. */
		bool agree = imago_is_permanent_by_alignment(object.oop) == permanent;
		assert_true(agree || is_filler(heap, &object));
		num_fillers += !agree || (behind_filler && object.oop != object.chunk);
		behind_filler = agree && is_filler(heap, &object);
		uint64_t num = imago_heap_num_pointer_slots(heap, &object);
		for (uint64_t i = 0; i < num; i++) {
			imago_oop value = imago_heap_fetch_slot(heap, &object, i);
			bool leads_there =
			    imago_oop_is_pointer(heap->tagging, value) && imago_heap_is_permanent(heap, value);
			assert_int_equal(imago_is_permanent_by_alignment(value), leads_there);
			num_slots[leads_there]++;
		}
	}
	assert_int_equal(num_fillers, aligned->cost.num_fillers);
	assert_true(num_slots[0] > 100 && num_slots[1] > 0);
}

/* The same where a machine asks: of every object and everything in its slots. */
static void
expect_agreement_in_a_memory(const aligned_heap *aligned)
{
	const imago_memory_options options = {.growth = ROOM, .eden_bytes = EDEN};
	imago_object_memory *memory;
	uint64_t num_up = 0;
	assert_ok(imago_memory_create(&memory, aligned->heap, &options, &allocator, &error), &error);
	const imago_memory_kind kind = memory->kind;
	const imago_oop young = imago_memory_make(
	    memory, imago_memory_special(memory, IMAGO_SPECIAL_CLASS_ARRAY), IMAGO_FORMAT_INDEXABLE, 3);
	assert_true(young != 0);
	const imago_oop values[] = {young,
	                            memory->nil,
	                            memory->true_object,
	                            memory->special_objects,
	                            imago_memory_integer_oop(kind, -1),
	                            1,
	                            2,
	                            4,
	                            9,
	                            UINT64_MAX};
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		uint64_t num_slots = imago_memory_has_pointers(memory, oop, kind)
		                         ? imago_memory_num_slots(memory, oop, kind)
		                         : 0;
		imago_object object = {.total_bytes = imago_memory_num_slots(memory, oop, kind) == 2};
		if (object.total_bytes == 1 && imago_memory_has_bytes(memory, oop, kind) &&
		    imago_is_permanent_by_alignment(oop) != imago_memory_is_perm(memory, oop)) {
			continue; /* a filler */
		}
		if (oop == memory->base) {
			continue; /* the dummy */
		}
		if (oop != young) {
			assert_int_equal(imago_is_permanent_by_alignment(oop),
			                 imago_memory_is_perm(memory, oop));
		}
		for (uint64_t i = 0; i < num_slots + sizeof values / sizeof values[0]; i++) {
			imago_oop value =
			    i < num_slots ? imago_memory_slot(memory, oop, i, kind) : values[i - num_slots];
			bool up = imago_memory_leads_up(memory, oop, value, kind);
			assert_int_equal(imago_memory_leads_up_by_alignment(memory, oop, value), up);
			num_up += up;
		}
	}
	assert_true(num_up > 100);
	imago_memory_destroy(memory);
}

static void
both_tests_of_membership_agree_on_every_oop(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		if (test_layouts[i].layout.word_bytes != 8) {
			continue;
		}
		for (unsigned kind = 0; kind < NUM_HEAPS; kind++) {
			aligned_heap aligned = align(&test_layouts[i], kind);
			expect_agreement(&aligned);
			expect_agreement_in_a_memory(&aligned);
			imago_heap_destroy(aligned.heap);
		}
	}
	assert_no_leak(&allocator);
}

static void
genuine_images_are_aligned(void **state)
{
	static const char path[] = "../shared/images/spur64-68021-pharo-vm.image";
	imago_image image;
	imago_heap *permanent;
	aligned_heap aligned;
	(void)state;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	(void)fclose(file);
	assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
	assert_ok(imago_permanent_make(&permanent, image.heap, &allocator, &error), &error);
	assert_ok(imago_permanent_align(&aligned.heap, permanent, &aligned.cost, &allocator, &error),
	          &error);
	expect_same_image(aligned.heap, image.heap);
	expect_agreement(&aligned);
	expect_agreement_in_a_memory(&aligned);
	imago_heap_destroy(aligned.heap);
	imago_heap_destroy(permanent);
	imago_image_close(&image);
	assert_no_leak(&allocator);
}

/* ---- Refusals. */

static void
what_cannot_be_is_refused_by_name(void **state)
{
	(void)state;
	imago_heap *out = NULL;
	imago_heap *v3 = small_heap(test_layout_find("v3"), &allocator);
	imago_heap *narrow = small_heap(test_layout_find("spur32"), &allocator);
	imago_heap *wide = small_heap(test_layout_find("spur64"), &allocator);
	imago_heap *empty;
	assert_ok(imago_heap_create(&empty, IMAGO_SPUR, wide->layout, &allocator, &error), &error);
	assert_status(imago_permanent_make(&out, v3, &allocator, &error), &error, IMAGO_EUNSUPPORTED);
	assert_error(&error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET);
	assert_status(imago_permanent_align(&out, v3, NULL, &allocator, &error), &error,
	              IMAGO_EUNSUPPORTED);
	assert_error(&error, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET);
	assert_status(imago_permanent_make(&out, empty, &allocator, &error), &error, IMAGO_EUSAGE);
	assert_error(&error, IMAGO_EUSAGE, "a heap without segments", IMAGO_NO_OFFSET);
	assert_status(imago_permanent_align(&out, narrow, NULL, &allocator, &error), &error,
	              IMAGO_EUNSUPPORTED);
	assert_error(&error, IMAGO_EUNSUPPORTED, "membership by alignment in 32 bits", IMAGO_NO_OFFSET);
	/* Fillers are ByteArrays. */
	imago_object specials;
	assert_ok(imago_special_objects_find(wide, &specials, &error), &error);
	const imago_oop cls = imago_heap_fetch_slot(wide, &specials, IMAGO_SPECIAL_CLASS_BYTE_ARRAY);
	imago_heap_store_slot(wide, &specials, IMAGO_SPECIAL_CLASS_BYTE_ARRAY, imago_heap_nil(wide));
	assert_status(imago_permanent_align(&out, wide, NULL, &allocator, &error), &error,
	              IMAGO_EUNSUPPORTED);
	assert_error(&error, IMAGO_EUNSUPPORTED, "class ByteArray", IMAGO_NO_OFFSET);
	imago_heap_store_slot(wide, &specials, IMAGO_SPECIAL_CLASS_BYTE_ARRAY, cls);
	assert_null(out);
	imago_heap_destroy(empty);
	imago_heap_destroy(wide);
	imago_heap_destroy(narrow);
	imago_heap_destroy(v3);
	assert_no_leak(&allocator);
}

/* Two objects in front of all others, of which the first moves the second: nothing may come between
 * the first five. */
static void
the_first_five_objects_stay_together(void **state)
{
	(void)state;
	imago_heap *wide = small_heap(test_layout_find("spur64"), &allocator);
	imago_heap *odd;
	imago_heap *out = NULL;
	uint8_t bytes[24 + 16 + IMAGO_BRIDGE_SIZE] = {0};
	const uint64_t header = (uint64_t)IMAGO_FORMAT_BITS8 << 24 | IMAGO_CLASS_BYTE_ARRAY;
	imago_store_u64(bytes, UINT64_C(2) << 56 | header, wide->layout.byte_order);
	imago_store_u64(bytes + 24, UINT64_C(1) << 56 | header, wide->layout.byte_order);
	assert_ok(imago_heap_create(&odd, IMAGO_SPUR, wide->layout, &allocator, &error), &error);
	const imago_segment segment = {
	    .start = 4096, .size = 40, .bridge_size = IMAGO_BRIDGE_SIZE, .bytes = bytes};
	assert_ok(imago_heap_add_segment(odd, &segment, &error), &error);
	for (size_t i = 0; i < wide->num_segments; i++) {
		assert_ok(imago_heap_add_segment(odd, &wide->segments[i], &error), &error);
	}
	odd->header = wide->header;
	assert_status(imago_permanent_align(&out, odd, NULL, &allocator, &error), &error,
	              IMAGO_EUNSUPPORTED);
	assert_string_equal(error.what, "sizes of the first five objects");
	assert_null(out);
	imago_heap_destroy(odd);
	imago_heap_destroy(wide);
	assert_no_leak(&allocator);
}

static imago_status
attempt(imago_allocator *with, imago_error *why, void *payload)
{
	imago_heap *permanent;
	imago_heap *aligned;
	imago_status status = imago_permanent_make(&permanent, payload, with, why);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_permanent_align(&aligned, permanent, NULL, with, why);
	imago_heap_destroy(permanent);
	if (status == IMAGO_OK) {
		imago_heap_destroy(aligned);
	}
	return status;
}

static void
every_allocation_may_fail(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	assert_every_allocation_failure_is_reported(attempt, heap);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A walk that stops stops these, too. */
static void
a_heap_that_cannot_be_walked_is_refused(void **state)
{
	(void)state;
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	imago_heap *out = NULL;
	imago_segment *last = &heap->segments[heap->num_segments - 1];
	last->size -= 8;
	assert_true(imago_permanent_make(&out, heap, &allocator, &error) != IMAGO_OK);
	assert_true(imago_permanent_align(&out, heap, NULL, &allocator, &error) != IMAGO_OK);
	assert_null(out);
	last->size += 8;
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(all_that_can_be_is_permanent, set_up),
	    cmocka_unit_test_setup(old_space_makes_room_for_permanent_space, set_up),
	    cmocka_unit_test_setup(both_tests_of_membership_agree_on_every_oop, set_up),
	    cmocka_unit_test_setup(genuine_images_are_aligned, set_up),
	    cmocka_unit_test_setup(what_cannot_be_is_refused_by_name, set_up),
	    cmocka_unit_test_setup(the_first_five_objects_stay_together, set_up),
	    cmocka_unit_test_setup(every_allocation_may_fail, set_up),
	    cmocka_unit_test_setup(a_heap_that_cannot_be_walked_is_refused, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
