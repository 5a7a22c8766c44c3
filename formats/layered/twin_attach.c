/* twin_attach.c: a twin's words and objects over its source (twin.md §1, §3). */
#include "../../core/base/planted.h"
#include "imago/twin.h"

#include <string.h>

#include "imago/checked.h"
#include "imago/object_table.h"
#include "imago/walk.h"
#include "twin_private.h"

/* Copies a run to its place; false when that is in no section of objects. */
static bool
put_run(const imago_layered_attachment *out, const imago_twin_run *run)
{
	const imago_layered_head *head = &out->head;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		uint64_t past = run->address - section->address;
		bool fits = imago_range_fits(past, run->size, section->size - IMAGO_BRIDGE_SIZE);
		if (section->kind == IMAGO_LAYERED_OBJECTS && run->address >= section->address &&
		    (fits ||
		     IMAGO_BUG(twin_run_in_bridge, imago_range_fits(past, run->size, section->size)))) {
			memcpy(out->mapping.bytes + (run->address - head->start), run->bytes,
			       (size_t)run->size);
			return true;
		}
	}
	return false;
}

/* What is put in place of a source whose file may be cut meanwhile. */
typedef struct placing {
	imago_layered_attachment *out;
	const imago_twin_head *twin;
	const uint8_t *bytes;
	imago_error *error;
} placing;

static imago_status
put_in_place(void *payload)
{
	const placing *what = payload;
	imago_layered_attachment *out = what->out;
	const imago_twin_head *twin = what->twin;
	const uint8_t *bytes = what->bytes;
	imago_twin_reader reader;
	imago_twin_run run;
	imago_twin_reader_init(&reader, twin, bytes, out->head.start);
	while (!out->mapping.tabled && imago_twin_next(&reader, &run)) {
		if (!put_run(out, &run)) {
			return imago_fail(what->error, IMAGO_ERANGE, "run outside all sections",
			                  (uint64_t)(run.bytes - bytes), run.address, 0);
		}
	}
	uint64_t new_size = twin->used - twin->source_used;
	if (new_size > 0) {
		const uint8_t *made = bytes + IMAGO_TWIN_HEADER + twin->table_size + twin->changed_size;
		memcpy(out->mapping.bytes + twin->source_used, made, (size_t)new_size);
		out->mapping.used = twin->used;
		imago_put_last_bridge(out->mapping.bytes + out->mapping.used, out->head.layout);
	}
	out->mapping.header = twin->fields;
	/* What was known of the source need not hold of what was changed in it. An object table tells
	 * the one from the other. */
	out->mapping.ready = out->mapping.ready && out->mapping.tabled;
	out->mapping.remembered = NULL;
	return IMAGO_OK;
}

/* Objects of runs, one after the other, by what their headers say; counted, and kept where copies
 * is not NULL. */
static imago_status
split_runs(const imago_twin_head *twin, const uint8_t *bytes, imago_object_copy *copies,
           uint64_t *count, imago_error *error)
{
	imago_twin_reader reader;
	imago_twin_run run;
	*count = 0;
	imago_twin_reader_init(&reader, twin, bytes, 0);
	while (imago_twin_next(&reader, &run)) {
		uint64_t size;
		for (uint64_t done = 0; done < run.size; done += size) {
			size = imago_object_table_chunk_size(run.bytes + done, run.size - done, twin->layout);
			if (size == 0 || size > run.size - done) {
				return imago_fail(error, IMAGO_ESTRUCTURE, "objects of a run",
				                  (uint64_t)(run.bytes - bytes) + done, size, run.size - done);
			}
			if (copies != NULL) {
				copies[*count] = (imago_object_copy){run.address + done, size, run.bytes + done};
			}
			++*count;
		}
	}
	return IMAGO_OK;
}

