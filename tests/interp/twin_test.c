/* twin_test.c: working images over a source: a program that is saved as what it changed, and goes
 * on over the same source, is the program that never stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../share/mapped.h"
#include "assertions.h"
#include "imago/digest.h"
#include "imago/walk.h"
#include "twin_runs.h"

enum { PLENTY = 1000000, NUM_PROCESSES = 8 };

static imago_allocator allocator;
static imago_error error;

/* A machine's clock begins anew, so fuel ends before an image waits for it.
 *
 * Runs all at once, and in three parts: the second one over a twin, the third over a twin of that.
 */
static void
expect_parts_to_be_the_whole(const imago_heap *heap, uint64_t fuel)
{
	source from = make_source(heap, &allocator);
	outcome whole = {.num_sends = 0};
	outcome parts = {.num_sends = 0};
	machine running = start_machine(&from, NULL, BY_PAGES, &whole.printed);
	add_run(&whole, &running, fuel);
	end_machine(&running);
	uint64_t third = whole.num_bytecodes / 3;
	running = start_machine(&from, NULL, BY_PAGES, &parts.printed);
	add_run(&parts, &running, third);
	for (int i = 0; i < 2; i++) {
		imago_writer twin = save_twin(&from, &running);
		end_machine(&running);
		running = start_machine(&from, &twin, BY_PAGES, &parts.printed);
		imago_writer again = save_twin(&from, &running);
		imago_writer_release(&again);
		add_run(&parts, &running, i == 0 ? third : fuel - 2 * third);
		imago_writer_release(&twin);
	}
	end_machine(&running);
	expect_same(&whole, &parts);
	release_source(&from);
}

static bool
is_of_this_host(const test_layout *layout)
{
	return layout->layout.byte_order == imago_host_order();
}

static void
kernel_images_go_on_over_their_source(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS && is_of_this_host(&test_layouts[i]); k++) {
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			if (heap != NULL && !kernel_programs[k].outside) {
				print_message("%s, %s\n", test_layouts[i].name, kernel_programs[k].name);
				expect_parts_to_be_the_whole(heap, PLENTY);
			}
			imago_heap_destroy(heap);
		}
	}
	assert_no_leak(&allocator);
}

static void
genuine_images_go_on_over_their_source(void **state)
{
	static const char *const names[] = {"spur32-6521-headless", "spur64-68021-pharo-vm"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		imago_image image;
		open_genuine(&image, names[i], &allocator);
		expect_parts_to_be_the_whole(image.heap, PLENTY);
		imago_image_close(&image);
	}
	assert_no_leak(&allocator);
}

/* A twin in the middle of a run. */
static imago_writer
some_twin(const source *from)
{
	outcome run = {.num_sends = 0};
	machine running = start_machine(from, NULL, BY_PAGES, &run.printed);
	add_run(&run, &running, 20000);
	imago_writer twin = save_twin(from, &running);
	end_machine(&running);
	return twin;
}

