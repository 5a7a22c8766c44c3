/* synthetic_code.c: the methods of a synthetic image, and the contexts and closures that run them.
 */
#include "synthetic_private.h"

enum {
	SMALL_FRAME = 22,
	LARGE_FRAME = 62,
	CONTEXT_NAMED = 6,
	CLOSURE_NAMED = 3,
	MAX_BYTECODES = 64,
	NUM_PRIMITIVES = 6,
};

/* Bytecodes of both sets that do the same. */
typedef struct bytecode_set {
	uint8_t push_literal, push_temp, push_self, send_unary, pop, return_self;
} bytecode_set;

static const bytecode_set v3_bytecodes = {32, 16, 112, 208, 135, 120};
static const bytecode_set sista_bytecodes = {32, 64, 76, 128, 216, 88};

/* Statements, each of which leaves the stack as it was, then a return. */
static uint64_t
write_code(generator *gen, const imago_builder_method *method, bool sends, uint8_t *code)
{
	const bytecode_set *set = method->sista ? &sista_bytecodes : &v3_bytecodes;
	uint64_t length = draw(gen, MIX_BYTECODES) + random_below(gen, 4);
	uint64_t at = 0;
	while (at + 4 < length && at + 4 < MAX_BYTECODES) {
		uint64_t random = next_random(gen);
		if (sends && random % 2 == 0) {
			code[at++] = set->push_self;
			code[at++] = set->send_unary; /* the first literal */
		} else if (method->num_temps > 0 && random % 4 == 1) {
			code[at++] = (uint8_t)(set->push_temp + (random >> 8) % method->num_temps);
		} else {
			code[at++] = (uint8_t)(set->push_literal + (random >> 8) % method->num_literals);
		}
		code[at++] = set->pop;
	}
	code[at++] = set->return_self;
	return at;
}

/* The method's class and selector come last among the literals, a selector to send first. */
static void
fill_literals(generator *gen, imago_oop oop, uint16_t num_literals, bool sends)
{
	imago_builder *builder = gen->builder;
	builder_object found;
	if (!builder_find(builder, oop, &found)) {
		return;
	}
	for (uint64_t i = 1; i <= num_literals; i++) {
		imago_oop value;
		if (i == num_literals) {
			value = gen->classes[random_below(gen, NUM_SYNTHETIC_CLASSES)];
		} else if (i + 1 == num_literals || (i == 1 && sends)) {
			value = synthetic_popular(gen);
		} else {
			value = synthetic_value(gen, MIX_LITERAL_VALUES, oop, i);
		}
		imago_store_word(found.body + i * builder->layout.word_bytes, value, builder->layout);
	}
}

void
synthetic_make_method(generator *gen)
{
	static const uint16_t primitives[NUM_PRIMITIVES] = {1, 60, 70, 110, 148, 256};
	uint8_t code[MAX_BYTECODES];
	uint64_t random = next_random(gen);
	imago_builder *builder = gen->builder;
	imago_builder_method method = {
	    .num_literals = (uint16_t)draw(gen, MIX_LITERALS),
	    .num_temps = (uint8_t)(random & 3),
	    .large_frame = (random >> 2 & 15) == 0,
	    .sista = builder->format->multiple_bytecode_sets && (random >> 8 & 1) != 0,
	};
	bool sends = method.num_literals >= 3 && gen->num_popular > 0;
	if (method.num_literals > 1 && gen->num_popular == 0) {
		method.num_literals = 1;
	}
	if ((random >> 16 & 7) == 0) {
		method.primitive = primitives[(random >> 20) % NUM_PRIMITIVES];
	} else {
		method.num_args = method.num_temps / 2;
	}
	method.num_bytecodes = write_code(gen, &method, sends, code);
	method.bytecodes = code;
	imago_oop oop = imago_builder_new_method(
	    builder, synthetic_class(gen, IMAGO_KERNEL_COMPILED_METHOD), &method);
	fill_literals(gen, oop, method.num_literals, sends);
	synthetic_register(gen, oop);
	gen->methods[gen->num_methods++ & (NUM_RECENT - 1)] = oop;
	if (method.primitive == 0) {
		gen->method = (recent_method){
		    .oop = oop,
		    .num_temps = method.num_temps,
		    .first_pc = builder->layout.word_bytes * (1 + (int64_t)method.num_literals) + 1};
	}
}

