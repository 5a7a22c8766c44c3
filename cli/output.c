/* output.c: messages and escaped text. */
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MESSAGE_SIZE = 8192, /* a longest path, and what is said of it */
	ERROR_SIZE = 512,
};

/* The only state of the command outside its stack. */
static struct {
	FILE *results;
	FILE *messages;
} streams;

void
set_output(FILE *results, FILE *messages)
{
	streams.results = results;
	streams.messages = messages;
}

static FILE *
result_stream(void)
{
	return streams.results != NULL ? streams.results : stdout;
}

FILE *
message_stream(void)
{
	return streams.messages != NULL ? streams.messages : stderr;
}

int
print(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const int length = vfprintf(result_stream(), format, arguments);
	va_end(arguments);
	return length;
}

void
print_bytes(const uint8_t *bytes, size_t size)
{
	(void)fwrite(bytes, 1, size, result_stream());
}

void
tell(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vfprintf(message_stream(), format, arguments);
	va_end(arguments);
}

bool
output_failed(void)
{
	return ferror(result_stream()) != 0;
}

void
flush_output(void)
{
	fflush(result_stream());
}

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static void
print_without_controls(FILE *stream, const char *text)
{
	for (; *text != '\0'; text++) {
		if (is_control(*text)) {
			fprintf(stream, "\\x%02x", (unsigned char)*text);
		} else {
			putc(*text, stream);
		}
	}
}

void
complain(const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list arguments;
	va_start(arguments, format);
	/* clang-tidy 14 does not see the va_start above. */
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	/* In order with what a terminal has been shown already. */
	flush_output();
	fputs("imago: ", message_stream());
	print_without_controls(message_stream(), message);
	putc('\n', message_stream());
}

/* What the library says of an error. Of a failed system call the system's own words are enough, and
 * of a wrong use its noun: the user made no call. */
static void
format_error(const imago_error *error, char *sentence, size_t size)
{
	bool plain =
	    error->what != NULL && (error->status == IMAGO_EUSAGE || error->status == IMAGO_EIO);
	if (!plain) {
		imago_error_format(error, sentence, size);
	} else {
		snprintf(sentence, size, "%s%s%s%s%s", error->part, error->part[0] != '\0' ? ": " : "",
		         error->what, error->os_error != 0 ? ": " : "",
		         error->os_error != 0 ? strerror(error->os_error) : "");
	}
}

exit_status
complain_of_error(const char *path, const imago_error *error)
{
	char sentence[ERROR_SIZE];
	format_error(error, sentence, sizeof sentence);
	bool in_part = error->part[0] != '\0';
	const char *joint = in_part ? "/" : error->offset != IMAGO_NO_OFFSET ? ":" : ": ";
	complain("%s%s%s", path != NULL ? path : "", path != NULL ? joint : "", sentence);
	switch (error->status) {
	case IMAGO_EUSAGE: /* of a path: it is nothing that could be read; of a part: no image folder */
		return in_part ? EXIT_IMAGE : EXIT_TROUBLE;
	case IMAGO_EIO:
	case IMAGO_ENOMEM:
	case IMAGO_EINTERNAL:
		return EXIT_TROUBLE;
	default:
		return EXIT_IMAGE;
	}
}

/* Writes how one byte is shown, at most 4 characters and a terminator. */
static void
escape_byte(uint8_t byte, char *shown)
{
	const char *letter = byte == '\n' ? "n" : byte == '\r' ? "r" : byte == '\t' ? "t" : NULL;
	if (letter != NULL || byte == '\\') {
		snprintf(shown, 5, "\\%s", letter != NULL ? letter : "\\");
	} else if (byte < 0x20 || byte > 0x7e) {
		snprintf(shown, 5, "\\x%02x", byte);
	} else {
		snprintf(shown, 5, "%c", byte);
	}
}

void
escape_text(const uint8_t *text, size_t length, char *line, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		char shown[5];
		escape_byte(text[i], shown);
		size_t shown_length = strlen(shown);
		if (used + shown_length >= size) {
			break;
		}
		memcpy(line + used, shown, shown_length);
		used += shown_length;
	}
	if (size > 0) {
		line[used] = '\0';
	}
}

void
print_name(const char *name)
{
	print_without_controls(result_stream(), name);
}

void
print_json_line(json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL) {
		print("%s\n", text);
	} else {
		complain("out of memory");
	}
	json_object_put(object);
}

/* The length of the UTF-8 character at text, or 0 when there is none. Overlong forms, surrogates
 * and what lies past U+10FFFF are none: strict parsers of JSON refuse the whole line for them. */
static size_t
utf8_length(const char *text)
{
	unsigned char first = (unsigned char)text[0];
	unsigned char second = first != 0 ? (unsigned char)text[1] : 0;
	size_t length = first < 0x80   ? 1
	                : first < 0xc2 ? 0
	                : first < 0xe0 ? 2
	                : first < 0xf0 ? 3
	                : first < 0xf5 ? 4
	                               : 0;
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
	    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return length;
}

static bool
is_utf8(const char *text)
{
	while (*text != '\0') {
		size_t length = utf8_length(text);
		if (length == 0) {
			return false;
		}
		text += length;
	}
	return true;
}

json_object *
json_name(const char *name)
{
	if (is_utf8(name)) {
		return json_object_new_string(name);
	}
	char escaped[MESSAGE_SIZE];
	escape_text((const uint8_t *)name, strlen(name), escaped, sizeof escaped);
	return json_object_new_string(escaped);
}

json_object *
json_word(uint64_t word)
{
	char text[32];
	snprintf(text, sizeof text, "0x%" PRIx64, word);
	return json_object_new_string(text);
}

bool
finish_output(void)
{
	errno = 0;
	if (fflush(result_stream()) == 0 && !output_failed()) {
		return true;
	}
	complain("standard output: %s",
	         errno != 0 ? strerror(errno) : "some of it could not be written");
	return false;
}

const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}
