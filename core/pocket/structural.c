/* structural.c: shapes, selections and strands, of elements of any type. */
#include <math.h>
#include <string.h>

#include "tokens.h"

/* Largest number of elements that a number may ask for. */
#define MOST_ELEMENTS 1e15

static imago_run_end
make(apl_call *call, imago_array_type type, unsigned rank, const uint64_t *shape, imago_addr *out)
{
	return imago_array_make(call->pockets, type, rank, shape, out, call->error) == IMAGO_OK
	           ? IMAGO_RUN_DONE
	           : IMAGO_RUN_MEMORY;
}

/* Element j of one array becomes element i of another one of its type. */
static void
copy_element(apl_call *call, const imago_array *to, uint64_t i, const imago_array *from, uint64_t j)
{
	switch (to->type) {
	case IMAGO_ARRAY_NUMBER:
		imago_array_set_number(to, i, imago_array_number(from, j));
		break;
	case IMAGO_ARRAY_CHAR:
		imago_array_set_char(to, i, imago_array_char(from, j));
		break;
	default:
		imago_pocket_hold(call->pockets, imago_array_item(from, j));
		pocket_set_word(to->elements + i * 8, imago_array_item(from, j));
		break;
	}
}

/* What stands where there is nothing: 0, a space, or of items a 0, whose count is the caller's. */
static imago_run_end
make_fill(apl_call *call, imago_array_type type, imago_addr *out)
{
	*out = 0;
	if (type != IMAGO_ARRAY_NESTED) {
		return IMAGO_RUN_DONE;
	}
	return imago_array_scalar(call->pockets, IMAGO_ARRAY_NUMBER, 0, 0, out, call->error) == IMAGO_OK
	           ? IMAGO_RUN_DONE
	           : IMAGO_RUN_MEMORY;
}

static void
fill_element(apl_call *call, const imago_array *to, uint64_t i, imago_addr fill)
{
	if (to->type == IMAGO_ARRAY_CHAR) {
		imago_array_set_char(to, i, ' ');
	} else if (to->type == IMAGO_ARRAY_NESTED) {
		imago_pocket_hold(call->pockets, fill);
		pocket_set_word(to->elements + i * 8, fill);
	}
}

/* A selection of elements of right: element i of the result is element pick(i), or a fill. */
typedef struct selection {
	unsigned rank;
	uint64_t shape[IMAGO_ARRAY_MAX_RANK];
	uint64_t num;     /* of the result's elements */
	uint64_t first;   /* so many fills, then … */
	uint64_t skipped; /* … elements from this one on, … */
	uint64_t taken;   /* … so many, over again where is_cyclic, then fills */
	bool is_cyclic;
} selection;

static imago_run_end
take_selection(apl_call *call, const selection *s, imago_addr right, imago_addr *out)
{
	imago_array from;
	imago_array to;
	imago_addr fill = 0;
	(void)imago_array_at(call->pockets, right, &from);
	if (!imago_apl_spend(call, s->num)) {
		return IMAGO_RUN_FUEL;
	}
	imago_run_end result = make_fill(call, from.type, &fill);
	if (result == IMAGO_RUN_DONE) {
		result = make(call, from.type, s->rank, s->shape, out);
	}
	if (result == IMAGO_RUN_DONE) {
		(void)imago_array_at(call->pockets, right, &from);
		(void)imago_array_at(call->pockets, *out, &to);
		for (uint64_t i = 0; i < to.num; i++) {
			const uint64_t at = i < s->first ? s->taken : i - s->first;
			if (at < s->taken || (s->is_cyclic && s->taken > 0)) {
				copy_element(call, &to, i, &from, s->skipped + at % s->taken);
			} else {
				fill_element(call, &to, i, fill);
			}
		}
		imago_array_note_spaces(call->pockets, *out);
	}
	imago_pocket_drop(call->pockets, fill);
	return result;
}

/* ---- One argument */

static imago_run_end
shape_of(apl_call *call, const imago_array *right, imago_addr *out)
{
	const uint64_t rank = right->rank;
	uint64_t shape[IMAGO_ARRAY_MAX_RANK];
	imago_array to;
	memcpy(shape, right->shape, sizeof shape);
	const imago_run_end result = make(call, IMAGO_ARRAY_NUMBER, 1, &rank, out);
	if (result == IMAGO_RUN_DONE) {
		(void)imago_array_at(call->pockets, *out, &to);
		for (unsigned i = 0; i < rank; i++) {
			imago_array_set_number(&to, i, (double)shape[i]);
		}
	}
	return result;
}

