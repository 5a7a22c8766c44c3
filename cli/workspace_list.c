/* workspace_list.c: the names of a workspace. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "workspace_files.h"

enum { MOST_DEPTH = 16, PREFIX_SIZE = MOST_DEPTH * (IMAGO_SYMBOL_MAX_NAME + 1) + 1 };

static void
print_array(const imago_pockets *pockets, imago_addr value)
{
	static const char *const types[] = {[IMAGO_ARRAY_NUMBER] = "numbers",
	                                    [IMAGO_ARRAY_CHAR] = "characters",
	                                    [IMAGO_ARRAY_NESTED] = "items"};
	imago_array array;
	if (!imago_array_at(pockets, value, &array)) {
		return;
	}
	print("  %s", types[array.type]);
	for (unsigned i = 0; i < array.rank; i++) {
		print(" %s%" PRIu64, i == 0 ? "" : "by ", array.shape[i]);
	}
	print("\n");
}

static void list_space(imago_pockets *pockets, imago_addr space, const char *prefix,
                       unsigned depth);

static void
print_symbol(imago_pockets *pockets, const imago_pocket *symbol, const char *prefix, unsigned depth)
{
	static const char *const marks[] = {[IMAGO_MARK_FUNCTION] = "function",
	                                    [IMAGO_MARK_DATA] = "array",
	                                    [IMAGO_MARK_SPACES] = "array",
	                                    [IMAGO_MARK_NAMESPACE] = "namespace"};
	char path[PREFIX_SIZE];
	size_t length;
	imago_pocket value;
	const char *name = imago_symbol_name(symbol, &length);
	const imago_addr address = imago_pocket_pointer(symbol, IMAGO_SYMBOL_VALUE);
	if (name == NULL || symbol->zones.type == IMAGO_MARK_NOTHING ||
	    symbol->zones.type >= IMAGO_NUM_SYMBOL_MARKS ||
	    !imago_pocket_at(pockets, address, &value)) {
		return;
	}
	snprintf(path, sizeof path, "%s%.*s", prefix, (int)length, name);
	const uint8_t mark = symbol->zones.type;
	print("%-20s %-10s %8" PRIu64, path, marks[mark], value.length);
	if (mark == IMAGO_MARK_DATA || mark == IMAGO_MARK_SPACES) {
		print_array(pockets, address);
		return;
	}
	print("\n");
	if (mark == IMAGO_MARK_NAMESPACE && depth < MOST_DEPTH) {
		snprintf(path, sizeof path, "%s%.*s.", prefix, (int)length, name);
		list_space(pockets, address, path, depth + 1);
	}
}

static void
list_space(imago_pockets *pockets, imago_addr space, const char *prefix, unsigned depth)
{
	imago_symbol_list list;
	imago_error error;
	if (imago_symbol_list_create(&list, pockets, space, &error) == IMAGO_OK) {
		for (uint64_t i = 0; i < list.num && !output_failed(); i++) {
			imago_pocket symbol;
			if (imago_pocket_at(pockets, list.symbols[i], &symbol)) {
				print_symbol(pockets, &symbol, prefix, depth);
			}
		}
	}
	imago_symbol_list_release(&list);
}

void
list_workspace(imago_workspace *workspace, imago_allocator *allocator)
{
	imago_pockets *pockets = imago_workspace_pockets(workspace);
	(void)allocator;
	print("%-20s %-10s %8s\n", "name", "what", "bytes");
	list_space(pockets, pockets->regions[0].root, "", 0);
}
