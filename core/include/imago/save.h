/* save.h: saving atomically.
 *
 * A reader sees the old file or the new one, whole, whatever happens in between.
 */
#ifndef IMAGO_SAVE_H
#define IMAGO_SAVE_H

#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/folder.h"

/* Writes size bytes under path: temporary file in the same folder, write, fsync, rename, fsync of
 * the folder. On failure (IMAGO_EIO, what names the step) the temporary file is gone and path is
 * untouched. */
IMAGO_API imago_status imago_save_file(const char *path, const uint8_t *bytes, uint64_t size,
                                       imago_error *error) IMAGO_NODISCARD;

/* The same for a folder: a temporary folder beside path with every file fsynced, exchanged with
 * path in one step (renameat2), the old one then removed. IMAGO_EUSAGE when path is a folder that
 * holds anything a composed image does not own. */
IMAGO_API imago_status imago_save_folder(const char *path, const imago_folder *folder,
                                         imago_error *error) IMAGO_NODISCARD;

#endif
