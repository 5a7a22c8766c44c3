/* symbols.c: names: a binary tree for each namespace. */
#include <string.h>

#include "../base/planted.h"
#include "pocket_private.h"

bool
imago_symbol_is_name(const char *name, size_t length)
{
	if (length == 0 || length > IMAGO_SYMBOL_MAX_NAME) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		const char c = name[i];
		const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!is_letter && (i == 0 || c < '0' || c > '9')) {
			return false;
		}
	}
	return true;
}

const char *
imago_symbol_name(const imago_pocket *symbol, size_t *length)
{
	*length = symbol->zones.size;
	return symbol->zones.kind == IMAGO_POCKET_SYMBOL && symbol->size >= SYMBOL_NAME &&
	               *length <= symbol->size - SYMBOL_NAME
	           ? (const char *)symbol->contents + SYMBOL_NAME
	           : NULL;
}

int
imago_name_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	if (IMAGO_BUG(prefix_is_same_name, order == 0 && a_length != b_length)) {
		return 0;
	}
	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Where a name's symbol is, or would be. */
typedef struct place {
	imago_addr symbol; /* 0: there is none … */
	imago_addr above;  /* … and it would be this pocket's … */
	uint64_t pointer;  /* … pointer of this number */
	unsigned depth;
} place;

/* False when the tree is broken. */
static bool
find_place(const imago_pockets *pockets, imago_addr space, const char *name, size_t length,
           place *out)
{
	imago_pocket pocket;
	if (!imago_pocket_of_kind(pockets, space, IMAGO_POCKET_NAMESPACE, &pocket) ||
	    pocket.size < NAMESPACE_SIZE) {
		return false;
	}
	*out = (place){.above = space, .pointer = IMAGO_SPACE_ROOT};
	for (; out->depth <= IMAGO_SYMBOL_MAX_DEPTH; out->depth++) {
		size_t other_length;
		const imago_addr next = imago_pocket_pointer(&pocket, out->pointer);
		if (next == 0) {
			return true;
		}
		const char *other = imago_pocket_of_kind(pockets, next, IMAGO_POCKET_SYMBOL, &pocket)
		                        ? imago_symbol_name(&pocket, &other_length)
		                        : NULL;
		if (other == NULL) {
			return false;
		}
		const int order = imago_name_compare(name, length, other, other_length);
		if (order == 0) {
			out->symbol = next;
			return true;
		}
		out->above = next;
		out->pointer = order < 0 ? IMAGO_SYMBOL_LEFT : IMAGO_SYMBOL_RIGHT;
	}
	return false;
}

imago_addr
imago_symbol_find(const imago_pockets *pockets, imago_addr space, const char *name, size_t length)
{
	place found;
	return find_place(pockets, space, name, length, &found) ? found.symbol : 0;
}

static uint8_t *
place_of_number(const imago_pockets *pockets, imago_addr space)
{
	return imago_pocket_bytes(pockets, space + IMAGO_POCKET_HEADER, NAMESPACE_SIZE) +
	       NAMESPACE_NUM_SYMBOLS;
}

/* A tree is made level when it is more than twice as deep as it need be. */
static bool
is_too_deep(uint64_t num, unsigned depth)
{
	unsigned level = 1;
	while (num >> level != 0) {
		level++;
	}
	return depth > 2 * level + 4;
}

static imago_status
make_level(imago_pockets *pockets, imago_addr space, imago_error *error)
{
	imago_symbol_list list;
	const imago_status status = imago_symbol_list_create(&list, pockets, space, error);
	if (status == IMAGO_OK) {
		imago_symbols_level(pockets, space, list.symbols, list.num);
	}
	imago_symbol_list_release(&list);
	return status;
}

imago_status
imago_symbol_make(imago_pockets *pockets, imago_addr space, const char *name, size_t length,
                  imago_addr *out, imago_error *error)
{
	char copy[IMAGO_SYMBOL_MAX_NAME]; /* name may be in a pocket, and pockets move */
	memcpy(copy, name, length);
	const imago_zones zones = {.kind = IMAGO_POCKET_SYMBOL, .size = (uint8_t)length};
	const imago_status status = imago_pocket_make(pockets, zones, SYMBOL_NAME + length, out, error);
	if (status == IMAGO_OK) {
		uint8_t *contents = pocket_contents(pockets, *out);
		memcpy(contents + SYMBOL_NAME, copy, length);
		imago_pocket_hold(pockets, space);
		pocket_set_word(contents + (size_t)8 * IMAGO_SYMBOL_SPACE, space);
	}
	return status;
}

