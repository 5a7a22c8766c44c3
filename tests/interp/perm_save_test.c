/* perm_save_test.c: the perm save in its two steps (formats/layered/layered.md §8), on kernel
 * images and genuine ones, by a loader that copies and by one that maps: what was loaded is
 * permanent and stays so, what the run made is not, and the result goes on where it was stopped, at
 * any address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "imago/digest.h"
#include "imago/image.h"
#include "imago/layered_attach.h"
#include "imago/pages.h"
#include "imago/permanent.h"
#include "imago/walk.h"
#include "kernel_runs.h"

enum { ROOM = 8 << 20, EDEN = 1 << 15, PLENTY = 2000000, LINE = 512 };

/* A header bit that nobody uses: here, of objects that were loaded into permanent space. */
#define LOADED (UINT64_C(1) << 22)

static imago_allocator allocator;
static imago_error error;

/* ---- Files. */

/* A layered file in memory, read. */
typedef struct layered_file {
	imago_writer writer;
	imago_image image;
	imago_layered_head head;
} layered_file;

static bool
fail_on_error(const imago_finding *finding, void *payload)
{
	char line[LINE];
	if (finding->rule->severity == IMAGO_ERROR) {
		imago_finding_format(finding, payload, line, sizeof line);
		fail_msg("%s", line);
	}
	return true;
}

/* The core rules, and those of the format: layered.remembered is among them. */
static void
expect_clean(const imago_image *image, const char *name)
{
	const imago_check_options options = {.num_threads = 1};
	char text[LINE];
	imago_check_sink sink;
	(void)snprintf(text, sizeof text, "%s", name);
	imago_check_sink_init(&sink, &options, fail_on_error, text);
	assert_int_equal(imago_image_check(image, &sink, &allocator, &error), IMAGO_OK);
}

static void
layer(layered_file *file, const imago_heap *heap, uint32_t flags)
{
	const imago_layered_options options = {.flags = flags};
	imago_writer_init(&file->writer, &allocator, heap->layout, &error);
	if (imago_layered_write(heap, &options, &file->writer, &error) != IMAGO_OK) {
		fail_msg("%s", error.what);
	}
	assert_int_equal(
	    imago_image_read(&file->image, file->writer.bytes, file->writer.size, &allocator, &error),
	    IMAGO_OK);
	assert_int_equal(
	    imago_layered_decode(&file->head, file->writer.bytes, file->writer.size, &error), IMAGO_OK);
	expect_clean(&file->image, flags != 0 ? "a perm save" : "what was saved");
	assert_int_equal(imago_layered_is_perm_save(file->writer.bytes, file->writer.size),
	                 (flags & IMAGO_LAYERED_PERM_SAVE) != 0);
}

static void
release(layered_file *file)
{
	imago_image_close(&file->image);
	imago_writer_release(&file->writer);
}

static imago_digest
digest_of(const imago_heap *heap)
{
	imago_digest digest;
	assert_int_equal(imago_digest_compute(&digest, heap, &allocator, &error), IMAGO_OK);
	return digest;
}

/* Ordinary objects in read-only sections, or in permanent space. */
static uint64_t
count_permanent(const imago_heap *heap)
{
	imago_walker walker;
	imago_object object;
	uint64_t count = 0;
	imago_walk_init(&walker, heap, &error);
	while (imago_walk_next(&walker, &object)) {
		const imago_segment *segment = &heap->segments[object.segment];
		bool permanent =
		    segment->space == IMAGO_SPACE_PERM || segment->tier == IMAGO_TIER_READ_ONLY;
		assert_true(!permanent || object.kind == IMAGO_OBJECT_ORDINARY ||
		            object.chunk == segment->start);
		assert_true(!permanent || (object.format != IMAGO_FORMAT_WEAK &&
		                           object.format != IMAGO_FORMAT_EPHEMERON));
		count += permanent && object.kind == IMAGO_OBJECT_ORDINARY;
	}
	assert_int_equal(walker.status, IMAGO_OK);
	return count;
}

/* ---- A machine, and what is permanent in it. */

