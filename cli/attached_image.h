/* attached_image.h: an image that is to be mapped by this process and others, checked beforehand.
 */
#ifndef IMAGO_CLI_ATTACHED_IMAGE_H
#define IMAGO_CLI_ATTACHED_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "imago/layered_attach.h"

typedef struct attached_image {
	const char *path;
	int descriptor; /* of the layered file */
	int sealed;     /* of a copy that is relocated for one base, or -1 */
	/* Nobody touches its pages: it tells where the image is wanted, and whether the file is still
	 * the one that was checked. */
	imago_layered_attachment idle;
	imago_layered_attach_options options; /* for who attaches */
	imago_allocator *allocator;
} attached_image;

/* What the command line says. */
typedef struct attach_request {
	const char *command; /* for messages */
	const char *base;    /* an address, "elsewhere", or NULL */
	imago_relocation relocation;
	bool sealed;
	uint64_t room;
} attach_request;

/* Opens an image that the checker finds no error in; one that is not layered is layered into memory
 * first, and a message says so. Close in every case. */
exit_status attached_image_open(attached_image *image, const char *path,
                                const attach_request *request, imago_allocator *allocator);
void attached_image_close(attached_image *image);

/* Attaches it as was asked for; imago_layered_detach releases. Statuses as imago_layered_attach. */
imago_status attached_image_attach(const attached_image *image, imago_layered_attachment *out,
                                   imago_error *error);

/* The objects as the file has them, at the addresses where they are wanted. Release both. */
imago_status attached_image_file(const attached_image *image, imago_layered_attachment *file,
                                 imago_heap **heap, imago_error *error);

/* complain_of_error, in clear words where the file is gone from under the image. */
exit_status attached_image_complain(const attached_image *image, const imago_error *error);

/* EXIT_TROUBLE, and a message, when the file is not the one that was checked. */
exit_status attached_image_unchanged(const attached_image *image);

/* "auto", "userfault" … */
const char *relocation_name(imago_relocation relocation);

#endif
