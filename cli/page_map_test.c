/* page_map_test.c: PNGs of pages, decoded again: the cells of each colour are counted in the pixels
 * alone, and are as many as the map says, or the command prints. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <png.h>

#include "command.h"
#include "imago/file.h"
#include "imago_command.h"
#include "page_map_grid.h"

enum { WHITE = 0xffffff, COPIED_GREY = 0x9a9a9a, CELL = 9, MARGIN = 20, PITCH = 10, TEXT = 1024 };

/* What clean pages look like, as the picture's legend says. */
static const uint32_t pale[] = {0xf7d9b8, 0xfbeedd, 0xf3efb0, 0xfaf8dc, 0xc3d9ee, 0xe4eef8};

/* ---- Pictures as pixels. */

typedef struct picture {
	uint32_t width, height;
	uint8_t *rgb;
} picture;

static void
decode(picture *p, const void *bytes, size_t size)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	assert_true(png_image_begin_read_from_memory(&image, bytes, size));
	image.format = PNG_FORMAT_RGB;
	p->width = image.width;
	p->height = image.height;
	p->rgb = malloc(PNG_IMAGE_SIZE(image));
	assert_non_null(p->rgb);
	assert_true(png_image_finish_read(&image, NULL, p->rgb, 0, NULL));
}

static uint32_t
pixel(const picture *p, uint32_t x, uint32_t y)
{
	const uint8_t *at = p->rgb + ((size_t)y * p->width + x) * 3;
	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* The square whose upper left corner is here is of one colour, and white around it. */
static void
assert_cell(const picture *p, uint32_t x, uint32_t y)
{
	uint32_t colour = pixel(p, x, y);
	assert_true(x % PITCH == 0 && x >= MARGIN);
	assert_true(x + CELL < p->width && y + CELL < p->height);
	for (uint32_t dy = 0; dy < CELL; dy++) {
		for (uint32_t dx = 0; dx < CELL; dx++) {
			assert_int_equal(pixel(p, x + dx, y + dy), colour);
		}
		assert_int_equal(pixel(p, x + CELL, y + dy), WHITE);
	}
	for (uint32_t dx = 0; dx < CELL; dx++) {
		assert_int_equal(pixel(p, x + dx, y + CELL), WHITE);
	}
}

typedef struct colour_counts {
	uint64_t clean[sizeof pale / sizeof pale[0]];
	uint64_t copied, written, all;
} colour_counts;

static void
count_cell(colour_counts *counts, uint32_t colour)
{
	size_t i = 0;
	while (i < sizeof pale / sizeof pale[0] && pale[i] != colour) {
		i++;
	}
	counts->all++;
	if (i < sizeof pale / sizeof pale[0]) {
		counts->clean[i]++;
	} else {
		*(colour == COPIED_GREY ? &counts->copied : &counts->written) += 1;
	}
}

/* A cell begins where there is colour, and none above and on the left. All colour belongs to one.
 */
static colour_counts
count_cells(const picture *p)
{
	colour_counts counts = {{0}, 0, 0, 0};
	uint64_t num_coloured = 0;
	for (uint32_t y = 0; y < p->height; y++) {
		for (uint32_t x = 0; x < p->width; x++) {
			if (pixel(p, x, y) != WHITE) {
				num_coloured++;
				assert_true(x > 0 && y > 0);
				if (pixel(p, x - 1, y) == WHITE && pixel(p, x, y - 1) == WHITE) {
					assert_cell(p, x, y);
					count_cell(&counts, pixel(p, x, y));
				}
			}
		}
	}
	assert_int_equal(num_coloured, counts.all * CELL * CELL);
	return counts;
}

/* ---- Maps of what was never mapped. */

typedef struct fake {
	imago_allocator allocator;
	attached_image image;
	page_map map;
} fake;

static const uint64_t small_sections[] = {3, 64, 65, 1, 130};
static const uint64_t large_sections[] = {9, 20000};

/* Sections of so many pages, the last page one byte. */
static void
describe(fake *f, const uint64_t *num_pages, size_t num_sections)
{
	imago_layered_head *head = &f->image.idle.head;
	*f = (fake){.image.path = "a<b>\xe9"};
	imago_allocator_init(&f->allocator, IMAGO_UNLIMITED);
	f->image.allocator = &f->allocator;
	head->layout = (imago_layout){8, IMAGO_LITTLE_ENDIAN};
	for (size_t i = 0; i < num_sections; i++) {
		head->sections[head->num_sections++] = (imago_layered_section){
		    .kind = IMAGO_LAYERED_OBJECTS,
		    .tier = (imago_tier)(i % IMAGO_NUM_TIERS),
		    .has_pointers = i % 2 == 0,
		    .size = (num_pages[i] - 1) * IMAGO_LAYERED_PAGE + 1,
		};
	}
	/* A section of another kind has no cells. */
	head->sections[head->num_sections++] =
	    (imago_layered_section){.kind = IMAGO_LAYERED_FIXUPS, .size = 1 << 20};
}

/* All looks, in an order that no row of cells repeats. */
static void
paint(page_map *map)
{
	map->num_classes = MAP_CLASSES;
	for (uint64_t i = 0; i < map->num_cells; i++) {
		uint64_t mixed = i * UINT64_C(0x9e3779b97f4a7c15) >> 32;
		map->cells[i].look = (uint8_t)(mixed % 3);
		map->cells[i].cls = (uint8_t)(mixed / 3 % (MAP_CLASSES + 1));
	}
}

static void
assert_pixels(const fake *f, const picture *p)
{
	const map_grid grid = map_grid_of(&f->map);
	for (size_t k = 0; k < grid.num_blocks; k++) {
		const map_block *block = &grid.blocks[k];
		for (uint64_t i = 0; i < block->num_cells; i++) {
			uint32_t x = MARGIN + (uint32_t)(i % grid.columns) * PITCH;
			uint32_t y = (uint32_t)(block->top + i / grid.columns * PITCH);
			assert_int_equal(pixel(p, x, y),
			                 map_colour(map_look_of(block->section, &block->cells[i])));
		}
	}
}

static void
assert_drawn(const uint64_t *num_pages, size_t num_sections, uint32_t width)
{
	fake f;
	imago_error error;
	imago_writer writer;
	picture p;
	uint64_t looks[PAGE_WRITTEN + 1] = {0};
	describe(&f, num_pages, num_sections);
	assert_int_equal(page_map_create(&f.map, &f.image, &error), IMAGO_OK);
	paint(&f.map);
	imago_writer_init(&writer, &f.allocator, f.image.idle.head.layout, &error);
	assert_int_equal(page_map_write_png(&f.map, &writer, &error), IMAGO_OK);
	decode(&p, writer.bytes, writer.size);
	assert_int_equal(p.width, width);
	const colour_counts counts = count_cells(&p);
	for (uint64_t i = 0; i < f.map.num_cells; i++) {
		looks[f.map.cells[i].look]++;
	}
	assert_int_equal(counts.all, f.map.num_cells);
	assert_int_equal(counts.copied, looks[PAGE_COPIED]);
	assert_int_equal(counts.written, looks[PAGE_WRITTEN]);
	assert_pixels(&f, &p);
	free(p.rgb);
	imago_writer_release(&writer);
	page_map_release(&f.map);
	assert_int_equal(f.allocator.used, 0);
}

static void
every_cell_has_the_colour_of_its_look(void **state)
{
	(void)state;
	assert_drawn(small_sections, 5, 680);
}

static void
large_images_get_wide_pictures(void **state)
{
	(void)state;
	assert_drawn(large_sections, 2, 1320);
}

static void
looks_have_colours_of_their_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MAP_LOOKS; i++) {
		assert_int_not_equal(map_colour(i), WHITE);
		for (unsigned k = 0; k < i; k++) {
			assert_int_not_equal(map_colour(i), map_colour(k));
		}
	}
}

