/* layered_write.c: a Spur heap into a layered file (layered.md §2 to §5). */
#include <string.h>

#include "../../core/base/planted.h"
#include "imago/ready.h"
#include "layered_private.h"

/* One file in the making. Offsets of the file count from start in the writer.
 *
 * Where all sections of objects and their bitmaps lie is known from the plan, so that chunks are
 * arranged in the file itself. What follows, which may move the writer's bytes, needs no heap. */
typedef struct layered_writing {
	const imago_heap *heap; /* as it is to be restored */
	imago_heap *layered;    /* in the writer's bytes */
	const imago_layered_plan *plan;
	const imago_layered_options *options;
	imago_layered_head head;
	imago_layered_remembered remembered;
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
	section->size = writing->writer->size - writing->start - section->offset;
}

static uint8_t *
at_offset(const layered_writing *writing, uint64_t offset)
{
	return writing->writer->bytes + writing->start + offset;
}

/* Once nothing changes any more. */
static void
hash_sections(layered_writing *writing)
{
	for (size_t i = 0; i < writing->head.num_sections; i++) {
		imago_layered_section *section = &writing->head.sections[i];
		imago_layered_hash(section->hash, at_offset(writing, section->offset), section->size);
	}
}

/* ---- Room for what the plan knows the size of. */

static uint64_t
padded(uint64_t size)
{
	return (size + IMAGO_LAYERED_PAGE - 1) / IMAGO_LAYERED_PAGE * IMAGO_LAYERED_PAGE;
}

/* At once, and a little for what is not known. */
static void
reserve(const layered_writing *writing)
{
	const imago_layered_plan *plan = writing->plan;
	uint64_t size = IMAGO_LAYERED_HEAD + 3 * (uint64_t)IMAGO_LAYERED_PAGE + plan->num_chunks * 2;
	for (size_t i = 0; i < plan->num_segments; i++) {
		size += padded(plan->segments[i].size + plan->segments[i].bridge_size);
		size += imago_layered_bitmap_size(plan->segments[i].size, writing->heap->layout);
	}
	imago_writer_reserve(writing->writer, size);
}

static void
add_objects(layered_writing *writing)
{
	for (size_t i = 0; i < writing->plan->num_segments; i++) {
		const imago_segment *segment = &writing->plan->segments[i];
		imago_layered_section *section = open_section(writing, IMAGO_LAYERED_OBJECTS,
		                                              i == 0 ? "roots" : tier_names[segment->tier]);
		section->tier = (imago_tier)segment->tier;
		section->has_pointers = writing->plan->has_pointers[i];
		section->address = segment->start;
		(void)imago_write_room(writing->writer, segment->size + segment->bridge_size);
		close_section(writing, section);
	}
}

static void
add_fixups(layered_writing *writing)
{
	imago_layered_section *fixups = open_section(writing, IMAGO_LAYERED_FIXUPS, "fixups");
	/* Sections of objects are the first of the table. */
	for (size_t i = 0; i < writing->plan->num_segments; i++) {
		imago_layered_section *section = &writing->head.sections[i];
		if (section->has_pointers) {
			section->fixups = writing->writer->size - writing->start;
			imago_write_zeros(writing->writer,
			                  imago_layered_bitmap_size(section->size, writing->heap->layout));
		}
	}
	close_section(writing, fixups);
}

/* ---- Objects. */

