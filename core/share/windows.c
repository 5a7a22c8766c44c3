/* windows.c: pages on their way from the file to where they are read. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "windows.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plan.h"
#include "relocate.h"
#include "userfault.h"

enum { BITS = sizeof(size_t) * 8 };

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
	const uint64_t marks_offset = section->pointer_words + distance / word_bytes / 8;
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

/* A place to work in. Whoever has one is in a handler that nothing interrupts, or in a fill, and
 * gives it back soon. */
static size_t
take_scratch(imago_attachment *attachment)
{
	for (;;) {
		for (size_t i = 0; i < IMAGO_NUM_SCRATCHES; i++) {
			if (!atomic_exchange_explicit(&attachment->scratch_taken[i], true,
			                              memory_order_acquire)) {
				return i;
			}
		}
		sched_yield();
	}
}

static void
give_scratch_back(imago_attachment *attachment, size_t scratch)
{
	atomic_store_explicit(&attachment->scratch_taken[scratch], false, memory_order_release);
}

static uint64_t
window_of(const imago_attachment *attachment, const imago_attached_section *section,
          uint64_t distance)
{
	return section->first_window + distance / attachment->window_size;
}

bool
imago_window_shown(const imago_attachment *attachment, const imago_attached_section *section,
                   uint64_t distance)
{
	const uint64_t window = window_of(attachment, section, distance);
	return atomic_load_explicit(&attachment->filled[window / BITS], memory_order_acquire) >>
	           (window % BITS) &
	       1;
}

/* True for the first one who says so. */
static bool
say_shown(imago_attachment *attachment, const imago_attached_section *section, uint64_t distance)
{
	const uint64_t window = window_of(attachment, section, distance);
	const size_t bit = (size_t)1 << (window % BITS);
	return (atomic_fetch_or_explicit(&attachment->filled[window / BITS], bit,
	                                 memory_order_release) &
	        bit) == 0;
}

static void
count_pages(imago_attachment *attachment, uint64_t size)
{
	atomic_fetch_add_explicit(&attachment->num_pages_relocated,
	                          (size_t)(size / attachment->page_size), memory_order_relaxed);
}

static uint64_t
window_size_at(const imago_attachment *attachment, const imago_attached_section *section,
               uint64_t begin)
{
	const uint64_t left = section->plan.size - begin;
	return left < attachment->window_size ? left : attachment->window_size;
}

static int
open_pages(const imago_attached_section *section, uint64_t begin, uint64_t size)
{
	const int protection = PROT_READ | (section->plan.writable ? PROT_WRITE : 0);
	return mprotect(section->bytes + begin, (size_t)size, protection) == 0 ? 0 : -errno;
}

/* The file in memory is only ever written what it holds already or will hold, so that threads, and
 * processes after a fork, need not take turns. */
static uint64_t
prepare_window(imago_attachment *attachment, const imago_attached_section *section, uint64_t begin,
               uint8_t *scratch, imago_lost *lost)
{
	const uint64_t size = window_size_at(attachment, section, begin);
	uint64_t had = imago_window_read(attachment, &section->plan, begin, size, scratch,
	                                 scratch + attachment->window_size, lost);
	const int result =
	    imago_write_at(attachment->memory, scratch, had, section->memory_offset + begin);
	if (result != 0) {
		*lost = (imago_lost){"memory for a page", section->plan.offset + begin, -result};
		had = 0;
	}
	return had;
}

/* Each window that is open by itself may be a mapping of its own, and mappings are limited. When
 * there is none left, the whole section becomes one. */
