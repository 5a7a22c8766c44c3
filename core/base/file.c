/* file.c: whole files into memory. */
#include "imago/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

imago_path_kind
imago_path_kind_of(const char *path)
{
	struct stat facts;
	if (stat(path, &facts) != 0) {
		return IMAGO_PATH_MISSING;
	}
	if (S_ISREG(facts.st_mode)) {
		return IMAGO_PATH_FILE;
	}
	return S_ISDIR(facts.st_mode) ? IMAGO_PATH_FOLDER : IMAGO_PATH_OTHER;
}

/* Reads exactly size bytes; a file that ends before, or goes on behind, changed while it was read.
 */
static imago_status
read_exactly(int descriptor, uint8_t *bytes, uint64_t size, imago_error *error)
{
	uint64_t position = 0;
	while (position < size) {
		uint64_t left = size - position;
		ssize_t length =
		    read(descriptor, bytes + position, left > INT32_MAX ? INT32_MAX : (size_t)left);
		if (length < 0 && errno == EINTR) {
			continue;
		}
		if (length < 0) {
			return imago_fail_os(error, "read", errno);
		}
		if (length == 0) {
			return imago_fail_os(error, "file shrank while it was read", 0);
		}
		position += (uint64_t)length;
	}
	uint8_t extra;
	if (read(descriptor, &extra, 1) > 0) {
		return imago_fail_os(error, "file grew while it was read", 0);
	}
	return IMAGO_OK;
}

static imago_status
read_descriptor(int descriptor, imago_allocator *allocator, uint8_t **bytes, uint64_t *size,
                imago_error *error)
{
	struct stat facts;
	if (fstat(descriptor, &facts) != 0) {
		return imago_fail_os(error, "fstat", errno);
	}
	if (!S_ISREG(facts.st_mode)) {
		return imago_fail(error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	uint64_t file_size = (uint64_t)facts.st_size;
	uint8_t *block = imago_allocate(allocator, file_size, "file", error);
	if (block == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = read_exactly(descriptor, block, file_size, error);
	if (status != IMAGO_OK) {
		imago_release(allocator, block, file_size);
		return status;
	}
	*bytes = block;
	*size = file_size;
	return IMAGO_OK;
}

imago_status
imago_file_read(const char *path, imago_allocator *allocator, uint8_t **bytes, uint64_t *size,
                imago_error *error)
{
	/* Non-blocking: opening a FIFO must not wait for a writer. */
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (descriptor < 0) {
		return imago_fail_os(error, "open", errno);
	}
	imago_status status = read_descriptor(descriptor, allocator, bytes, size, error);
	close(descriptor);
	return status;
}
