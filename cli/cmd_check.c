/* cmd_check.c: the rules that images break. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "imago/packfile_check.h"
#include "imago/workspace.h"
#include "output.h"
#include "packfile_file.h"
#include "progress.h"
#include "raw_file.h"

enum {
	OPTION_JSON,
	OPTION_ONLY,
	OPTION_SKIP,
	OPTION_MAX_FINDINGS,
	OPTION_LIST_RULES,
	OPTION_THREADS,
	OPTION_CAREFUL,
	OPTION_LONG_DOUBLE,
	LINE_SIZE = 8192,
};

static const option_spec check_options[] = {
    [OPTION_JSON] = {"json", NULL, "print one JSON object a line", OPTION_FLAG, 0, 0},
    [OPTION_ONLY] = {"only", "RULE[,RULE]", "run these rules, or families of rules, alone",
                     OPTION_LIST, 0, 0},
    [OPTION_SKIP] = {"skip", "RULE[,RULE]", "leave these rules, or families, out", OPTION_LIST, 0,
                     0},
    [OPTION_MAX_FINDINGS] = {"max-findings", "N",
                             "print at most N findings of each file; all are counted",
                             OPTION_NUMBER, 1, 0},
    [OPTION_LIST_RULES] = {"list-rules", NULL, "print every rule, and check nothing", OPTION_FLAG,
                           0, 0},
    [OPTION_THREADS] = {"threads", "N", "check with N threads (default 1)", OPTION_NUMBER, 1, 256},
    [OPTION_CAREFUL] = {"careful", NULL, NULL, OPTION_FLAG, 0, 0},
    [OPTION_LONG_DOUBLE] = {"long-double", LONG_DOUBLE_WORDS, LONG_DOUBLE_HELP, OPTION_CHOICE, 0,
                            0},
};

/* What one file's findings need to be printed. */
typedef struct check_state {
	const char *path;
	bool json;
	const char *noun; /* of what num_objects counts */
	progress step;
	uint64_t num_printed;
} check_state;

static void
print_rule_json(const imago_rule *rule)
{
	json_object *object = json_object_new_object();
	json_object_object_add(object, "rule", json_object_new_string(rule->name));
	json_object_object_add(object, "severity",
	                       json_object_new_string(imago_severity_name(rule->severity)));
	json_object_object_add(object, "scope", json_object_new_string(imago_scope_name(rule->scope)));
	json_object_object_add(object, "needs",
	                       rule->needs != NULL ? json_object_new_string(rule->needs) : NULL);
	json_object_object_add(object, "summary", json_object_new_string(rule->summary));
	print_json_line(object);
}

static exit_status
list_rules(bool json)
{
	const imago_rule *rule;
	if (!json) {
		print("%-34s %-8s %-8s %-30s %s\n", "rule", "severity", "scope", "needs", "summary");
	}
	for (size_t i = 0; (rule = imago_rule_at(i)) != NULL; i++) {
		if (json) {
			print_rule_json(rule);
		} else {
			print("%-34s %-8s %-8s %-30s %s\n", rule->name, imago_severity_name(rule->severity),
			      imago_scope_name(rule->scope), rule->needs != NULL ? rule->needs : "-",
			      rule->summary);
		}
	}
	return EXIT_DONE;
}

/* True when name is that of a rule, or of a family: the part before a rule's dot. */
static bool
rule_is_known(const char *name)
{
	size_t length = strlen(name);
	const imago_rule *rule;
	for (size_t i = 0; (rule = imago_rule_at(i)) != NULL; i++) {
		if (strncmp(rule->name, name, length) == 0 &&
		    (rule->name[length] == '\0' || rule->name[length] == '.')) {
			return true;
		}
	}
	return false;
}

static bool
rules_are_known(const option_value *value)
{
	for (size_t i = 0; i < value->list_length; i++) {
		if (!rule_is_known(value->list[i])) {
			complain("check: no rule or family is called '%s' (see --list-rules)", value->list[i]);
			return false;
		}
	}
	return true;
}

