/* synthetic_private.h: the generator's state, shared by its files. */
#ifndef IMAGO_SYNTHETIC_PRIVATE_H
#define IMAGO_SYNTHETIC_PRIVATE_H

#include "builder_private.h"
#include "imago/synthetic.h"

/* The distributions of synthetic_mix.def. */
typedef enum mix_distribution {
	MIX_OBJECTS,
	MIX_FIXED_SLOTS,
	MIX_ARRAY_SLOTS,
	MIX_BYTES,
	MIX_LITERALS,
	MIX_BYTECODES,
	MIX_DICTIONARY_SLOTS,
	MIX_WORDS_SIZE,
	MIX_FIXED_VALUES,
	MIX_ARRAY_VALUES,
	MIX_LITERAL_VALUES,
	MIX_TARGETS,
	MIX_FREE_BYTES,
	NUM_MIX_DISTRIBUTIONS,
} mix_distribution;

enum {
	MIX_TABLE_SIZE = 1024,
	NUM_SYNTHETIC_CLASSES = 48,
	MAX_ORPHANS = 4096,
	MAX_POPULAR = 8192,
	MAX_SAMPLE = 1 << 18,
	NUM_EXPECTED = 64, /* a power of two */
	NUM_RECENT = 64,   /* likewise */
};

/* A slot that waits for an object yet to come; object 0: none. */
typedef struct expectation {
	imago_oop object;
	uint64_t slot;
} expectation;

/* The last method without a primitive, for contexts. */
typedef struct recent_method {
	imago_oop oop;
	uint8_t num_temps;
	int64_t first_pc;
} recent_method;

typedef struct generator {
	imago_builder *builder;
	const imago_synthetic_options *options;
	uint64_t random; /* state of splitmix64 */
	uint16_t mix[NUM_MIX_DISTRIBUTIONS][MIX_TABLE_SIZE];
	imago_oop classes[NUM_SYNTHETIC_CLASSES];
	uint32_t class_slots[NUM_SYNTHETIC_CLASSES];
	imago_oop *orphans; /* objects that nothing points to yet */
	size_t num_orphans;
	imago_oop *popular; /* symbols */
	size_t num_popular;
	imago_oop *sample; /* a fair sample of all objects */
	size_t num_sample, sample_capacity;
	expectation expected[NUM_EXPECTED];
	uint64_t num_made;
	recent_method method;
	imago_oop methods[NUM_RECENT]; /* the last methods, for dictionaries */
	uint64_t num_methods;
	imago_oop context; /* the last context, of context_method */
	recent_method context_method;
} generator;

/* splitmix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t
next_random(generator *gen)
{
	uint64_t z = gen->random += UINT64_C(0x9E3779B97F4A7C15);
	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* 0 … limit - 1; limit below 2^32. */
static inline uint64_t
random_below(generator *gen, uint64_t limit)
{
	return (next_random(gen) >> 32) * limit >> 32;
}

static inline uint32_t
draw(generator *gen, mix_distribution distribution)
{
	return gen->mix[distribution][next_random(gen) >> 54];
}

/* synthetic_objects.c */

/* Fills the tables from synthetic_mix.def. */
void synthetic_fill_mix(generator *gen);

/* Makes the classes whose instances fill the image. */
void synthetic_make_classes(generator *gen);

/* Makes one object (or a few that belong together) of a random kind. */
void synthetic_make_some(generator *gen);

/* Registers an object as made: others may now point to it. */
void synthetic_register(generator *gen, imago_oop object);

/* The kernel class, or 0 where the layout has none. */
imago_oop synthetic_class(const generator *gen, imago_kernel_class which);

/* One of the symbols that much points to; there must be one. */
imago_oop synthetic_popular(generator *gen);

/* What slots hold: a small integer; an object for a slot of holder, which is being made (nil when
 * the slot is to wait for one yet to come); anything, by a distribution; and all slots from … */
imago_oop synthetic_small_integer(generator *gen);
imago_oop synthetic_target(generator *gen, imago_oop holder, uint64_t slot);
imago_oop synthetic_value(generator *gen, mix_distribution distribution, imago_oop holder,
                          uint64_t slot);
void synthetic_fill_slots(generator *gen, imago_oop object, uint64_t from,
                          mix_distribution distribution);

/* synthetic_code.c: one object of the kind, registered. */
void synthetic_make_method(generator *gen);
void synthetic_make_method_dictionary(generator *gen);
void synthetic_make_context(generator *gen);
void synthetic_make_closure(generator *gen);

#endif
