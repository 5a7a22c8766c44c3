/* primitives_arithmetic.c: integers of up to 64 bits, floats. */
#include "primitives.h"

#include <math.h>

static bool
is_float_class(const imago_vm *vm, imago_oop oop)
{
	return vm_is_object(vm, oop) &&
	       imago_memory_class_of(vm->memory, oop) == vm_special(vm, IMAGO_SPECIAL_CLASS_FLOAT) &&
	       imago_memory_num_bytes(vm->memory, oop) == 8 &&
	       !imago_memory_has_pointers(vm->memory, oop, vm->kind);
}

bool
primitive_float(const imago_vm *vm, imago_oop oop, double *out)
{
	uint64_t bits;
	if (vm_is_integer(vm, oop)) {
		*out = (double)vm_integer(vm, oop);
		return true;
	}
	if (vm->kind.wide && (oop & 7) == 4) {
		bits = imago_oop_float_bits(oop);
	} else if (is_float_class(vm, oop)) {
		uint32_t halves[2];
		memcpy(halves, imago_memory_body(vm->memory, oop, vm->kind), sizeof halves);
		uint32_t low = halves[vm->memory->floats_low_first ? 0 : 1];
		uint32_t high = halves[vm->memory->floats_low_first ? 1 : 0];
		if (imago_memory_body_kind(vm->memory, oop) == IMAGO_BODY_BITS64) {
			memcpy(&bits, halves, sizeof bits);
		} else {
			bits = (uint64_t)high << 32 | low;
		}
	} else {
		return false;
	}
	memcpy(out, &bits, sizeof bits);
	return true;
}

bool
primitive_answer_float(imago_vm *vm, uint32_t num_args, double value)
{
	uint64_t bits;
	imago_oop oop;
	memcpy(&bits, &value, sizeof bits);
	/* Images converted from 32 bits may have no class for immediate Floats. */
	if (vm->kind.wide && imago_oop_from_float_bits(vm->memory->tagging, bits, &oop) &&
	    imago_memory_class_of(vm->memory, oop) != 0) {
		return vm_answer(vm, num_args, oop);
	}
	uint32_t num_slots = 8 / imago_word_bytes(vm->kind);
	uint32_t format = vm->kind.v3 ? IMAGO_V3_FORMAT_BITS32 : IMAGO_FORMAT_BITS32;
	imago_oop cls = vm_special(vm, IMAGO_SPECIAL_CLASS_FLOAT);
	class_shape shape;
	if (primitive_class_shape(vm, cls, &shape) && !vm->kind.v3) {
		format = shape.format;
	}
	/* The image may have put any class in Float's place, also one of slots or of code. */
	imago_body body = imago_format_facts_of(vm->kind.v3 ? IMAGO_V3 : IMAGO_SPUR,
	                                        (uint8_t)imago_word_bytes(vm->kind), (uint8_t)format)
	                      .body;
	if (body != IMAGO_BODY_BITS32 && body != IMAGO_BODY_BITS64) {
		return vm_fail(vm, NO_MEMORY);
	}
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, num_slots))) {
		return false;
	}
	cls = vm_special(vm, IMAGO_SPECIAL_CLASS_FLOAT);
	oop = imago_memory_make(vm->memory, cls, format, num_slots);
	if (oop == 0 || imago_memory_num_bytes(vm->memory, oop) != 8) {
		return vm_fail(vm, NO_MEMORY);
	}
	uint8_t *to = imago_memory_body(vm->memory, oop, vm->kind);
	if (body == IMAGO_BODY_BITS64) {
		memcpy(to, &bits, sizeof bits);
	} else {
		uint32_t halves[2];
		halves[vm->memory->floats_low_first ? 0 : 1] = (uint32_t)bits;
		halves[vm->memory->floats_low_first ? 1 : 0] = (uint32_t)(bits >> 32);
		memcpy(to, halves, sizeof halves);
	}
	return vm_answer(vm, num_args, oop);
}

