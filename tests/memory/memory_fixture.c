#include "memory_fixture.h"

static void
visit_roots(void *payload, imago_visit_root_fn *visit, void *visitor)
{
	memory_fixture *f = payload;
	for (size_t i = 0; i < NUM_HELD_ROOTS; i++) {
		visit(visitor, &f->roots[i]);
	}
}

imago_builder *
begin_image(memory_fixture *f, const test_layout *layout, imago_oop *external)
{
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	imago_builder *builder = test_builder(layout, &f->allocator);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	*external = imago_builder_new_pointers(builder, array, NUM_BUILT);
	imago_builder_set_special(builder, IMAGO_SPECIAL_EXTERNAL_OBJECTS, *external);
	return builder;
}

imago_heap *
heap_of_ephemerons(memory_fixture *f, const test_layout *layout, uint64_t count)
{
	imago_oop external;
	imago_builder *builder = begin_image(f, layout, &external);
	imago_oop array = imago_builder_class(builder, IMAGO_KERNEL_ARRAY);
	imago_oop all = imago_builder_new_pointers(builder, array, count);
	imago_builder_store(builder, external, 0, all);
	for (uint64_t i = 0; i < count; i++) {
		imago_oop one = imago_builder_new_pointers(
		    builder, imago_builder_class(builder, IMAGO_KERNEL_EPHEMERON), 3);
		imago_builder_store(builder, one, 0, imago_builder_new_pointers(builder, array, 1));
		imago_builder_store(builder, one, 1, imago_builder_integer(builder, (int64_t)i));
		imago_builder_store(builder, all, i, one);
	}
	return test_finish(builder);
}

void
open_memory(memory_fixture *f, imago_heap *heap, imago_memory_options options)
{
	imago_error error;
	assert_non_null(heap);
	assert_ok(imago_memory_create(&f->memory, heap, &options, &f->allocator, &error), &error);
	imago_heap_destroy(heap);
	f->kind = f->memory->kind;
	for (size_t i = 0; i < NUM_HELD_ROOTS; i++) {
		f->roots[i] = f->memory->nil;
	}
	f->memory->visit_roots = visit_roots;
	f->memory->roots_payload = f;
}

void
close_memory(memory_fixture *f)
{
	assert_null(imago_memory_audit(f->memory));
	imago_memory_destroy(f->memory);
	assert_no_leak(&f->allocator);
}

imago_oop
built(const memory_fixture *f, uint64_t index)
{
	imago_oop array = imago_memory_special(f->memory, IMAGO_SPECIAL_EXTERNAL_OBJECTS);
	return imago_memory_slot(f->memory, array, index, f->kind);
}

imago_oop
make_object(memory_fixture *f, imago_oop cls, uint32_t format, uint64_t num_slots)
{
	imago_oop oop = imago_memory_make(f->memory, cls, format, num_slots);
	assert_int_not_equal(oop, 0);
	return oop;
}

imago_oop
new_array(memory_fixture *f, uint64_t num_slots)
{
	assert_true(imago_memory_reserve(f->memory, imago_memory_object_bytes(f->kind, num_slots)));
	return make_object(f, imago_memory_special(f->memory, IMAGO_SPECIAL_CLASS_ARRAY),
	                   IMAGO_FORMAT_INDEXABLE, num_slots);
}