imago_status
imago_symbol_intern(imago_pockets *pockets, imago_addr space, const char *name, size_t length,
                    imago_addr *out, imago_error *error)
{
	place found;
	if (!imago_symbol_is_name(name, length) || imago_region_of(space) != 0) {
		return imago_fail(error, IMAGO_EUSAGE, "name", IMAGO_NO_OFFSET, length,
		                  IMAGO_SYMBOL_MAX_NAME);
	}
	if (!find_place(pockets, space, name, length, &found)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "tree of symbols", IMAGO_NO_OFFSET, space, 0);
	}
	if (found.symbol != 0) {
		*out = found.symbol;
		return IMAGO_OK;
	}
	const uint64_t num = pocket_word(place_of_number(pockets, space)) + 1;
	if (is_too_deep(num, found.depth)) {
		const imago_status status = make_level(pockets, space, error);
		if (status != IMAGO_OK) {
			return status;
		}
		(void)find_place(pockets, space, name, length, &found);
	}
	imago_addr symbol;
	const imago_status status = imago_symbol_make(pockets, space, name, length, &symbol, error);
	if (status != IMAGO_OK) {
		return status;
	}
	imago_pocket_give(pockets, found.above, found.pointer, symbol);
	pocket_set_word(place_of_number(pockets, space), num);
	*out = symbol;
	return IMAGO_OK;
}

void
imago_symbol_set(imago_pockets *pockets, imago_addr symbol, imago_addr value)
{
	imago_pocket pocket;
	if (imago_pocket_of_kind(pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket) &&
	    imago_region_of(symbol) == 0) {
		uint8_t *zones = pocket.contents - IMAGO_POCKET_HEADER + POCKET_AT_ZONES;
		zones[1] = (uint8_t)imago_value_mark(pockets, value);
		zones[3] = 0;
		imago_pocket_give(pockets, symbol, IMAGO_SYMBOL_VALUE, value);
	} else {
		imago_pocket_drop(pockets, value);
	}
}

void
imago_symbol_take(imago_pockets *pockets, imago_addr symbol, imago_addr value,
                  imago_symbol_mark mark, unsigned region)
{
	uint8_t *contents = pocket_contents(pockets, symbol);
	uint8_t *zones = contents - IMAGO_POCKET_HEADER + POCKET_AT_ZONES;
	const imago_addr before = pocket_word(contents + (size_t)8 * IMAGO_SYMBOL_VALUE);
	zones[1] = (uint8_t)mark;
	zones[3] = (uint8_t)region;
	pocket_set_word(contents + (size_t)8 * IMAGO_SYMBOL_VALUE, value);
	imago_pocket_drop(pockets, before);
}

void
imago_symbol_note_import(imago_pockets *pockets, imago_addr symbol, unsigned region)
{
	imago_pocket pocket;
	if (imago_pocket_of_kind(pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket) &&
	    imago_region_of(symbol) == 0) {
		(pocket.contents - IMAGO_POCKET_HEADER)[POCKET_AT_ZONES + 3] = (uint8_t)region;
	}
}

void
imago_symbol_exchange(imago_pockets *pockets, imago_addr symbol, imago_addr value)
{
	imago_pocket pocket;
	const unsigned region = imago_pocket_at(pockets, symbol, &pocket) ? pocket.zones.flag : 0;
	imago_symbol_set(pockets, symbol, value);
	imago_symbol_note_import(pockets, symbol, region);
}

/* ---- All of them */

static imago_status
add_to_list(imago_symbol_list *list, imago_addr symbol, uint64_t most, imago_error *error)
{
	if (list->num == most) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "tree of symbols", IMAGO_NO_OFFSET, symbol, 0);
	}
	if (list->num == list->capacity) {
		const uint64_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
		imago_addr *grown =
		    imago_pockets_scratch(list->pockets, list->symbols, list->capacity * sizeof *grown,
		                          capacity * sizeof *grown, "list of symbols", error);
		if (grown == NULL) {
			return IMAGO_ENOMEM;
		}
		list->symbols = grown;
		list->capacity = capacity;
	}
	list->symbols[list->num++] = symbol;
	return IMAGO_OK;
}

