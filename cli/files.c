/* files.c: opening and saving. */
#include "files.h"

#include <inttypes.h>
#include <string.h>

#include "imago/file.h"
#include "imago/layered_image.h"
#include "imago/save.h"
#include "imago/workspace.h"
#include "output.h"
#include "progress.h"

bool
file_begins_as(const char *path, bool (*probe)(const uint8_t *bytes, uint64_t size))
{
	const imago_file_system *files = imago_os_files();
	uint8_t begin[16];
	const int descriptor =
	    imago_path_kind_of(path) == IMAGO_PATH_FILE
	        ? imago_files_open(files, IMAGO_WORKING_FOLDER, path, IMAGO_OPEN_FILE)
	        : -1;
	if (descriptor < 0) {
		return false;
	}
	uint64_t done = 0;
	int64_t got = 1;
	while (got > 0 && done < sizeof begin) {
		got = imago_files_read(files, descriptor, begin + done, sizeof begin - done);
		done += got > 0 ? (uint64_t)got : 0;
	}
	(void)imago_files_close(files, descriptor);
	return probe(begin, done);
}

exit_status
open_image(imago_image *image, const char *path, imago_allocator *allocator, imago_error *error)
{
	memset(image, 0, sizeof *image);
	image->allocator = allocator;
	imago_folder_init(&image->folder, allocator);
	memset(error, 0, sizeof *error);
	if (imago_path_kind_of(path) == IMAGO_PATH_OTHER) {
		imago_fail(error, IMAGO_EUSAGE, "neither a file nor a folder", IMAGO_NO_OFFSET, 0, 0);
		complain("%s: %s", path, error->what);
		return EXIT_TROUBLE;
	}
	progress step;
	progress_begin(&step, "reading", path);
	imago_status status = imago_image_open(image, path, allocator, error);
	progress_end(&step);
	if (status == IMAGO_OK) {
		return EXIT_DONE;
	}
	const exit_status result = complain_of_error(path, error);
	if (file_begins_as(path, imago_workspace_probe)) {
		tell("It is a workspace: try 'imago workspace'.\n");
	}
	return result;
}

static bool
count_finding(const imago_finding *finding, void *payload)
{
	(void)finding;
	(void)payload;
	return true;
}

exit_status
require_no_errors(const imago_image *image, const char *command, const char *path,
                  imago_allocator *allocator)
{
	const imago_check_options options = {.num_threads = 1};
	imago_check_sink sink;
	imago_error error = {0};
	imago_check_sink_init(&sink, &options, count_finding, NULL);
	if (imago_image_check(image, &sink, allocator, &error) != IMAGO_OK) {
		return complain_of_error(path, &error);
	}
	if (sink.summary.num_errors > 0) {
		complain("%s: the image has %" PRIu64 " error%s and is not executed: imago check %s",
		         command, (uint64_t)sink.summary.num_errors, plural(sink.summary.num_errors), path);
		return EXIT_IMAGE;
	}
	return EXIT_DONE;
}

const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static bool
ends_in_bundle(const char *path)
{
	static const char ending[] = ".bundle";
	size_t length = strlen(path);
	size_t ending_length = sizeof ending - 1;
	return length > ending_length && strcmp(path + length - ending_length, ending) == 0;
}

static imago_status
save_bundle(const imago_heap *heap, const char *path, imago_allocator *allocator,
            imago_error *error)
{
	imago_writer writer;
	imago_writer_init(&writer, allocator, heap->layout, error);
	imago_status status = imago_image_write(heap, IMAGO_FORMAT_COMPOSED, &writer, error);
	if (status == IMAGO_OK) {
		status = imago_save_file(path, writer.bytes, writer.size, error);
	}
	imago_writer_release(&writer);
	return status;
}

static exit_status
save_layers(const imago_heap *heap, const imago_layered_options *options, const char *path,
            imago_allocator *allocator)
{
	imago_error error = {0};
	imago_writer writer;
	progress step;
	progress_begin(&step, "saving", path);
	imago_writer_init(&writer, allocator, heap->layout, &error);
	imago_status status = imago_layered_write(heap, options, &writer, &error);
	if (status == IMAGO_OK) {
		status = imago_save_file(path, writer.bytes, writer.size, &error);
	}
	imago_writer_release(&writer);
	progress_end(&step);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}

exit_status
save_layered(const imago_heap *heap, imago_addr start, const char *path, imago_allocator *allocator)
{
	const imago_layered_options options = {.start = start};
	return save_layers(heap, &options, path, allocator);
}

exit_status
save_perm_save(const imago_heap *heap, imago_addr start, const char *path,
               imago_allocator *allocator)
{
	const imago_layered_options options = {.start = start, .flags = IMAGO_LAYERED_PERM_SAVE};
	return save_layers(heap, &options, path, allocator);
}

exit_status
save_image(const imago_heap *heap, imago_format_id format, const char *path,
           imago_allocator *allocator)
{
	imago_error error = {0};
	imago_status status;
	progress step;
	progress_begin(&step, "saving", path);
	if (format == IMAGO_FORMAT_COMPOSED && ends_in_bundle(path)) {
		status = save_bundle(heap, path, allocator, &error);
	} else {
		status = imago_image_save(heap, format, path, allocator, &error);
	}
	progress_end(&step);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, &error);
}
