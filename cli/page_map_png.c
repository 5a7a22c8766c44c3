/* page_map_png.c: the picture of pages, as PNG: the grid of the SVG, without its words.
 *
 * A row of pixels at a time: what a picture takes is a row and what libpng keeps. */
#include "page_map_grid.h"

#ifdef IMAGO_PNG

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

enum {
	PAPER = MAP_LOOKS, /* behind the looks in the palette */
	NUM_COLOURS,
	BITS = 8,                         /* of a pixel: an index into the palette */
	TEXT_SIZE = CLASS_NAME_SIZE + 64, /* of what a look means */
	LEGEND_SIZE = MAP_LOOKS * (TEXT_SIZE + 32),
};

/* A picture in the making. */
typedef struct drawing {
	const page_map *map;
	map_grid grid;
	imago_writer *writer;
	imago_error *error;
	uint8_t *row; /* of pixels */
	char title[4 * CLASS_NAME_SIZE];
	char legend[LEGEND_SIZE];
} drawing;

static void
append(png_structp png, png_bytep bytes, png_size_t size)
{
	imago_writer *writer = png_get_io_ptr(png);
	imago_write_bytes(writer, bytes, size);
	if (writer->status != IMAGO_OK) {
		png_error(png, "no memory");
	}
}

static void
flush_nothing(png_structp png)
{
	(void)png;
}

/* libpng wants not to be returned to. */
_Noreturn static void
give_up(png_structp png, png_const_charp message)
{
	(void)message;
	png_longjmp(png, 1);
}

static void
say_nothing(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void
write_palette(png_structp png, png_infop info)
{
	png_color palette[NUM_COLOURS];
	for (unsigned i = 0; i < NUM_COLOURS; i++) {
		uint32_t colour = i == PAPER ? 0xffffff : map_colour(i);
		palette[i] = (png_color){.red = (png_byte)(colour >> 16),
		                         .green = (png_byte)(colour >> 8 & 0xff),
		                         .blue = (png_byte)(colour & 0xff)};
	}
	png_set_PLTE(png, info, palette, NUM_COLOURS);
}

/* A line for each look that there is something to say of. */
static void
describe_looks(drawing *d)
{
	size_t used = 0;
	for (unsigned look = 0; look < MAP_LOOKS; look++) {
		char text[TEXT_SIZE];
		char plain[sizeof text];
		if (look >= MAP_FIRST_CLASS + d->map->num_classes && look != MAP_OTHER_CLASS) {
			continue;
		}
		map_look_text(d->map, look, text, sizeof text);
		escape_text((const uint8_t *)text, strlen(text), plain, sizeof plain);
		int length =
		    snprintf(d->legend + used, sizeof d->legend - used, "#%06x %s%s\n",
		             (unsigned)map_colour(look), look < MAP_FIRST_CLASS ? "" : "written: ", plain);
		used += (size_t)length;
	}
}

static void
write_texts(png_structp png, png_infop info, drawing *d)
{
	char title_key[] = "Title";
	char legend_key[] = "Description";
	const char *path = d->map->image->path;
	png_text texts[] = {
	    {.compression = PNG_TEXT_COMPRESSION_NONE, .key = title_key, .text = d->title},
	    {.compression = PNG_TEXT_COMPRESSION_NONE, .key = legend_key, .text = d->legend},
	};
	escape_text((const uint8_t *)path, strlen(path), d->title, sizeof d->title);
	describe_looks(d);
	png_set_text(png, info, texts, sizeof texts / sizeof texts[0]);
}

static void
write_lines(png_structp png, const drawing *d, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		png_write_row(png, d->row);
	}
}

/* White lines down to y. */
static void
write_paper(png_structp png, const drawing *d, uint64_t from, uint64_t y)
{
	memset(d->row, PAPER, (size_t)d->grid.width);
	write_lines(png, d, y - from);
}

static void
write_block(png_structp png, const drawing *d, const map_block *block)
{
	const unsigned columns = d->grid.columns;
	for (uint64_t row = 0; row < block->num_rows; row++) {
		memset(d->row, PAPER, (size_t)d->grid.width);
		for (uint64_t i = row * columns; i < (row + 1) * columns && i < block->num_cells; i++) {
			memset(d->row + MAP_MARGIN + i % columns * MAP_PITCH,
			       (int)map_look_of(block->section, &block->cells[i]), MAP_CELL);
		}
		write_lines(png, d, MAP_CELL);
		write_paper(png, d, MAP_CELL, MAP_PITCH);
	}
}

static void
write_picture(png_structp png, png_infop info, drawing *d)
{
	const map_grid *grid = &d->grid;
	uint64_t y = 0;
	png_set_write_fn(png, d->writer, append, flush_nothing);
	png_set_IHDR(png, info, (png_uint_32)grid->width, (png_uint_32)grid->end, BITS,
	             PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
	             PNG_FILTER_TYPE_DEFAULT);
	write_palette(png, info);
	write_texts(png, info, d);
	png_write_info(png, info);
	for (size_t i = 0; i < grid->num_blocks; i++) {
		const map_block *block = &grid->blocks[i];
		write_paper(png, d, y, block->top);
		write_block(png, d, block);
		y = block->top + block->num_rows * MAP_PITCH;
	}
	write_paper(png, d, y, grid->end);
	png_write_end(png, info);
}

/* Where libpng's jumps end: nothing of this function changes in between. */
static imago_status
draw(png_structp png, png_infop info, drawing *d)
{
	/* NOLINTNEXTLINE(cert-err52-cpp): libpng has no other way out */
	if (info == NULL || setjmp(png_jmpbuf(png)) != 0) {
		return d->writer->status != IMAGO_OK
		           ? d->writer->status
		           : imago_fail(d->error, IMAGO_ENOMEM, "PNG", IMAGO_NO_OFFSET, 0, 0);
	}
	write_picture(png, info, d);
	return IMAGO_OK;
}

imago_status
page_map_write_png(const page_map *map, imago_writer *writer, imago_error *error)
{
	drawing d = {.map = map, .grid = map_grid_of(map), .writer = writer, .error = error};
	d.row = imago_allocate(writer->allocator, d.grid.width, "row of a picture", error);
	if (d.row == NULL) {
		return IMAGO_ENOMEM;
	}
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, give_up, say_nothing);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
	imago_status status = draw(png, info, &d);
	png_destroy_write_struct(&png, &info);
	imago_release(writer->allocator, d.row, d.grid.width);
	return status;
}

#else

imago_status
page_map_write_png(const page_map *map, imago_writer *writer, imago_error *error)
{
	(void)map;
	(void)writer;
	return imago_fail(error, IMAGO_EUSAGE, "no PNG: this command is built without libpng",
	                  IMAGO_NO_OFFSET, 0, 0);
}

#endif
