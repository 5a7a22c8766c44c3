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

#include "assertions.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/twin.h"
#include "imago/walk.h"
#include "kernel_runs.h"
#include "small_image.h"

enum { ROOM = 8 << 20, EDEN = 1 << 16, PLENTY = 1000000, NUM_PROCESSES = 8 };

static imago_allocator allocator;
static imago_error error;

/* A source on disk, and its objects as the file has them. */
typedef struct source {
	FILE *file;
	imago_layered_attachment untouched;
	imago_heap *heap;
} source;

static source
make_source(const imago_heap *heap)
{
	source made = {.file = tmpfile()};
	imago_writer writer;
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	assert_non_null(made.file);
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_ok(imago_layered_write(heap, NULL, &writer, &error), &error);
	assert_int_equal(fwrite(writer.bytes, 1, (size_t)writer.size, made.file), writer.size);
	assert_int_equal(fflush(made.file), 0);
	imago_writer_release(&writer);
	assert_ok(imago_layered_attach(&made.untouched, fileno(made.file), &plain, &allocator, &error),
	          &error);
	assert_ok(imago_layered_attached_heap(&made.heap, &made.untouched, &allocator, &error), &error);
	return made;
}

static void
release_source(source *made)
{
	imago_heap_destroy(made->heap);
	imago_layered_detach(&made->untouched);
	(void)fclose(made->file);
}

/* A machine over the source, or over a twin of it. */
typedef struct machine {
	imago_layered_attachment attached;
	imago_vm *vm;
	printed_text *printed;
} machine;

static machine
start_machine(const source *from, const imago_writer *twin, printed_text *printed)
{
	machine made = {.printed = printed};
	const imago_layered_attach_options place = {.attach.relocation = IMAGO_RELOCATION_NONE,
	                                            .room = ROOM};
	const imago_vm_options options = {
	    .print = keep_printed, .payload = printed, .eden_bytes = EDEN};
	imago_status status =
	    twin != NULL
	        ? imago_twin_attach(&made.attached, twin->bytes, twin->size, fileno(from->file), ROOM,
	                            &allocator, &error)
	        : imago_layered_attach(&made.attached, fileno(from->file), &place, &allocator, &error);
	assert_ok(status, &error);
	if (twin != NULL) {
		imago_heap *whole;
		assert_ok(imago_layered_attached_heap(&whole, &made.attached, &allocator, &error), &error);
		kernel_expect_clean(whole, "twin", false);
		imago_heap_destroy(whole);
	}
	assert_ok(
	    imago_vm_create_mapped(&made.vm, &made.attached.mapping, &options, &allocator, &error),
	    &error);
	return made;
}

static void
end_machine(machine *ended)
{
	imago_vm_destroy(ended->vm);
	imago_layered_detach(&ended->attached);
}

/* Saves the machine's twin, and lets it go on. */
static imago_writer
save_twin(const source *from, machine *running)
{
	imago_writer writer;
	imago_memory_mapping now;
	imago_writer_init(&writer, &allocator, from->heap->layout, &error);
	assert_ok(imago_vm_pause(running->vm, &now, &error), &error);
	assert_ok(imago_twin_write(&running->attached, &now, from->heap, &writer, &error), &error);
	(void)imago_vm_resume(running->vm);
	return writer;
}

typedef struct outcome {
	imago_vm_result result;
	printed_text printed;
	uint64_t num_bytecodes, num_sends;
} outcome;

static void
add_run(outcome *out, machine *running, uint64_t fuel)
{
	const imago_vm_statistics statistics = run_bytecodes(running->vm, fuel, &out->result);
	out->num_bytecodes += statistics.num_bytecodes;
	out->num_sends += statistics.num_sends;
}

static void
expect_same(const outcome *a, const outcome *b)
{
	assert_int_equal(a->result.end, b->result.end);
	assert_int_equal(a->num_bytecodes, b->num_bytecodes);
	assert_int_equal(a->num_sends, b->num_sends);
	assert_string_equal(a->printed.text, b->printed.text);
}

/* A machine's clock begins anew, so fuel ends before an image waits for it.
 *
 * Runs all at once, and in three parts: the second one over a twin, the third over a twin of that.
 */
static void
expect_parts_to_be_the_whole(const imago_heap *heap, uint64_t fuel)
{
	source from = make_source(heap);
	outcome whole = {.num_sends = 0};
	outcome parts = {.num_sends = 0};
	machine running = start_machine(&from, NULL, &whole.printed);
	add_run(&whole, &running, fuel);
	end_machine(&running);
	uint64_t third = whole.num_bytecodes / 3;
	running = start_machine(&from, NULL, &parts.printed);
	add_run(&parts, &running, third);
	for (int i = 0; i < 2; i++) {
		imago_writer twin = save_twin(&from, &running);
		end_machine(&running);
		running = start_machine(&from, &twin, &parts.printed);
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

static const test_layout *
a_layout_of_this_host(void)
{
	const test_layout *layout = test_layout_find("spur64");
	return is_of_this_host(layout) ? layout : test_layout_find("spur64be");
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
		char path[128];
		imago_image image;
		snprintf(path, sizeof path, "../shared/images/%s.image", names[i]);
		FILE *file = fopen(path, "rb");
		if (file == NULL) {
			print_message("skipped: no %s\n", path);
			skip();
		}
		(void)fclose(file);
		assert_ok(imago_image_open(&image, path, &allocator, &error), &error);
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
	machine running = start_machine(from, NULL, &run.printed);
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
	source from = make_source(heap);
	imago_writer twin = some_twin(&from);
	outcome alone = {.num_sends = 0};
	machine running = start_machine(&from, &twin, &alone.printed);
	add_run(&alone, &running, PLENTY);
	end_machine(&running);
	pid_t children[NUM_PROCESSES];
	for (int i = 0; i < NUM_PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			outcome own = {.num_sends = 0};
			machine mine = start_machine(&from, &twin, &own.printed);
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
	source from = make_source(heap);
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
	imago_status status =
	    imago_twin_attach(&attached, bytes, size, fileno(from->file), ROOM, &allocator, &error);
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

static void
another_source_is_refused(void **state)
{
	(void)state;
	const test_layout *layout = a_layout_of_this_host();
	imago_heap *heap = kernel_image(layout, &kernel_programs[2], &allocator);
	imago_heap *other_heap = kernel_image(layout, &kernel_programs[1], &allocator);
	source from = make_source(heap);
	source other = make_source(other_heap);
	imago_writer twin = some_twin(&from);
	assert_ok(attach_twin(twin.bytes, twin.size, &from), &error);
	assert_int_equal(attach_twin(twin.bytes, twin.size, &other), IMAGO_ESTRUCTURE);
	assert_string_equal(error.what, "source of a twin");
	/* One object of the source is another one. */
	turn_a_bit(heap);
	source changed = make_source(heap);
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
	source from = make_source(heap);
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
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(kernel_images_go_on_over_their_source, set_up),
	    cmocka_unit_test_setup(genuine_images_go_on_over_their_source, set_up),
	    cmocka_unit_test_setup(many_processes_work_over_one_source, set_up),
	    cmocka_unit_test_setup(a_twin_holds_little_more_than_what_was_changed, set_up),
	    cmocka_unit_test_setup(another_source_is_refused, set_up),
	    cmocka_unit_test_setup(every_prefix_and_every_damaged_byte_is_refused, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
