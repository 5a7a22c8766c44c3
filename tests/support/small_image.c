#include "small_image.h"

#include <stdio.h>
#include <string.h>

#include "imago/composed_image.h"
#include "imago/folder.h"
#include "imago/spur_image.h"
#include "imago/v3_image.h"
#include "imago/writer.h"

enum {
	LINE_SIZE = 256,
	LARGEST_SHORT_SLOTS = 254,
	GAP = 0x1000,
	CONTEXT_SLOTS = 22,
	CONTEXT_METHOD = 3,
	FIRST_CONTEXT_STACK_SLOT = 6,
	NUM_VARIED = 64,
};

static void
complain(const imago_error *error)
{
	char line[LINE_SIZE];
	imago_error_format(error, line, sizeof(line));
	fprintf(stderr, "cannot make a test image: %s\n", line);
}

imago_builder *
test_builder(const test_layout *layout, imago_allocator *allocator)
{
	imago_error error = {0};
	imago_builder *builder = NULL;
	imago_builder_options options = {.image_format = layout->image_format,
	                                 .byte_order = layout->layout.byte_order};
	if (imago_builder_create(&builder, &options, allocator, &error) != IMAGO_OK) {
		complain(&error);
		return NULL;
	}
	return builder;
}

imago_heap *
test_finish(imago_builder *builder)
{
	imago_error error = {0};
	imago_heap *heap = NULL;
	if (builder == NULL) {
		return NULL;
	}
	if (imago_builder_finish(builder, &heap, &error) != IMAGO_OK) {
		complain(&error);
	}
	imago_builder_destroy(builder);
	return heap;
}

imago_heap *
small_heap(const test_layout *layout, imago_allocator *allocator)
{
	return test_finish(test_builder(layout, allocator));
}

/* Objects being collected into an array that the special objects reach. */
typedef struct collection {
	imago_builder *builder;
	imago_oop array;
	uint64_t count;
} collection;

static void
add(collection *all, imago_oop object)
{
	imago_builder_store(all->builder, all->array, all->count++, object);
}

static imago_oop
cls(const collection *all, imago_kernel_class which)
{
	return imago_builder_class(all->builder, which);
}

static void
add_pointers(collection *all)
{
	imago_builder *builder = all->builder;
	imago_oop object = cls(all, IMAGO_KERNEL_OBJECT);
	imago_oop array = cls(all, IMAGO_KERNEL_ARRAY);
	imago_oop pair = imago_builder_new_class(builder, object, "Pair", 2, IMAGO_FORMAT_FIXED);
	imago_oop list = imago_builder_new_class(builder, pair, "List", 1, IMAGO_FORMAT_MIXED);
	imago_oop first = imago_builder_new_pointers(builder, pair, 2);
	add(all, first);
	add(all, imago_builder_new_pointers(builder, list, 7));
	add(all, imago_builder_new_pointers(builder, object, 0));
	add(all, imago_builder_new_pointers(builder, array, 0));
	add(all, imago_builder_new_pointers(builder, array, 5));
	add(all, imago_builder_new_pointers(builder, array, LARGEST_SHORT_SLOTS));
	add(all, imago_builder_new_pointers(builder, array, LARGEST_SHORT_SLOTS + 1));
	imago_oop weak = imago_builder_new_pointers(builder, cls(all, IMAGO_KERNEL_WEAK_ARRAY), 3);
	imago_builder_store(builder, weak, 1, first);
	add(all, weak);
	imago_builder_store(builder, first, 0, weak);
	imago_builder_store(builder, first, 1, first);
	if (cls(all, IMAGO_KERNEL_EPHEMERON) != 0) {
		imago_oop ephemeron =
		    imago_builder_new_pointers(builder, cls(all, IMAGO_KERNEL_EPHEMERON), 3);
		imago_builder_store(builder, ephemeron, 0, first);
		add(all, ephemeron);
	}
}

static void
add_bits_of(collection *all, imago_kernel_class which, uint64_t longest)
{
	if (cls(all, which) == 0) {
		return;
	}
	for (uint64_t length = 0; length <= longest; length++) {
		imago_oop bits = imago_builder_new_bits(all->builder, cls(all, which), length);
		for (uint64_t i = 0; i < length; i++) {
			imago_builder_store_element(all->builder, bits, i, 0x0123456789ABCDEF + 17 * i);
		}
		add(all, bits);
	}
}

static void
add_bits(collection *all)
{
	add_bits_of(all, IMAGO_KERNEL_BYTE_ARRAY, 9);
	add_bits_of(all, IMAGO_KERNEL_BITMAP, 3);
	add_bits_of(all, IMAGO_KERNEL_DOUBLE_BYTE_ARRAY, 5);
	add_bits_of(all, IMAGO_KERNEL_DOUBLE_WORD_ARRAY, 2);
	imago_builder *builder = all->builder;
	add(all, imago_builder_new_bits(builder, cls(all, IMAGO_KERNEL_BYTE_ARRAY), 2100));
	add(all, imago_builder_new_string(builder, cls(all, IMAGO_KERNEL_BYTE_STRING), "a string"));
	add(all, imago_builder_new_string(builder, cls(all, IMAGO_KERNEL_BYTE_SYMBOL), "aSymbol:"));
}

