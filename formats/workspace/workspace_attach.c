/* workspace_attach.c: shared code files: mapped, imported, let go. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imago/checked.h"
#include "workspace_private.h"

/* The first page, or as much as there is. */
static imago_status
read_page(int descriptor, uint8_t page[IMAGO_WORKSPACE_PAGE], uint64_t *done, imago_error *error)
{
	*done = 0;
	while (*done < IMAGO_WORKSPACE_PAGE) {
		const ssize_t count =
		    pread(descriptor, page + *done, (size_t)(IMAGO_WORKSPACE_PAGE - *done), (off_t)*done);
		if (count < 0 && errno != EINTR) {
			return imago_fail_os(error, "read", errno);
		}
		if (count == 0) {
			break;
		}
		*done += count > 0 ? (uint64_t)count : 0;
	}
	return IMAGO_OK;
}

static imago_status
read_head(imago_workspace_head *head, int descriptor, imago_error *error)
{
	uint8_t page[IMAGO_WORKSPACE_PAGE];
	struct stat facts;
	uint64_t done;
	if (fstat(descriptor, &facts) != 0) {
		return imago_fail_os(error, "stat", errno);
	}
	imago_status status = read_page(descriptor, page, &done, error);
	if (status == IMAGO_OK) {
		const uint64_t size = facts.st_size > 0 ? (uint64_t)facts.st_size : 0;
		status = imago_workspace_decode(head, page, done < sizeof page ? done : size, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	if (!head->is_intact) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "hash of the header page", 0, 0, 0);
	}
	return head->slot != 0
	           ? IMAGO_OK
	           : imago_fail(error, IMAGO_EUSAGE, "workspace that was not saved for a slot",
	                        IMAGO_NO_OFFSET, 0, 0);
}

static imago_status
map(imago_workspace *workspace, const imago_workspace_head *head, int descriptor, bool elsewhere,
    imago_error *error)
{
	const imago_attach_section section = {
	    .address = head->start,
	    .offset = IMAGO_WORKSPACE_PAGE,
	    .size = head->file_size - IMAGO_WORKSPACE_PAGE,
	    .writable = true, /* counts; in pages of this process's own */
	};
	const imago_attach_plan plan = {
	    .layout = {8, IMAGO_LITTLE_ENDIAN},
	    .sections = &section,
	    .num_sections = 1,
	    .start = head->start,
	    .span = section.size,
	};
	const imago_attach_options options = {
	    .place = elsewhere ? IMAGO_PLACE_WANTED : IMAGO_PLACE_GIVEN,
	    .base = head->start,
	    .relocation = IMAGO_RELOCATION_NONE,
	};
	const imago_status status = imago_attach(&workspace->mappings[head->slot], descriptor, &plan,
	                                         &options, workspace->allocator, error);
	if (status == IMAGO_OK) {
		workspace->pockets.regions[head->slot] = (imago_region){
		    .bytes = imago_attachment_facts_of(workspace->mappings[head->slot]).bytes,
		    .used = head->size,
		    .root = head->root,
		};
	}
	return status;
}

static void
unmap(imago_workspace *workspace, unsigned slot)
{
	imago_region *region = &workspace->pockets.regions[slot];
	imago_bitmap_release(&region->claimed, workspace->allocator);
	*region = (imago_region){.bytes = NULL};
	imago_detach(workspace->mappings[slot]);
	workspace->mappings[slot] = NULL;
}

typedef struct slot_call {
	imago_workspace *workspace;
	unsigned slot;
	bool keep;
	uint64_t *num_imported;
	imago_error *error;
} slot_call;

static imago_status
forget(void *payload)
{
	const slot_call *c = payload;
	return imago_pockets_forget(&c->workspace->pockets, c->slot, c->keep, c->error);
}

/* All names or none. */
static imago_status
import(void *payload)
{
	const slot_call *c = payload;
	const imago_status status =
	    imago_pockets_import(&c->workspace->pockets, c->slot, c->num_imported, c->error);
	if (status != IMAGO_OK) {
		/* What was imported is taken away without a copy, but for items of arrays on the way, and
		 * of arrays that contain themselves. Where one cannot be made, pointers still lead to the
		 * file: it stays mapped, and all else is refused. */
		if (imago_pockets_forget(&c->workspace->pockets, c->slot, false, NULL) != IMAGO_OK) {
			c->workspace->is_lost = true;
		}
	}
	return status;
}

imago_status
imago_workspace_attach(imago_workspace *workspace, int descriptor, bool elsewhere,
                       imago_workspace_attached *out, imago_error *error)
{
	imago_workspace_head head = {.slot = 0};
	imago_status status = imago_workspace_require(workspace, error);
	if (status == IMAGO_OK && sizeof(void *) < 8) {
		status = imago_fail(error, IMAGO_EUNSUPPORTED, "shared code file on a host of 32 bits",
		                    IMAGO_NO_OFFSET, 8 * sizeof(void *), 64);
	}
	if (status == IMAGO_OK) {
		status = read_head(&head, descriptor, error);
	}
	if (status == IMAGO_OK && workspace->mappings[head.slot] != NULL) {
		status =
		    imago_fail(error, IMAGO_EUSAGE, "slot that is taken", IMAGO_NO_OFFSET, head.slot, 0);
	}
	if (status == IMAGO_OK) {
		status = map(workspace, &head, descriptor, elsewhere, error);
	}
	if (status != IMAGO_OK) {
		return status;
	}
	*out = (imago_workspace_attached){
	    .slot = head.slot,
	    .is_elsewhere =
	        (uintptr_t)workspace->pockets.regions[head.slot].bytes != (uintptr_t)head.start,
	};
	slot_call c = {.workspace = workspace,
	               .slot = head.slot,
	               .num_imported = &out->num_imported,
	               .error = error};
	status = imago_workspace_guard(workspace, import, &c, error);
	if (status != IMAGO_OK && !workspace->is_lost) {
		unmap(workspace, head.slot);
	}
	return status;
}

imago_status
imago_workspace_detach(imago_workspace *workspace, unsigned slot, bool assimilate,
                       imago_error *error)
{
	slot_call c = {.workspace = workspace, .slot = slot, .keep = assimilate, .error = error};
	imago_status status = imago_workspace_require(workspace, error);
	if (status == IMAGO_OK && imago_workspace_mapping(workspace, slot) == NULL) {
		status = imago_fail(error, IMAGO_EUSAGE, "slot without a file", IMAGO_NO_OFFSET, slot,
		                    IMAGO_WORKSPACE_SLOTS);
	}
	if (status == IMAGO_OK) {
		status = imago_workspace_guard(workspace, forget, &c, error);
	}
	if (status == IMAGO_OK) {
		unmap(workspace, slot);
	}
	return status;
}
