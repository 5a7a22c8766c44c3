/* twin_write.c: from the pages of a source that were copied to a twin's file (twin.md §2). */
#include "imago/twin.h"

#include <string.h>
#include <unistd.h>

#include "imago/pages.h"
#include "twin_private.h"

/* What is found on the pages that were copied. The words of the runs are gathered apart from the
 * table, which is written before them. */
typedef struct twin_writing {
	const imago_layered_attachment *source;
	const imago_heap *file;
	imago_addr start;
	uint64_t position; /* behind the last run, from start on */
	uint64_t num_runs;
	imago_writer table, changed;
} twin_writing;

static void
write_number(imago_writer *writer, uint64_t number)
{
	uint8_t bytes[LONGEST_NUMBER];
	size_t size = 0;
	for (; number >= 0x80; number >>= 7) {
		bytes[size++] = (uint8_t)(number | 0x80);
	}
	bytes[size++] = (uint8_t)number;
	imago_write_bytes(writer, bytes, size);
}

static void
add_run(twin_writing *writing, uint64_t position, const uint8_t *bytes, uint64_t size)
{
	write_number(&writing->table, (position - writing->position) / UNIT);
	write_number(&writing->table, size / UNIT);
	imago_write_bytes(&writing->changed, bytes, size);
	writing->position = position + size;
	writing->num_runs++;
}

/* The words of a range that differ. Ranges are looked at in ascending order; a run that goes on
 * where the last one ended cannot be told from it, so it waits until it is whole. */
typedef struct open_run {
	uint64_t position, size; /* size 0: none */
	const uint8_t *bytes;
} open_run;

static void
close_run(twin_writing *writing, open_run *run)
{
	if (run->size > 0) {
		add_run(writing, run->position, run->bytes, run->size);
	}
	run->size = 0;
}

static void
compare_range(twin_writing *writing, open_run *run, const imago_segment *segment, uint64_t from,
              uint64_t to)
{
	uint64_t segment_position = segment->start - writing->start;
	const uint8_t *now = writing->source->mapping.bytes + segment_position;
	for (uint64_t i = from; i < to; i += UNIT) {
		if (memcmp(now + i, segment->bytes + i, UNIT) == 0) {
			continue;
		}
		if (run->size == 0 || run->position + run->size != segment_position + i) {
			close_run(writing, run);
			*run = (open_run){segment_position + i, 0, now + i};
		}
		run->size += UNIT;
	}
}

typedef struct page_walk {
	twin_writing *writing;
	open_run run;
	uint64_t page_size; /* the host's */
} page_walk;

/* A row of pages that this process has copied: of the section with that number. */
static void
see_pages(size_t section, imago_addr address, uint64_t num_pages, void *payload)
{
	page_walk *walk = payload;
	const imago_segment *segment = &walk->writing->file->segments[section];
	uint64_t from = address - segment->start;
	uint64_t to = from + num_pages * walk->page_size;
	compare_range(walk->writing, &walk->run, segment, from < segment->size ? from : segment->size,
	              to < segment->size ? to : segment->size);
}

static imago_status
compare_pages(twin_writing *writing, imago_error *error)
{
	page_walk walk = {.writing = writing, .page_size = (uint64_t)sysconf(_SC_PAGESIZE)};
	imago_status status =
	    imago_attachment_pages(writing->source->attachment, NULL, see_pages, &walk, error);
	if (status == IMAGO_EUNSUPPORTED) {
		for (size_t i = 0; i < writing->file->num_segments; i++) {
			const imago_segment *segment = &writing->file->segments[i];
			compare_range(writing, &walk.run, segment, 0, segment->size);
		}
		status = IMAGO_OK;
	}
	if (status == IMAGO_OK) {
		close_run(writing, &walk.run);
	}
	return status;
}

static void
write_file(const twin_writing *writing, const imago_memory_mapping *now, imago_writer *writer)
{
	const imago_layered_attachment *source = writing->source;
	uint64_t start = writer->size;
	imago_twin_head head = {
	    .layout = now->layout,
	    .source_used = source->source_used,
	    .used = now->used,
	    .num_runs = writing->num_runs,
	    .table_size = writing->table.size,
	    .changed_size = writing->changed.size,
	    .fields = now->header,
	};
	memcpy(head.source, source->head.identity, sizeof head.source);
	head.fields.data_size = source->head.fields.data_size + (now->used - source->source_used);
	imago_write_zeros(writer, IMAGO_TWIN_HEADER);
	imago_write_bytes(writer, writing->table.bytes, writing->table.size);
	imago_write_bytes(writer, writing->changed.bytes, writing->changed.size);
	imago_write_bytes(writer, now->bytes + source->source_used, now->used - source->source_used);
	if (writer->status == IMAGO_OK) {
		imago_twin_encode(&head, writer->bytes + start, writer->size - start);
	}
}

imago_status
imago_twin_write(const imago_layered_attachment *source, const imago_memory_mapping *now,
                 const imago_heap *file, imago_writer *writer, imago_error *error)
{
	twin_writing writing = {.source = source, .file = file, .start = source->head.start};
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	if (source->distance != 0 || now->bytes != source->mapping.bytes ||
	    now->used < source->source_used) {
		return imago_fail(error, IMAGO_EUSAGE, "source of a twin", IMAGO_NO_OFFSET,
		                  source->distance, 0);
	}
	imago_writer_init(&writing.table, writer->allocator, writer->layout, error);
	imago_writer_init(&writing.changed, writer->allocator, writer->layout, error);
	imago_status status = compare_pages(&writing, error);
	if (status == IMAGO_OK && writing.table.status != IMAGO_OK) {
		status = writing.table.status;
	}
	if (status == IMAGO_OK && writing.changed.status != IMAGO_OK) {
		status = writing.changed.status;
	}
	if (status == IMAGO_OK) {
		write_file(&writing, now, writer);
		status = writer->status;
	}
	imago_writer_release(&writing.changed);
	imago_writer_release(&writing.table);
	return status;
}
