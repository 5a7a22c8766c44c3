/* session_build.c: arrays and byte arrays through the builder, and their list kept by hand. */
#include "session_build.h"

#include "fuzz_target.h"
#include "imago/builder.h"

static void
add_object(fuzz_decisions *choices, imago_builder *builder, built_object *added)
{
	const bool is_bytes = fuzz_decide(choices, 2) != 0;
	const imago_oop cls =
	    imago_builder_class(builder, is_bytes ? IMAGO_KERNEL_BYTE_ARRAY : IMAGO_KERNEL_ARRAY);
	*added = (built_object){.num_slots = fuzz_decide(choices, SESSION_MAX_BUILT_SLOTS + 1),
	                        .is_bytes = is_bytes};
	added->oop = is_bytes ? imago_builder_new_bits(builder, cls, added->num_slots)
	                      : imago_builder_new_pointers(builder, cls, added->num_slots);
	for (uint64_t i = 0; i < added->num_slots; i++) {
		added->slots[i] = is_bytes ? 0 : imago_builder_nil(builder);
	}
}

/* Stores a byte, an integer, or another object. */
static void
store(fuzz_decisions *choices, imago_builder *builder, built_object *objects, size_t num_objects)
{
	built_object *object = &objects[fuzz_decide(choices, (uint32_t)num_objects)];
	const uint64_t index = fuzz_decide(choices, SESSION_MAX_BUILT_SLOTS);
	const uint64_t number = fuzz_decide(choices, 256);
	const bool is_integer = fuzz_decide(choices, 2) != 0;
	if (index >= object->num_slots) {
		return;
	}
	if (object->is_bytes) {
		object->slots[index] = number;
		imago_builder_store_element(builder, object->oop, index, number);
		return;
	}
	object->slots[index] = is_integer ? imago_builder_integer(builder, (int64_t)number - 128)
	                                  : objects[number % num_objects].oop;
	imago_builder_store(builder, object->oop, index, object->slots[index]);
}

size_t
session_build(imago_heap **out, built_object objects[SESSION_MAX_BUILT], fuzz_decisions *choices,
              imago_allocator *allocator)
{
	static const uint32_t numbers[] = {6521, 68021, 6505, 6502, 7033, 68533, 6504};
	const imago_builder_options options = {
	    .image_format = numbers[fuzz_decide(choices, sizeof numbers / sizeof numbers[0])],
	    .byte_order = fuzz_decide(choices, 2) != 0 ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN,
	};
	imago_error error;
	imago_builder *builder = NULL;
	FUZZ_ASSERT(imago_builder_create(&builder, &options, allocator, &error) == IMAGO_OK);
	const size_t num_objects = 1 + fuzz_decide(choices, SESSION_MAX_BUILT);
	for (size_t i = 0; i < num_objects; i++) {
		add_object(choices, builder, &objects[i]);
	}
	for (size_t i = 0; i < 2 * num_objects; i++) {
		store(choices, builder, objects, num_objects);
	}
	FUZZ_ASSERT(imago_builder_finish(builder, out, &error) == IMAGO_OK);
	imago_builder_destroy(builder);
	return num_objects;
}
