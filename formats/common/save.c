/* save.c: replacing a file, or a folder of files, in one step.
 *
 * Everything is done relative to descriptors of folders, so that a folder that is renamed meanwhile
 * does not split a save. renameat2, which exchanges two folders, is Linux's own: hence the feature
 * macro, in this file only.
 */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "imago/save.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder_names.h"

enum {
	PATH_SIZE = 4096,  /* PATH_MAX of Linux */
	NAME_SIZE = 256,   /* NAME_MAX and a terminator */
	MAX_ATTEMPTS = 64, /* temporary names that may be taken already */
};

/* Where a save goes: a name in an open folder, and the temporary name beside it. */
typedef struct target {
	int parent;
	char name[NAME_SIZE];
	char temporary[NAME_SIZE];
	bool exists;
	mode_t mode; /* of what exists */
} target;

/* Splits path at its last slash. Trailing slashes do not count. */
static imago_status
split_path(const char *path, char parent[PATH_SIZE], char name[NAME_SIZE], imago_error *error)
{
	size_t end = strlen(path);
	while (end > 0 && path[end - 1] == '/') {
		end--;
	}
	size_t start = end;
	while (start > 0 && path[start - 1] != '/') {
		start--;
	}
	if (start == end) {
		return imago_fail(error, IMAGO_EUSAGE, "empty path", IMAGO_NO_OFFSET, 0, 0);
	}
	if (end - start >= NAME_SIZE || start >= PATH_SIZE) {
		return imago_fail_os(error, "path", ENAMETOOLONG);
	}
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	if (start == 0) {
		memcpy(parent, ".", 2);
	} else {
		memcpy(parent, path, start);
		parent[start] = '\0';
	}
	return IMAGO_OK;
}

/* Opens the parent folder and looks what is there: nothing, or something of the wanted kind. */
static imago_status
open_target(target *out, const char *path, mode_t kind, const char *refusal, imago_error *error)
{
	char parent[PATH_SIZE];
	*out = (target){.parent = -1};
	imago_status status = split_path(path, parent, out->name, error);
	if (status != IMAGO_OK) {
		return status;
	}
	out->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->parent < 0) {
		return imago_fail_os(error, "opening the parent folder", errno);
	}
	struct stat facts;
	if (fstatat(out->parent, out->name, &facts, AT_SYMLINK_NOFOLLOW) == 0) {
		out->exists = true;
		out->mode = facts.st_mode & 07777;
		if ((facts.st_mode & S_IFMT) != kind) {
			return imago_fail(error, IMAGO_EUSAGE, refusal, IMAGO_NO_OFFSET, 0, 0);
		}
	} else if (errno != ENOENT) {
		return imago_fail_os(error, "stat", errno);
	}
	return IMAGO_OK;
}

static void
close_target(const target *at)
{
	if (at->parent >= 0) {
		close(at->parent);
	}
}

static void
name_temporary(target *at, unsigned attempt)
{
	snprintf(at->temporary, sizeof at->temporary, ".imago-save-%ld-%u", (long)getpid(), attempt);
}

/* Closes after the last write: what the disk refuses late is a failure too. */
static imago_status
finish_file(int descriptor, imago_status status, imago_error *error)
{
	if (status == IMAGO_OK && fsync(descriptor) != 0) {
		status = imago_fail_os(error, "fsync", errno);
	}
	if (close(descriptor) != 0 && status == IMAGO_OK) {
		status = imago_fail_os(error, "close", errno);
	}
	return status;
}

static imago_status
write_all(int descriptor, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	uint64_t position = 0;
	while (position < size) { /* every turn writes a byte or fails */
		uint64_t left = size - position;
		size_t length = left > INT32_MAX ? INT32_MAX : (size_t)left;
		ssize_t written = write(descriptor, bytes + position, length);
		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written <= 0) {
			return imago_fail_os(error, "write", written < 0 ? errno : ENOSPC);
		}
		position += (uint64_t)written;
	}
	return IMAGO_OK;
}

/* A folder's own entry on the disk. File systems that cannot do it say EINVAL; nothing else can be
 * done for them. */
static imago_status
sync_folder(int descriptor, const char *what, imago_error *error)
{
	if (fsync(descriptor) != 0 && errno != EINVAL) {
		return imago_fail_os(error, what, errno);
	}
	return IMAGO_OK;
}

/* Creates the temporary file; its mode is that of what it replaces. */
static imago_status
create_file(target *at, int *descriptor, imago_error *error)
{
	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		name_temporary(at, attempt);
		*descriptor = openat(at->parent, at->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		                     (mode_t)0666);
		if (*descriptor >= 0 || errno != EEXIST) {
			break;
		}
	}
	if (*descriptor < 0) {
		return imago_fail_os(error, "creating a temporary file", errno);
	}
	return IMAGO_OK;
}

static imago_status
fill_file(const target *at, int descriptor, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	imago_status status = write_all(descriptor, bytes, size, error);
	if (status == IMAGO_OK && at->exists && fchmod(descriptor, at->mode) != 0) {
		status = imago_fail_os(error, "permissions", errno);
	}
	status = finish_file(descriptor, status, error);
	if (status == IMAGO_OK && renameat(at->parent, at->temporary, at->parent, at->name) != 0) {
		status = imago_fail_os(error, "rename", errno);
	}
	if (status != IMAGO_OK) {
		unlinkat(at->parent, at->temporary, 0);
		return status;
	}
	return sync_folder(at->parent, "fsync of the parent folder", error);
}

