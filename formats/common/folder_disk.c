/* folder_disk.c: an image folder from the disk.
 *
 * A folder is as untrusted as a file: nothing is followed, nothing waited for, and what a name is
 * is asked of the descriptor that was opened, not of the name (composed.md §9).
 */
#include <errno.h>

#include "folder_names.h"
#include "imago/bitmap.h"
#include "imago/file.h"
#include "imago/folder.h"
#include "ston.h"

/* Names in one folder that are looked at, ours or not: far more than a real one has. */
enum { MAX_ENTRIES = 1 << 20 };

/* Marks the places of all names in the folder that are ours. */
static imago_status
list_names(const imago_file_system *files, void *listing, imago_bitmap *present, imago_error *error)
{
	for (uint64_t num_entries = 0;; num_entries++) {
		const char *name;
		int result = imago_files_next_name(files, listing, &name);
		if (result <= 0) {
			return result == 0 ? IMAGO_OK : imago_fail_os(error, "reading the folder", -result);
		}
		if (num_entries == MAX_ENTRIES) {
			return imago_fail(error, IMAGO_ELIMIT, "number of names in the folder", IMAGO_NO_OFFSET,
			                  num_entries + 1, MAX_ENTRIES);
		}
		uint32_t place;
		imago_name_kind kind = imago_folder_place(name, &place);
		if (kind == IMAGO_NAME_TOO_HIGH) {
			imago_error_set_part(error, name);
			return imago_fail(error, IMAGO_ELIMIT, "segment number", IMAGO_NO_OFFSET,
			                  IMAGO_MAX_SEGMENTS, IMAGO_MAX_SEGMENTS - 1);
		}
		if (kind == IMAGO_NAME_OWN) {
			imago_bitmap_set(present, place);
		}
	}
}

static imago_status
read_descriptor(imago_folder *folder, const imago_file_system *files, uint32_t place,
                int descriptor, imago_error *error)
{
	imago_file_facts facts;
	int result = imago_files_describe(files, descriptor, &facts);
	if (result < 0) {
		return imago_fail_os(error, "fstat", -result);
	}
	if (facts.kind != IMAGO_PATH_FILE) {
		return imago_fail(error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	if (imago_place_is_metadata(place) && facts.size > IMAGO_STON_MAX_TEXT) {
		return imago_fail(error, IMAGO_ELIMIT, "size of a metadata file", IMAGO_NO_OFFSET,
		                  facts.size, IMAGO_STON_MAX_TEXT);
	}
	uint8_t *bytes = imago_allocate(folder->allocator, facts.size, "file", error);
	if (bytes == NULL) {
		return IMAGO_ENOMEM;
	}
	imago_status status = imago_file_read_exactly(files, descriptor, bytes, facts.size, error);
	if (status == IMAGO_OK) {
		char name[IMAGO_PART_SIZE];
		imago_folder_name(place, name);
		status = imago_folder_add(folder, name, bytes, facts.size, bytes, error);
	}
	if (status != IMAGO_OK) {
		imago_release(folder->allocator, bytes, facts.size);
	}
	return status;
}

static imago_status
read_file(imago_folder *folder, const imago_file_system *files, int parent, uint32_t place,
          imago_error *error)
{
	char name[IMAGO_PART_SIZE];
	imago_folder_name(place, name);
	imago_error_set_part(error, name);
	int descriptor = imago_files_open(files, parent, name, IMAGO_OPEN_FILE_HERE);
	if (descriptor == -ELOOP || descriptor == -ENXIO) { /* a link, a socket */
		return imago_fail(error, IMAGO_EUSAGE, "not a regular file", IMAGO_NO_OFFSET, 0, 0);
	}
	if (descriptor < 0) {
		return imago_fail_os(error, "open", -descriptor);
	}
	imago_status status = read_descriptor(folder, files, place, descriptor, error);
	(void)imago_files_close(files, descriptor); /* nothing was written */
	return status;
}

/* Lists the names before a file is read, so that files come in the order of their places. */
static imago_status
read_listed(imago_folder *folder, const imago_file_system *files, int parent, void *listing,
            imago_error *error)
{
	imago_bitmap present;
	imago_status status = imago_bitmap_create(&present, IMAGO_NUM_PLACES, folder->allocator, error);
	if (status != IMAGO_OK) {
		return status;
	}
	status = list_names(files, listing, &present, error);
	uint64_t place = imago_bitmap_next(&present, 0);
	while (status == IMAGO_OK && place < present.num_bits) {
		status = read_file(folder, files, parent, (uint32_t)place, error);
		place = imago_bitmap_next(&present, place + 1);
	}
	imago_bitmap_release(&present, folder->allocator);
	if (status == IMAGO_OK) {
		imago_error_set_part(error, "");
	}
	return status;
}

imago_status
imago_folder_read_in(imago_folder *folder, const imago_file_system *files, const char *path,
                     imago_error *error)
{
	void *listing;
	int descriptor = imago_files_open(files, IMAGO_WORKING_FOLDER, path, IMAGO_OPEN_FOLDER);
	if (descriptor < 0) {
		return imago_fail_os(error, "open", -descriptor);
	}
	int result = imago_files_open_listing(files, descriptor, &listing);
	if (result < 0) {
		(void)imago_files_close(files, descriptor);
		return imago_fail_os(error, "opening the folder", -result);
	}
	imago_status status = read_listed(folder, files, descriptor, listing, error);
	files->close_listing(files->payload, listing);
	return status;
}

imago_status
imago_folder_read(imago_folder *folder, const char *path, imago_error *error)
{
	return imago_folder_read_in(folder, imago_os_files(), path, error);
}
