/* hostile_runs_test.c: methods that no compiler makes (formats/bytecodes.md §8), in images that are
 * otherwise sound: each ends the run with the right reason, in every layout, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assembled_cases.h"
#include "imago/vm.h"
#include "small_image.h"

enum { MAX_CODE = 16 };

typedef struct hostile_method {
	const char *name;
	bool sista;
	uint8_t num_literals, num_temps;
	uint8_t num_bytecodes;
	uint8_t bytecodes[MAX_CODE];
	imago_vm_end end;
	const char *reason;
} hostile_method;

#define CODE(...)                     \
	sizeof((uint8_t[]){__VA_ARGS__}), \
	{                                 \
		__VA_ARGS__                   \
	}

static const hostile_method methods[] = {
    {"runs off its end", false, 0, 0, CODE(117), IMAGO_VM_VIOLATION, "bytecodes run off the end"},
    {"ends in the middle of a bytecode", false, 0, 0, CODE(117, 128), IMAGO_VM_VIOLATION,
     "the last bytecode is cut off"},
    {"jumps forward out of itself", false, 0, 0, CODE(151, 117), IMAGO_VM_VIOLATION,
     "a jump out of the method"},
    {"jumps back before itself", false, 0, 0, CODE(160, 0), IMAGO_VM_VIOLATION,
     "a jump out of the method"},
    {"pushes a literal that is not there", false, 0, 0, CODE(32, 120), IMAGO_VM_VIOLATION,
     "no such literal"},
    {"takes a literal for a variable", false, 1, 0, CODE(64, 120), IMAGO_VM_VIOLATION,
     "no such literal variable"},
    {"stores into a literal that is no variable", false, 1, 0, CODE(112, 129, 192, 120),
     IMAGO_VM_VIOLATION, "an extended store"},
    {"stores into a literal", false, 1, 0, CODE(112, 129, 128, 120), IMAGO_VM_VIOLATION,
     "an extended store"},
    {"pushes a slot that the receiver has not", false, 0, 0, CODE(15, 120), IMAGO_VM_VIOLATION,
     "the receiver has no such slot"},
    {"stores into a slot that the receiver has not", false, 0, 0, CODE(117, 103, 120),
     IMAGO_VM_VIOLATION, "the receiver has no such slot to store into"},
    {"stores into a far slot of the receiver", false, 0, 0, CODE(117, 132, 160, 255, 120),
     IMAGO_VM_VIOLATION, "a doubly extended push or store"},
    {"pushes a temporary beyond its frame", false, 0, 0, CODE(128, 127, 120), IMAGO_VM_VIOLATION,
     "an extended push of what is not there"},
    {"stores into a temporary beyond its frame", false, 0, 0, CODE(117, 129, 127, 120),
     IMAGO_VM_VIOLATION, "an extended store"},
    {"fills its stack", false, 0, 0, CODE(112, 160 + 3, 253), IMAGO_VM_VIOLATION,
     "the stack is full"},
    {"empties its stack", false, 0, 0, CODE(135, 120), IMAGO_VM_VIOLATION, "the stack is empty"},
    {"returns what is not on its stack", false, 0, 0, CODE(124), IMAGO_VM_VIOLATION,
     "the stack is empty"},
    {"sends to nothing", false, 1, 0, CODE(208), IMAGO_VM_VIOLATION,
     "a send without its receiver and arguments"},
    {"sends with more arguments than there are", false, 1, 0, CODE(112, 131, 224),
     IMAGO_VM_VIOLATION, "a send without its receiver and arguments"},
    {"adds nothing to nothing", false, 0, 0, CODE(176), IMAGO_VM_VIOLATION,
     "a send without its receiver and arguments"},
    {"sends to super without a class", false, 1, 0, CODE(112, 133, 0), IMAGO_VM_VIOLATION,
     "a super send in a method without a class"},
    {"makes an array of what is not there", false, 0, 0, CODE(138, 255), IMAGO_VM_VIOLATION,
     "the stack is empty"},
    {"reads a vector that is none", false, 0, 1, CODE(140, 0, 0), IMAGO_VM_VIOLATION,
     "no such element in a vector"},
    {"stores into a vector that is none", false, 0, 1, CODE(117, 141, 200, 0), IMAGO_VM_VIOLATION,
     "no such element to store into"},
    {"makes a block longer than itself", false, 0, 0, CODE(143, 0, 255, 255), IMAGO_VM_VIOLATION,
     "a block is longer than its method"},
    {"makes a block of what is not there", false, 0, 0, CODE(143, 0xF0, 0, 1), IMAGO_VM_VIOLATION,
     "the stack is empty"},
    {"has an unused bytecode", false, 0, 0, CODE(126), IMAGO_VM_VIOLATION, "an unused bytecode"},
    {"never ends", false, 0, 0, CODE(163, 254), IMAGO_VM_FUEL, "all the bytecodes"},
    /* #mustBeBoolean is not understood; the kernel's #doesNotUnderstand: is. */
    {"asks a number for the truth", false, 0, 0, CODE(117, 152, 120), IMAGO_VM_VIOLATION,
     "bytecodes run off the end"},

    {"second set: runs off its end", true, 0, 0, CODE(80), IMAGO_VM_VIOLATION,
     "bytecodes run off the end"},
    {"second set: prefixes without end", true, 0, 0,
     CODE(224, 255, 224, 255, 224, 255, 224, 255, 88), IMAGO_VM_VIOLATION, "too many extensions"},
    {"second set: signed prefixes without end", true, 0, 0,
     CODE(225, 128, 225, 0, 225, 0, 225, 0, 88), IMAGO_VM_VIOLATION, "too many extensions"},
    {"second set: ends in a prefix", true, 0, 0, CODE(224), IMAGO_VM_VIOLATION,
     "the last bytecode is cut off"},
    {"second set: jumps far back", true, 0, 0, CODE(225, 129, 237, 0), IMAGO_VM_VIOLATION,
     "a jump out of the method"},
    {"second set: a block without code", true, 1, 0, CODE(249, 0, 0), IMAGO_VM_VIOLATION,
     "a full block without code or class"},
    {"second set: a block of a literal that is not there", true, 0, 0, CODE(249, 9, 0),
     IMAGO_VM_VIOLATION, "no such literal"},
    {"second set: an unused bytecode", true, 0, 0, CODE(217), IMAGO_VM_VIOLATION,
     "an unused bytecode"},
    {"second set: a far temporary", true, 0, 0, CODE(229, 200), IMAGO_VM_VIOLATION,
     "no such temporary"},
    {"second set: a directed super send to no class", true, 1, 0, CODE(80, 225, 64, 235, 0),
     IMAGO_VM_VIOLATION, "a directed super send"},
};

