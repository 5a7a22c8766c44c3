/* twin_attach.c: a twin's words and objects over its source (twin.md §1, §3). */
#include "imago/twin.h"

#include <string.h>

#include "imago/checked.h"
#include "twin_private.h"

/* Copies a run to its place; false when that is in no section of objects. */
static bool
put_run(const imago_layered_attachment *out, const imago_twin_run *run)
{
	const imago_layered_head *head = &out->head;
	for (size_t i = 0; i < head->num_sections; i++) {
		const imago_layered_section *section = &head->sections[i];
		uint64_t past = run->address - section->address;
		if (section->kind == IMAGO_LAYERED_OBJECTS && run->address >= section->address &&
		    imago_range_fits(past, run->size, section->size - IMAGO_BRIDGE_SIZE)) {
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
	while (imago_twin_next(&reader, &run)) {
		if (!put_run(out, &run)) {
			return imago_fail(what->error, IMAGO_ERANGE, "run outside all sections",
			                  (uint64_t)(run.bytes - bytes), run.address, 0);
		}
	}
	uint64_t new_size = twin->used - twin->source_used;
	if (new_size > 0) {
		memcpy(out->mapping.bytes + twin->source_used, bytes + reader.data, (size_t)new_size);
		out->mapping.used = twin->used;
		imago_put_last_bridge(out->mapping.bytes + out->mapping.used, out->head.layout);
	}
	out->mapping.header = twin->fields;
	/* What was known of the source need not hold of what was changed in it. */
	out->mapping.ready = false;
	out->mapping.remembered = NULL;
	return IMAGO_OK;
}

imago_status
imago_twin_attach(imago_layered_attachment *out, const uint8_t *bytes, uint64_t size,
                  int source_descriptor, uint64_t room, imago_allocator *allocator,
                  imago_error *error)
{
	imago_twin_head twin;
	imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE};
	*out = (imago_layered_attachment){.attachment = NULL};
	imago_status status = imago_twin_decode(&twin, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
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
	status = same ? imago_attachment_guard(out->attachment, put_in_place, &what, error)
	              : imago_fail(error, IMAGO_ESTRUCTURE, "source of a twin", AT_SOURCE, 0, 0);
	if (status != IMAGO_OK) {
		imago_layered_detach(out);
	}
	return status;
}
