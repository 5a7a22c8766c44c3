/* cmd_tier.c: objects in an order in which few pages are written. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "imago/file.h"
#include "imago/layered_image.h"
#include "imago/save.h"
#include "imago/walk.h"
#include "observe.h"
#include "output.h"

enum { OPTION_TRACE, OPTION_OBSERVE, OPTION_FUEL, OPTION_SAVE_TRACE, OPTION_BASE, OPTION_READY };

static const option_spec tier_options[] = {
    [OPTION_TRACE] = {"trace", "TRACE", "tiers by what this trace says was written", OPTION_TEXT, 0,
                      0},
    [OPTION_OBSERVE] = {"observe", NULL,
                        "run the image, make tiers of what it writes, run the result, compare",
                        OPTION_FLAG, 0, 0},
    [OPTION_FUEL] = {"fuel", "N", "of a run: at most N bytecodes (default 100M; K, M, G)",
                     OPTION_SIZE, 1, 0},
    [OPTION_SAVE_TRACE] = {"save-trace", "TRACE", "keep what was observed (with that of --trace)",
                           OPTION_TEXT, 0, 0},
    [OPTION_BASE] = {"base", "ADDR", "address of the first byte of the result", OPTION_NUMBER, 0,
                     0},
    [OPTION_READY] = {"ready", NULL,
                      "change what a machine would change at start, so that it need not look",
                      OPTION_FLAG, 0, 0},
};

enum { DEFAULT_FUEL = 100 << 20, PAGE = IMAGO_LAYERED_PAGE };

/* A layered file in memory. */
typedef struct layered_bytes {
	imago_writer writer;
	const uint8_t *bytes;
	uint64_t size;
	imago_heap *heap;
	bool owns_heap;
} layered_bytes;

/* The image as a layered file: itself, or what layering makes of it. */
static imago_status
open_layers(layered_bytes *out, const imago_image *image, imago_allocator *allocator,
            imago_error *error)
{
	if (image->format == IMAGO_FORMAT_LAYERED) {
		out->bytes = image->data;
		out->size = image->size;
		out->heap = image->heap;
		return IMAGO_OK;
	}
	imago_status status = imago_layered_write(image->heap, NULL, &out->writer, error);
	out->bytes = out->writer.bytes;
	out->size = out->writer.size;
	if (status == IMAGO_OK) {
		status = imago_layered_read(&out->heap, out->bytes, out->size, allocator, error);
		out->owns_heap = status == IMAGO_OK;
	}
	return status;
}

static void
close_layers(layered_bytes *layers)
{
	if (layers->owns_heap) {
		imago_heap_destroy(layers->heap);
	}
	imago_writer_release(&layers->writer);
}

static exit_status
read_trace(imago_trace *trace, const char *path, const uint8_t *identity,
           imago_allocator *allocator)
{
	uint8_t *bytes;
	uint64_t size;
	imago_error error = {0};
	if (imago_file_read(path, allocator, &bytes, &size, &error) != IMAGO_OK) {
		return complain_of_error(path, &error);
	}
	imago_status status = imago_trace_read(trace, bytes, size, &error);
	imago_release(allocator, bytes, size);
	if (status != IMAGO_OK) {
		return complain_of_error(path, &error);
	}
	if (memcmp(trace->identity, identity, sizeof trace->identity) != 0) {
		complain("tier: %s is the trace of another image", path);
		return EXIT_IMAGE;
	}
	return EXIT_DONE;
}

