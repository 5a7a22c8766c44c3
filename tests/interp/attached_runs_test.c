/* attached_runs_test.c: images that are run where they are mapped: at the wanted address, elsewhere
 * by every way of relocation, with tiers and collections: what they print, how they end and how
 * many bytecodes that takes is what it is when they are copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imago/boundary.h"
#include "imago/digest.h"
#include "imago/image.h"
#include "imago/layered_attach.h"
#include "imago/walk.h"
#include "kernel_runs.h"

enum { ROOM = 8 << 20, EDEN = 1 << 18, MAX_NAME = 128, PLENTY = 1000000, FLAGS = 20 };

static imago_allocator allocator;
static imago_error error;

/* How an image is layered, and where it lies. */
typedef struct way {
	const char *name;
	bool tiered;
	imago_attach_options attach;
	uint32_t collect_every;
	enum { WALKED, READY, KNOWN } start; /* what the file says, of a machine's start */
} way;

static const way ways[] = {
    {"wanted", false, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 0, WALKED},
    {"tiered", true, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 0, WALKED},
    {"tiered, collected", true, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 50, WALKED},
    {"elsewhere", true, {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_AUTO}, 0, WALKED},
    {"elsewhere by signals", true, {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_SIGNAL}, 50, WALKED},
    {"elsewhere at once", true, {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_EAGER}, 0, WALKED},
    {"elsewhere, as it is", true, {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE}, 50, WALKED},
    {"ready", false, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 0, READY},
    {"tiered, ready", true, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 50, READY},
    {"tiered, known", true, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 0, KNOWN},
    {"tiered, known, collected", true, {IMAGO_PLACE_WANTED, 0, IMAGO_RELOCATION_AUTO}, 50, KNOWN},
    {"elsewhere, known", true, {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_AUTO}, 0, KNOWN},
    {"elsewhere, as it is, known",
     true,
     {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE},
     50,
     KNOWN},
};
enum { NUM_WAYS = sizeof ways / sizeof ways[0] };

static FILE *
file_of(const imago_writer *writer)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fwrite(writer->bytes, 1, (size_t)writer->size, file), writer->size);
	assert_int_equal(fflush(file), 0);
	return file;
}

/* A layered file of a heap; the caller closes it. */
static FILE *
layered_file(const imago_heap *heap, const way *how)
{
	imago_writer writer;
	imago_census census;
	imago_layered_head head;
	assert_int_equal(imago_census_take(heap, &census, &error), IMAGO_OK);
	uint8_t *tiers = malloc((size_t)census.num_chunks);
	assert_non_null(tiers);
	for (uint64_t i = 0; i < census.num_chunks; i++) {
		tiers[i] = (uint8_t)(i * 7 % 5 % IMAGO_NUM_TIERS);
	}
	const imago_layered_options options = {
	    .tiers = how->tiered ? tiers : NULL,
	    .num_tiers = census.num_chunks,
	    .make_ready = how->start != WALKED,
	    .without_remembered = how->start == READY,
	};
	imago_writer_init(&writer, &allocator, heap->layout, &error);
	assert_int_equal(imago_layered_write(heap, &options, &writer, &error), IMAGO_OK);
	if (how->start == WALKED) {
		writer.bytes[FLAGS] &= (uint8_t)~IMAGO_LAYERED_READY;
		imago_layered_seal_header(writer.bytes);
	}
	assert_int_equal(imago_layered_decode(&head, writer.bytes, writer.size, &error), IMAGO_OK);
	assert_int_equal((head.flags & IMAGO_LAYERED_READY) != 0, how->start != WALKED);
	FILE *file = file_of(&writer);
	imago_writer_release(&writer);
	free(tiers);
	return file;
}

/* What became of a run. */
typedef struct outcome {
	imago_vm_result result;
	imago_vm_statistics statistics;
	printed_text printed;
	imago_digest after;
} outcome;

