/* check_object.c: object headers (pass 1), and what each object is looked at for in pass 2. */
#include "check_private.h"

enum { LEAST_OVERFLOW = 255, V3_TYPE_SHORT = 3 };

/* Whose fault it is that the walk cannot go on at addr. */
void
check_walk_failure(check_context *context, size_t index, imago_addr addr, const imago_error *error)
{
	const imago_heap *heap = context->facts->heap;
	const imago_segment *segment = &heap->segments[index];
	imago_rule_id rule = IMAGO_RULE_OBJECT_PAST_END;
	if (error->status == IMAGO_ETRUNCATED) {
		rule = segment->space == IMAGO_SPACE_PERM ? IMAGO_RULE_PERM_OVERSHOOT
		                                          : IMAGO_RULE_OBJECT_PAST_END;
	} else if (heap->model == IMAGO_SPUR) {
		rule = IMAGO_RULE_OBJECT_OVERFLOW_HEADER;
	} else {
		/* A size below the header's is at most 3; a wrong type is told by its bits, not by 4. */
		rule = error->limit >= 4 ? IMAGO_RULE_V3_SIZE : IMAGO_RULE_V3_HEADER_TYPES;
	}
	check_place place = {
	    .part = segment->part,
	    .offset = segment->offset + (addr - segment->start),
	    .oop = addr,
	    .slot = IMAGO_NO_SLOT,
	};
	check_report(context, rule, &place, error->found, error->limit);
}

static void
check_bits(check_context *context, const imago_object *object)
{
	const imago_segment *segment = &context->facts->heap->segments[object->segment];
	unsigned bits = object->bits;
	if ((bits & IMAGO_BIT_MARKED) != 0) {
		check_report_object(context, IMAGO_RULE_OBJECT_MARKED, object, bits,
		                    IMAGO_NOTHING_EXPECTED);
	}
	if ((bits & IMAGO_BIT_REMEMBERED) != 0 && segment->space == IMAGO_SPACE_OLD) {
		/* V3 VMs set it once more between their collection and the saving (seen). */
		bool spur = context->facts->heap->model == IMAGO_SPUR;
		check_report_object(context, spur ? IMAGO_RULE_OBJECT_REMEMBERED : IMAGO_RULE_V3_ROOT_BIT,
		                    object, bits, IMAGO_NOTHING_EXPECTED);
	}
	if ((bits & IMAGO_BIT_GREY) != 0) {
		check_report_object(context, IMAGO_RULE_OBJECT_GREY, object, bits, IMAGO_NOTHING_EXPECTED);
	}
	if ((bits & (IMAGO_BIT_UNUSED_22 | IMAGO_BIT_UNUSED_54)) != 0) {
		check_report_object(context, IMAGO_RULE_OBJECT_UNUSED_BITS, object, bits,
		                    IMAGO_NOTHING_EXPECTED);
	}
}

static void
check_format(check_context *context, const imago_object *object)
{
	const imago_heap *heap = context->facts->heap;
	if (heap->model == IMAGO_SPUR && object->format == IMAGO_FORMAT_FORWARDED) {
		check_report_object(context, IMAGO_RULE_FORMAT_FORWARDED, object, object->format,
		                    IMAGO_NOTHING_EXPECTED);
	} else if (object->body_kind == IMAGO_BODY_INVALID) {
		check_report_object(context, IMAGO_RULE_FORMAT_INVALID, object, object->format,
		                    IMAGO_NOTHING_EXPECTED);
	} else if (object->num_slots * heap->layout.word_bytes < object->unused_tail) {
		check_report_object(context, IMAGO_RULE_FORMAT_TAIL, object, object->unused_tail,
		                    IMAGO_NOTHING_EXPECTED);
	}
}

static void
check_free_chunk(check_context *context, const imago_object *object)
{
	context->counters.num_free++;
	context->counters.free_bytes += object->total_bytes;
	if (!check_is_spur(context->facts)) {
		check_report_object(context, IMAGO_RULE_V3_FREE_CHUNK, object, object->total_bytes,
		                    IMAGO_NOTHING_EXPECTED);
	} else if (object->format != 0) {
		check_report_object(context, IMAGO_RULE_FORMAT_FREE_CHUNK, object, object->format, 0);
	}
}

static void
check_forwarder_header(check_context *context, const imago_object *object)
{
	if (object->format != IMAGO_FORMAT_FORWARDED || object->num_slots == 0) {
		check_report_object(context, IMAGO_RULE_FORWARDER_FORMAT, object, object->format,
		                    IMAGO_FORMAT_FORWARDED);
	}
}

static void
check_v3_header(check_context *context, const imago_object *object)
{
	if (object->v3_type == V3_TYPE_SHORT && object->class_index == 0) {
		check_report_object(context, IMAGO_RULE_V3_COMPACT_INDEX_ZERO, object, 0,
		                    IMAGO_NOTHING_EXPECTED);
	}
	if (object->class_oop != 0) {
		check_note_class_word(context, object->class_oop);
	}
}

