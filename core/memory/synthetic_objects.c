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
	SMALL_FRAME = 22,
	LARGE_FRAME = 62,
	CONTEXT_NAMED = 6,
	CLOSURE_NAMED = 3,
	MAX_BYTECODES = 64,
	ORPHANS_AT_ONCE = 64,
	OVERSIZED_EVERY = 4096, /* objects */
	DEEPEST_CLASS = 4,
	NUM_PRIMITIVES = 6,
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

static imago_oop
class_of_kind(const generator *gen, imago_kernel_class which)
{
	return gen->builder->classes[which];
}

/* An array of the orphans made last, when there are too many to wait for a slot. */
static void
collect_orphans(generator *gen)
{
	imago_oop array = imago_builder_new_pointers(
	    gen->builder, class_of_kind(gen, IMAGO_KERNEL_ARRAY), ORPHANS_AT_ONCE);
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
static imago_oop
popular(generator *gen)
{
	uint64_t a = random_below(gen, gen->num_popular);
	uint64_t b = random_below(gen, gen->num_popular);
	return gen->popular[(size_t)(a < b ? random_below(gen, a + 1) : random_below(gen, b + 1))];
}

/* An object for a slot of holder, which is being made; nil when the slot is to wait. */
static imago_oop
target(generator *gen, imago_oop holder, uint64_t slot)
{
	switch (draw(gen, MIX_TARGETS)) {
	case ORPHAN:
		if (gen->num_orphans > 0) {
			return adopt(gen);
		}
		break;
	case POPULAR:
		if (gen->num_popular > 0) {
			return popular(gen);
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
static imago_oop
small_integer(generator *gen)
{
	uint64_t random = next_random(gen);
	int64_t value = (int64_t)(random >> 8 & (random % 8 == 0 ? 0xFFFFFFF : 0xFF));
	return builder_small(gen->builder, random % 16 == 0 ? -value : value);
}

static imago_oop
value_for(generator *gen, mix_distribution distribution, imago_oop holder, uint64_t slot)
{
	imago_builder *builder = gen->builder;
	switch (draw(gen, distribution)) {
	case NIL:
		return builder->nil;
	case SMALL_INTEGER:
		return small_integer(gen);
	case CHARACTER:
		return imago_builder_character(builder, (uint32_t)random_below(gen, 128));
	case SMALL_FLOAT:
		/* Where floats are no immediates, the next best thing. */
		return builder->classes[IMAGO_KERNEL_SMALL_FLOAT] != 0
		           ? imago_builder_float(builder, (double)random_below(gen, 1000) / 8)
		           : small_integer(gen);
	case BOOLEAN:
		return random_below(gen, 2) != 0 ? builder->true_object : builder->false_object;
	case CLASS:
		return gen->classes[random_below(gen, NUM_SYNTHETIC_CLASSES)];
	default:
		return target(gen, holder, slot);
	}
}

/* Fills slots from … of an object that holds nil. */
static void
fill_slots(generator *gen, imago_oop object, uint64_t from, mix_distribution distribution)
{
	builder_object found;
	if (!builder_find(gen->builder, object, &found)) {
		return;
	}
	size_t word_bytes = gen->builder->layout.word_bytes;
	for (uint64_t i = from; i < found.num_slots; i++) {
		imago_oop value = value_for(gen, distribution, object, i);
		imago_store_word(found.body + i * word_bytes, value, gen->builder->layout);
	}
}

void
synthetic_make_classes(generator *gen)
{
	imago_oop above = class_of_kind(gen, IMAGO_KERNEL_OBJECT);
	uint32_t inherited = 0;
	for (uint32_t i = 0; i < NUM_SYNTHETIC_CLASSES; i++) {
		char name[32];
		uint32_t num_slots = draw(gen, MIX_FIXED_SLOTS);
		if (i % DEEPEST_CLASS == 0 || num_slots < inherited) {
			above = class_of_kind(gen, IMAGO_KERNEL_OBJECT);
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
	fill_slots(gen, object, 0, MIX_FIXED_VALUES);
	synthetic_register(gen, object);
}

static void
make_array(generator *gen, imago_kernel_class which, uint64_t num_slots)
{
	imago_oop array =
	    imago_builder_new_pointers(gen->builder, class_of_kind(gen, which), num_slots);
	fill_slots(gen, array, 0, MIX_ARRAY_VALUES);
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
	imago_oop text = imago_builder_new_bits(gen->builder, class_of_kind(gen, which), length);
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
	if (class_of_kind(gen, which) == 0) {
		which = IMAGO_KERNEL_BITMAP;
	}
	imago_oop bits = imago_builder_new_bits(gen->builder, class_of_kind(gen, which), num_elements);
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
	imago_oop integer = imago_builder_new_bits(gen->builder, class_of_kind(gen, which), length);
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
			value = popular(gen);
		} else {
			value = value_for(gen, MIX_LITERAL_VALUES, oop, i);
		}
		imago_store_word(found.body + i * builder->layout.word_bytes, value, builder->layout);
	}
}

static void
make_method(generator *gen)
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
	    builder, class_of_kind(gen, IMAGO_KERNEL_COMPILED_METHOD), &method);
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
static void
make_method_dictionary(generator *gen)
{
	imago_builder *builder = gen->builder;
	uint64_t capacity = draw(gen, MIX_DICTIONARY_SLOTS);
	uint64_t wanted = gen->num_popular == 0 || gen->num_methods == 0 ? 0 : capacity * 3 / 4;
	uint64_t known = gen->num_methods < NUM_RECENT ? gen->num_methods : (uint64_t)NUM_RECENT;
	imago_oop dictionary = builder_new_dictionary(builder, builder->current, capacity);
	for (uint64_t i = 0; i < wanted; i++) {
		/* The same symbol may come twice: then it is replaced. */
		builder_put_method(builder, dictionary, popular(gen),
		                   gen->methods[random_below(gen, known)]);
	}
	synthetic_register(gen, dictionary);
}

/* An activation at the first bytecode of the last method; its sender is an earlier context. */
static void
make_context(generator *gen)
{
	imago_builder *builder = gen->builder;
	if (gen->method.oop == 0) {
		return;
	}
	uint64_t random = next_random(gen);
	imago_oop context =
	    imago_builder_new_pointers(builder, class_of_kind(gen, IMAGO_KERNEL_CONTEXT),
	                               random % 4 == 0 ? LARGE_FRAME : SMALL_FRAME);
	if (gen->context != 0 && (random >> 8 & 7) != 0) {
		imago_builder_store(builder, context, 0, gen->context);
	}
	imago_builder_store(builder, context, 1, builder_small(builder, gen->method.first_pc));
	imago_builder_store(builder, context, 2, builder_small(builder, gen->method.num_temps));
	imago_builder_store(builder, context, 3, gen->method.oop);
	imago_builder_store(builder, context, 5, target(gen, context, 5));
	for (uint64_t i = 0; i < gen->method.num_temps; i++) {
		imago_builder_store(builder, context, CONTEXT_NAMED + i, small_integer(gen));
	}
	synthetic_register(gen, context);
	gen->context = context;
	gen->context_method = gen->method;
}

/* A block in the last context: a closure, or before closures a BlockContext. */
static void
make_closure(generator *gen)
{
	imago_builder *builder = gen->builder;
	if (gen->context == 0) {
		return;
	}
	imago_oop pc = builder_small(builder, gen->context_method.first_pc);
	imago_oop closure;
	if (class_of_kind(gen, IMAGO_KERNEL_BLOCK_CLOSURE) != 0) {
		uint64_t num_copied = random_below(gen, 4);
		closure = imago_builder_new_pointers(
		    builder, class_of_kind(gen, IMAGO_KERNEL_BLOCK_CLOSURE), CLOSURE_NAMED + num_copied);
		imago_builder_store(builder, closure, 0, gen->context);
		imago_builder_store(builder, closure, 1, pc);
		imago_builder_store(builder, closure, 2, builder_small(builder, 0));
		fill_slots(gen, closure, CLOSURE_NAMED, MIX_ARRAY_VALUES);
	} else {
		closure = imago_builder_new_pointers(
		    builder, class_of_kind(gen, IMAGO_KERNEL_BLOCK_CONTEXT), SMALL_FRAME);
		imago_builder_store(builder, closure, 1, pc);
		imago_builder_store(builder, closure, 2, builder_small(builder, 0));
		imago_builder_store(builder, closure, 3, builder_small(builder, 0));
		imago_builder_store(builder, closure, 4, pc);
		imago_builder_store(builder, closure, 5, gen->context);
	}
	synthetic_register(gen, closure);
}

static void
make_ephemeron(generator *gen)
{
	imago_oop cls = class_of_kind(gen, IMAGO_KERNEL_EPHEMERON);
	if (cls == 0) {
		return;
	}
	imago_oop ephemeron = imago_builder_new_pointers(gen->builder, cls, 3);
	fill_slots(gen, ephemeron, 0, MIX_ARRAY_VALUES);
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
		make_method(gen);
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
		make_method_dictionary(gen);
		break;
	case CONTEXT:
		make_context(gen);
		break;
	case CLOSURE:
		make_closure(gen);
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
