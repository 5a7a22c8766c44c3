/* page_map_grid.h: where the cells of a picture of pages lie, and what colour each has: the same in
 * every kind of file. */
#ifndef IMAGO_CLI_PAGE_MAP_GRID_H
#define IMAGO_CLI_PAGE_MAP_GRID_H

#include "page_map.h"

/* In units of the picture: pixels. */
enum {
	MAP_PITCH = 10, /* from cell to cell */
	MAP_CELL = 9,
	MAP_MARGIN = 20,
	MAP_LINE = 18, /* of text */
};

/* Looks: tier and pointers of clean pages, copied pages, classes of written ones. */
enum {
	MAP_TIER_LOOKS = 2 * IMAGO_NUM_TIERS,
	MAP_COPIED = MAP_TIER_LOOKS,
	MAP_FIRST_CLASS,
	MAP_OTHER_CLASS = MAP_FIRST_CLASS + MAP_CLASSES,
	MAP_LOOKS,
};

/* The cells of a section, row by row. */
typedef struct map_block {
	const imago_layered_section *section;
	const page_cell *cells;
	uint64_t num_cells, num_rows;
	uint64_t title; /* y of its title's base line */
	uint64_t top;   /* y of its first row */
} map_block;

typedef struct map_grid {
	unsigned columns;
	uint64_t width;
	map_block blocks[IMAGO_LAYERED_MAX_SECTIONS]; /* from above */
	size_t num_blocks;
	uint64_t end; /* y behind the last block */
} map_grid;

map_grid map_grid_of(const page_map *map);

unsigned map_look_of(const imago_layered_section *section, const page_cell *cell);

/* 0xRRGGBB; the paper is white. */
uint32_t map_colour(unsigned look);

/* What a look means, in words; cut to size. */
void map_look_text(const page_map *map, unsigned look, char *text, size_t size);

#endif