static bool
holds(const imago_writer *writer, const char *text)
{
	const size_t length = strlen(text);
	for (uint64_t i = 0; i + length <= writer->size; i++) {
		if (memcmp(writer->bytes + i, text, length) == 0) {
			return true;
		}
	}
	return false;
}

static void
text_chunks_name_the_image_and_its_colours(void **state)
{
	(void)state;
	fake f;
	imago_error error;
	imago_writer writer;
	describe(&f, small_sections, 5);
	assert_int_equal(page_map_create(&f.map, &f.image, &error), IMAGO_OK);
	f.map.num_classes = 1;
	f.map.classes[0] = (map_class){.name = "Con\ntext", .num_pages = 2};
	imago_writer_init(&writer, &f.allocator, f.image.idle.head.layout, &error);
	assert_int_equal(page_map_write_png(&f.map, &writer, &error), IMAGO_OK);
	assert_true(holds(&writer, "tEXtTitle"));
	assert_true(holds(&writer, "a<b>\\xe9"));
	assert_true(holds(&writer, "#f7d9b8 often, pointers\n"));
	assert_true(holds(&writer, "#c0221f written: Con\\ntext (on 2 pages)\n"));
	assert_false(holds(&writer, "#1f6fb4"));
	assert_true(holds(&writer, "#222222 written: other classes\n"));
	imago_writer_release(&writer);
	page_map_release(&f.map);
}

