/* processes.c: who runs: semaphores, priorities, the timer, and waiting for something to happen. */
#include "vm_private.h"

enum {
	LIST_SLOTS = 2,
	PROCESS_SLOTS = 4,
	MAX_PRIORITY = 256,
	KEEPS_PLACE = 16, /* headerFlags bit 4 (spur.md §4) */
};

static imago_oop
scheduler(const imago_vm *vm)
{
	imago_oop association = vm_special(vm, IMAGO_SPECIAL_SCHEDULER_ASSOCIATION);
	if (!vm_has_slots(vm, association, ASSOCIATION_VALUE + 1)) {
		return vm_nil(vm);
	}
	return vm_slot(vm, association, ASSOCIATION_VALUE);
}

imago_oop
vm_active_process(const imago_vm *vm)
{
	imago_oop here = scheduler(vm);
	if (!vm_has_slots(vm, here, SCHEDULER_ACTIVE + 1)) {
		return vm_nil(vm);
	}
	return vm_slot(vm, here, SCHEDULER_ACTIVE);
}

static int64_t
priority_of(const imago_vm *vm, imago_oop process)
{
	imago_oop priority = vm_slot(vm, process, PROCESS_PRIORITY);
	return vm_is_integer(vm, priority) ? vm_integer(vm, priority) : 0;
}

static bool
is_process(const imago_vm *vm, imago_oop oop)
{
	return vm_has_slots(vm, oop, PROCESS_SLOTS);
}

/* The Array of lists; nil when there is none. */
static imago_oop
all_lists(const imago_vm *vm)
{
	imago_oop here = scheduler(vm);
	return vm_has_slots(vm, here, SCHEDULER_ACTIVE + 1) ? vm_slot(vm, here, SCHEDULER_LISTS)
	                                                    : vm_nil(vm);
}

/* The list of those that are ready to run at a priority; nil when there is none. */
static imago_oop
ready_list(const imago_vm *vm, int64_t priority)
{
	imago_oop lists = all_lists(vm);
	if (priority < 1 || priority > MAX_PRIORITY || !vm_has_slots(vm, lists, (uint64_t)priority)) {
		return vm_nil(vm);
	}
	imago_oop list = vm_slot(vm, lists, (uint64_t)priority - 1);
	return vm_has_slots(vm, list, LIST_SLOTS) ? list : vm_nil(vm);
}

static void
add_last(imago_vm *vm, imago_oop list, imago_oop process)
{
	imago_oop last = vm_slot(vm, list, LIST_LAST);
	vm_set_slot(vm, process, PROCESS_NEXT, vm_nil(vm));
	if (vm_slot(vm, list, LIST_FIRST) == vm_nil(vm) || !is_process(vm, last)) {
		vm_set_slot(vm, list, LIST_FIRST, process);
	} else {
		vm_set_slot(vm, last, PROCESS_NEXT, process);
	}
	vm_set_slot(vm, list, LIST_LAST, process);
	vm_set_slot(vm, process, PROCESS_LIST, list);
}

static void
add_first(imago_vm *vm, imago_oop list, imago_oop process)
{
	imago_oop first = vm_slot(vm, list, LIST_FIRST);
	vm_set_slot(vm, process, PROCESS_NEXT, first);
	vm_set_slot(vm, list, LIST_FIRST, process);
	if (first == vm_nil(vm)) {
		vm_set_slot(vm, list, LIST_LAST, process);
	}
	vm_set_slot(vm, process, PROCESS_LIST, list);
}

/* The first of a list; nil when it is empty or broken. */
static imago_oop
remove_first(imago_vm *vm, imago_oop list)
{
	imago_oop first = vm_slot(vm, list, LIST_FIRST);
	if (!is_process(vm, first)) {
		return vm_nil(vm);
	}
	if (first == vm_slot(vm, list, LIST_LAST)) {
		vm_set_slot(vm, list, LIST_FIRST, vm_nil(vm));
		vm_set_slot(vm, list, LIST_LAST, vm_nil(vm));
	} else {
		vm_set_slot(vm, list, LIST_FIRST, vm_slot(vm, first, PROCESS_NEXT));
	}
	vm_set_slot(vm, first, PROCESS_NEXT, vm_nil(vm));
	vm_set_slot(vm, first, PROCESS_LIST, vm_nil(vm));
	return first;
}

