/* builder_kernel.c: what every image has: nil, false, true, the class table, a kernel of classes,
 * the special objects with a process that waits to go on.
 *
 * Source: formats/spur/spur.md §8-§10; formats/v3/v3.md §3, §5.
 */
#include "builder_private.h"

enum {
	NUM_FREE_LISTS_32 = 32,
	NUM_FREE_LISTS_64 = 64,
	NUM_SPECIALS_SPUR = 60,
	NUM_SPECIALS_CLOSURES = 56,
	NUM_SPECIALS_OLD = 41,
	NUM_CHARACTERS = 256,
	NUM_PRIORITIES = 8,
	ACTIVE_PRIORITY = 5,
	NUM_EXTERNAL_OBJECTS = 20,
	SMALL_FRAME = 22, /* slots of a context that needs no large frame */
	NONE = -1,
};

/* Which models have a class. */
enum {
	MODEL_SPUR_32 = 1,
	MODEL_SPUR_64 = 2,
	MODEL_V3_OLD = 4,      /* 6502 */
	MODEL_V3_CLOSURES = 8, /* 6504, 6505 */
	MODELS_SPUR = MODEL_SPUR_32 | MODEL_SPUR_64,
	MODELS_SPUR_64 = MODEL_SPUR_64,
	MODELS_V3 = MODEL_V3_OLD | MODEL_V3_CLOSURES,
	MODELS_CLOSURES = MODELS_SPUR | MODEL_V3_CLOSURES,
	MODELS_ALL = MODELS_SPUR | MODELS_V3,
};

enum { IMAGO_KERNEL_NONE = NONE };

static const builder_kernel_row kernel_classes[] = {
#define KERNEL_CLASS(class_id, class_name, class_superclass, slots, class_format, class_models, \
                     class_index, old_compact_index, compact_index)                             \
	{.name = (class_name),                                                                      \
	 .id = IMAGO_KERNEL_##class_id,                                                             \
	 .superclass = IMAGO_KERNEL_##class_superclass,                                             \
	 .num_named = (slots),                                                                      \
	 .index = (class_index),                                                                    \
	 .format = IMAGO_FORMAT_##class_format,                                                     \
	 .models = MODELS_##class_models,                                                           \
	 .old_compact = (old_compact_index),                                                        \
	 .compact = (compact_index)},
#include "kernel_classes.def"
#undef KERNEL_CLASS
};

typedef struct kernel_selector {
	const char *text;
	uint8_t num_args;
} kernel_selector;

static const kernel_selector special_selectors[] = {
#define KERNEL_SELECTOR(text, num_args) {text, num_args},
#include "kernel_selectors.def"
#undef KERNEL_SELECTOR
};

enum {
	NUM_KERNEL_ROWS = sizeof(kernel_classes) / sizeof(kernel_classes[0]),
	NUM_SELECTORS = sizeof(special_selectors) / sizeof(special_selectors[0]),
	SELECTOR_BLOCK_COPY = 24, /* where 6502 has #blockCopy: and its successors #~~ */
};

/* Special objects that are classes. A class that the layout does not have leaves nil. */
static const struct {
	imago_special index;
	imago_kernel_class cls;
} special_classes[] = {
    {IMAGO_SPECIAL_CLASS_BITMAP, IMAGO_KERNEL_BITMAP},
    {IMAGO_SPECIAL_CLASS_SMALL_INTEGER, IMAGO_KERNEL_SMALL_INTEGER},
    {IMAGO_SPECIAL_CLASS_STRING, IMAGO_KERNEL_BYTE_STRING},
    {IMAGO_SPECIAL_CLASS_ARRAY, IMAGO_KERNEL_ARRAY},
    {IMAGO_SPECIAL_CLASS_FLOAT, IMAGO_KERNEL_FLOAT},
    {IMAGO_SPECIAL_CLASS_CONTEXT, IMAGO_KERNEL_CONTEXT},
    {IMAGO_SPECIAL_CLASS_BLOCK_CONTEXT, IMAGO_KERNEL_BLOCK_CONTEXT},
    {IMAGO_SPECIAL_CLASS_POINT, IMAGO_KERNEL_POINT},
    {IMAGO_SPECIAL_CLASS_LARGE_POSITIVE_INTEGER, IMAGO_KERNEL_LARGE_POSITIVE_INTEGER},
    {IMAGO_SPECIAL_CLASS_MESSAGE, IMAGO_KERNEL_MESSAGE},
    {IMAGO_SPECIAL_CLASS_COMPILED_METHOD, IMAGO_KERNEL_COMPILED_METHOD},
    {IMAGO_SPECIAL_CLASS_SEMAPHORE, IMAGO_KERNEL_SEMAPHORE},
    {IMAGO_SPECIAL_CLASS_CHARACTER, IMAGO_KERNEL_CHARACTER},
    {IMAGO_SPECIAL_CLASS_BYTE_ARRAY, IMAGO_KERNEL_BYTE_ARRAY},
    {IMAGO_SPECIAL_CLASS_PROCESS, IMAGO_KERNEL_PROCESS},
    {IMAGO_SPECIAL_CLASS_BLOCK_CLOSURE, IMAGO_KERNEL_BLOCK_CLOSURE},
    {IMAGO_SPECIAL_CLASS_FULL_BLOCK_CLOSURE, IMAGO_KERNEL_FULL_BLOCK_CLOSURE},
    {IMAGO_SPECIAL_CLASS_LARGE_NEGATIVE_INTEGER, IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER},
};

