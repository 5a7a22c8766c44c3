/* check_roots.c: the first five objects and the special objects array (spur.md §8, §10). */
#include "check_private.h"

enum {
	LEAST_SPECIALS_SPUR = 43,
	LEAST_SPECIALS_V3 = 31, /* up to the interrupt semaphore; old images end soon behind it */
	LEAST_SELECTORS = 64,
	MOST_ARGUMENTS = 15
};

static bool
is_first_constant(const imago_object *object)
{
	return object->kind == IMAGO_OBJECT_ORDINARY && object->format == IMAGO_FORMAT_EMPTY &&
	       object->num_slots == 0 && object->chunk == object->oop;
}

static bool
is_free_lists(const imago_object *object, uint8_t word_bytes)
{
	bool wide = word_bytes == 8;
	return object->class_index == (wide ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32) &&
	       object->format == (wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32) &&
	       object->num_slots == 8 * (uint64_t)word_bytes;
}

static bool
is_hidden_roots(const imago_object *object)
{
	return object->class_index == IMAGO_CLASS_HIDDEN_ARRAY &&
	       object->format == IMAGO_FORMAT_INDEXABLE &&
	       object->num_slots == IMAGO_HIDDEN_ROOTS_SLOTS;
}

/* One of the first objects: forgets it when it is not what it must be. */
static void
check_first(check_context *context, imago_rule_id rule, imago_object *object, bool good)
{
	const check_facts *facts = context->facts;
	const imago_segment *segment = &facts->heap->segments[0];
	if (object->chunk == 0) {
		check_place place = {
		    .part = segment->part,
		    .offset = segment->offset + segment->size,
		    .slot = IMAGO_NO_SLOT,
		};
		if (facts->walked_ends[0] == segment->start + segment->size) {
			check_report(context, rule, &place, segment->size, IMAGO_NOTHING_EXPECTED);
		}
		context->broken[rule] = true; /* where the walk stopped, that is what was reported */
	} else if (!good || check_is_broken(context, rule)) {
		check_report_object(context, rule, object, object->class_index, IMAGO_NOTHING_EXPECTED);
		object->chunk = 0;
	}
}

void
check_first_objects(check_context *context)
{
	check_facts *facts = context->facts;
	imago_known_objects *known = &facts->known;
	if (!check_is_spur(facts) || facts->heap->num_segments == 0) {
		return;
	}
	imago_known_objects_find(facts->heap, known);
	check_first(context, IMAGO_RULE_FIRST_NIL, &known->nil, is_first_constant(&known->nil));
	check_first(context, IMAGO_RULE_FIRST_FALSE, &known->false_object,
	            is_first_constant(&known->false_object));
	check_first(context, IMAGO_RULE_FIRST_TRUE, &known->true_object,
	            is_first_constant(&known->true_object));
	check_first(context, IMAGO_RULE_FIRST_FREE_LISTS, &known->free_lists,
	            is_free_lists(&known->free_lists, facts->heap->layout.word_bytes));
	check_first(context, IMAGO_RULE_FIRST_HIDDEN_ROOTS, &known->hidden_roots,
	            is_hidden_roots(&known->hidden_roots));
}

imago_oop
check_special_oop(const check_facts *facts, uint64_t index)
{
	if (!facts->has_specials || index >= facts->specials.num_slots) {
		return facts->nil;
	}
	return check_slot_at(facts, &facts->specials, index);
}

check_target
check_special(const check_facts *facts, uint64_t index, imago_object *out)
{
	return check_find(facts, check_special_oop(facts, index), out);
}

