/* finding.c: findings as text. */
#include "imago/finding.h"

#include <inttypes.h>
#include <stdio.h>

const char *
imago_severity_name(imago_severity severity)
{
	switch (severity) {
	case IMAGO_INFO:
		return "info";
	case IMAGO_WARNING:
		return "warning";
	case IMAGO_ERROR:
		return "error";
	}
	return "?";
}

const char *
imago_scope_name(imago_scope scope)
{
	static const char *const names[] = {
	    [IMAGO_SCOPE_FILE] = "file",       [IMAGO_SCOPE_HEADER] = "header",
	    [IMAGO_SCOPE_SEGMENT] = "segment", [IMAGO_SCOPE_OBJECT] = "object",
	    [IMAGO_SCOPE_SLOT] = "slot",       [IMAGO_SCOPE_CLASS] = "class",
	    [IMAGO_SCOPE_METHOD] = "method",   [IMAGO_SCOPE_ROOTS] = "roots",
	    [IMAGO_SCOPE_SPACE] = "space",     [IMAGO_SCOPE_FOLDER] = "folder",
	};
	size_t index = (size_t)scope;
	return index < sizeof names / sizeof names[0] ? names[index] : "?";
}

/* A line that is cut at its end, and knows how long it would have become. */
typedef struct text_line {
	char *text;
	size_t size;
	size_t length;
} text_line;

static void
append(text_line *line, const char *text)
{
	for (; *text != '\0'; text++) {
		if (line->length + 1 < line->size) {
			line->text[line->length] = *text;
			line->text[line->length + 1] = '\0';
		}
		line->length++;
	}
}

static void
append_hex(text_line *line, const char *before, uint64_t number)
{
	char digits[32];
	snprintf(digits, sizeof digits, "0x%" PRIx64, number);
	append(line, before);
	append(line, digits);
}

size_t
imago_finding_format(const imago_finding *finding, const char *path, char *line, size_t size)
{
	const imago_rule *rule = finding->rule;
	text_line out = {.size = size};
	out.text = line;
	append(&out, path);
	if (finding->part[0] != '\0') {
		append(&out, "/");
		append(&out, finding->part);
	}
	if (finding->offset != IMAGO_NO_OFFSET) {
		append_hex(&out, ":", finding->offset);
	}
	const char *const words[] = {
	    ": ", imago_severity_name(rule->severity), ": ", rule->name, ": ", rule->summary};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		append(&out, words[i]);
	}
	if (finding->slot != IMAGO_NO_SLOT) {
		char slot[32];
		snprintf(slot, sizeof slot, ": slot %" PRIu64, finding->slot);
		append(&out, slot);
		append_hex(&out, " of ", finding->oop);
	} else if (finding->oop != 0) {
		append_hex(&out, ": object ", finding->oop);
	}
	append_hex(&out, ": found ", finding->found);
	if (finding->expected != IMAGO_NOTHING_EXPECTED) {
		append_hex(&out, ", expected ", finding->expected);
	}
	return out.length;
}
