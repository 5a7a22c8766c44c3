/* observe.c: one run with all planted bugs asleep, and one in a child with one of them awake. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "observe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/base/planted.h"
#include "contracts.h"

enum { HANG_SECONDS = 2, REPORT_SIZE = 16384 };

static const char *const names[IMAGO_NUM_PLANTED] = {
#define IMAGO_PLANTED_BUG(id, class, reach, from, by) #id,
#include "../../core/base/planted_bugs.def"
#undef IMAGO_PLANTED_BUG
};

static const char *const reaches[IMAGO_NUM_PLANTED] = {
#define IMAGO_PLANTED_BUG(id, class, reach, from, by) #reach,
#include "../../core/base/planted_bugs.def"
#undef IMAGO_PLANTED_BUG
};

/* AFL++'s own, where it drives: what the child does must not look like coverage of the parent. */
extern uint8_t *__afl_area_ptr __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */
extern uint32_t __afl_map_size __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */
extern void *__afl_cmp_map __attribute__((weak));     /* NOLINT(bugprone-reserved-identifier) */

/* libFuzzer's way to learn that a sanitizer ends the program: it would save the input as a crash.
 */
void
__sanitizer_set_death_callback(void (*callback)(void)) /* NOLINT(bugprone-reserved-identifier) */
    __attribute__((weak));

size_t
observe_num_bugs(void)
{
	return IMAGO_NUM_PLANTED;
}

const char *
observe_bug_name(size_t bug)
{
	return names[bug];
}

const char *
observe_bug_reach(size_t bug)
{
	return reaches[bug];
}

bool
observe_has_sanitizers(void)
{
	return __sanitizer_set_death_callback != NULL;
}

/* What children of a run decide counts as well: attachments go on in them. */
static void
share_canaries(void)
{
	static bool shared;
	const size_t size = IMAGO_NUM_PLANTED * sizeof *imago_planted_canaries;
	if (!shared) {
		void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (memory != MAP_FAILED) {
			imago_planted_canaries = memory;
		}
		shared = true;
	}
	memset(imago_planted_canaries, 0, size);
}

void
observe_run(int contract, const uint8_t *bytes, size_t size, observed *out)
{
	share_canaries();
	(void)contract_run(contract, bytes, size);
	for (size_t i = 0; i < IMAGO_NUM_PLANTED; i++) {
		out[i].reached = imago_planted_canaries[i].reached > 0;
		out[i].triggered = imago_planted_canaries[i].triggered > 0;
	}
}

static void
end_quietly(void)
{
	_exit(EXIT_FAILURE);
}

/* Leaves the engine: its handlers, its timers, its coverage. */
static void
become_a_plain_process(int report)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
	                              SIGALRM, SIGPROF, SIGTERM, SIGINT, SIGXFSZ};
	const struct itimerval limit = {.it_value.tv_sec = HANG_SECONDS};
	const struct rlimit no_core = {0, 0};
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		(void)signal(signals[i], SIG_DFL);
	}
	(void)setitimer(ITIMER_PROF, &limit, NULL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)dup2(report, STDERR_FILENO);
	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(end_quietly);
	}
	if (&__afl_area_ptr != NULL && &__afl_map_size != NULL) {
		uint8_t *area = calloc(1, (size_t)__afl_map_size + 65536);
		if (area != NULL) {
			__afl_area_ptr = area;
		}
	}
	if (&__afl_cmp_map != NULL) {
		__afl_cmp_map = NULL;
	}
}

static _Noreturn void
run_with_effect(size_t bug, int contract, const uint8_t *bytes, size_t size, int report)
{
	become_a_plain_process(report);
	/* Exactly size bytes of its own, so that a sanitizer sees a read past the end. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	if (copy == NULL) {
		_exit(EXIT_SUCCESS);
	}
	if (size > 0) {
		memcpy(copy, bytes, size);
	}
	imago_planted_selected = (imago_planted_id)bug;
	(void)contract_run(contract, copy, size);
	_exit(EXIT_SUCCESS);
}

/* Where a mark ends in a text, or NULL. Not strstr: engines look at what it is asked for, and would
 * take the words of our reports for words of the format. */
static const char *
find_mark(const char *text, const char *mark)
{
	for (; *text != '\0'; text++) {
		size_t length = 0;
		while (mark[length] != '\0' && text[length] == mark[length]) {
			length++;
		}
		if (mark[length] == '\0') {
			return text + length;
		}
	}
	return NULL;
}

/* Copies the word that follows a mark in a report. */
static bool
copy_word(const char *text, const char *mark, char by[OBSERVE_BY_SIZE])
{
	const char *found = find_mark(text, mark);
	size_t length = 0;
	if (found == NULL) {
		return false;
	}
	while (found[length] > ' ' && length < OBSERVE_BY_SIZE - 1) {
		by[length] = found[length];
		length++;
	}
	by[length] = '\0';
	return true;
}

static void
explain(int report, int status, char by[OBSERVE_BY_SIZE])
{
	static char text[REPORT_SIZE];
	ssize_t length = pread(report, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) {
		snprintf(by, OBSERVE_BY_SIZE, "hang");
	} else if (copy_word(text, "imago: oracle ", by) ||
	           copy_word(text, "ERROR: AddressSanitizer: ", by)) {
		return;
	} else if (find_mark(text, "runtime error: ") != NULL) {
		snprintf(by, OBSERVE_BY_SIZE, "undefined-behaviour");
	} else if (find_mark(text, "property broken: ") != NULL) {
		snprintf(by, OBSERVE_BY_SIZE, "assertion");
	} else if (WIFSIGNALED(status)) {
		snprintf(by, OBSERVE_BY_SIZE, "signal-%d", WTERMSIG(status));
	} else {
		snprintf(by, OBSERVE_BY_SIZE, "status-%d", WEXITSTATUS(status));
	}
}

bool
observe_effect(size_t bug, int contract, const uint8_t *bytes, size_t size,
               char by[OBSERVE_BY_SIZE])
{
	static FILE *report;
	int status = 0;
	if (report == NULL) {
		report = tmpfile();
	}
	if (report == NULL || ftruncate(fileno(report), 0) != 0 ||
	    lseek(fileno(report), 0, SEEK_SET) != 0) {
		return false;
	}
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		run_with_effect(bug, contract, bytes, size, fileno(report));
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)) {
		return false;
	}
	explain(fileno(report), status, by);
	return true;
}
