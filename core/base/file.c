/* file.c: whole files into memory. */
#include "imago/file.h"

#include <string.h>

imago_path_kind
imago_path_kind_in(const imago_file_system *files, const char *path)
{
	imago_file_facts facts;
	int result = imago_files_describe_name(files, IMAGO_WORKING_FOLDER, path, true, &facts);
	return result == 0 ? facts.kind : IMAGO_PATH_MISSING;
}

imago_path_kind
imago_path_kind_of(const char *path)
{
	return imago_path_kind_in(imago_os_files(), path);
}

/* Reads size bytes, in as many calls as it takes. */
static imago_status
read_bytes(const imago_file_system *files, int descriptor, uint8_t *bytes, uint64_t size,
           imago_error *error)
{
	uint64_t position = 0;
	while (position < size) {
		int64_t taken = imago_files_read(files, descriptor, bytes + position, size - position);
		if (taken < 0) {
			return imago_fail_os(error, "read", (int)-taken);
		}
		if (taken == 0) {
			return imago_fail_os(error, "file shrank while it was read", 0);
		}
		position += (uint64_t)taken;
	}
	return IMAGO_OK;
}

/* A file that ends before, or goes on behind, changed while it was read. */
imago_status
imago_file_read_exactly(const imago_file_system *files, int descriptor, uint8_t *bytes,
                        uint64_t size, imago_error *error)
{
	imago_status status = read_bytes(files, descriptor, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	uint8_t extra; /* one read more than the bytes: it must find the end */
	int64_t taken = imago_files_read(files, descriptor, &extra, 1);
	if (taken < 0) {
		return imago_fail_os(error, "read", (int)-taken);
	}
	return taken == 0 ? IMAGO_OK : imago_fail_os(error, "file grew while it was read", 0);
}

static imago_status
read_descriptor(const imago_file_system *files, int descriptor, imago_allocator *allocator,
                imago_file_look *look, uint8_t **bytes, uint64_t *size, imago_error *error)
{
	imago_file_facts facts;
	int result = imago_files_describe(files, descriptor, &facts);
	if (result < 0) {
		return imago_fail_os(error, "fstat", -result);
	}
	if (facts.kind != IMAGO_PATH_FILE) {
		return imago_fail(error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	uint8_t start[IMAGO_FILE_LOOK_SIZE];
	uint64_t start_size = 0;
	if (look != NULL) {
		start_size = facts.size < sizeof start ? facts.size : sizeof start;
		imago_status status = read_bytes(files, descriptor, start, start_size, error);
		if (status == IMAGO_OK) {
			status = look(start, start_size, error);
		}
		if (status != IMAGO_OK) {
			return status;
		}
	}
	uint8_t *block = imago_allocate(allocator, facts.size, "file", error);
	if (block == NULL) {
		return IMAGO_ENOMEM;
	}
	memcpy(block, start, (size_t)start_size);
	imago_status status = imago_file_read_exactly(files, descriptor, block + start_size,
	                                              facts.size - start_size, error);
	if (status != IMAGO_OK) {
		imago_release(allocator, block, facts.size);
		return status;
	}
	*bytes = block;
	*size = facts.size;
	return IMAGO_OK;
}

imago_status
imago_file_read_if(const imago_file_system *files, const char *path, imago_allocator *allocator,
                   imago_file_look *look, uint8_t **bytes, uint64_t *size, imago_error *error)
{
	int descriptor = imago_files_open(files, IMAGO_WORKING_FOLDER, path, IMAGO_OPEN_FILE);
	if (descriptor < 0) {
		return imago_fail_os(error, "open", -descriptor);
	}
	imago_status status = read_descriptor(files, descriptor, allocator, look, bytes, size, error);
	(void)imago_files_close(files, descriptor); /* nothing was written */
	return status;
}

imago_status
imago_file_read_in(const imago_file_system *files, const char *path, imago_allocator *allocator,
                   uint8_t **bytes, uint64_t *size, imago_error *error)
{
	return imago_file_read_if(files, path, allocator, NULL, bytes, size, error);
}

imago_status
imago_file_read(const char *path, imago_allocator *allocator, uint8_t **bytes, uint64_t *size,
                imago_error *error)
{
	return imago_file_read_in(imago_os_files(), path, allocator, bytes, size, error);
}
