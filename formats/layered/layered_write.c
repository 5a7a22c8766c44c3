/* layered_write.c: a Spur heap into a layered file (layered.md §2 to §5). */
#include <string.h>

#include "imago/ready.h"
#include "layered_private.h"

/* One file in the making. Offsets of the file count from start in the writer. */
typedef struct layered_writing {
	const imago_heap *heap; /* as it is to be restored */
	const imago_heap *layered;
	const imago_layered_plan *plan;
	imago_layered_head head;
	imago_writer *writer;
	uint64_t start;
	imago_error *error;
} layered_writing;

static const char *const tier_names[IMAGO_NUM_TIERS] = {
    [IMAGO_TIER_OFTEN] = "often",
    [IMAGO_TIER_RARE] = "rare",
    [IMAGO_TIER_READ_ONLY] = "read-only",
};

static void
pad(const layered_writing *writing)
{
	uint64_t used = (writing->writer->size - writing->start) % IMAGO_LAYERED_PAGE;
	if (used > 0) {
		imago_write_zeros(writing->writer, IMAGO_LAYERED_PAGE - used);
	}
}

/* A row of the table for what comes next. */
static imago_layered_section *
open_section(layered_writing *writing, imago_layered_kind kind, const char *name)
{
	pad(writing);
	imago_layered_section *section = &writing->head.sections[writing->head.num_sections++];
	section->kind = kind;
	section->offset = writing->writer->size - writing->start;
	for (size_t i = 0; i + 1 < IMAGO_LAYERED_NAME && name[i] != '\0'; i++) {
		section->name[i] = name[i];
	}
	return section;
}

static void
close_section(const layered_writing *writing, imago_layered_section *section)
{
	const imago_writer *writer = writing->writer;
	section->size = writer->size - writing->start - section->offset;
	if (writer->status == IMAGO_OK) {
		imago_layered_hash(section->hash, writer->bytes + writing->start + section->offset,
		                   section->size);
	}
}

static void
write_objects(layered_writing *writing)
{
	for (size_t i = 0; i < writing->layered->num_segments; i++) {
		const imago_segment *segment = &writing->layered->segments[i];
		imago_layered_section *section = open_section(writing, IMAGO_LAYERED_OBJECTS,
		                                              i == 0 ? "roots" : tier_names[segment->tier]);
		section->tier = (imago_tier)segment->tier;
		section->has_pointers = writing->plan->has_pointers[i];
		section->address = segment->start;
		imago_write_bytes(writing->writer, segment->bytes, segment->size + segment->bridge_size);
		close_section(writing, section);
	}
}

static imago_status
write_bitmap(layered_writing *writing, size_t index)
{
	imago_layered_section *section = &writing->head.sections[index];
	imago_writer *writer = writing->writer;
	uint64_t at = writer->size;
	uint64_t size = imago_layered_bitmap_size(section->size, writing->layered->layout);
	imago_write_zeros(writer, size);
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	section->fixups = at - writing->start;
	return imago_layered_mark_pointers(writing->layered, index, writer->bytes + at, writing->error);
}

static imago_status
write_fixups(layered_writing *writing)
{
	imago_layered_section *section = open_section(writing, IMAGO_LAYERED_FIXUPS, "fixups");
	imago_status status = IMAGO_OK;
	/* Sections of objects are the first of the table. */
	for (size_t i = 0; i < writing->layered->num_segments && status == IMAGO_OK; i++) {
		if (writing->head.sections[i].has_pointers) {
			status = write_bitmap(writing, i);
		}
	}
	close_section(writing, section);
	return status;
}

static imago_status
write_remembered(layered_writing *writing)
{
	imago_layered_remembered remembered;
	imago_status status = imago_layered_find_remembered(
	    &remembered, writing->layered, &writing->head, writing->writer->allocator, writing->error);
	if (status == IMAGO_OK) {
		imago_layered_section *section =
		    open_section(writing, IMAGO_LAYERED_REMEMBERED, "remembered");
		imago_layered_encode_remembered(&remembered, writing->writer);
		close_section(writing, section);
	}
	imago_layered_remembered_release(&remembered);
	return status;
}

static imago_status
write_origin(layered_writing *writing)
{
	imago_layered_section *section = open_section(writing, IMAGO_LAYERED_ORIGIN, "origin");
	imago_status status = imago_layered_write_origin(writing->heap, writing->layered, writing->plan,
	                                                 writing->writer, writing->error);
	close_section(writing, section);
	return status;
}

