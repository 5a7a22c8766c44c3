/* arrays.c: numbers, characters and nested values, of any rank. */
#include <string.h>

#include "../base/planted.h"
#include "imago/checked.h"
#include "pocket_private.h"

uint64_t
imago_array_element_bytes(uint8_t type)
{
	static const uint8_t bytes[IMAGO_NUM_ARRAY_TYPES] = {
	    [IMAGO_ARRAY_NUMBER] = 8, [IMAGO_ARRAY_CHAR] = 4, [IMAGO_ARRAY_NESTED] = 8};
	return type < IMAGO_NUM_ARRAY_TYPES ? bytes[type] : 0;
}

bool
imago_array_of(const imago_pocket *pocket, imago_array *out)
{
	const unsigned rank = pocket->zones.size;
	const uint64_t element = imago_array_element_bytes(pocket->zones.type);
	if (pocket->zones.kind != IMAGO_POCKET_ARRAY || element == 0 || rank > IMAGO_ARRAY_MAX_RANK ||
	    (uint64_t)8 * rank > pocket->size) {
		return false;
	}
	*out = (imago_array){.address = pocket->address,
	                     .type = (imago_array_type)pocket->zones.type,
	                     .rank = rank,
	                     .num = 1,
	                     .elements = pocket->contents + (size_t)8 * rank};
	bool fits = true;
	bool is_empty = false;
	for (unsigned i = 0; i < rank; i++) {
		out->shape[i] = pocket_word(pocket->contents + (size_t)8 * i);
		is_empty = is_empty || out->shape[i] == 0;
		fits = fits && imago_checked_multiply(out->num, out->shape[i], &out->num);
	}
	if (is_empty) {
		out->num = 0;
		return true;
	}
	const bool is_inside = out->num <= (pocket->size - (uint64_t)8 * rank) / element;
	return fits && (is_inside || IMAGO_BUG(array_past_pocket, !is_inside));
}

bool
imago_array_at(const imago_pockets *pockets, imago_addr address, imago_array *out)
{
	imago_pocket pocket;
	return imago_pocket_at(pockets, address, &pocket) && imago_array_of(&pocket, out);
}

imago_status
imago_array_make(imago_pockets *pockets, imago_array_type type, unsigned rank,
                 const uint64_t *shape, imago_addr *out, imago_error *error)
{
	uint64_t num = 1;
	uint64_t size;
	bool is_empty = false;
	bool fits = rank <= IMAGO_ARRAY_MAX_RANK;
	for (unsigned i = 0; fits && i < rank; i++) {
		is_empty = is_empty || shape[i] == 0;
	}
	for (unsigned i = 0; fits && !is_empty && i < rank; i++) {
		fits = imago_checked_multiply(num, shape[i], &num);
	}
	num = is_empty ? 0 : num;
	if (!fits || !imago_checked_multiply(num, imago_array_element_bytes((uint8_t)type), &size) ||
	    !imago_checked_add(size, (uint64_t)8 * rank, &size)) {
		return imago_fail(error, IMAGO_ELIMIT, "array", IMAGO_NO_OFFSET, rank,
		                  IMAGO_ARRAY_MAX_RANK);
	}
	uint64_t kept[IMAGO_ARRAY_MAX_RANK]; /* shape may be in a pocket, and pockets move */
	if (rank > 0) {
		memcpy(kept, shape, rank * sizeof *shape);
	}
	const imago_zones zones = {
	    .kind = IMAGO_POCKET_ARRAY, .type = (uint8_t)type, .size = (uint8_t)rank};
	const imago_status status = imago_pocket_make(pockets, zones, size, out, error);
	if (status == IMAGO_OK) {
		imago_pocket pocket;
		(void)imago_pocket_at(pockets, *out, &pocket);
		for (unsigned i = 0; i < rank; i++) {
			pocket_set_word(pocket.contents + (size_t)8 * i, kept[i]);
		}
	}
	return status;
}

