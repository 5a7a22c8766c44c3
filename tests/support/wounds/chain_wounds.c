/* chain_wounds.c: processes, free lists, forwarders, bridges and permanent space: where
 * one thing leads to the next. */
#include "wounds.h"

enum { SCHEDULER_LISTS, SCHEDULER_ACTIVE };
enum { LIST_FIRST, LIST_LAST };
enum { PROCESS_NEXT, PROCESS_CONTEXT, PROCESS_PRIORITY, NUM_PROCESS_SLOTS = 4 };
enum { SENDER = 0, SLOT_COUNT_SHIFT = 56, ADDRESS_OF_LIST = 3, NUM_PRIORITIES = 8 };

/* Processes. */

static void
set_association(corpus_case *here, imago_oop value)
{
	corpus_set_special(here, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION, value);
}

static void
set_association_to_integer(corpus_case *here)
{
	set_association(here, corpus_integer(here, 1));
}

static void
set_association_to_string(corpus_case *here)
{
	set_association(here, here->fixture.string);
}

static void
set_association_outside(corpus_case *here)
{
	set_association(here, wound_outside(here));
}

static void
set_scheduler(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, corpus_special(here, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION), 1, value);
}

static void
set_scheduler_to_integer(corpus_case *here)
{
	set_scheduler(here, corpus_integer(here, 1));
}

static void
set_scheduler_outside(corpus_case *here)
{
	set_scheduler(here, wound_outside(here));
}

static imago_oop
scheduler_slot(corpus_case *here, uint64_t slot)
{
	return corpus_slot(
	    here, corpus_slot(here, corpus_special(here, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION), 1),
	    slot);
}

static void
set_scheduler_slot(corpus_case *here, uint64_t slot, imago_oop value)
{
	corpus_set_slot(here,
	                corpus_slot(here, corpus_special(here, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION), 1),
	                slot, value);
}

static void
set_lists_to_string(corpus_case *here)
{
	set_scheduler_slot(here, SCHEDULER_LISTS, here->fixture.string);
}

static void
set_lists_outside(corpus_case *here)
{
	set_scheduler_slot(here, SCHEDULER_LISTS, wound_outside(here));
}

static void
set_list(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, scheduler_slot(here, SCHEDULER_LISTS), ADDRESS_OF_LIST, value);
}

static void
set_list_to_integer(corpus_case *here)
{
	set_list(here, corpus_integer(here, 1));
}

static void
set_list_outside(corpus_case *here)
{
	set_list(here, wound_outside(here));
}

static void
set_active_to_integer(corpus_case *here)
{
	set_scheduler_slot(here, SCHEDULER_ACTIVE, corpus_integer(here, 1));
}

static void
set_active_to_array(corpus_case *here)
{
	set_scheduler_slot(here, SCHEDULER_ACTIVE, here->fixture.array);
}

static void
set_active_outside(corpus_case *here)
{
	set_scheduler_slot(here, SCHEDULER_ACTIVE, wound_outside(here));
}

static void
set_suspended_context(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, scheduler_slot(here, SCHEDULER_ACTIVE), PROCESS_CONTEXT, value);
}

static void
suspend_integer(corpus_case *here)
{
	set_suspended_context(here, corpus_integer(here, 1));
}

static void
suspend_outside(corpus_case *here)
{
	set_suspended_context(here, wound_outside(here));
}

static void
suspend_block(corpus_case *here)
{
	set_suspended_context(here, here->fixture.block_context);
}

/* Two processes: extra and lone. */
static void
add_processes(corpus_case *here)
{
	imago_oop *const places[] = {&here->fixture.extra, &here->fixture.lone};
	for (size_t i = 0; i < 2; i++) {
		imago_oop process = imago_builder_new_pointers(
		    here->builder, corpus_class(here, IMAGO_KERNEL_PROCESS), NUM_PROCESS_SLOTS);
		imago_builder_store(here->builder, process, PROCESS_CONTEXT, here->fixture.context);
		imago_builder_store(here->builder, process, PROCESS_PRIORITY,
		                    imago_builder_integer(here->builder, 4));
		*places[i] = process;
	}
}

