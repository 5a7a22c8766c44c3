/* cmd_twin.c: working images over a source. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "files.h"
#include "imago/file.h"
#include "imago/image.h"
#include "imago/save.h"
#include "imago/twin.h"
#include "imago/vm.h"
#include "imago/walk.h"
#include "output.h"

enum { OPTION_FUEL, OPTION_SAVE, OPTION_ROOM };

static const option_spec twin_options[] = {
    [OPTION_FUEL] = {"fuel", "N", "of a run: at most N bytecodes (default 1G; K, M, G)",
                     OPTION_SIZE, 1, 0},
    [OPTION_SAVE] = {"save", "OUT", "after a run: what the image has become, as a twin of SOURCE",
                     OPTION_TEXT, 0, 0},
    [OPTION_ROOM] = {"growth", "BYTES", "let the objects grow by so much (default 64M)",
                     OPTION_SIZE, 1, 0},
};

enum { DEFAULT_FUEL = 1 << 30, DEFAULT_ROOM = 64 << 20, LEAST_ROOM = 4 << 20 };

/* A source, and a twin in memory when there is one. */
typedef struct twin_files {
	const command_line *line;
	int source;
	uint8_t *bytes;
	uint64_t size;
	imago_layered_attachment attached;
	imago_heap *heap; /* of both together */
} twin_files;

static void
print_output(void *payload, const uint8_t *bytes, size_t size)
{
	(void)payload;
	print("%.*s", (int)size, (const char *)bytes);
}

static exit_status
open_twin(twin_files *files, const char *source, const char *twin)
{
	const option_value *room = &files->line->values[OPTION_ROOM];
	imago_allocator *allocator = files->line->allocator;
	imago_error error = {0};
	uint64_t bytes = room->given ? room->number : DEFAULT_ROOM;
	bytes = bytes > LEAST_ROOM ? bytes : LEAST_ROOM;
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE,
	                                              .room = bytes};
	files->source = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (files->source < 0) {
		complain("%s: cannot be opened", source);
		return EXIT_TROUBLE;
	}
	imago_status status;
	if (twin != NULL) {
		status = imago_file_read(twin, allocator, &files->bytes, &files->size, &error);
		if (status != IMAGO_OK) {
			return complain_of_error(twin, &error);
		}
		status = imago_twin_attach(&files->attached, files->bytes, files->size, files->source,
		                           bytes, allocator, &error);
	} else {
		status = imago_layered_attach(&files->attached, files->source, &options, allocator, &error);
	}
	if (status == IMAGO_OK) {
		status = imago_layered_attached_heap(&files->heap, &files->attached, allocator, &error);
	}
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(twin != NULL ? twin : source, &error);
}

static void
close_twin(twin_files *files)
{
	imago_heap_destroy(files->heap);
	imago_layered_detach(&files->attached);
	imago_release(files->line->allocator, files->bytes, files->bytes != NULL ? files->size : 0);
	if (files->source >= 0) {
		(void)close(files->source);
	}
}

/* Saves what the machine has made of the source. */
static exit_status
save_twin(const twin_files *files, imago_vm *vm, const char *path)
{
	imago_allocator *allocator = files->line->allocator;
	imago_layered_attachment untouched;
	imago_memory_mapping now;
	imago_heap *file = NULL;
	imago_writer writer;
	imago_error error = {0};
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE};
	imago_writer_init(&writer, allocator, files->attached.head.layout, &error);
	imago_status status =
	    imago_layered_attach(&untouched, files->source, &options, allocator, &error);
	if (status == IMAGO_OK) {
		status = imago_layered_attached_heap(&file, &untouched, allocator, &error);
	}
	if (status == IMAGO_OK) {
		status = imago_vm_pause(vm, &now, &error);
	}
	if (status == IMAGO_OK) {
		status = imago_twin_write(&files->attached, &now, file, &writer, &error);
		(void)imago_vm_resume(vm);
	}
	if (status == IMAGO_OK) {
		status = imago_save_file(path, writer.bytes, writer.size, &error);
	}
	imago_writer_release(&writer);
	imago_heap_destroy(file);
	imago_layered_detach(&untouched);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

static exit_status
require_sound(const twin_files *files)
{
	const imago_image image = {.format = IMAGO_FORMAT_SPUR, .heap = files->heap};
	return require_no_errors(&image, "twin", files->line->names[1], files->line->allocator);
}

static exit_status
run_over(const twin_files *files, const char *out)
{
	const command_line *line = files->line;
	const option_value *fuel = &line->values[OPTION_FUEL];
	const imago_vm_options options = {.print = print_output, .image_name = "image"};
	imago_vm *vm;
	imago_vm_result end;
	imago_error error = {0};
	exit_status result = require_sound(files);
	if (result != EXIT_DONE) {
		return result;
	}
	if (imago_vm_create_mapped(&vm, &files->attached.mapping, &options, line->allocator, &error) !=
	    IMAGO_OK) {
		return complain_of_error(line->names[1], &error);
	}
	imago_vm_run(vm, fuel->given ? fuel->number : DEFAULT_FUEL, &end);
	if (end.end == IMAGO_VM_QUIT) {
		result = (exit_status)end.exit_status;
	} else {
		complain("twin: %s (%s, pc %" PRIu64 ")", end.reason,
		         end.method[0] != '\0' ? end.method : "a method without a name", end.pc);
		result = end.end == IMAGO_VM_FUEL ? EXIT_DONE : EXIT_IMAGE;
	}
	if (out != NULL) {
		result = worse_status(result, save_twin(files, vm, out));
	}
	imago_vm_destroy(vm);
	return result;
}

