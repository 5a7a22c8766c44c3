/* kernel_test.c: images made from scratch run: in every layout each program prints its number and
 * quits; converted, it does the same; cut anywhere, saved, carried through a file or folder in the
 * other byte order and resumed, it is the program that never stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "imago/digest.h"
#include "imago/image.h"
#include "imago/kernel.h"
#include "imago/rebuild.h"
#include "kernel_runs.h"
#include "small_image.h"

enum { PLENTY = 1000000 };

typedef void visit_image(const test_layout *layout, const kernel_program *program, imago_heap *heap,
                         imago_allocator *allocator);

static void
with_each_image(visit_image *visit)
{
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS; k++) {
			imago_allocator allocator;
			imago_allocator_init(&allocator, IMAGO_UNLIMITED);
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			if (heap != NULL) {
				visit(&test_layouts[i], &kernel_programs[k], heap, &allocator);
			}
			imago_heap_destroy(heap);
			assert_int_equal(allocator.used, 0);
		}
	}
}

static void
expect_output(const kernel_program *program, const kernel_run *run)
{
	if (run->result.end != IMAGO_VM_QUIT) {
		print_error("%s: %s (%s, pc %u)\n", program->name, run->result.reason, run->result.method,
		            (unsigned)run->result.pc);
	}
	assert_int_equal(run->result.end, IMAGO_VM_QUIT);
	assert_int_equal(run->result.exit_status, 0);
	assert_string_equal(run->printed.text, program->output);
}

static void
expect_clean_run(const test_layout *layout, const kernel_program *program, imago_heap *heap,
                 imago_allocator *allocator)
{
	kernel_run run = {.num_sends = 0};
	kernel_expect_clean(heap, layout->name, true);
	kernel_run_heap(heap, PLENTY, &run, NULL, allocator);
	expect_output(program, &run);
}

static void
each_program_prints_its_number_in_each_layout(void **state)
{
	(void)state;
	with_each_image(expect_clean_run);
}

/* The list that the command offers is the list of the text, and it is complete. */
static void
the_list_of_programs_is_that_of_the_text(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NUM_KERNEL_PROGRAMS; i++) {
		assert_string_equal(imago_kernel_program(i), kernel_programs[i].name);
	}
	assert_null(imago_kernel_program(NUM_KERNEL_PROGRAMS));
}

static imago_heap *
rebuilt(const imago_heap *heap, imago_layout layout, imago_allocator *allocator)
{
	imago_error error;
	imago_heap *made;
	const imago_rebuild_options options = {.layout = layout};
	assert_int_equal(imago_rebuild(&made, heap, &options, allocator, NULL, &error), IMAGO_OK);
	return made;
}

static imago_layout
turned(imago_layout layout)
{
	layout.byte_order =
	    layout.byte_order == IMAGO_LITTLE_ENDIAN ? IMAGO_BIG_ENDIAN : IMAGO_LITTLE_ENDIAN;
	return layout;
}

static void
expect_same_elsewhere(const test_layout *layout, const kernel_program *program, imago_heap *heap,
                      imago_allocator *allocator)
{
	kernel_run here = {.num_sends = 0};
	kernel_run there = {.num_sends = 0};
	kernel_run_heap(heap, PLENTY, &here, NULL, allocator);
	imago_heap *other = rebuilt(heap, turned(layout->layout), allocator);
	kernel_run_heap(other, PLENTY, &there, NULL, allocator);
	imago_heap_destroy(other);
	expect_output(program, &there);
	assert_int_equal(there.num_bytecodes, here.num_bytecodes);
	assert_int_equal(there.num_sends, here.num_sends);
	if (layout->model == IMAGO_SPUR && layout->layout.word_bytes == 4) {
		kernel_run wide = {.num_sends = 0};
		other = rebuilt(heap, (imago_layout){8, layout->layout.byte_order}, allocator);
		kernel_run_heap(other, PLENTY, &wide, NULL, allocator);
		imago_heap_destroy(other);
		expect_output(program, &wide);
	}
}

