/* file_system.c: calls that a signal interrupts are made again. */
#include "imago/file_system.h"

#include <errno.h>

int
imago_files_open(const imago_file_system *files, int folder, const char *name, imago_open_mode mode)
{
	int result;
	do {
		result = files->open(files->payload, folder, name, mode);
	} while (result == -EINTR);
	return result;
}

int
imago_files_close(const imago_file_system *files, int descriptor)
{
	int result = files->close(files->payload, descriptor);
	return result == -EINTR || result == -EINPROGRESS ? 0 : result;
}

int64_t
imago_files_read(const imago_file_system *files, int descriptor, uint8_t *bytes, uint64_t size)
{
	int64_t result;
	do {
		result = files->read(files->payload, descriptor, bytes,
		                     size > INT32_MAX ? INT32_MAX : (size_t)size);
	} while (result == -EINTR);
	return result;
}

int64_t
imago_files_write(const imago_file_system *files, int descriptor, const uint8_t *bytes,
                  uint64_t size)
{
	int64_t result;
	do {
		result = files->write(files->payload, descriptor, bytes,
		                      size > INT32_MAX ? INT32_MAX : (size_t)size);
	} while (result == -EINTR);
	return result;
}

int
imago_files_sync(const imago_file_system *files, int descriptor)
{
	int result;
	do {
		result = files->sync(files->payload, descriptor);
	} while (result == -EINTR);
	return result;
}

int
imago_files_describe(const imago_file_system *files, int descriptor, imago_file_facts *facts)
{
	int result;
	do {
		result = files->describe(files->payload, descriptor, facts);
	} while (result == -EINTR);
	return result;
}

int
imago_files_describe_name(const imago_file_system *files, int folder, const char *name,
                          bool follow_links, imago_file_facts *facts)
{
	int result;
	do {
		result = files->describe_name(files->payload, folder, name, follow_links, facts);
	} while (result == -EINTR);
	return result;
}

int
imago_files_set_permissions(const imago_file_system *files, int descriptor, uint32_t permissions)
{
	int result;
	do {
		result = files->set_permissions(files->payload, descriptor, permissions);
	} while (result == -EINTR);
	return result;
}

int
imago_files_make_folder(const imago_file_system *files, int folder, const char *name)
{
	int result;
	do {
		result = files->make_folder(files->payload, folder, name);
	} while (result == -EINTR);
	return result;
}

int
imago_files_remove(const imago_file_system *files, int folder, const char *name)
{
	int result;
	do {
		result = files->remove(files->payload, folder, name);
	} while (result == -EINTR);
	return result;
}

int
imago_files_remove_folder(const imago_file_system *files, int folder, const char *name)
{
	int result;
	do {
		result = files->remove_folder(files->payload, folder, name);
	} while (result == -EINTR);
	return result;
}

int
imago_files_open_listing(const imago_file_system *files, int descriptor, void **listing)
{
	int result;
	do {
		result = files->open_listing(files->payload, descriptor, listing);
	} while (result == -EINTR);
	return result;
}

int
imago_files_next_name(const imago_file_system *files, void *listing, const char **name)
{
	int result;
	do {
		result = files->next_name(files->payload, listing, name);
	} while (result == -EINTR);
	return result;
}
