/* generate_code.c: methods of both bytecode sets, contexts, closures, processes. */
#include "generate_private.h"

enum {
	MOST_TEMPS = 56,
	SMALL_FRAME_TEMPS = 16,
	MAX_CODE = 16,
	CONTEXT_NAMED = 6,
	CLOSURE_NAMED = 3,
	FULL_CLOSURE_NAMED = 4,
	BLOCK_NAMED = 6,
	CALL_PRIMITIVE_SIZE = 3,
	BLANK = 255,
	USUAL_FRAME_BIT = 8,
	SMALL_FRAME = 16,
	LARGE_FRAME = 56,
};

/* Slots of contexts, of BlockContexts where they differ, and of closures. */
enum { SENDER, PC, STACK_POINTER, METHOD, CLOSURE, RECEIVER };
enum { BLOCK_NUM_ARGS = 3, BLOCK_START_PC, BLOCK_HOME };
enum { OUTER_CONTEXT, START_PC, NUM_ARGS, FULL_RECEIVER };

/* Bytecodes of both sets that do the same. */
typedef struct bytecode_set {
	uint8_t push_literal, push_temp, push_self, push_true, send_size, pop, return_self;
} bytecode_set;

static const bytecode_set v3_set = {32, 16, 112, 113, 194, 135, 120};
static const bytecode_set sista_set = {32, 64, 76, 77, 114, 216, 88};

/* A statement for each value byte that is not 0, then a return. */
static uint64_t
write_code(const generated_record *record, const imago_builder_method *method, uint8_t *code)
{
	const bytecode_set *set = method->sista ? &sista_set : &v3_set;
	unsigned num_literals = method->num_literals < 32 ? method->num_literals : 32;
	unsigned num_temps = method->num_temps < 8 ? method->num_temps : 8;
	uint64_t at = 0;
	for (size_t i = 0; i < GENERATED_NUM_VALUES; i++) {
		unsigned which = record->values[i] >> 2;
		if (record->values[i] == 0) {
			continue;
		}
		if (record->values[i] % 4 == 0 && num_literals > 0) {
			code[at++] = (uint8_t)(set->push_literal + which % num_literals);
		} else if (record->values[i] % 4 == 1 && num_temps > 0) {
			code[at++] = (uint8_t)(set->push_temp + which % num_temps);
		} else if (record->values[i] % 4 == 2) {
			code[at++] = set->push_true;
		} else {
			code[at++] = set->push_self;
			code[at++] = set->send_size;
		}
		code[at++] = set->pop;
	}
	code[at++] = set->return_self;
	return at;
}

void
generate_method_of(generation *gen, generated_record *record, imago_oop cls, bool sista)
{
	static const uint16_t primitives[] = {0, 1, 60, 117, 256, 264, 519, 0};
	imago_builder *builder = gen->builder;
	uint8_t code[MAX_CODE];
	uint64_t num_literals = generate_count(record->size);
	uint8_t num_temps = (uint8_t)(record->a % (MOST_TEMPS + 1));
	uint16_t primitive = primitives[record->b >> 4 & 7];
	uint8_t num_args = record->b & 15;
	if (num_args > num_temps) {
		num_args = num_temps;
	}
	imago_builder_method method = {
	    .num_literals = (uint16_t)(num_literals > 255 ? 255 : num_literals),
	    .num_args = primitive >= 256 ? 0 : num_args, /* quick primitives take none */
	    .num_temps = num_temps,
	    .primitive = primitive,
	    .large_frame = num_temps > SMALL_FRAME_TEMPS || record->b >= 128,
	    .sista = sista && builder->format->multiple_bytecode_sets,
	    .bytecodes = code,
	};
	method.num_bytecodes = write_code(record, &method, code);
	imago_oop oop = imago_builder_new_method(builder, cls, &method);
	generate_note(record, GENERATED_METHOD, oop, 1, 1 + (uint64_t)method.num_literals);
	uint64_t call = builder_is_spur(builder) && primitive != 0 ? CALL_PRIMITIVE_SIZE : 0;
	record->first_pc = builder->layout.word_bytes * (1 + (uint64_t)method.num_literals) + 1;
	record->end_pc = record->first_pc + call + method.num_bytecodes - 1;
}

