/* command: the command imago, with any arguments and any file, in this process and in a temporary
 * folder (scratch.h).
 *
 * The input is a file, and behind it command lines: lines that begin with "$ ", such as "$ check
 * --json a". The file is called a; of a bundle the unpacked folder is there too, called f. Without
 * such lines, one of a table is run.
 *
 * Whatever is asked: the exit status is 0, 1 or 2, with a message where it is 2, and something said
 * where it is 1; messages begin with "imago: "; nothing printed holds a control character but line
 * ends; the length of all output is bounded; lines asked for in JSON are JSON; a command that only
 * reads says the same again; a file is changed by no command that fails, or that only reads; no
 * file appears that was not named, and none outside the folder; no descriptor stays open.
 *
 * Left out: reduce --command, which runs a shell; attach and workspace --processes, which fork; and
 * map --run, which maps more than --memory says. A crash within a command happens in the temporary
 * folder; where libFuzzer is given no -artifact_prefix, it leaves its input there. */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cli/imago_command.h"
#include "fuzz_input.h"
#include "fuzz_oracle.h"
#include "fuzz_target.h"
#include "imago/folder.h"
#include "scratch.h"

enum {
	STATUS,
	MESSAGE,
	PRINTABLE,
	BOUNDED,
	JSON,
	SAME_AGAIN,
	FILE_KEPT,
	CONFINED,
	CLOSED,
};

static const char *const oracles[] = {
    [STATUS] = "documented_status",
    [MESSAGE] = "failure_has_a_message",
    [PRINTABLE] = "no_control_characters",
    [BOUNDED] = "output_is_bounded",
    [JSON] = "json_lines_parse",
    [SAME_AGAIN] = "reading_twice_says_the_same",
    [FILE_KEPT] = "file_kept",
    [CONFINED] = "no_file_but_those_named",
    [CLOSED] = "descriptors_closed",
};
FUZZ_DECLARE_ORACLES("command", oracles);

enum {
	MAX_LINES = 4,
	LINE_SIZE = 512,
	MAX_WORDS = 24,
	ADDED_WORDS = 3, /* the program's name and the limits */
	LEAST_OUTPUT = 1 << 18,
	OUTPUT_PER_BYTE = 256, /* a finding's line for each 4-byte slot, and then some */
};

/* Whole commands for images that bring none. */
static const char *const usual_lines[] = {
    "check --json a",
    "info --all a",
    "info --json a f",
    "info --json a",
    "check --json f",
    "check --max-findings 3 --skip oop a f missing",
    "digest a f",
    "diff --max-differences 9 a f",
    "dump a special",
    "dump a @0x200",
    "convert --byte-order big a b",
    "convert --to composed --segments 3 a b",
    "convert --to spur64 a a",
    "convert --base 0x40000000 f b.bundle",
    "set a b hdrNumStackPages=7",
    "set --force a a dataSize=0x10",
    "mutate --seed 5 a b",
    "reduce --rule oop a b",
    "reduce --rule header a b",
    "make --layout v3be --objects 200 a",
};

enum { NUM_USUAL = sizeof usual_lines / sizeof usual_lines[0] };

/* One command line. */
typedef struct line {
	char text[LINE_SIZE];
	char words_text[LINE_SIZE + 1]; /* the words, cut apart; the command may cut them further */
	char *words[ADDED_WORDS + MAX_WORDS + 1];
	int num_words; /* with the program's name in front */
} line;

/* What a command printed. */
typedef struct outcome {
	int status;
	char *out, *err;
	size_t out_size, err_size;
} outcome;

/* Makes a word harmless: no path that leads out of the folder. */
static void
confine(char *word)
{
	for (char *at = word; *at != '\0'; at++) {
		const bool first = at == word || strchr("=/:@", at[-1]) != NULL;
		if ((*at == '/' && first) || (at[0] == '.' && at[1] == '.')) {
			*at = '_';
		}
	}
}

static bool
has_word(const line *l, const char *word)
{
	for (int i = 1; i < l->num_words; i++) {
		if (strcmp(l->words[i], word) == 0) {
			return true;
		}
	}
	return false;
}

/* Limits come last, so that they count; behind "--" they are names, and one too many for all
 * commands that could need much. */
static void
add_limits(line *l)
{
	static char memory[] = "--memory=4M";
	static char attempts[] = "--attempts=20";
	if (l->num_words > 1) {
		if (has_word(l, "reduce")) {
			l->words[l->num_words++] = attempts;
		}
		l->words[l->num_words++] = memory;
	}
	l->words[l->num_words] = NULL;
}

