/* primitives_system.c: the machine itself: quitting, the clock, collections, output. */
#include "primitives.h"

#include <stdio.h>

bool
primitive_flush_cache(imago_vm *vm, uint32_t num_args)
{
	vm_flush_cache(vm);
	return vm_answer(vm, num_args, vm_peek(vm, num_args));
}

/* The image that is saved finds true when it goes on; this one goes on with false. It is told so
 * whether anybody keeps what it saved or not: like its files, the image that it saves is its
 * caller's to keep. */
bool
primitive_snapshot(imago_vm *vm, uint32_t num_args)
{
	if (num_args != 0) {
		return vm_fail(vm, BAD_NUM_ARGS);
	}
	vm->statistics.num_snapshots++;
	vm_charge(vm, vm_memory_bytes(vm) / VM_BYTES_A_BYTECODE);
	if (vm->save != NULL) {
		imago_heap *heap = NULL;
		imago_error error;
		vm_poke(vm, 0, vm->memory->true_object);
		if (imago_vm_snapshot(vm, &heap, vm->allocator, &error) != IMAGO_OK) {
			return vm->stopped || vm_stop(vm, IMAGO_VM_MEMORY, "no room for a snapshot") || true;
		}
		bool saved = vm->save(vm->payload, heap);
		imago_heap_destroy(heap);
		if (!saved) {
			vm_poke(vm, 0, vm_nil(vm));
			return true;
		}
	}
	vm_poke(vm, 0, vm->memory->false_object);
	return true;
}

bool
primitive_bytes_left(imago_vm *vm, uint32_t num_args)
{
	vm->statistics.num_outside++;
	const imago_object_memory *memory = vm->memory;
	return primitive_answer_int64(vm, num_args,
	                              (int64_t)(memory->eden_start - memory->old_top) +
	                                  (int64_t)(memory->eden_limit - memory->eden_top));
}

bool
primitive_quit(imago_vm *vm, uint32_t num_args)
{
	imago_oop status = vm_peek(vm, 0);
	vm->result.exit_status =
	    num_args == 1 && vm_is_integer(vm, status) ? (int)(vm_integer(vm, status) & 255) : 0;
	vm_stop(vm, IMAGO_VM_QUIT, "the image quits");
	return true;
}

bool
primitive_exit_to_debugger(imago_vm *vm, uint32_t num_args)
{
	(void)num_args;
	vm_stop(vm, IMAGO_VM_DEBUGGER, "the image asks for the debugger");
	return true;
}

static bool
answer_text(imago_vm *vm, uint32_t num_args, const char *text)
{
	uint64_t size = strlen(text);
	vm->roots[3] = vm_special(vm, IMAGO_SPECIAL_CLASS_STRING);
	imago_oop string = primitive_new(vm, vm->roots[3], size);
	if (string == 0 || !imago_memory_has_bytes(vm->memory, string, vm->kind)) {
		return vm_fail(vm, NO_MEMORY);
	}
	memcpy(imago_memory_body(vm->memory, string, vm->kind), text, (size_t)size);
	return vm_answer(vm, num_args, string);
}

bool
primitive_image_name(imago_vm *vm, uint32_t num_args)
{
	return num_args == 0 ? answer_text(vm, 0, vm->image_name) : vm_fail(vm, UNSUPPORTED);
}

bool
primitive_get_attribute(imago_vm *vm, uint32_t num_args)
{
	imago_oop which = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_integer(vm, which)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	switch (vm_integer(vm, which)) {
	case 0:
		return answer_text(vm, 1, "imago");
	case 1:
		return answer_text(vm, 1, vm->image_name);
	case 1001:
		return answer_text(vm, 1, "unix");
	default:
		return vm_fail(vm, BAD_ARGUMENT);
	}
}

/* beCursor, beDisplay, forceToScreen: there is nothing to be seen, and that is no failure. */
bool
primitive_without_display(imago_vm *vm, uint32_t num_args)
{
	return vm_answer(vm, num_args, vm_peek(vm, num_args));
}

bool
primitive_special_objects(imago_vm *vm, uint32_t num_args)
{
	return vm_answer(vm, num_args, vm->memory->special_objects);
}

