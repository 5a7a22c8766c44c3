/* page_map.h: a picture of an image's pages: one cell each. */
#ifndef IMAGO_CLI_PAGE_MAP_H
#define IMAGO_CLI_PAGE_MAP_H

#include "attached_image.h"
#include "describe.h"
#include "imago/blame.h"
#include "imago/writer.h"

enum { MAP_CLASSES = 8 };

/* 4 GiB: files may be sparse, and say that they are larger than anybody wants to see. */
#define MAP_MAX_PAGES (UINT64_C(1) << 20)

/* What a page is to be seen as. */
typedef enum page_look {
	PAGE_CLEAN,   /* the file's, or never touched */
	PAGE_COPIED,  /* private, but as in the file: relocated, or written with what it held */
	PAGE_WRITTEN, /* private, and differs */
} page_look;

typedef struct page_cell {
	uint32_t class_index; /* of PAGE_WRITTEN: whose objects changed most of it */
	uint8_t look;
	uint8_t cls; /* one of the map's classes, or MAP_CLASSES: another one */
} page_cell;

/* A class that has a colour. */
typedef struct map_class {
	uint32_t class_index;
	char name[CLASS_NAME_SIZE];
	uint64_t num_pages; /* that hold some of it that differ */
} map_class;

typedef struct page_map {
	const attached_image *image;
	page_cell *cells; /* of all sections of objects, one after the other */
	uint64_t num_cells;
	uint64_t num_copied, num_written;
	map_class classes[MAP_CLASSES]; /* those that differ on most pages */
	size_t num_classes;
} page_map;

/* A map on which nothing is written. IMAGO_ELIMIT (more than MAP_MAX_PAGES), IMAGO_ENOMEM. Release
 * in every case. */
imago_status page_map_create(page_map *map, const attached_image *image, imago_error *error);
void page_map_release(page_map *map);

/* Sees which pages of an attachment are private, and who wrote them: use imago_attachment_guard for
 * both attachments. file: the objects as the file has them. */
imago_status page_map_look(page_map *map, const imago_layered_attachment *attached,
                           const imago_heap *file, imago_error *error);

/* Pages of a section of objects. */
uint64_t page_map_pages(const imago_layered_section *section);

/* Appends the picture. IMAGO_ENOMEM. */
typedef imago_status page_map_write(const page_map *map, imago_writer *writer, imago_error *error);

page_map_write page_map_write_svg; /* with titles and a legend */

/* The same cells at the same places; what is text there is in tEXt chunks here. IMAGO_EUSAGE: this
 * command is built without libpng. */
page_map_write page_map_write_png;

#endif
