/* code_wounds.c: contexts, closures and methods, and what their slots may hold. */
#include "wounds.h"

enum { SENDER, PC, STACK_POINTER, METHOD, CLOSURE, HOME = 5 };
enum { OUTER_CONTEXT, START_PC, NUM_ARGS };
enum { CLASS_FORMAT = 2, RETURN_SELF = 120, SISTA_RETURN_SELF = 88 };
enum { CALL_PRIMITIVE_SISTA = 248, SISTA_INLINED = 0x80 };

static void
set_context(corpus_case *here, uint64_t slot, imago_oop value)
{
	corpus_set_slot(here, here->fixture.context, slot, value);
}

static void
take_method_away(corpus_case *here)
{
	set_context(here, METHOD, corpus_nil(here));
}

static void
set_method_to_integer(corpus_case *here)
{
	set_context(here, METHOD, corpus_integer(here, 1));
}

static void
set_method_outside(corpus_case *here)
{
	set_context(here, METHOD, wound_outside(here));
}

/* Neither pc nor method, but a sender: not blank. */
static void
leave_sender_only(corpus_case *here)
{
	set_context(here, PC, corpus_nil(here));
	set_context(here, METHOD, corpus_nil(here));
	set_context(here, SENDER, here->fixture.string);
}

/* A context that was never entered, but for one slot. */
static void
leave_one_slot(corpus_case *here, uint64_t slot, imago_oop value)
{
	set_context(here, SENDER, corpus_nil(here));
	set_context(here, PC, corpus_nil(here));
	set_context(here, STACK_POINTER, corpus_nil(here));
	set_context(here, METHOD, corpus_nil(here));
	set_context(here, slot, value);
}

static void
leave_nothing(corpus_case *here)
{
	leave_one_slot(here, PC, corpus_nil(here));
}

static void
leave_integer_sender(corpus_case *here)
{
	leave_one_slot(here, SENDER, corpus_integer(here, 1));
}

static void
leave_pc(corpus_case *here)
{
	leave_one_slot(here, PC, corpus_integer(here, 1));
}

static void
leave_negative_stack_pointer(corpus_case *here)
{
	leave_one_slot(here, STACK_POINTER, corpus_integer(here, -1));
}

static void
leave_method(corpus_case *here)
{
	leave_one_slot(here, METHOD, here->fixture.method);
}

static void
leave_string_method(corpus_case *here)
{
	leave_one_slot(here, METHOD, here->fixture.string);
}

static void
set_pc_to_symbol(corpus_case *here)
{
	set_context(here, PC, here->fixture.selector);
}

static void
set_pc_behind_the_end(corpus_case *here)
{
	set_context(here, PC, corpus_integer(here, 100));
}

static void
set_negative_stack_pointer(corpus_case *here)
{
	set_context(here, STACK_POINTER, corpus_integer(here, -1));
}

static void
clear_stack_pointer(corpus_case *here)
{
	set_context(here, STACK_POINTER, corpus_nil(here));
}

static void
set_closure_to_string(corpus_case *here)
{
	set_context(here, CLOSURE, here->fixture.string);
}

static void
set_closure_to_pair(corpus_case *here)
{
	set_context(here, CLOSURE, here->fixture.pair);
}

static void
set_closure_outside(corpus_case *here)
{
	set_context(here, CLOSURE, wound_outside(here));
}

static void
set_sender_to_integer(corpus_case *here)
{
	set_context(here, SENDER, corpus_integer(here, 1));
}

static void
set_sender_outside(corpus_case *here)
{
	set_context(here, SENDER, wound_outside(here));
}

static void
add_method_without_bytecodes(corpus_case *here)
{
	const imago_builder_method method = {.num_literals = 1};
	here->fixture.extra = imago_builder_new_method(
	    here->builder, corpus_class(here, IMAGO_KERNEL_COMPILED_METHOD), &method);
}