/* What became of a run. */
typedef struct outcome {
	imago_vm_result result;
	imago_vm_statistics statistics;
	printed_text printed;
} outcome;

typedef struct attached_file {
	FILE *file;
	imago_layered_attachment attached;
} attached_file;

static void
detach(attached_file *mapped)
{
	imago_layered_detach(&mapped->attached);
	(void)fclose(mapped->file);
}

/* False where the host has no such way. */
static bool
attach(attached_file *mapped, const layered_file *file, imago_attach_place place)
{
	const imago_layered_attach_options options = {.attach.place = place, .room = ROOM};
	mapped->file = tmpfile();
	assert_non_null(mapped->file);
	assert_int_equal(fwrite(file->writer.bytes, 1, (size_t)file->writer.size, mapped->file),
	                 file->writer.size);
	assert_int_equal(fflush(mapped->file), 0);
	imago_status status =
	    imago_layered_attach(&mapped->attached, fileno(mapped->file), &options, &allocator, &error);
	if (status == IMAGO_EUNSUPPORTED || status == IMAGO_ERANGE) {
		print_message("skipped: %s\n", error.what);
		(void)fclose(mapped->file);
		return false;
	}
	assert_int_equal(status, IMAGO_OK);
	return true;
}

static imago_vm *
create(const imago_heap *heap, outcome *out)
{
	imago_vm *vm;
	const imago_vm_options options = {
	    .print = keep_printed, .payload = &out->printed, .growth = ROOM, .eden_bytes = EDEN};
	if (imago_vm_create(&vm, heap, &options, &allocator, &error) != IMAGO_OK) {
		fail_msg("%s", error.what);
	}
	return vm;
}

static imago_vm *
create_mapped(const attached_file *mapped, outcome *out)
{
	imago_vm *vm;
	const imago_vm_options options = {
	    .print = keep_printed, .payload = &out->printed, .eden_bytes = EDEN};
	if (imago_vm_create_mapped(&vm, &mapped->attached.mapping, &options, &allocator, &error) !=
	    IMAGO_OK) {
		fail_msg("%s", error.what);
	}
	return vm;
}

static void
expect_all_remembered(const imago_vm *vm)
{
	const char *wrong = imago_memory_audit(imago_vm_memory(vm));
	if (wrong != NULL) {
		fail_msg("%s", wrong);
	}
}

typedef struct object_counts {
	uint64_t num_permanent,
	    num_others; /* others: hidden arrays that a walk of a memory meets, too */
	uint64_t num_loaded_permanent, num_loaded_others; /* with the mark */
} object_counts;

typedef enum marking { LOOK, MARK, UNMARK } marking;

/* Counts by place and mark; sets or clears the marks of permanent objects. */
static object_counts
look_at_objects(const imago_vm *vm, marking what)
{
	const imago_object_memory *memory = imago_vm_memory(vm);
	const imago_memory_kind wide = {.wide = true};
	object_counts counts = {0};
	for (imago_oop oop = imago_memory_first(memory); oop != 0;
	     oop = imago_memory_next(memory, oop)) {
		bool permanent = imago_memory_is_perm(memory, oop);
		uint64_t header = imago_memory_header(memory, oop, memory->kind);
		bool loaded = (header & LOADED) != 0;
		counts.num_permanent += permanent;
		counts.num_others += !permanent;
		counts.num_loaded_permanent += permanent && loaded;
		counts.num_loaded_others += !permanent && loaded;
		if (permanent && what != LOOK) {
			uint64_t marked = what == MARK ? header | LOADED : header & ~LOADED;
			imago_word_put(imago_memory_at(memory, oop), marked, wide);
		}
	}
	return counts;
}

/* ---- The second step. */