static void
split(line *l)
{
	static char program[] = "imago";
	l->num_words = 0;
	l->words[l->num_words++] = program;
	memcpy(l->words_text, l->text, sizeof l->text);
	char *rest = l->words_text;
	char *word;
	while (l->num_words <= MAX_WORDS && (word = strtok_r(NULL, " ", &rest)) != NULL) {
		confine(word);
		/* --command and --run, and what they may be shortened to; a command that forks. */
		const bool runs_shell = strncmp(word, "--c", 3) == 0 && strstr(l->text, "reduce") != NULL;
		const bool maps_more = strncmp(word, "--r", 3) == 0 && strstr(l->text, "map") != NULL;
		const bool forks = strncmp(word, "--p", 3) == 0 && strstr(l->text, "workspace") != NULL;
		if (!runs_shell && !maps_more && !forks && strcmp(word, "attach") != 0) {
			l->words[l->num_words++] = word;
		}
	}
	add_limits(l);
}

static outcome
run(line *l)
{
	outcome result = {.status = -1};
	split(l);
	FILE *out = open_memstream(&result.out, &result.out_size);
	FILE *err = open_memstream(&result.err, &result.err_size);
	FUZZ_ASSERT(out != NULL && err != NULL);
	scratch_enter();
	result.status = imago_command(l->num_words, l->words, out, err);
	scratch_leave();
	FUZZ_ASSERT(fclose(out) == 0 && fclose(err) == 0);
	split(l); /* as they were: the command permutes them */
	return result;
}

static void
release(outcome *result)
{
	free(result->out);
	free(result->err);
}

static bool
is_printable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const unsigned char c = (unsigned char)text[i];
		if ((c < 0x20 && c != '\n') || c == 0x7f) {
			return false;
		}
	}
	return true;
}

/* Every line is one JSON object and nothing else. */
static bool
is_json(const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	FUZZ_ASSERT(tokener != NULL);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	bool good = true;
	while (good && *text != '\0') {
		const char *end = strchr(text, '\n');
		json_tokener_reset(tokener);
		json_object *value =
		    end == NULL ? NULL : json_tokener_parse_ex(tokener, text, (int)(end - text));
		good = value != NULL && json_object_is_type(value, json_type_object);
		json_object_put(value);
		text = end != NULL ? end + 1 : text;
	}
	json_tokener_free(tokener);
	return good;
}

/* True when the words ask for JSON, and the command understood them so. */
static bool
asked_for_json(const line *l, const outcome *result)
{
	for (int i = 1; i < l->num_words && strcmp(l->words[i], "--") != 0; i++) {
		if (strcmp(l->words[i], "--json") == 0) {
			return strncmp(result->out, "Usage:", 6) != 0;
		}
	}
	return false;
}

static void
expect_proper_output(const line *l, const outcome *result)
{
	const int status = result->status;
	FUZZ_ORACLE(STATUS, status >= 0 && status <= 2);
	if (status == 2) {
		FUZZ_ORACLE(MESSAGE, result->err_size > 0);
	} else if (status == 1) {
		FUZZ_ORACLE(MESSAGE, result->err_size + result->out_size > 0);
	}
	if (result->err_size > 0) {
		FUZZ_ORACLE(MESSAGE, strncmp(result->err, "imago: ", 7) == 0);
	}
	/* A program prints what it likes. */
	if (!has_word(l, "run")) {
		FUZZ_ORACLE(PRINTABLE, is_printable(result->out, result->out_size));
	}
	FUZZ_ORACLE(PRINTABLE, is_printable(result->err, result->err_size));
	/* A file may be named several times. */
	const uint64_t limit = LEAST_OUTPUT + OUTPUT_PER_BYTE * (uint64_t)l->num_words * scratch_size();
	FUZZ_ORACLE(BOUNDED, result->out_size + result->err_size <= limit);
	if (asked_for_json(l, result)) {
		FUZZ_ORACLE(JSON, is_json(result->out));
	}
}

