/* cmd_run.c: executes an image. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "imago/file_system.h"
#include "imago/layered_image.h"
#include "imago/permanent.h"
#include "imago/rebuild.h"
#include "imago/vm.h"
#include "output.h"
#include "packfile_file.h"

enum {
	OPTION_FUEL,
	OPTION_ROOT,
	OPTION_STATS,
	OPTION_SNAPSHOT,
	OPTION_PERM_SAVE,
	OPTION_GROWTH,
	OPTION_COLLECT,
	OPTION_LONG_DOUBLE,
};

static const option_spec run_options[] = {
    [OPTION_FUEL] = {"fuel", "N", "execute at most N bytecodes (default 1G; K, M, G)", OPTION_SIZE,
                     1, 0},
    [OPTION_ROOT] = {"root", "DIR", "let the image read the files in this folder", OPTION_TEXT, 0,
                     0},
    [OPTION_STATS] = {"stats", NULL, "print what was executed", OPTION_FLAG, 0, 0},
    [OPTION_SNAPSHOT] = {"snapshot", "OUT", "save the image as it is when the run ends",
                         OPTION_TEXT, 0, 0},
    [OPTION_PERM_SAVE] = {"perm-save", NULL,
                          "OUT, layered, is to be loaded into permanent space (a perm save)",
                          OPTION_FLAG, 0, 0},
    [OPTION_GROWTH] = {"growth", "BYTES", "let the objects grow by so much (default 64M)",
                       OPTION_SIZE, 1, 0},
    [OPTION_COLLECT] = {"collect-always", "N",
                        "collect at each allocation: eden; every N-th time old space too",
                        OPTION_NUMBER, 1, UINT32_MAX / 4},
    [OPTION_LONG_DOUBLE] = {"long-double", LONG_DOUBLE_WORDS, LONG_DOUBLE_HELP, OPTION_CHOICE, 0,
                            0},
};

enum { DEFAULT_FUEL = 1 << 30, MAX_FILE_BYTES = 64 << 20 };

/* What the image is lent: the last file that it opened. */
typedef struct run_state {
	const char *root;
	imago_allocator *allocator;
	uint8_t *bytes;
	uint64_t size;
} run_state;

static void
print_output(void *payload, const uint8_t *bytes, size_t size)
{
	(void)payload;
	print("%.*s", (int)size, (const char *)bytes);
}

/* Reads a regular file in the folder itself: no paths, no links, whatever the name says. */
static bool
read_in_root(run_state *state, int folder, const char *name)
{
	const imago_file_system *files = imago_os_files();
	imago_file_facts facts;
	int file = imago_files_open(files, folder, name, IMAGO_OPEN_FILE_HERE);
	bool read = false;
	if (file < 0) {
		return false;
	}
	if (imago_files_describe(files, file, &facts) == 0 && facts.kind == IMAGO_PATH_FILE &&
	    facts.size <= MAX_FILE_BYTES) {
		state->bytes = imago_allocate(state->allocator, facts.size, "file", NULL);
		state->size = facts.size;
		uint64_t done = 0;
		int64_t got = state->bytes != NULL ? 1 : -1;
		while (got > 0 && done < facts.size) {
			got = imago_files_read(files, file, state->bytes + done, facts.size - done);
			done += got > 0 ? (uint64_t)got : 0;
		}
		read = state->bytes != NULL && done == facts.size;
	}
	(void)imago_files_close(files, file);
	return read;
}

static bool
lend_file(void *payload, const char *name, const uint8_t **bytes, uint64_t *size)
{
	run_state *state = payload;
	imago_release(state->allocator, state->bytes, state->bytes != NULL ? state->size : 0);
	state->bytes = NULL;
	if (state->root == NULL || name[0] == '.' || strchr(name, '/') != NULL) {
		return false;
	}
	const imago_file_system *files = imago_os_files();
	int folder = imago_files_open(files, IMAGO_WORKING_FOLDER, state->root, IMAGO_OPEN_FOLDER);
	bool found = folder >= 0 && read_in_root(state, folder, name);
	if (folder >= 0) {
		(void)imago_files_close(files, folder);
	}
	*bytes = state->bytes;
	*size = state->size;
	return found;
}