bool
primitive_int64(const imago_vm *vm, imago_oop oop, int64_t *out)
{
	if (vm_is_integer(vm, oop)) {
		*out = vm_integer(vm, oop);
		return true;
	}
	if (!vm_is_object(vm, oop) || !imago_memory_has_bytes(vm->memory, oop, vm->kind)) {
		return false;
	}
	imago_oop cls = imago_memory_class_of(vm->memory, oop);
	bool negative = cls == vm_special(vm, IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER);
	uint64_t size = imago_memory_num_bytes(vm->memory, oop);
	if ((!negative && cls != vm_special(vm, IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER)) ||
	    size > 8) {
		return false;
	}
	const uint8_t *bytes = imago_memory_body(vm->memory, oop, vm->kind);
	uint64_t magnitude = 0;
	for (uint64_t i = size; i > 0; i--) {
		magnitude = magnitude << 8 | bytes[i - 1];
	}
	if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
		return false;
	}
	*out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return true;
}

bool
primitive_answer_int64(imago_vm *vm, uint32_t num_args, int64_t value)
{
	if (imago_memory_fits_integer(vm->kind, value)) {
		return vm_answer(vm, num_args, vm_integer_oop(vm, value));
	}
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	uint64_t size = 1;
	while (size < 8 && magnitude >> (8 * size) != 0) {
		size++;
	}
	uint32_t word = imago_word_bytes(vm->kind);
	uint64_t num_slots = (size + word - 1) / word;
	uint32_t format = (vm->kind.v3 ? IMAGO_V3_FORMAT_BITS8 : IMAGO_FORMAT_BITS8) +
	                  (uint32_t)(num_slots * word - size);
	if (!vm_reserve(vm, imago_memory_object_bytes(vm->kind, num_slots))) {
		return false;
	}
	imago_oop cls = vm_special(vm, value < 0 ? IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER
	                                         : IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER);
	imago_oop oop = vm_has_slots(vm, cls, CLASS_FORMAT + 1)
	                    ? imago_memory_make(vm->memory, cls, format, num_slots)
	                    : 0;
	if (oop == 0) {
		return vm_fail(vm, NO_MEMORY);
	}
	uint8_t *bytes = imago_memory_body(vm->memory, oop, vm->kind);
	for (uint64_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)(magnitude >> (8 * i));
	}
	return vm_answer(vm, num_args, oop);
}

/* Receiver and argument of a binary operation. */
static bool
two_integers(const imago_vm *vm, uint32_t num_args, int64_t *left, int64_t *right)
{
	return num_args == 1 && primitive_int64(vm, vm_peek(vm, 1), left) &&
	       primitive_int64(vm, vm_peek(vm, 0), right);
}

#define COMPARISON(name, operator)                                                                 \
	bool primitive_##name(imago_vm *vm, uint32_t num_args)                                         \
	{                                                                                              \
		int64_t a;                                                                                 \
		int64_t b;                                                                                 \
		return two_integers(vm, num_args, &a, &b) ? vm_answer(vm, 1, vm_boolean(vm, a operator b)) \
		                                          : vm_fail(vm, BAD_ARGUMENT);                     \
	}
COMPARISON(less, <)
COMPARISON(greater, >)
COMPARISON(less_or_equal, <=)
COMPARISON(greater_or_equal, >=)
COMPARISON(equal, ==)
COMPARISON(not_equal, !=)

#define BITWISE(name, operator)                                                                 \
	bool primitive_##name(imago_vm *vm, uint32_t num_args)                                      \
	{                                                                                           \
		int64_t a;                                                                              \
		int64_t b;                                                                              \
		return two_integers(vm, num_args, &a, &b) ? primitive_answer_int64(vm, 1, a operator b) \
		                                          : vm_fail(vm, BAD_ARGUMENT);                  \
	}
BITWISE(bit_and, &)
BITWISE(bit_or, |)
BITWISE(bit_xor, ^)

#define CHECKED(name, function)                                               \
	bool primitive_##name(imago_vm *vm, uint32_t num_args)                    \
	{                                                                         \
		int64_t a;                                                            \
		int64_t b;                                                            \
		int64_t result;                                                       \
		return two_integers(vm, num_args, &a, &b) && !function(a, b, &result) \
		           ? primitive_answer_int64(vm, 1, result)                    \
		           : vm_fail(vm, BAD_ARGUMENT);                               \
	}
CHECKED(add, __builtin_add_overflow)
CHECKED(subtract, __builtin_sub_overflow)
CHECKED(multiply, __builtin_mul_overflow)