/* Special objects that are selectors. Those past the end of a short array are left out. */
static const struct {
	const char *text;
	imago_special index;
	uint8_t models;
} selectors[] = {
    {"doesNotUnderstand:", IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND, MODELS_ALL},
    {"cannotReturn:", IMAGO_SPECIAL_SELECTOR_CANNOT_RETURN, MODELS_ALL},
    {"mustBeBoolean", IMAGO_SPECIAL_SELECTOR_MUST_BE_BOOLEAN, MODELS_ALL},
    {"cannotInterpret:", IMAGO_SPECIAL_SELECTOR_CANNOT_INTERPRET, MODELS_CLOSURES},
    {"aboutToReturn:through:", IMAGO_SPECIAL_SELECTOR_ABOUT_TO_RETURN, MODELS_CLOSURES},
    {"run:with:in:", IMAGO_SPECIAL_SELECTOR_RUN_WITH_IN, MODELS_CLOSURES},
    {"attemptToAssign:withIndex:", IMAGO_SPECIAL_SELECTOR_ATTEMPT_TO_ASSIGN, MODELS_CLOSURES},
    {"invokeCallbackContext:", IMAGO_SPECIAL_SELECTOR_INVOKE_CALLBACK, MODELS_CLOSURES},
    {"unusedBytecode", IMAGO_SPECIAL_SELECTOR_UNUSED_BYTECODE, MODELS_SPUR},
    {"conditionalBranchCounterTrippedOn:", IMAGO_SPECIAL_SELECTOR_COUNTER_TRIPPED, MODELS_SPUR},
    {"classTrapFor:", IMAGO_SPECIAL_SELECTOR_CLASS_TRAP, MODELS_SPUR},
};

static uint8_t
model_of(const imago_builder *builder)
{
	if (builder_is_spur(builder)) {
		return builder->layout.word_bytes == 8 ? MODEL_SPUR_64 : MODEL_SPUR_32;
	}
	return builder->format->closures ? MODEL_V3_CLOSURES : MODEL_V3_OLD;
}

const builder_kernel_row *
builder_kernel_row_of(const imago_builder *builder, imago_kernel_class id)
{
	for (size_t i = 0; i < NUM_KERNEL_ROWS; i++) {
		const builder_kernel_row *row = &kernel_classes[i];
		if (row->id == id && (row->models & model_of(builder)) != 0) {
			return row;
		}
	}
	return NULL;
}

void
builder_make_first_objects(imago_builder *builder)
{
	builder_shape unknown = {.cls = 0};
	builder->nil = builder_lay_out(builder, 0, &unknown, IMAGO_FORMAT_EMPTY, 0);
	builder->false_object = builder_lay_out(builder, 0, &unknown, IMAGO_FORMAT_EMPTY, 0);
	builder->true_object = builder_lay_out(builder, 0, &unknown, IMAGO_FORMAT_EMPTY, 0);
	if (!builder_is_spur(builder)) {
		return;
	}
	bool wide = builder->layout.word_bytes == 8;
	builder_shape words = {.class_index =
	                           wide ? IMAGO_CLASS_HIDDEN_BITS64 : IMAGO_CLASS_HIDDEN_BITS32};
	builder->free_lists =
	    builder_lay_out(builder, 0, &words, wide ? IMAGO_FORMAT_BITS64 : IMAGO_FORMAT_BITS32,
	                    wide ? NUM_FREE_LISTS_64 : NUM_FREE_LISTS_32);
	builder_shape array = {.class_index = IMAGO_CLASS_HIDDEN_ARRAY};
	builder->hidden_roots =
	    builder_lay_out(builder, 0, &array, IMAGO_FORMAT_INDEXABLE, IMAGO_HIDDEN_ROOTS_SLOTS);
	builder_fill(builder, builder->hidden_roots, builder->nil);
	/* Entering nil makes a page. */
	builder_enter_class(builder, 0, builder->nil);
	builder_enter_class(builder, IMAGO_CLASS_PAGE_SIZE, builder->nil);
}

