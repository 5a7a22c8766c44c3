/* synthetic_objects.c: the objects of a synthetic image, kind by kind. */
#include <stdio.h>
#include <string.h>

#include "synthetic_private.h"

/* Kinds of objects, of slot values and of targets, as synthetic_mix.def names them. */
enum {
	FIXED,
	ARRAY,
	METHOD,
	STRING,
	SYMBOL,
	BYTE_ARRAY,
	METHOD_DICTIONARY,
	CONTEXT,
	CLOSURE,
	FLOAT,
	LARGE_INTEGER,
	WORDS,
	HALF_WORDS,
	DOUBLE_WORDS,
	WEAK_ARRAY,
	EPHEMERON,
	FREE_CHUNK,
	FORWARDER,
};
enum { NIL, SMALL_INTEGER, CHARACTER, SMALL_FLOAT, BOOLEAN, CLASS, POINTER };
enum { ORPHAN, POPULAR, NEXT, ANY };

enum {
	ORPHANS_AT_ONCE = 64,
	OVERSIZED_EVERY = 4096, /* objects */
	DEEPEST_CLASS = 4,
};

static const struct {
	mix_distribution distribution;
	uint16_t value;
	uint16_t weight;
} mix_rows[] = {
#define MIX(distribution, value, weight) {MIX_##distribution, value, weight},
#include "synthetic_mix.def"
#undef MIX
};

enum { NUM_MIX_ROWS = sizeof(mix_rows) / sizeof(mix_rows[0]) };

void
synthetic_fill_mix(generator *gen)
{
	uint32_t totals[NUM_MIX_DISTRIBUTIONS] = {0};
	uint32_t sums[NUM_MIX_DISTRIBUTIONS] = {0};
	for (size_t i = 0; i < NUM_MIX_ROWS; i++) {
		totals[mix_rows[i].distribution] += mix_rows[i].weight;
	}
	for (size_t i = 0; i < NUM_MIX_ROWS; i++) {
		mix_distribution which = mix_rows[i].distribution;
		uint32_t from = sums[which] * MIX_TABLE_SIZE / totals[which];
		sums[which] += mix_rows[i].weight;
		uint32_t to = sums[which] * MIX_TABLE_SIZE / totals[which];
		for (uint32_t k = from; k < to; k++) {
			gen->mix[which][k] = mix_rows[i].value;
		}
	}
}

imago_oop
synthetic_class(const generator *gen, imago_kernel_class which)
{
	return gen->builder->classes[which];
}

/* An array of the orphans made last, when there are too many to wait for a slot. */
static void
collect_orphans(generator *gen)
{
	imago_oop array = imago_builder_new_pointers(
	    gen->builder, synthetic_class(gen, IMAGO_KERNEL_ARRAY), ORPHANS_AT_ONCE);
	for (uint64_t i = 0; i < ORPHANS_AT_ONCE; i++) {
		imago_builder_store(gen->builder, array, i, gen->orphans[--gen->num_orphans]);
	}
	gen->orphans[gen->num_orphans++] = array;
}

void
synthetic_register(generator *gen, imago_oop object)
{
	if (!builder_ok(gen->builder)) {
		return;
	}
	uint64_t number = gen->num_made++;
	expectation *waiting = &gen->expected[number & (NUM_EXPECTED - 1)];
	if (waiting->object != 0) {
		imago_builder_store(gen->builder, waiting->object, waiting->slot, object);
		waiting->object = 0;
	}
	if (gen->num_orphans == MAX_ORPHANS) {
		collect_orphans(gen);
	}
	gen->orphans[gen->num_orphans++] = object;
	if (gen->num_sample < gen->sample_capacity) {
		gen->sample[gen->num_sample++] = object;
	} else if (random_below(gen, number + 1) < gen->sample_capacity) {
		gen->sample[random_below(gen, gen->sample_capacity)] = object;
	}
}