/* Runs a machine that was loaded from a perm save, collects and saves: *after. */
static void
run_collect_and_save(imago_vm *vm, uint64_t fuel, outcome *out, imago_heap **after)
{
	const imago_object_memory *memory = imago_vm_memory(vm);
	const object_counts loaded = look_at_objects(vm, MARK);
	assert_int_equal(loaded.num_loaded_permanent + loaded.num_loaded_others, 0);
	assert_true(loaded.num_permanent > loaded.num_others);
	out->statistics = run_bytecodes(vm, fuel, &out->result);
	assert_int_equal(memory->collections.num_global, 0);
	expect_all_remembered(vm);
	/* Whatever the run did, nothing has come to permanent space and nothing has left it. */
	const object_counts run = look_at_objects(vm, LOOK);
	assert_int_equal(run.num_permanent, loaded.num_permanent);
	assert_int_equal(run.num_loaded_permanent, loaded.num_permanent);
	assert_int_equal(run.num_loaded_others, 0);
	assert_true(run.num_others > loaded.num_others);

	assert_true(imago_vm_collect(vm, true));
	assert_int_equal(memory->collections.num_global, 1);
	expect_all_remembered(vm);
	const object_counts collected = look_at_objects(vm, UNMARK);
	assert_true(collected.num_permanent > 0 && collected.num_permanent <= run.num_permanent);
	assert_int_equal(collected.num_loaded_permanent, collected.num_permanent);
	assert_int_equal(collected.num_loaded_others, 0);
	/* The context that goes on at least: the run made it. */
	assert_true(collected.num_others > 0);
	assert_int_equal(imago_vm_snapshot(vm, after, &allocator, &error), IMAGO_OK);
	kernel_expect_clean(*after, "what was saved", false);
}

/* By a loader that copies. */
static void
second_step(const layered_file *perm_save, uint64_t fuel, outcome *out, imago_heap **after)
{
	imago_heap *heap;
	*out = (outcome){.printed.size = 0};
	assert_int_equal(imago_permanent_make(&heap, perm_save->image.heap, &allocator, &error),
	                 IMAGO_OK);
	kernel_expect_clean(heap, "all in permanent space", false);
	imago_vm *vm = create(heap, out);
	imago_heap_destroy(heap);
	run_collect_and_save(vm, fuel, out, after);
	imago_vm_destroy(vm);
}

/* By one that maps; false where the host cannot. */
static bool
second_step_mapped(const layered_file *perm_save, uint64_t fuel, outcome *out, imago_heap **after)
{
	attached_file mapped;
	*out = (outcome){.printed.size = 0};
	if (!attach(&mapped, perm_save, IMAGO_PLACE_WANTED)) {
		return false;
	}
	imago_vm *vm = create_mapped(&mapped, out);
	run_collect_and_save(vm, fuel, out, after);
	imago_vm_destroy(vm);
	detach(&mapped);
	return true;
}

/* ---- What was saved goes on. */

/* Private pages of read-only sections; false where the system does not tell. The roots before them
 * hold the free lists, which collectors write. */
static bool
count_written(const attached_file *mapped, uint64_t *num_private)
{
	imago_page_counts counts[IMAGO_LAYERED_MAX_SECTIONS];
	const imago_layered_head *head = &mapped->attached.head;
	*num_private = 0;
	if (imago_attachment_pages(mapped->attached.attachment, counts, NULL, NULL, &error) !=
	    IMAGO_OK) {
		print_message("skipped: %s\n", error.what);
		return false;
	}
	for (size_t i = 1; i < imago_layered_first_old(head); i++) {
		*num_private += counts[i].num_private;
	}
	return true;
}

/* Collections of old space write no page of permanent space that was not written before. The
 * machine itself writes to the context that it is in, which may be permanent: it does so when it
 * pauses, too. */
static void
collect_old_space(imago_vm *vm, const attached_file *mapped)
{
	uint64_t before;
	uint64_t after;
	imago_memory_mapping now;
	assert_int_equal(imago_vm_pause(vm, &now, &error), IMAGO_OK);
	assert_true(imago_vm_resume(vm));
	if (mapped->attached.distance != 0 || !count_written(mapped, &before)) {
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_true(imago_vm_collect(vm, false));
		assert_true(count_written(mapped, &after));
		assert_int_equal(after, before);
		expect_all_remembered(vm);
	}
}

