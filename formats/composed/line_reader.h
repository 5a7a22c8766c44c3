/* line_reader.h: what the VM's own reader makes of a metadata file (composed.md §3, "The VM's
 * reader").
 *
 * The VM does not parse the grammar: it scans line by line, keeps its last assignment where a line
 * does not fit, and clamps numbers. A file that the grammar accepts may therefore mean something
 * else to it; the checker compares the two.
 */
#ifndef FORMATS_COMPOSED_LINE_READER_H
#define FORMATS_COMPOSED_LINE_READER_H

#include <stdint.h>

#include "imago/layout.h"

/* The number that the VM would leave in the field of that name, sign-extended; 0 when no line sets
 * it. Reads the whole text: linear in size. */
int64_t imago_composed_line_reader_value(const uint8_t *text, uint64_t size, const char *name,
                                         imago_layout layout);

#endif