void
check_object(check_context *context, const imago_object *object)
{
	check_facts *facts = context->facts;
	bool legal = object->kind == IMAGO_OBJECT_ORDINARY || object->kind == IMAGO_OBJECT_PUN;
	check_index_mark(facts, object, legal);
	context->counters.num_objects += object->kind == IMAGO_OBJECT_ORDINARY;
	if (facts->heap->segments[object->segment].space == IMAGO_SPACE_PERM) {
		check_perm_object(context, object);
	}
	if (object->kind == IMAGO_OBJECT_FREE) {
		if (facts->heap->segments[object->segment].space == IMAGO_SPACE_OLD) {
			check_free_chunk(context, object);
		}
		return;
	}
	if (check_is_spur(facts)) {
		if (object->chunk != object->oop && object->num_slots < LEAST_OVERFLOW) {
			check_report_object(context, IMAGO_RULE_OBJECT_OVERFLOW_COUNT, object,
			                    object->num_slots, IMAGO_NOTHING_EXPECTED);
		}
	} else {
		check_v3_header(context, object);
	}
	if (object->kind == IMAGO_OBJECT_FORWARDER) {
		check_forwarder_header(context, object);
		return;
	}
	if (object->kind == IMAGO_OBJECT_PUN) {
		check_report_object(context, IMAGO_RULE_CLASS_INDEX_PUN, object, object->class_index,
		                    IMAGO_NOTHING_EXPECTED);
		return;
	}
	check_bits(context, object);
	check_format(context, object);
}

/* A class word of 0 is not none: the object has one, and it leads nowhere. */
static bool
check_v3_class_of(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	imago_oop compact = check_table_entry(facts, object->class_index);
	if (object->v3_type == V3_TYPE_SHORT) {
		if (object->class_index != 0 && (compact == 0 || compact == facts->nil)) {
			check_report_object(context, IMAGO_RULE_V3_COMPACT_INDEX_NIL, object,
			                    object->class_index, IMAGO_NOTHING_EXPECTED);
			return false;
		}
		return true;
	}
	imago_object cls;
	check_target target =
	    object->class_oop == 0 ? TARGET_NIL : check_find(facts, object->class_oop, &cls);
	if (target != TARGET_OBJECT && target != TARGET_UNKNOWN) {
		check_report_object(context, IMAGO_RULE_V3_CLASS_WORD, object, object->class_oop,
		                    IMAGO_NOTHING_EXPECTED);
		return false;
	}
	if (object->class_index != 0 && compact != object->class_oop) {
		check_report_object(context, IMAGO_RULE_V3_CLASS_DISAGREES, object, object->class_oop,
		                    compact);
	}
	return true;
}

/* The class index or class word of an ordinary object: true when its class can be asked. */
static bool
check_class_of(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	if (!check_is_spur(facts)) {
		return check_v3_class_of(context, object);
	}
	if (object->class_index >= facts->table.num_entries) {
		if (!facts->table_broken) {
			check_report_object(context, IMAGO_RULE_CLASS_INDEX_OUT_OF_TABLE, object,
			                    object->class_index, IMAGO_NOTHING_EXPECTED);
		}
		return false;
	}
	if (check_table_entry(facts, object->class_index) == facts->nil) {
		check_report_object(context, IMAGO_RULE_CLASS_INDEX_NIL_ENTRY, object, object->class_index,
		                    IMAGO_NOTHING_EXPECTED);
		return false;
	}
	return true;
}

static void
check_float(check_context *context, const imago_object *object)
{
	const imago_heap *heap = context->facts->heap;
	bool words = object->body_kind == IMAGO_BODY_BITS32 || object->body_kind == IMAGO_BODY_BITS64;
	if (!words || imago_object_body_bytes(heap, object) != 8) {
		check_report_object(context, IMAGO_RULE_OBJECT_FLOAT_SIZE, object,
		                    imago_object_body_bytes(heap, object), 8);
	}
}

static void
check_ordinary(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	if (check_class_of(context, object)) {
		check_shape shape = check_shape_of(facts, object);
		if (shape.role == ROLE_FLOAT) {
			check_float(context, object);
		} else {
			check_instance(context, object, &shape);
		}
		if (shape.role >= ROLE_CONTEXT) {
			check_active_object(context, object, (check_role)shape.role);
		}
	}
	if (object->body_kind == IMAGO_BODY_METHOD) {
		check_method(context, object);
	}
	check_slots(context, object);
}

/* What the VM hides is looked at from the roots. A hidden object that they do not reach is
 * relocated like any other. */
static void
check_hidden(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	/* What a broken root should have led to is no finding of its own. */
	bool roots_broken = facts->table_broken ||
	                    check_is_broken(context, IMAGO_RULE_HIDDEN_ROOTS_OBJ_STACK) ||
	                    check_is_broken(context, IMAGO_RULE_HIDDEN_ROOTS_OBJ_STACK_CONTENTS) ||
	                    check_is_broken(context, IMAGO_RULE_HIDDEN_ROOTS_REMEMBERED_SET);
	if (facts->heap->segments[object->segment].space == IMAGO_SPACE_PERM || roots_broken ||
	    check_is_known_hidden(facts, object->oop)) {
		return;
	}
	check_report_object(context, IMAGO_RULE_CLASS_INDEX_HIDDEN, object, object->class_index,
	                    IMAGO_NOTHING_EXPECTED);
	check_slots(context, object);
}

void
check_body(check_context *context, const imago_object *object)
{
	switch (object->kind) {
	case IMAGO_OBJECT_ORDINARY:
		check_ordinary(context, object);
		break;
	case IMAGO_OBJECT_FORWARDER:
		check_forwarder(context, object);
		break;
	case IMAGO_OBJECT_HIDDEN:
		check_hidden(context, object);
		break;
	case IMAGO_OBJECT_FREE:
	case IMAGO_OBJECT_PUN:
		break;
	}
}