static bool
open_whole_section(imago_attachment *attachment, const imago_attached_section *section,
                   uint8_t *scratch, imago_lost *lost)
{
	const uint64_t size = section->plan.size;
	for (uint64_t begin = 0; begin < size; begin += attachment->window_size) {
		if (!imago_window_shown(attachment, section, begin) &&
		    prepare_window(attachment, section, begin, scratch, lost) <
		        window_size_at(attachment, section, begin)) {
			return false;
		}
	}
	const int result = open_pages(section, 0, size);
	if (result != 0) {
		*lost = (imago_lost){"mapping of a section", section->plan.offset, -result};
		return false;
	}
	for (uint64_t begin = 0; begin < size; begin += attachment->window_size) {
		if (say_shown(attachment, section, begin)) {
			count_pages(attachment, window_size_at(attachment, section, begin));
		}
	}
	return true;
}

static bool
show_by_signal(imago_attachment *attachment, const imago_attached_section *section, uint64_t begin,
               uint64_t distance, uint8_t *scratch, imago_lost *lost)
{
	const uint64_t had = prepare_window(attachment, section, begin, scratch, lost);
	if (distance - begin >= had) {
		return false;
	}
	const int result = open_pages(section, begin, had);
	if (result == -ENOMEM) {
		return open_whole_section(attachment, section, scratch, lost);
	}
	if (result != 0) {
		*lost = (imago_lost){"mapping of a section", section->plan.offset + begin, -result};
		return false;
	}
	if (had == window_size_at(attachment, section, begin) &&
	    say_shown(attachment, section, begin)) {
		count_pages(attachment, had);
	}
	return true;
}

static bool
show_by_userfault(imago_attachment *attachment, const imago_attached_section *section,
                  uint64_t begin, uint64_t distance, uint8_t *scratch, imago_lost *lost)
{
	const uint64_t size = window_size_at(attachment, section, begin);
	const uint64_t had = imago_window_read(attachment, &section->plan, begin, size, scratch,
	                                       scratch + attachment->window_size, lost);
	if (distance - begin >= had) {
		return false;
	}
	uint64_t copied = 0;
	const int result = imago_userfault_copy(
	    attachment->userfault, section->bytes + begin, scratch, had, attachment->page_size,
	    section->plan.writable && atomic_load(&attachment->tracked), &copied);
	count_pages(attachment, copied);
	if (result != 0) {
		*lost = (imago_lost){"memory for a page", section->plan.offset + distance, -result};
		return false;
	}
	if (had == size) {
		say_shown(attachment, section, begin);
	}
	return true;
}

bool
imago_window_show(imago_attachment *attachment, const imago_attached_section *section,
                  uint64_t distance, imago_lost *lost)
{
	const uint64_t begin = distance - distance % attachment->window_size;
	if (imago_window_shown(attachment, section, distance)) {
		return true;
	}
	const size_t taken = take_scratch(attachment);
	uint8_t *scratch = attachment->scratches + taken * attachment->scratch_size;
	const bool shown = section->backing == IMAGO_BACKING_SIGNAL
	                       ? show_by_signal(attachment, section, begin, distance, scratch, lost)
	                       : show_by_userfault(attachment, section, begin, distance, scratch, lost);
	give_scratch_back(attachment, taken);
	return shown;
}

void
imago_windows_after_fork(imago_attachment *attachment)
{
	for (size_t i = 0; i < IMAGO_NUM_SCRATCHES; i++) {
		give_scratch_back(attachment, i); /* their threads are not in this process */
	}
	atomic_store(&attachment->tracked, false);
	if (attachment->tracker >= 0) {
		close(attachment->tracker);
		attachment->tracker = -1;
	}
	if (attachment->userfault < 0) {
		return;
	}
	/* The old one speaks of the parent's memory. */
	close(attachment->userfault);
	attachment->userfault = imago_userfault_open();
	for (size_t i = 0; i < attachment->num_sections; i++) {
		const imago_attached_section *section = &attachment->sections[i];
		if (section->backing == IMAGO_BACKING_USERFAULT &&
		    (attachment->userfault < 0 ||
		     imago_userfault_watch(attachment->userfault, section->bytes, section->plan.size) !=
		         0)) {
			mprotect(section->bytes, (size_t)section->plan.size, PROT_NONE);
		}
	}
}
