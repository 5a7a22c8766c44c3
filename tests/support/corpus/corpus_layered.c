/* corpus_layered.c: recipes of layered.*: one lie in a layered file, and hashes that fit it where
 * they are not what lies. */
#include "corpus.h"

#include "imago/layered_image.h"
#include "imago/walk.h"

enum {
	IDENTITY_END = 4095,
	TABLE_HASH = 64,
	SPAN = 44,
	MEANINGLESS = 60,
	FIRST_HASH = 4096 + 64,
	ROW = 128,
	TIER = 4
};

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

/* Makes the file anew: with sections of every tier, and ready; or as a perm save. */
static void
rewrite_with(corpus_case *here, uint32_t flags)
{
	imago_heap *heap = NULL;
	imago_census census;
	imago_writer file;
	imago_writer_init(&file, here->allocator, here->layout->layout, NULL);
	if (imago_layered_read(&heap, here->file.bytes, here->file.size, here->allocator, NULL) !=
	        IMAGO_OK ||
	    imago_census_take(heap, &census, NULL) != IMAGO_OK) {
		here->failed = true;
		imago_heap_destroy(heap);
		return;
	}
	uint8_t *tiers = imago_allocate(here->allocator, census.num_chunks, "tiers", NULL);
	for (uint64_t i = 0; tiers != NULL && i < census.num_chunks; i++) {
		tiers[i] = (uint8_t)(i * 7 % 5 % IMAGO_NUM_TIERS);
	}
	const imago_layered_options options = {
	    .tiers = tiers,
	    .num_tiers = census.num_chunks,
	    .make_ready = true,
	    .flags = flags,
	};
	if (tiers == NULL || imago_layered_write(heap, &options, &file, NULL) != IMAGO_OK) {
		here->failed = true;
	}
	imago_release(here->allocator, tiers, census.num_chunks);
	imago_heap_destroy(heap);
	imago_writer_release(&here->file);
	here->file = file;
	imago_layered_head head = head_of(here);
	here->failed = here->failed || (head.flags & IMAGO_LAYERED_READY) == 0;
}

static void
rewrite(corpus_case *here)
{
	rewrite_with(here, 0);
}

/* The section's bytes, and where the numbers behind the first count of them begin. */
static uint64_t
find_remembered(corpus_case *here, uint64_t count, const imago_layered_section **section,
                imago_layered_head *head)
{
	*head = head_of(here);
	*section = &head->sections[0];
	for (size_t i = 0; i < head->num_sections; i++) {
		*section =
		    head->sections[i].kind == IMAGO_LAYERED_REMEMBERED ? &head->sections[i] : *section;
	}
	const uint8_t *bytes = here->file.bytes + (*section)->offset;
	uint64_t at = 16;
	while (count > 0 && at < (*section)->size) {
		count -= bytes[at++] < 0x80;
	}
	return (*section)->offset + at;
}

static void
increase(corpus_case *here, uint64_t offset)
{
	here->failed = here->failed || here->file.bytes[offset] >= 0x7F;
	here->file.bytes[offset]++;
	imago_layered_seal(here->file.bytes, here->file.size);
}

/* The last object of the list is another one. */
static void
misname_an_object(corpus_case *here)
{
	imago_layered_head head;
	const imago_layered_section *section;
	rewrite(here);
	uint64_t first = find_remembered(here, 0, &section, &head);
	uint64_t count = imago_load_u64(here->file.bytes + first - 16, IMAGO_LITTLE_ENDIAN);
	increase(here, find_remembered(here, count, &section, &head) - 1);
}

static void
misname_a_class(corpus_case *here)
{
	imago_layered_head head;
	const imago_layered_section *section;
	rewrite(here);
	(void)find_remembered(here, 0, &section, &head);
	increase(here, section->offset + section->size - 1);
}

/* In the last slot of a context there is false in place of nil. */
static void
leave_a_stale_slot(corpus_case *here)
{
	imago_heap *heap = NULL;
	imago_walker walker;
	imago_object object;
	imago_known_objects known;
	rewrite(here);
	if (imago_layered_read(&heap, here->file.bytes, here->file.size, here->allocator, NULL) !=
	    IMAGO_OK) {
		here->failed = true;
		return;
	}
	imago_known_objects_find(heap, &known);
	imago_walk_init(&walker, heap, NULL);
	uint64_t at = 0;
	while (at == 0 && imago_walk_next(&walker, &object)) {
		bool is_context = object.class_index == IMAGO_CLASS_CONTEXT && object.num_slots > 0;
		uint64_t last = object.body + (object.num_slots - 1) * heap->layout.word_bytes;
		at = is_context ? imago_heap_offset_of(heap, last) : 0;
	}
	here->failed = here->failed || at == 0;
	imago_store_word(here->file.bytes + at, known.false_object.oop, heap->layout);
	imago_heap_destroy(heap);
	imago_layered_seal(here->file.bytes, here->file.size);
}

/* The second section says that it is written rarely. */
static void
demote_a_section(corpus_case *here)
{
	rewrite_with(here, IMAGO_LAYERED_PERM_SAVE);
	const imago_layered_head head = head_of(here);
	here->failed = here->failed || head.sections[1].tier != IMAGO_TIER_READ_ONLY ||
	               head.sections[2].tier != IMAGO_TIER_READ_ONLY;
	here->file.bytes[IMAGO_LAYERED_PAGE + 2 * ROW + TIER] = IMAGO_TIER_RARE;
	imago_layered_seal(here->file.bytes, here->file.size);
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
    {"layered.remembered", LAYERED, misname_an_object, NULL, NULL},
    {"layered.classIndices", LAYERED, misname_a_class, NULL, NULL},
    {"layered.ready", LAYERED, leave_a_stale_slot, NULL, NULL},
    {"layered.permSave", LAYERED, demote_a_section, NULL, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL},
};