void
generate_method(generation *gen, generated_record *record)
{
	generate_method_of(gen, record, generate_kernel_class(gen, IMAGO_KERNEL_COMPILED_METHOD),
	                   false);
}

void
generate_sista_method(generation *gen, generated_record *record)
{
	generate_method_of(gen, record, generate_kernel_class(gen, IMAGO_KERNEL_COMPILED_METHOD), true);
}

static const generated_record *
find_code(generation *gen, unsigned skip)
{
	const generated_record *found = generate_find(gen, GENERATED_METHOD, skip);
	return found != NULL ? found : &gen->start;
}

static const generated_record *
find_context(generation *gen, unsigned skip)
{
	const generated_record *found = generate_find(gen, GENERATED_CONTEXT, skip);
	return found != NULL ? found : &gen->active;
}

static void
store_small(generation *gen, const generated_record *record, uint64_t index, uint64_t value)
{
	imago_builder_store(gen->builder, record->oop, index,
	                    builder_small(gen->builder, (int64_t)value));
}

/* A pc inside the code, chosen by a byte: the same bytecode in every layout. */
static uint64_t
choose_pc(const generated_record *code, uint8_t byte)
{
	return code->first_pc + byte % (code->end_pc - code->first_pc + 1);
}

/* An earlier method under an earlier symbol, or one of the kernel's, in an earlier class. */
void
generate_install(generation *gen, generated_record *record)
{
	imago_builder *builder = gen->builder;
	const generated_record *cls = generate_find(gen, GENERATED_CLASS, record->size % 16);
	const generated_record *symbol = generate_find(gen, GENERATED_SYMBOL, record->b % 16);
	if (cls == NULL) {
		return;
	}
	(void)generate_kernel_class(gen, IMAGO_KERNEL_METHOD_DICTIONARY);
	imago_oop dictionary = imago_builder_fetch(builder, cls->oop, BUILDER_CLASS_METHODS);
	if (builder_ok(builder) && dictionary == builder->nil) {
		imago_builder_store(builder, cls->oop, BUILDER_CLASS_METHODS,
		                    builder_new_dictionary(builder, builder->old, 2));
	}
	imago_oop selector = symbol != NULL
	                         ? symbol->oop
	                         : imago_builder_fetch(builder, builder->special_objects,
	                                               IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND);
	imago_builder_install_method(builder, cls->oop, selector, find_code(gen, record->a % 16)->oop);
}

void
generate_context(generation *gen, generated_record *record)
{
	imago_builder *builder = gen->builder;
	const generated_record *code = find_code(gen, record->a % 16);
	const generated_record *sender = find_context(gen, record->values[1] % 16);
	const generated_record *closure = generate_find(gen, GENERATED_CLOSURE, 0);
	uint64_t frame = record->size % 8;
	if ((record->size & USUAL_FRAME_BIT) != 0) {
		frame = record->size >= 128 ? LARGE_FRAME : SMALL_FRAME;
	}
	imago_oop context = imago_builder_new_pointers(
	    builder, generate_kernel_class(gen, IMAGO_KERNEL_CONTEXT), CONTEXT_NAMED + frame);
	generate_note(record, GENERATED_CONTEXT, context, 0, 0);
	record->first_pc = code->first_pc;
	record->end_pc = code->end_pc;
	if (record->a == BLANK) { /* never entered: no code, so that a block's pc is a mere number */
		record->first_pc = 1;
		record->end_pc = 1 + code->end_pc - code->first_pc;
		return;
	}
	uint64_t depth = frame == 0 ? 0 : record->b % (frame + 1);
	if (record->values[1] != 0) {
		imago_builder_store(builder, context, SENDER, sender->oop);
	}
	if (record->values[2] != 0) { /* else it has returned */
		store_small(gen, record, PC, choose_pc(code, record->values[2]));
	}
	store_small(gen, record, STACK_POINTER, depth);
	imago_builder_store(builder, context, METHOD, code->oop);
	if (closure != NULL && record->b >= 128 && builder->format->closures) {
		imago_builder_store(builder, context, CLOSURE, closure->oop);
	}
	record->fill_from = RECEIVER;
	record->fill_to = CONTEXT_NAMED + depth;
}

