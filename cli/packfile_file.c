/* packfile_file.c: opening packfiles, and converting them. */
#include "packfile_file.h"

#include <stdio.h>
#include <string.h>

#include "files.h"
#include "imago/file.h"
#include "imago/packfile_convert.h"
#include "imago/save.h"
#include "output.h"

imago_number_form
long_double_of(const option_value *value)
{
	static const imago_number_form forms[] = {IMAGO_NUMBER_X87, IMAGO_NUMBER_QUAD,
	                                          IMAGO_NUMBER_DOUBLE_DOUBLE};
	return value->given ? forms[value->number] : IMAGO_NUMBER_AUTO;
}

bool
is_packfile(const char *path)
{
	return file_begins_as(path, imago_packfile_probe);
}

exit_status
open_packfile(packfile_file *file, const char *path, imago_number_form long_double,
              imago_allocator *allocator, imago_error *error)
{
	const imago_packfile_options options = {.long_double = long_double};
	*file = (packfile_file){.path = path, .allocator = allocator};
	file->packfile.allocator = allocator;
	memset(error, 0, sizeof *error);
	imago_status status = imago_file_read(path, allocator, &file->bytes, &file->size, error);
	if (status == IMAGO_OK) {
		status = imago_packfile_read(&file->packfile, file->bytes, file->size, &options, allocator,
		                             error);
	}
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(path, error);
}

void
close_packfile(packfile_file *file)
{
	imago_packfile_close(&file->packfile);
	imago_release(file->allocator, file->bytes, file->size);
	file->bytes = NULL;
	file->size = 0;
}

const char *
segment_type_name(uint64_t type)
{
	static const char *const names[IMAGO_PACKFILE_NUM_TYPES] = {
	    [IMAGO_PACKFILE_DIRECTORY] = "directory", [IMAGO_PACKFILE_DEFAULT] = "default",
	    [IMAGO_PACKFILE_CONSTANTS] = "constants", [IMAGO_PACKFILE_CODE] = "code",
	    [IMAGO_PACKFILE_DEBUG] = "debug",         [IMAGO_PACKFILE_ANNOTATIONS] = "annotations",
	};
	return type < IMAGO_PACKFILE_NUM_TYPES ? names[type] : "unknown";
}

void
quote_string(const imago_packfile_string *string, char *text, size_t size)
{
	if (string->bytes == NULL) {
		snprintf(text, size, "null");
		return;
	}
	text[0] = '"';
	escape_text(string->bytes, (size_t)string->length, text + 1, size - 2);
	const size_t length = strlen(text);
	text[length] = '"';
	text[length + 1] = '\0';
}

/* Forms by the words of --float. */
static void
set_float(imago_packfile_target *target, const option_value *value)
{
	static const struct {
		imago_number_form form;
		uint8_t size;
	} choices[] = {{IMAGO_NUMBER_DOUBLE, 8},
	               {IMAGO_NUMBER_X87, 12},
	               {IMAGO_NUMBER_X87, 16},
	               {IMAGO_NUMBER_QUAD, 16},
	               {IMAGO_NUMBER_DOUBLE_DOUBLE, 16}};
	if (value->given) {
		target->number_form = choices[value->number].form;
		target->number_size = choices[value->number].size;
	}
}

exit_status
packfile_convert(const command_line *line, const packfile_file *file, uint8_t word_bytes,
                 const option_value *byte_order, const option_value *float_form)
{
	imago_error error = {0};
	imago_writer writer;
	imago_packfile_target target = {.layout = file->packfile.layout};
	if (word_bytes != 0) {
		target.layout.word_bytes = word_bytes;
	}
	if (byte_order->given) {
		target.layout.byte_order = byte_order->number == 0 ? IMAGO_LITTLE_ENDIAN : IMAGO_BIG_ENDIAN;
	}
	set_float(&target, float_form);
	imago_writer_init(&writer, line->allocator, target.layout, &error);
	imago_status status = imago_packfile_write(&file->packfile, &target, &writer, &error);
	if (status != IMAGO_OK) {
		imago_writer_release(&writer);
		return complain_of_error(file->path, &error);
	}
	status = imago_save_file(line->names[1], writer.bytes, writer.size, &error);
	imago_writer_release(&writer);
	return status == IMAGO_OK ? EXIT_DONE : complain_of_error(line->names[1], &error);
}
