/* generate_objects.c: pointer objects, bits, numbers, classes and their instances. */
#include "generate_private.h"

#include <string.h>

enum {
	MOST_NAMED = 96, /* named slots of a class, inherited ones included: V3 counts to 254 */
	NAME_LENGTH = 4,
	NEXT_PAGE = 255, /* the size that asks for a class on the third page of the table */
	LEAST_LARGE_BYTES = 9,
};

static void
new_pointers(generation *gen, generated_record *record, imago_oop cls, uint64_t num_slots)
{
	imago_oop object = imago_builder_new_pointers(gen->builder, cls, num_slots);
	generate_note(record, GENERATED_OBJECT, object, 0, num_slots);
}

void
generate_array(generation *gen, generated_record *record)
{
	new_pointers(gen, record, generate_kernel_class(gen, IMAGO_KERNEL_ARRAY),
	             generate_count(record->size));
}

void
generate_weak(generation *gen, generated_record *record)
{
	if (generate_in_perm(gen)) {
		generate_array(gen, record);
		return;
	}
	new_pointers(gen, record, generate_kernel_class(gen, IMAGO_KERNEL_WEAK_ARRAY),
	             generate_count(record->size));
}

void
generate_ephemeron(generation *gen, generated_record *record)
{
	imago_oop cls = generate_kernel_class(gen, IMAGO_KERNEL_EPHEMERON);
	if (cls == 0 || generate_in_perm(gen)) {
		generate_array(gen, record);
		return;
	}
	new_pointers(gen, record, cls, 3);
}

void
generate_fixed(generation *gen, generated_record *record)
{
	enum { SIGNALS = 2, NUM_CHOICES = 5 };
	static const struct {
		imago_kernel_class cls;
		uint64_t num_slots;
	} choices[NUM_CHOICES] = {{IMAGO_KERNEL_POINT, 2},
	                          {IMAGO_KERNEL_ASSOCIATION, 2},
	                          {IMAGO_KERNEL_MESSAGE, 3},
	                          {IMAGO_KERNEL_LINKED_LIST, 2},
	                          {IMAGO_KERNEL_SEMAPHORE, 3}};
	unsigned which = record->size % NUM_CHOICES;
	new_pointers(gen, record, generate_kernel_class(gen, choices[which].cls),
	             choices[which].num_slots);
	if (choices[which].cls == IMAGO_KERNEL_LINKED_LIST ||
	    choices[which].cls == IMAGO_KERNEL_SEMAPHORE) {
		record->fill_to = 0; /* lists are empty */
	}
	if (choices[which].cls == IMAGO_KERNEL_SEMAPHORE) {
		imago_builder_store(gen->builder, record->oop, SIGNALS,
		                    builder_small(gen->builder, record->a));
	}
}

/* Element i of a bits object: the record's value bytes, counting up. */
static uint64_t
element(const generated_record *record, uint64_t i, bool bytes)
{
	const uint8_t *v = record->values;
	if (bytes) {
		return (uint8_t)(v[i % GENERATED_NUM_VALUES] + i / GENERATED_NUM_VALUES);
	}
	uint64_t low = ((uint64_t)v[3] << 24 | (uint64_t)v[2] << 16 | (uint64_t)v[1] << 8 | v[0]) + i;
	return low << 32 | (low & UINT32_MAX);
}

static void
new_bits(generation *gen, generated_record *record, imago_oop cls, uint64_t num_elements,
         bool bytes)
{
	imago_oop object = imago_builder_new_bits(gen->builder, cls, num_elements);
	for (uint64_t i = 0; i < num_elements && builder_ok(gen->builder); i++) {
		imago_builder_store_element(gen->builder, object, i, element(record, i, bytes));
	}
	generate_note(record, GENERATED_OBJECT, object, 0, 0);
}

static void
new_kernel_bits(generation *gen, generated_record *record, imago_kernel_class which, bool bytes)
{
	imago_oop cls = generate_kernel_class(gen, which);
	if (cls == 0) {
		generate_array(gen, record);
		return;
	}
	new_bits(gen, record, cls, generate_count(record->size), bytes);
}

void
generate_bytes(generation *gen, generated_record *record)
{
	new_kernel_bits(gen, record, IMAGO_KERNEL_BYTE_ARRAY, true);
}

