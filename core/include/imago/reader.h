/* reader.h: a bounded cursor over bytes, with a sticky error.
 *
 * After the first failure every read returns 0 and does not move, so a record is read line by line
 * and tested once. Law: no loop bound, allocation size or offset from the input is used before that
 * test. Every read states its noun.
 */
#ifndef IMAGO_READER_H
#define IMAGO_READER_H

#include <stddef.h>
#include <stdint.h>

#include "imago/compiler.h"
#include "imago/error.h"
#include "imago/layout.h"

typedef struct imago_reader {
	const uint8_t *base;
	uint64_t size;
	uint64_t position;
	uint64_t origin; /* file offset of base[0] */
	imago_layout layout;
	imago_status status; /* the first failure, or IMAGO_OK */
	imago_error *error;  /* may be NULL */
} imago_reader;

/* Starts at data[0] of size bytes, which stay the caller's and must outlive the reader. error may
 * be NULL. */
IMAGO_API void imago_reader_init(imago_reader *reader, const void *data, uint64_t size,
                                 imago_layout layout, imago_error *error);

/* Integers in the reader's byte order; a word has the layout's size. 0 after a failure
 * (IMAGO_ETRUNCATED: found is what was needed, limit what was left). */
IMAGO_API uint16_t imago_read_u16(imago_reader *reader, const char *what);
IMAGO_API uint32_t imago_read_u32(imago_reader *reader, const char *what);
IMAGO_API uint64_t imago_read_u64(imago_reader *reader, const char *what);
IMAGO_API uint64_t imago_read_word(imago_reader *reader, const char *what);

/* A u32 that must lie in min … max (IMAGO_ERANGE otherwise). */
IMAGO_API uint32_t imago_read_u32_in(imago_reader *reader, uint32_t min, uint32_t max,
                                     const char *what);

/* Borrows the next length bytes, or returns NULL after a failure. */
IMAGO_API const uint8_t *imago_read_bytes(imago_reader *reader, uint64_t length, const char *what);

/* Moves to a position of 0 … size (IMAGO_ETRUNCATED beyond). */
IMAGO_API void imago_reader_seek(imago_reader *reader, uint64_t position, const char *what);

/* A reader over the next length bytes that still reports offsets of the file; moves past them. */
IMAGO_API imago_reader imago_reader_sub(imago_reader *reader, uint64_t length, const char *what);

/* Makes the reader fail at the given position (relative to base), unless it failed before. Returns
 * the reader's status. */
IMAGO_API imago_status imago_reader_fail(imago_reader *reader, imago_status status,
                                         const char *what, uint64_t position, uint64_t found,
                                         uint64_t limit);

/* Bytes from the position to the end. */
static inline uint64_t
imago_reader_remaining(const imago_reader *reader)
{
	return reader->size - reader->position;
}

#endif
