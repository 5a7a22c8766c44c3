/* cmd_reduce.c: the smallest image that still does it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "imago/check.h"
#include "imago/image.h"
#include "imago/mutate.h"
#include "output.h"
#include "progress.h"
#include "raw_file.h"

enum { OPTION_RULE, OPTION_COMMAND, OPTION_ATTEMPTS, MAX_PATH = 4096, SHELL_TROUBLE = 126 };

static const option_spec reduce_options[] = {
    [OPTION_RULE] = {"rule", "RULE", "keep what breaks this rule, or one of this family",
                     OPTION_TEXT, 0, 0},
    [OPTION_COMMAND] = {"command", "COMMAND", "keep what 'COMMAND FILE' fails for", OPTION_TEXT, 0,
                        0},
    [OPTION_ATTEMPTS] = {"attempts", "N", "stop after N attempts (default 100000)", OPTION_SIZE, 1,
                         0},
};

/* What is looked for. */
typedef struct quarry {
	const char *rule;
	const char *command;
	char path[MAX_PATH]; /* the file that the command is given */
	imago_allocator *allocator;
	exit_status trouble; /* nothing can be found out */
} quarry;

static bool
note(const imago_finding *finding, void *payload)
{
	(void)finding;
	*(bool *)payload = true;
	return false;
}

static bool
breaks_rule(quarry *q, const uint8_t *bytes, size_t size)
{
	const char *const only[] = {q->rule};
	const imago_check_options options = {.only = only, .num_only = 1};
	bool found = false;
	imago_error error = {0};
	imago_image image;
	imago_check_sink sink;
	imago_status status = imago_image_read(&image, bytes, size, q->allocator, &error);
	if (status == IMAGO_OK) {
		imago_check_sink_init(&sink, &options, note, &found);
		status = imago_image_check(&image, &sink, q->allocator, &error);
		if (status != IMAGO_OK) {
			q->trouble = complain_of_error(NULL, &error);
		}
	} else if (status == IMAGO_ENOMEM) {
		q->trouble = complain_of_error(NULL, &error);
	}
	imago_image_close(&image);
	return found;
}

static bool
write_all(int descriptor, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		const ssize_t written = write(descriptor, bytes, size);
		if (written < 0 && errno != EINTR) {
			return false;
		}
		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		}
	}
	return true;
}

/* The shell runs COMMAND with the file's name behind it. */
static int
run_shell(const quarry *q)
{
	flush_output();
	const pid_t child = fork();
	if (child == 0) {
		char script[MAX_PATH];
		const int length = snprintf(script, sizeof script, "%s \"$0\"", q->command);
		if (length > 0 && length < MAX_PATH) {
			execl("/bin/sh", "sh", "-c", script, q->path, (char *)NULL);
		}
		_exit(SHELL_TROUBLE);
	}
	int status = 0;
	while (child > 0 && waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return -1;
		}
	}
	return child > 0 ? status : -1;
}

