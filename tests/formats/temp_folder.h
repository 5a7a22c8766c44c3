/* temp_folder.h: a folder on the disk for one test. */
#ifndef IMAGO_TESTS_TEMP_FOLDER_H
#define IMAGO_TESTS_TEMP_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "assertions.h"

enum { TEMP_PATH_SIZE = 512 };

typedef struct temp_folder {
	char path[TEMP_PATH_SIZE];
} temp_folder;

/* Makes an empty folder below TMPDIR, or /tmp; removes it with all that is in it. */
temp_folder temp_folder_make(void);
void temp_folder_remove(const temp_folder *folder);

/* The path of a name in it, valid until the next call but three. */
const char *temp_path(const temp_folder *folder, const char *name);

void temp_write(const temp_folder *folder, const char *name, const void *bytes, size_t size);
void temp_make_folder(const temp_folder *folder, const char *name);

/* Fails unless the file holds just these bytes. */
void assert_file_holds(const temp_folder *folder, const char *name, const void *bytes, size_t size);

/* The number of names in a folder, . and .. not counted. */
size_t temp_count(const char *path);

#endif
