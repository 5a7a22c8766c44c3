/* attachment.h: what an attachment is made of; private to the room. */
#ifndef CORE_SHARE_ATTACHMENT_H
#define CORE_SHARE_ATTACHMENT_H

#include <stdatomic.h>

#include "identity.h"
#include "imago/attach.h"

/* Where the pages of a section come from. */
typedef enum imago_backing {
	IMAGO_BACKING_FILE,      /* the file itself */
	IMAGO_BACKING_RELOCATED, /* memory, relocated before anybody saw it */
	IMAGO_BACKING_USERFAULT, /* memory that userfaultfd fills */
	IMAGO_BACKING_SIGNAL,    /* a file in memory, closed to readers until its pages are written */
} imago_backing;

typedef struct imago_attached_section {
	imago_attach_section plan; /* address: where it was wanted */
	imago_backing backing;
	uint8_t *bytes;
	uint64_t memory_offset; /* SIGNAL: in the file in memory */
	uint64_t first_page;    /* lazy: its pages' bits in shown */
} imago_attached_section;

/* Places to relocate a window in before it is shown; threads that find none free wait. */
enum { IMAGO_NUM_SCRATCHES = 4 };

struct imago_attachment {
	imago_allocator *allocator;
	int descriptor; /* the file; our own */
	imago_identity identity;
	uint64_t serial; /* no other attachment of this process has or had it */
	imago_layout layout;
	uint64_t page_size;
	uint64_t window_size;

	uint8_t *bytes;
	uint64_t span;
	imago_addr base;
	uint64_t delta; /* added to marked words, modulo 2^64 */
	imago_relocation relocation;

	imago_attached_section *sections;
	size_t num_sections;

	/* The lazy ways. Read by handlers: nothing below is changed once pages may be touched, but what
	 * is atomic, and userfault in a forked child before anybody runs there. */
	int userfault;         /* or -1 */
	int memory;            /* the file in memory, or -1 */
	int tracker;           /* where there is no userfault: what tracks writes, or -1 */
	atomic_bool tracked;   /* writes are */
	_Atomic size_t *shown; /* a bit for each page that is there */
	size_t num_shown_words;
	uint8_t *scratches;
	uint64_t scratch_size;
	atomic_bool scratch_taken[IMAGO_NUM_SCRATCHES];
	atomic_size_t num_faults;
	atomic_size_t num_pages_relocated;
};

/* The section that holds an address, or NULL. */
const imago_attached_section *imago_section_of(const imago_attachment *attachment,
                                               imago_addr address);

#endif
