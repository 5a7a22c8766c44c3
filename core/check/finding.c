/* finding.c: findings as text. */
#include "imago/finding.h"

#include <inttypes.h>
#include <stdarg.h>
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

__attribute__((format(printf, 2, 3))) static void
append(text_line *line, const char *format, ...)
{
	size_t used = line->length < line->size ? line->length : line->size;
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line->size > used ? line->text + used : NULL, line->size - used, format,
	                       arguments);
	va_end(arguments);
	line->length += length > 0 ? (size_t)length : 0;
}

size_t
imago_finding_format(const imago_finding *finding, const char *path, char *text, size_t size)
{
	const imago_rule *rule = finding->rule;
	text_line line = {.text = text, .size = size};
	append(&line, "%s", path);
	if (finding->part[0] != '\0') {
		append(&line, "/%s", finding->part);
	}
	if (finding->offset != IMAGO_NO_OFFSET) {
		append(&line, ":0x%" PRIx64, finding->offset);
	}
	append(&line, ": %s: %s: %s", imago_severity_name(rule->severity), rule->name, rule->summary);
	if (finding->slot != IMAGO_NO_SLOT) {
		append(&line, ": slot %" PRIu64 " of 0x%" PRIx64, finding->slot, finding->oop);
	} else if (finding->oop != 0) {
		append(&line, ": object 0x%" PRIx64, finding->oop);
	}
	append(&line, ": found 0x%" PRIx64, finding->found);
	if (finding->expected != IMAGO_NOTHING_EXPECTED) {
		append(&line, ", expected 0x%" PRIx64, finding->expected);
	}
	return line.length;
}
