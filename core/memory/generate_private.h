/* generate_private.h: the state of a generation, shared by its files. */
#ifndef IMAGO_GENERATE_PRIVATE_H
#define IMAGO_GENERATE_PRIVATE_H

#include "builder_private.h"
#include "imago/generate.h"

/* What a record made, as far as later records may ask for it. */
typedef enum generated_what {
	GENERATED_NOTHING,
	GENERATED_OBJECT,
	GENERATED_FLOAT, /* an object in some layouts, an immediate in others */
	GENERATED_CLASS,
	GENERATED_METHOD,
	GENERATED_CONTEXT,
	GENERATED_CLOSURE,
	GENERATED_SYMBOL,
	GENERATED_PROCESS,
	GENERATED_FORWARDER,
	GENERATED_NUM_WHATS,
} generated_what;

enum { GENERATED_NUM_KINDS = 32, GENERATED_NUM_VALUES = 4 };

/* Eight bytes of the string, and what became of them. */
typedef struct generated_record {
	uint8_t kind, size, a, b;
	uint8_t values[GENERATED_NUM_VALUES];
	uint8_t what;              /* generated_what */
	uint8_t special;           /* the special object that is to be value 0; 0: none */
	uint32_t previous;         /* the record before that made the like, counted from 1; 0: none */
	imago_oop oop;             /* what stands for it where others point to it; 0: nothing */
	uint64_t fill_from;        /* these slots are filled when all records have their objects */
	uint64_t fill_to;          /* … */
	uint64_t first_pc, end_pc; /* of a method or context; context: of its method */
} generated_record;

typedef struct generation {
	imago_builder *builder;
	const imago_generate_options *options;
	generated_record prefix; /* the first eight bytes */
	generated_record *records;
	size_t num_records;
	size_t at;                          /* the record being made */
	uint32_t last[GENERATED_NUM_WHATS]; /* the last record that made such, counted from 1 */
	generated_record start;             /* the method of the kernel */
	generated_record active;            /* and its context */
	uint64_t num_specials;
	unsigned num_segments;
	bool has_process;
} generation;

/* generate_kernel.c: as few classes and special objects as the checker allows. */
void generate_make_kernel(imago_builder *builder);

/* The rest of it, for which the string is asked: the special objects, the first context. */
void generate_make_roots(generation *gen);

/* A class of the kernel, made when it is first wanted; 0 where the layout has none. */
imago_oop generate_kernel_class(generation *gen, imago_kernel_class which);

/* A class of three slots. */
imago_oop generate_small_class(imago_builder *builder, uint32_t index, uint32_t num_named,
                               uint8_t format, uint32_t compact_index);

/* generate.c */

/* The record that made such a thing, skip back from the last one (or the first); NULL: none. */
generated_record *generate_find(generation *gen, generated_what what, unsigned skip);

/* Notes what a record made; its slots from … to … are filled later. */
void generate_note(generated_record *record, generated_what what, imago_oop oop, uint64_t fill_from,
                   uint64_t fill_to);

/* True while objects go to permanent space. */
bool generate_in_perm(const generation *gen);

/* generate_values.c */

/* What slot number index of a record's object holds. */
imago_oop generate_value(generation *gen, const generated_record *record, uint64_t index);

/* Fills the slots of a record's object. */
void generate_fill(generation *gen, const generated_record *record);

/* A number of slots or elements: small for most bytes, at the borders of header shapes for some. */
uint64_t generate_count(uint8_t byte);

/* generate_objects.c, generate_code.c, generate_space.c: the kinds. */
typedef void generate_fn(generation *gen, generated_record *record);
#define GENERATED_KIND(function, name, summary) generate_fn function;
#include "generate_kinds.def"
#undef GENERATED_KIND

/* A method of a class of methods. */
void generate_method_of(generation *gen, generated_record *record, imago_oop cls, bool sista);

#endif
