/* blame.c: one walk over the file's objects beside the private pages that hold them. */
#include "imago/blame.h"

#include <stdlib.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/class_table.h"
#include "imago/pages.h"
#include "imago/walk.h"
#include "plan.h"

enum { NO_PAGE = 0, FIRST_RUNS = 64, FIRST_ROWS = 64 };

/* Private pages side by side, by addresses of the file. */
typedef struct page_run {
	imago_addr begin, end;
} page_run;

typedef struct page_runs {
	page_run *list;
	size_t num, capacity;
	uint64_t distance, page_size;
	imago_allocator *allocator;
	imago_error *error;
	imago_status status;
} page_runs;

/* A row, and what is on the page that is being looked at. */
typedef struct counted_row {
	imago_blame_row row;
	imago_addr page;     /* the last one where it differs */
	uint64_t page_bytes; /* of its objects that differ there */
} counted_row;

/* The page that is being looked at; its objects come one after the other. */
typedef struct open_page {
	imago_addr address; /* as in the file; NO_PAGE: none */
	uint64_t changed, same;
	uint32_t class_index;
	uint64_t class_bytes;
	bool written;
} open_page;

typedef struct blaming {
	imago_blame *blame;
	const imago_attachment *attachment;
	const imago_heap *file;
	page_runs runs;
	size_t run; /* the first that does not end before the object */
	counted_row *rows;
	size_t num_rows, capacity;
	uint32_t *row_of; /* by class index: 1 + its row, or 0 */
	uint32_t num_indices;
	imago_class_table classes;
	open_page page;
	imago_see_blame *see;
	void *payload;
	imago_allocator *allocator;
	imago_error *error;
} blaming;

static void
keep_run(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	page_runs *runs = payload;
	(void)section;
	if (runs->status != IMAGO_OK) {
		return;
	}
	if (runs->num == runs->capacity) {
		const size_t capacity = runs->capacity == 0 ? FIRST_RUNS : 2 * runs->capacity;
		page_run *list =
		    imago_resize(runs->allocator, runs->list, runs->capacity * sizeof *list,
		                 (uint64_t)capacity * sizeof *list, "private pages", runs->error);
		if (list == NULL) {
			runs->status = IMAGO_ENOMEM;
			return;
		}
		runs->list = list;
		runs->capacity = capacity;
	}
	const imago_addr begin = address - runs->distance;
	runs->list[runs->num++] = (page_run){begin, begin + num_pages * runs->page_size};
}

/* Whether words are as in the file, or were moved with it. size: a multiple of 8. */
static bool
is_same(const uint8_t *now, const uint8_t *then, uint64_t size, uint64_t distance,
        imago_layout layout)
{
	if (memcmp(now, then, (size_t)size) == 0) {
		return true;
	}
	const uint64_t mask = layout.word_bytes == 8 ? UINT64_MAX : UINT32_MAX;
	for (uint64_t i = 0; distance != 0 && i < size; i += layout.word_bytes) {
		const uint64_t moved = imago_load_word(now + i, layout) - imago_load_word(then + i, layout);
		if (moved != 0 && (moved & mask) != (distance & mask)) {
			return false;
		}
	}
	return distance != 0;
}

/* The row of a class index, or NULL without memory for it. */
static counted_row *
row_for(blaming *b, uint32_t class_index)
{
	uint32_t *known = &b->row_of[class_index < b->num_indices ? class_index : 0];
	if (*known == 0) {
		if (b->num_rows == b->capacity) {
			const size_t capacity = b->capacity == 0 ? FIRST_ROWS : 2 * b->capacity;
			counted_row *rows = imago_resize(b->allocator, b->rows, b->capacity * sizeof *rows,
			                                 (uint64_t)capacity * sizeof *rows, "rows", b->error);
			if (rows == NULL) {
				return NULL;
			}
			b->rows = rows;
			b->capacity = capacity;
		}
		b->rows[b->num_rows++] =
		    (counted_row){.row = {.class_index = class_index,
		                          .cls = class_index < IMAGO_CLASS_FIRST_REAL
		                                     ? 0
		                                     : imago_class_table_at(&b->classes, class_index)}};
		*known = (uint32_t)b->num_rows;
	}
	return &b->rows[*known - 1];
}

static void
close_page(blaming *b)
{
	const open_page *page = &b->page;
	if (page->address != NO_PAGE && page->written) {
		b->blame->num_written++;
		b->blame->false_dirty += page->same;
		if (b->see != NULL) {
			const imago_blamed_page told = {page->address + b->runs.distance, page->class_index,
			                                page->changed};
			b->see(&told, b->payload);
		}
	} else {
		b->blame->unchanged += page->same;
	}
	b->page = (open_page){.address = NO_PAGE};
}

/* The part of an object that lies on one private page. */
static void
count_part(blaming *b, counted_row *row, imago_addr page, uint64_t size, bool differs_here)
{
	if (b->page.address != page) {
		close_page(b);
		b->page.address = page;
	}
	if (row == NULL) {
		b->page.same += size;
		return;
	}
	b->page.changed += size;
	b->page.written = b->page.written || differs_here;
	row->row.num_bytes += size;
	b->blame->num_bytes += size;
	if (row->page != page) {
		row->page = page;
		row->page_bytes = 0;
		row->row.num_pages++;
	}
	row->page_bytes += size;
	if (row->page_bytes > b->page.class_bytes) {
		b->page.class_bytes = row->page_bytes;
		b->page.class_index = row->row.class_index;
	}
}