static bool
collect(imago_vm *vm, uint32_t num_args, vm_collector collector)
{
	vm_charge(vm, vm_memory_bytes(vm) / VM_BYTES_A_BYTECODE);
	if (!vm_collect(vm, collector)) {
		return vm->stopped || vm_fail(vm, NO_MEMORY);
	}
	return primitive_bytes_left(vm, num_args);
}

/* fullGC. Permanent space is left to whoever runs the machine, as elsewhere. */
bool
primitive_collect_old(imago_vm *vm, uint32_t num_args)
{
	return collect(vm, num_args, VM_COLLECT_OLD);
}

/* incrementalGC */
bool
primitive_scavenge(imago_vm *vm, uint32_t num_args)
{
	return collect(vm, num_args, VM_SCAVENGE);
}

bool
primitive_next_mourner(imago_vm *vm, uint32_t num_args)
{
	imago_oop mourner = num_args == 0 ? imago_memory_next_mourner(vm->memory) : 0;
	return mourner != 0 ? vm_answer(vm, 0, mourner) : vm_fail(vm, FAILED);
}

/* ---- Time: microseconds of the virtual clock. */

enum { MICROSECONDS = 1000000, MILLISECOND = 1000, CLOCK_BITS = 0x1FFFFFFF };

/* Of the virtual clock's year 2000, in seconds since 1901. */
static const uint64_t first_second = UINT64_C(3124224000);

bool
primitive_millisecond_clock(imago_vm *vm, uint32_t num_args)
{
	vm->statistics.num_outside++;
	return primitive_answer_int64(vm, num_args,
	                              (int64_t)(vm_microseconds(vm) / MILLISECOND & CLOCK_BITS));
}

bool
primitive_seconds_clock(imago_vm *vm, uint32_t num_args)
{
	vm->statistics.num_outside++;
	return primitive_answer_int64(vm, num_args,
	                              (int64_t)(first_second + vm_microseconds(vm) / MICROSECONDS));
}

bool
primitive_utc_microseconds(imago_vm *vm, uint32_t num_args)
{
	vm->statistics.num_outside++;
	return primitive_answer_int64(vm, num_args,
	                              (int64_t)(first_second * MICROSECONDS + vm_microseconds(vm)));
}

/* Arms the timer for a moment; nil for a semaphore disarms it. */
static bool
arm(imago_vm *vm, uint32_t num_args, uint64_t moment)
{
	imago_oop semaphore = vm_peek(vm, 1);
	bool armed = vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1);
	vm_set_slot(vm, vm->memory->special_objects, IMAGO_SPECIAL_TIMER_SEMAPHORE,
	            armed ? semaphore : vm_nil(vm));
	vm->timer = armed ? (moment > 0 ? moment : 1) : 0;
	return vm_answer(vm, num_args, vm_peek(vm, num_args));
}

