/* snapshots_test.c: a run that is cut, saved and resumed again and again is the run that never
 * stopped: it prints the same, ends the same, after as many bytecodes and sends; and every image on
 * the way is one that the checker finds no error in. */
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

typedef struct cut_run {
	const char *path;
	uint64_t fuel;  /* in all */
	uint64_t piece; /* the longest; each is another length */
} cut_run;

static const cut_run runs[] = {
    {"../shared/images/spur32-6521-headless.image", 1000, 29},
    {"../shared/images/spur64-68021-pharo-vm.image", 1000000, 77777},
    {"../shared/images/v3-6505-bootstrapped.image", 3000000, 311111},
    {"../shared/images/v3-6502-running-exit.image", 1000000, 33333},
    {"../shared/images/v3-6502-be-squeakjs.image", 500000, 99999},
    {"../shared/images/spur32-6521-cp-node.image", 1000000, 111111},
};

enum { NUM_RUNS = sizeof runs / sizeof runs[0], SKIPPED = 77, EDEN = 65536 };

/* Runs a piece from a heap; *after is what it became, in the given layout. */
static void
run_piece(const imago_heap *heap, uint64_t fuel, kernel_run *so_far, imago_heap **after,
          imago_allocator *allocator)
{
	imago_error error;
	imago_vm *vm;
	const imago_vm_options options = {
	    .eden_bytes = EDEN, .print = keep_printed, .payload = &so_far->printed};
	assert_int_equal(imago_vm_create(&vm, heap, &options, allocator, &error), IMAGO_OK);
	const imago_vm_statistics statistics = run_bytecodes(vm, fuel, &so_far->result);
	so_far->num_bytecodes += statistics.num_bytecodes;
	so_far->num_sends += statistics.num_sends;
	if (after != NULL) {
		assert_int_equal(imago_vm_snapshot(vm, after, allocator, &error), IMAGO_OK);
	}
	imago_vm_destroy(vm);
}

/* The snapshot turned to the other byte order and written: what an image file would be. */
static void
turn(imago_heap **heap, imago_allocator *allocator)
{
	imago_error error;
	imago_heap *turned;
	imago_layout layout = (*heap)->layout;
	layout.byte_order =
	    layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	const imago_rebuild_options options = {.layout = layout};
	assert_int_equal(imago_rebuild(&turned, *heap, &options, allocator, NULL, &error), IMAGO_OK);
	imago_heap_destroy(*heap);
	*heap = turned;
}

static void
expect_cuts_to_be_unseen(const cut_run *run, const imago_heap *heap, bool turned)
{
	imago_allocator allocator;
	kernel_run whole = {.num_sends = 0};
	kernel_run cut = {.num_sends = 0};
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	run_piece(heap, run->fuel, &whole, NULL, &allocator);
	imago_heap *at = NULL;
	for (uint64_t piece = run->piece; cut.num_bytecodes < run->fuel;) {
		uint64_t left = run->fuel - cut.num_bytecodes;
		imago_heap *next;
		piece = 1 + piece * 7919 % run->piece;
		run_piece(at != NULL ? at : heap, piece < left ? piece : left, &cut, &next, &allocator);
		imago_heap_destroy(at);
		at = next;
		kernel_expect_clean(at, run->path, false);
		if (cut.result.end != IMAGO_VM_FUEL) {
			break;
		}
		if (turned) {
			turn(&at, &allocator);
		}
	}
	imago_heap_destroy(at);
	assert_int_equal(cut.result.end, whole.result.end);
	assert_int_equal(cut.num_bytecodes, whole.num_bytecodes);
	assert_int_equal(cut.num_sends, whole.num_sends);
	assert_string_equal(cut.printed.text, whole.printed.text);
	assert_int_equal(allocator.used, 0);
}

static void
expect_of_each(bool turned)
{
	for (size_t i = 0; i < NUM_RUNS; i++) {
		imago_allocator allocator;
		imago_error error;
		imago_image image;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		assert_int_equal(imago_image_open(&image, runs[i].path, &allocator, &error), IMAGO_OK);
		expect_cuts_to_be_unseen(&runs[i], image.heap, turned);
		imago_image_close(&image);
	}
}

static void
a_run_that_is_cut_and_resumed_is_the_run_that_never_stopped(void **state)
{
	(void)state;
	expect_of_each(false);
}

static void
it_may_be_resumed_from_an_image_of_the_other_byte_order(void **state)
{
	(void)state;
	expect_of_each(true);
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
	    cmocka_unit_test(a_run_that_is_cut_and_resumed_is_the_run_that_never_stopped),
	    cmocka_unit_test(it_may_be_resumed_from_an_image_of_the_other_byte_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
