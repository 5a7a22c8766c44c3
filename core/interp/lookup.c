/* lookup.c: from a selector and a receiver to code, and calling it. */
#include "vm_private.h"

enum {
	SPUR_LITERALS = 0x7FFF,
	V3_LITERALS = 0xFF,
	CALL_PRIMITIVE_V3_SET = 139,
	CALL_PRIMITIVE_SISTA = 248,
	CALL_PRIMITIVE_BYTES = 3,
	SISTA_INLINED = 0x80,
	SMALL_DICTIONARY = 8, /* masks up to this are searched from end to end: hashes may be stale */
	FIRST_QUICK = 256,
	LAST_QUICK = 519,
	MESSAGE_SELECTOR = 0,
	MESSAGE_ARGUMENTS = 1,
	MESSAGE_CLASS = 2,
};

bool
vm_decode_method(const imago_vm *vm, imago_oop oop, vm_method *method)
{
	const imago_object_memory *memory = vm->memory;
	const imago_memory_kind kind = vm->kind;
	if (!vm_is_object(vm, oop) || !imago_memory_is_code(memory, oop, kind)) {
		return false;
	}
	uint64_t num_slots = imago_memory_num_slots(memory, oop, kind);
	imago_oop word = num_slots > 0 ? imago_memory_slot(memory, oop, 0, kind) : 0;
	if (!imago_memory_is_integer(kind, word)) {
		return false;
	}
	int64_t value = imago_memory_integer(kind, word);
	uint64_t fields = (uint64_t)value;
	bool v3_shape = kind.v3 && value >= 0;
	*method = (vm_method){
	    .oop = oop,
	    .num_literals = (uint32_t)(v3_shape ? fields >> 9 & V3_LITERALS : fields & SPUR_LITERALS),
	    .num_args = fields >> 24 & 15,
	    .num_temps = fields >> 18 & 63,
	    .large = (fields >> 17 & 1) != 0,
	    .sista = value < 0,
	};
	/* The format tells how many bytes of the last word are not used. */
	uint64_t tail = imago_memory_format(memory, oop, kind) - (kind.v3 ? 12 : 24);
	uint64_t num_bytes = tail < imago_word_bytes(kind) ? num_slots * imago_word_bytes(kind) - tail
	                                                   : imago_memory_num_bytes(memory, oop);
	uint64_t first = (uint64_t)(method->num_literals + 1) * imago_word_bytes(kind);
	if (first >= num_bytes || first > INT32_MAX || num_bytes > INT32_MAX) {
		return false;
	}
	method->first_pc = method->start_pc = (uint32_t)first;
	method->num_bytes = (uint32_t)num_bytes;
	if (v3_shape) {
		method->primitive = (uint32_t)((fields & 0x1FF) | (fields >> 28 & 1) << 9);
	} else if ((fields >> 16 & 1) != 0 && num_bytes - first >= CALL_PRIMITIVE_BYTES) {
		const uint8_t *code = imago_memory_body(memory, oop, kind) + first;
		uint8_t opcode = method->sista ? CALL_PRIMITIVE_SISTA : CALL_PRIMITIVE_V3_SET;
		if (code[0] == opcode && (!method->sista || (code[2] & SISTA_INLINED) == 0)) {
			method->primitive = (uint32_t)(code[1] | code[2] << 8);
		}
	}
	return true;
}

/* The value at a selector in a method dictionary; 0 when it is not there or the dictionary is not
 * one. Steps are bounded by its size, and counted. */
static imago_oop
find_in_dictionary(const imago_vm *vm, imago_oop dictionary, imago_oop selector,
                   uint64_t *num_steps)
{
	if (!vm_has_slots(vm, dictionary, DICTIONARY_SELECTORS + 1)) {
		return 0;
	}
	imago_oop values = vm_slot(vm, dictionary, DICTIONARY_VALUES);
	uint64_t size = imago_memory_num_slots(vm->memory, dictionary, vm->kind) - DICTIONARY_SELECTORS;
	if ((size & (size - 1)) != 0 || !vm_has_slots(vm, values, size)) {
		return 0;
	}
	uint64_t hash = vm_is_object(vm, selector) ? imago_memory_hash(vm->memory, selector)
	                                           : (uint64_t)vm_integer(vm, selector);
	bool linear = size <= SMALL_DICTIONARY;
	for (uint64_t i = 0; i < size; i++) {
		uint64_t place = linear ? i : (hash + i) & (size - 1);
		++*num_steps;
		imago_oop key = vm_slot(vm, dictionary, DICTIONARY_SELECTORS + place);
		if (key == selector) {
			return vm_slot(vm, values, place);
		}
		if (key == vm_nil(vm) && !linear) {
			return 0;
		}
	}
	return 0;
}

