/* address.h: addresses of images. On the ground floor, because both memories have them. */
#ifndef IMAGO_ADDRESS_H
#define IMAGO_ADDRESS_H

#include <stdint.h>

/* An address inside an image, as it was when the image was saved. Never a host pointer. */
typedef uint64_t imago_addr;

#endif