static bool
is_perm_save(const imago_image *image)
{
	return image->format == IMAGO_FORMAT_LAYERED &&
	       imago_layered_is_perm_save(image->data, image->size);
}

/* Saves the running image in the format and byte order that it came in, or as a perm save. What
 * came as one leaves without what is permanent and no longer used: that is its second half. */
static exit_status
save_snapshot(imago_vm *vm, const imago_image *image, const command_line *line)
{
	const char *path = line->values[OPTION_SNAPSHOT].text;
	imago_allocator *allocator = line->allocator;
	imago_error error = {0};
	imago_heap *heap = NULL;
	imago_heap *turned = NULL;
	const imago_rebuild_options options = {.layout = image->heap->layout};
	if (is_perm_save(image) && !imago_vm_collect(vm, true)) {
		complain("%s: permanent space could not be collected, and nothing was saved", path);
		return EXIT_TROUBLE;
	}
	imago_status status = imago_vm_snapshot(vm, &heap, allocator, &error);
	if (status == IMAGO_OK) {
		status = imago_rebuild(&turned, heap, &options, allocator, NULL, &error);
	}
	exit_status result = status != IMAGO_OK ? complain_of_error(path, &error)
	                     : line->values[OPTION_PERM_SAVE].given
	                         ? save_perm_save(turned, 0, path, allocator)
	                         : save_image(turned, image->format, path, allocator);
	imago_heap_destroy(turned);
	imago_heap_destroy(heap);
	return result;
}

static void
print_statistics(const imago_vm *vm)
{
	const imago_vm_statistics statistics = imago_vm_statistics_of(vm);
	tell("bytecodes %" PRIu64 ", sends %" PRIu64 ", primitives %" PRIu64
	     ", method cache misses %" PRIu64 "\nscavenges %" PRIu64 ", bytes promoted %" PRIu64
	     "\nold-space collections %" PRIu64 ", global %" PRIu64 ", bytes freed %" PRIu64
	     "\nweak references cleared %" PRIu64 ", ephemerons fired %" PRIu64 "\n",
	     statistics.num_bytecodes, statistics.num_sends, statistics.num_primitives,
	     statistics.num_cache_misses, statistics.num_scavenges, statistics.bytes_promoted,
	     statistics.num_old_collections, statistics.num_global_collections, statistics.bytes_freed,
	     statistics.num_weak_cleared, statistics.num_fired);
}

static exit_status
tell_end(const imago_vm_result *result)
{
	if (result->end == IMAGO_VM_QUIT) {
		return (exit_status)result->exit_status;
	}
	complain("run: %s (%s, pc %" PRIu64 ")", result->reason,
	         result->method[0] != '\0' ? result->method : "a method without a name", result->pc);
	return result->end == IMAGO_VM_FUEL ? EXIT_DONE : EXIT_IMAGE;
}

/* heap: the image's, or what was loaded in its place. */
static exit_status
execute(const imago_image *image, const imago_heap *heap, const command_line *line)
{
	const option_value *values = line->values;
	run_state state = {.root = values[OPTION_ROOT].text, .allocator = line->allocator};
	const imago_vm_options options = {
	    .growth = values[OPTION_GROWTH].number,
	    .collect_every = (uint32_t)values[OPTION_COLLECT].number,
	    .image_name = base_name(line->names[0]),
	    .print = print_output,
	    .open_file = lend_file,
	    .payload = &state,
	};
	imago_error error = {0};
	imago_vm *vm = NULL;
	imago_vm_result end;
	if (imago_vm_create(&vm, heap, &options, line->allocator, &error) != IMAGO_OK) {
		return complain_of_error(line->names[0], &error);
	}
	imago_vm_run(vm, values[OPTION_FUEL].given ? values[OPTION_FUEL].number : DEFAULT_FUEL, &end);
	exit_status result = tell_end(&end);
	if (values[OPTION_STATS].given) {
		flush_output();
		print_statistics(vm);
	}
	if (values[OPTION_SNAPSHOT].given) {
		result = worse_status(result, save_snapshot(vm, image, line));
	}
	imago_vm_destroy(vm);
	imago_release(line->allocator, state.bytes, state.bytes != NULL ? state.size : 0);
	return result;
}

