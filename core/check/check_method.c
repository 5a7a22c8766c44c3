/* check_method.c: headers of compiled code (spur.md §15, v3.md §4). */
#include "check_private.h"

enum {
	SMALL_FRAME = 16,
	LARGE_FRAME = 56,
	FIRST_QUICK_PRIMITIVE = 256,
	LAST_QUICK_PRIMITIVE = 519,
	MOST_PRIMITIVES_SPUR = 660,
	MOST_PRIMITIVES_V3 = 700,
	CALL_PRIMITIVE_V3_SET = 139,
	CALL_PRIMITIVE_SISTA = 248,
	CALL_PRIMITIVE_BYTES = 3,
	SISTA_INLINED = 0x80,
};

imago_survey_code
check_plain_code(void)
{
	return (imago_survey_code){
	    .small_frame = SMALL_FRAME,
	    .large_frame = LARGE_FRAME,
	    .max_primitive = MOST_PRIMITIVES_SPUR,
	    .first_quick = FIRST_QUICK_PRIMITIVE,
	    .last_quick = LAST_QUICK_PRIMITIVE,
	};
}

static void
report(check_context *context, imago_rule_id rule, const imago_object *object, uint64_t found,
       uint64_t expected)
{
	check_report_object(context, rule, object, found, expected);
}

static void
check_primitive(check_context *context, const imago_object *object, const imago_method *method)
{
	bool spur = check_is_spur(context->facts);
	uint64_t most = spur ? MOST_PRIMITIVES_SPUR : MOST_PRIMITIVES_V3;
	if (method->primitive_call_missing) {
		report(context, IMAGO_RULE_METHOD_PRIMITIVE_CALL, object, method->first_bytecode,
		       IMAGO_NOTHING_EXPECTED);
		return;
	}
	if (method->primitive > most) {
		report(context, IMAGO_RULE_METHOD_PRIMITIVE_NUMBER, object, method->primitive,
		       IMAGO_NOTHING_EXPECTED);
	}
	if (method->primitive >= FIRST_QUICK_PRIMITIVE && method->primitive <= LAST_QUICK_PRIMITIVE &&
	    method->num_args > 0) {
		report(context, IMAGO_RULE_METHOD_QUICK_PRIMITIVE, object, method->num_args, 0);
	}
}

/* Without the header's flag, a call of a method primitive is passed over like any other bytecode.
 */
static void
check_unannounced_primitive(check_context *context, const imago_object *object,
                            const imago_method *method)
{
	const uint8_t *code = imago_object_bytes(context->facts->heap, object) + method->first_bytecode;
	if (method->end - method->first_bytecode < CALL_PRIMITIVE_BYTES) {
		return;
	}
	bool calls = method->sista ? code[0] == CALL_PRIMITIVE_SISTA && code[2] < SISTA_INLINED
	                           : code[0] == CALL_PRIMITIVE_V3_SET;
	if (calls) {
		report(context, IMAGO_RULE_METHOD_PRIMITIVE_FLAG, object,
		       (uint64_t)code[1] | (uint64_t)code[2] << 8, IMAGO_NOTHING_EXPECTED);
	}
}

static void
check_frame(check_context *context, const imago_object *object, const imago_method *method)
{
	if (method->num_args > method->num_temps) {
		report(context, IMAGO_RULE_METHOD_ARGUMENTS, object, method->num_args,
		       IMAGO_NOTHING_EXPECTED);
	}
	if (method->num_temps > LARGE_FRAME) {
		report(context, IMAGO_RULE_METHOD_FRAME, object, method->num_temps, IMAGO_NOTHING_EXPECTED);
	} else if (method->num_temps > SMALL_FRAME && !method->large_frame) {
		report(context, IMAGO_RULE_METHOD_SMALL_FRAME, object, method->num_temps,
		       IMAGO_NOTHING_EXPECTED);
	}
}

void
check_method(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	imago_method method = imago_method_decode(facts->heap, object);
	if (!method.header_is_integer) {
		uint64_t found = object->num_slots > 0 ? check_slot_at(facts, object, 0) : 0;
		report(context, IMAGO_RULE_METHOD_HEADER, object, found, IMAGO_NOTHING_EXPECTED);
		return;
	}
	if (1 + (uint64_t)method.num_literals > object->num_slots) {
		report(context, IMAGO_RULE_METHOD_LITERALS, object, method.num_literals,
		       IMAGO_NOTHING_EXPECTED);
		return;
	}
	if (method.sista) {
		context->counters.num_alternate_methods++;
	} else {
		context->counters.num_primary_methods++;
	}
	if (!check_is_spur(facts) && method.sista) {
		report(context, IMAGO_RULE_V3_ALTERNATE_METHOD, object, check_slot_at(facts, object, 0),
		       IMAGO_NOTHING_EXPECTED);
	}
	check_frame(context, object, &method);
	if (method.first_bytecode >= method.end) {
		report(context, IMAGO_RULE_METHOD_NO_BYTECODES, object, method.end, IMAGO_NOTHING_EXPECTED);
	} else if (method.has_primitive) {
		check_primitive(context, object, &method);
	} else if (check_is_spur(facts)) {
		check_unannounced_primitive(context, object, &method);
	}
}
