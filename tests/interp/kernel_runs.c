#include "kernel_runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "imago/check.h"
#include "imago/kernel.h"

/* The numbers are those of the same computations elsewhere: 18 fib in calls; 501 + … + 2000; 500500
 * and the first number whose square is over 2000; 20 ! modulo 1000003 and 20; loop and floats by a
 * few lines of Python; processes and objects by squeak-vm (tests/peer). */
const kernel_program kernel_programs[NUM_KERNEL_PROGRAMS] = {
    {"hello", "hello from an image made of nothing\n", false, false},
    {"loop", "loop: 68632\n", false, false},
    {"sends", "sends: 8361\n", false, false},
    {"allocation", "allocation: 1875750\n", false, false},
    {"blocks", "blocks: 500545\n", false, false},
    {"floats", "floats: 1642\n", false, false},
    {"large", "large: 511544\n", false, false},
    {"processes", "processes: 258324\n", false, false},
    {"timer", "timer: 20\n", false, true},
    {"objects", "objects: 11138\n", false, false},
    {"files", "files: 0\n", false, true},
    {"unwinding", "unwinding: 1180\n", true, false},
};

imago_heap *
kernel_image(const test_layout *layout, const kernel_program *program, imago_allocator *allocator)
{
	imago_error error;
	imago_heap *heap = NULL;
	const imago_kernel_options options = {
	    .image_format = layout->image_format,
	    .byte_order = layout->layout.byte_order,
	    .program = program->name,
	};
	imago_status status = imago_kernel_make(&heap, &options, allocator, &error);
	if (program->closures && layout->image_format == 6502) {
		assert_int_equal(status, IMAGO_EUNSUPPORTED);
		assert_null(heap);
		return NULL;
	}
	if (status != IMAGO_OK) {
		char line[256];
		(void)imago_error_format(&error, line, sizeof line);
		fail_msg("%s, %s: %s", layout->name, program->name, line);
	}
	return heap;
}

void
keep_printed(void *payload, const uint8_t *bytes, size_t size)
{
	printed_text *kept = payload;
	assert_true(size < MAX_PRINTED - kept->size);
	memcpy(kept->text + kept->size, bytes, size);
	kept->size += size;
	kept->text[kept->size] = '\0';
}

imago_vm_statistics
run_bytecodes(imago_vm *vm, uint64_t num_bytecodes, imago_vm_result *result)
{
	imago_vm_run(vm, num_bytecodes, result);
	imago_vm_statistics statistics = imago_vm_statistics_of(vm);
	while (result->end == IMAGO_VM_FUEL && statistics.num_bytecodes < num_bytecodes) {
		imago_vm_run(vm, num_bytecodes - statistics.num_bytecodes, result);
		statistics = imago_vm_statistics_of(vm);
	}
	return statistics;
}

void
kernel_run_heap(const imago_heap *heap, uint64_t fuel, kernel_run *run, imago_heap **after,
                imago_allocator *allocator)
{
	imago_error error;
	imago_vm *vm;
	const imago_vm_options options = {
	    .growth = 4 << 20, .eden_bytes = 1 << 15, .print = keep_printed, .payload = &run->printed};
	assert_int_equal(imago_vm_create(&vm, heap, &options, allocator, &error), IMAGO_OK);
	const imago_vm_statistics statistics = run_bytecodes(vm, fuel, &run->result);
	run->num_bytecodes += statistics.num_bytecodes;
	run->num_sends += statistics.num_sends;
	if (after != NULL) {
		assert_int_equal(imago_vm_snapshot(vm, after, allocator, &error), IMAGO_OK);
	}
	imago_vm_destroy(vm);
}

typedef struct complaint {
	const char *name;
	bool warnings_too;
} complaint;

static bool
complain(const imago_finding *finding, void *payload)
{
	const complaint *about = payload;
	char line[512];
	if (about->warnings_too || finding->rule->severity == IMAGO_ERROR) {
		imago_finding_format(finding, about->name, line, sizeof line);
		fail_msg("%s", line);
	}
	return true;
}

void
kernel_expect_clean(const imago_heap *heap, const char *name, bool warnings_too)
{
	const imago_check_options options = {.num_threads = 1};
	imago_allocator allocator;
	imago_check_sink sink;
	imago_error error;
	complaint about = {name, warnings_too};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_check_sink_init(&sink, &options, complain, &about);
	assert_int_equal(imago_check(heap, &sink, &allocator, &error), IMAGO_OK);
	assert_int_equal(allocator.used, 0);
}
