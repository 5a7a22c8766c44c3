/* attached_image.c: from a path to a layered file that may be mapped. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): for memfd_create */
#include "attached_image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "files.h"
#include "imago/file.h"
#include "imago/rebuild.h"
#include "options.h"
#include "output.h"

static const char layered_magic[] = "imago layered 1\n";

const char *
relocation_name(imago_relocation relocation)
{
	static const char *const names[] = {
	    [IMAGO_RELOCATION_AUTO] = "auto",     [IMAGO_RELOCATION_USERFAULT] = "userfault",
	    [IMAGO_RELOCATION_SIGNAL] = "signal", [IMAGO_RELOCATION_EAGER] = "eager",
	    [IMAGO_RELOCATION_NONE] = "none",
	};
	return names[relocation];
}

exit_status
attached_image_complain(const attached_image *image, const imago_error *error)
{
	if (error->status != IMAGO_EIO || error->os_error != 0) {
		return complain_of_error(image->path, error);
	}
	if (error->offset != IMAGO_NO_OFFSET) {
		complain("%s: the file was cut or changed while it was attached (offset 0x%" PRIx64 ")",
		         image->path, error->offset);
	} else {
		complain("%s: the file was changed while it was attached", image->path);
	}
	return EXIT_TROUBLE;
}

/* The file if it is a layered one, else -1: a composed image is a folder, and what cannot be opened
 * is somebody else's to complain about. */
static int
open_if_layered(const char *path)
{
	const imago_file_system *files = imago_os_files();
	char magic[sizeof layered_magic - 1];
	const int descriptor =
	    imago_path_kind_of(path) == IMAGO_PATH_FILE
	        ? imago_files_open(files, IMAGO_WORKING_FOLDER, path, IMAGO_OPEN_FILE)
	        : -1;
	if (descriptor >= 0 && (pread(descriptor, magic, sizeof magic, 0) != sizeof magic ||
	                        memcmp(magic, layered_magic, sizeof magic) != 0)) {
		(void)imago_files_close(files, descriptor);
		return -1;
	}
	return descriptor < 0 ? -1 : descriptor;
}

static imago_status
open_idle(attached_image *image, imago_error *error)
{
	const imago_layered_attach_options anywhere = {
	    .attach = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE}};
	return imago_layered_attach(&image->idle, image->descriptor, &anywhere, image->allocator,
	                            error);
}

/* Checks all bytes of the file that is attached, whatever its name has come to mean. */
static exit_status
check_layered(const attached_image *image, const char *command)
{
	const imago_file_system *files = imago_os_files();
	imago_file_facts facts = {.size = 0};
	imago_image read = {.heap = NULL};
	imago_error error = {0};
	const int result = imago_files_describe(files, image->descriptor, &facts);
	if (result != 0) {
		imago_fail_os(&error, "stat", -result);
		return attached_image_complain(image, &error);
	}
	uint8_t *bytes = imago_allocate(image->allocator, facts.size, "image", &error);
	if (bytes == NULL) {
		return attached_image_complain(image, &error);
	}
	imago_status status =
	    lseek(image->descriptor, 0, SEEK_SET) == 0
	        ? imago_file_read_exactly(files, image->descriptor, bytes, facts.size, &error)
	        : imago_fail_os(&error, "seek", errno);
	exit_status checked = EXIT_DONE;
	if (status == IMAGO_OK) {
		status = imago_image_read(&read, bytes, facts.size, image->allocator, &error);
		checked = status == IMAGO_OK
		              ? require_no_errors(&read, command, image->path, image->allocator)
		              : EXIT_DONE;
		imago_image_close(&read);
	}
	imago_release(image->allocator, bytes, facts.size);
	return status == IMAGO_OK ? checked : attached_image_complain(image, &error);
}

/* A file in memory that nobody can change any more, or a negated errno. */
static int
sealed_memory(const uint8_t *bytes, uint64_t size)
{
	const imago_file_system *files = imago_os_files();
	const int memory = memfd_create("imago", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory < 0) {
		return -errno;
	}
	int64_t wrote = 1;
	for (uint64_t done = 0; wrote > 0 && done<size; done += wrote> 0 ? (uint64_t)wrote : 0) {
		wrote = imago_files_write(files, memory, bytes + done, size - done);
	}
	if (wrote > 0 &&
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0) {
		return memory;
	}
	const int os_error = wrote < 0 ? (int)-wrote : errno;
	close(memory);
	return -os_error;
}

