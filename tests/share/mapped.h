/* mapped.h: a file to attach, and what must be seen of it, worked out word by word. */
#ifndef TESTS_SHARE_MAPPED_H
#define TESTS_SHARE_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/attach.h"
#include "imago/error.h"

enum { MAPPED_SECTIONS = 5 };

typedef struct mapped_file {
	int descriptor; /* of a file without a name */
	uint8_t *bytes; /* what is in it */
	uint64_t size;
	uint64_t page_size;
	imago_attach_section sections[MAPPED_SECTIONS];
	imago_attach_plan plan;
} mapped_file;

/* Sections of 3 pages without addresses, 37 with, 20 writable with, 2 writable without, and 1 with;
 * gaps of one page and more, room of 8 pages behind; random bytes, a third of the words marked. The
 * span is free now. */
void mapped_make(mapped_file *file, imago_layout layout);
void mapped_release(mapped_file *file);

/* What most tests begin with: a file of the first layout, and what attaching it needs. */
typedef struct mapped_fixture {
	mapped_file file;
	imago_allocator allocator;
	imago_error error;
	imago_relocation ways[4];
	size_t num_ways;
} mapped_fixture;

/* Set-up and tear-down of a test whose state is a fixture. */
int mapped_set_up(void **state);
int mapped_tear_down(void **state);

/* Makes the plan want another start. */
void mapped_want(mapped_file *file, uint64_t start);

/* A new file without a name, with these bytes. */
int mapped_descriptor(const uint8_t *bytes, uint64_t size);

/* Addresses that nobody has, below 2^32 if narrow; 0 where there are none. */
uint64_t mapped_free_address(uint64_t size, bool narrow);

/* The word at a place of a section (a multiple of the word size), as it must be seen with all
 * marked words moved by delta. */
uint64_t mapped_word(const mapped_file *file, size_t section, uint64_t at, uint64_t delta);

/* The word of that layout at an address in memory. */
uint64_t mapped_word_at(const uint8_t *bytes, imago_layout layout);

/* Looks at each word of each section of an attachment. */
void mapped_expect(const mapped_file *file, const imago_attachment *attachment);

/* The same, for threads and children, which cannot fail a test. */
bool mapped_matches(const mapped_file *file, const imago_attachment *attachment);

/* Ends a child, with 0 when what it saw is right. What it reached counts where that is measured. */
_Noreturn void mapped_end_child(bool right);

/* Looks at one word. */
void mapped_expect_word(const mapped_file *file, const imago_attachment *attachment, size_t section,
                        uint64_t at);

/* By how much marked words are moved, and where a section begins. */
uint64_t mapped_delta(const mapped_file *file, const imago_attachment *attachment);
uint8_t *mapped_section_bytes(const mapped_file *file, const imago_attachment *attachment,
                              size_t section);

/* The ways of relocation that this system allows, AUTO first. */
size_t mapped_ways(imago_relocation ways[4]);
const char *mapped_way_name(imago_relocation way);

/* Whether SIGBUS names the page that is gone, as it should: an emulator of a machine of the other
 * byte order may turn the address round. Says so when not. */
bool mapped_gone_pages_are_told(void);

/* Whether pages can be counted: not where the map is another process's, and where whole pages are
 * mapped for parts of one, as under an emulator. Says so when not. */
bool mapped_pages_are_told(void);

/* All four layouts. */
extern const imago_layout mapped_layouts[4];

#endif