/* What a class answers to a selector; NULL when it does not, or when what it answers is no code.
 * The key is the class's (vm_class_key), under which the answer is kept. */
const vm_method *
vm_lookup(imago_vm *vm, imago_oop selector, imago_oop cls, uint64_t key)
{
	vm_cache_entry *entry = vm_cache_place(vm, selector, key);
	const imago_oop first = cls;
	if (entry->selector == selector && entry->class_key == key) {
		return &entry->method;
	}
	vm->statistics.num_cache_misses++;
	imago_oop found = 0;
	uint64_t num_steps = 0;
	for (int i = 0; i < MAX_SUPERCLASSES && vm_has_slots(vm, cls, CLASS_FORMAT + 1); i++) {
		found = find_in_dictionary(vm, vm_slot(vm, cls, CLASS_METHODS), selector, &num_steps);
		if (found != 0) {
			break;
		}
		cls = vm_slot(vm, cls, CLASS_SUPERCLASS);
	}
	vm_charge_steps(vm, num_steps);
	vm_method method;
	if (found == 0 || !vm_decode_method(vm, found, &method)) {
		return NULL;
	}
	method.admitted = vm_admits_method(vm, &method);
	method.short_cut = (uint8_t)vm_short_cut_of(vm, &method, first);
	*entry = (vm_cache_entry){selector, key, method};
	return &entry->method;
}

/* Primitives that perform others do so within bounds. */
bool
vm_execute_primitive(imago_vm *vm, uint32_t number, uint32_t num_args)
{
	vm_primitive_fn *primitive = vm_primitive(vm, number);
	if (number >= FIRST_QUICK && number <= LAST_QUICK) {
		return vm_quick_primitive(vm, number, num_args);
	}
	if (primitive == NULL || vm->num_nested == MAX_NESTED) {
		return false;
	}
	vm->num_nested++;
	bool done = primitive(vm, num_args);
	vm->num_nested--;
	if (vm->kind.tabled) {
		vm_follow_code(vm);
	}
	return done;
}

/* Calls a method whose receiver and arguments are on the stack: its primitive, or its bytecodes. */
bool
vm_execute(imago_vm *vm, const vm_method *called, uint32_t num_args)
{
	const vm_method method = *called;
	if (method.num_args != num_args) {
		return vm_violation(vm, "a method is called with another number of arguments");
	}
	if (method.primitive != 0) {
		const uint64_t num_scavenges = vm->memory->num_scavenges;
		vm->primitive_error = 0;
		vm->roots[0] = method.oop;
		if (vm_execute_primitive(vm, method.primitive, num_args)) {
			vm->statistics.num_primitives++;
			return vm_paid(vm, true);
		}
		if (vm->stopped) {
			return false;
		}
		vm->primitive_error = vm->kind.v3 ? 0 : vm->primitive_error;
		/* A primitive that failed may have collected. */
		if (vm->memory->num_scavenges == num_scavenges) {
			return vm_paid(vm, vm_activate(vm, &method));
		}
		vm_method again;
		if (!vm_decode_method(vm, vm->roots[0], &again)) {
			return vm_violation(vm, "a method vanished");
		}
		return vm_paid(vm, vm_activate(vm, &again));
	}
	vm->roots[0] = method.oop;
	return vm_activate(vm, &method);
}

