/* save.c: replacing a file, or a folder of files, in one step.
 *
 * Everything is done relative to descriptors of folders, so that a folder that is renamed meanwhile
 * does not split a save. The order of the calls is the whole art: nothing is put in place before it
 * is on the disk, nothing is removed before what replaces it is (README.md, "Saving").
 */
#include "imago/save.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../core/base/planted.h"
#include "folder_names.h"

enum {
	PATH_SIZE = 4096,  /* PATH_MAX of Linux */
	NAME_SIZE = 256,   /* NAME_MAX and a terminator */
	MAX_ATTEMPTS = 64, /* temporary names that may be taken already */
};

/* Where a save goes: a name in an open folder, and the temporary name beside it. */
typedef struct target {
	const imago_file_system *files;
	int parent;
	char name[NAME_SIZE];
	char temporary[NAME_SIZE];
	bool exists;
	imago_file_facts old;  /* what exists */
	imago_file_facts made; /* the temporary file or folder */
} target;

/* Splits path at its last slash. Trailing slashes do not count here. */
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
open_target(target *out, const imago_file_system *files, const char *path, imago_path_kind kind,
            const char *refusal, imago_error *error)
{
	char parent[PATH_SIZE];
	*out = (target){.files = files, .parent = -1};
	imago_status status = split_path(path, parent, out->name, error);
	if (status != IMAGO_OK) {
		return status;
	}
	if (kind == IMAGO_PATH_FILE && path[strlen(path) - 1] == '/') { /* that names a folder */
		return imago_fail(error, IMAGO_EUSAGE, refusal, IMAGO_NO_OFFSET, 0, 0);
	}
	out->parent = imago_files_open(files, IMAGO_WORKING_FOLDER, parent, IMAGO_OPEN_FOLDER);
	if (out->parent < 0) {
		return imago_fail_os(error, "opening the parent folder", -out->parent);
	}
	int result = imago_files_describe_name(files, out->parent, out->name, false, &out->old);
	if (result != 0 && result != -ENOENT) {
		return imago_fail_os(error, "stat", -result);
	}
	out->exists = result == 0;
	if (out->exists && out->old.kind != kind) {
		return imago_fail(error, IMAGO_EUSAGE, refusal, IMAGO_NO_OFFSET, 0, 0);
	}
	return IMAGO_OK;
}

static void
close_target(const target *at)
{
	if (at->parent >= 0) {
		(void)imago_files_close(at->files, at->parent);
	}
}

static void
name_temporary(target *at, unsigned attempt)
{
	snprintf(at->temporary, sizeof at->temporary, ".imago-save-%ld-%u", (long)getpid(), attempt);
}

/* Closes after the last write: what the disk refuses late is a failure too. A sync that failed is
 * not made again: the system may have forgotten by then what it could not write. */
static imago_status
finish_file(const imago_file_system *files, int descriptor, imago_status status, imago_error *error)
{
	int result = status == IMAGO_OK ? imago_files_sync(files, descriptor) : 0;
	if (!IMAGO_BUG(sync_failure_ignored, result < 0) && result < 0) {
		status = imago_fail_os(error, "fsync", -result);
	}
	result = imago_files_close(files, descriptor);
	if (result < 0 && status == IMAGO_OK) {
		status = imago_fail_os(error, "close", -result);
	}
	return status;
}

static imago_status
write_all(const imago_file_system *files, int descriptor, const uint8_t *bytes, uint64_t size,
          imago_error *error)
{
	uint64_t position = 0;
	while (position < size) { /* every turn writes a byte or fails */
		int64_t written = imago_files_write(files, descriptor, bytes + position, size - position);
		if (written <= 0) {
			return imago_fail_os(error, "write", written < 0 ? (int)-written : ENOSPC);
		}
		position += (uint64_t)written;
		if (IMAGO_BUG(short_write_is_all, position < size)) {
			position = size;
		}
	}
	return IMAGO_OK;
}

/* A folder's own entry on the disk. File systems that cannot do it say EINVAL; nothing else can be
 * done for them. */
static imago_status
sync_folder(const imago_file_system *files, int descriptor, const char *what, imago_error *error)
{
	int result = imago_files_sync(files, descriptor);
	return result < 0 && result != -EINVAL ? imago_fail_os(error, what, -result) : IMAGO_OK;
}

/* Whether the name now leads to what was made. */
typedef enum in_place { NOT_IN_PLACE, IN_PLACE, UNKNOWN_PLACE } in_place;

/* What became of a rename or an exchange. A failure is not believed: over a network the call may
 * have been done and its answer lost, and to make it again, or to clean up after it, could then
 * destroy an image. So the name itself is asked. */
static in_place
look_in_place(const target *at, int result)
{
	imago_file_facts found;
	if (result == 0) {
		return IN_PLACE;
	}
	int looked = imago_files_describe_name(at->files, at->parent, at->name, false, &found);
	if (looked != 0) {
		return looked == -ENOENT ? NOT_IN_PLACE : UNKNOWN_PLACE;
	}
	return found.device == at->made.device && found.number == at->made.number ? IN_PLACE
	                                                                          : NOT_IN_PLACE;
}

