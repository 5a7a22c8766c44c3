/* vm.c: making a machine, running it, what ends it. */
#include "vm_private.h"

#include <stdio.h>

#include "imago/class_table.h"

enum {
	DEFAULT_GROWTH = 64 << 20,
	SLICE = 4096,                   /* bytecodes between two looks around */
	BYTECODES_PER_MICROSECOND = 50, /* of the virtual clock */
	NAME_LENGTH = 48,
};

uint64_t
vm_microseconds(const imago_vm *vm)
{
	uint64_t executed = vm->statistics.num_bytecodes + (vm->slice - vm->left);
	return executed / BYTECODES_PER_MICROSECOND + vm->time_skipped;
}

/* Printable text of a byte object. */
static void
copy_text(const imago_vm *vm, imago_oop oop, char *text, size_t size)
{
	size_t length = 0;
	if (vm_is_object(vm, oop) && imago_memory_has_bytes(vm->memory, oop, vm->kind)) {
		const uint8_t *bytes = imago_memory_body(vm->memory, oop, vm->kind);
		uint64_t num_bytes = imago_memory_num_bytes(vm->memory, oop);
		for (; length < num_bytes && length + 1 < size; length++) {
			bool printable = bytes[length] >= ' ' && bytes[length] < 127;
			text[length] = (char)(printable ? bytes[length] : (uint8_t)'?');
		}
	}
	text[length] = '\0';
}

enum { CLASS_NAME = 6, METACLASS_THIS = 5 };

static void
name_class(const imago_vm *vm, imago_oop cls, char *text, size_t size)
{
	text[0] = '\0';
	if (vm_has_slots(vm, cls, CLASS_NAME + 1)) {
		copy_text(vm, vm_slot(vm, cls, CLASS_NAME), text, size);
	} else if (vm_has_slots(vm, cls, METACLASS_THIS + 1)) {
		imago_oop this_class = vm_slot(vm, cls, METACLASS_THIS);
		if (vm_has_slots(vm, this_class, CLASS_NAME + 1)) {
			copy_text(vm, vm_slot(vm, this_class, CLASS_NAME), text, size > 7 ? size - 6 : size);
			strncat(text, " class", size - strlen(text) - 1);
		}
	}
}

/* The class and selector under which a method is found; searched for only when a run ends. */
static void
name_method(const imago_vm *vm, imago_oop wanted, char *text, size_t size)
{
	char class_name[NAME_LENGTH];
	char selector[NAME_LENGTH];
	text[0] = '\0';
	uint64_t num_left = MAX_CHAIN; /* methods to compare with */
	imago_oop cls = imago_memory_class_of(vm->memory, vm->frame.receiver);
	for (int i = 0; i < MAX_SUPERCLASSES && vm_has_slots(vm, cls, CLASS_FORMAT + 1); i++) {
		imago_oop dictionary = vm_slot(vm, cls, CLASS_METHODS);
		imago_oop values = vm_has_slots(vm, dictionary, DICTIONARY_SELECTORS)
		                       ? vm_slot(vm, dictionary, DICTIONARY_VALUES)
		                       : vm_nil(vm);
		uint64_t count =
		    vm_has_slots(vm, values, 1) ? imago_memory_num_slots(vm->memory, values, vm->kind) : 0;
		for (uint64_t k = 0; k < count && num_left > 0; k++, num_left--) {
			if (vm_slot(vm, values, k) == wanted &&
			    vm_has_slots(vm, dictionary, DICTIONARY_SELECTORS + k + 1)) {
				name_class(vm, cls, class_name, sizeof class_name);
				copy_text(vm, vm_slot(vm, dictionary, DICTIONARY_SELECTORS + k), selector,
				          sizeof selector);
				(void)snprintf(text, size, "%s>>%s", class_name, selector);
				return;
			}
		}
		cls = vm_slot(vm, cls, CLASS_SUPERCLASS);
	}
}

bool
vm_stop(imago_vm *vm, imago_vm_end end, const char *reason)
{
	if (!vm->stopped) {
		vm->stopped = true;
		vm->result.end = end;
		vm->result.reason = reason;
		vm->result.pc = vm->frame.body != NULL ? (uint64_t)(vm->frame.ip - vm->frame.body) + 1 : 0;
		if (vm->frame.body != NULL) {
			name_method(vm, vm->method, vm->result.method, sizeof vm->result.method);
		}
	}
	return false;
}