static imago_status
arrange(layered_writing *writing)
{
	const imago_layered_plan *plan = writing->plan;
	uint8_t *bytes[IMAGO_LAYERED_MAX_SECTIONS];
	uint8_t *marks[IMAGO_LAYERED_MAX_SECTIONS];
	for (size_t i = 0; i < plan->num_segments; i++) {
		const imago_layered_section *section = &writing->head.sections[i];
		bytes[i] = at_offset(writing, section->offset);
		marks[i] = section->has_pointers ? at_offset(writing, section->fixups) : NULL;
	}
	const imago_arrangement arrangement = {
	    .segments = plan->segments,
	    .num_segments = plan->num_segments,
	    .addresses = plan->addresses,
	    .num_chunks = plan->num_chunks,
	    .bytes = bytes,
	    .marks = marks,
	};
	imago_status status = imago_arrange(&writing->layered, writing->heap, &arrangement,
	                                    writing->writer->allocator, writing->error);
	if (status != IMAGO_OK) {
		return status;
	}
	/* Bridges of zeros would mean what the last one of some writers does, and be left alone. */
	for (size_t i = 0; i < plan->num_segments; i++) {
		const imago_segment *segment = &writing->layered->segments[i];
		memset(segment->writable + segment->size, 0xFF, IMAGO_BRIDGE_SIZE);
	}
	writing->layered->bridges = IMAGO_BRIDGES_FILE;
	status = imago_heap_set_bridges(writing->layered, IMAGO_BRIDGES_MEMORY, writing->error);
	imago_heap_set_sizes(writing->layered, plan->free_bytes);
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

/* Of objects that were changed after they were arranged. */
static imago_status
mark_anew(const layered_writing *writing)
{
	imago_status status = IMAGO_OK;
	for (size_t i = 0; i < writing->plan->num_segments && status == IMAGO_OK; i++) {
		const imago_layered_section *section = &writing->head.sections[i];
		if (section->has_pointers) {
			uint8_t *bitmap = at_offset(writing, section->fixups);
			memset(bitmap, 0,
			       (size_t)imago_layered_bitmap_size(section->size, writing->heap->layout));
			status = imago_layered_mark_pointers(writing->layered, i, bitmap, writing->error);
		}
	}
	return status;
}

/* Sets the flag where it is true, and makes it true where that is asked for. */
static imago_status
see_whether_ready(layered_writing *writing)
{
	imago_heap *layered = writing->layered;
	const imago_layered_options *options = writing->options;
	const imago_addr old_start = layered->segments[imago_layered_first_old(&writing->head)].start;
	imago_allocator *allocator = writing->writer->allocator;
	bool is_ready = true;
	imago_status status = IMAGO_OK;
	if (options->make_ready) {
		status = imago_ready_make(&is_ready, layered, old_start, allocator, writing->error);
		status = status == IMAGO_OK ? mark_anew(writing) : status;
	} else {
		status =
		    imago_ready_look(layered, old_start, find_fault, &is_ready, allocator, writing->error);
	}
	writing->head.flags =
	    (options->flags & ~(uint32_t)IMAGO_LAYERED_READY) |
	    (is_ready || IMAGO_BUG(ready_unproved, !is_ready) ? IMAGO_LAYERED_READY : 0U);
	return status;
}

static bool
is_remembering(const layered_writing *writing)
{
	return !writing->options->without_remembered && imago_layered_first_old(&writing->head) > 0;
}

/* All that is said of objects. */
static imago_status
look_at_objects(layered_writing *writing)
{
	imago_status status = see_whether_ready(writing);
	if (status == IMAGO_OK && is_remembering(writing)) {
		status =
		    imago_layered_find_remembered(&writing->remembered, writing->layered, &writing->head,
		                                  writing->writer->allocator, writing->error);
	}
	writing->head.fields = writing->layered->header;
	return status;
}

/* ---- What follows. */

static void
write_remembered(layered_writing *writing)
{
	imago_layered_section *section = open_section(writing, IMAGO_LAYERED_REMEMBERED, "remembered");
	imago_layered_encode_remembered(&writing->remembered, writing->writer);
	close_section(writing, section);
}

static imago_status
write_origin(layered_writing *writing)
{
	imago_layered_section *section = open_section(writing, IMAGO_LAYERED_ORIGIN, "origin");
	imago_status status =
	    imago_layered_write_origin(writing->heap, writing->plan, writing->writer, writing->error);
	close_section(writing, section);
	return status;
}

static void
write_head(layered_writing *writing)
{
	imago_layered_head *head = &writing->head;
	const imago_segment *segments = writing->plan->segments;
	const imago_segment *last = &segments[writing->plan->num_segments - 1];
	uint8_t bytes[IMAGO_LAYERED_HEAD];
	head->layout = writing->heap->layout;
	head->start = segments[0].start;
	head->span = last->start + last->size + last->bridge_size - head->start;
	head->file_size = writing->writer->size - writing->start;
	imago_layered_encode(head, bytes);
	memcpy(at_offset(writing, 0), bytes, sizeof bytes);
}

static imago_status
write_rest(layered_writing *writing)
{
	imago_status status = IMAGO_OK;
	if (is_remembering(writing)) {
		write_remembered(writing);
	}
	if (!writing->options->without_origin) {
		status = write_origin(writing);
	}
	pad(writing);
	if (status != IMAGO_OK || writing->writer->status != IMAGO_OK) {
		return status != IMAGO_OK ? status : writing->writer->status;
	}
	hash_sections(writing);
	write_head(writing);
	return IMAGO_OK;
}

static imago_status
write_file(layered_writing *writing)
{
	reserve(writing);
	imago_write_zeros(writing->writer, IMAGO_LAYERED_HEAD);
	add_objects(writing);
	add_fixups(writing);
	if (writing->writer->status != IMAGO_OK) {
		return writing->writer->status;
	}
	imago_status status = arrange(writing);
	if (status == IMAGO_OK) {
		status = look_at_objects(writing);
	}
	return status == IMAGO_OK ? write_rest(writing) : status;
}

static const imago_layered_options usual = {.start = 0};

imago_status
imago_layered_write(const imago_heap *heap, const imago_layered_options *options,
                    imago_writer *writer, imago_error *error)
{
	imago_layered_plan plan;
	layered_writing writing = {
	    .heap = heap,
	    .plan = &plan,
	    .options = options != NULL ? options : &usual,
	    .writer = writer,
	    .start = writer->size,
	    .error = error,
	};
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	imago_status status =
	    imago_layered_plan_create(&plan, heap, writing.options, writer->allocator, error);
	if (status == IMAGO_OK) {
		status = write_file(&writing);
	}
	if (status != IMAGO_OK) {
		writer->size = writing.start; /* nothing of it was ever filled */
	}
	imago_heap_destroy(writing.layered);
	imago_layered_remembered_release(&writing.remembered);
	imago_layered_plan_release(&plan);
	return status;
}
