/* windows.c: pages on their way from the file to where they are read. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "windows.h"

#include <errno.h>
#include <unistd.h>

#include "../base/planted.h"
#include "plan.h"
#include "relocate.h"

imago_status
imago_fail_lost(imago_error *error, const imago_lost *lost)
{
	imago_fail_os(error, lost->what, lost->os_error);
	if (error != NULL) {
		error->offset = lost->offset;
	}
	return IMAGO_EIO;
}

uint64_t
imago_read_at(int descriptor, uint8_t *bytes, uint64_t size, uint64_t offset, int *os_error)
{
	uint64_t done = 0;
	*os_error = 0;
	while (done < size) {
		const ssize_t length =
		    pread(descriptor, bytes + done, (size_t)(size - done), (off_t)(offset + done));
		if (length > 0) {
			done += (uint64_t)length;
		} else if (length == 0 || errno != EINTR) {
			*os_error = length == 0 ? 0 : errno;
			break;
		}
	}
	return done;
}

int
imago_write_at(int descriptor, const uint8_t *bytes, uint64_t size, uint64_t offset)
{
	for (uint64_t done = 0; done < size;) {
		const ssize_t length =
		    pwrite(descriptor, bytes + done, (size_t)(size - done), (off_t)(offset + done));
		if (length > 0) {
			done += (uint64_t)length;
		} else if (length == 0 || errno != EINTR) {
			return length == 0 ? -ENOSPC : -errno;
		}
	}
	return 0;
}

uint64_t
imago_window_read(const imago_attachment *attachment, const imago_attach_section *section,
                  uint64_t distance, uint64_t size, uint8_t *bytes, uint8_t *marks,
                  imago_lost *lost)
{
	const uint64_t word_bytes = attachment->layout.word_bytes;
	const uint64_t marks_size = size / word_bytes / 8;
	const uint64_t marked_bytes =
	    IMAGO_BUG(window_marks_wide, word_bytes == 4 && distance > 0) ? 2 * word_bytes : word_bytes;
	const uint64_t marks_offset = section->pointer_words + distance / marked_bytes / 8;
	int os_error;
	uint64_t had =
	    imago_read_at(attachment->descriptor, bytes, size, section->offset + distance, &os_error);
	had -= had % attachment->page_size;
	if (had < size) {
		*lost =
		    (imago_lost){"page of the attached file", section->offset + distance + had, os_error};
	}
	const uint64_t marks_had =
	    imago_read_at(attachment->descriptor, marks, marks_size, marks_offset, &os_error);
	if (marks_had < marks_size) {
		*lost =
		    (imago_lost){"pointer words of the attached file", marks_offset + marks_had, os_error};
		had = 0;
	}
	imago_relocate_words(bytes, had / word_bytes, marks, attachment->delta, attachment->layout);
	return had;
}
