/* assemble_emit.c: the bytecodes of each set (formats/bytecodes.md §1, §2). */
#include "assemble.h"

enum {
	SHORT_LITERALS = 32,
	SHORT_SENDS = 16,
	SHORT_ARGS = 3,
	NUM_SPECIAL_SELECTORS = 32,
	SELECTOR_BLOCK_COPY = 24,
	V3_FAR_JUMP = 1024,
	SISTA_FAR_JUMP = 256,
};

void
emit_byte(assembler *a, uint32_t byte)
{
	unit *u = assemble_unit(a);
	if (u->size == MAX_CODE || byte > UINT8_MAX) {
		assemble_complain(a, "a method is too long, or an operand too big");
		return;
	}
	u->code[u->size++] = (uint8_t)byte;
}

static void
emit_2(assembler *a, uint32_t first, uint32_t second)
{
	emit_byte(a, first);
	emit_byte(a, second);
}

void
emit_push_temp(assembler *a, uint32_t index)
{
	if (a->set == SET_SISTA) {
		if (index < 12) {
			emit_byte(a, 64 + index);
		} else {
			emit_2(a, 229, index);
		}
	} else if (index < 16) {
		emit_byte(a, 16 + index);
	} else {
		emit_2(a, 128, 64 + index);
	}
}

void
emit_store_temp(assembler *a, uint32_t index, bool popping)
{
	if (popping && index < 8) {
		emit_byte(a, (a->set == SET_SISTA ? 208U : 104U) + index);
	} else if (a->set == SET_SISTA) {
		emit_2(a, popping ? 242 : 245, index);
	} else {
		emit_2(a, popping ? 130 : 129, 64 + index);
	}
}

void
emit_push_slot(assembler *a, uint32_t index)
{
	emit_byte(a, index); /* 0 to 15: both sets; there are no more names */
}

void
emit_store_slot(assembler *a, uint32_t index, bool popping)
{
	if (popping && index < 8) {
		emit_byte(a, (a->set == SET_SISTA ? 200U : 96U) + index);
	} else if (a->set == SET_SISTA) {
		emit_2(a, popping ? 240 : 243, index);
	} else {
		emit_2(a, popping ? 130 : 129, index);
	}
}

/* MAX_LITERALS is what 128 and 228 reach. */
void
emit_push_literal(assembler *a, imago_oop literal)
{
	uint32_t index = assemble_literal(a, assemble_unit(a), literal);
	if (index < SHORT_LITERALS) {
		emit_byte(a, 32 + index);
	} else if (a->set == SET_SISTA) {
		emit_2(a, 228, index);
	} else {
		emit_2(a, 128, 128 + index);
	}
}

void
emit_push_variable(assembler *a, imago_oop binding)
{
	uint32_t index = assemble_literal(a, assemble_unit(a), binding);
	if (a->set == SET_SISTA) {
		if (index < SHORT_SENDS) {
			emit_byte(a, 16 + index);
		} else {
			emit_2(a, 227, index);
		}
	} else if (index < SHORT_LITERALS) {
		emit_byte(a, 64 + index);
	} else {
		emit_2(a, 128, 192 + index);
	}
}

void
emit_push_integer(assembler *a, int64_t value)
{
	if (a->set == SET_SISTA && value >= 0 && value <= UINT8_MAX) {
		if (value < 2) {
			emit_byte(a, 80 + (uint32_t)value);
		} else {
			emit_2(a, 232, (uint32_t)value);
		}
	} else if (a->set != SET_SISTA && value >= -1 && value <= 2) {
		emit_byte(a, (uint32_t)(117 + value));
	} else {
		emit_push_literal(a, imago_builder_integer(a->builder, value));
	}
}

/* The place of a selector among the special ones, or NUM_SPECIAL_SELECTORS. */
static uint32_t
special_index(assembler *a, imago_oop selector)
{
	uint32_t index = 0;
	while (index < NUM_SPECIAL_SELECTORS && a->symbols[index].oop != selector) {
		index++;
	}
	return index;
}

