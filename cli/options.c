/* options.c: getopt_long driven by the tables of the commands.
 *
 * The option string begins with a dash, so that names are handed over in order wherever they stand,
 * also when POSIXLY_CORRECT is set.
 */
#include "options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "imago/checked.h"
#include "output.h"

enum {
	FIRST_OPTION = 256, /* getopt's value of the command's first option */
	MEMORY_OPTION = FIRST_OPTION + MAX_OPTIONS,
	HELP_COLUMN = 26,
};

static int
digit_value(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	if (digit >= 'a' && digit <= 'f') {
		return digit - 'a' + 10;
	}
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : 16;
}

static bool
apply_suffix(char suffix, uint64_t *number)
{
	const char *suffixes = "KMGT";
	const char *found = strchr(suffixes, suffix >= 'a' ? suffix - 'a' + 'A' : suffix);
	if (found == NULL) {
		return false;
	}
	return imago_checked_multiply(*number, UINT64_C(1024) << (10 * (found - suffixes)), number);
}

bool
parse_number(const char *text, bool with_suffix, uint64_t *number)
{
	uint64_t base = 10;
	uint64_t value = 0;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	const char *first = text;
	while ((uint64_t)digit_value(*text) < base) {
		if (!imago_checked_multiply(value, base, &value) ||
		    !imago_checked_add(value, (uint64_t)digit_value(*text), &value)) {
			return false;
		}
		text++;
	}
	if (text == first) {
		return false;
	}
	if (with_suffix && *text != '\0' && !apply_suffix(*text++, &value)) {
		return false;
	}
	*number = value;
	return *text == '\0';
}

/* The index of word in "little|big", or -1. */
static int
choice_index(const char *choices, const char *word)
{
	size_t length = strlen(word);
	int index = 0;
	for (const char *choice = choices; choice != NULL; index++) {
		const char *bar = strchr(choice, '|');
		size_t choice_length = bar != NULL ? (size_t)(bar - choice) : strlen(choice);
		if (choice_length == length && memcmp(choice, word, length) == 0) {
			return index;
		}
		choice = bar != NULL ? bar + 1 : NULL;
	}
	return -1;
}

/* Appends to an array of pointers that grows by doubling. */
static bool
push_text(imago_allocator *allocator, const char ***texts, size_t *length, size_t *capacity,
          const char *text)
{
	if (*length == *capacity) {
		size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
		imago_error error = {0};
		const char **grown = imago_resize(allocator, (void *)*texts, *capacity * sizeof(char *),
		                                  wanted * sizeof(char *), "command line", &error);
		if (grown == NULL) {
			complain_of_error(NULL, &error);
			return false;
		}
		*texts = grown;
		*capacity = wanted;
	}
	(*texts)[(*length)++] = text;
	return true;
}

static bool
complain_of_argument(const struct command *command, const option_spec *spec, const char *argument)
{
	if (spec->kind == OPTION_CHOICE) {
		complain("%s: --%s: '%s' is not one of %s", command->name, spec->name, argument,
		         spec->argument);
	} else if (spec->kind == OPTION_LIST) {
		complain("%s: --%s: '%s' names nothing", command->name, spec->name, argument);
	} else if (spec->max != 0) {
		complain("%s: --%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, command->name,
		         spec->name, argument, spec->min, spec->max);
	} else {
		complain("%s: --%s: '%s' is not a number%s%s", command->name, spec->name, argument,
		         spec->min != 0 ? " above 0" : "",
		         spec->kind == OPTION_SIZE ? " (K, M, G or T may stand behind it)" : "");
	}
	return false;
}

/* Cuts "a,b,c" apart in place. */
static bool
parse_list(command_line *line, const option_spec *spec, option_value *value, char *names)
{
	if (names[strspn(names, ",")] == '\0') {
		return complain_of_argument(line->command, spec, names);
	}
	while (names != NULL) {
		char *comma = strchr(names, ',');
		if (comma != NULL) {
			*comma = '\0';
		}
		if (*names != '\0' && !push_text(line->allocator, &value->list, &value->list_length,
		                                 &value->list_capacity, names)) {
			return false;
		}
		names = comma != NULL ? comma + 1 : NULL;
	}
	return true;
}

static bool
parse_argument(command_line *line, const option_spec *spec, option_value *value, char *argument)
{
	int choice = -1;
	value->given = true;
	value->text = argument;
	switch (spec->kind) {
	case OPTION_FLAG:
	case OPTION_TEXT:
		return true;
	case OPTION_LIST:
		return parse_list(line, spec, value, argument);
	case OPTION_CHOICE:
		choice = choice_index(spec->argument, argument);
		if (choice < 0) {
			return complain_of_argument(line->command, spec, argument);
		}
		value->number = (uint64_t)choice;
		return true;
	default:
		if (!parse_number(argument, spec->kind == OPTION_SIZE, &value->number) ||
		    value->number < spec->min || (spec->max != 0 && value->number > spec->max)) {
			return complain_of_argument(line->command, spec, argument);
		}
		return true;
	}
}