static bool
remove_from(imago_vm *vm, imago_oop list, imago_oop process)
{
	imago_oop before = vm_nil(vm);
	imago_oop link = vm_slot(vm, list, LIST_FIRST);
	uint64_t num_steps = 0;
	while (link != process && num_steps < MAX_CHAIN && is_process(vm, link)) {
		before = link;
		link = vm_slot(vm, link, PROCESS_NEXT);
		num_steps++;
	}
	vm_charge_steps(vm, num_steps);
	if (link != process) {
		return false;
	}
	imago_oop next = vm_slot(vm, link, PROCESS_NEXT);
	if (before == vm_nil(vm)) {
		vm_set_slot(vm, list, LIST_FIRST, next);
	} else {
		vm_set_slot(vm, before, PROCESS_NEXT, next);
	}
	if (vm_slot(vm, list, LIST_LAST) == process) {
		vm_set_slot(vm, list, LIST_LAST, before);
	}
	vm_set_slot(vm, process, PROCESS_NEXT, vm_nil(vm));
	vm_set_slot(vm, process, PROCESS_LIST, vm_nil(vm));
	return true;
}

/* Puts the active process to sleep and goes on with another one. */
static bool
transfer_to(imago_vm *vm, imago_oop process)
{
	imago_oop active = vm_active_process(vm);
	if (!vm_has_slots(vm, scheduler(vm), SCHEDULER_ACTIVE + 1)) {
		return vm_violation(vm, "there is no scheduler");
	}
	vm_store_frame(vm);
	vm_capture(vm);
	if (is_process(vm, active)) {
		vm_set_slot(vm, active, PROCESS_CONTEXT, vm->context);
	}
	vm_set_slot(vm, scheduler(vm), SCHEDULER_ACTIVE, process);
	imago_oop context = vm_slot(vm, process, PROCESS_CONTEXT);
	vm_set_slot(vm, process, PROCESS_CONTEXT, vm_nil(vm));
	return vm_enter(vm, context);
}

/* Takes the ready process of the highest priority; nil when all wait. */
static imago_oop
take_ready(imago_vm *vm)
{
	imago_oop lists = all_lists(vm);
	uint64_t num_lists =
	    vm_has_slots(vm, lists, 1) ? imago_memory_num_slots(vm->memory, lists, vm->kind) : 0;
	for (int64_t i = num_lists < MAX_PRIORITY ? (int64_t)num_lists : MAX_PRIORITY; i > 0; i--) {
		imago_oop list = ready_list(vm, i);
		imago_oop process = list == vm_nil(vm) ? list : remove_first(vm, list);
		if (process != vm_nil(vm)) {
			return process;
		}
	}
	return vm_nil(vm);
}

/* There is something to finalize: whoever waits for that is made ready. */
static bool
tell_of_finalization(imago_vm *vm)
{
	bool told = vm->memory->num_finalizations > 0;
	vm->memory->num_finalizations = 0;
	imago_oop semaphore = vm_special(vm, IMAGO_SPECIAL_FINALIZATION_SEMAPHORE);
	if (!told || !vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1)) {
		return true;
	}
	imago_oop waiting = remove_first(vm, semaphore);
	imago_oop list = waiting != vm_nil(vm) ? ready_list(vm, priority_of(vm, waiting)) : waiting;
	if (waiting != vm_nil(vm) && list == vm_nil(vm)) {
		return vm_violation(vm, "a process has no priority that there is");
	}
	if (waiting != vm_nil(vm)) {
		add_last(vm, list, waiting);
	}
	return true;
}

/* Every process waits: time leaps to the timer. */
bool
vm_wait_for_something(imago_vm *vm)
{
	if (!tell_of_finalization(vm)) {
		return false;
	}
	for (;;) {
		imago_oop process = take_ready(vm);
		if (process != vm_nil(vm)) {
			return transfer_to(vm, process);
		}
		imago_oop semaphore = vm_special(vm, IMAGO_SPECIAL_TIMER_SEMAPHORE);
		if (vm->timer == 0 || !vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1)) {
			return vm_stop(vm, IMAGO_VM_IDLE, "every process waits, and no timer is set");
		}
		uint64_t now = vm_microseconds(vm);
		vm->time_skipped += vm->timer > now ? vm->timer - now : 0;
		vm->timer = 0;
		imago_oop waiting = remove_first(vm, semaphore);
		if (waiting == vm_nil(vm)) {
			return vm_stop(vm, IMAGO_VM_IDLE, "every process waits, and not for the timer");
		}
		imago_oop list = ready_list(vm, priority_of(vm, waiting));
		if (list == vm_nil(vm)) {
			return vm_violation(vm, "a process has no priority that there is");
		}
		add_last(vm, list, waiting);
	}
}