static imago_oop
adopt(generator *gen)
{
	size_t index = (size_t)random_below(gen, gen->num_orphans);
	imago_oop orphan = gen->orphans[index];
	gen->orphans[index] = gen->orphans[--gen->num_orphans];
	return orphan;
}

/* A few symbols have most of the pointers. */
imago_oop
synthetic_popular(generator *gen)
{
	uint64_t a = random_below(gen, gen->num_popular);
	uint64_t b = random_below(gen, gen->num_popular);
	return gen->popular[(size_t)(a < b ? random_below(gen, a + 1) : random_below(gen, b + 1))];
}

/* An object for a slot of holder, which is being made; nil when the slot is to wait. */
imago_oop
synthetic_target(generator *gen, imago_oop holder, uint64_t slot)
{
	switch (draw(gen, MIX_TARGETS)) {
	case ORPHAN:
		if (gen->num_orphans > 0) {
			return adopt(gen);
		}
		break;
	case POPULAR:
		if (gen->num_popular > 0) {
			return synthetic_popular(gen);
		}
		break;
	case NEXT: {
		/* The holder itself takes the first number to come. */
		uint64_t number = gen->num_made + 1 + random_below(gen, NUM_EXPECTED - 1);
		expectation *place = &gen->expected[number & (NUM_EXPECTED - 1)];
		if (place->object == 0) {
			*place = (expectation){holder, slot};
			return gen->builder->nil;
		}
		break;
	}
	default:
		break;
	}
	return gen->num_sample > 0 ? gen->sample[random_below(gen, gen->num_sample)]
	                           : gen->builder->nil;
}

/* Most integers are small. */
imago_oop
synthetic_small_integer(generator *gen)
{
	uint64_t random = next_random(gen);
	int64_t value = (int64_t)(random >> 8 & (random % 8 == 0 ? 0xFFFFFFF : 0xFF));
	return builder_small(gen->builder, random % 16 == 0 ? -value : value);
}

imago_oop
synthetic_value(generator *gen, mix_distribution distribution, imago_oop holder, uint64_t slot)
{
	imago_builder *builder = gen->builder;
	switch (draw(gen, distribution)) {
	case NIL:
		return builder->nil;
	case SMALL_INTEGER:
		return synthetic_small_integer(gen);
	case CHARACTER:
		return imago_builder_character(builder, (uint32_t)random_below(gen, 128));
	case SMALL_FLOAT:
		/* Where floats are no immediates, the next best thing. */
		return builder->classes[IMAGO_KERNEL_SMALL_FLOAT] != 0
		           ? imago_builder_float(builder, (double)random_below(gen, 1000) / 8)
		           : synthetic_small_integer(gen);
	case BOOLEAN:
		return random_below(gen, 2) != 0 ? builder->true_object : builder->false_object;
	case CLASS:
		return gen->classes[random_below(gen, NUM_SYNTHETIC_CLASSES)];
	default:
		return synthetic_target(gen, holder, slot);
	}
}

/* Fills slots from … of an object that holds nil. */
void
synthetic_fill_slots(generator *gen, imago_oop object, uint64_t from, mix_distribution distribution)
{
	builder_object found;
	if (!builder_find(gen->builder, object, &found)) {
		return;
	}
	size_t word_bytes = gen->builder->layout.word_bytes;
	for (uint64_t i = from; i < found.num_slots; i++) {
		imago_oop value = synthetic_value(gen, distribution, object, i);
		imago_store_word(found.body + i * word_bytes, value, gen->builder->layout);
	}
}

void
synthetic_make_classes(generator *gen)
{
	imago_oop above = synthetic_class(gen, IMAGO_KERNEL_OBJECT);
	uint32_t inherited = 0;
	for (uint32_t i = 0; i < NUM_SYNTHETIC_CLASSES; i++) {
		char name[32];
		uint32_t num_slots = draw(gen, MIX_FIXED_SLOTS);
		if (i % DEEPEST_CLASS == 0 || num_slots < inherited) {
			above = synthetic_class(gen, IMAGO_KERNEL_OBJECT);
			inherited = 0;
		}
		snprintf(name, sizeof(name), "Synthetic%u", (unsigned)i);
		gen->classes[i] = imago_builder_new_class(gen->builder, above, name, num_slots - inherited,
		                                          IMAGO_FORMAT_FIXED);
		gen->class_slots[i] = num_slots;
		synthetic_register(gen, gen->classes[i]);
		above = gen->classes[i];
		inherited = num_slots;
	}
}

