/* pages.c: pages counted. */
#include "imago/pages.h"
#include "../base/planted.h"

#include <unistd.h>

#include "attachment.h"
#include "pagemap.h"
#include "show.h"

enum { ENTRIES_AT_ONCE = 512 };

/* Runs of private pages that are being put together. */
typedef struct seeing {
	imago_see_pages *see;
	void *payload;
	size_t section;
	imago_addr begin;
	uint64_t num_pages; /* of the run so far */
} seeing;

static void
end_run(seeing *s)
{
	if (s->num_pages > 0 && s->see != NULL) {
		s->see(s->section, s->begin, s->num_pages, s->payload);
	}
	s->num_pages = 0;
}

static void
see_private(seeing *s, imago_addr address)
{
	if (s->num_pages == 0) {
		s->begin = address;
	}
	s->num_pages++;
}

typedef enum page_kind { PAGE_ABSENT, PAGE_SHARED, PAGE_PRIVATE } page_kind;

static page_kind
kind_of_page(const imago_attachment *attachment, const imago_attached_section *section,
             uint64_t distance, uint64_t entry)
{
	/* What only marks a page as not written since looks like one that was swapped out. */
	const bool protected = (entry & IMAGO_PAGE_PROTECTED) != 0;
	const bool swapped = (entry & IMAGO_PAGE_SWAPPED) != 0 &&
	                     (IMAGO_BUG(protected_is_private, protected) || !protected);
	if (section->backing == IMAGO_BACKING_SIGNAL &&
	    imago_page_shown(attachment, section, distance)) {
		return PAGE_PRIVATE; /* in the file in memory, touched or not */
	}
	if ((entry & IMAGO_PAGE_PRESENT) == 0) {
		return swapped ? PAGE_PRIVATE : PAGE_ABSENT;
	}
	return (entry & IMAGO_PAGE_OF_FILE) != 0 ? PAGE_SHARED : PAGE_PRIVATE;
}

static void
count_page(imago_page_counts *counts, page_kind kind)
{
	counts->num_pages++;
	counts->num_absent += kind == PAGE_ABSENT;
	counts->num_shared += kind == PAGE_SHARED;
	counts->num_private += kind == PAGE_PRIVATE;
}

static int
count_section(const imago_attachment *attachment, const imago_attached_section *section,
              int pagemap, imago_page_counts *counts, seeing *s)
{
	uint64_t entries[ENTRIES_AT_ONCE];
	const uint64_t num_pages = section->plan.size / attachment->page_size;
	const imago_addr address = attachment->base + (uint64_t)(section->bytes - attachment->bytes);
	*counts = (imago_page_counts){.num_pages = 0};
	for (uint64_t i = 0; i < num_pages; i++) {
		const uint64_t distance = i * attachment->page_size;
		const uint64_t left = num_pages - i;
		if (i % ENTRIES_AT_ONCE == 0) {
			const int result = imago_pagemap_read(pagemap, (uintptr_t)section->bytes + distance,
			                                      attachment->page_size, entries,
			                                      left < ENTRIES_AT_ONCE ? left : ENTRIES_AT_ONCE);
			if (result != 0) {
				return result;
			}
		}
		const page_kind kind =
		    kind_of_page(attachment, section, distance, entries[i % ENTRIES_AT_ONCE]);
		count_page(counts, kind);
		if (kind == PAGE_PRIVATE) {
			see_private(s, address + distance);
		} else {
			end_run(s);
		}
	}
	if (!IMAGO_BUG(last_run_untold, s->num_pages > 0)) {
		end_run(s);
	}
	return 0;
}

imago_status
imago_attachment_pages(const imago_attachment *attachment, imago_page_counts *counts,
                       imago_see_pages *see, void *payload, imago_error *error)
{
	const int pagemap = imago_pagemap_open();
	if (pagemap < 0) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "map of pages", IMAGO_NO_OFFSET, 0, 0);
	}
	imago_status status = IMAGO_OK;
	for (size_t i = 0; status == IMAGO_OK && i < attachment->num_sections; i++) {
		imago_page_counts here;
		seeing s = {.see = see, .payload = payload, .section = i};
		const int result = count_section(attachment, &attachment->sections[i], pagemap, &here, &s);
		if (result != 0) {
			status = imago_fail_os(error, "map of pages", -result);
		} else if (counts != NULL) {
			counts[i] = here;
		}
	}
	close(pagemap);
	return status;
}
