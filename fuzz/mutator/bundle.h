/* bundle.h: the files of a bundle (imago/folder.h) and the numbers in their metadata, in place. */
#ifndef MUTATOR_BUNDLE_H
#define MUTATOR_BUNDLE_H

#include "subject.h"

/* Lists the files of the subject's buffer. */
bool bundle_list(subject *s);

/* The file of that name, or NULL. */
subject_file *bundle_find(const subject *s, const char *name);

/* Writes each file's size into its line; true when all fitted. */
bool bundle_frame(subject *s);

/* Where the digits (and the sign) of "#key : 123" stand in a file. */
bool bundle_find_number(const subject *s, const subject_file *file, const char *key, size_t *at,
                        size_t *length);

/* Sets "#key : value" of a file, keeping the lines' frame right. False where it is not there, or
 * has that value. */
bool bundle_set(subject *s, const char *name, const char *key, uint64_t value);

/* Replaces text by another, in a file or a line. */
bool bundle_replace(subject *s, size_t at, size_t length, const char *text, size_t text_length);

#endif