static void
expect_same(const outcome *copied, const outcome *mapped)
{
	if (copied->result.end != mapped->result.end) {
		fail_msg("%s in %s, pc %u", mapped->result.reason, mapped->result.method,
		         (unsigned)mapped->result.pc);
	}
	assert_int_equal(copied->result.exit_status, mapped->result.exit_status);
	assert_int_equal(copied->statistics.num_bytecodes, mapped->statistics.num_bytecodes);
	assert_int_equal(copied->statistics.num_sends, mapped->statistics.num_sends);
	assert_string_equal(copied->printed.text, mapped->printed.text);
}

static void
go_on_mapped(const layered_file *saved, const outcome *copied, imago_attach_place place)
{
	attached_file mapped;
	outcome out = {.printed.size = 0};
	if (!attach(&mapped, saved, place)) {
		return;
	}
	assert_true(mapped.attached.mapping.fixed_end > 0);
	imago_vm *vm = create_mapped(&mapped, &out);
	assert_int_equal(look_at_objects(vm, LOOK).num_permanent > imago_vm_memory(vm)->num_class_pages,
	                 true);
	collect_old_space(vm, &mapped);
	(void)run_bytecodes(vm, copied->statistics.num_bytecodes / 2, &out.result);
	collect_old_space(vm, &mapped);
	out.statistics = run_bytecodes(vm, PLENTY, &out.result);
	expect_same(copied, &out);
	imago_vm_destroy(vm);
	detach(&mapped);
}

/* As an image folder: permanent space is permanent space. */
static void
expect_composed(const layered_file *saved, const imago_heap *heap)
{
	imago_heap *restored;
	imago_writer writer;
	imago_image folder;
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_int_equal(imago_image_restore(&restored, &saved->image, &allocator, &error), IMAGO_OK);
	assert_int_equal(restored->segments[restored->num_segments - 1].space, IMAGO_SPACE_PERM);
	assert_int_equal(imago_image_write(restored, IMAGO_FORMAT_COMPOSED, &writer, &error), IMAGO_OK);
	assert_int_equal(imago_image_read(&folder, writer.bytes, writer.size, &allocator, &error),
	                 IMAGO_OK);
	expect_clean(&folder, "as a folder");
	assert_int_equal(count_permanent(folder.heap), count_permanent(heap));
	const imago_digest here = digest_of(heap);
	const imago_digest there = digest_of(folder.heap);
	assert_memory_equal(&here, &there, sizeof here);
	imago_image_close(&folder);
	imago_writer_release(&writer);
	imago_heap_destroy(restored);
}

static bool
is_of_this_host(const imago_heap *heap)
{
	return heap->layout.byte_order == imago_host_order();
}

/* The saved file, run from where it was stopped: copied, and where it is mapped. */
static void
go_on(const layered_file *saved, outcome *out)
{
	*out = (outcome){.printed.size = 0};
	imago_vm *vm = create(saved->image.heap, out);
	out->statistics = run_bytecodes(vm, PLENTY, &out->result);
	imago_vm_destroy(vm);
	if (is_of_this_host(saved->image.heap)) {
		go_on_mapped(saved, out, IMAGO_PLACE_WANTED);
		go_on_mapped(saved, out, IMAGO_PLACE_ANYWHERE);
	}
}

