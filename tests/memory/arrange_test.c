/* arrange_test.c: copies of heaps whose chunks lie elsewhere, and what no copy can be. */
#include "imago/arrange.h"

#include <stdlib.h>
#include <string.h>

#include "../support/assertions.h"
#include "../support/small_image.h"
#include "imago/byte_order.h"
#include "imago/digest.h"
#include "imago/known_objects.h"
#include "imago/pointer_words.h"
#include "imago/synthetic.h"
#include "imago/walk.h"

static imago_allocator allocator;
static imago_error error;

/* An arrangement that a test may change. */
typedef struct draft {
	imago_segment segments[8];
	imago_addr *addresses;
	uint64_t *sizes; /* of the chunks */
	uint64_t num_chunks;
	size_t num_segments;
} draft;

/* Everything where it is. */
static draft
draft_of(const imago_heap *heap)
{
	draft plan = {.num_segments = heap->num_segments};
	imago_census census;
	imago_walker walker;
	imago_object object;
	assert_ok(imago_census_take(heap, &census, &error), &error);
	assert_true(heap->num_segments <= 8);
	plan.num_chunks = census.num_chunks;
	plan.addresses = calloc(census.num_chunks + 1, sizeof *plan.addresses);
	plan.sizes = calloc(census.num_chunks + 1, sizeof *plan.sizes);
	if (plan.addresses == NULL || plan.sizes == NULL) {
		abort();
	}
	for (size_t i = 0; i < heap->num_segments; i++) {
		plan.segments[i] = heap->segments[i];
		plan.segments[i].bytes = NULL;
		plan.segments[i].writable = NULL;
	}
	uint64_t ordinal = 0;
	imago_walk_init(&walker, heap, &error);
	while (ordinal < plan.num_chunks && imago_walk_next(&walker, &object)) {
		plan.addresses[ordinal] = object.chunk;
		plan.sizes[ordinal++] = object.total_bytes;
	}
	return plan;
}

static void
release(draft *plan)
{
	free(plan->addresses);
	free(plan->sizes);
}

static imago_status
arrange_with(imago_heap **out, const imago_heap *heap, const draft *plan, imago_allocator *with,
             imago_error *why)
{
	const imago_arrangement arrangement = {
	    .segments = plan->segments,
	    .num_segments = plan->num_segments,
	    .addresses = plan->addresses,
	    .num_chunks = plan->num_chunks,
	};
	return imago_arrange(out, heap, &arrangement, with, why);
}

static imago_heap *
arranged(const imago_heap *heap, const draft *plan)
{
	imago_heap *out = NULL;
	assert_ok(arrange_with(&out, heap, plan, &allocator, &error), &error);
	return out;
}

/* Refused by name, at an offset of the source, with nothing left behind. */
static void
assert_refused(const imago_heap *heap, const draft *plan, imago_status status, const char *what,
               uint64_t offset)
{
	imago_heap *out = NULL;
	uint64_t used = allocator.used;
	error = (imago_error){.status = IMAGO_OK};
	assert_status(arrange_with(&out, heap, plan, &allocator, &error), &error, status);
	assert_error(&error, status, what, offset);
	assert_null(out);
	assert_int_equal(allocator.used, used);
}

/* All in one segment at start, in an order: the first five where a VM wants them, then every
 * step-th of the rest, until all are placed. step 0: the last one first. */
static void
permute(draft *plan, imago_addr start, uint64_t step)
{
	enum { FIXED = 5 };
	imago_addr next = start;
	uint64_t rest = plan->num_chunks - FIXED;
	for (uint64_t i = 0; i < plan->num_chunks; i++) {
		uint64_t k = i < FIXED   ? i
		             : step == 0 ? plan->num_chunks - 1 - (i - FIXED)
		                         : FIXED + (i - FIXED) * step % rest;
		plan->addresses[k] = next;
		next += plan->sizes[k];
	}
	plan->num_segments = 1;
	plan->segments[0] = (imago_segment){
	    .start = start,
	    .size = next - start,
	    .bridge_size = IMAGO_BRIDGE_SIZE,
	    .space = IMAGO_SPACE_OLD,
	};
}

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
assert_same_digest(const imago_heap *a, const imago_heap *b)
{
	imago_digest of_a;
	imago_digest of_b;
	assert_ok(imago_digest_compute(&of_a, a, &allocator, &error), &error);
	assert_ok(imago_digest_compute(&of_b, b, &allocator, &error), &error);
	assert_memory_equal(&of_a, &of_b, sizeof of_a);
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
			release(&plan);
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
			permute(&plan, 0x40000000, steps[k] == 0 ? 0 : coprime_step(rest, steps[k]));
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
			release(&back);
			release(&plan);
			release(&home);
		}
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

