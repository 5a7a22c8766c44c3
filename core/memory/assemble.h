/* assemble.h: what the files of the assembler share (core/memory/kernel/README.md). */
#ifndef IMAGO_MEMORY_ASSEMBLE_H
#define IMAGO_MEMORY_ASSEMBLE_H

#include "builder_private.h"
#include "imago/kernel.h"

enum {
	MAX_WORDS = 32, /* of a line */
	MAX_SYMBOLS = 512,
	MAX_CLASSES = 96,
	MAX_SLOT_NAMES = 16,
	MAX_NAMES = 32, /* of an activation */
	MAX_BLOCKS = 4, /* inside one another */
	MAX_LITERALS = 64,
	MAX_LABELS = 32,
	MAX_CODE = 2048,
};

/* A word of the text. */
typedef struct word {
	const char *text;
	size_t length;
} word;

/* How blocks and bytecodes are made. */
typedef enum bytecode_set {
	SET_OLD,      /* 6502: V3 bytecodes, BlockContexts */
	SET_CLOSURES, /* V3PlusClosures */
	SET_SISTA,
} bytecode_set;

typedef struct named_symbol {
	imago_oop oop;
	const char *text; /* not terminated */
	size_t length;
} named_symbol;

typedef struct named_class {
	word name;
	imago_oop cls, binding;
	word slots[MAX_SLOT_NAMES];
	uint32_t num_slots;
} named_class;

typedef struct label {
	word name;
	uint32_t place; /* UINT32_MAX: not met yet */
} label;

typedef struct jump {
	uint32_t label, place; /* of the instruction */
	uint32_t line;
} jump;

/* Bytecodes and literals that become one method, or one compiled block. */
typedef struct unit {
	uint8_t code[MAX_CODE];
	uint32_t size;
	imago_oop literals[MAX_LITERALS];
	uint32_t num_literals;
	label labels[MAX_LABELS];
	uint32_t num_labels;
	jump jumps[MAX_LABELS];
	uint32_t num_jumps;
	uint32_t num_temps;
} unit;

/* An activation: names of temporaries, and where its code goes. */
typedef struct scope {
	word names[MAX_NAMES];
	uint32_t num_names, num_args, num_copied;
	unit *code;
	uint32_t opened; /* place of the bytecode that makes the block */
} scope;

typedef struct assembler {
	imago_builder *builder;
	imago_allocator *allocator;
	bytecode_set set;
	const char *next; /* of the text */
	uint32_t line;
	bool line_ended;       /* the next words are those of the next line */
	const char *complaint; /* the first one; NULL until then */
	uint32_t complaint_line;
	word words[MAX_WORDS];
	uint32_t num_words;
	bool skipping; /* where the text is not for this image */
	named_symbol symbols[MAX_SYMBOLS];
	uint32_t num_symbols;
	named_class classes[MAX_CLASSES];
	uint32_t num_classes;
	/* The method that is being assembled. */
	bool in_method, large;
	const named_class *cls;
	imago_oop behavior, selector, method;
	uint16_t primitive;
	scope scopes[1 + MAX_BLOCKS];
	uint32_t depth; /* of scopes */
	unit units[1 + MAX_BLOCKS];
	imago_oop blocks[MAX_LITERALS]; /* compiled blocks, which name their method when it is there */
	uint32_t num_blocks;
	bool has_entry;
	uint32_t entry_offset;
	const char *program;
	imago_assembled *out;
} assembler;

/* assemble.c: what is wrong with this line; keeps the first complaint. */
void assemble_complain(assembler *a, const char *complaint);

static inline bool
assemble_ok(const assembler *a)
{
	return a->complaint == NULL && builder_ok(a->builder);
}

/* assemble_names.c */
bool word_is(word w, const char *text);
bool words_equal(word a, word b);
bool word_ends_with(word w, char character);
bool word_number(word w, int64_t *value);
bool word_float(word w, double *value);
bool assemble_read_line(assembler *a);
imago_oop assemble_symbol(assembler *a, const char *text, size_t length);
void assemble_learn_symbols(assembler *a);
void assemble_learn_classes(assembler *a);
named_class *assemble_find_class(assembler *a, word name);
/* The number of arguments of a selector. */
uint32_t assemble_num_args(word selector);

/* assemble_code.c: one instruction of a method. */
void assemble_instruction(assembler *a);
uint32_t assemble_literal(assembler *a, unit *u, imago_oop value);
void assemble_finish_jumps(assembler *a, unit *u);

/* assemble_emit.c: bytecodes of each set. */
void emit_byte(assembler *a, uint32_t byte);
void emit_push_temp(assembler *a, uint32_t index);
void emit_store_temp(assembler *a, uint32_t index, bool popping);
void emit_push_slot(assembler *a, uint32_t index);
void emit_store_slot(assembler *a, uint32_t index, bool popping);
void emit_push_literal(assembler *a, imago_oop literal);
void emit_push_variable(assembler *a, imago_oop binding);
void emit_push_integer(assembler *a, int64_t value);
void emit_send(assembler *a, word selector, bool to_super);
void emit_array(assembler *a, uint32_t size, bool filled);
void emit_jump(assembler *a, word target, uint32_t kind);
void emit_open_block(assembler *a, uint32_t num_words);
void emit_close_block(assembler *a);

enum { JUMP_ALWAYS, JUMP_IF_TRUE, JUMP_IF_FALSE };

static inline scope *
assemble_scope(assembler *a)
{
	return &a->scopes[a->depth];
}

static inline unit *
assemble_unit(assembler *a)
{
	return a->scopes[a->depth].code;
}

#endif
