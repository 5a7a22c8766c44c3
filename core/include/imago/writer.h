/* writer.h: a growing output buffer with a sticky error; the mirror of reader.h. */
#ifndef IMAGO_WRITER_H
#define IMAGO_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "imago/allocator.h"
#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/layout.h"

typedef struct imago_writer {
	uint8_t *bytes; /* owned until taken */
	uint64_t size;
	uint64_t capacity;
	imago_layout layout;
	imago_allocator *allocator;
	imago_status status; /* the first failure, or IMAGO_OK */
	imago_error *error;  /* may be NULL */
} imago_writer;

/* Starts empty. Release with imago_writer_release, also after a failure. */
IMAGO_API void imago_writer_init(imago_writer *writer, imago_allocator *allocator,
                                 imago_layout layout, imago_error *error);
IMAGO_API void imago_writer_release(imago_writer *writer);

/* Makes room for additional bytes at once, so that a large image is not copied while it grows. */
IMAGO_API void imago_writer_reserve(imago_writer *writer, uint64_t additional);

/* Appends, in the writer's layout. Nothing is written after a failure (IMAGO_ENOMEM). */
IMAGO_API void imago_write_u16(imago_writer *writer, uint16_t value);
IMAGO_API void imago_write_u32(imago_writer *writer, uint32_t value);
IMAGO_API void imago_write_u64(imago_writer *writer, uint64_t value);
IMAGO_API void imago_write_word(imago_writer *writer, uint64_t value);
IMAGO_API void imago_write_bytes(imago_writer *writer, const void *bytes, uint64_t length);
IMAGO_API void imago_write_zeros(imago_writer *writer, uint64_t length);

/* Appends length bytes that the caller fills, and returns where they are until anything else is
 * appended; NULL after a failure. */
IMAGO_API uint8_t *imago_write_room(imago_writer *writer, uint64_t length);

/* Appends printf-formatted ASCII without its terminator; a line over 255 bytes is a bug
 * (IMAGO_EINTERNAL). */
IMAGO_API void imago_write_format(imago_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