/* Loads a perm save into permanent space, whatever its sections say. */
static exit_status
load_and_execute(const imago_image *image, const command_line *line)
{
	imago_error error = {0};
	imago_heap *heap;
	if (!is_perm_save(image)) {
		return execute(image, image->heap, line);
	}
	if (imago_permanent_make(&heap, image->heap, line->allocator, &error) != IMAGO_OK) {
		return complain_of_error(line->names[0], &error);
	}
	exit_status result = execute(image, heap, line);
	imago_heap_destroy(heap);
	return result;
}

/* What a packfile has no use for is refused, not ignored. */
static exit_status
run_packfile(const command_line *line)
{
	static const int of_images[] = {OPTION_ROOT, OPTION_SNAPSHOT, OPTION_PERM_SAVE, OPTION_GROWTH,
	                                OPTION_COLLECT};
	const option_value *values = line->values;
	for (size_t i = 0; i < sizeof of_images / sizeof of_images[0]; i++) {
		if (values[of_images[i]].given) {
			complain("run: --%s is for images, and %s is a packfile",
			         line->command->options[of_images[i]].name, line->names[0]);
			return EXIT_TROUBLE;
		}
	}
	return packfile_run(
	    line->names[0], values[OPTION_FUEL].given ? values[OPTION_FUEL].number : DEFAULT_FUEL,
	    values[OPTION_STATS].given, long_double_of(&values[OPTION_LONG_DOUBLE]), line->allocator);
}

static exit_status
run_run(const command_line *line)
{
	if (is_packfile(line->names[0])) {
		return run_packfile(line);
	}
	if (line->values[OPTION_PERM_SAVE].given && !line->values[OPTION_SNAPSHOT].given) {
		complain("run: --perm-save needs --snapshot");
		return EXIT_TROUBLE;
	}
	imago_image image;
	imago_error error = {0};
	exit_status result = open_image(&image, line->names[0], line->allocator, &error);
	if (result == EXIT_DONE) {
		result = require_no_errors(&image, "run", line->names[0], line->allocator);
	}
	if (result == EXIT_DONE && line->values[OPTION_PERM_SAVE].given &&
	    image.heap->model != IMAGO_SPUR) {
		complain("%s: a perm save is a layered image, and those are not made from v3 ones",
		         line->names[0]);
		result = EXIT_IMAGE;
	}
	if (result == EXIT_DONE) {
		result = load_and_execute(&image, line);
	}
	imago_image_close(&image);
	return result;
}

const struct command run_command = {
    .name = "run",
    .arguments = "IMAGE",
    .summary = "execute an image, safely",
    .description =
        "Executes the image from where it was saved, until it quits, its fuel is used up, or it\n"
        "does what no image may. It has no display and no network, its clock is virtual (a run "
        "can\n"
        "be repeated exactly), it reads only what --root lends it, and what it writes into files\n"
        "stays in memory. An image that 'imago check' finds errors in is not executed.\n\n"
        "A perm save (--perm-save here, or 'imago convert --to layered --perm-save') is loaded "
        "into\n"
        "permanent space, all of it; what the run makes is in old space. --snapshot then collects\n"
        "both, and saves them apart, without that bit: 'imago attach' maps the one, and collects\n"
        "the other.\n\n"
        "A Parrot packfile is executed where it is mapped: its code is copied only where the byte\n"
        "order is not the host's (--stats). An op that is not known stops it before it prints.\n\n"
        "Exit status: the image's own when it quits; 0 when its fuel is used up; else 1, or 2 as\n"
        "always.",
    .examples = "  imago run pharo.image --stats\n"
                "  imago run loop.image --fuel 10M --snapshot later.image\n"
                "  imago run perm.image --fuel 1M --snapshot ready.image",
    .options = run_options,
    .num_options = sizeof run_options / sizeof run_options[0],
    .min_names = 1,
    .max_names = 1,
    .run = run_run,
};