bool
vm_violation(imago_vm *vm, const char *reason)
{
	return vm_stop(vm, IMAGO_VM_VIOLATION, reason);
}

/* Contexts are made often: what their headers are is found once. */
static void
find_context_headers(imago_vm *vm)
{
	enum { V3_COMPACT = 31, V3_SHORT = 3, SPUR_SLOTS = 56, SPUR_FORMAT = 24 };
	const uint64_t small = CONTEXT_FIXED + SMALL_FRAME;
	const uint64_t large = CONTEXT_FIXED + LARGE_FRAME;
	if (!vm->kind.v3) {
		uint64_t rest = (uint64_t)IMAGO_FORMAT_MIXED << SPUR_FORMAT | vm->context_tag;
		vm->context_headers[0] = small << SPUR_SLOTS | rest;
		vm->context_headers[1] = large << SPUR_SLOTS | rest;
		return;
	}
	uint64_t compact = 0;
	if (vm_has_slots(vm, vm->context_tag, CLASS_FORMAT + 1)) {
		imago_oop format = vm_slot(vm, vm->context_tag, CLASS_FORMAT);
		compact =
		    vm_is_integer(vm, format) ? (uint64_t)vm_integer(vm, format) >> 11 & V3_COMPACT : 0;
	}
	uint64_t rest = V3_SHORT | (uint64_t)IMAGO_FORMAT_MIXED << 8 | compact << 12;
	vm->context_headers[0] = compact != 0 ? (4 + small * 4) | rest : 0;
	vm->context_headers[1] = compact != 0 ? (4 + large * 4) | rest : 0;
}

void
vm_flush_cache(imago_vm *vm)
{
	memset(vm->cache, 0, sizeof vm->cache);
	vm_forget_codes(vm, false);
	find_context_headers(vm);
	vm_capture(vm);
}

void
vm_forget_young(imago_vm *vm)
{
	const imago_object_memory *memory = vm->memory;
	for (size_t i = 0; i < CACHE_SIZE; i++) {
		vm_cache_entry *entry = &vm->cache[i];
		if (imago_memory_is_young(memory, entry->selector) ||
		    imago_memory_is_young(memory, entry->method.oop) ||
		    (vm->kind.v3 && imago_memory_is_young(memory, entry->class_key))) {
			entry->selector = 0;
		}
	}
	vm_forget_codes(vm, true);
	find_context_headers(vm);
	vm_capture(vm);
}

bool
vm_reserve(imago_vm *vm, uint64_t num_bytes)
{
	imago_object_memory *memory = vm->memory;
	if (num_bytes <= memory->eden_limit - memory->eden_top) {
		return true;
	}
	uint64_t num_scavenges = memory->num_scavenges;
	uint64_t num_moves = imago_memory_moves(memory);
	vm_store_frame(vm);
	bool has_room = imago_memory_reserve(memory, num_bytes);
	bool entered = true;
	if (imago_memory_moves(memory) != num_moves) {
		vm_flush_cache(vm);
		entered = vm_enter_again(vm);
	} else if (memory->num_scavenges != num_scavenges) {
		vm_forget_young(vm);
		entered = vm_enter_again(vm);
	}
	/* Objects may have moved all the same, and whoever stops looks at the frame. */
	return entered && (has_room || vm_stop(vm, IMAGO_VM_MEMORY, "the memory is full"));
}

bool
vm_collect(imago_vm *vm, vm_collector collector)
{
	vm_store_frame(vm);
	bool done = collector == VM_SCAVENGE
	                ? imago_memory_scavenge(vm->memory)
	                : imago_memory_collect(vm->memory, collector == VM_COLLECT_ALL);
	vm_flush_cache(vm);
	return (vm->stopped || vm_enter_again(vm)) && done;
}

bool
imago_vm_collect(imago_vm *vm, bool global)
{
	return vm_collect(vm, global ? VM_COLLECT_ALL : VM_COLLECT_OLD);
}

/* All that the machine holds outside the memory: who keeps oops anywhere else adds them here, or
 * forgets them when objects have moved (vm_flush_cache). */
static void
visit_roots(void *payload, imago_visit_root_fn *visit, void *visitor)
{
	imago_vm *vm = payload;
	visit(visitor, &vm->context);
	visit(visitor, &vm->home);
	visit(visitor, &vm->method);
	if (vm->kind.v3) {
		visit(visitor, &vm->context_tag);
	}
	for (int i = 0; i < MAX_ROOTS; i++) {
		visit(visitor, &vm->roots[i]);
	}
}