/* Makes a process ready; it runs at once when it is more important than the active one. */
static bool
resume(imago_vm *vm, imago_oop process)
{
	imago_oop active = vm_active_process(vm);
	imago_oop list = ready_list(vm, priority_of(vm, process));
	if (list == vm_nil(vm) || !is_process(vm, active)) {
		return vm_violation(vm, "a process has no priority that there is");
	}
	if (priority_of(vm, process) <= priority_of(vm, active)) {
		add_last(vm, list, process);
		return true;
	}
	imago_oop mine = ready_list(vm, priority_of(vm, active));
	if (mine == vm_nil(vm)) {
		return vm_violation(vm, "the active process has no priority that there is");
	}
	if ((vm->memory->header.flags & KEEPS_PLACE) != 0) {
		add_first(vm, mine, active);
	} else {
		add_last(vm, mine, active);
	}
	return transfer_to(vm, process);
}

bool
vm_signal(imago_vm *vm, imago_oop semaphore)
{
	if (!vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1)) {
		return true;
	}
	imago_oop process = remove_first(vm, semaphore);
	if (process != vm_nil(vm)) {
		return resume(vm, process);
	}
	imago_oop signals = vm_slot(vm, semaphore, SEMAPHORE_SIGNALS);
	int64_t count = vm_is_integer(vm, signals) ? vm_integer(vm, signals) : 0;
	if (imago_memory_fits_integer(vm->kind, count + 1)) {
		vm_set_slot(vm, semaphore, SEMAPHORE_SIGNALS, vm_integer_oop(vm, count + 1));
	}
	return true;
}

/* Between two bytecodes, now and then: is there something to finalize, has the timer's time come?
 */
bool
vm_look_around(imago_vm *vm)
{
	vm->look_around = false;
	if (vm->memory->num_finalizations > 0) {
		vm->memory->num_finalizations = 0;
		vm->look_around = true;
		return vm_signal(vm, vm_special(vm, IMAGO_SPECIAL_FINALIZATION_SEMAPHORE));
	}
	if (vm->timer != 0 && vm_microseconds(vm) >= vm->timer) {
		vm->timer = 0;
		return vm_signal(vm, vm_special(vm, IMAGO_SPECIAL_TIMER_SEMAPHORE));
	}
	return true;
}

bool
primitive_signal(imago_vm *vm, uint32_t num_args)
{
	imago_oop semaphore = vm_peek(vm, 0);
	if (num_args != 0 || !vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1)) {
		return vm_fail(vm, 2);
	}
	return vm_signal(vm, semaphore) || true;
}

bool
primitive_wait(imago_vm *vm, uint32_t num_args)
{
	imago_oop semaphore = vm_peek(vm, 0);
	imago_oop active = vm_active_process(vm);
	if (num_args != 0 || !vm_has_slots(vm, semaphore, SEMAPHORE_SIGNALS + 1) ||
	    !vm_is_integer(vm, vm_slot(vm, semaphore, SEMAPHORE_SIGNALS)) || !is_process(vm, active)) {
		return vm_fail(vm, 2);
	}
	int64_t count = vm_integer(vm, vm_slot(vm, semaphore, SEMAPHORE_SIGNALS));
	if (count > 0) {
		vm_set_slot(vm, semaphore, SEMAPHORE_SIGNALS, vm_integer_oop(vm, count - 1));
		return true;
	}
	add_last(vm, semaphore, active);
	(void)vm_wait_for_something(vm);
	return true;
}

bool
primitive_resume(imago_vm *vm, uint32_t num_args)
{
	imago_oop process = vm_peek(vm, 0);
	if (num_args != 0 || !is_process(vm, process) ||
	    !vm_is_context(vm, vm_slot(vm, process, PROCESS_CONTEXT)) ||
	    ready_list(vm, priority_of(vm, process)) == vm_nil(vm)) {
		return vm_fail(vm, 2);
	}
	(void)resume(vm, process);
	return true;
}