static imago_oop
new_array(imago_builder *builder, uint64_t num_slots)
{
	return imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_ARRAY], num_slots);
}

static imago_oop
new_symbol(imago_builder *builder, const char *text)
{
	return imago_builder_new_string(builder, builder->classes[IMAGO_KERNEL_BYTE_SYMBOL], text);
}

static void
make_compact_classes(imago_builder *builder)
{
	builder->compact_classes = new_array(builder, IMAGO_COMPACT_CLASSES);
	for (size_t i = 0; i < NUM_KERNEL_ROWS; i++) {
		const builder_kernel_row *row = &kernel_classes[i];
		uint8_t index = builder->format->closures ? row->compact : row->old_compact;
		if ((row->models & model_of(builder)) != 0 && index != 0) {
			imago_builder_store(builder, builder->compact_classes, index - 1u,
			                    builder->classes[row->id]);
		}
	}
}

static void
make_classes(imago_builder *builder)
{
	uint8_t model = model_of(builder);
	for (size_t i = 0; i < NUM_KERNEL_ROWS; i++) {
		const builder_kernel_row *row = &kernel_classes[i];
		if ((row->models & model) != 0) {
			uint8_t compact = builder->format->closures ? row->compact : row->old_compact;
			builder->classes[row->id] =
			    builder_raw_class(builder, row->index, row->num_named, row->format, compact);
		}
	}
	if (!builder_is_spur(builder)) {
		make_compact_classes(builder);
	}
	for (size_t i = 0; i < NUM_KERNEL_ROWS; i++) {
		const builder_kernel_row *row = &kernel_classes[i];
		if ((row->models & model) != 0) {
			imago_oop superclass =
			    row->superclass == NONE ? builder->nil : builder->classes[row->superclass];
			/* Object gets two methods below: its dictionary need not grow. */
			builder_complete_class(builder, builder->classes[row->id], superclass, row->name,
			                       row->id == IMAGO_KERNEL_OBJECT ? 4 : 1);
		}
	}
	builder_set_class(builder, builder->nil, builder->classes[IMAGO_KERNEL_UNDEFINED_OBJECT]);
	builder_set_class(builder, builder->false_object, builder->classes[IMAGO_KERNEL_FALSE]);
	builder_set_class(builder, builder->true_object, builder->classes[IMAGO_KERNEL_TRUE]);
}

void
builder_enter_secondary_indices(imago_builder *builder)
{
	builder_enter_class(builder, IMAGO_CLASS_HIDDEN_ARRAY, builder->classes[IMAGO_KERNEL_ARRAY]);
	if (builder->layout.word_bytes == 4) {
		builder_enter_class(builder, 3, builder->classes[IMAGO_KERNEL_SMALL_INTEGER]);
	}
}

static void
make_character_table(imago_builder *builder)
{
	imago_oop table = new_array(builder, NUM_CHARACTERS);
	for (uint32_t code = 0; code < NUM_CHARACTERS; code++) {
		imago_oop character =
		    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_CHARACTER], 1);
		imago_builder_store(builder, character, 0, builder_small(builder, code));
		imago_builder_store(builder, table, code, character);
	}
	builder->character_table = table;
}

static void
make_special_selectors(imago_builder *builder)
{
	imago_oop array = new_array(builder, (uint64_t)2 * NUM_SELECTORS);
	for (uint64_t i = 0; i < NUM_SELECTORS; i++) {
		bool block_copy = i == SELECTOR_BLOCK_COPY && !builder->format->closures;
		imago_oop symbol =
		    new_symbol(builder, block_copy ? "blockCopy:" : special_selectors[i].text);
		imago_builder_store(builder, array, 2 * i, symbol);
		imago_builder_store(builder, array, 2 * i + 1,
		                    builder_small(builder, special_selectors[i].num_args));
	}
	imago_builder_set_special(builder, IMAGO_SPECIAL_SPECIAL_SELECTORS, array);
}