void
generate_string(generation *gen, generated_record *record)
{
	new_kernel_bits(gen, record, IMAGO_KERNEL_BYTE_STRING, true);
}

void
generate_symbol(generation *gen, generated_record *record)
{
	new_kernel_bits(gen, record, IMAGO_KERNEL_BYTE_SYMBOL, true);
	record->what = GENERATED_SYMBOL;
	if (builder_is_spur(gen->builder) && builder_ok(gen->builder)) {
		imago_builder_set_hash(gen->builder, record->oop, builder_next_hash(gen->builder));
	}
}

void
generate_words16(generation *gen, generated_record *record)
{
	new_kernel_bits(gen, record, IMAGO_KERNEL_DOUBLE_BYTE_ARRAY, false);
}

void
generate_words32(generation *gen, generated_record *record)
{
	new_kernel_bits(gen, record, IMAGO_KERNEL_BITMAP, false);
}

void
generate_words64(generation *gen, generated_record *record)
{
	new_kernel_bits(gen, record, IMAGO_KERNEL_DOUBLE_WORD_ARRAY, false);
}

void
generate_float(generation *gen, generated_record *record)
{
	const uint64_t exponent = UINT64_C(0x7FF) << 52;
	const uint64_t quiet = UINT64_C(1) << 51;
	const uint8_t *v = record->values;
	uint64_t bits =
	    (uint64_t)v[0] << 56 | (uint64_t)v[1] << 48 | (uint64_t)v[2] << 8 | (uint64_t)v[3];
	if ((bits & exponent) == exponent && (bits & (quiet - 1)) != 0) {
		bits |= quiet; /* some hosts change signalling NaNs when they pass a double on */
	}
	double value = 0;
	memcpy(&value, &bits, sizeof value);
	generate_note(record, GENERATED_FLOAT, imago_builder_float(gen->builder, value), 0, 0);
}

void
generate_large_integer(generation *gen, generated_record *record)
{
	imago_kernel_class which = (record->a & 1) != 0 ? IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER
	                                                : IMAGO_KERNEL_LARGE_POSITIVE_INTEGER;
	uint64_t num_bytes = LEAST_LARGE_BYTES + record->size % 32;
	new_bits(gen, record, generate_kernel_class(gen, which), num_bytes, true);
	uint64_t top = element(record, num_bytes - 1, true);
	imago_builder_store_element(gen->builder, record->oop, num_bytes - 1, top == 0 ? 1 : top);
}

void
generate_character(generation *gen, generated_record *record)
{
	imago_builder *builder = gen->builder;
	uint32_t code = (uint32_t)record->values[1] << 8 | record->values[0];
	imago_oop oop = 0;
	if (builder_is_spur(builder)) {
		oop = imago_builder_character(builder, code);
	} else {
		oop = imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_CHARACTER], 1);
		imago_builder_store(builder, oop, 0, builder_small(builder, code));
	}
	generate_note(record, GENERATED_OBJECT, oop, 0, 0);
}

/* What a class record asks for, within what its layout and superclass allow. */
typedef struct class_plan {
	imago_oop superclass;
	uint32_t num_named; /* of its own */
	uint32_t inherited;
	uint8_t format;
} class_plan;

