/* primitives.h: the primitives, by family; primitives.def gives them their numbers. */
#ifndef IMAGO_INTERP_PRIMITIVES_H
#define IMAGO_INTERP_PRIMITIVES_H

#include "vm_private.h"

/* What primitives answer when they fail: indices into the table of error codes (bytecodes.md §6).
 */
enum {
	FAILED = 1,
	BAD_RECEIVER,
	BAD_ARGUMENT,
	BAD_INDEX,
	BAD_NUM_ARGS,
	INAPPROPRIATE,
	UNSUPPORTED,
	NO_MODIFICATION,
	NO_MEMORY,
};

/* Integers of any class that fit 64 bits. */
bool primitive_int64(const imago_vm *vm, imago_oop oop, int64_t *out);
bool primitive_answer_int64(imago_vm *vm, uint32_t num_args, int64_t value);
bool primitive_float(const imago_vm *vm, imago_oop oop, double *out);
bool primitive_answer_float(imago_vm *vm, uint32_t num_args, double value);

/* What a class says of its instances. */
typedef struct class_shape {
	uint32_t num_named;
	uint32_t format; /* of the model, unused tail 0 */
} class_shape;
bool primitive_class_shape(const imago_vm *vm, imago_oop cls, class_shape *out);

/* Number of named slots of an object. */
uint64_t primitive_num_named(const imago_vm *vm, imago_oop oop);

/* Slots of a class's instance with so many elements, and its format; false: there is none. */
bool primitive_instance_shape(const imago_vm *vm, imago_oop cls, uint64_t num_elements,
                              uint64_t *num_slots, uint32_t *format);

/* A new object in reserved room (NULL error: fails the primitive). */
imago_oop primitive_new(imago_vm *vm, imago_oop cls, uint64_t num_elements);

/* Flags and indices that several families ask for. */
bool primitive_is_immutable(const imago_vm *vm, imago_oop oop);

/* An index argument, 1-based in the image, as 0-based; false from limit on. */
bool primitive_index(const imago_vm *vm, imago_oop oop, uint64_t limit, uint64_t *out);

/* The slots of the active context are in the machine: it writes them down. */
void primitive_publish(imago_vm *vm, imago_oop oop);

/* What a context's slots are set to is believed only when it is entered; the machine goes on from
 * the active one, whose slots nobody else may set. */
bool primitive_may_set(const imago_vm *vm, imago_oop oop);

/* A function with several numbers is declared as often; that is allowed. */
#define PRIMITIVE(number, function) vm_primitive_fn primitive_##function;
#include "primitives.def"
#undef PRIMITIVE
vm_primitive_fn primitive_put_character;

#endif
