/* attach.c: from a plan to mappings, and back. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"
#include "imago/checked.h"
#include "place.h"
#include "plan.h"
#include "userfault.h"
#include "windows.h"

enum { BITS = sizeof(size_t) * 8, NO_FILE = -1 };

static int
protection_of(const imago_attached_section *section)
{
	return PROT_READ | (section->plan.writable ? PROT_WRITE : 0);
}

/* Puts a mapping of ours in the place that is reserved for it. */
static imago_status
map_over(uint8_t *bytes, uint64_t size, int protection, int flags, int descriptor, uint64_t offset,
         const imago_attached_section *section, imago_error *error)
{
	const void *mapped =
	    mmap(bytes, (size_t)size, protection, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | flags,
	         descriptor, (off_t)offset);
	if (mapped != MAP_FAILED) {
		return IMAGO_OK;
	}
	const imago_lost lost = {"mapping of a section", section->plan.offset, errno};
	return imago_fail_lost(error, &lost);
}

static imago_status
map_file(const imago_attachment *attachment, const imago_attached_section *section,
         imago_error *error)
{
	return map_over(section->bytes, section->plan.size, protection_of(section), 0,
	                attachment->descriptor, section->plan.offset, section, error);
}

static imago_status
map_watched(const imago_attachment *attachment, const imago_attached_section *section,
            imago_error *error)
{
	imago_status status = map_over(section->bytes, section->plan.size, protection_of(section),
	                               MAP_ANONYMOUS, NO_FILE, 0, section, error);
	if (status == IMAGO_OK) {
		const int result =
		    imago_userfault_watch(attachment->userfault, section->bytes, section->plan.size);
		if (result != 0) {
			const imago_lost lost = {"watch over a section", section->plan.offset, -result};
			status = imago_fail_lost(error, &lost);
		}
	}
	return status;
}

static imago_status
map_closed(const imago_attachment *attachment, const imago_attached_section *section,
           imago_error *error)
{
	return map_over(section->bytes, section->plan.size, PROT_NONE, 0, attachment->memory,
	                section->memory_offset, section, error);
}

static imago_status
map_relocated(imago_attachment *attachment, const imago_attached_section *section,
              imago_error *error)
{
	imago_status status = map_over(section->bytes, section->plan.size, PROT_READ | PROT_WRITE,
	                               MAP_ANONYMOUS, NO_FILE, 0, section, error);
	uint64_t size;
	for (uint64_t done = 0; status == IMAGO_OK && done < section->plan.size; done += size) {
		imago_lost lost;
		size = section->plan.size - done < attachment->window_size ? section->plan.size - done
		                                                           : attachment->window_size;
		if (imago_window_read(attachment, &section->plan, done, size, section->bytes + done,
		                      attachment->scratches, &lost) < size) {
			status = imago_fail_lost(error, &lost);
		}
		atomic_fetch_add_explicit(&attachment->num_pages_relocated,
		                          (size_t)(size / attachment->page_size), memory_order_relaxed);
	}
	if (status == IMAGO_OK &&
	    mprotect(section->bytes, (size_t)section->plan.size, protection_of(section)) != 0) {
		const imago_lost lost = {"mapping of a section", section->plan.offset, errno};
		status = imago_fail_lost(error, &lost);
	}
	return status;
}

static imago_status
map_sections(imago_attachment *attachment, imago_error *error)
{
	imago_status status = IMAGO_OK;
	for (size_t i = 0; status == IMAGO_OK && i < attachment->num_sections; i++) {
		const imago_attached_section *section = &attachment->sections[i];
		switch (section->backing) {
		case IMAGO_BACKING_USERFAULT:
			status = map_watched(attachment, section, error);
			break;
		case IMAGO_BACKING_SIGNAL:
			status = map_closed(attachment, section, error);
			break;
		case IMAGO_BACKING_RELOCATED:
			status = map_relocated(attachment, section, error);
			break;
		default:
			status = map_file(attachment, section, error);
			break;
		}
	}
	return status;
}

/* A file in memory as large as all sections that hold addresses; its pages take up nothing until
 * they are written. */