bool
primitive_suspend(imago_vm *vm, uint32_t num_args)
{
	imago_oop process = vm_peek(vm, 0);
	if (num_args != 0 || !is_process(vm, process)) {
		return vm_fail(vm, 2);
	}
	if (process == vm_active_process(vm)) {
		vm_poke(vm, 0, vm_nil(vm));
		(void)vm_wait_for_something(vm);
		return true;
	}
	imago_oop list = vm_slot(vm, process, PROCESS_LIST);
	if (!vm_has_slots(vm, list, LIST_SLOTS) || !remove_from(vm, list, process)) {
		return vm_fail(vm, 2);
	}
	return vm_answer(vm, 0, list);
}

bool
primitive_yield(imago_vm *vm, uint32_t num_args)
{
	imago_oop active = vm_active_process(vm);
	if (num_args != 0 || !is_process(vm, active)) {
		return vm_fail(vm, 2);
	}
	imago_oop list = ready_list(vm, priority_of(vm, active));
	if (list == vm_nil(vm) || vm_slot(vm, list, LIST_FIRST) == vm_nil(vm)) {
		return true;
	}
	imago_oop next = remove_first(vm, list);
	if (next == vm_nil(vm)) {
		return vm_fail(vm, 2);
	}
	add_last(vm, list, active);
	(void)transfer_to(vm, next);
	return true;
}

/* The idle process gives its time away: nothing will happen before the timer. */
bool
primitive_relinquish(imago_vm *vm, uint32_t num_args)
{
	if (num_args > 1) {
		return vm_fail(vm, 5);
	}
	vm_drop(vm, num_args);
	if (vm->timer == 0) {
		vm_stop(vm, IMAGO_VM_IDLE, "the idle process runs, and no timer is set");
		return true;
	}
	uint64_t now = vm_microseconds(vm);
	vm->time_skipped += vm->timer > now ? vm->timer - now : 0;
	vm->look_around = true;
	return true;
}

/* ---- Critical sections: a list of those that wait, and the process inside. */

enum { SECTION_OWNER = 2, SECTION_SLOTS = 3 };

/* The section on the stack, when it is one and there is a process to own it. */
static bool
find_section(const imago_vm *vm, uint32_t num_args, imago_oop *section)
{
	*section = vm_peek(vm, 0);
	return num_args == 0 && vm_has_slots(vm, *section, SECTION_SLOTS) &&
	       is_process(vm, vm_active_process(vm));
}

/* Answers whether the active process was inside before; it waits while another one is. */
bool
primitive_enter_section(imago_vm *vm, uint32_t num_args)
{
	imago_oop section;
	if (!find_section(vm, num_args, &section)) {
		return vm_fail(vm, 2);
	}
	imago_oop active = vm_active_process(vm);
	imago_oop owner = vm_slot(vm, section, SECTION_OWNER);
	vm_poke(vm, 0, vm_boolean(vm, owner == active));
	if (owner == vm_nil(vm)) {
		vm_set_slot(vm, section, SECTION_OWNER, active);
	} else if (owner != active) {
		add_last(vm, section, active);
		(void)vm_wait_for_something(vm);
	}
	return true;
}

bool
primitive_exit_section(imago_vm *vm, uint32_t num_args)
{
	imago_oop section;
	if (!find_section(vm, num_args, &section)) {
		return vm_fail(vm, 2);
	}
	imago_oop next = remove_first(vm, section);
	vm_set_slot(vm, section, SECTION_OWNER, next);
	if (next != vm_nil(vm)) {
		(void)resume(vm, next);
	}
	return true;
}

/* true: inside already; false: now inside; nil: another one is. */
bool
primitive_test_section(imago_vm *vm, uint32_t num_args)
{
	imago_oop section;
	if (!find_section(vm, num_args, &section)) {
		return vm_fail(vm, 2);
	}
	imago_oop active = vm_active_process(vm);
	imago_oop owner = vm_slot(vm, section, SECTION_OWNER);
	if (owner == vm_nil(vm)) {
		vm_set_slot(vm, section, SECTION_OWNER, active);
		return vm_answer(vm, 0, vm->memory->false_object);
	}
	return vm_answer(vm, 0, owner == active ? vm->memory->true_object : vm_nil(vm));
}