static void
fill_long_options(const struct command *command, struct option *longs)
{
	static const struct option help = {"help", no_argument, NULL, 'h'};
	static const struct option memory = {"memory", required_argument, NULL, MEMORY_OPTION};
	static const struct option end = {NULL, 0, NULL, 0};
	size_t i = 0;
	for (; i < command->num_options && i < MAX_OPTIONS; i++) {
		longs[i].name = command->options[i].name;
		longs[i].has_arg =
		    command->options[i].kind == OPTION_FLAG ? no_argument : required_argument;
		longs[i].flag = NULL;
		longs[i].val = FIRST_OPTION + (int)i;
	}
	longs[i] = help;
	longs[i + 1] = memory;
	longs[i + 2] = end;
}

/* Sets the budget of everything that reads, checks and writes images. */
static bool
parse_memory(imago_allocator *allocator, const char *argument)
{
	uint64_t budget = 0;
	if (!parse_number(argument, true, &budget) || budget == 0) {
		complain("--memory: '%s' is not a number above 0 (K, M, G or T may stand behind it)",
		         argument);
		return false;
	}
	allocator->budget = budget;
	return true;
}

static parse_result
wrong_option(const struct command *command, int option, const char *argument)
{
	const char *problem = "unknown or ambiguous option";
	if (option == ':') {
		problem = "an argument is missing behind";
	} else if (optopt >= FIRST_OPTION || (optopt != 0 && strchr(argument, '=') != NULL)) {
		problem = "no argument is allowed in";
	}
	complain("%s: %s '%s'", command->name, problem, argument);
	return PARSE_WRONG;
}

/* Takes one thing from getopt: a name, or an option with its argument. */
static bool
take_option(command_line *line, int option)
{
	if (option == 1) {
		return push_text(line->allocator, &line->names, &line->num_names, &line->name_capacity,
		                 optarg);
	}
	if (option == MEMORY_OPTION) {
		return parse_memory(line->allocator, optarg);
	}
	int index = option - FIRST_OPTION;
	return parse_argument(line, &line->command->options[index], &line->values[index], optarg);
}

/* optind is 0 before the first call. */
static const char *
next_argument(int argc, char **argv)
{
	const int next = optind > 0 ? optind : 1;
	return next < argc ? argv[next] : "";
}

static parse_result
parse_options(command_line *line, int argc, char **argv)
{
	const struct command *command = line->command;
	struct option longs[MAX_OPTIONS + 3];
	fill_long_options(command, longs);
	optind = 0; /* forgets also a cluster of short options that an earlier call broke off in */
	opterr = 0;
	for (;;) {
		/* What getopt is about to look at, for messages. */
		const char *argument = next_argument(argc, argv);
		int option = getopt_long(argc, argv, "-:h", longs, NULL);
		if (option == -1) {
			break;
		}
		if (option == 'h') {
			return PARSE_HELP;
		}
		if (option == '?' || option == ':') {
			return wrong_option(command, option, argument);
		}
		if (!take_option(line, option)) {
			return PARSE_WRONG;
		}
	}
	for (; optind < argc; optind++) { /* behind "--" */
		if (!push_text(line->allocator, &line->names, &line->num_names, &line->name_capacity,
		               argv[optind])) {
			return PARSE_WRONG;
		}
	}
	return PARSE_RUN;
}

parse_result
command_line_parse(command_line *line, const struct command *command, int argc, char **argv)
{
	line->command = command;
	parse_result result = parse_options(line, argc, argv);
	if (result == PARSE_RUN && command->max_names != 0 && line->num_names > command->max_names) {
		complain("%s: one name too many: '%s'", command->name, line->names[command->max_names]);
		result = PARSE_WRONG;
	}
	if (result == PARSE_RUN && line->num_names < command->min_names) {
		complain("%s: too few names: it takes %s", command->name, command->arguments);
		result = PARSE_WRONG;
	}
	if (result == PARSE_WRONG) {
		tell("Try 'imago %s --help'.\n", command->name);
	}
	return result;
}

void
command_line_release(command_line *line)
{
	for (size_t i = 0; i < MAX_OPTIONS; i++) {
		option_value *value = &line->values[i];
		imago_release(line->allocator, (void *)value->list, value->list_capacity * sizeof(char *));
	}
	imago_release(line->allocator, (void *)line->names, line->name_capacity * sizeof(char *));
}

static void
print_option(const char *name, const char *argument, const char *help)
{
	int width =
	    print("  --%s%s%s", name, argument != NULL ? " " : "", argument != NULL ? argument : "");
	if (width + 2 > HELP_COLUMN) {
		print("\n");
		width = 0;
	}
	print("%*s", HELP_COLUMN - (width < 0 ? 0 : width), "");
	for (const char *at = help; *at != '\0'; at++) {
		print("%c", *at);
		if (*at == '\n') {
			print("%*s", HELP_COLUMN, "");
		}
	}
	print("\n");
}

void
print_command_help(const struct command *command)
{
	print("Usage: imago %s [options] %s\n\n%s\n\nOptions:\n", command->name, command->arguments,
	      command->description);
	for (size_t i = 0; i < command->num_options; i++) {
		const option_spec *spec = &command->options[i];
		if (spec->help != NULL) {
			print_option(spec->name, spec->argument, spec->help);
		}
	}
	print_option("memory", "BYTES", "use at most so much memory for images (K, M, G, T)");
	print_option("help", NULL, "print this");
	print("\nExamples:\n%s\n", command->examples);
}