static void
more_pages_than_the_limit_are_refused(void **state)
{
	(void)state;
	fake f;
	imago_error error;
	const uint64_t most = MAP_MAX_PAGES;
	const uint64_t more = MAP_MAX_PAGES + 1;
	const uint64_t endless = UINT64_MAX / IMAGO_LAYERED_PAGE;
	describe(&f, &most, 1);
	assert_int_equal(page_map_create(&f.map, &f.image, &error), IMAGO_OK);
	page_map_release(&f.map);
	describe(&f, &more, 1);
	assert_int_equal(page_map_create(&f.map, &f.image, &error), IMAGO_ELIMIT);
	assert_int_equal(error.found, more);
	assert_int_equal(error.limit, most);
	page_map_release(&f.map);
	describe(&f, &endless, 1);
	assert_int_equal(page_map_create(&f.map, &f.image, &error), IMAGO_ELIMIT);
	page_map_release(&f.map);
}

static void
a_picture_without_memory_is_an_error(void **state)
{
	(void)state;
	fake f;
	imago_error error;
	imago_writer writer;
	unsigned num_refused = 0;
	describe(&f, small_sections, 5);
	assert_int_equal(page_map_create(&f.map, &f.image, &error), IMAGO_OK);
	paint(&f.map);
	imago_status status = IMAGO_ENOMEM;
	for (uint64_t budget = 0; status != IMAGO_OK; budget += 256) {
		imago_allocator scant;
		imago_allocator_init(&scant, budget);
		imago_writer_init(&writer, &scant, f.image.idle.head.layout, &error);
		status = page_map_write_png(&f.map, &writer, &error);
		assert_true(status == IMAGO_OK || status == IMAGO_ENOMEM);
		num_refused += status != IMAGO_OK;
		imago_writer_release(&writer);
		assert_int_equal(scant.used, 0);
	}
	assert_true(num_refused > 4); /* not only the row, also what libpng writes */
	page_map_release(&f.map);
}

/* ---- What the command prints. */

/* A command line, cut at spaces; what it prints is in text. */
static int
type(const char *line, char text[TEXT])
{
	char words[TEXT];
	char *argv[16];
	char *rest = NULL;
	int argc = 0;
	FILE *out = fmemopen(text, TEXT, "w");
	FILE *err = tmpfile();
	assert_true(out != NULL && err != NULL);
	snprintf(words, sizeof words, "%s", line);
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	int status = imago_command(argc, argv, out, err);
	fclose(out);
	fclose(err);
	return status;
}

static void
assert_counted(const char *line, const char *path)
{
	char text[TEXT] = "";
	char said[TEXT];
	imago_allocator allocator;
	uint8_t *bytes;
	uint64_t size;
	picture p;
	if (type(line, text) != EXIT_DONE) {
		print_message("not here: %s\n", line); /* systems that do not tell pages */
		return;
	}
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_file_read(path, &allocator, &bytes, &size, NULL), IMAGO_OK);
	decode(&p, bytes, size);
	const colour_counts counts = count_cells(&p);
	print_message("%s: %s", line, text);
	snprintf(said, sizeof said,
	         "o.png: %" PRIu64 " pages, %" PRIu64 " written, %" PRIu64
	         " private, but as in the file\n",
	         counts.all, counts.written, counts.copied);
	assert_string_equal(said, text);
	free(p.rgb);
	imago_release(&allocator, bytes, size);
}

static void
pictures_show_as_many_pages_as_the_command_prints(void **state)
{
	(void)state;
	char text[TEXT];
	char folder[] = "/tmp/imago-page-map-XXXXXX";
	char *before = getcwd(NULL, 0);
	assert_non_null(before);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(type("imago make a --kernel --program loop", text), EXIT_DONE);
	assert_int_equal(type("imago convert --to layered --base 0x40000000 a k", text), EXIT_DONE);
	assert_counted("imago map k --png o.png", "o.png");
	assert_counted("imago map k --run --png o.png", "o.png");
	assert_counted("imago map k --run --fuel 10 --base elsewhere --png o.png", "o.png");
	assert_int_equal(unlink("a") | unlink("k") | unlink("o.png"), 0);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(rmdir(folder), 0);
	free(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_cell_has_the_colour_of_its_look),
	    cmocka_unit_test(large_images_get_wide_pictures),
	    cmocka_unit_test(looks_have_colours_of_their_own),
	    cmocka_unit_test(text_chunks_name_the_image_and_its_colours),
	    cmocka_unit_test(more_pages_than_the_limit_are_refused),
	    cmocka_unit_test(a_picture_without_memory_is_an_error),
	    cmocka_unit_test(pictures_show_as_many_pages_as_the_command_prints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
