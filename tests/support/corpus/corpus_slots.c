/* corpus_slots.c: recipes of oop.*: where a slot may not lead. */
#include "corpus.h"

static void
set(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, here->fixture.array, 0, value);
}

static void
set_invalid_tag(corpus_case *here)
{
	set(here, here->fixture.array | 3);
}

static void
misalign(corpus_case *here)
{
	set(here, here->fixture.array + (here->spur ? 4 : 2));
}

static void
leave_the_heap(corpus_case *here)
{
	set(here, 0x1000);
}

static void
hit_the_middle(corpus_case *here)
{
	set(here, here->fixture.array + 8);
}

static void
hit_free_chunk(corpus_case *here)
{
	set(here, corpus_slot(here, corpus_free_lists(here), 8));
}

static void
hit_bridge(corpus_case *here)
{
	set(here, here->heap->segments[0].start + here->heap->segments[0].size);
}

static void
hit_hidden_object(corpus_case *here)
{
	set(here, corpus_hidden_roots(here));
}

static void
hit_forwarder(corpus_case *here)
{
	set(here, here->fixture.forwarder);
}

const corpus_recipe corpus_slot_recipes[] = {
    {.rule = "oop.invalidTag", .layouts = CORPUS_SPUR64, .break_heap = set_invalid_tag},
    {.rule = "oop.misaligned", .layouts = CORPUS_WORD_32, .break_heap = misalign},
    {.rule = "oop.outside", .layouts = CORPUS_ALL, .break_heap = leave_the_heap},
    {.rule = "oop.notObjectStart", .layouts = CORPUS_ALL, .break_heap = hit_the_middle},
    {.rule = "oop.toFreeChunk", .layouts = CORPUS_SPUR, .break_heap = hit_free_chunk},
    {.rule = "oop.toBridge", .layouts = CORPUS_SPUR, .break_heap = hit_bridge},
    {.rule = "oop.toHidden", .layouts = CORPUS_SPUR, .break_heap = hit_hidden_object},
    {.rule = "oop.toForwarder", .layouts = CORPUS_SPUR, .break_heap = hit_forwarder},
    {.rule = NULL},
};