static void
write_head(layered_writing *writing)
{
	imago_layered_head *head = &writing->head;
	imago_writer *writer = writing->writer;
	const imago_segment *segments = writing->layered->segments;
	const imago_segment *last = &segments[writing->layered->num_segments - 1];
	uint8_t bytes[IMAGO_LAYERED_HEAD];
	head->layout = writing->layered->layout;
	head->start = segments[0].start;
	head->span = last->start + last->size + last->bridge_size - head->start;
	head->file_size = writer->size - writing->start;
	head->fields = writing->layered->header;
	if (writer->status == IMAGO_OK) {
		imago_layered_encode(head, bytes);
		memcpy(writer->bytes + writing->start, bytes, sizeof bytes);
	}
}

static imago_status
write_file(layered_writing *writing, const imago_layered_options *options)
{
	imago_write_zeros(writing->writer, IMAGO_LAYERED_HEAD);
	write_objects(writing);
	imago_status status = write_fixups(writing);
	if (status == IMAGO_OK && !options->without_remembered &&
	    imago_layered_first_old(&writing->head) > 0) {
		status = write_remembered(writing);
	}
	if (status == IMAGO_OK && !options->without_origin) {
		status = write_origin(writing);
	}
	pad(writing);
	write_head(writing);
	return status == IMAGO_OK ? writing->writer->status : status;
}

static imago_status
arrange(imago_heap **out, const imago_heap *heap, const imago_layered_plan *plan,
        imago_allocator *allocator, imago_error *error)
{
	const imago_arrangement arrangement = {
	    .segments = plan->segments,
	    .num_segments = plan->num_segments,
	    .addresses = plan->addresses,
	    .num_chunks = plan->num_chunks,
	};
	imago_status status = imago_arrange(out, heap, &arrangement, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	/* Bridges of zeros would mean what the last one of some writers does, and be left alone. */
	for (size_t i = 0; i < (*out)->num_segments; i++) {
		const imago_segment *segment = &(*out)->segments[i];
		memset(segment->writable + segment->size, 0xFF, IMAGO_BRIDGE_SIZE);
	}
	(*out)->bridges = IMAGO_BRIDGES_FILE;
	status = imago_heap_set_bridges(*out, IMAGO_BRIDGES_MEMORY, error);
	if (status == IMAGO_OK) {
		status = imago_heap_refresh_header(*out, error);
	}
	if (status != IMAGO_OK) {
		imago_heap_destroy(*out);
	}
	return status;
}

static bool
/* NOLINTNEXTLINE(readability-non-const-parameter): others change what they see */
find_fault(const imago_unready *unready, void *payload)
{
	bool *is_ready = payload;
	(void)unready;
	*is_ready = false;
	return false;
}

/* Sets the flag where it is true, and makes it true where that is asked for. */
static imago_status
see_whether_ready(layered_writing *writing, imago_heap *layered,
                  const imago_layered_options *options)
{
	/* Fixed sections are a row of the first ones: old space begins behind. */
	size_t first = 1;
	while (first < layered->num_segments && layered->segments[first].tier != IMAGO_TIER_OFTEN) {
		first++;
	}
	bool has_fixed = first > 1 && first < layered->num_segments;
	imago_addr old_start = layered->segments[has_fixed ? first : 0].start;
	imago_allocator *allocator = writing->writer->allocator;
	bool is_ready = true;
	imago_status status =
	    options->make_ready
	        ? imago_ready_make(&is_ready, layered, old_start, allocator, writing->error)
	        : imago_ready_look(layered, old_start, find_fault, &is_ready, allocator,
	                           writing->error);
	writing->head.flags =
	    (options->flags & ~(uint32_t)IMAGO_LAYERED_READY) | (is_ready ? IMAGO_LAYERED_READY : 0U);
	return status;
}

static const imago_layered_options usual = {.start = 0};

imago_status
imago_layered_write(const imago_heap *heap, const imago_layered_options *options,
                    imago_writer *writer, imago_error *error)
{
	imago_layered_plan plan;
	imago_heap *layered = NULL;
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	options = options != NULL ? options : &usual;
	imago_status status = imago_layered_plan_create(&plan, heap, options, writer->allocator, error);
	if (status == IMAGO_OK) {
		status = arrange(&layered, heap, &plan, writer->allocator, error);
	}
	if (status == IMAGO_OK) {
		layered_writing writing = {
		    .heap = heap,
		    .layered = layered,
		    .plan = &plan,
		    .writer = writer,
		    .start = writer->size,
		    .error = error,
		};
		status = see_whether_ready(&writing, layered, options);
		if (status == IMAGO_OK) {
			status = write_file(&writing, options);
		}
		imago_heap_destroy(layered);
	}
	imago_layered_plan_release(&plan);
	return status;
}