static exit_status
save_trace(const imago_trace *trace, const char *path, imago_allocator *allocator)
{
	imago_writer writer;
	imago_error error = {0};
	const imago_layout any = {.word_bytes = 8, .byte_order = IMAGO_LITTLE_ENDIAN};
	imago_writer_init(&writer, allocator, any, &error);
	imago_trace_write(trace, &writer);
	imago_status status = writer.status;
	if (status == IMAGO_OK) {
		status = imago_save_file(path, writer.bytes, writer.size, &error);
	}
	imago_writer_release(&writer);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

/* Tiers, and ranks where there is a trace. */
static imago_status
assign(const layered_bytes *layers, const imago_trace *trace, uint8_t *tiers, uint8_t *ranks,
       uint64_t num_chunks, imago_allocator *allocator, imago_error *error)
{
	if (trace->num_runs == 0) {
		return imago_tiers_by_class(layers->heap, tiers, num_chunks, allocator, error);
	}
	imago_status status = imago_tiers_by_trace(layers->heap, trace, tiers, num_chunks, error);
	return status == IMAGO_OK
	           ? imago_ranks_by_trace(layers->heap, trace, ranks, num_chunks, allocator, error)
	           : status;
}

/* The result, in memory and read again. */
static imago_status
make_tiers(layered_bytes *out, const command_line *line, const layered_bytes *layers,
           const imago_trace *trace, imago_error *error)
{
	imago_census census;
	imago_allocator *allocator = line->allocator;
	imago_status status = imago_census_take(layers->heap, &census, error);
	if (status != IMAGO_OK) {
		return status;
	}
	uint8_t *tiers = imago_allocate_array(allocator, census.num_chunks, 2, "tiers", error);
	if (tiers == NULL) {
		return IMAGO_ENOMEM;
	}
	const imago_layered_options options = {
	    .tiers = tiers,
	    .num_tiers = census.num_chunks,
	    .ranks = tiers + census.num_chunks,
	    .start = line->values[OPTION_BASE].number,
	    .make_ready = line->values[OPTION_READY].given,
	};
	status = assign(layers, trace, tiers, tiers + census.num_chunks, census.num_chunks, allocator,
	                error);
	if (status == IMAGO_OK) {
		status = imago_layered_rewrite(layers->heap, layers->bytes, layers->size, &options,
		                               &out->writer, error);
	}
	imago_release(allocator, tiers, 2 * census.num_chunks);
	out->bytes = out->writer.bytes;
	out->size = out->writer.size;
	if (status == IMAGO_OK) {
		status = imago_layered_read(&out->heap, out->bytes, out->size, allocator, error);
		out->owns_heap = status == IMAGO_OK;
	}
	return status;
}

static void
print_sections(const layered_bytes *layers)
{
	imago_layered_head head;
	if (imago_layered_decode(&head, layers->bytes, layers->size, NULL) != IMAGO_OK) {
		return;
	}
	print("%-12s %-9s %12s %8s\n", "section", "pointers", "bytes", "pages");
	for (size_t i = 0; i < head.num_sections; i++) {
		const imago_layered_section *section = &head.sections[i];
		if (section->kind == IMAGO_LAYERED_OBJECTS) {
			print("%-12s %-9s %12" PRIu64 " %8" PRIu64 "\n", section->name,
			      section->has_pointers ? "yes" : "no", section->size,
			      (section->size + PAGE - 1) / PAGE);
		}
	}
}

static void
print_observation(const char *when, const observation *seen)
{
	uint64_t dirty = seen->num_private_pages * PAGE;
	double times =
	    seen->changes.num_bytes > 0 ? (double)dirty / (double)seen->changes.num_bytes : 0;
	print("%-8s %10" PRIu64 " bytecodes: %" PRIu64 " objects of %" PRIu64 " bytes written, %" PRIu64
	      " of %" PRIu64 " pages: %.2f times the bytes\n",
	      when, seen->num_bytecodes, seen->changes.num_objects, seen->changes.num_bytes,
	      seen->num_private_pages, seen->num_pages, times);
}

/* Runs the result as the image was run. */
static exit_status
prove(const command_line *line, const layered_bytes *result, const observation *before,
      uint64_t fuel)
{
	observation after;
	imago_trace trace;
	imago_trace_init(&trace, line->allocator);
	exit_status status = observe(&after, &trace, result->heap, result->bytes, result->size, fuel,
	                             line->names[1], line->allocator);
	imago_trace_release(&trace);
	if (status != EXIT_DONE) {
		return status;
	}
	print_observation("before", before);
	print_observation("after", &after);
	if (after.end != before->end || after.num_bytecodes != before->num_bytecodes) {
		complain("tier: the result does not run as the image did: an image may ask in which order "
		         "its objects lie");
	}
	return EXIT_DONE;
}

static exit_status
tier(const command_line *line, const imago_image *image, layered_bytes *layers,
     layered_bytes *result, imago_trace *trace)
{
	const option_value *values = line->values;
	imago_layered_head head;
	imago_error error = {0};
	observation before = {.num_pages = 0};
	uint64_t fuel = values[OPTION_FUEL].given ? values[OPTION_FUEL].number : DEFAULT_FUEL;
	exit_status status = EXIT_DONE;
	if (open_layers(layers, image, line->allocator, &error) != IMAGO_OK ||
	    imago_layered_decode(&head, layers->bytes, layers->size, &error) != IMAGO_OK) {
		return complain_of_error(line->names[0], &error);
	}
	if (values[OPTION_TRACE].given) {
		status = read_trace(trace, values[OPTION_TRACE].text, head.identity, line->allocator);
	}
	if (status == EXIT_DONE && values[OPTION_OBSERVE].given) {
		memcpy(trace->identity, head.identity, sizeof trace->identity);
		status = observe(&before, trace, layers->heap, layers->bytes, layers->size, fuel,
		                 line->names[0], line->allocator);
	}
	if (status == EXIT_DONE && values[OPTION_SAVE_TRACE].given) {
		status = save_trace(trace, values[OPTION_SAVE_TRACE].text, line->allocator);
	}
	if (status != EXIT_DONE) {
		return status;
	}
	if (make_tiers(result, line, layers, trace, &error) != IMAGO_OK) {
		return complain_of_error(line->names[0], &error);
	}
	if (imago_save_file(line->names[1], result->bytes, result->size, &error) != IMAGO_OK) {
		return complain_of_error(line->names[1], &error);
	}
	print_sections(result);
	return values[OPTION_OBSERVE].given ? prove(line, result, &before, fuel) : EXIT_DONE;
}

static exit_status
run_tier(const command_line *line)
{
	imago_image image;
	imago_error error = {0};
	if (line->values[OPTION_SAVE_TRACE].given && !line->values[OPTION_OBSERVE].given) {
		complain("tier: --save-trace needs --observe");
		return EXIT_TROUBLE;
	}
	exit_status status = open_image(&image, line->names[0], line->allocator, &error);
	if (status == EXIT_DONE && line->values[OPTION_OBSERVE].given) {
		status = require_no_errors(&image, "tier", line->names[0], line->allocator);
	}
	if (status == EXIT_DONE) {
		layered_bytes layers = {.heap = NULL};
		layered_bytes result = {.heap = NULL};
		imago_trace trace;
		imago_trace_init(&trace, line->allocator);
		imago_writer_init(&layers.writer, line->allocator, image.heap->layout, NULL);
		imago_writer_init(&result.writer, line->allocator, image.heap->layout, NULL);
		status = tier(line, &image, &layers, &result, &trace);
		close_layers(&result);
		close_layers(&layers);
		imago_trace_release(&trace);
	}
	imago_image_close(&image);
	return status;
}

const struct command tier_command = {
    .name = "tier",
    .arguments = "IN OUT",
    .summary = "lay an image out so that few of its pages are written",
    .description =
        "Writes the Spur image IN as the layered image OUT, its objects apart by how often they\n"
        "are written: often, rarely, never. What is known of that comes from a trace, or from a\n"
        "run with --observe; else from what objects are: code and its literals, then classes and\n"
        "globals, then the rest. --observe runs IN, makes OUT, runs OUT as well, and tells how\n"
        "many pages were written before and after. A trace belongs to one image: the layered one\n"
        "that was run, or the one that 'imago convert --to layered' makes of IN.",
    .examples = "  imago tier my.image my.layered --observe --save-trace my.trace\n"
                "  imago tier my.image my.layered --trace my.trace\n"
                "  imago tier my.image my.layered",
    .options = tier_options,
    .num_options = sizeof tier_options / sizeof tier_options[0],
    .min_names = 2,
    .max_names = 2,
    .run = run_tier,
};
