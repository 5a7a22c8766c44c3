/* stress_runs_test.c: genuine images do the same when everything is collected all the time: they
 * print the same, end the same, after as many bytecodes and sends, and mean the same in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "imago/check.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/vm.h"

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

enum { NUM_RUNS = sizeof runs / sizeof runs[0], SKIPPED = 77, MAX_OUTPUT = 4096 };

typedef struct outcome {
	char text[MAX_OUTPUT];
	size_t size;
	imago_vm_result result;
	imago_vm_statistics statistics;
	imago_digest digest;
} outcome;

static void
keep_output(void *payload, const uint8_t *bytes, size_t size)
{
	outcome *kept = payload;
	if (size <= MAX_OUTPUT - kept->size) {
		memcpy(kept->text + kept->size, bytes, size);
		kept->size += size;
	}
}

static bool
fail_on_error(const imago_finding *finding, void *payload)
{
	char line[512];
	if (finding->rule->severity == IMAGO_ERROR) {
		imago_finding_format(finding, payload, line, sizeof line);
		fail_msg("%s", line);
	}
	return true;
}

static void
run_with(const stress_run *run, const imago_heap *heap, uint32_t collect_every, outcome *out)
{
	imago_allocator allocator;
	imago_error error;
	imago_vm *vm;
	imago_heap *after;
	imago_check_sink sink;
	const imago_check_options check_options = {.num_threads = 1};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const imago_vm_options options = {
	    .collect_every = collect_every, .print = keep_output, .payload = out};
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	imago_vm_run(vm, run->fuel, &out->result);
	/* Work of primitives is fuel, too, and more where more objects lie about. */
	for (uint64_t done = imago_vm_statistics_of(vm).num_bytecodes;
	     out->result.end == IMAGO_VM_FUEL && done < run->fuel;
	     done = imago_vm_statistics_of(vm).num_bytecodes) {
		imago_vm_run(vm, run->fuel - done, &out->result);
	}
	if (!imago_vm_collect(vm, true)) {
		assert_int_not_equal(out->result.end, IMAGO_VM_FUEL);
	}
	out->statistics = imago_vm_statistics_of(vm);
	assert_int_equal(imago_vm_snapshot(vm, &after, &allocator, &error), IMAGO_OK);
	imago_check_sink_init(&sink, &check_options, fail_on_error, (void *)(uintptr_t)run->path);
	assert_int_equal(imago_check(after, &sink, &allocator, &error), IMAGO_OK);
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
		outcome calm = {.size = 0};
		outcome stressed = {.size = 0};
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
		assert_int_equal(stressed.size, calm.size);
		assert_memory_equal(stressed.text, calm.text, calm.size);
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
