/* boundary_test.c: pointers from shared to private memory: every one that is planted is found,
 * none where there is none, on images that are built, drawn and genuine. */
#include "imago/boundary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"
#include "imago/file.h"
#include "imago/image.h"
#include "imago/kernel.h"
#include "imago/known_objects.h"
#include "imago/layered_image.h"
#include "imago/pointer_words.h"
#include "imago/synthetic.h"
#include "imago/walk.h"
#include "small_image.h"

enum { NUM_VIOLATIONS = 1000, FEW_VIOLATIONS = 100, MAX_NAME = 128 };

static imago_allocator allocator;
static imago_error error;

/* A slot of an object that is not remembered. */
typedef struct place {
	imago_oop oop;
	uint64_t slot;
} place;

/* A layered image that may be written, and what is known of it by a slow look. */
typedef struct fixture {
	imago_heap *heap;
	imago_boundary boundary; /* as its file says */
	imago_oop *remembered;
	uint64_t num_remembered; /* by the slow look */
	place *places;
	uint64_t num_places;
	imago_oop *above; /* objects */
	uint64_t num_above;
	uint64_t random;
} fixture;

static uint64_t
draw(fixture *f, uint64_t limit)
{
	f->random = f->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (f->random >> 33) % limit;
}

static void *
grow(void *array, uint64_t count, size_t size)
{
	if ((count & (count - 1)) == 0) {
		array = realloc(array, (size_t)(count > 0 ? 2 * count : 1) * size);
		assert_non_null(array);
	}
	return array;
}

/* One tier after the other, by ordinal. */
static void
layer(fixture *f, const imago_heap *heap)
{
	imago_writer writer;
	imago_census census;
	imago_layered_head head;
	imago_layered_remembered remembered;
	imago_heap *read;
	imago_layered_options options = {.without_origin = true};
	assert_ok(imago_census_take(heap, &census, &error), &error);
	uint8_t *tiers = malloc((size_t)census.num_chunks);
	assert_non_null(tiers);
	for (uint64_t i = 0; i < census.num_chunks; i++) {
		tiers[i] = i % 11 == 0 ? IMAGO_TIER_OFTEN : (uint8_t)(1 + i % 2);
	}
	options.tiers = tiers;
	options.num_tiers = census.num_chunks;
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, &options, &writer, &error), &error);
	assert_ok(imago_layered_decode(&head, writer.bytes, writer.size, &error), &error);
	assert_ok(imago_layered_read(&read, writer.bytes, writer.size, &allocator, &error), &error);
	assert_ok(imago_heap_copy(&f->heap, read, &allocator, &error), &error);
	const size_t old = imago_layered_first_old(&head);
	assert_true(old > 0);
	f->boundary.address = head.sections[old].address;
	const imago_layered_section *section = &head.sections[0];
	for (size_t i = 0; i < head.num_sections; i++) {
		bool is_wanted = head.sections[i].kind == IMAGO_LAYERED_REMEMBERED;
		section = is_wanted ? &head.sections[i] : section;
	}
	assert_ok(imago_layered_decode_remembered(&remembered, &head, writer.bytes + section->offset,
	                                          section->size, &allocator, &error),
	          &error);
	f->remembered = calloc((size_t)remembered.num_objects + 1, sizeof *f->remembered);
	assert_non_null(f->remembered);
	for (uint64_t k = 0; k < remembered.num_objects; k++) {
		f->remembered[k] = head.start + remembered.objects[k];
	}
	f->boundary.num_remembered = remembered.num_objects;
	imago_layered_remembered_release(&remembered);
	f->boundary.remembered = f->remembered;
	imago_heap_destroy(read);
	imago_writer_release(&writer);
	free(tiers);
}

/* True when a word of the object leads across; collects its slots. */
static bool
leads_across(const fixture *f, const imago_object *object, imago_oop free_lists)
{
	imago_word_runs words = imago_pointer_words_of(f->heap, free_lists, object);
	for (unsigned i = 0; i < words.num_runs && object->kind != IMAGO_OBJECT_FREE; i++) {
		for (uint64_t k = words.runs[i].begin; k < words.runs[i].end; k++) {
			imago_oop word = imago_heap_fetch_slot(f->heap, object, k);
			if (imago_oop_is_pointer(f->heap->tagging, word) && word >= f->boundary.address) {
				return true;
			}
		}
	}
	return false;
}