/* Both steps, stopped half-way of the run that never stops: *whole. */
static void
expect_perm_save(const imago_heap *heap, outcome *whole)
{
	layered_file perm_save;
	layered_file saved;
	outcome first;
	outcome first_mapped;
	outcome rest;
	imago_heap *after;
	imago_heap *after_mapped;
	char printed[2 * MAX_PRINTED];
	layer(&perm_save, heap, IMAGO_LAYERED_PERM_SAVE);
	const imago_digest before = digest_of(heap);
	const imago_digest layered = digest_of(perm_save.image.heap);
	assert_memory_equal(&before, &layered, sizeof before);
	*whole = (outcome){.printed.size = 0};
	imago_vm *vm = create(perm_save.image.heap, whole);
	whole->statistics = run_bytecodes(vm, PLENTY, &whole->result);
	imago_vm_destroy(vm);

	const uint64_t fuel = whole->statistics.num_bytecodes / 2;
	second_step(&perm_save, fuel, &first, &after);
	layer(&saved, after, 0);
	assert_int_equal(count_permanent(saved.image.heap), count_permanent(after));
	assert_true(count_permanent(after) > 0);
	expect_composed(&saved, after);
	go_on(&saved, &rest);
	(void)snprintf(printed, sizeof printed, "%s%s", first.printed.text, rest.printed.text);
	assert_string_equal(printed, whole->printed.text);
	assert_int_equal(rest.result.end, whole->result.end);
	if (first.statistics.num_outside + rest.statistics.num_outside == 0) {
		assert_int_equal(first.statistics.num_bytecodes + rest.statistics.num_bytecodes,
		                 whole->statistics.num_bytecodes);
	}
	if (is_of_this_host(heap) &&
	    second_step_mapped(&perm_save, fuel, &first_mapped, &after_mapped)) {
		assert_int_equal(first.statistics.num_bytecodes, first_mapped.statistics.num_bytecodes);
		assert_string_equal(first.printed.text, first_mapped.printed.text);
		if (first.statistics.num_outside + first_mapped.statistics.num_outside == 0) {
			const imago_digest copied = digest_of(after);
			const imago_digest mapped = digest_of(after_mapped);
			assert_memory_equal(&copied, &mapped, sizeof copied);
		}
		release(&saved);
		layer(&saved, after_mapped, 0);
		go_on(&saved, &rest);
		(void)snprintf(printed, sizeof printed, "%s%s", first.printed.text, rest.printed.text);
		assert_string_equal(printed, whole->printed.text);
		imago_heap_destroy(after_mapped);
	}
	imago_heap_destroy(after);
	release(&saved);
	release(&perm_save);
}

static void
kernel_images_are_saved_apart_and_go_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS; k++) {
			outcome whole;
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			print_message("%s, %s\n", test_layouts[i].name, kernel_programs[k].name);
			expect_perm_save(heap, &whole);
			assert_string_equal(whole.printed.text, kernel_programs[k].output);
			imago_heap_destroy(heap);
		}
	}
	assert_int_equal(allocator.used, 0);
}

static void
genuine_images_are_saved_apart_and_go_on(void **state)
{
	static const struct {
		const char *path;
		const char *output;
	} images[] = {
	    {"../shared/images/spur32-6521-headless.image",
	     "Smalltalk image fired up!\nFixing the world\n3 + 4 = 7\n"},
	    {"../shared/images/spur64-68021-pharo-vm.image", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
		imago_image image;
		outcome whole;
		FILE *file = fopen(images[i].path, "rb");
		if (file == NULL) {
			print_message("skipped: no %s\n", images[i].path);
			skip();
		}
		(void)fclose(file);
		print_message("%s\n", images[i].path);
		assert_int_equal(imago_image_open(&image, images[i].path, &allocator, &error), IMAGO_OK);
		expect_perm_save(image.heap, &whole);
		assert_int_equal(whole.result.end, IMAGO_VM_QUIT);
		assert_string_equal(whole.printed.text, images[i].output);
		imago_image_close(&image);
	}
	assert_int_equal(allocator.used, 0);
}

/* Where alignment tells what is permanent (permanent.h), an image runs like any other. */
static void
aligned_images_run_as_others_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS && test_layouts[i].layout.word_bytes == 8; k++) {
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			imago_heap *permanent;
			imago_heap *aligned;
			outcome out = {.printed.size = 0};
			assert_int_equal(imago_permanent_make(&permanent, heap, &allocator, &error), IMAGO_OK);
			assert_int_equal(imago_permanent_align(&aligned, permanent, NULL, &allocator, &error),
			                 IMAGO_OK);
			kernel_expect_clean(aligned, "aligned", false);
			imago_vm *vm = create(aligned, &out);
			out.statistics = run_bytecodes(vm, PLENTY, &out.result);
			assert_string_equal(out.printed.text, kernel_programs[k].output);
			assert_true(imago_vm_collect(vm, true));
			expect_all_remembered(vm);
			imago_vm_destroy(vm);
			imago_heap_destroy(aligned);
			imago_heap_destroy(permanent);
			imago_heap_destroy(heap);
		}
	}
	assert_int_equal(allocator.used, 0);
}

