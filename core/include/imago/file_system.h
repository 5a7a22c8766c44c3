/* file_system.h: the system calls by which images come from the disk and go to it.
 *
 * A table of functions, so that a caller can put something else in their place: a test that makes
 * the k-th call fail, a model of a disk that loses power, a file system of its own. The functions
 * without _in in their name use the operating system's.
 */
#ifndef IMAGO_FILE_SYSTEM_H
#define IMAGO_FILE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"

/* In place of a folder's descriptor: names are paths, from the working folder or from the root. */
#define IMAGO_WORKING_FOLDER (-100)

typedef enum imago_open_mode {
	IMAGO_OPEN_FOLDER,       /* to list it, to sync it, to find names in it */
	IMAGO_OPEN_FOLDER_HERE,  /* the same, but not through a symbolic link */
	IMAGO_OPEN_FILE,         /* for reading; a FIFO is not waited for */
	IMAGO_OPEN_FILE_HERE,    /* the same, but not through a symbolic link */
	IMAGO_OPEN_CREATED_FILE, /* for writing; EEXIST when anything has that name */
} imago_open_mode;

/* What a path names. */
typedef enum imago_path_kind {
	IMAGO_PATH_MISSING,
	IMAGO_PATH_FILE, /* a regular file */
	IMAGO_PATH_FOLDER,
	IMAGO_PATH_OTHER, /* a device, FIFO, socket; a symbolic link that is not followed */
} imago_path_kind;

typedef struct imago_file_facts {
	imago_path_kind kind;
	uint32_t permissions; /* the low 12 bits of a mode */
	uint64_t size;
	uint64_t device, number; /* together, no other file's */
} imago_file_facts;

/* Each function returns 0, a descriptor or a number of bytes; or, negated, an errno. A call that
 * fails has done nothing, but for close, after which the descriptor is gone, and for rename and
 * exchange over a network, of which nobody knows. */
typedef struct imago_file_system {
	int (*open)(void *payload, int folder, const char *name, imago_open_mode mode);
	int (*close)(void *payload, int descriptor);
	int64_t (*read)(void *payload, int descriptor, uint8_t *bytes, size_t size);
	int64_t (*write)(void *payload, int descriptor, const uint8_t *bytes, size_t size);
	int (*sync)(void *payload, int descriptor); /* a file's bytes; a folder's names */
	int (*describe)(void *payload, int descriptor, imago_file_facts *facts);
	int (*describe_name)(void *payload, int folder, const char *name, bool follow_links,
	                     imago_file_facts *facts); /* ENOENT when there is none */
	int (*set_permissions)(void *payload, int descriptor, uint32_t permissions);
	int (*make_folder)(void *payload, int folder, const char *name);
	int (*rename)(void *payload, int folder, const char *from, const char *to);
	int (*exchange)(void *payload, int folder, const char *a, const char *b); /* in one step */
	int (*remove)(void *payload, int folder, const char *name);
	int (*remove_folder)(void *payload, int folder, const char *name); /* an empty one */

	/* The names in an open folder. A listing takes the descriptor over, which may be used until
	 * close_listing; when it cannot be opened the descriptor stays the caller's. next_name: 1 and a
	 * name, valid until the next call, or 0 at the end. */
	int (*open_listing)(void *payload, int descriptor, void **listing);
	int (*next_name)(void *payload, void *listing, const char **name);
	void (*close_listing)(void *payload, void *listing);

	void *payload; /* the first argument of every function */
} imago_file_system;

/* The operating system's. */
IMAGO_API const imago_file_system *imago_os_files(void);

/* The same calls for who uses a file system: made again when a signal interrupts them (EINTR). A
 * close that is interrupted is done, and sizes are cut to what one call can take. rename and
 * exchange are not here: to make them again is not harmless (formats/common/save.c). */
IMAGO_API int imago_files_open(const imago_file_system *files, int folder, const char *name,
                               imago_open_mode mode);
IMAGO_API int imago_files_close(const imago_file_system *files, int descriptor);
IMAGO_API int64_t imago_files_read(const imago_file_system *files, int descriptor, uint8_t *bytes,
                                   uint64_t size);
IMAGO_API int64_t imago_files_write(const imago_file_system *files, int descriptor,
                                    const uint8_t *bytes, uint64_t size);
IMAGO_API int imago_files_sync(const imago_file_system *files, int descriptor);
IMAGO_API int imago_files_describe(const imago_file_system *files, int descriptor,
                                   imago_file_facts *facts);
IMAGO_API int imago_files_describe_name(const imago_file_system *files, int folder,
                                        const char *name, bool follow_links,
                                        imago_file_facts *facts);
IMAGO_API int imago_files_set_permissions(const imago_file_system *files, int descriptor,
                                          uint32_t permissions);
IMAGO_API int imago_files_make_folder(const imago_file_system *files, int folder, const char *name);
IMAGO_API int imago_files_remove(const imago_file_system *files, int folder, const char *name);
IMAGO_API int imago_files_remove_folder(const imago_file_system *files, int folder,
                                        const char *name);
IMAGO_API int imago_files_open_listing(const imago_file_system *files, int descriptor,
                                       void **listing);
IMAGO_API int imago_files_next_name(const imago_file_system *files, void *listing,
                                    const char **name);

#endif
