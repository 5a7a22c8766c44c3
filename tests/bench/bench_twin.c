/* bench_twin.c: the three ways of working over a source that is only read, against one another:
 * pages that are copied (words changed in place), objects that are copied (an object table),
 * references updated (what changed and all that leads there moved to the twin). */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imago/image.h"
#include "imago/kernel.h"
#include "imago/twin.h"
#include "imago/vm.h"

enum { TEXT_SIZE = 96, ROOM = 256 << 20, MAX_ROUNDS = 101, CUT = 200000, ROUNDS = 400000000 };

static const uint64_t fuel = 10000000;

typedef struct source {
	imago_allocator *allocator;
	FILE *file;
	imago_layered_attachment untouched;
	imago_heap *heap;
} source;

static void
require(imago_status status, const char *what)
{
	if (status != IMAGO_OK) {
		bench_fail(what);
	}
}

static source
open_source(const imago_heap *heap, imago_allocator *allocator)
{
	source made = {.allocator = allocator, .file = tmpfile()};
	imago_writer writer;
	const imago_layered_options ready = {.make_ready = true};
	const imago_layered_attach_options plain = {.attach.relocation = IMAGO_RELOCATION_NONE};
	imago_writer_init(&writer, allocator, heap->layout, NULL);
	require(imago_layered_write(heap, &ready, &writer, NULL), "no layered file");
	if (made.file == NULL ||
	    fwrite(writer.bytes, 1, (size_t)writer.size, made.file) != writer.size ||
	    fflush(made.file) != 0) {
		bench_fail("no room for a temporary file");
	}
	imago_writer_release(&writer);
	require(imago_layered_attach(&made.untouched, fileno(made.file), &plain, allocator, NULL),
	        "the layered file cannot be attached");
	require(imago_layered_attached_heap(&made.heap, &made.untouched, allocator, NULL), "no heap");
	return made;
}

static void
close_source(source *from)
{
	imago_heap_destroy(from->heap);
	imago_layered_detach(&from->untouched);
	(void)fclose(from->file);
}

/* Runs over the source, or over a twin; what a machine has made of it stays, to be saved. */
typedef struct machine {
	imago_layered_attachment attached;
	imago_vm *vm;
	double seconds;
} machine;

static machine
run(const source *from, const imago_writer *twin, bool tabled, uint64_t num_bytecodes)
{
	machine made;
	imago_vm_result result;
	const imago_layered_attach_options place = {
	    .attach.relocation = IMAGO_RELOCATION_NONE, .room = ROOM, .tabled = tabled};
	const imago_vm_options options = {.image_name = "image"};
	imago_status status = twin == NULL
	                          ? imago_layered_attach(&made.attached, fileno(from->file), &place,
	                                                 from->allocator, NULL)
	                          : imago_twin_attach(&made.attached, twin->bytes, twin->size,
	                                              fileno(from->file), ROOM, from->allocator, NULL);
	require(status, "the source cannot be attached");
	require(
	    imago_vm_create_mapped(&made.vm, &made.attached.mapping, &options, from->allocator, NULL),
	    "no machine");
	double start = bench_seconds(BENCH_CPU);
	imago_vm_run(made.vm, num_bytecodes, &result);
	made.seconds = bench_seconds(BENCH_CPU) - start;
	if (result.end == IMAGO_VM_VIOLATION || result.end == IMAGO_VM_MEMORY) {
		bench_fail(result.reason);
	}
	return made;
}

static void
end(machine *ended)
{
	imago_vm_destroy(ended->vm);
	imago_layered_detach(&ended->attached);
}

static imago_writer
save(const source *from, machine *running)
{
	imago_writer writer;
	imago_memory_mapping now;
	imago_writer_init(&writer, from->allocator, from->heap->layout, NULL);
	require(imago_vm_pause(running->vm, &now, NULL), "a machine that cannot be saved");
	require(imago_twin_write(&running->attached, &now, from->heap, &writer, NULL), "no twin");
	return writer;
}

