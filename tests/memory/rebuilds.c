/* rebuilds.c: heaps to rebuild, and what must be true of the result. */
#include "rebuilds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/known_objects.h"
#include "imago/synthetic.h"

enum { LINE_SIZE = 256 };

imago_heap *
synthetic_heap(const test_layout *layout, imago_allocator *allocator)
{
	imago_synthetic_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .num_objects = 3000,
	    .num_segments = layout->model == IMAGO_SPUR ? 2 : 1,
	    .gap = layout->model == IMAGO_SPUR ? 4096 : 0,
	    .seed = 11,
	};
	imago_error error;
	imago_heap *heap = NULL;
	assert_ok(imago_synthetic_make(&heap, &options, allocator, &error), &error);
	return heap;
}

imago_byte_order
other_order(imago_byte_order order)
{
	return order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
}

imago_heap *
rebuild(const imago_heap *source, imago_rebuild_options options, imago_rebuild_report *report)
{
	imago_heap *heap = NULL;
	imago_error error = {0};
	assert_ok(imago_rebuild(&heap, source, &options, source->allocator, report, &error), &error);
	return heap;
}

void
assert_refused(const imago_heap *source, imago_rebuild_options options, imago_status expected,
               const char *what, imago_error *error)
{
	imago_heap *heap = NULL;
	memset(error, 0, sizeof *error);
	uint64_t used = source->allocator->used;
	assert_status(imago_rebuild(&heap, source, &options, source->allocator, NULL, error), error,
	              expected);
	assert_string_equal(error->what, what);
	assert_null(heap);
	assert_int_equal(source->allocator->used, used);
}

static void
digest_of(const imago_heap *heap, char *text)
{
	imago_digest digest;
	imago_error error = {0};
	assert_ok(imago_digest_compute(&digest, heap, heap->allocator, &error), &error);
	imago_digest_format(&digest, text);
}

void
assert_same_digest(const imago_heap *a, const imago_heap *b)
{
	char text_a[2 * IMAGO_DIGEST_SIZE + 1], text_b[2 * IMAGO_DIGEST_SIZE + 1];
	digest_of(a, text_a);
	digest_of(b, text_b);
	assert_string_equal(text_a, text_b);
}

/* The same header, segments and bytes. */
void
assert_same_heap(const imago_heap *a, const imago_heap *b)
{
	for (size_t i = 0; i < IMAGO_NUM_HEADER_FIELDS; i++) {
		if (imago_header_get(&a->header, i) != imago_header_get(&b->header, i)) {
			print_message("%s: %" PRIx64 " %" PRIx64 "\n", imago_header_field_at(i, 4).name,
			              imago_header_get(&a->header, i), imago_header_get(&b->header, i));
		}
		assert_true(imago_header_get(&a->header, i) == imago_header_get(&b->header, i));
	}
	assert_int_equal(a->bridges, b->bridges);
	assert_true(imago_layout_equal(a->layout, b->layout));
	assert_int_equal(a->num_segments, b->num_segments);
	for (size_t i = 0; i < a->num_segments; i++) {
		const imago_segment *left = &a->segments[i];
		const imago_segment *right = &b->segments[i];
		assert_true(left->start == right->start && left->size == right->size);
		assert_true(left->bridge_size == right->bridge_size && left->space == right->space);
		assert_memory_equal(left->bytes, right->bytes, (size_t)(left->size + left->bridge_size));
	}
}

static bool
print_finding(const imago_finding *finding, void *payload)
{
	char line[LINE_SIZE];
	(void)payload;
	if (finding->rule->severity != IMAGO_INFO) {
		imago_finding_format(finding, "rebuilt", line, sizeof line);
		print_message("%s\n", line);
	}
	return true;
}

/* The checker has nothing to say. */
void
assert_clean(const imago_heap *heap)
{
	imago_check_sink sink;
	imago_error error = {0};
	imago_check_sink_init(&sink, NULL, print_finding, NULL);
	assert_ok(imago_check(heap, &sink, heap->allocator, &error), &error);
	assert_int_equal(sink.summary.num_errors, 0);
	assert_int_equal(sink.summary.num_warnings, 0);
}

void
on_heap(make_heap_fn *make, const test_layout *layout, heap_test_fn *test)
{
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = make(layout, &allocator);
	assert_non_null(heap);
	test(heap, layout);
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

imago_object
decode(const imago_heap *heap, imago_oop oop)
{
	imago_object object;
	imago_error error = {0};
	assert_ok(imago_heap_decode_object(heap, oop, &object, &error), &error);
	return object;
}

/* The array that the external objects slot holds, and its element. */
imago_object
external_array(const imago_heap *heap)
{
	return decode(heap, imago_special_object_at(heap, IMAGO_SPECIAL_EXTERNAL_OBJECTS));
}

imago_oop
external(const imago_heap *heap, uint64_t index)
{
	imago_object array = external_array(heap);
	return imago_heap_fetch_slot(heap, &array, index);
}

imago_heap *
filled_heap(const char *layout, imago_allocator *allocator, fill_fn *fill)
{
	imago_allocator_init(allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(test_layout_find(layout), allocator);
	assert_non_null(builder);
	imago_oop array =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_ARRAY), 8);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, array);
	fill(builder, array);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	return heap;
}

void
fill_activation(imago_builder *builder, imago_oop array)
{
	static const uint8_t bytecodes[] = {32, 124, 0, 1, 2};
	imago_builder_method method = {
	    .num_literals = 5, .bytecodes = bytecodes, .num_bytecodes = sizeof bytecodes};
	imago_oop code = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
	imago_oop context =
	    imago_builder_new_pointers(builder, imago_builder_class(builder, IMAGO_KERNEL_CONTEXT), 22);
	imago_builder_store(builder, context, 1, imago_builder_integer(builder, 4 * 6 + 1 + 2));
	imago_builder_store(builder, context, 2, imago_builder_integer(builder, 1));
	imago_builder_store(builder, context, 3, code);
	imago_builder_store(builder, context, 6, imago_builder_integer(builder, 7));
	imago_builder_store(builder, context, 7, array); /* beyond the stack pointer */
	imago_oop closure = imago_builder_new_pointers(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_BLOCK_CLOSURE), 3);
	imago_builder_store(builder, closure, 0, context);
	imago_builder_store(builder, closure, 1, imago_builder_integer(builder, 4 * 6 + 1 + 4));
	imago_builder_store(builder, closure, 2, imago_builder_integer(builder, 0));
	imago_builder_store(builder, array, 0, context);
	imago_builder_store(builder, array, 1, closure);
	imago_builder_store(builder, array, 2, code);
}

void
fill_nothing(imago_builder *builder, imago_oop array)
{
	(void)builder;
	(void)array;
}