static void
another_byte_order_or_word_size_changes_nothing(void **state)
{
	(void)state;
	with_each_image(expect_same_elsewhere);
}

/* ---- Cut and resumed. */

/* The image through a file, turned, and through a folder where the format has one. */
static imago_heap *
carried(imago_heap *heap, bool composed, imago_allocator *allocator)
{
	imago_error error;
	imago_image image;
	imago_heap *other = rebuilt(heap, turned(heap->layout), allocator);
	imago_format_id format = heap->model == IMAGO_V3 ? IMAGO_FORMAT_V3
	                         : composed              ? IMAGO_FORMAT_COMPOSED
	                                                 : IMAGO_FORMAT_SPUR;
	imago_heap_destroy(heap);
	test_image file = test_image_of(other, format, allocator);
	assert_non_null(file.bytes);
	assert_int_equal(imago_image_read(&image, file.bytes, file.size, allocator, &error), IMAGO_OK);
	imago_heap *read = rebuilt(image.heap, image.heap->layout, allocator);
	imago_image_close(&image);
	test_image_release(&file);
	return read;
}

static imago_digest
digest_of(const imago_heap *heap, imago_allocator *allocator)
{
	imago_error error;
	imago_digest digest;
	assert_int_equal(imago_digest_compute(&digest, heap, allocator, &error), IMAGO_OK);
	return digest;
}

/* The image after so many bytecodes at once. */
static imago_digest
digest_after(const imago_heap *heap, uint64_t fuel, imago_allocator *allocator)
{
	kernel_run run = {.num_sends = 0};
	imago_heap *after;
	kernel_run_heap(heap, fuel, &run, &after, allocator);
	assert_int_equal(run.num_bytecodes, fuel);
	imago_digest digest = digest_of(after, allocator);
	imago_heap_destroy(after);
	return digest;
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

enum { MOST_CUTS = 4 };

static void
expect_cuts_to_be_unseen(const test_layout *layout, const kernel_program *program, imago_heap *heap,
                         imago_allocator *allocator)
{
	static uint64_t seed = 88172645463325252U; /* another cut in each image, the same in each run */
	if (program->outside) {
		return; /* an image does not carry the clock */
	}
	kernel_run whole = {.num_sends = 0};
	kernel_run cut = {.num_sends = 0};
	kernel_run_heap(heap, PLENTY, &whole, NULL, allocator);
	imago_heap *at = rebuilt(heap, layout->layout, allocator);
	for (int i = 0; i < MOST_CUTS && cut.num_bytecodes + 2 < whole.num_bytecodes; i++) {
		uint64_t left = whole.num_bytecodes - cut.num_bytecodes - 1;
		imago_heap *next;
		kernel_run_heap(at, 1 + next_random(&seed) % left, &cut, &next, allocator);
		imago_heap_destroy(at);
		at = next;
		assert_int_equal(cut.result.end, IMAGO_VM_FUEL);
		kernel_expect_clean(at, layout->name, false);
		const imago_digest straight = digest_after(heap, cut.num_bytecodes, allocator);
		const imago_digest resumed = digest_of(at, allocator);
		assert_memory_equal(&straight, &resumed, sizeof straight);
		at = carried(at, i % 2 == 1, allocator);
	}
	kernel_run_heap(at, PLENTY, &cut, NULL, allocator);
	expect_output(program, &cut);
	assert_int_equal(cut.num_bytecodes, whole.num_bytecodes);
	assert_int_equal(cut.num_sends, whole.num_sends);
	imago_heap_destroy(at);
}

static void
a_program_cut_anywhere_and_resumed_is_the_one_that_never_stopped(void **state)
{
	(void)state;
	with_each_image(expect_cuts_to_be_unseen);
}

/* Every single place where a short program can be cut. */
static void
each_place_is_a_place_to_cut_at(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[0], &allocator);
		kernel_run whole = {.num_sends = 0};
		kernel_run_heap(heap, PLENTY, &whole, NULL, &allocator);
		for (uint64_t k = 1; k < whole.num_bytecodes; k++) {
			kernel_run cut = {.num_sends = 0};
			imago_heap *after;
			kernel_run_heap(heap, k, &cut, &after, &allocator);
			kernel_run_heap(after, PLENTY, &cut, NULL, &allocator);
			imago_heap_destroy(after);
			expect_output(&kernel_programs[0], &cut);
			assert_int_equal(cut.num_bytecodes, whole.num_bytecodes);
		}
		imago_heap_destroy(heap);
		assert_int_equal(allocator.used, 0);
	}
}