static void
emit_send_v3(assembler *a, uint32_t literal, uint32_t num_args, bool to_super)
{
	if (!to_super && literal < SHORT_SENDS && num_args < SHORT_ARGS) {
		emit_byte(a, 208 + 16 * num_args + literal);
	} else if (literal < SHORT_LITERALS && num_args < 8) {
		emit_2(a, to_super ? 133 : 131, num_args << 5 | literal);
	} else {
		emit_2(a, 132, (to_super ? 32U : 0U) + num_args);
		emit_byte(a, literal);
	}
}

static void
emit_send_sista(assembler *a, uint32_t literal, uint32_t num_args, bool to_super)
{
	if (!to_super && literal < SHORT_SENDS && num_args < SHORT_ARGS) {
		emit_byte(a, 128 + 16 * num_args + literal);
		return;
	}
	if (literal >= 32) {
		emit_2(a, 224, literal >> 5);
	}
	if (num_args >= 8) {
		emit_2(a, 225, num_args >> 3);
	}
	emit_2(a, to_super ? 235 : 234, (literal & 31) << 3 | (num_args & 7));
}

void
emit_send(assembler *a, word selector, bool to_super)
{
	imago_oop symbol = assemble_symbol(a, selector.text, selector.length);
	uint32_t special = to_super ? (uint32_t)NUM_SPECIAL_SELECTORS : special_index(a, symbol);
	if (special < NUM_SPECIAL_SELECTORS) {
		emit_byte(a, (a->set == SET_SISTA ? 96U : 176U) + special);
		return;
	}
	uint32_t literal = assemble_literal(a, assemble_unit(a), symbol);
	uint32_t num_args = assemble_num_args(selector);
	if (a->set == SET_SISTA) {
		emit_send_sista(a, literal, num_args, to_super);
	} else {
		emit_send_v3(a, literal, num_args, to_super);
	}
}

void
emit_array(assembler *a, uint32_t size, bool filled)
{
	emit_2(a, a->set == SET_SISTA ? 231 : 138, size + (filled ? 128U : 0U));
}

/* ---- Jumps. */

static uint32_t
find_label(assembler *a, unit *u, word name)
{
	for (uint32_t i = 0; i < u->num_labels; i++) {
		if (words_equal(u->labels[i].name, name)) {
			return i;
		}
	}
	if (u->num_labels == MAX_LABELS) {
		assemble_complain(a, "too many labels");
		return 0;
	}
	u->labels[u->num_labels] = (label){name, UINT32_MAX};
	return u->num_labels++;
}

/* Back: the distance is known. Sista counts it in extB, whose first byte is signed. */
static void
emit_jump_back(assembler *a, uint32_t place)
{
	unit *u = assemble_unit(a);
	uint32_t length = a->set == SET_SISTA ? 4 : 2;
	uint32_t distance = u->size + length - place;
	if (distance > V3_FAR_JUMP) {
		assemble_complain(a, "a jump is too far");
		return;
	}
	uint32_t blocks = (distance + 255) >> 8;
	uint32_t rest = (blocks << 8) - distance;
	if (a->set == SET_SISTA) {
		emit_2(a, 225, 256 - blocks);
		emit_2(a, 237, rest);
	} else {
		emit_2(a, 164 - blocks, rest);
	}
}

void
emit_jump(assembler *a, word target, uint32_t kind)
{
	static const uint8_t v3[] = {164, 168, 172};
	static const uint8_t sista[] = {237, 238, 239};
	unit *u = assemble_unit(a);
	uint32_t index = find_label(a, u, target);
	uint32_t place = u->labels[index].place;
	if (place != UINT32_MAX) {
		if (kind != JUMP_ALWAYS) {
			assemble_complain(a, "only an unconditional jump goes back");
		}
		emit_jump_back(a, place);
		return;
	}
	if (u->num_jumps == MAX_LABELS) {
		assemble_complain(a, "too many jumps");
		return;
	}
	u->jumps[u->num_jumps++] = (jump){index, u->size, a->line};
	emit_2(a, a->set == SET_SISTA ? sista[kind] : v3[kind], 0);
}