static void
print_nothing(void *payload, const uint8_t *bytes, size_t size)
{
	(void)payload;
	(void)bytes;
	(void)size;
}

/* Enters the context of the active process, as an image that was saved goes on. */
static imago_status
start(imago_vm *vm, imago_error *error)
{
	imago_oop process = vm_active_process(vm);
	imago_oop context_class = vm_special(vm, IMAGO_SPECIAL_CLASS_CONTEXT);
	vm->context = vm->home = vm->method = vm_nil(vm);
	if (!vm_has_slots(vm, process, PROCESS_CONTEXT + 1) || !vm_is_object(vm, context_class) ||
	    context_class == vm_nil(vm)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "active process", IMAGO_NO_OFFSET, process, 0);
	}
	vm->context_tag =
	    vm->kind.v3 ? context_class : imago_memory_class_index(vm->memory, context_class);
	vm_flush_cache(vm);
	imago_oop context = vm_slot(vm, process, PROCESS_CONTEXT);
	if (vm->context_tag == 0 || !vm_enter(vm, context)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "suspended context", IMAGO_NO_OFFSET, context,
		                  0);
	}
	vm_set_slot(vm, process, PROCESS_CONTEXT, vm_nil(vm));
	return IMAGO_OK;
}

/* A machine without a memory. */
static imago_status
allocate(imago_vm **out, const imago_vm_options *options, imago_allocator *allocator,
         imago_error *error)
{
	*out = NULL;
	imago_vm *vm = imago_allocate(allocator, sizeof *vm, "virtual machine", error);
	if (vm == NULL) {
		return IMAGO_ENOMEM;
	}
	vm->allocator = allocator;
	vm->codes = imago_allocate(allocator, sizeof *vm->codes, "admitted code", error);
	if (vm->codes == NULL) {
		imago_vm_destroy(vm);
		return IMAGO_ENOMEM;
	}
	vm->image_name = options->image_name != NULL ? options->image_name : "image";
	vm->print = options->print != NULL ? options->print : print_nothing;
	vm->open_file = options->open_file;
	vm->save = options->save;
	vm->payload = options->payload;
	*out = vm;
	return IMAGO_OK;
}

static imago_memory_options
memory_options_of(const imago_vm_options *options)
{
	return (imago_memory_options){
	    .growth = options->growth > 0 ? options->growth : DEFAULT_GROWTH,
	    .eden_bytes = options->eden_bytes,
	    .collect_every = options->collect_every,
	};
}

/* With its memory there, or the reason why not; on failure the machine is gone. */
static imago_status
take_up(imago_vm **out, imago_vm *vm, imago_status status, imago_error *error)
{
	if (status == IMAGO_OK) {
		vm->kind = vm->memory->kind;
		vm->has_block_contexts = vm->memory->header.image_format == 6502;
		for (int i = 0; i < MAX_ROOTS; i++) {
			vm->roots[i] = vm_nil(vm);
		}
		vm->memory->visit_roots = visit_roots;
		vm->memory->roots_payload = vm;
		status = start(vm, error);
	}
	if (status != IMAGO_OK) {
		imago_vm_destroy(vm);
		return status;
	}
	*out = vm;
	return IMAGO_OK;
}

