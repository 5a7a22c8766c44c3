/* corpus_objects.c: recipes of object headers: object.*, format.*, forwarder.*, classIndex.*, v3.*.
 */
#include "corpus.h"

enum {
	SPUR_MARK_BIT = 55,
	SPUR_REMEMBERED_BIT = 29,
	SPUR_GREY_BIT = 31,
	SPUR_UNUSED_BIT = 22,
	V3_MARK_BIT = 31,
	V3_REMEMBERED_BIT = 30,
	PUN = 20,
	BEYOND_TABLE = 5000,
	UNUSED_CLASS_INDEX = 900,
	V3_ARRAY_INDEX = 3,
	V3_NIL_INDEX = 31,
};

/* The slot count of the last object, behind its overflow word (Spur) or in its size word (V3). */
static void
lengthen_last(corpus_case *here)
{
	imago_addr chunk = here->fixture.last - 8;
	corpus_set_word(here, chunk, corpus_word(here, chunk) + 0x1000);
}

static void
shorten_header_count(corpus_case *here)
{
	uint64_t header = corpus_header(here, here->fixture.last);
	corpus_set_header(here, here->fixture.last, header & ~(UINT64_C(250) << 56));
}

/* 254 slots, then a ByteArray of 8 bytes where the rest was. */
static void
lower_overflow_count(corpus_case *here)
{
	imago_addr last = here->fixture.last;
	uint64_t word_bytes = here->heap->layout.word_bytes;
	corpus_set_word(here, last - 8, UINT64_C(255) << 56 | 254);
	corpus_set_word(here, last + 8 + 254 * word_bytes, corpus_header(here, here->fixture.bytes));
}

static void
mark(corpus_case *here)
{
	corpus_set_header_bit(here, here->fixture.array, SPUR_MARK_BIT, V3_MARK_BIT);
}

static void
remember(corpus_case *here)
{
	corpus_set_header_bit(here, here->fixture.array, SPUR_REMEMBERED_BIT, V3_REMEMBERED_BIT);
}

static void
make_grey(corpus_case *here)
{
	corpus_set_header_bit(here, here->fixture.array, SPUR_GREY_BIT, 0);
}

static void
set_unused_bit(corpus_case *here)
{
	corpus_set_header_bit(here, here->fixture.array, SPUR_UNUSED_BIT, 0);
}

static void
add_long_float(corpus_case *here)
{
	here->fixture.extra =
	    imago_builder_new_bits(here->builder, corpus_class(here, IMAGO_KERNEL_FLOAT), 4);
}

static void
set_unknown_format(corpus_case *here)
{
	corpus_set_format(here, here->fixture.bytes, 6, 5);
}

static void
lengthen_tail(corpus_case *here)
{
	corpus_set_format(here, here->fixture.no_bytes, IMAGO_FORMAT_BITS8 + 1,
	                  IMAGO_V3_FORMAT_BITS8 + 1);
}

/* An instance of a class of immediates, which may declare that format. */
static void
set_forwarded_format(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.odd_class, 2,
	                corpus_integer(here, IMAGO_FORMAT_FORWARDED << 16 | 3));
	corpus_set_format(here, here->fixture.odd, IMAGO_FORMAT_FORWARDED, 0);
}

static void
set_free_chunk_format(corpus_case *here)
{
	corpus_set_format(here, corpus_slot(here, corpus_free_lists(here), 8), IMAGO_FORMAT_INDEXABLE,
	                  0);
}

static void
set_forwarder_format(corpus_case *here)
{
	corpus_set_format(here, here->fixture.forwarder, IMAGO_FORMAT_FIXED, 0);
}

static void
lead_forwarder_astray(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.forwarder, 0, here->fixture.array + 8);
}

static void
chain_forwarders(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.forwarder, 0, here->fixture.other_forwarder);
}

static void
lead_forwarder_to_itself(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.forwarder, 0, here->fixture.forwarder);
}

static void
set_pun(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.pair, PUN);
}

static void
hide(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.lone_array, IMAGO_CLASS_HIDDEN_ARRAY);
}

static void
leave_class_table(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.pair, BEYOND_TABLE);
}

static void
choose_nil_entry(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.pair, UNUSED_CLASS_INDEX);
}

