/* check_scheduler.c: the processes that a VM finds when it starts (spur.md §10). */
#include "check_private.h"

/* Slots of the objects on the way from the special objects to a suspended context. */
enum { ASSOCIATION_VALUE = 1, NUM_ASSOCIATION_SLOTS };
enum { SCHEDULER_LISTS, SCHEDULER_ACTIVE, NUM_SCHEDULER_SLOTS };
enum { LIST_FIRST, LIST_LAST, NUM_LIST_SLOTS };
enum { PROCESS_NEXT, PROCESS_CONTEXT, PROCESS_PRIORITY, PROCESS_LIST, NUM_PROCESS_SLOTS };

typedef enum held { HELD_GOOD, HELD_NIL, HELD_WRONG, HELD_BAD } held;

/* A slot that should hold an object of at least so many pointer slots; for HELD_BAD the slot rules
 * speak. */
static held
find_held(const check_facts *facts, const imago_object *object, uint64_t slot, uint64_t num_slots,
          imago_object *out)
{
	switch (check_find(facts, check_slot_at(facts, object, slot), out)) {
	case TARGET_OBJECT:
		return check_is_pointers(out) && out->num_slots >= num_slots ? HELD_GOOD : HELD_WRONG;
	case TARGET_NIL:
		return HELD_NIL;
	case TARGET_IMMEDIATE:
		return HELD_WRONG;
	default:
		return HELD_BAD;
	}
}

static void
report(check_context *context, imago_rule_id rule, const imago_object *object, uint64_t slot)
{
	check_report_slot(context, rule, object, slot, IMAGO_NOTHING_EXPECTED);
}

static void
check_suspended_context(check_context *context, const imago_object *process)
{
	const check_facts *facts = context->facts;
	imago_object object;
	held what = find_held(facts, process, PROCESS_CONTEXT, 0, &object);
	if (what == HELD_BAD || facts->role_classes[ROLE_CONTEXT] == 0) {
		return;
	}
	check_role role = what == HELD_GOOD ? check_role_of(facts, &object) : ROLE_NONE;
	if (role != ROLE_CONTEXT && role != ROLE_BLOCK_CONTEXT) {
		report(context, IMAGO_RULE_SCHEDULER_CONTEXT, process, PROCESS_CONTEXT);
	}
}

/* An object with the slots of a process must have a priority, by which VMs index the run queues. */
static bool
is_process(const check_facts *facts, const imago_object *object, uint64_t highest)
{
	int64_t priority;
	return check_is_integer(facts, check_slot_at(facts, object, PROCESS_PRIORITY), &priority) &&
	       priority > 0 && (uint64_t)priority <= highest;
}

/* One run queue. steps is what is left of the number of objects: no process waits twice. */
static void
check_queue(check_context *context, const imago_object *list, uint64_t num_lists, uint64_t *steps)
{
	const check_facts *facts = context->facts;
	imago_oop last = check_slot_at(facts, list, LIST_LAST);
	imago_object process;
	held what = find_held(facts, list, LIST_FIRST, NUM_PROCESS_SLOTS, &process);
	if (what == HELD_BAD) {
		return;
	}
	if (what == HELD_NIL) {
		if (last != facts->nil) {
			report(context, IMAGO_RULE_SCHEDULER_QUEUE, list, LIST_LAST);
		}
		return;
	}
	while (what == HELD_GOOD && is_process(facts, &process, num_lists) && *steps > 0) {
		--*steps;
		check_suspended_context(context, &process);
		if (process.oop == last) {
			return;
		}
		what = find_held(facts, &process, PROCESS_NEXT, NUM_PROCESS_SLOTS, &process);
	}
	if (what != HELD_BAD) {
		report(context, IMAGO_RULE_SCHEDULER_QUEUE, list, LIST_FIRST);
	}
}

static void
check_queues(check_context *context, const imago_object *scheduler)
{
	const check_facts *facts = context->facts;
	imago_object lists;
	imago_object list;
	uint64_t steps = context->counters.num_objects;
	held what = find_held(facts, scheduler, SCHEDULER_LISTS, 0, &lists);
	if (what == HELD_BAD) {
		return;
	}
	if (what != HELD_GOOD) {
		report(context, IMAGO_RULE_SCHEDULER_LISTS, scheduler, SCHEDULER_LISTS);
		return;
	}
	for (uint64_t i = 0; i < lists.num_slots && !check_stopped(context); i++) {
		what = find_held(facts, &lists, i, NUM_LIST_SLOTS, &list);
		if (what == HELD_GOOD) {
			check_queue(context, &list, lists.num_slots, &steps);
		} else if (what != HELD_BAD) {
			report(context, IMAGO_RULE_SCHEDULER_LISTS, &lists, i);
		}
	}
}

/* There is a run queue for each. Where there are none, of images too small to run: any that fits
 * both word sizes. */
static uint64_t
highest_priority(const check_facts *facts, const imago_object *scheduler)
{
	imago_object lists;
	held what = find_held(facts, scheduler, SCHEDULER_LISTS, 1, &lists);
	return what == HELD_GOOD ? lists.num_slots : (UINT64_C(1) << 30) - 1;
}

void
check_scheduler(check_context *context)
{
	const check_facts *facts = context->facts;
	imago_object scheduler;
	imago_object process;
	if (!facts->has_specials || facts->specials.num_slots <= IMAGO_SPECIAL_SCHEDULER_ASSOCIATION) {
		return;
	}
	imago_object association;
	held what = find_held(facts, &facts->specials, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION,
	                      NUM_ASSOCIATION_SLOTS, &association);
	if (what == HELD_WRONG) {
		report(context, IMAGO_RULE_SCHEDULER_ASSOCIATION, &facts->specials,
		       IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	}
	if (what != HELD_GOOD) {
		return;
	}
	what = find_held(facts, &association, ASSOCIATION_VALUE, NUM_SCHEDULER_SLOTS, &scheduler);
	if (what == HELD_NIL || what == HELD_WRONG) {
		report(context, IMAGO_RULE_SCHEDULER_ASSOCIATION, &association, ASSOCIATION_VALUE);
	}
	if (what != HELD_GOOD) {
		return;
	}
	what = find_held(facts, &scheduler, SCHEDULER_ACTIVE, NUM_PROCESS_SLOTS, &process);
	if (what == HELD_NIL || what == HELD_WRONG ||
	    (what == HELD_GOOD && !is_process(facts, &process, highest_priority(facts, &scheduler)))) {
		report(context, IMAGO_RULE_SCHEDULER_ACTIVE_PROCESS, &scheduler, SCHEDULER_ACTIVE);
	} else if (what == HELD_GOOD) {
		check_suspended_context(context, &process);
	}
	check_queues(context, &scheduler);
}
