/* pages.h: what an attachment costs this process, page by page, and which pages it writes.
 *
 * Needs no rights: a process may always look at its own pages. IMAGO_EUNSUPPORTED where the system
 * does not tell.
 */
#ifndef IMAGO_PAGES_H
#define IMAGO_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/attach.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/oop.h"

/* The pages of a section: each is one of the three. */
typedef struct imago_page_counts {
	uint64_t num_pages;
	uint64_t num_absent;  /* never touched, or let go since */
	uint64_t num_shared;  /* the file's own, the same memory for all who map it */
	uint64_t num_private; /* this process's own: relocated, or copied when they were written */
} imago_page_counts;

/* Is told of pages that lie side by side in one section; ascending. */
typedef void imago_see_pages(size_t section, imago_addr address, uint64_t num_pages, void *payload);

/* Counts the pages of each section: counts has an element for each of the plan, or is NULL. see, if
 * not NULL, is told of the private ones. While writes are tracked, pages that were swapped out and
 * not written since count as absent. */
IMAGO_API imago_status imago_attachment_pages(const imago_attachment *attachment,
                                              imago_page_counts *counts, imago_see_pages *see,
                                              void *payload, imago_error *error) IMAGO_NODISCARD;

/* Bytes, of all mappings that lie in the attachment's span, room included. */
typedef struct imago_memory_use {
	uint64_t resident;
	uint64_t proportional; /* each page divided by the number of processes that map it (PSS) */
	uint64_t shared_clean, shared_dirty;
	uint64_t private_clean, private_dirty;
	uint64_t swapped;
} imago_memory_use;

IMAGO_API imago_status imago_attachment_memory(const imago_attachment *attachment,
                                               imago_memory_use *use,
                                               imago_error *error) IMAGO_NODISCARD;

/* From now on, writes to pages of writable sections are kept in mind; those before are forgotten. A
 * forked child keeps none in mind until it asks for it itself. IMAGO_EUNSUPPORTED (Linux before
 * 6.7). */
IMAGO_API imago_status imago_attachment_track(imago_attachment *attachment,
                                              imago_error *error) IMAGO_NODISCARD;

/* Tells see of the pages that were written since; reset: and forgets these writes, in one step for
 * each page. IMAGO_EUSAGE (writes are not tracked). */
IMAGO_API imago_status imago_attachment_written(imago_attachment *attachment, bool reset,
                                                imago_see_pages *see, void *payload,
                                                imago_error *error) IMAGO_NODISCARD;

#endif
