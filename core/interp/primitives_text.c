/* primitives_text.c: what old images do with whole strings at a time. */
#include "primitives.h"

/* The bytes of a string, or of a table of 256. */
static bool
text_at(const imago_vm *vm, uint32_t depth, const uint8_t **bytes, uint64_t *size)
{
	imago_oop oop = vm_peek(vm, depth);
	if (!vm_is_object(vm, oop) || !imago_memory_has_bytes(vm->memory, oop, vm->kind)) {
		return false;
	}
	*bytes = imago_memory_body(vm->memory, oop, vm->kind);
	*size = imago_memory_num_bytes(vm->memory, oop);
	return true;
}

static bool
table_at(const imago_vm *vm, uint32_t depth, const uint8_t **table)
{
	uint64_t size;
	return text_at(vm, depth, table, &size) && size >= 256;
}

/* compare: one with: other collated: table: 1, 2 or 3 for less, equal, greater. */
bool
primitive_compare_text(imago_vm *vm, uint32_t num_args)
{
	const uint8_t *one;
	const uint8_t *other;
	const uint8_t *table;
	uint64_t size;
	uint64_t other_size;
	if (num_args != 3 || !text_at(vm, 2, &one, &size) || !text_at(vm, 1, &other, &other_size) ||
	    !table_at(vm, 0, &table)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t least = size < other_size ? size : other_size;
	int order = size < other_size ? 1 : size == other_size ? 2 : 3;
	uint64_t i = 0;
	while (i < least && table[one[i]] == table[other[i]]) {
		i++;
	}
	if (i < least) {
		order = table[one[i]] < table[other[i]] ? 1 : 3;
	}
	vm_charge(vm, i / VM_BYTES_A_BYTECODE);
	return vm_answer(vm, 3, vm_integer_oop(vm, order));
}

/* translate: text from: start to: stop table: table: in place. */
bool
primitive_translate_text(imago_vm *vm, uint32_t num_args)
{
	const uint8_t *bytes;
	const uint8_t *table;
	uint64_t size;
	uint64_t start;
	uint64_t stop;
	if (num_args != 4 || !text_at(vm, 3, &bytes, &size) || !table_at(vm, 0, &table) ||
	    primitive_is_immutable(vm, vm_peek(vm, 3)) ||
	    !primitive_index(vm, vm_peek(vm, 2), size, &start) ||
	    !primitive_index(vm, vm_peek(vm, 1), size, &stop)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint8_t *text = imago_memory_open_body(vm->memory, vm_peek(vm, 3), vm->kind);
	(void)table_at(vm, 0, &table); /* which may be the text */
	for (uint64_t i = start; i <= stop; i++) {
		text[i] = table[text[i]];
	}
	vm_charge(vm, stop >= start ? (stop - start) / VM_BYTES_A_BYTECODE : 0);
	return vm_answer(vm, 4, vm_peek(vm, 4));
}

/* findSubstring: key in: text startingAt: start matchTable: table: the first place, or 0. */
bool
primitive_find_text(imago_vm *vm, uint32_t num_args)
{
	const uint8_t *key;
	const uint8_t *text;
	const uint8_t *table;
	uint64_t key_size;
	uint64_t size;
	imago_oop start = num_args == 4 ? vm_peek(vm, 1) : 0;
	if (num_args != 4 || !text_at(vm, 3, &key, &key_size) || !text_at(vm, 2, &text, &size) ||
	    !table_at(vm, 0, &table) || !vm_is_integer(vm, start)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint64_t found = 0;
	uint64_t num_seen = 0;
	uint64_t place = vm_integer(vm, start) > 1 ? (uint64_t)vm_integer(vm, start) - 1 : 0;
	for (; key_size > 0 && found == 0 && place < size && key_size <= size - place; place++) {
		uint64_t i = 0;
		while (i < key_size && table[text[place + i]] == table[key[i]]) {
			i++;
		}
		found = i == key_size ? place + 1 : 0;
		num_seen += i + 1;
	}
	vm_charge(vm, num_seen / VM_BYTES_A_BYTECODE);
	return vm_answer(vm, 4, vm_integer_oop(vm, (int64_t)found));
}
