/* folder.c: an image folder in memory, and its bundle. */
#include "imago/folder.h"

#include <inttypes.h>
#include <string.h>

#include "../../core/base/planted.h"
#include "folder_names.h"

static const char bundle_magic[] = "imago folder 1\n";
enum { MAGIC_SIZE = sizeof bundle_magic - 1, LONGEST_SIZE = 20 };

void
imago_folder_init(imago_folder *folder, imago_allocator *allocator)
{
	*folder = (imago_folder){.allocator = allocator};
}

void
imago_folder_release(imago_folder *folder)
{
	for (size_t i = 0; i < folder->num_files; i++) {
		imago_release(folder->allocator, folder->files[i].owned, folder->files[i].size);
	}
	imago_release(folder->allocator, folder->files, folder->capacity * sizeof *folder->files);
	imago_release(folder->allocator, folder->places, folder->num_places * sizeof *folder->places);
	imago_folder_init(folder, folder->allocator);
}

const imago_folder_file *
imago_folder_find(const imago_folder *folder, const char *name)
{
	uint32_t place;
	if (imago_folder_place(name, &place) != IMAGO_NAME_OWN || place >= folder->num_places ||
	    folder->places[place] == 0) {
		return NULL;
	}
	return &folder->files[folder->places[place] - 1];
}

/* Makes room for one more file, and for its place. */
static imago_status
make_room(imago_folder *folder, uint32_t place, imago_error *error)
{
	if (folder->num_files == folder->capacity) {
		size_t capacity = folder->capacity < 8 ? 8 : folder->capacity * 2;
		imago_folder_file *files =
		    imago_resize(folder->allocator, folder->files, folder->capacity * sizeof *files,
		                 capacity * sizeof *files, "file list", error);
		if (files == NULL) {
			return IMAGO_ENOMEM;
		}
		folder->files = files;
		folder->capacity = capacity;
	}
	if (place >= folder->num_places) {
		size_t num_places = folder->num_places * 2 > place ? folder->num_places * 2 : place + 1;
		uint32_t *places =
		    imago_resize(folder->allocator, folder->places, folder->num_places * sizeof *places,
		                 num_places * sizeof *places, "file list", error);
		if (places == NULL) {
			return IMAGO_ENOMEM;
		}
		folder->places = places;
		folder->num_places = num_places;
	}
	return IMAGO_OK;
}

imago_status
imago_folder_add(imago_folder *folder, const char *name, const uint8_t *bytes, uint64_t size,
                 uint8_t *take_ownership, imago_error *error)
{
	uint32_t place;
	imago_name_kind kind = imago_folder_place(name, &place);
	imago_status status = IMAGO_OK;
	if (kind == IMAGO_NAME_FOREIGN) { /* any bytes: not to be repeated in a message */
		return imago_fail(error, IMAGO_ERANGE, "file name", IMAGO_NO_OFFSET, 0, 0);
	}
	if (kind == IMAGO_NAME_TOO_HIGH) {
		status = imago_fail(error, IMAGO_ELIMIT, "segment number", IMAGO_NO_OFFSET,
		                    IMAGO_MAX_SEGMENTS, IMAGO_MAX_SEGMENTS - 1);
	} else if (imago_folder_find(folder, name) != NULL) {
		status = imago_fail(error, IMAGO_ESTRUCTURE, "file name that is there twice",
		                    IMAGO_NO_OFFSET, 0, 0);
	} else {
		status = make_room(folder, place, error);
	}
	if (status != IMAGO_OK) {
		imago_error_set_part(error, name);
		return status;
	}
	imago_folder_file *file = &folder->files[folder->num_files++];
	imago_folder_name(place, file->name);
	file->bytes = bytes;
	file->size = size;
	file->owned = take_ownership;
	folder->places[place] = (uint32_t)folder->num_files;
	return IMAGO_OK;
}

