/* reasons.h: a histogram of why: how often a target came to each of its answers. */
#ifndef FUZZ_REASONS_H
#define FUZZ_REASONS_H

/* Counts one more for a word, which must be static. IMAGO_FUZZ_COUNTS=FILE (fuzz_oracle.h) gets a
 * line "target reason.WORD N" for each when the program ends. */
void reason_count(const char *word);

#endif
