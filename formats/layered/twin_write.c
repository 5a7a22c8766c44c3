/* twin_write.c: from the pages of a source that were copied to a twin's file (twin.md §2). */
#include "imago/twin.h"

#include <string.h>
#include <unistd.h>

#include "imago/pages.h"
#include "twin_private.h"

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

/* The last run is as long as it will be. */
static void
close_run(twin_writing *writing)
{
	if (writing->run_size > 0) {
		write_number(&writing->table, (writing->run_position - writing->position) / UNIT);
		write_number(&writing->table, writing->run_size / UNIT);
		writing->position = writing->run_position + writing->run_size;
		writing->run_size = 0;
		writing->num_runs++;
	}
}

void
twin_add_run(twin_writing *writing, uint64_t position, const uint8_t *bytes, uint64_t size)
{
	if (writing->run_size == 0 || writing->run_position + writing->run_size != position) {
		close_run(writing);
		writing->run_position = position;
	}
	writing->run_size += size;
	imago_write_bytes(&writing->changed, bytes, size);
}

void
twin_add_differences(twin_writing *writing, uint64_t position, const uint8_t *now,
                     const uint8_t *then, uint64_t size)
{
	for (uint64_t i = 0; i < size;) {
		uint64_t end = i;
		while (end < size && memcmp(now + end, then + end, UNIT) != 0) {
			end += UNIT;
		}
		if (end > i) {
			twin_add_run(writing, position + i, now + i, end - i);
		}
		i = end + UNIT;
	}
}

void
twin_writing_init(twin_writing *writing, const imago_writer *writer, imago_error *error)
{
	imago_writer_init(&writing->table, writer->allocator, writer->layout, error);
	imago_writer_init(&writing->changed, writer->allocator, writer->layout, error);
}

void
twin_writing_release(twin_writing *writing)
{
	imago_writer_release(&writing->changed);
	imago_writer_release(&writing->table);
}

static void
compare_range(twin_writing *writing, const imago_segment *segment, uint64_t from, uint64_t to)
{
	uint64_t position = segment->start - writing->start + from;
	twin_add_differences(writing, position, writing->source->mapping.bytes + position,
	                     segment->bytes + from, to - from);
}

typedef struct page_walk {
	twin_writing *writing;
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
	compare_range(walk->writing, segment, from < segment->size ? from : segment->size,
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
			compare_range(writing, segment, 0, segment->size);
		}
		status = IMAGO_OK;
	}
	return status;
}

imago_status
twin_write_file(twin_writing *writing, const imago_memory_mapping *now, const uint8_t *made,
                imago_writer *writer)
{
	const imago_layered_attachment *source = writing->source;
	uint64_t start = writer->size;
	uint64_t made_size = now->used - source->source_used;
	close_run(writing);
	imago_twin_head head = {
	    .layout = now->layout,
	    .source_used = source->source_used,
	    .used = now->used,
	    .num_runs = writing->num_runs,
	    .table_size = writing->table.size,
	    .changed_size = writing->changed.size,
	    .objects = now->tabled,
	    .fields = now->header,
	};
	memcpy(head.source, source->head.identity, sizeof head.source);
	head.fields.data_size = source->head.fields.data_size + made_size;
	if (writing->table.status != IMAGO_OK || writing->changed.status != IMAGO_OK) {
		return writing->table.status != IMAGO_OK ? writing->table.status : writing->changed.status;
	}
	imago_write_zeros(writer, IMAGO_TWIN_HEADER);
	imago_write_bytes(writer, writing->table.bytes, writing->table.size);
	imago_write_bytes(writer, writing->changed.bytes, writing->changed.size);
	imago_write_bytes(writer, made, made_size);
	if (writer->status == IMAGO_OK) {
		imago_twin_encode(&head, writer->bytes + start, writer->size - start);
	}
	return writer->status;
}

imago_status
twin_require_source(const imago_layered_attachment *source, const imago_memory_mapping *now,
                    imago_error *error)
{
	if (source->distance != 0 || now->bytes != source->mapping.bytes ||
	    now->used < source->source_used) {
		return imago_fail(error, IMAGO_EUSAGE, "source of a twin", IMAGO_NO_OFFSET,
		                  source->distance, 0);
	}
	return IMAGO_OK;
}

imago_status
imago_twin_write(const imago_layered_attachment *source, const imago_memory_mapping *now,
                 const imago_heap *file, imago_writer *writer, imago_error *error)
{
	twin_writing writing = {.source = source, .file = file, .start = source->head.start};
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	imago_status status = twin_require_source(source, now, error);
	if (status != IMAGO_OK) {
		return status;
	}
	twin_writing_init(&writing, writer, error);
	if (now->tabled) {
		for (uint64_t i = 0; i < now->num_copies; i++) {
			const imago_object_copy *copy = &now->copies[i];
			twin_add_run(&writing, copy->at, copy->bytes, copy->size);
		}
	} else {
		status = compare_pages(&writing, error);
	}
	if (status == IMAGO_OK) {
		status = twin_write_file(&writing, now, now->bytes + source->source_used, writer);
	}
	twin_writing_release(&writing);
	return status;
}
