/* corpus_code.c: recipes of code and of what runs it: method.*, context.*, closure.*, scheduler.*.
 */
#include "corpus.h"

enum { SENDER, PC, STACK_POINTER, METHOD, CLOSURE, HOME = 5 };
enum { OUTER_CONTEXT, START_PC, NUM_ARGS };
enum { SCHEDULER_LISTS, SCHEDULER_ACTIVE };
enum { PROCESS_CONTEXT = 1 };

enum {
	SPUR_HAS_PRIMITIVE = 1 << 16,
	QUICK_PRIMITIVE = 256,
	CALL_PRIMITIVE = 139,
	RETURN_SELF = 120,
};

static void
clear_header(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.method, 0, corpus_nil(here));
}

/* Adds a method of the recipe's own. */
static void
add_method(corpus_case *here, imago_builder_method method)
{
	here->fixture.extra = imago_builder_new_method(
	    here->builder, corpus_class(here, IMAGO_KERNEL_COMPILED_METHOD), &method);
}

static const uint8_t return_self[] = {RETURN_SELF};

/* Its bytecodes look like integers in either byte order, for they will be taken for literals. */
static void
add_method_of_integers(corpus_case *here)
{
	static const uint8_t bytecodes[] = {113, 135, 113, 135, 113, 135, 113, 121};
	add_method(here,
	           (imago_builder_method){.bytecodes = bytecodes, .num_bytecodes = sizeof(bytecodes)});
}

/* The bits of the header word that count literals: the lowest (Spur), from bit 9 (V3). */
static void
raise_literals(corpus_case *here)
{
	int64_t header = corpus_integer_value(here, corpus_slot(here, here->fixture.extra, 0));
	corpus_set_slot(here, here->fixture.extra, 0,
	                corpus_integer(here, header | (here->spur ? 0xFF : 0xFF << 9)));
}

static void
add_method_without_bytecodes(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_literals = 1});
}

static void
add_method_with_too_many_arguments(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_args = 2,
	                                        .num_temps = 1,
	                                        .bytecodes = return_self,
	                                        .num_bytecodes = sizeof(return_self)});
}

static void
add_method_with_too_many_temps(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_temps = 57,
	                                        .large_frame = true,
	                                        .bytecodes = return_self,
	                                        .num_bytecodes = sizeof(return_self)});
}

static void
add_method_with_small_frame(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_temps = 17,
	                                        .bytecodes = return_self,
	                                        .num_bytecodes = sizeof(return_self)});
}

static void
announce_primitive(corpus_case *here)
{
	int64_t header = corpus_integer_value(here, corpus_slot(here, here->fixture.method, 0));
	corpus_set_slot(here, here->fixture.method, 0,
	                corpus_integer(here, header | SPUR_HAS_PRIMITIVE));
}

static void
add_method_with_unannounced_primitive(corpus_case *here)
{
	static const uint8_t bytecodes[] = {CALL_PRIMITIVE, 60, 0, RETURN_SELF};
	add_method(here,
	           (imago_builder_method){.bytecodes = bytecodes, .num_bytecodes = sizeof(bytecodes)});
}

static void
add_method_with_unknown_primitive(corpus_case *here)
{
	add_method(here, (imago_builder_method){.primitive = 1000,
	                                        .bytecodes = return_self,
	                                        .num_bytecodes = sizeof(return_self)});
}

static void
add_quick_method_with_arguments(corpus_case *here)
{
	add_method(here, (imago_builder_method){.num_args = 1,
	                                        .num_temps = 1,
	                                        .primitive = QUICK_PRIMITIVE,
	                                        .bytecodes = return_self,
	                                        .num_bytecodes = sizeof(return_self)});
}

/* A header of Spur's shape: two literals, and the sign. */
static void
set_alternate_header(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.method, 0, corpus_integer(here, 2 - (INT64_C(1) << 30)));
}

/* An object too short for a context becomes one, and its class says that it may be. */
static void
shorten_context(corpus_case *here)
{
	imago_oop cls = corpus_special(here, IMAGO_SPECIAL_CLASS_CONTEXT);
	imago_oop format = corpus_slot(here, here->fixture.mixed_class, 2);
	if (here->spur) {
		corpus_set_slot(here, cls, 2, format);
		corpus_set_class(here, here->fixture.mixed, cls);
		return;
	}
	/* The compact index stays what it was; bits 11 to 15 of the format hold it. */
	int64_t compact = corpus_integer_value(here, corpus_slot(here, cls, 2)) & 31 << 11;
	corpus_set_slot(here, cls, 2,
	                corpus_integer(here, corpus_integer_value(here, format) | compact));
	corpus_set_class(here, here->fixture.mixed, cls);
}

static void
raise_stack_pointer(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.context, STACK_POINTER, corpus_integer(here, 17));
}

static void
set_method_to_array(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.context, METHOD, here->fixture.array);
}

static void
set_pc_into_header(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.context, PC, corpus_integer(here, 1));
}

static void
set_closure_to_integer(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.context, CLOSURE, corpus_integer(here, 1));
}

static void
set_home_to_array(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.block_context, HOME, here->fixture.array);
}

