/* corpus_space.c: recipes of segments, free lists and permanent space. */
#include "corpus.h"

enum {
	NEXT = 0,
	PARENT = 2,
	SMALLER = 3,
	LARGER = 4,
	LIST_OF_64 = 8, /* the fixture has three such chunks, and a tree of three */
	PINNED_BIT = 30,
	SEGMENT_BYTES = 64,
};

/* The 8 bytes at the start of the bridge of a segment. */
static uint8_t *
bridge_of(corpus_case *here, size_t segment)
{
	const imago_segment *found = &here->heap->segments[segment];
	return found->writable + found->size;
}

static void
set_bridge(corpus_case *here, size_t segment, uint64_t first)
{
	imago_store_u64(bridge_of(here, segment), first, here->layout->layout.byte_order);
}

static void
change_bridge_class(corpus_case *here)
{
	uint64_t first = imago_load_u64(bridge_of(here, 1), here->layout->layout.byte_order);
	set_bridge(here, 1, first + 2);
}

static void
span_nothing(corpus_case *here)
{
	set_bridge(here, 2, UINT64_C(255) << 56 | 4);
}

static void
clear_last_bridge(corpus_case *here)
{
	set_bridge(here, 0, 0);
}

static void
add_empty_segment(corpus_case *here)
{
	imago_builder_next_segment(here->builder, 0);
	imago_builder_add_free_chunk(here->builder, SEGMENT_BYTES);
	imago_builder_next_segment(here->builder, 0);
}

static imago_oop
list_head(corpus_case *here, uint64_t index)
{
	return corpus_slot(here, corpus_free_lists(here), index);
}

static void
set_list_head(corpus_case *here, uint64_t index, imago_oop value)
{
	corpus_set_slot(here, corpus_free_lists(here), index, value);
}

static void
list_an_array(corpus_case *here)
{
	set_list_head(here, LIST_OF_64, here->fixture.array);
}

static void
list_under_another_size(corpus_case *here)
{
	set_list_head(here, LIST_OF_64 + 1, list_head(here, LIST_OF_64));
	set_list_head(here, LIST_OF_64, 0);
}

static void
close_the_list(corpus_case *here)
{
	imago_oop chunk = list_head(here, LIST_OF_64);
	corpus_set_slot(here, chunk, NEXT, chunk);
}

static void
turn_the_tree(corpus_case *here)
{
	imago_oop root = list_head(here, 0);
	imago_oop smaller = corpus_slot(here, root, SMALLER);
	corpus_set_slot(here, root, SMALLER, corpus_slot(here, root, LARGER));
	corpus_set_slot(here, root, LARGER, smaller);
}

static void
forget_the_parent(corpus_case *here)
{
	corpus_set_slot(here, corpus_slot(here, list_head(here, 0), SMALLER), PARENT, 0);
}

static void
forget_the_list(corpus_case *here)
{
	set_list_head(here, LIST_OF_64, 0);
}

/* The first object of permanent space. */
static imago_oop
dummy_of(corpus_case *here)
{
	return here->heap->segments[here->heap->num_segments - 1].start;
}

static void
change_dummy(corpus_case *here)
{
	corpus_set_format(here, dummy_of(here), IMAGO_FORMAT_INDEXABLE, 0);
}

/* 100 slots more in the last object. */
static void
overshoot(corpus_case *here)
{
	uint64_t header = corpus_header(here, here->fixture.perm_lone);
	corpus_set_header(here, here->fixture.perm_lone, header + (UINT64_C(100) << 56));
}

static void
add_weak_array(corpus_case *here)
{
	here->fixture.extra =
	    imago_builder_new_pointers(here->builder, corpus_class(here, IMAGO_KERNEL_WEAK_ARRAY), 1);
}

/* An array in permanent space takes the class and format of a weak one. */
static void
weaken(corpus_case *here)
{
	uint32_t class_index = corpus_object(here, here->fixture.extra).class_index;
	corpus_set_class_index(here, here->fixture.perm_lone, class_index);
	corpus_set_format(here, here->fixture.perm_lone, IMAGO_FORMAT_WEAK, 0);
}

static void
forward(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.perm_lone, 0, here->fixture.array);
	corpus_set_class_index(here, here->fixture.perm_lone, IMAGO_CLASS_FORWARDER);
	corpus_set_format(here, here->fixture.perm_lone, IMAGO_FORMAT_FORWARDED, 0);
}

static void
set_free(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.perm_lone, IMAGO_CLASS_FREE);
	corpus_set_format(here, here->fixture.perm_lone, IMAGO_FORMAT_EMPTY, 0);
}

static void
hide(corpus_case *here)
{
	corpus_set_class_index(here, here->fixture.perm_lone, IMAGO_CLASS_HIDDEN_ARRAY);
}

static void
pin(corpus_case *here)
{
	corpus_set_header_bit(here, here->fixture.perm_array, PINNED_BIT, 0);
}

static void
leave_perm(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.array, 0, dummy_of(here) + 0x1000);
}

enum { PERM = CORPUS_COMPOSED | CORPUS_PERM };

const corpus_recipe corpus_space_recipes[] = {
    {.rule = "segment.bridgeHeader",
     .layouts = CORPUS_SPUR,
     .needs = CORPUS_SEGMENTS,
     .break_heap = change_bridge_class},
    {.rule = "segment.bridgeSpan",
     .layouts = CORPUS_SPUR,
     .needs = CORPUS_SEGMENTS,
     .break_heap = span_nothing},
    {.rule = "segment.bridgeZero", .layouts = CORPUS_SPUR, .break_heap = clear_last_bridge},
    {.rule = "segment.empty", .layouts = CORPUS_SPUR, .build = add_empty_segment},
    {.rule = "segment.inPermRange", .layouts = CORPUS_SPUR, .needs = CORPUS_IN_PERM_RANGE},
    {.rule = "freeList.link", .layouts = CORPUS_SPUR, .break_heap = list_an_array},
    {.rule = "freeList.sizeClass", .layouts = CORPUS_SPUR, .break_heap = list_under_another_size},
    {.rule = "freeList.cycle", .layouts = CORPUS_SPUR, .break_heap = close_the_list},
    {.rule = "freeList.treeOrder", .layouts = CORPUS_SPUR, .break_heap = turn_the_tree},
    {.rule = "freeList.treeParent", .layouts = CORPUS_SPUR, .break_heap = forget_the_parent},
    {.rule = "freeList.unlisted", .layouts = CORPUS_SPUR, .break_heap = forget_the_list},
    {.rule = "perm.dummy", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = change_dummy},
    {.rule = "perm.overshoot", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = overshoot},
    {.rule = "perm.format",
     .layouts = CORPUS_SPUR,
     .needs = PERM,
     .build = add_weak_array,
     .break_heap = weaken},
    {.rule = "perm.forwarder", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = forward},
    {.rule = "perm.freeChunk", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = set_free},
    {.rule = "perm.hidden", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = hide},
    {.rule = "perm.pinned", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = pin},
    {.rule = "perm.oopOutside", .layouts = CORPUS_SPUR, .needs = PERM, .break_heap = leave_perm},
    {.rule = NULL},
};
