/* corpus_layered.c: recipes of layered.*: one lie in a layered file, and hashes that fit it where
 * they are not what lies. */
#include "corpus.h"

#include "imago/layered_image.h"

enum { IDENTITY_END = 4095, TABLE_HASH = 64, SPAN = 44, MEANINGLESS = 60, FIRST_HASH = 4096 + 64 };

static imago_layered_head
head_of(corpus_case *here)
{
	imago_layered_head head;
	if (imago_layered_decode(&head, here->file.bytes, here->file.size, NULL) != IMAGO_OK) {
		here->failed = true;
		head = (imago_layered_head){.num_sections = 1};
	}
	return head;
}

/* Turns one bit. */
static void
turn(corpus_case *here, uint64_t offset)
{
	here->file.bytes[offset] ^= 1;
}

static void
turn_and_seal(corpus_case *here, uint64_t offset)
{
	turn(here, offset);
	imago_layered_seal(here->file.bytes, here->file.size);
}

static void
turn_header_hash(corpus_case *here)
{
	turn(here, IDENTITY_END);
}

/* The header page is hashed with the table's hash in it. */
static void
turn_table_hash(corpus_case *here)
{
	turn(here, TABLE_HASH);
	imago_layered_seal_header(here->file.bytes);
}

/* The table is hashed with the sections' hashes in it. */
static void
turn_section_hash(corpus_case *here)
{
	turn(here, FIRST_HASH);
	imago_layered_seal_table(here->file.bytes);
}

static void
fill_padding(corpus_case *here)
{
	imago_layered_head head = head_of(here);
	turn(here, head.sections[0].offset + head.sections[0].size);
}

static void
use_a_reserved_byte(corpus_case *here)
{
	turn_and_seal(here, MEANINGLESS);
}

static void
append_a_page(corpus_case *here)
{
	imago_write_zeros(&here->file, IMAGO_LAYERED_PAGE);
}

static void
widen_the_span(corpus_case *here)
{
	here->file.bytes[SPAN] = 1;
	imago_layered_seal(here->file.bytes, here->file.size);
}

static void
drop_a_fixup(corpus_case *here)
{
	imago_layered_head head = head_of(here);
	uint64_t at = head.sections[0].fixups;
	while (here->file.bytes[at] == 0) {
		at++;
	}
	here->file.bytes[at] &= (uint8_t)(here->file.bytes[at] - 1);
	imago_layered_seal(here->file.bytes, here->file.size);
}

/* The first word is nil's header. */
static void
add_a_fixup(corpus_case *here)
{
	imago_layered_head head = head_of(here);
	turn_and_seal(here, head.sections[0].fixups);
}

static void
deny_pointers(corpus_case *here)
{
	turn_and_seal(here, IMAGO_LAYERED_PAGE + 5);
}

/* Of the number of chunks. */
static void
break_the_origin(corpus_case *here)
{
	imago_layered_head head = head_of(here);
	turn_and_seal(here, head.sections[head.num_sections - 1].offset + 8);
}

#define LAYERED CORPUS_SPUR, CORPUS_LAYERED, NULL, NULL

const corpus_recipe corpus_layered_recipes[] = {
    {"layered.headerHash", LAYERED, turn_header_hash, NULL, NULL},
    {"layered.tableHash", LAYERED, turn_table_hash, NULL, NULL},
    {"layered.sectionHash", LAYERED, turn_section_hash, NULL, NULL},
    {"layered.padding", LAYERED, fill_padding, NULL, NULL},
    {"layered.unknown", LAYERED, use_a_reserved_byte, NULL, NULL},
    {"layered.fileTail", LAYERED, append_a_page, NULL, NULL},
    {"layered.start", LAYERED, widen_the_span, NULL, NULL},
    {"layered.fixupMissing", LAYERED, drop_a_fixup, NULL, NULL},
    {"layered.fixupStray", LAYERED, add_a_fixup, NULL, NULL},
    {"layered.pointerFree", LAYERED, deny_pointers, NULL, NULL},
    {"layered.origin", LAYERED, break_the_origin, NULL, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};