static imago_status
hand_over_copies(imago_layered_attachment *out, const imago_twin_head *twin, const uint8_t *bytes,
                 imago_allocator *allocator, imago_error *error)
{
	uint64_t count;
	imago_status status = split_runs(twin, bytes, NULL, &count, error);
	if (status != IMAGO_OK) {
		return status;
	}
	out->copies =
	    imago_allocate_array(allocator, count, sizeof *out->copies, "copies of objects", error);
	if (out->copies == NULL) {
		return IMAGO_ENOMEM;
	}
	out->allocator = allocator;
	out->num_copies = count;
	out->mapping.copies = out->copies;
	out->mapping.num_copies = count;
	return split_runs(twin, bytes, out->copies, &count, error);
}

static imago_status
attach(imago_layered_attachment *out, const uint8_t *bytes, uint64_t size, int source_descriptor,
       uint64_t room, bool tabled, imago_allocator *allocator, imago_error *error)
{
	imago_twin_head twin;
	imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE,
	                                        .tabled = tabled};
	*out = (imago_layered_attachment){.attachment = NULL};
	imago_status status = imago_twin_decode(&twin, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (tabled && !twin.objects) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "twin of words", AT_OBJECTS, 0, 1);
	}
	if (!imago_checked_add(room, twin.used - twin.source_used, &options.room) ||
	    !imago_checked_add(options.room, IMAGO_LAYERED_PAGE, &options.room)) {
		return imago_fail(error, IMAGO_ELIMIT, "room behind an image", IMAGO_NO_OFFSET, room, 0);
	}
	status = imago_layered_attach(out, source_descriptor, &options, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	bool same = memcmp(twin.source, out->head.identity, sizeof twin.source) == 0 &&
	            twin.source_used == out->source_used &&
	            twin.layout.word_bytes == out->head.layout.word_bytes &&
	            twin.layout.byte_order == out->head.layout.byte_order;
	placing what = {out, &twin, bytes, error};
	status = same || IMAGO_BUG(twin_of_any_base, !same)
	             ? imago_attachment_guard(out->attachment, put_in_place, &what, error)
	             : imago_fail(error, IMAGO_ESTRUCTURE, "source of a twin", AT_SOURCE, 0, 0);
	if (status == IMAGO_OK && tabled) {
		status = hand_over_copies(out, &twin, bytes, allocator, error);
	}
	if (status != IMAGO_OK) {
		imago_layered_detach(out);
	}
	return status;
}

imago_status
imago_twin_attach(imago_layered_attachment *out, const uint8_t *bytes, uint64_t size,
                  int source_descriptor, uint64_t room, imago_allocator *allocator,
                  imago_error *error)
{
	return attach(out, bytes, size, source_descriptor, room, false, allocator, error);
}

imago_status
imago_twin_attach_tabled(imago_layered_attachment *out, const uint8_t *bytes, uint64_t size,
                         int source_descriptor, uint64_t room, imago_allocator *allocator,
                         imago_error *error)
{
	return attach(out, bytes, size, source_descriptor, room, true, allocator, error);
}

imago_status
imago_twin_require_objects(const imago_twin_head *head, const uint8_t *bytes, imago_addr start,
                           const imago_heap *heap, imago_error *error)
{
	imago_twin_reader reader;
	imago_twin_run run;
	imago_walker walker;
	imago_object object;
	imago_twin_reader_init(&reader, head, bytes, start);
	bool more = imago_twin_next(&reader, &run);
	imago_walk_init(&walker, heap, error);
	while (more && imago_walk_next(&walker, &object)) {
		imago_addr end = object.chunk + object.total_bytes;
		if (object.chunk > run.address) {
			break;
		}
		if (end <= run.address) {
			continue;
		}
		if (object.chunk < run.address || end - run.address > run.size) {
			break;
		}
		/* What is left of the run begins with the next chunk. */
		run.size -= end - run.address;
		run.bytes += end - run.address;
		run.address = end;
		more = run.size > 0 || imago_twin_next(&reader, &run);
	}
	if (walker.status != IMAGO_OK) {
		return walker.status;
	}
	return !more ? IMAGO_OK
	             : imago_fail(error, IMAGO_ESTRUCTURE, "run between objects",
	                          (uint64_t)(run.bytes - bytes), run.address, run.size);
}
