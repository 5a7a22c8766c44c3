/* check_chains_test.c: what leads in a circle is found once, where its lowest object is, and in
 * bounded time. */
#include "assertions.h"

#include <string.h>

#include "imago/check.h"

#include "layouts.h"
#include "small_image.h"

enum { MOST_FINDINGS = 16, SENDER = 0, METHOD = 3, CONTEXT_SLOTS = 22, NUM_LINKS = 4 };

typedef struct findings {
	imago_finding all[MOST_FINDINGS];
	size_t count;
} findings;

static bool
collect(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	assert_true(list->count < MOST_FINDINGS);
	list->all[list->count++] = *finding;
	return true;
}

static findings
findings_of(imago_heap *heap, imago_allocator *allocator)
{
	findings list = {.count = 0};
	imago_check_sink sink;
	imago_error error;
	assert_non_null(heap);
	imago_check_sink_init(&sink, NULL, collect, &list);
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	imago_heap_destroy(heap);
	assert_no_leak(allocator);
	return list;
}

static void
assert_only(const findings *list, const char *rule, imago_oop oop)
{
	assert_int_equal(list->count, 1);
	assert_string_equal(list->all[0].rule->name, rule);
	assert_int_equal(list->all[0].oop, oop);
}

/* Contexts that are activations of one method, as special objects' external objects. */
static void
add_contexts(imago_builder *builder, imago_oop contexts[], size_t count)
{
	static const uint8_t code[] = {0x78};
	const imago_builder_method method = {.bytecodes = code, .num_bytecodes = sizeof code};
	imago_oop array = imago_builder_new_pointers(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), count);
	imago_oop body = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array);
	for (size_t i = 0; i < count; i++) {
		contexts[i] = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), CONTEXT_SLOTS);
		imago_builder_store(builder, contexts[i], 2, imago_builder_integer(builder, 0));
		imago_builder_store(builder, contexts[i], METHOD, body);
		imago_builder_store(builder, array, i, contexts[i]);
	}
}

static void
senders_that_lead_in_a_circle_are_found_once_wherever_it_is_entered(void **state)
{
	(void)state;
	for (size_t layout = 0; layout < NUM_TEST_LAYOUTS; layout++) {
		/* 0 -> 1 -> 2 -> 3 -> back to entry; what stands before entry leads into the circle. */
		for (size_t entry = 0; entry < NUM_LINKS; entry++) {
			imago_allocator allocator;
			imago_oop contexts[NUM_LINKS];
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_builder *builder = test_builder(&test_layouts[layout], &allocator);
			add_contexts(builder, contexts, NUM_LINKS);
			for (size_t i = 0; i < NUM_LINKS; i++) {
				size_t next = i + 1 < NUM_LINKS ? i + 1 : entry;
				imago_builder_store(builder, contexts[i], SENDER, contexts[next]);
			}
			findings list = findings_of(test_finish(builder), &allocator);
			assert_only(&list, "context.senderCycle", contexts[entry]);
		}
	}
}

static void
senders_that_meet_are_no_circle(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_oop contexts[NUM_LINKS];
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[0], &allocator);
	add_contexts(builder, contexts, NUM_LINKS);
	imago_builder_store(builder, contexts[0], SENDER, contexts[3]);
	imago_builder_store(builder, contexts[1], SENDER, contexts[0]);
	imago_builder_store(builder, contexts[2], SENDER, contexts[0]);
	findings list = findings_of(test_finish(builder), &allocator);
	assert_int_equal(list.count, 0);
}

static void
superclasses_that_lead_in_a_circle_are_found_once(void **state)
{
	(void)state;
	for (size_t layout = 0; layout < NUM_TEST_LAYOUTS; layout++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_builder *builder = test_builder(&test_layouts[layout], &allocator);
		imago_oop object = imago_builder_class(builder, IMAGO_KERNEL_OBJECT);
		imago_oop low = imago_builder_new_class(builder, object, "Low", 0, IMAGO_FORMAT_EMPTY);
		imago_oop high = imago_builder_new_class(builder, low, "High", 0, IMAGO_FORMAT_EMPTY);
		imago_builder_store(builder, low, 0, high);
		findings list = findings_of(test_finish(builder), &allocator);
		assert_only(&list, "class.superclassCycle", low < high ? low : high);
	}
}

