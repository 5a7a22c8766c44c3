/* measure.c: an attachment, seen from within. */
#include "measure.h"

#include <stdio.h>
#include <string.h>

#include "imago/class_table.h"
#include "imago/object.h"

void
measure_pages(const imago_layered_attachment *attached, measurement *out)
{
	imago_error error;
	const imago_attachment_facts facts = imago_attachment_facts_of(attached->attachment);
	memset(out, 0, sizeof *out);
	out->moved = (uintptr_t)facts.bytes != attached->head.start;
	out->relocation = facts.relocation;
	out->num_faults = facts.num_faults;
	out->num_pages_relocated = facts.num_pages_relocated;
	/* First: to look at pages touches none, but reading what the system says may. */
	out->has_memory =
	    imago_attachment_memory(attached->attachment, &out->memory, &error) == IMAGO_OK;
	out->has_pages =
	    imago_attachment_pages(attached->attachment, out->pages, NULL, NULL, &error) == IMAGO_OK;
}

const char *
tier_name(imago_tier tier)
{
	static const char *const names[] = {
	    [IMAGO_TIER_OFTEN] = "often",
	    [IMAGO_TIER_RARE] = "rare",
	    [IMAGO_TIER_READ_ONLY] = "read-only",
	};
	return names[tier];
}

void
name_blamed(const imago_heap *file, const imago_blame_row *row, char *name, size_t size)
{
	if (row->cls != 0) {
		imago_class_name(file, row->cls, name, size);
	} else {
		snprintf(name, size, "%s",
		         row->class_index == IMAGO_CLASS_FREE ? "(free chunks)" : "(hidden objects)");
	}
}

/* A call under the guards of both attachments. */
typedef struct blame_call {
	const imago_layered_attachment *attached;
	const imago_heap *file;
	imago_layered_attachment *file_attached;
	blame_totals *out;
	imago_allocator *allocator;
	imago_error *error;
} blame_call;

static imago_status
take_blame(void *payload)
{
	const blame_call *c = payload;
	imago_blame blame;
	blame_totals *out = c->out;
	imago_status status =
	    imago_blame_create(&blame, c->attached->attachment, c->file, c->attached->distance, NULL,
	                       NULL, c->allocator, c->error);
	if (status == IMAGO_OK) {
		out->known = true;
		out->num_private = blame.num_private;
		out->num_written = blame.num_written;
		out->num_objects = blame.num_objects;
		out->num_bytes = blame.num_bytes;
		out->false_dirty = blame.false_dirty;
		out->num_classes = (uint32_t)blame.num_rows;
		while (out->num_shown < blame.num_rows && out->num_shown < MEASURED_CLASSES) {
			const imago_blame_row *row = &blame.rows[out->num_shown];
			blamed_class *shown = &out->classes[out->num_shown++];
			name_blamed(c->file, row, shown->name, sizeof shown->name);
			shown->num_pages = row->num_pages;
			shown->num_objects = row->num_objects;
			shown->num_bytes = row->num_bytes;
		}
	}
	imago_blame_release(&blame);
	return status;
}

static imago_status
take_blame_of_both(void *payload)
{
	const blame_call *c = payload;
	return imago_attachment_guard(c->file_attached->attachment, take_blame, payload, c->error);
}

imago_status
measure_blame(const attached_image *image, const imago_layered_attachment *attached,
              blame_totals *out, imago_error *error)
{
	imago_layered_attachment file;
	imago_heap *heap;
	memset(out, 0, sizeof *out);
	imago_status status = attached_image_file(image, &file, &heap, error);
	if (status == IMAGO_OK) {
		blame_call c = {attached, heap, &file, out, image->allocator, error};
		status = imago_attachment_guard(attached->attachment, take_blame_of_both, &c, error);
	}
	imago_heap_destroy(heap);
	imago_layered_detach(&file);
	return status;
}
