/* assemble_code.c: one line of a method: an instruction, or what is said of the method. */
#include "assemble.h"

#include <string.h>

uint32_t
assemble_literal(assembler *a, unit *u, imago_oop value)
{
	uint32_t index = 0;
	while (index < u->num_literals && u->literals[index] != value) {
		index++;
	}
	if (index == MAX_LITERALS - 2) { /* two more at the end: selector and class */
		assemble_complain(a, "too many literals");
		return 0;
	}
	if (index == u->num_literals) {
		u->literals[u->num_literals++] = value;
	}
	return index;
}

static bool
find_name(const word *names, uint32_t count, word name, uint32_t *index)
{
	for (*index = 0; *index < count; ++*index) {
		if (words_equal(names[*index], name)) {
			return true;
		}
	}
	return false;
}

/* A temporary of this activation: without closures, of the method. */
static bool
find_temp(assembler *a, word name, uint32_t *index)
{
	const scope *s = a->set == SET_OLD ? &a->scopes[0] : assemble_scope(a);
	return find_name(s->names, s->num_names, name, index);
}

static bool
find_slot(assembler *a, word name, uint32_t *index)
{
	return find_name(a->cls->slots, a->cls->num_slots, name, index);
}

static imago_oop
string_literal(assembler *a, word w)
{
	char text[128];
	if (w.length - 2 >= sizeof text) {
		assemble_complain(a, "a string is too long");
		return 0;
	}
	memcpy(text, w.text + 1, w.length - 2);
	text[w.length - 2] = '\0';
	return imago_builder_new_string(a->builder, a->builder->classes[IMAGO_KERNEL_BYTE_STRING],
	                                text);
}

/* self, true, false, nil: as places behind the first. */
static bool
find_constant(word w, uint32_t *which)
{
	static const char *const names[] = {"self", "true", "false", "nil"};
	for (*which = 0; *which < 4; ++*which) {
		if (word_is(w, names[*which])) {
			return true;
		}
	}
	return false;
}

static void
push_literal_word(assembler *a, word w)
{
	double real;
	named_class *cls;
	if (w.text[0] == '\'' && w.length >= 2 && word_ends_with(w, '\'')) {
		emit_push_literal(a, string_literal(a, w));
	} else if (w.text[0] == '#' && w.length > 1) {
		emit_push_literal(a, assemble_symbol(a, w.text + 1, w.length - 1));
	} else if (w.text[0] == '$' && w.length == 2) {
		emit_push_literal(a, imago_builder_character(a->builder, (uint8_t)w.text[1]));
	} else if (word_float(w, &real)) {
		emit_push_literal(a, imago_builder_float(a->builder, real));
	} else if ((cls = assemble_find_class(a, w)) != NULL) {
		emit_push_variable(a, cls->binding);
	} else {
		assemble_complain(a, "a name that nothing has");
	}
}

static void
push_word(assembler *a, word w)
{
	uint32_t index;
	int64_t number;
	if (find_constant(w, &index)) {
		emit_byte(a, (a->set == SET_SISTA ? 76 : 112) + index);
	} else if (word_is(w, "thisContext")) {
		emit_byte(a, a->set == SET_SISTA ? 82 : 137);
	} else if (find_temp(a, w, &index)) {
		emit_push_temp(a, index);
	} else if (find_slot(a, w, &index)) {
		emit_push_slot(a, index);
	} else if (word_number(w, &number)) {
		emit_push_integer(a, number);
	} else {
		push_literal_word(a, w);
	}
}

static void
store_word(assembler *a, word w, bool popping)
{
	uint32_t index;
	if (find_temp(a, w, &index)) {
		emit_store_temp(a, index, popping);
	} else if (find_slot(a, w, &index)) {
		emit_store_slot(a, index, popping);
	} else {
		assemble_complain(a, "no variable to store into");
	}
}

/* return, or return self, true, false, nil: of the method, wherever it stands. */
static void
return_word(assembler *a)
{
	uint32_t which = 4;
	if (a->num_words == 2 && !find_constant(a->words[1], &which)) {
		assemble_complain(a, "only a constant is returned at once");
	}
	emit_byte(a, (a->set == SET_SISTA ? 88 : 120) + which);
}

