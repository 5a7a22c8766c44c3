/* smaps.c: what /proc/self/smaps says about the mappings of an attachment.
 *
 * A text that grows with kernels: lines that are not known are passed over, and so is what does not
 * fit a line.
 */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "attachment.h"
#include "imago/pages.h"

enum { READ_AT_ONCE = 4096, LINE_SIZE = 128 };

/* A file, line by line. */
typedef struct lines {
	int descriptor;
	int os_error;
	size_t next, end;
	char bytes[READ_AT_ONCE];
	char line[LINE_SIZE]; /* its beginning, ended by 0 */
} lines;

static bool
fill_lines(lines *text)
{
	ssize_t length;
	do {
		length = read(text->descriptor, text->bytes, sizeof text->bytes);
	} while (length < 0 && errno == EINTR);
	text->os_error = length < 0 ? errno : 0;
	text->next = 0;
	text->end = length > 0 ? (size_t)length : 0;
	return length > 0;
}

static bool
next_line(lines *text)
{
	size_t length = 0;
	for (;;) {
		if (text->next == text->end && !fill_lines(text)) {
			return false; /* each line of the text ends */
		}
		const char c = text->bytes[text->next++];
		if (c == '\n') {
			text->line[length] = '\0';
			return true;
		}
		if (length + 1 < sizeof text->line) {
			text->line[length++] = c;
		}
	}
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* A number in *text, which is moved behind it. False where there is none, or it is too large. */
static bool
take_number(const char **text, unsigned radix, uint64_t *number)
{
	const char *at = *text;
	*number = 0;
	while (digit_of(*at) < (int)radix) {
		if (*number > (UINT64_MAX - radix) / radix) {
			return false;
		}
		*number = *number * radix + (uint64_t)digit_of(*at++);
	}
	const bool any = at != *text;
	*text = at;
	return any;
}

/* "7f0000000000-7f0000001000 r--p …" */
static bool
is_mapping(const char *line, uint64_t *begin, uint64_t *end)
{
	return take_number(&line, 16, begin) && *line++ == '-' && take_number(&line, 16, end) &&
	       *line == ' ';
}

/* "Pss:                  12 kB": adds to the number of that name, if there is one. */
static void
take_amount(const char *line, imago_memory_use *use)
{
	const struct {
		const char *name;
		uint64_t *number;
	} amounts[] = {
	    {"Rss:", &use->resident},
	    {"Pss:", &use->proportional},
	    {"Shared_Clean:", &use->shared_clean},
	    {"Shared_Dirty:", &use->shared_dirty},
	    {"Private_Clean:", &use->private_clean},
	    {"Private_Dirty:", &use->private_dirty},
	    {"Swap:", &use->swapped},
	};
	for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++) {
		const size_t length = strlen(amounts[i].name);
		uint64_t kib;
		if (strncmp(line, amounts[i].name, length) == 0) {
			const char *at = line + length + strspn(line + length, " \t");
			if (take_number(&at, 10, &kib) && kib < UINT64_MAX / 1024) {
				*amounts[i].number += kib * 1024;
			}
		}
	}
}

imago_status
imago_attachment_memory(const imago_attachment *attachment, imago_memory_use *use,
                        imago_error *error)
{
	lines text = {.descriptor = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)};
	if (text.descriptor < 0) {
		return imago_fail(error, IMAGO_EUNSUPPORTED, "map of memory", IMAGO_NO_OFFSET, 0, 0);
	}
	imago_memory_use sum = {.resident = 0};
	const uint64_t first = (uintptr_t)attachment->bytes;
	bool ours = false;
	while (next_line(&text)) {
		uint64_t begin;
		uint64_t end;
		if (is_mapping(text.line, &begin, &end)) {
			ours = begin < first + attachment->span && end > first;
		} else if (ours) {
			take_amount(text.line, &sum);
		}
	}
	close(text.descriptor);
	if (text.os_error != 0) {
		return imago_fail_os(error, "map of memory", text.os_error);
	}
	*use = sum;
	return IMAGO_OK;
}
