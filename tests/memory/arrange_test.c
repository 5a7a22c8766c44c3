/* arrange_test.c: copies of heaps whose chunks lie elsewhere. */
#include "arrange_draft.h"

#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/byte_order.h"
#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

enum { HERE = 0x100000 };

static imago_allocator allocator;
static imago_error error;

/* A number without a common factor with the chunks that are permuted. */
static uint64_t
coprime_step(uint64_t rest, uint64_t wanted)
{
	for (;; wanted++) {
		uint64_t a = rest;
		uint64_t b = wanted;
		while (b != 0) {
			uint64_t left = a % b;
			a = b;
			b = left;
		}
		if (a == 1) {
			return wanted;
		}
	}
}

static void
assert_same_bytes(const imago_heap *a, const imago_heap *b)
{
	assert_int_equal(a->num_segments, b->num_segments);
	assert_memory_equal(&a->header, &b->header, sizeof a->header);
	for (size_t i = 0; i < a->num_segments; i++) {
		assert_int_equal(a->segments[i].start, b->segments[i].start);
		assert_int_equal(a->segments[i].size, b->segments[i].size);
		assert_memory_equal(a->segments[i].bytes, b->segments[i].bytes, a->segments[i].size);
	}
}

static void
where_everything_stays_nothing_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (int perm = 0; perm < 2; perm++) {
			imago_heap *heap = perm ? perm_heap(&test_layouts[i], &allocator)
			                        : varied_heap(&test_layouts[i], &allocator);
			draft plan = draft_of(heap);
			imago_heap *same = arranged(heap, &plan);
			assert_same_bytes(heap, same);
			assert_int_equal(same->bridges, IMAGO_BRIDGES_MEMORY);
			imago_heap_destroy(same);
			draft_release(&plan);
			imago_heap_destroy(heap);
		}
	}
	assert_no_leak(&allocator);
}

/* There, and from there back: the source's bytes. */
static void
in_any_order_it_is_the_same_image_and_leads_back(void **state)
{
	(void)state;
	static const uint64_t steps[] = {0, 1, 2, 3, 7, 101};
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_heap *heap = varied_heap(&test_layouts[i], &allocator);
		for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
			draft home = draft_of(heap);
			draft plan = draft_of(heap);
			uint64_t rest = plan.num_chunks - 5;
			draft_permute(&plan, 0x40000000, steps[k] == 0 ? 0 : coprime_step(rest, steps[k]));
			imago_heap *moved = arranged(heap, &plan);
			assert_same_digest(heap, moved);
			/* The way back, in the order of the other walk. */
			draft back = draft_of(moved);
			for (uint64_t from = 0; from < back.num_chunks; from++) {
				uint64_t to = 0;
				while (plan.addresses[to] != back.addresses[from]) {
					to++;
				}
				back.addresses[from] = home.addresses[to];
			}
			memcpy(back.segments, home.segments, sizeof home.segments);
			back.num_segments = home.num_segments;
			imago_heap *returned = arranged(moved, &back);
			assert_same_bytes(heap, returned);
			imago_heap_destroy(returned);
			imago_heap_destroy(moved);
			draft_release(&back);
			draft_release(&plan);
			draft_release(&home);
		}
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* ---- Heaps so large that most objects are taken block by block. */

static imago_heap *
large_heap(uint32_t image_format, imago_byte_order order)
{
	imago_heap *heap;
	const imago_synthetic_options options = {
	    .image_format = image_format,
	    .byte_order = order,
	    .num_bytes = 300000,
	    .num_segments = 3,
	    .gap = 1 << 20,
	    .seed = 5,
	};
	assert_ok(imago_synthetic_make(&heap, &options, &allocator, &error), &error);
	return heap;
}