enum { NUM_METHODS = sizeof methods / sizeof methods[0], FUEL = 20000 };

static imago_heap *
image_about_to_run(const test_layout *layout, const hostile_method *hostile,
                   imago_allocator *allocator)
{
	imago_builder *builder = test_builder(layout, allocator);
	assert_non_null(builder);
	const imago_builder_method method = {
	    .num_literals = hostile->num_literals,
	    .num_temps = hostile->num_temps,
	    .sista = hostile->sista,
	    .bytecodes = hostile->bytecodes,
	    .num_bytecodes = hostile->num_bytecodes,
	};
	imago_oop made = imago_builder_new_method(
	    builder, imago_builder_class(builder, IMAGO_KERNEL_COMPILED_METHOD), &method);
	imago_heap *heap = test_finish(builder);
	assert_non_null(heap);
	make_active(heap, made, 0, hostile->num_temps);
	return heap;
}

static void
expect_end(const test_layout *layout, const hostile_method *hostile)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	const imago_vm_options options = {.growth = 1 << 20, .eden_bytes = 1 << 16};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = image_about_to_run(layout, hostile, &allocator);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(heap);
	imago_vm_run(vm, FUEL, &result);
	if (result.end != hostile->end ||
	    strncmp(result.reason, hostile->reason, strlen(hostile->reason)) != 0) {
		fail_msg("%s, %s: %s, instead of: %s", layout->name, hostile->name, result.reason,
		         hostile->reason);
	}
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
}

static void
each_hostile_method_ends_the_run_with_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_METHODS; k++) {
			/* V3 has one set of bytecodes. */
			if (test_layouts[i].model == IMAGO_SPUR || !methods[k].sista) {
				expect_end(&test_layouts[i], &methods[k]);
			}
		}
	}
}

/* A run that ended has ended: asking again changes nothing. */
static void
a_run_that_ended_stays_ended(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_vm_result first;
	imago_vm_result second;
	const imago_vm_options options = {.growth = 1 << 20};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_heap *heap = image_about_to_run(&test_layouts[0], &methods[0], &allocator);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_vm_run(vm, FUEL, &first);
	imago_vm_run(vm, FUEL, &second);
	assert_int_equal(second.end, first.end);
	assert_string_equal(second.reason, first.reason);
	assert_int_equal(second.pc, first.pc);
	assert_int_equal(imago_vm_statistics_of(vm).num_bytecodes, 1);
	imago_vm_destroy(vm);
	imago_heap_destroy(heap);
}

/* Each failing allocation of making and running a machine is reported, and leaves nothing. */
static void
a_machine_that_cannot_be_made_leaves_nothing(void **state)
{
	(void)state;
	imago_allocator builder_allocator;
	imago_allocator_init(&builder_allocator, IMAGO_UNLIMITED);
	imago_heap *heap = image_about_to_run(&test_layouts[0], &methods[0], &builder_allocator);
	imago_status status = IMAGO_ENOMEM;
	uint64_t k = 0;
	while (status == IMAGO_ENOMEM) {
		imago_allocator allocator;
		imago_error error;
		imago_vm *vm;
		const imago_vm_options options = {.growth = 1 << 20};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		allocator.fail_at = ++k;
		status = imago_vm_create(&vm, heap, &options, &allocator, &error);
		imago_vm_destroy(vm);
		assert_int_equal(allocator.used, 0);
	}
	assert_int_equal(status, IMAGO_OK);
	assert_true(k > 3);
	imago_heap_destroy(heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_hostile_method_ends_the_run_with_its_reason),
	    cmocka_unit_test(a_run_that_ended_stays_ended),
	    cmocka_unit_test(a_machine_that_cannot_be_made_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