/* Writes the distances of the jumps forward. */
void
assemble_finish_jumps(assembler *a, unit *u)
{
	for (uint32_t i = 0; i < u->num_jumps; i++) {
		uint8_t *code = &u->code[u->jumps[i].place];
		uint32_t place = u->labels[u->jumps[i].label].place;
		uint32_t distance = place - (u->jumps[i].place + 2);
		uint32_t limit = a->set == SET_SISTA ? SISTA_FAR_JUMP : V3_FAR_JUMP;
		if (place == UINT32_MAX || distance >= limit) {
			a->line = u->jumps[i].line;
			assemble_complain(a, "a jump to nowhere, or too far");
			return;
		}
		code[0] = (uint8_t)(code[0] + (distance >> 8));
		code[1] = (uint8_t)distance;
	}
}

/* ---- Blocks: block ARGUMENTS copy NAMES | TEMPORARIES */

static bool
scope_index(const scope *s, word name, uint32_t *index)
{
	for (*index = 0; *index < s->num_names; ++*index) {
		if (words_equal(s->names[*index], name)) {
			return true;
		}
	}
	return false;
}

/* A name of this activation; where blocks have none of their own, one that may be there already. */
static void
add_name(assembler *a, scope *s, word name)
{
	uint32_t index;
	if (s->num_names == MAX_NAMES || (scope_index(s, name, &index) && a->set != SET_OLD)) {
		assemble_complain(a, "too many names, or one twice");
	} else if (!scope_index(s, name, &index)) {
		s->names[s->num_names++] = name;
	}
}

/* How many words of the line, from first on, come before another word. */
static uint32_t
words_before(const assembler *a, uint32_t first, const char *end, const char *other_end)
{
	uint32_t i = first;
	while (i < a->num_words && !word_is(a->words[i], end) && !word_is(a->words[i], other_end)) {
		i++;
	}
	return i - first;
}

/* 6502: arguments and temporaries of a block are its home's; it finds its arguments on its stack.
 */
static void
open_block_context(assembler *a, uint32_t num_args, uint32_t first_temp)
{
	scope *home = &a->scopes[0];
	uint32_t index;
	emit_byte(a, 137);
	emit_push_integer(a, num_args);
	emit_byte(a, 176 + SELECTOR_BLOCK_COPY);
	a->scopes[a->depth + 1].opened = assemble_unit(a)->size;
	emit_2(a, 164, 0);
	a->depth++;
	assemble_scope(a)->code = home->code;
	for (uint32_t i = 1; i <= num_args; i++) {
		add_name(a, home, a->words[i]);
	}
	for (uint32_t i = first_temp; i < a->num_words; i++) {
		add_name(a, home, a->words[i]);
	}
	for (uint32_t i = num_args; i > 0; i--) {
		if (scope_index(home, a->words[i], &index)) {
			emit_store_temp(a, index, true);
		}
	}
}