/* A row of forwarders, the last one leading to target, or to the first one when target is 0. */
static findings
findings_of_forwarders(size_t layout, size_t count, bool circle)
{
	imago_allocator allocator;
	imago_oop next;
	imago_oop last;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(&test_layouts[layout], &allocator);
	last = imago_builder_new_forwarder(builder, imago_builder_nil(builder));
	next = last;
	for (size_t i = 1; i < count; i++) {
		next = imago_builder_new_forwarder(builder, next);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	if (circle) {
		imago_object object;
		assert_int_equal(imago_heap_decode_object(heap, last, &object, NULL), IMAGO_OK);
		imago_heap_store_slot(heap, &object, 0, next);
	}
	return findings_of(heap, &allocator);
}

static void
forwarders_may_not_lead_to_forwarders(void **state)
{
	(void)state;
	for (size_t layout = 0; layout < NUM_SPUR_TEST_LAYOUTS; layout++) {
		findings none = findings_of_forwarders(layout, 1, false);
		findings chain = findings_of_forwarders(layout, 3, false);
		findings circle = findings_of_forwarders(layout, 3, true);
		findings itself = findings_of_forwarders(layout, 1, true);
		assert_int_equal(none.count, 0);
		assert_int_equal(chain.count, 2);
		assert_string_equal(chain.all[0].rule->name, "forwarder.chain");
		assert_int_equal(circle.count, 3);
		assert_string_equal(circle.all[0].rule->name, "forwarder.cycle");
		assert_int_equal(itself.count, 1);
		assert_string_equal(itself.all[0].rule->name, "forwarder.cycle");
	}
}

/* Free chunks: sizes in the order they are made. */
static imago_heap *
heap_with_chunks(size_t layout, const uint64_t *sizes, size_t count, imago_allocator *allocator)
{
	imago_builder *builder = test_builder(&test_layouts[layout], allocator);
	for (size_t i = 0; i < count; i++) {
		imago_builder_add_free_chunk(builder, sizes[i]);
		(void)imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY),
		                                 1);
	}
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

static imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	assert_int_equal(imago_heap_decode_object(heap, oop, &object, NULL), IMAGO_OK);
	return object;
}

static void
a_free_list_that_leads_in_a_circle_is_found(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {32, 32, 32};
	for (size_t layout = 0; layout < NUM_SPUR_TEST_LAYOUTS; layout++) {
		imago_allocator allocator;
		imago_known_objects known;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = heap_with_chunks(layout, sizes, 3, &allocator);
		imago_known_objects_find(heap, &known);
		imago_object first = decode(heap, imago_heap_fetch_slot(heap, &known.free_lists, 4));
		imago_object second = decode(heap, imago_heap_fetch_slot(heap, &first, 0));
		imago_heap_store_slot(heap, &second, 0, first.oop);
		findings list = findings_of(heap, &allocator);
		assert_only(&list, "freeList.cycle", known.free_lists.oop);
	}
}

enum { PARENT = 2, SMALLER = 3, LARGER = 4 };

static void
a_tree_of_large_chunks_must_be_in_order_and_know_its_parents(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {2000, 1200, 4000};
	for (size_t layout = 0; layout < NUM_SPUR_TEST_LAYOUTS; layout++) {
		for (int what = 0; what < 3; what++) {
			imago_allocator allocator;
			imago_known_objects known;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_heap *heap = heap_with_chunks(layout, sizes, 3, &allocator);
			imago_known_objects_find(heap, &known);
			imago_object root = decode(heap, imago_heap_fetch_slot(heap, &known.free_lists, 0));
			imago_oop smaller = imago_heap_fetch_slot(heap, &root, SMALLER);
			imago_oop larger = imago_heap_fetch_slot(heap, &root, LARGER);
			imago_object child = decode(heap, smaller != 0 ? smaller : larger);
			if (what == 0) {
				imago_heap_store_slot(heap, &root, SMALLER, larger);
				imago_heap_store_slot(heap, &root, LARGER, smaller);
			} else if (what == 1) {
				imago_heap_store_slot(heap, &child, PARENT, child.oop);
			} else {
				/* A child that claims the root as its own child. */
				imago_heap_store_slot(heap, &child, SMALLER, root.oop);
				imago_heap_store_slot(heap, &root, PARENT, child.oop);
			}
			findings list = findings_of(heap, &allocator);
			assert_true(list.count >= 1);
			assert_string_equal(list.all[0].rule->name,
			                    what == 0 ? "freeList.treeOrder" : "freeList.treeParent");
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(senders_that_lead_in_a_circle_are_found_once_wherever_it_is_entered),
	    cmocka_unit_test(senders_that_meet_are_no_circle),
	    cmocka_unit_test(superclasses_that_lead_in_a_circle_are_found_once),
	    cmocka_unit_test(forwarders_may_not_lead_to_forwarders),
	    cmocka_unit_test(a_free_list_that_leads_in_a_circle_is_found),
	    cmocka_unit_test(a_tree_of_large_chunks_must_be_in_order_and_know_its_parents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
