/* files.h: images from and to the file system, with messages and exit statuses. */
#ifndef IMAGO_CLI_FILES_H
#define IMAGO_CLI_FILES_H

#include "command.h"
#include "imago/image.h"

/* True when path is a regular file whose first 16 bytes, or what there is of them, a probe knows.
 * What cannot be opened is somebody else's to complain about. */
bool file_begins_as(const char *path, bool (*probe)(const uint8_t *bytes, uint64_t size));

/* Opens an image, or prints why not: EXIT_TROUBLE for a file that cannot be opened, EXIT_IMAGE for
 * one that is no image. *error is filled then. Close with imago_image_close in every case. */
exit_status open_image(imago_image *image, const char *path, imago_allocator *allocator,
                       imago_error *error);

/* Says how many errors the checker finds, if any, and that the command, which executes images, does
 * not execute this one. */
exit_status require_no_errors(const imago_image *image, const char *command, const char *path,
                              imago_allocator *allocator);

/* What an image is told of its file: no folders. */
const char *base_name(const char *path);

/* Saves a heap atomically, or prints why not. A composed image becomes a folder, or one file when
 * the path ends in ".bundle". */
exit_status save_image(const imago_heap *heap, imago_format_id format, const char *path,
                       imago_allocator *allocator);

/* The same as a layered image whose first section has the address start; 0: a customary one. */
exit_status save_layered(const imago_heap *heap, imago_addr start, const char *path,
                         imago_allocator *allocator);

/* The same with the bit that makes a loader put everything into permanent space. */
exit_status save_perm_save(const imago_heap *heap, imago_addr start, const char *path,
                           imago_allocator *allocator);

#endif
