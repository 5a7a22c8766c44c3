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

/* Makes the files of a Spur heap in a folder that was just initialised; release it in every case.
 * Bridges are written in memory style whatever the heap's own, segments without objects are left
 * out, and what describes the folder is taken from what is written: dataSize, hdrOldSpaceSize,
 * oldBaseAddr, firstSegSize. Not stored: savedWindowSize, and the wrapping of a single file.
 * IMAGO_EUNSUPPORTED (V3, a heap without objects, old space that reaches into permanent space's
 * addresses, a number that a signed word cannot hold: what names it), IMAGO_EVERSION,
 * IMAGO_ENOMEM. */
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
