/* record.c: compares line after line. */
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assertions.h"

enum { MOST_SHOWN = 10, MOST_BYTES = 1 << 20 };

record
record_open(const char *path, bool renews)
{
	record it = {.path = path};
	if (renews) {
		it.out = fopen(path, "wb");
		assert_non_null(it.out);
		return it;
	}
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	it.expected = malloc(MOST_BYTES);
	assert_non_null(it.expected);
	it.size = fread(it.expected, 1, MOST_BYTES, file);
	assert_true(it.size > 0 && it.size < MOST_BYTES && it.expected[it.size - 1] == '\n');
	fclose(file);
	for (size_t i = 0; i < it.size; i++) {
		if (it.expected[i] == '\n') {
			it.expected[i] = '\0';
		}
	}
	return it;
}

void
record_line(record *it, const char *line)
{
	if (it->out != NULL) {
		fprintf(it->out, "%s\n", line);
		return;
	}
	const char *expected = it->position < it->size ? it->expected + it->position : "";
	it->position += strlen(expected) + 1;
	if (strcmp(expected, line) != 0 && it->num_differences++ < MOST_SHOWN) {
		print_error("on record: %s\nfound now: %s\n", expected, line);
	}
}

void
record_close(record *it)
{
	if (it->out != NULL) {
		assert_int_equal(fclose(it->out), 0);
		return;
	}
	bool ended = it->position == it->size;
	free(it->expected);
	if (it->num_differences > 0 || !ended) {
		print_error("%zu lines differ from %s%s\n", it->num_differences, it->path,
		            ended ? "" : ", which has more or fewer of them");
		fail();
	}
}
