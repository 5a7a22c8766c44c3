/* folder_disk.c: an image folder from the disk.
 *
 * A folder is as untrusted as a file: nothing is followed, nothing waited for, and what a name is
 * is asked of the descriptor that was opened, not of the name (composed.md §9).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder_names.h"
#include "imago/bitmap.h"
#include "imago/folder.h"

/* Names in one folder that are looked at, ours or not: far more than a real one has. */
enum { MAX_ENTRIES = 1 << 20 };

/* Marks the places of all names in the folder that are ours. */
static imago_status
list_names(DIR *folder, imago_bitmap *present, imago_error *error)
{
	for (uint64_t num_entries = 0;; num_entries++) {
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (entry == NULL) {
			return errno == 0 ? IMAGO_OK : imago_fail_os(error, "reading the folder", errno);
		}
		if (num_entries == MAX_ENTRIES) {
			return imago_fail(error, IMAGO_ELIMIT, "number of names in the folder", IMAGO_NO_OFFSET,
			                  num_entries + 1, MAX_ENTRIES);
		}
		uint32_t place;
		imago_name_kind kind = imago_folder_place(entry->d_name, &place);
		if (kind == IMAGO_NAME_TOO_HIGH) {
			imago_error_set_part(error, entry->d_name);
			return imago_fail(error, IMAGO_ELIMIT, "segment number", IMAGO_NO_OFFSET,
			                  IMAGO_MAX_SEGMENTS, IMAGO_MAX_SEGMENTS - 1);
		}
		if (kind == IMAGO_NAME_OWN) {
			imago_bitmap_set(present, place);
		}
	}
}

static imago_status
read_exactly(int descriptor, uint8_t *bytes, uint64_t size, imago_error *error)
{
	uint64_t position = 0;
	for (;;) { /* one read more than the bytes: it must find the end */
		uint8_t extra;
		uint64_t left = size - position;
		size_t length = left > INT32_MAX ? INT32_MAX : (size_t)left;
		ssize_t taken =
		    read(descriptor, left > 0 ? bytes + position : &extra, left > 0 ? length : 1);
		if (taken < 0 && errno == EINTR) {
			continue;
		}
		if (taken < 0) {
			return imago_fail_os(error, "read", errno);
		}
		if (left == 0) {
			return taken == 0 ? IMAGO_OK : imago_fail_os(error, "file grew while it was read", 0);
		}
		if (taken == 0) {
			return imago_fail_os(error, "file shrank while it was read", 0);
		}
		position += (uint64_t)taken;
	}
}

static imago_status
read_descriptor(imago_folder *folder, const char *name, int descriptor, imago_error *error)
{
	struct stat facts;
	if (fstat(descriptor, &facts) != 0) {
		return imago_fail_os(error, "fstat", errno);
	}
	if (!S_ISREG(facts.st_mode)) {
		return imago_fail(error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	uint64_t size = (uint64_t)facts.st_size;
	uint8_t *bytes = imago_allocate(folder->allocator, size, "file", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = read_exactly(descriptor, bytes, size, error);
	if (status == IMAGO_OK) {
		status = imago_folder_add(folder, name, bytes, size, bytes, error);
	}
	if (status != IMAGO_OK) {
		imago_release(folder->allocator, bytes, size);
	}
	return status;
}

static imago_status
read_file(imago_folder *folder, int folder_descriptor, const char *name, imago_error *error)
{
	imago_error_set_part(error, name);
	int descriptor =
	    openat(folder_descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	if (descriptor < 0 && (errno == ELOOP || errno == ENXIO)) { /* a link, a socket */
		return imago_fail(error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	if (descriptor < 0) {
		return imago_fail_os(error, "open", errno);
	}
	imago_status status = read_descriptor(folder, name, descriptor, error);
	close(descriptor);
	return status;
}

static imago_status
read_all(imago_folder *folder, DIR *directory, imago_error *error)
{
	imago_bitmap present;
	imago_status status = imago_bitmap_create(&present, IMAGO_NUM_PLACES, folder->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = list_names(directory, &present, error);
	uint64_t place = imago_bitmap_next(&present, 0);
	while (status == IMAGO_OK && place < present.num_bits) {
		char name[IMAGO_PART_SIZE];
		imago_folder_name((uint32_t)place, name);
		status = read_file(folder, dirfd(directory), name, error);
		place = imago_bitmap_next(&present, place + 1);
	}
	imago_bitmap_release(&present, folder->allocator);
	if (status == IMAGO_OK) {
		imago_error_set_part(error, "");
	}
	return status;
}

imago_status
imago_folder_read(imago_folder *folder, const char *path, imago_error *error)
{
	int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0) {
		return imago_fail_os(error, "open", errno);
	}
	DIR *directory = fdopendir(descriptor);
	if (directory == NULL) {
		imago_status status = imago_fail_os(error, "opening the folder", errno);
		close(descriptor);
		return status;
	}
	imago_status status = read_all(folder, directory, error);
	closedir(directory);
	return status;
}