/* The next part of an object, from *at on, that lies on a private page; 0: there is none. */
static uint64_t
next_part(const blaming *b, size_t *run, imago_addr *at, imago_addr end)
{
	while (*run < b->runs.num && b->runs.list[*run].end <= *at) {
		(*run)++;
	}
	if (*run == b->runs.num || b->runs.list[*run].begin >= end) {
		return 0;
	}
	*at = *at > b->runs.list[*run].begin ? *at : b->runs.list[*run].begin;
	const imago_addr page_end = (*at | (b->runs.page_size - 1)) + 1;
	return (page_end < end ? page_end : end) - *at;
}

static bool
differs(const blaming *b, imago_addr at, uint64_t size)
{
	const uint8_t *then = imago_heap_bytes(b->file, at, size);
	const uint8_t *now = imago_attachment_bytes(b->attachment, at + b->runs.distance, size);
	return then != NULL && now != NULL &&
	       !is_same(now, then, size, b->runs.distance, b->file->layout);
}

static imago_status
judge_object(blaming *b, const imago_object *object)
{
	const imago_addr end = object->chunk + object->total_bytes;
	imago_addr at = object->chunk;
	uint64_t size;
	while (b->run < b->runs.num && b->runs.list[b->run].end <= at) {
		b->run++;
	}
	bool changed = false;
	for (size_t run = b->run; !changed && (size = next_part(b, &run, &at, end)) > 0; at += size) {
		changed = differs(b, at, size);
	}
	counted_row *row = changed ? row_for(b, object->class_index) : NULL;
	if (changed && row == NULL) {
		return IMAGO_ENOMEM;
	}
	if (changed) {
		row->row.num_objects++;
		b->blame->num_objects++;
	}
	at = object->chunk;
	for (size_t run = b->run; (size = next_part(b, &run, &at, end)) > 0; at += size) {
		const bool here = changed && differs(b, at, size);
		count_part(b, changed ? row : NULL, at & ~(b->runs.page_size - 1), size, here);
	}
	return IMAGO_OK;
}

static int
compare_rows(const void *left, const void *right)
{
	const imago_blame_row *a = left;
	const imago_blame_row *b = right;
	if (a->num_pages != b->num_pages) {
		return a->num_pages > b->num_pages ? -1 : 1;
	}
	if (a->num_bytes != b->num_bytes) {
		return a->num_bytes > b->num_bytes ? -1 : 1;
	}
	return a->class_index < b->class_index ? -1 : a->class_index > b->class_index;
}

static imago_status
hand_over(blaming *b)
{
	imago_blame *blame = b->blame;
	blame->rows =
	    imago_allocate_array(b->allocator, b->num_rows, sizeof *blame->rows, "rows", b->error);
	if (blame->rows == NULL) {
		return IMAGO_ENOMEM;
	}
	blame->num_rows = b->num_rows;
	for (size_t i = 0; i < b->num_rows; i++) {
		blame->rows[i] = b->rows[i].row;
	}
	if (b->num_rows > 0) {
		qsort(blame->rows, blame->num_rows, sizeof *blame->rows, compare_rows);
	}
	for (size_t i = 0; i < b->runs.num; i++) {
		const page_run *run = &b->runs.list[i];
		blame->num_private += (run->end - run->begin) / b->runs.page_size;
	}
	return IMAGO_OK;
}

static imago_status
judge_objects(blaming *b)
{
	imago_walker walker;
	imago_object object;
	imago_status status = IMAGO_OK;
	imago_walk_init(&walker, b->file, b->error);
	while (status == IMAGO_OK && imago_walk_next(&walker, &object)) {
		status = judge_object(b, &object);
	}
	close_page(b);
	return status != IMAGO_OK ? status : walker.status;
}

imago_status
imago_blame_create(imago_blame *blame, const imago_attachment *attachment, const imago_heap *file,
                   uint64_t distance, imago_see_blame *see, void *payload,
                   imago_allocator *allocator, imago_error *error)
{
	*blame = (imago_blame){.allocator = allocator};
	blaming b = {
	    .blame = blame,
	    .attachment = attachment,
	    .file = file,
	    .runs = {.distance = distance,
	             .page_size = imago_page_size(),
	             .allocator = allocator,
	             .error = error},
	    .see = see,
	    .payload = payload,
	    .allocator = allocator,
	    .error = error,
	};
	imago_status status = imago_class_table_create(&b.classes, file, allocator, error);
	if (status == IMAGO_OK) {
		/* Index 0 also counts what the table has no room for. */
		b.num_indices = b.classes.num_entries > 0 ? b.classes.num_entries : 1;
		b.row_of = imago_allocate_array(allocator, b.num_indices, sizeof *b.row_of, "rows", error);
		status = b.row_of == NULL ? IMAGO_ENOMEM : IMAGO_OK;
	}
	if (status == IMAGO_OK) {
		status = imago_attachment_pages(attachment, NULL, keep_run, &b.runs, error);
		status = status == IMAGO_OK ? b.runs.status : status;
	}
	if (status == IMAGO_OK) {
		status = judge_objects(&b);
	}
	if (status == IMAGO_OK) {
		status = hand_over(&b);
	}
	imago_release(allocator, b.rows, b.capacity * sizeof *b.rows);
	imago_release(allocator, b.row_of, b.num_indices * sizeof *b.row_of);
	imago_release(allocator, b.runs.list, b.runs.capacity * sizeof *b.runs.list);
	imago_class_table_release(&b.classes);
	return status;
}

void
imago_blame_release(imago_blame *blame)
{
	imago_release(blame->allocator, blame->rows, blame->num_rows * sizeof *blame->rows);
	blame->rows = NULL;
	blame->num_rows = 0;
}