imago_status
imago_symbol_list_create(imago_symbol_list *list, imago_pockets *pockets, imago_addr space,
                         imago_error *error)
{
	struct {
		imago_addr symbol, right;
	} path[IMAGO_SYMBOL_MAX_DEPTH + 1];
	unsigned depth = 0;
	imago_pocket pocket;
	*list = (imago_symbol_list){.pockets = pockets};
	if (!imago_pocket_of_kind(pockets, space, IMAGO_POCKET_NAMESPACE, &pocket)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "namespace", IMAGO_NO_OFFSET, space, 0);
	}
	const uint64_t most =
	    pockets->regions[imago_region_of(space)].used / (IMAGO_POCKET_HEADER + SYMBOL_NAME) + 1;
	imago_addr next = imago_pocket_pointer(&pocket, IMAGO_SPACE_ROOT);
	while (next != 0 || depth > 0) {
		const bool is_deep = next != 0 && depth > IMAGO_SYMBOL_MAX_DEPTH;
		if (next != 0 && ((is_deep && !IMAGO_BUG(tree_too_deep, is_deep)) ||
		                  !imago_pocket_of_kind(pockets, next, IMAGO_POCKET_SYMBOL, &pocket))) {
			return imago_fail(error, IMAGO_ESTRUCTURE, "tree of symbols", IMAGO_NO_OFFSET, next,
			                  IMAGO_SYMBOL_MAX_DEPTH);
		}
		if (next != 0) {
			path[depth].symbol = next;
			path[depth++].right = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_RIGHT);
			next = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_LEFT);
			continue;
		}
		const imago_status status = add_to_list(list, path[--depth].symbol, most, error);
		if (status != IMAGO_OK) {
			return status;
		}
		next = path[depth].right;
	}
	return IMAGO_OK;
}

void
imago_symbol_list_release(imago_symbol_list *list)
{
	imago_pockets_scratch_release(list->pockets, list->symbols,
	                              list->capacity * sizeof *list->symbols);
	*list = (imago_symbol_list){.pockets = list->pockets};
}

/* Stores a pointer of the tree without counting: each symbol of it is led to once, before and
 * after. */
static void
link_symbol(imago_pockets *pockets, imago_addr from, uint64_t pointer, imago_addr to)
{
	uint8_t *word =
	    imago_pocket_bytes(pockets, from + IMAGO_POCKET_HEADER + pointer * 8, sizeof to);
	if (word != NULL) {
		pocket_set_word(word, to);
	}
}

static imago_addr
level(imago_pockets *pockets, const imago_addr *symbols, uint64_t num)
{
	if (num == 0) {
		return 0;
	}
	const uint64_t middle = num / 2;
	link_symbol(pockets, symbols[middle], IMAGO_SYMBOL_LEFT, level(pockets, symbols, middle));
	link_symbol(pockets, symbols[middle], IMAGO_SYMBOL_RIGHT,
	            level(pockets, symbols + middle + 1, num - middle - 1));
	return symbols[middle];
}

void
imago_symbols_level(imago_pockets *pockets, imago_addr space, const imago_addr *symbols,
                    uint64_t num)
{
	link_symbol(pockets, space, IMAGO_SPACE_ROOT, level(pockets, symbols, num));
	pocket_set_word(place_of_number(pockets, space), num);
}

/* ---- Namespaces, marks */

imago_status
imago_namespace_make(imago_pockets *pockets, imago_addr parent, imago_addr *out, imago_error *error)
{
	const imago_zones zones = {.kind = IMAGO_POCKET_NAMESPACE};
	const imago_status status = imago_pocket_make(pockets, zones, NAMESPACE_SIZE, out, error);
	if (status == IMAGO_OK) {
		imago_pocket_put(pockets, *out, IMAGO_SPACE_PARENT, parent);
	}
	return status;
}

imago_symbol_mark
imago_value_mark(const imago_pockets *pockets, imago_addr value)
{
	imago_pocket pocket;
	if (!imago_pocket_at(pockets, value, &pocket)) {
		return IMAGO_MARK_NOTHING;
	}
	switch (pocket.zones.kind) {
	case IMAGO_POCKET_FUNCTION:
		return IMAGO_MARK_FUNCTION;
	case IMAGO_POCKET_NAMESPACE:
		return IMAGO_MARK_NAMESPACE;
	default:
		return pocket.zones.flag != 0 ? IMAGO_MARK_SPACES : IMAGO_MARK_DATA;
	}
}