/* A dictionary, three quarters full, with its array of values; not yet that of any class. */
void
synthetic_make_method_dictionary(generator *gen)
{
	imago_builder *builder = gen->builder;
	uint64_t capacity = draw(gen, MIX_DICTIONARY_SLOTS);
	uint64_t wanted = gen->num_popular == 0 || gen->num_methods == 0 ? 0 : capacity * 3 / 4;
	uint64_t known = gen->num_methods < NUM_RECENT ? gen->num_methods : (uint64_t)NUM_RECENT;
	imago_oop dictionary = builder_new_dictionary(builder, builder->current, capacity);
	for (uint64_t i = 0; i < wanted; i++) {
		/* The same symbol may come twice: then it is replaced. */
		builder_put_method(builder, dictionary, synthetic_popular(gen),
		                   gen->methods[random_below(gen, known)]);
	}
	synthetic_register(gen, dictionary);
}

/* An activation at the first bytecode of the last method; its sender is an earlier context. */
void
synthetic_make_context(generator *gen)
{
	imago_builder *builder = gen->builder;
	if (gen->method.oop == 0) {
		return;
	}
	uint64_t random = next_random(gen);
	imago_oop context =
	    imago_builder_new_pointers(builder, synthetic_class(gen, IMAGO_KERNEL_CONTEXT),
	                               random % 4 == 0 ? LARGE_FRAME : SMALL_FRAME);
	if (gen->context != 0 && (random >> 8 & 7) != 0) {
		imago_builder_store(builder, context, 0, gen->context);
	}
	imago_builder_store(builder, context, 1, builder_small(builder, gen->method.first_pc));
	imago_builder_store(builder, context, 2, builder_small(builder, gen->method.num_temps));
	imago_builder_store(builder, context, 3, gen->method.oop);
	imago_builder_store(builder, context, 5, synthetic_target(gen, context, 5));
	for (uint64_t i = 0; i < gen->method.num_temps; i++) {
		imago_builder_store(builder, context, CONTEXT_NAMED + i, synthetic_small_integer(gen));
	}
	synthetic_register(gen, context);
	gen->context = context;
	gen->context_method = gen->method;
}

/* A block in the last context: a closure, or before closures a BlockContext. */
void
synthetic_make_closure(generator *gen)
{
	imago_builder *builder = gen->builder;
	if (gen->context == 0) {
		return;
	}
	imago_oop pc = builder_small(builder, gen->context_method.first_pc);
	imago_oop closure;
	if (synthetic_class(gen, IMAGO_KERNEL_BLOCK_CLOSURE) != 0) {
		uint64_t num_copied = random_below(gen, 4);
		closure = imago_builder_new_pointers(
		    builder, synthetic_class(gen, IMAGO_KERNEL_BLOCK_CLOSURE), CLOSURE_NAMED + num_copied);
		imago_builder_store(builder, closure, 0, gen->context);
		imago_builder_store(builder, closure, 1, pc);
		imago_builder_store(builder, closure, 2, builder_small(builder, 0));
		synthetic_fill_slots(gen, closure, CLOSURE_NAMED, MIX_ARRAY_VALUES);
	} else {
		closure = imago_builder_new_pointers(
		    builder, synthetic_class(gen, IMAGO_KERNEL_BLOCK_CONTEXT), SMALL_FRAME);
		imago_builder_store(builder, closure, 1, pc);
		imago_builder_store(builder, closure, 2, builder_small(builder, 0));
		imago_builder_store(builder, closure, 3, builder_small(builder, 0));
		imago_builder_store(builder, closure, 4, pc);
		imago_builder_store(builder, closure, 5, gen->context);
	}
	synthetic_register(gen, closure);
}