/* Gives what was made its name. Interrupted and not in place: again. */
static int
rename_in_place(const target *at, in_place *where)
{
	int result;
	do {
		result = at->files->rename(at->files->payload, at->parent, at->temporary, at->name);
		*where = look_in_place(at, result);
	} while (result == -EINTR && *where == NOT_IN_PLACE);
	return result;
}

static int
exchange_in_place(const target *at, in_place *where)
{
	int result;
	do {
		result = at->files->exchange(at->files->payload, at->parent, at->temporary, at->name);
		*where = look_in_place(at, result);
	} while (result == -EINTR && *where == NOT_IN_PLACE);
	return result;
}

/* Creates the temporary file; its permissions are those of what it replaces. */
static imago_status
create_file(target *at, int *descriptor, imago_error *error)
{
	*descriptor = -EEXIST;
	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS && *descriptor == -EEXIST; attempt++) {
		name_temporary(at, attempt);
		*descriptor =
		    imago_files_open(at->files, at->parent, at->temporary, IMAGO_OPEN_CREATED_FILE);
	}
	return *descriptor < 0 ? imago_fail_os(error, "creating a temporary file", -*descriptor)
	                       : IMAGO_OK;
}

static imago_status
fill_file(target *at, int descriptor, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	int result = imago_files_describe(at->files, descriptor, &at->made);
	imago_status status = result < 0 ? imago_fail_os(error, "stat", -result)
	                                 : write_all(at->files, descriptor, bytes, size, error);
	if (status == IMAGO_OK && at->exists) {
		result = imago_files_set_permissions(at->files, descriptor, at->old.permissions);
		status = result < 0 ? imago_fail_os(error, "permissions", -result) : IMAGO_OK;
	}
	status = finish_file(at->files, descriptor, status, error);
	if (status == IMAGO_OK) {
		in_place where;
		result = rename_in_place(at, &where);
		if (where == IN_PLACE) {
			return sync_folder(at->files, at->parent, "fsync of the parent folder", error);
		}
		status = imago_fail_os(error, "rename", -result);
	}
	/* The first failure is the one to report. */
	(void)imago_files_remove(at->files, at->parent, at->temporary);
	return status;
}

imago_status
imago_save_file_in(const imago_file_system *files, const char *path, const uint8_t *bytes,
                   uint64_t size, imago_error *error)
{
	target at;
	int descriptor = -1;
	imago_status status =
	    open_target(&at, files, path, IMAGO_PATH_FILE, "not a regular file", error);
	if (status == IMAGO_OK) {
		status = create_file(&at, &descriptor, error);
	}
	if (status == IMAGO_OK) {
		status = fill_file(&at, descriptor, bytes, size, error);
	}
	close_target(&at);
	return status;
}

imago_status
imago_save_file(const char *path, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	return imago_save_file_in(imago_os_files(), path, bytes, size, error);
}

/* Calls visit for every name in a folder but . and .. until it fails. */
typedef imago_status name_visitor(const imago_file_system *files, int folder, const char *name,
                                  imago_error *error);

static imago_status
visit_listed(const imago_file_system *files, int folder, void *listing, name_visitor *visit,
             imago_error *error)
{
	for (;;) {
		const char *name;
		int result = imago_files_next_name(files, listing, &name);
		if (result <= 0) {
			return result == 0 ? IMAGO_OK : imago_fail_os(error, "reading the old folder", -result);
		}
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			imago_status status = visit(files, folder, name, error);
			if (status != IMAGO_OK) {
				return status;
			}
		}
	}
}

static imago_status
visit_names(const target *at, const char *name, name_visitor *visit, imago_error *error)
{
	void *listing;
	const imago_file_system *files = at->files;
	int folder = imago_files_open(files, at->parent, name, IMAGO_OPEN_FOLDER_HERE);
	if (folder < 0) {
		return imago_fail_os(error, "opening the old folder", -folder);
	}
	int result = imago_files_open_listing(files, folder, &listing);
	if (result < 0) {
		(void)imago_files_close(files, folder);
		return imago_fail_os(error, "opening the old folder", -result);
	}
	imago_status status = visit_listed(files, folder, listing, visit, error);
	files->close_listing(files->payload, listing);
	return status;
}

/* A name of ours that is a folder is somebody else's all the same: it could not be removed. */
static imago_status
require_own(const imago_file_system *files, int folder, const char *name, imago_error *error)
{
	uint32_t place;
	imago_file_facts facts;
	bool own = imago_folder_place(name, &place) == IMAGO_NAME_OWN;
	if (own) {
		int result = imago_files_describe_name(files, folder, name, false, &facts);
		if (result < 0) {
			return imago_fail_os(error, "stat in the old folder", -result);
		}
		own = facts.kind != IMAGO_PATH_FOLDER;
	}
	return own ? IMAGO_OK
	           : imago_fail(error, IMAGO_EUSAGE, "a folder that holds other files", IMAGO_NO_OFFSET,
	                        0, 0);
}

