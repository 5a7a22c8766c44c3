/* header_edges_test.c: header fields at the last value that no rule minds, and at the first one
 * that a rule does. */
#include "assertions.h"

#include <string.h>

#include "imago/check.h"

#include "layouts.h"
#include "small_image.h"

typedef struct findings {
	size_t count;
	imago_finding last;
} findings;

static bool
collect(const imago_finding *finding, void *payload)
{
	findings *list = payload;
	list->count++;
	list->last = *finding;
	return true;
}

static findings
findings_of(const imago_heap *heap, imago_allocator *allocator)
{
	findings list = {.count = 0};
	imago_check_sink sink;
	imago_error error;
	imago_check_sink_init(&sink, NULL, collect, &list);
	assert_ok(imago_check(heap, &sink, allocator, &error), &error);
	return list;
}

typedef struct edge {
	const char *field; /* as imago_header_field_at names it */
	uint64_t last_right;
	const char *rule;
} edge;

static const edge edges[] = {
    {"hdrNumStackPages", 4096, "header.stackPages"},
    {"hdrCogCodeSize", 16384, "header.codeSize"},
    {"hdrMaxExtSemTabSize", 16384, "header.extSemaphores"},
    {"hdrEdenBytes", (1 << 30) - 1, "header.edenBytes"},
    {"extraVMMemory", (UINT64_C(1) << 31) - 1, "header.extraVMMemory"},
};

static void
every_limit_of_a_field_is_where_its_rule_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(test_layout_find("spur64"), &allocator);
		int field = imago_header_field_index(edges[i].field);
		print_message("%s\n", edges[i].field);
		assert_true(field >= 0);
		imago_header_set(&heap->header, (size_t)field, edges[i].last_right);
		assert_int_equal(findings_of(heap, &allocator).count, 0);
		imago_header_set(&heap->header, (size_t)field, edges[i].last_right + 1);
		findings list = findings_of(heap, &allocator);
		assert_int_equal(list.count, 1);
		assert_string_equal(list.last.rule->name, edges[i].rule);
		assert_int_equal(list.last.found, edges[i].last_right + 1);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* What no file has, but a heap that somebody made. */
static void
a_single_byte_around_the_header_is_found(void **state)
{
	(void)state;
	static const uint8_t bytes[2] = {1, 0};
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = small_heap(test_layout_find("v3"), &allocator);
	heap->wrapping.prefix = bytes;
	heap->wrapping.prefix_size = 1;
	findings list = findings_of(heap, &allocator);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.last.rule->name, "header.prefix");
	assert_int_equal(list.last.found, 1);
	assert_int_equal(list.last.offset, 0);

	heap->wrapping.prefix_size = 0;
	heap->wrapping.trailing = bytes;
	heap->wrapping.trailing_size = 1;
	list = findings_of(heap, &allocator);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.last.rule->name, "header.trailingBytes");
	assert_int_equal(list.last.offset, heap->header.header_size + heap->segments[0].size);

	/* The first byte behind the fields, and no other, is not zero. */
	heap->wrapping.trailing_size = 0;
	heap->wrapping.header_tail = bytes;
	heap->wrapping.header_tail_size = sizeof bytes;
	list = findings_of(heap, &allocator);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.last.rule->name, "header.padding");
	assert_int_equal(list.last.offset, heap->header.header_size - sizeof bytes);
	assert_int_equal(list.last.found, 1);
	heap->wrapping.header_tail_size = 0;
	assert_int_equal(findings_of(heap, &allocator).count, 0);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

/* A rule is named by its whole name or its family's, and by no part of either. */
static void
half_a_name_chooses_no_rule(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "", ".", "head", "header.", "header.stackPage", "header.stackPagesX"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_check_sink sink;
		imago_check_options options = {.only = &names[i], .num_only = 1};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(test_layout_find("spur32"), &allocator);
		imago_check_sink_init(&sink, &options, NULL, NULL);
		print_message("\"%s\"\n", names[i]);
		assert_status(imago_check(heap, &sink, &allocator, &error), &error, IMAGO_EUSAGE);
		assert_int_equal(error.found, 0);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

/* A heap that ends behind the first few objects: the next one is missed where the heap ends. */
static void
the_first_object_that_is_missing_is_told_once(void **state)
{
	(void)state;
	static const char *const rules[] = {"first.nil", "first.false", "first.true", "first.freeLists",
	                                    "first.hiddenRoots"};
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		imago_allocator allocator;
		imago_check_sink sink;
		imago_error error;
		imago_object object;
		findings list = {.count = 0};
		imago_check_options options = {.only = &rules[i], .num_only = 1};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = small_heap(test_layout_find("spur32"), &allocator);
		uint64_t size = 0;
		for (size_t k = 0; k < i; k++) {
			assert_ok(imago_heap_decode_chunk(heap, heap->segments[0].start + size, &object, NULL),
			          &error);
			size += object.total_bytes;
		}
		heap->segments[0].size = size;
		heap->segments[0].offset = 64;
		imago_check_sink_init(&sink, &options, collect, &list);
		print_message("%s\n", rules[i]);
		assert_ok(imago_check(heap, &sink, &allocator, &error), &error);
		assert_int_equal(list.count, 1);
		assert_string_equal(list.last.rule->name, rules[i]);
		assert_int_equal(list.last.offset, 64 + size);
		assert_int_equal(list.last.found, size);
		imago_heap_destroy(heap);
		assert_no_leak(&allocator);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_limit_of_a_field_is_where_its_rule_says),
	    cmocka_unit_test(a_single_byte_around_the_header_is_found),
	    cmocka_unit_test(half_a_name_chooses_no_rule),
	    cmocka_unit_test(the_first_object_that_is_missing_is_told_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
