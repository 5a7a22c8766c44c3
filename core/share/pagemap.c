/* pagemap.c: /proc/self/pagemap, read and scanned. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): the C library's own name for it */
#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Newer than the headers that imago is compiled with may be (linux/fs.h, Linux 6.7). */
struct scan {
	uint64_t size, flags;
	uint64_t start, end, walk_end;
	uint64_t runs, num_runs, max_pages;
	uint64_t category_inverted, category_mask, category_any, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)

enum {
	SCAN_PROTECT = 1 << 0,
	SCAN_ONLY_TRACKED = 1 << 1, /* else pages that are not tracked count as written */
	IS_WRITTEN = 1 << 1,
	IS_OF_FILE = 1 << 2, /* not a copy, so not written through this mapping */
};

int
imago_pagemap_open(void)
{
	const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return pagemap < 0 ? -errno : pagemap;
}

int
imago_pagemap_read(int pagemap, uint64_t address, uint64_t page_size, uint64_t *entries,
                   uint64_t num_entries)
{
	const uint64_t size = num_entries * sizeof *entries;
	const uint64_t offset = address / page_size * sizeof *entries;
	for (uint64_t done = 0; done < size;) {
		const ssize_t length = pread(pagemap, (uint8_t *)entries + done, (size_t)(size - done),
		                             (off_t)(offset + done));
		if (length > 0) {
			done += (uint64_t)length;
		} else if (length == 0 || errno != EINTR) {
			return length == 0 ? -ENODATA : -errno;
		}
	}
	return 0;
}

int
imago_pagemap_written(int pagemap, uint64_t *begin, uint64_t end, bool reset, imago_page_run *runs,
                      unsigned most)
{
	struct scan scan = {
	    .size = sizeof scan,
	    .flags = SCAN_ONLY_TRACKED | (reset ? SCAN_PROTECT : 0),
	    .start = *begin,
	    .end = end,
	    .runs = (uintptr_t)runs,
	    .num_runs = most,
	    .category_inverted = IS_OF_FILE,
	    .category_mask = IS_WRITTEN | IS_OF_FILE,
	    .return_mask = IS_WRITTEN,
	};
	int result;
	do {
		result = ioctl(pagemap, SCAN, &scan);
	} while (result < 0 && errno == EINTR);
	if (result < 0) {
		return -errno;
	}
	*begin = scan.walk_end;
	return result;
}
