/* share.c: what the main workspace has from shared code files.
 *
 * Pointers lead from the main workspace into the files, never back. So namespaces, whose symbols
 * get new values, are copied when a file is attached, and functions, whose local symbol tables must
 * have symbols of the main workspace, when they are called; all else stays in the file.
 */
#include <string.h>

#include "../base/planted.h"
#include "pocket_private.h"

/* ---- Copies */

static imago_status
make_nothing(imago_pockets *pockets, imago_addr *out, imago_error *error)
{
	const uint64_t none = 0;
	return imago_array_make(pockets, IMAGO_ARRAY_NUMBER, 1, &none, out, error);
}

/* A pocket in region 0 with the same contents. Its pointers are held; those that must not be
 * followed are 0. */
static imago_status
copy_pocket(imago_pockets *pockets, imago_addr from, imago_addr *out, imago_error *error)
{
	imago_pocket old;
	imago_pocket copy;
	uint64_t first;
	(void)imago_pocket_at(pockets, from, &old);
	const imago_status status = imago_pocket_make(pockets, old.zones, old.size, out, error);
	if (status != IMAGO_OK) {
		return status;
	}
	(void)imago_pocket_at(pockets, from, &old);
	(void)imago_pocket_at(pockets, *out, &copy);
	memcpy(copy.contents, old.contents, (size_t)(old.size < copy.size ? old.size : copy.size));
	const uint64_t num = imago_pocket_pointers(&old, &first);
	for (uint64_t i = 0; i < num; i++) {
		const imago_addr value = imago_pocket_pointer(&old, i);
		if (!IMAGO_BUG(copied_item_unheld, value != 0 && i > 0 && i + 1 == num)) {
			imago_pocket_hold(pockets, value);
		}
		pocket_set_word(copy.contents + first + i * 8, value);
	}
	return IMAGO_OK;
}

imago_status
imago_pocket_copy_value(imago_pockets *pockets, imago_addr from, imago_addr *out,
                        imago_error *error)
{
	imago_pocket pocket;
	imago_array array;
	const bool is_sound = imago_array_at(pockets, from, &array) ||
	                      imago_pocket_of_kind(pockets, from, IMAGO_POCKET_BODY, &pocket);
	return is_sound ? copy_pocket(pockets, from, out, error) : make_nothing(pockets, out, error);
}

imago_status
imago_symbol_bind(imago_pockets *pockets, imago_addr symbol, imago_error *error)
{
	imago_pocket pocket;
	imago_pocket table;
	if (!imago_pocket_of_kind(pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "symbol", IMAGO_NO_OFFSET, symbol, 0);
	}
	const imago_addr space = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_SPACE);
	const imago_addr function = imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE);
	if (!imago_pocket_of_kind(pockets, function, IMAGO_POCKET_FUNCTION, &pocket)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "function", IMAGO_NO_OFFSET, function, 0);
	}
	if (IMAGO_BUG(called_unbound, imago_region_of(function) != 0)) {
		return IMAGO_OK;
	}
	if (imago_region_of(function) == 0 &&
	    imago_pocket_of_kind(pockets, imago_pocket_pointer(&pocket, FUNCTION_LST), IMAGO_POCKET_LST,
	                         &table) &&
	    imago_pocket_pointer(&table, LST_SPACE) == space) {
		return IMAGO_OK;
	}
	imago_addr copy;
	const imago_status status = imago_function_rebind(pockets, function, space, &copy, error);
	if (status == IMAGO_OK) {
		imago_symbol_exchange(pockets, symbol, copy);
	}
	return status;
}

/* ---- Attaching */

/* Pairs that are still to be done: what it is in the file, what it is here. */
typedef struct importer {
	imago_pockets *pockets;
	unsigned region;
	imago_addr_map done;  /* from namespaces and arrays of the file to their copies */
	imago_addr_map queue; /* from 1, 2, … to namespaces and arrays of the file */
	uint64_t num_imported;
	imago_error *error;
} importer;

/* The copy of a namespace or of an array with namespaces in it; its own items come later. One more
 * count is the caller's. */
