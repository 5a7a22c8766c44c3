/* bundle.c: the files of a bundle, in place. */
#include "bundle.h"

#include <string.h>

#include "imago/checked.h"
#include "imago/folder.h"

enum { MAGIC_SIZE = 15, NUMBER_SIZE = 24 }; /* "imago folder 1\n" */

bool
bundle_list(subject *s)
{
	s->files =
	    imago_allocate_array(&s->allocator, MAX_SUBJECT_FILES, sizeof *s->files, "file list", NULL);
	if (s->files == NULL) {
		return false;
	}
	size_t at = MAGIC_SIZE;
	while (at < s->size && s->num_files < MAX_SUBJECT_FILES) {
		subject_file file = {.line = at};
		const uint8_t *space = memchr(s->bytes + at, ' ', s->size - at);
		if (space == NULL || (size_t)(space - s->bytes) - at >= IMAGO_PART_SIZE) {
			return false;
		}
		memcpy(file.name, s->bytes + at, (size_t)(space - s->bytes) - at);
		at = (size_t)(space - s->bytes) + 1;
		file.size_text = at;
		uint64_t size = 0;
		while (at < s->size && s->bytes[at] >= '0' && s->bytes[at] <= '9' && size <= s->size) {
			size = size * 10 + (uint64_t)(s->bytes[at++] - '0');
		}
		file.size_digits = at - file.size_text;
		if (at == s->size || s->bytes[at] != '\n' || !imago_range_fits(at + 1, size, s->size)) {
			return false;
		}
		file.content = at + 1;
		file.size = (size_t)size;
		s->files[s->num_files++] = file;
		at = file.content + file.size;
	}
	return at == s->size;
}

subject_file *
bundle_find(const subject *s, const char *name)
{
	for (size_t i = 0; i < s->num_files; i++) {
		if (strcmp(s->files[i].name, name) == 0) {
			return &s->files[i];
		}
	}
	return NULL;
}

static size_t
print_number(char *text, uint64_t value)
{
	char reversed[NUMBER_SIZE];
	size_t length = 0;
	do {
		reversed[length++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	for (size_t i = 0; i < length; i++) {
		text[i] = reversed[length - 1 - i];
	}
	return length;
}

/* Numbers are written signed, as wide as a word (composed.md §5). */
static size_t
print_signed(char text[NUMBER_SIZE], const subject *s, uint64_t value)
{
	const uint64_t top = subject_word(s) == 4 ? UINT32_MAX : UINT64_MAX;
	if (value <= top / 2 || value > top) {
		return print_number(text, value);
	}
	text[0] = '-';
	return 1 + print_number(text + 1, top - value + 1);
}

bool
bundle_replace(subject *s, size_t at, size_t length, const char *text, size_t text_length)
{
	/* Keep one byte of the old text in front, so that what starts at its place stays there. */
	if (length == 0 || text_length == 0 ||
	    !subject_splice(s, at + 1, length - 1, text_length - 1)) {
		return false;
	}
	memcpy(s->bytes + at, text, text_length);
	return true;
}

bool
bundle_frame(subject *s)
{
	bool ok = true;
	for (size_t i = 0; i < s->num_files; i++) {
		subject_file *file = &s->files[i];
		char text[NUMBER_SIZE];
		const size_t length = print_number(text, file->size);
		if (length != file->size_digits || memcmp(s->bytes + file->size_text, text, length) != 0) {
			if (bundle_replace(s, file->size_text, file->size_digits, text, length)) {
				file->size_digits = length;
			} else {
				ok = false;
			}
		}
	}
	return ok;
}

bool
bundle_find_number(const subject *s, const subject_file *file, const char *key, size_t *at,
                   size_t *length)
{
	const uint8_t *text = s->bytes + file->content;
	const size_t key_length = strlen(key);
	for (size_t i = 0; i + key_length + 1 < file->size; i++) {
		if (text[i] != '#' || memcmp(text + i + 1, key, key_length) != 0) {
			continue;
		}
		size_t j = i + 1 + key_length;
		while (j < file->size && (text[j] == ' ' || text[j] == ':')) {
			j++;
		}
		size_t start = j;
		while (j < file->size && (text[j] == '-' || (text[j] >= '0' && text[j] <= '9'))) {
			j++;
		}
		if (j > start && start > i + 1 + key_length) {
			*at = file->content + start;
			*length = j - start;
			return true;
		}
	}
	return false;
}

bool
bundle_set(subject *s, const char *name, const char *key, uint64_t value)
{
	const subject_file *file = bundle_find(s, name);
	size_t at;
	size_t length;
	char text[NUMBER_SIZE];
	if (file == NULL || !bundle_find_number(s, file, key, &at, &length)) {
		return false;
	}
	const size_t text_length = print_signed(text, s, value);
	if (text_length == length && memcmp(s->bytes + at, text, length) == 0) {
		return false;
	}
	return bundle_replace(s, at, length, text, text_length) && bundle_frame(s);
}