void
imago_folder_pack(const imago_folder *folder, imago_writer *writer)
{
	imago_write_bytes(writer, bundle_magic, MAGIC_SIZE);
	for (size_t i = 0; i < folder->num_files; i++) {
		const imago_folder_file *file = &folder->files[i];
		imago_write_format(writer, "%s %" PRIu64 "\n", file->name, file->size);
		imago_write_bytes(writer, file->bytes, file->size);
	}
}

/* The mirror of pack: a cursor over the bundle that stops at the first thing pack cannot have
 * written. */
typedef struct cursor {
	const uint8_t *bytes;
	uint64_t size;
	uint64_t position;
	imago_error *error;
} cursor;

static imago_status
take_name(cursor *at, char name[IMAGO_PART_SIZE])
{
	uint64_t start = at->position;
	size_t length = 0;
	while (at->position < at->size && at->bytes[at->position] != ' ') {
		bool full = length == IMAGO_PART_SIZE - 1;
		if (!IMAGO_BUG(bundle_name_long, full) && full) {
			return imago_fail(at->error, IMAGO_ERANGE, "file name", start, length + 1, length);
		}
		name[length++] = (char)at->bytes[at->position++];
	}
	name[length] = '\0';
	if (at->position == at->size) {
		return imago_fail(at->error, IMAGO_ETRUNCATED, "file name", start, length + 1, length);
	}
	if (strlen(name) != length) {
		return imago_fail(at->error, IMAGO_ERANGE, "file name", start, 0, 0);
	}
	at->position++;
	return IMAGO_OK;
}

static imago_status
take_size(cursor *at, uint64_t *size)
{
	uint64_t start = at->position;
	uint64_t length = 0;
	*size = 0;
	while (at->position < at->size && at->bytes[at->position] != '\n') {
		uint8_t byte = at->bytes[at->position];
		bool leads = length > 0 && *size == 0; /* a zero in front of it */
		if (byte < '0' || byte > '9' || leads || length == LONGEST_SIZE ||
		    *size > (UINT64_MAX - (byte - '0')) / 10) {
			return imago_fail(at->error, IMAGO_ERANGE, "file size", at->position, byte, 0);
		}
		*size = *size * 10 + (byte - '0');
		length++;
		at->position++;
	}
	if (at->position == at->size) {
		return imago_fail(at->error, IMAGO_ETRUNCATED, "file size", start, length + 1, length);
	}
	if (length == 0) {
		return imago_fail(at->error, IMAGO_ERANGE, "file size", start, '\n', 0);
	}
	at->position++;
	uint64_t left = at->size - at->position;
	if (*size > left) {
		return imago_fail(at->error, IMAGO_ETRUNCATED, "file size", start, *size, left);
	}
	return IMAGO_OK;
}

bool
imago_folder_is_bundle(const uint8_t *bytes, uint64_t size)
{
	return size >= MAGIC_SIZE && memcmp(bytes, bundle_magic, MAGIC_SIZE) == 0;
}

imago_status
imago_folder_unpack(imago_folder *folder, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	if (!imago_folder_is_bundle(bytes, size)) {
		return imago_fail(error, IMAGO_EMAGIC, "bundle", 0, 0, 0);
	}
	cursor at = {.bytes = bytes, .size = size, .position = MAGIC_SIZE, .error = error};
	while (at.position < size) {
		char name[IMAGO_PART_SIZE];
		uint64_t file_size = 0;
		uint64_t start = at.position;
		imago_status status = take_name(&at, name);
		if (status == IMAGO_OK) {
			status = take_size(&at, &file_size);
		}
		if (status != IMAGO_OK) {
			return status;
		}
		status = imago_folder_add(folder, name, bytes + at.position, file_size, NULL, error);
		if (status != IMAGO_OK) {
			if (error != NULL) {
				error->offset = start;
			}
			return status;
		}
		at.position += file_size;
	}
	return IMAGO_OK;
}