bool
primitive_signal_at_milliseconds(imago_vm *vm, uint32_t num_args)
{
	vm->statistics.num_outside++;
	int64_t moment;
	if (num_args != 2 || !primitive_int64(vm, vm_peek(vm, 0), &moment) ||
	    !vm_has_slots(vm, vm->memory->special_objects, IMAGO_SPECIAL_TIMER_SEMAPHORE + 1)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	/* The clock wraps: the moment is the next one that looks so. */
	uint64_t now = vm_microseconds(vm) / MILLISECOND;
	uint64_t ahead = ((uint64_t)moment - now) & CLOCK_BITS;
	return arm(vm, num_args, (now + (ahead > CLOCK_BITS / 2 ? 0 : ahead)) * MILLISECOND);
}

bool
primitive_signal_at_microseconds(imago_vm *vm, uint32_t num_args)
{
	vm->statistics.num_outside++;
	int64_t moment;
	uint64_t start = first_second * MICROSECONDS;
	if (num_args != 2 || !primitive_int64(vm, vm_peek(vm, 0), &moment) || moment < 0 ||
	    !vm_has_slots(vm, vm->memory->special_objects, IMAGO_SPECIAL_TIMER_SEMAPHORE + 1)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	return arm(vm, num_args, (uint64_t)moment > start ? (uint64_t)moment - start : 0);
}

/* putAscii: a byte to the console, in the images that have it at this number. */
bool
primitive_put_character(imago_vm *vm, uint32_t num_args)
{
	imago_oop byte = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_integer(vm, byte) || vm_integer(vm, byte) < 0 ||
	    vm_integer(vm, byte) > UINT8_MAX) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	uint8_t character = (uint8_t)vm_integer(vm, byte);
	vm->print(vm->payload, &character, 1);
	return vm_answer(vm, 1, vm_peek(vm, 1));
}

/* ---- Facts of the machine. */

/* The folder of the machine itself: an image is told nothing of where it runs. */
bool
primitive_vm_path(imago_vm *vm, uint32_t num_args)
{
	return num_args == 0 ? answer_text(vm, 0, "") : vm_fail(vm, UNSUPPORTED);
}

/* Who is to be told when memory is short: nobody is, but the image may say who. */
bool
primitive_low_space_semaphore(imago_vm *vm, uint32_t num_args)
{
	imago_oop semaphore = vm_peek(vm, 0);
	if (num_args != 1 || !vm_is_object(vm, semaphore)) {
		return vm_fail(vm, BAD_ARGUMENT);
	}
	bool fits = vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1);
	vm_set_slot(vm, vm->memory->special_objects, IMAGO_SPECIAL_LOW_SPACE_SEMAPHORE,
	            fits ? semaphore : vm_nil(vm));
	return vm_answer(vm, 1, vm_peek(vm, 1));
}

bool
primitive_signal_at_bytes_left(imago_vm *vm, uint32_t num_args)
{
	return num_args == 1 && vm_is_integer(vm, vm_peek(vm, 0)) && vm_integer(vm, vm_peek(vm, 0)) >= 0
	           ? vm_answer(vm, 1, vm_peek(vm, 1))
	           : vm_fail(vm, BAD_ARGUMENT);
}

enum { NUM_PARAMETERS = 75 };

/* A parameter of the machine by its customary number; those that mean nothing here are 0. */
static int64_t
parameter(const imago_vm *vm, int64_t number)
{
	const imago_object_memory *memory = vm->memory;
	switch (number) {
	case 1:
		return (int64_t)(memory->old_top - memory->old_base);
	case 3:
		return (int64_t)(vm_memory_bytes(vm) & 0x3FFFFFFF);
	case 7:
		return (int64_t)(memory->collections.num_old & 0x3FFFFFFF);
	case 9:
		return (int64_t)(memory->num_scavenges & 0x3FFFFFFF);
	case 40:
		return imago_word_bytes(vm->kind);
	case 41:
		return (int64_t)memory->header.image_format;
	case 44:
		return (int64_t)((memory->eden_limit - memory->eden_start) & 0x3FFFFFFF);
	default:
		return 0;
	}
}

/* All of them, or one; none may be set. */
bool
primitive_vm_parameters(imago_vm *vm, uint32_t num_args)
{
	uint64_t index;
	vm->statistics.num_outside++;
	if (num_args == 1) {
		return primitive_index(vm, vm_peek(vm, 0), NUM_PARAMETERS, &index)
		           ? primitive_answer_int64(vm, 1, parameter(vm, (int64_t)index + 1))
		           : vm_fail(vm, BAD_INDEX);
	}
	if (num_args != 0) {
		return vm_fail(vm, UNSUPPORTED);
	}
	vm->roots[3] = vm_special(vm, IMAGO_SPECIAL_CLASS_ARRAY);
	imago_oop array = primitive_new(vm, vm->roots[3], NUM_PARAMETERS);
	if (array == 0 || !vm_has_slots(vm, array, NUM_PARAMETERS)) {
		return vm_fail(vm, NO_MEMORY);
	}
	for (int64_t i = 0; i < NUM_PARAMETERS; i++) {
		int64_t value = parameter(vm, i + 1) & 0x3FFFFFFF;
		vm_set_slot(vm, array, (uint64_t)i, vm_integer_oop(vm, value));
	}
	return vm_answer(vm, 0, array);
}