imago_status
imago_array_scalar(imago_pockets *pockets, imago_array_type type, double number, uint32_t code,
                   imago_addr *out, imago_error *error)
{
	imago_array array;
	const imago_status status = imago_array_make(pockets, type, 0, NULL, out, error);
	if (status == IMAGO_OK) {
		(void)imago_array_at(pockets, *out, &array);
		if (type == IMAGO_ARRAY_CHAR) {
			imago_array_set_char(&array, 0, code);
		} else if (type == IMAGO_ARRAY_NUMBER) {
			imago_array_set_number(&array, 0, number);
		}
	}
	return status;
}

imago_status
imago_array_text(imago_pockets *pockets, const char *text, size_t length, imago_addr *out,
                 imago_error *error)
{
	uint64_t num = 0;
	uint32_t code = 0;
	for (size_t at = 0; at < length; num++) {
		const size_t size = imago_utf8_next(text + at, length - at, &code);
		if (size == 0) {
			return imago_fail(error, IMAGO_ESTRUCTURE, "UTF-8", at, (uint8_t)text[at], 0);
		}
		at += size;
	}
	if (num == 1) {
		return imago_array_scalar(pockets, IMAGO_ARRAY_CHAR, 0, code, out, error);
	}
	imago_array array;
	const imago_status status = imago_array_make(pockets, IMAGO_ARRAY_CHAR, 1, &num, out, error);
	if (status != IMAGO_OK) {
		return status;
	}
	(void)imago_array_at(pockets, *out, &array);
	size_t at = 0;
	for (uint64_t i = 0; i < num; i++) {
		at += imago_utf8_next(text + at, length - at, &code);
		imago_array_set_char(&array, i, code);
	}
	return IMAGO_OK;
}

void
imago_array_note_spaces(imago_pockets *pockets, imago_addr address)
{
	imago_pocket pocket;
	imago_pocket item;
	imago_array array;
	if (imago_region_of(address) != 0 || !imago_pocket_at(pockets, address, &pocket) ||
	    !imago_array_of(&pocket, &array) || array.type != IMAGO_ARRAY_NESTED) {
		return;
	}
	bool found = false;
	for (uint64_t i = 0; i < array.num && !found; i++) {
		const bool is_item = imago_pocket_at(pockets, imago_array_item(&array, i), &item) &&
		                     (item.zones.kind == IMAGO_POCKET_NAMESPACE ||
		                      (item.zones.kind == IMAGO_POCKET_ARRAY && item.zones.flag != 0));
		found = is_item && !IMAGO_BUG(spaces_in_first_only, is_item && i > 0);
	}
	(pocket.contents - IMAGO_POCKET_HEADER)[POCKET_AT_ZONES + 3] = found ? 1 : 0;
}

double
imago_array_number(const imago_array *array, uint64_t i)
{
	const uint64_t bits = pocket_word(array->elements + i * 8);
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

void
imago_array_set_number(const imago_array *array, uint64_t i, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	pocket_set_word(array->elements + i * 8, bits);
}

uint32_t
imago_array_char(const imago_array *array, uint64_t i)
{
	return pocket_half(array->elements + i * 4);
}

void
imago_array_set_char(const imago_array *array, uint64_t i, uint32_t code)
{
	pocket_set_half(array->elements + i * 4, code);
}

imago_addr
imago_array_item(const imago_array *array, uint64_t i)
{
	const imago_addr value = pocket_word(array->elements + i * 8);
	const unsigned here = imago_region_of(array->address);
	return here == 0 || imago_region_of(value) == here ? value : 0;
}

bool
imago_array_name(const imago_array *array, char name[IMAGO_SYMBOL_MAX_NAME], size_t *length)
{
	if (array->type != IMAGO_ARRAY_CHAR || array->num > IMAGO_SYMBOL_MAX_NAME) {
		return false;
	}
	for (uint64_t i = 0; i < array->num; i++) {
		const uint32_t code = imago_array_char(array, i);
		name[i] = '?';
		if (code < 0x80) {
			name[i] = (char)code;
		}
	}
	*length = (size_t)array->num;
	return imago_symbol_is_name(name, *length);
}