static void
look_slowly(fixture *f)
{
	imago_walker walker;
	imago_object object;
	imago_known_objects known;
	imago_known_objects_find(f->heap, &known);
	imago_walk_init(&walker, f->heap, &error);
	while (imago_walk_next(&walker, &object)) {
		uint64_t num_slots = imago_heap_num_pointer_slots(f->heap, &object);
		if (object.oop >= f->boundary.address) {
			f->above = grow(f->above, f->num_above, sizeof *f->above);
			f->above[f->num_above++] = object.oop;
		} else if (leads_across(f, &object, known.free_lists.oop)) {
			assert_true(f->num_remembered < f->boundary.num_remembered);
			assert_int_equal(f->remembered[f->num_remembered++], object.oop);
		} else {
			for (uint64_t k = 0; k < num_slots && object.kind != IMAGO_OBJECT_FREE; k++) {
				f->places = grow(f->places, f->num_places, sizeof *f->places);
				f->places[f->num_places++] = (place){object.oop, k};
			}
		}
	}
	assert_int_equal(walker.status, IMAGO_OK);
	assert_int_equal(f->num_remembered, f->boundary.num_remembered);
	assert_true(f->num_places > 0 && f->num_above > 0 && f->num_remembered > 0);
}

/* What a proof saw last. */
typedef struct seen {
	imago_crossing last;
	uint64_t count, stop_at;
} seen;

static bool
see(const imago_crossing *crossing, void *payload)
{
	seen *all = payload;
	all->last = *crossing;
	all->count++;
	return all->count != all->stop_at;
}

static imago_boundary_result
prove(const fixture *f, const imago_boundary *boundary, seen *all)
{
	imago_boundary_result result;
	assert_ok(imago_boundary_prove(&result, f->heap, boundary, see, all, &error), &error);
	assert_int_equal(result.num_crossings, all->count);
	return result;
}

/* What leads there: mostly an object, now and then whatever lies above, or nothing. */
static imago_oop
draw_target(fixture *f)
{
	const uint64_t limit = f->heap->layout.word_bytes == 8 ? UINT64_C(1) << 63 : UINT64_C(1) << 32;
	const uint64_t room = (limit - f->boundary.address) / 8;
	switch (draw(f, 8)) {
	case 0:
		return f->boundary.address;
	case 1:
		return limit - 8;
	case 2:
		return f->boundary.address + draw(f, room < UINT32_MAX ? room : UINT32_MAX) * 8;
	default:
		return f->above[draw(f, f->num_above)];
	}
}

static void
plant(fixture *f)
{
	const place where = f->places[draw(f, f->num_places)];
	const imago_oop target = draw_target(f);
	imago_object object;
	seen all = {.count = 0};
	assert_ok(imago_heap_decode_object(f->heap, where.oop, &object, &error), &error);
	imago_oop before = imago_heap_fetch_slot(f->heap, &object, where.slot);
	/* A method that says how many literals it has by a pointer is no method. */
	if (object.body_kind == IMAGO_BODY_METHOD && where.slot == 0) {
		plant(f);
		return;
	}
	imago_heap_store_slot(f->heap, &object, where.slot, target);
	imago_boundary_result result = prove(f, &f->boundary, &all);
	if (all.count != 1 || all.last.object.oop != where.oop || all.last.slot != where.slot ||
	    all.last.target != target) {
		fail_msg("slot %u of 0x%llx: 0x%llx was not found", (unsigned)where.slot,
		         (unsigned long long)where.oop, (unsigned long long)target);
	}
	assert_int_equal(result.num_objects, f->num_remembered + 1);
	assert_int_equal(result.num_remembered, f->num_remembered);
	imago_heap_store_slot(f->heap, &object, where.slot, before);
}

/* Without one of the remembered objects, each of its words is found. */
static void
forget_one(fixture *f)
{
	const uint64_t forgotten = draw(f, f->num_remembered);
	imago_oop *fewer = calloc((size_t)f->num_remembered, sizeof *fewer);
	assert_non_null(fewer);
	memcpy(fewer, f->remembered, (size_t)forgotten * sizeof *fewer);
	memcpy(fewer + forgotten, f->remembered + forgotten + 1,
	       (size_t)(f->num_remembered - forgotten - 1) * sizeof *fewer);
	const imago_boundary boundary = {f->boundary.address, fewer, f->num_remembered - 1};
	seen all = {.count = 0};
	imago_boundary_result result = prove(f, &boundary, &all);
	assert_true(all.count > 0);
	assert_int_equal(all.last.object.oop, f->remembered[forgotten]);
	assert_int_equal(result.num_remembered, f->num_remembered - 1);
	free(fewer);
}

static void
expect_proofs(const imago_heap *heap, const char *name, unsigned num_violations)
{
	fixture f = {.random = 5};
	seen all = {.count = 0};
	layer(&f, heap);
	look_slowly(&f);
	print_message("  %s: %u places, %u remembered\n", name, (unsigned)f.num_places,
	              (unsigned)f.num_remembered);
	imago_boundary_result result = prove(&f, &f.boundary, &all);
	assert_int_equal(all.count, 0);
	assert_int_equal(result.num_objects, f.num_remembered);
	assert_int_equal(result.num_remembered, f.num_remembered);
	for (unsigned i = 0; i < num_violations; i++) {
		plant(&f);
	}
	for (unsigned i = 0; i < 20; i++) {
		forget_one(&f);
	}
	/* Who has seen enough is told no more. */
	const imago_boundary unknown = {.address = f.boundary.address};
	all = (seen){.stop_at = 3};
	(void)prove(&f, &unknown, &all);
	assert_int_equal(all.count, result.num_words < 3 ? result.num_words : 3);
	free(f.above);
	free(f.places);
	free(f.remembered);
	imago_heap_destroy(f.heap);
}