static int
open_memory(imago_attachment *attachment)
{
	uint64_t size = 0;
	for (size_t i = 0; i < attachment->num_sections; i++) {
		if (attachment->sections[i].plan.has_pointers) {
			attachment->sections[i].memory_offset = size;
			size += attachment->sections[i].plan.size;
		}
	}
	attachment->memory = memfd_create("imago", MFD_CLOEXEC);
	if (attachment->memory < 0) {
		return -errno;
	}
	return ftruncate(attachment->memory, (off_t)size) == 0 ? 0 : -errno;
}

static imago_status
prepare_lazy(imago_attachment *attachment, imago_error *error)
{
	uint64_t num_pages = 0;
	for (size_t i = 0; i < attachment->num_sections; i++) {
		imago_attached_section *section = &attachment->sections[i];
		if (section->plan.has_pointers) {
			section->first_page = num_pages;
			num_pages += section->plan.size / attachment->page_size;
		}
	}
	attachment->num_shown_words = (size_t)(num_pages / BITS + 1);
	attachment->shown =
	    imago_allocate_array(attachment->allocator, attachment->num_shown_words,
	                         sizeof *attachment->shown, "pages of an attachment", error);
	return attachment->shown == NULL ? IMAGO_ENOMEM : IMAGO_OK;
}

/* Opens what a way of relocation needs. 0 or a negated errno. */
static int
open_way(imago_attachment *attachment, imago_relocation relocation)
{
	if (relocation == IMAGO_RELOCATION_USERFAULT) {
		attachment->userfault = imago_userfault_open();
		return attachment->userfault < 0 ? attachment->userfault : 0;
	}
	return relocation == IMAGO_RELOCATION_SIGNAL ? open_memory(attachment) : 0;
}

static imago_status
choose_way(imago_attachment *attachment, imago_relocation wanted, imago_error *error)
{
	imago_relocation way = wanted == IMAGO_RELOCATION_AUTO ? IMAGO_RELOCATION_USERFAULT : wanted;
	int result = open_way(attachment, way);
	while (result < 0 && wanted == IMAGO_RELOCATION_AUTO && way < IMAGO_RELOCATION_EAGER) {
		way++; /* the ways stand in the order in which they are tried */
		result = open_way(attachment, way);
	}
	if (result < 0) {
		imago_fail(error, IMAGO_EUNSUPPORTED, "way of relocation", IMAGO_NO_OFFSET, way, 0);
		return IMAGO_EUNSUPPORTED;
	}
	static const imago_backing backings[] = {
	    [IMAGO_RELOCATION_USERFAULT] = IMAGO_BACKING_USERFAULT,
	    [IMAGO_RELOCATION_SIGNAL] = IMAGO_BACKING_SIGNAL,
	    [IMAGO_RELOCATION_EAGER] = IMAGO_BACKING_RELOCATED,
	};
	attachment->relocation = way;
	for (size_t i = 0; i < attachment->num_sections; i++) {
		if (attachment->sections[i].plan.has_pointers) {
			attachment->sections[i].backing = backings[way];
		}
	}
	return IMAGO_OK;
}

static bool
has_pointers(const imago_attachment *attachment)
{
	for (size_t i = 0; i < attachment->num_sections; i++) {
		if (attachment->sections[i].plan.has_pointers) {
			return true;
		}
	}
	return false;
}

