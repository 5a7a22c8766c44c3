/* builder.h: valid images of any layout, made from scratch.
 *
 * The builder lays out nil, false, true, the free lists and the class table (Spur) or the compact
 * classes (V3), a kernel of classes and the special objects array; the caller adds objects, then
 * finishes into a heap. Used by the tests, the generator and the command line; every result is
 * accepted by the checker without a finding.
 */
#ifndef IMAGO_BUILDER_H
#define IMAGO_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/heap.h"
#include "imago/known_objects.h"

typedef struct imago_builder imago_builder;

typedef struct imago_builder_options {
	uint32_t image_format; /* a supported number: 6521, 68021, 6502 … */
	imago_byte_order byte_order;
	imago_addr base; /* 0: a customary one */
} imago_builder_options;

/* The classes of the kernel that every built image has. */
typedef enum imago_kernel_class {
	IMAGO_KERNEL_OBJECT,
	IMAGO_KERNEL_BEHAVIOR,
	IMAGO_KERNEL_CLASS,
	IMAGO_KERNEL_METACLASS,
	IMAGO_KERNEL_UNDEFINED_OBJECT,
	IMAGO_KERNEL_FALSE,
	IMAGO_KERNEL_TRUE,
	IMAGO_KERNEL_SMALL_INTEGER,
	IMAGO_KERNEL_CHARACTER,
	IMAGO_KERNEL_SMALL_FLOAT,
	IMAGO_KERNEL_FLOAT,
	IMAGO_KERNEL_LARGE_POSITIVE_INTEGER,
	IMAGO_KERNEL_LARGE_NEGATIVE_INTEGER,
	IMAGO_KERNEL_ARRAY,
	IMAGO_KERNEL_BYTE_ARRAY,
	IMAGO_KERNEL_BYTE_STRING,
	IMAGO_KERNEL_BYTE_SYMBOL,
	IMAGO_KERNEL_BITMAP,
	IMAGO_KERNEL_DOUBLE_BYTE_ARRAY,
	IMAGO_KERNEL_DOUBLE_WORD_ARRAY,
	IMAGO_KERNEL_ASSOCIATION,
	IMAGO_KERNEL_POINT,
	IMAGO_KERNEL_MESSAGE,
	IMAGO_KERNEL_METHOD_DICTIONARY,
	IMAGO_KERNEL_COMPILED_METHOD,
	IMAGO_KERNEL_CONTEXT,
	IMAGO_KERNEL_BLOCK_CONTEXT,
	IMAGO_KERNEL_BLOCK_CLOSURE,
	IMAGO_KERNEL_FULL_BLOCK_CLOSURE,
	IMAGO_KERNEL_SEMAPHORE,
	IMAGO_KERNEL_LINKED_LIST,
	IMAGO_KERNEL_PROCESS,
	IMAGO_KERNEL_PROCESSOR_SCHEDULER,
	IMAGO_KERNEL_WEAK_ARRAY,
	IMAGO_KERNEL_EPHEMERON,
	IMAGO_NUM_KERNEL_CLASSES,
} imago_kernel_class;

/* Starts an image with its kernel. IMAGO_EVERSION (a number that is not supported), IMAGO_ENOMEM,
 * IMAGO_EALIGN (base). */
IMAGO_API imago_status imago_builder_create(imago_builder **out,
                                            const imago_builder_options *options,
                                            imago_allocator *allocator,
                                            imago_error *error) IMAGO_NODISCARD;
IMAGO_API void imago_builder_destroy(imago_builder *builder);

/* All functions below have a sticky error: after a failure they return 0 and do nothing, and
 * imago_builder_status tells. Oops stay valid: nothing moves. */
IMAGO_API imago_status imago_builder_status(const imago_builder *builder);

/* The class, or 0 where the layout has none (SmallFloat in 32 bits, Ephemeron in V3 …). */
IMAGO_API imago_oop imago_builder_class(const imago_builder *builder, imago_kernel_class which);
IMAGO_API imago_oop imago_builder_nil(const imago_builder *builder);