/* A divisor that is not 0, and a quotient that there is. */
static bool
can_divide(const imago_vm *vm, uint32_t num_args, int64_t *a, int64_t *b)
{
	return two_integers(vm, num_args, a, b) && *b != 0 && !(*a == INT64_MIN && *b == -1);
}

bool
primitive_divide(imago_vm *vm, uint32_t num_args)
{
	int64_t a;
	int64_t b;
	if (!can_divide(vm, num_args, &a, &b) || a % b != 0) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return primitive_answer_int64(vm, 1, a / b);
}

bool
primitive_quotient(imago_vm *vm, uint32_t num_args)
{
	int64_t a;
	int64_t b;
	return can_divide(vm, num_args, &a, &b) ? primitive_answer_int64(vm, 1, a / b)
	                                        : vm_fail(vm, BAD_ARGUMENT);
}

/* rem: what quo: leaves. */
bool
primitive_remainder(imago_vm *vm, uint32_t num_args)
{
	int64_t a;
	int64_t b;
	return can_divide(vm, num_args, &a, &b) ? primitive_answer_int64(vm, 1, a % b)
	                                        : vm_fail(vm, BAD_ARGUMENT);
}

bool
primitive_divide_down(imago_vm *vm, uint32_t num_args)
{
	int64_t a;
	int64_t b;
	if (!can_divide(vm, num_args, &a, &b)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return primitive_answer_int64(vm, 1, a / b - (a % b != 0 && (a < 0) != (b < 0)));
}

bool
primitive_modulo(imago_vm *vm, uint32_t num_args)
{
	int64_t a;
	int64_t b;
	if (!can_divide(vm, num_args, &a, &b)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	int64_t rest = a % b;
	return primitive_answer_int64(vm, 1, rest + (rest != 0 && (rest < 0) != (b < 0) ? b : 0));
}

bool
primitive_bit_shift(imago_vm *vm, uint32_t num_args)
{
	int64_t a;
	int64_t b;
	if (!two_integers(vm, num_args, &a, &b) || b > 62 ||
	    (b > 0 && (a > INT64_MAX >> b || a < INT64_MIN >> b))) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	int64_t result = b >= 0 ? (int64_t)((uint64_t)a << b) : b < -62 ? (a < 0 ? -1 : 0) : a >> -b;
	return primitive_answer_int64(vm, 1, result);
}

/* ---- Floats. */

static bool
is_float(const imago_vm *vm, imago_oop oop)
{
	return !vm_is_integer(vm, oop);
}

static bool
two_floats(const imago_vm *vm, uint32_t num_args, double *left, double *right)
{
	return num_args == 1 && is_float(vm, vm_peek(vm, 1)) &&
	       primitive_float(vm, vm_peek(vm, 1), left) && primitive_float(vm, vm_peek(vm, 0), right);
}

static bool
one_float(const imago_vm *vm, uint32_t num_args, double *value)
{
	return num_args == 0 && is_float(vm, vm_peek(vm, 0)) &&
	       primitive_float(vm, vm_peek(vm, 0), value);
}

#define FLOAT_COMPARISON(name, operator)                                                         \
	bool primitive_float_##name(imago_vm *vm, uint32_t num_args)                                 \
	{                                                                                            \
		double a;                                                                                \
		double b;                                                                                \
		return two_floats(vm, num_args, &a, &b) ? vm_answer(vm, 1, vm_boolean(vm, a operator b)) \
		                                        : vm_fail(vm, BAD_ARGUMENT);                     \
	}
FLOAT_COMPARISON(less, <)
FLOAT_COMPARISON(greater, >)
FLOAT_COMPARISON(less_or_equal, <=)
FLOAT_COMPARISON(greater_or_equal, >=)
FLOAT_COMPARISON(equal, ==)
FLOAT_COMPARISON(not_equal, !=)

#define FLOAT_OPERATION(name, operator)                                                       \
	bool primitive_float_##name(imago_vm *vm, uint32_t num_args)                              \
	{                                                                                         \
		double a;                                                                             \
		double b;                                                                             \
		return two_floats(vm, num_args, &a, &b) ? primitive_answer_float(vm, 1, a operator b) \
		                                        : vm_fail(vm, BAD_ARGUMENT);                  \
	}
FLOAT_OPERATION(add, +)
FLOAT_OPERATION(subtract, -)
FLOAT_OPERATION(multiply, *)

bool
primitive_float_divide(imago_vm *vm, uint32_t num_args)
{
	double a;
	double b;
	return two_floats(vm, num_args, &a, &b) && b != 0 ? primitive_answer_float(vm, 1, a / b)
	                                                  : vm_fail(vm, BAD_ARGUMENT);
}

bool
primitive_as_float(imago_vm *vm, uint32_t num_args)
{
	imago_oop receiver = vm_peek(vm, 0);
	return num_args == 0 && vm_is_integer(vm, receiver)
	           ? primitive_answer_float(vm, 0, (double)vm_integer(vm, receiver))
	           : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_float_truncated(imago_vm *vm, uint32_t num_args)
{
	double value;
	if (!one_float(vm, num_args, &value) || !(fabs(value) < 9.0e18)) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return primitive_answer_int64(vm, 0, (int64_t)value);
}

bool
primitive_float_fraction(imago_vm *vm, uint32_t num_args)
{
	double value;
	double whole;
	return one_float(vm, num_args, &value) && isfinite(value)
	           ? primitive_answer_float(vm, 0, modf(value, &whole))
	           : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_float_exponent(imago_vm *vm, uint32_t num_args)
{
	double value;
	return one_float(vm, num_args, &value) && isfinite(value)
	           ? primitive_answer_int64(vm, 0, value == 0 ? 0 : ilogb(value))
	           : vm_fail(vm, BAD_RECEIVER);
}

bool
primitive_float_times_two_power(imago_vm *vm, uint32_t num_args)
{
	double value;
	imago_oop power = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_integer(vm, power) || !is_float(vm, vm_peek(vm, 1)) ||
	    !primitive_float(vm, vm_peek(vm, 1), &value)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	int64_t by = vm_integer(vm, power);
	return primitive_answer_float(vm, 1,
	                              ldexp(value, by > 4096    ? 4096
	                                           : by < -4096 ? -4096
	                                                        : (int)by));
}

/* The halves of a Float; 1 is the high one. */
static bool
find_half(imago_vm *vm, uint32_t depth, size_t *place)
{
	imago_oop receiver = vm_peek(vm, depth);
	imago_oop index = vm_peek(vm, depth - 1);
	if (!is_float_class(vm, receiver) || !vm_is_integer(vm, index) || vm_integer(vm, index) < 1 ||
	    vm_integer(vm, index) > 2) {
		return false;
	}
	bool wants_low = vm_integer(vm, index) == 2;
	*place = wants_low == vm->memory->floats_low_first ? 0 : 4;
	return true;
}

bool
primitive_float_at(imago_vm *vm, uint32_t num_args)
{
	size_t place;
	uint32_t half;
	imago_oop receiver = vm_peek(vm, num_args);
	if (num_args == 1 && vm->kind.wide && (receiver & 7) == 4 &&
	    vm_is_integer(vm, vm_peek(vm, 0))) {
		int64_t index = vm_integer(vm, vm_peek(vm, 0));
		uint64_t bits = imago_oop_float_bits(receiver);
		return index == 1 || index == 2
		           ? primitive_answer_int64(vm, 1,
		                                    (int64_t)(uint32_t)(bits >> (index == 1 ? 32 : 0)))
		           : vm_fail(vm, BAD_INDEX);
	}
	if (num_args != 1 || !find_half(vm, 1, &place)) {
		return vm_fail(vm, BAD_INDEX);
	}
	memcpy(&half, imago_memory_body(vm->memory, receiver, vm->kind) + place, sizeof half);
	return primitive_answer_int64(vm, 1, half);
}

bool
primitive_float_at_put(imago_vm *vm, uint32_t num_args)
{
	size_t place;
	int64_t value;
	if (num_args != 2 || !find_half(vm, 2, &place) ||
	    !primitive_int64(vm, vm_peek(vm, 0), &value) || value < 0 || value > UINT32_MAX) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	if (primitive_is_immutable(vm, vm_peek(vm, 2))) {
		return vm_fail(vm, NO_MODIFICATION);
	}
	uint32_t half = (uint32_t)value;
	memcpy(imago_memory_open_body(vm->memory, vm_peek(vm, 2), vm->kind) + place, &half,
	       sizeof half);
	return vm_answer(vm, 2, vm_peek(vm, 0));
}
