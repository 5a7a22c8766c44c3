/* primitives.c: the table of primitives. */
#include "primitives.h"

enum {
	NUM_PRIMITIVES = 1024,
	FIRST_QUICK = 256,
	FIRST_QUICK_SLOT = 264,
	LAST_QUICK = 519,
};

/* What several numbers share is declared once for each: the same declaration. */
static vm_primitive_fn *const table[NUM_PRIMITIVES] = {
#define PRIMITIVE(number, function) [number] = primitive_##function,
#include "primitives.def"
#undef PRIMITIVE
};

vm_primitive_fn *
vm_primitive(const imago_vm *vm, uint32_t number)
{
	(void)vm;
	return number < NUM_PRIMITIVES ? table[number] : NULL;
}

/* Contexts are not elements: their slots are the machine's. */
vm_short_cut
vm_short_cut_of(const imago_vm *vm, const vm_method *method, imago_oop cls)
{
	static const struct {
		uint16_t primitive;
		uint8_t num_args;
		uint8_t short_cut;
		bool spur_only;
	} known[] = {
	    {60, 1, VM_SHORT_AT, false},           {61, 2, VM_SHORT_AT_PUT, false},
	    {62, 0, VM_SHORT_SIZE, false},         {63, 1, VM_SHORT_STRING_AT, true},
	    {64, 2, VM_SHORT_STRING_AT_PUT, true}, {110, 1, VM_SHORT_IDENTICAL, false},
	    {111, 0, VM_SHORT_CLASS, false},       {171, 0, VM_SHORT_CODE, true},
	    {201, 0, VM_SHORT_VALUE, false},       {202, 1, VM_SHORT_VALUE, false},
	    {203, 2, VM_SHORT_VALUE, false},       {204, 3, VM_SHORT_VALUE, false},
	    {205, 4, VM_SHORT_VALUE, false},
	};
	const uint32_t primitive = method->primitive;
	if (cls == vm_special(vm, IMAGO_SPECIAL_CLASS_CONTEXT) ||
	    (vm->kind.v3 && cls == vm_special(vm, IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT))) {
		return VM_NO_SHORT_CUT;
	}
	if (method->num_args == 0 &&
	    (primitive == FIRST_QUICK || (primitive >= FIRST_QUICK_SLOT && primitive <= LAST_QUICK))) {
		return primitive == FIRST_QUICK ? VM_SHORT_SELF : VM_SHORT_SLOT;
	}
	/* Values of blocks: these numbers are for any number of arguments. */
	if (primitive == 207 || primitive == 209 || primitive == 221 || primitive == 222) {
		return VM_SHORT_VALUE;
	}
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (known[i].primitive == primitive && known[i].num_args == method->num_args &&
		    !(known[i].spur_only && vm->kind.v3)) {
			return known[i].short_cut;
		}
	}
	return VM_NO_SHORT_CUT;
}

bool
vm_fail(imago_vm *vm, int code)
{
	vm->primitive_error = code;
	return false;
}

/* 256 to 519: self, constants, and the receiver's slots. */
bool
vm_quick_primitive(imago_vm *vm, uint32_t number, uint32_t num_args)
{
	imago_oop receiver = vm_peek(vm, 0);
	if (number < FIRST_QUICK || number > LAST_QUICK || num_args != 0) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	if (number >= FIRST_QUICK_SLOT) {
		uint64_t index = number - FIRST_QUICK_SLOT;
		return vm_has_slots(vm, receiver, index + 1)
		           ? vm_answer(vm, 0, vm_slot(vm, receiver, index))
		           : vm_fail(vm, BAD_RECEIVER);
	}
	switch (number - FIRST_QUICK) {
	case 0:
		return true;
	case 1:
		return vm_answer(vm, 0, vm->memory->true_object);
	case 2:
		return vm_answer(vm, 0, vm->memory->false_object);
	case 3:
		return vm_answer(vm, 0, vm_nil(vm));
	default:
		return vm_answer(vm, 0, vm_integer_oop(vm, (int64_t)number - FIRST_QUICK - 5));
	}
}

