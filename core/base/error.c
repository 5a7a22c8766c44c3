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

/* A line that is filled as far as it has room, while its whole length is counted. */
typedef struct line_end {
	char *line;
	size_t size;
	size_t used;
} line_end;

static void
append_text(line_end *end, const char *text)
{
	size_t length = strlen(text);
	if (end->used < end->size) {
		size_t room = end->size - end->used - 1;
		size_t copied = length < room ? length : room;
		memcpy(end->line + end->used, text, copied);
		end->line[end->used + copied] = '\0';
	}
	end->used += length;
}

static void
append_number(line_end *end, const char *before, uint64_t number)
{
	char digits[64];
	snprintf(digits, sizeof digits, "%" PRIu64 " (0x%" PRIx64 ")", number, number);
	append_text(end, before);
	append_text(end, digits);
}

/* "part:0xoffset: ", as far as there is a place. */
static void
append_place(line_end *end, const imago_error *error)
{
	if (error->part[0] != '\0') {
		append_text(end, error->part);
		append_text(end, ":");
	}
	if (error->offset != IMAGO_NO_OFFSET) {
		char offset[32];
		snprintf(offset, sizeof offset, "0x%" PRIx64 ":", error->offset);
		append_text(end, offset);
	}
	if (end->used > 0) {
		append_text(end, " ");
	}
}

size_t
imago_error_format(const imago_error *error, char *line, size_t size)
{
	line_end end = {.line = line, .size = size};
	if (size > 0) {
		line[0] = '\0';
	}
	append_place(&end, error);
	append_text(&end, imago_status_sentence(error->status));
	if (error->what != NULL) {
		append_text(&end, ": ");
		append_text(&end, error->what);
	}
	if (error->status == IMAGO_EIO) {
		if (error->os_error != 0) {
			append_text(&end, ": ");
			append_text(&end, strerror(error->os_error));
		}
	} else if (error->found != 0 || error->limit != 0) {
		append_number(&end, ": found ", error->found);
		if (error->limit != 0) {
			append_number(&end, ", limit ", error->limit);
		}
	}
	return end.used;
}
