/* primitives_floats.c: functions of one Float. */
#include "primitives.h"

#include <math.h>

static bool
float_function(imago_vm *vm, uint32_t num_args, double (*function)(double), double least)
{
	double value;
	imago_oop receiver = vm_peek(vm, 0);
	if (num_args != 0 || vm_is_integer(vm, receiver) || !primitive_float(vm, receiver, &value) ||
	    value < least) {
		return vm_fail(vm, BAD_RECEIVER);
	}
	return primitive_answer_float(vm, 0, function(value));
}

bool
primitive_float_sqrt(imago_vm *vm, uint32_t num_args)
{
	return float_function(vm, num_args, sqrt, 0);
}

bool
primitive_float_sin(imago_vm *vm, uint32_t num_args)
{
	return float_function(vm, num_args, sin, -HUGE_VAL);
}

bool
primitive_float_arctan(imago_vm *vm, uint32_t num_args)
{
	return float_function(vm, num_args, atan, -HUGE_VAL);
}

bool
primitive_float_ln(imago_vm *vm, uint32_t num_args)
{
	return float_function(vm, num_args, log, 0);
}

bool
primitive_float_exp(imago_vm *vm, uint32_t num_args)
{
	return float_function(vm, num_args, exp, -HUGE_VAL);
}
