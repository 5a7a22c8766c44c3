/* swizzles.c: heaps to relocate, and what must be true of the result. */
#include "swizzles.h"

#include "imago/synthetic.h"
#include "imago/walk.h"

const imago_simd sets[NUM_SETS] = {IMAGO_SIMD_SCALAR, IMAGO_SIMD_AVX2, IMAGO_SIMD_AVX512};

static imago_heap *
synthetic_heap(const test_layout *layout, imago_allocator *allocator)
{
	imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_objects = 4000,
	    .num_segments = layout->model == IMAGO_SPUR ? 2 : 1,
	    .gap = layout->model == IMAGO_SPUR ? 4096 : 0,
	    .perm_objects = layout->model == IMAGO_SPUR ? 200 : 0,
	    .seed = 7,
	};
	imago_error error;
	imago_heap *heap = NULL;
	imago_status status = imago_synthetic_make(&heap, &options, allocator, &error);
	if (status == IMAGO_EUNSUPPORTED || status == IMAGO_EUSAGE) { /* perm, or several segments */
		options.perm_objects = 0;
		status = imago_synthetic_make(&heap, &options, allocator, &error);
	}
	assert_ok(status, &error);
	return heap;
}

void
on_heap(make_heap_fn *make, const test_layout *layout, heap_test_fn *test)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = make(layout, &allocator);
	assert_non_null(heap);
	test(heap, &allocator);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

void
on_every_heap(heap_test_fn *test)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		on_heap(varied_heap, &test_layouts[i], test);
		on_heap(synthetic_heap, &test_layouts[i], test);
		if (i < NUM_SPUR_TEST_LAYOUTS) {
			on_heap(perm_heap, &test_layouts[i], test);
		}
	}
}

imago_heap *
copy_of(const imago_heap *heap, imago_allocator *allocator)
{
	imago_heap *copy = NULL;
	imago_error error;
	assert_ok(imago_heap_copy(&copy, heap, allocator, &error), &error);
	return copy;
}

imago_status
swizzle(imago_heap *heap, imago_addr base, imago_simd simd, bool lenient, imago_error *error)
{
	imago_swizzle_options options = {.simd = simd, .lenient = lenient};
	return imago_swizzle(heap, base, &options, error);
}

void
move(imago_heap *heap, imago_addr base, imago_simd simd)
{
	imago_error error;
	assert_ok(swizzle(heap, base, simd, false, &error), &error);
}

void
assert_same_bytes(const imago_heap *a, const imago_heap *b)
{
	assert_int_equal(a->num_segments, b->num_segments);
	assert_memory_equal(&a->header, &b->header, sizeof a->header);
	for (size_t i = 0; i < a->num_segments; i++) {
		const imago_segment *left = &a->segments[i];
		const imago_segment *right = &b->segments[i];
		assert_int_equal(left->start, right->start);
		assert_int_equal(left->size, right->size);
		assert_memory_equal(left->bytes, right->bytes, (size_t)(left->size + left->bridge_size));
	}
}

imago_addr
base_of(const imago_heap *heap)
{
	return heap->segments[0].start;
}

/* The word that relocation by distance must leave at a slot. */
static imago_oop
expected_word(const imago_heap *before, imago_oop word, uint64_t distance)
{
	const imago_segment *segment = imago_heap_segment_of(before, word);
	bool moves = imago_oop_is_pointer(before->tagging, word) && segment != NULL &&
	             segment->space == IMAGO_SPACE_OLD;
	return moves ? word + distance : word;
}

/* Walks both heaps side by side and compares every word that may be a pointer. */
void
assert_moved(const imago_heap *before, const imago_heap *after, uint64_t distance)
{
	imago_walker walker;
	imago_walker moved_walker;
	imago_object object = {0};
	imago_object moved = {0};
	uint64_t num_moved = 0;
	imago_walk_init(&walker, before, NULL);
	imago_walk_init(&moved_walker, after, NULL);
	while (imago_walk_next(&walker, &object)) {
		assert_true(imago_walk_next(&moved_walker, &moved));
		assert_int_equal(moved.num_slots, object.num_slots);
		assert_int_equal(moved.class_index, object.class_index);
		if (object.class_oop != 0) {
			assert_int_equal(moved.class_oop, expected_word(before, object.class_oop, distance));
		}
		uint64_t num_pointers = imago_heap_num_pointer_slots(before, &object);
		bool opaque = object.kind == IMAGO_OBJECT_FREE || object.kind == IMAGO_OBJECT_HIDDEN;
		for (uint64_t i = 0; i < object.num_slots; i++) {
			imago_oop word = imago_heap_fetch_slot(before, &object, i);
			imago_oop now = imago_heap_fetch_slot(after, &moved, i);
			if (i < num_pointers) {
				assert_int_equal(now, expected_word(before, word, distance));
				num_moved += now != word;
			} else if (!opaque) {
				assert_int_equal(now, word);
			}
		}
	}
	assert_false(imago_walk_next(&moved_walker, &moved));
	assert_true(num_moved > 100);
}