bool
primitive_class_shape(const imago_vm *vm, imago_oop cls, class_shape *out)
{
	if (!vm_has_slots(vm, cls, CLASS_FORMAT + 1) ||
	    !vm_is_integer(vm, vm_slot(vm, cls, CLASS_FORMAT))) {
		return false;
	}
	uint64_t format = (uint64_t)vm_integer(vm, vm_slot(vm, cls, CLASS_FORMAT));
	if (vm->kind.v3) {
		uint32_t words = (uint32_t)((format >> 1 & 63) + (format >> 10 & 0xC0));
		*out = (class_shape){words > 0 ? words - 1 : 0, (uint32_t)(format >> 7) & 15};
	} else {
		*out = (class_shape){(uint32_t)format & 0xFFFF, (uint32_t)(format >> 16) & 31};
	}
	return true;
}

uint64_t
primitive_num_named(const imago_vm *vm, imago_oop oop)
{
	class_shape shape;
	uint64_t num_slots = imago_memory_num_slots(vm->memory, oop, vm->kind);
	if (!primitive_class_shape(vm, imago_memory_class_of(vm->memory, oop), &shape)) {
		return num_slots;
	}
	return shape.num_named < num_slots ? shape.num_named : num_slots;
}

/* The format of a body without an unused tail: what a class says may have one. */
static uint32_t
first_format(bool v3, imago_body body, uint32_t format)
{
	switch (body) {
	case IMAGO_BODY_BITS8:
		return v3 ? IMAGO_V3_FORMAT_BITS8 : IMAGO_FORMAT_BITS8;
	case IMAGO_BODY_BITS16:
		return IMAGO_FORMAT_BITS16;
	case IMAGO_BODY_BITS32:
		return v3 ? IMAGO_V3_FORMAT_BITS32 : IMAGO_FORMAT_BITS32;
	default:
		return format;
	}
}

/* Slots of a class's instance with so many elements, and its format; false: there is none. */
bool
primitive_instance_shape(const imago_vm *vm, imago_oop cls, uint64_t num_elements,
                         uint64_t *num_slots, uint32_t *format)
{
	class_shape shape;
	const bool v3 = vm->kind.v3;
	const uint64_t word = imago_word_bytes(vm->kind);
	if (!primitive_class_shape(vm, cls, &shape) || num_elements > UINT32_MAX / 8) {
		return false;
	}
	imago_body body =
	    imago_format_facts_of(v3 ? IMAGO_V3 : IMAGO_SPUR, (uint8_t)word, (uint8_t)shape.format)
	        .body;
	uint64_t unit = body == IMAGO_BODY_BITS8    ? 1
	                : body == IMAGO_BODY_BITS16 ? 2
	                : body == IMAGO_BODY_BITS32 ? 4
	                : body == IMAGO_BODY_BITS64 ? 8
	                                            : word;
	bool pointers = body == IMAGO_BODY_POINTERS;
	bool indexable = !pointers || shape.format >= IMAGO_FORMAT_INDEXABLE;
	if (body == IMAGO_BODY_METHOD || body == IMAGO_BODY_INVALID ||
	    (shape.format == IMAGO_FORMAT_FORWARDED && !v3) || (num_elements > 0 && !indexable) ||
	    (shape.format == IMAGO_FORMAT_EPHEMERON && num_elements > 0 && !v3)) {
		return false;
	}
	uint64_t bytes = num_elements * unit;
	*num_slots = (pointers ? shape.num_named : 0) + (bytes + word - 1) / word;
	uint64_t tail = pointers ? 0 : *num_slots * word - bytes;
	*format = first_format(v3, body, shape.format) + (uint32_t)(tail / unit);
	return true;
}

imago_oop
primitive_new(imago_vm *vm, imago_oop cls, uint64_t num_elements)
{
	uint64_t num_slots;
	uint32_t format;
	if (!primitive_instance_shape(vm, cls, num_elements, &num_slots, &format)) {
		return 0;
	}
	/* What can never fit fails; what does not fit now ends the run. */
	if (imago_memory_object_bytes(vm->kind, num_slots) > vm->memory->size ||
	    !vm_reserve(vm, imago_memory_object_bytes(vm->kind, num_slots))) {
		return 0;
	}
	vm_charge(vm, num_slots * imago_word_bytes(vm->kind) / (4 * (uint64_t)VM_BYTES_A_BYTECODE));
	/* The class is on the stack, where it may have moved to. */
	return imago_memory_make(vm->memory, vm->roots[3], format, num_slots);
}
