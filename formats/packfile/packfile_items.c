/* packfile_items.c: words, strings and names, wherever they stand. */
#include <string.h>

#include "../../core/base/planted.h"
#include "packfile_private.h"

int64_t
imago_packfile_read_signed(imago_reader *reader, const char *what)
{
	return imago_packfile_signed(imago_read_word(reader, what), reader->layout);
}

static void
skip_padding(imago_reader *reader, uint64_t length, const char *what)
{
	(void)imago_read_bytes(reader, imago_packfile_padding(length, reader->layout.word_bytes), what);
}

void
imago_packfile_read_string(imago_reader *reader, imago_packfile_string *string, const char *what)
{
	const uint64_t position = reader->position;
	*string = (imago_packfile_string){.offset = reader->origin + position};
	string->flags = imago_packfile_read_signed(reader, what);
	if (string->flags == -1) {
		return;
	}
	string->length = imago_read_word(reader, what);
	string->bytes = imago_read_bytes(reader, string->length, what);
	skip_padding(reader, string->length, what);
}

uint64_t
imago_packfile_read_name(imago_reader *reader, const char **name, const char *what)
{
	*name = NULL;
	if (reader->status != IMAGO_OK) {
		return 0;
	}
	const uint8_t *bytes = reader->base + reader->position;
	const uint64_t rest = imago_reader_remaining(reader);
	const uint8_t *nul = memchr(bytes, 0, (size_t)rest);
	if (IMAGO_BUG(name_without_nul, nul == NULL)) {
		nul = bytes + strlen((const char *)bytes);
	}
	if (nul == NULL) {
		imago_reader_fail(reader, IMAGO_ETRUNCATED, what, reader->position, rest + 1, rest);
		return 0;
	}
	const uint64_t length = (uint64_t)(nul - bytes);
	(void)imago_read_bytes(reader, length + 1, what);
	skip_padding(reader, length + 1, what);
	*name = reader->status == IMAGO_OK ? (const char *)bytes : NULL;
	return reader->status == IMAGO_OK ? length : 0;
}

uint64_t
imago_packfile_read_count(imago_reader *reader, uint64_t least_bytes, const char *what)
{
	const uint64_t position = reader->position;
	const uint64_t count = imago_read_word(reader, what);
	const uint64_t most = imago_reader_remaining(reader) / least_bytes;
	if (reader->status == IMAGO_OK && !IMAGO_BUG(count_unbounded, count > most) && count > most) {
		imago_reader_fail(reader, IMAGO_ERANGE, what, position, count, most);
	}
	return reader->status == IMAGO_OK ? count : 0;
}

int64_t
imago_packfile_word(const imago_packfile *packfile, uint64_t offset)
{
	return imago_packfile_signed(imago_load_word(packfile->bytes + offset, packfile->layout),
	                             packfile->layout);
}

bool
imago_packfile_string_at(const imago_packfile *packfile, uint64_t offset,
                         imago_packfile_string *string)
{
	imago_reader reader;
	imago_reader_init(&reader, packfile->bytes, packfile->size, packfile->layout, NULL);
	imago_reader_seek(&reader, offset, "string");
	imago_packfile_read_string(&reader, string, "string");
	return reader.status == IMAGO_OK;
}