static void
finish(imago_vm *vm, outcome *out)
{
	imago_heap *after;
	assert_int_equal(imago_vm_snapshot(vm, &after, &allocator, &error), IMAGO_OK);
	kernel_expect_clean(after, "after a run", false);
	assert_int_equal(imago_digest_compute(&out->after, after, &allocator, &error), IMAGO_OK);
	imago_heap_destroy(after);
	imago_vm_destroy(vm);
}

/* Whatever the run did, shared memory leads to private memory only from where the machine knows of
 * it. A global collection makes permanent space another one. */
static void
expect_proved(const imago_vm *vm, const imago_layered_attachment *attached)
{
	const imago_object_memory *memory = imago_vm_memory(vm);
	const char *wrong = imago_memory_audit(memory);
	imago_heap *heap;
	imago_oop *remembered;
	imago_boundary_result result;
	if (wrong != NULL) {
		fail_msg("%s", wrong);
	}
	if (attached->mapping.fixed_end == 0 || memory->collections.num_global > 0) {
		return;
	}
	imago_boundary boundary = {.address = attached->mapping.base + attached->mapping.old_start};
	assert_int_equal(imago_layered_attached_heap(&heap, attached, &allocator, &error), IMAGO_OK);
	assert_int_equal(
	    imago_memory_remembered(memory, &remembered, &boundary.num_remembered, &allocator, &error),
	    IMAGO_OK);
	boundary.remembered = remembered;
	assert_int_equal(imago_boundary_prove(&result, heap, &boundary, NULL, NULL, &error), IMAGO_OK);
	assert_int_equal(result.num_crossings, 0);
	assert_true(result.num_remembered > 0);
	/* What is forgotten is found. */
	const imago_boundary forgotten = {.address = boundary.address};
	assert_int_equal(imago_boundary_prove(&result, heap, &forgotten, NULL, NULL, &error), IMAGO_OK);
	assert_int_equal(result.num_crossings, result.num_words);
	imago_release(&allocator, remembered, boundary.num_remembered * sizeof *remembered);
	imago_heap_destroy(heap);
}

/* The same file, read and copied: the order of objects is something that an image can ask for. */
static void
run_copied(FILE *file, const way *how, uint64_t fuel, outcome *out)
{
	imago_vm *vm;
	imago_layered_attachment attached;
	imago_heap *heap;
	*out = (outcome){.printed.size = 0};
	const imago_vm_options options = {.print = keep_printed,
	                                  .payload = &out->printed,
	                                  .growth = ROOM,
	                                  .eden_bytes = EDEN,
	                                  .collect_every = how->collect_every};
	const imago_layered_attach_options place = {.attach.relocation = IMAGO_RELOCATION_NONE};
	assert_int_equal(imago_layered_attach(&attached, fileno(file), &place, &allocator, &error),
	                 IMAGO_OK);
	assert_int_equal(imago_layered_attached_heap(&heap, &attached, &allocator, &error), IMAGO_OK);
	assert_int_equal(imago_vm_create(&vm, heap, &options, &allocator, &error), IMAGO_OK);
	out->statistics = run_bytecodes(vm, fuel, &out->result);
	finish(vm, out);
	imago_heap_destroy(heap);
	imago_layered_detach(&attached);
}

