/* cmd_map.c: draws the pages of an image. */
#include <inttypes.h>

#include "command.h"
#include "files.h"
#include "output.h"
#include "page_map.h"
#include "raw_file.h"
#include "workload.h"

enum { OPTION_SVG, OPTION_PNG, OPTION_RUN, OPTION_FUEL, OPTION_BASE };

enum { DEFAULT_FUEL = 100 << 20, ROOM = 72 << 20 };

static const option_spec map_options[] = {
    [OPTION_SVG] = {"svg", "OUT", "write the picture there, with titles and a legend", OPTION_TEXT,
                    0, 0},
    [OPTION_PNG] = {"png", "OUT", "write the picture there, as pixels without words", OPTION_TEXT,
                    0, 0},
    [OPTION_RUN] = {"run", NULL, "execute the image first", OPTION_FLAG, 0, 0},
    [OPTION_FUEL] = {"fuel", "N", "of at most N bytecodes (default 100M; K, M, G)", OPTION_SIZE, 1,
                     0},
    [OPTION_BASE] = {"base", "ADDR|elsewhere", "and map it there", OPTION_TEXT, 0, 0},
};

/* A run, and what is looked at behind it. */
typedef struct look {
	page_map *map;
	imago_layered_attachment attached, file;
	const imago_heap *heap;
	imago_error *error;
} look;

static imago_status
look_at_pages(void *payload)
{
	const look *l = payload;
	return page_map_look(l->map, &l->attached, l->heap, l->error);
}

static imago_status
look_at_both(void *payload)
{
	const look *l = payload;
	return imago_attachment_guard(l->file.attachment, look_at_pages, payload, l->error);
}

static void
drop_output(void *payload, const uint8_t *bytes, size_t size)
{
	(void)payload;
	(void)bytes;
	(void)size;
}

static imago_status
run_and_look(page_map *map, const command_line *line, imago_error *error)
{
	imago_heap *heap = NULL;
	workload_outcome outcome;
	look l = {.map = map, .error = error};
	const option_value *fuel = &line->values[OPTION_FUEL];
	const workload work = {.kind = WORKLOAD_RUN,
	                       .fuel = fuel->given ? fuel->number : DEFAULT_FUEL,
	                       .image_name = base_name(line->names[0]),
	                       .print = drop_output};
	imago_status status = attached_image_attach(map->image, &l.attached, error);
	if (status == IMAGO_OK) {
		status = workload_do(&work, &l.attached, &outcome, line->allocator, error);
	}
	if (status == IMAGO_OK) {
		status = attached_image_file(map->image, &l.file, &heap, error);
		l.heap = heap;
	}
	if (status == IMAGO_OK) {
		status = imago_attachment_guard(l.attached.attachment, look_at_both, &l, error);
	}
	imago_heap_destroy(heap);
	imago_layered_detach(&l.file);
	imago_layered_detach(&l.attached);
	return status;
}

static exit_status
draw(const page_map *map, const char *path, page_map_write *write)
{
	imago_error error = {0};
	imago_writer writer;
	imago_writer_init(&writer, map->image->allocator, map->image->idle.head.layout, &error);
	exit_status result = write(map, &writer, &error) == IMAGO_OK
	                         ? raw_file_save(path, writer.bytes, (size_t)writer.size)
	                         : complain_of_error(path, &error);
	imago_writer_release(&writer);
	if (result == EXIT_DONE) {
		print_name(path);
		print(": %" PRIu64 " page%s, %" PRIu64 " written, %" PRIu64
		      " private, but as in the file\n",
		      map->num_cells, plural(map->num_cells), map->num_written, map->num_copied);
	}
	return result;
}

static exit_status
map_image(const attached_image *image, const command_line *line)
{
	page_map map;
	imago_error error = {0};
	imago_status status = page_map_create(&map, image, &error);
	if (status == IMAGO_OK && line->values[OPTION_RUN].given) {
		status = run_and_look(&map, line, &error);
	}
	exit_status result = status == IMAGO_OK ? attached_image_unchanged(image)
	                                        : attached_image_complain(image, &error);
	if (result == EXIT_DONE && line->values[OPTION_SVG].given) {
		result = draw(&map, line->values[OPTION_SVG].text, page_map_write_svg);
	}
	if (result == EXIT_DONE && line->values[OPTION_PNG].given) {
		result = draw(&map, line->values[OPTION_PNG].text, page_map_write_png);
	}
	page_map_release(&map);
	return result;
}

static exit_status
run_map(const command_line *line)
{
	const option_value *values = line->values;
	attached_image image;
	const attach_request request = {
	    .command = "map",
	    .base = values[OPTION_BASE].text,
	    .room = values[OPTION_RUN].given ? ROOM : 0,
	};
	if (!values[OPTION_SVG].given && !values[OPTION_PNG].given) {
		complain("map: --svg OUT or --png OUT says where the picture is to be written");
		return EXIT_TROUBLE;
	}
	if (!values[OPTION_RUN].given && (values[OPTION_FUEL].given || values[OPTION_BASE].given)) {
		complain("map: --fuel and --base are about --run");
		return EXIT_TROUBLE;
	}
	exit_status result = attached_image_open(&image, line->names[0], &request, line->allocator);
	if (result == EXIT_DONE) {
		result = map_image(&image, line);
	}
	attached_image_close(&image);
	return result;
}

const struct command map_command = {
    .name = "map",
    .arguments = "IMAGE",
    .summary = "draw the pages of an image: tiers, and who wrote which",
    .description =
        "Draws a layered image (or another one of Spur, layered into memory first) as SVG or\n"
        "PNG: a cell for each page, pale by its section's tier and whether it holds pointers. "
        "With\n"
        "--run the image is mapped and executed before: pages that were written have the colour "
        "of\n"
        "the class whose objects changed most of them; pages that are private although nothing\n"
        "differs, because they were relocated, are grey. A PNG says in its text chunks what the\n"
        "colours mean. Images of more than 1,048,576 pages (4 GiB) are refused.",
    .examples = "  imago map my.layered --svg pages.svg\n"
                "  imago map my.layered --run --fuel 10M --svg dirty.svg --png dirty.png\n"
                "  imago map my.layered --run --base elsewhere --svg relocated.svg",
    .options = map_options,
    .num_options = sizeof map_options / sizeof map_options[0],
    .min_names = 1,
    .max_names = 1,
    .run = run_map,
};