/* An association key -> value. */
static imago_oop
new_association(imago_builder *builder, imago_oop key, imago_oop value)
{
	imago_oop association =
	    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_ASSOCIATION], 2);
	imago_builder_store(builder, association, 0, key);
	imago_builder_store(builder, association, 1, value);
	return association;
}

/* The names of the classes; the binding of Object. */
static imago_oop
make_globals(imago_builder *builder)
{
	imago_oop globals = new_array(builder, IMAGO_NUM_KERNEL_CLASSES);
	for (size_t i = 0; i < IMAGO_NUM_KERNEL_CLASSES && builder_ok(builder); i++) {
		imago_oop cls = builder->classes[i];
		if (cls != 0) {
			imago_oop name = imago_builder_fetch(builder, cls, BUILDER_CLASS_NAME);
			imago_builder_store(builder, globals, i, new_association(builder, name, cls));
		}
	}
	imago_builder_set_special(builder, IMAGO_SPECIAL_SMALLTALK, globals);
	return imago_builder_fetch(builder, globals, IMAGO_KERNEL_OBJECT);
}

/* A method of Object. Its last literals are its selector and its class's binding. */
static imago_oop
install(imago_builder *builder, imago_oop selector, imago_oop binding, uint8_t num_args, bool sista)
{
	/* push self; pop; return self */
	static const uint8_t v3_set[] = {112, 135, 120};
	static const uint8_t sista_set[] = {76, 216, 88};
	imago_builder_method method = {.num_literals = 2,
	                               .num_args = num_args,
	                               .num_temps = num_args,
	                               .sista = sista,
	                               .bytecodes = sista ? sista_set : v3_set,
	                               .num_bytecodes = sizeof(v3_set)};
	imago_oop oop =
	    imago_builder_new_method(builder, builder->classes[IMAGO_KERNEL_COMPILED_METHOD], &method);
	imago_builder_store(builder, oop, 1, selector);
	imago_builder_store(builder, oop, 2, binding);
	imago_builder_install_method(builder, builder->classes[IMAGO_KERNEL_OBJECT], selector, oop);
	return oop;
}

/* A context of method after its first bytecode, the result of a snapshot (true) on its stack. */
static imago_oop
new_active_context(imago_builder *builder, imago_oop method)
{
	imago_oop context =
	    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_CONTEXT], SMALL_FRAME);
	int64_t first_pc = builder->layout.word_bytes * 3 + 1;
	imago_builder_store(builder, context, 1, builder_small(builder, first_pc + 1));
	imago_builder_store(builder, context, 2, builder_small(builder, 1));
	imago_builder_store(builder, context, 3, method);
	imago_builder_store(builder, context, 6, builder->true_object);
	return context;
}

static void
make_processes(imago_builder *builder, imago_oop method)
{
	const imago_oop *classes = builder->classes;
	imago_oop lists = new_array(builder, NUM_PRIORITIES);
	for (uint64_t i = 0; i < NUM_PRIORITIES; i++) {
		imago_builder_store(
		    builder, lists, i,
		    imago_builder_new_pointers(builder, classes[IMAGO_KERNEL_LINKED_LIST], 2));
	}
	imago_oop process = imago_builder_new_pointers(builder, classes[IMAGO_KERNEL_PROCESS], 4);
	imago_builder_store(builder, process, 1, new_active_context(builder, method));
	imago_builder_store(builder, process, 2, builder_small(builder, ACTIVE_PRIORITY));
	imago_oop scheduler =
	    imago_builder_new_pointers(builder, classes[IMAGO_KERNEL_PROCESSOR_SCHEDULER], 2);
	imago_builder_store(builder, scheduler, 0, lists);
	imago_builder_store(builder, scheduler, 1, process);
	imago_builder_set_special(
	    builder, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION,
	    new_association(builder, new_symbol(builder, "Processor"), scheduler));
}

static imago_oop
new_semaphore(imago_builder *builder)
{
	imago_oop semaphore =
	    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_SEMAPHORE], 3);
	imago_builder_store(builder, semaphore, 2, builder_small(builder, 0));
	return semaphore;
}

