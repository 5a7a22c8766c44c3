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
#include "kernel_runs.h"

typedef struct real_run {
	const char *does;
	const char *path;
	uint64_t fuel;
	imago_vm_end end;
	uint64_t num_bytecodes; /* of FUEL: all of it */
	uint64_t num_sends;
	const char *output; /* all that it prints */
} real_run;

/* The counts of headless, pharo-vm and bootstrapped are those of other VMs
 * (../shared/images/README.md: 284, about 1.13 and 26 million). running-exit takes 301,425 where
 * one with a display and a compressor of bitmaps takes 46,584: those loops run as bytecodes here.
 * The other VM counts 45 sends of headless: 18 of our 52 are special selectors,
 * some of which it answers without a send. A SistaV1 prefix and its bytecode count as one
 * (cp-node). */
static const real_run runs[] = {
    {"headless prints 3 + 4 = 7 and quits", "spur32-6521-headless", 10000, IMAGO_VM_QUIT, 284, 52,
     "Smalltalk image fired up!\nFixing the world\n3 + 4 = 7\n"},
    {"pharo-vm quits by itself", "spur64-68021-pharo-vm", 10000000, IMAGO_VM_QUIT, 1130830, 86713,
     ""},
    {"running-exit quits by itself", "v3-6502-running-exit", 10000000, IMAGO_VM_QUIT, 301425, 29086,
     ""},
    {"bootstrapped reaches its debugger primitive", "v3-6505-bootstrapped", 60000000,
     IMAGO_VM_DEBUGGER, 25950810, 2110644, "a primitive has failed\r"},
    {"cp-node loops until its fuel is out", "spur32-6521-cp-node", 3000000, IMAGO_VM_FUEL, 3000000,
     423255, ""},
    {"mini runs 10 million bytecodes", "v3-6502-mini", 10000000, IMAGO_VM_FUEL, 10000000, 1112622,
     ""},
    {"the big-endian image runs 10 million bytecodes", "v3-6502-be-squeakjs", 10000000,
     IMAGO_VM_FUEL, 10000000, 1196762, ""},
};

/* Once as it is, and rebuilt. */
typedef enum rebuilding {
	AS_IT_IS,
	OTHER_ORDER,
	IN_64_BITS,
	IN_64_BITS_OTHER_ORDER,
	NUM_WAYS
} rebuilding;
static const char *const way_names[] = {"", ", in the other byte order", ", in 64 bits",
                                        ", in 64 bits of the other byte order"};

enum { NUM_RUNS = sizeof runs / sizeof runs[0], SKIPPED = 77, MAX_NAME = 128 };

typedef struct one_test {
	const real_run *run;
	rebuilding way;
	char name[MAX_NAME];
} one_test;

static void
expect_run(const imago_heap *heap, const real_run *run)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_vm_result result;
	printed_text printed = {.size = 0};
	const imago_vm_options options = {.print = keep_printed, .payload = &printed};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	const imago_vm_statistics statistics = run_bytecodes(vm, run->fuel, &result);
	if (result.end != run->end) {
		print_error("%s: %s (%s, pc %u)\n", run->path, result.reason, result.method,
		            (unsigned)result.pc);
	}
	assert_int_equal(result.end, run->end);
	assert_int_equal(result.exit_status, 0);
	assert_int_equal(statistics.num_bytecodes, run->num_bytecodes);
	assert_int_equal(statistics.num_sends, run->num_sends);
	assert_string_equal(printed.text, run->output);
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
}

/* Output, end and counts are the same whatever the layout: those of the table. */
static void
the_image_does_it(void **state)
{
	const one_test *test = *state;
	char path[MAX_NAME];
	imago_allocator allocator;
	imago_error error;
	imago_image image;
	assert_true(snprintf(path, sizeof path, "../shared/images/%s.image", test->run->path) <
	            MAX_NAME);
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}
	(void)fclose(file);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	assert_int_equal(imago_image_open(&image, path, &allocator, &error), IMAGO_OK);
	if (test->way == AS_IT_IS) {
		expect_run(image.heap, test->run);
	} else {
		imago_heap *rebuilt;
		imago_rebuild_options options = {.layout = image.heap->layout};
		if (test->way != OTHER_ORDER) {
			options.layout.word_bytes = 8;
		}
		if (test->way != IN_64_BITS) {
			options.layout.byte_order = image.heap->layout.byte_order == IMAGO_LITTLE_ENDIAN
			                                ? IMAGO_BIG_ENDIAN
			                                : IMAGO_LITTLE_ENDIAN;
		}
		assert_int_equal(imago_rebuild(&rebuilt, image.heap, &options, &allocator, NULL, &error),
		                 IMAGO_OK);
		expect_run(rebuilt, test->run);
		imago_heap_destroy(rebuilt);
	}
	imago_image_close(&image);
}

static bool
is_spur32(const real_run *run)
{
	return strncmp(run->path, "spur32", strlen("spur32")) == 0;
}

/* True when there is one of the images at least. */
static bool
are_there_images(void)
{
	for (size_t i = 0; i < NUM_RUNS; i++) {
		char path[MAX_NAME];
		(void)snprintf(path, sizeof path, "../shared/images/%s.image", runs[i].path);
		FILE *file = fopen(path, "rb");
		if (file != NULL) {
			(void)fclose(file);
			return true;
		}
	}
	return false;
}

int
main(void)
{
	static one_test each[NUM_RUNS * NUM_WAYS];
	struct CMUnitTest tests[NUM_RUNS * NUM_WAYS] = {{NULL, NULL, NULL, NULL, NULL}};
	size_t count = 0;
	if (!are_there_images()) {
		print_message("skipped: no real images\n");
		return SKIPPED;
	}
	for (size_t i = 0; i < NUM_RUNS; i++) {
		for (rebuilding way = AS_IT_IS; way < (is_spur32(&runs[i]) ? NUM_WAYS : IN_64_BITS);
		     way++) {
			one_test *one = &each[count];
			one->run = &runs[i];
			one->way = way;
			(void)snprintf(one->name, MAX_NAME, "%s%s", runs[i].does, way_names[way]);
			tests[count++] = (struct CMUnitTest){one->name, the_image_does_it, NULL, NULL, one};
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
