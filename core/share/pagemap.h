/* pagemap.h: what the system says about pages of this process; private to the room. */
#ifndef CORE_SHARE_PAGEMAP_H
#define CORE_SHARE_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

/* The bits of an entry that are told to everybody. */
#define IMAGO_PAGE_PRESENT   (UINT64_C(1) << 63)
#define IMAGO_PAGE_SWAPPED   (UINT64_C(1) << 62)
#define IMAGO_PAGE_OF_FILE   (UINT64_C(1) << 61) /* or of shared memory: not a copy */
#define IMAGO_PAGE_PROTECTED (UINT64_C(1) << 57) /* tracked, and not written since */

/* A run of pages, by their addresses in this process. */
typedef struct imago_page_run {
	uint64_t begin, end;
	uint64_t categories;
} imago_page_run;

/* A descriptor, or a negated errno. It speaks of the process that opened it, also after a fork. */
int imago_pagemap_open(void);

/* Entries of pages from an address on. 0 or a negated errno. */
int imago_pagemap_read(int pagemap, uint64_t address, uint64_t page_size, uint64_t *entries,
                       uint64_t num_entries);

/* Runs of pages between *begin and end that were written since they were last protected, at most
 * most; reset: they are protected again. *begin is set to where to go on: end, when that was all.
 * The number of runs, or a negated errno. */
int imago_pagemap_written(int pagemap, uint64_t *begin, uint64_t end, bool reset,
                          imago_page_run *runs, unsigned most);

#endif