static void
make_fixed(generator *gen)
{
	uint64_t which = random_below(gen, NUM_SYNTHETIC_CLASSES);
	imago_oop object =
	    imago_builder_new_pointers(gen->builder, gen->classes[which], gen->class_slots[which]);
	synthetic_fill_slots(gen, object, 0, MIX_FIXED_VALUES);
	synthetic_register(gen, object);
}

static void
make_array(generator *gen, imago_kernel_class which, uint64_t num_slots)
{
	imago_oop array =
	    imago_builder_new_pointers(gen->builder, synthetic_class(gen, which), num_slots);
	synthetic_fill_slots(gen, array, 0, MIX_ARRAY_VALUES);
	synthetic_register(gen, array);
}

/* Letters: five bits of randomness each. */
static void
fill_text(generator *gen, uint8_t *text, uint64_t length)
{
	static const char letters[] = "etaoinshrdlucmfwypvbgkjqxzeaoint";
	uint64_t random = 0;
	for (uint64_t i = 0; i < length; i++) {
		if (i % 12 == 0) {
			random = next_random(gen);
		}
		text[i] = (uint8_t)letters[random & 31];
		random >>= 5;
	}
}

static imago_oop
make_text(generator *gen, imago_kernel_class which, uint64_t length)
{
	imago_oop text = imago_builder_new_bits(gen->builder, synthetic_class(gen, which), length);
	builder_object found;
	if (builder_find(gen->builder, text, &found)) {
		fill_text(gen, found.body, length);
	}
	synthetic_register(gen, text);
	return text;
}

static uint64_t
draw_length(generator *gen)
{
	return draw(gen, MIX_BYTES) + random_below(gen, 8);
}

static void
make_symbol(generator *gen)
{
	imago_oop symbol = make_text(gen, IMAGO_KERNEL_BYTE_SYMBOL, 1 + draw_length(gen));
	if (builder_is_spur(gen->builder) && builder_ok(gen->builder)) {
		imago_builder_set_hash(gen->builder, symbol, builder_next_hash(gen->builder));
	}
	if (gen->num_popular < MAX_POPULAR) {
		gen->popular[gen->num_popular++] = symbol;
	}
}

static void
make_bits(generator *gen, imago_kernel_class which, uint64_t num_elements)
{
	if (synthetic_class(gen, which) == 0) {
		which = IMAGO_KERNEL_BITMAP;
	}
	imago_oop bits =
	    imago_builder_new_bits(gen->builder, synthetic_class(gen, which), num_elements);
	builder_object found;
	if (which == IMAGO_KERNEL_BYTE_ARRAY && builder_find(gen->builder, bits, &found)) {
		fill_text(gen, found.body, num_elements);
	} else {
		for (uint64_t i = 0; i < num_elements; i++) {
			imago_builder_store_element(gen->builder, bits, i, next_random(gen));
		}
	}
	synthetic_register(gen, bits);
}

/* More bytes than an immediate has, the most significant one not 0. */
static void
make_large_integer(generator *gen)
{
	uint64_t length = gen->builder->layout.word_bytes + 1 + random_below(gen, 12);
	imago_kernel_class which = random_below(gen, 4) == 0 ? IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER
	                                                     : IMAGO_KERNEL_LARGE_POSITIVE_INTEGER;
	imago_oop integer = imago_builder_new_bits(gen->builder, synthetic_class(gen, which), length);
	for (uint64_t i = 0; i < length; i++) {
		imago_builder_store_element(gen->builder, integer, i, 1 + random_below(gen, 255));
	}
	synthetic_register(gen, integer);
}