static void
run_method_without_bytecodes(corpus_case *here)
{
	set_context(here, METHOD, here->fixture.extra);
}

static void
run_method_without_header(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.method, 0, corpus_nil(here));
}

/* Another object becomes a context of three slots, and its class says that it may be. */
static void
shorten(corpus_case *here)
{
	imago_oop cls = corpus_special(here, IMAGO_SPECIAL_CLASS_CONTEXT);
	imago_oop format = corpus_slot(here, here->fixture.mixed_class, CLASS_FORMAT);
	if (!here->spur) {
		/* The compact index stays what it was; bits 11 to 15 of the format hold it. */
		int64_t compact =
		    corpus_integer_value(here, corpus_slot(here, cls, CLASS_FORMAT)) & 31 << 11;
		format = corpus_integer(here, corpus_integer_value(here, format) | compact);
	}
	corpus_set_slot(here, cls, CLASS_FORMAT, format);
	corpus_set_class(here, here->fixture.mixed, cls);
}

static void
send_from_short_context(corpus_case *here)
{
	shorten(here);
	set_context(here, SENDER, here->fixture.mixed);
}

static void
live_in_short_context(corpus_case *here)
{
	shorten(here);
	corpus_set_slot(here, here->fixture.block_context, HOME, here->fixture.mixed);
}

static void
make_context_bits(corpus_case *here)
{
	bool wide = here->layout->layout.word_bytes == 8;
	corpus_set_format(here, here->fixture.context, wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32,
	                  IMAGO_V3_FORMAT_BITS32);
}

static void
set_home(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, here->fixture.block_context, HOME, value);
}

static void
take_home_away(corpus_case *here)
{
	set_home(here, corpus_nil(here));
}

static void
set_home_to_integer(corpus_case *here)
{
	set_home(here, corpus_integer(here, 1));
}

static void
set_home_outside(corpus_case *here)
{
	set_home(here, wound_outside(here));
}

static void
run_string_at_home(corpus_case *here)
{
	set_context(here, METHOD, here->fixture.string);
}

