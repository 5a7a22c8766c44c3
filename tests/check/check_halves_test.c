/* check_halves_test.c: segments that two threads can hardly share: without a pointer to begin at,
 * without objects behind the middle, broken where the second thread begins; and a system without a
 * second thread. */
#include "ways.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "imago/byte_order.h"

enum { NUM_WORDS = 1 << 19, MANY_OBJECTS = 60000, FOUR_MIB = 4 << 20, PUN = 24 };

/* The linker puts these in the place of pthread_create (--wrap). */
typedef void *thread_fn(void *payload);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_fn *run,
                          void *payload);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_fn *run,
                          void *payload);

static bool no_threads;
static unsigned num_asked;

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_fn *run,
                      void *payload)
{
	num_asked++;
	return no_threads ? EAGAIN : __real_pthread_create(thread, attributes, run, payload);
}

static void
a_system_that_gives_no_thread_is_no_hindrance(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(&test_layouts[i], true, &allocator);
		object_list list = list_objects(heap);
		change made = begin_change(heap, list.chunks[list.count * 3 / 4], 8);
		num_asked = 0;
		no_threads = true;
		assert_int_equal(check_all_ways(heap, 0), 0);
		memset(made.place, 0xFF, 8);
		assert_true(check_all_ways(heap, 0) > 0);
		no_threads = false;
		assert_int_not_equal(num_asked, 0);
		restore(&made);
		free(list.chunks);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* A kernel, and behind it a Bitmap of so many 4-byte elements. */
static imago_heap *
heap_of_bits(const test_layout *layout, uint64_t num_elements, imago_allocator *allocator,
             imago_object *bits)
{
	imago_builder *builder = test_builder(layout, allocator);
	imago_oop oop = imago_builder_new_bits(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_BITMAP), num_elements);
	imago_heap *heap = test_finish(builder);
	imago_error error;
	assert_non_null(heap);
	assert_ok(imago_heap_decode_object(heap, oop, bits, &error), &error);
	return heap;
}

/* What the second half of a segment holds, where a pointer to an object is looked for. */
typedef enum filling {
	ZEROS,         /* no pointer at all */
	MISALIGNED,    /* pointers nearby, that no object can have */
	TO_ZEROS,      /* pointers to what looks like free chunks */
	TO_ONES,       /* pointers to what has no end */
	TO_FEW_CHUNKS, /* pointers to a chunk that is followed by none */
	TO_PUNS,       /* pointers to objects of a class that none has */
	NUM_FILLINGS,
} filling;

static void
fill(imago_heap *heap, const imago_object *bits, filling what)
{
	const imago_segment *segment = &heap->segments[0];
	imago_addr middle = segment->start + (segment->size / 2 & ~UINT64_C(7));
	imago_addr target = middle + 0x8000;
	uint8_t *bytes = imago_heap_writable_bytes(heap, middle, segment->size / 2);
	size_t size = (size_t)(bits->body + bits->num_slots * heap->layout.word_bytes - middle);
	memset(bytes, what == TO_ONES || what == TO_FEW_CHUNKS ? 0xFF : 0, size);
	if (what == TO_FEW_CHUNKS) {
		memset(bytes + 0x8000, 0, 16);
	} else if (what == TO_PUNS) { /* all words the same: each is an object's header, too */
		target = (middle + FOUR_MIB - 1) / FOUR_MIB * FOUR_MIB + PUN;
	}
	if (what == MISALIGNED) {
		target += 4;
	}
	size_t length = what == TO_PUNS ? size : 8;
	for (size_t i = 0; what != ZEROS && i < length; i += heap->layout.word_bytes) {
		imago_store_word(bytes + i, target, heap->layout);
	}
}

static void
what_only_looks_like_objects_behind_the_middle_is_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (filling what = ZEROS; what < NUM_FILLINGS; what++) {
			imago_allocator allocator;
			imago_object bits;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			/* Puns are where an address is 24 more than a multiple of 4 MiB. */
			uint64_t num_words = what == TO_PUNS ? (FOUR_MIB - 0x20000) / 2 : NUM_WORDS;
			imago_heap *heap = heap_of_bits(&test_layouts[i], num_words, &allocator, &bits);
			fill(heap, &bits, what);
			assert_int_equal(check_all_ways(heap, 0), 0);
			imago_heap_destroy(heap);
			assert_no_leak(&allocator);
		}
	}
}

/* So many that the survey of headers goes on for more than a MiB. */
static void
a_long_row_of_plain_objects_is_judged_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[i], &allocator);
		imago_oop cls = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
		for (unsigned k = 0; k < MANY_OBJECTS; k++) {
			(void)imago_builder_new_pointers(builder, cls, 4);
		}
		imago_heap *heap = test_finish(builder);
		assert_non_null(heap);
		assert_int_equal(check_all_ways(heap, 0), 0);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* Every so many objects behind the middle, where the second thread begins and runs in: once a chunk
 * that cannot be decoded, once an object that reaches to the end. */
static void
what_breaks_where_the_second_thread_begins_is_judged_alike(void **state)
{
	(void)state;
	enum { EVERY = 37, NUM_PLACES = 60 };
	static const char *const layouts[] = {"spur32", "spur64be"};
	for (size_t i = 0; i < 2; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(test_layout_find(layouts[i]), true, &allocator);
		const imago_segment *segment = &heap->segments[0];
		imago_addr middle = segment->start + segment->size / 2;
		object_list list = list_objects(heap);
		size_t first = 0;
		while (list.chunks[first] < middle) {
			first++;
		}
		for (size_t k = 0; k < NUM_PLACES && first + k * EVERY < list.count; k++) {
			imago_addr chunk = list.chunks[first + k * EVERY];
			change one = begin_change(heap, chunk, 8);
			change two = begin_change(heap, chunk + 8, 8);
			memset(one.place, 0xFF, 8);
			assert_true(check_all_ways(heap, 0) > 0);
			restore(&one);
			swallow(heap, chunk, segment->start + segment->size);
			assert_true(check_all_ways(heap, 0) > 0);
			restore(&two);
			restore(&one);
		}
		assert_int_equal(check_all_ways(heap, 0), 0);
		free(list.chunks);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* The second thread runs to the end over what is inside one object, and all is undone. */
static void
a_walk_over_the_inside_of_the_last_object_is_undone(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = synthetic_heap(&test_layouts[i], true, &allocator);
		object_list list = list_objects(heap);
		swallow(heap, list.chunks[list.count * 40 / 100],
		        heap->segments[0].start + heap->segments[0].size);
		assert_true(check_all_ways(heap, 0) > 0);
		free(list.chunks);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_system_that_gives_no_thread_is_no_hindrance),
	    cmocka_unit_test(what_only_looks_like_objects_behind_the_middle_is_judged_alike),
	    cmocka_unit_test(a_long_row_of_plain_objects_is_judged_alike),
	    cmocka_unit_test(what_breaks_where_the_second_thread_begins_is_judged_alike),
	    cmocka_unit_test(a_walk_over_the_inside_of_the_last_object_is_undone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