static imago_status
remove_own(const imago_file_system *files, int folder, const char *name, imago_error *error)
{
	uint32_t place;
	if (imago_folder_place(name, &place) != IMAGO_NAME_OWN) {
		return IMAGO_OK;
	}
	int result = imago_files_remove(files, folder, name);
	return result < 0 ? imago_fail_os(error, "removing the old folder", -result) : IMAGO_OK;
}

static imago_status
remove_folder(const target *at, imago_error *error)
{
	imago_error inner = {.status = IMAGO_OK};
	imago_status status = visit_names(at, at->temporary, remove_own, &inner);
	int result = -inner.os_error;
	if (status == IMAGO_OK) {
		result = imago_files_remove_folder(at->files, at->parent, at->temporary);
	}
	return status == IMAGO_OK && result == 0
	           ? IMAGO_OK
	           : imago_fail_os(error, "removing the old folder", -result);
}

static imago_status
create_folder(target *at, int *descriptor, imago_error *error)
{
	int result = -EEXIST;
	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS && result == -EEXIST; attempt++) {
		name_temporary(at, attempt);
		result = imago_files_make_folder(at->files, at->parent, at->temporary);
	}
	if (result < 0) {
		return imago_fail_os(error, "creating a temporary folder", -result);
	}
	*descriptor = imago_files_open(at->files, at->parent, at->temporary, IMAGO_OPEN_FOLDER_HERE);
	if (*descriptor < 0) {
		(void)imago_files_remove_folder(at->files, at->parent, at->temporary);
		return imago_fail_os(error, "opening the temporary folder", -*descriptor);
	}
	return IMAGO_OK;
}

static imago_status
write_files(const imago_file_system *files, int directory, const imago_folder *folder,
            imago_error *error)
{
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		imago_error_set_part(error, file->name);
		int descriptor = imago_files_open(files, directory, file->name, IMAGO_OPEN_CREATED_FILE);
		if (descriptor < 0) {
			return imago_fail_os(error, "creating a file", -descriptor);
		}
		imago_status status = write_all(files, descriptor, file->bytes, file->size, error);
		status = finish_file(files, descriptor, status, error);
		if (status != IMAGO_OK) {
			return status;
		}
	}
	imago_error_set_part(error, "");
	return IMAGO_OK;
}

/* Fills the temporary folder, and puts it on the disk. */
static imago_status
fill_folder(target *at, int directory, const imago_folder *folder, imago_error *error)
{
	int result = imago_files_describe(at->files, directory, &at->made);
	imago_status status = result < 0 ? imago_fail_os(error, "stat", -result)
	                                 : write_files(at->files, directory, folder, error);
	if (status == IMAGO_OK && at->exists) {
		result = imago_files_set_permissions(at->files, directory, at->old.permissions);
		status = result < 0 ? imago_fail_os(error, "permissions", -result) : IMAGO_OK;
	}
	if (status == IMAGO_OK) {
		status = sync_folder(at->files, directory, "fsync of the temporary folder", error);
	}
	(void)imago_files_close(at->files, directory); /* nothing was written through it */
	return status;
}

/* From IN_PLACE on, path is the new image; the old one, if any, has the temporary name. */
static imago_status
replace_folder(const target *at, imago_error *error)
{
	in_place where;
	int result = at->exists ? exchange_in_place(at, &where) : rename_in_place(at, &where);
	if (where == IN_PLACE) {
		imago_status status =
		    sync_folder(at->files, at->parent, "fsync of the parent folder", error);
		return status == IMAGO_OK && at->exists ? remove_folder(at, error) : status;
	}
	/* Unknown after an exchange, the temporary name may be the old image's; after a rename it is
	 * what was made, or nothing. */
	if (where == NOT_IN_PLACE || !at->exists) {
		(void)remove_folder(at, NULL);
	}
	return imago_fail_os(error, at->exists ? "exchange with the old folder" : "rename", -result);
}

imago_status
imago_save_folder_in(const imago_file_system *files, const char *path, const imago_folder *folder,
                     imago_error *error)
{
	target at;
	int directory = -1;
	imago_status status = open_target(&at, files, path, IMAGO_PATH_FOLDER, "not a folder", error);
	if (status == IMAGO_OK && at.exists) {
		status = visit_names(&at, at.name, require_own, error);
	}
	if (status == IMAGO_OK) {
		status = create_folder(&at, &directory, error);
	}
	if (status == IMAGO_OK) {
		status = fill_folder(&at, directory, folder, error);
		if (status == IMAGO_OK) {
			status = replace_folder(&at, error);
		} else { /* the first failure is the one to report */
			(void)remove_folder(&at, NULL);
		}
	}
	close_target(&at);
	return status;
}

imago_status
imago_save_folder(const char *path, const imago_folder *folder, imago_error *error)
{
	return imago_save_folder_in(imago_os_files(), path, folder, error);
}
