/* tabled_runs_test.c: over a source of which nothing is written: objects are copied, and a table
 * leads to them. A program that runs so is the program that runs in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../share/mapped.h"
#include "assertions.h"
#include "imago/digest.h"
#include "imago/pages.h"
#include "twin_runs.h"

enum { PLENTY = 1000000, FEW = 20000 };

static imago_allocator allocator;
static imago_error error;

/* Pages of the source that this process has of its own; the last one holds new objects, too. */
static uint64_t
private_pages(const machine *running)
{
	imago_page_counts counts[IMAGO_LAYERED_MAX_SECTIONS];
	uint64_t sum = 0;
	size_t num_sections = 0;
	imago_status status =
	    imago_attachment_pages(running->attached.attachment, counts, NULL, NULL, &error);
	if (status == IMAGO_EUNSUPPORTED) {
		return 0;
	}
	assert_ok(status, &error);
	for (size_t i = 0; i < running->attached.head.num_sections; i++) {
		num_sections += running->attached.head.sections[i].kind == IMAGO_LAYERED_OBJECTS;
	}
	for (size_t i = 0; i < num_sections; i++) {
		sum += counts[i].num_private;
	}
	return sum;
}

static imago_digest
digest_of(machine *running)
{
	imago_heap *heap;
	imago_digest digest;
	assert_ok(imago_vm_snapshot(running->vm, &heap, &allocator, &error), &error);
	kernel_expect_clean(heap, "a snapshot", false);
	assert_ok(imago_digest_compute(&digest, heap, &allocator, &error), &error);
	imago_heap_destroy(heap);
	return digest;
}

/* A machine that has quit would go on otherwise: runs are cut before. In both ways side by side,
 * cut after a third: what they are then, and in the end, is the same; and the twin that one saved
 * is what either goes on with. */
static void
expect_both_ways_to_be_one(const imago_heap *heap, uint64_t fuel, uint32_t collect_every)
{
	source from = make_source(heap, &allocator);
	outcome whole = {.num_sends = 0};
	machine alone = start_machine(&from, NULL, BY_PAGES, &whole.printed);
	add_run(&whole, &alone, fuel);
	end_machine(&alone);
	fuel = whole.num_bytecodes;
	outcome pages = {.num_sends = 0};
	outcome objects = {.num_sends = 0};
	outcome crossed = {.num_sends = 0};
	machine one = start_collecting(&from, NULL, BY_PAGES, collect_every, &pages.printed);
	machine other = start_collecting(&from, NULL, BY_OBJECTS, collect_every, &objects.printed);
	assert_true(one.attached.mapping.ready == other.attached.mapping.ready);
	add_run(&pages, &one, fuel / 3);
	add_run(&objects, &other, fuel / 3);
	expect_same(&pages, &objects);
	crossed = objects;
	imago_digest a = digest_of(&one);
	imago_digest b = digest_of(&other);
	assert_memory_equal(&a, &b, sizeof a);
	imago_writer twin = save_twin(&from, &other);
	assert_true(private_pages(&other) <= 1);
	end_machine(&other);
	end_machine(&one);
	other = start_collecting(&from, &twin, BY_OBJECTS, collect_every, &objects.printed);
	machine third = start_collecting(&from, &twin, BY_PAGES, collect_every, &crossed.printed);
	add_run(&objects, &other, fuel - fuel / 3);
	add_run(&crossed, &third, fuel - fuel / 3);
	expect_same(&whole, &objects);
	expect_same(&whole, &crossed);
	a = digest_of(&other);
	b = digest_of(&third);
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(private_pages(&other) <= 1);
	end_machine(&third);
	end_machine(&other);
	imago_writer_release(&twin);
	release_source(&from);
}

static void
kernel_images_run_the_same_in_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		if (test_layouts[i].layout.byte_order != imago_host_order()) {
			continue;
		}
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS; k++) {
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			if (heap != NULL && !kernel_programs[k].outside) {
				print_message("%s, %s\n", test_layouts[i].name, kernel_programs[k].name);
				expect_both_ways_to_be_one(heap, FEW, 0);
			}
			imago_heap_destroy(heap);
		}
	}
	assert_no_leak(&allocator);
}

/* Each allocation collects, every third old space: no collection writes the source. */
static void
collections_leave_the_source_alone(void **state)
{
	(void)state;
	for (size_t k = 0; k < NUM_KERNEL_PROGRAMS; k++) {
		imago_heap *heap = kernel_image(a_layout_of_this_host(), &kernel_programs[k], &allocator);
		if (heap != NULL && !kernel_programs[k].outside) {
			expect_both_ways_to_be_one(heap, 3000, 3);
		}
		imago_heap_destroy(heap);
	}
	assert_no_leak(&allocator);
}

static void
genuine_images_run_the_same_in_both_ways(void **state)
{
	static const char *const names[] = {"spur32-6521-headless", "spur64-68021-pharo-vm"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		imago_image image;
		open_genuine(&image, names[i], &allocator);
		expect_both_ways_to_be_one(image.heap, PLENTY, 0);
		imago_image_close(&image);
	}
	assert_no_leak(&allocator);
}

/* Whatever memory a machine gets: it cannot be made, or runs as ever; and if an object stayed in
 * the source for want of a copy, the machine cannot be saved, and says so. */
static void
without_memory_for_copies_it_runs_and_is_not_saved(void **state)
{
	(void)state;
	imago_heap *heap = kernel_image(a_layout_of_this_host(), &kernel_programs[0], &allocator);
	source from = make_source(heap, &allocator);
	outcome whole = {.num_sends = 0};
	machine alone = start_machine(&from, NULL, BY_PAGES, &whole.printed);
	add_run(&whole, &alone, FEW);
	end_machine(&alone);
	unsigned num_failed = 0;
	for (uint64_t budget = 0; budget < UINT64_C(1) << 20; budget += 16384) {
		outcome own = {.num_sends = 0};
		machine made = {.printed = &own.printed};
		imago_allocator limited;
		imago_memory_mapping now;
		const imago_layered_attach_options place = {
		    .attach.relocation = IMAGO_RELOCATION_NONE, .room = TWIN_ROOM, .tabled = true};
		const imago_vm_options options = {
		    .print = keep_printed, .payload = &own.printed, .eden_bytes = TWIN_EDEN};
		imago_allocator_init(&limited, budget);
		assert_ok(
		    imago_layered_attach(&made.attached, fileno(from.file), &place, &allocator, &error),
		    &error);
		imago_status status =
		    imago_vm_create_mapped(&made.vm, &made.attached.mapping, &options, &limited, &error);
		if (status == IMAGO_OK) {
			add_run(&own, &made, whole.num_bytecodes);
			expect_same(&whole, &own);
			bool failed = imago_vm_memory(made.vm)->table->failed;
			status = imago_vm_pause(made.vm, &now, &error);
			assert_true(status == IMAGO_OK || status == IMAGO_ENOMEM);
			assert_true(!failed || status == IMAGO_ENOMEM);
			num_failed += failed;
		} else {
			assert_int_equal(status, IMAGO_ENOMEM);
		}
		end_machine(&made);
		assert_no_leak(&limited);
	}
	assert_true(num_failed > 0);
	release_source(&from);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

int
main(void)
{
	if (!mapped_pages_are_told()) {
		return 77; /* what was written is known by pages */
	}
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kernel_images_run_the_same_in_both_ways),
	    cmocka_unit_test(collections_leave_the_source_alone),
	    cmocka_unit_test(genuine_images_run_the_same_in_both_ways),
	    cmocka_unit_test(without_memory_for_copies_it_runs_and_is_not_saved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
