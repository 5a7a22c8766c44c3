/* blame.h: whose objects an attachment's private pages hold.
 *
 * A page becomes a process's own when one word of it is written. What matters is then which objects
 * that was for, and what else lies on the page: bytes of objects that nobody wrote, copied for
 * nothing. Objects are looked at where the file has them: what lies there now is compared with the
 * file, whatever a collector has put there since.
 */
#ifndef IMAGO_BLAME_H
#define IMAGO_BLAME_H

#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/attach.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/oop.h"

/* The objects of a class that are not as in the file. */
typedef struct imago_blame_row {
	uint32_t class_index;
	imago_addr cls;       /* as in the file; 0: no class (hidden objects, free chunks) */
	uint64_t num_objects; /* that differ */
	uint64_t num_bytes;   /* of these, on private pages */
	uint64_t num_pages;   /* private ones where some differ; a page may count for several classes */
} imago_blame_row;

typedef struct imago_blame {
	imago_blame_row *rows; /* most pages first */
	size_t num_rows;
	uint64_t num_private; /* pages */
	uint64_t num_written; /* of these, where bytes differ; the others are only relocated, or were
	                       * written with what they held */
	uint64_t num_objects; /* that differ */
	uint64_t num_bytes;   /* of these, on private pages */
	uint64_t false_dirty; /* bytes of objects that do not differ, on pages that were written */
	uint64_t unchanged;   /* bytes of objects that do not differ, on the other private pages */
	imago_allocator *allocator;
} imago_blame;

/* A private page on which bytes differ. */
typedef struct imago_blamed_page {
	imago_addr address;   /* in the attachment */
	uint32_t class_index; /* of the class with most bytes in objects that differ here */
	uint64_t num_bytes;   /* of all objects that differ, on this page */
} imago_blamed_page;

/* Is told of them one by one; ascending. */
typedef void imago_see_blame(const imago_blamed_page *page, void *payload);

/* Compares an attachment's private pages with the file. file: the attached objects as the file has
 * them (a Spur heap); what lies at address a there lies at a + distance in the attachment, and a
 * word that is greater by distance counts as the same. see may be NULL. Neither may change
 * meanwhile, and pages of both are touched: use imago_attachment_guard.
 *
 * IMAGO_EUNSUPPORTED as imago_attachment_pages, the statuses of a walk, IMAGO_ENOMEM. Release in
 * every case. */
IMAGO_API imago_status imago_blame_create(imago_blame *blame, const imago_attachment *attachment,
                                          const imago_heap *file, uint64_t distance,
                                          imago_see_blame *see, void *payload,
                                          imago_allocator *allocator,
                                          imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_blame_release(imago_blame *blame);

#endif