/* Closures: what is copied is pushed, and comes behind the arguments. */
static void
open_closure(assembler *a, uint32_t num_args, uint32_t num_copied, uint32_t first_temp)
{
	const uint32_t first_copied = num_args + 2;
	const scope *outer = assemble_scope(a);
	uint32_t index;
	for (uint32_t i = 0; i < num_copied; i++) {
		if (!scope_index(outer, a->words[first_copied + i], &index)) {
			assemble_complain(a, "a block copies what there is not");
			return;
		}
		emit_push_temp(a, index);
	}
	scope *inner = &a->scopes[a->depth + 1];
	*inner = (scope){.num_args = num_args, .num_copied = num_copied, .code = outer->code};
	inner->opened = outer->code->size;
	if (a->set == SET_SISTA) {
		inner->code = &a->units[a->depth + 1];
		*inner->code = (unit){.size = 0};
	} else {
		emit_2(a, 143, num_copied << 4 | num_args);
		emit_2(a, 0, 0);
	}
	a->depth++;
	for (uint32_t i = 0; i < num_args; i++) {
		add_name(a, inner, a->words[1 + i]);
	}
	for (uint32_t i = 0; i < num_copied; i++) {
		add_name(a, inner, a->words[first_copied + i]);
	}
	for (uint32_t i = first_temp; i < a->num_words; i++) {
		add_name(a, inner, a->words[i]);
		if (a->set == SET_CLOSURES) {
			emit_byte(a, 115); /* the block pushes its temporaries itself */
		}
	}
}

void
emit_open_block(assembler *a, uint32_t num_words)
{
	if (a->depth == MAX_BLOCKS) {
		assemble_complain(a, "too many blocks inside one another");
		return;
	}
	uint32_t num_args = words_before(a, 1, "copy", "|");
	uint32_t next = 1 + num_args;
	uint32_t num_copied = 0;
	if (next < num_words && word_is(a->words[next], "copy")) {
		num_copied = words_before(a, next + 1, "|", "|");
		next += 1 + num_copied;
	}
	if (num_args > 15 || num_copied > 15) {
		assemble_complain(a, "too many arguments of a block");
	} else if (a->set == SET_OLD) {
		open_block_context(a, num_args, next + 1);
	} else {
		open_closure(a, num_args, num_copied, next + 1);
	}
}

/* Sista: the block becomes code of its own, a literal of the code around it. */
static void
close_full_block(assembler *a)
{
	scope *inner = assemble_scope(a);
	unit *u = inner->code;
	named_class *code_class = assemble_find_class(a, (word){"CompiledBlock", 13});
	assemble_finish_jumps(a, u);
	const imago_builder_method block = {
	    .num_literals = (uint16_t)(u->num_literals + 1),
	    .num_args = (uint8_t)inner->num_args,
	    .num_temps = (uint8_t)inner->num_names,
	    .sista = true,
	    .large_frame = a->large,
	    .bytecodes = u->code,
	    .num_bytecodes = u->size,
	};
	if (code_class == NULL || a->num_blocks == MAX_LITERALS) {
		assemble_complain(a, "there is no class CompiledBlock, or too many blocks");
		return;
	}
	imago_oop made = imago_builder_new_method(a->builder, code_class->cls, &block);
	for (uint32_t i = 0; i < u->num_literals; i++) {
		imago_builder_store(a->builder, made, 1 + i, u->literals[i]);
	}
	a->blocks[a->num_blocks++] = made;
	a->depth--;
	uint32_t literal = assemble_literal(a, assemble_unit(a), made);
	emit_2(a, 249, literal);
	emit_byte(a, inner->num_copied);
}

void
emit_close_block(assembler *a)
{
	if (a->depth == 0) {
		assemble_complain(a, "no block to end");
		return;
	}
	scope *inner = assemble_scope(a);
	unit *u = inner->code;
	emit_byte(a, a->set == SET_SISTA ? 94 : 125);
	if (a->set == SET_SISTA) {
		close_full_block(a);
		return;
	}
	uint8_t *opening = &u->code[inner->opened];
	if (a->set == SET_OLD) {
		uint32_t size = u->size - (inner->opened + 2);
		opening[0] = (uint8_t)(164 + (size >> 8));
		opening[1] = (uint8_t)size;
	} else {
		uint32_t size = u->size - (inner->opened + 4);
		opening[2] = (uint8_t)(size >> 8);
		opening[3] = (uint8_t)size;
	}
	if (u->size - inner->opened > V3_FAR_JUMP) {
		assemble_complain(a, "a block is too long");
	}
	a->depth--;
}