/* Turns receiver, arguments into receiver, Message. */
static bool
make_message(imago_vm *vm, imago_oop selector, uint32_t num_args, imago_oop cls)
{
	const imago_memory_kind kind = vm->kind;
	vm->roots[1] = selector;
	vm->roots[2] = cls;
	if (num_args == 0 && !vm_has_room(vm, 1)) {
		return vm_violation(vm, "no room on the stack for a Message");
	}
	if (!vm_reserve(vm, imago_memory_object_bytes(kind, num_args) +
	                        imago_memory_object_bytes(kind, MESSAGE_CLASS + 1))) {
		return false;
	}
	imago_oop message_class = vm_special(vm, IMAGO_SPECIAL_CLASS_MESSAGE);
	imago_oop array_class = vm_special(vm, IMAGO_SPECIAL_CLASS_ARRAY);
	if (!vm_has_slots(vm, message_class, CLASS_FORMAT + 1)) {
		return vm_violation(vm, "there is no class Message");
	}
	imago_oop shape = vm_slot(vm, message_class, CLASS_FORMAT);
	int64_t format = vm_is_integer(vm, shape) ? vm_integer(vm, shape) : 0;
	uint32_t num_slots = vm->kind.v3 ? (uint32_t)(format >> 1 & 63) - 1 : (uint32_t)format & 0xFFFF;
	if (num_slots < MESSAGE_ARGUMENTS + 1 || num_slots > MESSAGE_CLASS + 1) {
		return vm_violation(vm, "class Message has no room for selector and arguments");
	}
	imago_oop arguments =
	    imago_memory_make(vm->memory, array_class, IMAGO_FORMAT_INDEXABLE, num_args);
	imago_oop message = imago_memory_make(vm->memory, message_class, IMAGO_FORMAT_FIXED, num_slots);
	if (arguments == 0 || message == 0) {
		return vm_stop(vm, IMAGO_VM_MEMORY, "no room for a Message");
	}
	for (uint32_t i = 0; i < num_args; i++) {
		vm_set_slot(vm, arguments, i, vm_peek(vm, num_args - 1 - i));
	}
	vm_set_slot(vm, message, MESSAGE_SELECTOR, vm->roots[1]);
	vm_set_slot(vm, message, MESSAGE_ARGUMENTS, arguments);
	if (num_slots > MESSAGE_CLASS) {
		vm_set_slot(vm, message, MESSAGE_CLASS, vm->roots[2]);
	}
	vm_drop(vm, num_args);
	vm_push(vm, message);
	return true;
}

static bool
send_to_class(imago_vm *vm, imago_oop selector, uint32_t num_args, imago_oop cls, uint64_t key)
{
	vm->statistics.num_sends++;
	const vm_method *method = vm_lookup(vm, selector, cls, key);
	if (method != NULL) {
		return vm_paid(vm, vm_execute(vm, method, num_args));
	}
	imago_oop special = IMAGO_SPECIAL_SELECTOR_DOES_NOT_UNDERSTAND;
	bool super = key != vm_class_key(vm->memory, vm_peek(vm, num_args), vm->kind);
	if (!make_message(vm, selector, num_args, cls)) {
		return false;
	}
	/* Looked up where the first lookup began. Classes of V3 may have moved, and their keys. */
	if (vm->kind.v3) {
		key = super ? vm->roots[2] : vm_class_key(vm->memory, vm_peek(vm, 1), vm->kind);
	}
	method = vm_lookup(vm, vm_special(vm, special), vm->roots[2], key);
	if (method == NULL) {
		return vm_violation(vm, "#doesNotUnderstand: is not understood");
	}
	return vm_paid(vm, vm_execute(vm, method, 1));
}

bool
vm_send(imago_vm *vm, imago_oop selector, uint32_t num_args)
{
	if (vm_stack_depth(vm) <= num_args || vm->frame.sp < vm->frame.stack) {
		return vm_violation(vm, "a send without its receiver and arguments on the stack");
	}
	imago_oop receiver = vm_peek(vm, num_args);
	uint64_t key = vm_class_key(vm->memory, receiver, vm->kind);
	vm_cache_entry *entry = vm_cache_place(vm, selector, key);
	if (IMAGO_LIKELY(entry->selector == selector && entry->class_key == key)) {
		vm->statistics.num_sends++;
		return vm_execute(vm, &entry->method, num_args);
	}
	return send_to_class(vm, selector, num_args, imago_memory_class_of(vm->memory, receiver), key);
}

bool
vm_send_super(imago_vm *vm, imago_oop selector, uint32_t num_args, imago_oop superclass)
{
	if (vm_stack_depth(vm) <= num_args || vm->frame.sp < vm->frame.stack) {
		return vm_violation(vm, "a send without its receiver and arguments on the stack");
	}
	if (!vm_has_slots(vm, superclass, CLASS_FORMAT + 1)) {
		return vm_violation(vm, "a super send without a superclass");
	}
	/* The key of instances of the superclass: its index, or itself. */
	uint64_t key = vm->kind.v3 ? superclass : imago_memory_class_index(vm->memory, superclass);
	return send_to_class(vm, selector, num_args, superclass, key);
}

bool
vm_send_special(imago_vm *vm, uint64_t special, uint32_t num_args)
{
	imago_oop selector = vm_special(vm, special);
	if (selector == vm_nil(vm)) {
		return vm_violation(vm, "a selector that the machine needs is nil");
	}
	return vm_send(vm, selector, num_args);
}
