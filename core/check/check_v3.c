/* check_v3.c: compact classes and the character table (v3.md §3, §5). */
#include "check_private.h"

enum { NUM_CHARACTERS = 256 };

static void
check_compact_class(check_context *context, const imago_object *array, uint64_t index)
{
	const check_facts *facts = context->facts;
	imago_object cls;
	check_target target = check_find(facts, check_slot_at(facts, array, index), &cls);
	if (target != TARGET_OBJECT && target != TARGET_IMMEDIATE) {
		return; /* nil, or for the slot rules */
	}
	imago_class_shape shape = {0};
	if (target == TARGET_OBJECT) {
		shape = imago_class_shape_of(facts->heap, &cls);
	}
	if (!shape.is_class) {
		check_report_slot(context, IMAGO_RULE_V3_COMPACT_ENTRY, array, index,
		                  IMAGO_NOTHING_EXPECTED);
	} else if (shape.compact_index != index + 1) {
		check_report_object(context, IMAGO_RULE_V3_COMPACT_CLASS_INDEX, &cls, shape.compact_index,
		                    index + 1);
	}
}

static void
check_compact_classes(check_context *context)
{
	check_facts *facts = context->facts;
	imago_object array = {0};
	check_target target = check_special(facts, IMAGO_SPECIAL_COMPACT_CLASSES, &array);
	if (target != TARGET_OBJECT && target != TARGET_NIL && target != TARGET_IMMEDIATE) {
		context->broken[IMAGO_RULE_V3_COMPACT_TABLE] = true; /* the slot rules say why */
		facts->table.num_entries = 0;
		return;
	}
	if (target != TARGET_OBJECT || !check_is_pointers(&array) ||
	    array.num_slots != IMAGO_COMPACT_CLASSES) {
		check_report_slot(context, IMAGO_RULE_V3_COMPACT_TABLE, &facts->specials,
		                  IMAGO_SPECIAL_COMPACT_CLASSES, IMAGO_NOTHING_EXPECTED);
		facts->table.num_entries = 0;
		return;
	}
	for (uint64_t i = 0; i < IMAGO_COMPACT_CLASSES; i++) {
		check_compact_class(context, &array, i);
	}
}

static bool
is_character(const check_facts *facts, imago_oop oop, int64_t code)
{
	imago_object character;
	int64_t value = 0;
	check_target target = check_find(facts, oop, &character);
	if (target != TARGET_OBJECT) {
		return target != TARGET_NIL && target != TARGET_IMMEDIATE; /* for the slot rules */
	}
	return check_is_pointers(&character) && character.num_slots > 0 &&
	       check_is_integer(facts, check_slot_at(facts, &character, 0), &value) && value == code;
}

static void
check_characters(check_context *context)
{
	const check_facts *facts = context->facts;
	imago_object array = {0};
	check_target target = check_special(facts, IMAGO_SPECIAL_CHARACTER_TABLE, &array);
	if (target != TARGET_OBJECT && target != TARGET_NIL && target != TARGET_IMMEDIATE) {
		return;
	}
	if (target != TARGET_OBJECT || !check_is_pointers(&array) ||
	    array.num_slots != NUM_CHARACTERS) {
		check_report_slot(context, IMAGO_RULE_V3_CHARACTER_TABLE, &facts->specials,
		                  IMAGO_SPECIAL_CHARACTER_TABLE, IMAGO_NOTHING_EXPECTED);
		return;
	}
	for (uint64_t i = 0; i < NUM_CHARACTERS; i++) {
		if (!is_character(facts, check_slot_at(facts, &array, i), (int64_t)i)) {
			check_report_slot(context, IMAGO_RULE_V3_CHARACTER_TABLE, &array, i,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
}

void
check_v3_roots(check_context *context)
{
	const check_facts *facts = context->facts;
	if (!facts->has_specials || facts->specials.num_slots <= IMAGO_SPECIAL_COMPACT_CLASSES) {
		return;
	}
	check_compact_classes(context);
	check_characters(context);
}
