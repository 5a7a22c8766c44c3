/* check_free.c: free lists (spur.md §11). Links are read as they are in the file: prev and
 * everything behind the links is stale in saved images and left alone. */
#include "../base/planted.h"
#include "check_private.h"

/* Word slots of a free chunk; the last three exist in large ones only. */
enum { NEXT, PREV, PARENT, SMALLER, LARGER };

typedef struct free_lists {
	check_context *context;
	uint64_t steps;      /* chunks that may still be met: each is in one list */
	uint64_t num_linked; /* chunks met */
	uint64_t least_large;
	bool broken;
} free_lists;

static void
report_list(free_lists *lists, imago_rule_id rule, const imago_object *object, uint64_t slot)
{
	check_report_slot(lists->context, rule, object, slot, IMAGO_NOTHING_EXPECTED);
	lists->broken = true;
}

/* The free chunk that a link leads to; says so when it is none. 0 is no link. */
static bool
follow(free_lists *lists, const imago_object *from, uint64_t slot, imago_object *chunk)
{
	const check_facts *facts = lists->context->facts;
	imago_oop oop = check_slot_at(facts, from, slot);
	if (oop == 0) {
		return false;
	}
	switch (check_find_other(facts, oop, chunk)) {
	case TARGET_FREE:
		return true;
	case TARGET_UNKNOWN:
		lists->broken = true;
		return false;
	default:
		report_list(lists, IMAGO_RULE_FREE_LIST_LINK, from, slot);
		return false;
	}
}

/* The chunks behind a list head or a tree node, all of the same size. */
static void
check_list(free_lists *lists, const imago_object *head, uint64_t slot, uint64_t bytes)
{
	imago_object from = *head;
	imago_object chunk;
	while (follow(lists, &from, slot, &chunk)) {
		if (!IMAGO_BUG(free_list_circle, lists->steps == 0) && lists->steps == 0) {
			report_list(lists, IMAGO_RULE_FREE_LIST_CYCLE, head, slot);
			return;
		}
		lists->steps -= lists->steps > 0;
		lists->num_linked++;
		if (chunk.total_bytes != bytes) {
			report_list(lists, IMAGO_RULE_FREE_LIST_SIZE_CLASS, &from, slot);
			return;
		}
		from = chunk;
		slot = NEXT;
	}
}

/* A child of a tree node: a large free chunk that names its parent. Only such are descended into,
 * so that the way back up is safe. */
static bool
find_child(free_lists *lists, const imago_object *node, uint64_t slot, imago_object *child)
{
	const check_facts *facts = lists->context->facts;
	if (!follow(lists, node, slot, child)) {
		return false;
	}
	if (child->total_bytes < lists->least_large) {
		report_list(lists, IMAGO_RULE_FREE_LIST_SIZE_CLASS, node, slot);
		return false;
	}
	if (check_slot_at(facts, child, PARENT) != node->oop) {
		report_list(lists, IMAGO_RULE_FREE_LIST_TREE_PARENT, child, PARENT);
		return false;
	}
	return true;
}

/* Goes through the tree in the order of sizes, by parent links, without a stack. */
static void
check_tree(free_lists *lists, const imago_object *heads)
{
	const check_facts *facts = lists->context->facts;
	imago_object node;
	imago_object other;
	uint64_t last_bytes = 0;
	uint64_t moves = 4 * lists->steps + 4;
	enum { FROM_PARENT, FROM_SMALLER, FROM_LARGER } from = FROM_PARENT;
	if (!follow(lists, heads, 0, &node)) {
		return;
	}
	imago_oop root = node.oop;
	if (node.total_bytes < lists->least_large) {
		report_list(lists, IMAGO_RULE_FREE_LIST_SIZE_CLASS, heads, 0);
		return;
	}
	if (check_slot_at(facts, &node, PARENT) != 0) {
		report_list(lists, IMAGO_RULE_FREE_LIST_TREE_PARENT, &node, PARENT);
	}
	for (; moves > 0; moves--) {
		if (from == FROM_PARENT) {
			if (find_child(lists, &node, SMALLER, &other)) {
				node = other;
				continue;
			}
			from = FROM_SMALLER;
		}
		if (from == FROM_SMALLER) {
			if (node.total_bytes <= last_bytes) {
				report_list(lists, IMAGO_RULE_FREE_LIST_TREE_ORDER, &node, SMALLER);
			}
			last_bytes = node.total_bytes;
			lists->num_linked++;
			lists->steps -= lists->steps > 0;
			check_list(lists, &node, NEXT, node.total_bytes);
			if (find_child(lists, &node, LARGER, &other)) {
				node = other;
				from = FROM_PARENT;
				continue;
			}
		}
		if (node.oop == root || check_stopped(lists->context)) {
			return;
		}
		imago_oop left = node.oop;
		/* A free chunk: find_child came down by this link. */
		(void)check_find_other(facts, check_slot_at(facts, &node, PARENT), &node);
		from = check_slot_at(facts, &node, SMALLER) == left ? FROM_SMALLER : FROM_LARGER;
	}
	report_list(lists, IMAGO_RULE_FREE_LIST_CYCLE, heads, 0);
}

void
check_free_lists(check_context *context)
{
	const check_facts *facts = context->facts;
	const imago_object *heads = &facts->known.free_lists;
	if (heads->chunk == 0) {
		return;
	}
	free_lists lists = {
	    .context = context,
	    .steps = context->counters.num_free,
	    .least_large = heads->num_slots * 8,
	};
	for (uint64_t i = 1; i < heads->num_slots && !check_stopped(context); i++) {
		check_list(&lists, heads, i, i * 8);
	}
	check_tree(&lists, heads);
	if (!lists.broken && facts->all_walked && lists.num_linked != context->counters.num_free) {
		check_report_object(context, IMAGO_RULE_FREE_LIST_UNLISTED, heads, lists.num_linked,
		                    context->counters.num_free);
	}
}
