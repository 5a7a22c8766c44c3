/* attach.h: an image mapped instead of read, at its own address or at any other.
 *
 * A plan says which bytes of a file lie where. At the wanted address the pages of the file are
 * simply mapped: nothing is read, nothing relocated. Elsewhere every word that the plan marks as an
 * address moves along: page by page when it is first touched, or all at once. Sections without
 * addresses stay the file's pages wherever they lie, shared by all who map them.
 *
 * The cost follows the number of sections and the pages touched, never the size of the file.
 * core/share/README.md says what each way costs and how to choose.
 */
#ifndef IMAGO_ATTACH_H
#define IMAGO_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/layout.h"
#include "imago/oop.h"

enum {
	IMAGO_ATTACH_MAX_SECTIONS =
	    4096, /* each costs a mapping or more, of which a process has 65,530 */
	IMAGO_ATTACH_WINDOW_PAGES = 16, /* relocated by one fault, at most */
};

/* A run of the file's pages. They must all be whole, but for the last one of the file in a section
 * that is neither writable nor has pointers: behind the file's end that reads as zeros. */
typedef struct imago_attach_section {
	imago_addr address; /* wanted, of the first byte; a multiple of the page size */
	uint64_t offset;    /* in the file, and … */
	uint64_t size;      /* … of that many bytes; multiples of the page size, size not 0 */
	bool writable;      /* stores change this process's own copy of a page; else they trap */
	bool has_pointers;  /* some words hold addresses: one bit for each word of the section, … */
	uint64_t pointer_words; /* … in the file from this offset: word i is bit i % 8 of byte i / 8 */
} imago_attach_section;

typedef struct imago_attach_plan {
	imago_layout layout;                  /* of the words that are relocated */
	const imago_attach_section *sections; /* ascending, disjoint */
	size_t num_sections;
	imago_addr start; /* wanted; a multiple of the page size */
	uint64_t
	    span; /* of addresses: all sections, and room (imago_attachment_room) between, behind */
} imago_attach_plan;

typedef enum imago_attach_place {
	IMAGO_PLACE_WANTED,   /* the wanted address if it is free, else where there is room */
	IMAGO_PLACE_GIVEN,    /* the options' base, or refused */
	IMAGO_PLACE_ANYWHERE, /* where there is room, never the wanted address: for tests */
} imago_attach_place;

typedef enum imago_relocation {
	IMAGO_RELOCATION_AUTO,      /* the first of these that the system allows */
	IMAGO_RELOCATION_USERFAULT, /* at first touch, by userfaultfd */
	IMAGO_RELOCATION_SIGNAL,    /* at first touch, by memory protection */
	IMAGO_RELOCATION_EAGER,     /* all at once */
	IMAGO_RELOCATION_NONE,      /* words stay as they are, wherever they lie: for who translates
	                             * addresses (imago_attachment_facts) */
} imago_relocation;

/* Zero-initialisable. */
typedef struct imago_attach_options {
	imago_attach_place place;
	uint64_t base; /* where the first byte of the span is to lie, with IMAGO_PLACE_GIVEN */
	imago_relocation relocation;
} imago_attach_options;

typedef struct imago_attachment imago_attachment;

/* Maps the sections of a regular file; the descriptor stays the caller's and may be closed.
 *
 * IMAGO_EUSAGE (not a regular file), IMAGO_ELIMIT (sections, address space), IMAGO_EALIGN,
 * IMAGO_ERANGE (sections that overlap or leave the span; 4-byte words, and the
 * span, or all room there is, beyond 2^32), IMAGO_ETRUNCATED (a section or its bitmap leaves the
 * file), IMAGO_EUNSUPPORTED (a way that the system does not allow), IMAGO_EIO, IMAGO_ENOMEM.
 * Nothing is allocated before the plan is known to be sound. The offset of an error is that of the
 * section in the file. */
IMAGO_API imago_status imago_attach(imago_attachment **out, int descriptor,
                                    const imago_attach_plan *plan,
                                    const imago_attach_options *options, imago_allocator *allocator,
                                    imago_error *error) IMAGO_NODISCARD;