/* A Float so small that no layout has an immediate for it. */
static void
make_float(generator *gen)
{
	uint64_t bits = next_random(gen) >> 12 | (1 + random_below(gen, 800)) << 52;
	double value = 0;
	memcpy(&value, &bits, sizeof(value));
	synthetic_register(gen, imago_builder_float(gen->builder, value));
}

static void
make_ephemeron(generator *gen)
{
	imago_oop cls = synthetic_class(gen, IMAGO_KERNEL_EPHEMERON);
	if (cls == 0) {
		return;
	}
	imago_oop ephemeron = imago_builder_new_pointers(gen->builder, cls, 3);
	synthetic_fill_slots(gen, ephemeron, 0, MIX_ARRAY_VALUES);
	synthetic_register(gen, ephemeron);
}

/* Objects too large for a short header. */
static void
make_oversized(generator *gen)
{
	uint64_t size = 255 + random_below(gen, 2000);
	if (random_below(gen, 2) == 0) {
		make_array(gen, IMAGO_KERNEL_ARRAY, size);
	} else {
		make_bits(gen, IMAGO_KERNEL_BYTE_ARRAY, 8 * size);
	}
}

/* What the collector left behind; Spur only. */
static void
make_leftover(generator *gen, bool free_chunk)
{
	imago_builder *builder = gen->builder;
	if (!builder_is_spur(builder)) {
		return;
	}
	if (free_chunk) {
		imago_builder_add_free_chunk(builder, draw(gen, MIX_FREE_BYTES));
	} else if (gen->num_sample > 0) {
		imago_builder_new_forwarder(builder, gen->sample[random_below(gen, gen->num_sample)]);
	}
}

static void
make_kind(generator *gen, uint32_t kind)
{
	switch (kind) {
	case FIXED:
		make_fixed(gen);
		break;
	case ARRAY:
		make_array(gen, IMAGO_KERNEL_ARRAY, draw(gen, MIX_ARRAY_SLOTS));
		break;
	case METHOD:
		synthetic_make_method(gen);
		break;
	case STRING:
		make_text(gen, IMAGO_KERNEL_BYTE_STRING, draw_length(gen));
		break;
	case SYMBOL:
		make_symbol(gen);
		break;
	case BYTE_ARRAY:
		make_bits(gen, IMAGO_KERNEL_BYTE_ARRAY, draw_length(gen));
		break;
	case METHOD_DICTIONARY:
		synthetic_make_method_dictionary(gen);
		break;
	case CONTEXT:
		synthetic_make_context(gen);
		break;
	case CLOSURE:
		synthetic_make_closure(gen);
		break;
	case FLOAT:
		make_float(gen);
		break;
	case LARGE_INTEGER:
		make_large_integer(gen);
		break;
	case WORDS:
		make_bits(gen, IMAGO_KERNEL_BITMAP, draw(gen, MIX_WORDS_SIZE));
		break;
	case HALF_WORDS:
		make_bits(gen, IMAGO_KERNEL_DOUBLE_BYTE_ARRAY, draw(gen, MIX_WORDS_SIZE));
		break;
	case DOUBLE_WORDS:
		make_bits(gen, IMAGO_KERNEL_DOUBLE_WORD_ARRAY, draw(gen, MIX_WORDS_SIZE));
		break;
	case WEAK_ARRAY:
		make_array(gen, IMAGO_KERNEL_WEAK_ARRAY, draw(gen, MIX_ARRAY_SLOTS));
		break;
	case EPHEMERON:
		make_ephemeron(gen);
		break;
	default:
		make_leftover(gen, kind == FREE_CHUNK);
		break;
	}
}

void
synthetic_make_some(generator *gen)
{
	if (gen->num_popular == 0) {
		make_symbol(gen);
	}
	if (gen->num_made % OVERSIZED_EVERY == OVERSIZED_EVERY / 2) {
		make_oversized(gen);
	}
	make_kind(gen, draw(gen, MIX_OBJECTS));
}
