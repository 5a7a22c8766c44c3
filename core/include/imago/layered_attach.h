/* layered_attach.h: a layered image mapped, ready to be read or run where it lies.
 *
 * Header page and table are read and their hashes compared; nothing else is looked at, but for the
 * remembered set of an image that is to be run. What that means for the pages is attach.h's.
 */
#ifndef IMAGO_LAYERED_ATTACH_H
#define IMAGO_LAYERED_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/attach.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/layered_image.h"
#include "imago/object_memory.h"

/* Zero-initialisable. */
typedef struct imago_layered_attach_options {
	imago_attach_options attach;
	uint64_t room;      /* bytes of memory behind the image, for one who runs it */
	bool protect_fixed; /* stores into read-only and rarely written sections trap */
	bool tabled;        /* with room: nothing of the file is written, objects are copied instead
	                     * (object_table.h); then protect_fixed is about all sections but the
	                     * last one, where new objects begin: also for an object that there was
	                     * no memory to copy */
} imago_layered_attach_options;

typedef struct imago_layered_attachment {
	imago_attachment *attachment;
	imago_layered_head head;
	uint64_t distance;            /* what was added to every address, in two's complement */
	uint64_t source_used;         /* bytes from the start to the end of the file's last object */
	imago_memory_mapping mapping; /* what imago_vm_create_mapped takes; with room only */
	imago_layered_remembered remembered; /* that the mapping borrows; with room only */
	imago_object_copy *copies;           /* likewise; of a twin over an object table */
	uint64_t num_copies;
	imago_allocator *allocator; /* of these */
} imago_layered_attachment;

/* Attaches the layered file of a descriptor, which stays the caller's. IMAGO_ESTRUCTURE (a hash
 * that is not that of the bytes), IMAGO_EUNSUPPORTED (a byte order that is not the host's), the
 * statuses of imago_layered_decode, imago_layered_decode_remembered and imago_attach. Release with
 * imago_layered_detach. */
IMAGO_API imago_status imago_layered_attach(imago_layered_attachment *out, int descriptor,
                                            const imago_layered_attach_options *options,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;

/* Makes a copy of a layered file in memory, relocated once for base and sealed (attach.h,
 * imago_attach_seal, with its statuses and those above): *out is the caller's to close. options
 * are those with which it will be attached. */
IMAGO_API imago_status imago_layered_attach_seal(int *out, int descriptor,
                                                 const imago_layered_attach_options *options,
                                                 imago_addr base, imago_allocator *allocator,
                                                 imago_error *error) IMAGO_NODISCARD;

/* Attaches such a copy at the base for which it was made; options' attach is not looked at.
 * Statuses as imago_attach_sealed and imago_layered_attach. */
IMAGO_API imago_status imago_layered_attach_sealed(imago_layered_attachment *out, int descriptor,
                                                   const imago_layered_attach_options *options,
                                                   imago_allocator *allocator,
                                                   imago_error *error) IMAGO_NODISCARD;

IMAGO_API void imago_layered_detach(imago_layered_attachment *attached);

/* The attached image as a heap that borrows its pages, at the addresses where it lies: to walk,
 * check or save it. What mapping says is looked at: after imago_vm_pause, hand over its mapping.
 * The attachment must outlive it. Copies that an object table holds are not in it:
 * imago_vm_snapshot makes a heap of both. IMAGO_ENOMEM. */
IMAGO_API imago_status imago_layered_attached_heap(imago_heap **out,
                                                   const imago_layered_attachment *attached,
                                                   imago_allocator *allocator,
                                                   imago_error *error) IMAGO_NODISCARD;

#endif
