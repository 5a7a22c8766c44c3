/* page_map_svg.c: the picture of pages, as SVG.
 *
 * All cells that look alike in a section are one path, so that a page costs about 15 bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "measure.h"
#include "output.h"
#include "page_map_grid.h"

enum {
	LEGEND_COLUMN = 230, /* of its second column */
	XML_SIZE = 6 * CLASS_NAME_SIZE,
};

/* Names come from images and command lines. */
static void
xml_text(const char *text, char *out, size_t size)
{
	char plain[CLASS_NAME_SIZE];
	size_t used = 0;
	escape_text((const uint8_t *)text, strlen(text), plain, sizeof plain);
	out[0] = '\0';
	for (const char *at = plain; *at != '\0'; at++) {
		const char one[2] = {*at, '\0'};
		const char *shown = *at == '&' ? "&amp;" : *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : one;
		const size_t length = strlen(shown);
		if (used + length < size) {
			memcpy(out + used, shown, length + 1);
			used += length;
		}
	}
}

/* Tiers on the left, classes on the right. */
static uint64_t
legend_height(const page_map *map)
{
	const size_t right = map->num_classes + 2;
	return MAP_LINE * (right > MAP_TIER_LOOKS + 1 ? right : MAP_TIER_LOOKS + 1);
}

static void
write_text(imago_writer *writer, uint64_t x, uint64_t y, const char *text)
{
	char xml[XML_SIZE];
	xml_text(text, xml, sizeof xml);
	imago_write_format(writer, "<text x=\"%" PRIu64 "\" y=\"%" PRIu64 "\">", x, y);
	imago_write_bytes(writer, xml, strlen(xml));
	imago_write_format(writer, "</text>\n");
}

/* The cells of a section that have one look. */
static void
write_cells(imago_writer *writer, const map_grid *grid, const map_block *block, unsigned look)
{
	bool any = false;
	for (uint64_t i = 0; i < block->num_cells; i++) {
		if (map_look_of(block->section, &block->cells[i]) == look) {
			if (!any) {
				imago_write_format(writer, "<path fill=\"#%06" PRIx32 "\" d=\"", map_colour(look));
			}
			any = true;
			imago_write_format(writer, "M%u %" PRIu64 "h%dv%dh-%dz",
			                   MAP_MARGIN + (unsigned)(i % grid->columns) * MAP_PITCH,
			                   block->top + i / grid->columns * MAP_PITCH, MAP_CELL, MAP_CELL,
			                   MAP_CELL);
		}
	}
	if (any) {
		imago_write_format(writer, "\"/>\n");
	}
}

static void
write_section(imago_writer *writer, const map_grid *grid, const map_block *block)
{
	char title[128];
	const imago_layered_section *section = block->section;
	uint64_t num_looks[PAGE_WRITTEN + 1] = {0};
	for (uint64_t i = 0; i < block->num_cells; i++) {
		num_looks[block->cells[i].look]++;
	}
	snprintf(title, sizeof title,
	         "%s: %s, %s: %" PRIu64 " page%s, %" PRIu64 " written, %" PRIu64 " copied",
	         section->name, tier_name(section->tier),
	         section->has_pointers ? "pointers" : "no pointers", block->num_cells,
	         plural(block->num_cells), num_looks[PAGE_WRITTEN], num_looks[PAGE_COPIED]);
	write_text(writer, MAP_MARGIN, block->title, title);
	for (unsigned look = 0; look < MAP_LOOKS; look++) {
		write_cells(writer, grid, block, look);
	}
}

static void
write_swatch(imago_writer *writer, uint64_t x, uint64_t y, const page_map *map, unsigned look)
{
	char text[CLASS_NAME_SIZE + 64];
	imago_write_format(writer,
	                   "<rect x=\"%" PRIu64 "\" y=\"%" PRIu64
	                   "\" width=\"%d\" height=\"%d\" fill=\"#%06" PRIx32 "\"/>\n",
	                   x, y - MAP_CELL, MAP_CELL, MAP_CELL, map_colour(look));
	map_look_text(map, look, text, sizeof text);
	write_text(writer, x + UINT64_C(2) * MAP_CELL, y, text);
}

static void
write_legend(imago_writer *writer, const page_map *map, uint64_t top)
{
	for (unsigned look = 0; look <= MAP_COPIED; look++) {
		write_swatch(writer, MAP_MARGIN, top + (uint64_t)MAP_LINE * (look + 1), map, look);
	}
	write_text(writer, LEGEND_COLUMN, top + MAP_LINE, "written, most of all by objects of");
	for (size_t i = 0; i < map->num_classes; i++) {
		write_swatch(writer, LEGEND_COLUMN, top + MAP_LINE * (i + 2), map,
		             MAP_FIRST_CLASS + (unsigned)i);
	}
	write_swatch(writer, LEGEND_COLUMN, top + MAP_LINE * (map->num_classes + 2), map,
	             MAP_OTHER_CLASS);
}

imago_status
page_map_write_svg(const page_map *map, imago_writer *writer, imago_error *error)
{
	const map_grid grid = map_grid_of(map);
	const uint64_t height = grid.end + MAP_MARGIN + MAP_LINE + legend_height(map);
	(void)error; /* the writer's */
	imago_write_format(writer,
	                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRIu64
	                   "\" height=\"%" PRIu64 "\" viewBox=\"0 0 %" PRIu64 " %" PRIu64 "\"\n"
	                   "  font-family=\"sans-serif\" font-size=\"12\">\n",
	                   grid.width, height, grid.width, height);
	imago_write_format(writer, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
	write_text(writer, MAP_MARGIN, MAP_MARGIN, map->image->path);
	for (size_t i = 0; i < grid.num_blocks; i++) {
		write_section(writer, &grid, &grid.blocks[i]);
	}
	write_legend(writer, map, grid.end + MAP_LINE);
	imago_write_format(writer, "</svg>\n");
	return writer->status;
}
