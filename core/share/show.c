/* show.c: pages are made aside, and shown whole. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "show.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/planted.h"
#include "userfault.h"

enum { BITS = sizeof(size_t) * 8 };

/* Pages of a section, by distances from its beginning. */
typedef struct range {
	uint64_t begin, end;
} range;

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
bit_of(const imago_attachment *attachment, const imago_attached_section *section, uint64_t distance)
{
	return section->first_page + distance / attachment->page_size;
}

bool
imago_page_shown(const imago_attachment *attachment, const imago_attached_section *section,
                 uint64_t distance)
{
	const uint64_t bit = bit_of(attachment, section, distance);
	return atomic_load_explicit(&attachment->shown[bit / BITS], memory_order_acquire) >>
	           (bit % BITS) &
	       1;
}

/* The number of pages of which nobody had said so. */
static size_t
say_shown(imago_attachment *attachment, const imago_attached_section *section, range pages)
{
	size_t num = 0;
	for (uint64_t at = pages.begin; at < pages.end; at += attachment->page_size) {
		const uint64_t bit = bit_of(attachment, section, at);
		const size_t mask = (size_t)1 << (bit % BITS);
		num +=
		    (atomic_fetch_or_explicit(&attachment->shown[bit / BITS], mask, memory_order_release) &
		     mask) == 0;
	}
	return num;
}

static void
count_pages(imago_attachment *attachment, size_t num)
{
	atomic_fetch_add_explicit(&attachment->num_pages_relocated, num, memory_order_relaxed);
}

static int
open_pages(const imago_attached_section *section, range pages)
{
	const int protection = PROT_READ | (section->plan.writable ? PROT_WRITE : 0);
	return mprotect(section->bytes + pages.begin, (size_t)(pages.end - pages.begin), protection) ==
	               0
	           ? 0
	           : -errno;
}

/* Makes pages of the file in memory, which is only ever written what it holds already or will hold,
 * so that threads, and processes after a fork, need not take turns. pages->end is where those end
 * that could be made. */
static void
prepare_pages(imago_attachment *attachment, const imago_attached_section *section, range *pages,
              uint8_t *scratch, imago_lost *lost)
{
	const uint64_t begin = pages->begin;
	const uint64_t had = imago_window_read(attachment, &section->plan, begin, pages->end - begin,
	                                       scratch, scratch + attachment->window_size, lost);
	const int result =
	    imago_write_at(attachment->memory, scratch, had, section->memory_offset + begin);
	pages->end = begin + had;
	if (result != 0) {
		*lost = (imago_lost){"memory for a page", section->plan.offset + begin, -result};
		pages->end = begin;
	}
}

static range
window_from(const imago_attachment *attachment, const imago_attached_section *section,
            uint64_t begin)
{
	const uint64_t left = section->plan.size - begin;
	return (range){begin,
	               begin + (left < attachment->window_size ? left : attachment->window_size)};
}

/* Pages that are open by themselves may be a mapping of their own, and mappings are limited. When
 * there is none left, the whole section becomes one. */
static bool
open_whole_section(imago_attachment *attachment, const imago_attached_section *section,
                   uint8_t *scratch, imago_lost *lost)
{
	const range whole = {0, section->plan.size};
	for (uint64_t begin = 0; begin < whole.end; begin += attachment->window_size) {
		range pages = window_from(attachment, section, begin);
		const uint64_t end = pages.end;
		prepare_pages(attachment, section, &pages, scratch, lost);
		if (pages.end < end) {
			return false;
		}
	}
	const int result = open_pages(section, whole);
	if (result != 0) {
		*lost = (imago_lost){"mapping of a section", section->plan.offset, -result};
		return false;
	}
	count_pages(attachment, say_shown(attachment, section, whole));
	return true;
}

/* All ways to show pages return where those that are shown end, or, with *lost, did not go on. */
static uint64_t
show_by_signal(imago_attachment *attachment, const imago_attached_section *section, range pages,
               uint8_t *scratch, imago_lost *lost)
{
	const uint64_t end = pages.end;
	prepare_pages(attachment, section, &pages, scratch, lost);
	const int result = pages.end > pages.begin ? open_pages(section, pages) : 0;
	if (result == -ENOMEM) {
		return open_whole_section(attachment, section, scratch, lost) ? end : pages.begin;
	}
	if (result != 0) {
		*lost = (imago_lost){"mapping of a section", section->plan.offset + pages.begin, -result};
		return pages.begin;
	}
	count_pages(attachment, say_shown(attachment, section, pages));
	return pages.end;
}

static uint64_t
show_by_userfault(imago_attachment *attachment, const imago_attached_section *section, range pages,
                  uint8_t *scratch, imago_lost *lost)
{
	uint64_t copied = 0;
	const bool tracked = section->plan.writable && atomic_load(&attachment->tracked);
	const uint64_t had =
	    imago_window_read(attachment, &section->plan, pages.begin, pages.end - pages.begin, scratch,
	                      scratch + attachment->window_size, lost);
	const int result = imago_userfault_copy(attachment->userfault, section->bytes + pages.begin,
	                                        scratch, had, attachment->page_size, tracked, &copied);
	count_pages(attachment, (size_t)(copied / attachment->page_size));
	if (result != 0) {
		*lost = (imago_lost){"memory for a page", section->plan.offset + pages.begin, -result};
		return pages.begin;
	}
	pages.end = pages.begin + had;
	say_shown(attachment, section, pages);
	return pages.end;
}