static void
print_finding_json(const check_state *state, const imago_finding *finding)
{
	json_object *object = json_object_new_object();
	json_object_object_add(object, "file", json_name(state->path));
	if (finding->part[0] != '\0') {
		json_object_object_add(object, "part", json_object_new_string(finding->part));
	}
	if (finding->offset != IMAGO_NO_OFFSET) {
		json_object_object_add(object, "offset", json_object_new_uint64(finding->offset));
	}
	json_object_object_add(object, "severity",
	                       json_object_new_string(imago_severity_name(finding->rule->severity)));
	json_object_object_add(object, "rule", json_object_new_string(finding->rule->name));
	if (finding->oop != 0) {
		json_object_object_add(object, "oop", json_word(finding->oop));
	}
	if (finding->slot != IMAGO_NO_SLOT) {
		json_object_object_add(object, "slot", json_object_new_uint64(finding->slot));
	}
	json_object_object_add(object, "found", json_word(finding->found));
	if (finding->expected != IMAGO_NOTHING_EXPECTED) {
		json_object_object_add(object, "expected", json_word(finding->expected));
	}
	json_object_object_add(object, "summary", json_object_new_string(finding->rule->summary));
	print_json_line(object);
}

static bool
print_finding(const imago_finding *finding, void *payload)
{
	check_state *state = payload;
	progress_hold(&state->step);
	if (state->json) {
		print_finding_json(state, finding);
	} else {
		char line[LINE_SIZE];
		imago_finding_format(finding, state->path, line, sizeof line);
		print_name(line);
		print("\n");
	}
	state->num_printed++;
	progress_resume(&state->step);
	return !output_failed();
}

static void
print_count(uint64_t count, const char *noun)
{
	print(", %" PRIu64 " %s%s", count, noun, plural(count));
}

static void
print_summary(const check_state *state, const imago_check_summary *summary)
{
	uint64_t num_findings = summary->num_errors + summary->num_warnings + summary->num_infos;
	print_name(state->path);
	print(": %" PRIu64 " %s%s", summary->num_objects, state->noun, plural(summary->num_objects));
	print_count(summary->num_errors, "error");
	print_count(summary->num_warnings, "warning");
	if (summary->num_infos > 0) {
		print_count(summary->num_infos, "note");
	}
	if (summary->num_skipped_rules > 0) {
		print_count(summary->num_skipped_rules, "rule");
		print(" skipped");
	}
	if (state->num_printed < num_findings) {
		print(", %" PRIu64 " not shown", num_findings - state->num_printed);
	}
	print("\n");
}

static void
print_summary_json(const check_state *state, const imago_check_summary *summary)
{
	json_object *object = json_object_new_object();
	json_object_object_add(object, "file", json_name(state->path));
	char key[16];
	snprintf(key, sizeof key, "%ss", state->noun);
	json_object_object_add(object, key, json_object_new_uint64(summary->num_objects));
	json_object_object_add(object, "errors", json_object_new_uint64(summary->num_errors));
	json_object_object_add(object, "warnings", json_object_new_uint64(summary->num_warnings));
	json_object_object_add(object, "infos", json_object_new_uint64(summary->num_infos));
	json_object_object_add(object, "skippedRules",
	                       json_object_new_uint64(summary->num_skipped_rules));
	json_object_object_add(object, "findingsShown", json_object_new_uint64(state->num_printed));
	print_json_line(object);
}

/* The line of a file that could not be checked, so that each file has one whatever happened. */
static void
print_error_json(const char *path, const imago_error *error)
{
	json_object *object = json_object_new_object();
	json_object_object_add(object, "file", json_name(path));
	json_object_object_add(object, "status",
	                       json_object_new_string(imago_status_name(error->status)));
	if (error->part[0] != '\0') {
		json_object_object_add(object, "part", json_object_new_string(error->part));
	}
	if (error->offset != IMAGO_NO_OFFSET) {
		json_object_object_add(object, "offset", json_object_new_uint64(error->offset));
	}
	json_object_object_add(object, "what",
	                       error->what != NULL ? json_object_new_string(error->what) : NULL);
	json_object_object_add(object, "found", json_word(error->found));
	json_object_object_add(object, "limit", json_word(error->limit));
	print_json_line(object);
}

static imago_check_options
library_options(const command_line *line, check_state *state)
{
	const option_value *values = line->values;
	return (imago_check_options){
	    .only = values[OPTION_ONLY].list,
	    .num_only = values[OPTION_ONLY].list_length,
	    .skip = values[OPTION_SKIP].list,
	    .num_skip = values[OPTION_SKIP].list_length,
	    .max_findings = values[OPTION_MAX_FINDINGS].number,
	    .num_threads = (unsigned)values[OPTION_THREADS].number,
	    .careful = values[OPTION_CAREFUL].given,
	    .progress = progress_update,
	    .progress_payload = &state->step,
	};
}