static imago_status
copy_later(importer *im, imago_addr from, imago_addr parent, imago_addr *out)
{
	imago_pocket pocket;
	const uint64_t *known = imago_addr_map_find(&im->done, from);
	if (known != NULL) {
		*out = *known;
		imago_pocket_hold(im->pockets, *out);
		return IMAGO_OK;
	}
	const bool is_space = imago_pocket_of_kind(im->pockets, from, IMAGO_POCKET_NAMESPACE, &pocket);
	imago_status status = is_space ? imago_namespace_make(im->pockets, parent, out, im->error)
	                               : imago_pocket_copy_value(im->pockets, from, out, im->error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_addr_map_put(&im->done, from, *out, im->error);
	if (status == IMAGO_OK) {
		status = imago_addr_map_put(&im->queue, im->queue.num + 1, from, im->error);
	}
	if (status != IMAGO_OK) {
		imago_pocket_drop(im->pockets, *out);
	}
	return status;
}

/* The items of an array's copy that are, or have, namespaces. */
static imago_status
copy_items(importer *im, imago_addr copy, imago_addr parent)
{
	imago_array array;
	imago_status status = IMAGO_OK;
	for (uint64_t i = 0; status == IMAGO_OK && imago_array_at(im->pockets, copy, &array) &&
	                     array.type == IMAGO_ARRAY_NESTED && i < array.num;
	     i++) {
		imago_pocket item;
		const imago_addr value = imago_array_item(&array, i);
		if (imago_region_of(value) != im->region || !imago_pocket_at(im->pockets, value, &item) ||
		    (item.zones.kind != IMAGO_POCKET_NAMESPACE &&
		     (item.zones.kind != IMAGO_POCKET_ARRAY || item.zones.flag == 0))) {
			continue;
		}
		imago_addr made;
		status = copy_later(im, value, parent, &made);
		if (status == IMAGO_OK) {
			imago_pocket_give(im->pockets, copy, i, made);
		}
	}
	return status;
}

/* Symbols of a sorted file are near its beginning: a bit for each grain of all would be too many.
 */
static imago_status
grow_claimed(const importer *im, imago_bitmap *claimed, uint64_t grain)
{
	enum { WORD_BITS = 64, FIRST_WORDS = 64 };
	imago_bitmap grown;
	const uint64_t words = claimed->num_bits / WORD_BITS;
	uint64_t wanted = words == 0 ? FIRST_WORDS : words * 2;
	wanted = wanted * WORD_BITS > grain ? wanted : grain / WORD_BITS + 1;
	const imago_status status =
	    imago_bitmap_create(&grown, wanted * WORD_BITS, im->pockets->allocator, im->error);
	if (status == IMAGO_OK) {
		for (uint64_t i = 0; i < words; i++) {
			grown.words[i] = claimed->words[i];
		}
		imago_bitmap_release(claimed, im->pockets->allocator);
		*claimed = grown;
	}
	return status;
}

/* A pointer to what stays in the file takes over the count that the file has for it. */
static imago_status
take_count(importer *im, imago_addr from, imago_addr value)
{
	imago_bitmap *claimed = &im->pockets->regions[im->region].claimed;
	const uint64_t grain = (from - IMAGO_REGION_START(im->region)) / IMAGO_POCKET_GRAIN;
	if (grain >= claimed->num_bits) {
		const imago_status status = grow_claimed(im, claimed, grain);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	if (!imago_bitmap_test(claimed, grain)) {
		imago_bitmap_set(claimed, grain);
	} else {
		imago_pocket_hold(im->pockets, value);
	}
	return IMAGO_OK;
}

/* A symbol of the file, decoded. */
typedef struct file_symbol {
	imago_addr address;
	const char *name; /* in the file's bytes, which do not move */
	size_t length;
	imago_symbol_mark mark;
	imago_addr value;
} file_symbol;

static imago_status
decode_symbol(const importer *im, imago_addr address, file_symbol *out)
{
	imago_pocket pocket;
	*out = (file_symbol){.address = address};
	out->name = imago_pocket_at(im->pockets, address, &pocket)
	                ? imago_symbol_name(&pocket, &out->length)
	                : NULL;
	if (out->name == NULL || !imago_symbol_is_name(out->name, out->length)) {
		return imago_fail(im->error, IMAGO_ESTRUCTURE, "name of a symbol", IMAGO_NO_OFFSET, address,
		                  0);
	}
	out->mark = pocket.zones.type;
	out->value = pocket.zones.type == IMAGO_MARK_NOTHING
	                 ? 0
	                 : imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE);
	return IMAGO_OK;
}

/* Gives a symbol of the main workspace what a symbol of the file has. */
static imago_status
give_value(importer *im, imago_addr to, const file_symbol *from, imago_addr space)
{
	imago_addr value = from->value;
	const bool is_copied = from->mark == IMAGO_MARK_NAMESPACE ||
	                       (from->mark == IMAGO_MARK_SPACES &&
	                        !IMAGO_BUG(nested_space_shared, from->mark == IMAGO_MARK_SPACES));
	imago_status status = is_copied ? copy_later(im, from->value, space, &value)
	                                : take_count(im, from->address, value);
	if (status == IMAGO_OK) {
		imago_symbol_take(im->pockets, to, value, from->mark, im->region);
		im->num_imported++;
	}
	return status;
}

static bool
has_value(const imago_pockets *pockets, imago_addr symbol)
{
	imago_pocket pocket;
	return imago_pocket_of_kind(pockets, symbol, IMAGO_POCKET_SYMBOL, &pocket) &&
	       pocket.zones.type != IMAGO_MARK_NOTHING &&
	       imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE) != 0;
}

/* Both lists ascend: their names are merged, and the tree is made of the result. */
typedef struct merger {
	imago_symbol_list here, file;
	file_symbol last; /* of the file's */
	imago_addr *merged;
	uint64_t num, capacity;
} merger;