static void
check_constants(check_context *context)
{
	const check_facts *facts = context->facts;
	const imago_known_objects *known = &facts->known;
	const imago_object *const expected[] = {&known->nil, &known->false_object, &known->true_object};
	for (uint64_t i = 0; i < 3; i++) {
		imago_oop oop = check_special_oop(facts, i);
		if (check_is_spur(facts)) {
			if (expected[i]->chunk != 0 && oop != expected[i]->oop) {
				check_report_slot(context, IMAGO_RULE_SPECIAL_CONSTANTS, &facts->specials, i,
				                  expected[i]->oop);
			}
			continue;
		}
		imago_object object = {0};
		check_target target = check_find(facts, oop, &object);
		bool immediate = target == TARGET_IMMEDIATE;
		bool again = i > 0 && (target == TARGET_NIL || oop == check_special_oop(facts, i - 1));
		bool other_nil = i == 0 && target == TARGET_OBJECT;
		if (immediate || again || other_nil || (target == TARGET_OBJECT && object.num_slots != 0)) {
			check_report_slot(context, IMAGO_RULE_SPECIAL_CONSTANTS, &facts->specials, i,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
}

/* What no VM can do without. */
static const uint8_t required_classes[] = {
    IMAGO_SPECIAL_CLASS_SMALL_INTEGER,
    IMAGO_SPECIAL_CLASS_STRING,
    IMAGO_SPECIAL_CLASS_ARRAY,
    IMAGO_SPECIAL_CLASS_FLOAT,
    IMAGO_SPECIAL_CLASS_CONTEXT,
    IMAGO_SPECIAL_CLASS_POINT,
    IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER,
    IMAGO_SPECIAL_CLASS_MESSAGE,
    IMAGO_SPECIAL_CLASS_CHARACTER,
    IMAGO_SPECIAL_CLASS_BYTE_ARRAY,
    IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER,
};
/* What minimal images leave out (seen: Bitmap, Semaphore). */
static const uint8_t optional_classes[] = {
    IMAGO_SPECIAL_CLASS_BITMAP,
    IMAGO_SPECIAL_CLASS_COMPILED_METHOD,
    IMAGO_SPECIAL_CLASS_SEMAPHORE,
    IMAGO_SPECIAL_CLASS_PROCESS,
};
static const uint8_t required_selectors[] = {
    IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND,
    IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN,
    IMAGO_SPECIAL_SELECTOR_MUST_BE_BOOLEAN,
};
static const uint8_t required_others[] = {
    IMAGO_SPECIAL_SCHEDULER_ASSOCIATION,
    IMAGO_SPECIAL_SPECIAL_SELECTORS,
};

/* True when the entry is an object; says so when it is nil. An array that is too short is a finding
 * of its own. */
static bool
find_required(check_context *context, uint64_t index, imago_object *out, bool *immediate)
{
	const check_facts *facts = context->facts;
	if (index >= facts->specials.num_slots) {
		return false;
	}
	check_target target = check_special(facts, index, out);
	*immediate = target == TARGET_IMMEDIATE;
	if (target == TARGET_NIL) {
		check_report_slot(context, IMAGO_RULE_SPECIAL_NIL, &facts->specials, index,
		                  IMAGO_NOTHING_EXPECTED);
	}
	return target == TARGET_OBJECT || *immediate;
}

static void
check_required(check_context *context)
{
	const check_facts *facts = context->facts;
	imago_object object;
	bool immediate;
	for (size_t i = 0; i < sizeof required_classes; i++) {
		uint64_t index = required_classes[i];
		if (find_required(context, index, &object, &immediate) &&
		    (immediate || !imago_class_shape_of(facts->heap, &object).is_class)) {
			check_report_slot(context, IMAGO_RULE_SPECIAL_CLASS, &facts->specials, index,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
	for (size_t i = 0; i < sizeof optional_classes; i++) {
		uint64_t index = optional_classes[i];
		check_target target = check_special(facts, index, &object);
		if (target == TARGET_IMMEDIATE ||
		    (target == TARGET_OBJECT && !imago_class_shape_of(facts->heap, &object).is_class)) {
			check_report_slot(context, IMAGO_RULE_SPECIAL_CLASS, &facts->specials, index,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
	for (size_t i = 0; i < sizeof required_selectors; i++) {
		uint64_t index = required_selectors[i];
		if (find_required(context, index, &object, &immediate) &&
		    (immediate || object.body_kind != IMAGO_BODY_BITS8)) {
			check_report_slot(context, IMAGO_RULE_SPECIAL_SELECTOR, &facts->specials, index,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
	for (size_t i = 0; i < sizeof required_others; i++) {
		(void)find_required(context, required_others[i], &object, &immediate);
	}
}

static void
check_special_selectors(check_context *context)
{
	const check_facts *facts = context->facts;
	imago_object array;
	int64_t count;
	check_target target = check_special(facts, IMAGO_SPECIAL_SPECIAL_SELECTORS, &array);
	if (target == TARGET_IMMEDIATE ||
	    (target == TARGET_OBJECT &&
	     (!check_is_pointers(&array) || array.num_slots < LEAST_SELECTORS))) {
		check_report_slot(context, IMAGO_RULE_SPECIAL_SELECTORS, &facts->specials,
		                  IMAGO_SPECIAL_SPECIAL_SELECTORS, IMAGO_NOTHING_EXPECTED);
		return;
	}
	if (target != TARGET_OBJECT) {
		return;
	}
	for (uint64_t i = 1; i < LEAST_SELECTORS; i += 2) {
		imago_oop oop = check_slot_at(facts, &array, i);
		if (!check_is_integer(facts, oop, &count) || count < 0 || count > MOST_ARGUMENTS) {
			check_report_slot(context, IMAGO_RULE_SPECIAL_ARGUMENT_COUNT, &array, i,
			                  IMAGO_NOTHING_EXPECTED);
		}
	}
}

/* Finds the array; says why when there is none. */
static bool
find_specials(check_context *context)
{
	check_facts *facts = context->facts;
	imago_oop oop = facts->heap->header.special_objects_oop;
	check_target target = check_classify(facts, oop);
	if (target == TARGET_OBJECT) { /* not over a forwarder: the header's oop is used as it is */
		target = check_find(facts, oop, &facts->specials);
	}
	if (target == TARGET_UNKNOWN) {
		context->broken[IMAGO_RULE_SPECIAL_OOP] = true;
		return false;
	}
	if (target != TARGET_OBJECT) {
		check_place place = {
		    .offset = imago_heap_offset_of(facts->heap, oop),
		    .oop = oop,
		    .slot = IMAGO_NO_SLOT,
		};
		const imago_segment *segment = imago_heap_segment_of(facts->heap, oop);
		place.part = segment != NULL ? segment->part : "";
		check_report(context, IMAGO_RULE_SPECIAL_OOP, &place, oop, IMAGO_NOTHING_EXPECTED);
		return false;
	}
	if (!check_is_pointers(&facts->specials) || facts->specials.format != IMAGO_FORMAT_INDEXABLE) {
		check_report_object(context, IMAGO_RULE_SPECIAL_ARRAY, &facts->specials,
		                    facts->specials.format, IMAGO_FORMAT_INDEXABLE);
		return false;
	}
	return true;
}

/* nil is what the array says, if it can be nil. Else every nil of the image would be a finding: the
 * first object is nil in all images seen (v3.md §5). */
static imago_oop
find_nil_of_v3(const check_facts *facts)
{
	imago_oop named = check_slot_at(facts, &facts->specials, IMAGO_SPECIAL_NIL);
	imago_object object;
	if (check_find(facts, named, &object) == TARGET_OBJECT && object.format == IMAGO_FORMAT_EMPTY &&
	    object.num_slots == 0) {
		return named;
	}
	if (imago_heap_decode_chunk(facts->heap, facts->heap->segments[0].start, &object, NULL) ==
	        IMAGO_OK &&
	    object.kind == IMAGO_OBJECT_ORDINARY && object.format == IMAGO_FORMAT_EMPTY &&
	    object.num_slots == 0) {
		return object.oop;
	}
	return named;
}

void
check_specials(check_context *context)
{
	check_facts *facts = context->facts;
	facts->has_specials = find_specials(context);
	if (!facts->has_specials) {
		return;
	}
	if (!check_is_spur(facts) && facts->specials.num_slots > 0) {
		facts->nil = find_nil_of_v3(facts);
	}
	uint64_t least = check_is_spur(facts) ? LEAST_SPECIALS_SPUR : LEAST_SPECIALS_V3;
	if (facts->specials.num_slots < least) {
		check_report_object(context, IMAGO_RULE_SPECIAL_LENGTH, &facts->specials,
		                    facts->specials.num_slots, least);
	}
	if (facts->specials.num_slots >= 3) {
		check_constants(context);
	}
	check_required(context);
	check_special_selectors(context);
}
