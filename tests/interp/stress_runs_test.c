/* stress_runs_test.c: genuine images do the same when everything is collected all the time: they
 * print the same, end the same, after as many bytecodes and sends, and mean the same in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "imago/digest.h"
#include "imago/image.h"
#include "imago/vm.h"
#include "kernel_runs.h"

typedef struct stress_run {
	const char *path;
	uint64_t fuel;
	uint32_t collect_every;
} stress_run;

static const stress_run runs[] = {
    {"../shared/images/spur32-6521-headless.image", 1000, 1},
    {"../shared/images/spur32-6521-cp-node.image", 10000, 1},
    {"../shared/images/spur64-68021-pharo-vm.image", 10000, 1},
    {"../shared/images/v3-6505-bootstrapped.image", 10000, 1},
    {"../shared/images/v3-6502-running-exit.image", 6000, 3},
    {"../shared/images/v3-6502-be-squeakjs.image", 6000, 3},
};

enum { NUM_RUNS = sizeof runs / sizeof runs[0], SKIPPED = 77 };

typedef struct outcome {
	printed_text printed;
	imago_vm_result result;
	imago_vm_statistics statistics;
	imago_digest digest;
} outcome;

static void
run_with(const stress_run *run, const imago_heap *heap, uint32_t collect_every, outcome *out)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_heap *after;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const imago_vm_options options = {
	    .collect_every = collect_every, .print = keep_printed, .payload = &out->printed};
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	(void)run_bytecodes(vm, run->fuel, &out->result);
	if (!imago_vm_collect(vm, true)) {
		assert_int_not_equal(out->result.end, IMAGO_VM_FUEL);
	}
	out->statistics = imago_vm_statistics_of(vm);
	assert_int_equal(imago_vm_snapshot(vm, &after, &allocator, &error), IMAGO_OK);
	kernel_expect_clean(after, run->path, false);
	assert_int_equal(imago_digest_compute(&out->digest, after, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(after);
	imago_vm_destroy(vm);
	assert_int_equal(allocator.used, 0);
}

static void
images_do_the_same_when_everything_is_collected_all_the_time(void **state)
{
	(void)state;
	uint64_t num_old = 0;
	uint64_t num_global = 0;
	for (size_t i = 0; i < NUM_RUNS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_image image;
		outcome calm = {.printed.size = 0};
		outcome stressed = {.printed.size = 0};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_int_equal(imago_image_open(&image, runs[i].path, &allocator, &error), IMAGO_OK);
		run_with(&runs[i], image.heap, 0, &calm);
		run_with(&runs[i], image.heap, runs[i].collect_every, &stressed);
		assert_true(stressed.statistics.num_scavenges > calm.statistics.num_scavenges);
		num_old += stressed.statistics.num_old_collections;
		num_global += stressed.statistics.num_global_collections;
		assert_int_equal(stressed.result.end, calm.result.end);
		assert_int_equal(stressed.statistics.num_bytecodes, calm.statistics.num_bytecodes);
		assert_int_equal(stressed.statistics.num_sends, calm.statistics.num_sends);
		assert_int_equal(stressed.statistics.num_primitives, calm.statistics.num_primitives);
		assert_string_equal(stressed.printed.text, calm.printed.text);
		assert_memory_equal(&stressed.digest, &calm.digest, sizeof calm.digest);
		imago_image_close(&image);
	}
	assert_true(num_old > 200 && num_global > 50);
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
	    cmocka_unit_test(images_do_the_same_when_everything_is_collected_all_the_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