static class_plan
plan_class(generation *gen, const generated_record *record)
{
	static const uint8_t formats[] = {
	    IMAGO_FORMAT_FIXED,     IMAGO_FORMAT_MIXED,  IMAGO_FORMAT_WEAK,   IMAGO_FORMAT_INDEXABLE,
	    IMAGO_FORMAT_EPHEMERON, IMAGO_FORMAT_BITS8,  IMAGO_FORMAT_BITS32, IMAGO_FORMAT_BITS16,
	    IMAGO_FORMAT_BITS64,    IMAGO_FORMAT_METHOD, IMAGO_FORMAT_EMPTY,
	};
	class_plan plan = {.superclass = gen->builder->nil,
	                   .num_named = record->b % 8,
	                   .format = formats[record->a % sizeof formats]};
	if (!builder_is_spur(gen->builder)) {
		plan.format = plan.format == IMAGO_FORMAT_EPHEMERON ? IMAGO_FORMAT_FIXED
		              : plan.format == IMAGO_FORMAT_BITS16  ? IMAGO_FORMAT_BITS8
		              : plan.format == IMAGO_FORMAT_BITS64  ? IMAGO_FORMAT_BITS32
		                                                    : plan.format;
	}
	bool named = plan.format == IMAGO_FORMAT_FIXED || plan.format == IMAGO_FORMAT_MIXED ||
	             plan.format == IMAGO_FORMAT_WEAK || plan.format == IMAGO_FORMAT_EPHEMERON;
	if (!named) {
		plan.num_named = 0;
	}
	if (plan.format == IMAGO_FORMAT_EPHEMERON && plan.num_named < 2) {
		plan.num_named = 2; /* a key and a value */
	}
	const generated_record *above = generate_find(gen, GENERATED_CLASS, record->values[0] % 16);
	builder_shape shape;
	if (record->values[0] != 0 && above != NULL &&
	    builder_shape_of(gen->builder, above->oop, &shape) &&
	    (shape.num_named == 0 || (named && shape.num_named + plan.num_named <= MOST_NAMED))) {
		plan.superclass = above->oop;
		plan.inherited = shape.num_named;
	}
	if (plan.format == IMAGO_FORMAT_FIXED && plan.num_named + plan.inherited == 0) {
		plan.format = IMAGO_FORMAT_EMPTY;
	}
	return plan;
}

/* Spur's class table has three pages where a class asks for it. */
static void
turn_page(generation *gen, const generated_record *record)
{
	uint32_t third = 2 * (uint32_t)IMAGO_CLASS_PAGE_SIZE;
	if (record->size == NEXT_PAGE && gen->builder->next_class_index < third) {
		gen->builder->next_class_index = third;
	}
}

void
generate_class(generation *gen, generated_record *record)
{
	class_plan plan = plan_class(gen, record);
	turn_page(gen, record);
	imago_oop cls =
	    generate_small_class(gen->builder, 0, plan.num_named + plan.inherited, plan.format, 0);
	imago_builder_store(gen->builder, cls, BUILDER_CLASS_SUPERCLASS, plan.superclass);
	generate_note(record, GENERATED_CLASS, cls, 0, 0);
}

void
generate_full_class(generation *gen, generated_record *record)
{
	class_plan plan = plan_class(gen, record);
	char name[NAME_LENGTH + 1] = "";
	turn_page(gen, record);
	for (size_t i = 0; i < NAME_LENGTH; i++) {
		name[i] = (char)((i == 0 ? 'A' : 'a') + record->values[i] % 26);
	}
	(void)generate_kernel_class(gen, IMAGO_KERNEL_METACLASS);
	(void)generate_kernel_class(gen, IMAGO_KERNEL_METHOD_DICTIONARY);
	imago_oop cls =
	    imago_builder_new_class(gen->builder, plan.superclass, name, plan.num_named, plan.format);
	generate_note(record, GENERATED_CLASS, cls, 0, 0);
}

void
generate_instance(generation *gen, generated_record *record)
{
	const generated_record *of = generate_find(gen, GENERATED_CLASS, record->a % 16);
	builder_shape shape;
	if (of == NULL || !builder_shape_of(gen->builder, of->oop, &shape)) {
		generate_fixed(gen, record);
		return;
	}
	switch (shape.format) {
	case IMAGO_FORMAT_WEAK:
	case IMAGO_FORMAT_EPHEMERON:
		if (generate_in_perm(gen)) {
			generate_array(gen, record);
			return;
		}
		new_pointers(gen, record, of->oop,
		             shape.num_named +
		                 (shape.format == IMAGO_FORMAT_WEAK ? generate_count(record->size) : 0));
		return;
	case IMAGO_FORMAT_EMPTY:
	case IMAGO_FORMAT_FIXED:
		new_pointers(gen, record, of->oop, shape.num_named);
		return;
	case IMAGO_FORMAT_INDEXABLE:
	case IMAGO_FORMAT_MIXED:
		new_pointers(gen, record, of->oop, shape.num_named + generate_count(record->size));
		return;
	case IMAGO_FORMAT_METHOD:
		generate_method_of(gen, record, of->oop, false);
		return;
	default:
		new_bits(gen, record, of->oop, generate_count(record->size),
		         shape.format == IMAGO_FORMAT_BITS8);
	}
}