static imago_status
prepare_relocation(imago_attachment *attachment, imago_relocation wanted, imago_error *error)
{
	attachment->relocation = IMAGO_RELOCATION_NONE;
	if (attachment->delta == 0 || !has_pointers(attachment)) {
		return IMAGO_OK;
	}
	imago_status status = choose_way(attachment, wanted, error);
	if (status == IMAGO_OK && attachment->relocation != IMAGO_RELOCATION_EAGER) {
		status = prepare_lazy(attachment, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	/* A window and its bits, in 4-byte words at most a bit for each 4 bytes. */
	attachment->scratch_size = attachment->window_size + attachment->window_size / 32;
	attachment->scratches =
	    imago_allocate_array(attachment->allocator, IMAGO_NUM_SCRATCHES, attachment->scratch_size,
	                         "pages on their way", error);
	return attachment->scratches == NULL ? IMAGO_ENOMEM : IMAGO_OK;
}

static imago_status
take_plan(imago_attachment *attachment, const imago_attach_plan *plan, imago_error *error)
{
	attachment->layout = plan->layout;
	attachment->page_size = imago_page_size();
	attachment->window_size = IMAGO_ATTACH_WINDOW_PAGES * attachment->page_size;
	attachment->sections =
	    imago_allocate_array(attachment->allocator, plan->num_sections,
	                         sizeof *attachment->sections, "sections of an attachment", error);
	if (attachment->sections == NULL) {
		return IMAGO_ENOMEM;
	}
	attachment->num_sections = plan->num_sections;
	for (size_t i = 0; i < plan->num_sections; i++) {
		imago_attached_section *section = &attachment->sections[i];
		section->plan = plan->sections[i];
		section->bytes = attachment->bytes + (section->plan.address - plan->start);
	}
	return IMAGO_OK;
}

static imago_status
fill_attachment(imago_attachment *attachment, int descriptor, const imago_attach_plan *plan,
                const imago_attach_options *options, bool relocated, imago_error *error)
{
	attachment->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	if (attachment->descriptor < 0) {
		return imago_fail_os(error, "descriptor", errno);
	}
	imago_status status = imago_place_choose(attachment, plan, options, error);
	if (status == IMAGO_OK) {
		attachment->delta = relocated ? 0 : attachment->base - plan->start;
		status = take_plan(attachment, plan, error);
	}
	if (status == IMAGO_OK) {
		status = prepare_relocation(attachment, options->relocation, error);
	}
	if (status == IMAGO_OK) {
		status = map_sections(attachment, error);
	}
	if (status == IMAGO_OK) {
		/* While it was read, too. */
		status = imago_identity_check(&attachment->identity, attachment->descriptor, error);
	}
	return status == IMAGO_OK ? imago_faults_join(attachment, error) : status;
}

static void
close_one(int descriptor)
{
	if (descriptor >= 0) {
		close(descriptor);
	}
}

static void
destroy(imago_attachment *attachment)
{
	imago_allocator *allocator = attachment->allocator;
	if (attachment->bytes != NULL) {
		munmap(attachment->bytes, (size_t)attachment->span);
	}
	close_one(attachment->descriptor);
	close_one(attachment->userfault);
	close_one(attachment->memory);
	close_one(attachment->tracker);
	imago_release(allocator, attachment->scratches, IMAGO_NUM_SCRATCHES * attachment->scratch_size);
	imago_release(allocator, attachment->shown,
	              attachment->num_shown_words * sizeof *attachment->shown);
	imago_release(allocator, attachment->sections,
	              attachment->num_sections * sizeof *attachment->sections);
	imago_release(allocator, attachment, sizeof *attachment);
}

imago_status
imago_attach_checked(imago_attachment **out, int descriptor, const imago_identity *identity,
                     const imago_attach_plan *plan, const imago_attach_options *options,
                     bool relocated, imago_allocator *allocator, imago_error *error)
{
	imago_attachment *attachment =
	    imago_allocate(allocator, sizeof *attachment, "attachment", error);
	if (attachment == NULL) {
		return IMAGO_ENOMEM;
	}
	attachment->allocator = allocator;
	attachment->identity = *identity;
	attachment->descriptor = attachment->userfault = NO_FILE;
	attachment->memory = attachment->tracker = NO_FILE;
	const imago_status status =
	    fill_attachment(attachment, descriptor, plan, options, relocated, error);
	if (status != IMAGO_OK) {
		destroy(attachment);
		return status;
	}
	*out = attachment;
	return IMAGO_OK;
}

imago_status
imago_attach(imago_attachment **out, int descriptor, const imago_attach_plan *plan,
             const imago_attach_options *options, imago_allocator *allocator, imago_error *error)
{
	const imago_attach_options defaults = {.place = IMAGO_PLACE_WANTED};
	imago_identity identity;
	imago_error_set_part(error, "");
	imago_status status = imago_identity_take(&identity, descriptor, error);
	if (status == IMAGO_OK) {
		status = imago_plan_check(plan, identity.size, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	return imago_attach_checked(out, descriptor, &identity, plan,
	                            options == NULL ? &defaults : options, false, allocator, error);
}

void
imago_detach(imago_attachment *attachment)
{
	if (attachment != NULL) {
		imago_faults_leave(attachment);
		destroy(attachment);
	}
}
