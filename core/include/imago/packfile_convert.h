/* packfile_convert.h: a packfile in another word size, byte order or form of numbers. */
#ifndef IMAGO_PACKFILE_CONVERT_H
#define IMAGO_PACKFILE_CONVERT_H

#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/layout.h"
#include "imago/packfile.h"
#include "imago/writer.h"

/* What is to be written. */
typedef struct imago_packfile_target {
	imago_layout layout;
	/* Form and, of x87, size of numbers. AUTO keeps the floattype; of 16 bytes the form is kept,
	 * too, but that x87 becomes double-double in big-endian files and double-double x87 in
	 * little-endian ones. */
	imago_number_form number_form;
	uint8_t number_size; /* of IMAGO_NUMBER_X87: 12 or 16; else not looked at */
} imago_packfile_target;

/* Appends the packfile in the target's layout; the bytes behind the directory are kept as they are.
 * Whatever is written leads back to the very bytes that the packfile was read from, when it is read
 * with the forms of numbers that it was written in, and written in those it had. So refused is what
 * would be lost, before anything is appended:
 *
 * IMAGO_EUNSUPPORTED: a word or a number that the target cannot hold ("word that 4 bytes cannot
 * hold", "number that the target's form cannot hold"), a PMC of a class whose fields are not known
 * ("PMC of a class that is not known"), a string of 2- or 4-byte units with a rest;
 * IMAGO_ESTRUCTURE
 * ("bytes that are not kept": padding that is not zero, a segment that is longer than its
 * contents). The offset is that in the source. IMAGO_EUSAGE: a target that there is not.
 * IMAGO_ENOMEM. */
IMAGO_API imago_status imago_packfile_write(const imago_packfile *packfile,
                                            const imago_packfile_target *target,
                                            imago_writer *writer,
                                            imago_error *error) IMAGO_NODISCARD;

#endif
