/* generate_values.c: what slots hold, and how many there are. */
#include "generate_private.h"

#include <string.h>

enum { ASK_ODDITIES = 1, GROUP_SHIFT = 5, WITHIN_GROUP = 31 };

uint64_t
generate_count(uint8_t byte)
{
	/* Where header shapes change: V3 at 63 words, Spur at 255 slots; units of every size. */
	static const uint16_t borders[] = {0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   15,
	                                   16,  17,  31,  33,  61,  62,  63,  64,  65,  100, 127,
	                                   128, 200, 252, 253, 254, 255, 256, 257, 300, 510};
	return byte < 224 ? byte % 8 : borders[byte - 224];
}

/* The object of a record, as others see it. */
static imago_oop
object_at(const generation *gen, size_t index)
{
	if (index >= gen->num_records || gen->records[index].oop == 0) {
		return gen->builder->nil;
	}
	const generated_record *record = &gen->records[index];
	bool odd = (gen->prefix.size & ASK_ODDITIES) != 0;
	if (record->what == GENERATED_FORWARDER && !odd) {
		return imago_builder_fetch(gen->builder, record->oop, 0);
	}
	return record->oop;
}

static imago_oop
constant_value(generation *gen, unsigned which)
{
	imago_builder *builder = gen->builder;
	switch (which) {
	case 0:
		return builder->nil;
	case 1:
		return builder->false_object;
	case 2:
		return builder->true_object;
	case 3:
		return object_at(gen, gen->at); /* itself */
	case 4:
		return builder->classes[IMAGO_KERNEL_ARRAY];
	case 5:
		return builder->special_objects;
	case 6:
		return gen->active.oop;
	default:
		return builder_small(builder, (int64_t)which - 16);
	}
}

static imago_oop
integer_value(imago_builder *builder, unsigned which)
{
	/* The borders of immediates, and of what is no number for a digest any more. */
	static const int64_t borders[] = {
	    INT64_C(1) << 29,
	    (INT64_C(1) << 30) - 1,
	    INT64_C(1) << 30,
	    -(INT64_C(1) << 30),
	    -(INT64_C(1) << 30) - 1,
	    (INT64_C(1) << 31) - 1,
	    INT64_C(1) << 31,
	    -(INT64_C(1) << 31),
	    INT64_C(1) << 32,
	    (INT64_C(1) << 60) - 1,
	    INT64_C(1) << 60,
	    -(INT64_C(1) << 60),
	    -(INT64_C(1) << 60) - 1,
	    INT64_MAX,
	    INT64_MIN,
	    1000,
	};
	return which < sizeof borders / sizeof borders[0]
	           ? imago_builder_integer(builder, borders[which])
	           : imago_builder_integer(builder, (int64_t)which * 100 - 2350);
}

static imago_oop
float_value(imago_builder *builder, unsigned which)
{
	/* The borders of SmallFloat64's exponents (spur.md §7), zeroes, infinities, a NaN. */
	static const uint64_t borders[] = {
	    0,
	    UINT64_C(0x8000000000000000),
	    UINT64_C(0x3FF0000000000000),
	    UINT64_C(0xBFF0000000000000),
	    UINT64_C(0x3800000000000000),
	    UINT64_C(0x3810000000000000),
	    UINT64_C(0x37F0000000000000),
	    UINT64_C(0x47F0000000000000),
	    UINT64_C(0x47EFFFFFFFFFFFFF),
	    UINT64_C(0x4800000000000000),
	    UINT64_C(0x7FF0000000000000),
	    UINT64_C(0xFFF0000000000000),
	    UINT64_C(0x7FF8000000000000),
	    UINT64_C(0x0000000000000001),
	    UINT64_C(0x7FEFFFFFFFFFFFFF),
	    UINT64_C(0x3FB999999999999A),
	};
	double value = (double)which;
	if (which < sizeof borders / sizeof borders[0]) {
		memcpy(&value, &borders[which], sizeof value);
	}
	return imago_builder_float(builder, value);
}

static imago_oop
character_value(imago_builder *builder, unsigned which)
{
	static const uint32_t borders[] = {0, 255, 256, 0x1F98B, 0x10FFFF, (1u << 30) - 1};
	enum { NUM_BORDERS = sizeof borders / sizeof borders[0] };
	uint32_t code = which < NUM_BORDERS ? borders[which] : 'a' - NUM_BORDERS + which;
	return imago_builder_character(builder, code);
}

static imago_oop
class_value(generation *gen, unsigned which)
{
	/* SmallFloat64 is in some layouts only, and must not tell them apart. */
	bool named = which < IMAGO_NUM_KERNEL_CLASSES && which != IMAGO_KERNEL_SMALL_FLOAT;
	imago_oop cls = named ? gen->builder->classes[which] : 0;
	const generated_record *record = generate_find(gen, GENERATED_CLASS, which);
	if (which >= 16 && record != NULL) {
		return record->oop;
	}
	return cls != 0 ? cls : gen->builder->nil;
}

imago_oop
generate_value(generation *gen, const generated_record *record, uint64_t index)
{
	uint8_t byte = record->values[index % GENERATED_NUM_VALUES];
	if (byte != 0) {
		byte = (uint8_t)(byte + index / GENERATED_NUM_VALUES); /* neighbours, not the same again */
	}
	unsigned which = byte & WITHIN_GROUP;
	switch (byte >> GROUP_SHIFT) {
	case 0:
		return constant_value(gen, which);
	case 1:
		return which < gen->at ? object_at(gen, gen->at - 1 - which) : gen->builder->nil;
	case 2:
		return object_at(gen, gen->at + 1 + which);
	case 3:
		return object_at(gen, which);
	case 4:
		return integer_value(gen->builder, which);
	case 5:
		return character_value(gen->builder, which);
	case 6:
		return float_value(gen->builder, which);
	default:
		return class_value(gen, which);
	}
}

void
generate_fill(generation *gen, const generated_record *record)
{
	for (uint64_t i = record->fill_from; i < record->fill_to && builder_ok(gen->builder); i++) {
		imago_oop value = generate_value(gen, record, i - record->fill_from);
		imago_builder_store(gen->builder, record->oop, i, value);
	}
}