static void
store_slot(imago_heap *heap, const imago_object *object, uint64_t slot, uint64_t word)
{
	uint8_t *bytes = imago_heap_writable_bytes(heap, object->body + slot * 8, 8);
	assert_non_null(bytes);
	imago_store_word(bytes, word, heap->layout);
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
		permute(&plan, 0x40000000, coprime_step(plan.num_chunks - 5, 7));
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
		release(&plan);
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
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* ---- What an arrangement may not say. */

enum { HERE = 0x100000 };

static imago_heap *
one_segment(draft *plan)
{
	imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
	*plan = draft_of(heap);
	assert_int_equal(plan->num_segments, 1);
	return heap;
}

static uint64_t
offset_of_chunk(const imago_heap *heap, const draft *plan, uint64_t ordinal)
{
	draft home = draft_of(heap);
	uint64_t offset = imago_heap_offset_of(heap, home.addresses[ordinal]);
	assert_true(ordinal < plan->num_chunks);
	release(&home);
	return offset;
}

/* One address is another: what is wrong shows at that chunk. */
static void
assert_address_refused(uint64_t ordinal, imago_addr address)
{
	draft plan;
	imago_heap *heap = one_segment(&plan);
	plan.addresses[ordinal] = address;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "address of a chunk",
	               offset_of_chunk(heap, &plan, ordinal));
	assert_int_equal(error.found, address);
	release(&plan);
	imago_heap_destroy(heap);
}

static void
addresses_outside_the_segments_are_refused_at_their_chunk(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	const imago_segment *segment = &heap->segments[0];
	imago_addr end = segment->start + segment->size;
	assert_address_refused(7, 0);
	assert_address_refused(7, segment->start - 8);
	assert_address_refused(7, end);
	assert_address_refused(7, end + 8);
	assert_address_refused(7, UINT64_MAX - 7);
	assert_address_refused(7, plan.addresses[7] + 4);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
chunks_that_overlap_or_leave_holes_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	imago_heap *out = NULL;
	/* Any one chunk at any other place: never anything but a refusal, whatever its size. */
	for (uint64_t i = 0; i < plan.num_chunks; i += 5) {
		imago_addr own = plan.addresses[i];
		for (uint64_t k = 0; k < plan.num_chunks; k++) {
			for (uint64_t more = 0; more <= 8; more += 8) {
				plan.addresses[i] = plan.addresses[k] + more;
				if (plan.addresses[i] == own || (k == i && more == 0)) {
					continue;
				}
				assert_status(arrange_with(&out, heap, &plan, &allocator, &error), &error,
				              IMAGO_ESTRUCTURE);
				plan.addresses[i] = own;
			}
			plan.addresses[i] = own;
		}
	}
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* Two chunks change places: right when their sizes are the same, wrong when they are not. */
static void
only_chunks_of_one_size_may_change_places(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	unsigned num_right = 0;
	unsigned num_wrong = 0;
	for (uint64_t i = 5; i < plan.num_chunks; i += 3) {
		for (uint64_t k = i + 1; k < plan.num_chunks; k += 7) {
			imago_heap *out = NULL;
			imago_addr of_i = plan.addresses[i];
			plan.addresses[i] = plan.addresses[k];
			plan.addresses[k] = of_i;
			imago_status status = arrange_with(&out, heap, &plan, &allocator, &error);
			assert_status(status, &error,
			              plan.sizes[i] == plan.sizes[k] ? IMAGO_OK : IMAGO_ESTRUCTURE);
			num_right += status == IMAGO_OK;
			num_wrong += status != IMAGO_OK;
			imago_heap_destroy(out);
			plan.addresses[k] = plan.addresses[i];
			plan.addresses[i] = of_i;
		}
	}
	assert_true(num_right > 10 && num_wrong > 10);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
too_few_and_too_many_addresses_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	uint64_t num_chunks = plan.num_chunks;
	uint64_t most = heap->segments[0].size / 16;
	plan.num_chunks = num_chunks - 1;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = num_chunks + 1;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = 0;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = most + 1; /* before anything of that size is allocated or read */
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	plan.num_chunks = UINT64_MAX;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "number of chunks", IMAGO_NO_OFFSET);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
segments_of_another_size_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	imago_segment *segment = &plan.segments[0];
	uint64_t size = segment->size;
	segment->size = size - 16;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "bytes of objects", IMAGO_NO_OFFSET);
	segment->size = size + 8;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "size of a segment", IMAGO_NO_OFFSET);
	segment->size = UINT64_MAX;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "size of a segment", IMAGO_NO_OFFSET);
	segment->size = size;
	segment->bridge_size = IMAGO_BRIDGE_SIZE + 1;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "size of a segment", IMAGO_NO_OFFSET);
	segment->bridge_size = 0;
	plan.num_segments = 0;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "bytes of objects", IMAGO_NO_OFFSET);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A segment that begins inside a chunk has no chunk at its start. */
