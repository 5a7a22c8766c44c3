/* image.h: any image, whatever its format: open, check, save.
 *
 * The one table of formats (formats/common/format.c) stands behind it.
 */
#ifndef IMAGO_IMAGE_H
#define IMAGO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/check.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/file_system.h"
#include "imago/folder.h"
#include "imago/heap.h"
#include "imago/writer.h"

typedef enum imago_format_id {
	IMAGO_FORMAT_SPUR,
	IMAGO_FORMAT_V3,
	IMAGO_FORMAT_COMPOSED,
	IMAGO_FORMAT_LAYERED,
	IMAGO_NUM_FORMATS,
} imago_format_id;

IMAGO_API const char *imago_format_name(imago_format_id format); /* "spur", "v3", … */

typedef struct imago_image {
	imago_format_id format;
	imago_heap *heap;
	imago_folder folder; /* of a composed image; else empty */
	uint8_t *bytes;      /* the file, when the image owns it */
	const uint8_t *data; /* the file; NULL for a folder on disk */
	uint64_t size;
	imago_allocator *allocator;
} imago_image;

/* Reads an image from memory (a classic file of any format, or a bundle, folder.h). The bytes are
 * borrowed and must outlive the image. Statuses as the readers'. Close in every case. */
IMAGO_API imago_status imago_image_read(imago_image *image, const uint8_t *bytes, uint64_t size,
                                        imago_allocator *allocator,
                                        imago_error *error) IMAGO_NODISCARD;

/* Reads an image from a file or an image folder. IMAGO_EIO when it cannot be opened. Close in every
 * case. */
IMAGO_API imago_status imago_image_open(imago_image *image, const char *path,
                                        imago_allocator *allocator,
                                        imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_image_open_in(imago_image *image, const imago_file_system *files,
                                           const char *path, imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_image_close(imago_image *image);

/* Runs the core rules and those of the format. */
IMAGO_API imago_status imago_image_check(const imago_image *image, imago_check_sink *sink,
                                         imago_allocator *allocator,
                                         imago_error *error) IMAGO_NODISCARD;

/* Row index of all rule tables, core first; NULL past the end. */
IMAGO_API const imago_rule *imago_rule_at(size_t index);

/* The heap that an image was made of: of a layered one, as it was before it was layered
 * (layered_image.h); else a copy. It may borrow what lies around the heap from the image.
 * IMAGO_EUNSUPPORTED (nothing is known of that), and as broken images fail. */
IMAGO_API imago_status imago_image_restore(imago_heap **out, const imago_image *image,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;

/* Writes the file of a heap into memory, in the given format: a bundle for composed. Bridges are
 * written in the style of the format; a heap with bridges in memory style gets the sums of a single
 * file's header (dataSize, oldBaseAddr, firstSegSize) from its segments. */
IMAGO_API imago_status imago_image_write(const imago_heap *heap, imago_format_id format,
                                         imago_writer *writer, imago_error *error) IMAGO_NODISCARD;

/* Saves a heap under path: a new file beside it, fsynced, renamed over it, the folder fsynced; for
 * composed a new folder put in its place the same way. Path is never written in place, and what was
 * there is whole until the new image is. IMAGO_EIO, and the writers' statuses. */
IMAGO_API imago_status imago_image_save(const imago_heap *heap, imago_format_id format,
                                        const char *path, imago_allocator *allocator,
                                        imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_image_save_in(const imago_heap *heap, imago_format_id format,
                                           const imago_file_system *files, const char *path,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;

#endif
