/* check_slot.c: where a slot leads: pass 2. */
#include "../base/planted.h"
#include "check_private.h"

/* The rule that a bad target breaks, or IMAGO_NUM_CORE_RULES for a good one. */
static imago_rule_id
rule_of_target(check_target target)
{
	switch (target) {
	case TARGET_INVALID_TAG:
		return IMAGO_RULE_OOP_INVALID_TAG;
	case TARGET_MISALIGNED:
		return IMAGO_RULE_OOP_MISALIGNED;
	case TARGET_OUTSIDE:
		return IMAGO_RULE_OOP_OUTSIDE;
	case TARGET_OUTSIDE_PERM:
		return IMAGO_RULE_PERM_OOP_OUTSIDE;
	case TARGET_BRIDGE:
		return IMAGO_RULE_OOP_TO_BRIDGE;
	case TARGET_MIDDLE:
		return IMAGO_RULE_OOP_NOT_OBJECT_START;
	case TARGET_FREE:
		return IMAGO_RULE_OOP_TO_FREE_CHUNK;
	case TARGET_FORWARDER:
		return IMAGO_RULE_OOP_TO_FORWARDER;
	case TARGET_HIDDEN:
		return IMAGO_RULE_OOP_TO_HIDDEN;
	case TARGET_OBJECT:
	case TARGET_NIL:
	case TARGET_IMMEDIATE:
	case TARGET_UNKNOWN:
		break;
	}
	return IMAGO_NUM_CORE_RULES;
}

void
check_slot(check_context *context, const imago_object *object, uint64_t index, imago_oop oop)
{
	imago_rule_id rule = rule_of_target(check_classify(context->facts, oop));
	if (rule != IMAGO_NUM_CORE_RULES) {
		check_report_slot(context, rule, object, index, IMAGO_NOTHING_EXPECTED);
	}
}

/* True for an object in the segment that most pointers lead to: what nearly every slot holds. */
static bool
is_object_at_home(const check_facts *facts, imago_oop oop)
{
	const imago_segment *home = &facts->heap->segments[facts->survey.home];
	uint64_t position = oop - home->start;
	uint64_t unit = position >> facts->unit_shift;
	return position < home->size && unit << facts->unit_shift == position &&
	       imago_bitmap_test(&facts->objects, facts->segment_bits[facts->survey.home] + unit);
}

void
check_slots(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	const imago_layout layout = facts->heap->layout;
	uint64_t num_slots = imago_heap_num_pointer_slots(facts->heap, object);
	const uint8_t *slots = imago_object_bytes(facts->heap, object);
	for (uint64_t i = 0; i < num_slots; i++) {
		imago_oop oop = imago_load_word(slots + i * layout.word_bytes, layout);
		if (!is_object_at_home(facts, oop)) {
			check_slot(context, object, i, oop);
		}
	}
}

/* Follows forwarders from the target of the first one. */
void
check_forwarder(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	if (object->num_slots == 0) {
		return; /* forwarder.format */
	}
	imago_object next = *object;
	imago_oop oop = check_slot_at(facts, object, 0);
	check_target target = check_find_other(facts, oop, &next);
	if (target != TARGET_FORWARDER) {
		if (rule_of_target(target) != IMAGO_NUM_CORE_RULES) {
			check_report_slot(context, IMAGO_RULE_FORWARDER_TARGET, object, 0,
			                  IMAGO_NOTHING_EXPECTED);
		}
		return;
	}
	for (unsigned i = 0;
	     IMAGO_BUG(forwarder_circle, i >= CHECK_MAX_FORWARDS) || i < CHECK_MAX_FORWARDS; i++) {
		if (next.num_slots == 0) {
			break;
		}
		oop = check_slot_at(facts, &next, 0);
		if (check_find_other(facts, oop, &next) != TARGET_FORWARDER) {
			check_report_slot(context, IMAGO_RULE_FORWARDER_CHAIN, object, 0,
			                  IMAGO_NOTHING_EXPECTED);
			return;
		}
	}
	check_report_slot(context, IMAGO_RULE_FORWARDER_CYCLE, object, 0, IMAGO_NOTHING_EXPECTED);
}
