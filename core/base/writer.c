/* writer.c: the growing output buffer. imago_write_room() is the one place that grows it. */
#include "imago/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "imago/byte_order.h"
#include "imago/checked.h"

enum { FIRST_CAPACITY = 256, LONGEST_FORMATTED = 256 };

void
imago_writer_init(imago_writer *writer, imago_allocator *allocator, imago_layout layout,
                  imago_error *error)
{
	*writer = (imago_writer){.allocator = allocator, .layout = layout, .error = error};
}

void
imago_writer_release(imago_writer *writer)
{
	imago_release(writer->allocator, writer->bytes, writer->capacity);
	writer->bytes = NULL;
	writer->size = 0;
	writer->capacity = 0;
}

static void
grow_to(imago_writer *writer, uint64_t capacity)
{
	uint8_t *bytes = imago_resize(writer->allocator, writer->bytes, writer->capacity, capacity,
	                              "output", writer->error);
	if (bytes == NULL) {
		writer->status = IMAGO_ENOMEM;
		return;
	}
	writer->bytes = bytes;
	writer->capacity = capacity;
}

void
imago_writer_reserve(imago_writer *writer, uint64_t additional)
{
	uint64_t needed;
	if (writer->status != IMAGO_OK) {
		return;
	}
	if (!imago_checked_add(writer->size, additional, &needed)) {
		writer->status = imago_fail(writer->error, IMAGO_ENOMEM, "output", IMAGO_NO_OFFSET,
		                            additional, UINT64_MAX - writer->size);
		return;
	}
	if (needed > writer->capacity) {
		grow_to(writer, needed);
	}
}

uint8_t *
imago_write_room(imago_writer *writer, uint64_t length)
{
	if (writer->status == IMAGO_OK && length > writer->capacity - writer->size) {
		/* Doubling keeps appending linear; reserve() refuses what overflows. */
		uint64_t growth = writer->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : writer->capacity;
		imago_writer_reserve(writer, length > growth ? length : growth);
	}
	if (writer->status != IMAGO_OK) {
		return NULL;
	}
	uint8_t *place = writer->bytes + writer->size;
	writer->size += length;
	return place;
}

void
imago_write_u16(imago_writer *writer, uint16_t value)
{
	uint8_t *place = imago_write_room(writer, 2);
	if (place != NULL) {
		imago_store_u16(place, value, writer->layout.byte_order);
	}
}

void
imago_write_u32(imago_writer *writer, uint32_t value)
{
	uint8_t *place = imago_write_room(writer, 4);
	if (place != NULL) {
		imago_store_u32(place, value, writer->layout.byte_order);
	}
}

void
imago_write_u64(imago_writer *writer, uint64_t value)
{
	uint8_t *place = imago_write_room(writer, 8);
	if (place != NULL) {
		imago_store_u64(place, value, writer->layout.byte_order);
	}
}

void
imago_write_word(imago_writer *writer, uint64_t value)
{
	uint8_t *place = imago_write_room(writer, writer->layout.word_bytes);
	if (place != NULL) {
		imago_store_word(place, value, writer->layout);
	}
}

void
imago_write_bytes(imago_writer *writer, const void *bytes, uint64_t length)
{
	uint8_t *place = length > 0 ? imago_write_room(writer, length) : NULL;
	if (place != NULL) {
		memcpy(place, bytes, (size_t)length);
	}
}

void
imago_write_zeros(imago_writer *writer, uint64_t length)
{
	uint8_t *place = length > 0 ? imago_write_room(writer, length) : NULL;
	if (place != NULL) {
		memset(place, 0, (size_t)length);
	}
}

void
imago_write_format(imago_writer *writer, const char *format, ...)
{
	char line[LONGEST_FORMATTED];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof line) {
		if (writer->status == IMAGO_OK) {
			writer->status = imago_fail(writer->error, IMAGO_EINTERNAL, "formatted output",
			                            IMAGO_NO_OFFSET, (uint64_t)length, sizeof line - 1);
		}
		return;
	}
	imago_write_bytes(writer, line, (uint64_t)length);
}