/* Writes a heap, turned to the host's byte order, as a layered file in memory. */
static imago_status
layer_heap(attached_image *image, const imago_heap *heap, imago_error *error)
{
	const imago_rebuild_options options = {.layout = {heap->layout.word_bytes, imago_host_order()}};
	imago_heap *turned = NULL;
	imago_status status = IMAGO_OK;
	if (heap->layout.byte_order != options.layout.byte_order) {
		status = imago_rebuild(&turned, heap, &options, image->allocator, NULL, error);
		heap = turned;
	}
	if (status == IMAGO_OK) {
		imago_writer writer;
		imago_writer_init(&writer, image->allocator, heap->layout, error);
		status = imago_layered_write(heap, NULL, &writer, error);
		if (status == IMAGO_OK) {
			image->descriptor = sealed_memory(writer.bytes, writer.size);
			status = image->descriptor >= 0
			             ? IMAGO_OK
			             : imago_fail_os(error, "file in memory", -image->descriptor);
		}
		imago_writer_release(&writer);
	}
	imago_heap_destroy(turned);
	return status;
}

static exit_status
open_other(attached_image *image, const char *command)
{
	imago_image other;
	imago_error error = {0};
	exit_status result = open_image(&other, image->path, image->allocator, &error);
	if (result == EXIT_DONE) {
		result = require_no_errors(&other, command, image->path, image->allocator);
	}
	if (result == EXIT_DONE) {
		complain("%s: %s is no layered image: it is layered into memory first", command,
		         image->path);
		if (layer_heap(image, other.heap, &error) != IMAGO_OK ||
		    open_idle(image, &error) != IMAGO_OK) {
			result = attached_image_complain(image, &error);
		}
	}
	imago_image_close(&other);
	return result;
}

static exit_status
place(attached_image *image, const attach_request *request)
{
	imago_attach_options *attach = &image->options.attach;
	image->options.room = request->room;
	attach->relocation = request->relocation;
	if (request->base != NULL && strcmp(request->base, "elsewhere") == 0) {
		attach->place = IMAGO_PLACE_ANYWHERE;
	} else if (request->base != NULL) {
		attach->place = IMAGO_PLACE_GIVEN;
		if (!parse_number(request->base, false, &attach->base)) {
			complain("%s: --base: '%s' is neither an address nor 'elsewhere'", request->command,
			         request->base);
			return EXIT_TROUBLE;
		}
	}
	return EXIT_DONE;
}

/* Relocates once, for where this process has room; its children have it there as well. */
static exit_status
seal(attached_image *image)
{
	imago_layered_attachment trial;
	imago_error error = {0};
	imago_layered_attach_options options = image->options;
	options.attach.relocation = IMAGO_RELOCATION_NONE;
	imago_status status =
	    imago_layered_attach(&trial, image->descriptor, &options, image->allocator, &error);
	if (status == IMAGO_OK) {
		const imago_addr base = (uintptr_t)trial.mapping.bytes;
		imago_layered_detach(&trial);
		status = imago_layered_attach_seal(&image->sealed, image->descriptor, &options, base,
		                                   image->allocator, &error);
	}
	return status == IMAGO_OK ? EXIT_DONE : attached_image_complain(image, &error);
}

exit_status
attached_image_open(attached_image *image, const char *path, const attach_request *request,
                    imago_allocator *allocator)
{
	*image = (attached_image){.path = path, .descriptor = -1, .sealed = -1, .allocator = allocator};
	exit_status result = place(image, request);
	if (result != EXIT_DONE) {
		return result;
	}
	image->descriptor = open_if_layered(path);
	if (image->descriptor >= 0) {
		imago_error error = {0};
		result = open_idle(image, &error) == IMAGO_OK ? check_layered(image, request->command)
		                                              : attached_image_complain(image, &error);
	} else {
		result = open_other(image, request->command);
	}
	return result == EXIT_DONE && request->sealed ? seal(image) : result;
}

void
attached_image_close(attached_image *image)
{
	imago_layered_detach(&image->idle);
	if (image->descriptor >= 0) {
		close(image->descriptor);
	}
	if (image->sealed >= 0) {
		close(image->sealed);
	}
}

imago_status
attached_image_attach(const attached_image *image, imago_layered_attachment *out,
                      imago_error *error)
{
	return image->sealed >= 0 ? imago_layered_attach_sealed(out, image->sealed, &image->options,
	                                                        image->allocator, error)
	                          : imago_layered_attach(out, image->descriptor, &image->options,
	                                                 image->allocator, error);
}

imago_status
attached_image_file(const attached_image *image, imago_layered_attachment *file, imago_heap **heap,
                    imago_error *error)
{
	const imago_layered_attach_options as_it_is = {
	    .attach = {IMAGO_PLACE_ANYWHERE, 0, IMAGO_RELOCATION_NONE}};
	*heap = NULL;
	imago_status status =
	    imago_layered_attach(file, image->descriptor, &as_it_is, image->allocator, error);
	return status == IMAGO_OK ? imago_layered_attached_heap(heap, file, image->allocator, error)
	                          : status;
}

exit_status
attached_image_unchanged(const attached_image *image)
{
	imago_error error = {0};
	return imago_attachment_check_file(image->idle.attachment, &error) == IMAGO_OK
	           ? EXIT_DONE
	           : attached_image_complain(image, &error);
}