/* The commands that write nothing. */
static bool
only_reads(const line *l)
{
	static const char *const names[] = {"info", "check", "digest", "diff", "dump"};
	for (size_t i = 0; l->num_words > 1 && i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(l->words[1], names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void
expect_same_again(line *l, const outcome *result)
{
	outcome again = run(l);
	FUZZ_ORACLE(SAME_AGAIN, again.status == result->status && again.out_size == result->out_size &&
	                            again.err_size == result->err_size &&
	                            memcmp(again.out, result->out, again.out_size) == 0 &&
	                            memcmp(again.err, result->err, again.err_size) == 0);
	release(&again);
}

static bool
is_name_in(const line *l, const char *name)
{
	for (int i = 1; i < l->num_words; i++) {
		const char *word = l->words[i];
		const char *argument = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
		word = argument != NULL ? argument + 1 : word;
		const char *begin = word;
		while (strncmp(word, "./", 2) == 0 || (word != begin && *word == '/')) {
			word += *word == '/' ? 1 : 2;
		}
		const size_t length = strlen(name);
		if (strncmp(word, name, length) == 0 && (word[length] == '\0' || word[length] == '/')) {
			return true;
		}
	}
	return false;
}

/* The file called a, as the last successful command that could write left it. */
typedef struct known_file {
	const uint8_t *bytes; /* of the input, or NULL: whatever a command made of it */
	size_t size;
} known_file;

static void
expect_kept(const line *l, const outcome *result, known_file *file)
{
	if (file->bytes == NULL) {
		return;
	}
	if (result->status != 0 || only_reads(l) || !is_name_in(l, "a")) {
		FUZZ_ORACLE(FILE_KEPT, scratch_holds("a", file->bytes, file->size));
	} else if (!scratch_holds("a", file->bytes, file->size)) {
		file->bytes = NULL;
	}
}

/* Lines of this run, to know which names they hold. */
typedef struct script {
	line lines[MAX_LINES];
	size_t num_lines;
} script;

static bool
is_expected(const char *name, void *payload)
{
	const script *commands = payload;
	if (strcmp(name, "a") == 0 || strcmp(name, "f") == 0) {
		return true;
	}
	for (size_t i = 0; i < commands->num_lines; i++) {
		if (is_name_in(&commands->lines[i], name)) {
			return true;
		}
	}
	return false;
}

/* The lowest descriptor that is free. */
static int
free_descriptor(void)
{
	const int descriptor = dup(scratch_folder()->folder);
	FUZZ_ASSERT(descriptor >= 0 && close(descriptor) == 0);
	return descriptor;
}

/* Cuts the command lines off the end of the input; returns the size of the file before them. */
static size_t
take_lines(script *commands, const uint8_t *data, size_t size)
{
	commands->num_lines = 0;
	size_t end = size;
	while (end > 0 && commands->num_lines < MAX_LINES) {
		size_t start = end - 1; /* over the line's end */
		const size_t length_limit = start > LINE_SIZE ? start - LINE_SIZE : 0;
		while (start > length_limit && data[start - 1] != '\n') {
			start--;
		}
		size_t length = end - start;
		length -= data[end - 1] == '\n';
		if ((start > 0 && data[start - 1] != '\n') || length < 2 || length - 2 >= LINE_SIZE ||
		    memcmp(data + start, "$ ", 2) != 0 || memchr(data + start, '\0', length) != NULL) {
			break;
		}
		/* From behind; put into order below. */
		line *l = &commands->lines[commands->num_lines++];
		memset(l, 0, sizeof *l);
		memcpy(l->text, data + start + 2, length - 2);
		end = start;
	}
	for (size_t i = 0; i < commands->num_lines / 2; i++) {
		const line other = commands->lines[i];
		commands->lines[i] = commands->lines[commands->num_lines - 1 - i];
		commands->lines[commands->num_lines - 1 - i] = other;
	}
	return end;
}

static void
use_usual_line(script *commands, const uint8_t *data, size_t size)
{
	/* By the tail; and by the size, so that images that end alike are not all asked the same. */
	fuzz_input input = fuzz_input_of(data, size);
	const size_t index = (fuzz_choose(&input, 256) + size / 4) % NUM_USUAL;
	line *l = &commands->lines[0];
	memset(l, 0, sizeof *l);
	memcpy(l->text, usual_lines[index], strlen(usual_lines[index]));
	commands->num_lines = 1;
}

/* The file a, and the folder f of a bundle. */
static void
write_files(const uint8_t *data, size_t size)
{
	imago_allocator allocator;
	imago_error error;
	imago_folder folder;
	scratch_empty();
	scratch_write("a", data, size);
	imago_allocator_init(&allocator, IMAGO_UNLIMITED);
	imago_folder_init(&folder, &allocator);
	if (imago_folder_is_bundle(data, size) &&
	    imago_folder_unpack(&folder, data, size, &error) == IMAGO_OK) {
		scratch_make_folder("f");
		for (size_t i = 0; i < folder.num_files; i++) {
			char path[2 + sizeof folder.files[i].name];
			snprintf(path, sizeof path, "f/%s", folder.files[i].name);
			scratch_write(path, folder.files[i].bytes, (size_t)folder.files[i].size);
		}
	}
	imago_folder_release(&folder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script commands;
	const size_t file_size = take_lines(&commands, data, size);
	known_file file = {data, file_size};
	if (commands.num_lines == 0) {
		use_usual_line(&commands, data, size);
	}
	write_files(data, file_size);
	for (size_t i = 0; i < commands.num_lines; i++) {
		split(&commands.lines[i]);
	}
	const int descriptor = free_descriptor();
	for (size_t i = 0; i < commands.num_lines; i++) {
		line *l = &commands.lines[i];
		outcome result = run(l);
		expect_proper_output(l, &result);
		expect_kept(l, &result, &file);
		if (only_reads(l)) {
			expect_same_again(l, &result);
		}
		release(&result);
		FUZZ_ORACLE(CONFINED, scratch_names(is_expected, &commands) && scratch_is_alone());
		FUZZ_ORACLE(CLOSED, free_descriptor() == descriptor);
	}
	scratch_empty();
	return 0;
}