/* The type bits of the class word behind the last object's size word. */
static void
mix_types(corpus_case *here)
{
	imago_addr class_word = here->fixture.last - 4;
	corpus_set_word(here, class_word, corpus_word(here, class_word) | 1);
}

static void
clear_size(corpus_case *here)
{
	corpus_set_word(here, here->fixture.last - 8, 0);
}

/* The 8 bytes of an object that nothing points at. */
static void
free_lone(corpus_case *here)
{
	corpus_set_word(here, here->fixture.lone - 4, 8 | 2);
}

static void
clear_compact_index(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.association, 0);
}

static void
choose_nil_compact_class(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.association, V3_NIL_INDEX);
}

static void
break_class_word(corpus_case *here)
{
	corpus_set_class(here, here->fixture.pair, here->fixture.pair_class + 4);
}

/* The last object has a class word and no compact index. */
static void
contradict_class_word(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.last, V3_ARRAY_INDEX);
}

const corpus_recipe corpus_object_recipes[] = {
    {.rule = "object.pastSegmentEnd", .layouts = CORPUS_ALL, .break_heap = lengthen_last},
    {.rule = "object.overflowHeader", .layouts = CORPUS_SPUR, .break_heap = shorten_header_count},
    {.rule = "object.overflowCount", .layouts = CORPUS_SPUR, .break_heap = lower_overflow_count},
    {.rule = "object.marked", .layouts = CORPUS_ALL, .break_heap = mark},
    {.rule = "object.remembered", .layouts = CORPUS_SPUR, .break_heap = remember},
    {.rule = "v3.rootBit", .layouts = CORPUS_V3, .break_heap = remember},
    {.rule = "object.grey", .layouts = CORPUS_SPUR, .break_heap = make_grey},
    {.rule = "object.unusedBits", .layouts = CORPUS_SPUR, .break_heap = set_unused_bit},
    {.rule = "object.floatSize", .layouts = CORPUS_ALL, .build = add_long_float},
    {.rule = "format.invalid", .layouts = CORPUS_ALL, .break_heap = set_unknown_format},
    {.rule = "format.tail", .layouts = CORPUS_ALL, .break_heap = lengthen_tail},
    {.rule = "format.forwarded", .layouts = CORPUS_SPUR, .break_heap = set_forwarded_format},
    {.rule = "format.freeChunk", .layouts = CORPUS_SPUR, .break_heap = set_free_chunk_format},
    {.rule = "forwarder.format", .layouts = CORPUS_SPUR, .break_heap = set_forwarder_format},
    {.rule = "forwarder.target", .layouts = CORPUS_SPUR, .break_heap = lead_forwarder_astray},
    {.rule = "forwarder.chain", .layouts = CORPUS_SPUR, .break_heap = chain_forwarders},
    {.rule = "forwarder.cycle", .layouts = CORPUS_SPUR, .break_heap = lead_forwarder_to_itself},
    {.rule = "classIndex.pun", .layouts = CORPUS_SPUR, .break_heap = set_pun},
    {.rule = "classIndex.hidden", .layouts = CORPUS_SPUR, .break_heap = hide},
    {.rule = "classIndex.outOfTable", .layouts = CORPUS_SPUR, .break_heap = leave_class_table},
    {.rule = "classIndex.nilEntry", .layouts = CORPUS_SPUR, .break_heap = choose_nil_entry},
    {.rule = "v3.headerTypes", .layouts = CORPUS_V3, .break_heap = mix_types},
    {.rule = "v3.size", .layouts = CORPUS_V3, .break_heap = clear_size},
    {.rule = "v3.freeChunk", .layouts = CORPUS_V3, .break_heap = free_lone},
    {.rule = "v3.compactIndexZero", .layouts = CORPUS_V3, .break_heap = clear_compact_index},
    {.rule = "v3.compactIndexNil", .layouts = CORPUS_V3, .break_heap = choose_nil_compact_class},
    {.rule = "v3.classWord", .layouts = CORPUS_V3, .break_heap = break_class_word},
    {.rule = "v3.classDisagrees", .layouts = CORPUS_V3, .break_heap = contradict_class_word},
    {.rule = NULL},
};
