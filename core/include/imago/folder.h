/* folder.h: an image folder in memory: named files and their bytes.
 *
 * Readers of folder formats work on this, so that tests and fuzz targets need no disk. A folder can
 * also be packed into one file (a bundle): "imago folder 1\n", then per file "NAME SIZE\n" and the
 * bytes.
 *
 * The names are those of a composed image (formats/composed/composed.md §2) and no others:
 * header.ston, permSpace.ston, permSpace.data, segN.ston and segN.data, where N is a decimal number
 * without leading zeros below IMAGO_MAX_SEGMENTS.
 */
#ifndef IMAGO_FOLDER_H
#define IMAGO_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/file_system.h"
#include "imago/writer.h"

typedef struct imago_folder_file {
	char name[IMAGO_PART_SIZE];
	const uint8_t *bytes;
	uint64_t size;
	uint8_t *owned; /* the same bytes when the folder releases them, else NULL */
} imago_folder_file;

typedef struct imago_folder {
	imago_folder_file *files;
	size_t num_files;
	size_t capacity;
	uint32_t *places; /* by place of the name (folder_names.h): index into files + 1, or 0 */
	size_t num_places;
	imago_allocator *allocator;
} imago_folder;

/* An empty folder, which borrows the allocator; nothing is allocated yet. release gives back the
 * files that the folder owns and its tables, and leaves it empty again. */
IMAGO_API void imago_folder_init(imago_folder *folder, imago_allocator *allocator);
IMAGO_API void imago_folder_release(imago_folder *folder);

/* The file with that name, or NULL. */
IMAGO_API const imago_folder_file *imago_folder_find(const imago_folder *folder, const char *name);

/* Adds a file of borrowed bytes, or of a block that the folder takes over (take_ownership; on
 * failure it stays the caller's). IMAGO_ERANGE (not a name of an image folder), IMAGO_ELIMIT (a
 * segment number from IMAGO_MAX_SEGMENTS on), IMAGO_ESTRUCTURE (the name is there already),
 * IMAGO_ENOMEM. */
IMAGO_API imago_status imago_folder_add(imago_folder *folder, const char *name,
                                        const uint8_t *bytes, uint64_t size,
                                        uint8_t *take_ownership,
                                        imago_error *error) IMAGO_NODISCARD;

/* Reads the files of a folder on disk that have a name of an image folder; others are not looked
 * at. Regular files only: IMAGO_EUSAGE for a symbolic link, a folder, a FIFO or a device of such a
 * name, which is not opened for reading. IMAGO_ELIMIT (a segment number from IMAGO_MAX_SEGMENTS on,
 * or too many names), IMAGO_EIO, IMAGO_ENOMEM. error->part names the file. */
IMAGO_API imago_status imago_folder_read(imago_folder *folder, const char *path,
                                         imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_folder_read_in(imago_folder *folder, const imago_file_system *files,
                                            const char *path, imago_error *error) IMAGO_NODISCARD;

/* True for bytes that begin like a bundle. */
IMAGO_API bool imago_folder_is_bundle(const uint8_t *bytes, uint64_t size);

/* Unpacks a bundle; the files borrow its bytes. IMAGO_EMAGIC, IMAGO_ETRUNCATED, IMAGO_ERANGE. */
IMAGO_API imago_status imago_folder_unpack(imago_folder *folder, const uint8_t *bytes,
                                           uint64_t size, imago_error *error) IMAGO_NODISCARD;

/* Appends the bundle to a writer. Failures are the writer's. */
IMAGO_API void imago_folder_pack(const imago_folder *folder, imago_writer *writer);

#endif
