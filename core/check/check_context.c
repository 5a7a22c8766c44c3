/* check_context.c: contexts and closures, what a VM resumes (v3.md §9). */
#include "check_private.h"

/* Slots; those of a BlockContext (before closures) differ from 3 on. */
enum { SENDER, PC, STACK_POINTER, METHOD, CLOSURE, RECEIVER, NUM_CONTEXT_SLOTS };
enum { BLOCK_HOME = 5 };
enum { OUTER_CONTEXT, START_PC, NUM_ARGS, NUM_CLOSURE_SLOTS };
enum { MOST_ARGUMENTS = 15 };

static void
report(check_context *context, imago_rule_id rule, const imago_object *object, uint64_t slot)
{
	check_report_slot(context, rule, object, slot, IMAGO_NOTHING_EXPECTED);
}

/* What a slot that should hold an object holds: for targets that are not objects at all the slot
 * rules speak. */
typedef enum held { HELD_OBJECT, HELD_NIL, HELD_IMMEDIATE, HELD_BAD } held;

static held
find_held(const check_facts *facts, const imago_object *object, uint64_t slot, imago_object *out)
{
	switch (check_find(facts, check_slot_at(facts, object, slot), out)) {
	case TARGET_OBJECT:
		return HELD_OBJECT;
	case TARGET_NIL:
		return HELD_NIL;
	case TARGET_IMMEDIATE:
		return HELD_IMMEDIATE;
	default:
		return HELD_BAD;
	}
}

static bool
is_context_role(check_role role)
{
	return role == ROLE_CONTEXT || role == ROLE_BLOCK_CONTEXT;
}

/* False where it is known which class makes contexts, and this is another's instance. */
static bool
may_have_role(const check_facts *facts, const imago_object *object, check_role role)
{
	check_role actual = check_role_of(facts, object);
	return actual == role || facts->role_classes[role] == 0;
}

/* True when a slot holds a context with all its slots. */
static bool
find_context(const check_facts *facts, const imago_object *object, uint64_t slot, imago_object *out)
{
	return find_held(facts, object, slot, out) == HELD_OBJECT &&
	       is_context_role(check_role_of(facts, out)) && out->num_slots >= NUM_CONTEXT_SLOTS &&
	       out->body_kind == IMAGO_BODY_POINTERS;
}

static bool
find_sender(const check_facts *facts, const imago_object *object, imago_object *sender)
{
	return find_context(facts, object, SENDER, sender);
}

/* pc counts from 1 and names the next byte of the method's body. */
static bool
is_pc_of(const check_facts *facts, imago_oop oop, const imago_object *code)
{
	int64_t pc;
	imago_method method = imago_method_decode(facts->heap, code);
	if (!method.header_is_integer || method.first_bytecode >= method.end) {
		return true; /* the method is what is wrong */
	}
	return check_is_integer(facts, oop, &pc) && pc > 0 && (uint64_t)pc > method.first_bytecode &&
	       (uint64_t)pc <= method.end;
}

static void
check_pc(check_context *context, const imago_object *object, const imago_object *code)
{
	const check_facts *facts = context->facts;
	imago_oop pc = check_slot_at(facts, object, PC);
	if (pc != facts->nil && !is_pc_of(facts, pc, code)) {
		report(context, IMAGO_RULE_CONTEXT_PC, object, PC);
	}
}

/* The prototypes of old images, and contexts that were never entered, have nothing but nil. One
 * that has nil but for a single slot is one of them with a wound: of a context that runs the method
 * (of a block: the number of arguments) and the stack pointer are there. */
static bool
is_blank(const check_facts *facts, const imago_object *object)
{
	static const uint8_t slots[] = {SENDER, PC, STACK_POINTER, METHOD};
	unsigned num_others = 0;
	for (size_t i = 0; i < sizeof slots; i++) {
		num_others += check_slot_at(facts, object, slots[i]) != facts->nil;
	}
	return num_others <= 1;
}

static void
check_stack_pointer(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	int64_t depth;
	imago_oop oop = check_slot_at(facts, object, STACK_POINTER);
	if (!check_is_integer(facts, oop, &depth) || depth < 0 ||
	    (uint64_t)depth > object->num_slots - NUM_CONTEXT_SLOTS) {
		report(context, IMAGO_RULE_CONTEXT_STACK_POINTER, object, STACK_POINTER);
	}
}

void
check_sender_chain(check_context *context, const imago_object *object)
{
	imago_object lowest;
	if (check_follow_chain(context, object, find_sender, NULL, &lowest)) {
		report(context, IMAGO_RULE_CONTEXT_SENDER_CYCLE, &lowest, SENDER);
	}
}

static void
check_sender(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	imago_object sender;
	held what = find_held(facts, object, SENDER, &sender);
	if (what == HELD_IMMEDIATE ||
	    (what == HELD_OBJECT && !may_have_role(facts, &sender, ROLE_CONTEXT) &&
	     check_role_of(facts, &sender) != ROLE_BLOCK_CONTEXT)) {
		report(context, IMAGO_RULE_CONTEXT_SENDER, object, SENDER);
		return;
	}
	/* In every circle a context lies at or below its sender: only from there are chains followed.
	 */
	imago_object context_above;
	if (!find_sender(facts, object, &context_above) || context_above.oop < object->oop) {
		return;
	}
	if (context->puts_off_chains) {
		context->chain_put_off = true;
	} else {
		check_sender_chain(context, object);
	}
}