static void
a_segment_that_begins_in_a_chunk_is_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	uint64_t ordinal = 5;
	while (plan.sizes[ordinal] <= 16) {
		ordinal++;
	}
	uint64_t first = plan.addresses[ordinal] + 8 - plan.segments[0].start;
	plan.segments[1] = plan.segments[0];
	plan.segments[0].size = first;
	plan.segments[0].bridge_size = 0;
	plan.segments[1].start += first;
	plan.segments[1].size -= first;
	plan.num_segments = 2;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "start of a segment", IMAGO_NO_OFFSET);
	assert_int_equal(error.found, plan.segments[1].start);
	/* With a chunk there, the one that is cut passes the end. */
	for (uint64_t i = ordinal + 1; i < plan.num_chunks; i++) {
		plan.addresses[i] -= plan.sizes[ordinal] - 8;
	}
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "address of a chunk",
	               offset_of_chunk(heap, &plan, ordinal));
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
places_that_no_heap_has_are_refused(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	imago_segment *segment = &plan.segments[0];
	const imago_segment own = *segment;
	segment->start = 0;
	assert_refused(heap, &plan, IMAGO_ERANGE, "segment start", 0);
	segment->start = own.start + 4;
	assert_refused(heap, &plan, IMAGO_EALIGN, "segment start", 0);
	segment->start = UINT64_MAX - 7;
	assert_refused(heap, &plan, IMAGO_ERANGE, "segment end", 0);
	*segment = own;
	plan.segments[1] = own;
	segment->size = 64;
	plan.segments[1].size -= 64;
	plan.num_segments = 2;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "segment start", 0);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