/* The marks that one word after the other gives. */
static void
assert_marks(const imago_heap *heap, const uint8_t *marks)
{
	imago_known_objects known;
	imago_walker walker;
	imago_object object;
	const uint8_t word_bytes = heap->layout.word_bytes;
	uint8_t *wanted = calloc(1, (size_t)(heap->segments[0].size / word_bytes / 8 + 1));
	assert_non_null(wanted);
	imago_known_objects_find(heap, &known);
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		imago_word_runs words = imago_pointer_words_of(heap, known.free_lists.oop, &object);
		for (unsigned i = 0; i < words.num_runs; i++) {
			for (uint64_t k = words.runs[i].begin; k < words.runs[i].end; k++) {
				uint64_t word = imago_heap_fetch_slot(heap, &object, k);
				uint64_t at = (object.body - heap->segments[0].start) / word_bytes + k;
				bool slot = words.runs[i].kind == IMAGO_WORD_SLOT;
				if ((!slot || imago_oop_is_pointer(heap->tagging, word)) && word % 8 == 0 &&
				    imago_heap_segment_of(heap, word) != NULL) {
					wanted[at / 8] |= (uint8_t)(1U << at % 8);
				}
			}
		}
	}
	assert_memory_equal(marks, wanted, heap->segments[0].size / word_bytes / 8);
	free(wanted);
}

static void
large_heaps_are_arranged_where_the_caller_says_with_marks(void **state)
{
	(void)state;
	static const uint32_t formats[] = {68021, 6521};
	for (unsigned i = 0; i < 4; i++) {
		imago_heap *heap =
		    large_heap(formats[i / 2], i % 2 == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN);
		draft plan = draft_of(heap);
		draft_permute(&plan, 0x40000000, coprime_step(plan.num_chunks - 5, 7));
		imago_heap *own = arranged(heap, &plan);
		assert_same_digest(heap, own);
		const uint64_t size = plan.segments[0].size;
		uint8_t *bytes = malloc((size_t)size + IMAGO_BRIDGE_SIZE);
		uint8_t *marks = calloc(1, (size_t)size / 8);
		assert_true(bytes != NULL && marks != NULL);
		memset(bytes, 0xA5, (size_t)size + IMAGO_BRIDGE_SIZE);
		const imago_arrangement arrangement = {
		    .segments = plan.segments,
		    .num_segments = plan.num_segments,
		    .addresses = plan.addresses,
		    .num_chunks = plan.num_chunks,
		    .bytes = &bytes,
		    .marks = &marks,
		};
		imago_heap *there;
		assert_ok(imago_arrange(&there, heap, &arrangement, &allocator, &error), &error);
		assert_ptr_equal(there->segments[0].bytes, bytes);
		assert_same_bytes(own, there);
		assert_memory_equal(bytes + size, own->segments[0].bytes + size, IMAGO_BRIDGE_SIZE);
		assert_marks(there, marks);
		imago_heap_destroy(there);
		free(marks);
		free(bytes);
		imago_heap_destroy(own);
		draft_release(&plan);
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

/* An array that lies in the middle of a large heap. */
static imago_object
array_in_the_middle(const imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	uint64_t passed = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		passed += object.total_bytes;
		if (passed > 50000 && object.kind == IMAGO_OBJECT_ORDINARY && object.num_slots > 2 &&
		    object.num_slots < 9 && object.format == IMAGO_FORMAT_INDEXABLE) {
			return object;
		}
	}
	abort();
}

static void
what_large_heaps_say_wrong_is_refused_at_its_place(void **state)
{
	(void)state;
	imago_heap *heap = large_heap(68021, IMAGO_LITTLE_ENDIAN);
	draft plan = draft_of(heap);
	const imago_object array = array_in_the_middle(heap);
	const uint64_t word = imago_heap_fetch_slot(heap, &array, 2);
	for (uint64_t wrong = 0; wrong <= 16; wrong += 16) {
		store_slot(heap, &array, 2, wrong);
		assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "pointer that leaves the heap",
		               imago_heap_offset_of(heap, array.body + 16));
	}
	store_slot(heap, &array, 2, word);
	imago_heap_destroy(arranged(heap, &plan));
	uint64_t ordinal = 0;
	while (plan.addresses[ordinal] != array.chunk) {
		ordinal++;
	}
	plan.addresses[ordinal] += 8;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "address of a chunk",
	               imago_heap_offset_of(heap, array.chunk - plan.sizes[ordinal - 1]));
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* ---- Words. */

