/* show.h: bringing relocated pages to where they are seen; private to the room. All of it is called
 * by the handlers of signals (windows.h says what that means).
 */
#ifndef CORE_SHARE_SHOW_H
#define CORE_SHARE_SHOW_H

#include "attachment.h"
#include "windows.h"

/* Shows the page of a lazy section that somebody touches at a distance from its beginning, and with
 * it as many as were shown before it in a row, or behind it: who goes on through a section faults
 * once for 16 pages, who jumps about gets one page for each. False and *lost when that page cannot
 * be shown. */
bool imago_show_page(imago_attachment *attachment, const imago_attached_section *section,
                     uint64_t distance, imago_lost *lost);

/* Shows all pages of a range. */
bool imago_show_range(imago_attachment *attachment, const imago_attached_section *section,
                      uint64_t distance, uint64_t size, imago_lost *lost);

/* Whether a page was shown before. */
bool imago_page_shown(const imago_attachment *attachment, const imago_attached_section *section,
                      uint64_t distance);

/* In a forked child, before anybody else runs there: what is lazy goes on being lazy. Memory that
 * cannot be watched any more is closed, because it would read as zeros. */
void imago_show_after_fork(imago_attachment *attachment);

#endif
