/* kernel.h: images that run, from scratch: classes and methods assembled from a text that the
 * library carries (core/memory/kernel/), one process that waits to go on, a program to go on with.
 *
 * A kernel image prints with FilePlugin's primitives and quits with primitive 113, so that any
 * virtual machine of its format can run it. core/memory/kernel/README.md describes the text.
 */
#ifndef IMAGO_KERNEL_H
#define IMAGO_KERNEL_H

#include <stdint.h>

#include "imago/allocator.h"
#include "imago/builder.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"

/* The bytecodes of a kernel's methods. */
typedef enum imago_kernel_bytecodes {
	IMAGO_BYTECODES_BY_FORMAT, /* SistaV1 in 7033 and 68533, else V3PlusClosures */
	IMAGO_BYTECODES_V3,
	IMAGO_BYTECODES_SISTA, /* Spur only */
} imago_kernel_bytecodes;

typedef struct imago_kernel_options {
	uint32_t image_format; /* a supported number: 6521, 68021, 6502 … */
	imago_byte_order byte_order;
	imago_kernel_bytecodes bytecodes;
	const char *program; /* NULL: the first one, which prints a line */
	uint32_t rounds;     /* how often the program does its work; 0: once */
} imago_kernel_options;

/* Makes a kernel image. IMAGO_EVERSION, IMAGO_EUNSUPPORTED (no such program in this format, or
 * SistaV1 in V3), IMAGO_ENOMEM. */
IMAGO_API imago_status imago_kernel_make(imago_heap **out, const imago_kernel_options *options,
                                         imago_allocator *allocator,
                                         imago_error *error) IMAGO_NODISCARD;

/* The names of the programs; NULL behind the last one. */
IMAGO_API const char *imago_kernel_program(uint32_t index);

/* What an assembled text says an image is to go on with. */
typedef struct imago_assembled {
	imago_oop entry_method; /* 0: no method has an entry */
	uint32_t entry_offset;  /* of the entry behind the method's first bytecode */
	uint8_t entry_temps;
	imago_oop program_class; /* 0: the program that was asked for is not there */
} imago_assembled;

/* Adds the classes and methods of a text to an image that is being built, in the bytecodes asked
 * for. A text that says what it cannot mean is IMAGO_EUSAGE: what is the complaint, found the
 * line. */
IMAGO_API imago_status imago_assemble(imago_builder *builder, const char *text,
                                      imago_kernel_bytecodes bytecodes, const char *program,
                                      imago_assembled *out, imago_allocator *allocator,
                                      imago_error *error) IMAGO_NODISCARD;

#endif