/* A new class below superclass: named slots of its own instances added to the superclass's,
 * instance format (IMAGO_FORMAT_…, Spur numbering in both models). It has a metaclass, a name and
 * an empty method dictionary. */
IMAGO_API imago_oop imago_builder_new_class(imago_builder *builder, imago_oop superclass,
                                            const char *name, uint32_t num_named, uint8_t format);

/* A new pointer object of a class with num_slots slots (for a fixed class: its named slots), all
 * nil. Overflow headers and V3 header types come by themselves. */
IMAGO_API imago_oop imago_builder_new_pointers(imago_builder *builder, imago_oop cls,
                                               uint64_t num_slots);

/* A new bits object with num_elements elements of the class's format, all zero. */
IMAGO_API imago_oop imago_builder_new_bits(imago_builder *builder, imago_oop cls,
                                           uint64_t num_elements);
IMAGO_API imago_oop imago_builder_new_string(imago_builder *builder, imago_oop cls,
                                             const char *text);

/* Numbers: an immediate where the layout has one that fits, else an object. */
IMAGO_API imago_oop imago_builder_integer(imago_builder *builder, int64_t value);
IMAGO_API imago_oop imago_builder_float(imago_builder *builder, double value);
IMAGO_API imago_oop imago_builder_character(imago_builder *builder, uint32_t code);

/* A method: header made from the numbers, literals all nil, then the bytecodes. sista chooses the
 * bytecode set (Spur). A primitive gets its callPrimitive bytecode in front (Spur) or its header
 * bits (V3). */
typedef struct imago_builder_method {
	uint16_t num_literals;
	uint8_t num_args, num_temps;
	uint16_t primitive;
	bool large_frame, sista;
	const uint8_t *bytecodes;
	uint64_t num_bytecodes;
} imago_builder_method;
IMAGO_API imago_oop imago_builder_new_method(imago_builder *builder, imago_oop cls,
                                             const imago_builder_method *method);

/* A forwarder to target (Spur), and a free chunk of total bytes (Spur; a multiple of 8, at least
 * 16; linked into the free lists at finish). */
IMAGO_API imago_oop imago_builder_new_forwarder(imago_builder *builder, imago_oop target);
IMAGO_API void imago_builder_add_free_chunk(imago_builder *builder, uint64_t bytes);

/* Closes the current segment and starts one gap bytes further (Spur; a multiple of 8). */
IMAGO_API void imago_builder_next_segment(imago_builder *builder, uint64_t gap);

/* Starts permanent space: objects made from here on lie in it. Only once, Spur. */
IMAGO_API void imago_builder_begin_perm(imago_builder *builder);

/* Slots of objects made by this builder. Out-of-range indices are IMAGO_EUSAGE. */
IMAGO_API void imago_builder_store(imago_builder *builder, imago_oop object, uint64_t index,
                                   imago_oop value);
IMAGO_API imago_oop imago_builder_fetch(const imago_builder *builder, imago_oop object,
                                        uint64_t index);
IMAGO_API void imago_builder_store_element(imago_builder *builder, imago_oop object, uint64_t index,
                                           uint64_t value);
IMAGO_API void imago_builder_set_hash(imago_builder *builder, imago_oop object, uint32_t hash);
IMAGO_API void imago_builder_set_special(imago_builder *builder, imago_special index,
                                         imago_oop value);

/* Installs a method under a selector in a class's method dictionary, growing it as needed. */
IMAGO_API void imago_builder_install_method(imago_builder *builder, imago_oop cls,
                                            imago_oop selector, imago_oop method);

/* Bytes of objects made so far. */
IMAGO_API uint64_t imago_builder_size(const imago_builder *builder);

/* Links the free chunks, makes bridges and header, and hands the image out; the builder is then
 * empty and may only be destroyed. Bridges are in file style; with permanent space, in memory
 * style. */
IMAGO_API imago_status imago_builder_finish(imago_builder *builder, imago_heap **out,
                                            imago_error *error) IMAGO_NODISCARD;

#endif