/* ---- What is asked for. */

static void
rounds_and_bytecodes_are_the_callers_choice(void **state)
{
	(void)state;
	imago_allocator allocator;
	imago_error error;
	imago_heap *heap;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_kernel_options options = {.image_format = 68021,
	                                .byte_order = IMAGO_LITTLE_ENDIAN,
	                                .bytecodes = IMAGO_BYTECODES_SISTA,
	                                .program = "sends",
	                                .rounds = 3};
	assert_int_equal(imago_kernel_make(&heap, &options, &allocator, &error), IMAGO_OK);
	kernel_run run = {.num_sends = 0};
	kernel_expect_clean(heap, "sends", true);
	kernel_run_heap(heap, PLENTY, &run, NULL, &allocator);
	imago_heap_destroy(heap);
	/* ((8361 * 31) + 8361) * 31 + 8361 */
	assert_string_equal(run.printed.text, "sends: 8302473\n");
	options.image_format = 6505;
	assert_int_equal(imago_kernel_make(&heap, &options, &allocator, &error), IMAGO_EUNSUPPORTED);
	options.bytecodes = IMAGO_BYTECODES_V3;
	options.program = "sens";
	assert_int_equal(imago_kernel_make(&heap, &options, &allocator, &error), IMAGO_EUNSUPPORTED);
	options.image_format = 4711;
	assert_int_equal(imago_kernel_make(&heap, &options, &allocator, &error), IMAGO_EVERSION);
	assert_int_equal(allocator.used, 0);
}

/* Fuel is what is executed, to the bytecode, work of primitives included. */
static void
fuel_is_what_is_executed(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_TEST_LAYOUTS; i++) {
		imago_allocator allocator;
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[1], &allocator);
		for (uint64_t fuel = 0; fuel < 20000; fuel = fuel * 2 + 1) {
			kernel_run run = {.num_sends = 0};
			kernel_run_heap(heap, fuel, &run, NULL, &allocator);
			assert_int_equal(run.result.end, IMAGO_VM_FUEL);
			assert_int_equal(run.num_bytecodes, fuel);
		}
		imago_heap_destroy(heap);
	}
}

static void
each_failing_allocation_is_reported(void **state)
{
	(void)state;
	imago_status status = IMAGO_ENOMEM;
	uint64_t k = 0;
	while (status == IMAGO_ENOMEM) {
		imago_allocator allocator;
		imago_error error;
		imago_heap *heap;
		const imago_kernel_options options = {.image_format = 6505};
		imago_allocator_init(&allocator, IMAGO_UNLIMITED);
		allocator.fail_at = ++k;
		status = imago_kernel_make(&heap, &options, &allocator, &error);
		imago_heap_destroy(heap);
		assert_int_equal(allocator.used, 0);
	}
	assert_int_equal(status, IMAGO_OK);
	assert_true(k > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_program_prints_its_number_in_each_layout),
	    cmocka_unit_test(the_list_of_programs_is_that_of_the_text),
	    cmocka_unit_test(another_byte_order_or_word_size_changes_nothing),
	    cmocka_unit_test(a_program_cut_anywhere_and_resumed_is_the_one_that_never_stopped),
	    cmocka_unit_test(each_place_is_a_place_to_cut_at),
	    cmocka_unit_test(rounds_and_bytecodes_are_the_callers_choice),
	    cmocka_unit_test(fuel_is_what_is_executed),
	    cmocka_unit_test(each_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
