/* observe_target: each input to the contracts with all planted bugs asleep; then, for each bug that
 * it triggered in one of them and that is not yet detected, that one once more in a child with the
 * bug awake.
 * So one run of an engine measures all bugs (README.md says why that is fair).
 *
 * Environment:
 * IMAGO_PLANTED_STATE=FILE  where the counts live, shared by the processes that AFL++ starts one
 *                           after another; FILE.tsv is the same as text. Without: nothing is kept.
 * IMAGO_PLANTED_CAP=N       ends the engine after N seconds of processor time, children excluded
 * IMAGO_PLANTED_UNTIL=LIST  ends it as soon as all these bugs, with a blank between, are detected
 * IMAGO_PLANTED_ENGINE=PID  the engine, when it is another process: its time counts, too
 * IMAGO_PLANTED_CONTRACTS=LIST
 *                           only these contracts, with a blank between, are asked
 * IMAGO_PLANTED_KEEP=DIR    the first input that shows a bug is kept there, as BUG.CONTRACT
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "contracts.h"
#include "fuzz_target.h"
#include "observe.h"

enum {
	MAX_BUGS = 128,
	MAX_PATH = 4096,
	ALL_TRIGGERS = 128, /* of a contract's first ones each is tried; then 64 in each doubling */
	LOOK_AT_CAP = 64,   /* runs between two looks at the time */
	NANOSECONDS = 1000000000,
};

/* A first time: after that many runs, at that much processor time. 0: not yet. */
typedef struct moment {
	uint64_t run;
	uint64_t nanoseconds;
} moment;

typedef struct bug_record {
	moment reached, triggered, detected;
	uint64_t num_triggers[MAX_CONTRACTS]; /* runs of each contract */
	char by[OBSERVE_BY_SIZE];
	char contract[OBSERVE_BY_SIZE];
} bug_record;

typedef struct observe_state {
	uint64_t num_runs;
	uint64_t nanoseconds; /* of all runs' processes */
	bug_record bugs[MAX_BUGS];
} observe_state;

static observe_state own_state;
static observe_state *state;
static uint64_t told; /* processor time of this process that has been added or left out */

static uint64_t
processor_time(void)
{
	struct timespec now;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0) {
		abort();
	}
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* Adds what this process has used since it last told, or leaves it out. */
static void
tell_time(bool counts)
{
	const uint64_t now = processor_time();
	state->nanoseconds += counts ? now - told : 0;
	told = now;
}

/* The processor time of the engine's own process: fields 14 and 15 of its stat line. */
static uint64_t
engine_time(void)
{
	const char *engine = getenv("IMAGO_PLANTED_ENGINE");
	char path[64];
	char line[1024] = "";
	uint64_t user = 0;
	uint64_t system = 0;
	if (engine == NULL) {
		return 0;
	}
	(void)snprintf(path, sizeof path, "/proc/%.20s/stat", engine);
	FILE *file = fopen(path, "r");
	if (file == NULL) {
		return 0;
	}
	const char *fields = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
	(void)fclose(file);
	if (fields == NULL ||
	    sscanf(fields, ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64, &user,
	           &system) != 2) {
		return 0;
	}
	return (user + system) * (NANOSECONDS / (uint64_t)sysconf(_SC_CLK_TCK));
}

static moment
now(void)
{
	return (moment){state->num_runs, state->nanoseconds + engine_time()};
}

static void
open_state(void)
{
	const char *path = getenv("IMAGO_PLANTED_STATE");
	state = &own_state;
	if (observe_num_bugs() > MAX_BUGS) {
		abort();
	}
	if (path == NULL) {
		return;
	}
	const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (file < 0 || ftruncate(file, sizeof *state) != 0) {
		perror(path);
		abort();
	}
	void *shared = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (shared == MAP_FAILED) {
		perror(path);
		abort();
	}
	(void)close(file);
	state = shared;
}

/* A line per bug; made anew at each event, so that it is there however the engine ends. */
static void
write_text(void)
{
	const char *path = getenv("IMAGO_PLANTED_STATE");
	char text_path[MAX_PATH];
	if (path == NULL || snprintf(text_path, sizeof text_path, "%s.tsv", path) >= MAX_PATH) {
		return;
	}
	FILE *file = fopen(text_path, "w");
	if (file == NULL) {
		return;
	}
	const moment end = now();
	fprintf(file, "all\t%" PRIu64 "\t%" PRIu64 "\n", end.run, end.nanoseconds / 1000000);
	for (size_t i = 0; i < observe_num_bugs(); i++) {
		const bug_record *bug = &state->bugs[i];
		const moment *moments[] = {&bug->reached, &bug->triggered, &bug->detected};
		fprintf(file, "%s", observe_bug_name(i));
		for (size_t j = 0; j < 3; j++) {
			fprintf(file, "\t%" PRIu64 "\t%" PRIu64, moments[j]->run,
			        moments[j]->nanoseconds / 1000000);
		}
		uint64_t num_triggers = 0;
		for (size_t j = 0; j < MAX_CONTRACTS; j++) {
			num_triggers += bug->num_triggers[j];
		}
		fprintf(file, "\t%" PRIu64 "\t%s\t%s\n", num_triggers, bug->by[0] != '\0' ? bug->by : "-",
		        bug->contract[0] != '\0' ? bug->contract : "-");
	}
	(void)fclose(file);
}