/* primitive NUMBER, or primitive MODULE NAME: literal 0 names it then. */
static void
set_primitive(assembler *a)
{
	enum { NAMED = 117 };
	int64_t number;
	imago_builder *builder = a->builder;
	imago_oop string_class = builder->classes[IMAGO_KERNEL_BYTE_STRING];
	unit *u = &a->units[0];
	if (u->size != 0 || u->num_literals != 0 || a->depth != 0) {
		assemble_complain(a, "a primitive comes first");
	} else if (a->num_words == 2 && word_number(a->words[1], &number) && number > 0 &&
	           number < 1024) {
		a->primitive = (uint16_t)number;
	} else if (a->num_words == 3) {
		imago_oop names =
		    imago_builder_new_pointers(builder, builder->classes[IMAGO_KERNEL_ARRAY], 4);
		for (uint32_t i = 0; i < 2; i++) {
			char text[64];
			word w = a->words[1 + i];
			size_t length = w.length < sizeof text ? w.length : sizeof text - 1;
			memcpy(text, w.text, length);
			text[length] = '\0';
			imago_builder_store(builder, names, i,
			                    imago_builder_new_string(builder, string_class, text));
			imago_builder_store(builder, names, 2 + i, builder_small(builder, 0));
		}
		a->primitive = NAMED;
		(void)assemble_literal(a, u, names);
	} else {
		assemble_complain(a, "no such primitive");
	}
}

static void
set_label(assembler *a)
{
	unit *u = assemble_unit(a);
	word name = a->words[0];
	name.length--;
	for (uint32_t i = 0; i < u->num_labels; i++) {
		if (words_equal(u->labels[i].name, name)) {
			if (u->labels[i].place != UINT32_MAX) {
				assemble_complain(a, "a label twice");
			}
			u->labels[i].place = u->size;
			return;
		}
	}
	if (u->num_labels == MAX_LABELS) {
		assemble_complain(a, "too many labels");
		return;
	}
	u->labels[u->num_labels++] = (label){name, u->size};
}

static void
raw_bytes(assembler *a)
{
	for (uint32_t i = 1; i < a->num_words; i++) {
		int64_t byte;
		if (!word_number(a->words[i], &byte) || byte < 0 || byte > UINT8_MAX) {
			assemble_complain(a, "a byte is 0 to 255");
			return;
		}
		emit_byte(a, (uint32_t)byte);
	}
}

/* array N, arrayOf N: empty; of the N values on the stack. */
static void
array_word(assembler *a, bool filled)
{
	int64_t size;
	if (!word_number(a->words[1], &size) || size < 0 || size > 127) {
		assemble_complain(a, "an array of 0 to 127");
		return;
	}
	emit_array(a, (uint32_t)size, filled);
}

/* Instructions of two words. */
static bool
instruction_with_operand(assembler *a, word what, word operand)
{
	if (word_is(what, "push")) {
		push_word(a, operand);
	} else if (word_is(what, "store")) {
		store_word(a, operand, false);
	} else if (word_is(what, "pop")) {
		store_word(a, operand, true);
	} else if (word_is(what, "send")) {
		emit_send(a, operand, false);
	} else if (word_is(what, "super")) {
		emit_send(a, operand, true);
	} else if (word_is(what, "jump")) {
		emit_jump(a, operand, JUMP_ALWAYS);
	} else if (word_is(what, "jumpTrue")) {
		emit_jump(a, operand, JUMP_IF_TRUE);
	} else if (word_is(what, "jumpFalse")) {
		emit_jump(a, operand, JUMP_IF_FALSE);
	} else if (word_is(what, "array")) {
		array_word(a, false);
	} else if (word_is(what, "arrayOf")) {
		array_word(a, true);
	} else {
		return false;
	}
	return true;
}

static bool
instruction_alone(assembler *a, word what)
{
	if (word_is(what, "end")) {
		emit_close_block(a);
	} else if (word_is(what, "drop")) {
		emit_byte(a, a->set == SET_SISTA ? 216 : 135);
	} else if (word_is(what, "dup")) {
		emit_byte(a, a->set == SET_SISTA ? 83 : 136);
	} else if (word_is(what, "large")) {
		a->large = true;
	} else if (word_is(what, "entry")) {
		a->has_entry = true;
		a->entry_offset = a->units[0].size;
	} else {
		return false;
	}
	return true;
}

void
assemble_instruction(assembler *a)
{
	word what = a->words[0];
	if (a->num_words == 1 && word_ends_with(what, ':')) {
		set_label(a);
	} else if (word_is(what, "primitive")) {
		set_primitive(a);
	} else if (word_is(what, "return") && a->num_words <= 2) {
		return_word(a);
	} else if (word_is(what, "block")) {
		emit_open_block(a, a->num_words);
	} else if (word_is(what, "bytes")) {
		raw_bytes(a);
	} else if (!(a->num_words == 2 && instruction_with_operand(a, what, a->words[1])) &&
	           !(a->num_words == 1 && instruction_alone(a, what))) {
		assemble_complain(a, "no such instruction");
	}
}
