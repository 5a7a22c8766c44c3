/* check_space.c: what permanent space may hold (composed.md §6). */
#include "check_private.h"

/* The first object: 16 bytes with a plain header, so that iteration can start. */
static bool
is_dummy(const imago_object *object)
{
	return object->class_index == IMAGO_CLASS_HIDDEN_ARRAY &&
	       object->format == IMAGO_FORMAT_EMPTY && object->num_slots == 0 &&
	       object->chunk == object->oop;
}

void
check_perm_object(check_context *context, const imago_object *object)
{
	const imago_segment *segment = &context->facts->heap->segments[object->segment];
	if (object->chunk == segment->start) {
		if (!is_dummy(object)) {
			check_report_object(context, IMAGO_RULE_PERM_DUMMY, object, object->class_index,
			                    IMAGO_CLASS_HIDDEN_ARRAY);
		}
		return;
	}
	switch (object->kind) {
	case IMAGO_OBJECT_FREE:
		check_report_object(context, IMAGO_RULE_PERM_FREE_CHUNK, object, object->total_bytes,
		                    IMAGO_NOTHING_EXPECTED);
		return;
	case IMAGO_OBJECT_FORWARDER:
		check_report_object(context, IMAGO_RULE_PERM_FORWARDER, object, object->class_index,
		                    IMAGO_NOTHING_EXPECTED);
		return;
	case IMAGO_OBJECT_HIDDEN:
		check_report_object(context, IMAGO_RULE_PERM_HIDDEN, object, object->class_index,
		                    IMAGO_NOTHING_EXPECTED);
		return;
	default:
		break;
	}
	if (object->format == IMAGO_FORMAT_WEAK || object->format == IMAGO_FORMAT_EPHEMERON) {
		check_report_object(context, IMAGO_RULE_PERM_FORMAT, object, object->format,
		                    IMAGO_NOTHING_EXPECTED);
	}
	if ((object->bits & IMAGO_BIT_PINNED) != 0) {
		check_report_object(context, IMAGO_RULE_PERM_PINNED, object, object->bits,
		                    IMAGO_NOTHING_EXPECTED);
	}
}
