/* witness.c: inputs described by their difference from files of the corpus. */
#include "witness.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATH = 512, MAX_SIZE = 1 << 24, LONGEST_GAP = 8 };

bool
witness_read_file(witness *out, const char *path)
{
	FILE *file = fopen(path, "rb");
	*out = (witness){NULL, 0};
	if (file == NULL) {
		return false;
	}
	const long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
	if (size >= 0 && size <= MAX_SIZE) {
		out->bytes = malloc((size_t)size + 1);
		rewind(file);
	}
	if (out->bytes != NULL) {
		out->size = fread(out->bytes, 1, (size_t)size, file);
	}
	const bool whole = out->bytes != NULL && out->size == (size_t)size;
	(void)fclose(file);
	if (!whole) {
		witness_release(out);
	}
	return whole;
}

void
witness_release(witness *input)
{
	free(input->bytes);
	*input = (witness){NULL, 0};
}

/* Exactly size bytes, so that a sanitizer sees a read past the end. */
static bool
resize(witness *input, size_t size)
{
	uint8_t *bytes = calloc(1, size > 0 ? size : 1);
	if (bytes == NULL) {
		return false;
	}
	memcpy(bytes, input->bytes, size < input->size ? size : input->size);
	free(input->bytes);
	*input = (witness){bytes, size};
	return true;
}

static int
digit_of(int character)
{
	return isdigit(character) ? character - '0' : character - 'a' + 10;
}

/* The lines "OFFSET HEX". */
static bool
apply_changes(FILE *text, witness *input)
{
	size_t offset = 0;
	while (fscanf(text, "%zu ", &offset) == 1) {
		int high = fgetc(text);
		for (; isxdigit(high); high = fgetc(text)) {
			const int low = fgetc(text);
			if (!isxdigit(low) || offset >= input->size) {
				return false;
			}
			input->bytes[offset++] = (uint8_t)(digit_of(high) << 4 | digit_of(low));
		}
		if (high != '\n') {
			return false;
		}
	}
	return feof(text) != 0;
}

bool
witness_read(witness *out, const char *path)
{
	char base[MAX_PATH];
	size_t size = 0;
	FILE *text = fopen(path, "r");
	*out = (witness){NULL, 0};
	if (text == NULL) {
		return false;
	}
	const bool done = fscanf(text, "%511s %zu", base, &size) == 2 && size <= MAX_SIZE &&
	                  witness_read_file(out, base) && resize(out, size) && apply_changes(text, out);
	(void)fclose(text);
	if (!done) {
		witness_release(out);
	}
	return done;
}

static uint8_t
byte_at(const witness *input, size_t offset)
{
	return offset < input->size ? input->bytes[offset] : 0;
}

bool
witness_print(const char *base, const witness *input)
{
	witness from;
	if (!witness_read_file(&from, base)) {
		return false;
	}
	printf("%s\n%zu\n", base, input->size);
	size_t offset = 0;
	while (offset < input->size) {
		if (byte_at(&from, offset) == input->bytes[offset]) {
			offset++;
			continue;
		}
		/* A run of changes ends where some bytes in a row stay as they are. */
		size_t end = offset;
		for (size_t i = offset; i < input->size && i <= end + LONGEST_GAP; i++) {
			end = byte_at(&from, i) != input->bytes[i] ? i : end;
		}
		printf("%zu ", offset);
		for (; offset <= end; offset++) {
			printf("%02x", input->bytes[offset]);
		}
		printf("\n");
	}
	witness_release(&from);
	return true;
}
