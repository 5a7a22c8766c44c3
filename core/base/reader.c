/* reader.c: the bounded cursor. claim() is the one bounds check. */
#include "imago/reader.h"

#include "imago/byte_order.h"
#include "imago/checked.h"

void
imago_reader_init(imago_reader *reader, const void *data, uint64_t size, imago_layout layout,
                  imago_error *error)
{
	*reader = (imago_reader){.base = data, .size = size, .layout = layout, .error = error};
}

imago_status
imago_reader_fail(imago_reader *reader, imago_status status, const char *what, uint64_t position,
                  uint64_t found, uint64_t limit)
{
	if (reader->status == IMAGO_OK) {
		reader->status =
		    imago_fail(reader->error, status, what, reader->origin + position, found, limit);
	}
	return reader->status;
}

/* The next length bytes, or NULL. */
static const uint8_t *
claim(imago_reader *reader, uint64_t length, const char *what)
{
	if (reader->status != IMAGO_OK) {
		return NULL;
	}
	if (length > imago_reader_remaining(reader)) {
		imago_reader_fail(reader, IMAGO_ETRUNCATED, what, reader->position, length,
		                  imago_reader_remaining(reader));
		return NULL;
	}
	const uint8_t *bytes = reader->base + reader->position;
	reader->position += length;
	return bytes;
}

uint16_t
imago_read_u16(imago_reader *reader, const char *what)
{
	const uint8_t *bytes = claim(reader, 2, what);
	return bytes != NULL ? imago_load_u16(bytes, reader->layout.byte_order) : 0;
}

uint32_t
imago_read_u32(imago_reader *reader, const char *what)
{
	const uint8_t *bytes = claim(reader, 4, what);
	return bytes != NULL ? imago_load_u32(bytes, reader->layout.byte_order) : 0;
}

uint64_t
imago_read_u64(imago_reader *reader, const char *what)
{
	const uint8_t *bytes = claim(reader, 8, what);
	return bytes != NULL ? imago_load_u64(bytes, reader->layout.byte_order) : 0;
}

uint64_t
imago_read_word(imago_reader *reader, const char *what)
{
	return reader->layout.word_bytes == 8 ? imago_read_u64(reader, what)
	                                      : imago_read_u32(reader, what);
}

uint32_t
imago_read_u32_in(imago_reader *reader, uint32_t min, uint32_t max, const char *what)
{
	uint64_t position = reader->position;
	uint32_t value = imago_read_u32(reader, what);
	if (reader->status != IMAGO_OK) {
		return 0;
	}
	if (value < min || value > max) {
		imago_reader_fail(reader, IMAGO_ERANGE, what, position, value, value < min ? min : max);
		return 0;
	}
	return value;
}

const uint8_t *
imago_read_bytes(imago_reader *reader, uint64_t length, const char *what)
{
	return claim(reader, length, what);
}

void
imago_reader_seek(imago_reader *reader, uint64_t position, const char *what)
{
	if (reader->status != IMAGO_OK) {
		return;
	}
	if (position > reader->size) {
		imago_reader_fail(reader, IMAGO_ETRUNCATED, what, reader->position, position, reader->size);
		return;
	}
	reader->position = position;
}

imago_reader
imago_reader_sub(imago_reader *reader, uint64_t length, const char *what)
{
	imago_reader sub = *reader;
	const uint8_t *bytes = claim(reader, length, what);
	sub.status = reader->status;
	sub.base = bytes;
	sub.size = bytes != NULL ? length : 0;
	sub.origin = reader->origin + sub.position;
	sub.position = 0;
	return sub;
}
