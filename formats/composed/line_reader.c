/* line_reader.c: the VM's scan of "\t#%s : %d" over lines, restated with bounds. */
#include "line_reader.h"

#include <stdbool.h>
#include <string.h>

#include "../../core/base/planted.h"
#include "metadata.h"

enum { LONGEST_LINE = 1023, LONGEST_WORD = 254 };

typedef struct line {
	const uint8_t *text;
	uint64_t size;
	uint64_t position;
} line;

/* What the scan has filled in so far; both outlive a line that does not fit. */
typedef struct assignment {
	char name[LONGEST_WORD + 1];
	int64_t value;
} assignment;

static bool
is_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void
skip_space(line *at)
{
	while (at->position < at->size && is_space(at->text[at->position])) {
		at->position++;
	}
}

static bool
skip_character(line *at, char character)
{
	skip_space(at);
	if (at->position == at->size || at->text[at->position] != (uint8_t)character) {
		return false;
	}
	at->position++;
	return true;
}

/* The next line without its end. A CR ends a line too and takes a second CR with it; a line of
 * LONGEST_LINE characters ends there. Moves *position past it. */
static line
next_line(const uint8_t *text, uint64_t size, uint64_t *position)
{
	line result = {.text = text + *position};
	while (*position < size && result.size < LONGEST_LINE) {
		uint8_t byte = text[(*position)++];
		if (byte == '\n') {
			break;
		}
		if (byte == '\r') {
			if (*position < size && text[*position] == '\r') {
				(*position)++;
			}
			break;
		}
		result.size++;
	}
	return result;
}

/* %s: up to the next white space. A word too long for the VM's buffer is cut here. */
static bool
scan_word(line *at, char word[LONGEST_WORD + 1])
{
	size_t length = 0;
	skip_space(at);
	if (at->position == at->size) {
		return false;
	}
	while (at->position < at->size && !is_space(at->text[at->position])) {
		bool fits = length < LONGEST_WORD;
		if (IMAGO_BUG(line_reader_word, !fits) || fits) {
			word[length++] = (char)at->text[at->position];
		}
		at->position++;
	}
	word[length] = '\0';
	return true;
}

/* %d of a word: clamped to what a signed word holds. */
static void
scan_number(line *at, imago_layout layout, int64_t *value)
{
	skip_space(at);
	bool negative = at->position < at->size && at->text[at->position] == '-';
	at->position += negative; /* the grammar that was read before has no + */
	uint64_t limit = imago_composed_signed_limit(layout) + (negative ? 1 : 0);
	uint64_t magnitude = 0;
	bool any = false;
	while (at->position < at->size && at->text[at->position] >= '0' &&
	       at->text[at->position] <= '9') {
		uint64_t digit = at->text[at->position] - (uint64_t)'0';
		magnitude = magnitude > (limit - digit) / 10 ? limit : magnitude * 10 + digit;
		any = true;
		at->position++;
	}
	if (any) {
		*value = negative && magnitude != 0 ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
	}
}

static void
scan_field(line at, imago_layout layout, assignment *last)
{
	if (skip_character(&at, '#') && scan_word(&at, last->name) && skip_character(&at, ':')) {
		scan_number(&at, layout, &last->value);
	}
}

int64_t
imago_composed_line_reader_value(const uint8_t *text, uint64_t size, const char *name,
                                 imago_layout layout)
{
	assignment last = {.name = ""};
	int64_t value = 0;
	uint64_t position = 0;
	(void)next_line(text, size, &position); /* the name of the structure, not compared */
	do {
		scan_field(next_line(text, size, &position), layout, &last);
		if (strcmp(last.name, name) == 0) {
			value = last.value;
		}
	} while (position < size && text[position] != '}');
	return value;
}
