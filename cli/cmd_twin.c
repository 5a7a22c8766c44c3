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

enum { OPTION_FUEL, OPTION_SAVE, OPTION_ROOM, OPTION_TABLE };

static const option_spec twin_options[] = {
    [OPTION_FUEL] = {"fuel", "N", "of a run: at most N bytecodes (default 1G; K, M, G)",
                     OPTION_SIZE, 1, 0},
    [OPTION_SAVE] = {"save", "OUT", "after a run: what the image has become, as a twin of SOURCE",
                     OPTION_TEXT, 0, 0},
    [OPTION_ROOM] = {"growth", "BYTES", "let the objects grow by so much (default 64M)",
                     OPTION_SIZE, 1, 0},
    [OPTION_TABLE] = {"table", NULL,
                      "of a run: write nothing of SOURCE's pages, copy objects before they are\n"
                      "written; a table says where the copies are",
                      OPTION_FLAG, 0, 0},
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

/* Attaches source, and twin where there is one, in one of both ways. */
static imago_status
attach(twin_files *files, bool tabled, imago_error *error)
{
	const option_value *room = &files->line->values[OPTION_ROOM];
	imago_allocator *allocator = files->line->allocator;
	uint64_t bytes = room->given ? room->number : DEFAULT_ROOM;
	bytes = bytes > LEAST_ROOM ? bytes : LEAST_ROOM;
	if (files->bytes == NULL) {
		const imago_layered_attach_options options = {
		    .attach.relocation = IMAGO_RELOCATION_NONE, .room = bytes, .tabled = tabled};
		return imago_layered_attach(&files->attached, files->source, &options, allocator, error);
	}
	return tabled ? imago_twin_attach_tabled(&files->attached, files->bytes, files->size,
	                                         files->source, bytes, allocator, error)
	              : imago_twin_attach(&files->attached, files->bytes, files->size, files->source,
	                                  bytes, allocator, error);
}

static exit_status
open_twin(twin_files *files, const char *source, const char *twin)
{
	imago_allocator *allocator = files->line->allocator;
	imago_error error = {0};
	files->source = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (files->source < 0) {
		complain("%s: cannot be opened", source);
		return EXIT_TROUBLE;
	}
	imago_status status = IMAGO_OK;
	if (twin != NULL) {
		status = imago_file_read(twin, allocator, &files->bytes, &files->size, &error);
	}
	if (status == IMAGO_OK) {
		status = attach(files, false, &error);
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

/* The source as its file has it. */
typedef struct untouched_source {
	imago_layered_attachment attached;
	imago_heap *heap;
} untouched_source;

static imago_status
open_untouched(untouched_source *out, const twin_files *files, imago_error *error)
{
	const imago_layered_attach_options options = {.attach.relocation = IMAGO_RELOCATION_NONE};
	imago_allocator *allocator = files->line->allocator;
	out->heap = NULL;
	imago_status status =
	    imago_layered_attach(&out->attached, files->source, &options, allocator, error);
	return status == IMAGO_OK
	           ? imago_layered_attached_heap(&out->heap, &out->attached, allocator, error)
	           : status;
}

static void
close_untouched(untouched_source *source)
{
	imago_heap_destroy(source->heap);
	imago_layered_detach(&source->attached);
}

/* Saves what the machine has made of the source. */
static exit_status
save_twin(const twin_files *files, imago_vm *vm, const char *path)
{
	untouched_source untouched;
	imago_memory_mapping now;
	imago_writer writer;
	imago_error error = {0};
	imago_writer_init(&writer, files->line->allocator, files->attached.head.layout, &error);
	imago_status status = open_untouched(&untouched, files, &error);
	if (status == IMAGO_OK) {
		status = imago_vm_pause(vm, &now, &error);
	}
	if (status == IMAGO_OK) {
		status = imago_twin_write(&files->attached, &now, untouched.heap, &writer, &error);
		(void)imago_vm_resume(vm);
	}
	if (status == IMAGO_OK) {
		status = imago_save_file(path, writer.bytes, writer.size, &error);
	}
	imago_writer_release(&writer);
	close_untouched(&untouched);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

static exit_status
require_sound(const twin_files *files)
{
	const imago_image image = {.format = IMAGO_FORMAT_SPUR, .heap = files->heap};
	return require_no_errors(&image, "twin", files->line->names[1], files->line->allocator);
}

/* What was looked at lay in place; an object table begins with pages that nobody has written. */
static exit_status
change_to_table(twin_files *files)
{
	imago_error error = {0};
	imago_twin_head head;
	imago_status status = IMAGO_OK;
	if (files->bytes != NULL) {
		status = imago_twin_decode(&head, files->bytes, files->size, &error);
	}
	if (files->bytes != NULL && status == IMAGO_OK && head.objects) {
		status = imago_twin_require_objects(&head, files->bytes, files->attached.head.start,
		                                    files->heap, &error);
	}
	imago_heap_destroy(files->heap);
	files->heap = NULL;
	imago_layered_detach(&files->attached);
	if (status == IMAGO_OK) {
		status = attach(files, true, &error);
	}
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(files->line->names[2], &error);
}

static exit_status
run_over(twin_files *files, const char *out)
{
	const command_line *line = files->line;
	const option_value *fuel = &line->values[OPTION_FUEL];
	const imago_vm_options options = {.print = print_output, .image_name = "image"};
	imago_vm *vm;
	imago_vm_result end;
	imago_error error = {0};
	exit_status result = require_sound(files);
	if (result == EXIT_DONE && line->values[OPTION_TABLE].given) {
		result = change_to_table(files);
	}
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
	print("kind          %s\nsource        ", head.objects ? "objects" : "words");
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

/* The same image with references updated instead of words changed in place. */
static exit_status
move(const twin_files *files, const char *out)
{
	untouched_source untouched;
	imago_twin_moves moves = {0};
	imago_writer writer;
	imago_error error = {0};
	exit_status result = require_sound(files);
	if (result != EXIT_DONE) {
		return result;
	}
	imago_writer_init(&writer, files->line->allocator, files->attached.head.layout, &error);
	imago_status status = open_untouched(&untouched, files, &error);
	if (status == IMAGO_OK) {
		status = imago_twin_write_moved(&files->attached, &files->attached.mapping, files->heap,
		                                untouched.heap, &writer, &moves, &error);
	}
	if (status == IMAGO_OK) {
		status = imago_save_file(out, writer.bytes, writer.size, &error);
	}
	if (status == IMAGO_OK) {
		print("changed       %" PRIu64 " object%s of %" PRIu64 " bytes\nmoved         %" PRIu64
		      " object%s of %" PRIu64 " bytes\n",
		      moves.num_changed, plural(moves.num_changed), moves.changed_bytes, moves.num_moved,
		      plural(moves.num_moved), moves.moved_bytes);
	}
	imago_writer_release(&writer);
	close_untouched(&untouched);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(out, &error);
}

typedef enum verb { VERB_MAKE, VERB_RUN, VERB_SHOW, VERB_FLATTEN, VERB_MOVE, NUM_VERBS } verb;
static const struct {
	const char *name;
	size_t num_names;
} verbs[NUM_VERBS] = {{"make", 3}, {"run", 3}, {"show", 3}, {"flatten", 4}, {"move", 4}};

static exit_status
run_twin(const command_line *line)
{
	size_t what = 0;
	while (what < NUM_VERBS && strcmp(line->names[0], verbs[what].name) != 0) {
		what++;
	}
	if (what == NUM_VERBS || line->num_names != verbs[what].num_names) {
		complain(
		    "twin: make SOURCE OUT, run SOURCE TWIN, show SOURCE TWIN, flatten SOURCE TWIN OUT "
		    "or move SOURCE TWIN OUT");
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
		case VERB_FLATTEN:
			status = flatten(&files, line->names[3]);
			break;
		default:
			status = move(&files, line->names[3]);
			break;
		}
	}
	close_twin(&files);
	return status;
}

const struct command twin_command = {
    .name = "twin",
    .arguments = "make|run|show|flatten|move SOURCE …",
    .summary = "working images over a layered image that is only read",
    .description =
        "A twin holds what a program changed in the layered image SOURCE and what it made, and\n"
        "nothing else; it is worth nothing over another source.\n"
        "  make SOURCE OUT          runs SOURCE where it is mapped, and saves the twin as OUT\n"
        "  run SOURCE TWIN          goes on where the twin was saved; --save keeps what becomes of "
        "it\n"
        "  show SOURCE TWIN         what is in it\n"
        "  flatten SOURCE TWIN OUT  both together, as a layered image of its own\n"
        "  move SOURCE TWIN OUT     the same twin, but with all objects that it changed moved to "
        "it, and\n"
        "                           all of SOURCE that leads to them, which is much\n"
        "Pages of SOURCE are copied when they are written, and the twin holds the words that "
        "differ;\n"
        "with --table objects are copied, and the twin holds them whole. A twin of objects runs "
        "either\n"
        "way, one of words without --table.\n"
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