static exit_status
print_end(const check_state *state, const imago_check_summary *summary)
{
	if (state->json) {
		print_summary_json(state, summary);
	} else {
		print_summary(state, summary);
	}
	return summary->num_errors > 0 ? EXIT_IMAGE : EXIT_DONE;
}

static exit_status
check_image(const command_line *line, const imago_image *image, check_state *state,
            imago_error *error)
{
	imago_check_options options = library_options(line, state);
	imago_check_sink sink;
	imago_check_sink_init(&sink, &options, print_finding, state);
	progress_begin(&state->step, "checking", state->path);
	imago_status status = imago_image_check(image, &sink, line->allocator, error);
	progress_end(&state->step);
	if (status != IMAGO_OK) {
		return complain_of_error(state->path, error);
	}
	memset(error, 0, sizeof *error);
	return print_end(state, &sink.summary);
}

static exit_status
check_packfile(const command_line *line, check_state *state, imago_error *error)
{
	packfile_file file;
	const imago_check_options options = library_options(line, state);
	imago_check_sink sink;
	exit_status result =
	    open_packfile(&file, state->path, long_double_of(&line->values[OPTION_LONG_DOUBLE]),
	                  line->allocator, error);
	if (result == EXIT_DONE) {
		state->noun = "segment";
		imago_check_sink_init(&sink, &options, print_finding, state);
		imago_packfile_check(&file.packfile, &sink);
		result = print_end(state, &sink.summary);
	}
	close_packfile(&file);
	return result;
}

static exit_status
check_workspace(const command_line *line, check_state *state, imago_error *error)
{
	raw_file file;
	const imago_check_options options = library_options(line, state);
	imago_check_sink sink;
	memset(error, 0, sizeof *error);
	exit_status result = raw_file_read(&file, state->path, 0, line->allocator);
	if (result == EXIT_DONE) {
		state->noun = "pocket";
		imago_check_sink_init(&sink, &options, print_finding, state);
		result =
		    imago_workspace_check(file.bytes, file.size, &sink, line->allocator, error) == IMAGO_OK
		        ? print_end(state, &sink.summary)
		        : complain_of_error(state->path, error);
	}
	raw_file_release(&file);
	return result;
}

static exit_status
check_file(const command_line *line, const char *path)
{
	check_state state = {.path = path, .json = line->values[OPTION_JSON].given, .noun = "object"};
	imago_error error;
	exit_status result;
	if (is_packfile(path)) {
		result = check_packfile(line, &state, &error);
	} else if (file_begins_as(path, imago_workspace_probe)) {
		result = check_workspace(line, &state, &error);
	} else {
		imago_image image;
		result = open_image(&image, path, line->allocator, &error);
		if (result == EXIT_DONE) {
			result = check_image(line, &image, &state, &error);
		}
		imago_image_close(&image);
	}
	if (state.json && error.status != IMAGO_OK) {
		print_error_json(path, &error);
	}
	return result;
}

static exit_status
run_check(const command_line *line)
{
	if (line->values[OPTION_LIST_RULES].given) {
		return list_rules(line->values[OPTION_JSON].given);
	}
	if (line->num_names == 0) {
		complain("check: too few names: it takes FILE...");
		return EXIT_TROUBLE;
	}
	if (!rules_are_known(&line->values[OPTION_ONLY]) ||
	    !rules_are_known(&line->values[OPTION_SKIP])) {
		return EXIT_TROUBLE;
	}
	exit_status result = EXIT_DONE;
	for (size_t i = 0; i < line->num_names; i++) {
		result = worse_status(result, check_file(line, line->names[i]));
	}
	return result;
}

const struct command check_command = {
    .name = "check",
    .arguments = "FILE...",
    .summary = "list the rules that images break",
    .description =
        "Prints one line for each finding, in the shape of a compiler's messages, and then one\n"
        "line for each file. A rule is named family.problem; a family's name stands for all its\n"
        "rules. Exit status 0: no errors (there may be warnings); 1: errors.",
    .examples = "  imago check *.image\n"
                "  imago check --only oop,header.dataSize --max-findings 10 broken.image\n"
                "  imago check --json big.image --threads 4 | grep '\"severity\": \"error\"'\n"
                "  imago check --list-rules",
    .options = check_options,
    .num_options = sizeof check_options / sizeof check_options[0],
    .run = run_check,
};