/* A queue of both. */
static void
queue(corpus_case *here)
{
	imago_oop list = corpus_slot(here, scheduler_slot(here, SCHEDULER_LISTS), ADDRESS_OF_LIST);
	corpus_set_slot(here, list, LIST_FIRST, here->fixture.extra);
	corpus_set_slot(here, list, LIST_LAST, here->fixture.lone);
	corpus_set_slot(here, here->fixture.extra, PROCESS_NEXT, here->fixture.lone);
}

static void
queue_integer(corpus_case *here)
{
	imago_oop list = corpus_slot(here, scheduler_slot(here, SCHEDULER_LISTS), ADDRESS_OF_LIST);
	corpus_set_slot(here, list, LIST_FIRST, corpus_integer(here, 1));
}

static void
queue_outside(corpus_case *here)
{
	imago_oop list = corpus_slot(here, scheduler_slot(here, SCHEDULER_LISTS), ADDRESS_OF_LIST);
	corpus_set_slot(here, list, LIST_FIRST, wound_outside(here));
}

static void
queue_in_a_circle(corpus_case *here)
{
	queue(here);
	corpus_set_slot(here, here->fixture.extra, PROCESS_NEXT, here->fixture.extra);
}

static void
queue_without_priority(corpus_case *here)
{
	queue(here);
	corpus_set_slot(here, here->fixture.extra, PROCESS_PRIORITY, corpus_nil(here));
}

static void
queue_above_the_highest_priority(corpus_case *here)
{
	queue(here);
	corpus_set_slot(here, here->fixture.extra, PROCESS_PRIORITY,
	                corpus_integer(here, NUM_PRIORITIES + 1));
}

static void
set_active_priority(corpus_case *here, int64_t priority)
{
	corpus_set_slot(here, scheduler_slot(here, SCHEDULER_ACTIVE), PROCESS_PRIORITY,
	                corpus_integer(here, priority));
}

static void
run_at_priority_zero(corpus_case *here)
{
	set_active_priority(here, 0);
}

static void
run_at_the_highest_priority(corpus_case *here)
{
	set_active_priority(here, NUM_PRIORITIES);
}

static void
run_above_the_highest_priority(corpus_case *here)
{
	set_active_priority(here, NUM_PRIORITIES + 1);
}

static void
queue_to_string(corpus_case *here)
{
	queue(here);
	corpus_set_slot(here, here->fixture.extra, PROCESS_NEXT, here->fixture.string);
}

static void
queue_to_outside(corpus_case *here)
{
	queue(here);
	corpus_set_slot(here, here->fixture.extra, PROCESS_NEXT, wound_outside(here));
}

