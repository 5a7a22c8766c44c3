/* userfault.h: Linux's userfaultfd, in the one mode that needs neither rights nor a second thread:
 * touching a page that is not there raises SIGBUS in the thread that does. Private to the room. */
#ifndef CORE_SHARE_USERFAULT_H
#define CORE_SHARE_USERFAULT_H

#include <stdbool.h>
#include <stdint.h>

/* A new descriptor for the memory of this process, or a negated errno. */
int imago_userfault_open(void);

/* From now on pages of a private anonymous mapping that are not there raise SIGBUS. 0 or a negated
 * errno. */
int imago_userfault_watch(int userfault, const uint8_t *bytes, uint64_t size);

/* From now on writes to pages of a private mapping are kept in mind, those before are not. missing:
 * the mapping is watched as well. 0 or a negated errno. */
int imago_userfault_track(int userfault, const uint8_t *bytes, uint64_t size, bool missing);

/* Puts copies of pages where there are none; those that are there stay, and are not an error. Adds
 * the number of bytes copied to *copied. tracked: to be there is not to be written. 0 or a negated
 * errno. Async-signal-safe. */
int imago_userfault_copy(int userfault, const uint8_t *to, const uint8_t *from, uint64_t size,
                         uint64_t page_size, bool tracked, uint64_t *copied);

#endif
