/* generate_kernel.c: the least that the checker allows: classes of three slots, the special objects
 * that no VM can do without, one method and its context. Further classes of the kernel are made
 * when a record wants one.
 *
 * Source: formats/spur/spur.md §8-§10; formats/v3/v3.md §3, §5.
 */
#include "generate_private.h"

#include "imago/method.h"

enum {
	LEAST_SPECIALS_SPUR = 43,
	LEAST_SPECIALS_V3 = 41,
	ALL_SPECIALS_SPUR = 60,
	ALL_SPECIALS_V3 = 56,
	SMALL_CLASS_SLOTS = 3,
	NUM_SELECTOR_SLOTS = 64,
	NUM_CHARACTERS = 256,
	ASK_ALL_SPECIALS = 2,
	COMPACT_CHARACTER = 31, /* no VM knows it by this index: it makes 256 Characters small */
	ACTIVE_PRIORITY = 5,
	CONTEXT_SLOTS = 6,
	RETURN_SELF = 120,
};

/* Those that the special objects must name, and the class of code. */
static const uint8_t least_classes[] = {
    IMAGO_KERNEL_UNDEFINED_OBJECT,
    IMAGO_KERNEL_FALSE,
    IMAGO_KERNEL_TRUE,
    IMAGO_KERNEL_SMALL_INTEGER,
    IMAGO_KERNEL_CHARACTER,
    IMAGO_KERNEL_SMALL_FLOAT,
    IMAGO_KERNEL_FLOAT,
    IMAGO_KERNEL_LARGE_POSITIVE_INTEGER,
    IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER,
    IMAGO_KERNEL_ARRAY,
    IMAGO_KERNEL_BYTE_ARRAY,
    IMAGO_KERNEL_BYTE_STRING,
    IMAGO_KERNEL_BYTE_SYMBOL,
    IMAGO_KERNEL_POINT,
    IMAGO_KERNEL_MESSAGE,
    IMAGO_KERNEL_COMPILED_METHOD,
    IMAGO_KERNEL_CONTEXT,
};

imago_oop
generate_small_class(imago_builder *builder, uint32_t index, uint32_t num_named, uint8_t format,
                     uint32_t compact_index)
{
	imago_oop of = builder->classes[IMAGO_KERNEL_CLASS];
	builder_shape shape = {.cls = of};
	if (of != 0 && !builder_shape_of(builder, of, &shape)) {
		return 0;
	}
	imago_oop cls =
	    builder_lay_out(builder, builder->old, &shape, IMAGO_FORMAT_FIXED, SMALL_CLASS_SLOTS);
	builder_fill(builder, cls, builder->nil);
	imago_builder_store(
	    builder, cls, BUILDER_CLASS_FORMAT,
	    builder_small(builder, builder_class_format(builder, num_named, format, compact_index)));
	if (builder_is_spur(builder) && builder_ok(builder)) {
		if (index == 0) {
			index = builder->next_class_index++;
		}
		imago_builder_set_hash(builder, cls, index);
		builder_enter_class(builder, index, cls);
	}
	if (of == 0) {
		builder_set_class(builder, cls, cls);
	}
	return cls;
}

static void
make_class(imago_builder *builder, imago_kernel_class which)
{
	const builder_kernel_row *row = builder_kernel_row_of(builder, which);
	if (row == NULL) {
		return;
	}
	uint8_t compact = builder->format->closures ? row->compact : row->old_compact;
	if (which == IMAGO_KERNEL_CHARACTER && !builder_is_spur(builder)) {
		compact = COMPACT_CHARACTER;
	}
	imago_oop cls = generate_small_class(builder, row->index, row->num_named, row->format, compact);
	builder->classes[which] = cls;
	if (compact != 0 && builder->compact_classes != 0) {
		imago_builder_store(builder, builder->compact_classes, compact - 1u, cls);
	}
}

static void
make_compact_classes(imago_builder *builder)
{
	/* Array is compact itself, and is not yet looked up. */
	builder->compact_classes = imago_builder_new_pointers(
	    builder, builder->classes[IMAGO_KERNEL_ARRAY], IMAGO_COMPACT_CLASSES);
	for (unsigned i = 0; i < IMAGO_NUM_KERNEL_CLASSES; i++) {
		builder_shape shape;
		imago_oop cls = builder->classes[i];
		if (cls != 0 && builder_shape_of(builder, cls, &shape) && shape.class_index != 0) {
			imago_builder_store(builder, builder->compact_classes, shape.class_index - 1u, cls);
		}
	}
}

void
generate_make_kernel(imago_builder *builder)
{
	builder_make_first_objects(builder);
	/* The class of all small classes, its own instance. */
	builder->classes[IMAGO_KERNEL_CLASS] =
	    generate_small_class(builder, 0, SMALL_CLASS_SLOTS, IMAGO_FORMAT_FIXED, 0);
	for (size_t i = 0; i < sizeof least_classes; i++) {
		make_class(builder, (imago_kernel_class)least_classes[i]);
	}
	if (builder_is_spur(builder)) {
		builder_enter_secondary_indices(builder);
	} else {
		make_compact_classes(builder);
	}
	builder_set_class(builder, builder->nil, builder->classes[IMAGO_KERNEL_UNDEFINED_OBJECT]);
	builder_set_class(builder, builder->false_object, builder->classes[IMAGO_KERNEL_FALSE]);
	builder_set_class(builder, builder->true_object, builder->classes[IMAGO_KERNEL_TRUE]);
}