static bool
fails_command(quarry *q, const uint8_t *bytes, size_t size)
{
	snprintf(q->path, sizeof q->path, "%s/imago-reduce-XXXXXX",
	         getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	const int descriptor = mkstemp(q->path);
	if (descriptor < 0) {
		complain("reduce: %s: %s", q->path, strerror(errno));
		q->trouble = EXIT_TROUBLE;
		return false;
	}
	const bool written = write_all(descriptor, bytes, size);
	const int error = errno;
	close(descriptor);
	int status = -1;
	if (written) {
		status = run_shell(q);
	} else {
		complain("reduce: %s: %s", q->path, strerror(error));
	}
	(void)unlink(q->path);
	if (status < 0 || (WIFEXITED(status) && (WEXITSTATUS(status) == SHELL_TROUBLE ||
	                                         WEXITSTATUS(status) == SHELL_TROUBLE + 1))) {
		complain("reduce: the command cannot be run");
		q->trouble = EXIT_TROUBLE;
		return false;
	}
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static bool
still(quarry *q, const uint8_t *bytes, size_t size)
{
	return q->rule != NULL ? breaks_rule(q, bytes, size) : fails_command(q, bytes, size);
}

static exit_status
reduce_file(quarry *q, const raw_file *file, const char *out, uint64_t most_attempts)
{
	imago_error error = {0};
	imago_reducer *reducer;
	const uint8_t *proposal;
	size_t size;
	uint64_t num_attempts = 0;
	progress step;
	if (imago_reducer_create(&reducer, file->bytes, file->size, q->allocator, &error) != IMAGO_OK) {
		return complain_of_error(NULL, &error);
	}
	progress_begin(&step, "reducing", out);
	while (num_attempts < most_attempts && q->trouble == EXIT_DONE &&
	       (proposal = imago_reducer_propose(reducer, &size)) != NULL) {
		imago_reducer_answer(reducer, still(q, proposal, size));
		num_attempts++;
	}
	progress_end(&step);
	exit_status result = q->trouble;
	const uint8_t *best = imago_reducer_best(reducer, &size);
	if (result == EXIT_DONE) {
		result = raw_file_save(out, best, size);
	}
	if (result == EXIT_DONE) {
		print_name(out);
		print(": %zu of %zu bytes after %" PRIu64 " attempt%s\n", size, file->size, num_attempts,
		      plural(num_attempts));
	}
	imago_reducer_destroy(reducer);
	return result;
}

/* True when name is that of a rule, or of a family: the part before a rule's dot. */
static bool
rule_is_known(const char *name)
{
	const size_t length = strlen(name);
	const imago_rule *rule;
	for (size_t i = 0; (rule = imago_rule_at(i)) != NULL; i++) {
		if (length > 0 && strncmp(rule->name, name, length) == 0 &&
		    (rule->name[length] == '\0' || rule->name[length] == '.')) {
			return true;
		}
	}
	return false;
}

static exit_status
run_reduce(const command_line *line)
{
	const option_value *values = line->values;
	const option_value *rule = &values[OPTION_RULE];
	const option_value *command = &values[OPTION_COMMAND];
	if (rule->given == command->given) {
		complain("reduce: one --rule or one --command is needed");
		return EXIT_TROUBLE;
	}
	quarry q = {.rule = rule->given ? rule->text : NULL,
	            .command = command->given ? command->text : NULL,
	            .allocator = line->allocator};
	if (q.rule != NULL && !rule_is_known(q.rule)) {
		complain("reduce: no rule or family is called '%s' (see imago check --list-rules)", q.rule);
		return EXIT_TROUBLE;
	}
	raw_file file;
	exit_status result = raw_file_read(&file, line->names[0], 0, line->allocator);
	if (result == EXIT_DONE && !still(&q, file.bytes, file.size)) {
		result = q.trouble;
		if (result == EXIT_DONE) {
			complain("%s: %s: nothing to reduce", line->names[0],
			         q.rule != NULL ? "the rule is not broken" : "the command does not fail");
			result = EXIT_IMAGE;
		}
	} else if (result == EXIT_DONE) {
		result =
		    reduce_file(&q, &file, line->names[1],
		                values[OPTION_ATTEMPTS].given ? values[OPTION_ATTEMPTS].number : 100000);
	}
	raw_file_release(&file);
	return result;
}

const struct command reduce_command = {
    .name = "reduce",
    .arguments = "IN OUT",
    .summary = "shrink an image that breaks a rule or a command",
    .description =
        "Takes segments, objects, slots and bytes away from the file IN as long as the rule is\n"
        "still broken, or the command still fails (any status but 0, or a signal), and writes\n"
        "the smallest as OUT. The command is run by the shell with the name of a temporary file\n"
        "behind it, once per attempt. IN may be anything; of what is no image bytes are taken.",
    .examples = "  imago reduce bad.image small.image --rule oop.notObjectStart\n"
                "  imago reduce crash.image small.image --command 'timeout 10 ./vm'",
    .options = reduce_options,
    .num_options = sizeof reduce_options / sizeof reduce_options[0],
    .min_names = 2,
    .max_names = 2,
    .run = run_reduce,
};
