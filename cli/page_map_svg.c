/* page_map_svg.c: the picture of pages, as SVG.
 *
 * All cells that look alike in a section are one path, so that a page costs about 15 bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "measure.h"
#include "output.h"
#include "page_map.h"

enum {
	COLUMNS = 64,
	PITCH = 10, /* from cell to cell */
	CELL = 9,
	MARGIN = 20,
	LINE = 18,           /* of text */
	LEGEND_COLUMN = 230, /* of its second column */
	NUM_TIER_LOOKS = 2 * IMAGO_NUM_TIERS,
	COPIED = NUM_TIER_LOOKS,
	FIRST_CLASS,
	NUM_LOOKS = FIRST_CLASS + MAP_CLASSES + 1,
	XML_SIZE = 6 * CLASS_NAME_SIZE,
};

/* Clean pages are pale, by tier and pointers; others are not. */
static const char *const colours[NUM_LOOKS] = {
    "#f7d9b8", "#fbeedd", "#f3efb0", "#faf8dc", "#c3d9ee", "#e4eef8", "#9a9a9a", "#c0221f",
    "#1f6fb4", "#2c8a3c", "#7d3c98", "#d9730d", "#0f8b8d", "#8c5a2b", "#d63384", "#222222",
};

static unsigned
look_of(const imago_layered_section *section, const page_cell *cell)
{
	switch (cell->look) {
	case PAGE_WRITTEN:
		return FIRST_CLASS + cell->cls;
	case PAGE_COPIED:
		return COPIED;
	default:
		return 2 * (unsigned)section->tier + (section->has_pointers ? 0 : 1);
	}
}

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

static uint64_t
rows_of(uint64_t num_cells)
{
	return num_cells / COLUMNS + (num_cells % COLUMNS > 0);
}

static uint64_t
height_of(const page_map *map)
{
	const imago_layered_head *head = &map->image->idle.head;
	uint64_t height = 2 * MARGIN + 2 * LINE;
	for (size_t i = 0; i < head->num_sections; i++) {
		if (head->sections[i].kind == IMAGO_LAYERED_OBJECTS) {
			height += UINT64_C(2) * LINE + rows_of(page_map_pages(&head->sections[i])) * PITCH;
		}
	}
	/* Tiers on the left, classes on the right. */
	const size_t right = map->num_classes + 2;
	return height + LINE * (right > NUM_TIER_LOOKS + 1 ? right : NUM_TIER_LOOKS + 1);
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
write_cells(imago_writer *writer, const imago_layered_section *section, const page_cell *cells,
            uint64_t num_cells, unsigned look, uint64_t top)
{
	bool any = false;
	for (uint64_t i = 0; i < num_cells; i++) {
		if (look_of(section, &cells[i]) == look) {
			if (!any) {
				imago_write_format(writer, "<path fill=\"%s\" d=\"", colours[look]);
			}
			any = true;
			imago_write_format(writer, "M%u %" PRIu64 "h%dv%dh-%dz",
			                   MARGIN + (unsigned)(i % COLUMNS) * PITCH, top + i / COLUMNS * PITCH,
			                   CELL, CELL, CELL);
		}
	}
	if (any) {
		imago_write_format(writer, "\"/>\n");
	}
}

static uint64_t
write_section(imago_writer *writer, const imago_layered_section *section, const page_cell *cells,
              uint64_t top)
{
	char title[128];
	const uint64_t num_cells = page_map_pages(section);
	uint64_t num_looks[PAGE_WRITTEN + 1] = {0};
	for (uint64_t i = 0; i < num_cells; i++) {
		num_looks[cells[i].look]++;
	}
	snprintf(title, sizeof title,
	         "%s: %s, %s: %" PRIu64 " page%s, %" PRIu64 " written, %" PRIu64 " copied",
	         section->name, tier_name(section->tier),
	         section->has_pointers ? "pointers" : "no pointers", num_cells, plural(num_cells),
	         num_looks[PAGE_WRITTEN], num_looks[PAGE_COPIED]);
	write_text(writer, MARGIN, top + LINE, title);
	top += LINE + LINE / 2;
	for (unsigned look = 0; look < NUM_LOOKS; look++) {
		write_cells(writer, section, cells, num_cells, look, top);
	}
	return top + rows_of(num_cells) * PITCH + LINE / 2;
}

static void
write_swatch(imago_writer *writer, uint64_t x, uint64_t y, unsigned look, const char *text)
{
	imago_write_format(writer,
	                   "<rect x=\"%" PRIu64 "\" y=\"%" PRIu64
	                   "\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n",
	                   x, y - CELL, CELL, CELL, colours[look]);
	write_text(writer, x + UINT64_C(2) * CELL, y, text);
}

static void
write_legend(imago_writer *writer, const page_map *map, uint64_t top)
{
	char text[CLASS_NAME_SIZE + 64];
	for (unsigned i = 0; i < NUM_TIER_LOOKS; i++) {
		snprintf(text, sizeof text, "%s, %s", tier_name((imago_tier)(i / 2)),
		         i % 2 == 0 ? "pointers" : "no pointers");
		write_swatch(writer, MARGIN, top + (uint64_t)LINE * (i + 1), i, text);
	}
	write_swatch(writer, MARGIN, top + (uint64_t)LINE * (NUM_TIER_LOOKS + 1), COPIED,
	             "private, but as in the file");
	write_text(writer, LEGEND_COLUMN, top + LINE, "written, most of all by objects of");
	for (size_t i = 0; i < map->num_classes; i++) {
		snprintf(text, sizeof text, "%s (on %" PRIu64 " page%s)", map->classes[i].name,
		         map->classes[i].num_pages, plural(map->classes[i].num_pages));
		write_swatch(writer, LEGEND_COLUMN, top + LINE * (i + 2), FIRST_CLASS + (unsigned)i, text);
	}
	write_swatch(writer, LEGEND_COLUMN, top + LINE * (map->num_classes + 2),
	             FIRST_CLASS + MAP_CLASSES, "other classes");
}

void
page_map_write_svg(const page_map *map, imago_writer *writer)
{
	const imago_layered_head *head = &map->image->idle.head;
	const uint64_t width = 2 * MARGIN + COLUMNS * PITCH;
	const uint64_t height = height_of(map);
	uint64_t top = MARGIN + LINE;
	const page_cell *cells = map->cells;
	imago_write_format(writer,
	                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%" PRIu64
	                   "\" height=\"%" PRIu64 "\" viewBox=\"0 0 %" PRIu64 " %" PRIu64 "\"\n"
	                   "  font-family=\"sans-serif\" font-size=\"12\">\n",
	                   width, height, width, height);
	imago_write_format(writer, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n");
	write_text(writer, MARGIN, MARGIN, map->image->path);
	for (size_t i = 0; i < head->num_sections; i++) {
		if (head->sections[i].kind == IMAGO_LAYERED_OBJECTS) {
			top = write_section(writer, &head->sections[i], cells, top);
			cells += page_map_pages(&head->sections[i]);
		}
	}
	write_legend(writer, map, top + LINE);
	imago_write_format(writer, "</svg>\n");
}