static void
many_processes_work_over_one_source(void **state)
{
	(void)state;
	imago_heap *heap = kernel_image(a_layout_of_this_host(), &kernel_programs[2], &allocator);
	source from = make_source(heap, &allocator);
	imago_writer twin = some_twin(&from);
	outcome alone = {.num_sends = 0};
	machine running = start_machine(&from, &twin, BY_PAGES, &alone.printed);
	add_run(&alone, &running, PLENTY);
	end_machine(&running);
	pid_t children[NUM_PROCESSES];
	for (int i = 0; i < NUM_PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			outcome own = {.num_sends = 0};
			machine mine = start_machine(&from, &twin, BY_PAGES, &own.printed);
			add_run(&own, &mine, PLENTY);
			bool same = own.num_bytecodes == alone.num_bytecodes &&
			            own.result.end == alone.result.end &&
			            strcmp(own.printed.text, alone.printed.text) == 0;
			_exit(same ? 0 : 1);
		}
	}
	for (int i = 0; i < NUM_PROCESSES; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	imago_writer_release(&twin);
	release_source(&from);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
a_twin_holds_little_more_than_what_was_changed(void **state)
{
	(void)state;
	imago_heap *heap = kernel_image(a_layout_of_this_host(), &kernel_programs[2], &allocator);
	source from = make_source(heap, &allocator);
	imago_writer twin = some_twin(&from);
	imago_twin_head head;
	imago_twin_reader reader;
	imago_twin_run run;
	uint64_t num_runs = 0;
	assert_ok(imago_twin_decode(&head, twin.bytes, twin.size, &error), &error);
	assert_memory_equal(head.source, from.untouched.head.identity, sizeof head.source);
	assert_int_equal(twin.size, IMAGO_TWIN_HEADER + head.table_size + head.changed_size +
	                                (head.used - head.source_used));
	assert_true(head.table_size <= 18 * head.num_runs);
	imago_twin_reader_init(&reader, &head, twin.bytes, from.untouched.head.start);
	while (imago_twin_next(&reader, &run)) {
		for (uint64_t i = 0; i < run.size; i += 8) {
			const uint8_t *old = imago_heap_bytes(from.heap, run.address + i, 8);
			assert_non_null(old);
			assert_memory_not_equal(old, run.bytes + i, 8);
		}
		num_runs++;
	}
	assert_int_equal(num_runs, head.num_runs);
	imago_writer_release(&twin);
	release_source(&from);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static imago_status
attach_twin(const uint8_t *bytes, uint64_t size, const source *from)
{
	imago_layered_attachment attached;
	imago_status status = imago_twin_attach(&attached, bytes, size, fileno(from->file), TWIN_ROOM,
	                                        &allocator, &error);
	if (status == IMAGO_OK) {
		imago_layered_detach(&attached);
	}
	return status;
}

/* Of a string, which no rule looks into. */
static void
turn_a_bit(imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		if (object.kind == IMAGO_OBJECT_ORDINARY && object.body_kind == IMAGO_BODY_BITS8 &&
		    object.num_slots > 0) {
			imago_heap_writable_bytes(heap, object.body, 1)[0] ^= 1;
			return;
		}
	}
	fail();
}

static imago_digest
digest_in_place(const imago_layered_attachment *attached)
{
	imago_heap *whole;
	imago_digest digest;
	assert_ok(imago_layered_attached_heap(&whole, attached, &allocator, &error), &error);
	assert_ok(imago_digest_compute(&digest, whole, &allocator, &error), &error);
	imago_heap_destroy(whole);
	return digest;
}

/* The twin with references updated: the same image, and nothing of the source is changed but what
 * machines find by its place. */
static imago_writer
move_twin(const source *from, const imago_writer *twin, imago_twin_moves *moves)
{
	imago_layered_attachment attached;
	imago_heap *whole;
	imago_writer moved;
	assert_ok(imago_twin_attach(&attached, twin->bytes, twin->size, fileno(from->file), TWIN_ROOM,
	                            &allocator, &error),
	          &error);
	assert_ok(imago_layered_attached_heap(&whole, &attached, &allocator, &error), &error);
	imago_writer_init(&moved, &allocator, from->heap->layout, &error);
	assert_ok(imago_twin_write_moved(&attached, &attached.mapping, whole, from->heap, &moved, moves,
	                                 &error),
	          &error);
	imago_heap_destroy(whole);
	imago_layered_detach(&attached);
	return moved;
}

static void
expect_nothing_of_the_source_changed(const source *from, const imago_writer *twin)
{
	imago_twin_head head;
	imago_twin_reader reader;
	imago_twin_run run;
	imago_walker walker;
	imago_object object;
	assert_ok(imago_twin_decode(&head, twin->bytes, twin->size, &error), &error);
	imago_twin_reader_init(&reader, &head, twin->bytes, from->untouched.head.start);
	bool more = imago_twin_next(&reader, &run);
	imago_walk_init(&walker, from->heap, &error);
	while (more && imago_walk_next(&walker, &object)) {
		while (more && run.address < object.chunk + object.total_bytes) {
			assert_int_not_equal(object.kind, IMAGO_OBJECT_ORDINARY);
			more = imago_twin_next(&reader, &run);
		}
	}
}

static void
expect_moved_twin_to_be_the_same(const imago_heap *heap, uint64_t cut, uint64_t fuel)
{
	source from = make_source(heap, &allocator);
	outcome whole = {.num_sends = 0};
	machine running = start_machine(&from, NULL, BY_PAGES, &whole.printed);
	add_run(&whole, &running, cut);
	imago_writer twin = save_twin(&from, &running);
	end_machine(&running);
	imago_twin_moves moves;
	imago_writer moved = move_twin(&from, &twin, &moves);
	assert_true(moves.num_changed > 0 && moves.num_moved >= moves.num_changed);
	expect_nothing_of_the_source_changed(&from, &moved);
	outcome stayed = {.num_sends = 0};
	outcome went = {.num_sends = 0};
	running = start_machine(&from, &twin, BY_PAGES, &stayed.printed);
	machine other = start_machine(&from, &moved, BY_PAGES, &went.printed);
	imago_digest a = digest_in_place(&running.attached);
	imago_digest b = digest_in_place(&other.attached);
	assert_memory_equal(&a, &b, sizeof a);
	add_run(&stayed, &running, fuel);
	add_run(&went, &other, fuel);
	expect_same(&stayed, &went);
	end_machine(&other);
	end_machine(&running);
	imago_writer_release(&moved);
	imago_writer_release(&twin);
	release_source(&from);
}

static void
references_can_be_updated_instead(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		if (test_layouts[i].layout.byte_order == imago_host_order()) {
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[2], &allocator);
			expect_moved_twin_to_be_the_same(heap, 20000, PLENTY);
			imago_heap_destroy(heap);
		}
	}
	imago_image image;
	open_genuine(&image, "spur64-68021-pharo-vm", &allocator);
	expect_moved_twin_to_be_the_same(image.heap, 200000, PLENTY / 5);
	imago_image_close(&image);
	assert_no_leak(&allocator);
}

