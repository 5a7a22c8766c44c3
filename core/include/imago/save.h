/* save.h: saving atomically.
 *
 * A reader sees the old file or the new one, whole, whatever happens in between: a call that fails,
 * a process that is killed, a machine that loses power (formats/common/README.md, "Saving").
 */
#ifndef IMAGO_SAVE_H
#define IMAGO_SAVE_H

#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/file_system.h"
#include "imago/folder.h"

/* Writes size bytes under path: temporary file in the same folder (".imago-save-…"), write, fsync,
 * rename, fsync of the folder. The new file has the old one's permissions, or those of a new file.
 * On failure (IMAGO_EIO, what names the step) the temporary file is gone and path is untouched;
 * only after "fsync of the parent folder" path holds the new file, which may not survive a crash.
 * IMAGO_EUSAGE when path names anything but a regular file: a folder, a device, a symbolic link;
 * or ends in a slash. */
IMAGO_API imago_status imago_save_file(const char *path, const uint8_t *bytes, uint64_t size,
                                       imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_save_file_in(const imago_file_system *files, const char *path,
                                          const uint8_t *bytes, uint64_t size,
                                          imago_error *error) IMAGO_NODISCARD;

/* The same for a folder: a temporary folder beside path with every file fsynced, renamed to path
 * or, where there is one already, exchanged with it in one step (renameat2), the old one then
 * removed. IMAGO_EUSAGE when path is no folder, or one that holds anything an image folder does not
 * own. On failure as above; after "fsync of the parent folder" and after "removing the old folder"
 * path holds the new image and what is left of the old one stands beside it under its temporary
 * name. */
IMAGO_API imago_status imago_save_folder(const char *path, const imago_folder *folder,
                                         imago_error *error) IMAGO_NODISCARD;
IMAGO_API imago_status imago_save_folder_in(const imago_file_system *files, const char *path,
                                            const imago_folder *folder,
                                            imago_error *error) IMAGO_NODISCARD;

#endif
