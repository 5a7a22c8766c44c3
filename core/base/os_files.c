/* os_files.c: the operating system's files.
 *
 * Everything is relative to descriptors of folders. renameat2, which exchanges two names in one
 * step, is Linux's own: hence the feature macro, in this file only.
 */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "imago/file_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
result_of(int result)
{
	return result < 0 ? -errno : result;
}

static int
folder_of(int folder)
{
	return folder == IMAGO_WORKING_FOLDER ? AT_FDCWD : folder;
}

static int
open_name(void *payload, int folder, const char *name, imago_open_mode mode)
{
	static const int flags[] = {
	    [IMAGO_OPEN_FOLDER] = O_RDONLY | O_DIRECTORY,
	    [IMAGO_OPEN_FOLDER_HERE] = O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
	    [IMAGO_OPEN_FILE] = O_RDONLY | O_NONBLOCK | O_NOCTTY,
	    [IMAGO_OPEN_FILE_HERE] = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW,
	    [IMAGO_OPEN_CREATED_FILE] = O_WRONLY | O_CREAT | O_EXCL,
	};
	(void)payload;
	return result_of(openat(folder_of(folder), name, flags[mode] | O_CLOEXEC, (mode_t)0666));
}

static int
close_descriptor(void *payload, int descriptor)
{
	(void)payload;
	return result_of(close(descriptor));
}

static int64_t
read_bytes(void *payload, int descriptor, uint8_t *bytes, size_t size)
{
	(void)payload;
	ssize_t length = read(descriptor, bytes, size);
	return length < 0 ? -errno : length;
}

static int64_t
write_bytes(void *payload, int descriptor, const uint8_t *bytes, size_t size)
{
	(void)payload;
	ssize_t length = write(descriptor, bytes, size);
	return length < 0 ? -errno : length;
}

static int
sync_descriptor(void *payload, int descriptor)
{
	(void)payload;
	return result_of(fsync(descriptor));
}

static imago_path_kind
kind_of(mode_t mode)
{
	if (S_ISREG(mode)) {
		return IMAGO_PATH_FILE;
	}
	return S_ISDIR(mode) ? IMAGO_PATH_FOLDER : IMAGO_PATH_OTHER;
}

static int
take_facts(int result, const struct stat *from, imago_file_facts *facts)
{
	if (result < 0) {
		return -errno;
	}
	*facts = (imago_file_facts){
	    .kind = kind_of(from->st_mode),
	    .permissions = (uint32_t)from->st_mode & 07777,
	    .size = (uint64_t)from->st_size,
	    .device = (uint64_t)from->st_dev,
	    .number = (uint64_t)from->st_ino,
	};
	return 0;
}

static int
describe(void *payload, int descriptor, imago_file_facts *facts)
{
	struct stat from;
	(void)payload;
	int result = fstat(descriptor, &from);
	return take_facts(result, &from, facts);
}

static int
describe_name(void *payload, int folder, const char *name, bool follow_links,
              imago_file_facts *facts)
{
	struct stat from;
	(void)payload;
	int result = fstatat(folder_of(folder), name, &from, follow_links ? 0 : AT_SYMLINK_NOFOLLOW);
	return take_facts(result, &from, facts);
}

static int
set_permissions(void *payload, int descriptor, uint32_t permissions)
{
	(void)payload;
	return result_of(fchmod(descriptor, (mode_t)permissions));
}

static int
make_folder(void *payload, int folder, const char *name)
{
	(void)payload;
	return result_of(mkdirat(folder_of(folder), name, (mode_t)0777));
}

static int
rename_name(void *payload, int folder, const char *from, const char *to)
{
	(void)payload;
	return result_of(renameat(folder_of(folder), from, folder_of(folder), to));
}

static int
exchange_names(void *payload, int folder, const char *a, const char *b)
{
	(void)payload;
	return result_of(renameat2(folder_of(folder), a, folder_of(folder), b, RENAME_EXCHANGE));
}

static int
remove_name(void *payload, int folder, const char *name)
{
	(void)payload;
	return result_of(unlinkat(folder_of(folder), name, 0));
}

static int
remove_folder(void *payload, int folder, const char *name)
{
	(void)payload;
	return result_of(unlinkat(folder_of(folder), name, AT_REMOVEDIR));
}

static int
open_listing(void *payload, int descriptor, void **listing)
{
	(void)payload;
	DIR *folder = fdopendir(descriptor);
	*listing = folder;
	return folder == NULL ? -errno : 0;
}

static int
next_name(void *payload, void *listing, const char **name)
{
	(void)payload;
	errno = 0;
	const struct dirent *entry = readdir((DIR *)listing);
	if (entry == NULL) {
		return -errno;
	}
	*name = entry->d_name;
	return 1;
}

static void
close_listing(void *payload, void *listing)
{
	(void)payload;
	closedir((DIR *)listing);
}

static const imago_file_system os_files = {
    .open = open_name,
    .close = close_descriptor,
    .read = read_bytes,
    .write = write_bytes,
    .sync = sync_descriptor,
    .describe = describe,
    .describe_name = describe_name,
    .set_permissions = set_permissions,
    .make_folder = make_folder,
    .rename = rename_name,
    .exchange = exchange_names,
    .remove = remove_name,
    .remove_folder = remove_folder,
    .open_listing = open_listing,
    .next_name = next_name,
    .close_listing = close_listing,
};

const imago_file_system *
imago_os_files(void)
{
	return &os_files;
}
