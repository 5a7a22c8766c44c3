/* primitives.c: arithmetic, comparison, reduction: on numbers, element by element. */
#include <math.h>
#include <string.h>

#include "tokens.h"

bool
imago_apl_spend(apl_call *call, uint64_t num_elements)
{
	enum { ELEMENTS_PER_FUEL = 16 };
	const uint64_t amount = 1 + num_elements / ELEMENTS_PER_FUEL;
	const bool enough = call->fuel >= amount;
	call->fuel = enough ? call->fuel - amount : 0;
	return enough;
}

static bool
is_scalar_primitive(unsigned number)
{
	return number <= PRIMITIVE_AT_LEAST;
}

static double
lesser(double a, double b)
{
	return a < b ? a : b;
}

/* False where there is no number to answer. */
static bool
compute(unsigned number, double a, double b, double *out)
{
	switch (number) {
	case PRIMITIVE_ADD:
		*out = a + b;
		break;
	case PRIMITIVE_SUBTRACT:
		*out = a - b;
		break;
	case PRIMITIVE_MULTIPLY:
		*out = a * b;
		break;
	case PRIMITIVE_DIVIDE:
		if (b == 0 && a != 0) {
			return false;
		}
		*out = b == 0 ? 1 : a / b;
		break;
	case PRIMITIVE_CEILING:
		*out = -lesser(-a, -b);
		break;
	case PRIMITIVE_FLOOR:
		*out = lesser(a, b);
		break;
	case PRIMITIVE_EQUAL:
		*out = a == b;
		break;
	case PRIMITIVE_NOT_EQUAL:
		*out = a != b;
		break;
	case PRIMITIVE_LESS:
		*out = a < b;
		break;
	case PRIMITIVE_GREATER:
		*out = a > b;
		break;
	case PRIMITIVE_AT_MOST:
		*out = a <= b;
		break;
	default:
		*out = a >= b;
		break;
	}
	return isfinite(*out) != 0;
}

static bool
compute_one(unsigned number, double a, double *out)
{
	switch (number) {
	case PRIMITIVE_ADD:
		*out = a;
		break;
	case PRIMITIVE_SUBTRACT:
		*out = -a;
		break;
	case PRIMITIVE_MULTIPLY:
		*out = (a > 0) - (a < 0);
		break;
	case PRIMITIVE_DIVIDE:
		if (a == 0) {
			return false;
		}
		*out = 1 / a;
		break;
	case PRIMITIVE_CEILING:
		*out = ceil(a);
		break;
	default:
		*out = floor(a);
		break;
	}
	return isfinite(*out) != 0;
}

static imago_run_end
make_numbers(apl_call *call, const imago_array *like, unsigned rank, imago_addr *out)
{
	return imago_array_make(call->pockets, IMAGO_ARRAY_NUMBER, rank, like->shape, out,
	                        call->error) == IMAGO_OK
	           ? IMAGO_RUN_DONE
	           : IMAGO_RUN_MEMORY;
}

static imago_run_end
scalar_monadic(apl_call *call, unsigned number, imago_addr right, imago_addr *out)
{
	imago_array from;
	imago_array to;
	if (number > PRIMITIVE_FLOOR) {
		return IMAGO_RUN_SYNTAX;
	}
	if (!imago_array_at(call->pockets, right, &from) || from.type != IMAGO_ARRAY_NUMBER) {
		return IMAGO_RUN_DOMAIN;
	}
	if (!imago_apl_spend(call, from.num)) {
		return IMAGO_RUN_FUEL;
	}
	const imago_run_end result = make_numbers(call, &from, from.rank, out);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	(void)imago_array_at(call->pockets, right, &from);
	(void)imago_array_at(call->pockets, *out, &to);
	for (uint64_t i = 0; i < to.num; i++) {
		double value;
		if (!compute_one(number, imago_array_number(&from, i), &value)) {
			imago_pocket_drop(call->pockets, *out);
			return IMAGO_RUN_DOMAIN;
		}
		imago_array_set_number(&to, i, value);
	}
	return IMAGO_RUN_DONE;
}

/* The array whose shape the result has. */
static imago_run_end
conform(const imago_array *left, const imago_array *right, const imago_array **shaped)
{
	*shaped = left->rank == 0 ? right : left;
	if (left->rank == 0 || right->rank == 0) {
		return IMAGO_RUN_DONE;
	}
	if (left->rank != right->rank) {
		return IMAGO_RUN_RANK;
	}
	return memcmp(left->shape, right->shape, left->rank * sizeof *left->shape) == 0
	           ? IMAGO_RUN_DONE
	           : IMAGO_RUN_LENGTH;
}

/* Characters can be equal, and no more. */
static bool
takes_types(unsigned number, const imago_array *left, const imago_array *right)
{
	const bool compares = number == PRIMITIVE_EQUAL || number == PRIMITIVE_NOT_EQUAL;
	if (left->type == IMAGO_ARRAY_NESTED || right->type == IMAGO_ARRAY_NESTED) {
		return false;
	}
	return compares || (left->type == IMAGO_ARRAY_NUMBER && right->type == IMAGO_ARRAY_NUMBER);
}