/* False where the host has no such way. */
static bool
run_attached(FILE *file, const way *how, uint64_t fuel, outcome *out)
{
	imago_vm *vm;
	imago_layered_attachment attached;
	*out = (outcome){.printed.size = 0};
	const imago_vm_options options = {.print = keep_printed,
	                                  .payload = &out->printed,
	                                  .eden_bytes = EDEN,
	                                  .collect_every = how->collect_every};
	const imago_layered_attach_options place = {.attach = how->attach, .room = ROOM};
	imago_status status = imago_layered_attach(&attached, fileno(file), &place, &allocator, &error);
	if (status == IMAGO_EUNSUPPORTED || status == IMAGO_ERANGE) {
		print_message("skipped: %s: %s\n", how->name, error.what);
		return false;
	}
	assert_int_equal(status, IMAGO_OK);
	assert_int_equal(attached.mapping.ready, how->start != WALKED);
	assert_int_equal(attached.mapping.remembered != NULL, how->start == KNOWN && how->tiered);
	if (imago_vm_create_mapped(&vm, &attached.mapping, &options, &allocator, &error) != IMAGO_OK) {
		fail_msg("%s: %s", how->name, error.what);
	}
	expect_proved(vm, &attached);
	out->statistics = run_bytecodes(vm, fuel, &out->result);
	expect_proved(vm, &attached);
	finish(vm, out);
	imago_layered_detach(&attached);
	return true;
}

/* Collections decide what outside answers are (imago_vm_statistics.num_outside): then the images
 * may differ, in what they do not. */
static void
expect_same(const outcome *a, const outcome *b, const way *how)
{
	if (a->result.end != b->result.end) {
		fail_msg("%s: %s in %s, pc %u", how->name, b->result.reason, b->result.method,
		         (unsigned)b->result.pc);
	}
	assert_int_equal(a->result.exit_status, b->result.exit_status);
	assert_int_equal(a->statistics.num_bytecodes, b->statistics.num_bytecodes);
	assert_int_equal(a->statistics.num_sends, b->statistics.num_sends);
	assert_string_equal(a->printed.text, b->printed.text);
	if (a->statistics.num_outside == 0 && b->statistics.num_outside == 0) {
		assert_memory_equal(&a->after, &b->after, sizeof a->after);
	}
}

static void
run_every_way(const imago_heap *heap, uint64_t fuel)
{
	for (size_t i = 0; i < NUM_WAYS; i++) {
		outcome copied;
		outcome attached;
		print_message("  %s\n", ways[i].name);
		FILE *file = layered_file(heap, &ways[i]);
		run_copied(file, &ways[i], fuel, &copied);
		if (run_attached(file, &ways[i], fuel, &attached)) {
			expect_same(&copied, &attached, &ways[i]);
		}
		(void)fclose(file);
	}
}

static void
genuine_images_run_where_they_are_mapped(void **state)
{
	static const struct {
		const char *name;
		uint64_t fuel;
	} images[] = {
	    {"spur32-6521-headless", 10000},
	    {"spur64-68021-pharo-vm", 2000000},
	    {"spur32-6521-cp-node", 300000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
		char path[MAX_NAME];
		imago_image image;
		snprintf(path, sizeof path, "../shared/images/%s.image", images[i].name);
		FILE *file = fopen(path, "rb");
		if (file == NULL) {
			print_message("skipped: no %s\n", path);
			skip();
		}
		(void)fclose(file);
		assert_int_equal(imago_image_open(&image, path, &allocator, &error), IMAGO_OK);
		print_message("%s\n", images[i].name);
		run_every_way(image.heap, images[i].fuel);
		imago_image_close(&image);
	}
	assert_int_equal(allocator.used, 0);
}

static bool
is_of_this_host(const test_layout *layout)
{
	return layout->layout.byte_order == imago_host_order();
}

static void
kernel_images_run_where_they_are_mapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < NUM_SPUR_TEST_LAYOUTS; i++) {
		for (size_t k = 0; k < NUM_KERNEL_PROGRAMS && is_of_this_host(&test_layouts[i]); k++) {
			imago_heap *heap = kernel_image(&test_layouts[i], &kernel_programs[k], &allocator);
			if (heap != NULL) {
				print_message("%s, %s\n", test_layouts[i].name, kernel_programs[k].name);
				run_every_way(heap, PLENTY);
			}
			imago_heap_destroy(heap);
		}
	}
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
	    cmocka_unit_test_setup(kernel_images_run_where_they_are_mapped, set_up),
	    cmocka_unit_test_setup(genuine_images_run_where_they_are_mapped, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
