/* record.h: what a test found out, line by line, against what stands on record in a file.
 *
 * A record is for what is too much to write by hand, and was looked at when it was made: a test
 * that differs shows the lines, and whoever changed the library says whether the new ones are right
 * ("renew" as the program's argument writes them).
 */
#ifndef IMAGO_TESTS_RECORD_H
#define IMAGO_TESTS_RECORD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct record {
	const char *path;
	char *expected; /* the file, its lines ended by '\0' */
	size_t size;
	size_t position; /* of the next line */
	size_t num_differences;
	void *out; /* the new file, when it is renewed */
} record;

/* Fails the test when the file cannot be read or, with renews, written. */
record record_open(const char *path, bool renews);

/* The next line: printed when the file says something else there. */
void record_line(record *it, const char *line);

/* Fails the test when a line differed, or was missing at the end. */
void record_close(record *it);

#endif