static void
keep_input(size_t bug, int contract, const uint8_t *bytes, size_t size)
{
	const char *folder = getenv("IMAGO_PLANTED_KEEP");
	char path[MAX_PATH];
	if (folder == NULL || snprintf(path, sizeof path, "%s/%s.%s", folder, observe_bug_name(bug),
	                               contract_name(contract)) >= MAX_PATH) {
		return;
	}
	FILE *file = fopen(path, "wb");
	if (file != NULL) {
		(void)!fwrite(bytes, 1, size, file);
		(void)fclose(file);
	}
}

/* All of the first ones, then every second, every fourth …, so that 64 are in each doubling. */
static bool
is_tried(uint64_t num_triggers)
{
	uint64_t step = 1;
	while (num_triggers / step >= ALL_TRIGGERS) {
		step *= 2;
	}
	return num_triggers % step == 0;
}

/* True when something happened to a bug for the first time. */
static bool
note(size_t i, const observed *seen, int contract, const uint8_t *bytes, size_t size)
{
	bug_record *bug = &state->bugs[i];
	bool news = false;
	if (seen->reached && bug->reached.run == 0) {
		bug->reached = now();
		news = true;
	}
	if (!seen->triggered) {
		return news;
	}
	const uint64_t num_triggers = ++bug->num_triggers[contract];
	if (bug->triggered.run == 0) {
		bug->triggered = now();
		news = true;
	}
	if (bug->detected.run == 0 && is_tried(num_triggers)) {
		const moment at = now();
		tell_time(true);
		if (observe_effect(i, contract, bytes, size, bug->by)) {
			bug->detected = at;
			(void)snprintf(bug->contract, sizeof bug->contract, "%s", contract_name(contract));
			keep_input(i, contract, bytes, size);
			news = true;
		}
		tell_time(false); /* what watching costs is nobody's */
	}
	return news;
}

/* Whether a list of names with a blank between has that one. */
static bool
has_name(const char *list, const char *name)
{
	const size_t length = strlen(name);
	for (const char *at = list; (at = strstr(at, name)) != NULL; at += length) {
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
			return true;
		}
	}
	return false;
}

/* True when all bugs that are waited for have been detected. */
static bool
has_all(void)
{
	const char *wanted = getenv("IMAGO_PLANTED_UNTIL");
	if (wanted == NULL) {
		return false;
	}
	for (size_t i = 0; i < observe_num_bugs(); i++) {
		if (has_name(wanted, observe_bug_name(i)) && state->bugs[i].detected.run == 0) {
			return false;
		}
	}
	return true;
}

static void
end_when_done(bool news)
{
	const char *cap = getenv("IMAGO_PLANTED_CAP");
	const char *engine = getenv("IMAGO_PLANTED_ENGINE");
	const bool capped = cap != NULL && state->num_runs % LOOK_AT_CAP == 0 &&
	                    now().nanoseconds >= strtoull(cap, NULL, 10) * NANOSECONDS;
	if (!capped && !(news && has_all())) {
		return;
	}
	write_text();
	if (engine == NULL) {
		_exit(EXIT_SUCCESS);
	}
	(void)kill((pid_t)strtol(engine, NULL, 10), SIGINT);
	for (;;) {
		(void)pause(); /* the engine ends this process */
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	observed seen[MAX_BUGS];
	if (state == NULL) {
		open_state();
	}
	state->num_runs++;
	bool news = false;
	const uint64_t hash = contract_hash(data, size);
	const char *asked = getenv("IMAGO_PLANTED_CONTRACTS");
	for (int contract = 0; contract_name(contract) != NULL; contract++) {
		if (!contract_is_asked(contract, hash) ||
		    (asked != NULL && !has_name(asked, contract_name(contract)))) {
			continue;
		}
		observe_run(contract, data, size, seen);
		tell_time(true);
		for (size_t i = 0; i < observe_num_bugs(); i++) {
			news |= note(i, &seen[i], contract, data, size);
		}
	}
	if (news) {
		write_text();
		tell_time(false);
	}
	end_when_done(news);
	return 0;
}
