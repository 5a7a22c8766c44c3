/* real_runs_test.c: the genuine images of ../shared/images, executed: what they print, how they
 * end, and after how many bytecodes; the same in another byte order and word size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "imago/image.h"
#include "imago/rebuild.h"
#include "imago/vm.h"

typedef struct real_run {
	const char *path;
	uint64_t fuel;
	imago_vm_end end;
	uint64_t num_bytecodes; /* 0: all the fuel */
	uint64_t num_sends;
	const char *output; /* in what it prints; NULL: nothing is printed */
} real_run;

/* The counts of headless, pharo-vm and bootstrapped are those of other VMs
 * (../shared/images/README.md: 284, about 1.13 and 26 million). running-exit takes 301,425 where
 * one with a display and a compressor of bitmaps takes 46,584: those loops run as bytecodes here.
 * A SistaV1 prefix and its bytecode count as one (cp-node).
 */
static const real_run runs[] = {
    {"../shared/images/spur32-6521-headless.image", 10000, IMAGO_VM_QUIT, 284, 52, "3 + 4 = 7\n"},
    {"../shared/images/spur64-68021-pharo-vm.image", 10000000, IMAGO_VM_QUIT, 1130830, 0, NULL},
    {"../shared/images/v3-6502-running-exit.image", 10000000, IMAGO_VM_QUIT, 301425, 29086, NULL},
    {"../shared/images/v3-6505-bootstrapped.image", 60000000, IMAGO_VM_DEBUGGER, 0, 0,
     "a primitive has failed"},
    {"../shared/images/v3-6502-mini.image", 10000000, IMAGO_VM_FUEL, 0, 0, NULL},
    {"../shared/images/v3-6502-be-squeakjs.image", 10000000, IMAGO_VM_FUEL, 0, 0, NULL},
    {"../shared/images/spur32-6521-cp-node.image", 3000000, IMAGO_VM_FUEL, 0, 423255, NULL},
};

enum { NUM_RUNS = sizeof runs / sizeof runs[0], SKIPPED = 77, MAX_OUTPUT = 4096 };

typedef struct output {
	char text[MAX_OUTPUT];
	size_t size;
} output;

static void
keep_output(void *payload, const uint8_t *bytes, size_t size)
{
	output *kept = payload;
	if (size < MAX_OUTPUT - kept->size) {
		memcpy(kept->text + kept->size, bytes, size);
		kept->size += size;
		kept->text[kept->size] = '\0';
	}
}

static void
expect_run(const imago_heap *heap, const real_run *run)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	output printed = {.size = 0};
	const imago_vm_options options = {.print = keep_output, .payload = &printed};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_vm_run(vm, run->fuel, &result);
	imago_vm_statistics statistics = imago_vm_statistics_of(vm);
	/* Work of primitives is fuel, too: bytecodes are what others count. */
	while (result.end == IMAGO_VM_FUEL && statistics.num_bytecodes < run->fuel) {
		imago_vm_run(vm, run->fuel - statistics.num_bytecodes, &result);
		statistics = imago_vm_statistics_of(vm);
	}
	if (result.end != run->end) {
		print_error("%s: %s (%s, pc %u)\n", run->path, result.reason, result.method,
		            (unsigned)result.pc);
	}
	assert_int_equal(result.end, run->end);
	assert_int_equal(result.exit_status, 0);
	if (run->end == IMAGO_VM_FUEL) {
		assert_int_equal(statistics.num_bytecodes, run->fuel);
	} else if (run->num_bytecodes != 0) {
		assert_int_equal(statistics.num_bytecodes, run->num_bytecodes);
	}
	if (run->num_sends != 0) {
		assert_int_equal(statistics.num_sends, run->num_sends);
	}
	if (run->output == NULL) {
		assert_int_equal(printed.size, 0);
	} else {
		assert_non_null(strstr(printed.text, run->output));
	}
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
}

static void
expect_run_in_layout(const imago_heap *heap, const real_run *run, imago_layout layout)
{
	imago_allocator allocator;
	imago_error error;
	imago_heap *rebuilt;
	const imago_rebuild_options options = {.layout = layout};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_rebuild(&rebuilt, heap, &options, &allocator, NULL, &error), IMAGO_OK);
	expect_run(rebuilt, run);
	imago_heap_destroy(rebuilt);
}

typedef void expect_fn(const imago_heap *heap, const real_run *run);

static void
with_each_image(expect_fn *expect)
{
	for (size_t i = 0; i < NUM_RUNS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_image image;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_int_equal(imago_image_open(&image, runs[i].path, &allocator, &error), IMAGO_OK);
		expect(image.heap, &runs[i]);
		imago_image_close(&image);
	}
}

static void
each_image_does_what_it_does_elsewhere(void **state)
{
	(void)state;
	with_each_image(expect_run);
}

static void
expect_same_in_other_byte_order(const imago_heap *heap, const real_run *run)
{
	imago_layout layout = heap->layout;
	layout.byte_order =
	    layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	expect_run_in_layout(heap, run, layout);
}

static void
byte_order_changes_nothing(void **state)
{
	(void)state;
	with_each_image(expect_same_in_other_byte_order);
}

static void
expect_same_in_64_bits(const imago_heap *heap, const real_run *run)
{
	if (heap->model == IMAGO_SPUR && heap->layout.word_bytes == 4) {
		expect_run_in_layout(heap, run, (imago_layout){8, heap->layout.byte_order});
	}
}

static void
word_size_changes_nothing(void **state)
{
	(void)state;
	with_each_image(expect_same_in_64_bits);
}

int
main(void)
{
	FILE *file = fopen(runs[0].path, "rb");
	if (file == NULL) {
		print_message("skipped: no real images\n");
		return SKIPPED;
	}
	(void)fclose(file);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_image_does_what_it_does_elsewhere),
	    cmocka_unit_test(byte_order_changes_nothing),
	    cmocka_unit_test(word_size_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