static imago_oop
new_primitive_errors(imago_builder *builder)
{
	static const char *const names[] = {
	    "bad receiver",          "bad argument", "bad index",       "bad number of arguments",
	    "inappropriate",         "unsupported",  "no modification", "insufficient object memory",
	    "insufficient C memory", "not found",    "bad method",      "internal error",
	};
	enum { NUM_NAMES = sizeof(names) / sizeof(names[0]) };
	imago_oop table = new_array(builder, NUM_NAMES + 1); /* 1, a generic failure, has no name */
	for (uint64_t i = 0; i < NUM_NAMES; i++) {
		imago_builder_store(builder, table, i + 1, new_symbol(builder, names[i]));
	}
	return table;
}

void
builder_store_special_classes(imago_builder *builder, uint64_t num_specials)
{
	for (size_t i = 0; i < sizeof(special_classes) / sizeof(special_classes[0]); i++) {
		imago_oop cls = builder->classes[special_classes[i].cls];
		uint64_t index = (uint64_t)special_classes[i].index;
		if (cls != 0 && index < num_specials) {
			imago_builder_store(builder, builder->special_objects, index, cls);
		}
	}
}

static void
fill_special_objects(imago_builder *builder, uint64_t num_specials)
{
	imago_oop specials = builder->special_objects;
	imago_builder_store(builder, specials, IMAGO_SPECIAL_NIL, builder->nil);
	imago_builder_store(builder, specials, IMAGO_SPECIAL_FALSE, builder->false_object);
	imago_builder_store(builder, specials, IMAGO_SPECIAL_TRUE, builder->true_object);
	builder_store_special_classes(builder, num_specials);
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		if ((selectors[i].models & model_of(builder)) != 0 &&
		    (uint64_t)selectors[i].index < num_specials) {
			imago_builder_store(builder, specials, (uint64_t)selectors[i].index,
			                    new_symbol(builder, selectors[i].text));
		}
	}
	imago_builder_store(builder, specials, IMAGO_SPECIAL_COMPACT_CLASSES,
	                    builder_is_spur(builder) ? new_array(builder, 0)
	                                             : builder->compact_classes);
	if (!builder_is_spur(builder)) {
		make_character_table(builder);
		imago_builder_store(builder, specials, IMAGO_SPECIAL_CHARACTER_TABLE,
		                    builder->character_table);
	}
	imago_builder_store(builder, specials, IMAGO_SPECIAL_LOW_SPACE_SEMAPHORE,
	                    new_semaphore(builder));
	imago_builder_store(builder, specials, IMAGO_SPECIAL_INTERRUPT_SEMAPHORE,
	                    new_semaphore(builder));
	imago_builder_store(builder, specials, IMAGO_SPECIAL_EXTERNAL_OBJECTS,
	                    new_array(builder, NUM_EXTERNAL_OBJECTS));
	if (num_specials > IMAGO_SPECIAL_PRIMITIVE_ERROR_TABLE) {
		imago_builder_store(builder, specials, IMAGO_SPECIAL_FINALIZATION_SEMAPHORE,
		                    new_semaphore(builder));
		imago_builder_store(builder, specials, IMAGO_SPECIAL_PRIMITIVE_ERROR_TABLE,
		                    new_primitive_errors(builder));
	}
}

/* All but the methods; the binding of Object. */
static imago_oop
make_objects(imago_builder *builder)
{
	builder_make_first_objects(builder);
	make_classes(builder);
	uint64_t num_specials = NUM_SPECIALS_SPUR;
	if (builder_is_spur(builder)) {
		builder_enter_secondary_indices(builder);
	} else {
		num_specials = builder->format->closures ? NUM_SPECIALS_CLOSURES : NUM_SPECIALS_OLD;
	}
	builder->special_objects = new_array(builder, num_specials);
	fill_special_objects(builder, num_specials);
	make_special_selectors(builder);
	return make_globals(builder);
}

void
builder_make_kernel(imago_builder *builder)
{
	imago_oop binding = make_objects(builder);
	imago_oop not_understood = imago_builder_fetch(builder, builder->special_objects,
	                                               IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND);
	install(builder, not_understood, binding, 1, false);
	imago_oop start = install(builder, new_symbol(builder, "start"), binding, 0,
	                          builder->format->multiple_bytecode_sets);
	make_processes(builder, start);
}

void
builder_make_bare_kernel(imago_builder *builder)
{
	(void)make_objects(builder);
	make_processes(builder, builder->nil);
}