static imago_writer
move(const source *from, const imago_writer *twin, imago_twin_moves *moves)
{
	imago_layered_attachment attached;
	imago_heap *whole;
	imago_writer moved;
	require(imago_twin_attach(&attached, twin->bytes, twin->size, fileno(from->file), 0,
	                          from->allocator, NULL),
	        "the twin cannot be attached");
	require(imago_layered_attached_heap(&whole, &attached, from->allocator, NULL), "no heap");
	imago_writer_init(&moved, from->allocator, from->heap->layout, NULL);
	require(imago_twin_write_moved(&attached, &attached.mapping, whole, from->heap, &moved, moves,
	                               NULL),
	        "no twin with references updated");
	imago_heap_destroy(whole);
	imago_layered_detach(&attached);
	return moved;
}

static int
compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;
	return a < b ? -1 : a > b;
}

/* The median of the ratios of pairs: a run in another way, to one by pages. */
static double
median_ratio(const source *from, const imago_writer *one, const imago_writer *other, bool tabled,
             unsigned num_rounds)
{
	double ratios[MAX_ROUNDS];
	for (unsigned i = 0; i < num_rounds; i++) {
		machine pages = run(from, one, false, fuel);
		machine running = run(from, other, tabled, fuel);
		ratios[i] = running.seconds / pages.seconds;
		end(&running);
		end(&pages);
	}
	qsort(ratios, num_rounds, sizeof ratios[0], compare_doubles);
	return ratios[num_rounds / 2];
}

static void
print_ratio(const bench_image *image, const char *name, double value, const char *unit)
{
	char text[TEXT_SIZE];
	snprintf(text, sizeof text, "%.2f x the %s", value, unit);
	bench_print(image, name, 0, text, "", -1);
}

/* What a twin of each kind takes after so many bytecodes. */
static void
measure_sizes(const bench_image *image, const source *from, unsigned num_rounds)
{
	char text[TEXT_SIZE];
	imago_twin_moves moves;
	machine pages = run(from, NULL, false, CUT);
	machine objects = run(from, NULL, true, CUT);
	imago_writer words = save(from, &pages);
	imago_writer whole = save(from, &objects);
	imago_writer moved = move(from, &words, &moves);
	end(&objects);
	end(&pages);
	print_ratio(image, "twin of objects: to one of words", (double)whole.size / (double)words.size,
	            "bytes");
	print_ratio(image, "twin with references updated: to one of words",
	            (double)moved.size / (double)words.size, "bytes");
	snprintf(text, sizeof text, "%" PRIu64 " for %" PRIu64, moves.num_moved, moves.num_changed);
	bench_print(image, "objects that move for those that changed", 0, text, "", -1);
	snprintf(text, sizeof text, "%.1f %% of them",
	         100.0 * (double)moves.moved_bytes / (double)from->untouched.source_used);
	bench_print(image, "their bytes, of the source's", 0, text, "", -1);
	print_ratio(image, "run, references updated: to words in place",
	            median_ratio(from, &words, &moved, false, num_rounds), "time");
	imago_writer_release(&moved);
	imago_writer_release(&whole);
	imago_writer_release(&words);
}

static void
measure(const char *name, const imago_heap *heap, unsigned num_rounds, imago_allocator *allocator)
{
	const bench_image image = {.name = name, .allocator = allocator};
	source from = open_source(heap, allocator);
	print_ratio(&image, "run over an object table: to copied pages",
	            median_ratio(&from, NULL, NULL, true, num_rounds), "time");
	measure_sizes(&image, &from, num_rounds);
	close_source(&from);
}

void
bench_twin_rows(const char *path, unsigned num_rounds)
{
	static const char *const programs[] = {"loop", "sends", "allocation", "blocks"};
	imago_allocator allocator;
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		const imago_kernel_options options = {.image_format = 68021,
		                                      .byte_order = imago_host_order(),
		                                      .program = programs[i],
		                                      .rounds = ROUNDS};
		imago_heap *heap;
		require(imago_kernel_make(&heap, &options, &allocator, NULL), "no kernel image");
		measure(programs[i], heap, num_rounds, &allocator);
		imago_heap_destroy(heap);
	}
	if (path != NULL) {
		imago_image image;
		const char *slash = strrchr(path, '/');
		require(imago_image_open(&image, path, &allocator, NULL), "the image cannot be read");
		measure(slash != NULL ? slash + 1 : path, image.heap, num_rounds, &allocator);
		imago_image_close(&image);
	}
}
