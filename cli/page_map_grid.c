/* page_map_grid.c: where the cells of a picture of pages lie, and what colour each has. */
#include "page_map_grid.h"

#include <inttypes.h>
#include <stdio.h>

#include "measure.h"
#include "output.h"

enum {
	FEWEST_COLUMNS = 64,
	MOST_ROWS_TO_A_COLUMN = 4,
};

/* Clean pages are pale, by tier and pointers; others are not. */
static const uint32_t colours[MAP_LOOKS] = {
    0xf7d9b8, 0xfbeedd, 0xf3efb0, 0xfaf8dc, 0xc3d9ee, 0xe4eef8, 0x9a9a9a, 0xc0221f,
    0x1f6fb4, 0x2c8a3c, 0x7d3c98, 0xd9730d, 0x0f8b8d, 0x8c5a2b, 0xd63384, 0x222222,
};

uint32_t
map_colour(unsigned look)
{
	return colours[look];
}

unsigned
map_look_of(const imago_layered_section *section, const page_cell *cell)
{
	switch (cell->look) {
	case PAGE_WRITTEN:
		return MAP_FIRST_CLASS + cell->cls;
	case PAGE_COPIED:
		return MAP_COPIED;
	default:
		return 2 * (unsigned)section->tier + (section->has_pointers ? 0 : 1);
	}
}

void
map_look_text(const page_map *map, unsigned look, char *text, size_t size)
{
	if (look < MAP_TIER_LOOKS) {
		snprintf(text, size, "%s, %s", tier_name((imago_tier)(look / 2)),
		         look % 2 == 0 ? "pointers" : "no pointers");
	} else if (look == MAP_COPIED) {
		snprintf(text, size, "private, but as in the file");
	} else if (look - MAP_FIRST_CLASS < map->num_classes) {
		const map_class *cls = &map->classes[look - MAP_FIRST_CLASS];
		snprintf(text, size, "%s (on %" PRIu64 " page%s)", cls->name, cls->num_pages,
		         plural(cls->num_pages));
	} else {
		snprintf(text, size, "other classes");
	}
}

/* Large images get wide pictures, so that they do not become a ribbon. */
static unsigned
columns_for(uint64_t num_cells)
{
	unsigned columns = FEWEST_COLUMNS;
	while (num_cells / columns / MOST_ROWS_TO_A_COLUMN > columns) {
		columns *= 2;
	}
	return columns;
}

map_grid
map_grid_of(const page_map *map)
{
	const imago_layered_head *head = &map->image->idle.head;
	const page_cell *cells = map->cells;
	map_grid grid = {.columns = columns_for(map->num_cells), .end = MAP_MARGIN + MAP_LINE};
	grid.width = (uint64_t)grid.columns * MAP_PITCH + 2 * (uint64_t)MAP_MARGIN;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		if (section->kind == IMAGO_LAYERED_OBJECTS) {
			map_block *block = &grid.blocks[grid.num_blocks++];
			uint64_t num_cells = page_map_pages(section);
			*block = (map_block){
			    .section = section,
			    .cells = cells,
			    .num_cells = num_cells,
			    .num_rows = num_cells / grid.columns + (num_cells % grid.columns > 0),
			    .title = grid.end + MAP_LINE,
			    .top = grid.end + MAP_LINE + MAP_LINE / 2,
			};
			grid.end = block->top + block->num_rows * MAP_PITCH + MAP_LINE / 2;
			cells += num_cells;
		}
	}
	return grid;
}