/* The objects of the source in which words differ, of those that the walk of it meets. */
static uint64_t
count_changed(const twin_files *files, uint64_t *num_bytes)
{
	imago_twin_head head;
	imago_twin_reader reader;
	imago_twin_run run;
	imago_walker walker;
	imago_object object;
	uint64_t count = 0;
	*num_bytes = 0;
	if (imago_twin_decode(&head, files->bytes, files->size, NULL) != IMAGO_OK) {
		return 0;
	}
	imago_twin_reader_init(&reader, &head, files->bytes, files->attached.head.start);
	bool more = imago_twin_next(&reader, &run);
	imago_walk_init(&walker, files->heap, NULL);
	while (more && imago_walk_next(&walker, &object)) {
		imago_addr end = object.chunk + object.total_bytes;
		while (more && run.address + run.size <= object.chunk) {
			more = imago_twin_next(&reader, &run);
		}
		if (more && run.address < end) {
			count++;
			*num_bytes += object.total_bytes;
		}
	}
	return count;
}

static exit_status
show(const twin_files *files)
{
	imago_twin_head head;
	imago_error error = {0};
	uint64_t num_bytes;
	if (imago_twin_decode(&head, files->bytes, files->size, &error) != IMAGO_OK) {
		return complain_of_error(files->line->names[2], &error);
	}
	uint64_t num_objects = count_changed(files, &num_bytes);
	print("source        ");
	for (size_t i = 0; i < sizeof head.source; i++) {
		print("%02x", head.source[i]);
	}
	print("\nsource bytes  %" PRIu64 "\nchanged       %" PRIu64 " object%s of %" PRIu64
	      " bytes: %" PRIu64 " bytes in %" PRIu64 " run%s\nnew           %" PRIu64
	      " bytes\nfile          %" PRIu64 " bytes, %" PRIu64 " of them table\n",
	      head.source_used, num_objects, plural(num_objects), num_bytes, head.changed_size,
	      head.num_runs, plural(head.num_runs), head.used - head.source_used, files->size,
	      head.table_size);
	return EXIT_DONE;
}

static exit_status
flatten(const twin_files *files, const char *out)
{
	exit_status result = require_sound(files);
	return result == EXIT_DONE
	           ? save_layered(files->heap, files->attached.head.start, out, files->line->allocator)
	           : result;
}

typedef enum verb { VERB_MAKE, VERB_RUN, VERB_SHOW, VERB_FLATTEN, NUM_VERBS } verb;
static const struct {
	const char *name;
	size_t num_names;
} verbs[NUM_VERBS] = {{"make", 3}, {"run", 3}, {"show", 3}, {"flatten", 4}};

static exit_status
run_twin(const command_line *line)
{
	size_t what = 0;
	while (what < NUM_VERBS && strcmp(line->names[0], verbs[what].name) != 0) {
		what++;
	}
	if (what == NUM_VERBS || line->num_names != verbs[what].num_names) {
		complain("twin: make SOURCE OUT, run SOURCE TWIN, show SOURCE TWIN or flatten SOURCE TWIN "
		         "OUT");
		return EXIT_TROUBLE;
	}
	twin_files files = {.line = line, .source = -1};
	exit_status status =
	    open_twin(&files, line->names[1], what == VERB_MAKE ? NULL : line->names[2]);
	if (status == EXIT_DONE) {
		switch (what) {
		case VERB_MAKE:
			status = run_over(&files, line->names[2]);
			break;
		case VERB_RUN:
			status = run_over(&files, line->values[OPTION_SAVE].text);
			break;
		case VERB_SHOW:
			status = show(&files);
			break;
		default:
			status = flatten(&files, line->names[3]);
			break;
		}
	}
	close_twin(&files);
	return status;
}

const struct command twin_command = {
    .name = "twin",
    .arguments = "make|run|show|flatten SOURCE …",
    .summary = "working images over a layered image that is only read",
    .description =
        "A twin holds what a program changed in the layered image SOURCE and what it made, and\n"
        "nothing else; it is worth nothing over another source.\n"
        "  make SOURCE OUT          runs SOURCE where it is mapped, and saves the twin as OUT\n"
        "  run SOURCE TWIN          goes on where the twin was saved; --save keeps what becomes of "
        "it\n"
        "  show SOURCE TWIN         what is in it\n"
        "  flatten SOURCE TWIN OUT  both together, as a layered image of its own\n"
        "Exit status of make and run: as 'imago run'.",
    .examples = "  imago twin make my.layered my.twin --fuel 1M\n"
                "  imago twin run my.layered my.twin --fuel 1M --save later.twin\n"
                "  imago twin flatten my.layered later.twin whole.layered",
    .options = twin_options,
    .num_options = sizeof twin_options / sizeof twin_options[0],
    .min_names = 3,
    .max_names = 4,
    .run = run_twin,
};
