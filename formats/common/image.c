/* image.c: any image, whatever its format. Knows no format by name but for what a path is: a folder
 * is composed (composed.md §1). */
#include "imago/image.h"

#include "format.h"
#include "imago/composed_image.h"
#include "imago/file.h"
#include "imago/save.h"

static void
start(imago_image *image, imago_allocator *allocator, imago_error *error)
{
	*image = (imago_image){.allocator = allocator};
	imago_folder_init(&image->folder, allocator);
	imago_error_set_part(error, "");
}

static imago_status
read_bytes(imago_image *image, const uint8_t *bytes, uint64_t size, imago_error *error)
{
	imago_status status = imago_format_probe(&image->format, bytes, size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	image->data = bytes;
	image->size = size;
	return imago_format_at(image->format)->read(image, bytes, size, error);
}

imago_status
imago_image_read(imago_image *image, const uint8_t *bytes, uint64_t size,
                 imago_allocator *allocator, imago_error *error)
{
	start(image, allocator, error);
	return read_bytes(image, bytes, size, error);
}

static imago_status
open_folder(imago_image *image, const imago_file_system *files, const char *path,
            imago_error *error)
{
	image->format = IMAGO_FORMAT_COMPOSED;
	imago_status status = imago_folder_read_in(&image->folder, files, path, error);
	for (size_t i = 0; i < image->folder.num_files; i++) {
		image->size += image->folder.files[i].size; /* each fits memory, and so does their sum */
	}
	if (status == IMAGO_OK) {
		status = imago_composed_read(&image->heap, &image->folder, image->allocator, error);
	}
	return status;
}

/* What is no image is refused by its first bytes, however large it is. */
static imago_status
look_for_image(const uint8_t *bytes, uint64_t size, imago_error *error)
{
	imago_format_id format;
	return imago_format_probe(&format, bytes, size, error);
}

static imago_status
open_file(imago_image *image, const imago_file_system *files, const char *path, imago_error *error)
{
	uint64_t size;
	imago_status status = imago_file_read_if(files, path, image->allocator, look_for_image,
	                                         &image->bytes, &size, error);
	if (status != IMAGO_OK) {
		return status;
	}
	image->size = size; /* close releases that many */
	return read_bytes(image, image->bytes, size, error);
}

imago_status
imago_image_open_in(imago_image *image, const imago_file_system *files, const char *path,
                    imago_allocator *allocator, imago_error *error)
{
	imago_file_facts facts;
	start(image, allocator, error);
	int result = imago_files_describe_name(files, IMAGO_WORKING_FOLDER, path, true, &facts);
	if (result < 0) {
		return imago_fail_os(error, "open", -result);
	}
	return facts.kind == IMAGO_PATH_FOLDER ? open_folder(image, files, path, error)
	                                       : open_file(image, files, path, error);
}

imago_status
imago_image_open(imago_image *image, const char *path, imago_allocator *allocator,
                 imago_error *error)
{
	return imago_image_open_in(image, imago_os_files(), path, allocator, error);
}

void
imago_image_close(imago_image *image)
{
	imago_heap_destroy(image->heap);
	imago_folder_release(&image->folder);
	imago_release(image->allocator, image->bytes, image->size);
	*image = (imago_image){.allocator = image->allocator};
	imago_folder_init(&image->folder, image->allocator);
}

imago_status
imago_image_check(const imago_image *image, imago_check_sink *sink, imago_allocator *allocator,
                  imago_error *error)
{
	const imago_format *format = imago_format_at(image->format);
	if (image->heap == NULL || format == NULL) {
		return imago_fail(error, IMAGO_EUSAGE, "an image that was not read", IMAGO_NO_OFFSET, 0, 0);
	}
	imago_error_set_part(error, "");
	/* Names of a format's rules may be given for an image of any format. */
	sink->rule_at = imago_rule_at;
	imago_status status = imago_check(image->heap, sink, allocator, error);
	if (status == IMAGO_OK && format->check != NULL && !sink->stopped) {
		status = format->check(image, sink, allocator, error);
	}
	return status;
}

imago_status
imago_image_restore(imago_heap **out, const imago_image *image, imago_allocator *allocator,
                    imago_error *error)
{
	const imago_format *format = imago_format_at(image->format);
	if (image->heap == NULL || format == NULL) {
		return imago_fail(error, IMAGO_EUSAGE, "an image that was not read", IMAGO_NO_OFFSET, 0, 0);
	}
	imago_error_set_part(error, "");
	return format->restore != NULL ? format->restore(out, image, allocator, error)
	                               : imago_heap_copy(out, image->heap, allocator, error);
}

imago_status
imago_image_write(const imago_heap *heap, imago_format_id format, imago_writer *writer,
                  imago_error *error)
{
	const imago_format *row = imago_format_at(format);
	if (row == NULL) {
		return imago_fail(error, IMAGO_EUSAGE, "format", IMAGO_NO_OFFSET, (uint64_t)format, 0);
	}
	if (writer->status != IMAGO_OK) {
		return writer->status;
	}
	imago_error *writers_own = writer->error;
	if (error != NULL) { /* one error tells of both */
		writer->error = error;
		imago_error_set_part(error, "");
	}
	writer->status = row->write(heap, writer, writer->error);
	writer->error = writers_own;
	return writer->status;
}

static imago_status
save_as_folder(const imago_heap *heap, const imago_file_system *files, const char *path,
               imago_allocator *allocator, imago_error *error)
{
	imago_folder folder;
	imago_folder_init(&folder, allocator);
	imago_status status = imago_composed_write(heap, &folder, error);
	if (status == IMAGO_OK) {
		status = imago_save_folder_in(files, path, &folder, error);
	}
	imago_folder_release(&folder);
	return status;
}

static imago_status
save_as_file(const imago_heap *heap, imago_format_id format, const imago_file_system *files,
             const char *path, imago_allocator *allocator, imago_error *error)
{
	imago_writer writer;
	imago_writer_init(&writer, allocator, heap->layout, error);
	imago_writer_reserve(&writer, imago_heap_data_size(heap));
	imago_status status = writer.status;
	if (status == IMAGO_OK) {
		status = imago_image_write(heap, format, &writer, error);
	}
	if (status == IMAGO_OK) {
		status = imago_save_file_in(files, path, writer.bytes, writer.size, error);
	}
	imago_writer_release(&writer);
	return status;
}

imago_status
imago_image_save_in(const imago_heap *heap, imago_format_id format, const imago_file_system *files,
                    const char *path, imago_allocator *allocator, imago_error *error)
{
	imago_error_set_part(error, "");
	return format == IMAGO_FORMAT_COMPOSED
	           ? save_as_folder(heap, files, path, allocator, error)
	           : save_as_file(heap, format, files, path, allocator, error);
}

imago_status
imago_image_save(const imago_heap *heap, imago_format_id format, const char *path,
                 imago_allocator *allocator, imago_error *error)
{
	return imago_image_save_in(heap, format, imago_os_files(), path, allocator, error);
}