static void
pointers_into_the_middle_of_a_chunk_keep_their_place_in_it(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan, &allocator);
	imago_object array = object_with_slots(heap);
	store_slot(heap, &array, 0, array.chunk + 24);
	store_slot(heap, &array, 1, array.chunk + array.total_bytes - 8);
	draft_permute(&plan, HERE, 0);
	imago_heap *moved = arranged(heap, &plan);
	imago_object there = object_with_slots(moved);
	assert_int_not_equal(there.chunk, array.chunk);
	assert_int_equal(imago_heap_fetch_slot(moved, &there, 0), there.chunk + 24);
	assert_int_equal(imago_heap_fetch_slot(moved, &there, 1), there.chunk + there.total_bytes - 8);
	imago_heap_destroy(moved);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* The links of a free chunk that is in no list mean nothing, but may look as if they did. */
static void
stale_links_follow_stay_or_are_refused(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur64"), &allocator);
	imago_walker walker;
	imago_object object;
	imago_object chunk = {.num_slots = 0};
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_FREE && object.num_slots > 1) {
			chunk = object;
		}
	}
	assert_true(chunk.num_slots > 1);
	draft plan = draft_of(heap);
	draft_permute(&plan, HERE, 0);
	imago_addr nil = heap->segments[0].start;
	const imago_addr outside = 0x7000000000;
	imago_heap *moved;
	imago_object there;
	uint64_t ordinal = 0;
	draft home = draft_of(heap);
	while (home.addresses[ordinal] != chunk.chunk) {
		ordinal++;
	}
	store_slot(heap, &chunk, 1, outside);
	moved = arranged(heap, &plan);
	assert_ok(imago_heap_decode_chunk(moved, plan.addresses[ordinal], &there, &error), &error);
	assert_int_equal(imago_heap_fetch_slot(moved, &there, 1), outside);
	imago_heap_destroy(moved);

	store_slot(heap, &chunk, 1, nil);
	moved = arranged(heap, &plan);
	assert_int_equal(imago_heap_fetch_slot(moved, &there, 1), HERE);
	imago_heap_destroy(moved);

	assert_null(imago_heap_segment_of(heap, HERE + 8));
	store_slot(heap, &chunk, 1, HERE + 8); /* where nil will be */
	assert_refused(heap, &plan, IMAGO_EUNSUPPORTED, "stale link",
	               imago_heap_offset_of(heap, chunk.body + 8));
	store_slot(heap, &chunk, 1, HERE + 12); /* no link of anything */
	imago_heap_destroy(arranged(heap, &plan));
	draft_release(&home);
	draft_release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

typedef struct attempt {
	const imago_heap *heap;
	const draft *plan;
} attempt;

static imago_status
arrange_once(imago_allocator *with, imago_error *why, void *payload)
{
	const attempt *of = payload;
	imago_heap *out = NULL;
	imago_status status = arrange_with(&out, of->heap, of->plan, with, why);
	imago_heap_destroy(out);
	return status;
}

static void
every_failing_allocation_is_reported(void **state)
{
	(void)state;
	imago_heap *heap = varied_heap(test_layout_find("spur32"), &allocator);
	draft plan = draft_of(heap);
	attempt of = {heap, &plan};
	assert_every_allocation_failure_is_reported(arrange_once, &of);
	draft_release(&plan);
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
	    cmocka_unit_test_setup(where_everything_stays_nothing_changes, set_up),
	    cmocka_unit_test_setup(in_any_order_it_is_the_same_image_and_leads_back, set_up),
	    cmocka_unit_test_setup(large_heaps_are_arranged_where_the_caller_says_with_marks, set_up),
	    cmocka_unit_test_setup(what_large_heaps_say_wrong_is_refused_at_its_place, set_up),
	    cmocka_unit_test_setup(pointers_into_the_middle_of_a_chunk_keep_their_place_in_it, set_up),
	    cmocka_unit_test_setup(stale_links_follow_stay_or_are_refused, set_up),
	    cmocka_unit_test_setup(every_failing_allocation_is_reported, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