const wound context_wounds[] = {
    {"a context without a method", "context.method", CORPUS_ALL, 0, NULL, take_method_away, NULL},
    {"an integer for a method", "context.method", CORPUS_ALL, 0, NULL, set_method_to_integer, NULL},
    {"a string for a method", "context.method", CORPUS_ALL, 0, NULL, run_string_at_home, NULL},
    {"a method outside", "oop.outside", CORPUS_ALL, 0, NULL, set_method_outside, NULL},
    {"a context with nothing but a sender", "context.method context.sender", CORPUS_ALL, 0, NULL,
     leave_sender_only, NULL},
    {"a context that was never entered", "", CORPUS_ALL, 0, NULL, leave_nothing, NULL},
    {"the same with an integer for a sender", "context.sender", CORPUS_ALL, 0, NULL,
     leave_integer_sender, NULL},
    {"the same with a pc", "context.pc", CORPUS_ALL, 0, NULL, leave_pc, NULL},
    {"the same with a negative stack pointer", "context.stackPointer", CORPUS_ALL, 0, NULL,
     leave_negative_stack_pointer, NULL},
    {"the same with a method", "context.stackPointer", CORPUS_ALL, 0, NULL, leave_method, NULL},
    {"the same with a string for a method", "context.method", CORPUS_ALL, 0, NULL,
     leave_string_method, NULL},
    {"a pc that is no integer", "context.pc", CORPUS_ALL, 0, NULL, set_pc_to_symbol, NULL},
    {"a pc behind the end", "context.pc", CORPUS_ALL, 0, NULL, set_pc_behind_the_end, NULL},
    {"a negative stack pointer", "context.stackPointer", CORPUS_ALL, 0, NULL,
     set_negative_stack_pointer, NULL},
    {"a stack pointer that is nil", "context.stackPointer", CORPUS_ALL, 0, NULL,
     clear_stack_pointer, NULL},
    {"a string for a closure", "context.closure", CORPUS_CLOSURES, 0, NULL, set_closure_to_string,
     NULL},
    {"a closure of two slots", "context.closure", CORPUS_CLOSURES, 0, NULL, set_closure_to_pair,
     NULL},
    {"a closure outside", "oop.outside", CORPUS_CLOSURES, 0, NULL, set_closure_outside, NULL},
    {"a receiver map where closures are not", "", CORPUS_V3_OLD, 0, NULL, set_closure_to_string,
     NULL},
    {"an integer for a sender", "context.sender", CORPUS_ALL, 0, NULL, set_sender_to_integer, NULL},
    {"a sender outside", "oop.outside", CORPUS_ALL, 0, NULL, set_sender_outside, NULL},
    {"a context in a method without bytecodes", "method.noBytecodes", CORPUS_ALL, 0,
     add_method_without_bytecodes, run_method_without_bytecodes, NULL},
    {"a context in a method without a header", "method.header", CORPUS_ALL, 0, NULL,
     run_method_without_header, NULL},
    {"a sender with three slots", "context.size", CORPUS_ALL, 0, NULL, send_from_short_context,
     NULL},
    {"a context made of bits", "class.instanceFormat context.size", CORPUS_ALL, 0, NULL,
     make_context_bits, NULL},
    {"a block without a home", "context.home", CORPUS_V3, 0, NULL, take_home_away, NULL},
    {"an integer for a home", "context.home", CORPUS_V3, 0, NULL, set_home_to_integer, NULL},
    {"a home outside", "oop.outside", CORPUS_V3, 0, NULL, set_home_outside, NULL},
    {"a home of three slots", "context.size", CORPUS_V3, 0, NULL, live_in_short_context, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

static void
set_outer(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, here->fixture.closure, OUTER_CONTEXT, value);
}

static void
set_outer_to_integer(corpus_case *here)
{
	set_outer(here, corpus_integer(here, 1));
}

static void
set_outer_to_array(corpus_case *here)
{
	set_outer(here, here->fixture.array);
}

static void
set_outer_outside(corpus_case *here)
{
	set_outer(here, wound_outside(here));
}

static void
set_outer_of_full_block_to_integer(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.full_closure, OUTER_CONTEXT, corpus_integer(here, 1));
}

static void
set_full_block_code(corpus_case *here, imago_oop value)
{
	corpus_set_slot(here, here->fixture.full_closure, START_PC, value);
}

static void
set_full_block_code_to_integer(corpus_case *here)
{
	set_full_block_code(here, corpus_integer(here, 1));
}

static void
set_full_block_code_to_array(corpus_case *here)
{
	set_full_block_code(here, here->fixture.array);
}

static void
set_full_block_code_outside(corpus_case *here)
{
	set_full_block_code(here, wound_outside(here));
}

static void
clear_num_args(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, NUM_ARGS, corpus_nil(here));
}

static void
set_negative_num_args(corpus_case *here)
{
	corpus_set_slot(here, here->fixture.closure, NUM_ARGS, corpus_integer(here, -1));
}

static void
make_closure_bits(corpus_case *here)
{
	bool wide = here->layout->layout.word_bytes == 8;
	corpus_set_format(here, here->fixture.closure, wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32,
	                  IMAGO_V3_FORMAT_BITS32);
}

/* An object of two slots becomes a closure; the class says that it may. */
static void
make_pair_a_closure(corpus_case *here)
{
	corpus_set_class(here, here->fixture.pair,
	                 corpus_special(here, IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE));
}

static void
enclose_in_short_context(corpus_case *here)
{
	shorten(here);
	set_outer(here, here->fixture.mixed);
}

