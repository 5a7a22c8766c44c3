/* error.c: filling and printing imago_error. */
#include "imago/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *sentence;
} statuses[] = {
#define IMAGO_STATUS(name, sentence) [IMAGO_##name] = {#name, sentence},
#include "imago/status.def"
#undef IMAGO_STATUS
};

static const size_t num_statuses = sizeof statuses / sizeof statuses[0];

const char *
imago_status_name(imago_status status)
{
	return (size_t)status < num_statuses ? statuses[status].name : "?";
}

const char *
imago_status_sentence(imago_status status)
{
	return (size_t)status < num_statuses ? statuses[status].sentence : "unknown status";
}

imago_status
imago_fail(imago_error *error, imago_status status, const char *what, uint64_t offset,
           uint64_t found, uint64_t limit)
{
	if (error != NULL) {
		error->status = status;
		error->what = what;
		error->offset = offset;
		error->found = found;
		error->limit = limit;
		error->os_error = 0;
	}
	return status;
}

imago_status
imago_fail_os(imago_error *error, const char *what, int os_error)
{
	imago_fail(error, IMAGO_EIO, what, IMAGO_NO_OFFSET, 0, 0);
	if (error != NULL) {
		error->os_error = os_error;
	}
	return IMAGO_EIO;
}

void
imago_error_set_part(imago_error *error, const char *part)
{
	if (error != NULL) {
		size_t length = strnlen(part, sizeof error->part - 1);
		memcpy(error->part, part, length);
		error->part[length] = '\0';
	}
}

/* Appends to line like snprintf at *used, and counts what a longer line would hold. */
static void
append(char *line, size_t size, size_t *used, const char *format, uint64_t value, const char *text)
{
	char piece[128];
	int length = text != NULL ? snprintf(piece, sizeof piece, format, text)
	                          : snprintf(piece, sizeof piece, format, value, value);
	size_t piece_length = length < 0 ? 0 : (size_t)length;
	if (piece_length >= sizeof piece) {
		piece_length = sizeof piece - 1;
	}
	if (*used < size) {
		size_t room = size - *used - 1;
		size_t copied = piece_length < room ? piece_length : room;
		memcpy(line + *used, piece, copied);
		line[*used + copied] = '\0';
	}
	*used += piece_length;
}

size_t
imago_error_format(const imago_error *error, char *line, size_t size)
{
	size_t used = 0;
	if (size > 0) {
		line[0] = '\0';
	}
	if (error->part[0] != '\0') {
		append(line, size, &used, "%s:", 0, error->part);
	}
	if (error->offset != IMAGO_NO_OFFSET) {
		append(line, size, &used, "0x%" PRIx64 ":", error->offset, NULL);
	}
	if (used > 0) {
		append(line, size, &used, "%s", 0, " ");
	}
	append(line, size, &used, "%s", 0, imago_status_sentence(error->status));
	if (error->what != NULL) {
		append(line, size, &used, ": %s", 0, error->what);
	}
	if (error->status == IMAGO_EIO) {
		if (error->os_error != 0) {
			append(line, size, &used, ": %s", 0, strerror(error->os_error));
		}
	} else if (error->found != 0 || error->limit != 0) {
		append(line, size, &used, ": found %" PRIu64 " (0x%" PRIx64 ")", error->found, NULL);
		if (error->limit != 0) {
			append(line, size, &used, ", limit %" PRIu64 " (0x%" PRIx64 ")", error->limit, NULL);
		}
	}
	return used;
}
