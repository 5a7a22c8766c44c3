/* folder.h: an image folder in memory: named files and their bytes.
 *
 * Readers of folder formats work on this, so that tests and fuzz targets need no disk. A folder can
 * also be packed into one file (a bundle): "imago folder 1\n", then per file "NAME SIZE\n" and the
 * bytes.
 */
#ifndef IMAGO_FOLDER_H
#define IMAGO_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
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
	imago_allocator *allocator;
} imago_folder;

IMAGO_API void imago_folder_init(imago_folder *folder, imago_allocator *allocator);
IMAGO_API void imago_folder_release(imago_folder *folder);

/* The file with that name, or NULL. */
IMAGO_API const imago_folder_file *imago_folder_find(const imago_folder *folder, const char *name);

/* Adds a file of borrowed bytes, or of a block that the folder takes over (take_ownership; on
 * failure it stays the caller's). IMAGO_ESTRUCTURE (the name is there already), IMAGO_ERANGE (name
 * empty, too long, or holding anything but letters, digits and dots), IMAGO_ELIMIT, IMAGO_ENOMEM.
 */
IMAGO_API imago_status imago_folder_add(imago_folder *folder, const char *name,
                                        const uint8_t *bytes, uint64_t size,
                                        uint8_t *take_ownership,
                                        imago_error *error) IMAGO_NODISCARD;

/* Reads the files of a folder on disk that belong to a composed image: header.ston, permSpace.*,
 * seg*.*. Regular files only (IMAGO_EUSAGE otherwise). */
IMAGO_API imago_status imago_folder_read(imago_folder *folder, const char *path,
                                         imago_error *error) IMAGO_NODISCARD;

/* Unpacks a bundle; the files borrow its bytes. IMAGO_EMAGIC, IMAGO_ETRUNCATED, IMAGO_ERANGE. */
IMAGO_API imago_status imago_folder_unpack(imago_folder *folder, const uint8_t *bytes,
                                           uint64_t size, imago_error *error) IMAGO_NODISCARD;

/* Appends the bundle to a writer. Failures are the writer's. */
IMAGO_API void imago_folder_pack(const imago_folder *folder, imago_writer *writer);

#endif
