/* page_map.c: from an attachment to cells. */
#include "page_map.h"

#include <string.h>

#include "imago/pages.h"
#include "measure.h"

enum { PAGE = IMAGO_LAYERED_PAGE };

uint64_t
page_map_pages(const imago_layered_section *section)
{
	return section->kind != IMAGO_LAYERED_OBJECTS
	           ? 0
	           : section->size / PAGE + (section->size % PAGE > 0);
}

imago_status
page_map_create(page_map *map, const attached_image *image, imago_error *error)
{
	const imago_layered_head *head = &image->idle.head;
	*map = (page_map){.image = image};
	for (size_t i = 0; i < head->num_sections; i++) {
		map->num_cells += page_map_pages(&head->sections[i]);
	}
	if (map->num_cells > MAP_MAX_PAGES) {
		return imago_fail(error, IMAGO_ELIMIT, "pages of a picture", IMAGO_NO_OFFSET,
		                  map->num_cells, MAP_MAX_PAGES);
	}
	map->cells =
	    imago_allocate_array(image->allocator, map->num_cells, sizeof *map->cells, "cells", error);
	return map->cells != NULL ? IMAGO_OK : IMAGO_ENOMEM;
}

void
page_map_release(page_map *map)
{
	imago_release(map->image->allocator, map->cells, map->num_cells * sizeof *map->cells);
}

/* What is told of one attachment. */
typedef struct looking {
	page_map *map;
	const imago_layered_attachment *attached;
} looking;

/* The cell of an address in the attachment, or NULL. */
static page_cell *
cell_at(const looking *l, imago_addr address)
{
	const imago_layered_head *head = &l->attached->head;
	const imago_addr wanted = address - l->attached->distance;
	uint64_t first = 0;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		const uint64_t num_pages = page_map_pages(section);
		if (num_pages > 0 && wanted >= section->address &&
		    (wanted - section->address) / PAGE < num_pages) {
			return &l->map->cells[first + (wanted - section->address) / PAGE];
		}
		first += num_pages;
	}
	return NULL;
}

static void
see_private(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	looking *l = payload;
	(void)section;
	for (uint64_t i = 0; i < num_pages; i++) {
		page_cell *cell = cell_at(l, address + i * PAGE);
		if (cell != NULL && cell->look == PAGE_CLEAN) {
			cell->look = PAGE_COPIED;
			l->map->num_copied++;
		}
	}
}

static void
see_blame(const imago_blamed_page *page, void *payload)
{
	looking *l = payload;
	page_cell *cell = cell_at(l, page->address);
	if (cell != NULL) {
		l->map->num_copied -= cell->look == PAGE_COPIED;
		l->map->num_written += cell->look != PAGE_WRITTEN;
		cell->look = PAGE_WRITTEN;
		cell->class_index = page->class_index;
	}
}

/* Gives colours to the classes that wrote most pages. */
static void
choose_classes(page_map *map, const imago_blame *blame, const imago_heap *file)
{
	while (map->num_classes < MAP_CLASSES && map->num_classes < blame->num_rows) {
		const imago_blame_row *row = &blame->rows[map->num_classes];
		map_class *cls = &map->classes[map->num_classes++];
		cls->class_index = row->class_index;
		cls->num_pages = row->num_pages;
		name_blamed(file, row, cls->name, sizeof cls->name);
	}
	for (uint64_t i = 0; i < map->num_cells; i++) {
		page_cell *cell = &map->cells[i];
		cell->cls = MAP_CLASSES;
		for (size_t k = 0; k < map->num_classes; k++) {
			if (map->classes[k].class_index == cell->class_index) {
				cell->cls = (uint8_t)k;
			}
		}
	}
}

imago_status
page_map_look(page_map *map, const imago_layered_attachment *attached, const imago_heap *file,
              imago_error *error)
{
	looking l = {map, attached};
	imago_blame blame;
	imago_status status =
	    imago_attachment_pages(attached->attachment, NULL, see_private, &l, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = imago_blame_create(&blame, attached->attachment, file, attached->distance, see_blame,
	                            &l, map->image->allocator, error);
	if (status == IMAGO_OK) {
		choose_classes(map, &blame, file);
	}
	imago_blame_release(&blame);
	return status;
}
