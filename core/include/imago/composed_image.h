/* composed_image.h: Pharo's image folder (formats/composed/composed.md). */
#ifndef IMAGO_COMPOSED_IMAGE_H
#define IMAGO_COMPOSED_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/check.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/folder.h"
#include "imago/heap.h"

/* Reads an image from a folder, whose bytes the heap borrows and which must outlive it. Refuses
 * what cannot be represented (composed.md §9); the rest is for the checkers to find. error->part
 * names the file. */
IMAGO_API imago_status imago_composed_read(imago_heap **out, const imago_folder *folder,
                                           imago_allocator *allocator,
                                           imago_error *error) IMAGO_NODISCARD;

/* Makes the files of a Spur heap in a folder that was just initialised. Bridges are written in
 * memory style whatever the heap's own. */
IMAGO_API imago_status imago_composed_write(const imago_heap *heap, imago_folder *folder,
                                            imago_error *error) IMAGO_NODISCARD;

/* The rules about the folder and its metadata (formats/composed/composed_rules.def). */
IMAGO_API const imago_rule *imago_composed_rules(size_t *num_rules);

/* Checks the folder that heap was read from. Reports to a sink that the core checker uses as well.
 */
IMAGO_API imago_status imago_composed_check(const imago_folder *folder, const imago_heap *heap,
                                            imago_check_sink *sink,
                                            imago_error *error) IMAGO_NODISCARD;

#endif
