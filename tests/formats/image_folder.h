/* image_folder.h: image folders in memory that a test can break. */
#ifndef IMAGO_TESTS_IMAGE_FOLDER_H
#define IMAGO_TESTS_IMAGE_FOLDER_H

#include <stdint.h>

#include "assertions.h"
#include "imago/folder.h"
#include "imago/heap.h"
#include "layouts.h"
#include "small_image.h"

/* Makes a heap, as small_heap, varied_heap and perm_heap do. */
typedef imago_heap *heap_maker(const test_layout *layout, imago_allocator *allocator);

/* The folder of such a heap; release with imago_folder_release. */
void make_folder(imago_folder *folder, heap_maker *maker, const char *layout,
                 imago_allocator *allocator);

/* Sets the bytes of a file, which may be new; removes one; cuts or lengthens one (with zeros). */
void folder_set(imago_folder *folder, const char *name, const void *bytes, uint64_t size);
void folder_set_text(imago_folder *folder, const char *name, const char *text);
void folder_remove(imago_folder *folder, const char *name);
void folder_resize(imago_folder *folder, const char *name, uint64_t size);

/* Replaces the first occurrence of old in a text file, which must be there. */
void folder_substitute(imago_folder *folder, const char *name, const char *old, const char *new);

/* Sets a field of a metadata file to another number, given as text. */
void folder_set_field(imago_folder *folder, const char *name, const char *field,
                      const char *number);

/* The text of a file, with a terminator; free it. */
char *folder_text(const imago_folder *folder, const char *name);

/* Fails unless both hold the same files with the same bytes in the same order. */
void assert_folders_equal(const imago_folder *a, const imago_folder *b);

#endif
