/* raw_file.c: files as bytes. */
#include "raw_file.h"

#include "imago/file.h"
#include "imago/save.h"
#include "output.h"

exit_status
raw_file_read(raw_file *file, const char *path, size_t room, imago_allocator *allocator)
{
	imago_error error = {0};
	uint8_t *bytes;
	uint64_t size;
	*file = (raw_file){.allocator = allocator};
	if (imago_path_kind_of(path) == IMAGO_PATH_FOLDER) {
		complain("%s: a folder; a bundle of it is one file (imago convert --to composed)", path);
		return EXIT_TROUBLE;
	}
	if (imago_file_read(path, allocator, &bytes, &size, &error) != IMAGO_OK) {
		return complain_of_error(path, &error);
	}
	uint8_t *grown = imago_resize(allocator, bytes, size, size + room, "file", &error);
	file->bytes = grown != NULL ? grown : bytes;
	file->size = (size_t)size;
	file->capacity = (size_t)size + (grown != NULL ? room : 0);
	return grown != NULL ? EXIT_DONE : complain_of_error(path, &error);
}

void
raw_file_release(raw_file *file)
{
	imago_release(file->allocator, file->bytes, file->capacity);
	file->bytes = NULL;
}

exit_status
raw_file_save(const char *path, const uint8_t *bytes, size_t size)
{
	imago_error error = {0};
	return imago_save_file(path, bytes, size, &error) == IMAGO_OK ? EXIT_DONE
	                                                              : complain_of_error(path, &error);
}