static int
compare_name(const imago_pockets *pockets, imago_addr symbol, const file_symbol *other)
{
	imago_pocket pocket;
	size_t length = 0;
	const char *name =
	    imago_pocket_at(pockets, symbol, &pocket) ? imago_symbol_name(&pocket, &length) : NULL;
	return name != NULL ? imago_name_compare(name, length, other->name, other->length) : 0;
}

/* Names of a tree that lies about its order would make one of the main workspace that does. */
static imago_status
require_order(const importer *im, const merger *m, const file_symbol *from)
{
	return m->last.name == NULL ||
	               imago_name_compare(m->last.name, m->last.length, from->name, from->length) < 0
	           ? IMAGO_OK
	           : imago_fail(im->error, IMAGO_ESTRUCTURE, "tree of symbols", IMAGO_NO_OFFSET,
	                        from->address, 0);
}

static imago_status
merge_one(importer *im, merger *m, uint64_t *i, uint64_t j, imago_addr space)
{
	file_symbol from = {.address = 0};
	int order = -1;
	imago_status status = decode_symbol(im, m->file.symbols[j], &from);
	if (status == IMAGO_OK) {
		status = require_order(im, m, &from);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	m->last = from;
	while (*i < m->here.num &&
	       (order = compare_name(im->pockets, m->here.symbols[*i], &from)) < 0) {
		m->merged[m->num++] = m->here.symbols[(*i)++];
	}
	if (from.value == 0) {
		return IMAGO_OK;
	}
	if (*i < m->here.num && order == 0) {
		const imago_addr here = m->here.symbols[*i];
		const bool has_one = has_value(im->pockets, here);
		return has_one && !IMAGO_BUG(name_taken_over, has_one) ? IMAGO_OK
		                                                       : give_value(im, here, &from, space);
	}
	imago_addr made;
	status = imago_symbol_make(im->pockets, space, from.name, from.length, &made, im->error);
	if (status == IMAGO_OK) {
		m->merged[m->num++] = made;
		status = give_value(im, made, &from, space);
	}
	return status;
}

/* The names of a namespace of the file, in a namespace of the main workspace. */
static imago_status
import_space(importer *im, imago_addr from, imago_addr space)
{
	merger m = {.num = 0};
	imago_status status = imago_symbol_list_create(&m.here, im->pockets, space, im->error);
	imago_status file_status = imago_symbol_list_create(&m.file, im->pockets, from, im->error);
	status = status == IMAGO_OK ? file_status : status;
	uint64_t i = 0;
	if (status == IMAGO_OK) {
		m.capacity = m.here.num + m.file.num + 1;
		m.merged = imago_pockets_scratch(im->pockets, NULL, 0, m.capacity * sizeof *m.merged,
		                                 "list of symbols", im->error);
		status = m.merged != NULL ? IMAGO_OK : IMAGO_ENOMEM;
	}
	for (uint64_t j = 0; status == IMAGO_OK && j < m.file.num; j++) {
		status = merge_one(im, &m, &i, j, space);
	}
	if (m.merged != NULL) {
		while (i < m.here.num) {
			m.merged[m.num++] = m.here.symbols[i++];
		}
		imago_symbols_level(im->pockets, space, m.merged, m.num);
	}
	imago_pockets_scratch_release(im->pockets, m.merged, m.capacity * sizeof *m.merged);
	imago_symbol_list_release(&m.here);
	imago_symbol_list_release(&m.file);
	return status;
}

imago_status
imago_pockets_import(imago_pockets *pockets, unsigned region, uint64_t *num_imported,
                     imago_error *error)
{
	importer im = {.pockets = pockets, .region = region, .error = error};
	imago_pocket pocket;
	if (region == 0 || region >= IMAGO_NUM_REGIONS || pockets->regions[region].bytes == NULL) {
		return imago_fail(error, IMAGO_EUSAGE, "slot", IMAGO_NO_OFFSET, region,
		                  IMAGO_NUM_REGIONS - 1);
	}
	const imago_addr root = pockets->regions[0].root;
	const imago_addr from = pockets->regions[region].root;
	imago_addr_map_init(&im.done, pockets);
	imago_addr_map_init(&im.queue, pockets);
	imago_status status = imago_addr_map_put(&im.done, from, root, error);
	if (status == IMAGO_OK) {
		status = import_space(&im, from, root);
	}
	for (uint64_t i = 1; status == IMAGO_OK && i <= im.queue.num; i++) {
		const imago_addr next = *imago_addr_map_find(&im.queue, i);
		const imago_addr copy = *imago_addr_map_find(&im.done, next);
		if (imago_pocket_of_kind(pockets, copy, IMAGO_POCKET_NAMESPACE, &pocket)) {
			status = import_space(&im, next, copy);
		} else {
			status = copy_items(&im, copy, root);
		}
	}
	imago_addr_map_release(&im.done);
	imago_addr_map_release(&im.queue);
	*num_imported = im.num_imported;
	return status;
}
