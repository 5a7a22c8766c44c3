#include "temp_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

temp_folder
temp_folder_make(void)
{
	temp_folder folder;
	const char *parent = getenv("TMPDIR");
	snprintf(folder.path, sizeof folder.path, "%s/imago-test-XXXXXX",
	         parent != NULL && strlen(parent) < TEMP_PATH_SIZE / 2 ? parent : "/tmp");
	assert_non_null(mkdtemp(folder.path));
	return folder;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes what is at path; the tests nest two deep. */
static void
remove_tree(const char *path)
{
	struct stat facts;
	if (lstat(path, &facts) == 0 && S_ISDIR(facts.st_mode)) {
		DIR *directory = opendir(path);
		assert_non_null(directory);
		const struct dirent *entry;
		while ((entry = readdir(directory)) != NULL) {
			char child[2 * TEMP_PATH_SIZE];
			snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
			if (!is_dots(entry->d_name)) {
				remove_tree(child);
			}
		}
		closedir(directory);
	}
	assert_int_equal(remove(path), 0);
}

void
temp_folder_remove(const temp_folder *folder)
{
	remove_tree(folder->path);
}

const char *
temp_path(const temp_folder *folder, const char *name)
{
	static char paths[4][2 * TEMP_PATH_SIZE];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
	return path;
}

void
temp_write(const temp_folder *folder, const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(temp_path(folder, name), "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

void
temp_make_folder(const temp_folder *folder, const char *name)
{
	assert_int_equal(mkdir(temp_path(folder, name), 0777), 0);
}

void
assert_file_holds(const temp_folder *folder, const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(temp_path(folder, name), "rb");
	assert_non_null(file);
	char *found = malloc(size + 2);
	assert_non_null(found);
	assert_int_equal(fread(found, 1, size + 1, file), size);
	assert_memory_equal(found, bytes, size);
	free(found);
	fclose(file);
}

size_t
temp_count(const char *path)
{
	size_t count = 0;
	DIR *directory = opendir(path);
	assert_non_null(directory);
	const struct dirent *entry;
	while ((entry = readdir(directory)) != NULL) {
		count += !is_dots(entry->d_name);
	}
	closedir(directory);
	return count;
}