/* A whole number that is not negative; false where the element is none. */
static bool
whole(const imago_array *array, uint64_t i, uint64_t *out)
{
	const double value = imago_array_number(array, i);
	if (!(value >= 0 && value <= MOST_ELEMENTS) || value != floor(value)) {
		return false;
	}
	*out = (uint64_t)value;
	return true;
}

static imago_run_end
count_up(apl_call *call, const imago_array *right, imago_addr *out)
{
	uint64_t num;
	imago_array to;
	if (right->type != IMAGO_ARRAY_NUMBER || right->num != 1 || !whole(right, 0, &num)) {
		return IMAGO_RUN_DOMAIN;
	}
	if (!imago_apl_spend(call, num)) {
		return IMAGO_RUN_FUEL;
	}
	const imago_run_end result = make(call, IMAGO_ARRAY_NUMBER, 1, &num, out);
	if (result == IMAGO_RUN_DONE) {
		(void)imago_array_at(call->pockets, *out, &to);
		for (uint64_t i = 0; i < num; i++) {
			imago_array_set_number(&to, i, (double)i + 1);
		}
	}
	return result;
}

static imago_run_end
ravel(apl_call *call, const imago_array *right, imago_addr *out)
{
	const selection s = {.rank = 1, .shape = {right->num}, .num = right->num, .taken = right->num};
	return take_selection(call, &s, right->address, out);
}

static imago_run_end
first_of(apl_call *call, const imago_array *right, imago_addr *out)
{
	if (right->type == IMAGO_ARRAY_NESTED && right->num > 0) {
		*out = imago_array_item(right, 0);
		imago_pocket_hold(call->pockets, *out);
		return *out != 0 ? IMAGO_RUN_DONE : IMAGO_RUN_BROKEN;
	}
	if (right->type == IMAGO_ARRAY_NESTED) {
		return make_fill(call, right->type, out);
	}
	const selection s = {.num = 1, .taken = right->num > 0 ? 1 : 0};
	return take_selection(call, &s, right->address, out);
}

imago_run_end
imago_apl_structural_monadic(apl_call *call, unsigned number, imago_addr right, imago_addr *out)
{
	imago_array array;
	if (!imago_array_at(call->pockets, right, &array)) {
		return IMAGO_RUN_DOMAIN;
	}
	switch (number) {
	case PRIMITIVE_SHAPE:
		return shape_of(call, &array, out);
	case PRIMITIVE_INDEX:
		return count_up(call, &array, out);
	case PRIMITIVE_RAVEL:
		return ravel(call, &array, out);
	case PRIMITIVE_TAKE:
		return first_of(call, &array, out);
	default:
		return IMAGO_RUN_SYNTAX;
	}
}

/* ---- Two arguments */

static imago_run_end
reshape(apl_call *call, const imago_array *left, const imago_array *right, imago_addr *out)
{
	selection s = {.rank = (unsigned)left->num, .num = 1, .taken = right->num, .is_cyclic = true};
	if (left->type != IMAGO_ARRAY_NUMBER) {
		return IMAGO_RUN_DOMAIN;
	}
	if (left->rank > 1 || left->num > IMAGO_ARRAY_MAX_RANK) {
		return IMAGO_RUN_RANK;
	}
	for (unsigned i = 0; i < s.rank; i++) {
		if (!whole(left, i, &s.shape[i])) {
			return IMAGO_RUN_DOMAIN;
		}
		if (s.shape[i] != 0 && s.num > (uint64_t)MOST_ELEMENTS / s.shape[i]) {
			return IMAGO_RUN_MEMORY;
		}
		s.num *= s.shape[i];
	}
	return take_selection(call, &s, right->address, out);
}

/* One number: how many to take, from the end where it is negative. */
static imago_run_end
take_or_drop(apl_call *call, unsigned number, const imago_array *left, const imago_array *right,
             imago_addr *out)
{
	if (left->type != IMAGO_ARRAY_NUMBER) {
		return IMAGO_RUN_DOMAIN;
	}
	if (left->num != 1 || right->rank > 1) {
		return left->num != 1 ? IMAGO_RUN_LENGTH : IMAGO_RUN_RANK;
	}
	const double value = imago_array_number(left, 0);
	if (!(fabs(value) <= MOST_ELEMENTS) || value != floor(value)) {
		return IMAGO_RUN_DOMAIN;
	}
	const uint64_t amount = (uint64_t)fabs(value);
	const uint64_t common = amount < right->num ? amount : right->num;
	selection s = {.rank = 1};
	if (number == PRIMITIVE_TAKE) {
		s.num = amount;
		s.taken = common;
		s.first = value < 0 ? amount - common : 0;
		s.skipped = value < 0 ? right->num - common : 0;
	} else {
		s.num = s.taken = right->num - common;
		s.skipped = value < 0 ? 0 : common;
	}
	s.shape[0] = s.num;
	return take_selection(call, &s, right->address, out);
}

