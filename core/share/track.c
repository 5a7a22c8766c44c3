/* track.c: which pages are written. Pages are protected by userfaultfd in its asynchronous mode:
 * the kernel lifts the protection at the first write, and the scan finds those without. */
#include <errno.h>
#include <unistd.h>

#include "attachment.h"
#include "imago/pages.h"
#include "pagemap.h"
#include "userfault.h"

enum { RUNS_AT_ONCE = 64 };

static int
protect_sections(const imago_attachment *attachment, int userfault)
{
	for (size_t i = 0; i < attachment->num_sections; i++) {
		const imago_attached_section *section = &attachment->sections[i];
		if (section->plan.writable) {
			const int result = imago_userfault_track(userfault, section->bytes, section->plan.size,
			                                         section->backing == IMAGO_BACKING_USERFAULT);
			if (result != 0) {
				return result;
			}
		}
	}
	return 0;
}

imago_status
imago_attachment_track(imago_attachment *attachment, imago_error *error)
{
	/* A mapping belongs to one of them only. */
	if (attachment->userfault < 0 && attachment->tracker < 0) {
		attachment->tracker = imago_userfault_open();
	}
	const int userfault = attachment->userfault >= 0 ? attachment->userfault : attachment->tracker;
	/* From here on what is brought in is not taken for written. */
	atomic_store(&attachment->tracked, userfault >= 0);
	const int result = userfault < 0 ? userfault : protect_sections(attachment, userfault);
	if (result != 0) {
		atomic_store(&attachment->tracked, false);
		return imago_fail(error, IMAGO_EUNSUPPORTED, "tracking of writes", IMAGO_NO_OFFSET, 0, 0);
	}
	return IMAGO_OK;
}

static int
see_written(const imago_attachment *attachment, size_t i, int pagemap, bool reset,
            imago_see_pages *see, void *payload)
{
	imago_page_run runs[RUNS_AT_ONCE];
	const imago_attached_section *section = &attachment->sections[i];
	const uint64_t moved = attachment->base - (uintptr_t)attachment->bytes;
	const uint64_t end = (uintptr_t)section->bytes + section->plan.size;
	for (uint64_t at = (uintptr_t)section->bytes; at < end;) {
		const uint64_t before = at;
		const int num = imago_pagemap_written(pagemap, &at, end, reset, runs, RUNS_AT_ONCE);
		if (num < 0 || at <= before) {
			return num < 0 ? num : -EIO;
		}
		for (int j = 0; j < num; j++) {
			see(i, runs[j].begin + moved, (runs[j].end - runs[j].begin) / attachment->page_size,
			    payload);
		}
	}
	return 0;
}

imago_status
imago_attachment_written(imago_attachment *attachment, bool reset, imago_see_pages *see,
                         void *payload, imago_error *error)
{
	if (!atomic_load(&attachment->tracked)) {
		return imago_fail(error, IMAGO_EUSAGE, "tracking of writes", IMAGO_NO_OFFSET, 0, 0);
	}
	const int pagemap = imago_pagemap_open();
	int result = pagemap < 0 ? pagemap : 0;
	for (size_t i = 0; result == 0 && i < attachment->num_sections; i++) {
		if (attachment->sections[i].plan.writable) {
			result = see_written(attachment, i, pagemap, reset, see, payload);
		}
	}
	if (pagemap >= 0) {
		close(pagemap);
	}
	return result == 0 ? IMAGO_OK : imago_fail_os(error, "map of pages", -result);
}