static void
every_violation_of_built_images_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		expect_proofs(heap, test_layouts[i].name, NUM_VIOLATIONS);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

static void
every_violation_of_kernel_images_is_found(void **state)
{
	(void)state;
	static const uint32_t formats[] = {6521, 68021, 68533};
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		imago_heap *heap;
		const imago_kernel_options options = {.image_format = formats[i]};
		assert_ok(imago_kernel_make(&heap, &options, &allocator, &error), &error);
		expect_proofs(heap, "kernel", NUM_VIOLATIONS);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

static void
every_violation_of_synthetic_images_is_found(void **state)
{
	(void)state;
	static const uint32_t formats[] = {6521, 68021};
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		imago_heap *heap;
		const imago_synthetic_options options = {.image_format = formats[i], .num_objects = 20000};
		assert_ok(imago_synthetic_make(&heap, &options, &allocator, &error), &error);
		expect_proofs(heap, "synthetic", NUM_VIOLATIONS);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

static void
every_violation_of_genuine_images_is_found(void **state)
{
	(void)state;
	static const char *const names[] = {"spur32-6521-headless", "spur32-6521-cp-node",
	                                    "spur64-68021-pharo-vm"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[MAX_NAME];
		imago_image image;
		snprintf(path, sizeof path, "../shared/images/%s.image", names[i]);
		if (imago_path_kind_of(path) != IMAGO_PATH_FILE) {
			print_message("skipped: no %s\n", path);
			skip();
		}
		assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
		expect_proofs(image.heap, names[i], FEW_VIOLATIONS);
		imago_image_close(&image);
	}
	assert_no_leak(&allocator);
}

/* What is above may be in any state, and what is below is proved up to the last object before. */
static void
nothing_above_the_boundary_is_looked_at(void **state)
{
	(void)state;
	fixture f = {.random = 9};
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	layer(&f, heap);
	look_slowly(&f);
	seen all = {.count = 0};
	for (size_t i = 0; i < f.heap->num_segments; i++) {
		imago_segment *segment = &f.heap->segments[i];
		if (segment->start >= f.boundary.address) {
			memset(segment->writable, 0xFF, (size_t)segment->size);
		}
	}
	assert_int_equal(prove(&f, &f.boundary, &all).num_remembered, f.num_remembered);
	/* A boundary in the middle of a segment: what lies behind it is above. */
	const imago_segment *segment = &f.heap->segments[1];
	imago_object first;
	assert_ok(imago_heap_decode_chunk(f.heap, segment->start, &first, &error), &error);
	const imago_boundary middle = {.address = segment->start + first.total_bytes};
	all = (seen){.count = 0};
	(void)prove(&f, &middle, &all);
	assert_true(all.count > 0);
	assert_true(all.last.object.oop <= first.oop);
	free(f.above);
	free(f.places);
	free(f.remembered);
	imago_heap_destroy(f.heap);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
what_cannot_be_walked_is_told(void **state)
{
	(void)state;
	imago_boundary_result result;
	const imago_boundary boundary = {.address = UINT64_MAX};
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	assert_status(imago_boundary_prove(&result, heap, &boundary, NULL, NULL, &error), &error,
	              IMAGO_EUNSUPPORTED);
	imago_heap_destroy(heap);
	heap = varied_heap(test_layout_find("spur64"), &allocator);
	assert_ok(imago_boundary_prove(&result, heap, &boundary, NULL, NULL, &error), &error);
	assert_int_equal(result.num_words, 0);
	memset(heap->segments[0].writable + 7, 0xFE, 1); /* nil has 254 slots, more than there are … */
	heap->segments[0].size = 64;
	assert_status(imago_boundary_prove(&result, heap, &boundary, NULL, NULL, &error), &error,
	              IMAGO_ETRUNCATED);
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
	    cmocka_unit_test_setup(every_violation_of_built_images_is_found, set_up),
	    cmocka_unit_test_setup(every_violation_of_kernel_images_is_found, set_up),
	    cmocka_unit_test_setup(every_violation_of_synthetic_images_is_found, set_up),
	    cmocka_unit_test_setup(every_violation_of_genuine_images_is_found, set_up),
	    cmocka_unit_test_setup(nothing_above_the_boundary_is_looked_at, set_up),
	    cmocka_unit_test_setup(what_cannot_be_walked_is_told, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
