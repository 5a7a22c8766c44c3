/* workspace_read.c: the pockets of a file, as a main workspace. */
#include <string.h>

#include "imago/workspace.h"

/* Moves the pointers of a pocket by the distance from the file's region to region 0. Those that
 * lead elsewhere lead nowhere then, as they did. */
static void
move_pointers(const imago_pocket *pocket, unsigned slot)
{
	uint64_t first;
	const uint64_t num = imago_pocket_pointers(pocket, &first);
	for (uint64_t i = 0; i < num; i++) {
		uint8_t *place = pocket->contents + first + i * 8;
		const imago_addr value = imago_load_u64(place, IMAGO_LITTLE_ENDIAN);
		if (imago_region_of(value) == slot) {
			imago_store_u64(place, value - IMAGO_REGION_START(slot) + IMAGO_REGION_START(0),
			                IMAGO_LITTLE_ENDIAN);
		}
	}
}

/* What counts twice in a shared code file counts once here. */
static void
count_values_once(imago_pockets *pockets)
{
	imago_addr address = IMAGO_REGION_START(0);
	imago_pocket pocket;
	for (; imago_pocket_at(pockets, address, &pocket); address += pocket.length) {
		imago_pocket value;
		if (pocket.zones.kind == IMAGO_POCKET_SYMBOL &&
		    imago_pocket_at(pockets, imago_pocket_pointer(&pocket, IMAGO_SYMBOL_VALUE), &value) &&
		    value.count > 1) {
			imago_pocket_drop(pockets, value.address);
		}
	}
}

imago_status
imago_workspace_read(imago_pockets *pockets, const imago_workspace_head *head, const uint8_t *bytes,
                     imago_error *error)
{
	imago_region *region = &pockets->regions[0];
	imago_error_set_part(error, "");
	region->bytes = imago_allocate(pockets->allocator, head->size, "workspace", error);
	if (region->bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	memcpy(region->bytes, bytes + IMAGO_WORKSPACE_PAGE, (size_t)head->size);
	region->used = region->capacity = head->size;
	region->root = head->root - head->start + IMAGO_REGION_START(0);
	if (head->slot != 0) {
		imago_addr address = IMAGO_REGION_START(0);
		imago_pocket pocket;
		for (; imago_pocket_at(pockets, address, &pocket); address += pocket.length) {
			move_pointers(&pocket, head->slot);
		}
		count_values_once(pockets);
	}
	imago_pockets_join_free(pockets);
	return IMAGO_OK;
}
