/* primitives_heap.c: questions about all objects, and about how an object lies in memory. */
#include "primitives.h"

/* What images see: not the class table, nor what else is the machine's own. */
static bool
is_visible(const imago_vm *vm, imago_oop oop)
{
	return vm->kind.v3 || imago_memory_class_tag(vm->memory, oop) >= IMAGO_CLASS_FIRST_REAL;
}

/* Objects of a class, or all of them for 0; stores them while there is room in an array. */
static uint64_t
gather(imago_vm *vm, imago_oop cls, imago_oop array, uint64_t room)
{
	uint64_t count = 0;
	uint64_t num_seen = 0;
	for (imago_oop oop = imago_memory_first(vm->memory); oop != 0 && oop != array;
	     oop = imago_memory_next(vm->memory, oop)) {
		num_seen++;
		if (is_visible(vm, oop) && (cls == 0 || imago_memory_class_of(vm->memory, oop) == cls)) {
			if (array != 0 && count < room) {
				vm_set_slot(vm, array, count, oop);
			}
			count++;
		}
	}
	vm_charge(vm, num_seen);
	return count;
}

/* An Array of them. Room for it may take a collection, behind which there are fewer. */
static bool
answer_all(imago_vm *vm, uint32_t num_args, bool of_class)
{
	vm->statistics.num_outside++;
	vm_capture(vm); /* contexts are objects, too */
	uint64_t count = gather(vm, of_class ? vm_peek(vm, 0) : 0, 0, 0);
	if (count > UINT32_MAX / 8 || !vm_reserve(vm, imago_memory_object_bytes(vm->kind, count))) {
		return vm->stopped ? false : vm_fail(vm, NO_MEMORY);
	}
	imago_oop cls = of_class ? vm_peek(vm, 0) : 0;
	count = gather(vm, cls, 0, 0);
	imago_oop array = imago_memory_make(vm->memory, vm_special(vm, IMAGO_SPECIAL_CLASS_ARRAY),
	                                    IMAGO_FORMAT_INDEXABLE, count);
	if (array == 0) {
		return vm_fail(vm, NO_MEMORY);
	}
	(void)gather(vm, cls, array, count);
	return vm_answer(vm, num_args, array);
}

bool
primitive_all_instances(imago_vm *vm, uint32_t num_args)
{
	return num_args == 0 && vm_has_slots(vm, vm_peek(vm, 0), CLASS_FORMAT + 1)
	           ? answer_all(vm, 0, true)
	           : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_all_objects(imago_vm *vm, uint32_t num_args)
{
	return num_args == 0 ? answer_all(vm, 0, false) : vm_fail(vm, BAD_NUM_ARGS);
}

bool
primitive_max_hash(imago_vm *vm, uint32_t num_args)
{
	return vm_answer(vm, num_args, vm_integer_oop(vm, vm->kind.v3 ? 0xFFF : 0x3FFFFF));
}

/* Bytes that an object of so many slots takes, headers included (Spur). */
static uint64_t
bytes_of(const imago_vm *vm, uint64_t num_slots)
{
	uint64_t body = (num_slots * imago_word_bytes(vm->kind) + 7) & ~UINT64_C(7);
	return 8 + (num_slots >= 255 ? 8U : 0U) + (body < 8 ? 8U : body);
}

bool
primitive_byte_size(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop = vm_peek(vm, 0);
	if (num_args != 0 || vm->kind.v3) {
		return vm_fail(vm, UNSUPPORTED);
	}
	uint64_t size =
	    vm_is_object(vm, oop) ? bytes_of(vm, imago_memory_num_slots(vm->memory, oop, vm->kind)) : 0;
	return primitive_answer_int64(vm, 0, (int64_t)size);
}

/* class byteSizeOfInstance, or with a number of elements: what 182 answers for one. */
bool
primitive_byte_size_of_instance(imago_vm *vm, uint32_t num_args)
{
	imago_oop size = num_args == 1 ? vm_peek(vm, 0) : vm_integer_oop(vm, 0);
	uint64_t num_slots;
	uint32_t format;
	if (num_args > 1 || vm->kind.v3) {
		return vm_fail(vm, UNSUPPORTED);
	}
	if (!vm_is_integer(vm, size) || vm_integer(vm, size) < 0 ||
	    !primitive_instance_shape(vm, vm_peek(vm, num_args), (uint64_t)vm_integer(vm, size),
	                              &num_slots, &format)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return primitive_answer_int64(vm, num_args, (int64_t)bytes_of(vm, num_slots));
}

/* Pinned objects move like others: nobody outside the image holds their addresses. What it is
 * told, and what is saved, is the bit. */
enum { PINNED_SHIFT = 30 };

bool
primitive_is_pinned(imago_vm *vm, uint32_t num_args)
{
	imago_oop oop = vm_peek(vm, 0);
	if (num_args != 0 || vm->kind.v3 || !vm_is_object(vm, oop)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	uint64_t header = imago_memory_header(vm->memory, oop, vm->kind);
	return vm_answer(vm, 0, vm_boolean(vm, (header >> PINNED_SHIFT & 1) != 0));
}

bool
primitive_set_pinned(imago_vm *vm, uint32_t num_args)
{
	const imago_memory_kind wide = {.wide = true};
	imago_oop wanted = vm_peek(vm, 0);
	imago_oop oop = vm_peek(vm, num_args);
	if (num_args != 1 || vm->kind.v3 || !vm_is_object(vm, oop) ||
	    (wanted != vm->memory->true_object && wanted != vm->memory->false_object)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t header = imago_memory_header(vm->memory, oop, vm->kind);
	uint64_t bit = UINT64_C(1) << PINNED_SHIFT;
	bool pinned = (header & bit) != 0;
	header = wanted == vm->memory->true_object ? header | bit : header & ~bit;
	imago_word_put(imago_memory_open(vm->memory, oop, vm->kind), header, wide);
	return vm_answer(vm, 1, vm_boolean(vm, pinned));
}