static double
element(const imago_array *array, uint64_t i)
{
	return array->type == IMAGO_ARRAY_CHAR ? imago_array_char(array, i)
	                                       : imago_array_number(array, i);
}

static bool
fill(unsigned number, const imago_array *left, const imago_array *right, const imago_array *to)
{
	const bool differ = left->type != right->type;
	for (uint64_t i = 0; i < to->num; i++) {
		double value = number == PRIMITIVE_NOT_EQUAL;
		if (!differ && !compute(number, element(left, left->rank == 0 ? 0 : i),
		                        element(right, right->rank == 0 ? 0 : i), &value)) {
			return false;
		}
		imago_array_set_number(to, i, value);
	}
	return true;
}

static imago_run_end
scalar_dyadic(apl_call *call, unsigned number, imago_addr left, imago_addr right, imago_addr *out)
{
	imago_array a;
	imago_array b;
	imago_array to;
	const imago_array *shaped;
	if (!imago_array_at(call->pockets, left, &a) || !imago_array_at(call->pockets, right, &b) ||
	    !takes_types(number, &a, &b)) {
		return IMAGO_RUN_DOMAIN;
	}
	imago_run_end result = conform(&a, &b, &shaped);
	if (result == IMAGO_RUN_DONE && !imago_apl_spend(call, shaped->num)) {
		result = IMAGO_RUN_FUEL;
	}
	if (result == IMAGO_RUN_DONE) {
		result = make_numbers(call, shaped, shaped->rank, out);
	}
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	(void)imago_array_at(call->pockets, left, &a);
	(void)imago_array_at(call->pockets, right, &b);
	(void)imago_array_at(call->pockets, *out, &to);
	if (!fill(number, &a, &b, &to)) {
		imago_pocket_drop(call->pockets, *out);
		return IMAGO_RUN_DOMAIN;
	}
	return IMAGO_RUN_DONE;
}

/* ---- Reduction */

static double
identity_of(unsigned number)
{
	switch (number) {
	case PRIMITIVE_MULTIPLY:
	case PRIMITIVE_DIVIDE:
	case PRIMITIVE_EQUAL:
	case PRIMITIVE_AT_MOST:
	case PRIMITIVE_AT_LEAST:
		return 1;
	case PRIMITIVE_CEILING:
		return -1.7976931348623157e308;
	case PRIMITIVE_FLOOR:
		return 1.7976931348623157e308;
	default:
		return 0;
	}
}

static bool
reduce_row(unsigned number, const imago_array *from, uint64_t begin, uint64_t length, double *out)
{
	*out = length > 0 ? imago_array_number(from, begin + length - 1) : identity_of(number);
	for (uint64_t i = length; i > 1; i--) {
		if (!compute(number, imago_array_number(from, begin + i - 2), *out, out)) {
			return false;
		}
	}
	return true;
}

imago_run_end
imago_apl_reduce(apl_call *call, unsigned number, imago_addr right, imago_addr *out)
{
	imago_array from;
	imago_array to;
	if (!is_scalar_primitive(number)) {
		return IMAGO_RUN_SYNTAX;
	}
	if (!imago_array_at(call->pockets, right, &from) || from.type != IMAGO_ARRAY_NUMBER) {
		return IMAGO_RUN_DOMAIN;
	}
	if (!imago_apl_spend(call, from.num)) {
		return IMAGO_RUN_FUEL;
	}
	const uint64_t length = from.rank > 0 ? from.shape[from.rank - 1] : 1;
	imago_run_end result = make_numbers(call, &from, from.rank > 0 ? from.rank - 1 : 0, out);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	(void)imago_array_at(call->pockets, right, &from);
	(void)imago_array_at(call->pockets, *out, &to);
	if (!imago_apl_spend(call, to.num)) {
		result = IMAGO_RUN_FUEL;
	}
	for (uint64_t i = 0; result == IMAGO_RUN_DONE && i < to.num; i++) {
		double value;
		if (!reduce_row(number, &from, i * length, length, &value)) {
			result = IMAGO_RUN_DOMAIN;
		} else {
			imago_array_set_number(&to, i, value);
		}
	}
	if (result != IMAGO_RUN_DONE) {
		imago_pocket_drop(call->pockets, *out);
	}
	return result;
}

imago_run_end
imago_apl_monadic(apl_call *call, unsigned number, imago_addr right, imago_addr *out)
{
	return is_scalar_primitive(number) ? scalar_monadic(call, number, right, out)
	                                   : imago_apl_structural_monadic(call, number, right, out);
}

imago_run_end
imago_apl_dyadic(apl_call *call, unsigned number, imago_addr left, imago_addr right,
                 imago_addr *out)
{
	return is_scalar_primitive(number)
	           ? scalar_dyadic(call, number, left, right, out)
	           : imago_apl_structural_dyadic(call, number, left, right, out);
}