imago_status
imago_save_file(const char *path, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	target at;
	int descriptor = -1;
	imago_status status = open_target(&at, path, S_IFREG, "not a regular file", error);
	if (status == IMAGO_OK) {
		status = create_file(&at, &descriptor, error);
	}
	if (status == IMAGO_OK) {
		status = fill_file(&at, descriptor, bytes, size, error);
	}
	close_target(&at);
	return status;
}

/* Calls visit for every name in a folder but . and .. until it fails. */
typedef imago_status name_visitor(int folder, const char *name, imago_error *error);

static imago_status
visit_names(int parent, const char *name, name_visitor *visit, imago_error *error)
{
	int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (descriptor < 0) {
		return imago_fail_os(error, "opening the old folder", errno);
	}
	DIR *directory = fdopendir(descriptor);
	if (directory == NULL) {
		imago_status status = imago_fail_os(error, "opening the old folder", errno);
		close(descriptor);
		return status;
	}
	imago_status status = IMAGO_OK;
	while (status == IMAGO_OK) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (entry == NULL) {
			status = errno == 0 ? IMAGO_OK : imago_fail_os(error, "reading the old folder", errno);
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			status = visit(dirfd(directory), entry->d_name, error);
		}
	}
	closedir(directory);
	return status;
}

/* A name of ours that is a folder is somebody else's all the same: it could not be removed. */
static imago_status
require_own(int folder, const char *name, imago_error *error)
{
	uint32_t place;
	struct stat facts;
	bool own = imago_folder_place(name, &place) == IMAGO_NAME_OWN &&
	           fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(facts.st_mode);
	return own ? IMAGO_OK
	           : imago_fail(error, IMAGO_EUSAGE, "a folder that holds other files", IMAGO_NO_OFFSET,
	                        0, 0);
}

static imago_status
remove_own(int folder, const char *name, imago_error *error)
{
	uint32_t place;
	if (imago_folder_place(name, &place) == IMAGO_NAME_OWN && unlinkat(folder, name, 0) != 0) {
		return imago_fail_os(error, "removing the old folder", errno);
	}
	return IMAGO_OK;
}

static imago_status
remove_folder(int parent, const char *name, imago_error *error)
{
	imago_status status = visit_names(parent, name, remove_own, error);
	if (status == IMAGO_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0) {
		status = imago_fail_os(error, "removing the old folder", errno);
	}
	return status;
}

static imago_status
create_folder(target *at, int *descriptor, imago_error *error)
{
	int made = -1;
	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS && made != 0; attempt++) {
		name_temporary(at, attempt);
		made = mkdirat(at->parent, at->temporary, (mode_t)0777);
		if (made != 0 && errno != EEXIST) {
			break;
		}
	}
	if (made != 0) {
		return imago_fail_os(error, "creating a temporary folder", errno);
	}
	*descriptor =
	    openat(at->parent, at->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*descriptor < 0) {
		imago_status status = imago_fail_os(error, "opening the temporary folder", errno);
		unlinkat(at->parent, at->temporary, AT_REMOVEDIR);
		return status;
	}
	return IMAGO_OK;
}

static imago_status
write_files(int directory, const imago_folder *folder, imago_error *error)
{
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		imago_error_set_part(error, file->name);
		int descriptor =
		    openat(directory, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)0666);
		if (descriptor < 0) {
			return imago_fail_os(error, "creating a file", errno);
		}
		imago_status status = write_all(descriptor, file->bytes, file->size, error);
		status = finish_file(descriptor, status, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	imago_error_set_part(error, "");
	return IMAGO_OK;
}

/* Puts the temporary folder in place: from here on path is the new image. */
static imago_status
put_in_place(const target *at, imago_error *error)
{
	if (!at->exists) {
		return renameat(at->parent, at->temporary, at->parent, at->name) == 0
		           ? IMAGO_OK
		           : imago_fail_os(error, "rename", errno);
	}
	return renameat2(at->parent, at->temporary, at->parent, at->name, RENAME_EXCHANGE) == 0
	           ? IMAGO_OK
	           : imago_fail_os(error, "exchange with the old folder", errno);
}

static imago_status
fill_folder(const target *at, int directory, const imago_folder *folder, imago_error *error)
{
	imago_status status = write_files(directory, folder, error);
	if (status == IMAGO_OK && at->exists && fchmod(directory, at->mode) != 0) {
		status = imago_fail_os(error, "permissions", errno);
	}
	if (status == IMAGO_OK) {
		status = sync_folder(directory, "fsync of the temporary folder", error);
	}
	close(directory);
	if (status == IMAGO_OK) {
		status = put_in_place(at, error);
	}
	if (status != IMAGO_OK) { /* the first failure is the one to report */
		(void)!remove_folder(at->parent, at->temporary, NULL);
		return status;
	}
	status = sync_folder(at->parent, "fsync of the parent folder", error);
	if (status == IMAGO_OK && at->exists) {
		status = remove_folder(at->parent, at->temporary, error);
	}
	return status;
}

imago_status
imago_save_folder(const char *path, const imago_folder *folder, imago_error *error)
{
	target at;
	int directory = -1;
	imago_status status = open_target(&at, path, S_IFDIR, "not a folder", error);
	if (status == IMAGO_OK && at.exists) {
		status = visit_names(at.parent, at.name, require_own, error);
	}
	if (status == IMAGO_OK) {
		status = create_folder(&at, &directory, error);
	}
	if (status == IMAGO_OK) {
		status = fill_folder(&at, directory, folder, error);
	}
	close_target(&at);
	return status;
}