/* A context of a block, as before closures. */
static void
make_block_context(generation *gen, generated_record *record)
{
	const generated_record *home = find_context(gen, record->a % 16);
	uint64_t frame = record->size % 8;
	uint64_t depth = record->b % (frame + 1);
	imago_oop block = imago_builder_new_pointers(
	    gen->builder, generate_kernel_class(gen, IMAGO_KERNEL_BLOCK_CONTEXT), BLOCK_NAMED + frame);
	uint64_t pc = choose_pc(home, record->values[2]);
	generate_note(record, GENERATED_CLOSURE, block, BLOCK_NAMED, BLOCK_NAMED + depth);
	store_small(gen, record, PC, pc);
	store_small(gen, record, STACK_POINTER, depth);
	store_small(gen, record, BLOCK_NUM_ARGS, record->b & 3);
	store_small(gen, record, BLOCK_START_PC, pc);
	imago_builder_store(gen->builder, block, BLOCK_HOME, home->oop);
}

void
generate_closure(generation *gen, generated_record *record)
{
	imago_oop cls = generate_kernel_class(gen, IMAGO_KERNEL_BLOCK_CLOSURE);
	if (cls == 0) {
		make_block_context(gen, record);
		return;
	}
	const generated_record *outer = find_context(gen, record->a % 16);
	uint64_t num_slots = CLOSURE_NAMED + record->size % 8;
	imago_oop closure = imago_builder_new_pointers(gen->builder, cls, num_slots);
	generate_note(record, GENERATED_CLOSURE, closure, CLOSURE_NAMED, num_slots);
	imago_builder_store(gen->builder, closure, OUTER_CONTEXT, outer->oop);
	store_small(gen, record, START_PC, choose_pc(outer, record->values[2]));
	store_small(gen, record, NUM_ARGS, record->b & 15);
}

void
generate_full_closure(generation *gen, generated_record *record)
{
	imago_oop cls = generate_kernel_class(gen, IMAGO_KERNEL_FULL_BLOCK_CLOSURE);
	if (cls == 0) {
		make_block_context(gen, record);
		return;
	}
	uint64_t num_slots = FULL_CLOSURE_NAMED + record->size % 8;
	imago_oop closure = imago_builder_new_pointers(gen->builder, cls, num_slots);
	generate_note(record, GENERATED_CLOSURE, closure, FULL_RECEIVER, num_slots);
	if (record->b < 128) { /* else a clean block, without an outer context */
		imago_builder_store(gen->builder, closure, OUTER_CONTEXT,
		                    find_context(gen, record->a % 16)->oop);
	}
	imago_builder_store(gen->builder, closure, START_PC, find_code(gen, record->a / 16)->oop);
	store_small(gen, record, NUM_ARGS, record->b & 15);
}

void
generate_process(generation *gen, generated_record *record)
{
	enum { CONTEXT = 1, PRIORITY = 2, NUM_SLOTS = 4 };
	imago_oop process = imago_builder_new_pointers(
	    gen->builder, generate_kernel_class(gen, IMAGO_KERNEL_PROCESS), NUM_SLOTS);
	generate_note(record, GENERATED_PROCESS, process, 0, 0);
	imago_builder_store(gen->builder, process, CONTEXT, find_context(gen, record->b % 16)->oop);
	store_small(gen, record, PRIORITY, 1 + record->a % 8u);
	(void)generate_kernel_class(gen, IMAGO_KERNEL_LINKED_LIST);
	gen->has_process = true;
}