static void
add_numbers(collection *all)
{
	static const int64_t integers[] = {0, -1, 1 << 30, -(INT64_C(1) << 31), INT64_MAX, INT64_MIN};
	static const double floats[] = {0.0, 1.5, -2.25, 1e300, 5e-324};
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
		add(all, imago_builder_integer(all->builder, integers[i]));
	}
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		add(all, imago_builder_float(all->builder, floats[i]));
	}
	add(all, imago_builder_character(all->builder, 'x'));
	add(all, imago_builder_character(all->builder, 0x1F98B));
	imago_oop point = imago_builder_new_pointers(all->builder, cls(all, IMAGO_KERNEL_POINT), 2);
	imago_builder_store(all->builder, point, 0, imago_builder_integer(all->builder, 3));
	imago_builder_store(all->builder, point, 1, imago_builder_integer(all->builder, -4));
	add(all, point);
}

/* A method of Object that returns its second literal. */
static imago_oop
add_method(collection *all, const char *name, uint16_t primitive, bool sista)
{
	static const uint8_t v3_set[] = {32 + 1, 124};
	static const uint8_t sista_set[] = {32 + 1, 92};
	imago_builder *builder = all->builder;
	imago_builder_method method = {.num_literals = 3,
	                               .num_temps = 2,
	                               .primitive = primitive,
	                               .sista = sista,
	                               .bytecodes = sista ? sista_set : v3_set,
	                               .num_bytecodes = sizeof(v3_set)};
	imago_oop oop =
	    imago_builder_new_method(builder, cls(all, IMAGO_KERNEL_COMPILED_METHOD), &method);
	imago_oop selector =
	    imago_builder_new_string(builder, cls(all, IMAGO_KERNEL_BYTE_SYMBOL), name);
	imago_oop binding = imago_builder_new_pointers(builder, cls(all, IMAGO_KERNEL_ASSOCIATION), 2);
	imago_builder_store(builder, binding, 0, selector);
	imago_builder_store(builder, binding, 1, cls(all, IMAGO_KERNEL_OBJECT));
	imago_builder_store(builder, oop, 1, imago_builder_integer(builder, 42));
	imago_builder_store(builder, oop, 2, selector);
	imago_builder_store(builder, oop, 3, binding);
	imago_builder_install_method(builder, cls(all, IMAGO_KERNEL_OBJECT), selector, oop);
	add(all, oop);
	return oop;
}

static imago_oop
integer_of(collection *all, int64_t value)
{
	return imago_builder_integer(all->builder, value);
}

/* An activation of method at its first bytecode, and a closure within it. */
static void
add_activation(collection *all, imago_oop method, uint8_t word_bytes, bool spur)
{
	imago_builder *builder = all->builder;
	imago_oop context =
	    imago_builder_new_pointers(builder, cls(all, IMAGO_KERNEL_CONTEXT), CONTEXT_SLOTS);
	int64_t pc = word_bytes * 4 + 1;
	imago_builder_store(builder, context, 1, integer_of(all, pc));
	imago_builder_store(builder, context, 2, integer_of(all, 2));
	imago_builder_store(builder, context, CONTEXT_METHOD, method);
	imago_builder_store(builder, context, FIRST_CONTEXT_STACK_SLOT, integer_of(all, 7));
	add(all, context);
	if (cls(all, IMAGO_KERNEL_BLOCK_CLOSURE) != 0) {
		imago_oop closure =
		    imago_builder_new_pointers(builder, cls(all, IMAGO_KERNEL_BLOCK_CLOSURE), 4);
		imago_builder_store(builder, closure, 0, context);
		imago_builder_store(builder, closure, 1, integer_of(all, pc));
		imago_builder_store(builder, closure, 2, integer_of(all, 0));
		add(all, closure);
	}
	if (!spur && cls(all, IMAGO_KERNEL_BLOCK_CLOSURE) == 0) {
		imago_oop block = imago_builder_new_pointers(builder, cls(all, IMAGO_KERNEL_BLOCK_CONTEXT),
		                                             CONTEXT_SLOTS);
		imago_builder_store(builder, block, 1, integer_of(all, pc));
		imago_builder_store(builder, block, 2, integer_of(all, 0));
		imago_builder_store(builder, block, 3, integer_of(all, 0));
		imago_builder_store(builder, block, 4, integer_of(all, pc));
		imago_builder_store(builder, block, 5, context);
		add(all, block);
	}
}