imago_oop
generate_kernel_class(generation *gen, imago_kernel_class which)
{
	if (gen->builder->classes[which] == 0 && builder_ok(gen->builder)) {
		make_class(gen->builder, which);
	}
	return gen->builder->classes[which];
}

static imago_oop
new_array(generation *gen, uint64_t num_slots)
{
	return imago_builder_new_pointers(gen->builder, gen->builder->classes[IMAGO_KERNEL_ARRAY],
	                                  num_slots);
}

/* 32 selectors that are nil, with their argument counts. */
static imago_oop
new_selectors(generation *gen)
{
	imago_oop array = new_array(gen, NUM_SELECTOR_SLOTS);
	for (uint64_t i = 1; i < NUM_SELECTOR_SLOTS; i += 2) {
		imago_builder_store(gen->builder, array, i, builder_small(gen->builder, 1));
	}
	return array;
}

static void
make_character_table(generation *gen)
{
	imago_builder *builder = gen->builder;
	imago_oop table = new_array(gen, NUM_CHARACTERS);
	for (uint32_t code = 0; code < NUM_CHARACTERS; code++) {
		imago_oop character =
		    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_CHARACTER], 1);
		imago_builder_store(builder, character, 0, builder_small(builder, code));
		imago_builder_store(builder, table, code, character);
	}
	builder->character_table = table;
	imago_builder_set_special(builder, IMAGO_SPECIAL_CHARACTER_TABLE, table);
}

/* A method that returns its receiver, and its activation. */
static void
make_activation(generation *gen)
{
	static const uint8_t code[] = {RETURN_SELF};
	static const imago_builder_method method = {.bytecodes = code, .num_bytecodes = 1};
	imago_builder *builder = gen->builder;
	imago_oop oop =
	    imago_builder_new_method(builder, builder->classes[IMAGO_KERNEL_COMPILED_METHOD], &method);
	int64_t pc = builder->layout.word_bytes + 1;
	imago_oop context =
	    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_CONTEXT], CONTEXT_SLOTS);
	imago_builder_store(builder, context, 1, builder_small(builder, pc));
	imago_builder_store(builder, context, 2, builder_small(builder, 0));
	imago_builder_store(builder, context, 3, oop);
	gen->start = (generated_record){.oop = oop, .first_pc = (uint64_t)pc, .end_pc = (uint64_t)pc};
	gen->active = gen->start;
	gen->active.oop = context;
}

/* The way from the special objects to the context: arrays do. */
static imago_oop
new_scheduler_association(generation *gen)
{
	imago_builder *builder = gen->builder;
	imago_oop process = new_array(gen, 4);
	imago_builder_store(builder, process, 1, gen->active.oop);
	imago_builder_store(builder, process, 2, builder_small(builder, ACTIVE_PRIORITY));
	imago_oop scheduler = new_array(gen, 2);
	imago_builder_store(builder, scheduler, 0, new_array(gen, 0));
	imago_builder_store(builder, scheduler, 1, process);
	imago_oop association = new_array(gen, 2);
	imago_builder_store(builder, association, 1, scheduler);
	return association;
}

void
generate_make_roots(generation *gen)
{
	static const imago_special selectors[] = {IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND,
	                                          IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN,
	                                          IMAGO_SPECIAL_SELECTOR_MUST_BE_BOOLEAN};
	imago_builder *builder = gen->builder;
	bool spur = builder_is_spur(builder);
	bool all = (gen->prefix.size & ASK_ALL_SPECIALS) != 0;
	gen->num_specials = spur ? (all ? ALL_SPECIALS_SPUR : LEAST_SPECIALS_SPUR)
	                         : (all ? ALL_SPECIALS_V3 : LEAST_SPECIALS_V3);
	builder->special_objects = new_array(gen, gen->num_specials);
	imago_builder_set_special(builder, IMAGO_SPECIAL_FALSE, builder->false_object);
	imago_builder_set_special(builder, IMAGO_SPECIAL_TRUE, builder->true_object);
	imago_oop symbol =
	    imago_builder_new_string(builder, builder->classes[IMAGO_KERNEL_BYTE_SYMBOL], "dnu:");
	for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
		imago_builder_set_special(builder, selectors[i], symbol);
	}
	imago_builder_set_special(builder, IMAGO_SPECIAL_SPECIAL_SELECTORS, new_selectors(gen));
	if (!spur) {
		imago_builder_set_special(builder, IMAGO_SPECIAL_COMPACT_CLASSES, builder->compact_classes);
		make_character_table(gen);
	}
	make_activation(gen);
	imago_builder_set_special(builder, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION,
	                          new_scheduler_association(gen));
}