static uint64_t
show_pages(imago_attachment *attachment, const imago_attached_section *section, range pages,
           imago_lost *lost)
{
	const size_t taken = take_scratch(attachment);
	uint8_t *scratch = attachment->scratches + taken * attachment->scratch_size;
	const uint64_t end = section->backing == IMAGO_BACKING_SIGNAL
	                         ? show_by_signal(attachment, section, pages, scratch, lost)
	                         : show_by_userfault(attachment, section, pages, scratch, lost);
	give_scratch_back(attachment, taken);
	return end;
}

/* How many pages next to one are in a row like it should be: step 1 looks behind it, -1 before it.
 */
static uint64_t
num_in_a_row(const imago_attachment *attachment, const imago_attached_section *section,
             uint64_t page, bool ahead, bool shown)
{
	const uint64_t num_pages = section->plan.size / attachment->page_size;
	const uint64_t most = ahead ? num_pages - 1 - page : page;
	uint64_t num = 0;
	while (num < most && num < IMAGO_ATTACH_WINDOW_PAGES - 1) {
		const uint64_t next = ahead ? page + 1 + num : page - 1 - num;
		if (imago_page_shown(attachment, section, next * attachment->page_size) != shown) {
			break;
		}
		num++;
	}
	return num;
}

/* What to show when a page is touched: never beyond the 16 pages among which it lies, so that what
 * is touched in runs of 16 brings no others. */
static range
pages_around(const imago_attachment *attachment, const imago_attached_section *section,
             uint64_t distance)
{
	const uint64_t page = distance / attachment->page_size;
	const uint64_t before = num_in_a_row(attachment, section, page, false, true);
	const uint64_t behind = num_in_a_row(attachment, section, page, true, true);
	const bool ahead = before >= behind;
	const uint64_t place = page % IMAGO_ATTACH_WINDOW_PAGES;
	const uint64_t most = ahead ? IMAGO_ATTACH_WINDOW_PAGES - 1 - place : place;
	const uint64_t free = num_in_a_row(attachment, section, page, ahead, false);
	uint64_t more = ahead ? before : behind;
	more = more < free ? more : free;
	more = more < most ? more : most;
	return (range){(ahead ? page : page - more) * attachment->page_size,
	               (ahead ? page + 1 + more : page + 1) * attachment->page_size};
}

bool
imago_show_page(imago_attachment *attachment, const imago_attached_section *section,
                uint64_t distance, imago_lost *lost)
{
	return imago_page_shown(attachment, section, distance) ||
	       show_pages(attachment, section, pages_around(attachment, section, distance), lost) >
	           distance;
}

bool
imago_show_range(imago_attachment *attachment, const imago_attached_section *section,
                 uint64_t distance, uint64_t size, imago_lost *lost)
{
	const uint64_t page_size = attachment->page_size;
	const uint64_t end = distance + size;
	for (uint64_t at = distance - distance % page_size; at < end;) {
		if (imago_page_shown(attachment, section, at)) {
			at += page_size;
			continue;
		}
		range pages = {at, at + page_size};
		while (pages.end < end && pages.end - at < attachment->window_size &&
		       !imago_page_shown(attachment, section, pages.end)) {
			pages.end += page_size;
		}
		if (show_pages(attachment, section, pages, lost) < pages.end) {
			return false;
		}
		at = pages.end;
	}
	return true;
}

static bool
watch_anew(const imago_attachment *attachment)
{
	for (size_t i = 0; i < attachment->num_sections; i++) {
		const imago_attached_section *section = &attachment->sections[i];
		if (section->backing == IMAGO_BACKING_USERFAULT &&
		    imago_userfault_watch(attachment->userfault, section->bytes, section->plan.size) != 0) {
			return false;
		}
	}
	return true;
}

/* All of what cannot be watched: handlers know it by the missing userfault, and no page may read as
 * zeros. */
static void
close_memory(const imago_attachment *attachment)
{
	for (size_t i = 0; i < attachment->num_sections; i++) {
		const imago_attached_section *section = &attachment->sections[i];
		if (section->backing == IMAGO_BACKING_USERFAULT) {
			mprotect(section->bytes, (size_t)section->plan.size, PROT_NONE);
		}
	}
}

void
imago_show_after_fork(imago_attachment *attachment)
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
	if (IMAGO_BUG(child_not_watched, true)) {
		return;
	}
	/* The old one speaks of the parent's memory. */
	close(attachment->userfault);
	attachment->userfault = imago_userfault_open();
	if (attachment->userfault >= 0 && !watch_anew(attachment)) {
		close(attachment->userfault);
		attachment->userfault = -1;
	}
	if (attachment->userfault < 0) {
		close_memory(attachment);
	}
}