static bool
same_element(const imago_array *a, uint64_t i, const imago_array *b, uint64_t j)
{
	return a->type == IMAGO_ARRAY_CHAR ? imago_array_char(a, i) == imago_array_char(b, j)
	                                   : imago_array_number(a, i) == imago_array_number(b, j);
}

static imago_run_end
index_of(apl_call *call, const imago_array *left, const imago_array *right, imago_addr *out)
{
	imago_array a;
	imago_array b;
	imago_array to;
	if (left->rank != 1) {
		return IMAGO_RUN_RANK;
	}
	if (left->type == IMAGO_ARRAY_NESTED || right->type == IMAGO_ARRAY_NESTED) {
		return IMAGO_RUN_DOMAIN;
	}
	const uint64_t work = right->num < UINT32_MAX && left->num < UINT32_MAX
	                          ? right->num * (left->num + 1)
	                          : UINT64_MAX;
	if (!imago_apl_spend(call, work)) {
		return IMAGO_RUN_FUEL;
	}
	const imago_run_end result = make(call, IMAGO_ARRAY_NUMBER, right->rank, right->shape, out);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	(void)imago_array_at(call->pockets, left->address, &a);
	(void)imago_array_at(call->pockets, right->address, &b);
	(void)imago_array_at(call->pockets, *out, &to);
	for (uint64_t i = 0; i < to.num; i++) {
		uint64_t at = 0;
		while (at < a.num && (a.type != b.type || !same_element(&a, at, &b, i))) {
			at++;
		}
		imago_array_set_number(&to, i, (double)at + 1);
	}
	return result;
}

/* Puts the elements of a simple array into a nested one from place at on, each a scalar of its own.
 */
static imago_run_end
put_items(apl_call *call, imago_addr nested, uint64_t at, imago_addr from)
{
	imago_array array;
	(void)imago_array_at(call->pockets, from, &array);
	for (uint64_t i = 0; i < array.num; i++) {
		imago_addr item = 0;
		(void)imago_array_at(call->pockets, from, &array);
		const bool is_char = array.type == IMAGO_ARRAY_CHAR;
		if (imago_array_scalar(
		        call->pockets, array.type, is_char ? 0 : imago_array_number(&array, i),
		        is_char ? imago_array_char(&array, i) : 0, &item, call->error) != IMAGO_OK) {
			return IMAGO_RUN_MEMORY;
		}
		imago_pocket_give(call->pockets, nested, at + i, item);
	}
	return IMAGO_RUN_DONE;
}

static imago_run_end
catenate(apl_call *call, const imago_array *left, const imago_array *right, imago_addr *out)
{
	const imago_array parts[2] = {*left, *right};
	const uint64_t num = left->num + right->num;
	if (left->rank > 1 || right->rank > 1) {
		return IMAGO_RUN_RANK;
	}
	if (!imago_apl_spend(call, num)) {
		return IMAGO_RUN_FUEL;
	}
	imago_array_type type = left->num == 0 ? right->type : left->type;
	type = left->num > 0 && right->num > 0 && left->type != right->type ? IMAGO_ARRAY_NESTED : type;
	imago_run_end result = make(call, type, 1, &num, out);
	uint64_t at = 0;
	for (int p = 0; result == IMAGO_RUN_DONE && p < 2; p++) {
		imago_array from;
		imago_array to;
		(void)imago_array_at(call->pockets, parts[p].address, &from);
		(void)imago_array_at(call->pockets, *out, &to);
		if (from.num > 0 && type != from.type) {
			result = put_items(call, *out, at, from.address);
		} else {
			for (uint64_t i = 0; i < from.num; i++) {
				copy_element(call, &to, at + i, &from, i);
			}
		}
		at += from.num;
		if (result != IMAGO_RUN_DONE) {
			imago_pocket_drop(call->pockets, *out);
			return result;
		}
	}
	if (result == IMAGO_RUN_DONE) {
		imago_array_note_spaces(call->pockets, *out);
	}
	return result;
}