static void
set_sender_to_array(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.context, SENDER, here->fixture.array);
}

static void
set_sender_to_itself(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.context, SENDER, here->fixture.context);
}

static void
clear_outer_context(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, OUTER_CONTEXT, corpus_nil(here));
}

static void
clear_closure_method(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.full_closure, START_PC, corpus_nil(here));
}

static void
set_start_pc_into_header(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, START_PC, corpus_integer(here, 1));
}

static void
raise_closure_arguments(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, NUM_ARGS, corpus_integer(here, 16));
}

static imago_oop
scheduler_of(corpus_case *here)
{
	return corpus_slot(here, corpus_special(here, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION), 1);
}

static void
clear_scheduler(corpus_case *here)
{
	corpus_set_slot(here, corpus_special(here, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION), 1,
	                corpus_nil(here));
}

static void
clear_lists(corpus_case *here)
{
	corpus_set_slot(here, scheduler_of(here), SCHEDULER_LISTS, corpus_nil(here));
}

static void
clear_active_process(corpus_case *here)
{
	corpus_set_slot(here, scheduler_of(here), SCHEDULER_ACTIVE, corpus_nil(here));
}

/* A queue that ends somewhere, but begins nowhere. */
static void
break_queue(corpus_case *here)
{
	imago_oop list = corpus_slot(here, corpus_slot(here, scheduler_of(here), SCHEDULER_LISTS), 0);
	corpus_set_slot(here, list, 1, corpus_slot(here, scheduler_of(here), SCHEDULER_ACTIVE));
}

static void
clear_suspended_context(corpus_case *here)
{
	imago_oop process = corpus_slot(here, scheduler_of(here), SCHEDULER_ACTIVE);
	corpus_set_slot(here, process, PROCESS_CONTEXT, corpus_nil(here));
}

const corpus_recipe corpus_code_recipes[] = {
    {.rule = "method.header", .layouts = CORPUS_ALL, .break_heap = clear_header},
    {.rule = "method.literals",
     .layouts = CORPUS_ALL,
     .build = add_method_of_integers,
     .break_heap = raise_literals},
    {.rule = "method.noBytecodes", .layouts = CORPUS_ALL, .build = add_method_without_bytecodes},
    {.rule = "method.arguments",
     .layouts = CORPUS_ALL,
     .build = add_method_with_too_many_arguments},
    {.rule = "method.frame", .layouts = CORPUS_ALL, .build = add_method_with_too_many_temps},
    {.rule = "method.smallFrame", .layouts = CORPUS_ALL, .build = add_method_with_small_frame},
    {.rule = "method.primitiveCall", .layouts = CORPUS_SPUR, .break_heap = announce_primitive},
    {.rule = "method.primitiveFlag",
     .layouts = CORPUS_SPUR,
     .build = add_method_with_unannounced_primitive},
    {.rule = "method.primitiveNumber",
     .layouts = CORPUS_ALL,
     .build = add_method_with_unknown_primitive},
    {.rule = "method.quickPrimitive",
     .layouts = CORPUS_ALL,
     .build = add_quick_method_with_arguments},
    {.rule = "v3.alternateMethod", .layouts = CORPUS_V3, .break_heap = set_alternate_header},
    {.rule = "context.size", .layouts = CORPUS_ALL, .break_heap = shorten_context},
    {.rule = "context.stackPointer", .layouts = CORPUS_ALL, .break_heap = raise_stack_pointer},
    {.rule = "context.method", .layouts = CORPUS_ALL, .break_heap = set_method_to_array},
    {.rule = "context.pc", .layouts = CORPUS_ALL, .break_heap = set_pc_into_header},
    {.rule = "context.closure", .layouts = CORPUS_CLOSURES, .break_heap = set_closure_to_integer},
    {.rule = "context.home", .layouts = CORPUS_V3, .break_heap = set_home_to_array},
    {.rule = "context.sender", .layouts = CORPUS_ALL, .break_heap = set_sender_to_array},
    {.rule = "context.senderCycle", .layouts = CORPUS_ALL, .break_heap = set_sender_to_itself},
    {.rule = "closure.outerContext", .layouts = CORPUS_CLOSURES, .break_heap = clear_outer_context},
    {.rule = "closure.method", .layouts = CORPUS_SPUR, .break_heap = clear_closure_method},
    {.rule = "closure.startPc", .layouts = CORPUS_CLOSURES, .break_heap = set_start_pc_into_header},
    {.rule = "closure.arguments",
     .layouts = CORPUS_CLOSURES,
     .break_heap = raise_closure_arguments},
    {.rule = "scheduler.association", .layouts = CORPUS_ALL, .break_heap = clear_scheduler},
    {.rule = "scheduler.lists", .layouts = CORPUS_ALL, .break_heap = clear_lists},
    {.rule = "scheduler.activeProcess", .layouts = CORPUS_ALL, .break_heap = clear_active_process},
    {.rule = "scheduler.queue", .layouts = CORPUS_ALL, .break_heap = break_queue},
    {.rule = "scheduler.context", .layouts = CORPUS_ALL, .break_heap = clear_suspended_context},
    {.rule = NULL},
};