static void
add_everything(collection *all, const test_layout *layout, void (*between)(imago_builder *, int))
{
	bool spur = layout->model == IMAGO_SPUR;
	add_pointers(all);
	between(all->builder, 0);
	add_bits(all);
	between(all->builder, 1);
	add_numbers(all);
	imago_oop method = add_method(all, "fortyTwo", 0, false);
	add_method(all, "fortyTwoQuickly", 256, false);
	if (imago_format_number_find(layout->image_format)->multiple_bytecode_sets) {
		add_method(all, "fortyTwoSista", 0, true);
		add_method(all, "fortyTwoSistaQuickly", 117, true);
	}
	add_activation(all, method, layout->layout.word_bytes, spur);
}

static collection
begin(const test_layout *layout, imago_allocator *allocator)
{
	imago_builder *builder = test_builder(layout, allocator);
	collection all = {.builder = builder};
	if (builder != NULL) {
		all.array = imago_builder_new_pointers(builder, cls(&all, IMAGO_KERNEL_ARRAY), NUM_VARIED);
		imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, all.array);
	}
	return all;
}

static void
add_free_space(collection *all)
{
	static const uint64_t sizes[] = {16, 16, 24, 48, 16, 504, 512, 520, 640, 520, 1024, 600};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		imago_builder_add_free_chunk(all->builder, sizes[i]);
	}
	imago_builder_new_forwarder(all->builder, all->array);
}

static void
next_segment(imago_builder *builder, int number)
{
	imago_builder_next_segment(builder, number == 0 ? GAP : 0);
}

static void
no_segment(imago_builder *builder, int number)
{
	(void)builder;
	(void)number;
}

imago_heap *
varied_heap(const test_layout *layout, imago_allocator *allocator)
{
	collection all = begin(layout, allocator);
	if (all.builder == NULL) {
		return NULL;
	}
	if (layout->model == IMAGO_SPUR) {
		add_free_space(&all);
		add_everything(&all, layout, next_segment);
	} else {
		add_everything(&all, layout, no_segment);
	}
	return test_finish(all.builder);
}

imago_heap *
perm_heap(const test_layout *layout, imago_allocator *allocator)
{
	collection all = begin(layout, allocator);
	if (all.builder == NULL) {
		return NULL;
	}
	add_free_space(&all);
	add_everything(&all, layout, no_segment);
	imago_builder *builder = all.builder;
	imago_builder_begin_perm(builder);
	imago_oop pair = imago_builder_new_pointers(builder, cls(&all, IMAGO_KERNEL_ARRAY), 2);
	imago_oop text =
	    imago_builder_new_string(builder, cls(&all, IMAGO_KERNEL_BYTE_STRING), "permanent");
	imago_builder_store(builder, pair, 0, text);
	imago_builder_store(builder, pair, 1, all.array);
	add(&all, pair);
	add_method(&all, "permanently", 0, false);
	return test_finish(builder);
}

imago_format_id
test_format_of(const test_layout *layout)
{
	return layout->model == IMAGO_SPUR ? IMAGO_FORMAT_SPUR : IMAGO_FORMAT_V3;
}

static imago_status
write_heap(const imago_heap *heap, imago_format_id format, imago_writer *writer,
           imago_allocator *allocator, imago_error *error)
{
	if (format != IMAGO_FORMAT_COMPOSED) {
		return format == IMAGO_FORMAT_SPUR ? imago_spur_write(heap, writer)
		                                   : imago_v3_write(heap, writer);
	}
	imago_folder folder;
	imago_folder_init(&folder, allocator);
	imago_status status = imago_composed_write(heap, &folder, error);
	if (status == IMAGO_OK) {
		imago_folder_pack(&folder, writer);
		status = writer->status;
	}
	imago_folder_release(&folder);
	return status;
}

test_image
test_image_of(imago_heap *heap, imago_format_id format, imago_allocator *allocator)
{
	test_image image = {.allocator = allocator};
	imago_error error = {0};
	imago_writer writer;
	if (heap == NULL) {
		return image;
	}
	imago_writer_init(&writer, allocator, heap->layout, &error);
	if (write_heap(heap, format, &writer, allocator, &error) == IMAGO_OK) {
		image.bytes = writer.bytes;
		image.size = writer.size;
		image.capacity = writer.capacity;
	} else {
		complain(&error);
		imago_writer_release(&writer);
	}
	imago_heap_destroy(heap);
	return image;
}

void
test_image_release(test_image *image)
{
	imago_release(image->allocator, image->bytes, image->capacity);
	*image = (test_image){.allocator = image->allocator};
}

test_image
small_image(const test_layout *layout, imago_allocator *allocator)
{
	return test_image_of(small_heap(layout, allocator), test_format_of(layout), allocator);
}

test_image
varied_image(const test_layout *layout, imago_allocator *allocator)
{
	return test_image_of(varied_heap(layout, allocator), test_format_of(layout), allocator);
}