static bool
keep_first(const imago_finding *finding, void *payload)
{
	const char **first = payload;
	*first =
	    *first == NULL && finding->rule->severity == IMAGO_ERROR ? finding->rule->name : *first;
	return true;
}

/* The first error that the checker finds, or NULL. */
static const char *
first_error(const uint8_t *bytes, uint64_t size)
{
	const imago_check_options options = {.num_threads = 1};
	const char *first = NULL;
	imago_image image;
	imago_check_sink sink;
	imago_check_sink_init(&sink, &options, keep_first, &first);
	assert_int_equal(imago_image_read(&image, bytes, size, &allocator, &error), IMAGO_OK);
	assert_int_equal(imago_image_check(&image, &sink, &allocator, &error), IMAGO_OK);
	imago_image_close(&image);
	return first;
}

/* What leads from permanent space to the rest is remembered, and what is not is found: each pointer
 * of a read-only section is made to lead to old space, one after the other. */
static void
what_leads_out_unremembered_is_found(void **state)
{
	(void)state;
	imago_heap *heap = kernel_image(&test_layouts[0], &kernel_programs[0], &allocator);
	layered_file perm_save;
	layered_file saved;
	outcome first;
	imago_heap *after;
	layer(&perm_save, heap, IMAGO_LAYERED_PERM_SAVE);
	second_step(&perm_save, 100, &first, &after);
	layer(&saved, after, 0);
	const imago_layered_section *fixed = &saved.head.sections[1];
	const imago_layered_section *old = &saved.head.sections[imago_layered_first_old(&saved.head)];
	const imago_layout layout = saved.image.heap->layout;
	uint8_t *bytes = saved.writer.bytes;
	assert_int_equal(fixed->tier, IMAGO_TIER_READ_ONLY);
	imago_walker walker;
	imago_object object;
	imago_oop target = 0; /* an ordinary object of old space */
	imago_walk_init(&walker, saved.image.heap, &error);
	while (imago_walk_next(&walker, &object)) {
		target = object.oop >= old->address && object.kind == IMAGO_OBJECT_ORDINARY ? object.oop
		                                                                            : target;
	}
	assert_true(target != 0);
	uint64_t num_found = 0;
	for (uint64_t word = 0; word < fixed->size / layout.word_bytes; word++) {
		uint8_t *at = bytes + fixed->offset + word * layout.word_bytes;
		const uint64_t value = imago_load_word(at, layout);
		bool is_pointer = (bytes[fixed->fixups + word / 8] >> word % 8 & 1) != 0;
		if (!is_pointer || value >= old->address || word % 5 != 0) {
			continue;
		}
		imago_store_word(at, target, layout);
		imago_layered_seal(bytes, saved.writer.size);
		const char *found = first_error(bytes, saved.writer.size);
		/* An object that is remembered already may lead wherever it will. */
		num_found += found != NULL && strcmp(found, "layered.remembered") == 0;
		imago_store_word(at, value, layout);
	}
	imago_layered_seal(bytes, saved.writer.size);
	assert_null(first_error(bytes, saved.writer.size));
	assert_true(num_found > 50);
	imago_heap_destroy(after);
	release(&saved);
	release(&perm_save);
	imago_heap_destroy(heap);
	assert_int_equal(allocator.used, 0);
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
	    cmocka_unit_test_setup(kernel_images_are_saved_apart_and_go_on, set_up),
	    cmocka_unit_test_setup(genuine_images_are_saved_apart_and_go_on, set_up),
	    cmocka_unit_test_setup(aligned_images_run_as_others_do, set_up),
	    cmocka_unit_test_setup(what_leads_out_unremembered_is_found, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