imago_status
imago_vm_create(imago_vm **out, const imago_heap *heap, const imago_vm_options *options,
                imago_allocator *allocator, imago_error *error)
{
	imago_vm *vm;
	*out = NULL;
	imago_status status = allocate(&vm, options, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	const imago_memory_options memory_options = memory_options_of(options);
	status = imago_memory_create(&vm->memory, heap, &memory_options, allocator, error);
	return take_up(out, vm, status, error);
}

imago_status
imago_vm_create_mapped(imago_vm **out, const imago_memory_mapping *mapping,
                       const imago_vm_options *options, imago_allocator *allocator,
                       imago_error *error)
{
	imago_vm *vm;
	*out = NULL;
	imago_status status = allocate(&vm, options, allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	const imago_memory_options memory_options = memory_options_of(options);
	status = imago_memory_create_mapped(&vm->memory, mapping, &memory_options, allocator, error);
	return take_up(out, vm, status, error);
}

void
imago_vm_destroy(imago_vm *vm)
{
	if (vm != NULL) {
		vm_release_files(vm);
		imago_release(vm->allocator, vm->codes, vm->codes != NULL ? sizeof *vm->codes : 0);
		imago_memory_destroy(vm->memory);
		imago_release(vm->allocator, vm, sizeof *vm);
	}
}

void
imago_vm_run(imago_vm *vm, uint64_t fuel, imago_vm_result *result)
{
	uint64_t used = 0;
	while (!vm->stopped && used < fuel) {
		vm->slice = fuel - used < SLICE ? fuel - used : SLICE;
		vm->left = vm->slice;
		vm->fuel = fuel - used;
		vm->work = 0;
		vm_interpret(vm);
		uint64_t executed = vm->slice - vm->left;
		used += executed + vm->work;
		vm->statistics.num_bytecodes += executed;
		vm->slice = vm->left = 0;
		vm->look_around = true;
	}
	if (vm->stopped) {
		*result = vm->result;
		vm->stopped = vm->result.end != IMAGO_VM_FUEL;
		return;
	}
	*result = (imago_vm_result){
	    .end = IMAGO_VM_FUEL,
	    .reason = VM_OUT_OF_FUEL,
	    .pc = (uint64_t)(vm->frame.ip - vm->frame.body) + 1,
	};
	name_method(vm, vm->method, result->method, sizeof result->method);
}

const imago_object_memory *
imago_vm_memory(const imago_vm *vm)
{
	return vm->memory;
}

imago_vm_statistics
imago_vm_statistics_of(const imago_vm *vm)
{
	imago_vm_statistics statistics = vm->statistics;
	const imago_collections *collections = &vm->memory->collections;
	statistics.num_scavenges = vm->memory->num_scavenges;
	statistics.num_old_collections = collections->num_old;
	statistics.num_global_collections = collections->num_global;
	statistics.bytes_freed = collections->bytes_freed;
	statistics.num_weak_cleared = collections->num_weak_cleared;
	statistics.num_fired = collections->num_fired;
	statistics.num_outside += collections->num_weak_cleared + collections->num_fired;
	statistics.bytes_promoted = vm->memory->bytes_promoted;
	return statistics;
}

imago_status
imago_vm_snapshot(imago_vm *vm, imago_heap **out, imago_allocator *allocator, imago_error *error)
{
	imago_oop process = vm_active_process(vm);
	vm_store_frame(vm);
	if (!vm_has_slots(vm, process, PROCESS_CONTEXT + 1)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "active process", IMAGO_NO_OFFSET, process, 0);
	}
	vm_set_slot(vm, process, PROCESS_CONTEXT, vm->context);
	imago_status status = imago_memory_snapshot(vm->memory, out, allocator, error);
	vm_flush_cache(vm);
	process = vm_active_process(vm);
	vm_set_slot(vm, process, PROCESS_CONTEXT, vm_nil(vm));
	if (!vm->stopped && !vm_enter_again(vm) && status == IMAGO_OK) {
		imago_heap_destroy(*out);
		*out = NULL;
		return imago_fail(error, IMAGO_ESTRUCTURE, "active context", IMAGO_NO_OFFSET, 0, 0);
	}
	return status;
}

imago_status
imago_vm_pause(imago_vm *vm, imago_memory_mapping *out, imago_error *error)
{
	imago_oop process = vm_active_process(vm);
	vm_store_frame(vm);
	if (!vm_has_slots(vm, process, PROCESS_CONTEXT + 1)) {
		return imago_fail(error, IMAGO_ESTRUCTURE, "active process", IMAGO_NO_OFFSET, process, 0);
	}
	vm_set_slot(vm, process, PROCESS_CONTEXT, vm->context);
	imago_status status = imago_memory_pause(vm->memory, out, error);
	if (status != IMAGO_OK) {
		(void)imago_vm_resume(vm);
	}
	return status;
}

bool
imago_vm_resume(imago_vm *vm)
{
	imago_memory_resume(vm->memory);
	vm_flush_cache(vm);
	imago_oop process = vm_active_process(vm);
	if (vm_has_slots(vm, process, PROCESS_CONTEXT + 1)) {
		vm_set_slot(vm, process, PROCESS_CONTEXT, vm_nil(vm));
	}
	return !vm->stopped && vm_enter_again(vm);
}