const wound scheduler_wounds[] = {
    {"an integer for the scheduler's association", "scheduler.association", CORPUS_ALL, 0, NULL,
     set_association_to_integer, NULL},
    {"a string for the scheduler's association", "scheduler.association", CORPUS_ALL, 0, NULL,
     set_association_to_string, NULL},
    {"the scheduler's association outside", "oop.outside", CORPUS_ALL, 0, NULL,
     set_association_outside, NULL},
    {"an integer for the scheduler", "scheduler.association", CORPUS_ALL, 0, NULL,
     set_scheduler_to_integer, NULL},
    {"the scheduler outside", "oop.outside", CORPUS_ALL, 0, NULL, set_scheduler_outside, NULL},
    {"a string for the queues", "scheduler.lists", CORPUS_ALL, 0, NULL, set_lists_to_string, NULL},
    {"queues outside", "oop.outside", CORPUS_ALL, 0, NULL, set_lists_outside, NULL},
    {"an integer for a queue", "scheduler.lists", CORPUS_ALL, 0, NULL, set_list_to_integer, NULL},
    {"a queue outside", "oop.outside", CORPUS_ALL, 0, NULL, set_list_outside, NULL},
    {"an integer for the active process", "scheduler.activeProcess", CORPUS_ALL, 0, NULL,
     set_active_to_integer, NULL},
    {"a process without a priority", "scheduler.activeProcess", CORPUS_ALL, 0, NULL,
     set_active_to_array, NULL},
    {"the active process outside", "oop.outside", CORPUS_ALL, 0, NULL, set_active_outside, NULL},
    {"an integer for a suspended context", "scheduler.context", CORPUS_ALL, 0, NULL,
     suspend_integer, NULL},
    {"a suspended context outside", "oop.outside", CORPUS_ALL, 0, NULL, suspend_outside, NULL},
    {"a suspended block", "", CORPUS_V3, 0, NULL, suspend_block, NULL},
    {"a queue of two processes", "", CORPUS_ALL, 0, add_processes, queue, NULL},
    {"an integer in a queue", "scheduler.queue", CORPUS_ALL, 0, NULL, queue_integer, NULL},
    {"a queue that leads outside", "oop.outside", CORPUS_ALL, 0, NULL, queue_outside, NULL},
    {"a queue in a circle", "scheduler.queue", CORPUS_ALL, 0, add_processes, queue_in_a_circle,
     NULL},
    {"a waiting process without a priority", "scheduler.queue", CORPUS_ALL, 0, add_processes,
     queue_without_priority, NULL},
    {"a waiting process above the highest priority", "scheduler.queue", CORPUS_ALL, 0,
     add_processes, queue_above_the_highest_priority, NULL},
    {"an active process of priority 0", "scheduler.activeProcess", CORPUS_ALL, 0, NULL,
     run_at_priority_zero, NULL},
    {"an active process of the highest priority", "", CORPUS_ALL, 0, NULL,
     run_at_the_highest_priority, NULL},
    {"an active process above the highest priority", "scheduler.activeProcess", CORPUS_ALL, 0, NULL,
     run_above_the_highest_priority, NULL},
    {"a process that leads to a string", "scheduler.queue", CORPUS_ALL, 0, add_processes,
     queue_to_string, NULL},
    {"a process that leads outside", "oop.outside", CORPUS_ALL, 0, add_processes, queue_to_outside,
     NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

/* Forwarders on the way to a sender. */

static void
send_through_forwarder(corpus_case *here, imago_oop target)
{
	corpus_set_slot(here, here->fixture.forwarder, 0, target);
	corpus_set_slot(here, here->fixture.context, SENDER, here->fixture.forwarder);
}

static void
forward_to_nil(corpus_case *here)
{
	send_through_forwarder(here, corpus_nil(here));
}

static void
forward_to_integer(corpus_case *here)
{
	send_through_forwarder(here, corpus_integer(here, 1));
}

static void
forward_to_array(corpus_case *here)
{
	send_through_forwarder(here, here->fixture.array);
}

static void
forward_outside(corpus_case *here)
{
	send_through_forwarder(here, wound_outside(here));
}

static void
forward_twice(corpus_case *here)
{
	send_through_forwarder(here, here->fixture.other_forwarder);
}

static void
forward_in_a_circle(corpus_case *here)
{
	send_through_forwarder(here, here->fixture.other_forwarder);
	corpus_set_slot(here, here->fixture.other_forwarder, 0, here->fixture.forwarder);
}

static void
forward_nowhere(corpus_case *here)
{
	send_through_forwarder(here, here->fixture.array);
	uint64_t header = corpus_header(here, here->fixture.forwarder);
	corpus_set_header(here, here->fixture.forwarder, header & ~(UINT64_C(255) << SLOT_COUNT_SHIFT));
}

const wound forwarder_wounds[] = {
    {"a sender behind a forwarder to nil", "oop.toForwarder", CORPUS_SPUR, 0, NULL, forward_to_nil,
     NULL},
    {"a sender behind a forwarder to an integer", "oop.toForwarder context.sender", CORPUS_SPUR, 0,
     NULL, forward_to_integer, NULL},
    {"a sender behind a forwarder to an array", "oop.toForwarder context.sender", CORPUS_SPUR, 0,
     NULL, forward_to_array, NULL},
    {"a sender behind a forwarder that leads outside", "oop.toForwarder forwarder.target",
     CORPUS_SPUR, 0, NULL, forward_outside, NULL},
    {"a sender behind two forwarders", "oop.toForwarder forwarder.chain context.sender",
     CORPUS_SPUR, 0, NULL, forward_twice, NULL},
    {"a sender behind forwarders in a circle", "oop.toForwarder forwarder.cycle", CORPUS_SPUR, 0,
     NULL, forward_in_a_circle, NULL},
    {"a sender behind a forwarder without a slot", "oop.toForwarder forwarder.format", CORPUS_SPUR,
     0, NULL, forward_nowhere, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

/* Free lists. The fixture has a list of three chunks of 64 bytes, and a tree of three. */

enum { LIST_OF_64 = 8, SMALLER = 3, LARGER = 4 };

static imago_oop
list_head(corpus_case *here, uint64_t index)
{
	return corpus_slot(here, corpus_free_lists(here), index);
}

static void
plant_small_root(corpus_case *here)
{
	corpus_set_slot(here, corpus_free_lists(here), 0, list_head(here, LIST_OF_64));
}

static void
graft_small_child(corpus_case *here)
{
	corpus_set_slot(here, list_head(here, 0), LARGER, list_head(here, LIST_OF_64));
}

static void
graft_array(corpus_case *here)
{
	corpus_set_slot(here, list_head(here, 0), SMALLER, here->fixture.array);
}

const wound free_list_wounds[] = {
    {"a small chunk at the root of the tree", "freeList.sizeClass", CORPUS_SPUR, 0, NULL,
     plant_small_root, NULL},
    {"a small chunk in the tree", "freeList.sizeClass", CORPUS_SPUR, 0, NULL, graft_small_child,
     NULL},
    {"an array in the tree", "freeList.link", CORPUS_SPUR, 0, NULL, graft_array, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

/* Bridges and permanent space. */

static uint8_t *
bridge_of(corpus_case *here, size_t segment)
{
	const imago_segment *found = &here->heap->segments[segment];
	return found->writable + found->size;
}

/* A header of bytes, of the class of bridges. */
static void
give_bridge_another_format(corpus_case *here)
{
	imago_byte_order order = here->layout->layout.byte_order;
	uint64_t first = imago_load_u64(bridge_of(here, 1), order);
	imago_store_u64(bridge_of(here, 1), first | UINT64_C(16) << 24, order);
}

static imago_oop
dummy_of(corpus_case *here)
{
	return here->heap->segments[here->heap->num_segments - 1].start;
}

static void
give_dummy_a_slot(corpus_case *here)
{
	imago_oop dummy = dummy_of(here);
	corpus_set_header(here, dummy, corpus_header(here, dummy) | UINT64_C(1) << SLOT_COUNT_SHIFT);
	corpus_set_slot(here, dummy, 0, corpus_integer(here, 0));
}

static void
remember_permanent_object(corpus_case *here)
{
	enum { REMEMBERED_BIT = 29 };
	corpus_set_header_bit(here, here->fixture.perm_array, REMEMBERED_BIT, 0);
}

static void
add_ephemeron(corpus_case *here)
{
	here->fixture.extra =
	    imago_builder_new_pointers(here->builder, corpus_class(here, IMAGO_KERNEL_EPHEMERON), 3);
}

static void
make_permanent_ephemeron(corpus_case *here)
{
	uint32_t class_index = corpus_object(here, here->fixture.extra).class_index;
	corpus_set_class_index(here, here->fixture.perm_lone, class_index);
	corpus_set_format(here, here->fixture.perm_lone, IMAGO_FORMAT_EPHEMERON, 0);
}

enum {
	SPUR_LITTLE = CORPUS_SPUR | CORPUS_LITTLE_ENDIAN,
	PERM = CORPUS_COMPOSED | CORPUS_PERM,
};

const wound space_wounds[] = {
    {"a bridge of another format", "segment.bridgeHeader", CORPUS_SPUR, CORPUS_SEGMENTS, NULL,
     give_bridge_another_format, NULL},
    {"a dummy with a slot", "perm.dummy", SPUR_LITTLE, PERM, NULL, give_dummy_a_slot, NULL},
    {"a remembered object in permanent space", "", SPUR_LITTLE, PERM, NULL,
     remember_permanent_object, NULL},
    {"an ephemeron in permanent space", "perm.format class.instanceSlots", SPUR_LITTLE, PERM,
     add_ephemeron, make_permanent_ephemeron, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