/* Makes a copy of the file in memory, with all marked words as they are to be when start lies at
 * base, and seals it: nobody can write or cut it any more. Whoever is handed the descriptor (the
 * caller's to close) attaches it without relocating anything, and shares its pages with all others.
 *
 * Statuses as imago_attach; IMAGO_EUNSUPPORTED (a page with addresses is in two sections). */
IMAGO_API imago_status imago_attach_seal(int *out, int descriptor, const imago_attach_plan *plan,
                                         imago_addr base, imago_allocator *allocator,
                                         imago_error *error) IMAGO_NODISCARD;

/* Attaches a sealed copy at the base for which it was made; plan is the one it was made with.
 * Statuses as imago_attach; IMAGO_EUSAGE (not such a copy, or another plan's start), IMAGO_EIO (the
 * base is taken). */
IMAGO_API imago_status imago_attach_sealed(imago_attachment **out, int descriptor,
                                           const imago_attach_plan *plan,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;

/* Unmaps everything. No thread may be inside. NULL is allowed. */
IMAGO_API void imago_detach(imago_attachment *attachment);

/* What came of a plan. The byte of address a is bytes[a - base]: where words were relocated, and at
 * the wanted address, base is the address of bytes itself. */
typedef struct imago_attachment_facts {
	uint8_t *bytes;
	imago_addr base;
	uint64_t span;
	imago_relocation relocation; /* NONE where nothing had to be, or was to be, relocated */
	uint64_t num_faults;         /* of pages that were to be relocated; two threads' may be one's */
	uint64_t num_pages_relocated;
} imago_attachment_facts;
IMAGO_API imago_attachment_facts imago_attachment_facts_of(const imago_attachment *attachment);

/* The bytes of size addresses, if one section holds them all, else NULL. They may not be there yet,
 * and may be gone (imago_attachment_guard). */
IMAGO_API uint8_t *imago_attachment_bytes(const imago_attachment *attachment, imago_addr address,
                                          uint64_t size);

/* Makes addresses of the span that no section has into memory, zeroed, to read and write. address
 * and size: multiples of the page size; IMAGO_EALIGN, IMAGO_ERANGE, IMAGO_ENOMEM. */
IMAGO_API imago_status imago_attachment_room(imago_attachment *attachment, imago_addr address,
                                             uint64_t size, uint8_t **bytes,
                                             imago_error *error) IMAGO_NODISCARD;

/* Brings in all pages of a range, relocated. System calls cannot touch pages for the first time:
 * who hands them addresses (read, write) fills these first. IMAGO_ERANGE (not in sections),
 * IMAGO_EIO (the file was cut; the offset says where). */
IMAGO_API imago_status imago_attachment_fill(imago_attachment *attachment, imago_addr address,
                                             uint64_t size, imago_error *error) IMAGO_NODISCARD;

/* What may touch pages that may be gone. Returns IMAGO_OK, or its own status. */
typedef imago_status imago_guarded(void *payload);

/* Runs a function that touches the attachment. A page that cannot be had (the file was cut, or does
 * not give its bytes; there is no memory for a copy) ends it, wherever it was, without releasing
 * anything: IMAGO_EIO, and the page's offset. Whatever it returned counts only if the file is still
 * as it was: see imago_attachment_check_file. Without a guard, such a page ends the process.
 *
 * May be nested, and used by several threads at once. */
IMAGO_API imago_status imago_attachment_guard(imago_attachment *attachment, imago_guarded *function,
                                              void *payload, imago_error *error) IMAGO_NODISCARD;

/* IMAGO_EIO when the file is not what was attached: its size, its time of writing or, while it has
 * as many names as then, its time of change. A newer file under its name is no change of this one;
 * to rename it, or to change its permissions, is taken for one. */
IMAGO_API imago_status imago_attachment_check_file(const imago_attachment *attachment,
                                                   imago_error *error) IMAGO_NODISCARD;

#endif
