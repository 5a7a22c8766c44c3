/* forget.c: the way back: what the main workspace has from a shared code file is taken away, or
 * copied, so that the file can go. */
#include "../base/planted.h"
#include "pocket_private.h"

/* Takes away what symbols have from a region. Counts of the region are of no interest any more, and
 * to write them would copy its pages. */
static void
take_away(imago_pockets *pockets, unsigned number)
{
	imago_region *region = &pockets->regions[number];
	uint8_t *bytes = region->bytes;
	imago_addr address = IMAGO_REGION_START(0);
	imago_pocket pocket;
	region->bytes = NULL;
	while (imago_pocket_at(pockets, address, &pocket)) {
		if (pocket.zones.kind == IMAGO_POCKET_SYMBOL && pocket.zones.flag == number) {
			imago_symbol_set(pockets, address, 0);
		}
		address += pocket.length;
	}
	region->bytes = bytes;
}

/* Replaces one pointer into the region by one to a copy, which may lead there itself. */
static imago_status
replace_pointer(imago_pockets *pockets, imago_addr_map *copies, imago_addr address, uint64_t i,
                imago_error *error)
{
	imago_pocket pocket;
	(void)imago_pocket_at(pockets, address, &pocket);
	const imago_addr value = imago_pocket_pointer(&pocket, i);
	if (pocket.zones.kind == IMAGO_POCKET_SYMBOL && pocket.zones.type == IMAGO_MARK_FUNCTION &&
	    i == IMAGO_SYMBOL_VALUE) {
		const imago_status status = imago_symbol_bind(pockets, address, error);
		if (status == IMAGO_ESTRUCTURE) { /* a function that is none */
			imago_symbol_set(pockets, address, 0);
			return IMAGO_OK;
		}
		return status;
	}
	const uint64_t *known = imago_addr_map_find(copies, value);
	imago_addr copy;
	imago_status status = IMAGO_OK;
	if (known != NULL) {
		copy = *known;
		imago_pocket_hold(pockets, copy);
	} else {
		status = imago_pocket_copy_value(pockets, value, &copy, error);
		if (status == IMAGO_OK) {
			status = imago_addr_map_put(copies, value, copy, error);
			if (status != IMAGO_OK) {
				imago_pocket_drop(pockets, copy);
			}
		}
	}
	if (status == IMAGO_OK) {
		imago_pocket_give(pockets, address, i, copy);
	}
	return status;
}

/* One walk over the main workspace. What it copies may lie behind, or before, where it is. */
static imago_status
replace_pointers(imago_pockets *pockets, unsigned region, imago_addr_map *copies, bool *found,
                 imago_error *error)
{
	imago_addr address = IMAGO_REGION_START(0);
	imago_pocket pocket;
	imago_status status = IMAGO_OK;
	*found = false;
	while (status == IMAGO_OK && imago_pocket_at(pockets, address, &pocket)) {
		uint64_t first;
		const uint64_t num = imago_pocket_pointers(&pocket, &first);
		for (uint64_t i = 0; status == IMAGO_OK && i < num; i++) {
			(void)imago_pocket_at(pockets, address, &pocket);
			if (imago_region_of(imago_pocket_pointer(&pocket, i)) == region) {
				*found = true;
				status = replace_pointer(pockets, copies, address, i, error);
			}
		}
		(void)imago_pocket_at(pockets, address, &pocket);
		address += pocket.length;
	}
	return status;
}

imago_status
imago_pockets_forget(imago_pockets *pockets, unsigned region, bool keep, imago_error *error)
{
	if (region == 0 || region >= IMAGO_NUM_REGIONS || pockets->regions[region].bytes == NULL ||
	    pockets->stack_size > 0) {
		return imago_fail(error, IMAGO_EUSAGE, "slot", IMAGO_NO_OFFSET, region,
		                  IMAGO_NUM_REGIONS - 1);
	}
	imago_addr_map copies;
	bool found = true;
	imago_status status = IMAGO_OK;
	imago_addr_map_init(&copies, pockets);
	if (!keep) {
		take_away(pockets, region);
	}
	while (status == IMAGO_OK && found) {
		status = replace_pointers(pockets, region, &copies, &found, error);
		if (IMAGO_BUG(detached_in_one_pass, found)) {
			break;
		}
	}
	imago_addr_map_release(&copies);
	if (status == IMAGO_OK) {
		imago_addr address = IMAGO_REGION_START(0);
		imago_pocket pocket;
		for (; imago_pocket_at(pockets, address, &pocket); address += pocket.length) {
			if (pocket.zones.kind == IMAGO_POCKET_SYMBOL && pocket.zones.flag == region) {
				imago_symbol_note_import(pockets, address, 0);
			}
		}
		imago_bitmap_release(&pockets->regions[region].claimed, pockets->allocator);
		pockets->regions[region] = (imago_region){.bytes = NULL};
	}
	return status;
}

imago_status
imago_pockets_bind_all(imago_pockets *pockets, imago_error *error)
{
	imago_addr address = IMAGO_REGION_START(0);
	imago_pocket pocket;
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK && imago_pocket_at(pockets, address, &pocket)) {
		const imago_addr value = pocket.zones.kind == IMAGO_POCKET_SYMBOL
		                             ? imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE)
		                             : 0;
		if (value != 0 && pocket.zones.type == IMAGO_MARK_FUNCTION && imago_region_of(value) != 0) {
			status = imago_symbol_bind(pockets, address, error);
			(void)imago_pocket_at(pockets, address, &pocket);
		}
		address += pocket.length;
	}
	return status;
}