const wound closure_wounds[] = {
    {"an integer for an outer context", "closure.outerContext", CORPUS_CLOSURES, 0, NULL,
     set_outer_to_integer, NULL},
    {"an array for an outer context", "closure.outerContext", CORPUS_CLOSURES, 0, NULL,
     set_outer_to_array, NULL},
    {"an outer context outside", "oop.outside", CORPUS_CLOSURES, 0, NULL, set_outer_outside, NULL},
    {"an outer context of three slots", "context.size", CORPUS_CLOSURES, 0, NULL,
     enclose_in_short_context, NULL},
    {"an integer for a full block's outer context", "closure.outerContext", CORPUS_SPUR, 0, NULL,
     set_outer_of_full_block_to_integer, NULL},
    {"an integer for a full block's code", "closure.method", CORPUS_SPUR, 0, NULL,
     set_full_block_code_to_integer, NULL},
    {"an array for a full block's code", "closure.method", CORPUS_SPUR, 0, NULL,
     set_full_block_code_to_array, NULL},
    {"a full block's code outside", "oop.outside", CORPUS_SPUR, 0, NULL,
     set_full_block_code_outside, NULL},
    {"an argument count that is nil", "closure.arguments", CORPUS_CLOSURES, 0, NULL, clear_num_args,
     NULL},
    {"a negative argument count", "closure.arguments", CORPUS_CLOSURES, 0, NULL,
     set_negative_num_args, NULL},
    {"a closure made of bits", "class.instanceFormat", CORPUS_CLOSURES, 0, NULL, make_closure_bits,
     NULL},
    {"a closure of two slots", "class.instanceFormat", CORPUS_CLOSURES, 0, NULL,
     make_pair_a_closure, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

/* A method of the second bytecode set, without a primitive in its header. */
static void
add_sista_method(corpus_case *here, const uint8_t *bytecodes, uint64_t count)
{
	const imago_builder_method method = {
	    .sista = true, .bytecodes = bytecodes, .num_bytecodes = count};
	here->fixture.extra = imago_builder_new_method(
	    here->builder, corpus_class(here, IMAGO_KERNEL_COMPILED_METHOD), &method);
}

static void
call_unannounced_primitive(corpus_case *here)
{
	static const uint8_t bytecodes[] = {CALL_PRIMITIVE_SISTA, 60, 0, SISTA_RETURN_SELF};
	add_sista_method(here, bytecodes, sizeof bytecodes);
}

static void
call_inlined_primitive(corpus_case *here)
{
	static const uint8_t bytecodes[] = {CALL_PRIMITIVE_SISTA, 60, SISTA_INLINED, SISTA_RETURN_SELF};
	add_sista_method(here, bytecodes, sizeof bytecodes);
}

static void
call_nothing(corpus_case *here)
{
	static const uint8_t bytecodes[] = {SISTA_RETURN_SELF, 60, 0, SISTA_RETURN_SELF};
	add_sista_method(here, bytecodes, sizeof bytecodes);
}

/* Too short to call a primitive, whatever it begins with. */
static void
call_half_a_primitive(corpus_case *here)
{
	static const uint8_t bytecodes[] = {CALL_PRIMITIVE_SISTA, 60};
	add_sista_method(here, bytecodes, sizeof bytecodes);
}

const wound method_wounds[] = {
    {"a primitive of the second set that the header does not announce", "method.primitiveFlag",
     CORPUS_SPUR | CORPUS_MANY_BYTECODE_SETS, 0, call_unannounced_primitive, NULL, NULL},
    {"an inlined primitive of the second set", "", CORPUS_SPUR | CORPUS_MANY_BYTECODE_SETS, 0,
     call_inlined_primitive, NULL, NULL},
    {"a method of the second set without a call", "", CORPUS_SPUR | CORPUS_MANY_BYTECODE_SETS, 0,
     call_nothing, NULL, NULL},
    {"a method of the second set that ends in a call", "", CORPUS_SPUR | CORPUS_MANY_BYTECODE_SETS,
     0, call_half_a_primitive, NULL, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};