empty_segments_hold_nothing_and_are_kept(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	plan.segments[1] = plan.segments[0];
	plan.segments[1].start += 0x100000;
	plan.segments[1].size = 0;
	plan.num_segments = 2;
	imago_heap *out = arranged(heap, &plan);
	assert_int_equal(out->num_segments, 2);
	assert_same_digest(heap, out);
	imago_heap_destroy(out);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* ---- Words. */

/* Some object with slots of oops behind the fixed ones. */
static imago_object
object_with_slots(const imago_heap *heap)
{
	imago_object object;
	assert_ok(imago_special_objects_find(heap, &object, &error), &error);
	assert_true(object.num_slots > 3);
	return object;
}

static void
pointers_into_the_middle_of_a_chunk_keep_their_place_in_it(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	imago_object array = object_with_slots(heap);
	store_slot(heap, &array, 0, array.chunk + 24);
	store_slot(heap, &array, 1, array.chunk + array.total_bytes - 8);
	permute(&plan, HERE, 0);
	imago_heap *moved = arranged(heap, &plan);
	imago_object there = object_with_slots(moved);
	assert_int_not_equal(there.chunk, array.chunk);
	assert_int_equal(imago_heap_fetch_slot(moved, &there, 0), there.chunk + 24);
	assert_int_equal(imago_heap_fetch_slot(moved, &there, 1), there.chunk + there.total_bytes - 8);
	imago_heap_destroy(moved);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
pointers_that_leave_the_heap_are_refused_at_their_slot(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	const imago_segment *segment = &heap->segments[0];
	imago_object array = object_with_slots(heap);
	const uint64_t words[] = {8, segment->start - 8, segment->start + segment->size,
	                          UINT64_MAX - 7};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		store_slot(heap, &array, 2, words[i]);
		assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "pointer that leaves the heap",
		               imago_heap_offset_of(heap, array.body + 16));
		assert_int_equal(error.found, words[i]);
	}
	store_slot(heap, &array, 2, 9); /* an integer is no pointer */
	imago_heap_destroy(arranged(heap, &plan));
	heap->header.special_objects_oop = segment->start + segment->size;
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop", IMAGO_NO_OFFSET);
	release(&plan);
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
	permute(&plan, HERE, 0);
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
	release(&home);
	release(&plan);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
heaps_of_another_model_are_refused(void **state)
{
	(void)state;
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	const draft plan = {.num_segments = 0};
	assert_refused(heap, &plan, IMAGO_EUNSUPPORTED, "a heap that is not Spur", IMAGO_NO_OFFSET);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_heap_without_segments_is_refused(void **state)
{
	(void)state;
	imago_heap *heap;
	const draft plan = {.num_segments = 0};
	assert_ok(imago_heap_create(&heap, IMAGO_SPUR, test_layout_find("spur64")->layout, &allocator,
	                            &error),
	          &error);
	assert_refused(heap, &plan, IMAGO_ESTRUCTURE, "initialSpecialObjectsOop", IMAGO_NO_OFFSET);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_heap_that_cannot_be_walked_is_refused_as_the_walk_stops(void **state)
{
	(void)state;
	draft plan;
	imago_heap *heap = one_segment(&plan);
	imago_object array = object_with_slots(heap);
	uint8_t *bytes = imago_heap_writable_bytes(heap, array.chunk, 8);
	assert_non_null(bytes);
	bytes[7] = 254; /* slots */
	imago_heap *out = NULL;
	imago_status status = arrange_with(&out, heap, &plan, &allocator, &error);
	assert_true(status == IMAGO_ESTRUCTURE || status == IMAGO_ETRUNCATED);
	assert_null(out);
	release(&plan);
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
	release(&plan);
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
	    cmocka_unit_test_setup(addresses_outside_the_segments_are_refused_at_their_chunk, set_up),
	    cmocka_unit_test_setup(chunks_that_overlap_or_leave_holes_are_refused, set_up),
	    cmocka_unit_test_setup(only_chunks_of_one_size_may_change_places, set_up),
	    cmocka_unit_test_setup(too_few_and_too_many_addresses_are_refused, set_up),
	    cmocka_unit_test_setup(segments_of_another_size_are_refused, set_up),
	    cmocka_unit_test_setup(a_segment_that_begins_in_a_chunk_is_refused, set_up),
	    cmocka_unit_test_setup(places_that_no_heap_has_are_refused, set_up),
	    cmocka_unit_test_setup(empty_segments_hold_nothing_and_are_kept, set_up),
	    cmocka_unit_test_setup(pointers_into_the_middle_of_a_chunk_keep_their_place_in_it, set_up),
	    cmocka_unit_test_setup(pointers_that_leave_the_heap_are_refused_at_their_slot, set_up),
	    cmocka_unit_test_setup(stale_links_follow_stay_or_are_refused, set_up),
	    cmocka_unit_test_setup(heaps_of_another_model_are_refused, set_up),
	    cmocka_unit_test_setup(a_heap_without_segments_is_refused, set_up),
	    cmocka_unit_test_setup(a_heap_that_cannot_be_walked_is_refused_as_the_walk_stops, set_up),
	    cmocka_unit_test_setup(every_failing_allocation_is_reported, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