/* How often element i is taken; false where that is no number. */
static bool
times(const imago_array *left, uint64_t i, uint64_t *num)
{
	return whole(left, left->num == 1 ? 0 : i, num);
}

static imago_run_end
replicate(apl_call *call, const imago_array *left, const imago_array *right, imago_addr *out)
{
	imago_array a;
	imago_array b;
	imago_array to;
	uint64_t total = 0;
	uint64_t each = 0;
	const uint64_t num = left->num == 1 ? right->num : left->num;
	if (left->type != IMAGO_ARRAY_NUMBER) {
		return IMAGO_RUN_DOMAIN;
	}
	if (left->rank > 1 || right->rank > 1) {
		return IMAGO_RUN_RANK;
	}
	if (left->num != 1 && right->num != 1 && left->num != right->num) {
		return IMAGO_RUN_LENGTH;
	}
	if (!imago_apl_spend(call, num)) {
		return IMAGO_RUN_FUEL;
	}
	for (uint64_t i = 0; i < num; i++) {
		if (!times(left, i, &each)) {
			return IMAGO_RUN_DOMAIN;
		}
		total = total > (uint64_t)MOST_ELEMENTS ? total : total + each;
	}
	if (!imago_apl_spend(call, total)) {
		return IMAGO_RUN_FUEL;
	}
	const imago_run_end result = make(call, right->type, 1, &total, out);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	(void)imago_array_at(call->pockets, left->address, &a);
	(void)imago_array_at(call->pockets, right->address, &b);
	(void)imago_array_at(call->pockets, *out, &to);
	uint64_t at = 0;
	for (uint64_t i = 0; i < num; i++) {
		(void)times(&a, i, &each);
		for (uint64_t j = 0; j < each; j++) {
			copy_element(call, &to, at++, &b, b.num == 1 ? 0 : i);
		}
	}
	imago_array_note_spaces(call->pockets, *out);
	return result;
}

imago_run_end
imago_apl_structural_dyadic(apl_call *call, unsigned number, imago_addr left, imago_addr right,
                            imago_addr *out)
{
	imago_array a;
	imago_array b;
	if (!imago_array_at(call->pockets, left, &a) || !imago_array_at(call->pockets, right, &b)) {
		return IMAGO_RUN_DOMAIN;
	}
	switch (number) {
	case PRIMITIVE_SHAPE:
		return reshape(call, &a, &b, out);
	case PRIMITIVE_INDEX:
		return index_of(call, &a, &b, out);
	case PRIMITIVE_RAVEL:
		return catenate(call, &a, &b, out);
	case PRIMITIVE_TAKE:
	case PRIMITIVE_DROP:
		return take_or_drop(call, number, &a, &b, out);
	case PRIMITIVE_SLASH:
		return replicate(call, &a, &b, out);
	default:
		return IMAGO_RUN_SYNTAX;
	}
}

/* ---- Strands */

/* The type that all items have as simple scalars, or nested. */
static imago_array_type
common_type(const imago_pockets *pockets, size_t num)
{
	imago_array_type type = IMAGO_ARRAY_NESTED;
	for (size_t i = 0; i < num; i++) {
		imago_array item;
		if (!imago_array_at(pockets, pockets->stack[pockets->stack_size - 1 - i], &item) ||
		    item.rank != 0 || item.type == IMAGO_ARRAY_NESTED || (i > 0 && item.type != type)) {
			return IMAGO_ARRAY_NESTED;
		}
		type = item.type;
	}
	return type;
}

imago_run_end
imago_apl_strand(apl_call *call, size_t num, imago_addr *out)
{
	imago_pockets *pockets = call->pockets;
	const imago_array_type type = common_type(pockets, num);
	const uint64_t shape = num;
	imago_array to;
	if (!imago_apl_spend(call, num)) {
		return IMAGO_RUN_FUEL;
	}
	const imago_run_end result = make(call, type, 1, &shape, out);
	if (result != IMAGO_RUN_DONE) {
		return result;
	}
	(void)imago_array_at(pockets, *out, &to);
	for (size_t i = 0; i < num; i++) {
		imago_array item;
		const imago_addr value = pockets->stack[pockets->stack_size - 1 - i];
		if (type == IMAGO_ARRAY_NESTED) {
			imago_pocket_put(pockets, *out, i, value);
		} else if (imago_array_at(pockets, value, &item)) {
			copy_element(call, &to, i, &item, 0);
		}
	}
	imago_array_note_spaces(pockets, *out);
	imago_pockets_cut(pockets, pockets->stack_size - num);
	return result;
}