static void
check_method_context(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	imago_object code;
	held what = find_held(facts, object, METHOD, &code);
	if (what == HELD_NIL || what == HELD_IMMEDIATE ||
	    (what == HELD_OBJECT && !check_is_code(&code))) {
		report(context, IMAGO_RULE_CONTEXT_METHOD, object, METHOD);
	} else if (what == HELD_OBJECT) {
		check_pc(context, object, &code);
	}
	if (facts->number != NULL && !facts->number->closures) {
		return; /* slot 4 is the receiver map */
	}
	imago_object closure;
	what = find_held(facts, object, CLOSURE, &closure);
	if (what == HELD_IMMEDIATE ||
	    (what == HELD_OBJECT &&
	     (!check_is_pointers(&closure) || closure.num_slots < NUM_CLOSURE_SLOTS))) {
		report(context, IMAGO_RULE_CONTEXT_CLOSURE, object, CLOSURE);
	}
}

static void
check_block_context(check_context *context, const imago_object *object)
{
	const check_facts *facts = context->facts;
	imago_object home;
	imago_object code;
	held what = find_held(facts, object, BLOCK_HOME, &home);
	if (what == HELD_NIL || what == HELD_IMMEDIATE ||
	    (what == HELD_OBJECT && !may_have_role(facts, &home, ROLE_CONTEXT))) {
		report(context, IMAGO_RULE_CONTEXT_HOME, object, BLOCK_HOME);
	} else if (find_context(facts, object, BLOCK_HOME, &home) &&
	           find_held(facts, &home, METHOD, &code) == HELD_OBJECT && check_is_code(&code)) {
		check_pc(context, object, &code);
	}
}

static void
check_activation(check_context *context, const imago_object *object, check_role role)
{
	check_stack_pointer(context, object);
	check_sender(context, object);
	if (role == ROLE_CONTEXT) {
		check_method_context(context, object);
	} else {
		check_block_context(context, object);
	}
}

/* What such a context has all the same. */
static void
check_blank(check_context *context, const imago_object *object, check_role role)
{
	const check_facts *facts = context->facts;
	imago_object code;
	check_sender(context, object);
	if (check_slot_at(facts, object, PC) != facts->nil) {
		report(context, IMAGO_RULE_CONTEXT_PC, object, PC);
	}
	if (check_slot_at(facts, object, STACK_POINTER) != facts->nil) {
		check_stack_pointer(context, object); /* collectors trace so many slots, even here */
	}
	held method = find_held(facts, object, METHOD, &code);
	if (role == ROLE_BLOCK_CONTEXT ? method == HELD_IMMEDIATE
	                               : method == HELD_OBJECT && check_is_code(&code)) {
		report(context, IMAGO_RULE_CONTEXT_STACK_POINTER, object, STACK_POINTER);
	} else if (role == ROLE_CONTEXT && (method == HELD_OBJECT || method == HELD_IMMEDIATE)) {
		report(context, IMAGO_RULE_CONTEXT_METHOD, object, METHOD);
	}
}

static void
check_any_context(check_context *context, const imago_object *object, check_role role)
{
	const check_facts *facts = context->facts;
	if (object->num_slots < NUM_CONTEXT_SLOTS || object->body_kind != IMAGO_BODY_POINTERS) {
		check_report_object(context, IMAGO_RULE_CONTEXT_SIZE, object, object->num_slots,
		                    IMAGO_NOTHING_EXPECTED);
	} else if (is_blank(facts, object)) {
		check_blank(context, object, role);
	} else {
		check_activation(context, object, role);
	}
}

/* The code of a BlockClosure is that of its outer context. */
static void
check_closure(check_context *context, const imago_object *object, bool full)
{
	const check_facts *facts = context->facts;
	imago_object outer;
	imago_object code;
	int64_t num_args;
	if (object->num_slots < NUM_CLOSURE_SLOTS || object->body_kind != IMAGO_BODY_POINTERS) {
		return; /* class.instanceSlots */
	}
	held what = find_held(facts, object, OUTER_CONTEXT, &outer);
	if (what == HELD_IMMEDIATE || (what == HELD_NIL && !full) ||
	    (what == HELD_OBJECT && !may_have_role(facts, &outer, ROLE_CONTEXT))) {
		report(context, IMAGO_RULE_CLOSURE_OUTER_CONTEXT, object, OUTER_CONTEXT);
	}
	if (full) {
		what = find_held(facts, object, START_PC, &code);
		if (what == HELD_NIL || what == HELD_IMMEDIATE ||
		    (what == HELD_OBJECT && !check_is_code(&code))) {
			report(context, IMAGO_RULE_CLOSURE_METHOD, object, START_PC);
		}
	} else if (find_context(facts, object, OUTER_CONTEXT, &outer) &&
	           find_held(facts, &outer, METHOD, &code) == HELD_OBJECT && check_is_code(&code) &&
	           !is_pc_of(facts, check_slot_at(facts, object, START_PC), &code)) {
		report(context, IMAGO_RULE_CLOSURE_START_PC, object, START_PC);
	}
	if (!check_is_integer(facts, check_slot_at(facts, object, NUM_ARGS), &num_args) ||
	    num_args < 0 || num_args > MOST_ARGUMENTS) {
		report(context, IMAGO_RULE_CLOSURE_ARGUMENTS, object, NUM_ARGS);
	}
}

void
check_active_object(check_context *context, const imago_object *object, check_role role)
{
	if (is_context_role(role)) {
		check_any_context(context, object, role);
	} else {
		check_closure(context, object, role == ROLE_FULL_CLOSURE);
	}
}
