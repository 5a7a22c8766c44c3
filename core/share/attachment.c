/* attachment.c: what is there, and bringing it in. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "attachment.h"

#include <errno.h>
#include <sys/mman.h>

#include "faults.h"
#include "imago/checked.h"
#include "show.h"

imago_attachment_facts
imago_attachment_facts_of(const imago_attachment *attachment)
{
	return (imago_attachment_facts){
	    .bytes = attachment->bytes,
	    .base = attachment->base,
	    .span = attachment->span,
	    .relocation = attachment->relocation,
	    .num_faults = atomic_load_explicit(&attachment->num_faults, memory_order_relaxed),
	    .num_pages_relocated =
	        atomic_load_explicit(&attachment->num_pages_relocated, memory_order_relaxed),
	};
}

/* The first section that ends behind an address. */
static size_t
section_from(const imago_attachment *attachment, uint64_t distance)
{
	size_t low = 0;
	size_t high = attachment->num_sections;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const imago_attached_section *section = &attachment->sections[middle];
		if ((uint64_t)(section->bytes - attachment->bytes) + section->plan.size <= distance) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const imago_attached_section *
imago_section_of(const imago_attachment *attachment, imago_addr address)
{
	const uint64_t distance = address - attachment->base;
	if (distance >= attachment->span) {
		return NULL;
	}
	const size_t i = section_from(attachment, distance);
	if (i == attachment->num_sections ||
	    (uint64_t)(attachment->sections[i].bytes - attachment->bytes) > distance) {
		return NULL;
	}
	return &attachment->sections[i];
}

static uint64_t
distance_in(const imago_attachment *attachment, const imago_attached_section *section,
            imago_addr address)
{
	return address - attachment->base - (uint64_t)(section->bytes - attachment->bytes);
}

uint8_t *
imago_attachment_bytes(const imago_attachment *attachment, imago_addr address, uint64_t size)
{
	const imago_attached_section *section = imago_section_of(attachment, address);
	if (section == NULL) {
		return NULL;
	}
	const uint64_t distance = distance_in(attachment, section, address);
	return imago_range_fits(distance, size, section->plan.size) ? section->bytes + distance : NULL;
}

imago_status
imago_attachment_room(imago_attachment *attachment, imago_addr address, uint64_t size,
                      uint8_t **bytes, imago_error *error)
{
	const uint64_t distance = address - attachment->base;
	if (((distance | size) & (attachment->page_size - 1)) != 0) {
		return imago_fail(error, IMAGO_EALIGN, "room", IMAGO_NO_OFFSET, address,
		                  attachment->page_size);
	}
	if (size == 0 || !imago_range_fits(distance, size, attachment->span)) {
		return imago_fail(error, IMAGO_ERANGE, "room", IMAGO_NO_OFFSET, size, attachment->span);
	}
	const size_t i = section_from(attachment, distance);
	if (i < attachment->num_sections &&
	    (uint64_t)(attachment->sections[i].bytes - attachment->bytes) < distance + size) {
		return imago_fail(error, IMAGO_ERANGE, "room", attachment->sections[i].plan.offset, address,
		                  0);
	}
	if (mprotect(attachment->bytes + distance, (size_t)size, PROT_READ | PROT_WRITE) != 0) {
		return imago_fail(error, IMAGO_ENOMEM, "room", IMAGO_NO_OFFSET, size, 0);
	}
	*bytes = attachment->bytes + distance;
	return IMAGO_OK;
}

/* Pages of the file, to be touched one by one. */
typedef struct touches {
	const volatile uint8_t *bytes;
	uint64_t size, page_size;
} touches;

static void
touch(void *payload)
{
	const touches *pages = payload;
	for (uint64_t i = 0; i < pages->size; i += pages->page_size) {
		(void)pages->bytes[i];
	}
	if (pages->size > 0) {
		(void)pages->bytes[pages->size - 1];
	}
}

static bool
fill_part(imago_attachment *attachment, const imago_attached_section *section, uint64_t distance,
          uint64_t size, imago_lost *lost)
{
	if (section->backing == IMAGO_BACKING_FILE) {
		touches pages = {section->bytes + distance, size, attachment->page_size};
		return imago_faults_run(attachment, touch, &pages, lost);
	}
	/* What was relocated at once is there. */
	return section->backing == IMAGO_BACKING_RELOCATED ||
	       imago_show_range(attachment, section, distance, size, lost);
}

imago_status
imago_attachment_fill(imago_attachment *attachment, imago_addr address, uint64_t size,
                      imago_error *error)
{
	while (size > 0) {
		imago_lost lost;
		const imago_attached_section *section = imago_section_of(attachment, address);
		if (section == NULL) {
			return imago_fail(error, IMAGO_ERANGE, "range to fill", IMAGO_NO_OFFSET, address, 0);
		}
		const uint64_t distance = distance_in(attachment, section, address);
		const uint64_t left = section->plan.size - distance;
		const uint64_t part = left < size ? left : size;
		if (!fill_part(attachment, section, distance, part, &lost)) {
			return imago_fail_lost(error, &lost);
		}
		address += part;
		size -= part;
	}
	return IMAGO_OK;
}

imago_status
imago_attachment_check_file(const imago_attachment *attachment, imago_error *error)
{
	return imago_identity_check(&attachment->identity, attachment->descriptor, error);
}

typedef struct guarded {
	imago_guarded *function;
	void *payload;
	imago_status status;
} guarded;

static void
run_guarded(void *payload)
{
	guarded *call = payload;
	call->status = call->function(call->payload);
}

imago_status
imago_attachment_guard(imago_attachment *attachment, imago_guarded *function, void *payload,
                       imago_error *error)
{
	imago_lost lost;
	guarded call = {.function = function, .payload = payload};
	if (!imago_faults_run(attachment, run_guarded, &call, &lost)) {
		return imago_fail_lost(error, &lost);
	}
	const imago_status status = imago_attachment_check_file(attachment, error);
	return status == IMAGO_OK ? call.status : status;
}