static void
another_source_is_refused(void **state)
{
	(void)state;
	const test_layout *layout = a_layout_of_this_host();
	imago_heap *heap = kernel_image(layout, &kernel_programs[2], &allocator);
	imago_heap *other_heap = kernel_image(layout, &kernel_programs[1], &allocator);
	source from = make_source(heap, &allocator);
	source other = make_source(other_heap, &allocator);
	imago_writer twin = some_twin(&from);
	assert_ok(attach_twin(twin.bytes, twin.size, &from), &error);
	assert_int_equal(attach_twin(twin.bytes, twin.size, &other), IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "source of a twin");
	/* One object of the source is another one. */
	turn_a_bit(heap);
	source changed = make_source(heap, &allocator);
	assert_int_equal(attach_twin(twin.bytes, twin.size, &changed), IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "source of a twin");
	release_source(&changed);
	imago_writer_release(&twin);
	release_source(&other);
	release_source(&from);
	imago_heap_destroy(other_heap);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static void
every_prefix_and_every_damaged_byte_is_refused(void **state)
{
	(void)state;
	imago_heap *heap = kernel_image(a_layout_of_this_host(), &kernel_programs[2], &allocator);
	source from = make_source(heap, &allocator);
	imago_writer twin = some_twin(&from);
	imago_twin_head head;
	for (uint64_t size = 0; size < twin.size; size += size < 1024 ? 1 : 37) {
		assert_int_not_equal(imago_twin_decode(&head, twin.bytes, size, &error), IMAGO_OK);
	}
	for (uint64_t i = 0; i < twin.size; i += i < 1024 ? 1 : 37) {
		for (int bit = 0; bit < 8; bit += i < 300 ? 1 : 7) {
			twin.bytes[i] ^= (uint8_t)(1U << bit);
			assert_int_not_equal(imago_twin_decode(&head, twin.bytes, twin.size, &error), IMAGO_OK);
			twin.bytes[i] ^= (uint8_t)(1U << bit);
		}
	}
	assert_ok(imago_twin_decode(&head, twin.bytes, twin.size, &error), &error);
	imago_writer_release(&twin);
	release_source(&from);
	imago_heap_destroy(heap);
	assert_no_leak(&allocator);
}

static int
set_up(void **state)
{
	(void)state;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	return 0;
}

int
main(void)
{
	if (!mapped_pages_are_told()) {
		return 77; /* what was written is known by pages */
	}
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(kernel_images_go_on_over_their_source, set_up),
	    cmocka_unit_test_setup(genuine_images_go_on_over_their_source, set_up),
	    cmocka_unit_test_setup(many_processes_work_over_one_source, set_up),
	    cmocka_unit_test_setup(a_twin_holds_little_more_than_what_was_changed, set_up),
	    cmocka_unit_test_setup(references_can_be_updated_instead, set_up),
	    cmocka_unit_test_setup(another_source_is_refused, set_up),
	    cmocka_unit_test_setup(every_prefix_and_every_damaged_byte_is_refused, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
